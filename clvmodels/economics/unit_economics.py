"""`unit_economics`: lifetime value beside acquisition cost, by channel or any other segment."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.economics.acquired import residual_value
from clvmodels.economics.asked import Asked, read_arguments
from clvmodels.economics.estimate import Estimate, unknown_error, with_error
from clvmodels.economics.judged import bids, curve_of, judged, paybacks
from clvmodels.economics.result import Basis, UnitEconomics
from clvmodels.economics.so_far import so_far, up_to_age
from clvmodels.errors import DataError
from clvmodels.frames.result_words import model_labels
from clvmodels.units import Duration

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["unit_economics"]


def unit_economics(
    predictions: Any,
    purchases: Any = None,
    spend: Any = None,
    *,
    cac: float | str | Mapping[Any, float] | pd.DataFrame,
    by: str | Sequence[str] | None = None,
    basis: Basis | None = None,
    horizon: Duration | None = None,
    discount_rate: float = 0.0,
    margin: float | str | None = None,
    return_rate: float | Mapping[Any, float] = 0.0,
    cost_per_order: float | Mapping[Any, float] = 0.0,
    cost_per_year: float | Mapping[Any, float] = 0.0,
    first_order: float | str | None = None,
    history: str | None = None,
    within: Duration | None = None,
    threshold: float = 3.0,
    interval: float = 0.9,
) -> UnitEconomics:
    """Set what customers bring in beside what they cost, by channel or any other segment.

    Parameters
    ----------
    predictions
        A `CustomerSummary`, with `purchases` and `spend`; or a table that `predict` has made, whose
        values are taken as they are and whose sums have no known interval.
    purchases
        A purchase fit, its draws, a model, or a `CLVModel`. Or one for each segment, in a mapping
        from the value of `by`. A fit with the columns `by` as covariates tells segments apart, too.
    spend
        A spend fit, draws, model, a price, or the name of a column of prices; or a mapping.
    cac
        Cost of acquiring a customer: a number; a mapping from segment to number (tuples where `by`
        is several columns); a table with the columns `by` and ``cac``; or the name of a column
        with each customer's cost.
    by
        A column of the customers, or several, that make segments.
    basis
        Whose value the LTV is. 'new': expected of a new customer within `horizon` of the first
        order: what an acquisition decides about. 'acquired': of the customers there are, what they
        have brought in plus what is expected within `horizon` from now on. 'realised': what
        customers at least as old as `within` had brought in at that age, without any model. None
        takes 'new' where the models tell segments apart or there is one segment, else 'acquired'.
    horizon, discount_rate
        As in `predict`; money of the past is neither discounted nor compounded.
    margin
        Fraction of spend that is margin, or a column of fractions; None is all of it. A table of
        predictions needs the one at which it was made, for the past to count as the future does.
    return_rate
        Fraction of spend that comes back. Leave it at zero where returns are in the log and were
        netted.
    cost_per_order, cost_per_year
        Cost to serve: of each order, the first included, and of each year that a customer is there
        (by the model: with P(alive)). Numbers, or mappings by segment.
    first_order
        Mean value of a first order, or the name of a column with that of each customer
        (`historical_value` makes it); None takes the mean of the spend model, which is fitted to
        repeat orders.
    history
        Name of the column with what each customer has spent so far, the first order included
        (`historical_value` makes it). None adds the expected spend of a customer for the first
        order, which a summary does not hold, to the repeat spend.
    within
        For 'realised': the age. The summary then has the columns of ``historical_value(...,
        within=...)`` of the same age, and `history` need not name one.
    threshold
        The ratio LTV:CAC that is asked for. 3 is a rule of thumb of subscription businesses, no
        law: see the page on unit economics.
    interval
        Probability inside the intervals.

    Returns
    -------
    UnitEconomics
        ``.table``, ``.new_customers``, ``.payback_curve``, ``.verdict``, ``.notes``.

    Raises
    ------
    DataError
        Segments have no CAC, or a column is missing or has gaps.
    ParameterError
        An argument is outside its domain, or does not go with the others.

    Examples
    --------
    >>> import polars as pl
    >>> from clvmodels import BGNBD, CustomerSummary, GammaGamma
    >>> table = pl.DataFrame(
    ...     {"customer_id": [1, 2], "frequency": [2, 0], "recency": [30.4, 0.0],
    ...      "T": [38.9, 38.9], "monetary_value": [22.35, None]}
    ... )
    >>> rfm = CustomerSummary.from_frame(table, unit="week")
    >>> models = BGNBD(0.243, 4.414, 0.793, 2.426), GammaGamma(6.25, 3.74, 15.44)
    >>> found = unit_economics(rfm, *models, cac=12.0, horizon="1y", margin=0.3)
    >>> found.table[["ltv", "ltv_to_cac", "payback", "flag"]].round(2).to_dict("records")
    [{'ltv': 25.88, 'ltv_to_cac': 2.16, 'payback': 2.68, 'flag': 'below'}]
    """
    asked = read_arguments(
        predictions,
        purchases,
        spend,
        cac=cac,
        by=by,
        basis=basis,
        horizon=horizon,
        discount_rate=discount_rate,
        margin=margin,
        return_rate=return_rate,
        cost_per_order=cost_per_order,
        cost_per_year=cost_per_year,
        first_order=first_order,
        history=history,
        within=within,
        threshold=threshold,
        interval=interval,
    )
    notes = list(asked.notes)
    new = _new_customers(asked, notes)
    base, unit, count = asked.base, asked.unit, asked.base.count
    if asked.basis == "realised":
        ltv, count = up_to_age(asked)
    else:
        ltv = new if asked.basis == "new" and new is not None else _acquired(asked, notes)
    payback, table_of_new, curve = np.full(len(base.names), math.nan), None, None
    if new is not None and asked.newcomers is not None and unit is not None:
        assert asked.future is not None
        payback = paybacks(asked.newcomers, asked.cac, asked.future, unit)
        table_of_new = bids(
            base.names, asked.newcomers, new, payback, asked.future, unit, asked.threshold
        )
        curve = curve_of(base.names, asked.newcomers, asked.cac, asked.future, unit)
    until = None
    if asked.basis == "new" and asked.length is not None and unit is not None:
        until = asked.length, unit
    table = judged(
        base.names, asked.labels, count, asked.cac, ltv, payback, asked.threshold, until=until
    )
    return UnitEconomics(
        table=table,
        new_customers=table_of_new,
        payback_curve=curve,
        by=base.by,
        basis=asked.basis,
        threshold=asked.threshold,
        interval=None if np.isnan(ltv.lower).all() else asked.level,
        horizon=asked.age if asked.basis == "realised" else asked.length,
        unit=unit,
        models=model_labels(each for pair in asked.pairs for each in (pair.purchases, pair.spend)),
        notes=tuple(notes),
    )


def _new_customers(asked: Asked, notes: list[str]) -> Estimate | None:
    """Return the value of new customers, with its interval where the error is known."""
    if asked.newcomers is None or asked.future is None:
        return None
    terms = asked.future.horizon, asked.future.rate
    mean = asked.newcomers.value(*terms)
    try:
        error = asked.newcomers.error(*terms)
    except DataError as problem:
        notes.append(f"No interval for new customers: {problem.place}")
        return unknown_error(mean, asked.level)
    return with_error(mean, error, asked.level)


def _acquired(asked: Asked, notes: list[str]) -> Estimate:
    """Return the value of the customers there are: so far, and to come."""
    past = asked.base.sums(so_far(asked))
    count = asked.base.count
    if asked.future is None or asked.rfm is None:
        values = asked.base.numbers("clv", role="prediction")
        coming = asked.base.sums(values * asked.costs.kept[asked.base.code])
        return unknown_error((past + coming) / count, asked.level)
    found, known = residual_value(
        asked.rfm, asked.base, asked.pairs, asked.costs, asked.future, margin=asked.margin
    )
    if not known:
        notes.append(
            "No interval: the data do not bound a parameter on which the totals depend; see the "
            "certificate of the fit."
        )
    mean, lower, upper = ((past + each) / count for each in (found.mean, found.lower, found.upper))
    return Estimate(mean, lower, upper, asked.level)
