"""What a customer usually is by columns of the log, such as a country, as known at a date."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from clvmodels.errors import DataError, ParameterError
from clvmodels.frames.calendar import day_number
from clvmodels.frames.columns import CUSTOMER, DAY, require_column
from clvmodels.frames.dates import UNREADABLE, with_days
from clvmodels.frames.eager import to_polars
from clvmodels.frames.engines import collected
from clvmodels.frames.reading import Rules, open_dated
from clvmodels.frames.sources import Source, as_narwhals, scan_files
from clvmodels.frames.zones import in_zone

if TYPE_CHECKING:
    import polars as pl

__all__ = ["LABEL", "check_labels", "labelled", "usual_labels"]

LABEL: Final = "_label"
_ROWS: Final = "_rows"


def check_labels(transactions: Any, by: Sequence[str], *, customer: str) -> None:
    """Raise unless every column is one of the log, and not the id.

    Raises
    ------
    MissingColumnError
        There is no such column.
    ParameterError
        It is the id of the customers.
    """
    names = _opened(transactions, (customer,)).collect_schema().names()
    for name in by:
        require_column(name, names, role="segment")
        if name == customer:
            raise ParameterError(
                "A segment has several customers.",
                place=f"{name!r} is the id of the customers.",
                fix="Name another column in `by`.",
            )


def usual_labels(transactions: Any, rules: Rules, by: Sequence[str], *, until: date) -> Any:
    """Return the value that most rows of a customer have in each column, up to a day.

    Of several with as many rows the smallest. Rows without a value do not count.

    Parameters
    ----------
    transactions, rules
        The log, and how it is read.
    by
        Columns of the log: text, numbers, dates or categories.
    until
        Last day that counts: no later row has any influence.

    Returns
    -------
    native frame
        One row a customer who has a row up to then: the id and the columns; an eager log's in its
        own library, a lazy one's as polars. Missing where a customer has no value.
    """
    import polars as pl

    source = labelled(transactions, rules, by)
    day = nw.col(DAY)
    seen = source.frame.filter(day <= day_number(until), day != UNREADABLE)
    seen = seen.filter(~nw.col(CUSTOMER).is_null())
    result = _in_polars(seen.select(CUSTOMER).unique())
    for i, name in enumerate(by):
        result = result.join(_usual(seen, f"{LABEL}{i}"), on=CUSTOMER, how="left")
        result = result.rename({f"{LABEL}{i}": name})
    if source.eager:
        return source.restore(nw.from_native(result.lazy()))
    return result.rename({CUSTOMER: rules.customer}).with_columns(pl.all())


def _usual(rows: nw.LazyFrame[Any], label: str) -> pl.DataFrame:
    """Return the value with most rows for each customer."""
    import polars as pl

    counted = _in_polars(
        rows.filter(~nw.col(label).is_null()).group_by(CUSTOMER, label).agg(nw.len().alias(_ROWS))
    )
    if counted.schema[label] in (pl.Categorical, pl.Enum):
        counted = counted.with_columns(pl.col(label).cast(pl.String))
    ranked = counted.sort(CUSTOMER, _ROWS, label, descending=[False, True, False])
    return ranked.group_by(CUSTOMER, maintain_order=True).agg(pl.col(label).first())


def _in_polars(frame: nw.LazyFrame[Any]) -> pl.DataFrame:
    import polars as pl

    native = nw.to_native(collected(frame))
    return native if isinstance(native, pl.DataFrame) else pl.DataFrame(native)


def _opened(transactions: Any, text: tuple[str, ...]) -> Any:
    if isinstance(transactions, str | os.PathLike):
        transactions = scan_files(Path(transactions), text=text)
    return as_narwhals(transactions)


def labelled(transactions: Any, rules: Rules, by: Sequence[str]) -> Source:
    """Return a dated log with a column for each label."""
    frame = _opened(transactions, (rules.customer, rules.date))
    if isinstance(frame, nw.DataFrame):
        dated = open_dated(transactions, rules)
        table = nw.to_native(dated.frame).collect()
        columns = [_label_column(frame[name]).alias(f"{LABEL}{i}") for i, name in enumerate(by)]
        lazy = nw.from_native(table.with_columns(*columns).lazy())
        return Source(lazy, dated.customer, True, dated.restore)
    picked = (
        in_zone(frame, rules.date, rules.time_zone)
        .lazy()
        .select(
            nw.col(rules.customer).alias(CUSTOMER),
            nw.col(rules.date).alias(DAY),
            *(nw.col(name).alias(f"{LABEL}{i}") for i, name in enumerate(by)),
        )
    )
    lazy_source = Source(picked, rules.customer, False, nw.to_native)
    return with_days(lazy_source, name=rules.date, date_format=rules.date_format)


def _label_column(series: nw.Series[Any]) -> pl.Series:
    """Return a column as polars has it, categories as text."""
    import polars as pl

    try:
        if series.dtype in (nw.Categorical, nw.Enum):
            series = series.cast(nw.String)
        column = to_polars(series)
    except (DataError, TypeError) as error:
        raise DataError(
            "Customers are told apart by single values: text, numbers, dates or categories.",
            place=f"Column {series.name!r} holds {series.dtype}.",
            fix="Name another column, or make it text.",
        ) from error
    if column.dtype.is_float():
        column = column.fill_nan(None)
    return column.cast(pl.String) if column.dtype in (pl.Categorical, pl.Enum) else column
