"""How many purchases are ahead of a customer who may leave, with one probability, after each.

As in `future`, lambda ~ Gamma(k, rate A) and p ~ Beta(a, b) for a customer who is alive. Shapes:
all arrays are (n,), one row a customer and a number of purchases.
"""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.special import Index, beta_expectation, per_distinct
from clvmodels.special.discounts import Discounts, scattered
from clvmodels.special.gamma_cross import log_cross

__all__ = [
    "SHORTEST",
    "arrival_nodes",
    "arrival_peak",
    "buying",
    "discounts",
    "log_arrival",
    "log_arrived",
    "log_bought",
    "log_count",
    "log_leaves",
    "log_stays",
    "stays",
    "tail",
]

Array: TypeAlias = NDArray[np.float64]

_ROWS: Final = 1 << 10  # rows whose nodes stay in the processor's cache
_DEPTH: Final = 30.0  # nats below its maximum at which a density is left out: e^-30 = 1e-13
# A normal density cut at e^-30 is integrated by 32 nodes to 2e-13.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)
_PANEL: Final = 3.0  # nats of time on which 32 nodes do
_STEPS: Final = 12
SHORTEST: Final = 1e-15  # a time, in units of the rate, that is none
_SMALLEST: Final = 1e-290  # an incomplete beta function below which it is its leading term


def tail(k: Array, rate: Array, a: Array, b: Array, n: Array, t: Array) -> Array:
    """Return P(at least n purchases in a time t) of a customer who is alive at its start.

    The n-th purchase comes by t if nobody leaves, with probability I_u(n, k), u = t / (rate + t);
    and the customer has stayed after n - 1 purchases, E[(1-p)^(n-1)].

    Parameters
    ----------
    k, rate
        lambda ~ Gamma(shape k, rate `rate`).
    a, b
        p ~ Beta(a, b).
    n, t
        Whole numbers, zero or more; times, finite, zero or more.

    Examples
    --------
    >>> one, n = np.ones(3), np.arange(3.0)
    >>> tail(one, one, one, one, n, one).round(12).tolist()
    [1.0, 0.5, 0.125]
    """
    before = np.maximum(n, 1.0) - 1.0
    come = special.betainc(before + 1.0, k, t / (rate + t))
    return np.where(n > 0.0, come * stays(a, b, before), 1.0)


def buying(k: Array, rate: Array, a: Array, b: Array, after: Array, t: Array) -> Array:
    """Return P(a purchase in (after, after + t]) of a customer who is alive at time 0.

    Given lambda and p, the customer is there at `after` with probability e^(-lambda p after), and
    buys with 1 - e^(-lambda t): E_p[(1 + p u)^-k - (1 + p u + w)^-k], u = after / rate, w = t /
    rate.

    Parameters
    ----------
    k, rate, a, b
        As in `tail`.
    after, t
        Times, finite, zero or more.

    Examples
    --------
    >>> one = np.ones(2)
    >>> buying(one, one, one, one, np.array([0.0, 1.0]), one).round(12).tolist()
    [0.5, 0.287682072452]
    """
    u, w = after / rate, t / rate

    def integrand(p: Array, rows: Index) -> Array:
        grown = np.log1p(p * u[rows])
        silent = -k[rows] * np.log1p(some[rows] * np.exp(-grown))
        return np.asarray(-np.exp(-k[rows] * grown) * np.expm1(silent))

    some = np.where(w > 0.0, w, 1.0)
    result = beta_expectation(integrand, a, b, reach=(k + 1.0) * u, steepness=k + 1.0)
    return np.where(w > 0.0, result, 0.0)


def log_count(k: Array, rate: Array, a: Array, b: Array, n: Array, t: Array) -> Array:
    """Return ln P(n purchases in a time t) of a customer who is alive at its start.

    They have stayed after all n, and a negative binomial number of purchases is n; or they have
    left after the n-th, which came by t. Both are positive, so that no digits cancel.

    Parameters
    ----------
    k, rate, a, b, n, t
        As in `tail`.

    Examples
    --------
    >>> one, n = np.ones(3), np.arange(3.0)
    >>> np.exp(log_count(one, one, one, one, n, one)).round(12).tolist()
    [0.5, 0.375, 0.083333333333]
    """
    u, before = t / (rate + t), np.maximum(n, 1.0) - 1.0
    stayed = log_bought(k, n, u) + log_stays(a, b, n)
    left = log_leaves(a, b, before) + log_arrived(k, before + 1.0, u)
    return np.logaddexp(stayed, np.where(n > 0.0, left, -np.inf))


def log_bought(k: Array, n: Array, u: Array) -> Array:
    """Return the logarithm of the negative binomial chance of n purchases, if nobody leaves."""
    log_power = special.xlogy(n, u) + k * np.log1p(-u)
    return np.asarray(log_power - np.log(k + n) - special.betaln(k, n + 1.0))


def log_arrived(k: Array, n: Array, u: Array) -> Array:
    """Return ln I_u(n, k), the chance of at least n >= 1 purchases, if nobody leaves."""
    come = special.betainc(n, k, u)
    ratio = np.minimum((n + k) / (n + 1.0) * u, 0.99)  # of the first terms of its series
    leading = log_bought(k, n, u) - np.log1p(-ratio)
    return np.where(come > _SMALLEST, np.log(np.maximum(come, _SMALLEST)), leading)


def log_leaves(a: Array, b: Array, chances: Array) -> Array:
    """Return ln E[p (1-p)^chances] for p ~ Beta(a, b); -inf where a is 0."""
    with np.errstate(divide="ignore"):
        return np.log(a / (a + b + chances)) + log_stays(a, b, chances)


def log_stays(a: Array, b: Array, chances: Array) -> Array:
    """Return ln E[(1-p)^chances] for p ~ Beta(a, b), once per distinct row."""
    return per_distinct(lambda a, b, m: -log_cross(b, a, m), a, b, chances)


def stays(a: Array, b: Array, chances: Array) -> Array:
    """Return E[(1-p)^chances] for p ~ Beta(a, b), once per distinct row.

    Examples
    --------
    >>> stays(np.ones(2), np.ones(2), np.array([0.0, 1.0])).round(12).tolist()
    [1.0, 0.5]
    """
    return np.exp(log_stays(a, b, chances))


def discounts(
    k: Array, rate: Array, a: Array, b: Array, n: Array, t: Array, discount: float
) -> Discounts:
    """Return the moments of the discounts of n >= 1 purchases in (0, t), if there are that many.

    Who is still there at t has made them evenly over (0, t). Who has left did so with the last one,
    and the others are even over the time until then.

    Parameters
    ----------
    k, rate, a, b, n, t
        As in `tail`.
    discount
        Continuous discount rate per unit of time.

    Examples
    --------
    >>> one = np.ones(1)
    >>> discounts(one, one, one, one, 2.0 * one, one, 0.0).total.tolist()
    [2.0]
    """
    if discount == 0.0:
        return Discounts(n + 0.0, n + 0.0, n * n)
    span = np.log1p(np.maximum(t / rate, SHORTEST))
    columns = np.stack(np.broadcast_arrays(k, rate, a, b, n, span))[..., None]
    return Discounts.joined(
        [
            _discounts(*columns[:, i : i + _ROWS], discount=discount)
            for i in range(0, max(len(n), 1), _ROWS)
        ]
    )


def _discounts(
    k: Array, rate: Array, a: Array, b: Array, n: Array, span: Array, *, discount: float
) -> Discounts:
    """Average over the time of the last purchase, rate * expm1(s), and being there still."""
    s, step = arrival_nodes(k, n, span)
    top = arrival_peak(k, n, span)
    left = a * n * step * np.exp(log_arrival(s, k, n) - top)
    stayed = (b + n - 1.0) * -np.expm1(-span) * np.exp(log_arrival(span, k, n) - top)
    whole = left.sum(axis=1, keepdims=True) + stayed
    gone = scattered(n, rate * np.expm1(s), discount, last=True).averaged(left / whole)
    there = scattered(n, rate * np.expm1(span), discount).averaged(stayed / whole)
    return gone + there


# --- the time rate * expm1(s) of the n-th purchase, if nobody leaves ----------------------------


def log_arrival(s: Array, k: Array, n: Array) -> Array:
    """Return its log-density over ds, but for a constant: (1 - e^-s)^(n-1) e^(-k s)."""
    return special.xlogy(n - 1.0, -np.expm1(-s)) - k * s


def arrival_peak(k: Array, n: Array, span: Array) -> Array:
    """Return how high it is at most over (0, span)."""
    return log_arrival(np.minimum(np.log1p((n - 1.0) / k), span), k, n)


def arrival_nodes(k: Array, n: Array, span: Array) -> tuple[Array, Array]:
    """Return nodes in (0, span) and weights where the density matters, (rows, nodes).

    It is concave, so Newton's method from outside never steps past an end.
    """
    floor = arrival_peak(k, n, span) - _DEPTH
    low = np.where(n > 1.0, np.exp(floor / np.maximum(n - 1.0, 1.0)), 0.0)  # s > 1 - e^-s
    low, high = np.minimum(low, span), span
    for _ in range(_STEPS):
        low = low + _newton_step(low, floor, k, n)
        high = high + _newton_step(high, floor, k, n)
    panels = max(1, math.ceil(float((high - low).max(initial=0.0)) / _PANEL))
    places = (np.arange(panels)[:, None] + 0.5 * (1.0 + _NODES)) / panels
    weights = np.tile(_WEIGHTS, panels) / (2.0 * panels)
    return low + (high - low) * places.ravel(), (high - low) * weights


def _newton_step(s: Array, floor: Array, k: Array, n: Array) -> Array:
    """Return a step from below the floor to where the density reaches it."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        short = floor - log_arrival(s, k, n)
        return np.where(short > 0.0, short / ((n - 1.0) / np.expm1(s) - k), 0.0)
