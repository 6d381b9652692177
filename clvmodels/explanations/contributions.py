"""The value of customers as a sum: of their age, kind, purchases, when, and spend.

Each step knows more than the one before, and contributes the difference of two expectations:

    population   E[V | T], over all kinds of customers
    covariates   E[V | T, kind] - E[V | T]                  (of models with covariates)
    frequency    E[V | T, kind, x] - E[V | T, kind]
    recency      E[V | T, kind, x, t_x] - E[V | T, kind, x]
    spend        E[V | T, kind, x, t_x, m] - E[V | T, kind, x, t_x]

so that, whatever was known before, what comes next is zero on average.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.explanations.by_age import ahead_at_ages
from clvmodels.explanations.by_frequency import ahead_by_frequency
from clvmodels.lookup import scores
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.spend import SpendPredictions
from clvmodels.special import distinct_rows

__all__ = ["Appraised", "Spending", "Terms", "contributions"]

Array: TypeAlias = NDArray[np.float64]

_FEW: Final = 64  # kinds of customers that are looked at one by one
_SAMPLE: Final = 256  # of more kinds, so many customers stand for the population


@dataclass(frozen=True)
class Terms:
    """How far ahead, in the unit of the customers, and the continuous discount rate per unit."""

    horizon: float
    rate: float


@dataclass(frozen=True)
class Spending:
    """What a purchase is worth: by a model, at known prices, or nothing but a count.

    Attributes
    ----------
    model : SpendPredictions or None
        A spend model.
    price : Array or None
        Shape (n,): known prices.
    typical : float
        Mean price of the base, where there are prices; 1 where purchases are counted.
    """

    model: SpendPredictions | None
    price: Array | None
    typical: float

    def own(self, customers: Customers) -> Array:
        """Return what is expected of each customer, given the own mean spend, (n,)."""
        if self.model is not None:
            return self.model.expected_spend(customers)
        return np.ones(len(customers)) if self.price is None else self.price

    def of_kind(self, customers: Customers) -> Array:
        """Return what is expected of customers of their kind, whatever they have spent, (n,)."""
        if self.model is None:
            return np.full(len(customers), self.typical)
        none = np.zeros(len(customers))
        return self.model.expected_spend(replace(customers, frequency=none, monetary_value=none))


@dataclass(frozen=True)
class Appraised:
    """The value of n customers and what it is made of; arrays of shape (n,).

    Attributes
    ----------
    parts : dict of str to Array
        The contributions, in order; they add up to `value`.
    value : Array
        Discounted purchases x spend x margin.
    typical_spend, expected_spend : Array
        Of a purchase: of the kind of customer, and of this one.
    """

    parts: dict[str, Array]
    value: Array
    typical_spend: Array
    expected_spend: Array


def contributions(
    model: PurchasePredictions,
    spending: Spending,
    customers: Customers,
    *,
    base: Customers,
    margin: Array,
    terms: Terms,
) -> Appraised:
    """Return what the value of customers is made of.

    Parameters
    ----------
    model, spending
        Of purchases, and what they are worth.
    customers
        n customers, with the covariates of both models.
    base
        All customers: their kinds, as often as they occur, are the population.
    margin
        Shape (n,): fraction of spend that counts.
    terms
        Horizon and discount rate.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> c = Customers.from_arrays([2], [30.43], [38.86], unit="week")
    >>> found = contributions(
    ...     BGNBD(0.243, 4.414, 0.793, 2.426), Spending(None, None, 1.0), c,
    ...     base=c, margin=np.ones(1), terms=Terms(39.0, 0.0),
    ... )
    >>> {name: part.round(3).tolist() for name, part in found.parts.items()}
    {'population': [0.665], 'frequency': [0.181], 'recency': [0.38], 'spend': [0.0]}
    >>> found.value.round(3).tolist()
    [1.226]
    """
    typical, each = spending.of_kind(customers), spending.own(customers)
    everyone, own = _of_kinds(model, spending, customers, base, terms)
    by_count = ahead_by_frequency(model, customers, terms.horizon, terms.rate)
    ahead = scores(model, customers, horizon=terms.horizon, rate=terms.rate)
    known = ahead["discounted_purchases"]
    by_count = np.where(customers.frequency > 0.0, by_count, known)  # who never came: no when
    parts = {"population": everyone * margin}
    if base.covariates:
        parts["covariates"] = (own * typical - everyone) * margin
    parts["frequency"] = (by_count - own) * typical * margin
    parts["recency"] = (known - by_count) * typical * margin
    parts["spend"] = known * (each - typical) * margin
    return Appraised(parts, known * each * margin, typical, each)


def _of_kinds(
    model: PurchasePredictions,
    spending: Spending,
    customers: Customers,
    base: Customers,
    terms: Terms,
) -> tuple[Array, Array]:
    """Return the value of all kinds at each customer's age, and purchases of the own kind, (n,)."""
    labels = list(base.covariates.values())
    if not labels:
        new = _newcomers(customers, np.zeros(min(len(customers), 1), dtype=np.intp))
        own = _ahead(model, new, customers.timing[2], terms)
        return own * spending.of_kind(customers), own
    first, code = distinct_rows(*labels)
    if len(first) <= _FEW:
        counts = np.bincount(code, base.weight).astype(np.float64)
        return _few_kinds(model, spending, customers, _newcomers(base, first), counts, terms)
    order = np.argsort(code, kind="stable")
    sample = order[np.linspace(0, len(order) - 1, min(_SAMPLE, len(order))).astype(np.intp)]
    return _many_kinds(model, spending, customers, _newcomers(base, sample), terms)


def _newcomers(customers: Customers, rows: NDArray[np.intp]) -> Customers:
    """Return customers of the kinds of some rows who have just come."""
    some, zero = customers.take(rows), np.zeros(len(rows))
    spend = None if some.monetary_value is None else zero
    return replace(
        some, frequency=zero, recency=zero, age=zero, monetary_value=spend, log_intervals=None
    )


def _ahead(model: PurchasePredictions, new: Customers, ages: Array, terms: Terms) -> Array:
    if not len(ages):
        return np.zeros(0)
    return ahead_at_ages(model, new, ages, terms.horizon, terms.rate)


def _few_kinds(
    model: PurchasePredictions,
    spending: Spending,
    customers: Customers,
    kinds: Customers,
    counts: Array,
    terms: Terms,
) -> tuple[Array, Array]:
    ages, code = np.unique(customers.timing[2], return_inverse=True)
    rows = [np.array([k], dtype=np.intp) for k in range(len(kinds))]
    ahead = np.array([_ahead(model, kinds.take(row), ages, terms) for row in rows])
    worth = spending.of_kind(kinds)
    everyone = (counts * worth) @ ahead / counts.sum()
    own = np.zeros(len(customers))
    for k in range(len(kinds)):
        same = [
            column == kinds.covariates[name][k] for name, column in customers.covariates.items()
        ]
        mine = np.logical_and.reduce(same)
        own[mine] = ahead[k, code[mine]]
    return everyone[code], own


def _many_kinds(
    model: PurchasePredictions,
    spending: Spending,
    customers: Customers,
    sample: Customers,
    terms: Terms,
) -> tuple[Array, Array]:
    ages, code = np.unique(customers.timing[2], return_inverse=True)
    worth = spending.of_kind(sample)
    everyone, own = np.zeros(len(ages)), np.zeros(len(customers))
    order = np.argsort(code, kind="stable")
    ends = np.cumsum(np.bincount(code, minlength=len(ages)))
    for i, (age, rows) in enumerate(zip(ages, np.split(order, ends[:-1]), strict=True)):
        all_kinds = _difference(model, sample, age, terms)
        everyone[i] = float(worth @ all_kinds) / len(worth)
        own[rows] = _difference(model, _newcomers(customers, rows), age, terms)
    return everyone[code], own


def _difference(model: PurchasePredictions, new: Customers, age: float, terms: Terms) -> Array:
    """Return what is ahead at one age for customers of many kinds, (n,)."""
    later = model.discounted_purchases(new, age + terms.horizon, terms.rate)
    before = model.discounted_purchases(new, age, terms.rate)
    return np.asarray(np.exp(terms.rate * age) * np.maximum(later - before, 0.0))
