"""Future purchases of a customer whose purchases take k events each, and who may leave after each.

Given alive, events come at rate lambda ~ Gamma(shape, rate), the next purchase with the `first`-th
event and further ones every k events; after each the customer leaves with probability p ~ Beta(a,
b). The phase of a customer, the number j of events since the last purchase, sets first = k - j and
shape = r + k x + j. The mixture over phases is left to the caller, so that what is expensive
depends on (x, T) alone.

Two exact ways. *Counts*: the n-th purchase comes by t if at least first + (n-1) k events do, and is
made with probability E[(1-p)^(n-1)]; all terms are positive, so no digit is lost however short the
time. *Roots*: every k-th term of the exponential series, by the k-th roots of unity; a mean over p
of k elementary functions, however many events there are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.special import Index, beta_expectation, distinct_rows, interpolate_smooth

__all__ = [
    "Buyers",
    "chances_to_stay",
    "discounted_if_alive",
    "event_pmf",
    "most_events",
    "purchases_if_alive",
    "rate_if_alive",
]

Array: TypeAlias = NDArray[np.float64]

_BLOCK: Final = 1 << 16  # elements of one temporary array
_NATS: Final = 40.0  # of probability left out at the end of a sum over counts: e^-40 = 4e-18
_MOST_COUNTS: Final = 400.0  # events up to which counting costs less than roots
_LEAVING: Final = 0.95  # for p above this the first purchases are all there is
_FIRST_PURCHASES: Final = 13  # 0.05^13 = 1e-17
_NODES: Final = 24  # Gauss-Legendre nodes of a panel in time


@dataclass(frozen=True)
class Buyers:
    """Customers who are alive, all with the same number of events to go to the next purchase.

    Attributes
    ----------
    shape, rate : Array
        Shape (n,): lambda ~ Gamma(shape, rate `rate`).
    a, b : Array
        Shape (n,): p ~ Beta(a, b).
    first : int
        The event with which the next purchase comes, from 1 to k.
    k : int
        Events from purchase to purchase.
    """

    shape: Array
    rate: Array
    a: Array
    b: Array
    first: int
    k: int

    def take(self, rows: Index) -> Buyers:
        """Return some of the rows."""
        return replace(
            self, shape=self.shape[rows], rate=self.rate[rows], a=self.a[rows], b=self.b[rows]
        )


def purchases_if_alive(buyers: Buyers, t: Array) -> Array:
    """Return the expected number of purchases in a time t, finite, zero or more, shape (n,).

    Examples
    --------
    >>> one = np.ones(1)
    >>> buyers = Buyers(2.0 * one, one, one, 3.0 * one, first=2, k=2)
    >>> (purchases_if_alive(buyers, 1e-9 * one) * 1e18).round(6).tolist()
    [3.0]
    """
    return _either_way(_counted_purchases, _purchases_by_roots, buyers, t)


def rate_if_alive(buyers: Buyers, t: Array) -> Array:
    """Return the expected purchase rate after a time t: the derivative of `purchases_if_alive`.

    Examples
    --------
    >>> one = np.ones(1)
    >>> rate_if_alive(Buyers(2.0 * one, 4.0 * one, one, one, first=1, k=3), 0.0 * one).tolist()
    [0.5]
    """
    return _either_way(_counted_rate, _rate_by_roots, buyers, t)


def discounted_if_alive(buyers: Buyers, horizon: float, discount: float) -> Array:
    """Return the expected discounted number of purchases, shape (n,).

    The integral over (0, horizon) of exp(-discount s) times the purchase rate after a time s. For
    one shape, a and b the rate is a function of s / rate alone: one table serves every rate.

    Parameters
    ----------
    buyers
        n rows.
    horizon
        Length of the period; may be infinite.
    discount
        Continuous discount rate per unit of time; above zero if the horizon is infinite.

    Examples
    --------
    >>> one = np.ones(1)
    >>> buyers = Buyers(2.0 * one, 3.0 * one, one, 4.0 * one, first=2, k=2)
    >>> exact = purchases_if_alive(buyers, 10.0 * one)
    >>> bool(abs(discounted_if_alive(buyers, 10.0, 0.0) / exact - 1.0)[0] < 1e-12)
    True
    """
    result = np.zeros_like(buyers.rate)
    if horizon == 0.0:
        return result
    _, code = distinct_rows(buyers.shape, buyers.a, buyers.b)
    order = np.argsort(code, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(code[order])) + 1):
        if len(rows):
            result[rows] = _discounted_alike(buyers.take(rows), horizon, discount)
    return result


def _discounted_alike(buyers: Buyers, horizon: float, discount: float) -> Array:
    """Do the same for rows that differ in the rate alone."""
    one, k = buyers.take(np.zeros(1, dtype=np.intp)), buyers.k
    per_event = float(buyers.rate.min()) / (float(one.shape[0]) + k)
    angle = _analytic_angle(float(one.shape[0]), k)
    s, weights = _time_panels(horizon, discount, per_event, k, min(1.0, 2.0 * angle))

    def scaled_rate(u: Array) -> Array:
        unit = replace(one.take(np.zeros(len(u), dtype=np.intp)), rate=np.ones_like(u))
        return rate_if_alive(unit, u)

    u = s / buyers.rate[:, None]
    table = interpolate_smooth(scaled_rate, u, panel=min(2.0, 1.27 * angle), nodes=30)
    return np.asarray(table @ weights / buyers.rate)


def _analytic_angle(shape: float, k: int) -> float:
    """Return the angle about the time axis within which the purchase rate grows by e^3 at most.

    After many events purchases still swing with the clock, the more the larger k and the shape. The
    terms (1 + u c)^-(shape+1) have c within pi/2 - pi/k of the axis: turning u by pi/k leaves them
    below 1, and by delta more below cos(delta)^-(shape+1).
    """
    return math.pi / k + math.acos(math.exp(-3.0 / (shape + 1.0)))


def _time_panels(
    horizon: float, discount: float, per_event: float, k: int, growth: float
) -> tuple[Array, Array]:
    """Return nodes s, weights c with sum c g(s) = integral over (0, horizon) of e^(-discount s) g.

    Gauss-Legendre on panels that grow in proportion to time, by a factor 1 + growth, from the time
    of an event on.
    """
    end = min(horizon, (45.0 + 5.0 * k) / discount) if discount > 0.0 else horizon
    longest = 40.0 / abs(discount) if discount else math.inf
    edges = [0.0, min(per_event, end, longest)]
    while edges[-1] < end:
        edges.append(min(edges[-1] + min(growth * edges[-1], longest), end))
    nodes, weights = _gauss_legendre()
    left, half = np.array(edges[:-1])[:, None], 0.5 * np.diff(edges)[:, None]
    s = (left + half * (1.0 + nodes)).ravel()
    return s, (half * weights).ravel() * np.exp(-discount * s)


@cache
def _gauss_legendre() -> tuple[Array, Array]:
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return nodes, weights


# --- which way --------------------------------------------------------------------------------


def _either_way(
    counted: Callable[[Buyers, Array, int], Array],
    by_roots: Callable[[Buyers, Array], Array],
    buyers: Buyers,
    t: Array,
) -> Array:
    """Count where few events come, else use roots."""
    most = most_events(buyers.shape + buyers.first, t / buyers.rate) + buyers.first
    result = np.empty_like(buyers.rate)
    few = np.flatnonzero(most <= _MOST_COUNTS)
    few = few[np.argsort(most[few], kind="stable")]
    start = 0
    while start < len(few):
        rows = few[start : start + max(1, int(_BLOCK / most[few[start]]))]
        result[rows] = counted(buyers.take(rows), t[rows], math.ceil(most[rows[-1]]) + 1)
        start += len(rows)
    many = np.flatnonzero(most > _MOST_COUNTS)
    if len(many):
        result[many] = by_roots(buyers.take(many), t[many])
    return result


def most_events(shape: Array, u: Array) -> Array:
    """Return a number of events that is exceeded with a probability of at most 2 e^-40.

    A gamma variable of shape s, as a Poisson variable of mean s, is below s + sqrt(2 c s) + c with
    a probability of at least 1 - e^-c.
    """
    mean = u * (shape + np.sqrt(2.0 * _NATS * shape) + _NATS)
    return np.asarray(mean + np.sqrt(2.0 * _NATS * mean) + _NATS)


# --- by counts --------------------------------------------------------------------------------


def event_pmf(buyers: Buyers, t: Array, events: int) -> Array:
    """Return the probabilities of 0, ..., events - 1 events in a time t, shape (n, events)."""
    u = t / buyers.rate
    i = np.arange(events - 1.0)
    pmf: Array = np.empty((len(u), events))
    pmf[:, 0] = np.exp(-buyers.shape * np.log1p(u))
    pmf[:, 1:] = (buyers.shape[:, None] + i) * (1.0 / (i + 1.0)) * (u / (1.0 + u))[:, None]
    return np.asarray(np.cumprod(pmf, axis=1), dtype=np.float64)


def chances_to_stay(buyers: Buyers, n: int) -> Array:
    """Return E[(1-p)^0], ..., E[(1-p)^(n-1)], shape (rows, n)."""
    stays = np.ones((len(buyers.b), n))
    before = buyers.b[:, None] + np.arange(n - 1.0)
    stays[:, 1:] = before / (buyers.a[:, None] + before)
    return np.asarray(np.cumprod(stays, axis=1), dtype=np.float64)


def _counted_purchases(buyers: Buyers, t: Array, events: int) -> Array:
    """Sum over the number of events: its probability times the purchases that it makes."""
    pmf = event_pmf(buyers, t, events)[:, buyers.first :]
    made = np.cumsum(chances_to_stay(buyers, -(-pmf.shape[1] // buyers.k)), axis=1)
    return np.asarray((pmf * np.repeat(made, buyers.k, axis=1)[:, : pmf.shape[1]]).sum(axis=1))


def _counted_rate(buyers: Buyers, t: Array, events: int) -> Array:
    """Sum over purchases: the density of the event that makes it times the chance to be there."""
    before = np.arange(buyers.first - 1, events, buyers.k)
    pmf = event_pmf(buyers, t, events)[:, before]
    stays = chances_to_stay(buyers, len(before))
    rates = (buyers.shape[:, None] + before) / (buyers.rate + t)[:, None]
    return np.asarray((pmf * rates * stays).sum(axis=1))


# --- by roots of unity ------------------------------------------------------------------------


def _purchases_by_roots(buyers: Buyers, t: Array) -> Array:
    """Average over p the integral over time of `_rate_by_roots`."""
    u, shape, first, k = t / buyers.rate, buyers.shape, buyers.first, buyers.k
    early = _chances_of_first(buyers, t) if first > 1 else None

    def integrand(p: Array, rows: Index) -> Array:
        log_w, s, reach = np.log1p(-np.minimum(p, _BELOW_ONE)) / k, shape[rows], u[rows]
        w, gap = np.exp(log_w), -np.expm1(log_w)
        total = -np.expm1(-s * np.log1p(reach * gap)) / gap
        for turn, times in _turns(k):
            real, imag, size, angle = _rise(w, gap, reach, turn)
            size, angle = s * size, s * angle  # 1 - (1 + u c)^-s = one + i two, times z^(1-first)
            one = 2.0 * np.sin(0.5 * angle) ** 2 - np.expm1(-size) * np.cos(angle)
            two = np.exp(-size) * np.sin(angle)
            cos, sin = math.cos(turn * (first - 1)), math.sin(turn * (first - 1))
            one, two = one * cos + two * sin, two * cos - one * sin
            total += times * (one * real + two * imag) / (real**2 + imag**2)
        total *= np.exp((1 - first) * log_w) / k
        if early is None:
            return total
        return np.where(p > _LEAVING, _power_series(early[rows[:, 0]], 1.0 - p), total)

    reach = 2.0 + (shape + 1.0) * u / k
    return beta_expectation(integrand, buyers.a, buyers.b, reach=reach, steepness=shape + 1.0)


def _rate_by_roots(buyers: Buyers, t: Array) -> Array:
    """Average over p the purchase rate after a time t.

    Given lambda and p, purchases come with the events i = first - 1, first - 1 + k, ... from now:
    lambda e^(-lambda t) sum (1-p)^n (lambda t)^i / i!, n = 0, 1, .... With w = (1-p)^(1/k) and the
    k-th roots of unity z this is the sum over them of lambda w^(1-first) / k z^(1-first)
    e^(-lambda t c), c = 1 - w z. The gamma density turns e^(-lambda t c) into
    (1 + u c)^-(shape+1), u = t / rate.
    """
    u, shape, first, k = t / buyers.rate, buyers.shape, buyers.first, buyers.k
    early = _densities_of_first(buyers, t) if first > 1 else None
    skipped = first - 1.0
    log_cancelling = special.gammaln(shape + first) - special.gammaln(shape + 1.0)
    log_cancelling -= special.gammaln(first) + skipped * np.log1p(1.0 / u)

    def integrand(p: Array, rows: Index) -> Array:
        log_w, s, reach = np.log1p(-np.minimum(p, _BELOW_ONE)) / k, shape[rows], u[rows]
        w, gap = np.exp(log_w), -np.expm1(log_w)
        total = np.exp(-(s + 1.0) * np.log1p(reach * gap))
        for turn, times in _turns(k):
            _, _, size, angle = _rise(w, gap, reach, turn)
            total += times * np.exp(-(s + 1.0) * size) * np.cos((s + 1.0) * angle + turn * skipped)
        total *= np.exp(-skipped * log_w) / k
        if early is None:
            return total
        # Roots cancel where the first term of the series is small beside each of them.
        cancels = (p > _LEAVING) & (skipped * log_w + log_cancelling[rows] < 0.0)
        return np.where(cancels, _power_series(early[rows[:, 0]], 1.0 - p), total)

    reach = 2.0 + (shape + 2.0) * u / k
    mean = beta_expectation(integrand, buyers.a, buyers.b, reach=reach, steepness=shape + 2.0)
    return shape / buyers.rate * mean


_BELOW_ONE: Final = 1.0 - 2.0**-53


def _turns(k: int) -> list[tuple[float, float]]:
    """Return the angles of the roots of unity on or above the axis, beside 1, and their number."""
    turns = range(1, k // 2 + 1)
    return [(2.0 * math.pi * each / k, 1.0 if 2 * each == k else 2.0) for each in turns]


def _rise(w: Array, gap: Array, u: Array, turn: float) -> tuple[Array, Array, Array, Array]:
    """Return c = 1 - w e^(i turn) and ln(1 + u c), each by its two parts; gap is 1 - w."""
    real = gap + w * (2.0 * math.sin(0.5 * turn) ** 2)
    imag = w * -math.sin(turn)
    size = 0.5 * np.log1p(u * (2.0 * real + u * (real**2 + imag**2)))
    return real, imag, size, np.arctan2(u * imag, 1.0 + u * real)


def _chances_of_first(buyers: Buyers, t: Array) -> Array:
    """Return the probabilities that the first purchases come by t if none left, (n, purchases)."""
    first, k = buyers.first, buyers.k
    pmf = event_pmf(buyers, t, first + (_FIRST_PURCHASES - 1) * k)
    some = -np.expm1(-buyers.shape * np.log1p(t / buyers.rate))
    fewer = np.cumsum(pmf[:, 1:], axis=1)[:, first - 2 :: k]
    return np.asarray(some[:, None] - fewer)


def _densities_of_first(buyers: Buyers, t: Array) -> Array:
    """Return the densities at t of the first purchases, over shape / rate, (n, purchases)."""
    first, k = buyers.first, buyers.k
    last = first + (_FIRST_PURCHASES - 1) * k
    before = np.arange(first - 1, last, k)
    share = (1.0 + before / buyers.shape[:, None]) / (1.0 + t / buyers.rate)[:, None]
    return np.asarray(event_pmf(buyers, t, last)[:, before] * share)


def _power_series(coefficients: Array, v: Array) -> Array:
    """Return sum_n coefficients[:, n] v^n, v of shape (rows, nodes)."""
    result = np.zeros_like(v)
    for column in coefficients.T[::-1]:
        result = result * v + column[:, None]
    return result
