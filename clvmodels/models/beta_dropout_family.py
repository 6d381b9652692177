"""What BG/NBD and its sisters share: a gamma purchase rate, and a beta chance to leave each time.

The members say at how many chances a customer with x repeat purchases has stayed.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels import gaps
from clvmodels.beta_dropout import counts_ahead, future, likelihood
from clvmodels.customers import Customers, Histories, as_histories
from clvmodels.models.laws import BetaLaw, GammaLaw, MixingLaw
from clvmodels.models.limits import beta_dropout_limit, same_rate
from clvmodels.models.purchases import ContinuousModel, LeavingOdds
from clvmodels.objective import Derivatives
from clvmodels.parameters import Domain, Positive, PositiveTime
from clvmodels.special.discounts import Discounts

__all__ = ["BetaDropoutModel"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class BetaDropoutModel(ContinuousModel):
    """Poisson purchases at a rate ~ Gamma(r, rate alpha); leaving with p ~ Beta(a, b)."""

    effects: ClassVar[dict[str, dict[str, float]]] = {
        "purchase": {"alpha": -1.0},
        "dropout": {"a": 1.0},
    }
    tied_effects: ClassVar[dict[str, dict[str, float]]] = {
        "purchase": {"alpha": -1.0},
        "dropout": {"a": 1.0, "b": 1.0},
    }

    r: Positive
    alpha: PositiveTime
    a: Annotated[float, Domain(typical=(0.3, 2.0))]
    b: Annotated[float, Domain(typical=(1.0, 6.0))]

    @staticmethod
    @abstractmethod
    def chances(x: Array) -> Array:
        """Return how often a customer with x repeat purchases has had a chance to leave, (n,)."""

    def log_likelihood(self, data: Histories) -> Array:
        """Return the log-likelihood of each row, shape (n,)."""
        x, t_x, T = as_histories(data).customers().timing
        m = self.chances(x)
        return likelihood.log_likelihood(x, t_x, T, m, self.r, self.alpha, self.a, self.b)

    def derivatives(self, customers: Customers) -> Derivatives:
        """Return log-likelihood, gradient and Hessian of each row in (r, alpha, a, b)."""
        x, t_x, T = customers.timing
        m = self.chances(x)
        return likelihood.derivatives(x, t_x, T, m, self.r, self.alpha, self.a, self.b)

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

    def findings(self, flat: bool) -> tuple[str, ...]:
        """Say in words which limit of the model these parameters are near."""
        if not flat:
            return ()
        return (*beta_dropout_limit(self.a, self.b), *same_rate(self.r, self.alpha, "r, alpha"))

    def mixing(self) -> tuple[MixingLaw, ...]:
        """Return the laws of the rate of purchases and of the chance to leave."""
        at_once = bool(self.chances(np.zeros(1))[0] > 0.0)
        leaving = f"probability of leaving after a {'' if at_once else 'repeat '}purchase"
        return self.purchase_law(), BetaLaw(leaving, self.a, self.b)

    def purchase_law(self) -> GammaLaw:
        """Return the law of the rate of purchases while there."""
        return GammaLaw("purchases per {unit}", self.r, self.alpha)

    def p_alive(self, customers: Histories) -> Array:
        """Return P(alive), shape (n,): 1 / (1 + e^D), with D the log odds of having left.

        Parameters
        ----------
        customers
            Histories; n rows.

        Examples
        --------
        >>> from clvmodels import BGNBD, Customers
        >>> c = Customers.from_arrays([0, 2], [0.0, 10.0], [39.0, 39.0], unit="week")
        >>> BGNBD(0.243, 4.414, 0.793, 2.426).p_alive(c).round(4).tolist()
        [1.0, 0.267]
        """
        x, t_x, T = as_histories(customers).customers().timing
        m = self.chances(x)
        odds = likelihood.log_odds_left(x, t_x, T, m, self.r, self.alpha, self.a, self.b)
        return np.asarray(special.expit(-odds))

    @property
    def p_alive_is_elementary(self) -> bool:
        """Whether P(alive) is arithmetic in the recency: it is."""
        return True

    def odds_of_leaving(self, c: Customers) -> LeavingOdds | None:
        """Return what P(alive) is made of: odds of 0 where there was no chance to leave."""
        m = self.chances(c.frequency)
        odds = np.where(m > 0.0, self.a / (self.b + (np.maximum(m, 1.0) - 1.0)), 0.0)
        alpha = np.broadcast_to(np.asarray(self.alpha, dtype=np.float64), m.shape)
        return LeavingOdds(odds, self.r + c.frequency, alpha)

    def purchases_if_alive(self, c: Customers, t: Array) -> Array:
        """Return expected purchases in (T, T+t] given alive, shape (n,)."""
        return future.purchases_if_alive(*self._alive(c), t)

    def rate_if_alive(self, c: Customers, t: Array) -> Array:
        """Return the expected purchase rate at T+t given alive, shape (n,)."""
        return future.rate_if_alive(*self._alive(c), t)

    def purchases_without_end(self, c: Customers) -> Array:
        """Return all expected future purchases given alive, shape (n,); inf if a <= 1."""
        _, _, a, b = self._alive(c)
        return future.purchases_without_end(a, b)

    def discounted_if_alive(self, c: Customers, horizon: float, rate: float) -> Array:
        """Return discounted expected purchases given alive, shape (n,)."""
        return future.discounted_if_alive(*self._alive(c), horizon, rate)

    def stay_if_alive(self, c: Customers, t: Array) -> Array:
        """Return P(alive at T+t | alive at T), shape (n,): 1 - E[p times purchases until then]."""
        k, rate, a, b = self._alive(c)
        return 1.0 - a / (a + b) * future.purchases_if_alive(k, rate, a + 1.0, b, t)

    def buying_if_alive(self, c: Customers, after: Array, t: Array) -> Array:
        """Return P(a purchase in (T+after, T+after+t] | alive at T), shape (n,)."""
        return counts_ahead.buying(*self._alive(c), after, t)

    def silence_if_alive(self, c: Customers, s: Array) -> Array:
        """Return P(no purchase within s after the last one) of customers who stay, shape (n,)."""
        return gaps.silent_time(s, *self._at_last_purchase(c))

    def unusual_silence(self, c: Customers, level: float) -> Array:
        """Return the smallest s with `silence_if_alive` at most `level`, shape (n,)."""
        return gaps.unusual_time(level, *self._at_last_purchase(c))

    def _at_last_purchase(self, c: Customers) -> tuple[Array, Array, int]:
        """Return shape and rate of lambda after the last purchase, each (n,), and its events."""
        x, t_x, _ = c.timing
        return self.r + x, self.alpha + t_x, 1

    def tail_if_alive(self, c: Customers, n: Array, t: Array) -> Array:
        """Return P(at least n purchases in (T, T+t] | alive at T), shape (m,)."""
        return counts_ahead.tail(*self._alive(c), n, t)

    def log_count_if_alive(self, c: Customers, n: Array, t: Array) -> Array:
        """Return ln P(n purchases in (T, T+t] | alive at T), shape (m,)."""
        return counts_ahead.log_count(*self._alive(c), n, t)

    def discounts_if_alive(self, c: Customers, n: Array, t: Array, rate: float) -> Discounts:
        """Return moments of the discounts of n >= 1 purchases in (T, T+t], given alive at T."""
        return counts_ahead.discounts(*self._alive(c), n, t, rate)

    def _alive(self, c: Customers) -> tuple[Array, Array, Array, Array]:
        """Return shape and rate of lambda, and a and b of p, given alive, each (n,)."""
        x, _, T = c.timing
        a = np.broadcast_to(np.asarray(self.a, dtype=np.float64), x.shape)
        return self.r + x, self.alpha + T, a, self.b + self.chances(x)

    def count_probability(self, n: Array, t: Array) -> Array:
        """Return P(X(t) = n) of new customers, shape (m,)."""
        m = self.chances(n)
        return likelihood.count_probability(n, t, m, self.r, self.alpha, self.a, self.b)

    def draw(self, ages: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Simulate frequency and recency, shape (n,)."""
        x, t_x, _ = self.purchases_until(ages, rng)
        return x, t_x

    def purchases_until(
        self, ages: Array, rng: np.random.Generator, events: int = 1
    ) -> tuple[Array, Array, Array]:
        """Simulate frequency, recency and the sum of the logarithms of times between, each (n,).

        A purchase takes `events` events of a Poisson process.
        """
        rate = rng.gamma(self.r, 1.0 / np.asarray(self.alpha), size=len(ages))
        dropout = rng.beta(self.a, self.b, size=len(ages))
        x, t_x, log_intervals = np.zeros((3, len(ages)))
        at_once = bool(self.chances(np.zeros(1))[0] > 0.0)
        stays = rng.random(len(ages)) >= dropout if at_once else True
        alive = np.flatnonzero((rate > 0.0) & stays)
        while len(alive):
            interval = rng.standard_gamma(float(events), size=len(alive)) / rate[alive]
            clock = t_x[alive] + interval
            bought = (clock <= ages[alive]) & (clock > t_x[alive])
            alive = alive[bought]
            x[alive] += 1.0
            t_x[alive] = clock[bought]
            log_intervals[alive] += np.log(interval[bought])
            alive = alive[rng.random(len(alive)) >= dropout[alive]]
        return x, t_x, log_intervals
