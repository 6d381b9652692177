"""From the first to the second order: how many, and when, though some have not had the time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["SecondOrders", "second_orders"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SecondOrders:
    """The Kaplan-Meier curve of second orders.

    Attributes
    ----------
    days : Array
        Shape (k,): the distinct times, rising, after which a second order came or watching ended.
    waiting : Array
        Shape (k,): the share of customers without a second order after each.
    watched : Array
        Shape (k,): customers who neither had one nor were out of sight before it.
    """

    days: Array
    waiting: Array
    watched: Array

    def within(self, days: float) -> float:
        """Return the share with a second order within a time; NaN if nobody was watched so long."""
        if not len(self.days) or (days > self.days[-1] and self.waiting[-1] > 0.0):
            return float("nan")
        i = int(np.searchsorted(self.days, days, side="right"))
        return 1.0 - float(self.waiting[i - 1]) if i else 0.0

    def still_watched(self, days: float) -> int:
        """Return how many customers without a second order were watched for at least so long."""
        i = int(np.searchsorted(self.days, days, side="left"))
        return round(float(self.watched[i])) if i < len(self.days) else 0

    @property
    def median(self) -> float:
        """Days by which half have a second order; NaN if fewer do."""
        reached = np.flatnonzero(self.waiting <= 0.5 + 1e-12)  # a half, in spite of rounding
        return float(self.days[reached[0]]) if len(reached) else float("nan")


def second_orders(wait: Array, came: Array, customers: Array) -> SecondOrders:
    """Return the product-limit estimate of Kaplan and Meier (1958), JASA 53, 457-481, eq. 2b.

    Parameters
    ----------
    wait, came, customers
        Shape (n,): a time in days, whether the second order came after it (1) or watching ended
        (0), and how many customers that is. Those who end at a time are watched at that time.

    Examples
    --------
    >>> curve = second_orders(np.array([5.0, 9.0, 9.0]), np.array([1, 1, 0]), np.array([1, 1, 2]))
    >>> curve.within(5), curve.within(9), curve.median
    (0.25, 0.5, 9.0)
    """
    days, place = np.unique(wait, return_inverse=True)
    events = np.bincount(place, customers * came, len(days))
    leaving = np.bincount(place, customers, len(days))
    watched = leaving[::-1].cumsum()[::-1].astype(np.float64)
    waiting = np.asarray(np.cumprod(1.0 - events / watched), dtype=np.float64)
    return SecondOrders(days, waiting, watched)
