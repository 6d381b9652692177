"""Simulated sums of few customers, each from the laws of their own purchases and spend.

A seed of its own makes the same customers give the same draws.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.models.purchases import PurchaseModel
from clvmodels.predictive.totals import Exposure, Terms, base_of, scale_of
from clvmodels.special import distinct_rows

__all__ = ["SEED", "Futures", "Single", "drawn_sums", "futures_of", "singles_of"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]

SEED: Final = 20_260
_BUDGET: Final = 1 << 27  # draws of customers in all
_LEAST, _MOST = 1_000, 10_000  # draws of a sum
_BLOCK: Final = 1 << 21  # draws of customers at a time
_CELLS: Final = 1 << 24  # sums at a time
_STATES: Final = 1 << 9  # states whose tables are in memory
_RARE: Final = 1e-7  # probability of more purchases than a table has
_NOTHING: Final = 1e-3  # what money is worth where an infinite horizon is cut off
_ROUNDING: Final = 1e-6  # relative spread of scales that sums of squares cannot tell from none
_CERTAIN: Final = 1e12  # nobody buys so often
_EXACT, _GRID = 12, 40  # numbers of purchases at which discounts are worked out
_DENSE: Final = 64.0  # numbers of purchases that a table has one by one
_WIDER: Final = 0.05  # how wide, in logarithms, the steps beyond are at most
_HEAVY: Final = 0.02  # probability within a step, beyond which it is halved
_LIKELY: Final = 0.002  # probability of a step, beyond which its discounts are worked out
_TINY: Final = 1e-300


@dataclass(frozen=True)
class Futures:
    """Laws of the purchases that are ahead of s customers who are alive, at k numbers of them.

    Attributes
    ----------
    number : Array
        Shape (k,): 0, 1, 2, ..., and ever wider steps where there are many.
    tail : Array
        Shape (s, k): P(at least so many purchases).
    discounts : tuple of Array
        Each (s, k), of the discounts w given n purchases: E[sum w] / n, E[sum w^2] / n and
        Var[sum w] / n, which hardly change with n.
    shape : float or None
        Of the gamma law of what one purchase is worth; None where that is certain.
    """

    number: Array
    tail: Array
    discounts: tuple[Array, Array, Array]
    shape: float | None

    def draw(self, row: Index, u: Array, rng: np.random.Generator) -> Array:
        """Return draws of the discounted sum, shape (m,), of customers who buy at least once.

        `u` are uniform between 0 and P(at least one purchase); they settle how many.
        """
        step = np.ones(len(row), dtype=np.intp)
        open_rows = np.arange(len(row))
        for k in range(2, len(self.number)):
            open_rows = open_rows[u[open_rows] < self.tail[row[open_rows], k]]
            if not len(open_rows):
                break
            step[open_rows] = k
        n = self._between(row, step, u)
        one, square_each, spread = (each[row, step] for each in self.discounts)
        p = 1.0 if self.shape is None else self.shape
        mean, variance = p * n * one, p * p * n * spread
        if self.shape is not None:
            variance += p * n * square_each
        certain = variance <= 1e-12 * mean**2
        scale = variance / mean
        drawn = rng.standard_gamma(mean / np.where(certain, 1.0, scale)) * scale
        return np.where(certain, mean, drawn)

    def _between(self, row: Index, step: Index, u: Array) -> Array:
        """Return the whole numbers that u stands for, evenly likely within a step."""
        after = np.minimum(step + 1, len(self.number) - 1)
        low, width = self.number[step], self.number[after] - self.number[step]
        high = self.tail[row, step]
        fall = np.maximum(high - self.tail[row, after], _TINY)
        share = np.clip((high - u) / fall, 0.0, 1.0)
        return low + np.minimum(np.floor(share * width), np.maximum(width - 1.0, 0.0))


def futures_of(model: Any, customers: Customers, spend: Any, terms: Terms) -> Futures:
    """Return the laws for customers as the rows of a purchase model, at the shape of a spend."""
    t, rows = finite_horizon(model, terms), model.rows(customers)
    number, tail = _tails(rows, customers, t)
    total, squares, spread = _discounts(rows, customers, number, tail, t, terms)
    shape = None if spend is None else float(base_of(spend).p)
    return Futures(number, tail, (total, squares, spread), shape)


def _tails(rows: PurchaseModel, customers: Customers, t: float) -> tuple[Array, Array]:
    """Return numbers of purchases from 0 on, (k,), and P(at least so many), (s, k).

    All numbers where there are few. Else steps of a few percent, halved where any customer has much
    of their probability within one.
    """

    def tails(n: Array) -> Array:
        many, some, number = _crossed(rows, customers, n)
        found = many.tail_if_alive(some, number, np.full(len(number), t))
        return np.asarray(found.reshape(-1, len(n)))

    n = np.append(0.0, _numbers(_most(rows, customers, t)))
    tail = tails(n)
    while True:
        heavy = (tail[:, :-1] - tail[:, 1:]).max(axis=0, initial=0.0) > _HEAVY
        wide = heavy & (np.diff(n) > 1.0)
        if not wide.any():
            return n, tail
        between = np.floor(0.5 * (n[:-1] + n[1:]))[wide]
        order = np.argsort(np.append(n, between), kind="stable")
        n = np.append(n, between)[order]
        tail = np.hstack([tail, tails(between)])[:, order]


def _numbers(most: float) -> Array:
    """Return every number up to a limit, and beyond it steps of a few percent."""
    every = np.arange(1.0, min(most, _DENSE) + 1.0)
    steps = math.ceil(math.log(max(most / _DENSE, 1.0)) / _WIDER)
    wide = _DENSE * (most / _DENSE) ** (np.arange(1.0, steps + 1.0) / max(steps, 1))
    return np.append(every, np.unique(np.ceil(wide)))


def _crossed(
    rows: PurchaseModel, customers: Customers, n: Array
) -> tuple[PurchaseModel, Customers, Array]:
    """Return model, customers and numbers for each customer and each number."""
    each = np.repeat(np.arange(len(customers)), len(n))
    return rows.take(each), customers.take(each), np.tile(n, len(customers))


def _discounts(
    rows: PurchaseModel, customers: Customers, n: Array, tail: Array, t: float, terms: Terms
) -> tuple[Array, Array, Array]:
    """Return mean, squares and variance of the discounts of n purchases, per one, each (s, k).

    They are worked out at few numbers, and where customers are; in between they are interpolated.
    """
    if terms.rate == 0.0:
        one = np.ones_like(tail)
        return one, one, 0.0 * one
    likely = (tail[:, :-1] - tail[:, 1:]).max(axis=0, initial=0.0) > _LIKELY
    spaced = np.searchsorted(n, np.geomspace(1.0, n[-1], _GRID))
    places = np.union1d(np.flatnonzero(likely), np.append(spaced, np.arange(1, _EXACT + 1)))
    few = n[places[(places > 0) & (places < len(n))]]
    many, some, number = _crossed(rows, customers, few)
    found = many.discounts_if_alive(some, number, np.full(len(number), t), terms.rate)
    scale = _endless(rows, customers, t, terms)[:, None]
    spread = np.maximum(found.square - found.total**2, 0.0)
    total, squares, spread = (
        np.stack([np.interp(n, few, row) for row in (each / number).reshape(-1, len(few))])
        for each in (found.total, found.squares, spread)
    )
    return total * scale, squares * scale**2, spread * scale**2


def _endless(rows: PurchaseModel, customers: Customers, t: float, terms: Terms) -> Array:
    """Return by how much more purchases count where what comes after a cut is left out, (s,)."""
    if terms.horizon < t + 1.0:
        return np.ones(len(customers))
    whole = rows.discounted_if_alive(customers, terms.horizon, terms.rate)
    return whole / rows.discounted_if_alive(customers, t, terms.rate)


def finite_horizon(model: Any, terms: Terms) -> float:
    """Return the horizon, or the time after which money is worth next to nothing."""
    cut = math.ceil(-math.log(_NOTHING) / terms.rate) if terms.rate > 0.0 else math.inf
    return float(model.whole_periods(np.asarray(min(terms.horizon, float(cut)))))


def _most(rows: PurchaseModel, customers: Customers, t: float) -> float:
    """Return a number of purchases that hardly anybody exceeds."""
    n, times = 8.0, np.full(len(customers), t)
    while n < _CERTAIN:
        counts = np.full(len(customers), n)
        if float(rows.tail_if_alive(customers, counts, times).max(initial=0.0)) <= _RARE:
            break
        n += n // 2.0
    return n


@dataclass(frozen=True)
class Single:
    """Customers one by one, arrays of shape (n,).

    Attributes
    ----------
    pattern, segment : Index
        Row of the patterns, and number of the segment.
    scale : Array
        Margin (v + s). Customers of one group, of which sums alone are known, are spread evenly so
        that mean and variance of the scale are theirs.
    """

    pattern: Index
    segment: Index
    scale: Array


def singles_of(exposure: Exposure, spend: Any, segments: Index) -> Single:
    """Return the customers of some segments, in order of segment and history."""
    wanted = np.zeros(exposure.segments, dtype=np.bool_)
    wanted[segments] = True
    part = exposure.take(np.flatnonzero(wanted[exposure.segment]))
    v = scale_of(part, spend)
    count = np.rint(part.count).astype(np.intp)
    mean = part.scales(1, v) / part.count
    spread = np.sqrt(np.maximum(part.scales(2, v) / part.count - mean**2, 0.0))
    group = np.repeat(np.arange(len(count)), count)
    place = np.arange(len(group)) - np.repeat(np.cumsum(count) - count, count)
    size = count[group]
    even = (2.0 * place - size + 1.0) * np.sqrt(3.0 / np.maximum(size**2 - 1.0, 1.0))
    scale = mean[group] + np.where(spread > _ROUNDING * np.abs(mean), spread, 0.0)[group] * even
    return Single(part.pattern[group], part.segment[group], scale)


def drawn_sums(
    exposure: Exposure, models: tuple[Any, Any], terms: Terms, segments: Index
) -> Iterator[tuple[int, Array]]:
    """Yield some segments with simulated sums, shape (draws,)."""
    wanted = np.isin(exposure.segment, segments)
    draws = int(np.clip(_BUDGET // max(exposure.count[wanted].sum(), 1.0), _LEAST, _MOST))
    size = max(1, _CELLS // draws)
    for start in range(0, len(segments), size):
        some = segments[start : start + size]
        yield from zip(some.tolist(), _drawn(exposure, models, terms, some, draws), strict=True)


def _drawn(
    exposure: Exposure, models: tuple[Any, Any], terms: Terms, segments: Index, draws: int
) -> Array:
    """Return simulated sums, shape (len(segments), draws)."""
    purchases, spend = models
    single = singles_of(exposure, spend, segments)
    sums = np.zeros(len(segments) * draws)
    place = np.searchsorted(segments, single.segment)
    shape = None
    if spend is not None:
        base = base_of(spend)
        shape = base.q + base.p * exposure.patterns.frequency
    rng = np.random.default_rng(SEED)
    alive = purchases.p_alive(exposure.patterns)
    for futures, rows, who in _blocks(exposure, single, purchases, spend, terms):
        for start in range(0, len(who), max(1, _BLOCK // draws)):
            chunk = slice(start, start + max(1, _BLOCK // draws))
            mine, state = who[chunk], rows[chunk]
            chance = alive[single.pattern[mine]]
            u = rng.random((len(mine), draws))
            one, draw = np.nonzero(u < (chance * futures.tail[state, 1])[:, None])
            worth = futures.draw(state[one], u[one, draw] / chance[one], rng)
            if shape is not None:
                worth /= rng.standard_gamma(shape[single.pattern[mine[one]]])
            np.add.at(sums, place[mine[one]] * draws + draw, worth * single.scale[mine[one]])
    return sums.reshape(len(segments), draws)


def _blocks(
    exposure: Exposure, single: Single, purchases: Any, spend: Any, terms: Terms
) -> Iterator[tuple[Futures, Index, Index]]:
    """Yield futures of some states, and the customers of these: row of the futures, and number."""
    patterns = exposure.patterns
    rows = purchases.rows(patterns)
    known = dict(zip(("frequency", "recency", "T"), patterns.timing, strict=True))
    first, state = distinct_rows(*(known[name] for name in rows.state), *rows.varying().values())
    used = np.unique(state[single.pattern])
    ahead = rows.take(first[used]).purchases_if_alive(
        patterns.take(first[used]), np.full(len(used), finite_horizon(purchases, terms))
    )
    ranked = used[np.argsort(ahead, kind="stable")]  # alike in how many purchases are likely
    rank = np.empty(len(first), dtype=np.intp)
    rank[ranked] = np.arange(len(ranked))
    own = rank[state[single.pattern]]
    order = np.argsort(own, kind="stable")
    edges = np.arange(0, len(ranked) + _STATES, _STATES)
    cuts = np.searchsorted(own[order], edges)
    for block in range(len(edges) - 1):
        who = order[cuts[block] : cuts[block + 1]]
        chosen = first[ranked[edges[block] : edges[block + 1]]]
        if len(who):
            futures = futures_of(purchases, patterns.take(chosen), spend, terms)
            yield futures, own[who] - edges[block], who
