"""Spend, price, margin and value of a prediction: arithmetic of the engine."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import narwhals as nw

from clvmodels.errors import DataError, ParameterError
from clvmodels.frames.columns import require_column
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.engines import collected
from clvmodels.frames.scoring import with_arrays, with_spend_scale
from clvmodels.models.covariates import SpendCovariates
from clvmodels.models.gamma_gamma import GammaGamma, posterior_mean_spend
from clvmodels.models.spend import SpendPredictions
from clvmodels.value import check_margin, customer_value

__all__ = [
    "check_margins",
    "check_price",
    "refuse_bad_spend",
    "with_price",
    "with_spend",
    "with_value",
]

Frame: TypeAlias = nw.DataFrame[Any] | nw.LazyFrame[Any]


def with_spend(scored: Any, rfm: CustomerSummary, model: SpendPredictions) -> Any:
    """Add ``expected_spend``: arithmetic of the engine, and a small table where v varies."""
    if isinstance(model, GammaGamma):
        return _with_spend_at(scored, model, model.v)
    assert isinstance(model, SpendCovariates)
    if isinstance(scored, nw.DataFrame):
        return with_arrays(scored, {"expected_spend": model.expected_spend(rfm)})
    scale = nw.generate_temporary_column_name(8, scored.collect_schema().names())
    scaled = with_spend_scale(scored, rfm, model, scale)
    return _with_spend_at(scaled, model.base, nw.col(scale)).drop(scale)


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
