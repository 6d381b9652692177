"""What predictions are given: fits, models or draws, horizons, shares, prices, margins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.customers import Customers
from clvmodels.design import Level
from clvmodels.errors import DataError, ParameterError
from clvmodels.models.draws import ParameterDraws
from clvmodels.models.fit import Fit
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.provenance import check_alike
from clvmodels.models.spend import SpendPredictions
from clvmodels.units import Duration, in_units
from clvmodels.value import check_margin

__all__ = [
    "check_price",
    "check_shares",
    "finite_horizon",
    "fit_of",
    "fitted_model",
    "horizon_of",
    "is_number",
    "one_for_each",
    "positive_margin",
    "purchase_fit",
    "purchase_models",
    "refuse_bad_spend",
    "spend_models",
    "with_covariates",
]

Array: TypeAlias = NDArray[np.float64]

DRAWS: Final = 32  # models that stand for the uncertainty of parameters


def fit_of(given: Any) -> Any:
    """Return the fit that draws of parameters belong to, or what else is given."""
    return given.fit if isinstance(given, ParameterDraws) else given


def fitted_model(given: Any) -> Any:
    """Return the model of a fit or of draws of its parameters, or a model itself."""
    fit = fit_of(given)
    return fit.model if isinstance(fit, Fit) else fit


def purchase_fit(purchases: Any) -> Any:
    """Return the fit of draws, or a fit or model of purchases as it is.

    Raises
    ------
    DataError
        It is none of these.
    """
    found = fit_of(purchases)
    if isinstance(fitted_model(found), PurchasePredictions):
        return found
    raise DataError(
        "`purchases` is a fit of a purchase model, such as BGNBD.fit(rfm), or its parameter draws.",
        place=f"Got {purchases!r:.80}.",
        fix="Pass the purchase fit first, then the spend fit.",
    )


def purchase_models(purchases: Any) -> tuple[PurchasePredictions, ...]:
    """Return the models that stand for a fit, a model, or draws of parameters.

    Raises
    ------
    DataError
        It is none of these.
    """
    found = fitted_model(purchase_fit(purchases))
    return tuple(purchases.models(DRAWS)) if isinstance(purchases, ParameterDraws) else (found,)


def spend_models(spend: Any) -> tuple[SpendPredictions, ...]:
    """Return the models that stand for a fit, a model, or draws of parameters.

    Draws in an order of their own: those of two fits that share a seed are no pairs.

    Raises
    ------
    DataError
        It is none of these.
    """
    if not isinstance(fitted_model(spend), SpendPredictions):
        raise DataError(
            "`spend` is a fit of Gamma-Gamma, its parameter draws, or a price.",
            place=f"Got {spend!r:.80}.",
            fix="Pass GammaGamma.fit(rfm), or a number such as 9.99.",
        )
    if not isinstance(spend, ParameterDraws):
        return (fitted_model(spend),)
    models = spend.models(DRAWS)
    return tuple(models[i] for i in np.random.default_rng(DRAWS).permutation(DRAWS))


def horizon_of(
    customers: Any, purchases: Any, horizon: Duration, *, name: str = "horizon"
) -> float:
    """Return a horizon in the unit that customers and fit share, or raise if they do not.

    `name` is what the argument is called in messages.

    Raises
    ------
    UnitMismatchError
        The units differ.
    ParameterError
        The horizon cannot be read, is negative, or no unit is known in which to read it.
    """
    fitted = fit_of(purchases)
    check_alike(fitted, customers)
    unit = getattr(customers, "unit", None) or getattr(fitted, "unit", None)
    if unit is None and not is_number(horizon):
        raise ParameterError(
            f"`{name}` as a duration needs the unit of the customers.",
            place=f"Got {horizon!r}, and neither customers nor model have a unit.",
            fix="Pass a number, or Customers.from_arrays(..., unit='week').",
        )
    start = getattr(customers, "observed_until", None)
    return in_units(horizon, unit or "day", start=start, name=name)


def is_number(value: object) -> bool:
    """Whether something is a number, which True is not."""
    return isinstance(value, Real) and not isinstance(value, bool)


def finite_horizon(
    customers: Any, purchases: Any, horizon: Duration, *, name: str = "horizon"
) -> float:
    """Return a finite horizon in the unit of customers and fit; see `horizon_of`."""
    length = horizon_of(customers, purchases, horizon, name=name)
    if math.isinf(length):
        raise ParameterError(
            f"The number of purchases has a distribution within a finite {name}.",
            place="Got an infinite one.",
            fix=f"Pass {name}='1y'.",
        )
    return length


def check_shares(value: ArrayLike, n: int) -> Array:
    """Return probabilities between 0 and 1, one for all or for each of n customers, shape (n,)."""
    shares = np.asarray(value, dtype=np.float64)
    if not ((shares > 0.0) & (shares < 1.0)).all():
        raise ParameterError(
            "Probabilities of quantiles are above 0 and below 1.",
            place=f"Got {value!r:.80}.",
            fix="Write the median as 0.5.",
        )
    return one_for_each(shares, n, "A probability")


def one_for_each(values: Array, n: int, what: str) -> Array:
    """Return values for n customers, shape (n,), or raise unless they are one or n."""
    if values.shape in ((), (n,)):
        return np.broadcast_to(values, (n,))
    raise ParameterError(
        f"{what} is one number for all customers, or one for each.",
        place=f"Got shape {values.shape} for {n} customers.",
        fix="Ask for several numbers one after the other.",
    )


def check_price(price: Any) -> float:
    """Return a price, or raise unless it is above zero and finite."""
    if 0.0 < price < math.inf:
        return float(price)
    raise ParameterError(
        "A price is above zero.", place=f"Got {price!r}.", fix="Pass what a purchase is worth."
    )


def positive_margin(margin: Any) -> float:
    """Return the share of spend that counts, or raise unless some does."""
    share = check_margin(margin)
    if share > 0.0:
        return share
    raise ParameterError(
        "A distribution of value needs a `margin` above zero.",
        place=f"Got {margin!r}.",
        fix="Take the distribution of losses at a margin of their size, such as 0.1.",
    )


def refuse_bad_spend(customers: Customers) -> None:
    """Raise if a customer who came back has a mean spend that is none."""
    x, m = customers.spend
    bad = int(((x > 0.0) & ~(np.isfinite(m) & (m >= 0.0))).sum())
    if bad:
        raise DataError(
            "`monetary_value` is a finite amount, zero or more, where frequency is above 0.",
            place=f"{bad:,} customers break this.",
            fix="Net refunds with rfm_summary, or leave these customers out.",
        )


def with_covariates(
    c: Customers, model: PurchasePredictions, covariates: Mapping[str, Level] | None
) -> Customers:
    """Return customers who all have these covariates, or raise unless the model needs just these.

    Raises
    ------
    ParameterError
        Covariates are missing, or unknown.
    """
    given = covariates or {}
    if set(given) != set(model.variables):
        raise ParameterError(
            f"This model knows {', '.join(model.variables) or 'no'} covariates.",
            place=f"Got {', '.join(sorted(given)) or 'none'}.",
            fix="Pass those of the customer, such as covariates={'channel': 'web'}.",
        )
    x, t_x, T = c.timing
    repeated = {name: [value] * len(c) for name, value in given.items()}
    return Customers.from_arrays(x, t_x, T, unit=c.unit, covariates=repeated)
