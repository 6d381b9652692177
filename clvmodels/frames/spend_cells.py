"""Mean spend folded on the engine: many customers to a few weighted ones that a fit cannot tell.

Mean spend m hardly ever repeats, so there are as many distinct histories as customers. But the
likelihood of Gamma-Gamma is smooth in ln m. The engine groups customers by frequency and narrow
band of ln m, and sums powers of the place in the band. The three points and weights with the same
six sums (those of Gaussian quadrature for the customers of the cell) then stand for the customers:
sums of any smooth function are the same up to its sixth derivative times the sixth power of the
band, relative 1e-12 here. One aggregate query serves a whole fit, and no row is collected.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.errors import DataError
from clvmodels.frames.covariates import covariate_key, covariate_values
from clvmodels.frames.engines import collected
from clvmodels.units import TimeUnit

__all__ = ["spend_cells"]

Array: TypeAlias = NDArray[np.float64]

_BAND: Final = 0.125  # of ln m
_POWERS: Final = 5
_NOTHING, _INVALID = -1_000_000, -1_000_001  # the bands of m = 0 and of what is no amount
_ONE_POINT: Final = 1e-12  # variance, in half bands, below which a cell is one value
_TWO_POINTS: Final = 1e-8  # what the fourth moment adds to those of two points
_X, _CELL, _PLACE = "_x", "_cell", "_place"


def spend_cells(frame: nw.LazyFrame[Any], covariates: tuple[str, ...], unit: TimeUnit) -> Customers:
    """Return weighted customers with the frequencies and mean spend of a lazy summary.

    Parameters
    ----------
    frame
        Columns frequency and monetary_value, and covariates.
    covariates
        Columns that are kept apart.
    unit
        Unit of the summary.

    Raises
    ------
    DataError
        A customer with repeat purchases has no mean value of zero or more.
    """
    by = (_X, _CELL, *covariates)
    sums = [nw.col(f"_{k}").sum() for k in range(1, _POWERS + 1)]
    cells = _in_cells(frame, covariates).group_by(*by).agg(nw.len().alias("weight"), *sums)
    table = collected(cells).sort(*by)
    columns = {name: table[name].to_numpy() for name in (_X, _CELL, "weight")}
    _refuse_invalid(columns)
    powers = np.stack([table[f"_{k}"].to_numpy() for k in range(1, _POWERS + 1)], axis=1)
    n = columns["weight"].astype(np.float64)
    places, shares = gauss_points(powers / n[:, None])
    ln_m = (columns[_CELL][:, None] + 0.5 + 0.5 * places) * _BAND
    nothing = (columns[_CELL] == _NOTHING)[:, None]
    with np.errstate(over="ignore"):
        value = np.where(nothing, 0.0, np.exp(np.where(nothing, 0.0, ln_m)))
    weight = n[:, None] * shares
    used = weight > 0.0
    row = np.nonzero(used)[0]
    return Customers.from_arrays(
        columns[_X][row],
        unit=unit,
        monetary_value=value[used],
        weight=weight[used],
        covariates={name: covariate_values(table[name])[row] for name in covariates},
    )


def _in_cells(frame: nw.LazyFrame[Any], covariates: tuple[str, ...]) -> nw.LazyFrame[Any]:
    """Return frequency, cell, covariates, and the powers of the place within the cell."""
    x, value = nw.col("frequency").cast(nw.Float64), nw.col("monetary_value").cast(nw.Float64)
    amount = value.is_finite() & (value > 0.0) & (x > 0.0)
    nothing = (x == 0.0) | (value == 0.0)
    special: Any = nw.when(nothing).then(nw.lit(_NOTHING)).otherwise(nw.lit(_INVALID))
    labels = [covariate_key(frame, name).alias(name) for name in covariates]
    band = nw.col("_band")
    cut = (
        frame.select(
            x.alias(_X), nw.when(amount).then(value).alias("_m"), special.alias("_"), *labels
        )
        .with_columns((nw.col("_m").log() / _BAND).alias("_band"))
        .with_columns(band.floor().alias("_floor"))
        .with_columns(
            ((band - nw.col("_floor")) * 2.0 - 1.0).fill_null(0.0).alias("_1"),
            nw.when(~band.is_null())
            .then(nw.col("_floor").cast(nw.Int64))
            .otherwise(nw.col("_").cast(nw.Int64))
            .alias(_CELL),
        )
    )
    for k in range(2, _POWERS + 1):
        cut = cut.with_columns((nw.col(f"_{k - 1}") * nw.col("_1")).alias(f"_{k}"))
    return cut


def _refuse_invalid(columns: dict[str, Any]) -> None:
    bad = int(columns["weight"][columns[_CELL] == _INVALID].sum())
    if bad:
        raise DataError(
            "`monetary_value` is a finite amount, zero or more, where frequency is above 0.",
            place=f"{bad:,} customers break this.",
            fix="Net refunds with rfm_summary, or leave these customers out.",
        )


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
    >>> u = np.array([-0.5, 0.0, 0.25])
    >>> points, weights = gauss_points(np.array([[(u**k).mean() for k in range(1, 6)]]))
    >>> points.round(6).tolist(), weights.round(6).tolist()
    ([[-0.5, 0.0, 0.25]], [[0.333333, 0.333333, 0.333333]])
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
