"""Worlds of customers, event by event: the stories that models tell, and none of their formulas.

Customers of several cohorts are watched until a day, and on into their future. Every purchase has
its time and its money. Purchases come from a Poisson process as so many uniform times, leaving as a
geometric number of purchases or a lifetime: the library simulates, where it does, in another way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import clvmodels as clv

__all__ = ["SPEND", "World", "simulate"]

Array: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]
Purchases: TypeAlias = tuple[Whole, Array]  # customer and time since the first purchase, in order

SPEND = clv.GammaGamma(6.25, 3.74, 15.44)
_NEVER = 1e-12  # a probability of leaving that nobody lives to see


@dataclass(frozen=True)
class World:
    """Customers as known on the evening of the cut, and what they did afterwards.

    Attributes
    ----------
    customers : Customers
        Everybody's history until the cut, with mean spend; n rows.
    buyer, ahead, paid : Array
        Shape (m,). The purchases after the cut: whose, how long after it, for how much.
    """

    customers: clv.Customers
    buyer: Whole
    ahead: Array
    paid: Array

    def future(self, horizon: float, rate: float = 0.0) -> tuple[Array, Array]:
        """Return purchases within the horizon and what they are worth at the cut, each (n,)."""
        within = self.ahead <= horizon
        buyer, n = self.buyer[within], len(self.customers)
        worth = self.paid[within] * np.exp(-rate * self.ahead[within])
        return np.bincount(buyer, minlength=n).astype(float), np.bincount(buyer, worth, n)


def simulate(
    truth: Any, ages: Array, horizon: float, seed: int, unit: str, spend: Any = SPEND
) -> World:
    """Simulate customers of some ages, (n,), until the cut and for a horizon more."""
    rng = np.random.default_rng(seed)
    buyer, time = STORIES[type(truth).__name__](rng, truth, ages + horizon)
    level = rng.gamma(spend.q, 1.0 / spend.v, len(ages))
    paid = rng.gamma(spend.p, 1.0, len(time)) / level[buyer]
    before = time <= ages[buyer]
    after = ~before
    return World(
        history(buyer[before], time[before], paid[before], ages, unit),
        buyer[after],
        time[after] - ages[buyer[after]],
        paid[after],
    )


def history(buyer: Whole, time: Array, paid: Array, ages: Array, unit: str) -> clv.Customers:
    """Return the histories that purchases before the cut make."""
    n = len(ages)
    x = np.bincount(buyer, minlength=n).astype(float)
    last = np.zeros(n)
    np.maximum.at(last, buyer, time)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(buyer, paid, n) / x
    return clv.Customers.from_arrays(x, last, ages, unit=unit, monetary_value=mean)


def poisson(rng: np.random.Generator, rate: Array, until: Array, k: int = 1) -> Purchases:
    """Return every k-th event of Poisson processes, each with its rate and its end."""
    number = rng.poisson(rate * until)
    buyer = np.repeat(np.arange(len(rate)), number)
    time = rng.random(len(buyer)) * until[buyer]
    time = time[np.lexsort((time, buyer))]
    kept = place(buyer, number) % k == 0
    return buyer[kept], time[kept]


def place(buyer: Whole, number: Whole) -> Whole:
    """Return which of its customer's purchases each is: 1, 2, ..."""
    return np.arange(len(buyer)) - np.repeat(np.cumsum(number) - number, number) + 1


def coin_at_purchases(rng: np.random.Generator, truth: Any, until: Array) -> Purchases:
    """Purchases until a coin, tossed after each of them, says leave."""
    n = len(until)
    rate = rng.gamma(truth.r, 1.0 / truth.alpha, n)
    leaving = np.maximum(rng.beta(truth.a, truth.b, n), _NEVER)
    tosses = rng.geometric(leaving)
    from_the_first = type(truth).__name__.startswith("M")
    buyer, time = poisson(rng, rate, until, getattr(truth, "k", 1))
    rank = place(buyer, np.bincount(buyer, minlength=n))
    kept = rank <= tosses[buyer] - from_the_first
    return buyer[kept], time[kept]


def pareto_lifetimes(rng: np.random.Generator, truth: Any, n: int) -> Array:
    """Lifetimes that end at a rate of one's own."""
    return rng.exponential(size=n) / rng.gamma(truth.s, 1.0 / truth.beta, n)


def gompertz_lifetimes(rng: np.random.Generator, truth: Any, n: int) -> Array:
    """Lifetimes that end at a rate which grows with age, from a level of one's own."""
    level = rng.gamma(truth.s, 1.0 / truth.beta, n)
    return np.log1p(rng.exponential(size=n) / level) / truth.b


def within_lifetime(
    lifetimes: Callable[[np.random.Generator, Any, int], Array],
) -> Callable[[np.random.Generator, Any, Array], Purchases]:
    """Purchases until a lifetime ends, which does not look at them."""

    def story(rng: np.random.Generator, truth: Any, until: Array) -> Purchases:
        end = np.minimum(lifetimes(rng, truth, len(until)), until)
        return poisson(rng, rng.gamma(truth.r, 1.0 / truth.alpha, len(until)), end)

    return story


def coins_each_period(rng: np.random.Generator, truth: Any, until: Array) -> Purchases:
    """In each period one coin for leaving, and one for buying if there is still somebody."""
    n, periods = len(until), int(until.max())
    leaving = rng.beta(truth.gamma, truth.delta, n)[:, None]
    buying = rng.beta(truth.alpha, truth.beta, n)[:, None]
    there = np.logical_and.accumulate(rng.random((n, periods)) >= leaving, axis=1)
    return marked(there & (rng.random((n, periods)) < buying), until)


def renewals(rng: np.random.Generator, truth: Any, until: Array) -> Purchases:
    """One renewal a period until the first that is missed; c bends the chance to miss it."""
    n, periods = len(until), int(until.max())
    j = np.arange(1, periods + 1)
    c = getattr(truth, "c", 1.0)
    stay = 1.0 - rng.beta(truth.alpha, truth.beta, n)[:, None]
    chance = stay ** (j**c - (j - 1) ** c)
    return marked(np.logical_and.accumulate(rng.random((n, periods)) < chance, axis=1), until)


def marked(bought: NDArray[np.bool_], until: Array) -> Purchases:
    """Return the purchases of a table of customers by periods, within each customer's time."""
    buyer, period = np.nonzero(bought)
    kept = period + 1 <= until[buyer]
    return buyer[kept], period[kept] + 1.0


STORIES: dict[str, Callable[[np.random.Generator, Any, Array], Purchases]] = {
    "BGNBD": coin_at_purchases,
    "MBGNBD": coin_at_purchases,
    "BGCNBD": coin_at_purchases,
    "MBGCNBD": coin_at_purchases,
    "ParetoNBD": within_lifetime(pareto_lifetimes),
    "GGompertzNBD": within_lifetime(gompertz_lifetimes),
    "BGBB": coins_each_period,
    "SBG": renewals,
    "BDW": renewals,
}
