"""Many values folded into a few weighted ones, which sums of smooth functions cannot tell apart.

Values are cut into narrow bands of their logarithm, and sums of powers of the place in the band are
kept. The three points and weights with the same six sums (those of Gaussian quadrature for the
values of the band) then stand for the values: sums of a smooth function of the logarithm are the
same up to its sixth derivative times the sixth power of the band, relative 1e-12 here.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.special.distinct import Index, distinct_rows

__all__ = ["BAND", "POWERS", "fold", "gauss_points", "points_of_cells"]

Array: TypeAlias = NDArray[np.float64]

BAND: Final = 0.125  # of the logarithm
POWERS: Final = 5
_ONE_POINT: Final = 1e-12  # variance, in half bands, below which a cell is one value
_TWO_POINTS: Final = 1e-8  # what the fourth moment adds to those of two points


def fold(values: Array, weight: Array, *groups: NDArray[Any]) -> tuple[Index, Array, Array]:
    """Fold weighted values within each group.

    Parameters
    ----------
    values, weight
        Shape (n,), above zero.
    groups
        Columns of shape (n,): rows that differ in one are kept apart.

    Returns
    -------
    rows, values, weights
        Shape (m,): a row of the group, and the values and weights that stand for it.

    Examples
    --------
    >>> values = np.exp(np.random.default_rng(1).normal(size=100_000))
    >>> rows, few, weights = fold(values, np.ones(100_000))
    >>> len(few) < 300, bool(abs(weights @ np.log1p(few) / np.log1p(values).sum() - 1.0) < 1e-12)
    (True, True)
    """
    band = np.log(values) / BAND
    cell = np.floor(band)
    first, code = distinct_rows(*groups, cell)
    place = 2.0 * (band - cell) - 1.0
    sums, power = [np.bincount(code, weight)], weight
    for _ in range(POWERS):
        power = power * place
        sums.append(np.bincount(code, power))
    row, folded, weights = points_of_cells(cell[first], np.stack(sums, axis=1))
    return first[row], folded, weights


def points_of_cells(cell: Array, sums: Array) -> tuple[Index, Array, Array]:
    """Return the values and weights that stand for cells.

    Parameters
    ----------
    cell
        Shape (n,): the number of the band of each cell.
    sums
        Shape (n, 6): sums of weight, and of weight times u, ..., u^5, with u from -1 to 1 the place
        in the band.

    Returns
    -------
    cells, values, weights
        Shape (m,): the cell of each value.
    """
    n = sums[:, 0]
    places, shares = gauss_points(sums[:, 1:] / n[:, None])
    values = np.exp((cell[:, None] + 0.5 + 0.5 * places) * BAND)
    weights = n[:, None] * shares
    used = weights > 0.0
    return np.nonzero(used)[0], values[used], weights[used]


def gauss_points(moments: Array) -> tuple[Array, Array]:
    """Return points and weights, each (n, 3), with given moments of distributions on (-1, 1).

    Parameters
    ----------
    moments
        Shape (n, 5): E u, E u^2, ..., E u^5.

    Returns
    -------
    Array, Array
        The points and weights of the Gaussian quadrature for each distribution. Distributions on
        fewer than three points have weights of zero.

    Examples
    --------
    >>> u = np.array([-0.5, 0.125, 0.25])
    >>> points, weights = gauss_points(np.array([[(u**k).mean() for k in range(1, 6)]]))
    >>> points.round(6).tolist(), weights.round(6).tolist()
    ([[-0.5, 0.125, 0.25]], [[0.333333, 0.333333, 0.333333]])
    """
    mean = moments[:, 0]
    central = _central(moments)
    variance = np.maximum(central[0], 0.0)
    spread = np.sqrt(np.maximum(variance, _ONE_POINT))
    third, fourth, fifth = (central[k] / spread ** (k + 2) for k in (1, 2, 3))
    beyond = fourth - third**2 - 1.0
    last = (fifth + third**3 - 2.0 * third * fourth) / np.where(beyond > 0.0, beyond, 1.0)
    three = _eigen(mean, spread, third, np.sqrt(np.maximum(beyond, 0.0)), last)
    two = _eigen(mean, spread, third, np.zeros_like(mean), np.zeros_like(mean))
    one = mean[:, None] * np.ones(3), np.broadcast_to([1.0, 0.0, 0.0], three[1].shape)
    fits_three = (beyond > _TWO_POINTS) & (variance > _ONE_POINT) & _inside(*three)
    fits_two = (variance > _ONE_POINT) & _inside(*two)
    points, weights = (
        np.where(fits_three[:, None], a, np.where(fits_two[:, None], b, c))
        for a, b, c in zip(three, two, one, strict=True)
    )
    return points, weights


def _central(moments: Array) -> list[Array]:
    """Return the central moments of second to fifth order from raw ones."""
    m1, m2, m3, m4, m5 = moments.T
    return [
        m2 - m1**2,
        m3 - 3.0 * m1 * m2 + 2.0 * m1**3,
        m4 - 4.0 * m1 * m3 + 6.0 * m1**2 * m2 - 3.0 * m1**4,
        m5 - 5.0 * m1 * m4 + 10.0 * m1**2 * m3 - 10.0 * m1**3 * m2 + 4.0 * m1**5,
    ]


def _eigen(mean: Array, spread: Array, a1: Array, b2: Array, a2: Array) -> tuple[Array, Array]:
    """Return the eigenvalues of Jacobi matrices, and the squares of the first components."""
    jacobi = np.zeros((len(mean), 3, 3))
    jacobi[:, 0, 1] = jacobi[:, 1, 0] = 1.0
    jacobi[:, 1, 1] = a1
    jacobi[:, 1, 2] = jacobi[:, 2, 1] = b2
    jacobi[:, 2, 2] = a2
    values, vectors = np.linalg.eigh(jacobi)
    return mean[:, None] + spread[:, None] * values, vectors[:, 0, :] ** 2


def _inside(points: Array, weights: Array) -> NDArray[np.bool_]:
    """Tell where all points that count lie in the band, as those of true moments do."""
    return np.asarray(((np.abs(points) <= 1.0 + 1e-6) | (weights == 0.0)).all(axis=1))
