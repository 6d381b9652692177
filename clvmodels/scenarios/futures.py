"""What customers will do under a move, once per distinct state; and how many of them stay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.errors import UndefinedMomentError
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.predictive.totals import Terms
from clvmodels.scenarios.moves import Ahead, Move, family_of
from clvmodels.special import distinct_rows

__all__ = [
    "Arrivals",
    "new_purchases",
    "purchases_ahead",
    "rate_of",
    "retention_of",
    "stay_ahead",
]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Arrivals:
    """New customers, at their first purchase.

    Attributes
    ----------
    customers : Customers
        One for each kind: combination of covariates.
    share : Array
        Shape (n,), summing to 1: how many are of each kind.
    """

    customers: Customers
    share: Array

    @classmethod
    def like(cls, customers: Customers, count: Array) -> Arrivals:
        """Return new customers with the covariates of these, of whom there are `count`, (n,)."""
        names = tuple(customers.covariates)
        if not names or not len(customers):
            return cls(_at_first_purchase(customers, np.zeros(1, dtype=np.intp)), np.ones(1))
        first, code = distinct_rows(*(customers.covariates[name] for name in names))
        share = np.bincount(code, count) / count.sum()
        return cls(_at_first_purchase(customers, first), share)


def _at_first_purchase(customers: Customers, rows: NDArray[np.intp]) -> Customers:
    zero = np.zeros(len(rows))
    return Customers.from_arrays(
        zero,
        zero,
        zero,
        unit=customers.unit,
        monetary_value=zero,
        covariates={name: each[rows] for name, each in customers.covariates.items()},
    )


def purchases_ahead(
    purchases: PurchasePredictions, c: Customers, move: Move, terms: Terms
) -> Array:
    """Return expected discounted purchases of customers who are alive, shape (n,).

    Raises
    ------
    UndefinedMomentError
        They have no end.
    """
    end = float(purchases.whole_periods(np.array(terms.horizon)))
    found = _once(purchases, c, move, lambda ahead: ahead.purchases(end, terms.rate))
    if np.isfinite(found).all():
        return found
    raise UndefinedMomentError(
        "All future purchases without discounting have no finite expectation here.",
        place=f"{purchases!r} has customers who hardly ever leave.",
        fix="Pass a finite horizon or a positive discount rate.",
    )


def stay_ahead(purchases: PurchasePredictions, c: Customers, move: Move, t: float) -> Array:
    """Return P(alive after t | alive now), shape (n,)."""
    return _once(purchases, c, move, lambda ahead: ahead.stay(t))


def new_purchases(purchases: PurchasePredictions, new: Arrivals, move: Move, terms: Terms) -> Array:
    """Return expected discounted repeat purchases of each kind of new customers, shape (n,)."""
    alive = _once(purchases, new.customers, move, lambda ahead: ahead.alive)
    return alive * purchases_ahead(purchases, new.customers, move, terms)


def retention_of(purchases: PurchasePredictions, new: Arrivals, move: Move, year: float) -> float:
    """Return the probability that a new customer is alive a year after the first purchase."""
    alive = _once(purchases, new.customers, move, lambda ahead: ahead.alive)
    return float(new.share @ (alive * stay_ahead(purchases, new.customers, move, year)))


def rate_of(purchases: PurchasePredictions, new: Arrivals, move: Move) -> float:
    """Return the rate of purchases of new customers while alive, relative to that without a move.

    Shares of kinds do not count where all kinds are moved alike.
    """
    rates = _once(purchases, new.customers, move, lambda ahead: ahead.rate)
    return float(rates[0] if (rates == rates[0]).all() else new.share @ rates)


def _once(
    purchases: PurchasePredictions, c: Customers, move: Move, what: Callable[[Ahead], Array]
) -> Array:
    """Evaluate once for each distinct state and parameters, and spread the results, (n,)."""
    if not len(c):
        return np.zeros(0)
    model = purchases.rows(c)
    known = dict(zip(("frequency", "recency", "T"), c.timing, strict=True))
    keys = [known[name] for name in model.state]
    first, code = distinct_rows(*keys, *model.varying().values())
    found = what(family_of(model).ahead(model.take(first), c.take(first), move))
    return np.asarray(np.broadcast_to(found, (len(first),))[code])
