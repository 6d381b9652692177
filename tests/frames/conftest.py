"""Every engine: the way from a small polars frame to it, and back to plain sorted rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

EAGER = ("pandas", "pandas-pyarrow", "polars", "pyarrow")
LAZY = ("polars-lazy", "duckdb")
FILES = ("parquet", "csv")


def _connect() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set threads = 1")
    return connection


@dataclass(frozen=True)
class Engine:
    """A place where a log can be; call it with a polars frame to put one there."""

    name: str
    folder: Path
    _numbers: Any = field(default_factory=count)
    _connection: Any = field(default_factory=_connect)

    @property
    def lazy(self) -> bool:
        return self.name not in EAGER

    def __call__(self, frame: pl.DataFrame) -> Any:
        match self.name:
            case "pandas":
                return frame.to_pandas()
            case "pandas-pyarrow":
                return frame.to_pandas(use_pyarrow_extension_array=True)
            case "polars":
                return frame
            case "polars-lazy":
                return frame.lazy()
            case "pyarrow":
                return frame.to_arrow()
            case "duckdb":
                return self._connection.from_arrow(frame.to_arrow())
            case "parquet":
                path = self.folder / f"{next(self._numbers)}.parquet"
                frame.write_parquet(path)
                return path
        path = self.folder / f"{next(self._numbers)}.csv"
        frame.write_csv(path)
        return str(path)


def _engines(names: Iterable[str]) -> list[Any]:
    """Return engines, those that another one is much like for `make thorough` alone."""
    alike = {"pandas-pyarrow", "csv", "parquet"}
    return [pytest.param(each, marks=pytest.mark.slow if each in alike else ()) for each in names]


@pytest.fixture(scope="session", params=_engines([*EAGER, *LAZY, *FILES]))
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Return every engine, files included."""
    return Engine(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session", params=_engines([*EAGER, *LAZY]))
def frame_engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Engine:
    """Return every engine that holds frames of any type."""
    return Engine(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session", params=LAZY)
def lazy_engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Return the engines whose results stay lazy."""
    return Engine(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def names() -> Callable[[Any], list[str]]:
    """Return a reader of the column names of a native frame."""

    def read(native: Any) -> list[str]:
        if isinstance(native, pl.LazyFrame):
            return native.collect_schema().names()
        return list(native.column_names if isinstance(native, pa.Table) else native.columns)

    return read


@pytest.fixture(scope="session")
def in_order(names: Callable[[Any], list[str]]) -> Callable[[Any], list[tuple[Any, ...]]]:
    """Return a reader of the rows of a native frame as they stand, None where missing."""

    def read(native: Any) -> list[tuple[Any, ...]]:
        if isinstance(native, pd.DataFrame):
            records = list(native.itertuples(index=False, name=None))
        elif isinstance(native, pa.Table):
            records = list(zip(*(column.to_pylist() for column in native.columns), strict=True))
        elif isinstance(native, pl.LazyFrame):
            records = native.collect().rows()
        else:
            records = native.rows() if isinstance(native, pl.DataFrame) else native.fetchall()
        return [tuple(None if _missing(each) else each for each in row) for row in records]

    return read


@pytest.fixture(scope="session")
def rows(
    in_order: Callable[[Any], list[tuple[Any, ...]]],
) -> Callable[[Any], list[tuple[Any, ...]]]:
    """Return a reader of the rows of a native frame, sorted by the text of their id."""
    return lambda native: sorted(in_order(native), key=lambda row: str(row[0]))


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or value != value


@pytest.fixture
def log() -> Callable[..., pl.DataFrame]:
    """Return a maker of logs with columns who, when and, with amounts, paid.

    Days written in ISO become dates, which DuckDB plans in half the time of text.
    """

    def make(*records: tuple[Any, ...]) -> pl.DataFrame:
        columns = ["who", "when", "paid"][: len(records[0])]
        frame = pl.DataFrame(list(records), schema=columns, orient="row")
        days = frame["when"].str.to_date("%Y-%m-%d", strict=False)
        all_read = days.null_count() == frame["when"].null_count()
        return frame.with_columns(days) if all_read else frame

    return make
