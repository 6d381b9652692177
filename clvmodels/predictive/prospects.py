"""How likely at least n purchases are, once per state, and the search for quantiles.

Given that a customer is alive at T, the future depends on the state alone, (x, T) in most models.
So P(N >= n) = P(alive) P(N >= n | alive, state) for n >= 1: the first factor is one number a
history, the second one is evaluated for the n that the search asks for, once a state. Quantiles are
found by doubling and halving, so that heavy buyers need a dozen values of n, not all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.purchases import PurchaseModel
from clvmodels.special import Index, distinct_rows

__all__ = ["Prospects", "by_chunk"]

Array: TypeAlias = NDArray[np.float64]

_CHUNK: Final = 1 << 16  # patterns at a time: P(alive) of 32 models is 17 MB


@dataclass(frozen=True, eq=False)
class Prospects:
    """What is ahead of m customers in the next t, under several models that are equally likely.

    Attributes
    ----------
    models : tuple of PurchaseModel
        Their parameters are numbers, or one for each of the s states.
    states : Customers
        The s distinct states.
    state : Index
        Shape (m,): the state of each customer.
    alive : Array
        Shape (models, m): P(alive).
    t : float
        Length of the future.
    """

    models: tuple[PurchaseModel, ...]
    states: Customers
    state: Index
    alive: Array
    t: float

    @classmethod
    def of(cls, models: Sequence[PurchasePredictions], patterns: Customers, t: float) -> Prospects:
        """Take customers as they are."""
        first, code = distinct_rows(*_state_columns(models[0], patterns))
        states = patterns.take(first)
        alive = np.stack([model.p_alive(patterns) for model in models])
        return cls(tuple(model.rows(states) for model in models), states, code, alive, t)

    def at_least(self, n: Array, rows: Index | slice = slice(None)) -> Array:
        """Return P(at least n purchases) of some customers, for n of their shape."""
        code, alive = self.state[rows], self.alive[:, rows]
        keys, place = np.unique(code * (int(n.max(initial=0.0)) + 1) + n, return_inverse=True)
        index = np.empty(len(keys), dtype=np.intp)
        index[place] = np.arange(len(place))
        which, counts = code[index], n[index]
        c, t = self.states.take(which), np.full(len(keys), self.t)
        result = np.zeros(len(n))
        for model, there in zip(self.models, alive, strict=True):
            result += there * model.take(which).tail_if_alive(c, counts, t)[place]
        return np.where(n > 0.0, result / len(self.models), 1.0)

    def last_above(self, threshold: Array, start: Array) -> Array:
        """Return the largest n with P(at least n) > threshold, (m,); it holds at `start`."""
        guess = start
        if len(self.models) > 1:  # of one model it is next to that of all, and costs little
            guess = replace(self, models=self.models[:1], alive=self.alive[:1]).last_above(
                threshold, start
            )
        low, high = start.copy(), guess + 1.0

        def narrow(rows: Index, tried: Array) -> NDArray[np.bool_]:
            above = self.at_least(tried, rows) > threshold[rows]
            low[rows[above]], high[rows[~above]] = tried[above], tried[~above]
            return above

        rows, step = np.arange(len(low)), 1.0
        while len(rows):
            rows, step = rows[narrow(rows, high[rows])], 2.0 * step
            high[rows] = low[rows] + step
        rows, step = np.flatnonzero((high == guess + 1.0) & (high - low > 1.0)), 1.0
        while len(rows):
            above = narrow(rows, high[rows] - step)
            rows, step = rows[~above], 2.0 * step
            rows = rows[high[rows] - low[rows] > step]
        while len(rows := np.flatnonzero(high - low > 1.0)):
            narrow(rows, np.floor(0.5 * (low[rows] + high[rows])))
        return low


def by_chunk(
    function: Callable[..., tuple[Array, ...]],
    models: Sequence[PurchasePredictions],
    patterns: Customers,
    t: float,
    *columns: Array,
) -> tuple[Array, ...]:
    """Apply a function of prospects and columns (m,) to chunks of customers with similar states.

    It returns a tuple of arrays, one value for each customer, and so does this.
    """
    if not len(patterns):
        none = np.zeros(1), np.zeros(1)
        return tuple(each[:0] for each in none)
    order = np.lexsort(_state_columns(models[0], patterns)[::-1])
    parts = []
    for start in range(0, len(order), _CHUNK):
        rows = order[start : start + _CHUNK]
        prospects = Prospects.of(models, patterns.take(rows), t)
        parts.append(function(prospects, *(column[rows] for column in columns)))
    results = []
    for part in zip(*parts, strict=True):
        whole = np.empty(len(order))
        whole[order] = np.concatenate(part)
        results.append(whole)
    return tuple(results)


def _state_columns(model: PurchasePredictions, patterns: Customers) -> list[NDArray[np.float64]]:
    """Return what the future of a customer who is alive depends on."""
    known = dict(zip(("frequency", "recency", "T"), patterns.timing, strict=True))
    own = model.rows(patterns.take(slice(0, 1))).state
    return [known[name] for name in own] + [patterns.covariates[name] for name in model.variables]
