"""The few things in which engines differ: collecting, small tables, files, some aggregates."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import narwhals as nw

from clvmodels.atomic import atomic_folder, atomic_path
from clvmodels.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "How",
    "aggregated",
    "collected",
    "is_spark",
    "read_parquet",
    "table_on_engine",
    "with_native",
    "write_parquet",
    "write_parts",
]

How: TypeAlias = Literal["rows", "sum", "min", "max", "first"]


def is_spark(frame: nw.DataFrame[Any] | nw.LazyFrame[Any]) -> bool:
    """Tell whether a frame is a PySpark DataFrame, of a session of its own or of Spark Connect."""
    return bool(frame.implementation.is_pyspark() or frame.implementation.is_pyspark_connect())


def collected(frame: nw.DataFrame[Any] | nw.LazyFrame[Any]) -> nw.DataFrame[Any]:
    """Return a frame in memory: a lazy one as polars, computed in a stream; an eager one as it is.

    Only for frames of few rows, such as aggregates and distinct histories.

    Raises
    ------
    MissingExtraError
        Spark hands over rows through pyarrow, which is not installed.
    """
    if isinstance(frame, nw.DataFrame):
        return frame
    if frame.implementation.is_polars():
        table: nw.DataFrame[Any] = nw.from_native(nw.to_native(frame).collect(engine="streaming"))
        return table
    if is_spark(frame):
        _require_pyarrow()
    return frame.collect("polars")


def table_on_engine(frame: nw.LazyFrame[Any], table: pl.DataFrame) -> nw.LazyFrame[Any]:
    """Hand a small table to the engine of a lazy frame.

    On Spark it carries the hint to be broadcast, so that a join with it moves no customers.
    """
    native = nw.to_native(frame)
    if frame.implementation.is_polars():
        return _lazy(table.lazy())
    if frame.implementation.is_duckdb():
        # On the relation's own connection. DuckDB finds a variable by its name only if no table
        # of the user has that name, so the names are long.
        _clvmodels_scores_by_state_ = table.to_arrow()  # noqa: F841 - DuckDB finds it by name
        query = "select * from _clvmodels_scores_by_state_"
        return _lazy(native.query("clvmodels_customers", query))
    if is_spark(frame):
        _require_pyarrow()
        import polars as pl
        from pyspark.sql.functions import broadcast

        arrow = table.to_arrow(compat_level=pl.CompatLevel.oldest())
        return _lazy(broadcast(native.sparkSession.createDataFrame(arrow)))
    raise _unknown(frame)


def write_parquet(frame: nw.LazyFrame[Any], path: str | os.PathLike[str]) -> None:
    """Write a lazy frame to parquet by its own engine, without collecting it.

    Polars and DuckDB write one file, which appears when it is whole; Spark's executors write a
    folder, which must not be there yet. To Spark the path may be an address such as ``s3a://...``.
    """
    native = nw.to_native(frame)
    if frame.implementation.is_polars():
        with atomic_path(path) as temporary:
            native.sink_parquet(temporary, compression="lz4", engine="streaming")
    elif frame.implementation.is_duckdb():
        _refuse_wide_integers(native)
        with atomic_path(path) as temporary:
            native.write_parquet(str(temporary))
    elif is_spark(frame):
        native.write.parquet(os.fspath(path))
    else:
        raise _unknown(frame)


def write_parts(
    frame: nw.LazyFrame[Any], path: str | os.PathLike[str], *, key: str, parts: int
) -> None:
    """Write a lazy polars frame to a folder in so many passes, each over a share of its keys.

    Polars filters keys where the data are read, so that a pass needs memory for its share alone.
    """
    import polars as pl

    native, share = nw.to_native(frame), pl.col(key).hash() % parts
    with atomic_folder(path) as folder:
        for i in range(parts):
            part = folder / f"part-{i}.parquet"
            native.filter(share == i).sink_parquet(part, compression="lz4", engine="streaming")


def read_parquet(frame: nw.LazyFrame[Any], path: str | os.PathLike[str]) -> nw.LazyFrame[Any]:
    """Return what `write_parquet` wrote as a lazy frame of the same engine and session."""
    native = nw.to_native(frame)
    if frame.implementation.is_polars():
        import polars as pl

        files: Any = sorted(Path(path).glob("part-*.parquet")) or os.fspath(path)
        return _lazy(pl.scan_parquet(files, glob=False))
    if frame.implementation.is_duckdb():
        # A relation gives no way to its connection but a query on itself.
        quoted = os.fspath(path).replace("'", "''")
        query = f"select * from read_parquet('{quoted}', hive_partitioning = false)"
        return _lazy(native.query("clvmodels_customers", query))
    if is_spark(frame):
        return _lazy(native.sparkSession.read.parquet(os.fspath(path)))
    raise _unknown(frame)


def aggregated(
    frame: nw.LazyFrame[Any], key: str, columns: Mapping[str, tuple[How, str]], *, order: str
) -> nw.LazyFrame[Any]:
    """Aggregate the rows of each key.

    Parameters
    ----------
    frame
        The rows.
    key
        Column that groups them.
    columns
        Result column to what is done, and to which column.
    order
        Column of distinct values within a key; 'first' takes the row with the lowest one.
    """
    if not is_spark(frame):
        return frame.group_by(key).agg(
            *(_aggregate(how, of, order).alias(name) for name, (how, of) in columns.items())
        )
    # Narwhals has no `first` on Spark, whose own is of any row; `min_by` is of the right one.
    from pyspark.sql import functions

    def made(how: How, of: str) -> Any:
        if how == "rows":
            return functions.count(functions.lit(1))
        if how == "first":
            return functions.min_by(of, order)
        return {"sum": functions.sum, "min": functions.min, "max": functions.max}[how](of)

    parts = [made(how, of).alias(name) for name, (how, of) in columns.items()]
    return _lazy(nw.to_native(frame).groupBy(key).agg(*parts))


def _aggregate(how: How, of: str, order: str) -> nw.Expr:
    column = nw.col(of)
    if how == "rows":
        return nw.len().cast(nw.Int64)
    if how == "first":
        return column.first(order_by=order)
    return {"sum": column.sum, "min": column.min, "max": column.max}[how]()


def with_native(frame: Any, name: str, column: Any) -> nw.LazyFrame[Any]:
    """Return a frame of DuckDB or Spark with a column replaced by an expression of the engine."""
    native = nw.to_native(frame)
    if is_spark(frame):
        return _lazy(native.withColumn(name, column))
    import duckdb

    others = [duckdb.ColumnExpression(each) for each in native.columns if each != name]
    return _lazy(native.select(*others, column.alias(name)))


def _lazy(native: Any) -> nw.LazyFrame[Any]:
    wrapped: nw.LazyFrame[Any] = nw.from_native(native)
    return wrapped


def _require_pyarrow() -> None:
    try:
        import_module("pyarrow")
    except ImportError:
        raise MissingExtraError(
            "Spark hands rows to Python through pyarrow.",
            place="It is not installed.",
            fix="pip install 'clvmodels[spark]'.",
        ) from None


def _refuse_wide_integers(relation: Any) -> None:
    """Raise for integers of 128 bits, which DuckDB writes to parquet as rounded floats."""
    kinds = dict(zip(relation.columns, map(str, relation.types), strict=True))
    wide = [name for name, kind in kinds.items() if kind in ("HUGEINT", "UHUGEINT")]
    if wide:
        raise DataError(
            "Parquet holds whole numbers of at most 64 bits.",
            place=f"Column {wide[0]!r} is {kinds[wide[0]]}.",
            fix="Cast it to VARCHAR, or to BIGINT where that holds it, before rfm_summary.",
        )


def _unknown(frame: nw.LazyFrame[Any]) -> DataError:
    return DataError(
        "Lazy frames are polars LazyFrames, DuckDB relations or PySpark DataFrames.",
        place=f"This is {frame.implementation}.",
        fix="Collect it, or convert it to one of these.",
    )
