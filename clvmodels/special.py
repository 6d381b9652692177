"""Numerical tools that the models share: rising gamma ratios, and quadrature on logarithmic axes.

*Rising* functions give differences such as ln G(z+n) - ln G(z) for a whole number n as one sum of
elementary terms, without the cancellation of two large values.

*Expectations* and *integrals* use the trapezoidal rule on a logarithmic axis, where it converges
exponentially for the smooth functions at hand. Far from the centre these integrands are pure
exponentials, so both tails are added as geometric series: no parameter value, however small, makes
the range of integration long.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "beta_expectation",
    "digamma_rising",
    "distinct_rows",
    "interpolate_smooth",
    "log_rising",
    "per_distinct",
    "time_nodes",
    "trigamma_rising",
]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]

DEPTH = 42.0  # nats below its maximum at which an integrand stops mattering: e^-42 = 6e-19
FLAT = 35.0  # nats beyond a scale after which an integrand is a pure exponential: e^-35 = 6e-16
TIME_FLAT = 18.0  # the same over time, where the tail itself weighs e^-18: together e^-36
TIME_STEP = 0.27  # aliasing e^(-2 pi (pi/2) / h) = e^-36: functions of time are analytic to +-pi/2
_POINT = 1e12  # a beta density more concentrated than this is a point
BLOCK = 1 << 17  # elements of one temporary array: it stays in the processor's cache


# --- ratios of gamma functions ----------------------------------------------------------------


def _rising(term: Callable[[Array], Array], z: float, n: Array) -> Array:
    """Sum ``term(z + j)`` over j = 0, ..., n-1 for each whole number in `n`, by one table."""
    top = int(n.max(initial=0.0))
    table = np.zeros(top + 1)
    np.cumsum(term(z + np.arange(top, dtype=np.float64)), out=table[1:])
    return table.take(n.astype(np.intp))


def log_rising(z: float, n: Array) -> Array:
    """Return ln G(z+n) - ln G(z) for whole numbers n, shape (n,).

    Examples
    --------
    >>> log_rising(2.0, np.array([0.0, 1.0, 2.0])).round(6).tolist()
    [0.0, 0.693147, 1.791759]
    """
    return _rising(np.log, z, n)


def digamma_rising(z: float, n: Array) -> Array:
    """Return psi(z+n) - psi(z) for whole numbers n, shape (n,).

    Examples
    --------
    >>> digamma_rising(2.0, np.array([0.0, 2.0])).round(6).tolist()
    [0.0, 0.833333]
    """
    return _rising(np.reciprocal, z, n)


def trigamma_rising(z: float, n: Array) -> Array:
    """Return psi'(z+n) - psi'(z) for whole numbers n, shape (n,): never above zero.

    Examples
    --------
    >>> trigamma_rising(2.0, np.array([0.0, 2.0])).round(6).tolist()
    [0.0, -0.361111]
    """
    return 0.0 - _rising(lambda value: value**-2.0, z, n)


# --- expectations over a beta density ---------------------------------------------------------


def beta_expectation(
    integrand: Callable[[Array, Index], Array],
    a: float,
    b: Array,
    *,
    reach: Array,
    steepness: Array,
) -> Array:
    """Expect a positive function that decreases in p, for p ~ Beta(a, b), row by row.

    Trapezoidal rule in logit p, with weights normalised on the same nodes.

    Parameters
    ----------
    integrand
        ``integrand(p, rows)``: the function at `p`, shape (rows, nodes), of the rows given by their
        index, shape (rows, 1). Positive, decreasing in p, analytic for p off the negative axis.
    a, b
        Parameters of the density; `b` has shape (n,).
    reach
        Shape (n,). The integrand is constant to first order once ``p * reach`` is far below 1.
    steepness
        Shape (n,). The integrand falls with p like a power of at most this.

    Returns
    -------
    Array
        Expectations, shape (n,).

    Examples
    --------
    >>> def complement(p, rows):
    ...     return 1.0 - p
    >>> bounds = {"reach": np.ones(1), "steepness": np.ones(1)}
    >>> float(beta_expectation(complement, 2.0, np.array([3.0]), **bounds).round(12)[0])
    0.6
    """
    # A density with a and b above the limit is one point to 1e-12; there rounding would rule.
    shrink = np.minimum(1.0, _POINT / np.minimum(a, b))
    density = _LogitBeta(a * shrink, b * shrink)
    left, right = _window(integrand, density, reach)
    step = _node_distance(np.minimum(density.a, density.b + steepness))
    nodes = np.ceil((right - left) / step).astype(np.intp) + 1
    result = np.empty_like(b)
    order = np.argsort(nodes, kind="stable")
    start = 0
    while start < len(order):
        stop = start + max(1, BLOCK // (2 * int(nodes[order[start]])))
        rows = order[start:stop]
        offsets = np.linspace(left[rows], right[rows], int(nodes[rows].max()), axis=1)
        result[rows] = _trapezoid(integrand, density.take(rows), offsets, rows[:, None])
        start = stop
    return result


@dataclass(frozen=True)
class _LogitBeta:
    """The density of d = logit p - ln(a / b), for p ~ Beta(a, b): the mode is at d = 0.

    Written in d and around the nearer end, so that concentrated and lopsided densities lose no
    digits. All arrays are (n,).
    """

    a: Array
    b: Array

    def take(self, rows: Index) -> _LogitBeta:
        """Return some rows, as columns of shape (rows, 1)."""
        return _LogitBeta(self.a[rows, None], self.b[rows, None])

    def log_density(self, d: Array) -> Array:
        """Return the log density, 0 at its maximum."""
        low = self.a <= self.b
        near, side = np.where(low, self.a, self.b), np.where(low, d, -d)
        total = self.a + self.b
        return near * side - total * np.log1p(near / total * np.expm1(side))

    def slope(self, d: Array) -> Array:
        """Return the derivative of the log density."""
        odds = self.a / self.b * np.exp(d)
        return (self.a - self.b * odds) / (1.0 + odds)

    def probability(self, d: Array) -> Array:
        """Return p."""
        odds = self.a / self.b * np.exp(d)
        return odds / (1.0 + odds)


def _trapezoid(
    integrand: Callable[[Array, Index], Array], density: _LogitBeta, d: Array, rows: Index
) -> Array:
    """Apply the rule on nodes d, shape (rows, nodes), evenly spaced in each row."""
    step = d[:, 1:2] - d[:, :1]
    weights = np.exp(density.log_density(d))
    weights[:, :1] *= _geometric_sum(density.a * step)
    weights[:, -1:] *= _geometric_sum(density.b * step)
    values = integrand(density.probability(d), rows)
    return np.asarray((weights * values).sum(axis=1) / weights.sum(axis=1))


def _geometric_sum(decay: Array) -> Array:
    """Return 1 + e^-d + e^-2d + ..., the weight of an end node that stands for its tail."""
    return -1.0 / np.expm1(-decay)


def _window(
    integrand: Callable[[Array, Index], Array], density: _LogitBeta, reach: Array
) -> tuple[Array, Array]:
    """Return the range of d outside which the integral is nothing or a geometric tail."""
    a, b = density.a, density.b
    mode, rows = np.log(a / b), np.arange(len(b))[:, None]
    flat_left = np.minimum(-np.log(np.maximum(reach, a + b)) - FLAT - mode, -1.0)
    flat_right = np.maximum(np.log(a + b) + FLAT - mode, 1.0)
    # The integrand moves mass to the left by at most the ratio of its values far left and here.
    ends = density.take(rows[:, 0]).probability(np.stack([flat_left, np.zeros_like(b)], axis=1))
    values = np.log(np.maximum(integrand(ends, rows), 1e-300))
    shift = values[:, 0] - values[:, 1]
    return _inward(density, flat_left, DEPTH + shift), _inward(density, flat_right, DEPTH + 0.0 * b)


def _inward(density: _LogitBeta, outer: Array, depth: Array) -> Array:
    """Move from `outer` towards the mode to where the log density is `depth` below its maximum.

    The log density is concave, so Newton's method from outside never steps past the solution;
    where it is higher than that at `outer` already, `outer` stays.
    """
    d = outer.copy()
    for _ in range(60):
        gap = density.log_density(d) + depth
        move = np.where(gap < 0.0, gap / density.slope(d), 0.0)
        d -= move
        if np.all(np.abs(move) <= 0.02 * np.abs(d)):
            break
    return d


def _node_distance(concentration: Array) -> Array:
    """Return the node distance at which aliasing is below e^-32, shape (n,).

    Shifting the contour by i theta gains exp(-2 pi theta / h) and costs up to cos(theta)^-c, where
    c is the smaller exponent of the tails of density times integrand.
    """
    theta = np.geomspace(1e-7, 1.45, 400)
    distinct, row = np.unique(concentration, return_inverse=True)
    gains = 2.0 * math.pi * theta / (32.0 - distinct[:, None] * np.log(np.cos(theta)))
    return np.asarray(gains.max(axis=1)[row])


# --- integrals over time ----------------------------------------------------------------------


def time_nodes(horizon: float, rate: float, *, finest: float) -> tuple[Array, Array]:
    """Return nodes s and weights c with sum c g(s) = integral over (0, horizon) of e^(-rate s) g.

    For functions g that are positive, decreasing, analytic off the negative axis and constant for
    times far below `finest`. Trapezoidal rule in ln s (infinite horizon) or in the logit of
    s / horizon.

    Parameters
    ----------
    horizon
        Length of the interval, above zero; may be infinite when `rate` is above zero.
    rate
        Continuous discount rate; may be negative when the horizon is finite.
    finest
        Shortest time in which any of the functions changes, above zero.

    Returns
    -------
    tuple of Array
        Nodes and weights, shape (m,).

    Examples
    --------
    >>> s, c = time_nodes(math.inf, 0.5, finest=1.0)
    >>> float((c * np.exp(-s)).sum().round(12))
    0.666666666667
    """
    step = TIME_STEP
    if rate * horizon > 2.0 * DEPTH:  # discounting ends the integral long before the horizon does
        scale = 1.0 / rate
        stop = math.log(DEPTH)
    else:
        scale = horizon
        stop = TIME_FLAT
    start = min(math.log(finest / scale), 0.0) - TIME_FLAT
    y = np.linspace(start, stop, math.ceil((stop - start) / step) + 1)
    step = float(y[1] - y[0])
    tail = -1.0 / math.expm1(-step)  # an end node stands for the geometric series beyond it
    if scale == horizon:
        odds = np.exp(y)
        s = scale * odds / (1.0 + odds)
        c = s / (1.0 + odds) * step * np.exp(-rate * s)
        c[-1] *= tail
    else:
        s = scale * np.exp(y)
        c = s * step * np.exp(-rate * s)
    c[0] *= tail
    return s, c


# --- doing expensive things once --------------------------------------------------------------


def per_distinct(function: Callable[..., Array], *columns: Array) -> Array:
    """Evaluate a function of columns (n,) once per distinct row, and spread the results.

    Examples
    --------
    >>> per_distinct(lambda x, y: x + y, np.array([1.0, 2.0, 1.0]), np.array([5.0, 6.0, 5.0]))
    array([6., 8., 6.])
    """
    first, code = distinct_rows(*columns)
    values = function(*(column[first] for column in columns))
    return np.asarray(values[code])


def distinct_rows(*columns: Array) -> tuple[Index, Index]:
    """Return the first row of each distinct combination of columns (n,), and each row's code.

    Codes are in the sorted order of the columns, the first column most significant.

    Examples
    --------
    >>> first, code = distinct_rows(np.array([2.0, 1.0, 2.0]), np.array([5.0, 6.0, 5.0]))
    >>> first.tolist(), code.tolist()
    ([1, 0], [1, 0, 1])
    """
    code = np.zeros(len(columns[0]), dtype=np.intp)
    for column in columns:
        levels, inverse = np.unique(column, return_inverse=True)
        code = np.unique(code * len(levels) + inverse, return_inverse=True)[1]
    first = np.empty(int(code.max(initial=-1)) + 1, dtype=np.intp)
    first[code[::-1]] = np.arange(len(code))[::-1]
    return first, code


def interpolate_smooth(
    function: Callable[[Array], Array], points: Array, *, panel: float = 2.0, nodes: int = 26
) -> Array:
    """Evaluate a function that is smooth in the logarithm of its argument at many points.

    Piecewise Chebyshev interpolation in ln s, or the function itself where that costs less. For
    decreasing functions f that are analytic off the negative axis, such as mixtures of (1 + s)^-k,
    the error of s f(s) is below 1e-12 of its maximum, which is what integrals in ln s need.

    Parameters
    ----------
    function
        Function of an array of positive points.
    points
        Points, any shape.
    panel
        Length of a panel in ln units.
    nodes
        Chebyshev nodes a panel.

    Examples
    --------
    >>> s = np.geomspace(1e-3, 1e3, 5000)
    >>> close = interpolate_smooth(lambda s: (1.0 + s) ** -2.5, s) / (1.0 + s) ** -2.5 - 1.0
    >>> bool(np.abs(close).max() < 1e-12)
    True
    """
    log_points = np.log(points.ravel())
    low, high = float(log_points.min()), float(log_points.max())
    panels = max(1, math.ceil((high - low) / panel))
    if panels * nodes >= points.size:
        return function(points.ravel()).reshape(points.shape)
    edges = np.linspace(low, high, panels + 1)
    half = 0.5 * (edges[1] - edges[0])
    angles = (np.arange(nodes) + 0.5) * (math.pi / nodes)
    grid = (edges[:-1] + half)[:, None] + half * np.cos(angles)
    values = function(np.exp(grid.ravel())).reshape(grid.shape)
    cosines = np.cos(np.outer(np.arange(nodes), angles)) * (2.0 / nodes)
    cosines[0] *= 0.5
    coefficients = values @ cosines.T
    where = np.clip(((log_points - low) / (2.0 * half)).astype(np.intp), 0, panels - 1)
    offset = (log_points - (edges[where] + half)) / half
    result = np.zeros_like(log_points)
    older = np.zeros_like(log_points)
    for column in range(nodes - 1, 0, -1):  # Clenshaw's recurrence
        result, older = 2.0 * offset * result - older + coefficients[where, column], result
    result = offset * result - older + coefficients[where, 0]
    return np.asarray(result.reshape(points.shape))
