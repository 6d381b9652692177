"""Simulate, fit, recover: in how many worlds 95 % intervals contain the truth.

For every model many worlds of 20,000 customers, each with its seed: 400 where a fit is quick, 100
where it takes seconds. `make recovery` runs all and writes the table of the docs;
`python -m studies.recovery BGNBD` runs one.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

import clvmodels as clv

RESULTS = Path(__file__).parent / "results"
CUSTOMERS = 20_000
AGES = np.linspace(40.0, 120.0, CUSTOMERS)  # weeks


@dataclass(frozen=True)
class Study:
    """A truth, and how to make data from it and fit them."""

    truth: np.ndarray
    names: tuple[str, ...]
    simulate: Callable[[int], clv.Customers]
    fit: Callable[[clv.Customers], clv.Fit]
    worlds: int = 400


def plain(model: clv.models.Model, ages: np.ndarray = AGES) -> Study:
    """Return the study of a model without covariates."""
    kind = type(model)
    return Study(
        model.values,
        model.parameter_names(),
        lambda seed: model.simulate(len(ages), ages, seed=seed, unit="week"),
        lambda data: kind.fit(data),
    )


def regular(model: clv.models.Model) -> Study:
    """Return the study of a model of regular timing, its k given."""
    study = plain(model)
    kind = type(model)
    return Study(study.truth, study.names, study.simulate, lambda data: kind.fit(data, k=model.k))


def with_covariates(base: clv.models.Model, tied: bool = False) -> Study:
    """Return the study of a model with a category on both processes and a number on purchases."""
    shop = {"channel": ("shop", "web")}
    truth = clv.PurchaseCovariates(
        base,
        {
            "purchase": clv.Effects("channel + age", {"channel[T.web]": 0.4, "age": 0.02}, shop),
            "dropout": clv.Effects("channel", {"channel[T.web]": -0.5}, shop),
        },
        tied,
    )
    kind, options = type(base), {"tied": True} if tied else {}

    def simulate(seed: int) -> clv.Customers:
        rng = np.random.default_rng(1_000 + seed)
        zero = np.zeros(CUSTOMERS)
        people = clv.Customers.from_arrays(
            zero,
            zero,
            AGES,
            unit="week",
            covariates={
                "channel": rng.choice(["shop", "web"], CUSTOMERS),
                "age": rng.integers(20, 60, CUSTOMERS),
            },
        )
        return truth.simulate(people, seed=seed)

    return Study(
        truth.values,
        truth.parameter_names(),
        simulate,
        lambda data: kind.fit(data, purchase="channel + age", dropout="channel", **options),
        worlds=100,
    )


def spend(model: clv.GammaGamma) -> Study:
    """Return the study of the spend of customers with one repeat purchase or more."""

    def simulate(seed: int) -> clv.Customers:
        x = 1.0 + np.random.default_rng(1_000 + seed).poisson(2.0, CUSTOMERS)
        return model.simulate(clv.Customers.from_arrays(x, unit=None), seed=seed)

    return Study(model.values, model.parameter_names(), simulate, clv.GammaGamma.fit)


PERIODS = np.repeat([6.0, 10.0], CUSTOMERS // 2)
STUDIES: dict[str, Study] = {
    "BGNBD": plain(clv.BGNBD(0.25, 4.5, 0.8, 2.4)),
    "MBGNBD": plain(clv.MBGNBD(0.5, 6.0, 0.9, 1.6)),
    "ParetoNBD": plain(clv.ParetoNBD(0.55, 10.6, 0.6, 11.7)),
    "GGompertzNBD": replace(plain(clv.GGompertzNBD(1.1, 6.0, 0.06, 0.5, 3.0)), worlds=100),
    "BGCNBD k=2": regular(clv.BGCNBD(0.8, 2.0, 0.9, 3.5, k=2)),
    "MBGCNBD k=3": regular(clv.MBGCNBD(0.9, 1.5, 0.8, 2.5, k=3)),
    "BGBB": plain(clv.BGBB(1.2, 0.75, 0.66, 2.8), PERIODS),
    "SBG": plain(clv.SBG(0.7, 1.2), PERIODS),
    "BDW": plain(clv.BDW(0.26, 1.7, 1.6), PERIODS),
    "GammaGamma": spend(clv.GammaGamma(6.25, 3.74, 15.44)),
    "BGNBD, covariates": with_covariates(clv.BGNBD(0.8, 12.0, 0.9, 3.5)),
    "BGNBD, covariates tied": with_covariates(clv.BGNBD(0.8, 12.0, 0.9, 3.5), tied=True),
    "MBGNBD, covariates": with_covariates(clv.MBGNBD(0.8, 12.0, 0.9, 3.5)),
    "ParetoNBD, covariates": with_covariates(clv.ParetoNBD(0.8, 12.0, 0.8, 12.0)),
}


def run(name: str) -> pd.DataFrame:
    """Fit every world: one row a parameter, with how many intervals contain the truth."""
    study = STUDIES[name]
    worlds = study.worlds
    inside, estimates, errors = [], [], []
    identified, start = 0, time.perf_counter()
    for seed in range(worlds):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", clv.IdentifiabilityWarning)
            fit = study.fit(study.simulate(seed))
        table = fit.estimates
        inside.append((table.lower <= study.truth) & (study.truth <= table.upper))
        estimates.append(table.estimate.to_numpy())
        errors.append(table.std_error.to_numpy())
        identified += fit.certificate.verdict == "identified"
    return pd.DataFrame(
        {
            "model": name,
            "parameter": list(study.names),
            "truth": study.truth,
            "mean_estimate": np.mean(estimates, axis=0),
            "spread_over_error": np.std(estimates, axis=0, ddof=1) / np.mean(errors, axis=0),
            "covered": np.sum(inside, axis=0),
            "worlds": worlds,
            "identified": identified,
            "seconds": time.perf_counter() - start,
        }
    )


def as_markdown(table: pd.DataFrame) -> str:
    """Return the table of the docs."""
    lines = [
        "| model | parameter | truth | mean estimate | spread over standard error "
        "| intervals with the truth |"
    ]
    lines.append("|---|---|---|---|---|---|")
    lines += [
        f"| {row.model} | {row.parameter} | {row.truth:.4g} | {row.mean_estimate:.4g} "
        f"| {row.spread_over_error:.2f} "
        f"| {row.covered} of {row.worlds} ({row.covered / row.worlds:.1%}) |"
        for row in table.itertuples()
    ]
    return "\n".join([*lines, ""])


def main() -> None:
    """Run the studies that are named, or all, and write what was found."""
    names = sys.argv[1:] or list(STUDIES)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "recovery.csv"
    for name in names:
        table = run(name)
        print(table.to_string(index=False), flush=True)
        if path.exists():
            before = pd.read_csv(path)
            table = pd.concat([before[before.model != name], table])
        table["order"] = table.model.map({each: i for i, each in enumerate(STUDIES)})
        table = table.sort_values("order", kind="stable").drop(columns="order")
        table.round(6).to_csv(path, index=False)
        (RESULTS / "recovery.md").write_text(as_markdown(table), encoding="utf-8")


if __name__ == "__main__":
    main()
