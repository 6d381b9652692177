"""Distribution functions as tables: where to put the nodes, and what lies between them.

Between nodes the logit of a distribution function is a cubic with the right values and slopes,
limited to be monotone (Fritsch and Carlson 1980). Beyond them it is a line: what is a power of z at
both ends, as the law of a customer's value is, is a line in ln z.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["Curves", "interpolated", "inverted", "refined", "slopes"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]

_LEAST: Final = 1e-15  # a probability that is as good as none
_ROUNDS: Final = 40
_NEWTON: Final = 8
_CHUNK: Final = 1 << 13
_FAR: Final = 1e6  # cells beyond the last node


@dataclass(frozen=True)
class Curves:
    """Distribution functions at shared nodes.

    Attributes
    ----------
    nodes : Array
        Ascending, (k,).
    values, slopes : Array
        The functions and their derivatives at the nodes, (r, k).
    """

    nodes: Array
    values: Array
    slopes: Array


def refined(
    points: Array,
    values: Callable[[Array], Array],
    middle: Callable[[Array, Array], Array],
    coarse: Callable[[Array, Array], NDArray[np.bool_]],
) -> tuple[Array, Array]:
    """Add points to a table until it is fine enough.

    Parameters
    ----------
    points
        First points, ascending, shape (m,).
    values
        From points (k,) to rows (r, k).
    middle
        From the ends of cells to points in between; where it gives an end, the cell stays.
    coarse
        From points (k,) and rows (r, k) to which cells want a point more, (k - 1,).

    Returns
    -------
    tuple of Array
        The points, (m',), and the rows at them, (r, m').

    Examples
    --------
    >>> steep = lambda x, rows: np.diff(rows[0]) > 0.4
    >>> halves = lambda low, high: 0.5 * (low + high)
    >>> refined(np.array([0.0, 1.0]), lambda x: x[None] ** 8, halves, steep)[0].tolist()
    [0.0, 0.5, 0.75, 0.875, 0.9375, 0.96875, 1.0]
    """
    rows = values(points)
    for _ in range(_ROUNDS):
        wide = np.flatnonzero(coarse(points, rows))
        between = middle(points[wide], points[wide + 1])
        new = (between > points[wide]) & (between < points[wide + 1])
        if not new.any():
            break
        where, between = wide[new] + 1, between[new]
        rows = np.insert(rows, where, values(between), axis=1)
        points = np.insert(points, where, between)
    return points, rows


def interpolated(curves: Curves, row: Index, x: Array) -> Array:
    """Return what distribution functions are at points between the nodes.

    Parameters
    ----------
    curves
        r functions.
    row, x
        Which function, and where, each (m,); a function is 0 or 1 where x is infinite.

    Examples
    --------
    >>> nodes = np.linspace(-8.0, 8.0, 41)
    >>> p = special.expit(nodes)[None]
    >>> logistic = Curves(nodes, p, p * (1.0 - p))
    >>> x = np.array([-np.inf, 0.1, 12.0])
    >>> interpolated(logistic, np.zeros(3, int), x).round(6).tolist()
    [0.0, 0.524979, 0.999994]
    """
    logit, _ = _logits(curves, row, x)
    return np.where(np.isinf(x), np.where(x > 0.0, 1.0, 0.0), special.expit(logit))


def slopes(curves: Curves, row: Index, x: Array) -> Array:
    """Return the derivatives of distribution functions at finite points; see `interpolated`.

    Examples
    --------
    >>> nodes = np.linspace(-8.0, 8.0, 41)
    >>> p = special.expit(nodes)[None]
    >>> logistic = Curves(nodes, p, p * (1.0 - p))
    >>> slopes(logistic, np.zeros(1, int), np.array([0.1])).round(4).tolist()
    [0.2494]
    """
    logit, slope = _logits(curves, row, x)
    return np.asarray(slope * special.expit(logit) * special.expit(-logit))


def _logits(curves: Curves, row: Index, x: Array) -> tuple[Array, Array]:
    """Return the logits of distribution functions at points, and their derivatives."""
    nodes = curves.nodes
    cell = np.clip(np.searchsorted(nodes, x, side="right") - 1, 0, len(nodes) - 2)
    piece, width = _pieces(curves, row, cell), nodes[cell + 1] - nodes[cell]
    offset = np.clip((x - nodes[cell]) / width, -_FAR, _FAR)
    inside = np.clip(offset, 0.0, 1.0)
    value, slope = _cubic(piece, inside)
    return value + (offset - inside) * slope, slope / width


def inverted(curves: Curves, row: Index, u: Array) -> Array:
    """Return where distribution functions reach probabilities u, shape (m,); see `interpolated`.

    Examples
    --------
    >>> nodes = np.linspace(-8.0, 8.0, 41)
    >>> p = special.expit(nodes)[None]
    >>> logistic = Curves(nodes, p, p * (1.0 - p))
    >>> inverted(logistic, np.zeros(3, int), np.array([0.0, 0.524979, 1.0])).round(5).tolist()
    [-inf, 0.1, inf]
    """
    found = np.empty(len(u))
    for start in range(0, len(u), _CHUNK):
        part = slice(start, start + _CHUNK)
        found[part] = _inverted(curves, row[part], u[part])
    return found


def _inverted(curves: Curves, row: Index, u: Array) -> Array:
    nodes = curves.nodes
    below = (curves.values[row] < u[:, None]).sum(axis=1)
    cell = np.clip(below - 1, 0, len(nodes) - 2)
    piece = _pieces(curves, row, cell)
    target = special.logit(np.clip(u, _LEAST, 1.0 - _LEAST))
    inside = np.clip(target, piece[0], piece[1])
    offset = _solve(piece, inside)
    slope = np.maximum(_cubic(piece, offset)[1], 1.0 / _FAR)
    result = nodes[cell] + (nodes[cell + 1] - nodes[cell]) * (offset + (target - inside) / slope)
    return np.where(u <= 0.0, -np.inf, np.where(u >= 1.0, np.inf, result))


def _pieces(curves: Curves, row: Index, cell: Index) -> tuple[Array, Array, Array, Array]:
    """Return ends and slopes (per cell) of the cubics, in logits, each (m,)."""
    column = cell[:, None] + np.arange(2)
    p = np.clip(curves.values[row[:, None], column], _LEAST, 1.0 - _LEAST)
    y = special.logit(p)
    rise = y[:, 1] - y[:, 0]
    width = curves.nodes[cell + 1] - curves.nodes[cell]
    slope = width[:, None] * curves.slopes[row[:, None], column] / (p * (1.0 - p))
    slope = np.clip(slope, 0.0, 3.0 * rise[:, None])
    return y[:, 0], y[:, 1], slope[:, 0], slope[:, 1]


def _cubic(piece: tuple[Array, Array, Array, Array], s: Array) -> tuple[Array, Array]:
    """Return value and slope of cubics on (0, 1), by the values and slopes at the ends."""
    first, last, left, right = piece
    rise = last - first
    c, d = 3.0 * rise - 2.0 * left - right, left + right - 2.0 * rise
    return first + s * (left + s * (c + s * d)), left + s * (2.0 * c + 3.0 * s * d)


def _solve(piece: tuple[Array, Array, Array, Array], target: Array) -> Array:
    """Return where monotone cubics on (0, 1) reach values between their ends."""
    first, last = piece[0], piece[1]
    low, high = np.zeros_like(target), np.ones_like(target)
    s = np.where(last > first, (target - first) / np.where(last > first, last - first, 1.0), 0.0)
    for _ in range(_NEWTON):
        value, slope = _cubic(piece, s)
        low, high = np.where(value < target, s, low), np.where(value >= target, s, high)
        step = s - (value - target) / np.where(slope > 0.0, slope, 1.0)
        s = np.where((step >= low) & (step <= high) & (slope > 0.0), step, 0.5 * (low + high))
    return s
