"""Exports from files and dataframes to one sheet, and results back to the caller's library."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from clvmodels.errors import DataError, ParameterError
from clvmodels.exports.detection import columns_of, layout_of
from clvmodels.exports.layout import Layout
from clvmodels.exports.sheet import FILE, ROW, Decimal, Sheet
from clvmodels.frames.eager import to_polars
from clvmodels.frames.engines import collected
from clvmodels.frames.paths import empty_log, files_at, first_look
from clvmodels.frames.sources import as_narwhals

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Opened", "open_export"]

_SEPARATORS: Final = (",", ";", "\t")
_WHOLE: Final = "_whole"


@dataclass(frozen=True)
class Opened:
    """An export that has been read.

    Attributes
    ----------
    layout : Layout
        What it is.
    sheet : Sheet
        Its rows.
    restore : callable
        From a polars frame to one of the caller's library.
    """

    layout: Layout
    sheet: Sheet
    restore: Callable[[pl.DataFrame], Any]


def open_export(source: Any, *, layout: str | None, decimal: Decimal) -> Opened:
    """Read an export: paths or globs of csv or parquet files, or a dataframe.

    Raises
    ------
    DataError
        There is no file, a file cannot be read, files have several layouts, or nothing is in them.
    """
    if decimal not in (".", ","):
        raise ParameterError(
            "`decimal` is the decimal sign of numbers: '.' or ','.",
            place=f"Got {decimal!r}.",
            fix="Pass one of these.",
        )
    paths = _paths(source)
    if paths is None:
        return _open_frame(source, layout, decimal)
    return _open_files(paths, layout, decimal)


def _paths(source: Any) -> list[Path] | None:
    """Return the files of a source, each once, in order; None if it is no path."""
    given = [source] if isinstance(source, str | os.PathLike) else source
    if not isinstance(given, Sequence) or not given:
        return None
    if not all(isinstance(each, str | os.PathLike) for each in given):
        return None
    files = [file for each in given for file in files_at(Path(each))]
    return list({file.resolve(): file for file in files}.values())


# --- files ------------------------------------------------------------------------------------


def _open_files(files: list[Path], wanted: str | None, decimal: Decimal) -> Opened:
    import polars as pl

    scans = {file: _scan(file) for file in files}
    headers = {file: scan.collect_schema().names()[1:] for file, scan in scans.items()}
    layouts = {file: layout_of(names, wanted, what=file.name) for file, names in headers.items()}
    layout = layouts[files[0]]
    for file, other in layouts.items():
        if other is not layout:
            raise DataError(
                "The files of an export have one layout.",
                place=f"{files[0].name} is {layout.name!r}, {file.name} is {other.name!r}.",
                fix="Read them one by one.",
            )
    tables: list[pl.DataFrame] = []
    names: dict[str, str] = {}
    for i, (file, scan) in enumerate(scans.items()):
        own = columns_of(layout, headers[file], what=file.name)
        names = own | names
        _refuse_twice(own, headers[file], file)
        # All columns are parsed: a row with a field too many, such as an address with a comma and
        # without quotes, is seen in no other way, and has its money in the wrong columns.
        whole = pl.struct(headers[file]).is_null().alias(_WHOLE)
        picked = scan.select(pl.lit(i, pl.UInt32).alias(FILE), ROW, whole, **own)
        tables.append(nw.to_native(first_look(nw.from_native(picked))).drop(_WHOLE).sort(ROW))
    frame = _stacked(tables)
    return Opened(layout, Sheet(frame, names, tuple(map(str, files)), decimal), lambda table: table)


def _refuse_twice(own: dict[str, str], header: list[str], file: Path) -> None:
    """Raise if a column that is read is in a csv file twice; polars then numbers the others."""
    twice = [name for name in own.values() if f"{name}_duplicated_0" in header]
    if twice:
        raise DataError(
            "Each column of a layout is there once.",
            place=f"{file.name} has {twice[0]!r} twice.",
            fix="Rename or drop one of them.",
        )


def _scan(file: Path) -> pl.LazyFrame:
    import polars as pl

    name = file.name.lower()
    if name.endswith((".parquet", ".pq")):
        return pl.scan_parquet(file, glob=False).with_row_index(ROW, offset=1)
    if name.endswith((".csv", ".csv.gz", ".txt", ".tsv")):
        separator = _separator(file)
        scan = pl.scan_csv(file, glob=False, infer_schema=False, separator=separator)
        return scan.with_row_index(ROW, offset=1)
    raise DataError(
        "Exports are csv (.csv, .csv.gz, .tsv) or parquet files.",
        place=f"Got {file}.",
        fix="Save it as csv, or read it yourself and pass the dataframe.",
    )


def _separator(file: Path) -> str:
    """Return what separates the columns of a file: what is there most in its first line."""
    with (gzip.open if file.name.lower().endswith(".gz") else open)(file, "rb") as lines:
        first = lines.readline()
    if not first.strip():
        raise empty_log(f"{file} has no header.")
    if first.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(
            "Files are in UTF-8.",
            place=f"{file} is in UTF-16, as spreadsheets save Unicode text.",
            fix="Save it as CSV UTF-8.",
        )
    return max(_SEPARATORS, key=lambda each: first.count(each.encode()))


def _stacked(tables: list[pl.DataFrame]) -> pl.DataFrame:
    """Return the rows of all files; a column that differs in type between them is text."""
    import polars as pl

    kinds: dict[str, set[str]] = {}
    for table in tables:
        for name, dtype in table.schema.items():
            kinds.setdefault(name, set()).add(str(dtype))
    mixed = [name for name, found in kinds.items() if len(found) > 1]
    alike = (
        [
            table.with_columns(pl.col(set(mixed) & set(table.columns)).cast(pl.String))
            for table in tables
        ]
        if mixed
        else tables
    )
    stacked = pl.concat(alike, how="diagonal")
    if stacked.is_empty():
        raise empty_log("The export has a header and no rows.")
    return stacked


# --- dataframes -------------------------------------------------------------------------------


def _open_frame(source: Any, wanted: str | None, decimal: Decimal) -> Opened:
    import polars as pl

    frame = collected(as_narwhals(source))
    if not len(frame):
        raise empty_log()
    layout = layout_of(frame.columns, wanted, what="The frame")
    names = columns_of(layout, frame.columns, what="The frame")
    cells = {key: _cells(frame[name]) for key, name in names.items()}
    table = pl.DataFrame(cells).with_row_index(ROW, offset=1)
    sheet = Sheet(
        table.with_columns(pl.lit(0, pl.UInt32).alias(FILE)), names, ("the frame",), decimal
    )
    return Opened(layout, sheet, lambda result: _restored(result, frame.implementation))


def _cells(series: nw.Series[Any]) -> pl.Series:
    """Return a column in polars: numbers, dates and clock times as they are, all else as text."""
    import polars as pl

    clocks = _clocks(series)
    if clocks is not None:
        return _with_offset(*clocks)
    cells = to_polars(series)
    if (
        cells.dtype.is_numeric()
        or cells.dtype in (pl.Date, pl.String)
        or cells.dtype == pl.Datetime
    ):
        return cells.fill_nan(None) if cells.dtype.is_float() else cells
    return cells.cast(pl.String)


def _clocks(series: nw.Series[Any]) -> tuple[pl.Series, pl.Series] | None:
    """Return what the clock of the zone and that of UTC show, of stamps in a zone; else None."""
    native: Any = nw.to_native(series)
    if series.implementation.is_pandas() and hasattr(native.dtype, "tz"):
        bare = (native.dt.tz_localize(None), native.dt.tz_convert("UTC").dt.tz_localize(None))
        here, there = (nw.from_native(each, series_only=True) for each in bare)
    elif getattr(series.dtype, "time_zone", None) is not None:
        here = series.dt.replace_time_zone(None)
        there = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    else:
        return None
    return to_polars(here), to_polars(there)


def _with_offset(clock: pl.Series, universal: pl.Series) -> pl.Series:
    """Return stamps as text: what the clock shows, and its offset to UTC."""
    import polars as pl

    ahead = (clock - universal).dt.total_minutes()
    parts = pl.DataFrame({"clock": clock.dt.strftime("%F %T"), "ahead": ahead})
    sign = pl.when(pl.col("ahead") < 0).then(pl.lit("-")).otherwise(pl.lit("+"))
    minutes = pl.col("ahead").abs()
    two = [part.cast(pl.String).str.zfill(2) for part in (minutes // 60, minutes % 60)]
    return parts.select(pl.concat_str("clock", sign, *two)).to_series()


def _restored(table: pl.DataFrame, implementation: nw.Implementation) -> Any:
    """Return a result as a frame of the caller's library."""
    if implementation.is_pandas():
        import pandas as pd

        return pd.DataFrame({name: table[name].to_numpy() for name in table.columns})
    if implementation.is_pyarrow():
        return table.to_arrow()
    return table
