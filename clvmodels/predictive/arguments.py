"""What the predictive distributions are asked: fits, models or draws, horizons, levels."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.errors import ParameterError
from clvmodels.models.draws import ParameterDraws
from clvmodels.models.fit import Fit
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.provenance import check_alike
from clvmodels.units import Duration, in_units

__all__ = [
    "check_shares",
    "finite_horizon",
    "fit_of",
    "fitted_model",
    "horizon_of",
    "one_for_each",
    "purchase_models",
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


def purchase_models(purchases: Any) -> tuple[PurchasePredictions, ...]:
    """Return the models that stand for a fit, a model, or draws of parameters.

    Raises
    ------
    ParameterError
        It is none of these.
    """
    models = _models(purchases)
    if models and all(isinstance(each, PurchasePredictions) for each in models):
        return models
    raise ParameterError(
        "`purchases` is a fit of a purchase model, such as BGNBD.fit(rfm), or its draws.",
        place=f"Got {purchases!r:.80}.",
        fix="Pass BGNBD.fit(rfm), BGNBD.fit(rfm).posterior() or a model.",
    )


def _models(given: Any) -> tuple[Any, ...]:
    if isinstance(given, ParameterDraws):
        return tuple(given.models(DRAWS))
    return (given.model,) if isinstance(given, Fit) else (given,)


def horizon_of(customers: Any, purchases: Any, horizon: Duration) -> float:
    """Return a horizon in the unit that customers and fit share, or raise if they do not.

    Raises
    ------
    UnitMismatchError
        The units differ.
    ParameterError
        The horizon cannot be read, is negative, or no unit is known in which to read it.
    """
    fitted = getattr(purchases, "fit", purchases)
    check_alike(fitted, customers)
    unit = getattr(customers, "unit", None) or getattr(fitted, "unit", None)
    if unit is None and not _is_number(horizon):
        raise ParameterError(
            "`horizon` as a duration needs the unit of the customers.",
            place=f"Got {horizon!r}, and neither customers nor model have a unit.",
            fix="Pass a number, or Customers.from_arrays(..., unit='week').",
        )
    return in_units(horizon, unit or "day", start=getattr(customers, "observed_until", None))


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def finite_horizon(customers: Any, purchases: Any, horizon: Duration) -> float:
    """Return a finite horizon in the unit of customers and fit; see `horizon_of`."""
    length = horizon_of(customers, purchases, horizon)
    if math.isinf(length):
        raise ParameterError(
            "The number of purchases has a distribution within a finite horizon.",
            place="Got an infinite one.",
            fix="Pass a horizon such as '1y'.",
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
