"""The customer summary: from a log of orders to frequency, recency, T and mean spend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias

import narwhals as nw
import numpy as np

from clvmodels.customers import TIMING, Column, Customers
from clvmodels.errors import DataError
from clvmodels.frames.cleaning import (
    CleanLog,
    Invalid,
    Returns,
    check_choice,
    clean,
    warn_of_losses,
)
from clvmodels.frames.columns import (
    CUSTOMER,
    PERIOD,
    SUMMARY,
    refuse_collision,
    require_column,
)
from clvmodels.frames.dates import as_date, with_days
from clvmodels.frames.ledger import Ledger, make_ledger, refuse_unmatched
from clvmodels.frames.occasions import VALUE, kept, net_occasions, period_of
from clvmodels.frames.sources import AmountColumns, Source, as_narwhals, open_source
from clvmodels.units import DAYS_PER_UNIT, TimeUnit, check_unit, parse_date

__all__ = ["CustomerSummary", "Grid", "rfm_summary"]

Grid: TypeAlias = Literal["day", "week"]
GRID_DAYS: Final[dict[str, int]] = {"day": 1, "week": 7}
_FIRST, _LAST, _OCCASIONS, _TOTAL, _FIRST_VALUE = (
    "_first",
    "_last",
    "_occasions",
    "_total",
    "_initial",
)


@dataclass(frozen=True, eq=False, repr=False)
class CustomerSummary:
    """One row a customer: how often, how recently, for how long, and how much.

    Made by `rfm_summary`, `holdout_split` or `CustomerSummary.from_frame`.

    Attributes
    ----------
    frame : native frame
        On the engine of the data: the id column, ``frequency``, ``recency``, ``T`` and, with
        amounts, ``monetary_value`` (null where frequency is 0). Eager frames are sorted by id.
    unit : TimeUnit
        Unit of ``recency`` and ``T``.
    observed_until : date or None
        Last day of observation, included.
    customer : str
        Name of the id column.
    grid_days : int or None
        Days of a grid period; all times are whole multiples of it. None for a finished table.
    """

    frame: Any
    unit: TimeUnit
    observed_until: date | None
    customer: str
    grid_days: int | None
    _account: Callable[[], Ledger] | None = field(default=None)

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        unit: TimeUnit,
        customer: str = "customer_id",
        frequency: str = "frequency",
        recency: str = "recency",
        T: str = "T",
        monetary_value: str | None = "monetary_value",
        observed_until: date | str | None = None,
    ) -> CustomerSummary:
        """Take a table that already has frequency, recency and T, under any column names.

        Parameters
        ----------
        frame
            One row a customer, on any engine. It is not changed; other columns are kept.
        unit
            The unit that recency and T are in.
        customer, frequency, recency, T, monetary_value
            Names of the columns. `monetary_value` is left out if there is no such column and the
            name is the default, or if it is None.
        observed_until
            Last day of observation, for horizons given as dates.

        Returns
        -------
        CustomerSummary
            Its frame has the standard names.

        Raises
        ------
        MissingColumnError
            A named column is not there.
        DataError
            Rows break a rule, such as recency above T; lazy frames are checked when collected.

        Examples
        --------
        >>> import pandas as pd
        >>> table = pd.DataFrame({"id": [1, 2], "x": [0, 2], "t_x": [0.0, 8.0], "T": [9.0, 9.0]})
        >>> rfm = CustomerSummary.from_frame(
        ...     table, unit="week", customer="id", frequency="x", recency="t_x"
        ... )
        >>> rfm.customers()
        Customers(2 rows, 2 customers, 1 with a repeat purchase, unit='week')
        """
        wrapped = as_narwhals(frame)
        names = wrapped.collect_schema().names()
        if monetary_value == "monetary_value" and monetary_value not in names:
            monetary_value = None
        roles = {frequency: "frequency", recency: "recency", T: "T"}
        if monetary_value is not None:
            roles[monetary_value] = "monetary_value"
        for name, role in {customer: "customer", **roles}.items():
            require_column(name, names, role=role)
        others = [name for name in names if name not in roles]
        refuse_collision(customer, roles.values())
        clash = [name for name in others if name in roles.values()]
        if clash:
            raise DataError(
                "Columns that are not used have names of their own.",
                place=f"{clash[0]!r} is the standard name of another column.",
                fix="Drop or rename it.",
            )
        until = (
            None if observed_until is None else parse_date(observed_until, name="observed_until")
        )
        native = nw.to_native(wrapped.rename({k: v for k, v in roles.items() if k != v}))
        summary = cls(native, check_unit(unit), until, customer, None)
        if not summary.is_lazy:
            summary._refuse_repeated_ids()
            summary.customers()
        return summary

    def __repr__(self) -> str:
        until = f", observed until {self.observed_until}" if self.observed_until else ""
        frame = as_narwhals(self.frame)
        size = "lazy" if isinstance(frame, nw.LazyFrame) else f"{len(frame):,} customers"
        return f"<CustomerSummary: {size}, unit {self.unit}{until}>"

    @property
    def is_lazy(self) -> bool:
        """Whether the frame is lazy, so that nothing is computed until asked for."""
        return isinstance(as_narwhals(self.frame), nw.LazyFrame)

    @property
    def has_spend(self) -> bool:
        """Whether there is mean spend."""
        return "monetary_value" in as_narwhals(self.frame).collect_schema().names()

    @cached_property
    def ledger(self) -> Ledger:
        """The account of every row, customer and amount of the log; see `Ledger`."""
        if self._account is None:
            raise DataError(
                "A ledger goes with a log of orders.",
                place="This summary was made from a finished table.",
                fix="Use rfm_summary(orders, ...).",
            )
        return self._account()

    def customers(self) -> Customers:
        """Return every customer, in the order of the frame; a lazy frame is collected.

        Raises
        ------
        DataError
            Rows break a rule, such as recency above T.
        """
        frame = as_narwhals(self.frame)
        columns = [name for name in SUMMARY if name in frame.collect_schema().names()]
        if isinstance(frame, nw.LazyFrame):
            frame = frame.select(columns).collect("polars")
        arrays = {name: _floats(frame[name]) for name in columns}
        return Customers.from_arrays(
            arrays["frequency"],
            arrays["recency"],
            arrays["T"],
            unit=self.unit,
            monetary_value=arrays.get("monetary_value"),
        )

    def patterns(self, by: tuple[Column, ...] = TIMING) -> Customers:
        """Return the distinct histories with their numbers of customers.

        From a lazy frame only the distinct rows are collected.

        Parameters
        ----------
        by
            What makes a history: ``("frequency", "recency", "T")`` for purchase models,
            ``("frequency", "monetary_value")`` for spend models.
        """
        if not self.is_lazy:
            return self.customers().patterns(by)
        frame = as_narwhals(self.frame)
        for name in by:
            require_column(name, frame.collect_schema().names(), role=name)
        counted: Any = frame.group_by(*by).agg(nw.len().alias("weight")).sort(*by)
        table = counted.collect("polars")
        arrays = {name: _floats(table[name]) for name in (*by, "weight")}
        return Customers.from_arrays(
            arrays["frequency"],
            arrays.get("recency"),
            arrays.get("T"),
            unit=self.unit,
            monetary_value=arrays.get("monetary_value"),
            weight=arrays["weight"],
        )

    def _refuse_repeated_ids(self) -> None:
        ids = as_narwhals(self.frame)[self.customer]
        repeated = len(ids) - ids.n_unique()
        if repeated:
            raise DataError(
                "A summary has one row a customer.",
                place=f"{repeated} rows repeat an id of column {self.customer!r}.",
                fix="Aggregate to customers first, or use rfm_summary on the orders.",
            )


def rfm_summary(
    transactions: Any,
    *,
    customer: str,
    date: str,
    amount: AmountColumns = None,
    observed_until: date | str | None = None,
    unit: TimeUnit,
    returns: Returns = "net",
    invalid: Invalid = "error",
    strict: bool = False,
    grid: Grid = "day",
    date_format: str | None = None,
    time_zone: str | None = None,
) -> CustomerSummary:
    """Summarise a log of orders to one row a customer.

    Orders of the same customer and day are one occasion and their amounts add up. ``frequency``
    counts the occasions after the first, ``recency`` is the time from the first to the last, ``T``
    from the first to `observed_until`, ``monetary_value`` the mean amount of the occasions after
    the first, null where there is none.

    Parameters
    ----------
    transactions
        A pandas, polars or pyarrow frame, a polars LazyFrame, a DuckDB relation, or a path to
        parquet or csv: a file, a glob or a folder. It is never changed; lazy stays lazy.
    customer, date
        Names of the columns with the customer's id and the date of the order. Dates are dates,
        time stamps (their day counts, in their own zone), ISO text, or numbers since 1970.
    amount
        Name of the column with the value of the row, or a pair (quantity, price) whose product it
        is; None if only purchases are of interest.
    observed_until
        Last day of observation, included; the last day of the log if None.
    unit
        Unit of recency and T: 'day', 'week', 'month' or 'year'. It scales time and never rounds it.
    returns
        'net' takes a negative amount off the same customer's most recent occasions up to that day
        until it is used up; an occasion left with nothing disappears. 'drop' ignores negative
        amounts; 'error' refuses them. Amounts of zero are purchases.
    invalid
        What to do with rows whose date cannot be read or whose amount is missing or infinite:
        'error' or 'drop'. Rows without a customer or a date cannot be used, are always left out,
        counted and warned of.
    strict
        Raise if any row or amount is lost that no rule above explains.
    grid
        'day', or 'week' to count weeks (Monday to Sunday) in which a customer bought.
    date_format
        strptime format of text dates, or 'epoch-s', '-ms', '-us', '-ns', '-d' for numbers; None
        reads ISO text and tells numbers by their size.
    time_zone
        Zone in which days begin, for stamps that carry a zone; the zone of the column if None.

    Returns
    -------
    CustomerSummary
        ``.frame`` on the caller's engine (polars LazyFrame for paths), ``.ledger`` with the account
        of every row, customer and amount.

    Raises
    ------
    MissingColumnError
        A named column is not there; the nearest name is given.
    ParameterError
        An unknown unit, or a date that is none.
    DataError
        An empty log, no usable purchase, or rows that break a rule.

    Warns
    -----
    DataWarning
        Rows were left out because they have no customer or date, or under ``invalid='drop'``.

    Examples
    --------
    >>> import polars as pl
    >>> orders = pl.DataFrame(
    ...     {
    ...         "who": ["a", "a", "b", "a"],
    ...         "when": ["2024-01-01", "2024-01-15", "2024-01-08", "2024-01-15"],
    ...         "paid": [10.0, 20.0, 5.0, 4.0],
    ...     }
    ... )
    >>> columns = {"customer": "who", "date": "when", "amount": "paid"}
    >>> rfm = rfm_summary(orders, **columns, observed_until="2024-01-29", unit="week")
    >>> rfm.frame.rows()
    [('a', 1, 2.0, 4.0, 24.0), ('b', 0, 0.0, 3.0, None)]
    """
    until = None if observed_until is None else parse_date(observed_until, name="observed_until")
    check_unit(unit)
    check_choice(grid, tuple(GRID_DAYS), name="grid")
    refuse_collision(customer, SUMMARY)
    source = open_source(transactions, customer=customer, date=date, amount=amount)
    dated = with_days(source, name=date, date_format=date_format, time_zone=time_zone)
    log = clean(dated, observed_until=until, returns=returns, invalid=invalid, strict=strict)
    warn_of_losses(log, stacklevel=2)
    return summarise(log, unit=unit, grid_days=GRID_DAYS[grid], strict=strict)


def summarise(log: CleanLog, *, unit: TimeUnit, grid_days: int, strict: bool) -> CustomerSummary:
    """Turn a classified log into a summary."""
    source = log.source
    occasions = net_occasions(log, grid_days=grid_days)
    if source.eager:
        occasions = occasions.collect("polars").lazy()
    purchases = kept(occasions, has_amount=source.has_amount)
    per_customer = _per_customer(purchases, source)
    end = period_of(log.end, grid_days)
    frame = source.restore(_in_unit(per_customer, end, grid_days, unit, source))

    def account() -> Ledger:
        return make_ledger(log, occasions, purchases)

    ledger = account() if source.eager or strict else None
    if strict and ledger is not None:
        refuse_unmatched(ledger)
    return CustomerSummary(
        frame,
        unit,
        as_date(log.end),
        source.customer,
        grid_days,
        account if ledger is None else lambda: ledger,
    )


def _per_customer(purchases: nw.LazyFrame[Any], source: Source) -> nw.LazyFrame[Any]:
    """Aggregate occasions to customers: plain sums and extremes, arithmetic comes after."""
    money = []
    if source.has_amount:
        money = [
            nw.col(VALUE).sum().alias(_TOTAL),
            nw.col(VALUE).first(order_by=PERIOD).alias(_FIRST_VALUE),
        ]
    return purchases.group_by(CUSTOMER).agg(
        nw.len().cast(nw.Int64).alias(_OCCASIONS),
        nw.col(PERIOD).min().alias(_FIRST),
        nw.col(PERIOD).max().alias(_LAST),
        *money,
    )


def _in_unit(
    per_customer: nw.LazyFrame[Any], end: int, grid_days: int, unit: TimeUnit, source: Source
) -> nw.LazyFrame[Any]:
    """Return CUSTOMER and the columns of the summary."""
    first, last = nw.col(_FIRST).cast(nw.Float64), nw.col(_LAST).cast(nw.Float64)
    days, per_unit = float(grid_days), DAYS_PER_UNIT[unit]
    frequency = nw.col(_OCCASIONS).cast(nw.Int64) - 1
    columns = [
        frequency.alias("frequency"),
        ((last - first) * days / per_unit).alias("recency"),
        ((float(end) - first) * days / per_unit).alias("T"),
    ]
    if source.has_amount:
        repeats = nw.max_horizontal(nw.col(_TOTAL) - nw.col(_FIRST_VALUE), nw.lit(0.0))
        mean = repeats / frequency.cast(nw.Float64)
        columns.append(nw.when(frequency > 0).then(mean).alias("monetary_value"))
    return per_customer.select(CUSTOMER, *columns)


def _floats(series: nw.Series[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a column as floats, NaN where missing."""
    try:
        return np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
    except Exception as error:
        raise DataError(
            f"Column {series.name!r} holds numbers.",
            place=f"Its type is {series.dtype}: {error}",
            fix="Convert it first.",
        ) from None
