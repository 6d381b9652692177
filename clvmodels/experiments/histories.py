"""What customers did in a time of their own, from their purchases: histories, worth, gaps."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.frames.assigned import Occasions
from clvmodels.units import DAYS_PER_UNIT, TimeUnit

__all__ = ["Terms", "chosen", "first_days", "histories", "usual_gap", "worth"]

Array: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class Terms:
    """What a customer is worth: how far ahead, at what rate and margin, in and per `unit`."""

    unit: TimeUnit
    horizon: float
    rate: float
    margin: float

    @property
    def days(self) -> float:
        """Days in the unit."""
        return DAYS_PER_UNIT[self.unit]


def chosen(occasions: Occasions, usable: Mask) -> Occasions:
    """Return the occasions of some customers, who are numbered anew."""
    number = np.cumsum(usable) - 1
    some = occasions.take(usable[occasions.customer])
    return replace(some, customer=number[some.customer])


def first_days(occasions: Occasions, n: int) -> Whole:
    """Return the day of the first purchase of each of n customers, shape (n,)."""
    first = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(first, occasions.customer, occasions.day)
    return first


def worth(occasions: Occasions, start: Whole, terms: Terms) -> Array | None:
    """Return what each customer spent, times the margin, discounted to `start`, shape (n,)."""
    if occasions.value is None:
        return None
    later = (occasions.day - start[occasions.customer]) / terms.days
    paid = occasions.value * np.exp(-terms.rate * later) * terms.margin
    return np.bincount(occasions.customer, paid, len(start)).astype(np.float64)


def histories(occasions: Occasions, end: Whole, first: Whole, unit: TimeUnit) -> Customers:
    """Return frequency, recency, T and mean spend at the end of observation."""
    n, per = len(end), DAYS_PER_UNIT[unit]
    who = occasions.customer
    repeat = np.bincount(who, minlength=n) - 1.0
    last = np.zeros(n, dtype=np.int64)
    np.maximum.at(last, who, occasions.day)
    mean = None
    if occasions.value is not None:
        later = occasions.take(occasions.day > first[who])
        paid = np.bincount(later.customer, later.value, n)
        mean = np.divide(paid, repeat, out=np.full(n, np.nan), where=repeat > 0.0)
    gaps, owner = _gaps(occasions)
    return Customers.from_arrays(
        repeat,
        (last - first) / per,
        (end - first) / per,
        unit=unit,
        monetary_value=mean,
        log_intervals=np.bincount(owner, np.log(gaps / per), n),
    )


def _gaps(occasions: Occasions) -> tuple[Array, Whole]:
    """Return the days between purchases in a row, and whose they are."""
    same = occasions.customer[1:] == occasions.customer[:-1]
    return np.diff(occasions.day)[same].astype(np.float64), occasions.customer[1:][same]


def usual_gap(occasions: Occasions, terms: Terms) -> float:
    """Return the median time between two purchases in a row, in the unit; NaN without any."""
    gaps, _ = _gaps(occasions)
    return float(np.median(gaps)) / terms.days if len(gaps) else math.nan
