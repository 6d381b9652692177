"""What the models of subscriptions share: customers renew, or leave and are seen to leave.

A history counts opportunities to renew: frequency and recency are both the number of renewals, T
the number of opportunities so far. Who has renewed at all of them is a customer still; who has not
left at the first opportunity without a renewal. So P(alive) is 1 or 0.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels import renewals
from clvmodels.customers import Column, Customers, Histories, as_histories
from clvmodels.errors import DataError, ParameterError
from clvmodels.models.arguments import check_finite_times
from clvmodels.models.laws import BetaLaw, MixingLaw
from clvmodels.models.limits import HOMOGENEOUS, NEVER
from clvmodels.models.purchases import OpportunityModel
from clvmodels.objective import Derivatives
from clvmodels.parameters import Domain
from clvmodels.special.discounts import Discounts, in_periods

__all__ = ["RenewalModel"]

Array: TypeAlias = NDArray[np.float64]

_DIVIDED: Final = 1e-3  # a beta density with parameters below this lies at its two ends


@dataclass(frozen=True)
class RenewalModel(OpportunityModel):
    """Customers leave with a probability theta ~ Beta(alpha, beta), over opportunities to renew."""

    state: ClassVar[tuple[Column, ...]] = ("T",)
    churn: ClassVar[str] = "probability of leaving at a renewal"
    """What theta is."""

    opportunities: ClassVar[int]
    """How many opportunities the parameters need to be told apart."""

    alpha: Annotated[float, Domain(typical=(0.3, 3.0))]
    beta: Annotated[float, Domain(typical=(0.6, 6.0))]

    @property
    @abstractmethod
    def duration(self) -> float | Array:
        """The power c of the number of opportunities in S(t) = B(alpha, beta + t^c) / B."""

    def mixing(self) -> tuple[MixingLaw, ...]:
        """Return the law of theta, the chance to leave at the first renewal."""
        return (BetaLaw(self.churn, self.alpha, self.beta),)

    def survival(self, t: ArrayLike) -> Array:
        """Return S(t), the chance that a new customer renews at least t times, shape of `t`.

        In the papers P(T > t): the share of a cohort that is there after t renewals.

        Parameters
        ----------
        t
            Numbers of renewals: zero or more, any shape; rounded down to whole ones.

        Raises
        ------
        ParameterError
            A number is negative or not finite.

        Examples
        --------
        >>> from clvmodels.models.sbg import SBG
        >>> SBG(0.668, 3.806).survival([0, 1, 7]).round(3).tolist()
        [1.0, 0.851, 0.489]
        """
        count = np.floor(check_finite_times(t, "t"))
        flat = count.ravel()
        stay = renewals.log_stay(self.alpha, self.beta, np.zeros_like(flat), flat, self.duration)
        return np.exp(stay).reshape(count.shape)

    def retention_rate(self, t: ArrayLike) -> Array:
        """Return r(t) = S(t) / S(t - 1), the share of customers who renew at opportunity t.

        Parameters
        ----------
        t
            Opportunities: 1, 2, ..., any shape.

        Raises
        ------
        ParameterError
            A number is below 1 or not finite.

        Examples
        --------
        >>> from clvmodels.models.sbg import SBG
        >>> SBG(0.668, 3.806).retention_rate([1, 2, 7]).round(3).tolist()
        [0.851, 0.878, 0.936]
        """
        count = np.floor(check_finite_times(t, "t"))
        if (count < 1.0).any():
            raise ParameterError(
                "`t` counts opportunities to renew: 1, 2, ...",
                place=f"Got {t!r:.80}.",
                fix="The first opportunity is t = 1.",
            )
        before = count.ravel() - 1.0
        one = np.ones_like(before)
        stay = renewals.log_stay(self.alpha, self.beta, before, one, self.duration)
        return np.exp(stay).reshape(count.shape)

    # Likelihood.

    def log_likelihood(self, data: Histories) -> Array:
        """Return ln S(x) of active customers, else ln(S(x) - S(x+1)), shape (n,)."""
        x, _, T = self.check_periods(data).timing
        return renewals.log_leaving(self.alpha, self.beta, x, T, self.duration)

    def derivatives(self, customers: Customers) -> Derivatives:
        """Return log-likelihood, gradient and Hessian of each row, in the order of parameters."""
        x, _, T = customers.timing
        rows = renewals.leaving_derivatives(self.alpha, self.beta, x, T, self.duration)
        k = len(self.parameter_names())
        pairs = {(i, j): second for (i, j), second in rows.hessian.items() if j < k}
        return Derivatives(rows.value, rows.gradient[:k], pairs)

    @classmethod
    def starts(cls, customers: Customers) -> list[tuple[float, ...]]:
        """Return starts with the mean churn of the data and several shapes."""
        x, _, T = customers.timing
        left = customers.weight @ (x < T)
        churn = float(left / (left + customers.weight @ x))
        sizes = (2.0, 0.5, 20.0)
        rest = (1.0,) * (len(cls.domains()) - 2)
        return [(churn * size, (1.0 - churn) * size, *rest) for size in sizes]

    @classmethod
    def check_estimable(cls, customers: Customers) -> Customers:
        """Return the customers, or raise `DataError` if they say nothing about who leaves when."""
        rows = cls.check_periods(customers)
        x, _, T = rows.timing
        left, renewed = float(rows.weight[x < T].sum()), float(rows.weight[x > 0.0].sum())
        if rows.n_customers < 2.0 or left == 0.0 or renewed == 0.0:
            raise DataError(
                f"{cls.title} learns from several customers, some of whom renewed and some left.",
                place=f"Customers here: {rows.n_customers:g}; renewed at least once: {renewed:g}; "
                f"left: {left:g}.",
                fix="Observe them for longer, or use published parameters.",
            )
        longest = float(T.max())
        if longest < cls.opportunities:
            raise DataError(
                f"{cls.title} learns from {cls.opportunities} opportunities to renew or more: one "
                "for each parameter.",
                place=f"The longest history here has {longest:g}.",
                fix="Observe them for longer, or count shorter periods."
                + (" SBG needs only two." if cls.opportunities > 2 else ""),
            )
        return rows

    @classmethod
    def check_periods(cls, data: Histories) -> Customers:
        """Return the customers, or raise `DataError` unless they are histories of renewals."""
        customers = as_histories(data).customers()
        x, t_x, T = customers.timing
        bad = np.flatnonzero((t_x != x) | (np.floor(T) != T))
        if len(bad):
            row = bad[0]
            raise DataError(
                f"{cls.title} is for subscriptions: frequency and recency both count renewals, T "
                "counts opportunities to renew.",
                place=f"{len(bad)} rows break this, first row {row}: frequency {x[row]:g}, recency "
                f"{t_x[row]:g}, T {T[row]:g}.",
                fix="Use subscription_summary or Customers.from_renewals; for orders at any time "
                "use BGNBD or ParetoNBD.",
            )
        return customers

    def findings(self, flat: bool) -> tuple[str, ...]:
        """Say in words which limit of the model these parameters are near."""
        churn = self.alpha / (self.alpha + self.beta)
        if not flat:
            return ()
        if churn < NEVER:
            return (
                f"Hardly anybody seems to leave (mean churn {churn:.1e} at the first opportunity): "
                "alpha and beta only say 'almost never'. Predictions hold while that lasts.",
            )
        if self.alpha + self.beta > HOMOGENEOUS:
            return (
                f"All customers seem to leave with the same probability {churn:.3g} (alpha + beta "
                "has no bound): use alpha / (alpha + beta), not alpha and beta. Where churn rises "
                "with time, BDW says so.",
            )
        if max(self.alpha, self.beta) < _DIVIDED:
            return (
                "Customers seem either to leave at the first opportunity or never (alpha and beta "
                "near 0): look for trials mixed with contracts.",
            )
        return ()

    # Predictions.

    def p_alive(self, customers: Histories) -> Array:
        """Return 1 for customers who have renewed at every opportunity, else 0, shape (n,).

        Parameters
        ----------
        customers
            Histories; n rows.

        Examples
        --------
        >>> from clvmodels.models.sbg import SBG
        >>> c = Customers.from_arrays([2, 1], [2, 1], [2, 2], unit="year")
        >>> SBG(0.668, 3.806).p_alive(c).tolist()
        [1.0, 0.0]
        """
        x, _, T = self.check_periods(customers).timing
        return np.where(x == T, 1.0, 0.0)

    def chance_if_alive(self, c: Customers, j: Array) -> Array:
        """Return S(T+j) / S(T), the chance of the j-th renewal from now, shape (n,)."""
        stay = renewals.log_stay(self.alpha, self.beta, c.timing[2], j, self.duration)
        return np.exp(stay)

    def purchases_if_alive(self, c: Customers, t: Array) -> Array:
        """Return expected renewals at the next t opportunities of an active customer, (n,)."""
        return renewals.stays(self.alpha, self.beta, c.timing[2], np.floor(t), self.duration)

    def purchases_without_end(self, c: Customers) -> Array:
        """Return all expected future renewals of an active customer, shape (n,), or inf."""
        return renewals.stays_without_end(self.alpha, self.beta, c.timing[2], self.duration)

    def discounted_if_alive(self, c: Customers, horizon: float, rate: float) -> Array:
        """Return discounted expected renewals of an active customer, shape (n,).

        The next renewal lies one period ahead and counts e^-rate. The discounted expected residual
        lifetime (DERL) of the papers looks at a customer whose next renewal is due now: for one who
        has renewed n - 1 times it is e^rate times this sum at T = n - 1.
        """
        count = np.full(len(c), np.floor(horizon))
        return renewals.discounted_stays(
            self.alpha, self.beta, c.timing[2], count, rate, self.duration
        )

    def stay_if_alive(self, c: Customers, t: Array) -> Array:
        """Return S(T+t) / S(T), the chance to renew at the next t opportunities, shape (n,)."""
        return self.chance_if_alive(c, np.floor(t))

    def buying_if_alive(self, c: Customers, after: Array, t: Array) -> Array:
        """Return P(a renewal in (T+after, T+after+t] | active at T), shape (n,)."""
        start = np.floor(after)
        return self.tail_if_alive(c, start + 1.0, np.floor(after + t))

    def silence_if_alive(self, c: Customers, s: Array) -> Array:
        """Return whether there was no opportunity within s: customers who stay take each, (n,)."""
        return np.where(np.floor(s) < 1.0, 1.0, np.zeros(len(c)))

    def unusual_silence(self, c: Customers, level: float) -> Array:  # noqa: ARG002 - renewals are due every period
        """Return one period, shape (n,): a renewal that was missed."""
        return np.ones(len(c))

    def tail_if_alive(self, c: Customers, n: Array, t: Array) -> Array:
        """Return P(n renewals at the next t opportunities | active), shape (m,)."""
        T, ends = c.timing[2], np.floor(t)
        stay = renewals.log_stay(self.alpha, self.beta, T, np.minimum(n, ends), self.duration)
        return np.where(n <= ends, np.exp(stay), 0.0)

    def log_count_if_alive(self, c: Customers, n: Array, t: Array) -> Array:
        """Return ln P(n renewals at the next t opportunities | active), shape (m,)."""
        T, ends = c.timing[2], np.floor(t)
        some = np.minimum(n, ends)
        log_p = renewals.log_stay(self.alpha, self.beta, T, some, self.duration)
        leave = renewals.chance_to_leave(self.alpha, self.beta, T + some, self.duration)
        with np.errstate(divide="ignore"):
            last = np.where(some < ends, np.log(leave), 0.0)
        return np.where(n <= ends, log_p + last, -np.inf)

    def discounts_if_alive(self, c: Customers, n: Array, t: Array, rate: float) -> Discounts:  # noqa: ARG002 - the renewals are the next n opportunities
        """Return moments of the discounts of n >= 1 renewals, which are the next n."""
        return in_periods(n, n, rate)

    def count_probability(self, n: Array, t: Array) -> Array:
        """Return P(n renewals at t opportunities) of new customers, shape (m,)."""
        age = np.floor(t)
        x = np.minimum(n, age)
        log_p = renewals.log_leaving(self.alpha, self.beta, x, age, self.duration)
        return np.where(n <= age, np.exp(log_p), 0.0)

    def draw(self, ages: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Simulate renewals, which are frequency and recency, shape (n,)."""
        theta = rng.beta(self.alpha, self.beta, size=len(ages))
        with np.errstate(divide="ignore", over="ignore"):
            # S(t | theta) = (1 - theta)^(t^c): the last t for which a uniform number lies below.
            last = (rng.exponential(size=len(ages)) / -np.log1p(-theta)) ** (1.0 / self.duration)
        x = np.minimum(np.maximum(np.ceil(last) - 1.0, 0.0), ages)
        return x, x.copy()
