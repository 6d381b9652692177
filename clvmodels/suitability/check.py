"""`check`: does a log suit the models, before anything is fitted."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from clvmodels.customers import Grid, Returns
from clvmodels.errors import DataError, ParameterError
from clvmodels.frames.cleaning import CleanLog, Invalid
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.periods import check_grid
from clvmodels.frames.reading import Rules, read_log
from clvmodels.frames.regularity import regularity_of
from clvmodels.frames.sources import AmountColumns
from clvmodels.frames.summary import summarise
from clvmodels.suitability.aggregates import base_of, orders_of
from clvmodels.suitability.cohorts import cohort_drift, left_truncation
from clvmodels.suitability.facts import Base, Orders
from clvmodels.suitability.finding import Finding, SuitabilityCheck
from clvmodels.suitability.history import (
    enough_history,
    missing_one_timers,
    repeat_buyers,
    repeat_share,
)
from clvmodels.suitability.losses import UNEXPLAINED, days_without_orders, rows_left_out, stale_end
from clvmodels.suitability.season import season
from clvmodels.suitability.spend import (
    extreme_orders,
    large_customers,
    large_spenders,
    spend_and_frequency,
)
from clvmodels.suitability.timing import REGULAR, contractual, regular_timing
from clvmodels.suitability.words import Words
from clvmodels.units import TimeUnit

__all__ = ["check"]


def check(
    data: Any,
    *,
    customer: str | None = None,
    date: str | None = None,
    amount: AmountColumns = None,
    unit: TimeUnit | None = None,
    observed_until: datetime.date | str | None = None,
    returns: Returns = "net",
    invalid: Invalid = "error",
    strict: bool = False,
    grid: Grid = "day",
    date_format: str | None = None,
    time_zone: str | None = None,
) -> SuitabilityCheck:
    """Look at a log, before anything is fitted, for what would make a fit misleading.

    Works on every engine: only small tables of counts and sums are collected.

    Parameters
    ----------
    data
        The orders, as in `rfm_summary`, with the names of their columns; or a `CustomerSummary`,
        of which fewer things can be said.
    customer, date, amount, observed_until, returns, invalid, strict, grid, date_format, \
time_zone
        As in `rfm_summary`; none of them goes with a summary.
    unit
        Unit of times in the findings: that of the summary, or a week, or the period of `grid`.

    Returns
    -------
    SuitabilityCheck
        ``.findings``, ``.table``, ``.verdict``; printed, it explains itself.

    Raises
    ------
    MissingColumnError
        A named column is not there; the nearest name is given.
    ParameterError
        An unknown unit, a date that is none, or columns named beside a summary.
    DataError
        An empty log, no usable purchase, rows that break a rule, or no names of columns.

    Warns
    -----
    DataWarning
        Rows were left out because they have no customer or date, or under ``invalid='drop'``.

    Examples
    --------
    >>> import numpy as np, polars as pl
    >>> rng = np.random.default_rng(1)
    >>> days = rng.gamma(9.0, 5.0, size=(300, 8)).cumsum(axis=1).round()
    >>> days += rng.integers(0, 200, size=(300, 1))
    >>> orders = pl.DataFrame({"who": np.repeat(np.arange(300), 8), "day": days.ravel()})
    >>> found = check(orders, customer="who", date="day", date_format="epoch-d")
    >>> found.verdict
    'Fit, but mind: regular timing.'
    >>> finding = found.finding("regular timing")
    >>> finding.level, round(finding.number)
    ('warning', 9)
    """
    given = (customer, date, amount, observed_until, date_format, time_zone)
    if isinstance(data, CustomerSummary):
        if any(each is not None for each in given) or unit not in (None, data.unit):
            raise ParameterError(
                "Columns, rules and units go with orders: a summary has its own.",
                place="Got a CustomerSummary and some of them.",
                fix="Pass the summary alone.",
            )
        return _judged(data, None)
    if customer is None or date is None:
        raise DataError(
            "Orders come with the names of their columns.",
            place=f"Got customer={customer!r}, date={date!r}.",
            fix="Pass customer= and date=, and amount= for what is about money.",
        )
    chosen = unit or ("week" if grid in ("day", "week") else grid)
    known = check_grid(grid, chosen)
    rules = Rules(customer, date, amount, returns, invalid, strict, grid, date_format, time_zone)
    log = read_log(data, rules, observed_until=observed_until)
    return _judged(summarise(log, unit=known, grid=grid, strict=strict), log)


def _judged(rfm: CustomerSummary, log: CleanLog | None) -> SuitabilityCheck:
    """Look at a summary, and at its log where there is one."""
    base = base_of(rfm)
    orders = None if log is None else orders_of(log, base)
    words = Words(rfm.unit, base.step)
    findings = (
        rows_left_out(_lost(rfm, log)),
        enough_history(base, words),
        repeat_buyers(base),
        repeat_share(base),
        missing_one_timers(base, orders),
        left_truncation(base, orders, words),
        cohort_drift(base, orders, words),
        season(base, orders, until=rfm.observed_until),
        _regular(base, orders, log),
        contractual(base, orders),
        large_customers(base),
        large_spenders(base),
        extreme_orders(orders),
        spend_and_frequency(rfm),
        days_without_orders(base, orders, words),
        stale_end(base, orders, words),
    )
    return SuitabilityCheck(findings, base.n, base.repeaters, rfm.unit, rfm.observed_until)


def _regular(base: Base, orders: Orders | None, log: CleanLog | None) -> Finding:
    if log is None:
        return REGULAR.needs_orders()
    often = base.customers[base.frequency > 1.0].sum()
    return regular_timing(regularity_of(log, base.grid) if often else None, orders)


def _lost(rfm: CustomerSummary, log: CleanLog | None) -> Mapping[str, int] | None:
    """Return the rows of each fate, under the names of the ledger; None if nobody knows."""
    if log is not None:
        return {fate: count.rows for fate, count in log.counts.items()}
    try:
        opening, *changes, _ = rfm.ledger.entries
    except DataError:  # a finished table
        return None
    rows = {entry.what.removeprefix("- "): -(entry.rows or 0) for entry in changes}
    lost = {fate: rows[fate] for fate in UNEXPLAINED if fate in rows}
    return lost | {"purchase": (opening.rows or 0) - sum(lost.values())}
