"""The law of a customer's future value: a mixture over the number of purchases.

Everything here is for customers who have bought equally often. What a number of purchases is worth
(`given_number`) is then the same for all of them, or nearly so with discounting, and is evaluated
once: the law of each state is a matrix product of chances and values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.customers import Customers
from clvmodels.models.purchases import PurchaseModel
from clvmodels.predictive.given_number import Blocks, Law, price_law, spend_given
from clvmodels.predictive.tables import Curves, refined
from clvmodels.special.discounts import Discounts

__all__ = ["Buyers", "Horizon", "Spend", "Tables", "moments", "tabulated"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]

_RARE: Final = 1e-6  # chance of numbers of purchases that are left to the last block
_BLOCK: Final = 0.006  # chance of a block of more than one number, at most
_FALL: Final = 2.0  # by how many times the chance of more falls within a block, at most
_STEP: Final = 0.15  # of a distribution function between nodes, at most
_LOGIT: Final = 1.5  # of its logit
_TAIL: Final = 8.0  # a logit beyond which nobody looks
_BENT: Final = 0.002  # by how much its slopes may miss a step, were it a parabola
_FINEST: Final = 2e-4  # relative distance of nodes, at least
_EVEN: Final = 11  # nodes to begin with
_WITNESSES: Final = 6  # states that say where blocks and nodes are to be
_ALIKE: Final = 2e-3  # relative differences of discounts that are none
_FEW: Final = 3  # states between which laws with discounting are interpolated
_SEVERAL: Final = 5
_KNOTS: Final = 10  # states between which differences of draws are interpolated
_NEAR: Final = 0.04  # relative differences of discounts for which few will do
_TOGETHER: Final = 1 << 20  # rows in one call of a model


@dataclass(frozen=True)
class Horizon:
    """The future that counts: a finite length, a rate per unit, and whether it goes on.

    A longer horizon is cut off where money is worth next to nothing, and what comes before is made
    to count a little more, so that the mean is exact.
    """

    length: float
    rate: float
    whole: float

    @property
    def cut(self) -> bool:
        """Whether something is left out."""
        return self.whole > self.length

    @property
    def smallest(self) -> float:
        """What money at its end is worth now."""
        return math.exp(-self.rate * self.length)


@dataclass(frozen=True)
class Spend:
    """Shapes of one purchase and of the customers here; the scale, relative to the unit of Z."""

    purchase: float
    customer: float
    ratio: float = 1.0


@dataclass(frozen=True)
class Buyers:
    """Customers who have bought equally often, at some parameters, alive.

    Attributes
    ----------
    model : PurchaseModel
        With parameters that are numbers, or one a row.
    states : Customers
        n distinct states.
    spend : Spend or None
        None where all that counts is the purchases: a price is the unit.
    """

    model: PurchaseModel
    states: Customers
    spend: Spend | None

    def take(self, rows: Index) -> Buyers:
        """Return some of the states."""
        return Buyers(self.model.take(rows), self.states.take(rows), self.spend)

    def tails(self, numbers: Array, length: float) -> Array:
        """Return P(at least that many purchases), (n, k), of k numbers."""
        k, found = len(numbers), []
        size = max(1, _TOGETHER // k)
        for start in range(0, len(self.states), size):
            rows = np.repeat(np.arange(start, min(start + size, len(self.states))), k)
            n, t = np.tile(numbers, len(rows) // k), np.full(len(rows), length)
            tail = self.model.take(rows).tail_if_alive(self.states.take(rows), n, t)
            found.append(tail.reshape(-1, k))
        return np.concatenate(found)

    def law(self, row: int, blocks: Blocks, horizon: Horizon, chances: Array) -> Law:
        """Return the law of the value of each block, as one state has it."""
        found = self._discounts(row, blocks, horizon)
        if horizon.rate != 0.0:
            found = _with_mean(found, blocks, chances[row], self._mean(row, horizon))
        if self.spend is None:
            return price_law(blocks, found, horizon.smallest)
        money = self.spend.purchase, self.spend.customer, self.spend.ratio
        return spend_given(blocks, found, money, horizon.smallest)

    def weights(self, row: int, blocks: Blocks, horizon: Horizon) -> Array:
        """Return the mean discount of a purchase of each block, (b,), as one state has it."""
        return self._discounts(row, blocks, horizon).total / blocks.typical

    def _discounts(self, row: int, blocks: Blocks, horizon: Horizon) -> Discounts:
        n = blocks.typical
        if horizon.rate == 0.0:
            return Discounts(n, n, n * n)
        rows = np.full(len(n), row)
        length = np.full(len(n), horizon.length)
        model, states = self.model.take(rows), self.states.take(rows)
        return model.discounts_if_alive(states, n, length, horizon.rate)

    def _mean(self, row: int, horizon: Horizon) -> float:
        one = np.array([row])
        states = self.states.take(one)
        model = self.model.take(one)
        return float(model.discounted_if_alive(states, horizon.whole, horizon.rate)[0])


def _with_mean(found: Discounts, blocks: Blocks, chances: Array, mean: float) -> Discounts:
    """Return discounts multiplied so that the mean of the mixture is as given."""
    now = float(chances @ (found.total * blocks.mean / blocks.typical))
    more = mean / now if now > 0.0 else 1.0
    return Discounts(found.total * more, found.squares * more**2, found.square * more**2)


# --- numbers of purchases ---------------------------------------------------------------------


def blocks_of(buyers: Buyers, length: float) -> tuple[Blocks, Index]:
    """Return blocks of numbers of purchases, and the witnesses: states from rare to frequent.

    Every number is a block where it is likely, and blocks grow where it is not, so that a customer
    with thousands of purchases ahead needs a few hundred blocks, too.
    """
    ends = [1.0, 2.0]
    tails = buyers.tails(np.array(ends), length)
    while (tails[:, -1] > _RARE * tails[:, 0]).any():
        ends.append(2.0 * ends[-1])
        tails = np.hstack([tails, buyers.tails(np.array(ends[-1:]), length)])
    order = np.argsort(tails.sum(axis=1), kind="stable")
    some = order[np.unique(np.linspace(0, len(order) - 1, _WITNESSES).round().astype(np.intp))]
    witnesses = buyers.take(some)
    first = np.maximum(witnesses.tails(np.ones(1), length), np.finfo(np.float64).tiny)

    def coarse(_: Array, tails: Array) -> NDArray[np.bool_]:
        share = tails / first
        steep = share[:, :-1] - share[:, 1:] > _BLOCK
        steep |= share[:, :-1] + _RARE > _FALL * (share[:, 1:] + _RARE)
        steep |= (tails[:, :-1] > 0.0) & (tails[:, 1:] == 0.0)  # how many are possible at all
        return np.asarray(steep.any(axis=0))

    numbers, found = refined(
        np.array(ends),
        lambda numbers: witnesses.tails(numbers, length),
        lambda low, high: np.floor(0.5 * (low + high)),
        coarse,
    )
    possible = int((found > 0.0).any(axis=0).sum())
    numbers = numbers[: possible + 1]
    return Blocks(numbers[:-1], numbers[1:]), some


def chances_of(buyers: Buyers, blocks: Blocks, length: float) -> tuple[Array, Array]:
    """Return P(a number in each block), (n, b), and P(a purchase), (n,); the last has all above."""
    tails = buyers.tails(blocks.first, length)
    chances = tails.copy()
    chances[:, :-1] -= tails[:, 1:]
    return np.maximum(chances, 0.0), tails[:, 0]


# --- laws of states ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Tables:
    """The law of Z of n states who are alive.

    Attributes
    ----------
    mass : Curves
        P(0 < Z <= z | alive) at values of ln z, n rows.
    buys : Array
        P(Z > 0 | alive), (n,).
    """

    mass: Curves
    buys: Array

    def take(self, rows: Index) -> Tables:
        """Return the tables of some of the states."""
        curves = Curves(self.mass.nodes, self.mass.values[rows], self.mass.slopes[rows])
        return Tables(curves, self.buys[rows])

    def plus(self, shares: Array, before: Tables, after: Tables) -> Tables:
        """Return these tables, moved as some of the states have moved, with shares (n, r)."""
        values = self.mass.values + shares @ (after.mass.values - before.mass.values)
        slopes = self.mass.slopes + shares @ (after.mass.slopes - before.mass.slopes)
        values = np.maximum.accumulate(np.clip(values, 0.0, 1.0), axis=1)
        buys = np.clip(self.buys + shares @ (after.buys - before.buys), 0.0, 1.0)
        return Tables(Curves(self.mass.nodes, values, np.maximum(slopes, 0.0)), buys)


def tabulated(draws: Sequence[Buyers], horizon: Horizon) -> list[Tables]:
    """Return the law of Z of the same states at several parameters, at the same nodes.

    The first parameters say where nodes and blocks are to be.
    """
    blocks, witnesses = blocks_of(draws[0], horizon.length)
    if not len(blocks.first) or horizon.length == 0.0:
        nothing = np.zeros((len(draws[0].states), 2))
        curves = Curves(np.array([0.0, 1.0]), nothing, nothing)
        return [Tables(curves, nothing[:, 0]) for _ in draws]
    fitted = _Mixture.of(draws[0], blocks, horizon)
    nodes = _nodes(fitted, witnesses)
    first = fitted.table(nodes)
    rows, shares = _knots(draws[0], fitted.chances @ blocks.mean)
    if len(rows) == len(first.buys):
        return [first] + [_Mixture.of(each, blocks, horizon).table(nodes) for each in draws[1:]]
    some = first.take(rows)
    moved = (_Mixture.of(each.take(rows), blocks, horizon).table(nodes) for each in draws[1:])
    return [first] + [first.plus(shares, some, each) for each in moved]


def _knots(buyers: Buyers, number: Array) -> tuple[Index, Array]:
    """Return states at which other draws are worked out, and shares of all states in them, (n, r).

    The law given other parameters is that at the first ones and a small difference, which changes
    smoothly with T where x is the same. All states where more than T tells them apart.
    """
    n = len(number)
    if n <= 2 * _KNOTS or "recency" in buyers.model.state or buyers.model.varying():
        return np.arange(n), np.eye(0)
    rows, shares = _spaced(np.log(np.maximum(number, np.finfo(np.float64).tiny)), _KNOTS)
    return np.array(rows), shares


def moments(buyers: Buyers, horizon: Horizon) -> Array:
    """Return E[Z], E[Z^2], E[Z^3] given alive, (3, n), infinite where they do not exist."""
    blocks, _ = blocks_of(buyers, horizon.length)
    if not len(blocks.first) or horizon.length == 0.0:
        return np.zeros((3, len(buyers.states)))
    mixture = _Mixture.of(buyers, blocks, horizon)
    return mixture.average([law.powers().T for law in mixture.laws]).T


@dataclass(frozen=True)
class _Mixture:
    """Chances of blocks (n, b); laws of blocks at some states, and shares of these, (n, r)."""

    chances: Array
    buys: Array
    laws: list[Law]
    shares: Array

    @classmethod
    def of(cls, buyers: Buyers, blocks: Blocks, horizon: Horizon) -> _Mixture:
        chances, buys = chances_of(buyers, blocks, horizon.length)
        rows, shares = _between(buyers, blocks, chances, horizon)
        laws = [buyers.law(row, blocks, horizon, chances) for row in rows]
        return cls(chances, buys, laws, shares)

    def average(self, columns: Sequence[Array]) -> Array:
        """Average columns (b, k) of the blocks, one for each law, over blocks and laws: (n, k)."""
        parts = (
            share[:, None] * (self.chances @ each)
            for share, each in zip(self.shares.T, columns, strict=True)
        )
        return np.asarray(sum(parts))

    def mass(self, nodes: Array) -> Array:
        """Return P(0 < Z <= z | alive), (n, k)."""
        found = self.average([law.cdf(nodes) for law in self.laws])
        return np.maximum.accumulate(np.clip(found, 0.0, 1.0), axis=1)

    def table(self, nodes: Array) -> Tables:
        """Return the tables at values of ln z."""
        return Tables(Curves(nodes, self.mass(nodes), self.density(nodes)), self.buys)

    def density(self, nodes: Array) -> Array:
        """Return its derivative in ln z, (n, k)."""
        return np.maximum(self.average([law.density(nodes) for law in self.laws]), 0.0)

    def take(self, rows: Index) -> _Mixture:
        """Return some of the states."""
        return _Mixture(self.chances[rows], self.buys[rows], self.laws, self.shares[rows])


def _between(
    buyers: Buyers, blocks: Blocks, chances: Array, horizon: Horizon
) -> tuple[list[int], Array]:
    """Return a few states, and how laws of all are interpolated between theirs, (n, r).

    Among customers who have bought equally often, when n purchases come depends a little on how
    often they buy: on the logarithm of their mean number.
    """
    number = np.log(np.maximum(chances @ blocks.mean, np.finfo(np.float64).tiny))
    order = np.argsort(number, kind="stable")
    last = len(order) - 1
    if horizon.rate == 0.0 or number[order[0]] == number[order[last]]:
        return [int(order[last // 2])], np.ones((len(order), 1))
    ends = [buyers.weights(int(order[i]), blocks, horizon) for i in (0, last)]
    apart = float(np.abs(np.log(ends[0] / ends[1])).max())
    if apart < _ALIKE and not horizon.cut:
        return [int(order[last // 2])], np.ones((len(order), 1))
    count = _FEW if apart < _NEAR else _SEVERAL
    return _spaced(number, count)


def _spaced(number: Array, count: int) -> tuple[list[int], Array]:
    """Return states near Chebyshev's points of a number that they have, and shares in them."""
    order = np.argsort(number, kind="stable")
    last = len(order) - 1
    low, high = number[order[0]], number[order[last]]
    wanted = 0.5 * (low + high) - 0.5 * (high - low) * np.cos(np.linspace(0.0, np.pi, count))
    places = np.clip(np.searchsorted(number[order], wanted), 0, last)
    before = np.maximum(places - 1, 0)
    nearer = np.abs(number[order[before]] - wanted) < np.abs(number[order[places]] - wanted)
    rows = order[np.unique(np.where(nearer, before, places))]
    rows = rows[np.diff(number[rows], prepend=-np.inf) > 0.0]
    return rows.tolist(), _lagrange(number[rows], number)


def _lagrange(nodes: Array, x: Array) -> Array:
    """Return the weights of polynomial interpolation, (n, r), which add up to 1."""
    weights = np.empty((len(x), len(nodes)))
    for j, own in enumerate(nodes):
        others = np.delete(nodes, j)
        weights[:, j] = np.prod((x[:, None] - others) / (own - others), axis=1)
    return weights


def _nodes(mixture: _Mixture, witnesses: Index) -> Array:
    """Return values of ln z such that no witness has much between two."""
    ranges = np.array([law.range() for law in mixture.laws])
    some = mixture.take(witnesses)
    buys = np.maximum(some.buys, np.finfo(np.float64).tiny)[:, None]

    def halves(low: Array, high: Array) -> Array:
        return np.where(high - low > _FINEST, 0.5 * (low + high), low)

    def values(log_z: Array) -> Array:
        return np.vstack([some.mass(log_z) / buys, some.density(log_z) / buys])

    def coarse(log_z: Array, rows: Array) -> NDArray[np.bool_]:
        p, slope = np.split(rows, 2)
        steps = np.diff(p, axis=1)
        logit = np.clip(special.logit(np.minimum(p, 1.0)), -_TAIL, _TAIL)
        straight = 0.5 * np.diff(log_z) * (slope[:, 1:] + slope[:, :-1])
        bent = np.abs(steps - straight) > _BENT
        return np.asarray((bent | (steps > _STEP) | (np.diff(logit, axis=1) > _LOGIT)).any(axis=0))

    first = np.linspace(ranges[:, 0].min(), ranges[:, 1].max(), _EVEN)
    return refined(first, values, halves, coarse)[0]
