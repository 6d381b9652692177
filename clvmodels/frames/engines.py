"""The few things in which engines differ: collecting, taking a small table, writing files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw

from clvmodels.errors import DataError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["collected", "table_on_engine", "write_parquet"]


def collected(frame: nw.DataFrame[Any] | nw.LazyFrame[Any]) -> nw.DataFrame[Any]:
    """Return a frame in memory: a lazy one as polars, computed in a stream; an eager one as it is.

    Only for frames of few rows, such as aggregates and distinct histories.
    """
    if isinstance(frame, nw.DataFrame):
        return frame
    if frame.implementation.is_polars():
        return nw.from_native(nw.to_native(frame).collect(engine="streaming"))
    return frame.collect("polars")


def table_on_engine(frame: nw.LazyFrame[Any], table: pl.DataFrame) -> nw.LazyFrame[Any]:
    """Hand a small table to the engine of a lazy frame."""
    native = nw.to_native(frame)
    if frame.implementation.is_polars():
        return nw.from_native(table.lazy())
    if frame.implementation.is_duckdb():
        # On the relation's own connection. DuckDB finds a variable by its name only if no table
        # of the user has that name, so the names are long.
        clvmodels_predictions = table.to_arrow()  # noqa: F841
        query = "select * from clvmodels_predictions"
        return nw.from_native(native.query("clvmodels_customers", query))
    raise _unknown(frame)


def write_parquet(frame: nw.LazyFrame[Any], path: Path) -> None:
    """Write a lazy frame to parquet by its own engine, without collecting it.

    Polars and DuckDB write one file.
    """
    native = nw.to_native(frame)
    if frame.implementation.is_polars():
        native.sink_parquet(path, engine="streaming")
    elif frame.implementation.is_duckdb():
        native.write_parquet(str(path))
    else:
        raise _unknown(frame)


def _unknown(frame: nw.LazyFrame[Any]) -> DataError:
    return DataError(
        "Lazy frames are polars LazyFrames or DuckDB relations.",
        place=f"This is {frame.implementation}.",
        fix="Collect it, or convert it to one of these.",
    )
