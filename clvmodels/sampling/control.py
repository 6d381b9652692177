"""The log-likelihood of many customers at many points, from few of them.

Near the mode the log-likelihood l of a customer is nearly its second-order Taylor polynomial q.
The sum Q of q over all customers is exact and costs one evaluation; what is left, l - q, is small
and much alike among customers with like histories, so a sample of them says what it adds up to:
l(z) ~ Q(z) + sum over the sample of weight (l - q)(z). The sample is systematic over the sorted
histories and takes those that many customers share as they are. Interleaved parts of it tell how
far the sum may be off, and it grows until that is little beside the Monte Carlo error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.objective import PerRow, total

__all__ = ["LARGEST_SHARE", "Evaluated", "RowValues", "Sample", "log_likelihoods", "sample"]

Array: TypeAlias = NDArray[np.float64]
RowValues: TypeAlias = Callable[[Sequence[float | Array], Customers], Array]

LARGEST_SHARE: Final = 0.5
"""Largest spread of the error of log weights, in Monte Carlo errors of as many draws.

A spread of e moves no mean by more than e standard deviations; the Monte Carlo error of S draws is
1 / sqrt(S) of them. Half of that adds an eighth to the error.
"""

_FIRST: Final = 512  # histories in the first sample
_GROWTH: Final = 4
_PARTS: Final = 8  # of a sample, whose differences tell its error
_PILOT: Final = 100  # points that tell whether a sample is large enough
_WORTH: Final = 0.5  # share of all histories from which on a sample saves too little
_BLOCK: Final = 1 << 13  # rows whose columns fit the cache of a core


@dataclass(frozen=True)
class Evaluated:
    """The log-likelihood at S points.

    Attributes
    ----------
    values : Array
        Shape (S,).
    parts : Array
        Shape (S, parts): what each part of the sample says instead, less `values`; no column if all
        customers were evaluated.
    rows : int
        Distinct histories that were evaluated at every point.
    central : Array
        Shape (S,): which points are in the half nearest to the mode.
    """

    values: Array
    parts: Array
    rows: int
    central: NDArray[np.bool_]

    def spread(self, log_offset: Array) -> float:
        """Return the spread of the errors of `values` under weights exp(values + log_offset).

        At least that among the central points: errors so large that a few points take all of the
        weight are no small ones.
        """
        weights = self.values + log_offset
        weights = np.exp(weights - weights.max())
        return max(self._spread(weights), self._spread(self.central.astype(np.float64)))

    def _spread(self, weights: Array) -> float:
        share = weights / weights.sum()
        variances = share @ (self.parts - share @ self.parts) ** 2
        return math.sqrt(float(variances.sum()) / (_PARTS * (_PARTS - 1)))


@dataclass(frozen=True)
class Sample:
    """Some of the histories, for all of them.

    Attributes
    ----------
    rows : Array
        Shape (m,): which.
    weight : Array
        Shape (m,): for how many customers each stands.
    part : Array
        Shape (m,): to which of the interleaved parts it belongs, -1 of those that stand for
        themselves.
    """

    rows: NDArray[np.intp]
    weight: Array
    part: NDArray[np.intp]


def log_likelihoods(
    per_row: PerRow, row_values: RowValues, top: Array, points: Array, log_offset: Array
) -> Evaluated:
    """Return the log-likelihood at points of shape (S, k), exactly where there are few histories.

    Parameters
    ----------
    per_row
        The log-likelihood row by row with derivatives.
    row_values
        Maps natural parameters and customers to the log-likelihood of each, without derivatives.
    top
        The mode, around which the points lie, shape (k,).
    points
        Shape (S, k).
    log_offset
        Shape (S,): what is added to the log-likelihood to make a log weight.
    """
    n, size = len(per_row.customers), _FIRST
    limit = LARGEST_SHARE / math.sqrt(len(points))
    taylor = None
    while size < _WORTH * n:
        taylor = taylor or total(per_row)(top)
        estimate = _Controlled(per_row, row_values, top, taylor, sample(per_row.customers, size))
        pilot = slice(0, _PILOT)
        if estimate(points[pilot]).spread(log_offset[pilot]) <= limit:
            found = estimate(points)
            if found.spread(log_offset) <= limit:
                return found
        size *= _GROWTH
    weights = per_row.customers.weight[:, None]
    values = _sums(per_row, row_values, weights, points)[:, 0]
    return Evaluated(values, np.zeros((len(values), 0)), n, np.ones(len(values), dtype=np.bool_))


def sample(customers: Customers, size: int) -> Sample:
    """Choose about `size` histories, each with a chance in proportion to its customers.

    Examples
    --------
    >>> c = Customers.from_arrays([0, 1, 2, 3], unit=None, weight=[97, 1, 1, 1])
    >>> chosen = sample(c, 2)
    >>> chosen.rows.tolist(), chosen.weight.tolist()
    ([0, 2], [97.0, 3.0])
    """
    weight = customers.weight
    certain = np.zeros(len(weight), dtype=np.bool_)
    while (left := size - int(certain.sum())) > 0:
        spacing = float(weight[~certain].sum()) / left
        heavy = ~certain & (weight >= spacing)
        if not heavy.any():
            break
        certain |= heavy
    own, others = np.flatnonzero(certain), np.flatnonzero(~certain)
    if left <= 0 or not len(others):
        return Sample(own, weight[own], np.full(len(own), -1))
    ends = np.cumsum(weight[others])
    hits = others[np.searchsorted(ends, (np.arange(left) + 0.5) / left * ends[-1])]
    return Sample(
        np.append(own, hits),
        np.append(weight[own], np.full(left, spacing)),
        np.append(np.full(len(own), -1), np.arange(left) % _PARTS),
    )


class _Controlled:
    """The log-likelihood of all customers from a sample, with Taylor polynomials as controls."""

    def __init__(
        self,
        per_row: PerRow,
        row_values: RowValues,
        top: Array,
        taylor: tuple[float, Array, Array],
        chosen: Sample,
    ) -> None:
        self.rows, self.row_values, self.top = per_row.take(chosen.rows), row_values, top
        inside = chosen.part[:, None] == np.arange(_PARTS)
        # Of the whole sample, and of what each part of it would say alone less what all parts say.
        alone = _PARTS * inside - (chosen.part >= 0)[:, None]
        self.weights = chosen.weight[:, None] * np.column_stack([np.ones(len(inside)), alone])
        self.every = taylor
        self.own = [total(_weighted(self.rows, column))(top) for column in self.weights.T]

    def __call__(self, points: Array) -> Evaluated:
        sums = _sums(self.rows, self.row_values, self.weights, points)
        away = points - self.top
        rest = sums - np.stack([_polynomial(away, terms) for terms in self.own], axis=-1)
        every = _polynomial(away, self.every)
        near = every >= np.median(every)
        return Evaluated(every + rest[:, 0], rest[:, 1:], len(self.rows.customers), near)


def _weighted(rows: PerRow, weight: Array) -> PerRow:
    return replace(rows, customers=replace(rows.customers, weight=weight))


def _polynomial(away: Array, terms: tuple[float, Array, Array]) -> Array:
    value, gradient, hessian = terms
    bend = np.einsum("si,ij,sj->s", away, hessian, away)
    return np.asarray(value + away @ gradient + 0.5 * bend)


def _sums(per_row: PerRow, row_values: RowValues, weights: Array, points: Array) -> Array:
    """Return weighted sums over the rows at each point, shape (S, columns of weights)."""
    result = np.zeros((len(points), weights.shape[1]))
    for start in range(0, len(weights), _BLOCK):
        own = slice(start, start + _BLOCK)
        block, weight = per_row.take(own), weights[own]
        with np.errstate(all="ignore"):  # far out in the tails a value may overflow: weight 0
            for s, point in enumerate(points):
                values = row_values(block.loadings.values(point), block.customers)
                result[s] += values @ weight
    return result
