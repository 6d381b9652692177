"""Sums over many whole numbers of a smooth function, from its values at few points.

The first terms are taken one by one. Then come blocks that grow in proportion to their distance
from zero, each summed by the Gauss rule for *sums*: 16 points and weights that are exact for every
polynomial up to degree 31 summed over the whole numbers of the block (the points are zeros of
Gram's polynomials, between the whole numbers). A mixture of e^(-k j) over any k >= 0, or of powers
(z + j)^-k, is summed to rounding error, whatever the mixture; blocks thrice as long as their
distance from zero would still do for these.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.special.distinct import Index

__all__ = ["sum_blocks", "sum_smooth"]

Array: TypeAlias = NDArray[np.float64]

POINTS: Final = 16
GROWTH: Final = 2.0  # length of a block over its distance from zero
_NOTHING: Final = 1e-18  # what is left of a sum when it may stop


def sum_smooth(
    term: Callable[[Array, Index], Array],
    count: Array,
    *,
    growth: float = GROWTH,
    longest: float = math.inf,
    decreasing: bool = True,
) -> Array:
    """Sum a positive function over j = 1, ..., count, row by row.

    Parameters
    ----------
    term
        ``term(j, rows)``: the function at real numbers j, shape (rows, points), of the rows given
        by their index, shape (rows, 1). Smooth in ln j from j of about 16 on.
    count
        Shape (n,). Numbers of terms: whole, zero or more.
    growth
        Length of a block over its distance from zero; less for functions with sharp bends.
    longest
        Longest block; 8 / k for a function that grows like e^(k j).
    decreasing
        Whether the function never increases; then the sum stops where nothing is left.

    Returns
    -------
    Array
        Sums, shape (n,).

    Examples
    --------
    >>> halves = sum_smooth(lambda j, rows: 0.5**j, np.array([3.0, 1e6]))
    >>> halves.round(12).tolist()
    [0.875, 1.0]
    """
    total = np.zeros(len(count))
    open_rows = np.asarray(count, dtype=np.float64).copy()
    for rows, j, weights in sum_blocks(open_rows, growth=growth, longest=longest):
        values = term(j, rows[:, None])
        total[rows] += (weights * values).sum(axis=1)
        if decreasing:
            left = (open_rows[rows] - j[:, -1]) * values[:, -1]
            open_rows[rows[left <= _NOTHING * total[rows]]] = 0.0
    return total


def sum_blocks(
    count: Array, *, growth: float = GROWTH, longest: float = math.inf
) -> Iterator[tuple[Index, Array, Array]]:
    """Yield the points and weights of sums over j = 1, ..., count, block by block.

    Parameters
    ----------
    count
        Shape (n,). Numbers of terms: whole, zero or more. A row whose count is set below the next
        block while the blocks are drawn has no more of them.
    growth, longest
        As in `sum_smooth`.

    Yields
    ------
    tuple
        Index (k,) of the rows that reach into the block, points j and weights, both (k, 16)
        or, of short blocks, as many as there are numbers.

    Examples
    --------
    >>> blocks = list(sum_blocks(np.array([1000.0])))
    >>> len(blocks), round(sum(float((w * j**3).sum()) for _, j, w in blocks))
    (5, 250500250000)
    """
    start = 1.0
    limit = max(float(POINTS), math.floor(min(longest, 1e300)))
    while len(rows := np.flatnonzero(count >= start)):
        length = min(max(float(POINTS), math.floor(growth * start)), limit)
        sizes = np.minimum(length, count[rows] - start + 1.0)
        distinct, code = np.unique(sizes, return_inverse=True)
        rules = [_gauss_sum(float(size)) for size in distinct]
        width = int(min(sizes.max(), POINTS))
        points = np.stack([rule[0][:width] for rule in rules])[code]
        weights = np.stack([rule[1][:width] for rule in rules])[code]
        yield rows, start + points, weights
        start += length


@lru_cache(maxsize=1 << 13)
def _gauss_sum(size: float) -> tuple[Array, Array]:
    """Return points and weights, shape (16,), of the Gauss rule for sums over 0, ..., size - 1.

    Eigenvalues of the Jacobi matrix of Gram's polynomials (Golub and Welsch 1969). Short sums are
    taken term by term, the points that are left over have no weight.
    """
    if size <= POINTS:
        points = np.minimum(np.arange(POINTS, dtype=np.float64), size - 1.0)
        return points, (np.arange(POINTS) < size).astype(np.float64)
    k = np.arange(1.0, POINTS)
    off = 0.5 * k * np.sqrt((1.0 - (k / size) ** 2) / (4.0 * k**2 - 1.0))
    places, vectors = np.linalg.eigh(np.diag(off, 1) + np.diag(off, -1))
    return places * size + 0.5 * (size - 1.0), vectors[0] ** 2 * size
