"""Hashes of the rows of a batch: whole numbers, alike in any order of rows and from any engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import narwhals as nw
import numpy as np

from clvmodels.customers import Grid
from clvmodels.frames.columns import AMOUNT, CUSTOMER, DAY, PERIOD
from clvmodels.frames.engines import collected
from clvmodels.frames.periods import with_period

if TYPE_CHECKING:
    import polars as pl

__all__ = ["HASHES", "row_hashes"]

_HIGH: Final = "_hash_high"
_LOW: Final = "_hash_low"
HASHES: Final = (_HIGH, _LOW)
_COPIES: Final = "_copies"
_HALF: Final = 2**32
# Those of splitmix64, whose last steps spread every bit of a number over all of it.
_STEPS: Final = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_LAST_SHIFT: Final = 31
_OF_DAY: Final = 0x9E3779B97F4A7C15


def row_hashes(rows: nw.LazyFrame[Any], grid: Grid) -> pl.DataFrame:
    """Return CUSTOMER, PERIOD and HASHES: sums over rows of the hash of day and amount.

    The amount goes in bit by bit. Halves of the hash are added up on their own, which 64 bits hold
    for four milliards of rows.
    """
    import polars as pl

    day, amount = pl.col(DAY).cast(pl.Int64), pl.col(AMOUNT).cast(pl.Float64)
    mixed = pl.struct(day, amount).map_batches(
        _mixed, return_dtype=pl.UInt64(), is_elementwise=True
    )
    halves = {_HIGH: pl.col("_hash") // _HALF, _LOW: pl.col("_hash") % _HALF}
    sums = (
        _lines(with_period(rows, grid))
        .with_columns(mixed.alias("_hash"))
        .group_by(CUSTOMER, pl.col(PERIOD).cast(pl.Int64))
        .agg((half * pl.col(_COPIES)).sum().alias(name) for name, half in halves.items())
    )
    return sums.collect(engine="streaming")


def _lines(rows: nw.LazyFrame[Any]) -> pl.LazyFrame:
    """Return CUSTOMER, PERIOD, DAY, AMOUNT and how many rows are alike, in polars.

    Only polars hashes within its own query: other engines have no bits of a float to hash.
    """
    import polars as pl

    keys = (CUSTOMER, PERIOD, DAY, AMOUNT)
    if rows.implementation.is_polars():
        native: pl.LazyFrame = nw.to_native(rows)
        return native.select(*keys, pl.lit(1, pl.UInt64()).alias(_COPIES))
    alike = collected(rows.group_by(*keys).agg(nw.len().alias(_COPIES)))
    table: pl.DataFrame = nw.to_native(alike)
    return table.lazy().with_columns(pl.col(_COPIES).cast(pl.UInt64))


def _mixed(rows: pl.Series) -> pl.Series:
    """Hash the day and the amount of every row."""
    import polars as pl

    days = rows.struct.field(DAY).to_numpy().astype("<i8").view("<u8")
    amounts = rows.struct.field(AMOUNT).to_numpy() + 0.0  # makes -0.0 zero
    mixed = _spread(_spread(days + np.uint64(_OF_DAY)) ^ amounts.astype("<f8").view("<u8"))
    return pl.Series(rows.name, mixed, dtype=pl.UInt64())


def _spread(numbers: np.ndarray[Any, np.dtype[np.uint64]]) -> Any:
    for shift, factor in _STEPS:
        numbers = (numbers ^ (numbers >> np.uint64(shift))) * np.uint64(factor)
    return numbers ^ (numbers >> np.uint64(_LAST_SHIFT))
