"""Quadrature over lifetimes: Gauss-Legendre panels, laid row by row where the integrand needs them.

The integrand is the density or the survival of a lifetime, times (alpha + y)^-k, times e^(-rate y).
Its singularities are real and to the left, or in a complex pair. A panel is even in the logarithm
of the distance from the nearest one, and ends where the integrand has changed by e^STEEPEST. Most
customers need one panel, extreme ones a dozen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.lifetime.lifetimes import Lifetime, Values, as_column, some_rows

__all__ = ["Integrand", "Panels", "bisected", "by_block", "integrate", "lay_panels"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]

# 16 nodes on 2 nats of distance: the integrand is analytic to +-pi/2, the error is 3^-32.
NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
STEEPEST: Final = 16.0
BLOCK: Final = 1 << 10  # rows whose nodes stay in the processor's cache
DEPTH: Final = 42.0  # what is left of an integral is dropped at e^-42 = 6e-19


@dataclass(frozen=True)
class Integrand:
    """f(y) or S(y), times (alpha + y)^-k e^(-rate y), relative to its value at y = start.

    Attributes
    ----------
    lifetime : Lifetime
    density : bool
        Whether f or S.
    start : Array
        Shape (n,).
    k, alpha : float or Array
        Of the purchases; k = 0 and alpha infinite without them.
    rate : float
        Of a discount; may be negative over a finite time.
    """

    lifetime: Lifetime
    density: bool
    start: Array
    k: Values = 0.0
    alpha: Values = math.inf
    rate: float = 0.0

    def take(self, rows: Index | slice) -> Integrand:
        """Return some rows."""
        return replace(
            self,
            lifetime=self.lifetime.take(rows),
            start=self.start[rows],
            k=some_rows(self.k, rows),
            alpha=some_rows(self.alpha, rows),
        )

    def columns(self) -> Integrand:
        """Return the rows as columns, shape (n, 1)."""
        return replace(
            self,
            lifetime=self.lifetime.columns(),
            start=self.start[:, None],
            k=as_column(self.k),
            alpha=as_column(self.alpha),
        )

    def log_rest(self, delta: Array) -> Array:
        """Return the logarithm of the factors beside the lifetime's at start + delta."""
        silence = self.k * np.log1p(delta / (self.alpha + self.start))
        return -silence - self.rate * delta if self.rate else -silence

    def log_value(self, delta: Array) -> Array:
        """Return the logarithm of the integrand at start + delta."""
        lifetime = self.lifetime.log_ratio(self.start, delta, density=self.density)
        return self.log_rest(delta) + lifetime

    def log_bound(self, delta: Array) -> Array:
        """Return a bound of the integrand from start + delta on; infinite if it may rise."""
        if self.rate < 0.0:
            return np.full_like(delta, np.inf)
        rise = self.lifetime.mode() - self.start if self.density else 0.0
        highest = np.maximum(delta, rise)
        ahead = self.lifetime.log_ratio(self.start, highest, density=self.density)
        return self.log_rest(delta) + ahead


@dataclass(frozen=True)
class Panels:
    """Panels, those of a row side by side; every row has at least one. Arrays are (p,).

    Attributes
    ----------
    row : Index
        The row of each panel.
    at : Array
        Where it begins, from `start`.
    scale, length : Array
        It goes to ``at + scale * expm1(length)``.
    """

    row: Index
    at: Array
    scale: Array
    length: Array

    def nodes(self) -> tuple[Array, Array]:
        """Return nodes, from `start`, and their weights, each of shape (p, 16)."""
        half = 0.5 * self.length[:, None]
        grown = self.scale[:, None] * np.expm1(half * (1.0 + NODES))
        return self.at[:, None] + grown, half * WEIGHTS * (self.scale[:, None] + grown)

    def sums(self, values: Array) -> Array:
        """Add up values of panels, shape (..., p), by row, shape (..., n)."""
        return self._by_row(np.add, values)

    def highest(self, values: Array) -> Array:
        """Return the highest value of the panels of each row, shape (..., n)."""
        return self._by_row(np.maximum, values)

    def _by_row(self, fold: np.ufunc, values: Array) -> Array:
        first = np.flatnonzero(np.diff(self.row, prepend=-1))
        if len(first) == len(self.row):
            return values
        return np.asarray(fold.reduceat(values, first, axis=-1))


def lay_panels(integrand: Integrand, span: Array) -> Panels:
    """Lay panels over (start, start + span); the span, shape (n,), may be infinite.

    A row ends early where the rest of its integral is below e^-DEPTH of the whole.
    """
    rows = np.arange(len(span))
    at = np.zeros(len(span))
    first_scale = at
    laid: list[tuple[Index, Array, Array, Array]] = []
    while len(rows):
        scale, length = _next_panel(integrand, at, span - at)
        laid.append((rows, at, scale, length))
        if len(laid) == 1:
            first_scale = scale
        end = at + scale * np.expm1(length)
        left = integrand.log_bound(end) + np.log1p(end / first_scale)
        go = np.flatnonzero((length < np.log1p((span - at) / scale)) & (left > -DEPTH))
        rows, at, span, first_scale = rows[go], end[go], span[go], first_scale[go]
        integrand = integrand.take(go)
    if len(laid) == 1:
        return Panels(*laid[0])
    joined = [np.concatenate(parts) for parts in zip(*laid, strict=True)]
    order = np.argsort(joined[0], kind="stable")
    return Panels(*(column[order] for column in joined))


def _next_panel(integrand: Integrand, at: Array, left: Array) -> tuple[Array, Array]:
    """Return scale and length of the panel of each row that begins at `at`."""
    y = integrand.start + at
    around = integrand.lifetime.surroundings(y, density=integrand.density)
    pole = integrand.alpha + y
    scale = np.minimum(around.distance, pole)
    slope = integrand.k / pole + around.slope + abs(integrand.rate)
    steep = np.log1p(STEEPEST / np.maximum(slope * scale, 1e-3))
    reach = np.log1p(around.distance / scale * np.expm1(around.longest))
    length = np.minimum(np.minimum(steep, np.minimum(reach, 2.0)), np.log1p(left / scale))
    return scale, length


def integrate(integrand: Integrand, span: Array) -> Array:
    """Return the integral over (start, start + span), relative to the integrand at start, (n,)."""
    if not len(span):
        return np.zeros(0)
    return by_block(_integrate, integrand, span)


def _integrate(integrand: Integrand, span: Array) -> Array:
    panels = lay_panels(integrand, span)
    delta, weight = panels.nodes()
    values = weight * np.exp(integrand.take(panels.row).columns().log_value(delta))
    return panels.sums(values.sum(axis=1))


def by_block(
    function: Callable[[Integrand, Array], Array], integrand: Integrand, span: Array
) -> Array:
    """Apply a function of rows block by block, and join the results along the last axis."""
    parts = [
        function(integrand.take(rows), span[rows])
        for rows in (slice(i, i + BLOCK) for i in range(0, len(span), BLOCK))
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)


def bisected(before: Callable[[Array], NDArray[np.bool_]], low: Array, high: Array) -> Array:
    """Return where a condition that holds on the left ends, or `high`; to e-6 of the range."""
    low, end = low.copy(), high
    for _ in range(24):
        middle = 0.5 * (low + high)
        on_left = before(middle)
        low, high = np.where(on_left, middle, low), np.where(on_left, high, middle)
    return np.asarray(np.where(before(end), end, high))
