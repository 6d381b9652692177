"""How value moved between two runs, step by step, for customers who are in both.

Each step changes one thing and keeps the rest:

    before -> silence -> orders or corrections -> refit of purchases -> of spend -> terms -> after

Silence is what time alone does: the old history, grown older up to the new end of observation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.explanations.contributions import Spending, Terms
from clvmodels.models.predictions import PurchasePredictions

__all__ = ["Movements", "Run", "elapsed_between", "moved"]

Array: TypeAlias = NDArray[np.float64]

_SAME: Final = 1e-9  # relative difference of times that are the same but for rounding
_ROUNDING: Final = 1e-12  # of values of the same history, counted twice


@dataclass(frozen=True)
class Run:
    """What n customers were worth at one time.

    Attributes
    ----------
    purchases : PurchasePredictions
        The model of purchases.
    spending : Spending
        What purchases are worth.
    customers : Customers
        n histories, with the covariates of both runs' models.
    margin : Array
        Shape (n,): fraction of spend that counts.
    terms : Terms
        Horizon and discount rate.
    """

    purchases: PurchasePredictions
    spending: Spending
    customers: Customers
    margin: Array
    terms: Terms

    @property
    def each(self) -> Array:
        """What is expected of a purchase, shape (n,)."""
        return self.spending.own(self.customers)

    def ahead(self, customers: Customers) -> Array:
        """Return discounted purchases of customers, shape (n,)."""
        length, rate = self.terms.horizon, self.terms.rate
        return self.purchases.discounted_purchases(customers, length, rate)

    @property
    def value(self) -> Array:
        """Discounted purchases x spend x margin, shape (n,)."""
        return self.ahead(self.customers) * self.each * self.margin

    def expected_later(self, elapsed: float) -> Array:
        """Return the expectation now of what the value will be after a time, shape (n,).

        The purchases between then and the horizon from then, discounted to then. Expected spend
        and P(alive) will be other than today, but today's are what they will be on average.
        """
        length, rate = self.terms.horizon, self.terms.rate
        model, c = self.purchases, self.customers
        later = model.discounted_given_alive(c, elapsed + length, rate)
        before = model.discounted_given_alive(c, elapsed, rate)
        ahead = model.p_alive(c) * np.exp(rate * elapsed) * np.maximum(later - before, 0.0)
        return np.asarray(ahead * self.each * self.margin)


@dataclass(frozen=True)
class Movements:
    """The value of n customers before and after, and the steps between; arrays of shape (n,).

    Attributes
    ----------
    before, after : Array
        Value in the two runs.
    steps : dict of str to Array
        silence, orders, corrections, refit_purchases, refit_spend, terms.
    expected : Array
        What the old models expected silence and orders to add up to.
    """

    before: Array
    after: Array
    steps: dict[str, Array]
    expected: Array


def elapsed_between(before: Customers, after: Customers) -> float:
    """Return the time between the ends of observation of the same n customers: that of most."""
    grown = after.timing[2] - before.timing[2]
    return float(np.median(grown)) if len(grown) else 0.0


def moved(before: Run, after: Run, elapsed: float) -> Movements:
    """Return how value moved from one run to a later one.

    Parameters
    ----------
    before, after
        The same n customers, in the same order.
    elapsed
        Time between the ends of observation, zero or more, in the unit of the customers.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> model, terms = BGNBD(0.243, 4.414, 0.793, 2.426), Terms(39.0, 0.0)
    >>> runs = [
    ...     Run(model, Spending(None, None, 1.0), c, np.ones(1), terms)
    ...     for c in (Customers.from_arrays([2], [30.0], [39.0], unit="week"),
    ...               Customers.from_arrays([3], [45.0], [52.0], unit="week"))
    ... ]
    >>> found = moved(*runs, 13.0)
    >>> {name: round(float(step[0]), 3) for name, step in found.steps.items() if step[0]}
    {'silence': -0.422, 'orders': 0.713}
    """
    old, new = before.margin, after.margin
    each, told, now = before.each, before.spending.own(after.customers), after.each
    silent = _grown(before.customers, after.customers, elapsed)
    refitted = replace(after, terms=before.terms)
    known = before.ahead(after.customers)
    same = after.purchases == before.purchases
    refit = known if same else refitted.ahead(after.customers)
    later = refit if after.terms == before.terms else after.ahead(after.customers)
    values = [
        before.ahead(before.customers) * each * old,
        before.ahead(silent) * each * old,
        known * told * old,
        refit * told * old,
        refit * now * old,
        later * now * new,
    ]
    changes = [_change(start, to) for start, to in pairwise(values)]
    bought = _has_bought(after.customers, elapsed)
    steps = {
        "silence": changes[0],
        "orders": np.where(bought, changes[1], 0.0),
        "corrections": np.where(bought, 0.0, changes[1]),
        "refit_purchases": changes[2],
        "refit_spend": changes[3],
        "terms": changes[4],
    }
    expected = before.expected_later(elapsed) - values[0]
    return Movements(values[0], values[-1], steps, expected)


def _change(start: Array, end: Array) -> Array:
    """Return the difference, zero where it is but the rounding of means in two runs."""
    change = end - start
    return np.where(np.abs(change) <= _ROUNDING * np.maximum(np.abs(start), np.abs(end)), 0, change)


def _grown(before: Customers, after: Customers, elapsed: float) -> Customers:
    """Return the old histories at the new end of observation, had nothing more been bought."""
    age = before.timing[2] + elapsed
    new = after.timing[2]
    same = np.abs(age - new) <= _SAME * np.maximum(new, 1.0)
    return replace(before, age=np.where(same, new, age))


def _has_bought(after: Customers, elapsed: float) -> NDArray[np.bool_]:
    """Return who has bought since the earlier end of observation, shape (n,)."""
    _, t_x, T = after.timing
    return np.asarray(t_x > T - elapsed + _SAME * np.maximum(T, 1.0))
