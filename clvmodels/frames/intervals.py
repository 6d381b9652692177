"""Intervals of a prediction: worked out once per distinct history, joined on the engine."""

from __future__ import annotations

import math
from typing import Any, Final, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import TIMING, Customers
from clvmodels.frames.arguments import PurchaseFit, SpendFit, variables_of
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.keys import keys_of
from clvmodels.frames.scoring import joined, with_arrays
from clvmodels.frames.sources import as_narwhals
from clvmodels.models.draws import ParameterDraws
from clvmodels.predictive.arguments import DRAWS, fitted_model
from clvmodels.predictive.counts import count_interval
from clvmodels.predictive.scaled import scaled_interval
from clvmodels.predictive.totals import base_of
from clvmodels.special import distinct_rows

__all__ = ["COUNTS", "VALUES", "with_ends", "with_value_ends"]

Array: TypeAlias = NDArray[np.float64]

COUNTS: Final = ("purchases_lower", "purchases_upper")
VALUES: Final = ("clv_lower", "clv_upper")


def with_ends(
    scored: Any,
    rfm: CustomerSummary,
    purchases: PurchaseFit,
    spend: SpendFit | None,
    *,
    length: float,
    rate: float,
    level: float,
) -> Any:
    """Add `COUNTS` and, with spend, `VALUES` in units of expected spend, to a scored frame.

    Parameters
    ----------
    scored
        The frame of `rfm` with predictions.
    rfm, purchases, spend
        Customers and models; draws of parameters bring in their uncertainty.
    length, rate
        Horizon and continuous discount rate in the unit of the customers.
    level
        Probability inside.
    """
    by = (*TIMING, *variables_of(purchases, spend))
    frame = as_narwhals(rfm.frame)
    if isinstance(frame, nw.DataFrame):
        customers = rfm.customers(by[len(TIMING) :])
        first, code = distinct_rows(*customers.timing, *customers.covariates.values())
        ends = _ends(purchases, spend, customers.take(first), length, rate, level)
        made = with_arrays(scored, {name: each[code] for name, each in ends.items()})
        return _whole(made)
    patterns = rfm.patterns(by)
    ends = _ends(purchases, spend, patterns, length, rate, level)
    keys = keys_of(scored, by, definitions=rfm.definitions, unit=rfm.unit)
    return _whole(joined(keys.on(scored), keys.of(patterns), ends).drop(*keys.names))


def with_value_ends(scored: Any, margin: float | str) -> Any:
    """Turn `VALUES` in units of expected spend into money; a loss has its ends the other way."""
    share: Any = nw.col(margin).cast(nw.Float64) if isinstance(margin, str) else nw.lit(margin)
    unit = nw.col("expected_spend") * share
    low, high = (nw.col(name) * unit for name in VALUES)
    ends = nw.min_horizontal(low, high), nw.max_horizontal(low, high)
    return scored.with_columns(*(end.alias(name) for end, name in zip(ends, VALUES, strict=True)))


def _ends(
    purchases: PurchaseFit,
    spend: SpendFit | None,
    patterns: Customers,
    length: float,
    rate: float,
    level: float,
) -> dict[str, Array]:
    """Return the ends at patterns, each (n,); NaN for counts without an end."""
    models = _models(purchases)
    if math.isinf(length):
        counts = (np.full(len(patterns), math.nan),) * 2
    else:
        counts = count_interval(models, patterns, length, level)
    ends = dict(zip(COUNTS, counts, strict=True))
    if spend is None:
        return ends
    if isinstance(spend, str | int | float):
        values = scaled_interval(models, None, patterns, length, rate, level)
        return ends | dict(zip(VALUES, values, strict=True))
    fitted, base = fitted_model(spend), base_of(fitted_model(spend))
    # In an order of their own: draws of both fits that share a seed are no pairs.
    spends = _models(spend, shuffled=True)
    values = scaled_interval(models, spends, patterns, length, rate, level, fitted=fitted)
    # From the scale v + x m to expected spend p (v + x m) / (p x + q - 1).
    unit = patterns.frequency + (base.q - 1.0) / base.p
    return ends | {name: each * unit for name, each in zip(VALUES, values, strict=True)}


def _models(given: Any, *, shuffled: bool = False) -> list[Any]:
    """Return the model of a fit, or models at draws of its parameters."""
    if not isinstance(given, ParameterDraws):
        return [fitted_model(given)]
    models = given.models(DRAWS)
    order = np.random.default_rng(DRAWS).permutation(len(models)) if shuffled else range(DRAWS)
    return [models[i] for i in order]


def _whole(frame: Any) -> Any:
    """Make the ends of counts whole numbers, which may be missing."""
    if not frame.implementation.is_pandas():
        return frame.with_columns(*(nw.col(name).cast(nw.Int64) for name in COUNTS))
    native = nw.to_native(frame).astype(dict.fromkeys(COUNTS, "Int64"))
    return nw.from_native(native, eager_only=True)
