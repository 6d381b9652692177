"""`audit`: a customer base in numbers, with the textbook's lifetime value beside the model's."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from clvmodels.audits.gathering import Gathered
from clvmodels.audits.lifetime_value import terms_of, view_of
from clvmodels.audits.notes import notes_of
from clvmodels.audits.opening import (
    Opened,
    check_columns,
    check_names,
    no_columns,
    opened_log,
    opened_summary,
    read_once,
)
from clvmodels.audits.result import Audit
from clvmodels.customers import Grid, Returns
from clvmodels.frames.activity import check_calendar
from clvmodels.frames.arguments import PurchaseFit, SpendFit
from clvmodels.frames.cleaning import Invalid
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.groups import Cohort
from clvmodels.frames.periods import check_grid
from clvmodels.frames.predict import CLVModel
from clvmodels.frames.reading import Rules, read_log
from clvmodels.frames.sources import AmountColumns
from clvmodels.predictive.arguments import fit_of
from clvmodels.units import Duration, TimeUnit

__all__ = ["audit"]


def audit(
    data: Any,
    purchases: PurchaseFit | CLVModel | None = None,
    spend: SpendFit | None = None,
    *,
    customer: str | None = None,
    date: str | None = None,
    amount: AmountColumns = None,
    order: str | None = None,
    unit: TimeUnit | None = None,
    observed_until: datetime.date | str | None = None,
    by: str | Sequence[str] | None = None,
    cohort: Cohort = "quarter",
    period: Cohort | None = None,
    horizon: Duration = "5y",
    discount_rate: float = 0.0,
    margin: float = 1.0,
    returns: Returns = "net",
    invalid: Invalid = "error",
    strict: bool = False,
    grid: Grid = "day",
    date_format: str | None = None,
    time_zone: str | None = None,
) -> Audit:
    """Say what a customer base is: who buys, how often, how unevenly, and what customers are worth.

    Works on every engine: only sums over customers are collected. (Files and lazy polars frames of
    up to ten million rows are read into memory, once.) With models, their values of a
    customer stand beside the textbook's, and the difference is explained term by term.

    Parameters
    ----------
    data
        The orders, as in `rfm_summary`, with the names of their columns; or a `CustomerSummary`,
        of which fewer things can be said (a lazy one is collected).
    purchases, spend
        Fits or models of purchases and spend, as in `predict`, or a `CLVModel` as `purchases`.
        Without both there is no value by a model.
    customer, date, amount, observed_until, returns, invalid, strict, grid, date_format, \
time_zone
        As in `rfm_summary`; none of them goes with a summary.
    order
        Column with the number of the order (invoice), to count these, too.
    unit
        Unit of the summary: that of the fit if there is one, else a week.
    by
        A column of the log, or several, that makes segments: a customer belongs to the value that
        most of their rows have. Of a summary, columns of its frame.
    cohort
        Cohorts are customers whose first order is in the same calendar 'month', 'quarter' or
        'year'.
    period
        Calendar period of retention, not longer than a cohort; a month for monthly cohorts, else a
        quarter.
    horizon, discount_rate, margin
        Of the model's values, as in `predict`; the textbook's take discount and margin, too.

    Returns
    -------
    Audit
        ``.totals``, ``.overview``, ``.cohorts``, ``.conversion``, ``.retention``, ``.periods``,
        ``.concentration``, ``.value``, ``.explained``, ``.notes``; printed, it says what matters.

    Raises
    ------
    MissingColumnError
        A named column is not there; the nearest name is given.
    ParameterError
        An argument is outside its domain, or columns are named beside a summary.
    DataError
        An empty log, no usable purchase, rows that break a rule, or no names of columns.

    Warns
    -----
    DataWarning
        Rows were left out because they have no customer or date, or under ``invalid='drop'``.

    Examples
    --------
    >>> import polars as pl
    >>> orders = pl.DataFrame(
    ...     {
    ...         "who": ["a", "a", "b", "c", "c"],
    ...         "when": ["2024-01-01", "2024-02-20", "2024-01-08", "2024-03-05", "2024-04-01"],
    ...         "paid": [10.0, 20.0, 5.0, 40.0, -15.0],
    ...     }
    ... )
    >>> found = audit(orders, customer="who", date="when", amount="paid")
    >>> found.totals[["customers", "orders", "revenue", "returns_rate"]].round(3).values.tolist()
    [[3.0, 4.0, 60.0, 0.2]]
    >>> found.definitions["repeat_rate"]
    'Share of customers with a second order so far; customers who came lately pull it down.'
    """
    if isinstance(purchases, CLVModel):
        spend = purchases.spend if spend is None else spend
        purchases = purchases.purchases
    names = (by,) if isinstance(by, str) else tuple(by or ())
    check_names(names)
    length = check_calendar(cohort, period, grid)
    if isinstance(data, CustomerSummary):
        given = (customer, date, amount, order, observed_until, date_format, time_zone)
        opened = opened_summary(data, given, unit, by=names, cohort=cohort)
    else:
        chosen = unit or getattr(fit_of(purchases), "unit", None)
        known = check_grid(grid, chosen or ("week" if grid in ("day", "week") else grid))
        if customer is None or date is None:
            raise no_columns(customer, date)
        rules = Rules(
            customer, date, amount, returns, invalid, strict, grid, date_format, time_zone
        )
        check_columns(data, rules, names, order)
        carried = () if order is None else (order,)
        rows = read_once(data, rules, (*names, *carried))
        log = read_log(rows, rules, observed_until=observed_until, carried=carried)
        opened = opened_log(log, rules, rows, unit=known, by=names, cohort=cohort)
    asked = terms_of(opened.rfm, horizon, discount_rate, margin, length)
    view = view_of(opened.rfm, purchases, spend, asked)
    gathered = Gathered(opened.tables, names, cohort, length, view, asked)
    return _audited(gathered, opened)


def _audited(gathered: Gathered, opened: Opened) -> Audit:
    totals = gathered.wide("all")
    return Audit(
        totals=totals,
        overview=gathered.wide("segment") if gathered.by else totals,
        cohorts=gathered.wide("cohort"),
        conversion=gathered.conversion,
        retention=gathered.retention,
        periods=gathered.periods,
        concentration=gathered.concentration,
        value=gathered.value,
        explained=gathered.explained,
        notes=(*opened.notes, *notes_of(gathered)),
        by=gathered.by,
        cohort=gathered.cohort,
        period=gathered.period,
        observed_until=opened.rfm.observed_until,
    )
