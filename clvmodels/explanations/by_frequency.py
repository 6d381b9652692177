"""What is expected of a customer of whom age and number of purchases are known, but not when.

E[purchases ahead | x, T] = P(alive and x purchases by T) / P(x purchases by T) times what is
expected of who is alive. Given that a customer is alive, all times of x purchases are alike (at
any time, or in any x of T periods), so that the numerator is the likelihood of one history times
the number of ways; where timing is regular, an average over the time of the last purchase.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.customers import Customers
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.purchases import OpportunityModel, PurchaseModel
from clvmodels.special import distinct_rows

__all__ = ["ahead_by_frequency"]

Array: TypeAlias = NDArray[np.float64]

# With u = w^4 the average over the last purchase at T u^(1/x) is that of a smooth function of w:
# for k events to a purchase it falls as w^(4 k - 1). 48 nodes: to 2e-12 for k up to 24.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)
_POWER: Final = 4.0
_BLOCK: Final = 1 << 12  # histories at a time


def ahead_by_frequency(
    model: PurchasePredictions, customers: Customers, horizon: float, rate: float
) -> Array:
    """Return expected discounted purchases given frequency and age alone, shape (n,).

    Parameters
    ----------
    model
        A purchase model.
    customers
        n histories, with the covariates of the model. The recency counts where it is 0, since
        that is known with the frequency.
    horizon
        Length of the future; may be infinite where the sum has an end.
    rate
        Continuous discount rate per unit.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> c = Customers.from_arrays([2, 2, 0], [30.0, 9.0, 0.0], [39.0] * 3, unit="week")
    >>> ahead_by_frequency(BGNBD(0.243, 4.414, 0.793, 2.426), c, 39.0, 0.0).round(3).tolist()
    [0.843, 0.843, 0.195]
    """
    x, _, T = customers.timing
    own = model.rows(customers)
    first, code = distinct_rows(x, T, *own.varying().values())
    some, its = customers.take(first), own.take(first)
    if "frequency" not in its.state or not len(first):
        # Of contracts the frequency says when the last renewal was.
        return np.asarray(model.discounted_purchases(customers, horizon, rate))
    if "recency" in its.state:
        return _over_last_purchase(model, its, some, horizon, rate)[code]
    latest = replace(some, recency=np.where(x[first] > 0.0, T[first], 0.0))
    alive = _p_alive(its, latest)
    return np.asarray((alive * model.discounted_given_alive(latest, horizon, rate))[code])


def _p_alive(own: PurchaseModel, c: Customers) -> Array:
    """Return P(alive at T | x purchases by T), shape (n,)."""
    x = c.frequency
    known = own.p_alive(c)
    some = np.flatnonzero(x > 0.0)
    part, its = c.take(some), own.take(some)
    with np.errstate(divide="ignore"):
        log_alive = its.log_likelihood(part) + np.log(known[some]) + _log_ways(its, part)
    known[some] = np.exp(np.minimum(log_alive - _log_count(its, part), 0.0))
    return known


def _log_ways(own: PurchaseModel, c: Customers) -> Array:
    """Return the logarithm of how many times x purchases have, up to the densities of each."""
    x, _, T = c.timing
    if isinstance(own, OpportunityModel):
        return np.asarray(-np.log(T + 1.0) - special.betaln(T - x + 1.0, x + 1.0))
    return np.asarray(x * np.log(T) - special.gammaln(x + 1.0))


def _log_count(own: PurchaseModel, c: Customers) -> Array:
    """Return ln P(X(T) = x), shape (n,), of x above zero."""
    zero = np.zeros(len(c))
    new = replace(c, frequency=zero, recency=zero, age=zero, log_intervals=None)
    there = own.p_alive(new)
    return np.asarray(np.log(there) + own.log_count_if_alive(new, c.frequency, c.timing[2]))


def _over_last_purchase(
    model: PurchasePredictions, own: PurchaseModel, c: Customers, horizon: float, rate: float
) -> Array:
    """Return the mean over the time of the last purchase, where the future depends on it, (n,)."""
    result = np.array(model.discounted_purchases(c, horizon, rate))
    some = np.flatnonzero(c.frequency > 0.0)
    for start in range(0, len(some), _BLOCK):
        rows = some[start : start + _BLOCK]
        result[rows] = _averaged(model, own.take(rows), c.take(rows), horizon, rate)
    return result


def _averaged(
    model: PurchasePredictions, own: PurchaseModel, c: Customers, horizon: float, rate: float
) -> Array:
    w = 0.5 * (1.0 + _NODES)
    each = np.repeat(np.arange(len(c)), len(w))
    share = np.tile(w, len(c))
    many = c.take(each)
    x, _, T = many.timing
    last = T * share ** (_POWER / x)
    many = replace(many, recency=np.where(last > 0.0, last, np.nextafter(0.0, 1.0)))
    many = replace(many, log_intervals=None)
    rows = own.take(each)
    with np.errstate(divide="ignore"):
        log_density = rows.log_likelihood(many) + np.log(rows.p_alive(many))
    log_density += _log_ways(rows, many) + (_POWER - 1.0) * np.log(share)
    log_density -= np.repeat(_log_count(own, c), len(w))
    ahead = model.discounted_given_alive(many, horizon, rate)
    values = (np.exp(log_density) * ahead).reshape(len(c), len(w))
    return np.asarray(0.5 * _POWER * (values @ _WEIGHTS))
