"""What Pareto/NBD and GGompertz/NBD share: a gamma purchase rate until a lifetime ends.

The members say which lifetime.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels import gaps
from clvmodels.customers import Customers, Histories, as_histories
from clvmodels.lifetime import History, Lifetime, counts, counts_ahead, future, likelihood
from clvmodels.models.laws import GammaLaw, MixingLaw
from clvmodels.models.limits import same_rate
from clvmodels.models.purchases import ContinuousModel
from clvmodels.objective import Derivatives
from clvmodels.parameters import Positive, PositiveTime
from clvmodels.special.discounts import Discounts

__all__ = ["LifetimeModel", "mean_rate_and_age"]

Array: TypeAlias = NDArray[np.float64]

_NEVER: Final = 1e-5  # a chance of leaving before the next purchase that is none


@dataclass(frozen=True)
class LifetimeModel(ContinuousModel):
    """Poisson purchases at a rate ~ Gamma(r, rate alpha), until a lifetime ends."""

    effects: ClassVar[dict[str, dict[str, float]]] = {
        "purchase": {"alpha": -1.0},
        "dropout": {"beta": -1.0},
    }

    r: Positive
    alpha: PositiveTime

    @property
    @abstractmethod
    def lifetime(self) -> Lifetime:
        """The lifetime of customers; its parameters follow r and alpha in the same order."""

    def findings(self, flat: bool) -> tuple[str, ...]:
        """Say in words which limit of the model these parameters are near."""
        if not flat:
            return ()
        between = np.array(self.alpha / self.r)
        hazard = -float(self.lifetime.log_survival(between))
        lifetime = self.nobody_leaves(hazard) if hazard < _NEVER else self.lifetime_limit()
        return (*lifetime, *same_rate(self.r, self.alpha, "r, alpha"))

    def nobody_leaves(self, hazard: float) -> list[str]:
        """Say that there is no dropout, given the chance of it between two purchases."""
        return [
            f"Nobody seems to leave (chance {hazard:.1e} between two purchases): the model is the "
            "NBD, s and beta only say 'almost never'. Predictions hold while that lasts; a longer "
            "log would show dropout."
        ]

    @abstractmethod
    def lifetime_limit(self) -> list[str]:
        """Say which limit of their lifetimes parameters are near that the data do not bound."""

    def mixing(self) -> tuple[MixingLaw, ...]:
        """Return the laws of the rate of purchases and of the rate of leaving."""
        return GammaLaw("purchases per {unit}", self.r, self.alpha), self.leaving_law()

    @abstractmethod
    def leaving_law(self) -> GammaLaw:
        """Return the law of the rate at which new customers leave."""

    def _history(self, c: Customers) -> History:
        return History(*c.timing, self.r, self.alpha)

    def log_likelihood(self, data: Histories) -> Array:
        """Return the log-likelihood of each row, shape (n,)."""
        c = as_histories(data).customers()
        return likelihood.log_likelihood(self._history(c), self.lifetime)

    def derivatives(self, customers: Customers) -> Derivatives:
        """Return log-likelihood, gradient and Hessian of each row, in the order of parameters."""
        return likelihood.derivatives(self._history(customers), self.lifetime)

    def p_alive(self, customers: Histories) -> Array:
        """Return P(alive), shape (n,): 1 / (1 + e^D), with D the log odds of having left.

        Parameters
        ----------
        customers
            Histories; n rows.

        Examples
        --------
        >>> from clvmodels import Customers
        >>> from clvmodels.models.pareto_nbd import ParetoNBD
        >>> c = Customers.from_arrays([0, 26], [0.0, 30.86], [39.0, 31.0], unit="week")
        >>> ParetoNBD(0.553, 10.578, 0.606, 11.669).p_alive(c).round(4).tolist()
        [0.2945, 0.9979]
        """
        c = as_histories(customers).customers()
        return np.asarray(special.expit(-likelihood.log_odds_left(self._history(c), self.lifetime)))

    def purchases_if_alive(self, c: Customers, t: Array) -> Array:
        """Return expected purchases in (T, T+t] given alive, shape (n,)."""
        return self._rate(c) * future.lived(self.lifetime, c.timing[2], t)

    def rate_if_alive(self, c: Customers, t: Array) -> Array:
        """Return the expected purchase rate at T+t given alive, shape (n,)."""
        return self._rate(c) * future.survival_ahead(self.lifetime, c.timing[2], t)

    def purchases_without_end(self, c: Customers) -> Array:
        """Return all expected future purchases given alive, shape (n,)."""
        return self.purchases_if_alive(c, np.full(len(c), np.inf))

    def discounted_if_alive(self, c: Customers, horizon: float, rate: float) -> Array:
        """Return discounted expected purchases given alive, shape (n,)."""
        if rate == 0.0 and np.isfinite(horizon):
            return self.purchases_if_alive(c, np.full(len(c), horizon))
        T = c.timing[2]
        return self._rate(c) * future.lived(self.lifetime, T, np.full_like(T, horizon), rate=rate)

    def stay_if_alive(self, c: Customers, t: Array) -> Array:
        """Return P(alive at T+t | alive at T), shape (n,)."""
        return future.survival_ahead(self.lifetime, c.timing[2], t)

    def buying_if_alive(self, c: Customers, after: Array, t: Array) -> Array:
        """Return P(a purchase in (T+after, T+after+t] | alive at T), shape (n,).

        The lifetime says nothing of the rate of who is alive: the chance to stay until then, times
        that of a purchase at the rate as known at T by who is as old as then.
        """
        ahead = self._ahead(c, np.ones(len(c)), t)
        later = replace(ahead, T=ahead.T + after)
        return self.stay_if_alive(c, after) * counts_ahead.tail(later)

    def silence_if_alive(self, c: Customers, s: Array) -> Array:
        """Return P(no purchase within s after the last one) of customers who stay, shape (n,)."""
        x, t_x, _ = c.timing
        return gaps.silent_time(s, self.r + x, self.alpha + t_x)

    def unusual_silence(self, c: Customers, level: float) -> Array:
        """Return the smallest s with `silence_if_alive` at most `level`, shape (n,)."""
        x, t_x, _ = c.timing
        return gaps.unusual_time(level, self.r + x, self.alpha + t_x)

    def tail_if_alive(self, c: Customers, n: Array, t: Array) -> Array:
        """Return P(at least n purchases in (T, T+t] | alive at T), shape (m,)."""
        return counts_ahead.tail(self._ahead(c, n, t))

    def log_count_if_alive(self, c: Customers, n: Array, t: Array) -> Array:
        """Return ln P(n purchases in (T, T+t] | alive at T), shape (m,)."""
        return counts_ahead.log_count(self._ahead(c, n, t))

    def discounts_if_alive(self, c: Customers, n: Array, t: Array, rate: float) -> Discounts:
        """Return moments of the discounts of n >= 1 purchases in (T, T+t], given alive at T."""
        return counts_ahead.discounts(self._ahead(c, n, t), rate)

    def _ahead(self, c: Customers, n: Array, t: Array) -> counts_ahead.Ahead:
        x, _, T = c.timing
        times = np.asarray(t, dtype=np.float64)  # panels never end on whole numbers
        return counts_ahead.Ahead(n, times, self.r + x, self.alpha + T, self.lifetime, T)

    def _rate(self, c: Customers) -> Array:
        """Return the mean purchase rate given alive, (r+x) / (alpha+T)."""
        x, _, T = c.timing
        return np.asarray((self.r + x) / (self.alpha + T))

    def count_probability(self, n: Array, t: Array) -> Array:
        """Return P(X(t) = n) of new customers, shape (m,)."""
        return counts.count_probability(n, t, self.r, self.alpha, self.lifetime)

    def draw(self, ages: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Simulate frequency and recency, shape (n,)."""
        return counts.draw(ages, self.r, self.alpha, self.lifetime, rng)


def mean_rate_and_age(customers: Customers) -> tuple[float, float]:
    """Return purchases per unit of time and the mean age, from which starts are scaled."""
    x, _, T = customers.timing
    total = float(customers.weight @ T)
    return float(customers.weight @ x) / total, total / customers.n_customers
