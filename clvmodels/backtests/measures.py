"""The tables of a backtest: every metric of every contestant, of all customers and of groups."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.backtests.forecasts import Prediction
from clvmodels.backtests.one_origin import Result
from clvmodels.customers import Grid
from clvmodels.diagnostics.metrics import (
    accuracy,
    mean_log_density,
    tracking_error,
)
from clvmodels.diagnostics.ranking import Ranking, total
from clvmodels.errors import DataError
from clvmodels.frames.calendar import day_number
from clvmodels.frames.periods import last_days, period_of, units_per_period

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["METRICS", "Cohort", "decile_table", "metric_table", "summary_table", "tracking_table"]

Array: TypeAlias = NDArray[np.float64]
Cohort: TypeAlias = Literal["month", "quarter", "year"]

METRICS: Final = (
    "total_bias",
    "mae",
    "rmse",
    "log_density",
    "spearman",
    "normalised_gini",
    "top_decile_capture",
    "decile_calibration_error",
    "tracking_error",
    "coverage",
)
MEANS: Final = ("predicted", "actual")  # a customer: what biases of several origins are made of
MISSING: Final = "(none)"
_MOST_LABELS: Final = 500
_DECILES: Final = 10


# --- metrics ----------------------------------------------------------------------------------


def metric_table(
    results: Sequence[Result],
    *,
    grid: Grid,
    by: Sequence[str],
    cohort: Cohort | None,
) -> pd.DataFrame:
    """Return the tidy table: a row for each origin, contestant, quantity, group and metric."""
    import pandas as pd

    rows = []
    for result in results:
        groups = list(_groups(result, grid, by, cohort))
        for each in result.predictions:
            actual = actual_of(result, each)
            for group, label, some in groups:
                found = _metrics(each, actual, some)
                if group == "all":
                    found["tracking_error"] = tracking_error(each.course, _course(result, each))
                size = len(actual) if some is None else len(some)
                head = (result.origin.cut, each.model, each.kind, each.quantity)
                rows += [
                    (*head, group, label, size, metric, found[metric])
                    for metric in (*METRICS, *MEANS)
                    if metric in found
                ]
    columns = ["origin", "model", "kind", "quantity", "group", "label", "customers", "metric"]
    return pd.DataFrame(rows, columns=[*columns, "number"])


def actual_of(result: Result, prediction: Prediction) -> Array:
    """Return what came of what was predicted, shape (n,)."""
    if prediction.quantity == "purchases":
        return result.outcomes.purchases
    assert result.outcomes.value is not None
    return result.outcomes.value


def _course(result: Result, prediction: Prediction) -> Array:
    if prediction.quantity == "purchases":
        return result.course.purchases
    assert result.course.value is not None
    return result.course.value


def _metrics(
    prediction: Prediction, actual: Array, rows: NDArray[np.intp] | None
) -> dict[str, float]:
    """Return the metrics of some of the customers; of rules those of models alone are NaN."""

    def some(column: Array) -> Array:
        return column if rows is None else column[rows]

    mean, happened = some(prediction.mean), some(actual)
    found = accuracy(mean, happened)
    density = prediction.log_density
    found["log_density"] = math.nan if density is None else mean_log_density(some(density))
    inside = prediction.inside
    found["coverage"] = math.nan if inside is None else total(some(inside)) / len(mean)
    return found | {"predicted": float(mean.mean()), "actual": float(happened.mean())}


# --- groups -----------------------------------------------------------------------------------


def _groups(
    result: Result, grid: Grid, by: Sequence[str], cohort: Cohort | None
) -> Iterator[tuple[str, str, NDArray[np.intp] | None]]:
    """Yield the kind, the label and the rows of each group of customers; None for all."""
    yield "all", "all", None
    labels = {} if cohort is None else {"cohort": _cohorts(result, grid, cohort)}
    labels |= {name: _texts(result.outcomes.segments[name]) for name in by}
    for name, column in labels.items():
        known, code = np.unique(column, return_inverse=True)
        if len(known) > _MOST_LABELS:
            raise DataError(
                f"A column of `by` has at most {_MOST_LABELS} values.",
                place=f"{name!r} has {len(known):,}.",
                fix="Name a coarser column.",
            )
        order = np.argsort(code, kind="stable")
        for i, rows in enumerate(np.split(order, np.cumsum(np.bincount(code))[:-1])):
            yield name, str(known[i]), rows


def _cohorts(result: Result, grid: Grid, cohort: Cohort) -> NDArray[Any]:
    """Return the calendar period of each first purchase, such as 2024-Q1."""
    found = result.outcomes
    period, per_unit = units_per_period(grid, found.unit)
    age = np.rint(found.customers.timing[2] * (per_unit / period)).astype(np.int64)
    days = last_days(period_of(day_number(found.calibration_end), grid) - age, grid)
    years = days.astype("M8[Y]").astype(np.int64) + 1970
    months = days.astype("M8[M]").astype(np.int64) % 12
    if cohort == "year":
        return years.astype(str)
    part = months // 3 + 1 if cohort == "quarter" else months + 1
    ending = np.char.zfill(part.astype(str), 2) if cohort == "month" else part.astype(str)
    return np.char.add(np.char.add(years.astype(str), "-Q" if cohort == "quarter" else "-"), ending)


def _texts(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels as text: whole numbers without a point."""
    if labels.dtype.kind == "f":
        return np.array([MISSING if each != each else f"{each:.15g}" for each in labels.tolist()])
    return np.array([MISSING if each is None else str(each) for each in labels.tolist()], object)


# --- other tables -----------------------------------------------------------------------------


def summary_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row a contestant and quantity, the least RMSE first.

    Errors, densities and coverage are of all customers of all origins; the total bias is of the
    sums over all origins; of metrics of order and of curves it is the mean over origins.
    """
    import pandas as pd

    every = table[table["group"] == "all"]
    keys = ["quantity", "model", "kind"]
    rows = []
    for head, part in every.groupby(keys, sort=False):
        numbers = part["number"].to_numpy(dtype=np.float64)
        metric = part["metric"].to_numpy()
        wide = {name: numbers[metric == name] for name in (*METRICS, *MEANS)}  # one an origin
        weight = part["customers"].to_numpy(dtype=np.float64)[metric == "rmse"]
        rows.append(
            {
                **dict(zip(keys, head, strict=True)),
                "origins": len(weight),
                "customers": int(weight.sum()),
                **{name: _over_origins(name, wide, weight / weight.sum()) for name in METRICS},
            }
        )
    found = pd.DataFrame(rows)
    return found.sort_values(["quantity", "rmse"], kind="stable").reset_index(drop=True)


def _over_origins(name: str, wide: Mapping[str, Array], share: Array) -> float:
    if name == "total_bias":
        actual = float(share @ wide["actual"])
        return float(share @ wide["predicted"]) / actual - 1.0 if actual else math.nan
    values = wide[name]
    if name == "rmse":
        return math.sqrt(float(share @ values**2))
    if name in ("mae", "log_density", "coverage"):
        return float(share @ values)
    return float(values.mean())


def decile_table(results: Sequence[Result]) -> pd.DataFrame:
    """Return means of tenths of the customers by prediction, 1 the best predicted."""
    import pandas as pd

    frames = []
    for result in results:
        for each in result.predictions:
            actual = actual_of(result, each)
            ranking = Ranking.of(each.mean, actual)
            frames.append(
                pd.DataFrame(
                    {
                        "origin": result.origin.cut,
                        "model": each.model,
                        "kind": each.kind,
                        "quantity": each.quantity,
                        "decile": np.arange(1, _DECILES + 1),
                        "customers": len(actual) / _DECILES,
                        "predicted": ranking.slices(each.mean, _DECILES),
                        "actual": ranking.slices(actual, _DECILES),
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


def tracking_table(results: Sequence[Result]) -> pd.DataFrame:
    """Return cumulative curves: what each contestant expected of all until then, and what came."""
    import pandas as pd

    frames = [
        pd.DataFrame(
            {
                "origin": result.origin.cut,
                "model": each.model,
                "kind": each.kind,
                "quantity": each.quantity,
                "time": result.course.times,
                "expected": each.course,
                "actual": _course(result, each),
            }
        )
        for result in results
        for each in result.predictions
    ]
    return pd.concat(frames, ignore_index=True)
