"""BG/BB: purchases at whole opportunities, by customers who leave between them.

Fader, Hardie and Shang (2010), "Customer-Base Analysis in a Discrete-Time Noncontractual Setting",
Marketing Science 29(6), 1086-1108. Equation numbers refer to that paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels import gaps, opportunities, renewals
from clvmodels.customers import Customers, Histories
from clvmodels.models.laws import BetaLaw, MixingLaw
from clvmodels.models.limits import HOMOGENEOUS, NEVER
from clvmodels.models.purchases import OpportunityModel
from clvmodels.objective import Derivatives
from clvmodels.parameters import Domain
from clvmodels.special.discounts import Discounts

__all__ = ["BGBB"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class BGBB(OpportunityModel):
    """The beta-geometric / beta-Bernoulli model of Fader, Hardie and Shang (2010).

    While alive a customer buys at each opportunity with probability p ~ Beta(alpha, beta). At the
    beginning of each opportunity the customer leaves for good with probability theta ~ Beta(gamma,
    delta). Frequency counts the opportunities with a purchase after the first one, recency is the
    last of them, T the number of opportunities so far; all are whole.

    Parameters
    ----------
    alpha, beta
        Purchase probability; alpha / (alpha + beta) is its mean.
    gamma, delta
        Dropout probability; gamma / (gamma + delta) is its mean.

    Raises
    ------
    ParameterError
        A parameter is not a finite number above zero.

    Notes
    -----
    All future purchases have a finite expectation where gamma is above 1.

    Examples
    --------
    >>> model = BGBB(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783)
    >>> donors = Customers.from_arrays([6, 3], [6, 5], [6, 6], unit="year")
    >>> model.p_alive(donors).round(3).tolist()
    [1.0, 0.824]
    >>> model.expected_purchases(donors, 5).round(2).tolist()
    [3.75, 1.8]
    """

    title: ClassVar[str] = "BG/BB"

    alpha: Annotated[float, Domain(typical=(0.4, 3.0))]
    beta: Annotated[float, Domain(typical=(0.4, 3.0))]
    gamma: Annotated[float, Domain(typical=(0.3, 3.0))]
    delta: Annotated[float, Domain(typical=(1.0, 8.0))]

    @property
    def _shapes(self) -> tuple[float, float, float, float]:
        return self.alpha, self.beta, self.gamma, self.delta

    def log_likelihood(self, data: Histories) -> Array:
        """Return the log-likelihood of each row, shape (n,) (eq. 5)."""
        x, t_x, T = self.check_periods(data).timing
        return opportunities.log_likelihood(x, t_x, T, *self._shapes)

    def derivatives(self, customers: Customers) -> Derivatives:
        """Return log-likelihood, gradient and Hessian of each row, in the order of parameters."""
        return opportunities.derivatives(*customers.timing, *self._shapes)

    def mixing(self) -> tuple[MixingLaw, ...]:
        """Return the laws of the chances to buy and to leave at an opportunity."""
        return (
            BetaLaw("probability of a purchase in a {unit}", self.alpha, self.beta),
            BetaLaw("probability of leaving before a {unit}", self.gamma, self.delta),
        )

    @classmethod
    def starts(cls, customers: Customers) -> list[tuple[float, ...]]:
        """Return starts with the purchase and dropout rates that the data suggest."""
        x, t_x, T = customers.timing
        w = customers.weight
        buying = float((w @ x + 0.5) / (w @ t_x + 1.0))  # up to the last purchase all are alive
        silent = float((w @ (T - t_x) + 0.5) / (w @ T + 1.0))
        leaving = silent / (1.0 + float(w @ T / w.sum()) * (1.0 - silent))
        leaving = min(max(leaving, 0.01), 0.9)
        return [
            (size * buying, size * (1.0 - buying), rest * leaving, rest * (1.0 - leaving))
            for size, rest in ((2.0, 3.0), (0.5, 1.0), (8.0, 8.0))
        ]

    def findings(self, flat: bool) -> tuple[str, ...]:
        """Say in words which limit of the model these parameters are near."""
        words = []
        buying = self.alpha / (self.alpha + self.beta)
        leaving = self.gamma / (self.gamma + self.delta)
        if flat and leaving < NEVER:
            words.append(
                f"Nobody seems to leave (mean dropout {leaving:.1e} per opportunity): gamma and "
                "delta only say 'almost never'. Predictions hold while that lasts; a longer log "
                "would show dropout."
            )
        elif flat and self.gamma + self.delta > HOMOGENEOUS:
            words.append(
                f"All customers seem to leave with the same probability {leaving:.3g} at each "
                "opportunity (gamma + delta has no bound): use gamma / (gamma + delta), not gamma "
                "and delta."
            )
        if flat and self.alpha + self.beta > HOMOGENEOUS:
            words.append(
                f"All customers seem to buy with the same probability {buying:.4g} (alpha + beta "
                "has no bound): use alpha / (alpha + beta), not alpha and beta."
            )
        return tuple(words)

    def p_alive(self, customers: Histories) -> Array:
        """Return the probability, shape (n,), to be there after opportunity T (eq. 11).

        The paper's P(alive at n + 1) also asks that the customer does not leave at the beginning of
        the next opportunity; multiply by (delta + T) / (gamma + delta + T) for it.

        Parameters
        ----------
        customers
            Histories; n rows.

        Examples
        --------
        >>> c = Customers.from_arrays([0, 6], [0, 6], [6, 6], unit="year")
        >>> BGBB(1.204, 0.750, 0.657, 2.783).p_alive(c).round(3).tolist()
        [0.116, 1.0]
        """
        x, t_x, T = self.check_periods(customers).timing
        return opportunities.p_alive(x, t_x, T, *self._shapes)

    def chance_if_alive(self, c: Customers, j: Array) -> Array:
        """Return P(purchase at the j-th opportunity from now | alive at T), shape (n,)."""
        stay = renewals.log_stay(self.gamma, self.delta, c.timing[2], j)
        return self._buying(c) * np.exp(stay)

    def purchases_if_alive(self, c: Customers, t: Array) -> Array:
        """Return expected purchases at the next t opportunities given alive, (n,) (eq. 13)."""
        stays = renewals.stays(self.gamma, self.delta, c.timing[2], np.floor(t))
        return self._buying(c) * stays

    def purchases_without_end(self, c: Customers) -> Array:
        """Return all expected future purchases given alive, shape (n,); inf if gamma <= 1."""
        return self._buying(c) * renewals.stays_without_end(self.gamma, self.delta, c.timing[2])

    def discounted_if_alive(self, c: Customers, horizon: float, rate: float) -> Array:
        """Return discounted expected purchases given alive, shape (n,) (eq. 15 for DERT).

        The next opportunity lies one period ahead and counts e^-rate.
        """
        count = np.full(len(c), np.floor(horizon))
        stays = renewals.discounted_stays(self.gamma, self.delta, c.timing[2], count, rate)
        return self._buying(c) * stays

    def stay_if_alive(self, c: Customers, t: Array) -> Array:
        """Return P(there after the t-th opportunity from now | alive at T), shape (n,)."""
        return np.exp(renewals.log_stay(self.gamma, self.delta, c.timing[2], np.floor(t)))

    def buying_if_alive(self, c: Customers, after: Array, t: Array) -> Array:
        """Return P(a purchase in (T+after, T+after+t] | alive at T), shape (n,).

        The chance to stay until then, times that of a purchase by who has stayed as long.
        """
        start = np.floor(after)
        a, b, c_, d = self._ahead(c)
        ends = np.floor(after + t) - start
        bought = opportunities.tail_ahead(np.ones(len(c)), ends, a, b, c_, d + start)
        return self.stay_if_alive(c, start) * bought

    def silence_if_alive(self, c: Customers, s: Array) -> Array:
        """Return P(no purchase at s opportunities after the last one) of who stay, shape (n,)."""
        return gaps.silent_opportunities(s, *self._at_last_purchase(c))

    def unusual_silence(self, c: Customers, level: float) -> Array:
        """Return the smallest whole s with `silence_if_alive` at most `level`, shape (n,)."""
        return gaps.unusual_opportunities(level, *self._at_last_purchase(c))

    def _at_last_purchase(self, c: Customers) -> tuple[Array, Array]:
        """Return the shapes of p after the last purchase, each (n,)."""
        x, t_x, _ = c.timing
        return self.alpha + x, self.beta + (t_x - x)

    def tail_if_alive(self, c: Customers, n: Array, t: Array) -> Array:
        """Return P(at least n purchases at the next t opportunities | alive at T), shape (m,)."""
        return opportunities.tail_ahead(n, np.floor(t), *self._ahead(c))

    def log_count_if_alive(self, c: Customers, n: Array, t: Array) -> Array:
        """Return ln P(n purchases at the next t opportunities | alive at T), shape (m,)."""
        return opportunities.log_count_ahead(n, np.floor(t), *self._ahead(c))

    def discounts_if_alive(self, c: Customers, n: Array, t: Array, rate: float) -> Discounts:
        """Return moments of the discounts of n >= 1 purchases, given alive at T."""
        return opportunities.discounts_ahead(n, np.floor(t), *self._ahead(c), rate)

    def _ahead(self, c: Customers) -> tuple[Array, Array, Array, Array]:
        """Return the parameters of the densities of p and theta given alive at T, each (n,)."""
        x, _, T = c.timing
        shapes = (self.alpha + x, self.beta + (T - x), self.gamma, self.delta + T)
        a, b, c_, d = (np.broadcast_to(np.asarray(s, dtype=np.float64), x.shape) for s in shapes)
        return a, b, c_, d

    def _buying(self, c: Customers) -> Array:
        """Return the expected purchase probability given alive, shape (n,)."""
        x, _, T = c.timing
        return np.asarray((self.alpha + x) / (self.alpha + self.beta + T))

    def count_probability(self, n: Array, t: Array) -> Array:
        """Return P(X(t) = n) of new customers, shape (m,) (eq. 7)."""
        return opportunities.count_probability(n, np.floor(t), *self._shapes)

    def draw(self, ages: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Simulate frequency and recency, shape (n,)."""
        p = rng.beta(self.alpha, self.beta, size=len(ages))
        theta = rng.beta(self.gamma, self.delta, size=len(ages))
        stayed, silent = rng.exponential(size=(2, len(ages)))
        with np.errstate(divide="ignore"):
            # Failures before the first success: those who leave, and the opportunities without a
            # purchase, counted back from the last one.
            alive = np.minimum(np.floor(stayed / -np.log1p(-theta)), ages)
            t_x = np.maximum(alive - np.floor(silent / -np.log1p(-p)), 0.0)
        bought = t_x > 0.0
        earlier = rng.binomial(np.maximum(t_x - 1.0, 0.0).astype(np.int64), p)
        return np.where(bought, 1.0 + earlier, 0.0), t_x
