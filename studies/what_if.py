"""What if: how often the intervals of a change hold, in worlds whose parameters are known.

Models are fitted to simulated customers, and a scenario is asked of the fits and of the truth, for
the very same customers. `python -m studies.what_if` runs all and writes the table of the docs, in
ten minutes; with names it runs these.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
import polars as pl

import clvmodels as clv
from clvmodels.units import TimeUnit
from studies.coverage import RESULTS, markdown

LEVEL: Final = 0.9
SPEND: Final = clv.GammaGamma(6.0, 4.0, 15.0)
TERMS: Final[dict[str, Any]] = {"horizon": "2y", "discount_rate": 0.0, "margin": 0.3}
ALL: Final[dict[str, Any]] = {"retention": "+5pp", "purchase_rate": "+10%", "spend_change": "+5%"}


@dataclass(frozen=True)
class Study:
    """A truth, the levers that are moved, and how many worlds that affords."""

    truth: Any
    levers: dict[str, Any] = field(default_factory=lambda: {"retention": "+5pp"})
    unit: TimeUnit = "week"
    ages: range = range(4, 53, 4)
    spend: Any = SPEND
    people: int = 1_500
    worlds: int = 200


_CONTRACTS: Final[dict[str, Any]] = {"unit": "year", "ages": range(1, 7), "spend": 100.0}

STUDIES: Final[dict[str, Study]] = {
    "BG/NBD, retention": Study(clv.BGNBD(0.5, 6.0, 0.8, 2.4), worlds=60),
    "BG/NBD, all levers": Study(clv.BGNBD(0.5, 6.0, 0.8, 2.4), ALL, worlds=40),
    "Pareto/NBD, retention": Study(clv.ParetoNBD(0.55, 10.6, 0.6, 11.7), worlds=150),
    "Pareto/NBD, all levers": Study(clv.ParetoNBD(0.55, 10.6, 0.6, 11.7), ALL, worlds=100),
    "BG/BB, all levers": Study(
        clv.BGBB(1.2, 0.75, 0.66, 6.0), ALL, unit="month", ages=range(1, 19), worlds=40
    ),
    "sBG, retention": Study(clv.SBG(0.67, 3.8), **_CONTRACTS),
}


def world(study: Study, seed: int, people: int | None = None) -> clv.CustomerSummary:
    """Simulate customers, as many of each age."""
    n = people or study.people
    age = np.resize(np.array(study.ages, dtype=np.float64), n)
    customers = study.truth.simulate(n, age, seed=seed, unit=study.unit)
    if isinstance(study.spend, clv.GammaGamma):
        customers = study.spend.simulate(customers, seed=seed + 1)
    x, t_x, T = customers.timing
    table: dict[str, Any] = {"customer_id": range(n), "frequency": x, "recency": t_x, "T": T}
    if customers.monetary_value is not None:
        value = [None if np.isnan(each) else float(each) for each in customers.monetary_value]
        table["monetary_value"] = pl.Series(value, dtype=pl.Float64)
    return clv.CustomerSummary.from_frame(pl.DataFrame(table), unit=study.unit)


def changes(rfm: clv.CustomerSummary, purchases: Any, spend: Any, study: Study) -> pd.DataFrame:
    """Return the change of a base and of a new customer, absolute and relative, a row each."""
    found = clv.what_if(purchases, spend, rfm, **study.levers, **TERMS, interval=LEVEL)
    both = [found.total.iloc[0], found.new_customer.iloc[1]]
    absolute = pd.DataFrame(
        [(each.difference, each.lower, each.upper) for each in both], ["base", "new customer"]
    )
    relative = pd.DataFrame(
        [(each.relative, each.relative_lower, each.relative_upper) for each in both],
        ["base, relative", "new customer, relative"],
    )
    table = pd.concat([absolute, relative])
    table.columns = pd.Index(["change", "lower", "upper"])
    return table


def held(study: Study, seed: int, people: int | None = None) -> pd.DataFrame | None:
    """Return each change of one world beside the true one; None where a fit is not pinned down."""
    rfm = world(study, seed, people)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", clv.IdentifiabilityWarning)
        purchases = type(study.truth).fit(rfm)
        spend = clv.GammaGamma.fit(rfm) if rfm.has_spend else study.spend
    if purchases.certificate.verdict != "identified":
        return None
    table = changes(rfm, purchases, spend, study)
    return table.assign(truth=changes(rfm, study.truth, study.spend, study)["change"])


def coverage(name: str, seeds: range, people: int | None = None) -> dict[str, Any]:
    """Return how often each interval had the true change inside, and how far off changes were."""
    tables = [held(STUDIES[name], seed, people) for seed in seeds]
    kept = [each for each in tables if each is not None]
    inside = np.mean([(t.lower <= t.truth) & (t.truth <= t.upper) for t in kept], axis=0)
    off = np.mean([t.change / t.truth - 1.0 for t in kept], axis=0)
    names = ["base", "new_customer", "base_relative", "new_relative"]
    return {
        "study": name,
        "worlds": len(kept),
        **dict(zip(names, inside, strict=True)),
        "bias": off[0],
    }


def as_markdown(table: pd.DataFrame) -> str:
    """Return the table of the docs."""
    head = ["levers", "worlds", "the base", "a new customer", "the base, relative"]
    head += ["a new customer, relative", "mean error of the base"]
    columns = ["base", "new_customer", "base_relative", "new_relative"]
    return markdown(
        head,
        (
            (
                *(row["study"], str(row["worlds"]), *(f"{row[c]:.1%}" for c in columns)),
                f"{row['bias']:+.1%}",
            )
            for row in table.to_dict("records")
        ),
    )


def main() -> None:
    """Run what is named, or all, and write the table."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / "what_if.csv"
    for name in sys.argv[1:] or STUDIES:
        row = pd.DataFrame([coverage(name, range(STUDIES[name].worlds))])
        if file.exists():
            before = pd.read_csv(file)
            row = pd.concat([before[before.study != name], row])
        place = row.study.map({each: i for i, each in enumerate(STUDIES)})
        table = row.iloc[np.argsort(place.to_numpy(), kind="stable")]
        table.round(6).to_csv(file, index=False)
        (RESULTS / "what_if.md").write_text(as_markdown(pd.read_csv(file)), encoding="utf-8")


if __name__ == "__main__":
    main()
