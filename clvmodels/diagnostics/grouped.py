"""What a model expects of groups of customers in a holdout window, and how far off chance goes."""

from __future__ import annotations

from datetime import date
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.diagnostics.holdout import Outcomes, outcomes
from clvmodels.errors import DataError, MissingColumnError
from clvmodels.frames.arguments import check_models, variables_of
from clvmodels.frames.split import HoldoutSplit
from clvmodels.predictive.arguments import check_price, fit_of, fitted_model, is_number
from clvmodels.predictive.total_intervals import Totals, totals_of
from clvmodels.predictive.totals import POWERS, Exposure, Terms
from clvmodels.special import Index

__all__ = ["LEVEL", "checked_outcomes", "expected_of_groups", "refuse_hindsight"]

Array: TypeAlias = NDArray[np.float64]

LEVEL: Final = 0.9  # of the intervals of tables


def checked_outcomes(
    split: HoldoutSplit, purchases: Any, spend: Any, *, function: str, columns: tuple[str, ...] = ()
) -> Outcomes:
    """Return the customers of a split with what models need, or raise if they do not go together.

    `columns` are other columns of the calibration frame to take along.
    """
    if not isinstance(split, HoldoutSplit):
        raise DataError(
            f"`{function}` takes a HoldoutSplit.",
            place=f"Got {type(split).__qualname__}.",
            fix="Use holdout_split(orders, ..., calibration_end=...).",
        )
    check_models(split.calibration, purchases, spend, function=function)
    for each in (purchases, spend):
        refuse_hindsight(each, split.calibration_end)
    valued = None if is_number(spend) or isinstance(spend, str) else spend
    prices = (spend,) if isinstance(spend, str) else ()
    found = outcomes(split, columns=(*columns, *prices), covariates=variables_of(purchases, valued))
    if spend is not None and found.value is None:
        raise MissingColumnError(
            "Value is compared with the money of the holdout window.",
            place="This split was made without amounts.",
            fix="Name the `amount` column in holdout_split, or leave out the spend fit.",
        )
    return found


def refuse_hindsight(model: Any, calibration_end: date) -> None:
    """Raise if a fit has learned from what came after the cut, with which it is to be compared."""
    fit = fit_of(model)
    known = getattr(fit, "observed_until", None)
    if known is not None and known > calibration_end:
        raise DataError(
            "A model is compared with what came after its data.",
            place=f"The fit of {fit.model.label} knows of orders until {known}, and the holdout "
            f"begins after {calibration_end}.",
            fix="Fit to the calibration window: BGNBD.fit(split.calibration).",
        )


def expected_of_groups(
    found: Outcomes,
    group: Index,
    groups: int,
    purchases: Any,
    spend: Any = None,
    *,
    level: float = LEVEL,
) -> Totals:
    """Return what groups of customers are expected to do in the holdout window.

    Parameters
    ----------
    found
        The n customers.
    group
        Shape (n,): the number of the group of each.
    groups
        How many there are.
    purchases
        A fit, whose error counts, or a model, which is taken as known.
    spend
        The same of spend, or a price, or the name of a column of prices; None for purchases.
    level
        Probability that the total of a group is between ``lower`` and ``upper``.
    """
    c = found.customers
    n = len(c)
    price = _price(found, spend)
    valued = None if price is not None else spend
    if price is None:
        x, m = c.spend
        price = np.where(x > 0.0, x * m, 0.0)
    sums = {(a, b): price**b for a, b in POWERS}
    exposure = Exposure(c, np.arange(n), group, np.ones(n), sums, groups)
    terms = Terms(found.horizon, 0.0)
    try:
        return totals_of(exposure, purchases, valued, terms, level=level, whole=spend is None)
    except DataError:  # parameters without bound, on which sums depend: chance alone then
        known = fitted_model(fit_of(purchases)), None if valued is None else fitted_model(valued)
        return totals_of(exposure, *known, terms, level=level, whole=spend is None)


def _price(found: Outcomes, spend: Any) -> Array | None:
    """Return the price of a purchase of each customer, 1 to count; None where it is modelled."""
    n = len(found)
    if spend is None:
        return np.ones(n)
    if is_number(spend):
        return np.full(n, check_price(spend))
    return np.asarray(found.segments[spend], np.float64) if isinstance(spend, str) else None
