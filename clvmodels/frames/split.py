"""Split a log in time: a calibration summary, and what the same customers did afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial
from typing import Any

import narwhals as nw

from clvmodels.customers import Grid, Returns
from clvmodels.errors import ParameterError
from clvmodels.frames.calendar import as_date, day_number
from clvmodels.frames.cleaning import CleanLog, Invalid, clean, later_rows
from clvmodels.frames.columns import CUSTOMER, LOG_INTERVALS, SUMMARY, refuse_collision
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.ledger import Ledger, make_ledger
from clvmodels.frames.occasions import VALUE, kept, net_occasions
from clvmodels.frames.periods import check_grid, last_day, period_of, units_per_period
from clvmodels.frames.reading import Rules, read_log
from clvmodels.frames.sources import AmountColumns
from clvmodels.frames.summary import summarise
from clvmodels.units import TimeUnit, parse_date

__all__ = ["HoldoutSplit", "holdout_split"]


@dataclass(frozen=True, eq=False)
class HoldoutSplit:
    """A log cut in two at a date.

    Attributes
    ----------
    calibration : CustomerSummary
        Customers as known on `calibration_end`: nothing later has any influence on it.
    holdout : native frame
        What these customers did afterwards, one row each in the order of the calibration frame:
        the id, ``holdout_purchases`` and, with amounts, ``holdout_value``; zeros for none.
    newcomers : native frame
        The same for customers first seen after `calibration_end`, about whom no prediction exists.
    calibration_end, observed_until : date
        Last day of each window, included.
    horizon : float
        Length of the holdout window in the unit of the calibration summary; in whole periods of
        the grid.
    """

    calibration: CustomerSummary
    holdout: Any
    newcomers: Any
    calibration_end: date
    observed_until: date
    horizon: float
    _account: Callable[[], Ledger]

    @cached_property
    def holdout_ledger(self) -> Ledger:
        """The account of the rows after `calibration_end`.

        Refunds there of purchases before it appear as refunds without a purchase: they change
        neither window.
        """
        return self._account()


def holdout_split(
    transactions: Any,
    *,
    customer: str,
    date: str,
    amount: AmountColumns = None,
    calibration_end: date | str,
    observed_until: date | str | None = None,
    unit: TimeUnit,
    returns: Returns = "net",
    invalid: Invalid = "error",
    strict: bool = False,
    grid: Grid = "day",
    date_format: str | None = None,
    time_zone: str | None = None,
    intervals: bool = False,
) -> HoldoutSplit:
    """Split a log of orders into a calibration window and a holdout window.

    The rules of `rfm_summary` hold on both sides.

    Parameters
    ----------
    transactions, customer, date, amount
        The log and its columns, as in `rfm_summary`.
    unit, returns, invalid, strict, grid, date_format, time_zone, intervals
        As in `rfm_summary`.
    calibration_end
        Last day of the calibration window, included.
    observed_until
        Last day of the holdout window, included; the last day of the log if None.

    Raises
    ------
    ParameterError
        The holdout window is empty, or calibration ends within a period of the grid.
    DataError
        As in `rfm_summary`, for either window.

    Examples
    --------
    >>> import polars as pl
    >>> orders = pl.DataFrame(
    ...     {"who": ["a", "a", "b"], "when": ["2024-01-01", "2024-02-15", "2024-02-01"]}
    ... )
    >>> split = holdout_split(
    ...     orders, customer="who", date="when", calibration_end="2024-01-31", unit="day"
    ... )
    >>> split.holdout.rows(), split.newcomers.rows(), split.horizon
    ([('a', 1)], [('b', 1)], 15.0)
    """
    cut = parse_date(calibration_end, name="calibration_end")
    check_grid(grid, unit)
    _refuse_cut_within_period(cut, grid)
    refuse_collision(customer, (*SUMMARY, LOG_INTERVALS, "holdout_purchases", "holdout_value"))
    rules = Rules(customer, date, amount, returns, invalid, strict, grid, date_format, time_zone)
    everything = read_log(transactions, rules, observed_until=observed_until)
    if everything.end <= day_number(cut):
        raise ParameterError(
            "The holdout window has at least one day, of the calendar at least one whole period.",
            place=f"Calibration ends on {cut}, observation on {as_date(everything.end)}.",
            fix="Choose an earlier `calibration_end`.",
        )
    log = clean(
        everything.source, observed_until=cut, returns=returns, invalid="drop", strict=False
    )
    calibration = summarise(log, unit=unit, grid=grid, strict=strict, intervals=intervals)
    later = later_rows(everything, day_number(cut))
    held, new, account = _after(log, later, grid)
    periods = period_of(everything.end, grid) - period_of(day_number(cut), grid)
    period, per_unit = units_per_period(grid, unit)
    return HoldoutSplit(
        calibration=calibration,
        holdout=held,
        newcomers=new,
        calibration_end=cut,
        observed_until=as_date(everything.end),
        horizon=periods * period / per_unit,
        _account=account,
    )


def _refuse_cut_within_period(cut: date, grid: Grid) -> None:
    """Raise if one period would count on both sides of the cut."""
    end = as_date(last_day(day_number(cut), grid))
    if cut == end:
        return
    week = grid == "week"
    raise ParameterError(
        "With grid='week' the calibration window ends on a Sunday."
        if week
        else f"With grid={grid!r} the calibration window ends with a {grid}.",
        place=f"{cut} is a {cut:%A}." if week else f"{cut} lies within one.",
        fix=f"Choose {end}, or grid='day'.",
    )


def _after(log: CleanLog, later: CleanLog, grid: Grid) -> tuple[Any, Any, Callable[[], Ledger]]:
    """Return holdout, newcomers and what makes the ledger of the rows after the cut."""
    source = log.source
    known = kept(net_occasions(log, grid=grid), has_amount=source.has_amount)
    ids = known.select(CUSTOMER).unique()
    occasions = net_occasions(later, grid=grid)
    purchases = kept(occasions, has_amount=source.has_amount)
    counted = purchases.group_by(CUSTOMER).agg(
        nw.len().cast(nw.Int64).alias("holdout_purchases"),
        *([nw.col(VALUE).sum().alias("holdout_value")] if source.has_amount else []),
    )
    held = ids.join(counted, on=CUSTOMER, how="left").with_columns(
        nw.col("holdout_purchases").fill_null(0),
        *([nw.col("holdout_value").fill_null(0.0)] if source.has_amount else []),
    )
    new = counted.join(ids, on=CUSTOMER, how="anti")
    account = partial(make_ledger, later, occasions, purchases)
    return source.restore(held), source.restore(new), account
