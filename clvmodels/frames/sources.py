"""Open a log of orders on any engine, and bring results back to it.

Lazy frames and relations stay where they are; eager frames run through polars.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import narwhals as nw

from clvmodels.errors import DataError
from clvmodels.frames.columns import AMOUNT, CUSTOMER, DAY, require_column
from clvmodels.frames.eager import encode_ids, no_id, to_polars, with_ids
from clvmodels.frames.engines import collected, is_spark
from clvmodels.frames.paths import empty_log, scan_files
from clvmodels.frames.zones import in_zone

__all__ = ["CARRIED", "Source", "open_source", "scan_files"]

CARRIED: Final = "_carried"  # and the number of a further column of the log
AmountColumns: TypeAlias = str | tuple[str, str] | None


@dataclass(frozen=True)
class Source:
    """A log as a lazy frame of raw columns, and the way back to the caller's engine.

    Attributes
    ----------
    frame : LazyFrame
        Columns CUSTOMER, DAY (still as the user has it), AMOUNT if there are amounts, and those
        that are carried along, named by CARRIED and their number.
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

    def ids(self, people: nw.LazyFrame[Any]) -> list[Any]:
        """Return the user's ids of a few customers, from a frame of the column CUSTOMER."""
        frame = collected(as_narwhals(self.restore(people)))
        return frame[self.customer].to_list()


def open_source(
    transactions: Any,
    *,
    customer: str,
    date: str,
    amount: AmountColumns,
    time_zone: str | None = None,
    carried: Sequence[str] = (),
) -> Source:
    """Open transactions: a dataframe, a lazy frame, a relation, or a path to parquet or csv.

    Columns that are `carried` along keep their values.

    Raises
    ------
    MissingColumnError
        A named column is not there.
    ParameterError
        `time_zone` is none, or the dates carry no zone.
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
    for name in carried:
        require_column(name, names, role="order")
    if isinstance(frame, nw.DataFrame) and not len(frame):
        raise empty_log()
    _refuse_dots(frame, (customer, date, *amounts, *carried))
    _refuse_id_type(frame.collect_schema()[customer], customer)
    frame = in_zone(frame, date, time_zone)
    if isinstance(frame, nw.DataFrame):
        return _open_eager(frame, customer, date, amounts, tuple(carried))
    _refuse_amount_types(frame.collect_schema(), {name: name for name in amounts})
    others = (nw.col(name).alias(f"{CARRIED}{i}") for i, name in enumerate(carried))
    day = nw.col(date).alias(DAY)
    picked = frame.select(_present_ids(frame, customer), day, *_amount(amounts), *others)
    return Source(picked, customer, False, lambda result: _restore_lazy(result, customer))


def as_narwhals(frame: Any) -> nw.DataFrame[Any] | nw.LazyFrame[Any]:
    """Wrap a native frame, or raise `DataError` if it is none."""
    try:
        wrapped: nw.DataFrame[Any] | nw.LazyFrame[Any] = nw.from_native(frame)
        if isinstance(wrapped, nw.DataFrame):
            wrapped.collect_schema()  # pandas allows two columns of one name
        return wrapped
    except TypeError:
        raise DataError(
            "Data come as a pandas, polars or pyarrow frame, a polars LazyFrame, a DuckDB "
            "relation, a PySpark DataFrame, or a path.",
            place=f"Got {type(frame).__module__}.{type(frame).__qualname__}.",
            fix="Convert it to one of these.",
        ) from None
    except nw.exceptions.DuplicateError as error:
        raise DataError(
            "Columns have names of their own.",
            place=" ".join(str(error).split()),
            fix="Rename or drop one of them.",
        ) from None


def _refuse_dots(frame: Any, names: tuple[str, ...]) -> None:
    """Raise for names that Spark reads as a field within a column."""
    dotted = [name for name in names if "." in name or "`" in name] if is_spark(frame) else []
    if dotted:
        raise DataError(
            "Names of Spark columns that are used here have no dots or backticks.",
            place=f"Got {', '.join(map(repr, dotted))}.",
            fix=f"Rename it, for instance df.withColumnRenamed({dotted[0]!r}, "
            f"{dotted[0].replace('.', '_').replace('`', '_')!r}).",
        )


# --- columns ----------------------------------------------------------------------------------


def _refuse_id_type(dtype: nw.dtypes.DType, name: str) -> None:
    if isinstance(dtype, nw.List | nw.Struct | nw.Array | nw.Boolean):
        raise no_id(name, str(dtype))


def _refuse_amount_types(schema: nw.Schema, columns: dict[str, str]) -> None:
    """Raise unless columns are numbers; `columns` maps their names to those of the user."""
    for column, name in columns.items():
        if not schema[column].is_numeric():
            raise DataError(
                "An amount is a number.",
                place=f"Column {name!r} has type {schema[column]}.",
                fix="Strip currency signs and thousands separators and convert it to float first.",
            )


def _present_ids(frame: nw.LazyFrame[Any], customer: str) -> nw.Expr:
    """Return ids with NaN and blank text made missing: they are no customer."""
    dtype = frame.collect_schema()[customer]
    column = nw.col(customer)
    if dtype.is_float():
        column = nw.when(~nw.col(customer).is_nan()).then(nw.col(customer))
    elif isinstance(dtype, nw.String | nw.Categorical | nw.Enum):
        blank = nw.col(customer).cast(nw.String).str.strip_chars() == ""
        column = nw.when(~blank).then(nw.col(customer))
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


def _open_eager(
    frame: nw.DataFrame[Any],
    customer: str,
    date: str,
    amounts: tuple[str, ...],
    carried: tuple[str, ...],
) -> Source:
    import polars as pl

    codes, first = encode_ids(frame[customer])
    parts = {f"{AMOUNT}_{i}": name for i, name in enumerate(amounts)}
    others = {f"{CARRIED}{i}": name for i, name in enumerate(carried)}
    copies = {DAY: date, **parts, **others}
    table = pl.DataFrame({key: to_polars(frame[name]) for key, name in copies.items()})
    lazy = nw.from_native(table.with_columns(codes.alias(CUSTOMER)).lazy())
    _refuse_amount_types(lazy.collect_schema(), parts)
    picked = lazy.select(CUSTOMER, DAY, *_amount(tuple(parts)), *others)

    def restore(result: nw.LazyFrame[Any]) -> Any:
        table = nw.to_native(result.sort(CUSTOMER)).collect()
        ids = frame[customer][first[table[CUSTOMER].to_numpy()]]
        return with_ids(ids, table.drop(CUSTOMER), frame.implementation)

    return Source(picked, customer, True, restore)
