"""Cross differences of ln G: how two steps of the gamma function interact, without cancellation.

``ln G(z) - ln G(z+a) - ln G(z+n) + ln G(z+a+n)`` is minus the logarithm of a ratio of beta
functions, B(a, z+n) / B(a, z). It is the double integral of psi' over both steps, so every part of
it below is positive: it keeps its digits however small either step is. All arguments are real, n
and a may be far apart, and everything broadcasts.

For a large z it is Stirling's series with its differences taken by hand. A smaller z is first
raised by the recurrence of the gamma function.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cross", "cross_derivatives", "log_cross"]

Array: TypeAlias = NDArray[np.float64]
Values: TypeAlias = float | Array

_HIGH: Final = 16  # from here on six terms of Stirling's series are exact: 2e-15 of the difference
# Bernoulli numbers B_2, B_4, ...
_BERNOULLI: Final = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730)
_POWERS: Final = 2 * len(_BERNOULLI) + 1  # the highest power of 1/z in the series of psi'
_CHUNK: Final = 1 << 12  # elements at a time: all temporary arrays stay in the processor's cache


@dataclass(frozen=True)
class Cross:
    """A cross difference and its derivatives.

    Attributes
    ----------
    value, z, a, n : Array
        The difference and its first derivatives, of the common shape of the arguments.
    zz, za, zn, aa, an, nn : Array
        Its second derivatives; za equals aa and zn equals nn.
    """

    value: Array
    z: Array
    a: Array
    n: Array
    zz: Array
    aa: Array
    an: Array
    nn: Array

    @property
    def za(self) -> Array:
        """The mixed derivative in z and a."""
        return self.aa

    @property
    def zn(self) -> Array:
        """The mixed derivative in z and n."""
        return self.nn


def log_cross(z: Values, a: Values, n: Values) -> Array:
    """Return ln G(z) - ln G(z+a) - ln G(z+n) + ln G(z+a+n).

    Parameters
    ----------
    z
        Above zero.
    a
        Above -z, and not below -1.
    n
        Zero or more.

    Examples
    --------
    >>> float(log_cross(2.0, 1.0, 1.0).round(12)), float(np.log(3.0 / 2.0).round(12))
    (0.405465108108, 0.405465108108)
    """
    arguments = np.broadcast_arrays(*(np.asarray(each, dtype=np.float64) for each in (z, a, n)))
    flat = [each.ravel() for each in arguments]
    found = np.empty(flat[0].size)
    for start in range(0, found.size, _CHUNK):
        some = slice(start, start + _CHUNK)
        found[some] = _value(*(each[some] for each in flat))
    return found.reshape(arguments[0].shape)


def _value(z: Array, a: Array, n: Array) -> Array:
    product = np.zeros(z.shape)  # prod (1 + v) - 1, for the factors of the recurrence
    for y, low in _below(z):
        factor = np.where(low, a / y * (n / (y + a + n)), 0.0)
        product += factor + product * factor
    high = _raise(z)
    return np.log1p(product) + _log_gamma(high, a, n, _power_crosses(high, a, n))


def cross_derivatives(z: Values, a: Values, n: Values) -> Cross:
    """Return the cross difference with its first and second derivatives.

    Parameters
    ----------
    z, a, n
        As in `log_cross`; here `a` is not negative.

    Examples
    --------
    >>> float(cross_derivatives(2.0, 1.0, 1.0).a.round(12))
    0.333333333333
    """
    arguments = np.broadcast_arrays(*(np.asarray(each, dtype=np.float64) for each in (z, a, n)))
    shape = arguments[0].shape
    flat = [each.ravel() for each in arguments]
    found = np.empty((8, flat[0].size))
    for start in range(0, flat[0].size, _CHUNK):
        some = slice(start, start + _CHUNK)
        found[:, some] = _derivatives(*(each[some] for each in flat))
    return Cross(*found.reshape(8, *shape))


# --- raising small arguments --------------------------------------------------------------------


def _below(z: Array) -> Iterator[tuple[Array, NDArray[np.bool_]]]:
    """Yield z, z+1, ... with a mark of those that are still too low for Stirling's series."""
    y = z
    while (low := y < _HIGH).any():
        yield y, low
        y = y + 1.0


def _raise(z: Array) -> Array:
    """Return z raised by whole steps to where Stirling's series is exact."""
    return z + np.maximum(np.ceil(_HIGH - z), 0.0)


def _raised_terms(z: Array, a: Array, n: Array) -> Array:
    """Return what raising z adds to the eight numbers of `Cross`, shape (8, m)."""
    total = np.zeros((8, z.size))
    product = total[0]
    for y, low in _below(z):
        here = np.where(low, 1.0 / y, 0.0)  # every term has a factor 0 where y is high enough
        by_a, by_n, by_both = 1.0 / (y + a), 1.0 / (y + n), np.where(low, 1.0 / (y + a + n), 0.0)
        p, q, r = y * by_a, y * by_n, y * by_both
        factor = a * here * (n * by_both)
        scale = a * by_a * (n * by_n)
        product += factor + product * factor
        total[1] -= scale * here * (1.0 + r)
        total[2] += n * by_a * by_both
        total[3] += a * by_n * by_both
        total[4] += scale * here**2 * ((1.0 + p) * (1.0 + q) + r * (p * q + r))
        total[5] -= n * by_a * by_both * (by_a + by_both)
        total[6] += by_both**2
        total[7] -= a * by_n * by_both * (by_n + by_both)
    total[0] = np.log1p(product)
    return total


# --- Stirling's series --------------------------------------------------------------------------


def _derivatives(z: Array, a: Array, n: Array) -> Array:
    """Return the eight numbers of `Cross`, shape (8, m)."""
    total = _raised_terms(z, a, n)
    z = _raise(z)
    crosses = _power_crosses(z, a, n)
    total[0] += _log_gamma(z, a, n, crosses)
    total[1] -= np.log1p(a / z * (n / (z + a + n))) + _digamma_series(crosses)
    total[4] += _trigamma_series(crosses)
    for base, step, first, second in ((z + a, n, 2, 5), (z + n, a, 3, 7)):
        steps = _power_steps(base, step)
        total[first] += np.log1p(step / base) + _digamma_series(steps)
        total[second] -= _trigamma_series(steps)
    inverse = 1.0 / (z + a + n)
    total[6] += _trigamma_series([inverse**m for m in range(_POWERS + 1)])
    return total


def _log_gamma(z: Array, a: Array, n: Array, crosses: list[Array]) -> Array:
    """Return the cross difference of ln G for a large z, given those of its powers."""
    log = np.log1p(a / z * (n / (z + a + n)))  # minus the cross difference of the logarithm
    result = a * np.log1p(n / (z + a)) + n * np.log1p(a / (z + n)) - (z - 0.5) * log
    for k, (bernoulli, power) in enumerate(zip(_BERNOULLI, crosses[1::2], strict=False), start=1):
        result += bernoulli / (2 * k * (2 * k - 1)) * power
    return np.asarray(result)


def _digamma_series(powers: list[Array]) -> Array:
    """Return ln y - psi(y) from the powers 1/y^m, or a difference of it from theirs."""
    result = 0.5 * powers[1]
    for k, (bernoulli, power) in enumerate(zip(_BERNOULLI, powers[2::2], strict=False), start=1):
        result += bernoulli / (2 * k) * power
    return result


def _trigamma_series(powers: list[Array]) -> Array:
    """Return psi'(y) from the powers 1/y^m, or a difference of it from theirs."""
    result = powers[1] + 0.5 * powers[2]
    for bernoulli, power in zip(_BERNOULLI, powers[3::2], strict=False):
        result += bernoulli * power
    return result


def _power_crosses(z: Array, a: Array, n: Array) -> list[Array]:
    """Return the cross differences of 1/z^m for m = 0, 1, ...: sums of products of one sign."""
    p, q, r = z / (z + a), z / (z + n), z / (z + a + n)
    scale, step = a / (z + a) * (n / (z + n)), 1.0 / z
    pq = p * q
    sum_p, sum_q, mixed, r_power = np.ones_like(z), np.ones_like(z), np.ones_like(z), r
    found = [np.zeros_like(z)]
    for _ in range(_POWERS):
        scale = scale * step
        found.append(scale * (sum_p * sum_q + r * mixed))
        sum_p, sum_q = 1.0 + p * sum_p, 1.0 + q * sum_q
        mixed, r_power = pq * mixed + r_power, r_power * r
    return found


def _power_steps(y: Array, n: Array) -> list[Array]:
    """Return 1/y^m - 1/(y+n)^m for m = 0, 1, ..."""
    step = 1.0 / y
    ratio, scale, total = y / (y + n), n / (y + n), np.ones_like(y)
    found = [np.zeros_like(y)]
    for _ in range(_POWERS):
        scale = scale * step
        found.append(scale * total)
        total = 1.0 + ratio * total
    return found
