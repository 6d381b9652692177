"""The silence after a purchase: how likely so long a one is of a customer who stays.

At a purchase the rate of a customer has a posterior that depends on the purchases so far alone, and
the time to the next purchase of a customer who does not leave follows from it. Leaving is left out
on purpose: a silence that hardly any customer who stays would make is a reason to ask whether this
one has left.

Shapes: all arrays are (n,), one row a history; parameters are numbers or (n,).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.renewals import log_stay

__all__ = [
    "first_time",
    "first_whole",
    "silent_opportunities",
    "silent_time",
    "unusual_opportunities",
    "unusual_time",
]

Array: TypeAlias = NDArray[np.float64]
Values: TypeAlias = float | Array

_ENDLESS: Final = 2.0**53  # whole numbers beyond this are not told apart
_SHORTEST, _LONGEST = 1e-300, 1e300
_HALVINGS: Final = 62  # of a range of 1,382 nats, to the last digit


def silent_time(s: Array, shape: Array, rate: Array, k: int = 1) -> Array:
    """Return P(the next purchase takes longer than s), shape (n,).

    A purchase takes k events at rate lambda ~ Gamma(shape, rate `rate`), so that s / (rate + s)
    is a beta variable. With k = 1 this is (rate / (rate + s))^shape.

    Examples
    --------
    >>> one = np.ones(1)
    >>> [silent_time(9.0 * one, 2.0 * one, one, k).round(6).tolist() for k in (1, 2)]
    [[0.01], [0.028]]
    """
    if k == 1:
        return np.exp(-shape * np.log1p(s / rate))
    return np.asarray(special.betainc(shape, float(k), rate / (rate + s)))


def unusual_time(level: float, shape: Array, rate: Array, k: int = 1) -> Array:
    """Return the time that the next purchase exceeds with probability `level`, shape (n,).

    The inverse of `silent_time`: rate (level^(-1/shape) - 1) for k = 1. Infinite where the rate of
    purchases may be so close to zero that no double holds the time.

    Examples
    --------
    >>> one = np.ones(1)
    >>> unusual_time(0.01, 2.0 * one, one).round(12).tolist()
    [9.0]
    """
    with np.errstate(over="ignore", divide="ignore"):
        if k == 1:
            return np.asarray(rate * np.expm1(-np.log(level) / shape))
        # Both w and 1 - w from an inverse of their own: each is exact where it is small.
        before = special.betaincinv(shape, float(k), level)
        after = special.betainccinv(float(k), shape, level)
        return np.asarray(rate * (after / before))


def silent_opportunities(s: Array, a: Values, b: Values) -> Array:
    """Return P(no purchase at the next s opportunities), shape (n,); s is rounded down.

    At each a customer buys with probability p ~ Beta(a, b): B(a, b + s) / B(a, b).

    Examples
    --------
    >>> silent_opportunities(np.array([0.0, 1.9, 2.0]), 1.0, 2.0).round(6).tolist()
    [1.0, 0.666667, 0.5]
    """
    whole = np.floor(s)
    return np.exp(log_stay(a, b, np.zeros_like(whole), whole))


def unusual_opportunities(level: float, a: Array, b: Array) -> Array:
    """Return the smallest whole s with `silent_opportunities` at most `level`, shape (n,), or inf.

    Examples
    --------
    >>> unusual_opportunities(0.5, np.array([1.0, 3.0]), np.array([2.0, 1.0])).tolist()
    [2.0, 1.0]
    """
    high = np.ones_like(a)
    for _ in range(53):
        short = silent_opportunities(high, a, b) > level
        if not short.any():
            break
        high = np.where(short, 2.0 * high, high)
    return first_whole(lambda s: silent_opportunities(s, a, b), level, np.zeros_like(a), high)


def first_whole(tail: Callable[[Array], Array], level: float, low: Array, high: Array) -> Array:
    """Return the smallest whole numbers at which a falling function is at most `level`, or inf.

    Parameters
    ----------
    tail
        A function of whole numbers, row by row.
    level
        What it falls to.
    low, high
        Shape (n,), whole: it is above the level at `low`, and at most the level at `high`, unless
        that is 2^53 or more.

    Examples
    --------
    >>> first_whole(lambda s: 1.0 / s, 0.3, np.array([1.0]), np.array([9.0])).tolist()
    [4.0]
    """
    high = np.minimum(high, _ENDLESS)
    endless = (high == _ENDLESS) & (tail(high) > level)
    while (high - low > 1.0).any():
        middle = np.floor(0.5 * (low + high))
        above = tail(middle) > level
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(endless, np.inf, high)


def first_time(tail: Callable[[Array], Array], level: float, low: Array, high: Array) -> Array:
    """Return the times at which a falling function comes down to a level, or inf.

    Parameters
    ----------
    tail
        A function of times, row by row.
    level
        What it falls to.
    low, high
        Shape (n,): it is not below the level at `low`, nor above it at `high`, unless that is
        infinite.

    Examples
    --------
    >>> first_time(lambda s: 1.0 / s, 0.25, np.array([1.0]), np.array([9.0])).round(12).tolist()
    [4.0]
    """
    high = np.minimum(high, _LONGEST)
    endless = (high == _LONGEST) & (tail(high) > level)
    start, end = np.log(np.maximum(low, _SHORTEST)), np.log(np.maximum(high, _SHORTEST))
    for _ in range(_HALVINGS):
        middle = 0.5 * (start + end)
        above = tail(np.exp(middle)) > level
        start, end = np.where(above, middle, start), np.where(above, end, middle)
        if (end - start <= 1e-15 * np.abs(end)).all():
            break
    return np.where(endless, np.inf, np.exp(end))
