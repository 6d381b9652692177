"""Drift: how often the test rejects and the intervals hold in worlds where nothing has changed.

And how often the verdict is 'refit' where something has: one purchase in five does not happen any
more, customers leave for another reason, prices rise. Orders come from `studies.worlds`, event by
event. `python -m studies.drift` runs all and writes the tables of the docs, in an hour;
`python -m studies.drift BGNBD` runs one model.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import NDArray

import clvmodels as clv
from clvmodels.units import TimeUnit
from studies import worlds
from studies.coverage import RESULTS, markdown

Array: TypeAlias = NDArray[Any]

PEOPLE: Final = 2_000
INFLATION: Final = 1.2
MONDAY: Final = date(2024, 1, 1)


@dataclass(frozen=True)
class Study:
    """A truth, when the old and the new data end, and how many worlds that affords."""

    truth: Any
    unit: TimeUnit = "week"
    cut: float = 52.0
    end: float = 91.0
    worlds: int = 50
    data: tuple[str, ...] = ("nested", "separate")
    people: int = PEOPLE


STUDIES: dict[str, Study] = {
    "BGNBD": Study(clv.BGNBD(0.25, 4.5, 0.8, 2.4), worlds=100),
    "BGNBD, a month more": Study(clv.BGNBD(0.25, 4.5, 0.8, 2.4), end=56.0, data=("nested",)),
    "MBGNBD": Study(clv.MBGNBD(0.5, 6.0, 0.9, 1.6), data=("nested",)),
    "ParetoNBD": Study(clv.ParetoNBD(0.55, 10.6, 0.6, 11.7)),
    "BGBB": Study(
        clv.BGBB(1.2, 0.75, 0.66, 2.8), unit="month", cut=14.0, end=24.0, data=("nested",)
    ),
}

Change: TypeAlias = Callable[[np.random.Generator, Array, Array, Array], tuple[Array, Array]]


def none(rng: np.random.Generator, buyer: Array, after: Array, paid: Array) -> tuple[Array, Array]:
    """Change nothing: return who keeps which purchase, and what is paid."""
    del rng, buyer
    return np.ones(len(after), dtype=bool), paid


def fewer(rng: np.random.Generator, buyer: Array, after: Array, paid: Array) -> tuple[Array, Array]:
    """One purchase in five after the cut does not happen."""
    del buyer
    return (after <= 0.0) | (rng.random(len(after)) >= 0.2), paid


def leaving(
    rng: np.random.Generator, buyer: Array, after: Array, paid: Array
) -> tuple[Array, Array]:
    """After the cut customers leave for another reason as well, half of them within 20 periods."""
    gone = rng.exponential(20.0 / np.log(2.0), int(buyer.max()) + 1)
    return after <= gone[buyer], paid


def inflation(
    rng: np.random.Generator, buyer: Array, after: Array, paid: Array
) -> tuple[Array, Array]:
    """After the cut everything costs a fifth more."""
    del rng, buyer
    return np.ones(len(after), dtype=bool), np.where(after > 0.0, INFLATION * paid, paid)


CHANGES: dict[str, Change] = {
    "nothing": none,
    "one purchase in five less": fewer,
    "another reason to leave": leaving,
    "prices a fifth higher": inflation,
}


@dataclass(frozen=True)
class Seen:
    """One world: what was known at the cut, and at the end, as summaries."""

    old: clv.CustomerSummary
    new: clv.CustomerSummary


def seen(study: Study, seed: int, change: Change = none, people: int | None = None) -> Seen:
    """Simulate customers who join all the time, and look at them twice."""
    rng = np.random.default_rng([2_024, seed])
    n = people or study.people
    start = np.sort(rng.uniform(0.0, study.end - 1.0, n))
    per_unit = 1.0 if study.unit == "month" else 7.0
    start = np.floor(start * per_unit) / per_unit
    age, spend = study.end - start, worlds.SPEND
    buyer, time = worlds.STORIES[type(study.truth).__name__](rng, study.truth, age)
    level = rng.gamma(spend.q, 1.0 / spend.v, n)
    paid = rng.gamma(spend.p, 1.0, len(time)) / level[buyer]
    after = time + start[buyer] - study.cut
    kept, paid = change(rng, buyer, after, paid)
    buyer, time, paid, after = buyer[kept], time[kept], paid[kept], after[kept]
    new = worlds.history(buyer, time, paid, age, study.unit)
    then, old = after <= 0.0, np.flatnonzero(start <= study.cut)
    until = np.maximum(study.cut - start, 0.0)
    before = worlds.history(buyer[then], time[then], paid[then], until, study.unit)
    return Seen(summary(study, before.take(old), study.cut), summary(study, new, study.end))


def summary(study: Study, customers: clv.Customers, end: float) -> clv.CustomerSummary:
    """Return a summary with a date, as from a log."""
    x, t_x, T = customers.timing
    value = [None if np.isnan(m) else float(m) for m in customers.spend[1]]
    table = pl.DataFrame(
        {
            "customer_id": range(len(x)),
            "frequency": x,
            "recency": t_x,
            "T": T,
            "monetary_value": pl.Series(value, dtype=pl.Float64),
        }
    )
    until = MONDAY + timedelta(days=7.0 * end)
    if study.unit == "month":
        until = date(2024 + int(end) // 12, int(end) % 12 + 1, 1) - timedelta(days=1)
    return clv.CustomerSummary.from_frame(table, unit=study.unit, observed_until=until)


def found(study: Study, seed: int, change: Change, overlap: str, people: int | None) -> Any:
    """Return the drift of one world; None where the old fit is not pinned down."""
    world = seen(study, seed, change, people)
    new = world.new if overlap == "nested" else seen(study, seed + 50_000, change, people).new
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", clv.IdentifiabilityWarning)
        purchases, spend = type(study.truth).fit(world.old), clv.GammaGamma.fit(world.old)
    if purchases.certificate.verdict != "identified":
        return None
    return clv.drift(
        clv.CLVModel(purchases, spend), new, overlap="auto" if overlap == "nested" else "separate"
    )


def size(name: str, overlap: str, seeds: range, people: int | None = None) -> dict[str, Any]:
    """Return shares of worlds without drift: rejected, covered, and called 'refit'."""
    rows = [found(STUDIES[name], seed, none, overlap, people) for seed in seeds]
    drifts = [each for each in rows if each is not None]
    p_values = np.array([[part.p_value for part in each.parts] for each in drifts])
    tables = [each.table for each in drifts]
    neutral = tables[0].scale.map({"ratio": 1.0, "difference": 0.0})
    covered = np.array([(t.lower <= neutral) & (neutral <= t.upper) for t in tables])
    part = (tables[0].part == "purchases").to_numpy()
    inside = [line.inside for each in drifts for line in each.window]
    changes = [[not impact.certain for impact in each.impacts] for each in drifts]
    return {
        "model": name,
        "data": overlap,
        "worlds": len(drifts),
        "purchases_5": (p_values[:, 0] < 0.05).mean(),
        "purchases_1": (p_values[:, 0] < 0.01).mean(),
        "spend_5": (p_values[:, 1] < 0.05).mean(),
        "spend_1": (p_values[:, 1] < 0.01).mean(),
        "covered_purchases": covered[:, part].mean(),
        "covered_spend": covered[:, ~part].mean(),
        "covered_changes": np.mean(changes),
        "window": np.mean(inside) if inside else np.nan,
        "refit": np.mean([each.verdict == "refit" for each in drifts]),
    }


def power(change: str, people: int, seeds: range, name: str = "BGNBD") -> dict[str, Any]:
    """Return how often a change is called 'refit', and what is seen of it."""
    rows = [found(STUDIES[name], seed, CHANGES[change], "nested", people) for seed in seeds]
    drifts = [each for each in rows if each is not None]
    value = [each.impact_table.set_index("quantity").change.iloc[-1] for each in drifts]
    window = [each.window[0].actual / each.window[0].expected - 1.0 for each in drifts]
    return {
        "change": change,
        "customers": people,
        "worlds": len(drifts),
        "refit": np.mean([each.verdict == "refit" for each in drifts]),
        "value": np.mean(value),
        "window": np.mean(window),
    }


def size_as_markdown(table: pd.DataFrame) -> str:
    """Return the table of worlds without drift."""
    head = ["model", "data", "worlds", "rejected at 5 %: purchases", "spend", "at 1 %: purchases"]
    head += ["spend", "95 % intervals: parameters of purchases", "of spend", "changes"]
    head += ["90 % band of the window", "refit"]
    columns = ["purchases_5", "spend_5", "purchases_1", "spend_1", "covered_purchases"]
    columns += ["covered_spend", "covered_changes", "window", "refit"]
    return markdown(
        head,
        (
            (
                row["model"],
                row["data"],
                str(row["worlds"]),
                *("" if np.isnan(row[c]) else f"{row[c]:.1%}" for c in columns),
            )
            for row in table.to_dict("records")
        ),
    )


def power_as_markdown(table: pd.DataFrame) -> str:
    """Return the table of worlds with drift."""
    return markdown(
        ("change", "customers", "worlds", "refit", "value of next year", "window"),
        (
            (
                *(row["change"], f"{row['customers']:,}", str(row["worlds"])),
                *(f"{row['refit']:.0%}", f"{row['value']:+.1%}", f"{row['window']:+.1%}"),
            )
            for row in table.to_dict("records")
        ),
    )


def kept(path: str, row: dict[str, Any], keys: list[str]) -> pd.DataFrame:
    """Put a row in the place of that of the same keys in a file of results."""
    table, file = pd.DataFrame([row]), RESULTS / path
    if file.exists():
        before = pd.read_csv(file)
        same = (before[keys] == table[keys].iloc[0]).all(axis=1)
        table = pd.concat([before[~same], table])
    table.round(6).to_csv(file, index=False)
    return pd.read_csv(file)


def main() -> None:
    """Run what is named, or all, and write the tables."""
    RESULTS.mkdir(exist_ok=True)
    for name in sys.argv[1:] or STUDIES:
        for overlap in STUDIES[name].data:
            row = size(name, overlap, range(STUDIES[name].worlds))
            table = kept("drift.csv", row, ["model", "data"])
            place = table.model.map({each: i for i, each in enumerate(STUDIES)})
            table = table.iloc[np.argsort(place.to_numpy(), kind="stable")]
            (RESULTS / "drift.md").write_text(size_as_markdown(table), encoding="utf-8")
    if sys.argv[1:]:
        return
    for change in CHANGES:
        for people in (1_000, 4_000):
            row = power(change, people, range(1_000, 1_020))
            table = kept("drift_power.csv", row, ["change", "customers"])
            (RESULTS / "drift_power.md").write_text(power_as_markdown(table), encoding="utf-8")


if __name__ == "__main__":
    main()
