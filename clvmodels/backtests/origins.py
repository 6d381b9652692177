"""When a backtest predicts from: its horizon in whole periods, and its dates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from clvmodels.customers import Grid
from clvmodels.errors import ParameterError
from clvmodels.frames.calendar import as_date, day_number
from clvmodels.frames.periods import last_days, period_of, units_per_period
from clvmodels.units import Duration, TimeUnit, in_units, parse_date

__all__ = ["Origin", "Plan", "make_plan"]


@dataclass(frozen=True)
class Origin:
    """One cut of a log.

    Attributes
    ----------
    cut : date
        Last day that predictions know of.
    until : date
        Last day that is predicted.
    before : date
        Last day that a rule knows of when it is tuned within what was known, on the time from then
        to `cut`.
    before_periods : int
        Periods between `before` and `cut`.
    """

    cut: date
    until: date
    before: date
    before_periods: int


@dataclass(frozen=True)
class Plan:
    """The cuts of a backtest, in order, and how far each looks ahead.

    Attributes
    ----------
    origins : tuple of Origin
        In order of time.
    periods : int
        Length of the horizon in periods of the grid.
    horizon : float
        The same in the unit of the summaries.
    """

    origins: tuple[Origin, ...]
    periods: int
    horizon: float


def make_plan(
    span: tuple[int, int],
    *,
    horizon: Duration,
    unit: TimeUnit,
    grid: Grid,
    origins: Sequence[date | str] | None,
    n_origins: int,
) -> Plan:
    """Place the origins of a backtest.

    Without dates the last origin lies one horizon before the end of the log, and the others one
    horizon before the next. Where that would leave the first less than half of the time before the
    last, they are closer together, and the windows overlap.

    Parameters
    ----------
    span
        Day numbers of the first purchase and of the end of observation.
    horizon
        How far to look ahead, finite; rounded to whole periods of the grid.
    unit, grid
        Of the summaries.
    origins
        Dates, each the last day of what is known; None to place `n_origins`.
    n_origins
        How many, 1 or more.

    Raises
    ------
    ParameterError
        The log is too short, or an origin lies outside of it.

    Examples
    --------
    >>> span = day_number(date(1997, 1, 1)), day_number(date(1998, 6, 30))
    >>> plan = make_plan(
    ...     span, horizon="13w", unit="week", grid="day", origins=None, n_origins=3
    ... )
    >>> [str(each.cut) for each in plan.origins], plan.horizon
    (['1997-09-30', '1997-12-30', '1998-03-31'], 13.0)
    """
    periods = _in_periods(horizon, unit, grid)
    first, end = (period_of(day, grid) for day in span)
    if origins is None:
        cuts = _placed(first, end, periods, _checked_number(n_origins))
    else:
        days = sorted(day_number(parse_date(each, name="origins")) for each in _dates(origins))
        cuts = [_checked_cut(day, (first, end), periods, grid) for day in days]
    period, per_unit = units_per_period(grid, unit)
    return Plan(
        tuple(_origin(cut, first, periods, grid) for cut in dict.fromkeys(cuts)),
        periods,
        periods * period / per_unit,
    )


def period_end(period: int, grid: Grid) -> date:
    """Return the last day of a period.

    Examples
    --------
    >>> str(period_end(period_of(day_number(date(2024, 2, 3)), "month"), "month"))
    '2024-02-29'
    """
    day: date = last_days(np.array([period]), grid)[0].astype(object)
    return day


def _origin(cut: int, first: int, periods: int, grid: Grid) -> Origin:
    back = max(min(periods, (cut - first) // 2), 1)
    return Origin(
        cut=period_end(cut, grid),
        until=period_end(cut + periods, grid),
        before=period_end(cut - back, grid),
        before_periods=back,
    )


def _in_periods(horizon: Duration, unit: TimeUnit, grid: Grid) -> int:
    """Return a horizon as a whole number of periods."""
    period, per_unit = units_per_period(grid, unit)
    length = in_units(horizon, unit)
    if isinstance(horizon, date) or not math.isfinite(length):
        raise _no_horizon(horizon)
    periods = round(length * per_unit / period)
    if periods < 1:
        raise _no_horizon(horizon)
    return periods


def _no_horizon(horizon: object) -> ParameterError:
    return ParameterError(
        "The horizon of a backtest is a finite time of at least one period of the grid.",
        place=f"Got {horizon!r}.",
        fix="Pass what you will predict, such as '13w' or '6mo'.",
    )


def _checked_number(n: object) -> int:
    if isinstance(n, int) and not isinstance(n, bool) and n >= 1:
        return n
    raise ParameterError(
        "`n_origins` is a whole number, 1 or more.", place=f"Got {n!r}.", fix="Pass 3."
    )


def _placed(first: int, end: int, periods: int, n: int) -> list[int]:
    last = end - periods
    step = min(periods, (last - first) // max(2 * (n - 1), 1))
    if last - first < 2 or step < 1:
        raise ParameterError(
            "A backtest needs some history before its first origin and a horizon after its last.",
            place=f"The log has {end - first} periods after its first purchase, the horizon has "
            f"{periods}, with {n} origins.",
            fix="Choose a shorter horizon or fewer origins.",
        )
    return [last - step * back for back in reversed(range(n))]


def _dates(origins: object) -> Sequence[date | str]:
    if isinstance(origins, str | date) or not isinstance(origins, Sequence) or not origins:
        raise ParameterError(
            "`origins` is a list of one or more dates.",
            place=f"Got {origins!r:.80}.",
            fix="Pass ['2023-12-31', '2024-03-31'], or n_origins=3.",
        )
    return origins


def _checked_cut(day: int, span: tuple[int, int], periods: int, grid: Grid) -> int:
    first, end = span
    cut = period_of(day, grid)
    if period_end(cut, grid) != as_date(day):
        raise ParameterError(
            f"With grid={grid!r} an origin is the last day of a {grid}.",
            place=f"{as_date(day)} is none.",
            fix=f"Choose {period_end(cut, grid)}, or grid='day'.",
        )
    if cut - first < 2:
        raise ParameterError(
            "Before an origin there are at least two periods of purchases.",
            place=f"The origin is {as_date(day)}; the first {grid} with a purchase "
            f"ends on {period_end(first, grid)}.",
            fix="Choose a later origin.",
        )
    if cut + periods > end:
        raise ParameterError(
            "After an origin the log goes on for a whole horizon.",
            place=f"From {as_date(day)} it would end on {period_end(cut + periods, grid)}, the log "
            f"ends on {period_end(end, grid)}.",
            fix=f"Choose an origin up to {period_end(end - periods, grid)}, or a shorter horizon.",
        )
    return cut
