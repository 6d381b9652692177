"""The rules that people use in place of a model, as they use them.

All of them know what a model knows: the orders up to the origin. Times are counted in periods of
the grid, days by default.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers

__all__ = ["RULES", "Known", "Rule", "best_cut_off"]

Array: TypeAlias = NDArray[np.float64]
Forecast: TypeAlias = tuple[Array, Array | None]


@dataclass(frozen=True)
class Known:
    """What a rule knows of n customers at an origin; money is None without amounts.

    Attributes
    ----------
    customers : Customers
        Frequency, recency, T and mean repeat value, times in the unit of the summary.
    orders, paid : Array
        Shape (n,): all purchases, the first included, and what they are worth.
    recent, recent_paid : Array
        Shape (n,): those of them in the last `periods` periods before the origin.
    periods : int
        Length of the horizon in periods of the grid.
    per_unit : float
        Periods in a unit of the times.
    cut_off : float
        The silence, in periods, after which the hiatus rule takes a customer for lost.
    """

    customers: Customers
    orders: Array
    paid: Array | None
    recent: Array
    recent_paid: Array | None
    periods: int
    per_unit: float
    cut_off: float

    @property
    def age(self) -> Array:
        """Periods from the first purchase to the origin, shape (n,)."""
        return np.rint(self.customers.timing[2] * self.per_unit)

    @property
    def silence(self) -> Array:
        """Periods from the last purchase to the origin, shape (n,)."""
        _, t_x, T = self.customers.timing
        return np.rint((T - t_x) * self.per_unit)

    @property
    def repeat_paid(self) -> Array | None:
        """What purchases after the first are worth, shape (n,)."""
        m = self.customers.monetary_value
        return (
            None
            if m is None
            else np.where(self.customers.frequency > 0.0, m, 0.0) * (self.customers.frequency)
        )


@dataclass(frozen=True)
class Rule:
    """A rule of thumb: what it is called, and what it predicts."""

    name: str
    predict: Callable[[Known], Forecast]


def last_period(known: Known) -> Forecast:
    """Predict what the customer did in a window of the same length just before the origin."""
    return known.recent, known.recent_paid


def average_rate(known: Known) -> Forecast:
    """Predict repeat purchases (and their value) so far / T x horizon: none at frequency 0."""
    share = _ratio(float(known.periods), known.age)
    paid = known.repeat_paid
    return known.customers.frequency * share, None if paid is None else paid * share


def hiatus(known: Known) -> Forecast:
    """Predict nothing for who has been silent for longer than the cut-off, else the average."""
    active = known.silence <= known.cut_off
    purchases, value = average_rate(known)
    return np.where(active, purchases, 0.0), None if value is None else np.where(active, value, 0.0)


def sql(known: Known) -> Forecast:
    """Predict orders per day since the first order x days of the horizon, x average basket."""
    share = known.periods / (known.age + 1.0)
    return known.orders * share, None if known.paid is None else known.paid * share


def everyone_the_mean(known: Known) -> Forecast:
    """Predict the same for everyone: repeat purchases of all / time of all x horizon."""
    total = float(known.age.sum())
    share = known.periods / total if total > 0.0 else 0.0
    ones, paid = np.ones(len(known.age)), known.repeat_paid
    purchases = ones * (float(known.customers.frequency.sum()) * share)
    return purchases, None if paid is None else ones * (float(paid.sum()) * share)


RULES: Final = (
    Rule("last period again", last_period),
    Rule("average rate", average_rate),
    Rule("hiatus rule", hiatus),
    Rule("SQL rule", sql),
    Rule("everyone the mean", everyone_the_mean),
)


def best_cut_off(silence: Array, bought: NDArray[np.bool_]) -> float:
    """Return the cut-off of the hiatus rule that sorts most customers right.

    As Wuebben and von Wangenheim (2008, Journal of Marketing 72) judge it: active are those who buy
    again.

    Parameters
    ----------
    silence
        Shape (n,): time since the last purchase, in periods.
    bought
        Shape (n,): whether they bought afterwards.

    Returns
    -------
    float
        One of the silences, the longest of several that are as good, or infinite where it is best
        to take nobody for lost.

    Examples
    --------
    >>> best_cut_off(np.array([1.0, 9.0, 20.0, 30.0]), np.array([True, True, False, False]))
    9.0
    """
    if not len(silence):
        return math.inf
    lengths, code = np.unique(silence, return_inverse=True)
    gained = np.bincount(code, np.where(bought, 1.0, -1.0), len(lengths))
    best = len(lengths) - 1 - int(np.argmax(np.cumsum(gained)[::-1]))
    return math.inf if best == len(lengths) - 1 else float(lengths[best])


def _ratio(amount: float, times: Array) -> Array:
    """Return amount / time, 0 where no time has passed."""
    return np.divide(amount, times, out=np.zeros_like(times), where=times > 0.0)
