"""Totals of a base, a cohort or a segment, with the interval that holds for the sum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import narwhals as nw
import numpy as np

from clvmodels.errors import ParameterError
from clvmodels.frames.arguments import (
    PurchaseFit,
    SpendFit,
    check_models,
    variables_of,
)
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.exposure import exposure_of
from clvmodels.frames.known_histories import with_histories
from clvmodels.frames.money import check_margins, check_price, refuse_bad_spend
from clvmodels.frames.scoring import with_arrays
from clvmodels.frames.segments import Segments, segment_columns
from clvmodels.frames.sources import as_narwhals
from clvmodels.models.intervals import check_level
from clvmodels.predictive.total_intervals import Totals, totals_of
from clvmodels.predictive.totals import Terms
from clvmodels.units import Duration, in_units, rate_per_unit

__all__ = ["total"]

_RESULT: Final = (
    *("customers", "expected_purchases", "clv", "sd_customers", "sd_parameters", "sd"),
    *("lower", "upper", "method"),
)


def total(
    rfm: CustomerSummary,
    purchases: PurchaseFit,
    spend: SpendFit | None = None,
    *,
    horizon: Duration,
    discount_rate: float = 0.0,
    margin: float | str = 1.0,
    by: str | Sequence[str] | None = None,
    interval: float = 0.9,
) -> Any:
    """Predict the total of all customers, or of each segment, with an interval for the sum.

    Customers are independent of each other, so that their luck averages out; the error of the
    parameters is shared, so that it does not. The interval has both. It is never the sum of the
    intervals of `predict`, which would be far too wide.

    Parameters
    ----------
    rfm, purchases, spend, horizon, discount_rate, margin
        As in `predict`. With fits, or draws of their parameters (`Fit.draws`), the interval knows
        of the error of the parameters; bare models are taken as exact. Without `spend` purchases
        are counted, which takes a finite horizon and no discount.
    by
        A column of ``rfm.frame``, or several, whose values make the segments; missing values are
        a segment, too. None for one row in all.
    interval
        Probability that the total is between ``lower`` and ``upper``.

    Returns
    -------
    native frame
        One row a segment, sorted: the columns `by`, ``customers``, ``expected_purchases``,
        ``clv`` (with `spend`), ``sd_customers`` (chance, were the parameters known; null where
        infinite), ``sd_parameters``, ``sd``, ``lower``, ``upper``, and ``method``: ``moments``,
        ``simulation`` for segments that are small or hang on few customers, or ``large values``
        where spend has a heavy tail. The last six are about ``clv``, or without `spend` about
        the purchases. Of a lazy frame a polars frame, else of the library of ``rfm.frame``.

    Raises
    ------
    ParameterError
        `interval` is not between 0 and 1, or an argument is outside its domain.
    UndefinedMomentError
        A total has no expectation, as in `predict`.
    DataError
        The summary lacks what the models need, or the fit has parameters without bound on which
        the total depends.

    Examples
    --------
    >>> import polars as pl
    >>> from clvmodels import BGNBD, CustomerSummary
    >>> customers = BGNBD(0.243, 4.414, 0.793, 2.426).simulate(1000, 39, seed=1, unit="week")
    >>> x, t_x, T = customers.timing
    >>> table = pl.DataFrame({"customer_id": range(1000), "frequency": x, "recency": t_x, "T": T})
    >>> rfm = CustomerSummary.from_frame(table, unit="week")
    >>> found = total(rfm, BGNBD.fit(rfm), horizon="39w")
    >>> found.select("lower", "upper").row(0)
    (399.0, 564.0)
    """
    check_models(rfm, purchases, spend, function="total")
    level, columns = check_level(interval, name="interval"), _columns(rfm, by)
    frame = as_narwhals(rfm.frame)
    length = in_units(horizon, rfm.unit, start=rfm.observed_until)
    terms = Terms(length, rate_per_unit(discount_rate, rfm.unit))
    share = check_margins(frame, margin)
    price: float | str | None = 1.0
    if spend is None:
        _refuse_uncountable(terms)
        share = 1.0
    elif isinstance(spend, str | int | float):
        price = check_price(frame, spend)
    else:
        price = None
        if rfm.definitions is None:
            refuse_bad_spend(frame)
    valued = spend if price is None else None
    exposure, segments = exposure_of(
        rfm, variables=variables_of(purchases, valued), by=columns, margin=share, price=price
    )
    models = with_histories(purchases, rfm), with_histories(valued, rfm)
    found = totals_of(exposure, *models, terms, level=level, whole=spend is None)
    return _table(frame, segments, found, money=spend is not None)


def _columns(rfm: CustomerSummary, by: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns that make segments, or raise."""
    return segment_columns(by, as_narwhals(rfm.frame).collect_schema().names(), _RESULT)


def _refuse_uncountable(terms: Terms) -> None:
    """Raise where a total of purchases would have no end, or be of something else."""
    if terms.rate != 0.0:
        raise ParameterError(
            "Purchases are counted without a discount.",
            place="`discount_rate` was given without `spend`.",
            fix="Leave out `discount_rate`, or pass spend=1.0 for the sum of discounts.",
        )
    if math.isinf(terms.horizon):
        raise ParameterError(
            "Purchases are counted up to a finite `horizon`.",
            place="Got an infinite one.",
            fix="Pass a horizon such as '10y'.",
        )


def _table(
    frame: nw.DataFrame[Any] | nw.LazyFrame[Any], segments: Segments, found: Totals, *, money: bool
) -> Any:
    """Return the totals beside the names of their segments, infinite ones as missing."""
    backend: Any = nw.Implementation.POLARS
    if isinstance(frame, nw.DataFrame):
        backend = frame.implementation
    whole = found.customers.astype(np.int64).tolist()
    counted = nw.from_dict({_RESULT[0]: whole}, schema={_RESULT[0]: nw.Int64}, backend=backend)
    table = counted
    if segments.names is not None:
        table = segments.names.with_columns(counted[_RESULT[0]])
    numbers = {"expected_purchases": found.purchases} | ({"clv": found.mean} if money else {})
    numbers |= {name: getattr(found, name) for name in _RESULT[3:-1]}
    known = {name: np.where(np.isfinite(each), each, np.nan) for name, each in numbers.items()}
    method = nw.new_series(_RESULT[-1], list(found.method), nw.String, backend=backend)
    return nw.to_native(with_arrays(table, known).with_columns(method))
