"""Customers who stay or leave at whole opportunities, with a beta probability of leaving.

The share of customers who are still there after t opportunities is S(t) = B(a, b + t^c) / B(a, b):
the beta-discrete-Weibull of Fader, Hardie, Liu, Davin and Steenburgh (2018), "How to project
customer retention" revisited: the role of duration dependence, Journal of Interactive Marketing 43,
1-16. With c = 1 it is the shifted beta-geometric of Fader and Hardie (2007), which is also how
customers leave in BG/BB. Everything here is written with cross differences of ln G, which keep
their digits (`special.gamma_cross`).

Shapes: x, T, j, count are (n,) or broadcast with each other; a, b and c are numbers or (n,).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.objective import Derivatives
from clvmodels.special import Index
from clvmodels.special.gamma_cross import cross_derivatives, log_cross
from clvmodels.special.sums import sum_smooth

__all__ = [
    "chance_to_leave",
    "discounted_stays",
    "leaving_derivatives",
    "log_leaving",
    "log_stay",
    "stays",
    "stays_without_end",
]

Array: TypeAlias = NDArray[np.float64]
Values: TypeAlias = float | Array

# Beyond these values of t^c the share falls like a power of t, to all digits.
_LATE: Final = 1e60
_LARGE: Final = 1e130
_DISCOUNTED: Final = 42.0  # nats of discounting after which nothing counts: e^-42 = 6e-19
_STEEPEST: Final = 8.0  # nats by which a term may grow over a block of a sum
_FIRST_TERMS: Final = 2.0**24  # terms of an endless sum before it becomes an integral
_SMALL: Final = 1e-200  # stands for a - 1 = 0 in ratios that have a limit there


# --- shares -----------------------------------------------------------------------------------


def log_stay(a: Values, b: Values, T: Array, j: Array, c: Values = 1.0) -> Array:
    """Return ln S(T + j) / S(T): the chance of j more renewals after T of them.

    Parameters
    ----------
    a, b, c
        Parameters of S.
    T, j
        Numbers of opportunities, zero or more; they need not be whole.

    Examples
    --------
    >>> float(np.exp(log_stay(1.0, 1.0, np.array(1.0), np.array(2.0))).round(12))
    0.5
    """
    clock = _Clock.at(T, j, c)
    crossed = log_cross(b + clock.start, a, clock.step)
    return -np.where(clock.late, a * clock.log_growth, crossed + a * clock.log_excess)


def chance_to_leave(a: Values, b: Values, T: Array, c: Values = 1.0) -> Array:
    """Return 1 - S(T + 1) / S(T): the chance not to renew at the next opportunity.

    Examples
    --------
    >>> chance_to_leave(1.0, 1.0, np.array([0.0, 1.0])).round(12).tolist()
    [0.5, 0.333333333333]
    """
    return np.asarray(-np.expm1(log_stay(a, b, T, np.ones_like(T), c)))


@dataclass(frozen=True)
class _Clock:
    """t^c at T and its growth until T + j.

    Attributes
    ----------
    start, step : Array
        T^c, and (T + j)^c - T^c, without cancellation; both bounded.
    log_excess : Array
        By how much the logarithm of `step` lies above its bound.
    late : Array
        Where T^c is so large that S falls like a power of t.
    log_growth : Array
        c ln((T + j) / T), where late.
    """

    start: Array
    step: Array
    log_excess: Array
    late: NDArray[np.bool_]
    log_growth: Array

    @classmethod
    def at(cls, T: Array, j: Array, c: Values) -> _Clock:
        T, j = np.broadcast_arrays(T, j)
        if np.ndim(c) == 0 and c == 1.0:
            never = np.zeros(T.shape, dtype=np.bool_)
            return cls(T, j, np.zeros(T.shape), never, np.zeros(T.shape))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            start = T**c
            growth = np.where(T > 0.0, c * np.log1p(j / T), 0.0)
            step = np.where(T > 0.0, start * np.expm1(growth), j**c)
            log_step = c * np.log(T + j) + np.where(T > 0.0, np.log(-np.expm1(-growth)), 0.0)
        excess = np.where(step > _LARGE, log_step - math.log(_LARGE), 0.0)
        late = start > _LATE
        return cls(np.minimum(start, _LATE), np.minimum(step, _LARGE), excess, late, growth)


# --- likelihood -------------------------------------------------------------------------------


def log_leaving(a: Values, b: Values, x: Array, T: Array, c: Values = 1.0) -> Array:
    """Return ln S(x) where x = T (still there), else ln(S(x) - S(x+1)) (left at x + 1).

    Examples
    --------
    >>> x, T = np.array([1.0, 1.0]), np.array([1.0, 4.0])
    >>> np.exp(log_leaving(1.0, 1.0, x, T)).round(12).tolist()
    [0.5, 0.166666666667]
    """
    stayed = log_stay(a, b, np.zeros_like(x), x, c)
    return stayed + np.where(x < T, _log_complement(log_stay(a, b, x, np.ones_like(x), c)), 0.0)


def _log_complement(log_p: Array) -> Array:
    """Return ln(1 - p)."""
    with np.errstate(divide="ignore"):
        return np.where(log_p > -0.7, np.log(-np.expm1(log_p)), np.log1p(-np.exp(log_p)))


def leaving_derivatives(a: Values, b: Values, x: Array, T: Array, c: Values = 1.0) -> Derivatives:
    """Return `log_leaving` with gradient and Hessian in (a, b, c), each of shape (n,).

    Examples
    --------
    >>> one = np.ones(1)
    >>> [float(d.round(12)[0]) for d in leaving_derivatives(2.0, 3.0, 0.0 * one, one).gradient]
    [0.3, -0.2, 0.0]
    """
    stayed = _log_stay_derivatives(a, b, np.zeros_like(x), x, c)
    last = _log_stay_derivatives(a, b, x, np.ones_like(x), c)
    left = np.where(x < T, 1.0, 0.0)
    # F = ln(1 - e^k), k = last.value < 0: F' = -1 / (e^-k - 1), F'' = F' (1 - F').
    with np.errstate(over="ignore"):
        slope = -left / np.expm1(-last.value)
    bend = slope * (left - slope)
    pairs = stayed.hessian
    return Derivatives(
        stayed.value + np.where(x < T, _log_complement(last.value), 0.0),
        tuple(first + slope * k for first, k in zip(stayed.gradient, last.gradient, strict=True)),
        {
            (i, j): pairs[i, j]
            + slope * last.hessian[i, j]
            + bend * last.gradient[i] * last.gradient[j]
            for i, j in pairs
        },
    )


def _log_stay_derivatives(a: Values, b: Values, T: Array, j: Array, c: Values) -> Derivatives:
    """Differentiate `log_stay` = -cross(z = b + T^c, a, n = (T+j)^c - T^c) by the chain rule."""
    clock = _Clock.at(T, j, c)
    z, n, excess, late = clock.start, clock.step, clock.log_excess, clock.late
    cross = cross_derivatives(b + z, a, n)
    log_T, log_end = np.log(np.maximum(T, 1.0)), np.log(np.maximum(T + j, 1.0))
    grown = np.log1p(j / np.maximum(T, 1.0))  # ln (T+j) / T where T > 0: T is whole
    # First and second derivatives of z and n in c.
    z_c, z_cc = z * log_T, z * log_T**2
    n_c = np.where(T > 0.0, n * log_end + z * grown, n * log_end)
    n_cc = np.where(T > 0.0, n * log_end**2 + z * grown * (log_end + log_T), n * log_end**2)
    c_c = cross.z * z_c + cross.n * n_c
    a_c = cross.za * z_c + cross.an * n_c
    b_c = cross.zz * z_c + cross.zn * n_c
    c_cc = (
        cross.zz * z_c**2
        + 2.0 * cross.zn * z_c * n_c
        + cross.nn * n_c**2
        + cross.z * z_cc
        + cross.n * n_cc
    )
    # Where t^c is late, cross = a c ln((T+j)/T); where its step is large, a times the excess more.
    power = late | (excess > 0.0)
    rate = np.where(late, grown, log_end)
    zero = np.zeros_like(z)
    gradient = (
        np.where(late, clock.log_growth, cross.a + excess),
        np.where(late, 0.0, cross.z),
        np.where(power, a * rate, c_c),
    )
    hessian = {
        (0, 0): np.where(late, zero, cross.aa),
        (0, 1): np.where(late, zero, cross.za),
        (0, 2): np.where(power, rate, a_c),
        (1, 1): np.where(late, zero, cross.zz),
        (1, 2): np.where(power, zero, b_c),
        (2, 2): np.where(power, zero, c_cc),
    }
    value = np.where(late, a * clock.log_growth, cross.value + a * excess)
    return Derivatives(
        -value, tuple(-first for first in gradient), {k: -second for k, second in hessian.items()}
    )


# --- expected renewals --------------------------------------------------------------------------


def stays(a: Values, b: Values, T: Array, count: Array, c: Values = 1.0) -> Array:
    """Return the sum of S(T+j) / S(T) over j = 1, ..., count: expected renewals, shape (n,).

    Examples
    --------
    >>> stays(1.0, 1.0, np.array([0.0]), np.array([2.0])).round(12).tolist()
    [0.833333333333]
    """
    if np.ndim(c) > 0 or c != 1.0:
        return discounted_stays(a, b, T, count, 0.0, c)
    # With b' = b + T: E[z + ... + z^count] for 1 - z ~ Beta(a, b'), by a geometric series inside.
    less = np.where(a == 1.0, _SMALL, np.asarray(a) - 1.0)
    later = log_cross(b + T + 1.0, less, count)
    return np.asarray((b + T) * (-np.expm1(-later) / less))


def discounted_stays(
    a: Values, b: Values, T: Array, count: Array, rate: float, c: Values = 1.0
) -> Array:
    """Return the sum of e^(-rate j) S(T+j) / S(T) over j = 1, ..., count, shape (n,).

    Parameters
    ----------
    a, b, c
        Parameters of S.
    T
        Renewals so far.
    count
        Number of opportunities; infinite only with a rate above zero.
    rate
        Continuous discount rate per opportunity.

    Examples
    --------
    >>> one = np.ones(1)
    >>> discounted_stays(1.0, 1.0, 0.0 * one, 2.0 * one, 0.0).round(12).tolist()
    [0.833333333333]
    """
    T, count = np.broadcast_arrays(T, count)
    if rate > 0.0:
        count = np.minimum(count, math.ceil(_DISCOUNTED / rate))

    def term(j: Array, rows: Index) -> Array:
        stay = log_stay(_at(a, rows), _at(b, rows), T[rows], j, _at(c, rows))
        return np.exp(stay - rate * j)

    return sum_smooth(
        term,
        count,
        growth=_growth(c),
        longest=_STEEPEST / -rate if rate < 0.0 else math.inf,
        decreasing=rate >= 0.0,
    )


def stays_without_end(a: Values, b: Values, T: Array, c: Values = 1.0) -> Array:
    """Return the sum of S(T+j) / S(T) over all j >= 1, shape (n,); inf unless a c > 1.

    Examples
    --------
    >>> stays_without_end(3.0, 1.0, np.array([0.0, 1.0])).tolist()
    [0.5, 1.0]
    """
    T = np.asarray(T, dtype=np.float64)
    if np.ndim(c) == 0 and c == 1.0:
        less = np.asarray(a) - 1.0
        return np.where(less > 0.0, (b + T) / np.where(less > 0.0, less, 1.0), math.inf)
    a, b, c = (np.broadcast_to(np.asarray(each, dtype=np.float64), T.shape) for each in (a, b, c))
    result = np.full(T.shape, math.inf)
    ends = np.flatnonzero(a * c > 1.0)
    if len(ends):
        a, b, c, T = a[ends], b[ends], c[ends], T[ends]
        head = discounted_stays(a, b, T, np.full_like(T, _FIRST_TERMS), 0.0, c)
        result[ends] = head + _tail(a, b, c, T)
    return result


def _tail(a: Array, b: Array, c: Array, T: Array) -> Array:
    """Return the sum of S(T+j) / S(T) over j > `_FIRST_TERMS`.

    By then it is the integral from half a step later, to all digits. It is taken over v = ln t^c,
    up to where t^c dwarfs all else and the integrand is e^(-k v).
    """
    start, k = c * np.log(T + _FIRST_TERMS + 0.5), a - 1.0 / c
    knee = np.log(1.0 + a + b + T**c)
    fallen = np.maximum(knee + 3.0, start) + 50.0 / k
    length = np.clip(np.minimum(46.0 + 2.0 * knee, fallen) - start, 0.0, None)
    steep = np.maximum(1.0, np.maximum(k, 1.0 / c) / _STEEPEST)
    panels = max(1, math.ceil(float((length * steep).max())))
    places, weights = np.polynomial.legendre.leggauss(16)
    points = ((np.arange(panels)[:, None] + 0.5 * (places + 1.0)) / panels).ravel()
    points, weights = np.append(points, 1.0), np.tile(weights / (2.0 * panels), panels)
    v = start[:, None] + length[:, None] * points
    a, b, c, T = a[:, None], b[:, None], c[:, None], T[:, None]
    with np.errstate(over="ignore"):
        density = np.exp(v / c - log_cross(b + T**c, a, np.exp(v) - T**c)) / c
    return np.asarray(density[:, :-1] @ weights * length + density[:, -1] / k)


def _growth(c: Values) -> float:
    """Return how fast blocks may grow: the larger c, the more sharply S bends."""
    return float(np.clip(1.5 / np.max(c), 0.1, 2.0))


def _at(values: Values, rows: Index) -> Values:
    """Return the parameter of each row."""
    return values if isinstance(values, float | int) or np.ndim(values) == 0 else values[rows]
