"""From a log of orders to a customer summary: frequency, recency, T and mean spend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import Any

import narwhals as nw

from clvmodels.customers import Definitions, Grid, Returns
from clvmodels.frames.calendar import as_date
from clvmodels.frames.cleaning import CleanLog, Invalid
from clvmodels.frames.columns import (
    CUSTOMER,
    LOG_INTERVALS,
    PERIOD,
    SUMMARY,
    refuse_collision,
)
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.engines import How, aggregated
from clvmodels.frames.ledger import Ledger, make_ledger, refuse_unmatched
from clvmodels.frames.occasions import VALUE, earlier_period, kept, net_occasions
from clvmodels.frames.periods import check_grid, period_of, units_per_period
from clvmodels.frames.reading import Rules, read_log
from clvmodels.frames.sources import AmountColumns, Source
from clvmodels.units import TimeUnit

__all__ = ["rfm_summary"]

FIRST, LAST, OCCASIONS = "_first", "_last", "_occasions"
TOTAL, FIRST_VALUE, _LOG_PERIODS = "_total", "_initial", "_log_periods"


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
    intervals: bool = False,
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
        'day', or 'week' to count weeks (Monday to Sunday) in which a customer bought, or 'month',
        'quarter' or 'year' to count those of the calendar, as models of whole opportunities such as
        BGBB need; the unit is then the same. Of calendar periods only complete ones count: where
        observation ends within one, it is taken to end with the one before, and the ledger says
        what was left out.
    intervals
        Add the column ``log_intervals``: the sum over the times between occasions of their natural
        logarithms, in `unit`, 0 without a repeat purchase. Models of regular timing (`MBGCNBD`) use
        it.
    date_format
        strptime format of text dates, without a zone, or 'epoch-s', '-ms', '-us', '-ns', '-d' for
        numbers, also as text; None reads ISO text and tells numbers by their size.
    time_zone
        Zone in which days begin, for stamps that carry a zone; the zone of the column if None.
        DuckDB's TIMESTAMPTZ has no zone of its own and needs one here.

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
    check_grid(grid, unit)
    refuse_collision(customer, (*SUMMARY, LOG_INTERVALS) if intervals else SUMMARY)
    rules = Rules(customer, date, amount, returns, invalid, strict, grid, date_format, time_zone)
    log = read_log(transactions, rules, observed_until=observed_until)
    return summarise(log, unit=unit, grid=grid, strict=strict, intervals=intervals)


def summarise(
    log: CleanLog, *, unit: TimeUnit, grid: Grid, strict: bool, intervals: bool = False
) -> CustomerSummary:
    """Turn a classified log into a summary."""
    source = log.source
    occasions = net_occasions(log, grid=grid)
    if source.eager:
        occasions = occasions.collect("polars").lazy()
    purchases = kept(occasions, has_amount=source.has_amount)
    per_customer = _per_customer(purchases, source, intervals)
    end = period_of(log.end, grid)
    lengths = units_per_period(grid, unit)
    histories = in_unit(per_customer, end, lengths, source.has_amount, intervals)
    frame = source.restore(histories)

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
        Definitions(grid, log.returns),
        account if ledger is None else lambda: ledger,
    )


def _per_customer(
    purchases: nw.LazyFrame[Any], source: Source, intervals: bool
) -> nw.LazyFrame[Any]:
    """Aggregate occasions to customers: plain sums and extremes, arithmetic comes after."""
    columns: dict[str, tuple[How, str]] = {
        OCCASIONS: ("rows", PERIOD),
        FIRST: ("min", PERIOD),
        LAST: ("max", PERIOD),
    }
    if source.has_amount:
        columns |= {TOTAL: ("sum", VALUE), FIRST_VALUE: ("first", VALUE)}
    if intervals:  # the first occasion has none and counts as one period, whose logarithm is 0
        since = (nw.col(PERIOD) - earlier_period(1)).fill_null(1)
        purchases = purchases.with_columns(since.cast(nw.Float64).log().alias(_LOG_PERIODS))
        columns[_LOG_PERIODS] = ("sum", _LOG_PERIODS)
    return aggregated(purchases, CUSTOMER, columns, order=PERIOD)


def in_unit(
    per_customer: nw.LazyFrame[Any],
    end: int,
    lengths: tuple[float, float],
    has_amount: bool,
    intervals: bool = False,
    keep: Sequence[str] = (),
) -> nw.LazyFrame[Any]:
    """Return CUSTOMER, the columns of the summary, and those to `keep`.

    Of FIRST, LAST and OCCASIONS, with amounts of TOTAL and FIRST_VALUE.
    """
    first, last = nw.col(FIRST).cast(nw.Float64), nw.col(LAST).cast(nw.Float64)
    period = lengths[0]
    # A column, not a number: polars multiplies by the reciprocal of a number unless a chunk has one
    # row, so that the last digit of 9/7 would depend on how the rows are cut into chunks.
    per_unit = first * 0.0 + lengths[1]
    frequency = nw.col(OCCASIONS).cast(nw.Int64) - 1
    columns = [
        frequency.alias("frequency"),
        ((last - first) * period / per_unit).alias("recency"),
        ((float(end) - first) * period / per_unit).alias("T"),
    ]
    if has_amount:
        repeats = nw.max_horizontal(nw.col(TOTAL) - nw.col(FIRST_VALUE), nw.lit(0.0))
        mean = repeats / frequency.cast(nw.Float64)
        columns.append(nw.when(frequency > 0).then(mean).alias("monetary_value"))
    if intervals:
        in_unit = frequency.cast(nw.Float64) * math.log(period / lengths[1])
        columns.append((nw.col(_LOG_PERIODS) + in_unit).alias(LOG_INTERVALS))
    return per_customer.select(CUSTOMER, *columns, *keep)
