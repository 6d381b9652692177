"""Means by segment with what is known of their error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.predictive.parameter_error import SharedError

__all__ = ["Estimate", "unknown_error", "with_error"]

Array: TypeAlias = NDArray[np.float64]

_DRAWS: Final = 4000
_SEED: Final = 7


@dataclass(frozen=True)
class Estimate:
    """Values per customer by segment; arrays of shape (segments,).

    Attributes
    ----------
    mean, lower, upper : Array
        The value and the ends of its interval, NaN where its error is not known.
    level : float
        Probability inside.
    """

    mean: Array
    lower: Array
    upper: Array
    level: float

    def above(self, limit: Array) -> Array:
        """Return P(value at least the limit): of a normal law with both halves of the interval.

        Examples
        --------
        >>> one = Estimate(np.array([2.0]), np.array([1.0]), np.array([4.0]), 0.9)
        >>> [float(one.above(np.array([each])).round(3)[0]) for each in (1.0, 2.0, 4.0)]
        [0.95, 0.5, 0.05]
        """
        z = float(special.ndtri(0.5 * (1.0 + self.level)))
        away = limit - self.mean
        half = np.where(away < 0.0, self.mean - self.lower, self.upper - self.mean)
        # The mean of few customers, whose value is mostly none, may be beyond their interval.
        sd = np.where(half > 0.0, half, 0.5 * (self.upper - self.lower)) / z
        with np.errstate(divide="ignore", invalid="ignore"):
            place = np.where(sd > 0.0, away / sd, np.where(away > 0.0, np.inf, -np.inf))
        return np.where(np.isnan(sd), np.nan, special.ndtr(-place))


def unknown_error(mean: Array, level: float) -> Estimate:
    """Return means whose error nobody knows."""
    nothing = np.full(len(mean), np.nan)
    return Estimate(mean, nothing, nothing, level)


def with_error(mean: Array, error: SharedError, level: float) -> Estimate:
    """Return means with the interval that the error of the parameters makes: normal, or of draws.

    Examples
    --------
    >>> error = SharedError(np.array([[1.0, 0.0], [0.0, 2.0]]), ())
    >>> with_error(np.array([5.0, 5.0]), error, 0.9).upper.round(3).tolist()
    [6.645, 8.29]
    """
    tail = 0.5 * (1.0 - level)
    if error.clouds:
        rng = np.random.default_rng(_SEED)
        draws = [mean[j] + error.draw(j, _DRAWS, rng) for j in range(len(mean))]
        lower, upper = np.quantile(np.stack(draws, axis=1), [tail, 1.0 - tail], axis=0)
        return Estimate(mean, np.minimum(lower, mean), np.maximum(upper, mean), level)
    half = -float(special.ndtri(tail)) * np.sqrt(error.variance)
    return Estimate(mean, mean - half, mean + half, level)
