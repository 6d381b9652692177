"""The columns of a prediction: a model evaluated once per distinct history, on any engine.

A lazy engine joins that small table and does the arithmetic of spend and value itself.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import TIMING, Customers
from clvmodels.errors import DataError, ParameterError, UndefinedMomentError
from clvmodels.frames.columns import PREDICTIONS, SUMMARY, require_column
from clvmodels.frames.covariates import covariate_key
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.engines import collected
from clvmodels.frames.periods import units_per_period
from clvmodels.frames.sources import as_narwhals
from clvmodels.models.covariates import SpendCovariates
from clvmodels.models.fit import Fit
from clvmodels.models.gamma_gamma import GammaGamma, posterior_mean_spend
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.spend import SpendPredictions
from clvmodels.special import distinct_rows
from clvmodels.value import check_margin, customer_value

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "check_margins",
    "check_price",
    "model_of",
    "refuse_bad_spend",
    "with_price",
    "with_purchases",
    "with_spend",
    "with_value",
]

Array: TypeAlias = NDArray[np.float64]
PurchaseFit: TypeAlias = Fit[Any] | PurchasePredictions
Frame: TypeAlias = nw.DataFrame[Any] | nw.LazyFrame[Any]
TIMES = SUMMARY[:3]
COUNTS = PREDICTIONS[:3]


def with_purchases(rfm: CustomerSummary, purchases: PurchaseFit, length: float, rate: float) -> Any:
    """Add the columns `COUNTS` to the customers, for a horizon and rate in their unit."""
    frame = as_narwhals(rfm.frame)
    variables = model_of(purchases).variables
    if isinstance(frame, nw.DataFrame):
        customers = rfm.customers(variables)
        return _with_arrays(frame, _count_purchases(customers, purchases, length, rate))
    patterns = rfm.patterns((*TIMING, *variables))
    return _joined(frame, patterns, _count_purchases(patterns, purchases, length, rate), rfm)


def model_of(fitted: Any) -> Any:
    """Return the model of a fit, or a model itself."""
    return fitted.model if isinstance(fitted, Fit) else fitted


def _count_purchases(
    customers: Customers, purchases: PurchaseFit, horizon: float, rate: float
) -> dict[str, Array]:
    """Evaluate the purchase model: columns of shape (n,)."""
    alive = purchases.p_alive(customers)
    try:
        expected = purchases.expected_purchases(customers, horizon)
    except UndefinedMomentError:
        expected = np.full(len(customers), math.nan)  # infinite: shown as missing
    if rate == 0.0 and not np.isnan(expected).any():
        discounted = expected
    else:
        discounted = purchases.discounted_purchases(customers, horizon, rate)
    return dict(zip(COUNTS, (alive, expected, discounted), strict=True))


def _with_arrays(frame: nw.DataFrame[Any], counts: dict[str, Array]) -> Any:
    new = [
        nw.new_series(name, values, nw.Float64, backend=frame.implementation)
        for name, values in counts.items()
    ]
    if frame.implementation.is_pandas():  # pandas aligns on the index, so give it the same one
        index = nw.to_native(frame).index
        new = [nw.from_native(nw.to_native(s).set_axis(index), series_only=True) for s in new]
    return _nan_to_null(frame.with_columns(*new), counts)


def _nan_to_null(frame: Any, counts: dict[str, Array]) -> Any:
    for name, values in counts.items():
        if np.isnan(values).any():
            known = nw.when(~nw.col(name).is_nan()).then(nw.col(name))
            frame = frame.with_columns(known.alias(name))
    return frame


# --- lazy engines -----------------------------------------------------------------------------


def _joined(
    frame: nw.LazyFrame[Any], patterns: Customers, counts: dict[str, Array], rfm: CustomerSummary
) -> nw.LazyFrame[Any]:
    """Join predictions per distinct history to a lazy frame."""
    made = rfm.definitions
    scale = None
    if made is not None:
        period, per_unit = units_per_period(made.grid, rfm.unit)
        scale = per_unit / period
    x, t_x, T = (nw.col(name).cast(nw.Float64) for name in TIMES)
    theirs: list[Any] = [x, nw.min_horizontal(t_x, T), T]  # as Customers cuts off rounding
    ours = list(patterns.timing)
    if scale is not None:  # whole periods: integers are safer keys than floats
        theirs = [x.cast(nw.Int64), *((time * scale).round().cast(nw.Int64) for time in (t_x, T))]
        ours = [np.rint(column * by) for column, by in zip(ours, (1.0, scale, scale), strict=True)]
        ours = [column.astype(np.int64) for column in ours]
    variables = tuple(patterns.covariates)
    theirs += [covariate_key(frame, name) for name in variables]
    ours += list(patterns.covariates.values())
    return _joined_by(frame, theirs, ours, counts)


def _joined_by(
    frame: nw.LazyFrame[Any], theirs: list[Any], ours: list[Any], counts: dict[str, Array]
) -> nw.LazyFrame[Any]:
    """Join columns of a small table to a lazy frame, by expressions that equal its keys."""
    import pandas as pd

    taken = [*frame.collect_schema().names(), *counts]
    keys = [nw.generate_temporary_column_name(8, taken) for _ in ours]
    table = pd.DataFrame(dict(zip(keys, ours, strict=True)) | counts)
    side = _nan_to_null(_table_on_engine(frame, table), counts)
    keyed = frame.with_columns(*(expr.alias(key) for key, expr in zip(keys, theirs, strict=True)))
    return keyed.join(side, on=keys, how="left").drop(*keys)


def _table_on_engine(frame: nw.LazyFrame[Any], table: pd.DataFrame) -> Any:
    """Hand a small table to the engine of a lazy frame."""
    native = nw.to_native(frame)
    if frame.implementation.is_polars():
        import polars as pl

        columns = {name: table[name].to_numpy() for name in table}
        return nw.from_native(pl.DataFrame(columns).lazy())
    if frame.implementation.is_duckdb():
        # On the relation's own connection. DuckDB finds a variable by its name only if no table
        # of the user has that name, so the names are long.
        clvmodels_predictions = table  # noqa: F841
        query = "select * from clvmodels_predictions"
        return nw.from_native(native.query("clvmodels_customers", query))
    raise DataError(
        "Lazy frames are polars LazyFrames or DuckDB relations.",
        place=f"This is {frame.implementation}.",
        fix="Collect it, or convert it to one of these.",
    )


# --- money ------------------------------------------------------------------------------------


def with_spend(scored: Any, rfm: CustomerSummary, model: SpendPredictions) -> Any:
    """Add ``expected_spend``: arithmetic of the engine, and a small table where v varies."""
    if isinstance(model, GammaGamma):
        return _with_spend_at(scored, model, model.v)
    assert isinstance(model, SpendCovariates)
    if isinstance(scored, nw.DataFrame):
        return _with_arrays(scored, {"expected_spend": model.expected_spend(rfm)})
    patterns = rfm.patterns(("frequency", *model.variables))
    patterns = patterns.take(distinct_rows(*patterns.covariates.values())[0])
    theirs = [covariate_key(scored, name) for name in model.variables]
    ours = list(patterns.covariates.values())
    scale = nw.generate_temporary_column_name(8, scored.collect_schema().names())
    scales = np.broadcast_to(model.rows(patterns).v, (len(patterns),))
    joined = _joined_by(scored, theirs, ours, {scale: np.array(scales)})
    return _with_spend_at(joined, model.base, nw.col(scale)).drop(scale)


def _with_spend_at(scored: Any, model: GammaGamma, v: Any) -> Any:
    """Add ``expected_spend``, which is elementary in frequency, mean spend and the scale v."""
    x, value = (nw.col(name).cast(nw.Float64) for name in ("frequency", "monetary_value"))
    total: Any = nw.when(x > 0.0).then(value * x).otherwise(nw.lit(0.0))
    spend: Any = posterior_mean_spend(x, total, model.p, model.q, v)
    return scored.with_columns(spend.alias("expected_spend"))


def with_value(scored: Any, margin: float | str) -> Any:
    """Add ``clv`` and drop the discounted purchases that it is made of."""
    share: Any = nw.col(margin).cast(nw.Float64) if isinstance(margin, str) else nw.lit(margin)
    value: Any = customer_value(nw.col("discounted_purchases"), nw.col("expected_spend"), share)
    return scored.with_columns(value.alias("clv")).drop("discounted_purchases")


def with_price(scored: Any, price: float | str) -> Any:
    """Add ``expected_spend`` where every purchase has a known price."""
    each: Any = nw.col(price).cast(nw.Float64) if isinstance(price, str) else nw.lit(float(price))
    return scored.with_columns(each.alias("expected_spend"))


def check_price(frame: Frame, price: float | str) -> float | str:
    """Return the price, or raise unless it, or every value of the column, is zero or more."""
    if isinstance(price, str):
        schema = frame.collect_schema()
        require_column(price, schema.names(), role="spend")
        place = f"Column {price!r} has type {schema[price]}."
        if schema[price].is_numeric():
            each = nw.col(price).cast(nw.Float64)
            bad = _count_false(frame, each.is_finite() & (each >= 0.0))
            place = f"{bad:,} rows of column {price!r} are missing, infinite or negative."
            if not bad:
                return price
    else:
        place = f"Got {price!r}."
        if 0.0 <= price < math.inf and not isinstance(price, bool):
            return price
    raise ParameterError(
        "`spend` is a spend fit, a price of zero or more, or the name of a column of prices.",
        place=place,
        fix="Pass GammaGamma.fit(rfm), or fill missing prices.",
    )


def refuse_bad_spend(frame: Frame) -> None:
    """Raise if customers with repeat purchases lack a mean value of zero or more."""
    x, value = (nw.col(name).cast(nw.Float64) for name in ("frequency", "monetary_value"))
    bad = _count_false(frame, ~(x > 0.0) | (value.is_finite() & (value >= 0.0)))
    if bad:
        raise DataError(
            "`monetary_value` is a finite amount, zero or more, where frequency is above 0.",
            place=f"{bad:,} customers break this.",
            fix="Net refunds with rfm_summary, or leave these customers out.",
        )


def check_margins(frame: Frame, margin: float | str) -> float | str:
    """Return the margin, or raise unless it, or every value of the column, is a fraction."""
    if not isinstance(margin, str):
        return check_margin(margin)
    schema = frame.collect_schema()
    require_column(margin, schema.names(), role="margin")
    place = f"Column {margin!r} has type {schema[margin]}."
    if schema[margin].is_numeric():
        share = nw.col(margin).cast(nw.Float64)
        bad = _count_false(frame, share.is_finite() & (share <= 1.0))
        if not bad:
            return margin
        place = f"{bad:,} rows of column {margin!r} are missing, infinite or above 1."
    raise ParameterError(
        "`margin` is a fraction of spend, at most 1, or the name of a column of fractions.",
        place=place,
        fix="Write 30 % as 0.30, and fill missing values.",
    )


def _count_false(frame: Frame, test: nw.Expr) -> int:
    """Count the rows of which a test is not true."""
    marked = frame.select(nw.when(test).then(nw.lit(0)).otherwise(nw.lit(1)).alias("bad"))
    counted = marked.select(nw.col("bad").sum())
    return int(collected(counted)["bad"].to_list()[0] or 0)
