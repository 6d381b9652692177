"""One fit beside the new data: the refit, and the test of the old estimates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.drifts.before import looked_at_before
from clvmodels.drifts.difference import difference
from clvmodels.drifts.known import known_of
from clvmodels.drifts.overlap import Between
from clvmodels.drifts.refit import refit
from clvmodels.drifts.result import Part
from clvmodels.drifts.spend_pairs import nested_spread
from clvmodels.errors import DataError, ParameterError
from clvmodels.estimation import Objective, newton
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.models.fit import Fit
from clvmodels.models.spend import SpendPredictions
from clvmodels.objective import total
from clvmodels.parameters import from_real_line

__all__ = ["part_of"]

Array: TypeAlias = NDArray[np.float64]


def part_of(fit: Fit[Any], new: CustomerSummary, customers: Customers, data: Between) -> Part:
    """Fit anew, and test the old estimates by the score of the new data."""
    fitted = refit(fit, new)
    model = fit.model
    objective, z = total(model.per_row(new)), model.coordinates
    _, score, hessian = objective(z)
    information = -0.5 * (hessian + objective(fitted.model.coordinates)[2])
    known = known_of(fit, customers, data)
    spread, root = None, known.root
    spend = isinstance(model, SpendPredictions)
    if spend and data.overlap == "nested":
        spread = nested_spread(model, customers, _length_of(data))
    elif data.overlap == "nested" and data.length is not None:
        root = _half_way(root, fit, fitted.model.coordinates, customers, data.length)
    found = difference(root @ root.T, information, score, data.overlap, spread)
    found = replace(found, endless=np.hstack([known.endless, found.endless]))
    held = None if not known.endless.size else _held(model, known.firm, objective)
    return Part("spend" if spend else "purchases", fit, fitted, found, known, held)


def _held(model: Any, axes: Array, objective: Objective) -> Any:
    """Return the model at the maximum for the new data along some axes, None if there is none.

    The other directions stay where the old fit has them, at a limit of the model.
    """
    z = model.coordinates

    def along(u: Array) -> tuple[float, Array, Array]:
        value, gradient, hessian = objective(z + axes @ u)
        return value, axes.T @ gradient, axes.T @ hessian @ axes

    end = newton(along, np.zeros(axes.shape[1])) if axes.size else None
    if end is None:
        return None
    return model.with_values(from_real_line(z + axes @ end.point, model.positive))


def _half_way(root: Array, fit: Fit[Any], z: Array, customers: Customers, length: float) -> Array:
    """Return the root of the covariance of old estimates by their mean information here and at z.

    A likelihood that is skewed has another curvature at the new estimates. The file does not know
    it, but what the old data must have looked like does: the change of their information is added.
    """
    model = fit.model
    whole = float(model.whole_periods(np.asarray(0.5))) == 0.0
    try:
        objective = total(model.per_row(looked_at_before(customers, length, whole=whole)))
    except DataError:  # such as nobody who had bought again
        return root
    change = 0.5 * (objective(model.coordinates)[2] - objective(z)[2])
    if not np.isfinite(change).all():
        return root
    values, axes = np.linalg.eigh(np.eye(root.shape[1]) + root.T @ change @ root)
    usable = bool((values > 0.0).all())
    return np.asarray(root @ axes / np.sqrt(values)) if usable else root


def _length_of(data: Between) -> float:
    if data.length is not None:
        return data.length
    raise ParameterError(
        "How much of the new spend the old fit has seen is told from when both end.",
        place=f"The fit ends on {data.start}, the new data on {data.end}.",
        fix="Pass `observed_until` to the summary.",
    )
