"""What a sum over customers owes to not knowing the parameters, which all customers share.

A fit moves the sum along each axis of its covariance (the delta method); draws of the parameters
move it to where the models of the draws have it. Purchases and spend are fitted apart, so that
what they add is independent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.certificate import FLAT_DIRECTION
from clvmodels.errors import DataError, UndefinedMomentError
from clvmodels.models.draws import ParameterDraws
from clvmodels.models.fit import Fit
from clvmodels.parameters import from_real_line, to_real_line

__all__ = ["SharedError", "axes_of", "error_of"]

Array: TypeAlias = NDArray[np.float64]

_STEP: Final = 0.1  # standard deviations, of the central differences
_DRAWS: Final = 100  # at most so many models are evaluated
_AWAY: Final = math.log(2.0)  # how far parameters without bound are moved to see if it matters
_INVOLVED: Final = 0.05  # share of a parameter in a direction, from which on it is named
_MATTERS: Final = 1e-6  # relative change of a sum that does


@dataclass(frozen=True)
class SharedError:
    """How m sums move with the parameters, to first order.

    Attributes
    ----------
    axes : Array
        Shape (k, m): change of each sum along k independent standard normal directions.
    clouds : tuple of Array
        Each (S, m): change at S equally likely draws; independent of each other and of the axes.
    """

    axes: Array
    clouds: tuple[Array, ...]

    @property
    def variance(self) -> Array:
        """Variance of each sum, shape (m,)."""
        own = sum((cloud.var(axis=0) for cloud in self.clouds), np.zeros(self.axes.shape[1]))
        return np.asarray((self.axes**2).sum(axis=0) + own)

    @property
    def shift(self) -> Array:
        """Mean of the changes, shape (m,): what curvature adds, of draws alone."""
        return sum((cloud.mean(axis=0) for cloud in self.clouds), np.zeros(self.axes.shape[1]))

    @property
    def third(self) -> Array:
        """Third central moment of each sum, shape (m,)."""
        cubes = (((each - each.mean(axis=0)) ** 3).mean(axis=0) for each in self.clouds)
        return sum(cubes, np.zeros(self.axes.shape[1]))

    def draw(self, column: int, n: int, rng: np.random.Generator) -> Array:
        """Return n simulated changes of one sum, shape (n,)."""
        spread = float(np.sqrt((self.axes[:, column] ** 2).sum()))
        changes = spread * rng.standard_normal(n)
        for cloud in self.clouds:
            changes += rng.choice(cloud[:, column], n)
        return changes

    def __add__(self, other: SharedError) -> SharedError:
        return SharedError(np.vstack([self.axes, other.axes]), self.clouds + other.clouds)


def error_of(given: Any, sums: Callable[[Any], Array], middle: Array) -> SharedError:
    """Return what sums owe to the error of one model's parameters.

    Parameters
    ----------
    given
        A fit, draws, or anything else, whose parameters are taken as known.
    sums
        Maps a model to the sums, shape (m,).
    middle
        The sums at the fitted model, shape (m,).

    Raises
    ------
    DataError
        The covariance of a fit is infinite in a direction on which the sums depend.
    UndefinedMomentError
        The sums do not exist at some of the draws.
    """
    if isinstance(given, ParameterDraws):
        cloud = np.stack([_at_draw(sums, model) for model in given.models(_count(given))])
        return SharedError(np.zeros((0, len(middle))), (cloud - middle,))
    if not isinstance(given, Fit):
        return SharedError(np.zeros((0, len(middle))), ())
    model, positive = given.model, given.model.positive
    z = to_real_line(model.values, positive)

    def moved(change: Array) -> Array:
        return sums(model.with_values(from_real_line(z + change, positive)))

    axes, endless = axes_of(given)
    _refuse_endless(given, endless, moved, middle)
    slopes = [(moved(_STEP * axis) - moved(-_STEP * axis)) / (2.0 * _STEP) for axis in axes]
    return SharedError(np.array(slopes).reshape(-1, len(middle)), ())


def _count(draws: ParameterDraws[Any]) -> int:
    return min(_DRAWS, len(draws.values))


def _at_draw(sums: Callable[[Any], Array], model: Any) -> Array:
    try:
        return sums(model)
    except UndefinedMomentError as error:
        raise UndefinedMomentError(
            "A total exists at every draw of the parameters, or its uncertainty has no bound.",
            place=f"At a draw: {error.rule} {error.place}",
            fix="Pass the fit itself in place of its draws, or a finite horizon.",
        ) from error


def axes_of(fit: Fit[Any]) -> tuple[list[Array], list[Array]]:
    """Return independent directions of one standard deviation, and those without an end.

    Where the data leave a ridge, such as a and b that grow together, the curvature of the
    likelihood says what they know across it. It needs the histories of the fit; without these each
    parameter that has no bound is such a direction by itself.
    """
    bounded = np.isfinite(np.diag(fit.covariance))
    if bounded.all() or fit.histories is None:
        scale = np.where(fit.model.positive, fit.model.values, 1.0)[bounded]
        inner = fit.covariance[np.ix_(bounded, bounded)] / np.outer(scale, scale)
        values, vectors = np.linalg.eigh(inner)
        axes = np.zeros((len(values), len(bounded)))
        axes[:, bounded] = (vectors * np.sqrt(np.maximum(values, 0.0))).T
        return list(axes), list(np.eye(len(bounded))[~bounded])
    curvature, vectors = np.linalg.eigh(-fit.model.evaluate(fit.histories).hessian)
    known = curvature > FLAT_DIRECTION**-2
    return list((vectors[:, known] / np.sqrt(curvature[known])).T), list(vectors[:, ~known].T)


def _refuse_endless(
    fit: Fit[Any], directions: list[Array], moved: Callable[[Array], Array], middle: Array
) -> None:
    """Raise if the sums move along a direction that the data do not bound."""
    for direction in directions:
        for change in (-_AWAY * direction, _AWAY * direction):
            if (np.abs(moved(change) - middle) > _MATTERS * np.abs(middle)).any():
                names = [
                    repr(name)
                    for name, share in zip(fit.names, direction, strict=True)
                    if abs(share) > _INVOLVED
                ]
                raise DataError(
                    "The error of a total is known where that of the parameters is.",
                    place=f"The data do not bound {', '.join(names)} of {fit.model.label}, on "
                    "which the total depends; see the certificate of the fit.",
                    fix="Pass draws, such as fit.bootstrap(...), or fit.model to take the "
                    "parameters as known.",
                )
