"""Histories of customers whose purchases take k events each: likelihood, derivatives, P(alive).

A purchase is every k-th event of a Poisson process with rate lambda ~ Gamma(r, rate alpha), so that
times between purchases are Erlang-k: the larger k, the more regular. Right after each of the m
purchases at which a customer may leave, they do so with probability p ~ Beta(a, b). Platzer and
Reutterer (2016), "Ticking Away the Moments: Timing Regularity Helps to Better Predict Customer
Activity", Marketing Science 35(5), 779-799. With k = 1 these are BG/NBD and MBG/NBD.

What is new beside k = 1: a customer who is alive has had j = 0, ..., k-1 events since the last
purchase, and nobody knows which j, the *phase*. With R = r + k x and y = (T - t_x) / (alpha + T)
the phases weigh G(R+j) / (G(R) j!) y^j; their sum h stands where k = 1 has a 1.

Shapes: (n,), one row a history; the parameters r, alpha, a, b are numbers or (n,).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.objective import Derivatives
from clvmodels.special import digamma_rising, log_rising, trigamma_rising

__all__ = [
    "History",
    "count_probability",
    "derivatives",
    "log_density_of_intervals",
    "log_likelihood",
    "p_alive",
    "phase_weights",
]

Array: TypeAlias = NDArray[np.float64]
Values: TypeAlias = float | Array


class History(NamedTuple):
    """What a likelihood sees of n customers.

    Attributes
    ----------
    x, t_x, T : Array
        Shape (n,): repeat purchases, time of the last one, age.
    m : Array
        Shape (n,): purchases at which the customer could have left so far, x or x + 1.
    """

    x: Array
    t_x: Array
    T: Array
    m: Array


def log_likelihood(
    history: History, r: Values, alpha: Values, a: Values, b: Values, k: int
) -> Array:
    """Return the log-likelihood, shape (n,), without the terms in which there is no parameter.

    Those are `log_density_of_intervals`.

    Examples
    --------
    >>> one = np.ones(1)
    >>> known = History(2.0 * one, 30.43 * one, 38.86 * one, 2.0 * one)
    >>> log_likelihood(known, 0.243, 4.414, 0.793, 2.426, 1).round(4).tolist()
    [-9.4586]
    """
    odds, phases = _log_odds_left(history, r, alpha, a, b, k)
    survived = _log_survived(history, r, alpha, a, b, k)
    return np.asarray(survived + phases.log_sum + np.logaddexp(0.0, odds))


def p_alive(history: History, r: Values, alpha: Values, a: Values, b: Values, k: int) -> Array:
    """Return P(alive at T), shape (n,): exactly 1 where m = 0.

    Examples
    --------
    >>> one = np.ones(1)
    >>> known = History(2.0 * one, 30.43 * one, 38.86 * one, 2.0 * one)
    >>> p_alive(known, 0.243, 4.414, 0.793, 2.426, 1).round(4).tolist()
    [0.7266]
    """
    return np.asarray(special.expit(-_log_odds_left(history, r, alpha, a, b, k)[0]))


def phase_weights(x: Array, t_x: Array, T: Array, r: Values, alpha: Values, k: int) -> Array:
    """Return the probabilities of the phases 0, ..., k-1 given alive at T, shape (k, n).

    Examples
    --------
    >>> one = np.ones(1)
    >>> phase_weights(one, 5.0 * one, 5.0 * one, 1.0, 1.0, 2).ravel().tolist()
    [1.0, 0.0]
    """
    return _phases(r + k * x, (T - t_x) / (alpha + T), k).weights


def log_density_of_intervals(x: Array, t_x: Array, log_intervals: Array | None, k: int) -> Array:
    """Return the terms of the log-likelihood that only k and the data decide, shape (n,).

    (k-1) sum ln(interval) - x ln G(k) where the intervals are known. Where only their sum t_x is,
    they are integrated out, and the term is the log of G(x) t_x^(kx-x) / G(kx): what t_x alone says
    about k, beside k = 1. Both are 0 for k = 1 and for x = 0.

    Examples
    --------
    >>> one = np.ones(1)
    >>> log_density_of_intervals(one, 3.0 * one, np.log(3.0) * one, 2).round(6).tolist()
    [1.098612]
    >>> log_density_of_intervals(one, 3.0 * one, None, 2).round(6).tolist()
    [1.098612]
    """
    if log_intervals is not None:
        return (k - 1.0) * log_intervals - x * special.gammaln(k)
    some = np.maximum(x, 1.0)
    spread = (k - 1.0) * some * np.log(np.where(x > 0.0, t_x, 1.0))
    return np.where(x > 0.0, spread + special.gammaln(some) - special.gammaln(k * some), 0.0)


def count_probability(
    n: Array, t: Array, m: Array, r: Values, alpha: Values, a: Values, b: Values, k: int
) -> Array:
    """Return P(X(t) = n), shape (n,): alive after n purchases, or left right after the n-th.

    m = n or n + 1 chances to leave have passed. As eq. 8 of Fader, Hardie and Lee (2005), with kn
    to kn + k - 1 events in place of n purchases.

    Examples
    --------
    >>> n, t = np.arange(3.0), np.full(3, 1e9)
    >>> count_probability(n, t, n, 1.0, 1.0, 2.0, 2.0, 3).round(6).tolist()
    [0.0, 0.5, 0.2]
    """
    share, events = t / (alpha + t), k * n
    log_first = log_rising(r, events) - special.gammaln(events + 1.0) - r * np.log1p(t / alpha)
    log_first += special.xlogy(events, share)
    term, total = np.ones_like(t), np.ones_like(t)
    for i in range(k - 1):
        term = term * ((r + events + i) / (events + i + 1.0) * share)
        total = total + term
    stayed = log_rising(b, m) - log_rising(a + b, m)
    earlier = np.maximum(m, 1.0)
    left = np.log(a / (b + (earlier - 1.0))) + log_rising(b, earlier) - log_rising(a + b, earlier)
    # P(n purchases by t if nobody leaves): 1 for n = 0, where betainc has no value
    reached = np.where(n > 0.0, special.betainc(np.maximum(events, 1.0), r, share), 1.0)
    alive = total * np.exp(log_first + stayed)
    return np.asarray(alive + np.where(m > 0.0, np.exp(left) * reached, 0.0))


# --- the sum over phases ----------------------------------------------------------------------


@dataclass(frozen=True)
class _Phases:
    """The weights of the phases, which add up to 1, shape (k, n), and the log of the sum h (n,)."""

    weights: Array
    log_sum: Array

    def mean(self, values: Array) -> Array:
        """Return the mean over phases of values, shape (k, n) or (k, 1)."""
        return np.asarray((self.weights * values).sum(axis=0))

    def covariance(self, one: Array, two: Array) -> Array:
        """Return the covariance over phases, as the mean of a product of deviations."""
        return self.mean((one - self.mean(one)) * (two - self.mean(two)))


def _phases(R: Array, y: Array, k: int) -> _Phases:
    later = np.empty((k - 1, len(R)))
    term = np.ones_like(R)
    for j in range(k - 1):
        term = term * ((R + j) / (j + 1.0) * y)
        later[j] = term
    beyond = later.sum(axis=0)
    total = 1.0 + beyond
    weights = np.concatenate([np.ones((1, len(R))), later]) / total
    return _Phases(weights, np.log1p(beyond))


def _partial_sums(terms: Array) -> Array:
    """Return sums over i < j of rows i, shape (k, n), from k-1 rows."""
    start = np.zeros((1, terms.shape[1]))
    return np.concatenate([start, np.cumsum(terms, axis=0)])


# --- log-likelihood = survived + ln h + ln(1 + e^D) -------------------------------------------


def _log_odds_left(
    history: History, r: Values, alpha: Values, a: Values, b: Values, k: int
) -> tuple[Array, _Phases]:
    """Return D, the log odds of having left by T, -inf where m = 0; and the phases if alive."""
    x, t_x, T, m = history
    R = r + k * x
    phases = _phases(R, (T - t_x) / (alpha + T), k)
    silence = np.log1p((T - t_x) / (alpha + t_x))
    odds = np.log(a / (b + (np.maximum(m, 1.0) - 1.0))) + R * silence - phases.log_sum
    return np.where(m > 0.0, odds, -np.inf), phases


def _log_survived(
    history: History, r: Values, alpha: Values, a: Values, b: Values, k: int
) -> Array:
    """Return the log-likelihood of the history with no event since t_x, and being alive at T."""
    x, _, T, m = history
    stayed = log_rising(b, m) - log_rising(a + b, m)
    events = k * x
    bought = log_rising(r, events) - (r + events) * np.log1p(T / alpha) - events * np.log(alpha)
    return np.asarray(bought + stayed)


def derivatives(
    history: History, r: Values, alpha: Values, a: Values, b: Values, k: int
) -> Derivatives:
    """Return `log_likelihood`, its gradient and its Hessian in (r, alpha, a, b).

    With W = P(left), the terms ln h + ln(1 + e^D) with D = E - ln h have the first derivatives
    (1 - W) dln h + W dE, and second ones (1 - W) d2ln h + W d2E + W (1 - W) dD dD'.

    Examples
    --------
    >>> one = np.ones(1)
    >>> known = History(0.0 * one, 0.0 * one, 10.0 * one, 0.0 * one)
    >>> derivatives(known, 1.0, 10.0, 1.0, 1.0, 1).gradient[1].round(6).tolist()
    [0.05]
    """
    x, t_x, T, m = history
    D, phases = _log_odds_left(history, r, alpha, a, b, k)
    value = _log_survived(history, r, alpha, a, b, k) + phases.log_sum + np.logaddexp(0.0, D)
    W = special.expit(D)
    stay, V = 1.0 - W, W * (1.0 - W)
    R, end, last = r + k * x, alpha + T, alpha + t_x
    h_r, h_alpha, h_rr, h_ralpha, h_alphaalpha = _phase_derivatives(phases, R, end)
    E_r, slope = np.log1p((T - t_x) / last), (t_x - T) / (end * last)
    E_alpha = R * slope
    E_alphaalpha = -E_alpha * (1.0 / end + 1.0 / last)
    D_r, D_alpha = E_r - h_r, E_alpha - h_alpha
    D_a, D_b = 1.0 / a, -1.0 / (b + (np.maximum(m, 1.0) - 1.0))
    events, aged, grown = k * x, T / (alpha * end), np.log1p(T / alpha)
    psi_ab, tri_ab = digamma_rising(a + b, m), trigamma_rising(a + b, m)
    gradient = (
        digamma_rising(r, events) - grown + stay * h_r + W * E_r,
        r * aged - events / end + stay * h_alpha + W * E_alpha,
        W * D_a - psi_ab,
        digamma_rising(b, m) - psi_ab + W * D_b,
    )
    hessian = {
        (0, 0): trigamma_rising(r, events) + stay * h_rr + V * D_r**2,
        (0, 1): aged + stay * h_ralpha + W * slope + V * D_r * D_alpha,
        (0, 2): V * D_r * D_a,
        (0, 3): V * D_r * D_b,
        (1, 1): events / end**2
        - r * aged * (1.0 / alpha + 1.0 / end)
        + stay * h_alphaalpha
        + W * E_alphaalpha
        + V * D_alpha**2,
        (1, 2): V * D_alpha * D_a,
        (1, 3): V * D_alpha * D_b,
        (2, 2): -tri_ab + (V - W) * D_a**2,
        (2, 3): -tri_ab + V * D_a * D_b,
        (3, 3): trigamma_rising(b, m) - tri_ab + (V + W) * D_b**2,
    }
    return Derivatives(np.asarray(value), gradient, hessian)


def _phase_derivatives(
    phases: _Phases, R: Array, end: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """Differentiate ln h in r, alpha, (r, r), (r, alpha), (alpha, alpha).

    Every weight is G(R+j) / (G(R) j!) ((T - t_x) / end)^j: its log has the derivative psi(R+j) -
    psi(R) in r and -j / end in alpha, so that these are means and covariances over the phases.
    """
    k = len(phases.weights)
    if k == 1:
        zero = np.zeros_like(R)
        return zero, zero, zero, zero, zero
    j = np.arange(k, dtype=np.float64)[:, None]
    steps = 1.0 / (R + j[:-1])
    psi, tri = _partial_sums(steps), _partial_sums(steps**2)
    count = phases.mean(j)
    return (
        phases.mean(psi),
        -count / end,
        phases.covariance(psi, psi) - phases.mean(tri),
        -phases.covariance(psi, j) / end,
        (phases.covariance(j, j) + count) / end**2,
    )
