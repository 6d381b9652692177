"""Results made by hand: the tables that pictures draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from clvmodels import plots
from clvmodels.backtests.result import Backtest
from clvmodels.cohort_analysis.result import CohortAnalysis
from clvmodels.diagnostics.by_bin import Calibration
from clvmodels.diagnostics.by_decile import Deciles
from clvmodels.diagnostics.curves import Lift
from clvmodels.diagnostics.matrices import Matrix
from clvmodels.diagnostics.mixing import Heterogeneity
from clvmodels.diagnostics.over_time import Tracking
from clvmodels.diagnostics.spends import SpendDistribution
from clvmodels.explanations.explanation import Explanation
from clvmodels.explanations.value_change import STEPS, Forecast, ValueChange
from clvmodels.frequencies import FrequencyTable

CUT = date(1997, 9, 30)
SHARED = {"horizon": 39.0, "unit": "week", "calibration_end": CUT, "model": "BG/NBD"}


def explanation() -> Explanation:
    parts = {"population": 9.0, "frequency": 120.0, "recency": -50.0, "spend": 21.0, "clv": 100.0}
    rows = [(name, 1, each, each, 0.0) for name, each in parts.items()]
    names = ["component", "customers", "amount", "per_customer", "standard_deviation"]
    one = pd.DataFrame({"id": ["a"]} | {name: [each] for name, each in parts.items()})
    table = pd.DataFrame(rows, columns=names)
    return Explanation(one, one[["id"]], table, None, "id", "clv", "week")


def value_change() -> ValueChange:
    amounts = [21808.0, -900.0, -10950.0, 10222.0, 0.0, 1839.0, 54.0, -1000.0, 1900.0, 22973.0]
    table = pd.DataFrame({"component": list(STEPS), "customers": 2357, "amount": amounts})
    forecast = Forecast(-2414.0, -728.0, 524.0)
    return ValueChange(None, table, None, forecast, "id", "clv", 13.0, "week")


def frequency_table() -> FrequencyTable:
    return FrequencyTable((60.0, 25.0, 15.0), (58.0, 29.0, 13.0))


def calibration() -> Calibration:
    table = pd.DataFrame(
        {
            "bin": ["0", "1", "2+"],
            "low": [0.0, 1.0, 2.0],
            "high": [0.0, 1.0, 9.0],
            "customers": [1411, 439, 507],
            "expected": [0.2, 0.5, 2.0],
            "actual": [0.25, 0.7, 1.9],
            "lower": [0.18, 0.4, 1.8],
            "upper": [0.22, 0.6, 2.2],
        }
    )
    return Calibration(table, by="frequency", quantity="purchases", level=0.9, **SHARED)


def cohorts() -> CohortAnalysis:
    rows = []
    for i, name in enumerate(("2010 Q1", "2010 Q2")):
        for age in range(5):
            seen, share = age < 3 - i, 0.5 - 0.04 * age - 0.1 * i if age else 1.0
            so_far = 100.0 + 40.0 * age + 5.0 * i
            rows.append(
                {
                    "cohort": name,
                    "customers": 100 * (i + 1),
                    "age": age,
                    "kind": "observed" if seen else "projected",
                    "active": share,
                    "active_lower": np.nan if seen else share - 0.05,
                    "active_upper": np.nan if seen else share + 0.06,
                    "value": 40.0,
                    "cumulative_value": so_far,
                    "lower": np.nan if seen else 0.9 * so_far,
                    "upper": np.nan if seen else 1.2 * so_far,
                }
            )
    return CohortAnalysis(
        pd.DataFrame(rows),
        pd.DataFrame(columns=["cohort", "sentence"]),
        None,
        by=(),
        cohort="quarter",
        period="quarter",
        observed_until=CUT,
        margin=1.0,
        discount_rate=0.0,
        interval=0.9,
        notes=(),
    )


def deciles() -> Deciles:
    predicted = np.arange(10, 0, -1) / 4.0
    table = pd.DataFrame(
        {
            "decile": range(1, 11),
            "customers": 235.7,
            "predicted": predicted,
            "actual": predicted * 1.1,
            "lower": predicted * 0.8,
            "upper": predicted * 1.2,
        }
    )
    return Deciles(table, quantity="value", customers=2357, level=0.9, **SHARED)


def lift() -> Lift:
    share = np.linspace(0.0, 1.0, 11)
    table = pd.DataFrame(
        {
            "share_of_customers": share,
            "captured": share**0.4,
            "perfect": np.minimum(1.0, 3.0 * share),
        }
    )
    gini = {"gini": 0.43, "normalised_gini": 0.65, "top_decile": 0.1**0.4}
    return Lift(table, quantity="purchases", customers=2357, **gini, **SHARED)


def tracking() -> Tracking:
    end = pd.date_range("1997-01-07", periods=78, freq="7D")
    expected = 60.0 * np.exp(-np.arange(78) / 90.0)
    actual = np.round(expected * (1.0 + 0.1 * np.sin(np.arange(78))))
    one = {
        "actual": actual,
        "expected": expected,
        "lower": 0.8 * expected,
        "upper": 1.2 * expected,
    }
    sums = {f"cumulative_{name}": np.cumsum(values) for name, values in one.items()}
    window = np.where(end.date <= CUT, "calibration", "holdout")
    table = pd.DataFrame({"end": end, "period": range(1, 79), "window": window, **one, **sums})
    return Tracking(
        table,
        unit="week",
        period="week",
        calibration_end=CUT,
        observed_until=date(1998, 6, 30),
        customers=2357,
        model="BG/NBD",
        level=0.9,
        fitted=True,
    )


def path() -> Any:
    days = pd.date_range("2024-01-01", periods=120)
    p = np.exp(-np.arange(120) / 80.0)
    table = pd.DataFrame(
        {
            "date": days,
            "frequency": [0] * 20 + [1] * 30 + [2] * 70,
            "recency": 0.0,
            "T": np.arange(120) / 7.0,
            "p_alive": p,
            "lower": 0.9 * p,
            "upper": np.minimum(1.0, 1.1 * p),
            "observed": np.arange(120) < 90,
        }
    )
    return SimpleNamespace(table=table)  # pictures take the table itself


def backtest(names: tuple[str, ...] = ("BG/NBD", "average rate", "SQL rule")) -> Backtest:
    rows, overall = [], []
    for i, name in enumerate(names):
        kind = "rule" if "r" in name else "model"
        found = {"rmse": 1.5 + 0.1 * i, "total_bias": 0.2 * i - 0.1, "log_density": -1.0 - i}
        if kind == "rule":
            found["log_density"] = np.nan
        overall.append({"model": name, "kind": kind, "quantity": "purchases", **found})
        for j, origin in enumerate((date(1997, 6, 30), date(1997, 9, 30))):
            rows += [
                {
                    "origin": origin,
                    "model": name,
                    "kind": kind,
                    "quantity": "purchases",
                    "group": "all",
                    "label": "all",
                    "customers": 2357,
                    "metric": metric,
                    "number": number + 0.05 * (2 * j - 1),
                }
                for metric, number in found.items()
            ]
    nothing = pd.DataFrame()
    return Backtest(
        table=pd.DataFrame(rows),
        summary=pd.DataFrame(overall),
        paired=nothing,
        deciles=nothing,
        tracking=nothing,
        newcomers=nothing,
        fits=nothing,
        verdict="",
        origins=(date(1997, 6, 30), date(1997, 9, 30)),
        horizon=26.0,
        unit="week",
        customers=(2357, 2357),
        level=0.9,
    )


def matrix() -> Matrix:
    values = {(0, 0.0): 1.0, (1, 10.0): 0.25, (1, 20.0): 0.75, (5, 10.0): 0.125, (5, 20.0): 0.875}
    rows = [
        {"frequency": x, "recency": t_x, "value": values.get((x, t_x), np.nan)}
        for x in (0, 1, 5)
        for t_x in (0.0, 10.0, 20.0)
    ]
    return Matrix(
        pd.DataFrame(rows), quantity="p_alive", age=38.0, horizon=None, unit="week", model="BG/NBD"
    )


def heterogeneity() -> Heterogeneity:
    x = np.linspace(0.01, 1.0, 100)
    parts = {"purchases per week": 1.0 - 0.9 * x, "probability of leaving": x**0.5}
    tables = [
        pd.DataFrame({"quantity": name, "x": x, "density": each, "cumulative": x})
        for name, each in parts.items()
    ]
    return Heterogeneity(
        pd.concat(tables, ignore_index=True),
        mean={"purchases per week": 0.6, "probability of leaving": np.inf},
        median={"purchases per week": 0.5, "probability of leaving": 0.45},
        unit="week",
        model="BG/NBD",
    )


def spend_distribution() -> SpendDistribution:
    table = pd.DataFrame(
        {
            "low": [0.0, 10.0, 20.0],
            "high": [10.0, 20.0, np.inf],
            "observed": [5.0, 20.0, 10.0],
            "expected": [7.0, 17.0, 11.0],
            "density": [0.02, 0.05, np.nan],
        }
    )
    return SpendDistribution(table, customers=35, model="Gamma-Gamma")


RESULTS: dict[str, Callable[[], Any]] = {
    "backtest": backtest,
    "calibration": calibration,
    "cohorts": cohorts,
    "deciles": deciles,
    "explain": explanation,
    "explain_change": value_change,
    "frequencies": frequency_table,
    "heterogeneity": heterogeneity,
    "lift": lift,
    "matrix": matrix,
    "p_alive_path": path,
    "spend_distribution": spend_distribution,
    "tracking": tracking,
}


def with_table(result: Any, table: pd.DataFrame) -> Any:
    """Return a result with another table."""
    if isinstance(result, FrequencyTable):
        return FrequencyTable(tuple(table["observed"]), tuple(table["expected"]))
    if isinstance(result, SimpleNamespace):
        return SimpleNamespace(**{**vars(result), "table": table})
    return replace(result, table=table)


@pytest.fixture
def made() -> Callable[..., Any]:
    """Return a maker of results, by the name of their picture."""

    def make(name: str, change: Callable[[pd.DataFrame], pd.DataFrame] | None = None) -> Any:
        result = RESULTS[name]()
        if change is not None:
            result = with_table(result, change(result.table))
        return result.table if name == "p_alive_path" else result

    return make


@pytest.fixture
def axes() -> Callable[..., Any]:
    """Return a maker of axes in figures that pyplot does not know."""

    def make(size: tuple[float, float] = (7.0, 3.6), number: int = 1) -> Any:
        figure = Figure(figsize=size, layout="constrained")
        return figure.subplots() if number == 1 else list(figure.subplots(1, number))

    return make


@pytest.fixture
def drawn(made: Callable[..., Any], axes: Callable[..., Any]) -> Callable[..., Any]:
    """Return a drawer of pictures by name."""

    def draw(
        picture: str,
        change: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
        size: tuple[float, float] = (7.0, 3.6),
        **options: Any,
    ) -> Any:
        ax = axes(size, 2 if picture == "heterogeneity" else 1)
        return getattr(plots, picture)(made(picture, change), ax=ax, **options)

    return draw
