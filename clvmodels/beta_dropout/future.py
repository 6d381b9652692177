"""Future purchases of a customer who may leave, with one probability p ~ Beta, after each purchase.

While alive the customer buys at rate lambda ~ Gamma(k, rate A). Everything that BG/NBD and its
relatives say about the future of a customer who is alive follows from these two densities. Shapes:
all arrays are (n,), one row a customer or a distinct history.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.special import (
    Index,
    beta_expectation,
    distinct_rows,
    interpolate_smooth,
    time_nodes,
)

__all__ = [
    "discounted_if_alive",
    "purchases_if_alive",
    "purchases_without_end",
    "rate_if_alive",
]

Array: TypeAlias = NDArray[np.float64]

_FEW: Final = 4  # customers who share (k, a, b), from which on they share a table
_TOGETHER: Final = 16  # others, who are integrated together on the same nodes


def purchases_if_alive(k: Array, rate: Array, a: Array, b: Array, t: Array) -> Array:
    """Return the expected number of purchases in a time t by a customer who is alive at its start.

    E_p[(1 - (1 + p u)^-k) / p] with u = t / rate (Fader, Hardie and Lee 2005, eq. 10, before the
    integral over p is written as 2F1, which cancels at small u and overflows at large k).

    Parameters
    ----------
    k, rate
        lambda ~ Gamma(shape k, rate `rate`).
    a, b
        p ~ Beta(a, b).
    t
        Length of the period, in the unit of `rate`; finite, zero or more.

    Examples
    --------
    >>> one = np.ones(1)
    >>> purchases_if_alive(2.0 * one, 3.0 * one, one, 4.0 * one, 0.0 * one).tolist()
    [0.0]
    """
    u = t / rate

    def integrand(p: Array, rows: Index) -> Array:
        return -np.expm1(-k[rows] * np.log1p(p * safe[rows])) / p

    safe = np.where(u > 0.0, u, 1.0)
    result = beta_expectation(integrand, a, b, reach=(k + 1.0) * safe, steepness=k + 1.0)
    return np.where(u > 0.0, result, 0.0)


def purchases_without_end(a: Array, b: Array) -> Array:
    """Return the expected number of all future purchases: E[1/p] = (a+b-1)/(a-1), inf if a <= 1.

    Examples
    --------
    >>> purchases_without_end(np.array([3.0, 1.0]), np.array([4.0, 4.0])).tolist()
    [3.0, inf]
    """
    ends = a > 1.0
    return np.where(ends, 1.0 + b / np.where(ends, a - 1.0, 1.0), math.inf)


def discounted_if_alive(
    k: Array, rate: Array, a: Array, b: Array, horizon: float, discount: float
) -> Array:
    """Return the expected discounted number of purchases by a customer who is alive now.

    The integral over (0, horizon) of exp(-discount s) m(s) ds, where m(s) = (k / rate)
    E_p[(1 + p s / rate)^-(k+1)] is the expected purchase rate after a time s. For one (k, a, b), m
    is a smooth function of s / rate alone, so that one table serves every rate.

    Parameters
    ----------
    k, rate
        lambda ~ Gamma(shape k, rate `rate`).
    a, b
        p ~ Beta(a, b).
    horizon
        Length of the period; may be infinite.
    discount
        Continuous discount rate per unit of time; above zero if the horizon is infinite.

    Examples
    --------
    >>> one = np.ones(1)
    >>> spent = discounted_if_alive(2.0 * one, 3.0 * one, one, 4.0 * one, 10.0, 0.0)
    >>> exact = purchases_if_alive(2.0 * one, 3.0 * one, one, 4.0 * one, 10.0 * one)
    >>> bool(abs(spent / exact - 1.0)[0] < 1e-12)
    True
    """
    if horizon == 0.0:
        return np.zeros_like(rate)
    result = np.empty_like(rate)
    first, code = distinct_rows(k, a, b)
    size = np.bincount(code)
    alone = np.flatnonzero(size[code] < _FEW)
    for rows in np.array_split(alone, max(1, math.ceil(len(alone) / _TOGETHER))):
        if len(rows):
            result[rows] = _discounted_together(
                k[rows], rate[rows], a[rows], b[rows], horizon, discount
            )
    groups = np.split(np.argsort(code, kind="stable"), np.cumsum(size)[:-1])
    for leader, rows in zip(first, groups, strict=True):
        if len(rows) < _FEW:
            continue
        shape = k[leader]
        finest = float(rate[rows].min()) / (shape + 1.0)
        s, weights = time_nodes(horizon, discount, finest=finest)
        function = partial(_share, shape, a[leader], b[leader])

        def discounted(
            rates: Array,
            k: float = shape,
            share: Callable[[Array], Array] = function,
            s: Array = s,
            weights: Array = weights,
        ) -> Array:
            return k / rates * (interpolate_smooth(share, s / rates[:, None]) @ weights)

        result[rows] = interpolate_smooth(discounted, rate[rows])
    return result


def _discounted_together(
    k: Array, rate: Array, a: Array, b: Array, horizon: float, discount: float
) -> Array:
    """Integrate rows that have nothing in common on one set of times: time inside, p outside."""
    s, weights = time_nodes(horizon, discount, finest=float((rate / (k + 1.0)).min()))

    def integrand(p: Array, rows: Index) -> Array:
        u = s / rate[rows][..., None]
        power = -(k[rows] + 1.0)[..., None] * np.log1p(p[..., None] * u)
        return np.asarray(np.exp(power) @ weights)

    reach = (k + 2.0) * float(s[-1]) / rate
    return k / rate * beta_expectation(integrand, a, b, reach=reach, steepness=k + 1.0)


def _share(k: float, a: float, b: float, u: Array) -> Array:
    """Return the expected purchase rate after a time u * rate, as a share of the rate now."""
    one = np.ones_like(u)
    return rate_if_alive(k * one, one, a * one, b * one, u) / k


def rate_if_alive(k: Array, rate: Array, a: Array, b: Array, t: Array) -> Array:
    """Return the expected purchase rate after a time t of a customer who is alive at its start.

    (k / rate) E_p[(1 + p u)^-(k+1)] with u = t / rate: the derivative of `purchases_if_alive`.

    Examples
    --------
    >>> one = np.ones(1)
    >>> rate_if_alive(2.0 * one, 4.0 * one, one, 3.0 * one, 0.0 * one).round(12).tolist()
    [0.5]
    """
    u = t / rate

    def integrand(p: Array, rows: Index) -> Array:
        return np.exp(-(k[rows] + 1.0) * np.log1p(p * u[rows]))

    return k / rate * beta_expectation(integrand, a, b, reach=(k + 2.0) * u, steepness=k + 1.0)
