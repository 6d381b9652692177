"""Expectations over a beta density, by the trapezoidal rule in logit p with both tails added.

On that axis the rule converges exponentially. Far from the centre these integrands are pure
exponentials, so both tails are geometric series: no parameter value, however small, makes the range
of integration long.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.special.distinct import Index

__all__ = ["beta_expectation"]

Array: TypeAlias = NDArray[np.float64]

DEPTH = 42.0  # nats below its maximum at which an integrand stops mattering: e^-42 = 6e-19
FLAT = 35.0  # nats beyond a scale after which an integrand is a pure exponential: e^-35 = 6e-16
_POINT = 1e12  # a beta density more concentrated than this is a point
BLOCK = 1 << 17  # elements of one temporary array: it stays in the processor's cache


def beta_expectation(
    integrand: Callable[[Array, Index], Array],
    a: float | Array,
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
        Parameters of the density; `b` has shape (n,), `a` too or it is a number.
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
