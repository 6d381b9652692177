"""Open a log of orders on any engine, and bring results back to it.

Lazy frames and relations stay where they are. Eager frames run through polars, with customer ids
carried as integer codes: every engine then obeys the same rules at the same speed, and an id of any
type (text, UUID, categorical) comes back from the caller's own column, unchanged.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import narwhals as nw
import numpy as np

from clvmodels.errors import DataError, MissingExtraError
from clvmodels.frames.columns import AMOUNT, CUSTOMER, DAY, require_column

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Source", "open_source"]

AmountColumns: TypeAlias = str | tuple[str, str] | None


@dataclass(frozen=True)
class Source:
    """A log as a lazy frame of raw columns, and the way back to the caller's engine.

    Attributes
    ----------
    frame : LazyFrame
        Columns CUSTOMER, DAY (still as the user has it) and AMOUNT if there are amounts.
    customer : str
        The user's name of the id column.
    eager : bool
        Whether results are eager frames of the caller's library.
    restore : callable
        Turns a lazy frame with a CUSTOMER column into a frame on the caller's engine.
    """

    frame: nw.LazyFrame[Any]
    customer: str
    eager: bool
    restore: Callable[[nw.LazyFrame[Any]], Any]

    @property
    def has_amount(self) -> bool:
        """Whether the log has amounts."""
        return AMOUNT in self.frame.collect_schema().names()


def open_source(transactions: Any, *, customer: str, date: str, amount: AmountColumns) -> Source:
    """Open transactions: a dataframe, a lazy frame, a relation, or a path to parquet or csv.

    Raises
    ------
    MissingColumnError
        A named column is not there.
    DataError
        The object is no dataframe, or an id or amount column has a type that cannot be used.
    """
    if isinstance(transactions, str | os.PathLike):
        transactions = scan_files(Path(transactions), text=(customer, date))
    frame = as_narwhals(transactions)
    names = frame.collect_schema().names()
    require_column(customer, names, role="customer")
    require_column(date, names, role="date")
    amounts = (amount,) if isinstance(amount, str) else amount or ()
    for name in amounts:
        require_column(name, names, role="amount")
    _refuse_types(frame, customer, amounts)
    if isinstance(frame, nw.LazyFrame):
        picked = frame.select(
            _present_ids(frame, customer), nw.col(date).alias(DAY), *_amount(amounts)
        )
        return Source(picked, customer, False, lambda result: _restore_lazy(result, customer))
    return _open_eager(frame, customer, date, amounts)


def as_narwhals(frame: Any) -> nw.DataFrame[Any] | nw.LazyFrame[Any]:
    """Wrap a native frame, or raise `DataError` if it is none."""
    try:
        wrapped: nw.DataFrame[Any] | nw.LazyFrame[Any] = nw.from_native(frame)
        return wrapped
    except TypeError:
        raise DataError(
            "Data come as a pandas, polars or pyarrow frame, a DuckDB relation, or a path.",
            place=f"Got {type(frame).__module__}.{type(frame).__qualname__}.",
            fix="Convert it to one of these.",
        ) from None


def scan_files(path: Path, *, text: tuple[str, ...] = ()) -> pl.LazyFrame:
    """Scan parquet or csv lazily: one file, a glob, or a folder of either kind.

    Columns named in `text` are read from csv as they are written, so that ids keep leading zeros.

    Raises
    ------
    DataError
        There is nothing at the path, or it is neither parquet nor csv.
    """
    import polars as pl

    files = _files(path)
    kinds = {_kind(file) for file in files}
    if kinds == {"parquet"}:
        return pl.scan_parquet(files)
    if kinds == {"csv"}:
        try:
            known = pl.scan_csv(files).collect_schema().names()
        except pl.exceptions.NoDataError:
            raise DataError("The log is not empty.", place=f"{path} has no rows.") from None
        overrides = {name: pl.String() for name in text if name in known}
        return pl.scan_csv(files, schema_overrides=overrides, infer_schema_length=10_000)
    raise DataError(
        "Logs are parquet (.parquet, .pq) or csv (.csv, .csv.gz) files.",
        place=f"{path} has {', '.join(sorted(kinds))}.",
        fix="Convert the file, or read it yourself and pass the dataframe.",
    )


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = [each for each in sorted(path.rglob("*")) if _kind(each) in ("parquet", "csv")]
    elif has_magic(str(path)) and not path.exists():
        anchor = Path(path.anchor) if path.is_absolute() else Path()
        found = sorted(anchor.glob(str(path.relative_to(anchor))))
    else:
        found = [path] if path.is_file() else []
    if not found:
        raise DataError(
            "There is a file, a folder of files, or a matching pattern at the path.",
            place=f"Found none at {path}.",
            fix="Check the spelling and the folder you are in.",
        )
    return found


def _kind(path: Path) -> str:
    name = path.name.lower()
    if name.endswith((".parquet", ".pq")):
        return "parquet"
    if name.endswith((".csv", ".csv.gz")):
        return "csv"
    return path.suffix or "a file without an ending"


# --- column types -----------------------------------------------------------------------------


def _refuse_types(frame: Any, customer: str, amounts: tuple[str, ...]) -> None:
    schema = frame.collect_schema()
    if isinstance(schema[customer], nw.List | nw.Struct | nw.Array | nw.Boolean):
        raise DataError(
            "A customer id is one value: text, a whole number, a category or a UUID.",
            place=f"Column {customer!r} has type {schema[customer]}.",
            fix="Name another column or flatten this one.",
        )
    for name in amounts:
        if not schema[name].is_numeric():
            raise DataError(
                "An amount is a number.",
                place=f"Column {name!r} has type {schema[name]}.",
                fix="Strip currency signs and thousands separators and convert it first.",
            )


def _present_ids(frame: nw.LazyFrame[Any], customer: str) -> nw.Expr:
    """Return ids with NaN and blank text made missing: they are no customer."""
    dtype = frame.collect_schema()[customer]
    column = nw.col(customer)
    if dtype.is_float():
        column = nw.when(~nw.col(customer).is_nan()).then(nw.col(customer))
    elif isinstance(dtype, nw.String):
        column = nw.when(nw.col(customer).str.strip_chars() != "").then(nw.col(customer))
    return column.alias(CUSTOMER)


def _amount(amounts: tuple[str, ...]) -> list[nw.Expr]:
    """Return the amount, or quantity times price, as float."""
    if not amounts:
        return []
    product = nw.col(amounts[0]).cast(nw.Float64)
    for name in amounts[1:]:
        product = product * nw.col(name).cast(nw.Float64)
    return [product.alias(AMOUNT)]


def _restore_lazy(result: nw.LazyFrame[Any], customer: str) -> Any:
    return nw.to_native(result.rename({CUSTOMER: customer}))


# --- eager frames -----------------------------------------------------------------------------


def _open_eager(
    frame: nw.DataFrame[Any], customer: str, date: str, amounts: tuple[str, ...]
) -> Source:
    import polars as pl

    codes, first = _encode_ids(frame[customer])
    columns = {CUSTOMER: codes, DAY: _to_polars(frame[date])}
    columns |= {name: _to_polars(frame[name]) for name in dict.fromkeys(amounts)}
    lazy = nw.from_native(pl.DataFrame(columns).lazy())
    picked = lazy.select(CUSTOMER, DAY, *_amount(amounts))

    def restore(result: nw.LazyFrame[Any]) -> Any:
        table = nw.to_native(result.sort(CUSTOMER)).collect()
        ids = frame[customer][first[table[CUSTOMER].to_numpy()]]
        return _with_ids(ids, table.drop(CUSTOMER), frame.implementation)

    return Source(picked, customer, True, restore)


def _encode_ids(ids: nw.Series[Any]) -> tuple[pl.Series, np.ndarray[Any, Any]]:
    """Return integer codes in the order of the ids (null where missing), and a row of each code."""
    import polars as pl

    native = nw.to_native(ids)
    if ids.implementation.is_pandas():
        import pandas as pd

        codes, uniques = pd.factorize(native)
        _refuse_mixed(uniques, ids.name)
        blank = np.array([isinstance(each, str) and not each.strip() for each in uniques], bool)
        missing = (codes < 0) | np.append(blank, True)[codes]
        codes = _in_order(codes, uniques)
    else:
        plain = native if isinstance(native, pl.Series) else _arrow_to_polars(native)
        if plain.dtype == pl.Object:
            return _encode_ids(nw.from_native(_as_pandas_objects(plain), series_only=True))
        if plain.dtype.is_float():
            plain = plain.fill_nan(None)
        elif plain.dtype == pl.String:
            plain = plain.set(plain.str.strip_chars() == "", None)
        missing = plain.is_null().to_numpy()
        codes = plain.rank("dense").fill_null(1).to_numpy().astype(np.int64) - 1
    first = np.zeros(int(codes.max(initial=-1)) + 2, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return pl.Series(np.where(missing, -1, codes)).replace(-1, None), first


def _in_order(codes: np.ndarray[Any, Any], uniques: Any) -> np.ndarray[Any, Any]:
    """Renumber codes by the order of their ids; keep the order of appearance if there is none."""
    try:
        order = np.asarray(uniques.argsort())
    except TypeError:
        return codes
    rank = np.empty(len(order) + 1, dtype=np.int64)
    rank[order], rank[-1] = np.arange(len(order)), 0
    return np.asarray(rank[codes])


def _refuse_mixed(uniques: Any, name: str) -> None:
    """Raise if ids are of several types, where 1 and '1' would be two customers."""
    if uniques.dtype != object:
        return
    kinds = sorted({type(each).__name__ for each in uniques})
    if len(kinds) > 1:
        raise DataError(
            "All customer ids have one type, else 1 and '1' are two customers.",
            place=f"Column {name!r} holds {' and '.join(kinds)}.",
            fix=f"Convert it first, for instance orders[{name!r}].astype(str).",
        )


def _as_pandas_objects(ids: pl.Series) -> Any:
    import pandas as pd

    return pd.Series(ids.to_list(), dtype=object, name=ids.name)


def _arrow_to_polars(column: Any) -> pl.Series:
    import polars as pl
    import pyarrow as pa

    if isinstance(column.type, pa.ExtensionType | getattr(pa, "BaseExtensionType", ())):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks])
    return pl.Series(pl.from_arrow(column))


def _to_polars(series: nw.Series[Any]) -> pl.Series:
    """Copy a date or amount column into polars, whatever pandas keeps it in."""
    import polars as pl

    native = nw.to_native(series)
    if isinstance(native, pl.Series):
        return native
    if not series.implementation.is_pandas():
        return _arrow_to_polars(native)
    kind = getattr(native.dtype, "kind", "O")
    if isinstance(native.dtype, np.dtype) and kind in "iufM":
        return pl.Series(native.to_numpy())
    if hasattr(native.dtype, "tz"):  # local wall-clock time decides the day
        wall = native.dt.tz_localize(None).to_numpy()
        return pl.Series(wall).dt.replace_time_zone(str(native.dtype.tz), ambiguous="earliest")
    if hasattr(native.array, "__arrow_array__") and hasattr(native.dtype, "pyarrow_dtype"):
        return _arrow_to_polars(native.array.__arrow_array__())
    return _objects_to_polars(native)


def _objects_to_polars(native: Any) -> pl.Series:
    """Copy a pandas column of Python objects, all of one kind."""
    import pandas as pd
    import polars as pl

    values = [
        None if missing else value for value, missing in zip(native, pd.isna(native), strict=True)
    ]
    kinds = sorted({type(value).__name__ for value in values if value is not None})
    zones = {str(zone) for value in values if (zone := getattr(value, "tzinfo", None))}
    if len(zones) > 1:
        raise mixed_zones(f"column {native.name!r} has {', '.join(sorted(zones)[:4])}")
    try:
        return pl.Series(values, strict=True)
    except (TypeError, pl.exceptions.PolarsError):
        raise DataError(
            "All values of a column have one type.",
            place=f"Column {native.name!r} holds {', '.join(kinds)}.",
            fix="Convert it first, dates for instance with pandas.to_datetime.",
        ) from None


def mixed_zones(place: str) -> DataError:
    """Return the error for stamps in several time zones."""
    return DataError(
        "All time stamps are in one time zone, else the same moment falls on two days.",
        place=f"The {place}.",
        fix="Convert them to one zone first, for instance with pandas.to_datetime(..., utc=True) "
        "and dt.tz_convert.",
    )


def _with_ids(ids: nw.Series[Any], table: pl.DataFrame, implementation: nw.Implementation) -> Any:
    """Put ids of the caller's type beside computed columns, in a frame of the caller's library."""
    if implementation.is_polars():
        return table.insert_column(0, nw.to_native(ids))
    if implementation.is_pandas():
        import pandas as pd

        computed = {name: table[name].to_numpy() for name in table.columns}
        return pd.DataFrame({ids.name: nw.to_native(ids).reset_index(drop=True), **computed})
    if implementation.is_pyarrow():
        arrow = table.to_arrow()
        return arrow.add_column(0, ids.name, nw.to_native(ids))
    raise MissingExtraError(
        "Eager frames are pandas, polars or pyarrow.",
        place=f"Got {implementation}.",
        fix="Convert the frame to one of these.",
    )
