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
from clvmodels.priors import Prior, log_density
from clvmodels.profile import profile_bound

__all__ = ["Target", "endless", "flat_coordinates", "mode_of"]

Array: TypeAlias = NDArray[np.float64]

FLAT: Final = 30.0  # a spread of a logarithm by this much is that of nothing known at all
_INVOLVED: Final = 0.05  # share of a coordinate in a direction, above which it is named
_NEGLIGIBLE: Final = 10.0  # fall of the log density beyond which what is farther out holds nothing
_FIRST: Final = 0.5  # first step from the mode, in a logarithm


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
        bend = hessian + np.diag(second)
        return value + float(log_prior), (gradient + first) * scale, bend * scale[:, None] * scale

    def log_prior(self, u: Array) -> Array:
        """Return the log prior density at points of shape (n, k), shape (n,)."""
        return log_density(self.priors, u * self.scale)[0]


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
    found = []
    for index in coordinates:
        ends = [
            profile_bound(target, top.point, index, fall=_NEGLIGIBLE, first=sign * _FIRST)
            for sign in (-1.0, 1.0)
        ]
        if not np.isfinite(ends).all():
            found.append(index)
    return found
