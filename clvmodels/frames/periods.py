"""Periods in which orders are one occasion: days, weeks from Monday, or periods of the calendar.

A calendar period (month, quarter, year) counts only when it is complete: an observation that ends
within one would take the customers who have not bought in it yet for silent. Orders after the last
complete period are left out, and the ledger says so. Days are always complete; weeks count as soon
as they have begun.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Grid
from clvmodels.errors import ParameterError
from clvmodels.frames.calendar import as_date, day_number, quotient, with_month
from clvmodels.frames.cleaning import check_choice
from clvmodels.frames.columns import DAY, PERIOD
from clvmodels.units import DAYS_PER_UNIT, TimeUnit, check_unit

__all__ = [
    "check_grid",
    "last_complete_day",
    "last_day",
    "last_days",
    "period_of",
    "units_per_period",
    "with_period",
]

MONTHS: Final[dict[str, int]] = {"month": 1, "quarter": 3, "year": 12}
_DAYS: Final[dict[str, int]] = {"day": 1, "week": 7}


def check_grid(grid: str, unit: str) -> TimeUnit:
    """Return the unit, or raise unless both are known and go together.

    Raises
    ------
    ParameterError
        The unit is none, or the grid is a calendar period and the unit is another one.
    DataError
        The grid is none.
    """
    check_choice(grid, (*_DAYS, *MONTHS), name="grid")
    known = check_unit(unit)
    if grid in MONTHS and known != grid:
        raise ParameterError(
            f"With grid={grid!r} times are counted in whole {grid}s.",
            place=f"Got unit={unit!r}.",
            fix=f"Pass unit={grid!r}.",
        )
    return known


def units_per_period(grid: str, unit: TimeUnit) -> tuple[float, float]:
    """Return a, b such that n periods are n * a / b units."""
    return (1.0, 1.0) if grid in MONTHS else (float(_DAYS[grid]), DAYS_PER_UNIT[unit])


def with_period(frame: nw.LazyFrame[Any], grid: Grid) -> nw.LazyFrame[Any]:
    """Add PERIOD, the number of the period of each DAY; consecutive periods differ by 1."""
    if grid in MONTHS:
        numbered = with_month(frame, PERIOD)
        return numbered.with_columns(quotient(nw.col(PERIOD), MONTHS[grid]).alias(PERIOD))
    if grid == "day":
        return frame.with_columns(nw.col(DAY).alias(PERIOD))
    # 1970-01-01 was a Thursday. Engines differ in dividing negative numbers, so there are none.
    return frame.with_columns(((nw.col(DAY) + 3 + 7_000_000) // 7 - 1_000_000).alias(PERIOD))


def period_of(day: int, grid: Grid) -> int:
    """Return the number of the period of a day.

    Examples
    --------
    >>> period_of(day_number(date(2024, 3, 1)), "month") - period_of(
    ...     day_number(date(2023, 12, 31)), "month"
    ... )
    3
    """
    if grid in MONTHS:
        on = as_date(day)
        return (12 * on.year + on.month - 1) // MONTHS[grid]
    return day if grid == "day" else (day + 3) // 7


def last_day(day: int, grid: Grid) -> int:
    """Return the last day of the period that a day lies in.

    Examples
    --------
    >>> as_date(last_day(day_number(date(2024, 2, 3)), "quarter")).isoformat()
    '2024-03-31'
    """
    if grid in MONTHS:
        first_month = (period_of(day, grid) + 1) * MONTHS[grid]
        if first_month // 12 > date.max.year:
            return day_number(date.max)
        return day_number(date(first_month // 12, first_month % 12 + 1, 1)) - 1
    return day if grid == "day" else day + 6 - (day + 3) % 7


def last_days(periods: NDArray[np.int64], grid: Grid) -> NDArray[np.datetime64]:
    """Return the last day of periods that `period_of` has numbered, shape (n,).

    Examples
    --------
    >>> periods = np.array([period_of(day_number(date(2024, 2, 3)), "month")])
    >>> last_days(periods, "month").astype(str).tolist()
    ['2024-02-29']
    """
    if grid in MONTHS:
        first_month = (periods + 1) * MONTHS[grid] - 12 * 1970
        return first_month.astype("M8[M]").astype("M8[D]") - 1
    return (periods if grid == "day" else 7 * periods + 3).astype("M8[D]")


def last_complete_day(day: int, grid: Grid) -> int:
    """Return the last day of the last period that counts if observation ends on a day.

    Examples
    --------
    >>> as_date(last_complete_day(day_number(date(2011, 12, 9)), "month")).isoformat()
    '2011-11-30'
    """
    if grid not in MONTHS or day == last_day(day, grid):
        return day
    first_month = period_of(day, grid) * MONTHS[grid]
    return day_number(date(first_month // 12, first_month % 12 + 1, 1)) - 1
