"""One fit beside the new data: the refit, and the test of the old estimates."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.drifts.before import looked_at_before
from clvmodels.drifts.difference import difference
from clvmodels.drifts.overlap import Between
from clvmodels.drifts.refit import refit
from clvmodels.drifts.result import Part
from clvmodels.drifts.spend_pairs import nested_spread
from clvmodels.errors import DataError, ParameterError
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.models.fit import Fit
from clvmodels.models.spend import SpendPredictions
from clvmodels.objective import total

__all__ = ["in_coordinates", "part_of"]

Array: TypeAlias = NDArray[np.float64]


def part_of(fit: Fit[Any], new: CustomerSummary, customers: Customers, data: Between) -> Part:
    """Fit anew, and test the old estimates by the score of the new data."""
    fitted = refit(fit, new)
    model = fit.model
    objective, z = total(model.per_row(new)), model.coordinates
    _, score, hessian = objective(z)
    information = -0.5 * (hessian + objective(fitted.model.coordinates)[2])
    spread, before = None, in_coordinates(fit)
    spend = isinstance(model, SpendPredictions)
    if spend and data.overlap == "nested":
        spread = nested_spread(model, customers, _length_of(data))
    elif data.overlap == "nested" and data.length is not None:
        before = _half_way(before, fit, fitted.model.coordinates, customers, data.length)
    found = difference(before, information, score, data.overlap, spread)
    return Part("spend" if spend else "purchases", fit, fitted, found)


def _half_way(
    covariance: Array, fit: Fit[Any], z: Array, customers: Customers, length: float
) -> Array:
    """Return the covariance of the old estimates by their mean information there and at `z`.

    A likelihood that is skewed has another curvature at the new estimates. The file does not know
    it, but what the old data must have looked like does: the change of their information is added.
    """
    if not np.isfinite(np.diag(covariance)).all():
        return covariance
    model = fit.model
    whole = float(model.whole_periods(np.asarray(0.5))) == 0.0
    try:
        objective = total(model.per_row(looked_at_before(customers, length, whole=whole)))
    except DataError:  # such as nobody who had bought again
        return covariance
    change = 0.5 * (objective(model.coordinates)[2] - objective(z)[2])
    information = np.linalg.inv(covariance) + change
    values = np.linalg.eigvalsh(covariance @ information @ covariance)
    usable = np.isfinite(change).all() and values[0] > 0.0
    return np.asarray(np.linalg.inv(information)) if usable else covariance


def _length_of(data: Between) -> float:
    if data.length is not None:
        return data.length
    raise ParameterError(
        "How much of the new spend the old fit has seen is told from when both end.",
        place=f"The fit ends on {data.start}, the new data on {data.end}.",
        fix="Pass `observed_until` to the summary.",
    )


def in_coordinates(fit: Fit[Any]) -> Array:
    """Return the covariance of the estimates on the scale of the estimation, (k, k)."""
    slopes = np.where(fit.model.positive, fit.model.values, 1.0)
    return np.asarray(fit.covariance / slopes[:, None] / slopes)
