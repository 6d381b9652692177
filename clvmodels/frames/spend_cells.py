"""Mean spend folded on the engine: many customers to a few weighted ones that a fit cannot tell.

Mean spend hardly ever repeats, so there are as many distinct histories as customers. But the
likelihood of Gamma-Gamma is smooth in its logarithm, and `special.cells` finds the few weighted
customers with the same sums. One aggregate query serves a whole fit, and no row is collected.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np

from clvmodels.customers import Customers
from clvmodels.errors import DataError
from clvmodels.frames.covariates import covariate_key, covariate_values
from clvmodels.frames.engines import collected
from clvmodels.special.cells import BAND, POWERS, points_of_cells
from clvmodels.units import TimeUnit

__all__ = ["spend_cells"]

_NOTHING, _INVALID = -1_000_000, -1_000_001  # the bands of m = 0 and of what is no amount
_X, _CELL = "_x", "_cell"


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
    labels = {f"_by{i}": name for i, name in enumerate(covariates)}
    by = (_X, _CELL, *labels)
    sums = [nw.col(f"_{k}").sum() for k in range(1, POWERS + 1)]
    cells = _in_cells(frame, labels).group_by(*by).agg(nw.len().alias("weight"), *sums)
    table = collected(cells).sort(*by)
    names = ("weight", *(f"_{k}" for k in range(1, POWERS + 1)))
    powers = np.stack([table[name].to_numpy().astype(np.float64) for name in names], axis=1)
    x, cell = table[_X].to_numpy(), table[_CELL].to_numpy()
    _refuse_invalid(float(powers[cell == _INVALID, 0].sum()))
    nothing = cell == _NOTHING
    row, value, weight = points_of_cells(np.where(nothing, 0.0, cell), powers)
    return Customers.from_arrays(
        x[row],
        unit=unit,
        monetary_value=np.where(nothing[row], 0.0, value),
        weight=weight,
        covariates={name: covariate_values(table[own])[row] for own, name in labels.items()},
    )


def _in_cells(frame: nw.LazyFrame[Any], labels: dict[str, str]) -> nw.LazyFrame[Any]:
    """Return frequency, cell, labelled covariates, and the powers of the place in the cell."""
    x, value = nw.col("frequency").cast(nw.Float64), nw.col("monetary_value").cast(nw.Float64)
    amount = value.is_finite() & (value > 0.0) & (x > 0.0)
    nothing = (x == 0.0) | (value == 0.0)
    special: Any = nw.when(nothing).then(nw.lit(_NOTHING)).otherwise(nw.lit(_INVALID))
    keys = [covariate_key(frame, name).alias(own) for own, name in labels.items()]
    band = nw.col("_band")
    cut = (
        frame.select(
            x.alias(_X), nw.when(amount).then(value).alias("_m"), special.alias("_"), *keys
        )
        .with_columns((nw.col("_m").log() / BAND).alias("_band"))
        .with_columns(band.floor().alias("_floor"))
        .with_columns(
            ((band - nw.col("_floor")) * 2.0 - 1.0).fill_null(0.0).alias("_1"),
            nw.when(~band.is_null())
            .then(nw.col("_floor").cast(nw.Int64))
            .otherwise(nw.col("_").cast(nw.Int64))
            .alias(_CELL),
        )
    )
    for k in range(2, POWERS + 1):
        cut = cut.with_columns((nw.col(f"_{k - 1}") * nw.col("_1")).alias(f"_{k}"))
    return cut


def _refuse_invalid(bad: float) -> None:
    if bad:
        raise DataError(
            "`monetary_value` is a finite amount, zero or more, where frequency is above 0.",
            place=f"{bad:,.0f} customers break this.",
            fix="Net refunds with rfm_summary, or leave these customers out.",
        )
