"""What findings look at: small tables of counts and sums about customers and their purchases."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Grid

__all__ = ["Base", "Money", "Orders"]

Array: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Money:
    """Positive amounts, folded into narrow bands from small to large.

    Attributes
    ----------
    count : Counts
        Shape (k,): how many amounts are in each band.
    total : Array
        Shape (k,): their sum.
    log : Array
        Shape (k,): the sum of their natural logarithms.
    largest : float
        The largest of all; 0 where there is none.
    """

    count: Counts
    total: Array
    log: Array
    largest: float

    def top(self, share: float) -> float:
        """Return the share of money in so large a share of amounts, the largest first."""
        wanted = share * float(self.count.sum())
        before = np.append(0, np.cumsum(self.count[::-1])[:-1])
        taken = np.clip(wanted - before, 0.0, self.count[::-1]) / self.count[::-1]
        return float(taken @ self.total[::-1]) / float(self.total.sum())

    def quantile(self, share: float) -> float:
        """Return an amount that so large a share is below, to the width of a band."""
        i = int(np.searchsorted(np.cumsum(self.count), share * float(self.count.sum())))
        i = min(i, len(self.count) - 1)
        return float(self.total[i] / self.count[i])


@dataclass(frozen=True)
class Base:
    """Customers, from a summary.

    Attributes
    ----------
    frequency : Array
        Shape (k,): the distinct numbers of repeat purchases, rising.
    customers : Counts
        Shape (k,): how many customers have each.
    recency : Array
        Shape (k,): the sum of their times from the first purchase to the last, in periods.
    starts : Counts
        Shape (d,): first purchases by period, from the first of all to the last of all.
    length : float
        Periods from the first purchase of all to the end of observation.
    step : float
        Length of a period in the unit of the summary.
    grid : Grid
        The period: days, for a finished table.
    money : Money or None
        What repeat purchases of each customer add up to; None without amounts.
    """

    frequency: Array
    customers: Counts
    recency: Array
    starts: Counts
    length: float
    step: float
    grid: Grid
    money: Money | None

    @property
    def n(self) -> int:
        """Number of customers."""
        return int(self.customers.sum())

    @property
    def repeaters(self) -> int:
        """Customers with a repeat purchase."""
        return int(self.customers[self.frequency > 0.0].sum())

    @property
    def gap(self) -> float:
        """Mean time between purchases in periods; NaN where nobody came back."""
        repeats = float(self.frequency @ self.customers)
        return float(self.recency.sum()) / repeats if repeats else math.nan


@dataclass(frozen=True)
class Orders:
    """What a summary does not know of a log. Periods count from that of the first purchase.

    Attributes
    ----------
    start : Counts
        Shape (d,): the distinct periods of first purchases, rising.
    started : Counts
        Shape (d,): customers who started then.
    back : Counts
        Shape (d,): those who came back within `age` periods.
    again, square : Array
        Shape (d,): their repeat purchases within `age` periods, and the sum of squares of those.
    parts : Counts
        Shape (8, d): those whose second purchase came in the first, second, ... eighth of the time
        from their first to the end of observation.
    age : float
        See `back`.
    gap_length, gap_count : Counts
        Shape (g,): the distinct times between consecutive purchases in periods, and their numbers.
    day, occasions : Counts
        Shape (t,): the periods with purchases, rising, and the purchases in each.
    blocks : Counts
        Shape (b, b): purchases after the first, by the block of the first and blocks since then;
        blocks of four weeks count back from the end of observation.
    block_starts : Counts
        Shape (b,): customers who started in each block.
    orders : Money or None
        Values of single purchases; None without amounts.
    """

    start: Counts
    started: Counts
    back: Counts
    again: Array
    square: Array
    parts: Counts
    age: float
    gap_length: Counts
    gap_count: Counts
    day: Counts
    occasions: Counts
    blocks: Counts
    block_starts: Counts
    orders: Money | None
