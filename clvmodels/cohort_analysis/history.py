"""What was observed of groups of customers who began in one period: arrays by period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.frames.activity import Activity
from clvmodels.frames.activity_tables import AT, FIRST, SQUARES

__all__ = ["History", "history_of"]

Array: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class History:
    """Sums by group and period; groups are sorted by segment and first period.

    Attributes
    ----------
    segment, first : array of int
        Shape (groups,): the number of the segment, and of the period of the first purchase.
    size : Array
        Shape (groups,): customers.
    base : int
        Number of the first period of all.
    active, value, squares : Array
        Shape (groups, periods): customers who bought, the margin on what they paid, and the rise of
        the sum of squares of that so far. Without amounts the last two are zero.
    cohort : array of int
        Shape (groups,): the number of the cohort.
    """

    segment: Whole
    first: Whole
    size: Array
    base: int
    active: Array
    value: Array
    squares: Array
    cohort: Whole


def history_of(active: Activity, margin: float) -> History:
    """Spread the sums of `activity` over groups and periods; amounts times a margin.

    Examples
    --------
    >>> import polars as pl
    >>> from clvmodels.frames.activity import activity
    >>> from clvmodels.frames.reading import Rules, read_log
    >>> days = ["2024-01-05", "2024-04-05", "2024-05-05"]
    >>> orders = pl.DataFrame({"who": ["a", "a", "b"], "on": days})
    >>> rules = Rules("who", "on", None, "net", "error", False, "day", None, None)
    >>> found = history_of(activity(read_log(orders, rules, observed_until=None), rules), 1.0)
    >>> found.size.tolist(), found.active.tolist()
    ([1.0, 1.0], [[1.0, 1.0], [0.0, 1.0]])
    """
    parts, segment = active.parts, active.tables.segment
    first, at = (parts[name].to_numpy(dtype=np.int64) for name in (FIRST, AT))
    own = first == at
    base, last = int(first.min()), int(active.periods[AT].iloc[-1])
    group = np.cumsum(own) - 1  # a group's first period comes first, and somebody bought in it
    shape = (int(own.sum()), last - base + 1)
    place = (group, at - base)

    def spread(name: str, factor: float) -> Array:
        found = np.zeros(shape)
        if name in parts:
            found[place] = factor * parts[name].to_numpy(dtype=np.float64)
        return found

    return History(
        segment[own],
        first[own],
        parts["customers"].to_numpy(dtype=np.float64)[own],
        base,
        spread("customers", 1.0),
        spread("revenue", margin),
        spread(SQUARES, margin**2),
        parts["cohort_index"].to_numpy(dtype=np.int64)[own],
    )
