"""The seeded design of the BG/NBD reference rows: corners, balanced levels, random interior."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from math import ceil, exp, log
from random import Random
from typing import TypeVar

from table import Row

Item = TypeVar("Item")

PARAMETERS = (0.01, 0.1, 0.2426, 0.5, 1.0, 1.5, 4.4, 20.0, 100.0)
CDNOW = (0.2426, 4.4136, 0.7929, 2.4259)
COUNTS = (0, 1, 2, 5, 30, 200, 1000, 3000, 10000)
AGES = (0.0, 0.5, 5.0, 38.857142857142854, 365.0, 2000.0, 3650.0)
PERIODS = (1e-6, 1e-3, 0.1, 1.0, 39.0, 365.0, 3650.0, 1e5)
HORIZONS = (None, None, None, *PERIODS)
RATES = (1e-5, 2.609e-4, 0.0018328880731600903, 0.0026877, 0.05, 1.0, 0.0, -1e-4)
PMF_COUNTS = (0, 1, 2, 3, 10, 30, 100, 300, 1000)
SHARES = {"corner": 27, "cdnow": 13, "level": 25, "small": 15, "interior": 20}
"""Percent of the rows by kind of parameter set; `small` has a + b <= 1."""

A_AND_B_BELOW_1 = [(a, b) for a, b in product(PARAMETERS, repeat=2) if a + b <= 1]


def deck(levels: Sequence[Item], rng: Random) -> Iterator[Item]:
    """Deal every level equally often, in random order, for ever."""
    while True:
        yield from rng.sample(list(levels), len(levels))


def log_uniform(rng: Random, low: float, high: float) -> float:
    """Powers of ten between `low` and `high`, to four significant digits."""
    return float(f"{10 ** rng.uniform(low, high):.4g}")


class Design:
    """Deals rows; every factor has its own deck, so that levels are balanced across kinds."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        deal = partial(deck, rng=self.rng)
        self.corners = deal(list(product((0.01, 1.0, 100.0), repeat=4)))
        self.levels = [deal(PARAMETERS) for _ in range(4)]
        self.small = deal(A_AND_B_BELOW_1)
        self.counts, self.ages = deal(COUNTS), deal(AGES)
        self.positions = deal(("tiny", "middle", "near", "end", "doubtful", "doubtful"))
        self.periods, self.horizons = deal(PERIODS), deal(HORIZONS)
        self.rates, self.pmf_counts = deal(RATES), deal(PMF_COUNTS)

    def parameters(self, kind: str) -> Row:
        if kind == "corner":
            values = next(self.corners)
        elif kind == "cdnow":
            values = CDNOW
        elif kind == "interior":
            values = tuple(log_uniform(self.rng, -2, 2) for _ in range(4))
        else:
            values = tuple(next(level) for level in self.levels)
        if kind == "small":
            values = (*values[:2], *next(self.small))
        return dict(zip(("r", "alpha", "a", "b"), values, strict=True))

    def history(self, kind: str, parameters: Row) -> Row:
        x, age, position = next(self.counts), next(self.ages), next(self.positions)
        if kind == "interior" and x > 0:
            x, age = int(10 ** self.rng.uniform(0, 4)), log_uniform(self.rng, -0.3, 3.56)
        while x > 0 and age == 0:
            age = next(self.ages)
        middle = round(age * self.rng.uniform(0.02, 0.98), 4)
        places = {"tiny": 1e-6, "middle": middle, "near": age - 1e-6, "end": age}
        if position == "doubtful" and x > 0:
            places["doubtful"] = self.doubtful(parameters, x, age)
        return {"x": x, "t_x": places[position] if x > 0 else 0.0, "T": age}

    def doubtful(self, parameters: Row, x: int, age: float) -> float:
        """A t_x in (0, T] that puts the log-odds of having left near a draw from (-6, 6)."""
        r, alpha, a, b = parameters.values()
        wanted = self.rng.uniform(-6, 6)
        silence = (wanted - log(a / (b + x - 1))) / (r + x)
        last = (alpha + age) * exp(-min(max(silence, 0.0), 100.0)) - alpha
        return float(min(max(round(last, 6), 1e-6), age))

    def customer(self, kind: str) -> Row:
        parameters = self.parameters(kind)
        return parameters | self.history(kind, parameters)

    def count(self) -> Row:
        return {"n": next(self.pmf_counts)}

    def period(self, kind: str) -> Row:
        loose = kind in ("interior", "cdnow")
        return {"t": log_uniform(self.rng, -6, 5) if loose else next(self.periods)}

    def discounting(self) -> Row:
        rate, horizon = next(self.rates), next(self.horizons)
        while rate <= 0 and (horizon is None or (rate < 0 and horizon > 3650)):
            horizon = next(self.horizons)
        return {"H": horizon, "delta": rate}


def distinct(size: int, build: Callable[[str], Row]) -> list[Row]:
    """At least `size` rows, shared out by kind, none of them twice."""
    rows: list[Row] = []
    for kind, share in SHARES.items():
        for _ in range(ceil(size * share / 100)):
            row = build(kind)
            while row in rows:
                row = build(kind)
            rows.append(row)
    return rows


def customer_rows(size: int, seed: int) -> list[Row]:
    design = Design(seed)
    return distinct(size, lambda kind: design.customer(kind) | design.period(kind))


def discounted_rows(size: int, seed: int) -> list[Row]:
    design = Design(seed)
    return distinct(size, lambda kind: design.customer(kind) | design.discounting())


def mean_rows(size: int, seed: int) -> list[Row]:
    design = Design(seed)
    return distinct(size, lambda kind: design.parameters(kind) | design.period(kind))


def pmf_rows(size: int, seed: int) -> list[Row]:
    design = Design(seed)
    return distinct(
        size, lambda kind: design.parameters(kind) | design.count() | design.period(kind)
    )


def derivative_rows(size: int, seed: int) -> list[Row]:
    return distinct(size, Design(seed).customer)
