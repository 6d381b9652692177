"""Coverage of totals: how often the interval of a sum contains the sum, in 100 worlds a model.

The 90 % intervals of all purchases and all value of the next year; for one model those
of each cohort, too. Beside them what the intervals of chance alone cover. `make coverage` runs all
models; `python -m studies.total_coverage BGNBD` runs one.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

import clvmodels as clv
from studies import worlds
from studies.coverage import (
    LEVEL,
    RESULTS,
    STUDIES,
    Study,
    continuous_rate,
    length,
    markdown,
    merged,
    sources,
)

WORLDS = 100


def totals(name: str, seeds: range = range(WORLDS), people: int | None = None) -> pd.DataFrame:
    """Run many worlds of a model: one row for each quantity and group, how many were covered."""
    return summary(name, in_worlds(name, seeds, people))


def in_worlds(name: str, seeds: range, people: int | None = None) -> pd.DataFrame:
    """Return one row for each total of each world."""
    study, rows = STUDIES[name], []
    for seed in seeds:
        world = study.world(people or study.people_total, 10_000 + seed)
        rows += [{"seed": seed, **row} for row in total_rows(study, world, seed)]
    return pd.DataFrame(rows)


def summary(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Count over the worlds."""
    table = rows.groupby(["quantity", "group"], sort=False, as_index=False).agg(
        totals=("covered", "size"),
        covered=("covered", "sum"),
        covered_chance=("covered_chance", "sum"),
        error_over_sd=("error_over_sd", spread),
        parameters_in_sd=("parameters_in_sd", "mean"),
        width=("width", "mean"),
    )
    table.insert(0, "model", name)
    return table


def spread(errors: pd.Series) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(errors**2)))


def total_rows(study: Study, world: worlds.World, seed: int) -> list[dict[str, Any]]:
    """Return a row for all customers and one for each cohort, of purchases and of value."""
    people = world.customers
    fit, spend = next(sources(study, people, seed))
    rfm = as_summary(people, study.unit)
    rate = study.rate_total
    made = world.future(length("1y", study.unit), continuous_rate(study.unit, rate))
    rows = []
    for what, worth, money, discount in (
        ("purchases", made[0], None, 0.0),
        ("value", made[1], spend, rate),
    ):
        known = pl.DataFrame({"T": people.age, "made": worth})
        look = {"horizon": "1y", "discount_rate": discount, "interval": LEVEL}
        for group, by in (("all", None), ("a cohort", "T")):
            if by and not study.cohorts:
                continue
            found = clv.total(rfm, fit, money, **look, by=by)
            sums = known.group_by("T").agg(pl.sum("made")).sort("T") if by else known.sum()
            rows += [
                {"quantity": what, "group": group, **row} for row in judged(found, sums["made"])
            ]
    return rows


def judged(found: pl.DataFrame, made: pl.Series) -> list[dict[str, Any]]:
    """Compare totals with what was made.

    The interval of chance alone is the same one, narrower by as much as its standard deviation is.
    """
    mean = found["clv" if "clv" in found.columns else "expected_purchases"]
    share = found["sd_customers"] / found["sd"]
    low, high = mean - share * (mean - found["lower"]), mean + share * (found["upper"] - mean)
    table = pl.DataFrame(
        {
            "covered": made.is_between(found["lower"], found["upper"]),
            "covered_chance": made.is_between(low, high),
            "error_over_sd": (made - mean) / found["sd"],
            "parameters_in_sd": found["sd_parameters"] / found["sd"],
            "width": (found["upper"] - found["lower"]) / mean,
        }
    )
    return table.to_dicts()


def as_summary(people: clv.Customers, unit: str) -> clv.CustomerSummary:
    """Return a table of customers as their summary."""
    x, t_x, T = people.timing
    table = {"frequency": x.astype(np.int64), "recency": t_x, "T": T}
    money = {"monetary_value": people.spend[1]}
    frame = pl.DataFrame({"customer_id": np.arange(len(x)), **table, **money})
    return clv.CustomerSummary.from_frame(
        frame.with_columns(pl.col("monetary_value").fill_nan(None)), unit=unit
    )


def as_markdown(table: pd.DataFrame) -> str:
    """Return the table of the docs."""
    return markdown(
        (
            *("model", "90 % interval of", "**covered**", "by chance alone"),
            *("errors over sd", "parameters in sd", "width"),
        ),
        (
            (
                *(row.model, f"{row.quantity}, {row.group}"),
                *(f"**{row.covered:,} of {row.totals:,}**", f"{row.covered_chance:,}"),
                *(f"{row.error_over_sd:.2f}", f"{row.parameters_in_sd:.0%}", f"{row.width:.0%}"),
            )
            for row in table.itertuples()
        ),
    )


def main() -> None:
    """Run the studies that are named, or all, and write what was found."""
    RESULTS.mkdir(exist_ok=True)
    for name in sys.argv[1:] or STUDIES:
        found = totals(name)
        print(found.to_string(index=False), flush=True)
        table = merged(RESULTS / "coverage_totals.csv", found, "model", STUDIES)
        (RESULTS / "coverage_totals.md").write_text(as_markdown(table), encoding="utf-8")


if __name__ == "__main__":
    main()
