"""Find the files of a log, and scan them lazily as one table."""

from __future__ import annotations

from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw

from clvmodels.errors import DataError, EmptyLogError
from clvmodels.frames.engines import collected

if TYPE_CHECKING:
    import polars as pl

__all__ = ["empty_log", "files_at", "first_look", "scan_files"]

_SAMPLE = 10_000  # rows of a csv file that tell the types of its columns
_OTHER_SEPARATORS = (";", "\t", "|")


def scan_files(path: Path, *, text: tuple[str, ...] = ()) -> pl.LazyFrame:
    """Scan parquet or csv lazily: one file, a glob, or a folder of either kind.

    Several files are matched by the names of their columns; those that all have are kept. Columns
    named in `text` are read from csv as they are written, so that ids keep leading zeros.

    Raises
    ------
    DataError
        There is nothing at the path, it is neither parquet nor csv, a file cannot be read, or a
        column named in `text` has several types.
    """
    import polars as pl

    files = files_at(path)
    kinds = {_kind(file) for file in files}
    if kinds == {"parquet"}:
        scans = [pl.scan_parquet(file, glob=False) for file in files]
    elif kinds == {"csv"}:
        scans = _scan_csv(files, text)
    else:
        raise DataError(
            "Logs are parquet (.parquet, .pq) or csv (.csv, .csv.gz) files, of one kind.",
            place=f"{path} has {', '.join(sorted(kinds))}.",
            fix="Convert the files, or read them yourself and pass the dataframe.",
        )
    schemas = {file: _schema(scan, file) for file, scan in zip(files, scans, strict=True)}
    _refuse_mixed_types(schemas, text)
    shared = set.intersection(*(set(schema) for schema in schemas.values()))
    names = [name for name in schemas[files[0]] if name in shared]
    log = pl.concat([scan.select(names) for scan in scans], how="vertical_relaxed")
    if first_look(nw.from_native(log.head(1))).is_empty():
        raise empty_log()
    return log


def files_at(path: Path) -> list[Path]:
    """Return the files of a log: of one file, a glob, or a folder without what is hidden.

    Raises
    ------
    DataError
        There is none, or the folder is a table that also holds deleted rows.
    """
    path = path.expanduser()
    if path.is_dir():
        _refuse_table_format(path)
        found = [
            each
            for each in sorted(path.rglob("*"))
            if _kind(each) in ("parquet", "csv") and not _hidden(each.relative_to(path))
        ]
    elif has_magic(str(path)) and not path.exists():
        anchor = Path(path.anchor) if path.is_absolute() else Path()
        matches = anchor.glob(str(path.relative_to(anchor)))
        found = sorted(each for each in matches if each.is_file())
    else:
        found = [path] if path.is_file() else []
    if not found:
        raise DataError(
            "There is a file, a folder of files, or a matching pattern at the path.",
            place=f"Found none at {path}.",
            fix="Check the spelling and the folder you are in.",
        )
    return found


def _hidden(inside: Path) -> bool:
    """Tell whether a file is no data by the custom of Spark and Hive, such as ``_temporary``."""
    return any(part.startswith((".", "_")) for part in inside.parts)


def _refuse_table_format(folder: Path) -> None:
    """Raise for tables whose folder also holds the files of rows deleted since."""
    for kind, marks in {
        "delta": "_delta_log/*.json",
        "iceberg": "metadata/*.metadata.json",
    }.items():
        if any(folder.glob(marks)):
            raise DataError(
                "A folder holds nothing but the files of one log.",
                place=f"{folder} is a table of {kind}, which keeps the files of deleted rows.",
                fix=f"Open it with polars.scan_{kind} and pass the result.",
            )


def _kind(path: Path) -> str:
    name = path.name.lower()
    if name.endswith((".parquet", ".pq")):
        return "parquet"
    if name.endswith((".csv", ".csv.gz")):
        return "csv"
    return path.suffix or "a file without an ending"


def _scan_csv(files: list[Path], text: tuple[str, ...]) -> list[pl.LazyFrame]:
    """Scan csv files, numbers as floats: the first decimal may come late, or in another file."""
    import polars as pl

    schemas = [
        _schema(pl.scan_csv(file, glob=False, infer_schema_length=_SAMPLE), file) for file in files
    ]
    for file, schema in zip(files, schemas, strict=True):
        _refuse_other_separators(schema.names(), file)
    numbers = {name for schema in schemas for name, dtype in schema.items() if dtype.is_numeric()}
    scans = []
    for file, schema in zip(files, schemas, strict=True):
        types: dict[str, Any] = {name: pl.Float64() for name in schema if name in numbers}
        types |= {name: pl.String() for name in schema if name in text}
        scans.append(
            pl.scan_csv(file, glob=False, schema_overrides=types, infer_schema_length=_SAMPLE)
        )
    return scans


def _refuse_other_separators(header: list[str], file: Path) -> None:
    if len(header) == 1 and any(mark in header[0] for mark in _OTHER_SEPARATORS):
        raise DataError(
            "The columns of a csv file are separated by commas.",
            place=f"The first line of {file} is {header[0]!r}.",
            fix="Read it with polars.scan_csv(path, separator=';') and pass the result.",
        )


def _schema(scan: pl.LazyFrame, file: Path) -> pl.Schema:
    import polars as pl

    try:
        return scan.collect_schema()
    except pl.exceptions.NoDataError:
        raise empty_log(f"{file} is empty.") from None
    except pl.exceptions.PolarsError as error:
        raise _unreadable(error, place=f"{file} cannot be") from None


def empty_log(place: str = "This one is empty.") -> EmptyLogError:
    """Return the error for a log without rows."""
    return EmptyLogError("A log has at least one row.", place=place, fix="Check the query or path.")


def first_look(query: nw.LazyFrame[Any]) -> nw.DataFrame[Any]:
    """Collect a query that is the first to read a log, so that broken files come to light."""
    import polars as pl

    try:
        return collected(query)
    except (nw.exceptions.ComputeError, pl.exceptions.ComputeError) as error:
        raise _unreadable(error, place="Reading stopped") from error


def _unreadable(error: Exception, *, place: str) -> DataError:
    """Return the error for files that break off, with the engine's own words."""
    words = str(error).split("\n\n", maxsplit=1)[0]
    return DataError(
        "Files are whole and in UTF-8, with the columns and types of their first rows throughout.",
        place=f"{place}: {words:.300}.",
        fix="Correct the file, or read it yourself and pass the dataframe.",
    )


def _refuse_mixed_types(schemas: dict[Path, pl.Schema], names: tuple[str, ...]) -> None:
    """Raise if a column has several types over the files: 1, 1.0 and '1' are one customer."""
    for name in names:
        kinds: dict[str, Path] = {}
        for file, schema in schemas.items():
            if name in schema:
                dtype = schema[name]
                kinds.setdefault("whole numbers" if dtype.is_integer() else str(dtype), file)
        if len(kinds) > 1:
            raise DataError(
                "A column has one type in all files.",
                place=f"{name!r} is "
                + " and ".join(f"{kind} in {file}" for kind, file in list(kinds.items())[:2])
                + ".",
                fix="Convert one of them, or read them yourself and pass the dataframe.",
            )
