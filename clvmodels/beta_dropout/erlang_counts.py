"""How many purchases are ahead of a customer whose purchases take k events each.

As `counts_ahead`, for the customers of `erlang_future`. Given how many events there are in a time,
they are even over it, and the purchases are every k-th of them in order: less scattered than
purchases at random.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.beta_dropout.counts_ahead import (
    SHORTEST,
    arrival_nodes,
    arrival_peak,
    log_arrival,
    log_arrived,
    log_bought,
    log_leaves,
    log_stays,
    stays,
)
from clvmodels.beta_dropout.erlang_future import (
    Buyers,
    chances_to_stay,
    event_pmf,
    most_events,
)
from clvmodels.special.discounts import Discounts

__all__ = ["buying", "discounts", "log_count", "tail"]

Array: TypeAlias = NDArray[np.float64]
Phases: TypeAlias = Sequence[tuple[Array, Buyers]]

_ROWS: Final = 1 << 10  # at a time
_TERMS: Final = 1 << 16  # of a sum over events, at a time
_POINTS: Final = 16  # purchases that stand for all, at least


def tail(buyers: Buyers, n: Array, t: Array) -> Array:
    """Return P(at least n purchases in a time t), given alive at its start, shape (n,).

    The n-th purchase takes first + (n - 1) k events, and the customer has stayed n - 1 times.

    Examples
    --------
    >>> one, n = np.ones(3), np.arange(3.0)
    >>> tail(Buyers(one, one, one, one, first=1, k=2), n, one).round(12).tolist()
    [1.0, 0.5, 0.0625]
    """
    before = np.maximum(n, 1.0) - 1.0
    events = buyers.first + buyers.k * before
    come = special.betainc(events, buyers.shape, t / (buyers.rate + t))
    return np.where(n > 0.0, come * stays(buyers.a, buyers.b, before), 1.0)


def buying(buyers: Buyers, after: Array, t: Array) -> Array:
    """Return P(a purchase in (after, after + t]) of a customer who is alive at time 0, shape (n,).

    The sum over the events until `after`: their probability, the chance to have stayed after the
    purchases that they make, and that the events to go come in t. All terms are positive.

    Examples
    --------
    >>> one = np.ones(2)
    >>> one_event = Buyers(one, one, one, one, first=1, k=1)
    >>> buying(one_event, np.array([0.0, 1.0]), one).round(12).tolist()
    [0.5, 0.287682072452]
    """
    most = np.ceil(most_events(buyers.shape, after / buyers.rate)) + 1.0
    result = np.empty_like(buyers.rate)
    order = np.argsort(most, kind="stable")
    start = 0
    while start < len(order):
        rows = order[start : start + max(1, int(_TERMS / most[order[start]]))]
        result[rows] = _buying(buyers.take(rows), after[rows], t[rows], int(most[rows[-1]]))
        start += len(rows)
    return result


def _buying(buyers: Buyers, after: Array, t: Array, events: int) -> Array:
    """Do so up to a number of events."""
    made = np.arange(float(events)) - buyers.first
    to_go = np.where(made < 0.0, -made, buyers.k - made % buyers.k)
    shape, rate = buyers.shape[:, None] + np.arange(float(events)), (buyers.rate + after)[:, None]
    comes = special.betainc(to_go, shape, t[:, None] / (rate + t[:, None]))
    purchases = np.maximum(made // buyers.k + 1.0, 0.0).astype(np.intp)
    stay = chances_to_stay(buyers, int(purchases[-1]) + 1)[:, purchases]
    return np.asarray((event_pmf(buyers, after, events) * stay * comes).sum(axis=1))


def log_count(buyers: Buyers, n: Array, t: Array) -> Array:
    """Return ln P(n purchases in a time t), given alive at its start, shape (n,).

    They have stayed after all n, and k numbers of events make n purchases; or they have left after
    the n-th.

    Examples
    --------
    >>> one, n = np.ones(3), np.arange(3.0)
    >>> found = log_count(Buyers(one, one, one, one, first=1, k=2), n, one)
    >>> np.exp(found).round(12).tolist()
    [0.5, 0.4375, 0.052083333333]
    """
    u, some = t / (buyers.rate + t), n > 0.0
    before = np.maximum(n, 1.0) - 1.0
    start = np.where(some, buyers.first + buyers.k * before, 0.0)
    stayed = np.full_like(u, -np.inf)
    for more in range(max(buyers.first, buyers.k)):
        chance = log_bought(buyers.shape, start + more, u)
        possible = more < np.where(some, buyers.k, buyers.first)
        stayed = np.where(possible, np.logaddexp(stayed, chance), stayed)
    left = log_leaves(buyers.a, buyers.b, before)
    left = left + log_arrived(buyers.shape, np.maximum(start, 1.0), u)
    return np.logaddexp(stayed + log_stays(buyers.a, buyers.b, n), np.where(some, left, -np.inf))


def discounts(phases: Phases, n: Array, t: Array, discount: float) -> Discounts:
    """Return the moments of the discounts of n >= 1 purchases in (0, t), if there are that many.

    The sums of w and of w^2 are exact. In the square of the sum, the variance that comes from the
    places of the events is its leading term in z = discount * t: an error of some z^3 / 200 of the
    square, 1e-5 for a year at 10 %.

    Parameters
    ----------
    phases
        A weight, shape (n,), and buyers for each phase.
    n, t
        Whole numbers, one or more; times, finite, zero or more.
    discount
        Continuous discount rate per unit of time.

    Examples
    --------
    >>> one = np.ones(1)
    >>> buyers = Buyers(2.0 * one, one, one, one, first=2, k=2)
    >>> discounts([(one, buyers)], one, one, 1.0).total.round(6).tolist()
    [0.603516]
    """
    found = np.empty((3, len(n)))
    order = np.argsort(n, kind="stable")
    for start in range(0, len(order), _ROWS):
        rows = order[start : start + _ROWS]
        some = [(weight[rows], buyers.take(rows)) for weight, buyers in phases]
        found[:, rows] = _discounts(some, n[rows, None], t[rows, None], discount)
    return Discounts(*found)


def _discounts(phases: Phases, n: Array, t: Array, discount: float) -> Array:
    """Average over phases, leaving with the n-th purchase or not, and the events by then."""
    laws = [_Law(weight[:, None], buyers, n, t) for weight, buyers in phases]
    top = np.max([law.peak for law in laws], axis=0)
    sums = np.sum([law.sums(discount, top) for law in laws], axis=0)
    return np.asarray(sums[1:] / sums[0])


class _Law:
    """How n purchases come about from one phase on; everything is (rows, 1)."""

    def __init__(self, weight: Array, buyers: Buyers, n: Array, t: Array) -> None:
        self.weight, self.n, self.first, self.k = weight, n, buyers.first, buyers.k
        self.shape, self.rate, self.a, self.b = (
            each[:, None] for each in (buyers.shape, buyers.rate, buyers.a, buyers.b)
        )
        self.events = self.first + self.k * (n - 1.0)
        self.span = np.log1p(np.maximum(t / self.rate, SHORTEST))
        self.scale = special.betaln(self.events, self.shape)
        self.peak = arrival_peak(self.shape, self.events, self.span) - self.scale

    def sums(self, discount: float, top: Array) -> Array:
        """Return probabilities over e^top, and these times the three moments, (4, rows)."""
        s, step = arrival_nodes(self.shape, self.events, self.span)
        logs = log_arrival(s, self.shape, self.events) - self.scale - top
        left = self.a * step * np.exp(logs)
        length = self.rate * np.expm1(s)
        result = _weighted(left, *self._moments(self.events - 1.0, length, discount, last=True))
        end = self.rate * np.expm1(self.span)
        for more in range(self.k):
            made = self.events + more
            ways = special.betaln(self.shape, made + 1.0) + np.log(self.shape + made)
            stayed = np.exp(log_arrival(self.span, self.shape, made + 1.0) - ways - top)
            stayed = stayed * (self.b + self.n - 1.0)
            result += _weighted(stayed, *self._moments(made, end, discount, last=False))
        return result * self.weight[:, 0]

    def _moments(
        self, events: Array, length: Array, discount: float, *, last: bool
    ) -> tuple[Array, Array, Array]:
        """Return the moments given the events before `length`, or else up to it."""
        n, z = self.n - 1.0 if last else self.n, discount * length
        total, squares = _ordered(self.first, self.k, n, events, z)
        spread = (total / np.maximum(n, 1.0) * z) ** 2 * _spread(self.first, self.k, n, events)
        square = np.where(n == 1.0, squares, total**2 + spread)
        w = np.exp(-z) if last else np.zeros_like(z)
        return total + w, squares + w * w, square + w * (2.0 * total + w)


def _weighted(weights: Array, *values: Array) -> Array:
    return np.stack([weights.sum(axis=1), *((weights * each).sum(axis=1) for each in values)])


def _ordered(first: int, k: int, n: Array, events: Array, z: Array) -> tuple[Array, Array]:
    """Return the sums of E[e^(-z U)] and E[e^(-2 z U)] over n purchases.

    U is the place of event first, first + k, ... among all, which are even over (0, 1): beta, so
    that the expectation is 1F1. Of its two series the one with positive terms is summed, for all
    purchases at once, as only its coefficients differ between them.
    """
    place, term = _places(n, float(np.abs(z).max(initial=0.0)))
    later = np.where(z >= 0.0, 1.0, 0.0).all()
    start = events + 1.0 - (first + k * place) if later else first + k * place + 0.0 * events
    size, largest = np.abs(z), 2.0 * float(np.abs(z).max(initial=0.0))
    sums = []
    for r in range(_terms(largest)):
        sums.append(term.sum(axis=1, keepdims=True))
        term = term * ((start + r) / (events + 1.0 + r))
    one, two = _series(sums, size), _series(sums, 2.0 * size)
    return (one * np.exp(-z), two * np.exp(-2.0 * z)) if later else (one, two)


def _series(coefficients: Sequence[Array], z: Array) -> Array:
    """Return the sum of c_r z^r / r!."""
    total = np.zeros_like(z)
    for r in range(min(len(coefficients), _terms(float(z.max(initial=0.0)))), 0, -1):
        total *= z
        total *= 1.0 / r
        total += coefficients[r - 1]
    return total


def _places(n: Array, z: float) -> tuple[Array, Array]:
    """Return points among 0, ..., n - 1 and their weights, (rows, points), to sum e^(-z U) over."""
    count = math.ceil(_POINTS + 3.0 * math.sqrt(z))
    every = np.arange(min(count, max(1, int(n.max()))))
    points, term = every + 0.0 * n, np.where(every < n, 1.0, 0.0)
    many = np.flatnonzero(n[:, 0] > count)
    if len(many):
        each, code = np.unique(n[many, 0], return_inverse=True)
        rules = np.array([_rule(float(most), count) for most in each])[code]
        points[many], term[many] = rules[:, 0], rules[:, 1]
    return points, term


@lru_cache(maxsize=1 << 12)
def _rule(n: float, count: int) -> Array:
    """Return points and weights of Gauss's rule for sums over 0, ..., n - 1, (2, count).

    Exact for polynomials of a degree below 2 count. The matrix is the recurrence of the discrete
    Chebyshev polynomials.
    """
    j = np.arange(1.0, count)
    beside = j * np.sqrt((n * n - j * j) / (4.0 * (4.0 * j * j - 1.0)))
    middle, vectors = np.linalg.eigh(np.diag(beside, -1))
    return np.stack([np.clip(middle + 0.5 * (n - 1.0), 0.0, n - 1.0), n * vectors[0] ** 2])


def _terms(z: float) -> int:
    """Return how many terms z^r / r! there are until they are as good as none."""
    r, term = 0, 1.0
    while r < z or term > 1e-17 * math.exp(min(z, 700.0)):
        r += 1
        term = term * z / r
    return r + 1


def _spread(first: int, k: int, n: Array, events: Array) -> Array:
    """Return the variance of the sum of the places of n purchases among the events."""
    both = first * n * n + k * n * (n - 1.0) * (2.0 * n - 1.0) / 6.0  # sum of the earlier of two
    places = n * first + 0.5 * k * n * (n - 1.0)
    free = events + 1.0
    return np.asarray((free * both - places**2) / (free**2 * (free + 1.0)))
