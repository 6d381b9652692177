"""The likelihood of customers who buy at a gamma rate and may leave at each of m chances.

lambda ~ Gamma(r, rate alpha), p ~ Beta(a, b). With x purchases up to t_x and silence to T, either
the customer stayed at all m chances, or stayed at m - 1 and left at the last one, right after t_x.
BG/NBD has a chance after each repeat purchase (m = x), MBG/NBD also after the first one
(m = x + 1). Fader, Hardie and Lee (2005), eq. 6; Batislam, Denizel and Filiztekin (2007). Columns
are (n,), parameters numbers or (n,).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.objective import Derivatives
from clvmodels.special import log_rising, risings

__all__ = ["count_probability", "derivatives", "log_likelihood", "log_odds_left"]

Array: TypeAlias = NDArray[np.float64]
Values: TypeAlias = float | Array


def log_odds_left(
    x: Array, t_x: Array, T: Array, m: Array, r: Values, alpha: Values, a: Values, b: Values
) -> Array:
    """Return D, the log odds of having left at T, shape (n,): -inf where there was no chance to."""
    silence = np.log1p((T - t_x) / (alpha + t_x))
    odds = np.log(a / (b + (np.maximum(m, 1.0) - 1.0))) + (r + x) * silence
    return np.where(m > 0.0, odds, -np.inf)


def log_likelihood(
    x: Array, t_x: Array, T: Array, m: Array, r: Values, alpha: Values, a: Values, b: Values
) -> Array:
    """Return the log-likelihood, shape (n,): ln(survived) + ln(1 + e^D)."""
    D = log_odds_left(x, t_x, T, m, r, alpha, a, b)
    return _log_survived(x, T, m, r, alpha, a, b) + np.logaddexp(0.0, D)


def _log_survived(
    x: Array, T: Array, m: Array, r: Values, alpha: Values, a: Values, b: Values
) -> Array:
    """Return the log-likelihood of the history together with being alive at T."""
    stayed = log_rising(b, m) - log_rising(a + b, m)
    return log_rising(r, x) - (r + x) * np.log1p(T / alpha) - x * np.log(alpha) + stayed


def derivatives(
    x: Array, t_x: Array, T: Array, m: Array, r: Values, alpha: Values, a: Values, b: Values
) -> Derivatives:
    """Differentiate ln L = ln(survived) + ln(1 + e^D), with W = P(left) = e^D / (1 + e^D)."""
    end, last = alpha + T, alpha + t_x
    chance = b + (np.maximum(m, 1.0) - 1.0)
    events = r + x
    # First derivatives of D, and the second ones that are not zero.
    D_r = np.log1p((T - t_x) / last)
    slope = (t_x - T) / (end * last)
    D_alpha = events * slope
    D_a = 1.0 / a
    D_b = -1.0 / chance
    D_alpha_alpha = -D_alpha * (1.0 / end + 1.0 / last)
    D = np.where(m > 0.0, np.log(a / chance) + events * D_r, -np.inf)
    W, softplus = _left(D)
    V = W * (1.0 - W)
    V_r, V_alpha, V_a = V * D_r, V * D_alpha, V * D_a
    log_r, psi_r, tri_r = risings(r, x)
    log_b, psi_b, tri_b = risings(b, m)
    log_ab, psi_ab, tri_ab = risings(a + b, m)
    aged, grown = T / (alpha * end), np.log1p(T / alpha)
    gradient = (
        psi_r - grown + W * D_r,
        r * aged - x / end + W * D_alpha,
        W * D_a - psi_ab,
        psi_b - psi_ab + W * D_b,
    )
    hessian = {
        (0, 0): tri_r + V_r * D_r,
        (0, 1): aged + W * slope + V_r * D_alpha,
        (0, 2): V_r * D_a,
        (0, 3): V_r * D_b,
        (1, 1): x / end**2
        - r * aged * (1.0 / alpha + 1.0 / end)
        + W * D_alpha_alpha
        + V_alpha * D_alpha,
        (1, 2): V_alpha * D_a,
        (1, 3): V_alpha * D_b,
        (2, 2): -tri_ab + (V_a - W * D_a) * D_a,
        (2, 3): -tri_ab + V_a * D_b,
        (3, 3): tri_b - tri_ab + (V + W) * D_b**2,
    }
    value = log_r - events * grown - x * np.log(alpha) + (log_b - log_ab) + softplus
    return Derivatives(value, gradient, hessian)


def _left(D: Array) -> tuple[Array, Array]:
    """Return e^D / (1 + e^D) and ln(1 + e^D), with one exponential."""
    small = np.exp(-np.abs(D))
    return np.where(D > 0.0, 1.0, small) / (1.0 + small), np.maximum(D, 0.0) + np.log1p(small)


def count_probability(
    n: Array, t: Array, m: Array, r: Values, alpha: Values, a: Values, b: Values
) -> Array:
    """Return P(X(t) = n), shape (n,): alive after n purchases, or left right after the n-th.

    m = n or n + 1 chances to leave have passed. Fader, Hardie and Lee (2005), eq. 8.
    """
    share = t / (alpha + t)
    count = log_rising(r, n) - special.gammaln(n + 1.0) - r * np.log1p(t / alpha)
    count += special.xlogy(n, share)
    stayed = log_rising(b, m) - log_rising(a + b, m)
    earlier = np.maximum(m, 1.0)
    left = np.log(a / (b + (earlier - 1.0))) + log_rising(b, earlier) - log_rising(a + b, earlier)
    # P(at least n purchases by t if none left): 1 for n = 0, where betainc has no value
    reached = np.where(n > 0.0, special.betainc(np.maximum(n, 1.0), r, share), 1.0)
    return np.asarray(np.exp(count + stayed) + np.where(m > 0.0, np.exp(left) * reached, 0.0))
