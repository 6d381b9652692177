"""From a table of subscriptions to histories of renewals."""

from __future__ import annotations

import warnings
from calendar import monthrange
from dataclasses import replace
from datetime import date
from typing import Any, Final

import narwhals as nw

from clvmodels.errors import DataError, DataWarning, first_few
from clvmodels.frames.calendar import day_number, quotient, with_month
from clvmodels.frames.columns import AMOUNT, CUSTOMER, DAY, SUMMARY, refuse_collision
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.dates import UNREADABLE, with_days
from clvmodels.frames.paths import empty_log, first_look
from clvmodels.frames.periods import MONTHS
from clvmodels.frames.sources import Source, open_source
from clvmodels.units import TimeUnit, check_unit, parse_date

__all__ = ["subscription_summary"]

_START, _END, _ROWS = "_start", "_end", "_rows"
_RENEWED, _DUE = "_renewed", "_due"
_DAYS: Final[dict[str, int]] = {"day": 1, "week": 7}
_RULES: Final = {
    "_no_id": ("Every subscription has a customer.", "Fill the ids, or leave these rows out."),
    "_no_start": (
        "Every subscription has a start date.",
        "Fill the dates, pass `date_format`, or leave these rows out.",
    ),
    "_bad_end": (
        "An end is a date, or missing while the subscription is active.",
        "Correct the dates, or pass `date_format`.",
    ),
    "_backwards": ("No subscription ends before it starts.", "Correct the dates."),
    "_repeated": (
        "A customer has one subscription here.",
        "Join successive ones into one from the first start to the last end, or give each an id.",
    ),
    "_bad_amount": (
        "The amount of a period is a finite number, zero or more.",
        "Correct it, or leave `amount` out.",
    ),
}


def subscription_summary(
    subscriptions: Any,
    *,
    customer: str,
    start: str,
    end: str,
    observed_until: date | str,
    period: TimeUnit = "month",
    amount: str | None = None,
    date_format: str | None = None,
    time_zone: str | None = None,
) -> CustomerSummary:
    """Count the renewals of subscriptions, one row a customer.

    The k-th opportunity to renew is k whole periods after the start: on the same day of a later
    month or year (on the last day of a shorter month), or after k times 7 days or k days. A
    subscription renews at every opportunity before its end. An end on an opportunity, or since the
    one before, means that the customer left at it: both the last day that is paid for and the first
    one that is not say the same.

    - ``frequency`` and ``recency`` are the number of renewals.
    - ``T`` is the number of opportunities up to `observed_until`.
    - A customer is active where frequency equals T. Who ends the subscription within a period
      leaves at the next opportunity; if that still lies ahead they count as active, with a warning:
      to count early those who leave and not those who stay would make churn too high.

    Parameters
    ----------
    subscriptions
        A pandas, polars or pyarrow frame, a polars LazyFrame, a DuckDB relation, or a path to
        parquet or csv, with one row a customer. It is never changed; lazy stays lazy.
    customer, start, end
        Names of the columns with the customer's id, the first day, and the end; the end is missing
        while the subscription is active. Dates as in `rfm_summary`.
    observed_until
        Last day of observation, included. Later ends are not known yet: these customers are active.
        Subscriptions that start later are left out.
    period
        What a renewal is for: 'day', 'week', 'month', 'quarter' or 'year'. It is the unit of the
        summary.
    amount
        Name of the column with the price of a period. It becomes the column ``amount``: pass
        ``spend="amount"`` to `predict`.
    date_format, time_zone
        As in `rfm_summary`, for both dates.

    Returns
    -------
    CustomerSummary
        For `SBG` and `BDW`; ``.frame`` on the caller's engine.

    Raises
    ------
    MissingColumnError
        A named column is not there.
    ParameterError
        An unknown period, or `observed_until` is no date.
    DataError
        Ids or starts are missing, dates cannot be read, an end is before its start, or a customer
        has several rows.

    Warns
    -----
    DataWarning
        Customers have ended their subscription within the running period.

    Examples
    --------
    >>> import polars as pl
    >>> table = pl.DataFrame(
    ...     {
    ...         "id": [1, 2, 3],
    ...         "from": ["2024-01-31", "2024-02-10", "2024-03-01"],
    ...         "to": [None, "2024-04-20", "2024-04-01"],
    ...     }
    ... )
    >>> columns = {"customer": "id", "start": "from", "end": "to"}
    >>> rfm = subscription_summary(table, **columns, observed_until="2024-05-31")
    >>> rfm.frame.rows()
    [(1, 4, 4.0, 4.0), (2, 2, 2.0, 3.0), (3, 0, 0.0, 2.0)]
    """
    until = parse_date(observed_until, name="observed_until")
    unit = check_unit(period)
    refuse_collision(customer, (*SUMMARY, "amount"))
    source = open_source(
        subscriptions, customer=customer, date=start, amount=amount, time_zone=time_zone
    )
    ends = open_source(subscriptions, customer=customer, date=end, amount=None, time_zone=time_zone)
    spans = _spans(
        with_days(source, name=start, date_format=date_format),
        with_days(_typed(ends), name=end, date_format=date_format),
    )
    _refuse_bad_rows(spans, source)
    counted = _counted(_observed(spans, until), until, unit)
    _warn_of_running_periods(counted)
    frame = source.restore(_columns(counted, has_amount=source.has_amount))
    return CustomerSummary(frame, unit, until, customer, None)


# --- reading ----------------------------------------------------------------------------------


def _typed(ends: Source) -> Source:
    """Return ends whose column has a type, also where nobody has left."""
    if not isinstance(ends.frame.collect_schema()[DAY], nw.Unknown):
        return ends
    return replace(ends, frame=ends.frame.with_columns(nw.col(DAY).cast(nw.String)))


def _spans(starts: Source, ends: Source) -> nw.LazyFrame[Any]:
    """Return CUSTOMER, START, END, ROWS and AMOUNT if there are amounts, one row an id."""
    paid = [nw.col(AMOUNT).max()] if starts.has_amount else []
    first = starts.frame.group_by(CUSTOMER).agg(
        nw.len().alias(_ROWS), nw.col(DAY).min().alias(_START), *paid
    )
    last = ends.frame.group_by(CUSTOMER).agg(nw.col(DAY).min().alias(_END))
    spans = first.join(last, on=CUSTOMER, how="left")
    return spans.collect("polars").lazy() if starts.eager else spans


def _refuse_bad_rows(spans: nw.LazyFrame[Any], source: Source) -> None:
    """Raise at the first rule that a row breaks, with the number of rows and a few customers."""
    start, end = nw.col(_START), nw.col(_END)
    known = ~nw.col(CUSTOMER).is_null()
    tests = {
        "_no_id": ~known,
        "_repeated": known & (nw.col(_ROWS) > 1),
        "_no_start": known & (start.is_null() | (start == UNREADABLE)),
        "_bad_end": known & (end == UNREADABLE),
        "_backwards": known & (end != UNREADABLE) & (end < start),
    }
    if source.has_amount:
        amount = nw.col(AMOUNT)
        tests["_bad_amount"] = known & (amount.is_null() | ~amount.is_finite() | (amount < 0.0))
    marks = [nw.when(test).then(nw.lit(1)).otherwise(nw.lit(0)) for test in tests.values()]
    marked = spans.with_columns(
        *(mark.alias(name) for name, mark in zip(tests, marks, strict=True))
    )
    counts = first_look(marked.select(nw.len().alias("rows"), nw.col(*tests).sum()))
    row = next(counts.iter_rows(named=True))
    if not row["rows"]:
        raise empty_log()
    for name in tests:
        if row[name]:
            rule, fix = _RULES[name]
            people = marked.filter((nw.col(name) == 1) & known).select(CUSTOMER).head(6)
            ids = "" if name == "_no_id" else f" (customers {first_few(source.ids(people))})"
            raise DataError(rule, place=f"{row[name]:,} break this{ids}.", fix=fix)


def _observed(spans: nw.LazyFrame[Any], until: date) -> nw.LazyFrame[Any]:
    """Return the subscriptions as they are known on a day: later ends are missing."""
    day = day_number(until)
    known = nw.when(nw.col(_END) <= day).then(nw.col(_END)).alias(_END)
    seen = spans.filter(nw.col(_START) <= day).with_columns(known)
    if first_look(seen.select(nw.len().alias("rows"))).row(0)[0] == 0:
        raise DataError(
            "Some subscription starts before the end of observation.",
            place=f"None has started by {until}.",
            fix="Check `observed_until` and the start dates.",
        )
    return seen


# --- counting ---------------------------------------------------------------------------------


def _counted(spans: nw.LazyFrame[Any], until: date, period: TimeUnit) -> nw.LazyFrame[Any]:
    """Add RENEWED and DUE: opportunities before the end, and up to the end of observation."""
    if period in _DAYS:
        length, start = _DAYS[period], nw.col(_START)
        # An end on the first day is no renewal: without + length the number would be below zero.
        renewed = quotient(nw.col(_END) - 1 - start + length, length) - 1
        due = quotient(day_number(until) - start, length)
        spans = spans.with_columns(renewed.alias(_RENEWED), due.alias(_DUE))
    else:
        spans = _counted_by_month(spans, until, MONTHS[period])
    ended = ~nw.col(_END).is_null()
    renewed = nw.max_horizontal(nw.col(_RENEWED), nw.lit(0))
    return spans.with_columns(
        nw.when(ended).then(renewed).otherwise(nw.col(_DUE)).alias(_RENEWED),
    )


def _warn_of_running_periods(counted: nw.LazyFrame[Any]) -> None:
    """Warn of customers whose end lies in a period that is not over, so that it does not count."""
    early = ~nw.col(_END).is_null() & (nw.col(_RENEWED) == nw.col(_DUE))
    count = int(first_look(counted.select(_one_if(early).sum().alias("early"))).row(0)[0] or 0)
    if count:
        warnings.warn(
            f"{count:,} customers have ended their subscription within the running period. They "
            "count as active until it is over, as those who have not decided yet do: else churn "
            "would be too high. Leave them out of predictions.",
            DataWarning,
            stacklevel=3,
        )


def _counted_by_month(spans: nw.LazyFrame[Any], until: date, months: int) -> nw.LazyFrame[Any]:
    """Add RENEWED and DUE for periods of so many months.

    A date is so many whole months after the start where its day of the month is not the smaller
    one, or where it is the last day of its month.
    """
    first, day = nw.col("_start_month"), nw.col("_start_mday")
    spans = with_month(spans, "_start_month", mday="_start_mday", of=_START)
    # The last day before the end, and whether it is the last of a month: the end is a first then.
    spans = with_month(spans, "_end_month", mday="_end_mday", of=_END)
    spans = spans.with_columns((nw.col(_END) - 1).alias("_before"))
    spans = with_month(spans, "_before_month", mday="_before_mday", of="_before")
    begun = (nw.col("_before_mday") < day) & (nw.col("_end_mday") != 1)
    whole_months = nw.col("_before_month") - first - _one_if(begun)
    spans = spans.with_columns(nw.max_horizontal(whole_months, nw.lit(0)).alias(_RENEWED))
    now = 12 * until.year + until.month - 1
    last = until.day == monthrange(until.year, until.month)[1]
    so_far = now - first if last else now - first - _one_if(day > until.day)
    return spans.with_columns(
        quotient(nw.col(_RENEWED), months).alias(_RENEWED), quotient(so_far, months).alias(_DUE)
    )


def _one_if(test: nw.Expr) -> nw.Expr:
    return nw.when(test).then(nw.lit(1)).otherwise(nw.lit(0))


def _columns(counted: nw.LazyFrame[Any], *, has_amount: bool) -> nw.LazyFrame[Any]:
    """Return CUSTOMER and the columns of the summary."""
    renewed = nw.col(_RENEWED)
    columns = [
        renewed.cast(nw.Int64).alias("frequency"),
        renewed.cast(nw.Float64).alias("recency"),
        nw.col(_DUE).cast(nw.Float64).alias("T"),
    ]
    if has_amount:
        columns.append(nw.col(AMOUNT).alias("amount"))
    return counted.select(CUSTOMER, *columns)
