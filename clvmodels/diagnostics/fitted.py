"""Whether a fit was made from these customers, and how sums move with its parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.models.fit import Fit
from clvmodels.models.provenance import fingerprint
from clvmodels.parameters import from_real_line, to_real_line
from clvmodels.predictive.parameter_error import axes_of

__all__ = ["error_axes", "fitted_to"]

Array: TypeAlias = NDArray[np.float64]

_STEP: Final = 0.1  # standard deviations, of the central differences


def fitted_to(given: Any, customers: Customers) -> bool | None:
    """Tell whether a fit was made from these customers; None for a model, which has no data."""
    if not isinstance(given, Fit):
        return None
    same = given.n_customers == customers.n_customers
    return same and given.data.matches(fingerprint(customers))


def error_axes(fit: Fit[Any], sums: Callable[[Any], Array]) -> Array:
    """Return how sums move along each independent direction of one standard deviation, (j, m).

    Directions that the data do not bound are left out: along these the likelihood of the data, and
    what it has to say about their counts, stays the same.

    Parameters
    ----------
    fit
        A fit.
    sums
        Maps a model to sums, shape (m,).
    """
    model, positive = fit.model, fit.model.positive
    z = to_real_line(model.values, positive)

    def moved(change: Array) -> Array:
        return sums(model.with_values(from_real_line(z + change, positive)))

    axes, _ = axes_of(fit)
    slopes = [(moved(_STEP * axis) - moved(-_STEP * axis)) / (2.0 * _STEP) for axis in axes]
    return np.array(slopes).reshape(len(axes), -1)
