"""The people of a log, one row each, on its engine: what they bought, gave back, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import narwhals as nw
import numpy as np

from clvmodels.customers import Grid
from clvmodels.frames.calendar import as_date, quotient, with_month
from clvmodels.frames.cleaning import CleanLog
from clvmodels.frames.columns import AMOUNT, CUSTOMER, DAY, PERIOD
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.engines import How, aggregated
from clvmodels.frames.groups import Cohort
from clvmodels.frames.label_rows import label_rows
from clvmodels.frames.ledger import make_ledger, refuse_unmatched
from clvmodels.frames.occasions import (
    UNMATCHED,
    VALUE,
    earlier_period,
    kept,
    net_occasions,
)
from clvmodels.frames.periods import MONTHS, last_days, period_of, units_per_period
from clvmodels.frames.reading import Rules
from clvmodels.frames.sources import CARRIED
from clvmodels.frames.summary import FIRST, FIRST_VALUE, LAST, OCCASIONS, TOTAL, in_unit
from clvmodels.units import DAYS_PER_UNIT, TimeUnit

__all__ = ["COHORT", "YEAR", "People", "people_of", "with_calendar"]

COHORT: Final = "_cohort"  # number of the calendar period of the first purchase
# Periods of the grid in the last year: whole ones.
YEAR: Final[dict[Grid, int]] = {"day": 365, "week": 52, "month": 12, "quarter": 4, "year": 1}


@dataclass(frozen=True, eq=False)
class People:
    """Everybody who bought or gave something back.

    Attributes
    ----------
    frame : LazyFrame
        CUSTOMER, labels, and of everybody: ``lines`` (rows of purchases), ``back_lines`` (rows of
        refunds), ``gross`` and ``back`` (their amounts, positive) and ``unmatched`` (refunds that
        met no purchase), with order numbers ``invoices``. Of customers, who have an occasion that
        counts, and null of others: COHORT, ``orders`` (occasions), ``first``, ``second``, ``last``
        (numbers of their periods), ``recent`` (occasions of the last year) and, with amounts,
        ``total``, ``initial`` and ``recent_total`` (what all, the first and the recent ones are
        worth after refunds).
    purchases : LazyFrame or None
        CUSTOMER, PERIOD and, with amounts, VALUE of every occasion that counts; None where they
        are not known.
    labels : tuple of str
        Columns of the frame with the usual labels of people.
    rfm : CustomerSummary
        The summary of the customers, with internal ids, labels and COHORT.
    grid : Grid
        The period of occasions.
    end : int
        Number of the last period.
    days : float
        Length of a period in days.
    has_amount, has_invoices : bool
        Whether there are amounts, and order numbers.
    names : tuple or None
        The labels of segments that are numbered in the column of labels.
    """

    frame: nw.LazyFrame[Any]
    purchases: nw.LazyFrame[Any] | None
    labels: tuple[str, ...]
    rfm: CustomerSummary
    grid: Grid
    end: int
    days: float
    has_amount: bool
    has_invoices: bool
    names: tuple[tuple[Any, ...], ...] | None = None

    def day_of(self, period: int) -> int:
        """Return the last day of a period of the grid."""
        return int(last_days(np.array([period], dtype=np.int64), self.grid).astype(np.int64)[0])


def people_of(
    log: CleanLog,
    rules: Rules,
    *,
    unit: TimeUnit,
    cohort: Cohort,
    by: Sequence[str] = (),
    transactions: Any = None,
) -> People:
    """Sum a log by people; an eager one at once, a lazy one when it is asked for.

    Parameters
    ----------
    log, rules
        A log, as `read_log` reads it, with the order number carried along if there is one.
    unit
        Unit of the summary.
    cohort
        Calendar period of the first purchase.
    by, transactions
        Columns of labels, and the log as the user gave it.
    """
    eager, has_amount = log.source.eager, log.source.has_amount
    occasions = _held(net_occasions(log, grid=rules.grid), eager)
    purchases = kept(occasions, has_amount=has_amount)
    end = period_of(log.end, rules.grid)
    customers = _customers(purchases, end - YEAR[rules.grid], has_amount)
    customers = with_calendar(customers, rules.grid, cohort, of="first", to=COHORT)
    everybody = _rows(log)
    if has_amount and log.returns != "net":  # no return is taken off anything
        everybody = everybody.with_columns(nw.col("back").alias("unmatched"))
    elif has_amount:
        unmatched = occasions.group_by(CUSTOMER).agg(nw.col(UNMATCHED).max().alias("unmatched"))
        everybody = everybody.join(unmatched, on=CUSTOMER, how="left")
    invoices = f"{CARRIED}0" in log.frame.collect_schema().names()
    if invoices:
        everybody = everybody.join(_invoices(log), on=CUSTOMER, how="left")
    labels = label_rows(transactions, rules, by, until=as_date(log.end)) if by else []
    everybody = _labelled(everybody.join(customers, on=CUSTOMER, how="left"), labels)
    rfm = _summary(log, rules, unit, customers, labels)
    if rules.strict:
        refuse_unmatched(make_ledger(log, occasions, purchases))
    return People(
        _held(everybody, eager),
        purchases.select(CUSTOMER, PERIOD, *([VALUE] if has_amount else [])),
        tuple(name for name, _ in labels),
        rfm,
        rules.grid,
        end,
        DAYS_PER_UNIT[rules.grid],
        has_amount,
        invoices,
    )


def _held(frame: nw.LazyFrame[Any], eager: bool) -> nw.LazyFrame[Any]:
    return frame.collect("polars").lazy() if eager else frame


def _rows(log: CleanLog) -> nw.LazyFrame[Any]:
    """Sum the rows of everybody who bought or gave back."""
    rows = log.rows("purchase", "refund")
    one, none = nw.lit(1), nw.lit(0)
    if not log.source.has_amount:
        marked = rows.with_columns(one.alias("lines"), none.alias("back_lines"))
        names = ["lines", "back_lines"]
    else:
        amount, nothing = nw.col(AMOUNT), nw.lit(0.0)
        back = amount < 0.0
        marked = rows.with_columns(
            nw.when(back).then(none).otherwise(one).alias("lines"),
            nw.when(back).then(one).otherwise(none).alias("back_lines"),
            nw.when(back).then(nothing).otherwise(amount).alias("gross"),
            nw.when(back).then(amount * -1.0).otherwise(nothing).alias("back"),
        )
        names = ["lines", "back_lines", "gross", "back"]
    return marked.group_by(CUSTOMER).agg(*(nw.col(name).sum() for name in names))


def _invoices(log: CleanLog) -> nw.LazyFrame[Any]:
    """Count the distinct order numbers among the purchases of each customer."""
    number = nw.col(f"{CARRIED}0")
    pairs = log.rows("purchase").filter(~number.is_null()).select(CUSTOMER, number).unique()
    return pairs.group_by(CUSTOMER).agg(nw.len().cast(nw.Int64).alias("invoices"))


def _customers(purchases: nw.LazyFrame[Any], before: int, has_amount: bool) -> nw.LazyFrame[Any]:
    """Sum the occasions of each customer; those after a period are recent."""
    at = nw.col(PERIOD)
    marked = purchases.with_columns(earlier_period(1).alias("_earlier")).with_columns(
        nw.when(~nw.col("_earlier").is_null()).then(at).alias("second"),
        nw.when(at > before).then(nw.lit(1)).otherwise(nw.lit(0)).alias("recent"),
    )
    columns: dict[str, tuple[How, str]] = {
        "orders": ("rows", PERIOD),
        "first": ("min", PERIOD),
        "second": ("min", "second"),
        "last": ("max", PERIOD),
        "recent": ("sum", "recent"),
    }
    if has_amount:
        value = nw.when(at > before).then(nw.col(VALUE)).otherwise(nw.lit(0.0))
        marked = marked.with_columns(value.alias("recent_total"))
        columns |= {
            "total": ("sum", VALUE),
            "initial": ("first", VALUE),
            "recent_total": ("sum", "recent_total"),
        }
    return aggregated(marked, CUSTOMER, columns, order=PERIOD)


def with_calendar(
    frame: nw.LazyFrame[Any], grid: Grid, length: Cohort, *, of: str, to: str
) -> nw.LazyFrame[Any]:
    """Add the number of the calendar period in which a period of the grid ends.

    `of` and `to` are the columns with the one and the other.
    """
    number = nw.col(of)
    if grid in MONTHS:
        return frame.with_columns(quotient(number, MONTHS[length] // MONTHS[grid]).alias(to))
    day = number if grid == "day" else number * 7 + 3
    numbered = with_month(frame.with_columns(day.alias(DAY)), to)
    return numbered.with_columns(quotient(nw.col(to), MONTHS[length]).alias(to)).drop(DAY)


def _labelled(
    frame: nw.LazyFrame[Any], labels: list[tuple[str, nw.LazyFrame[Any]]]
) -> nw.LazyFrame[Any]:
    for _, rows in labels:
        frame = frame.join(rows, on=CUSTOMER, how="left")
    return frame


def _summary(
    log: CleanLog,
    rules: Rules,
    unit: TimeUnit,
    customers: nw.LazyFrame[Any],
    labels: list[tuple[str, nw.LazyFrame[Any]]],
) -> CustomerSummary:
    """Return the summary of `rfm_summary` with internal ids, COHORT and labels."""
    end, lengths = period_of(log.end, rules.grid), units_per_period(rules.grid, unit)
    names = {"first": FIRST, "last": LAST, "orders": OCCASIONS}
    if log.source.has_amount:
        names |= {"total": TOTAL, "initial": FIRST_VALUE}
    histories = in_unit(
        customers.rename(names), end, lengths, log.source.has_amount, keep=(COHORT,)
    )
    wide = _labelled(histories, labels)
    frame = wide.collect("polars") if log.source.eager else wide
    return CustomerSummary(nw.to_native(frame), unit, as_date(log.end), CUSTOMER, rules.definitions)
