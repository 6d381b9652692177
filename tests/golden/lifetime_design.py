"""The seeded rows of the Pareto/NBD and GGompertz/NBD tables, in the manner of bgnbd_design."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from math import ceil, exp, expm1, log, log1p

from bgnbd_design import PARAMETERS, Design, deck, log_uniform
from table import Row

RATES = (1e-5, 2.609e-4, 0.0018328880731600903, 0.0026877, 0.05, 0.1, 0.0, -1e-4)
SHARES = {"corner": 27, "published": 13, "level": 18, "equal": 10, "unit": 12, "interior": 20}
"""Percent of the rows by kind of parameter set; `equal` has alpha = beta, `unit` has s = 1."""


class LifetimeDesign(Design, ABC):
    """Rows for a model in which customers leave with time; the lifetime enters as floats."""

    names: tuple[str, ...]
    published: tuple[tuple[float, ...], ...]
    levels_of_b: tuple[float, ...] = ()

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        deal = partial(deck, rng=self.rng)
        factors = [self.levels_of_b if name == "b" else PARAMETERS for name in self.names]
        extremes = [
            (min(self.levels_of_b), 0.03, max(self.levels_of_b)) if name == "b" else (0.01, 1, 100)
            for name in self.names
        ]
        self.corners = deal(list(product(*extremes)))
        self.levels = [deal(factor) for factor in factors]
        self.known = deal(self.published)
        self.rates = deal(RATES)

    def parameters(self, kind: str) -> Row:
        if kind == "corner":
            values = tuple(float(value) for value in next(self.corners))
        elif kind == "published":
            values = next(self.known)
        elif kind == "interior":
            ranges = [(-4, 1) if name == "b" else (-2, 2) for name in self.names]
            values = tuple(log_uniform(self.rng, *ends) for ends in ranges)
        else:
            values = tuple(next(level) for level in self.levels)
        row = dict(zip(self.names, values, strict=True))
        if kind == "equal":
            row["beta"] = row["alpha"]
        if kind == "unit":
            row["s"] = 1.0
        return row

    @abstractmethod
    def hazard(self, parameters: Row, time: float) -> float: ...

    @abstractmethod
    def log_survival(self, parameters: Row, time: float) -> float: ...

    def doubtful(self, parameters: Row, x: int, age: float) -> float:
        """A t_x in (0, T] that puts the log-odds of having left near a draw from (-6, 6)."""
        wanted, buys, alpha = self.rng.uniform(-6, 6), parameters["r"] + x, parameters["alpha"]

        def odds(last: float) -> float:
            hazard = self.hazard(parameters, last)
            gone = self.log_survival(parameters, last) - self.log_survival(parameters, age)
            return (
                log(hazard / (hazard + buys / (alpha + last)))
                + gone
                + (buys * log((alpha + age) / (alpha + last)))
            )

        low, high = 0.0, age
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if odds(middle) > wanted else (low, middle)
        return float(min(max(round(low, 6), 1e-6), age))


class ParetoDesign(LifetimeDesign):
    """r, alpha, s, beta; the published fits are CDNOW (two data sets) and the apparel retailer."""

    names = ("r", "alpha", "s", "beta")
    published = (
        (0.5533, 10.578, 0.6062, 11.669),
        (0.5629966, 12.559037, 0.4081095, 10.5148048),
        (0.5143, 2.8845, 0.2856, 14.1087),
    )

    def hazard(self, parameters: Row, time: float) -> float:
        return float(parameters["s"] / (parameters["beta"] + time))

    def log_survival(self, parameters: Row, time: float) -> float:
        return float(-parameters["s"] * log1p(time / parameters["beta"]))


class GGompertzDesign(LifetimeDesign):
    """r, alpha, b, s, beta; the last published set is nearly the Pareto/NBD limit."""

    names = ("r", "alpha", "b", "s", "beta")
    published = (
        (0.553, 10.578, 0.0002, 0.603, 0.0026),
        (0.55, 10.5, 0.02, 0.5, 0.4),
        (0.553277, 10.57768, 3.313e-07, 0.606255, 3.8659e-06),
    )
    levels_of_b = (1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0)

    def hazard(self, parameters: Row, time: float) -> float:
        b, s, beta = (parameters[name] for name in ("b", "s", "beta"))
        return float(b * s / (1 + (beta - 1) * exp(-b * time)))

    def log_survival(self, parameters: Row, time: float) -> float:
        b, s, beta = (parameters[name] for name in ("b", "s", "beta"))
        if b * time > 600:
            return float(-s * (b * time - log(beta)))
        return float(-s * log1p(expm1(b * time) / beta))


def distinct(size: int, build: Callable[[str], Row], first: Sequence[Row] = ()) -> list[Row]:
    """The rows given, then at least `size` more, shared out by kind, none of them twice."""
    rows = list(first)
    for kind, share in SHARES.items():
        for _ in range(ceil(size * share / 100)):
            row = build(kind)
            while row in rows:
                row = build(kind)
            rows.append(row)
    return rows


def customer_rows(make: type[LifetimeDesign], size: int, seed: int) -> list[Row]:
    design = make(seed)
    base = dict(zip(design.names, design.published[0], strict=True))
    special = [
        base | parameters | {"x": x, "t_x": last, "T": age, "t": 39.0}
        for parameters in ({}, {"s": 1.0}, {"alpha": base["beta"]}, {"beta": 1.0})
        for x, last, age in ((0, 0.0, 0.0), (0, 0.0, 38.86), (2, 30.43, 38.86), (7, 35.0, 35.0))
    ]
    return distinct(size, lambda kind: design.customer(kind) | design.period(kind), special)


def discounted_rows(make: type[LifetimeDesign], size: int, seed: int) -> list[Row]:
    design = make(seed)
    return distinct(size, lambda kind: design.customer(kind) | design.discounting())


def mean_rows(make: type[LifetimeDesign], size: int, seed: int) -> list[Row]:
    design = make(seed)
    return distinct(size, lambda kind: design.parameters(kind) | design.period(kind))


def pmf_rows(make: type[LifetimeDesign], size: int, seed: int) -> list[Row]:
    design = make(seed)
    return distinct(
        size, lambda kind: design.parameters(kind) | design.count() | design.period(kind)
    )


def derivative_rows(make: type[LifetimeDesign], size: int, seed: int) -> list[Row]:
    return distinct(size, make(seed).customer)
