"""Purchases at whole opportunities, until a customer leaves: the likelihood of BG/BB.

While alive a customer buys at each opportunity with probability p ~ Beta(alpha, beta); at the
beginning of each the customer leaves with probability theta ~ Beta(gamma, delta) (Fader, Hardie and
Shang 2010). After a last purchase at t_x, with m = T - t_x silent opportunities, the customer has
left at one of these or is still there. The chances of this, given the purchases up to t_x, are

    Q(i) (V(i) - V(i+1)), i = 0, ..., m-1,  and  Q(m) V(m),

where Q(i) is the chance of i opportunities without a purchase and V(i) that of staying for i. Both
are beta ratios, smooth in i, so the sum over i needs few values of long silences. Shapes: x, t_x
and T are (n,), parameters are numbers or (n,).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.objective import Derivatives
from clvmodels.special.discounts import Discounts, in_periods
from clvmodels.special.gamma_cross import Cross, cross_derivatives, log_cross
from clvmodels.special.sums import sum_blocks

__all__ = [
    "count_probability",
    "derivatives",
    "discounts_ahead",
    "log_count_ahead",
    "log_likelihood",
    "p_alive",
    "tail_ahead",
]

Array: TypeAlias = NDArray[np.float64]
Values: TypeAlias = float | Array

_CHUNK = 1 << 16  # terms at a time


def log_likelihood(
    x: Array, t_x: Array, T: Array, alpha: Values, beta: Values, gamma: Values, delta: Values
) -> Array:
    """Return the log-likelihood of each history, shape (n,) (eq. 5).

    Examples
    --------
    >>> one, two = np.ones(1), np.full(1, 2.0)
    >>> np.exp(log_likelihood(one, one, two, 1.0, 1.0, 1.0, 1.0)).round(12).tolist()
    [0.138888888889]
    """
    until_last = (
        log_cross(alpha, beta, x)
        + log_cross(beta, alpha + x, t_x - x)
        + log_cross(delta, gamma, t_x)
    )
    gone, there = _silences(x, t_x, T, alpha, beta, gamma, delta)
    return np.asarray(np.log(gone + there) - until_last)


def p_alive(
    x: Array, t_x: Array, T: Array, alpha: Values, beta: Values, gamma: Values, delta: Values
) -> Array:
    """Return the probability of being there after opportunity T, shape (n,).

    Examples
    --------
    >>> one, two = np.ones(1), np.full(1, 2.0)
    >>> p_alive(one, one, two, 1.0, 1.0, 1.0, 1.0).round(12).tolist()
    [0.4]
    """
    gone, there = _silences(x, t_x, T, alpha, beta, gamma, delta)
    return np.asarray(there / (gone + there))


def _silences(
    x: Array, t_x: Array, T: Array, alpha: Values, beta: Values, gamma: Values, delta: Values
) -> tuple[Array, Array]:
    """Return the chances of the silence after t_x together with having left, and not, (n,)."""
    a, b, c, d = _since_last(x, t_x, alpha, beta, gamma, delta)
    silent = T - t_x
    gone = np.zeros(len(x))
    for rows, j, weights in sum_blocks(silent):
        some = rows[:, None]
        i = j - 1.0
        stay = log_cross(b[some], a[some], i) + log_cross(d[some], c[some], i)
        leave = c[some] / (c[some] + d[some] + i)
        gone[rows] += (weights * leave * np.exp(-stay)).sum(axis=1)
    there = np.exp(-log_cross(b, a, silent) - log_cross(d, c, silent))
    return gone, there


def _since_last(
    x: Array, t_x: Array, alpha: Values, beta: Values, gamma: Values, delta: Values
) -> tuple[Array, Array, Array, Array]:
    """Return the parameters of the densities of p and theta given alive at t_x, each (n,)."""
    shapes = (alpha + x, beta + (t_x - x), gamma, delta + t_x)
    a, b, c, d = (np.broadcast_to(np.asarray(each, dtype=np.float64), x.shape) for each in shapes)
    return a, b, c, d


# --- derivatives ------------------------------------------------------------------------------


def derivatives(
    x: Array, t_x: Array, T: Array, alpha: Values, beta: Values, gamma: Values, delta: Values
) -> Derivatives:
    """Return the log-likelihood with gradient and Hessian in (alpha, beta, gamma, delta).

    Of a mixture, the gradient is the mean of those of its terms, and the Hessian the mean of
    theirs plus the covariance of the gradients.

    Examples
    --------
    >>> one, two = np.ones(1), np.full(1, 2.0)
    >>> found = derivatives(one, one, two, 1.0, 1.0, 1.0, 1.0)
    >>> [float(each[0].round(6)) for each in found.gradient]
    [0.366667, -0.233333, -0.233333, 0.366667]
    """
    a, b, c, d = _since_last(x, t_x, alpha, beta, gamma, delta)
    total = _Moments(len(x))
    silent = T - t_x
    for rows, j, weights in sum_blocks(silent):
        some, i = rows[:, None], j - 1.0
        total.add(rows, weights, _log_term(a[some], b[some], c[some], d[some], i, left=True))
    everyone = np.arange(len(x))
    last = _log_term(a[:, None], b[:, None], c[:, None], d[:, None], silent[:, None], left=False)
    total.add(everyone, np.ones((len(x), 1)), last)
    value, gradient, hessian = total.of_logarithm()
    until_last = _until_last(x, t_x, alpha, beta, gamma, delta)
    return Derivatives(
        value + until_last.value,
        tuple(first + more for first, more in zip(gradient, until_last.gradient, strict=True)),
        {pair: second + until_last.hessian.get(pair, 0.0) for pair, second in hessian.items()},
    )


def _until_last(
    x: Array, t_x: Array, alpha: Values, beta: Values, gamma: Values, delta: Values
) -> Derivatives:
    """Return the part of the log-likelihood up to the last purchase."""
    bought = cross_derivatives(alpha, beta, x)
    skipped = cross_derivatives(beta, alpha + x, t_x - x)
    stayed = cross_derivatives(delta, gamma, t_x)
    return Derivatives(
        -(bought.value + skipped.value + stayed.value),
        (-(bought.z + skipped.a), -(bought.a + skipped.z), -stayed.a, -stayed.z),
        {
            (0, 0): -(bought.zz + skipped.aa),
            (0, 1): -(bought.za + skipped.za),
            (1, 1): -(bought.aa + skipped.zz),
            (2, 2): -stayed.aa,
            (2, 3): -stayed.za,
            (3, 3): -stayed.zz,
        },
    )


def _log_term(a: Array, b: Array, c: Array, d: Array, i: Array, *, left: bool) -> Derivatives:
    """Return the logarithm of one term of the mixture with its derivatives."""
    silence, stay = cross_derivatives(b, a, i), cross_derivatives(d, c, i)
    value, gradient, hessian = -(silence.value + stay.value), *_minus(silence, stay)
    if left:  # ln c / (c + d + i) more: leaving at the next opportunity
        end = 1.0 / (c + d + i)
        value = value + np.log(c * end)
        gradient = (*gradient[:2], gradient[2] + 1.0 / c - end, gradient[3] - end)
        more = {(2, 2): end**2 - c**-2.0, (2, 3): end**2, (3, 3): end**2}
        hessian = {pair: second + more.get(pair, 0.0) for pair, second in hessian.items()}
    return Derivatives(value, gradient, hessian)


def _minus(silence: Cross, stay: Cross) -> tuple[tuple[Array, ...], dict[tuple[int, int], Array]]:
    gradient = (-silence.a, -silence.z, -stay.a, -stay.z)
    hessian = {
        (0, 0): -silence.aa,
        (0, 1): -silence.za,
        (1, 1): -silence.zz,
        (2, 2): -stay.aa,
        (2, 3): -stay.za,
        (3, 3): -stay.zz,
    }
    return gradient, hessian


class _Moments:
    """Running sums over the terms of a mixture: weights, and weighted first and second moments."""

    def __init__(self, n: int) -> None:
        self.weight = np.zeros(n)
        self.first = np.zeros((4, n))
        self.second = {(i, j): np.zeros(n) for i in range(4) for j in range(i, 4)}

    def add(self, rows: NDArray[np.intp], weights: Array, term: Derivatives) -> None:
        """Add terms, shape (rows, points), of some rows."""
        w = weights * np.exp(term.value)
        self.weight[rows] += w.sum(axis=1)
        for i, first in enumerate(term.gradient):
            self.first[i, rows] += (w * first).sum(axis=1)
        for (i, j), sums in self.second.items():
            both = term.gradient[i] * term.gradient[j] + term.hessian.get((i, j), 0.0)
            sums[rows] += (w * both).sum(axis=1)

    def of_logarithm(self) -> tuple[Array, list[Array], dict[tuple[int, int], Array]]:
        """Return the logarithm of the sum of the terms, its gradient and its Hessian."""
        gradient = [first / self.weight for first in self.first]
        hessian = {
            (i, j): sums / self.weight - gradient[i] * gradient[j]
            for (i, j), sums in self.second.items()
        }
        return np.log(self.weight), gradient, hessian


# --- new customers ----------------------------------------------------------------------------


def count_probability(
    n: Array, t: Array, alpha: Values, beta: Values, gamma: Values, delta: Values
) -> Array:
    """Return P(X(t) = n) for new customers, shape (m,) (eq. 7), by the sum over all lifetimes.

    Examples
    --------
    >>> counts, end = np.array([0.0, 1.0, 2.0]), np.full(3, 2.0)
    >>> count_probability(counts, end, 1.0, 1.0, 1.0, 1.0).round(12).tolist()
    [0.694444444444, 0.194444444444, 0.111111111111]
    """
    shapes = (n, t, alpha, beta, gamma, delta)
    n, t, a, b, c, d = np.broadcast_arrays(*(np.asarray(s, dtype=np.float64) for s in shapes))
    result = np.zeros(n.shape)
    for row in np.flatnonzero(n <= t):
        k = n[row]
        # i opportunities without a purchase, in a life of k + i.
        total = 0.0
        for start in range(0, int(t[row] - k) + 1, _CHUNK):
            i = np.arange(start, min(start + _CHUNK, int(t[row] - k) + 1), dtype=np.float64)
            bought = log_cross(1.0, k, i) - log_cross(a[row], b[row], k)
            life = log_cross(b[row], a[row] + k, i) + log_cross(d[row], c[row], k + i)
            leaves = np.where(k + i < t[row], c[row] / (c[row] + d[row] + k + i), 1.0)
            total += float((np.exp(bought - life) * leaves).sum())
        result[row] = total
    return result


# --- customers who are alive ------------------------------------------------------------------


def tail_ahead(n: Array, t: Array, alpha: Array, beta: Array, gamma: Array, delta: Array) -> Array:
    """Return P(n purchases or more at the next t opportunities) of who is there now, (m,).

    Parameters
    ----------
    n, t
        Whole numbers, zero or more.
    alpha, beta, gamma, delta
        Of the densities of p and theta given all that is known, shape (m,).

    Examples
    --------
    >>> n, one = np.arange(4.0), np.ones(4)
    >>> tail_ahead(n, 2.0 * one, one, one, one, one).round(12).tolist()
    [1.0, 0.305555555556, 0.111111111111, 0.0]
    """
    result = np.where(n > 0.0, 0.0, 1.0)
    first = -log_cross(alpha, beta, n) - log_cross(delta, gamma, n)
    for rows, i in _later(n, t, (n > 0.0) & (n <= t)):
        k, a, b, c, d = (each[rows, None] for each in (n, alpha, beta, gamma, delta))
        # The n-th purchase at opportunity n + i + 1 beside n + i.
        growth = (k + i) / (i + 1.0) * ((b + i) / (a + b + k + i)) * ((d + k + i) / (c + d + k + i))
        logs = _summed(growth) + first[rows, None]
        result[rows] = np.exp(logs).sum(axis=1, where=k + _from_zero(i) <= t[rows, None])
    return result


def discounts_ahead(
    n: Array, t: Array, alpha: Array, beta: Array, gamma: Array, delta: Array, rate: float
) -> Discounts:
    """Return the moments of the discounts of n >= 1 purchases at the next t opportunities.

    They are at any n of the opportunities that the customer is there for, all choices alike.

    Examples
    --------
    >>> one = np.ones(1)
    >>> discounts_ahead(one, one, one, one, one, one, 0.5).total.round(6).tolist()
    [0.606531]
    """
    found = np.empty((3, len(n)))
    for rows, life, leaves, logs in _lives(n, t, alpha, beta, gamma, delta):
        weights = leaves * np.exp(logs - logs.max(axis=1, keepdims=True))
        shares = weights / weights.sum(axis=1, keepdims=True)
        parts = in_periods(n[rows, None], life, rate).averaged(shares)
        found[:, rows] = parts.total, parts.squares, parts.square
    return Discounts(*found)


def log_count_ahead(
    n: Array, t: Array, alpha: Array, beta: Array, gamma: Array, delta: Array
) -> Array:
    """Return ln P(n purchases at the next t opportunities) of who is there now, (m,).

    Examples
    --------
    >>> n, one = np.arange(3.0), np.ones(3)
    >>> found = log_count_ahead(n, 2.0 * one, one, one, one, one)
    >>> np.exp(found).round(12).tolist()
    [0.694444444444, 0.194444444444, 0.111111111111]
    """
    result = np.full(len(n), -np.inf)
    shortest = -log_cross(alpha, beta, n) - log_cross(delta, gamma, n)
    for rows, _, leaves, logs in _lives(n, t, alpha, beta, gamma, delta):
        top = logs.max(axis=1)
        whole = (leaves * np.exp(logs - top[:, None])).sum(axis=1)
        result[rows] = shortest[rows] + top + np.log(whole)
    return np.where(n <= t, result, -np.inf)


def _lives(
    n: Array, t: Array, alpha: Array, beta: Array, gamma: Array, delta: Array
) -> Iterator[tuple[NDArray[np.intp], Array, Array, Array]]:
    """Yield rows, lives of n, n + 1, ... opportunities, and how likely each is with n purchases.

    As the chance to leave after that life, and the logarithm of that of n purchases in it beside
    n purchases in a life of n; -inf where it is longer than t.
    """
    for rows, i in _later(n, t, np.ones(len(n), dtype=np.bool_)):
        k, a, b, c, d, end = (each[rows, None] for each in (n, alpha, beta, gamma, delta, t))
        # n purchases in a life of n + i + 1 opportunities beside n + i.
        life = k + i
        growth = (life + 1.0) / (i + 1.0) * ((b + i) / (a + b + life))
        growth *= (d + life) / (c + d + life)
        life = k + _from_zero(i)
        leaves = np.where(life < end, c / (c + d + life), 1.0)
        yield rows, life, leaves, np.where(life <= np.maximum(end, k), _summed(growth), -np.inf)


def _later(n: Array, t: Array, some: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.intp], Array]]:
    """Yield rows of similar t - n, and i = 0, 1, ... up to the largest of it, in small blocks."""
    spare = np.maximum(t - n, 0.0)
    order = np.flatnonzero(some)
    order = order[np.argsort(spare[order], kind="stable")]
    stop = len(order)
    while stop > 0:
        longest = spare[order[stop - 1]]
        start = max(0, stop - max(1, int(_CHUNK / (longest + 1.0))))
        yield order[start:stop], np.arange(longest)
        stop = start


def _from_zero(i: Array) -> Array:
    return np.arange(len(i) + 1.0)


def _summed(growth: Array) -> Array:
    """Return the logarithms of products of the factors so far, from that of none on."""
    logs = np.zeros((growth.shape[0], growth.shape[1] + 1))
    np.cumsum(np.log(growth), axis=1, out=logs[:, 1:])
    return logs
