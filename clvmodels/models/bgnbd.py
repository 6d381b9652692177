"""BG/NBD: purchases at a gamma rate, dropout with a beta probability after each repeat purchase.

Fader, Hardie and Lee (2005), "Counting Your Customers the Easy Way: An Alternative to the
Pareto/NBD Model", Marketing Science 24(2), 275-284. Equation numbers refer to that paper.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from clvmodels import beta_dropout
from clvmodels.customers import Customers, Histories, as_histories
from clvmodels.errors import DataError
from clvmodels.models.arguments import check_counts, check_finite_times, check_simulation
from clvmodels.models.base import Derivatives, PurchaseModel
from clvmodels.parameters import Positive, PositiveTime
from clvmodels.special import digamma_rising, log_rising, trigamma_rising
from clvmodels.units import TimeUnit

__all__ = ["BGNBD"]

Array: TypeAlias = NDArray[np.float64]

_HOMOGENEOUS: Final = 1e3  # a gamma or beta density this concentrated is a single value
_NEVER: Final = 1e-6  # a mean dropout probability below this is never


@dataclass(frozen=True)
class BGNBD(PurchaseModel):
    """The BG/NBD model of Fader, Hardie and Lee (2005).

    While alive a customer buys at a Poisson rate lambda ~ Gamma(shape r, rate alpha); right after
    each repeat purchase the customer leaves for good with probability p ~ Beta(a, b). A customer
    without a repeat purchase has had no occasion to leave, so P(alive) is exactly 1 for them.

    Parameters
    ----------
    r
        Shape of the purchase rate: small means that customers differ much.
    alpha
        Rate parameter of the purchase rate, in units of time; r / alpha is the mean rate.
    a, b
        Dropout probability per repeat purchase; a / (a + b) is its mean.

    Raises
    ------
    ParameterError
        A parameter is not a finite number above zero.

    Examples
    --------
    >>> model = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> c = Customers.from_arrays([2], [30.43], [38.86], unit="week")
    >>> model.p_alive(c).round(4).tolist(), model.expected_purchases(c, 39.0).round(4).tolist()
    ([0.7266], [1.226])
    """

    r: Positive
    alpha: PositiveTime
    a: Positive
    b: Positive

    # Likelihood (eq. 6).

    def log_likelihood(self, data: Histories) -> Array:
        """Return the log-likelihood of each row, shape (n,) (eq. 6)."""
        x, t_x, T = as_histories(data).customers().timing
        return _log_likelihood(x, t_x, T, self.r, self.alpha, self.a, self.b)

    def derivatives(self, customers: Customers) -> Derivatives:
        """Return log-likelihood, gradient and Hessian of each row in (r, alpha, a, b)."""
        return _derivatives(*customers.timing, self.r, self.alpha, self.a, self.b)

    @classmethod
    def starts(cls, customers: Customers) -> list[tuple[float, ...]]:
        """Return starts with the mean purchase rate of the data and three shapes."""
        x, _, T = customers.timing
        rate = float(customers.weight @ x) / float(customers.weight @ T)
        return [
            (0.5, 0.25 / rate, 0.8, 2.5),
            (1.0, 0.5 / rate, 1.0, 1.0),
            (3.0, 2.0 / rate, 0.5, 9.0),
        ]

    @classmethod
    def check_estimable(cls, customers: Customers) -> Customers:
        """Return the customers, or raise `DataError` if nobody bought twice or nobody is there."""
        x, _, _ = customers.timing
        repeat = float(customers.weight[x > 0.0].sum())
        if customers.n_customers < 2.0 or repeat == 0.0:
            raise DataError(
                "BG/NBD learns from several customers, some of whom have bought again.",
                place=f"Customers here: {customers.n_customers:g}; with a repeat purchase: "
                f"{repeat:g}.",
                fix="Use a longer log, or a model with published parameters.",
            )
        return customers

    def findings(self, flat: bool) -> tuple[str, ...]:
        """Say in words which limit of the model these parameters are near."""
        words = []
        dropout = self.a / (self.a + self.b)
        if flat and dropout < _NEVER:
            words.append(
                f"Nobody seems to leave (mean dropout {dropout:.1e} per purchase): the model is "
                "the NBD, a and b only say 'almost never'. Predictions hold while that lasts; a "
                "longer log would show dropout."
            )
        elif flat and self.a + self.b > _HOMOGENEOUS:
            words.append(
                f"All customers seem to leave with the same probability {dropout:.3g} after each "
                "purchase (a + b has no bound): use a / (a + b), not a and b."
            )
        elif flat and self.b < _NEVER:
            words.append(
                "Customers seem either to leave at once or never (a or b near 0): look for one-off "
                "buyers mixed with contractual ones."
            )
        if flat and self.r > _HOMOGENEOUS:
            words.append(
                f"All customers seem to buy at the same rate {self.r / self.alpha:.4g} (r and "
                "alpha have no bound): use r / alpha, not r and alpha."
            )
        return tuple(words)

    # Predictions.

    def p_alive(self, customers: Histories) -> Array:
        """Return P(alive), shape (n,): exactly 1 without a repeat purchase (note 021, eq. 1).

        Parameters
        ----------
        customers
            Histories; n rows.

        Examples
        --------
        >>> c = Customers.from_arrays([0, 2], [0.0, 10.0], [39.0, 39.0], unit="week")
        >>> BGNBD(0.243, 4.414, 0.793, 2.426).p_alive(c).round(4).tolist()
        [1.0, 0.267]
        """
        x, t_x, T = as_histories(customers).customers().timing
        return special.expit(-_log_odds_left(x, t_x, T, self.r, self.alpha, self.a, self.b))

    def purchases_if_alive(self, x: Array, T: Array, t: Array) -> Array:
        """Return expected purchases in (T, T+t] given alive, shape (n,) (eq. 10 over P(alive))."""
        return beta_dropout.purchases_if_alive(self.r + x, self.alpha + T, self.a, self.b + x, t)

    def rate_if_alive(self, x: Array, T: Array, t: Array) -> Array:
        """Return the expected purchase rate at T+t given alive, shape (n,)."""
        return beta_dropout.rate_if_alive(self.r + x, self.alpha + T, self.a, self.b + x, t)

    def purchases_without_end(self, x: Array, T: Array) -> Array:  # noqa: ARG002 - not T here
        """Return all expected future purchases given alive, shape (n,); inf if a <= 1."""
        return beta_dropout.purchases_without_end(self.a, self.b + x)

    def discounted_if_alive(self, x: Array, T: Array, horizon: float, rate: float) -> Array:
        """Return discounted expected purchases given alive, shape (n,)."""
        k, inverse_scale = self.r + x, self.alpha + T
        return beta_dropout.discounted_if_alive(k, inverse_scale, self.a, self.b + x, horizon, rate)

    def mean_purchases(self, t: ArrayLike) -> Array:
        """Return E[X(t)] of a new customer, shape of `t` (eq. 9).

        Parameters
        ----------
        t
            Time since the first purchase, zero or more, any shape.

        Raises
        ------
        ParameterError
            A time is negative or not finite.

        Examples
        --------
        >>> float(BGNBD(0.243, 4.414, 0.793, 2.426).mean_purchases(52.0).round(4))
        1.4461
        """
        times = check_finite_times(t, "t")
        new = np.zeros(times.size)
        return self.purchases_if_alive(new, new, times.ravel()).reshape(times.shape)

    def purchase_pmf(self, n: ArrayLike, t: float) -> Array:
        """Return P(X(t) = n) of a new customer, shape of `n` (eq. 8).

        Parameters
        ----------
        n
            Numbers of repeat purchases: whole, zero or more, any shape.
        t
            Time since the first purchase, zero or more.

        Raises
        ------
        ParameterError
            A count is not whole or a time is negative.

        Examples
        --------
        >>> BGNBD(0.243, 4.414, 0.793, 2.426).purchase_pmf([0, 1], 39.0).round(6).tolist()
        [0.573786, 0.199395]
        """
        counts = check_counts(n, "n")
        time = float(check_finite_times(t, "t"))
        flat = counts.ravel()
        return _pmf(flat, time, self.r, self.alpha, self.a, self.b).reshape(counts.shape)

    def simulate(
        self, n: int, age: ArrayLike, *, seed: int, unit: TimeUnit | None = None
    ) -> Customers:
        """Simulate the histories of n customers.

        Parameters
        ----------
        n
            Number of customers.
        age
            Time from the first purchase to the end of observation, a number or shape (n,).
        seed
            Seed of the random generator; the same seed gives the same customers.
        unit
            The unit of `age`, if it is to travel with the result.

        Raises
        ------
        ParameterError
            `n` is not a count or an age is negative.

        Examples
        --------
        >>> BGNBD(0.243, 4.414, 0.793, 2.426).simulate(100, 39, seed=7, unit="week")
        Customers(100 rows, 100 customers, 43 with a repeat purchase, unit='week')
        """
        ages = check_simulation(n, age)
        rng = np.random.default_rng(seed)
        rate = rng.gamma(self.r, 1.0 / self.alpha, size=len(ages))
        dropout = rng.beta(self.a, self.b, size=len(ages))
        x, t_x = np.zeros(len(ages)), np.zeros(len(ages))
        alive = np.flatnonzero(rate > 0.0)
        while len(alive):
            clock = t_x[alive] + rng.exponential(size=len(alive)) / rate[alive]
            bought = (clock <= ages[alive]) & (clock > t_x[alive])
            alive, clock = alive[bought], clock[bought]
            x[alive] += 1.0
            t_x[alive] = clock
            alive = alive[rng.random(len(alive)) >= dropout[alive]]
        return Customers.from_arrays(x, t_x, ages, unit=unit)


# --- kernels: the paper's letters -------------------------------------------------------------


def _log_odds_left(
    x: Array, t_x: Array, T: Array, r: float, alpha: float, a: float, b: float
) -> Array:
    """Return D, the log odds of having left at T, shape (n,): -inf where x = 0."""
    silence = np.log1p((T - t_x) / (alpha + t_x))
    odds = np.log(a / (b + (np.maximum(x, 1.0) - 1.0))) + (r + x) * silence
    return np.where(x > 0.0, odds, -np.inf)


def _log_survived(x: Array, T: Array, r: float, alpha: float, a: float, b: float) -> Array:
    """Return the log-likelihood of the history together with being alive at T."""
    stayed = log_rising(b, x) - log_rising(a + b, x)
    return log_rising(r, x) - (r + x) * np.log1p(T / alpha) - x * math.log(alpha) + stayed


def _log_likelihood(
    x: Array, t_x: Array, T: Array, r: float, alpha: float, a: float, b: float
) -> Array:
    D = _log_odds_left(x, t_x, T, r, alpha, a, b)
    return _log_survived(x, T, r, alpha, a, b) + np.logaddexp(0.0, D)


def _derivatives(
    x: Array, t_x: Array, T: Array, r: float, alpha: float, a: float, b: float
) -> Derivatives:
    """Differentiate ln L = (survived) + ln(1 + e^D), with W = P(left) = e^D / (1 + e^D)."""
    D = _log_odds_left(x, t_x, T, r, alpha, a, b)
    W = special.expit(D)
    V = W * (1.0 - W)
    end, last = alpha + T, alpha + t_x
    # First derivatives of D, and the second ones that are not zero.
    D_r = np.log1p((T - t_x) / last)
    slope = (t_x - T) / (end * last)
    D_alpha = (r + x) * slope
    D_a = 1.0 / a
    D_b = -1.0 / (b + (np.maximum(x, 1.0) - 1.0))
    D_alpha_alpha = -D_alpha * (1.0 / end + 1.0 / last)
    V_r, V_alpha, V_a = V * D_r, V * D_alpha, V * D_a
    psi_ab, tri_ab = digamma_rising(a + b, x), trigamma_rising(a + b, x)
    aged, grown = T / (alpha * end), np.log1p(T / alpha)
    gradient = (
        digamma_rising(r, x) - grown + W * D_r,
        r * aged - x / end + W * D_alpha,
        W * D_a - psi_ab,
        digamma_rising(b, x) - psi_ab + W * D_b,
    )
    hessian = {
        (0, 0): trigamma_rising(r, x) + V_r * D_r,
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
        (3, 3): trigamma_rising(b, x) - tri_ab + (V + W) * D_b**2,
    }
    value = _log_survived(x, T, r, alpha, a, b) + np.logaddexp(0.0, D)
    return Derivatives(value, gradient, hessian)


def _pmf(n: Array, t: float, r: float, alpha: float, a: float, b: float) -> Array:
    """Return P(X(t) = n): still alive after n purchases, or left right after the n-th."""
    share = t / (alpha + t)
    count = log_rising(r, n) - special.gammaln(n + 1.0) - r * np.log1p(t / alpha)
    count += special.xlogy(n, share)
    stayed = log_rising(b, n) - log_rising(a + b, n)
    earlier = np.maximum(n, 1.0)
    left = np.log(a / (b + earlier - 1.0)) + log_rising(b, earlier) - log_rising(a + b, earlier)
    reached = special.betainc(earlier, r, share)  # P(at least n purchases by t if none left)
    return np.asarray(np.exp(count + stayed) + np.where(n > 0.0, np.exp(left) * reached, 0.0))
