"""Coverage: how often intervals contain what happens, in worlds that the library did not make.

For each model one world of several thousand customers: the 90 % interval of every customer's
purchases and discounted value in the next year, beside what they do. `make coverage` runs all
models and writes the tables of the docs; `python -m studies.coverage BGNBD` runs one.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import clvmodels as clv
from studies import worlds

Array: TypeAlias = NDArray[np.float64]

RESULTS = Path(__file__).parent / "results"
LEVEL = 0.90
RATE = 0.10
COHORTS = 6
DRAWS = 2000
ESTIMATED, SAME, UNCERTAIN = "as estimated", "as estimated, of some", "uncertain, of some"


@dataclass(frozen=True)
class Study:
    """A truth, how old its customers are, how to fit it, and how many customers that affords."""

    truth: Any
    unit: str = "week"
    youngest: float = 26.0
    oldest: float = 103.0
    people: int = 5_000
    people_total: int = 2_000
    every: int = 5
    cohorts: bool = False
    rate_total: float = 0.0
    fit: Callable[[Any], Any] | None = None
    horizons: tuple[str, ...] = ("1y",)

    def ages(self, n: int) -> Array:
        """Return the ages of cohorts of equal size, in whole units, shape (n,)."""
        cohorts = np.round(np.linspace(self.youngest, self.oldest, COHORTS))
        return np.repeat(cohorts, math.ceil(n / COHORTS))[:n]

    def world(self, n: int, seed: int) -> worlds.World:
        """Return a world that goes on for the longest horizon."""
        longest = max(length(each, self.unit) for each in self.horizons)
        return worlds.simulate(self.truth, self.ages(n), longest, seed, self.unit)

    def fitted(self, customers: clv.Customers) -> Any:
        """Return the fit to the histories until the cut."""
        return (self.fit or type(self.truth).fit)(customers)


MONTHLY = {"unit": "month", "youngest": 4.0, "oldest": 15.0, "rate_total": RATE}
STUDIES: dict[str, Study] = {
    "BGNBD": Study(
        clv.BGNBD(0.25, 4.5, 0.8, 2.4),
        horizons=("4w", "13w", "1y", "3y"),
        cohorts=True,
        rate_total=RATE,
    ),
    "MBGNBD": Study(clv.MBGNBD(0.5, 6.0, 0.9, 1.6)),
    "BGCNBD k=2": Study(
        clv.BGCNBD(0.8, 2.0, 0.9, 3.5, k=2), every=20, fit=lambda data: clv.BGCNBD.fit(data, k=2)
    ),
    "MBGCNBD k=3": Study(
        clv.MBGCNBD(0.9, 1.5, 0.8, 2.5, k=3), every=20, fit=lambda data: clv.MBGCNBD.fit(data, k=3)
    ),
    "ParetoNBD": Study(clv.ParetoNBD(0.55, 10.6, 0.6, 11.7)),
    "GGompertzNBD": Study(
        clv.GGompertzNBD(0.8, 6.0, 0.1, 0.5, 10.0), people=4_000, every=20, people_total=1_000
    ),
    "BGBB": Study(clv.BGBB(1.2, 0.75, 0.66, 2.8), **MONTHLY),
    "SBG": Study(clv.SBG(0.7, 1.2), people=20_000, every=20, **MONTHLY),
    "BDW": Study(clv.BDW(0.26, 1.7, 1.6), people=10_000, every=10, **MONTHLY),
}


def length(horizon: str, unit: str) -> float:
    """Return a horizon in a unit: the rule of `predict`."""
    from clvmodels.units import in_units

    return in_units(horizon, unit)


def continuous_rate(unit: str, annual: float = RATE) -> float:
    """Return a discount rate per unit of time."""
    return math.log1p(annual) / length("1y", unit)


# Each customer.


@dataclass(frozen=True)
class Forecast:
    """What a distribution says of each customer's interval and of what happened, each (n,).

    `before` and `until` are P(X < actual) and P(X <= actual): they differ where a number has a
    probability of its own, as counts have, and a value of 0.
    """

    lower: Array
    upper: Array
    inside: Array
    before: Array
    until: Array

    @classmethod
    def of(cls, distribution: Any, actual: Array, *, whole: bool) -> Forecast:
        """Compare a distribution of counts (whole) or of money with what happened."""
        lower, upper = (np.asarray(end, dtype=float) for end in distribution.interval(LEVEL))

        def up_to(point: Array) -> Array:
            return np.asarray(distribution.cdf(point.astype(np.int64) if whole else point))

        def below(point: Array, until: Array | None = None) -> Array:
            if whole or until is None:
                until = up_to(np.maximum(point - whole, 0.0))
            return np.where(point > 0.0, until, 0.0)

        until = up_to(actual)
        inside = up_to(upper) - below(lower)
        return cls(lower, upper, inside, below(actual, until), until)

    def take(self, rows: NDArray[np.bool_]) -> Forecast:
        """Return some of the customers."""
        return Forecast(*(getattr(self, field.name)[rows] for field in fields(self)))

    def row(self, actual: Array, seed: int) -> dict[str, float]:
        """Return the shares of the study.

        `covered` counts the intervals with what happened, `promised` is the probability that the
        model gives them. Where 0 alone has the level, the interval is [0, 0]: the rest is `open`.
        `randomised` moves a count at random between its two neighbours, so that 5 % are `below`
        and 5 % `above` exactly.
        """
        u = np.random.default_rng(seed).random(len(actual))
        pit = self.before + u * (self.until - self.before)
        tail = (1.0 - LEVEL) / 2.0
        covered = (self.lower <= actual) & (actual <= self.upper)
        wide = self.upper > 0.0
        return {
            "customers": len(actual),
            "covered": float(covered.mean()),
            "promised": float(self.inside.mean()),
            "open": float(wide.mean()),
            "covered_open": float(covered[wide].mean()) if wide.any() else math.nan,
            "promised_open": float(self.inside[wide].mean()) if wide.any() else math.nan,
            "randomised": float(np.mean((pit >= tail) & (pit <= 1.0 - tail))),
            "below": float(np.mean(pit < tail)),
            "above": float(np.mean(pit > 1.0 - tail)),
        }


def customers(name: str, seed: int = 1, people: int | None = None) -> pd.DataFrame:
    """Run one world of a model: one row for each quantity, horizon and kind of parameters.

    With the parameters as estimated for all customers. With their uncertainty, which takes 32 times
    as long, for a few, and as estimated for the same few beside it.
    """
    study = STUDIES[name]
    world = study.world(people or study.people, seed)
    few = np.arange(len(world.customers)) % study.every == 0
    estimated, uncertain = sources(study, world.customers, seed)
    rows = []
    for horizon in study.horizons:
        some = few if horizon == "1y" else few & False
        rows += customer_rows(study, world, estimated, horizon, {ESTIMATED: few | True, SAME: some})
    rows += customer_rows(study, world, uncertain, "1y", {UNCERTAIN: few})
    return pd.DataFrame(rows).assign(model=name)


def sources(study: Study, people: clv.Customers, seed: int) -> Iterator[tuple[Any, Any]]:
    """Yield the fits of purchases and spend, then draws of their parameters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", clv.IdentifiabilityWarning)
        fit, spend = study.fitted(people), clv.GammaGamma.fit(people)
    yield fit, spend
    yield fit.posterior(draws=DRAWS, seed=2 * seed), spend.posterior(draws=DRAWS, seed=2 * seed + 1)


def customer_rows(
    study: Study,
    world: worlds.World,
    models: tuple[Any, Any],
    horizon: str,
    groups: dict[str, NDArray[np.bool_]],
) -> list[dict[str, Any]]:
    """Return a row for purchases and one for value of each group of customers.

    Subscribers who have left are left out: all know that they buy no more.
    """
    people = world.customers
    there = (people.frequency == people.age) | (type(study.truth).__name__ not in ("SBG", "BDW"))
    shown = there & np.logical_or.reduce(list(groups.values()))
    ahead = length(horizon, study.unit)
    count, worth = (each[shown] for each in world.future(ahead, continuous_rate(study.unit)))
    people, look = people.take(shown), {"horizon": horizon}
    counts = clv.purchase_distribution(people, models[0], **look)
    values = clv.value_distribution(people, *models, **look, discount_rate=RATE)
    rows = []
    for what, distribution, actual in (("purchases", counts, count), ("value", values, worth)):
        forecast = Forecast.of(distribution, actual, whole=what == "purchases")
        for group, kept in groups.items():
            if kept.any():
                of = kept[shown]
                row = forecast.take(of).row(actual[of], seed=7)
                rows.append({"parameters": group, "quantity": what, "horizon": horizon, **row})
    return rows


def as_markdown(table: pd.DataFrame) -> str:
    """Return the table of the docs: the next year, parameters as estimated and uncertain."""
    year = table[table.horizon == "1y"].set_index(["model", "quantity", "parameters"])
    keys = year.index.droplevel(2).unique()
    return markdown(
        (
            *("model", "", "customers", "all intervals: covered", "promised", "just [0, 0]"),
            *("the others: covered", "promised", "**randomised**", "below", "above"),
            "change with uncertain parameters",
        ),
        (
            (
                *(*key, f"{row.customers:,.0f}", f"{row.covered:.1%}", f"{row.promised:.1%}"),
                *(f"{1.0 - row.open:.0%}", f"{row.covered_open:.1%}", f"{row.promised_open:.1%}"),
                *(f"**{row.randomised:.1%}**", f"{row.below:.1%}", f"{row.above:.1%}"),
                f"{change(year, key):+.1%}",
            )
            for key, row in ((key, year.loc[(*key, ESTIMATED)]) for key in keys)
        ),
    )


def change(year: pd.DataFrame, key: tuple[str, str]) -> float:
    """Return what the uncertainty of parameters adds to the coverage of the same customers."""
    return float(year.loc[(*key, UNCERTAIN)].randomised - year.loc[(*key, SAME)].randomised)


def horizons_as_markdown(table: pd.DataFrame) -> str:
    """Return the table of several horizons."""
    kept = table[(table.parameters == ESTIMATED)]
    kept = kept[kept.groupby("model").horizon.transform("nunique") > 1]
    return markdown(
        ("horizon", "", "covered", "promised", "just [0, 0]", "**randomised**"),
        (
            (
                *(row.horizon, row.quantity, f"{row.covered:.1%}", f"{row.promised:.1%}"),
                *(f"{1.0 - row.open:.0%}", f"**{row.randomised:.1%}**"),
            )
            for row in kept.sort_values("quantity", kind="stable").itertuples()
        ),
    )


def merged(path: Path, table: pd.DataFrame, key: str, order: Iterable[str]) -> pd.DataFrame:
    """Put rows in the place of those of the same key in a file, in the order of the keys."""
    if path.exists():
        before = pd.read_csv(path)
        table = pd.concat([before[~before[key].isin(table[key])], table])
    place = table[key].map({each: i for i, each in enumerate(order)})
    table = table.iloc[np.argsort(place.to_numpy(), kind="stable")]
    table.round(6).to_csv(path, index=False)
    return table


def markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table of the docs."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    """Run the studies that are named, or all, and write what was found."""
    RESULTS.mkdir(exist_ok=True)
    for name in sys.argv[1:] or STUDIES:
        found = customers(name)
        print(found.to_string(index=False), flush=True)
        table = merged(RESULTS / "coverage.csv", found, "model", STUDIES)
        (RESULTS / "coverage.md").write_text(as_markdown(table), encoding="utf-8")
        (RESULTS / "coverage_horizons.md").write_text(horizons_as_markdown(table), encoding="utf-8")


if __name__ == "__main__":
    main()
