"""The posterior that is drawn from: a log-likelihood, a prior of each coordinate, the mode."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import ConvergenceError
from clvmodels.estimation import Maximum, Objective, newton
from clvmodels.objective import PerRow
from clvmodels.priors import Prior, log_density

__all__ = ["Target", "endless", "flat_coordinates", "mode_of", "units_of"]

Array: TypeAlias = NDArray[np.float64]

FLAT: Final = 30.0  # a spread of a logarithm by this much is that of nothing known at all
_INVOLVED: Final = 0.05  # share of a coordinate in a direction, above which it is named
_NEGLIGIBLE: Final = 7.0  # fall of the log density: what is beyond holds under a percent
_FIRST, _GROWTH = 3.0, 1.6  # steps away from the mode: the first in spreads, then by a factor
_FARTHEST: Final = 20.0  # a logarithm at which a parameter has no end: a factor of 5e8
_ROUGH: Final = 1e-3  # squared standard errors by which the other coordinates may be off


@dataclass(frozen=True)
class Target:
    """A log posterior density, up to a constant, as a function of coordinates u.

    Attributes
    ----------
    likelihood : callable
        Maps z = scale u, shape (k,), to value, gradient (k,) and Hessian (k, k) of the
        log-likelihood.
    priors : sequence of Prior
        One for each coordinate z.
    scale : Array
        Shape (k,): what counts as one in each coordinate, which is 1 for a logarithm.
    """

    likelihood: Objective
    priors: Sequence[Prior]
    scale: Array

    def __call__(self, u: Array) -> tuple[float, Array, Array]:
        """Return value, gradient (k,) and Hessian (k, k)."""
        z, scale = u * self.scale, self.scale
        value, gradient, hessian = self.likelihood(z)
        log_prior, first, second = log_density(self.priors, z)
        bend = hessian + np.eye(len(u)) * second
        return value + float(log_prior), (gradient + first) * scale, bend * scale[:, None] * scale

    def log_prior(self, u: Array) -> Array:
        """Return the log prior density at points of shape (n, k), shape (n,)."""
        return log_density(self.priors, u * self.scale)[0]


def units_of(per_row: PerRow) -> Array:
    """Return what counts as one in each coordinate, shape (k + m,).

    1 for a logarithm, and for a coefficient what makes up for the spread of its column.
    """
    loadings, weight = per_row.loadings, per_row.customers.weight
    if not loadings.m:
        return np.ones(loadings.k)
    share = weight / weight.sum()
    spread = np.sqrt(share @ (loadings.columns - share @ loadings.columns) ** 2)
    return np.append(np.ones(loadings.k), 1.0 / spread)


def mode_of(target: Objective, start: Array) -> Maximum:
    """Climb to the mode of a posterior.

    Raises
    ------
    ConvergenceError
        The climb did not arrive.

    Examples
    --------
    >>> def parabola(z):
    ...     return -0.5 * float(z @ z), -z, -np.eye(len(z))
    >>> mode_of(parabola, np.ones(2)).point
    array([0., 0.])
    """
    top = newton(target, start)
    if top is None or not math.isfinite(top.value):
        raise ConvergenceError(
            "A posterior is drawn around its mode.",
            place="The climb from the estimates did not reach one.",
            fix="Do the priors contradict the data? Print fit.estimates beside them.",
        )
    return top


def flat_coordinates(top: Maximum) -> NDArray[np.bool_]:
    """Return which coordinates move along a direction in which the posterior is flat, (k,).

    Examples
    --------
    >>> ridge = Maximum(np.zeros(2), 0.0, np.zeros(2), -np.diag([1.0, 1e-9]), 1, 1, 1)
    >>> flat_coordinates(ridge).tolist()
    [False, True]
    """
    eigenvalues, vectors = np.linalg.eigh(-top.hessian)
    flat = vectors[:, eigenvalues <= FLAT**-2]
    return np.asarray((np.abs(flat) > _INVOLVED).any(axis=1))


def endless(target: Objective, top: Maximum, coordinates: Sequence[int]) -> list[int]:
    """Return those of the coordinates that can go on for ever without the density falling.

    All others follow: what is looked at is the profile of the density.

    Examples
    --------
    >>> def shelf(z):  # falls by 1 along the first coordinate, and then no more
    ...     low = 1.0 / (1.0 + z[0] ** 2)
    ...     bend = np.diag([(6.0 * z[0] ** 2 - 2.0) * low**3, -1.0])
    ...     return low - 0.5 * z[1] ** 2, np.array([-2.0 * z[0] * low**2, -z[1]]), bend
    >>> endless(shelf, Maximum(np.zeros(2), *shelf(np.zeros(2)), 1, 1, 1), [0, 1])
    [0]
    """
    return [i for i in coordinates if any(_endless(target, top, i, sign) for sign in (-1.0, 1.0))]


def _endless(target: Objective, top: Maximum, index: int, sign: float) -> bool:
    """Walk away from the mode along one coordinate, with the others at their best.

    Where the density is no number any more, nothing is known; then the walk ends, and whether the
    draws can be trusted is for k-hat and R-hat to say.
    """
    others = np.arange(len(top.point)) != index
    spread = math.sqrt(float(np.linalg.inv(-top.hessian)[index, index]))
    step, point = _FIRST * spread, top.point
    while step < _FARTHEST:
        point = np.where(others, point, top.point[index] + sign * step)
        if not all(np.isfinite(part).all() for part in target(point)):
            return False
        end = newton(_restricted(target, point, others), point[others], tolerance=_ROUGH)
        if end is None or end.value < top.value - _NEGLIGIBLE:
            return False
        point[others] = end.point
        step *= _GROWTH
    return True


def _restricted(target: Objective, point: Array, free: NDArray[np.bool_]) -> Objective:
    """Return a function of some coordinates, with the others as in `point`."""

    def restricted(rest: Array) -> tuple[float, Array, Array]:
        z = point.copy()
        z[free] = rest
        value, gradient, hessian = target(z)
        return value, gradient[free], hessian[np.ix_(free, free)]

    return restricted
