"""Simulated tests whose truth is known: customers buy and leave by BG/NBD, spend by Gamma-Gamma.

Each customer is simulated by themselves, purchase by purchase, not by the library.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

ORIGIN = date(2024, 1, 1)
WEEK = 7.0


@dataclass(frozen=True)
class Kind:
    """How customers of an arm buy (per week), leave and spend."""

    r: float = 0.8
    alpha: float = 6.0
    a: float = 0.9
    b: float = 3.0
    p: float = 4.0
    q: float = 5.0
    v: float = 40.0

    @property
    def order(self) -> float:
        """Mean value of an order."""
        return self.p * self.v / (self.q - 1.0)


def purchase_times(
    rate: float,
    leave: float,
    length: float,
    rng: np.random.Generator,
    change: float = np.inf,
    lift: float = 1.0,
) -> list[float]:
    """Return the times of purchases after the first; from `change` on the rate is `lift` times."""
    times: list[float] = []
    now = 0.0
    while True:
        clock = rng.exponential(1.0) / rate
        before = max(change - now, 0.0)
        now = now + clock if clock <= before else max(now, change) + (clock - before) / lift
        if now > length:
            return times
        times.append(now)
        if rng.random() < leave:
            return times


def orders(
    kinds: dict[str, Kind],
    sizes: dict[str, int],
    *,
    seed: int,
    spread: float = 13.0,
    end: float = 39.0,
    start: float | None = None,
    lifts: dict[str, float] | None = None,
) -> pl.DataFrame:
    """Return a log in days: customer, day, paid, arm; first purchases over `spread` weeks."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[int, date, float, str]] = []
    who = 0
    for arm, kind in kinds.items():
        lift = (lifts or {}).get(arm, 1.0)
        for _ in range(sizes[arm]):
            born = float(rng.uniform(0.0, spread))
            rate, leave = rng.gamma(kind.r) / kind.alpha, rng.beta(kind.a, kind.b)
            change = np.inf if start is None else max(start - born, 0.0)
            times = [0.0, *purchase_times(rate, leave, end - born, rng, change, lift)]
            nu = rng.gamma(kind.q) / kind.v
            paid = rng.gamma(kind.p, 1.0 / nu, len(times))
            for time, money in zip(times, paid, strict=True):
                day = ORIGIN + timedelta(days=int((born + time) * WEEK))
                rows.append((who, day, float(money), arm))
            who += 1
    table = pl.DataFrame(rows, schema=["customer", "day", "paid", "arm"], orient="row")
    return table.sample(fraction=1.0, shuffle=True, seed=seed)
