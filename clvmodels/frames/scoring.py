"""The purchases of a prediction: a model evaluated once per distinct state, on any engine.

A lazy engine joins the small table of `clvmodels.lookup` and does the arithmetic itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.frames.arguments import PurchaseFit
from clvmodels.frames.covariates import covariate_key
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.engines import table_on_engine
from clvmodels.frames.keys import keys_of
from clvmodels.frames.sources import as_narwhals
from clvmodels.lookup import ALIVE, GIVEN_ALIVE, SCORES, lookup, scores, state_of
from clvmodels.models.covariates import SpendCovariates
from clvmodels.predictive.arguments import fitted_model
from clvmodels.special import distinct_rows

__all__ = ["PurchaseFit", "joined", "with_arrays", "with_purchases", "with_spend_scale"]

Array: TypeAlias = NDArray[np.float64]

# e^690 odds are as good as infinite, and no engine calls them an overflow.
_CERTAIN = 690.0


def with_purchases(rfm: CustomerSummary, purchases: PurchaseFit, length: float, rate: float) -> Any:
    """Add the columns `SCORES` to the customers, for a horizon and rate in their unit."""
    frame, model = as_narwhals(rfm.frame), fitted_model(purchases)
    if isinstance(frame, nw.DataFrame):
        customers = rfm.customers(model.variables)
        return with_arrays(frame, scores(model, customers, horizon=length, rate=rate))
    by = state_of(model)
    states = _with_any_recency(rfm.patterns(by))
    table = lookup(model, states, horizon=length, rate=rate)
    keys = keys_of(frame, by, definitions=rfm.definitions, unit=rfm.unit)
    keyed, theirs = keys.on(frame), keys.of(states)
    if not table.elementary:
        return joined(keyed, theirs, table.columns).drop(*keys.names)
    mark = nw.generate_temporary_column_name(8, keyed.collect_schema().names())
    parts = {mark + name: values for name, values in table.columns.items()}
    return _with_scores(joined(keyed, theirs, parts), mark).drop(*keys.names, *parts)


def with_arrays(frame: nw.DataFrame[Any], columns: dict[str, Array]) -> Any:
    """Add columns of shape (n,) to an eager frame; NaN is shown as missing."""
    new = [
        nw.new_series(name, values, nw.Float64, backend=frame.implementation)
        for name, values in columns.items()
    ]
    if frame.implementation.is_pandas():  # pandas aligns on the index, so give it the same one
        index = nw.to_native(frame).index
        new = [nw.from_native(nw.to_native(s).set_axis(index), series_only=True) for s in new]
    return _nan_to_null(frame.with_columns(*new), columns)


def _nan_to_null(frame: Any, columns: dict[str, Array]) -> Any:
    for name, values in columns.items():
        if np.isnan(values).any():
            known = nw.when(~nw.col(name).is_nan()).then(nw.col(name))
            frame = frame.with_columns(known.alias(name))
    return frame


# --- lazy engines -----------------------------------------------------------------------------


def _with_any_recency(states: Customers) -> Customers:
    """Return states with a recency that histories can have, where it is not looked at."""
    if states.recency is not None:
        return states
    x, T = states.frequency, states.age
    assert T is not None
    return replace(states, recency=np.where(x > 0.0, T, 0.0))


def joined(
    frame: nw.LazyFrame[Any], keys: dict[str, NDArray[Any]], columns: dict[str, Array]
) -> nw.LazyFrame[Any]:
    """Join columns to a lazy frame that has the key columns."""
    import polars as pl

    table = pl.DataFrame({name: np.array(values) for name, values in {**keys, **columns}.items()})
    side = _nan_to_null(table_on_engine(frame, table), columns)
    return frame.join(side, on=list(keys), how="left")


def _with_scores(joined: nw.LazyFrame[Any], mark: str) -> nw.LazyFrame[Any]:
    """Do the arithmetic of P(alive), and of purchases given alive, on the engine.

    In steps with named columns, which begin with `mark`: SQL engines repeat whatever stands twice
    in one expression. The logarithm of u = 1 + z is corrected for the rounding of u, so that it is
    exact for small z, too.
    """
    odds, shape, alpha = (nw.col(mark + name) for name in ALIVE)
    T, last, z, u, power = (nw.col(mark + name) for name in ("T", "last", "z", "u", "power"))
    recency = nw.col("recency").cast(nw.Float64)

    chances = (
        joined.with_columns(nw.col("T").cast(nw.Float64).alias(mark + "T"))
        .with_columns(nw.min_horizontal(recency, T).alias(mark + "last"))
        .with_columns(((T - last) / (alpha + last)).alias(mark + "z"))
        .with_columns((z + 1.0).alias(mark + "u"))
        .with_columns((shape * (u.log() + (z - (u - 1.0)) / u)).alias(mark + "power"))
        .with_columns(nw.min_horizontal(power, nw.lit(_CERTAIN)).exp().alias(mark + "power"))
        .with_columns((1.0 / (odds * power + 1.0)).alias(SCORES[0]))
        .drop(*(mark + name for name in ("T", "last", "z", "u", "power")))
    )
    made = zip(GIVEN_ALIVE, SCORES[1:], strict=True)
    alive = nw.col(SCORES[0])
    return chances.with_columns(*((alive * nw.col(mark + a)).alias(b) for a, b in made))


def with_spend_scale(
    scored: nw.LazyFrame[Any], rfm: CustomerSummary, model: SpendCovariates[Any], name: str
) -> nw.LazyFrame[Any]:
    """Add the scale v of each customer's spend, which depends on covariates alone."""
    patterns = rfm.patterns(("frequency", "T", *model.variables))
    patterns = patterns.take(distinct_rows(*patterns.covariates.values())[0])
    keys = [nw.generate_temporary_column_name(8, scored.columns) for _ in model.variables]
    theirs = [
        covariate_key(scored, each).alias(key)
        for each, key in zip(model.variables, keys, strict=True)
    ]
    ours = dict(zip(keys, patterns.covariates.values(), strict=True))
    scales = np.array(np.broadcast_to(model.rows(patterns).v, (len(patterns),)))
    return joined(scored.with_columns(*theirs), ours, {name: scales}).drop(*ours)
