"""How likely a weighted sum of independent chi-square variables is to be large."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

__all__ = ["weighted_tail"]

Array: TypeAlias = NDArray[np.float64]

_SMALL: Final = 0.01  # of the largest weight: below, a variable is taken as its mean
_LEFT: Final = 1e-13  # probability that the series leaves out
_TERMS: Final = 20_000


def weighted_tail(x: float, weights: ArrayLike) -> float:
    """Return P(sum of weight * Z^2 > x), Z independent standard normals.

    Ruben's (1962) series: with b the smallest weight, the sum over b is a mixture of chi-squares
    with n, n + 2, n + 4, ... degrees of freedom and positive weights.

    Parameters
    ----------
    x
        Value of the sum.
    weights
        Shape (n,), zero or more. Those below a hundredth of the largest one count by their mean.

    Examples
    --------
    >>> round(weighted_tail(9.488, [1.0, 1.0, 1.0, 1.0]), 4)
    0.05
    >>> round(weighted_tail(4.0, [2.0, 1.0, 0.5]), 4)
    0.313
    """
    every = np.asarray(weights, dtype=np.float64)
    largest = float(every.max(initial=0.0))
    large = every[every > _SMALL * largest]
    rest = x - float(every[every <= _SMALL * largest].sum())
    if not len(large):
        return 1.0 if x < 0.0 else 0.0
    if rest <= 0.0:
        return 1.0
    base = float(large.min())
    mixing = _mixture(1.0 - base / large, float(np.prod(np.sqrt(base / large))))
    degrees = len(large) + 2.0 * np.arange(len(mixing))
    tails = special.chdtrc(degrees, rest / base)
    return float(min(mixing @ tails + (1.0 - mixing.sum()) * tails[-1], 1.0))


def _mixture(ratios: Array, first: float) -> Array:
    """Return the weights of the mixture, until they add up to 1."""
    weights, powers = [first], np.zeros(0)
    power, total = np.ones_like(ratios), first
    while 1.0 - total > _LEFT and len(weights) < _TERMS:
        power = power * ratios
        powers = np.append(powers, 0.5 * power.sum())
        k = len(weights)
        weights.append(float(powers[::-1] @ np.array(weights)) / k)
        total += weights[-1]
    return np.array(weights)
