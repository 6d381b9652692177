"""What a customer who is not yet acquired will be worth, by covariate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.errors import ParameterError
from clvmodels.models.fit import Fit
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.provenance import check_alike
from clvmodels.models.spend import SpendPredictions
from clvmodels.predictive.arguments import fit_of, fitted_model, purchase_fit
from clvmodels.units import Duration, TimeUnit, in_units, rate_per_unit
from clvmodels.value import check_margin, customer_value

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["new_customers"]

Array: TypeAlias = NDArray[np.float64]


def new_customers(
    purchases: Fit[Any] | PurchasePredictions,
    spend: Fit[Any] | SpendPredictions | float | None = None,
    *,
    horizon: Duration,
    discount_rate: float = 0.0,
    margin: float = 1.0,
    first_order: bool | float = True,
    covariates: Mapping[str, Any] | pd.DataFrame | None = None,
    unit: TimeUnit | None = None,
) -> pd.DataFrame:
    """Predict what new customers will buy and be worth, from their first order on.

    Parameters
    ----------
    purchases
        A purchase fit, or a model with published parameters (then pass `unit`).
    spend
        A spend fit or model, or a price per purchase; without it there is no money in the result.
    horizon
        How far ahead, from the first order: ``"1y"``, ``"26w"``, ``math.inf``, or a number in the
        unit of the fit.
    discount_rate
        Annual effective rate as a fraction, as in `predict`.
    margin
        Fraction of spend that counts.
    first_order
        Whether `clv` counts the first order, at the moment of acquisition: True at the mean spend
        of the model, a number at that amount, False not at all. Spend models are fitted to repeat
        orders; where first orders differ (a welcome discount), give their mean amount.
    covariates
        The kinds of customers to predict for, if the models have covariates: a value for each, or
        a table (pandas, or a mapping of columns) with one row a kind.
    unit
        Unit of a model that is no fit.

    Returns
    -------
    DataFrame
        One row a kind of customer: its covariates, ``expected_purchases`` (after the first order,
        not discounted) and ``discounted_purchases``; with `spend` also ``expected_spend`` (per
        order), ``first_order_value``, ``repeat_value`` and ``clv``, their sum.

    Raises
    ------
    ParameterError
        An argument is outside its domain, or covariates are missing or not known.
    UndefinedMomentError
        The value does not exist, such as undiscounted without end, or spend at q <= 1.

    Examples
    --------
    >>> from clvmodels import BGNBD, GammaGamma
    >>> models = BGNBD(0.243, 4.414, 0.793, 2.426), GammaGamma(6.25, 3.74, 15.44)
    >>> table = new_customers(*models, horizon="1y", discount_rate=0.15, margin=0.3, unit="week")
    >>> table.round(2).iloc[0].to_dict()["clv"]
    25.03
    """
    import pandas as pd

    check_alike(fit_of(purchases), fit_of(spend))
    known = _unit_of(fit_of(purchases), unit)
    counts, money = fitted_model(purchase_fit(purchases)), fitted_model(spend)
    names = sorted({*counts.variables, *getattr(money, "variables", ())})
    kinds = _kinds(covariates, names)
    c = _newcomers(kinds, known)
    length, rate = in_units(horizon, known), rate_per_unit(discount_rate, known)
    table = pd.DataFrame(dict(kinds), index=pd.RangeIndex(len(c)))
    endless = math.isinf(length) and rate > 0.0
    table["expected_purchases"] = (
        _all_purchases(counts, c) if endless else counts.expected_purchases(c, length)
    )
    discounted = counts.discounted_purchases(c, length, rate)
    table["discounted_purchases"] = discounted
    if money is None:
        if first_order is not True:
            raise ParameterError(
                "The first order has a value where spend has one.",
                place=f"Got first_order={first_order!r} and no `spend`.",
                fix="Pass a spend fit or a price.",
            )
        return table
    each, share = _per_order(money, c), check_margin(margin)
    table["expected_spend"] = each
    table["first_order_value"] = _first_value(first_order, each) * share
    table["repeat_value"] = customer_value(discounted, each, share)
    table["clv"] = table["first_order_value"] + table["repeat_value"]
    return table


def _unit_of(purchases: object, unit: TimeUnit | None) -> TimeUnit:
    own: TimeUnit | None = getattr(purchases, "unit", None)
    if unit is not None and own is not None and unit != own:
        raise ParameterError(
            "A fit has a unit of its own.",
            place=f"The fit is per {own}, `unit` is {unit!r}.",
            fix="Leave out `unit`.",
        )
    known = own or unit
    if known is None:
        raise ParameterError(
            "Horizons and rates need the unit of the model.",
            place="Neither the model nor `unit` gives one.",
            fix="Pass unit='week', or a fit.",
        )
    return known


def _kinds(covariates: Any, names: list[str]) -> dict[str, NDArray[Any]]:
    """Return a column for each covariate, or raise unless exactly these are given."""
    given = {} if covariates is None else {name: covariates[name] for name in covariates}
    if sorted(given) != names:
        raise ParameterError(
            f"New customers have the covariates of the models: {', '.join(names) or 'none'}.",
            place=f"Got {', '.join(sorted(given)) or 'none'}.",
            fix="Pass covariates={'channel': ['web', 'shop']}, a value or a column for each.",
        )
    columns = {name: np.atleast_1d(np.asarray(each)) for name, each in given.items()}
    lengths = {len(each) for each in columns.values()} - {1}
    if len(lengths) > 1 or 0 in lengths:
        raise ParameterError(
            "Each covariate has one value, or one for every kind of customer.",
            place=f"Got lengths {', '.join(f'{k}: {len(v)}' for k, v in columns.items())}.",
            fix="Pass columns of one table.",
        )
    rows = max(lengths, default=1)
    return {
        name: np.repeat(each, rows) if len(each) == 1 else each for name, each in columns.items()
    }


def _newcomers(kinds: dict[str, NDArray[Any]], unit: TimeUnit) -> Customers:
    zero = np.zeros(len(next(iter(kinds.values()), np.zeros(1))))
    return Customers.from_arrays(zero, zero, zero, unit=unit, monetary_value=zero, covariates=kinds)


def _all_purchases(counts: Any, c: Customers) -> Array:
    """Return all purchases without end, missing where their number is infinite."""
    model = counts.rows(c)
    endless = np.broadcast_to(model.purchases_without_end(c), (len(c),))
    alive = counts.p_alive(c)
    return np.where(
        np.isfinite(endless), alive * np.where(np.isfinite(endless), endless, 0), np.nan
    )


def _per_order(money: Any, c: Customers) -> Array:
    """Return the expected value of an order, shape (n,), of a spend model or at a price."""
    if isinstance(money, SpendPredictions):
        return money.expected_spend(c)
    is_number = isinstance(money, int | float) and not isinstance(money, bool)
    if is_number and 0.0 <= money < math.inf:
        return np.full(len(c), float(money))
    raise ParameterError(
        "`spend` is a spend fit, or a price of zero or more.",
        place=f"Got {money!r:.80}.",
        fix="Pass GammaGamma.fit(rfm), a number, or nothing.",
    )


def _first_value(first_order: bool | float, each: Array) -> Array:
    if first_order is True:
        return each
    if first_order is False:
        return np.zeros_like(each)
    amount = first_order if isinstance(first_order, int | float) else math.nan
    if not 0.0 <= amount < math.inf:
        raise ParameterError(
            "`first_order` is True, False, or an amount.",
            place=f"Got {first_order!r}.",
            fix="Pass the mean amount of first orders.",
        )
    return np.full_like(each, float(amount))
