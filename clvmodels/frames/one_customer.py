"""The orders of one customer: rows of a log on any engine, or a list of dates."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import narwhals as nw

from clvmodels.errors import DataError, ParameterError
from clvmodels.frames.columns import require_column
from clvmodels.frames.eager import to_polars
from clvmodels.frames.sources import as_narwhals, scan_files

__all__ = ["WHEN", "WHO", "no_customer", "opened"]

WHO: Final = "customer"  # columns of a log that is made of dates
WHEN: Final = "date"


def opened(orders: Any, customer: str | None, date: str | None, who: Any) -> tuple[Any, Any]:
    """Return the log of all customers, and that of the one asked for, on its engine.

    Raises
    ------
    ParameterError
        Columns or id are not all named, though this is a log, or are, though it is dates.
    DataError
        It is neither, or there can be no such id.
    """
    named = [each is not None for each in (customer, date, who)]
    if isinstance(orders, str | os.PathLike):
        log = scan_files(Path(orders), text=tuple(each for each in (customer, date) if each))
    elif any(named) or _is_frame(orders):
        log = orders
    else:
        dates = _log_of_dates(orders)
        return dates, dates
    if not all(named):
        raise ParameterError(
            "A log of orders goes with the columns of customer and date, and the customer's id; "
            "the dates of one customer go alone.",
            place=f"Got {type(orders).__qualname__}, customer={customer!r}, date={date!r}, "
            f"id={who!r}.",
            fix="Pass p_alive_path(orders, fit, customer='customer_id', date='date', id=17).",
        )
    assert customer is not None
    frame = as_narwhals(log)
    require_column(customer, frame.collect_schema().names(), role="customer")
    return log, nw.to_native(_rows_of(frame, customer, who))


def _is_frame(orders: Any) -> bool:
    try:
        as_narwhals(orders)
    except DataError:
        return False
    return True


def _rows_of(frame: Any, customer: str, who: Any) -> Any:
    """Return the rows of a customer: an id of 17 is found by 17 and by '17'."""
    dtype = frame.collect_schema()[customer]
    if dtype == nw.Object:  # of Python's own types, in memory
        return frame.filter([str(each) == str(who) for each in frame[customer].to_list()])
    if not dtype.is_numeric():
        return frame.filter(nw.col(customer).cast(nw.String) == str(who))
    return frame.filter(nw.col(customer) == _number(customer, who))


def _number(customer: str, who: Any) -> int | float:
    for kind in (int, float):  # in this order: a float has no room for all the digits of an id
        try:
            number: int | float = kind(who)
        except (TypeError, ValueError, OverflowError):
            continue
        if number == who or isinstance(who, str):
            return number
    raise no_customer(customer, who)


def no_customer(customer: str, who: Any) -> DataError:
    """Return the error for an id that no row has."""
    return DataError(
        "The customer is one of the log.",
        place=f"No row has the id {who!r} in column {customer!r}.",
        fix="Pass an id as it is in the log.",
    )


def _log_of_dates(dates: Any) -> Any:
    """Return dates as a log of one customer."""
    import pandas as pd
    import polars as pl

    if not isinstance(dates, Iterable):
        raise DataError(
            "Orders are a log, a path, or the dates of one customer.",
            place=f"Got {type(dates).__module__}.{type(dates).__qualname__}.",
            fix="Pass a list of dates such as ['2024-01-01', '2024-01-08'].",
        )
    try:
        native: Any = dates
        series = nw.from_native(native, series_only=True)
    except TypeError:
        values = dates if hasattr(dates, "dtype") else list(dates)
        series = nw.from_native(pd.Series(values), series_only=True)
    return pl.DataFrame({WHEN: to_polars(series)}).with_columns(pl.lit(0).alias(WHO))
