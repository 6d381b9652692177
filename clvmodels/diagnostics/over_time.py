"""Tracking: repeat purchases over time, as they came and as a model expects them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers, Grid, Histories, Returns
from clvmodels.diagnostics.cohorts import Cohorts, cohorts_of, histories_of, tracks_fit
from clvmodels.diagnostics.grouped import refuse_hindsight
from clvmodels.diagnostics.tracking_band import (
    chance,
    ends_of_band,
    expected,
    luck_ahead,
    parameter_error,
)
from clvmodels.errors import ParameterError
from clvmodels.frames.cleaning import Invalid, check_choice
from clvmodels.frames.fitted_rules import unit_and_rules
from clvmodels.frames.periods import last_days, units_per_period
from clvmodels.frames.purchase_days import PurchaseDays, purchase_days
from clvmodels.frames.reading import Rules, read_log
from clvmodels.frames.sources import AmountColumns
from clvmodels.frames.summary import summarise
from clvmodels.markup import Html, html_card, html_table
from clvmodels.predictive.arguments import fitted_model, purchase_fit
from clvmodels.units import TimeUnit, parse_date

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Tracking", "track", "tracking"]

Array: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]

LEVEL: Final = 0.9
_LENGTHS: Final[tuple[TimeUnit, ...]] = get_args(TimeUnit)  # in rising order


@dataclass(frozen=True)
class Tracking:
    """Repeat purchases of a group of customers, period by period.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a period: ``end`` (its last day), ``period`` (1, 2, ...), ``window`` ('calibration'
        or 'holdout'), ``actual`` and ``expected`` repeat purchases, ``lower`` and ``upper``:
        where the actual number is with probability `level` if the model is right, from chance and
        from the error of the fit; and all four since the beginning, as ``cumulative_actual``, ...
        The first and the last row may be shorter than the others.
    unit : TimeUnit
        Unit of the model.
    period : str
        What a row is: 'day', 'week', 'month', 'quarter' or 'year'.
    calibration_end, observed_until : date
        Last day of each window.
    customers : int
        Customers who had their first purchase up to `calibration_end`.
    model : str
        What the model is called.
    level : float
        Probability of the band of each period, and of each sum: 0.9.
    fitted : bool or None
        Whether these are the customers that the model was fitted to, which makes the band narrower
        up to `calibration_end`; None for a model with given parameters.
    """

    table: pd.DataFrame
    unit: TimeUnit
    period: TimeUnit
    calibration_end: date
    observed_until: date
    customers: int
    model: str
    level: float
    fitted: bool | None

    @property
    def title(self) -> str:
        """What the table shows, in a line."""
        return (
            f"Repeat purchases of {self.customers:,} customers by {self.period}, and what "
            f"{self.model} expects"
        )

    @property
    def verdict(self) -> str:
        """Totals of each window, in words."""
        words = []
        for window, rows in self.table.groupby("window", sort=True):
            actual, mean = float(rows["actual"].sum()), float(rows["expected"].sum())
            gap = f" ({mean / actual - 1.0:+.1%})" if actual else ""
            inside = rows["actual"].between(rows["lower"], rows["upper"]).sum()
            words.append(
                f"{window}: {actual:,.0f} purchases, {mean:,.0f} expected{gap}, {inside} of "
                f"{len(rows)} {self.period}s within the {self.level:.0%} band"
            )
        return "\n".join(words)

    def __str__(self) -> str:
        return f"{self.title}\n{self.verdict}"

    def _repr_html_(self) -> Html:
        return html_card(self.title, html_table(self.table), self.verdict)


def tracking(
    transactions: Any,
    purchases: Any,
    *,
    customer: str,
    date: str,
    amount: AmountColumns = None,
    observed_until: date | str | None = None,
    calibration_end: date | str | None = None,
    period: TimeUnit | None = None,
    rfm: Histories | None = None,
    unit: TimeUnit | None = None,
    grid: Grid | None = None,
    returns: Returns | None = None,
    invalid: Invalid = "error",
    date_format: str | None = None,
    time_zone: str | None = None,
) -> Tracking:
    """Follow the repeat purchases of the customers of a fit, and what the fit expects of them.

    The expectation is that of new customers, from the days of their first purchases alone, in both
    windows: what the papers plot. Of the log only counts by first day and day are collected.

    Parameters
    ----------
    transactions
        A log of orders on any engine, or a path.
    purchases
        A fit of a purchase model; or a model, whose parameters are taken as known.
    customer, date, amount
        Names of columns, as in `rfm_summary`; those that the fit was made with.
    observed_until
        Last day to follow; the last day of the log if None.
    calibration_end
        End of the first window; where the data of the fit end, if None. Customers who came later
        are left out.
    period
        What a row is: 'day', 'week', 'month', 'quarter' or 'year'; by default the unit of the fit,
        or a week where that is a day. Weeks are counted from `calibration_end` in both directions,
        the others are those of the calendar.
    rfm
        The summary of the fit, for models with covariates that were loaded from a file, or models
        without a fit.
    unit, grid, returns
        As in `rfm_summary`; those of the fit if None. A model needs a unit.
    invalid, date_format, time_zone
        As in `rfm_summary`.

    Returns
    -------
    Tracking
        Its ``table`` has a row for each period; see there.

    Raises
    ------
    MissingColumnError
        A named column is not there.
    DataError
        The log breaks a rule, or covariates of its customers are missing.
    ParameterError
        There is no unit, or `period` is shorter than the grid.
    UnitMismatchError
        `unit` is not that of the fit.

    Examples
    --------
    >>> from clvmodels import BGNBD, datasets
    >>> orders = datasets.load_cdnow(sample=True)
    >>> model = BGNBD(0.2426, 4.4136, 0.7929, 2.4259)
    >>> found = tracking(
    ...     orders, model, customer="customer_id", date="date", unit="week",
    ...     calibration_end="1997-09-30",
    ... )
    >>> found.table.set_index("end")["cumulative_actual"].loc["1997-09-30":].iloc[:2].tolist()
    [2457, 2507]
    """
    found = purchase_fit(purchases)
    unit, definitions = unit_and_rules(found, unit, grid, returns)
    rules = Rules(
        customer,
        date,
        amount,
        definitions.returns,
        invalid,
        False,
        definitions.grid,
        date_format,
        time_zone,
    )
    cut = getattr(found, "observed_until", None)
    if calibration_end is not None:
        cut = parse_date(calibration_end, name="calibration_end")
        refuse_hindsight(found, cut)
    everything = read_log(transactions, rules, observed_until=observed_until)
    days, log = purchase_days(everything, rules, calibration_end=cut)
    row = _row_length(period, unit, days.grid)
    length, per_unit = units_per_period(days.grid, unit)
    cohorts = cohorts_of(days, length / per_unit, found, rfm)

    def histories() -> Customers:
        if rfm is None and getattr(found, "histories", None) is None:
            return summarise(log, unit=unit, grid=days.grid, strict=False).patterns()
        return histories_of(found, rfm)

    return track(days, found, cohorts, histories, unit=unit, period=row)


def track(
    days: PurchaseDays,
    found: Any,
    cohorts: Cohorts,
    histories: Callable[[], Customers],
    *,
    unit: TimeUnit,
    period: TimeUnit,
) -> Tracking:
    """Compare counts by first and later periods with a fit or a model.

    Parameters
    ----------
    days
        The counts.
    found
        A fit or a model.
    cohorts
        The customers by first period.
    histories
        Gives the histories that the fit was made from; called only if these are its customers.
    unit, period
        Unit of the model; what a row is.
    """
    model = fitted_model(found)
    ends, windows = _ends(days, period)
    same = tracks_fit(found, days, cohorts.step)
    actual = _counted(days, ends)
    cumulative = expected(model, cohorts, ends)
    variance = chance(model, cohorts, ends)
    if same is not None:
        own, cut = histories() if same else None, float(days.cut)
        added = parameter_error(found, cohorts, ends, cut, own)
        variance = variance[0] + added[0], variance[1] + added[1]
        if own is not None:
            least = luck_ahead(model, own, ends, cut, cohorts.step)
            variance = np.maximum(variance[0], least[0]), np.maximum(variance[1], least[1])
    rows = np.diff(cumulative, prepend=0.0)
    table = _table(days, ends, windows, actual, (rows, cumulative), variance)
    return Tracking(
        table=table,
        unit=unit,
        period=period,
        calibration_end=days.calibration_end,
        observed_until=days.observed_until,
        customers=int(days.born[1].sum()),
        model=model.label,
        level=LEVEL,
        fitted=same,
    )


def _table(
    days: PurchaseDays,
    ends: Array,
    windows: list[str],
    actual: Whole,
    mean: tuple[Array, Array],
    variance: tuple[Array, Array],
) -> pd.DataFrame:
    import pandas as pd

    last = last_days(ends.astype(np.int64), days.grid)
    last[ends == days.cut] = np.datetime64(days.calibration_end, "D")
    last[-1] = np.datetime64(days.observed_until, "D")
    lower, upper = ends_of_band(mean[0], variance[1], LEVEL)
    low, high = ends_of_band(mean[1], variance[0], LEVEL)
    return pd.DataFrame(
        {
            "end": last.astype("M8[us]"),  # pandas has no type for days
            "period": np.arange(1, len(ends) + 1),
            "window": windows,
            "actual": np.diff(actual, prepend=0),
            "expected": mean[0],
            "lower": lower,
            "upper": upper,
            "cumulative_actual": actual,
            "cumulative_expected": mean[1],
            "cumulative_lower": low,
            "cumulative_upper": high,
        }
    )


# --- rows -------------------------------------------------------------------------------------


def _row_length(period: TimeUnit | None, unit: TimeUnit, grid: Grid) -> TimeUnit:
    """Return what a row is, or raise if that is shorter than the grid."""
    if period is None:
        return "week" if unit == "day" else unit
    check_choice(period, _LENGTHS, name="period")
    if _LENGTHS.index(period) < _LENGTHS.index(grid):
        raise ParameterError(
            "A row of tracking is not shorter than the periods in which purchases are counted.",
            place=f"Got period={period!r} with grid={grid!r}.",
            fix=f"Pass period={grid!r}.",
        )
    return period


def _ends(days: PurchaseDays, period: TimeUnit) -> tuple[Array, list[str]]:
    """Return the last grid period of each row, shape (k,), and its window."""
    at = np.arange(int(days.first.min()), days.end + 1)
    last = last_days(at, days.grid)
    if period == "week":
        cut = last_days(np.array([days.cut]), days.grid)
        key = (last - cut).astype(np.int64) // -7  # so that weeks end where the window does
    elif period == "day":
        key = at
    else:
        months = last.astype("M8[M]").astype(np.int64)
        key = months // {"month": 1, "quarter": 3, "year": 12}[period]
    ended = (np.diff(key) != 0) | (at[:-1] == days.cut)
    ends = at[np.append(ended, True)]
    windows = np.where(ends <= days.cut, "calibration", "holdout")
    return ends.astype(np.float64), windows.tolist()


def _counted(days: PurchaseDays, ends: Array) -> Whole:
    """Return the repeat purchases up to the ends of rows, shape (k,)."""
    period, count = days.repeats
    row = np.searchsorted(ends, period)
    return np.cumsum(np.bincount(row, count, len(ends))).astype(np.int64)
