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
BLOCK = 1 << 17  # elements of one temporary array: it stays in the processor's cache


# --- ratios of gamma functions ----------------------------------------------------------------


def _rising(term: Callable[[Array], Array], z: float, n: Array) -> Array:
    """Sum ``term(z + j)`` over j = 0, ..., n-1 for each whole number in `n`, by one table."""
    top = int(n.max(initial=0.0))
    table = np.zeros(top + 1)
    np.cumsum(term(z + np.arange(top, dtype=np.float64)), out=table[1:])
    return table[n.astype(np.intp)]


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
    integrand: Callable[[Array, Index], Array], a: float, b: Array, *, reach: Array
) -> Array:
    """Expect a positive function that decreases in p, for p ~ Beta(a, b), row by row.

    Trapezoidal rule in z = logit p, where the density is ``exp(a z - (a+b) ln(1 + e^z))``, weights
    normalised on the same nodes.

    Parameters
    ----------
    integrand
        ``integrand(p, rows)``: the function at `p`, shape (rows, nodes), of the rows given by their
        index, shape (rows, 1). Positive, decreasing in p, analytic for p off the negative axis.
    a, b
        Parameters of the density; `b` has shape (n,).
    reach
        Shape (n,). The integrand is constant to first order once ``p * reach`` is far below 1.

    Returns
    -------
    Array
        Expectations, shape (n,).

    Examples
    --------
    >>> def complement(p, rows):
    ...     return 1.0 - p
    >>> float(beta_expectation(complement, 2.0, np.array([3.0]), reach=np.ones(1)).round(12)[0])
    0.6
    """
    left, right = _beta_window(integrand, a, b, reach)
    step = _beta_step(a)
    nodes = np.ceil((right - left) / step).astype(np.intp) + 1
    result = np.empty_like(b)
    order = np.argsort(nodes, kind="stable")
    start = 0
    while start < len(order):
        count = int(nodes[order[start]])
        stop = start + max(1, BLOCK // (2 * count))
        rows = order[start:stop]
        count = int(nodes[rows].max())
        result[rows] = _beta_block(integrand, a, b, left, right, rows[:, None], count)
        start = stop
    return result


def _beta_block(
    integrand: Callable[[Array, Index], Array],
    a: float,
    b: Array,
    left: Array,
    right: Array,
    rows: Index,
    count: int,
) -> Array:
    """Evaluate `beta_expectation` for some rows with the same number of nodes."""
    beta = b[rows]
    step = (right[rows] - left[rows]) / (count - 1)
    z = left[rows] + step * np.arange(count)
    odds = np.exp(z)
    mode = np.log(a / beta)
    density = np.exp(a * (z - mode) - (a + beta) * (np.log1p(odds) - np.log1p(a / beta)))
    # Beyond the end nodes the density falls by e^(-a h) and e^(-b h) a node: geometric series.
    density[:, :1] *= _geometric_sum(a * step)
    density[:, -1:] *= _geometric_sum(beta * step)
    values = integrand(odds / (1.0 + odds), rows)
    return np.asarray((density * values).sum(axis=1) / density.sum(axis=1))


def _beta_window(
    integrand: Callable[[Array, Index], Array], a: float, b: Array, reach: Array
) -> tuple[Array, Array]:
    """Return the range of logit p outside which the integral is nothing or a geometric tail."""
    rows = np.arange(len(b))[:, None]
    mode = np.log(a / b)
    flat_left = -np.log(np.maximum(reach, a + b)) - FLAT
    flat_right = np.log(a + b) + FLAT
    # The integrand moves mass to the left by at most the ratio of its values at 0 and at the mode.
    ends = np.stack([np.exp(np.minimum(flat_left, mode)), a / (a + b)], axis=1)
    at_zero, at_mode = np.maximum(integrand(ends, rows), 1e-300).T
    shift = np.log(at_zero) - np.log(at_mode)
    left = _descend(np.minimum(flat_left, mode - 1.0), mode, a, b, DEPTH + shift)
    right = _descend(np.maximum(flat_right, mode + 1.0), mode, a, b, np.full_like(b, DEPTH))
    return left, right


def _descend(outer: Array, mode: Array, a: float, b: Array, depth: Array) -> Array:
    """Move from `outer` towards the mode to where the log density is `depth` below its maximum.

    The log density is concave, so Newton's method from outside never steps past the solution;
    where it is higher than that at `outer` already, `outer` stays.
    """
    top = a * mode - (a + b) * np.log1p(a / b) - depth
    z = outer.copy()
    for _ in range(30):
        gap = a * z - (a + b) * np.logaddexp(0.0, z) - top
        slope = a - (a + b) / (1.0 + np.exp(-z))
        move = np.where(gap < 0.0, gap / np.where(slope == 0.0, 1.0, slope), 0.0)
        z -= move
        if np.abs(move).max(initial=0.0) < 0.5:
            break
    return z


def _geometric_sum(decay: Array) -> Array:
    """Return 1 + e^-d + e^-2d + ..., the weight of an end node that stands for its tail."""
    return -1.0 / np.expm1(-decay)


def _beta_step(a: float) -> float:
    """Return the node distance at which aliasing is below e^-32.

    Shifting the contour by i theta gains exp(-2 pi theta / h) and costs up to cos(theta)^-a.
    """
    theta = np.linspace(0.05, 1.45, 57)
    return float(np.max(2.0 * math.pi * theta / (32.0 - a * np.log(np.cos(theta)))))


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
    """Evaluate a positive function that is smooth in ln-ln scale at many points.

    Piecewise Chebyshev interpolation of the logarithm in the logarithm, or the function itself
    where that costs less. For functions whose logarithm is analytic within pi of the real axis,
    such as mixtures of (1 + s)^-k, the relative error is below 1e-12.

    Parameters
    ----------
    function
        Positive function of an array of positive points.
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
    values = np.log(function(np.exp(grid.ravel()))).reshape(grid.shape)
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
    return np.asarray(np.exp(result).reshape(points.shape))
