"""When the cumulative margin of a new customer has paid for the acquisition."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

__all__ = ["payback_times"]

Array: TypeAlias = NDArray[np.float64]
Curve: TypeAlias = Callable[[float], Array]

_POINTS: Final = 24  # between which a crossing is looked for; the curve has few bends
_EARLY: Final = 1e-4  # of the longest time: the first of them
_EXACT: Final = 1e-10


def payback_times(curve: Curve, cost: Array, *, longest: float, whole: bool) -> Array:
    """Return the first time at which each of m rising curves reaches its cost, shape (m,).

    Parameters
    ----------
    curve
        Maps a time to the cumulative values, shape (m,).
    cost
        Shape (m,).
    longest
        Longest time that is looked at, above zero.
    whole
        Whether value comes at whole times only.

    Returns
    -------
    Array
        0 where the first order pays, NaN where the cost is not reached.

    Examples
    --------
    >>> def curve(t: float) -> Array:
    ...     return np.array([1.0 - np.exp(-t), 0.5])
    >>> payback_times(curve, np.array([0.5, 0.6]), longest=9.0, whole=False).round(6).tolist()
    [0.693147, nan]
    """
    times = np.concatenate([[0.0], np.geomspace(_EARLY * longest, longest, _POINTS)])
    if whole:
        times = np.unique(np.floor(times))
    values = np.stack([curve(float(t)) for t in times])
    result = np.full(len(cost), math.nan)
    for j, wanted in enumerate(cost.tolist()):
        reached = np.flatnonzero(values[:, j] >= wanted)
        if not len(reached):
            continue
        i = int(reached[0])
        if i == 0:
            result[j] = 0.0
        elif whole:
            result[j] = _first_whole(curve, j, wanted, int(times[i - 1]), int(times[i]))
        else:
            ends = float(times[i - 1]), float(times[i])
            result[j] = brentq(partial(_missing, curve, j, wanted), *ends, rtol=_EXACT)
    return result


def _missing(curve: Curve, j: int, wanted: float, t: float) -> float:
    return float(curve(t)[j]) - wanted


def _first_whole(curve: Curve, j: int, wanted: float, low: int, high: int) -> float:
    """Return the first whole time in (low, high] at which the curve is high enough."""
    while high - low > 1:
        middle = (low + high) // 2
        if curve(float(middle))[j] >= wanted:
            high = middle
        else:
            low = middle
    return float(high)
