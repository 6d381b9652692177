"""Who bought when: customers, orders and revenue by cohort and calendar period, on the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from clvmodels.customers import Grid
from clvmodels.errors import ParameterError, did_you_mean
from clvmodels.frames.activity_tables import AT, FIRST, SQUARES, Tables, activity_tables
from clvmodels.frames.calendar import as_date, quotient, with_month
from clvmodels.frames.cleaning import CleanLog
from clvmodels.frames.columns import CUSTOMER, DAY, PERIOD
from clvmodels.frames.engines import collected
from clvmodels.frames.groups import Cohort
from clvmodels.frames.label_rows import label_rows
from clvmodels.frames.occasions import VALUE, kept, net_occasions
from clvmodels.frames.periods import MONTHS, last_day
from clvmodels.frames.reading import Rules
from clvmodels.frames.usual_labels import check_labels

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Activity", "activity", "check_calendar", "dated_purchases", "people_returned"]

_SO_FAR: Final = "_so_far"


@dataclass(frozen=True, eq=False)
class Activity:
    """Active customers, orders and revenue by cohort of the first purchase and calendar period.

    Attributes
    ----------
    table : DataFrame
        One row for each (labels..., cohort, period) from the period in which the cohort begins to
        the last one, also where nothing was bought; in this order, missing labels last.

        - the labels, under the names of the columns of the log, None where a customer has none;
        - ``cohort``, ``period``: such as '2010 Q1', and ``cohort_index``, ``period_index``: whole
          numbers, consecutive ones 1 apart;
        - ``customers``: with at least one purchase in the period; ``orders``: their purchase
          occasions; with amounts ``revenue``: what these are worth after refunds, each taken off
          the occasions it belongs to, so that the sum is what the summary holds;
        - with amounts ``squares``: how much the sum over customers of (revenue so far)^2 rose in
          the period. Cumulated, it says how revenue varies between customers at any age.
    parts : DataFrame
        The same, split by ``first_index``, the number of the period of the first purchase; only
        rows in which something was bought. Where cohorts last longer than periods, the age of a
        customer is ``period_index - first_index``.
    sizes : DataFrame
        labels..., cohort, cohort_index, customers: all customers of each cohort.
    periods : DataFrame
        period, period_index, ``end`` (last day, a time stamp) and ``complete``: whether all of it
        was observed. Only the last period may not be.
    tables : Tables
        All of these.
    by : tuple of str
        Names of the columns of labels.
    cohort, period : {'month', 'quarter', 'year'}
        How long cohorts and periods are.
    observed_until : date
        Last day of observation, included.
    """

    tables: Tables
    by: tuple[str, ...]
    cohort: Cohort
    period: Cohort
    observed_until: date

    @property
    def table(self) -> pd.DataFrame:
        """Counts by labels, cohort and period."""
        return self.tables.table

    @property
    def parts(self) -> pd.DataFrame:
        """The same, split by the period of the first purchase."""
        return self.tables.parts

    @property
    def sizes(self) -> pd.DataFrame:
        """All customers of each cohort."""
        return self.tables.sizes

    @property
    def periods(self) -> pd.DataFrame:
        """Names and ends of the periods."""
        return self.tables.periods

    @property
    def complete(self) -> bool:
        """Whether the last period was observed to its end."""
        return bool(self.periods["complete"].iloc[-1])

    @property
    def ends(self) -> pd.Series[Any]:
        """The last day of each period, by its name."""
        ends: pd.Series[Any] = self.periods.set_index("period")["end"]
        return ends

    @property
    def has_revenue(self) -> bool:
        """Whether the log has amounts."""
        return "revenue" in self.parts


def activity(
    log: CleanLog,
    rules: Rules,
    *,
    cohort: Cohort = "quarter",
    period: Cohort | None = None,
    by: Sequence[str] = (),
    transactions: Any = None,
) -> Activity:
    """Count who bought when, by the rules of `rfm_summary`; only the sums are collected.

    Parameters
    ----------
    log, rules
        A log, as `frames.reading.read_log` reads it, and the rules by which it did.
    cohort
        How long cohorts are: customers with their first purchase in the same 'month', 'quarter' or
        'year' of the calendar.
    period
        How long periods are; not longer than cohorts. None: months for cohorts of a month, else
        quarters.
    by
        Columns of the log: separate counts for customers by their usual value
        (`frames.usual_labels`), so that customers add up.
    transactions
        The log as the user gave it, where `by` is used.

    Raises
    ------
    ParameterError
        Cohorts or periods are none of the calendar, or do not go together; or a label is the id.
    MissingColumnError
        There is no such label.
    """
    length = check_calendar(cohort, period, rules.grid)
    names = tuple(by)
    dated, keys = dated_purchases(log, rules, length, names, transactions)
    sums = [nw.len().cast(nw.Int64).alias("customers"), nw.col("orders").sum()]
    if log.source.has_amount:
        sums += [nw.col("revenue").sum(), nw.col(SQUARES).sum()]
    counted = collected(dated.group_by(*keys, FIRST, AT).agg(*sums))
    tables = activity_tables(
        nw.to_native(counted).rename(dict(zip(keys, names, strict=True))),
        names,
        (cohort, length),
        end=last_day(log.end, rules.grid),  # a week that has begun counts as a whole
    )
    return Activity(tables, names, cohort, length, as_date(log.end))


def people_returned(log: CleanLog, active: Activity) -> int:
    """Return how many people bought something of which nothing is left after returns."""
    if log.returns == "drop" or "refund" not in log.counts:
        return 0
    bought = collected(log.rows("purchase").select(nw.col(CUSTOMER).n_unique()))
    return int(bought.item()) - int(active.sizes["customers"].sum())


def dated_purchases(
    log: CleanLog, rules: Rules, period: Cohort, by: tuple[str, ...], transactions: Any
) -> tuple[nw.LazyFrame[Any], list[str]]:
    """Return what each customer did in each period, and the names of the columns of labels.

    CUSTOMER, AT, orders, with amounts revenue and SQUARES; FIRST and the labels of the customer.
    """
    bought = _by_customer(log, rules.grid, period)
    dated = bought.with_columns(nw.col(AT).min().over(CUSTOMER).alias(FIRST))
    if not by:
        return dated, []
    check_labels(transactions, by, customer=rules.customer)
    labels = label_rows(transactions, rules, by, until=as_date(log.end))
    for _, rows in labels:
        dated = dated.join(rows, on=CUSTOMER, how="left")
    return dated, [name for name, _ in labels]


def check_calendar(cohort: str, period: str | None, grid: Grid = "day") -> Cohort:
    """Return how long periods are, or raise unless cohorts, periods and the grid go together.

    Raises
    ------
    ParameterError
        They do not.
    """
    for name, value in (("cohort", cohort), ("period", period or "quarter")):
        if value not in MONTHS:
            raise ParameterError(
                f"`{name}` is one of {', '.join(map(repr, MONTHS))}.",
                place=f"Got {value!r}.",
                fix=did_you_mean(str(value), MONTHS),
            )
    length = period or ("month" if cohort == "month" else "quarter")
    if MONTHS[length] > MONTHS[cohort]:
        raise ParameterError(
            "A period is not longer than a cohort.",
            place=f"Got period={length!r} and cohort={cohort!r}.",
            fix=f"Pass period={cohort!r}.",
        )
    if MONTHS.get(grid, 0) > MONTHS[length]:
        raise ParameterError(
            "A period is not shorter than the grid of occasions.",
            place=f"Got period={length!r} and grid={grid!r}.",
            fix=f"Pass period={grid!r}.",
        )
    return "month" if length == "month" else "quarter" if length == "quarter" else "year"


def _by_customer(log: CleanLog, grid: Grid, period: Cohort) -> nw.LazyFrame[Any]:
    """Return CUSTOMER, the number of the period, orders and, with amounts, revenue and squares."""
    has_amount = log.source.has_amount
    occasions = net_occasions(log, grid=grid)
    if log.source.eager:
        occasions = occasions.collect("polars").lazy()
    purchases = _with_calendar(kept(occasions, has_amount=has_amount), grid, period)
    orders = nw.len().cast(nw.Int64).alias("orders")
    if not has_amount:
        return purchases.group_by(CUSTOMER, AT).agg(orders)
    revenue = nw.col(VALUE).sum().alias("revenue")
    so_far, own = nw.col(_SO_FAR), nw.col("revenue")
    return (
        purchases.group_by(CUSTOMER, AT)
        .agg(orders, revenue)
        .with_columns(own.cum_sum().over(CUSTOMER, order_by=AT).alias(_SO_FAR))
        .with_columns((own * (so_far + so_far - own)).alias(SQUARES))  # a^2 - b^2
        .drop(_SO_FAR)
    )


def _with_calendar(purchases: nw.LazyFrame[Any], grid: Grid, period: Cohort) -> nw.LazyFrame[Any]:
    """Add the number of the calendar period in which the grid's period ends."""
    if grid in MONTHS:
        ratio = MONTHS[period] // MONTHS[grid]
        return purchases.with_columns(quotient(nw.col(PERIOD), ratio).alias(AT))
    ends = nw.col(PERIOD) if grid == "day" else nw.col(PERIOD) * 7 + 3
    numbered = with_month(purchases.with_columns(ends.alias(DAY)), AT)
    return numbered.with_columns(quotient(nw.col(AT), MONTHS[period]).alias(AT))
