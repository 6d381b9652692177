"""The same model at the maximum for other data: same columns, same settings."""

from __future__ import annotations

import warnings
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Histories
from clvmodels.errors import DataError, IdentifiabilityWarning
from clvmodels.estimation import Objective, maximum_likelihood
from clvmodels.models.assembly import make_fit
from clvmodels.models.base import scouts
from clvmodels.models.fit import Fit
from clvmodels.objective import PerRow, total
from clvmodels.parameters import from_real_line, to_real_line
from clvmodels.sampling.target import units_of

__all__ = ["refit"]

Array: TypeAlias = NDArray[np.float64]

_CONSTANT: Final = 1e10  # size of a column beside its spread, which then is rounding


def refit(fit: Fit[Any], data: Histories) -> Fit[Any]:
    """Fit the model of a fit to other data, from the old estimates and from the model's own starts.

    Whether the data pin the parameters down is in the certificate; there is no warning.

    Raises
    ------
    DataError
        The data say nothing about the parameters, or lack a covariate or a level of it.
    ConvergenceError
        No maximum was found.
    """
    model = fit.model
    per_row = model.per_row(data)
    scale = _scale(per_row)
    base, m = getattr(model, "base", model), per_row.loadings.m
    starts = [
        np.append(to_real_line(np.array(values), base.positive), np.zeros(m))
        for values in base.starts(per_row.customers)
    ]
    maximum = maximum_likelihood(
        _scaled(total(per_row), scale),
        [point / scale for point in (model.coordinates, *starts)],
        scouts=[_scaled(each, scale) for each in scouts(per_row)],
    )
    new = model.with_values(from_real_line(maximum.point * scale, model.positive))
    slopes = np.diag(np.where(new.positive, new.values, 1.0) * scale)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IdentifiabilityWarning)
        return make_fit(new, maximum, per_row.customers, data, jacobian=slopes)


def _scale(per_row: PerRow) -> Array:
    """Return what counts as one in each coordinate, or raise where a column never varies."""
    with np.errstate(divide="ignore"):
        scale = units_of(per_row)
    size = np.abs(per_row.loadings.columns).max(axis=0, initial=0.0)
    constant = size * scale[per_row.loadings.k :] > _CONSTANT
    constant |= size == 0.0
    if constant.any():
        raise DataError(
            "A refit needs every column of the formulas to vary in the new data.",
            place=f"{int(constant.sum())} have one value for all customers.",
            fix="Fit a model without these covariates, or levels, to the new data.",
        )
    return scale


def _scaled(objective: Objective, scale: Array) -> Objective:
    def scaled(u: Array) -> tuple[float, Array, Array]:
        value, gradient, hessian = objective(u * scale)
        return value, gradient * scale, hessian * np.outer(scale, scale)

    return scaled
