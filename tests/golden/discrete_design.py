"""The seeded design of the rows of the discrete-time models: whole ages, periods and horizons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from random import Random

from bgnbd_design import PARAMETERS, deck, distinct, log_uniform
from table import Row

AGES = (0, 1, 2, 7, 30, 365, 1000, 3650)
PERIODS = (1, 2, 3, 10, 52, 365, 3650, 100_000)
HORIZONS = (None, None, None, 1, 5, 52, 365, 3650)
RATES = (1e-5, 2.609e-4, 0.0026877, 0.01, 0.1, 0.1, 0.0, -1e-4)
SHAPES = (0.05, 0.3, 0.9, 1.0, 1.0, 1.1963, 1.5844, 2.0, 5.0)


class DiscreteDesign:
    """Deals rows; every factor has its own deck, so that levels are balanced across kinds."""

    def __init__(
        self, seed: int, names: Sequence[str], estimates: Sequence[float], shape: str | None = None
    ) -> None:
        self.rng = Random(seed)
        deal = partial(deck, rng=self.rng)
        self.names, self.estimates, self.shape = tuple(names), tuple(estimates), shape
        self.corners = deal(list(product((0.01, 1.0, 100.0), repeat=len(names))))
        self.levels = [deal(PARAMETERS) for _ in names]
        self.shapes = deal(SHAPES)
        self.ages, self.periods, self.horizons = deal(AGES), deal(PERIODS), deal(HORIZONS)
        self.rates = deal(RATES)
        self.ends = deal(("active", "active", "first", "last", "between"))
        self.positions = deal(("once", "early", "middle", "all", "none", "last"))
        self.counts = deal((0, 1, 2, 10, 50, "t", "between"))

    def parameters(self, kind: str) -> Row:
        if kind == "corner":
            values = next(self.corners)
        elif kind == "cdnow":
            values = self.estimates
        elif kind == "interior":
            values = tuple(log_uniform(self.rng, -2, 2) for _ in self.names)
        elif kind == "small":
            values = tuple(float(f"{self.rng.uniform(0.05, 0.5):.3g}") for _ in self.names)
        else:
            values = tuple(next(level) for level in self.levels)
        row: Row = dict(zip(self.names, values, strict=True))
        if self.shape is not None:
            loose = kind == "interior"
            row[self.shape] = log_uniform(self.rng, -1.3, 0.69) if loose else next(self.shapes)
        return row

    def age(self, kind: str) -> int:
        return int(10 ** self.rng.uniform(0, 3.56)) if kind == "interior" else next(self.ages)

    def contract(self, kind: str) -> Row:
        """x renewals out of T; active where x = T, otherwise gone at opportunity x + 1."""
        age, end = self.age(kind), next(self.ends)
        x = {"active": age, "first": 0, "last": age - 1}.get(end, -1)
        return {"x": self.rng.randint(0, age) if x < 0 else x, "T": age}

    def purchases(self, kind: str) -> Row:
        """x purchases, the last at opportunity t_x of T."""
        age, position = self.age(kind), next(self.positions)
        if age == 0 or position == "none":
            return {"x": 0, "t_x": 0, "T": age}
        last = {"all": age, "once": self.rng.randint(1, age), "last": age}.get(position)
        if last is None:
            last = self.rng.randint(1, max(1, age // 10 if position == "early" else age))
        x = {"all": age, "once": 1}.get(position)
        return {"x": self.rng.randint(1, last) if x is None else x, "t_x": last, "T": age}

    def period(self, kind: str) -> Row:
        loose = kind in ("interior", "cdnow")
        return {"t": int(10 ** self.rng.uniform(0, 4)) if loose else next(self.periods)}

    def discounting(self, rate: str = "delta") -> Row:
        value, horizon = next(self.rates), next(self.horizons)
        while value <= 0 and horizon is None:
            horizon = next(self.horizons)
        return {"H": horizon, rate: value}

    def count(self, kind: str) -> Row:
        t, n = min(self.period(kind)["t"], 3650), next(self.counts)
        if isinstance(n, str):
            n = t if n == "t" else self.rng.randint(0, t)
        return {"n": min(n, t), "t": t}


def rows_of(
    size: int, design: DiscreteDesign, *parts: Callable[[DiscreteDesign, str], Row]
) -> list[Row]:
    def build(kind: str) -> Row:
        row: Row = {}
        for part in parts:
            row |= part(design, kind)
        return row

    return distinct(size, build)
