"""Differences of gamma functions such as ln G(z+n) - ln G(z), where subtraction would cancel.

For one z they are partial sums of elementary terms, from a table. For a z of its own in each row
the first terms are summed and the rest is Stirling's series, with its differences taken by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["digamma_rising", "log_rising", "risings", "trigamma_rising"]

Array: TypeAlias = NDArray[np.float64]

SHIFT: Final = 16  # from here on six terms of Stirling's series are exact: 2e-17 in all three
# B_2k / (2k (2k - 1)): the coefficients of z^(1-2k) in Stirling's series of ln G.
_STIRLING: Final = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)


def log_rising(z: float | Array, n: Array) -> Array:
    """Return ln G(z+n) - ln G(z) for whole numbers n, shape (n,); z is a number or as n.

    Examples
    --------
    >>> log_rising(2.0, np.array([0.0, 1.0, 2.0])).round(6).tolist()
    [0.0, 0.693147, 1.791759]
    """
    return _rising(z, n, np.log, _log_gamma_difference)


def digamma_rising(z: float | Array, n: Array) -> Array:
    """Return psi(z+n) - psi(z) for whole numbers n, shape (n,); z is a number or as n.

    Examples
    --------
    >>> digamma_rising(2.0, np.array([0.0, 2.0])).round(6).tolist()
    [0.0, 0.833333]
    """
    return _rising(z, n, np.reciprocal, _digamma_difference)


def trigamma_rising(z: float | Array, n: Array) -> Array:
    """Return psi'(z+n) - psi'(z) for whole numbers n, shape (n,): never above zero.

    Examples
    --------
    >>> trigamma_rising(2.0, np.array([0.0, 2.0])).round(6).tolist()
    [0.0, -0.361111]
    """
    return 0.0 - _rising(z, n, lambda value: value**-2.0, _trigamma_difference)


def risings(z: float | Array, n: Array) -> tuple[Array, Array, Array]:
    """Return the differences of ln G, psi and psi' from z to z+n, each of shape (n,), in one go.

    Examples
    --------
    >>> [each.round(6).tolist() for each in risings(2.0, np.array([0.0, 2.0]))]
    [[0.0, 1.791759], [0.0, 0.833333], [0.0, -0.361111]]
    """
    if np.ndim(z):
        return log_rising(z, n), digamma_rising(z, n), trigamma_rising(z, n)
    top = int(n.max(initial=0.0))
    table, each = np.zeros((3, top + 1)), z + np.arange(top, dtype=np.float64)
    inverse = 1.0 / each
    np.cumsum((np.log(each), inverse, -inverse * inverse), axis=1, out=table[:, 1:])
    log, psi, tri = table.take(n.astype(np.intp), axis=1)
    return log, psi, tri


def _rising(
    z: float | Array,
    n: Array,
    term: Callable[[Array], Array],
    difference: Callable[[Array, Array], Array],
) -> Array:
    """Sum ``term(z + j)`` over j = 0, ..., n-1, given the same sum for a large z."""
    if np.ndim(z) == 0:
        top = int(n.max(initial=0.0))
        table = np.zeros(top + 1)
        np.cumsum(term(z + np.arange(top, dtype=np.float64)), out=table[1:])
        return table.take(n.astype(np.intp))
    start, count = np.broadcast_arrays(z, n)
    result = np.zeros(count.shape)
    rows = np.arange(len(count))
    for j in range(SHIFT):
        rows = rows[count[rows] > j]
        result[rows] += term(start[rows] + j)
    rows = rows[count[rows] > SHIFT]
    result[rows] += difference(start[rows] + SHIFT, count[rows] - SHIFT)
    return result


def _log_gamma_difference(z: Array, n: Array) -> Array:
    """Return ln G(z+n) - ln G(z) by Stirling's series, for z >= SHIFT."""
    end = z + n
    result = (z - 0.5) * np.log1p(n / z) + n * (np.log(end) - 1.0)
    for k, coefficient in enumerate(_STIRLING):
        result += coefficient * _power_difference(z, n, 2 * k + 1)
    return result


def _digamma_difference(z: Array, n: Array) -> Array:
    """Return psi(z+n) - psi(z), the derivative of the series in z."""
    result = np.log1p(n / z) - 0.5 * _power_difference(z, n, 1)
    for k, coefficient in enumerate(_STIRLING):
        power = 2 * k + 1
        result -= coefficient * power * _power_difference(z, n, power + 1)
    return result


def _trigamma_difference(z: Array, n: Array) -> Array:
    """Return psi'(z) - psi'(z+n), minus the second derivative."""
    result = -_power_difference(z, n, 1) - 0.5 * _power_difference(z, n, 2)
    for k, coefficient in enumerate(_STIRLING):
        power = 2 * k + 1
        result -= coefficient * power * (power + 1) * _power_difference(z, n, power + 2)
    return result


def _power_difference(z: Array, n: Array, power: int) -> Array:
    """Return (z+n)^-power - z^-power, without cancellation."""
    return np.asarray(z**-power * np.expm1(-power * np.log1p(n / z)))
