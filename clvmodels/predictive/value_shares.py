"""P(value at most what came) of single customers, without a table of the whole law.

A law of value is worked out once for all that is asked of it. Where a single amount is asked of
each customer, the sum over the number of purchases at that amount costs a tenth.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.customers import Customers
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.spend import SpendLaw, SpendPredictions
from clvmodels.predictive.prospects import Prospects
from clvmodels.special import Index

__all__ = ["value_shares"]

Array: TypeAlias = NDArray[np.float64]

_ENOUGH: Final = 1e-9  # probability that may be left out
_FIRST, _LARGEST = 16, 1 << 12  # numbers of purchases at a time
_TERMS: Final = 1 << 20  # terms at a time
_MOST: Final = 1e7  # purchases: nobody buys more often


def value_shares(
    purchases: PurchasePredictions,
    spend: SpendPredictions,
    customers: Customers,
    value: Array,
    t: float,
) -> Array:
    """Return P(undiscounted value within t is at most `value`), shape (m,), to about 1e-9.

    Parameters
    ----------
    purchases, spend
        Models with parameters.
    customers
        m customers with spend, with the covariates of the models.
    value
        Shape (m,): amounts, zero or more.
    t
        Length of the future; finite.

    Examples
    --------
    >>> from clvmodels import BGNBD, GammaGamma
    >>> c = Customers.from_arrays([2], [30.43], [38.86], unit="week", monetary_value=[22.35])
    >>> models = BGNBD(0.243, 4.414, 0.793, 2.426), GammaGamma(6.25, 3.74, 15.44)
    >>> value_shares(*models, c, np.array([30.0]), 26.0).round(6).tolist()
    [0.728556]
    """
    if not len(customers):
        return np.zeros(0)
    ahead = Prospects.of([purchases], customers, t)
    law = spend.spend_law(customers)
    share = value / (value + law.scale)
    # Of customers who are alive: P(no purchase), P(so many) summed so far, and with their worth.
    none = _chances(ahead, ahead.state, np.zeros(1))[:, 0]
    seen, found, rows = none.copy(), none.copy(), np.flatnonzero(share > 0.0)
    first, size = 1.0, _FIRST
    while len(rows) and first < _MOST:
        left = []
        for start in range(0, len(rows), max(1, _TERMS // size)):
            some = rows[start : start + max(1, _TERMS // size)]
            numbers = np.arange(first, first + size)
            chances = _chances(ahead, ahead.state[some], numbers)
            worth = _worth_at_most(share, law, some, numbers)
            found[some] += (chances * worth).sum(axis=1)
            seen[some] += chances.sum(axis=1)
            left.append(some[np.maximum(1.0 - seen[some], 0.0) * worth[:, -1] > _ENOUGH])
        rows, first, size = np.concatenate(left), first + size, min(2 * size, _LARGEST)
    alive = ahead.alive[0]
    return np.asarray(np.clip(1.0 - alive + alive * found, 0.0, 1.0))


def _chances(ahead: Prospects, state: Index, numbers: Array) -> Array:
    """Return P(each number | alive), (rows, numbers), once for each state."""
    own, place = np.unique(state, return_inverse=True)
    which, n = np.repeat(own, len(numbers)), np.tile(numbers, len(own))
    model = ahead.models[0].take(which)
    logs = model.log_count_if_alive(ahead.states.take(which), n, np.full(len(n), ahead.t))
    return np.asarray(np.exp(logs).reshape(len(own), -1)[place])


def _worth_at_most(share: Array, law: SpendLaw, rows: Index, numbers: Array) -> Array:
    """Return P(Gamma(p n) / Gamma(a) is at most so much), (rows, numbers): beta prime."""
    shape = law.purchase[rows, None] * numbers
    return np.asarray(special.betainc(shape, law.customer[rows, None], share[rows, None]))
