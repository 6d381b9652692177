"""The periods of the calendar that were observed, and those ahead in the unit of the models."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Grid
from clvmodels.frames.calendar import day_number
from clvmodels.frames.groups import Cohort
from clvmodels.frames.periods import last_day, last_days, period_of, units_per_period
from clvmodels.units import TimeUnit

__all__ = ["Timeline", "timeline"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Timeline:
    """Periods by their numbers; windows 0, 1, ... are those that are not observed to their end.

    Attributes
    ----------
    start : int
        Number of the first window.
    begun : bool
        Whether observation ends within it.
    edges : Array
        Shape (windows + 1,): time from the end of observation to the ends of windows; 0 first.
    period : {'month', 'quarter', 'year'}
        How long periods are.
    """

    start: int
    begun: bool
    edges: Array
    period: Cohort

    @property
    def windows(self) -> int:
        """How many windows there are."""
        return len(self.edges) - 1


def timeline(until: date, period: Cohort, ahead: int, *, grid: Grid, unit: TimeUnit) -> Timeline:
    """Return the periods after the last complete one, so many of them.

    Parameters
    ----------
    until
        Last day of observation.
    period
        How long periods are.
    ahead
        How many windows there are; the first may have begun.
    grid, unit
        How occasions are counted, and the unit of time ahead. Weeks of the grid belong to the
        period in which they end.

    Examples
    --------
    >>> found = timeline(date(2010, 12, 9), "quarter", 2, grid="day", unit="day")
    >>> found.begun, found.edges.tolist()
    (True, [0.0, 22.0, 112.0])
    """
    end = last_day(day_number(until), grid)
    current = period_of(end, period)
    begun = end != last_day(end, period)
    start = current if begun else current + 1
    ends = last_days(start + np.arange(ahead), period).astype(np.int64)
    length, per_unit = units_per_period(grid, unit)
    if grid == "week":
        counted = (ends - end) // 7
    else:
        counted = np.array([period_of(int(each), grid) for each in ends], dtype=np.int64)
        counted = counted - period_of(end, grid)
    edges = np.append(0.0, counted * length / per_unit)
    return Timeline(start, begun, edges, period)
