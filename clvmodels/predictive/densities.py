"""Logarithms of predictive densities at what happened, however unlikely it was.

A number of purchases: the model's own logarithm given alive, mixed with P(alive). A value: that of
each number of purchases, times the density of what so many are worth, summed over all numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.customers import Customers
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.spend import SpendLaw
from clvmodels.predictive.patterns import Scenario
from clvmodels.predictive.prospects import Prospects, by_chunk
from clvmodels.special import Index, distinct_rows

__all__ = ["log_count_mass", "log_value_density"]

Array: TypeAlias = NDArray[np.float64]

_TINY: Final = float(np.finfo(np.float64).tiny)  # P(alive) below it cannot be told from none
_DEPTH: Final = 23.0  # nats below a sum at which terms are left out: e^-23 = 1e-10
_FEWEST, _LARGEST = 16, 1 << 12  # numbers of purchases at a time
_TERMS: Final = 1 << 20  # terms at a time
_MOST: Final = 1e7  # purchases: nobody buys more often


def log_count_mass(
    models: Sequence[PurchasePredictions], customers: Customers, n: Array, t: float
) -> Array:
    """Return ln P(exactly n purchases within t), shape (m,).

    Parameters
    ----------
    models
        One model, or several that are equally likely.
    customers
        m customers, with the covariates of the models.
    n
        Shape (m,): whole numbers, zero or more.
    t
        Length of the future; finite.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> c = Customers.from_arrays([2, 20], [30.43, 38.0], [38.86, 38.86], unit="week")
    >>> model = BGNBD(0.243, 4.414, 0.793, 2.426)
    >>> log_count_mass([model], c, np.array([0.0, 3000.0]), 26.0).round(3).tolist()
    [-0.642, -2839.322]
    """
    if not len(customers):
        return np.zeros(0)
    return by_chunk(_log_mass, models, customers, t, n)[0]


def _log_mass(ahead: Prospects, n: Array) -> tuple[Array]:
    first, place = distinct_rows(ahead.state.astype(np.float64), n)
    which = ahead.state[first]
    states, counts, t = ahead.states.take(which), n[first], np.full(len(first), ahead.t)
    result = np.full(len(n), -np.inf)
    for model, there in zip(ahead.models, ahead.alive, strict=True):
        own = model.take(which).log_count_if_alive(states, counts, t)[place]
        result = np.logaddexp(result, _with_leaving(own, there, n))
    return (np.minimum(result - np.log(len(ahead.models)), 0.0),)


def _with_leaving(log_p: Array, alive: Array, n: Array) -> Array:
    """Return logarithms of chances of n purchases, given those of customers who are alive."""
    there = np.log(np.maximum(alive, _TINY)) + log_p
    with np.errstate(divide="ignore"):
        gone = np.where(n > 0.0, -np.inf, np.log1p(-alive))
    return np.logaddexp(there, gone)


# --- value ------------------------------------------------------------------------------------


def log_value_density(
    drawn: Sequence[Scenario], customers: Customers, value: Array, t: float
) -> Array:
    """Return the logarithm of the density of undiscounted value above zero, shape (m,).

    Parameters
    ----------
    drawn
        Purchase and spend models, equally likely.
    customers
        m customers with spend, with the covariates of the models.
    value
        Shape (m,): amounts above zero, at a margin of 1.
    t
        Length of the future; finite.

    Examples
    --------
    >>> from clvmodels import BGNBD, GammaGamma
    >>> c = Customers.from_arrays([2], [30.43], [38.86], unit="week", monetary_value=[22.35])
    >>> case = Scenario(BGNBD(0.243, 4.414, 0.793, 2.426), GammaGamma(6.25, 3.74, 15.44))
    >>> log_value_density([case], c, np.array([30.0]), 26.0).round(6).tolist()
    [-4.781129]
    """
    result = np.full(len(customers), -np.inf)
    for each in drawn if len(customers) else ():
        assert each.spend is not None
        law = each.spend.spend_law(customers)
        result = np.logaddexp(result, _log_density(each.purchases, law, customers, value, t))
    return np.asarray(result - np.log(len(drawn)) - np.log(value))


def _log_density(
    purchases: PurchasePredictions, law: SpendLaw, customers: Customers, value: Array, t: float
) -> Array:
    """Return the log-density of ln(value), (m,): a sum over numbers of purchases, with leaving."""
    ahead = Prospects.of([purchases], customers, t)
    u = np.log(value) - np.log(law.scale)
    total, rows = np.full(len(u), -np.inf), np.arange(len(u))
    first, size = 1, _FEWEST
    while len(rows) and first < _MOST:
        numbers = np.arange(first, first + size, dtype=np.float64)
        left = []
        for some in np.array_split(rows, math.ceil(len(rows) * size / _TERMS)):
            terms = _log_counts(ahead, some, numbers)
            possible = np.isfinite(terms).any(axis=1)
            terms += _log_worth(u[some], law, some, numbers)
            more = special.logsumexp(terms, axis=1)
            total[some] = np.logaddexp(total[some], more)
            falls = (more < total[some] - _DEPTH) & (terms[:, -1] <= terms[:, 0])
            left.append(some[possible & ~falls])
        rows, first = np.concatenate(left), first + size
        size = min(max(_FEWEST, first // 2), _LARGEST)
    return np.asarray(total + np.log(np.maximum(ahead.alive[0], _TINY)))


def _log_counts(ahead: Prospects, rows: Index, numbers: Array) -> Array:
    """Return ln P(each number | alive) of some customers, (rows, numbers), once for each state."""
    own, place = np.unique(ahead.state[rows], return_inverse=True)
    which, n = np.repeat(own, len(numbers)), np.tile(numbers, len(own))
    states, t = ahead.states.take(which), np.full(len(n), ahead.t)
    logs = ahead.models[0].take(which).log_count_if_alive(states, n, t)
    return logs.reshape(len(own), -1)[place]


def _log_worth(u: Array, law: SpendLaw, rows: Index, numbers: Array) -> Array:
    """Return the log-density at u of ln(Gamma(p n) / Gamma(a)), (rows, numbers): beta prime."""
    a = law.customer[rows, None]
    s = law.purchase[rows, None] * numbers
    rest = -np.logaddexp(0.0, u)[:, None]  # ln 1 / (1 + e^u)
    return np.asarray(s * u[:, None] + (s + a) * rest - special.betaln(s, a))
