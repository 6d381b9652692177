"""What every purchase model promises, and predictions once per distinct history.

A purchase model gives a likelihood, P(alive), and what a customer who is alive will do; this base
class turns these into everything that users call. A closed form in a model overrides a fallback.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.customers import TIMING, Column, Customers, Histories, as_histories
from clvmodels.errors import DataError, ParameterError
from clvmodels.models.arguments import check_counts, check_finite_times, check_simulation
from clvmodels.models.base import CovarianceKind, Model
from clvmodels.models.fit import Fit
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.special import time_nodes
from clvmodels.special.discounts import Discounts
from clvmodels.units import TimeUnit

if TYPE_CHECKING:
    from clvmodels.models.covariates import PurchaseCovariates

__all__ = ["ContinuousModel", "LeavingOdds", "OpportunityModel", "PurchaseModel", "refuse_starts"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class LeavingOdds:
    """P(alive) = 1 / (1 + odds ((alpha + T) / (alpha + t_x))^shape), row by row.

    Attributes
    ----------
    odds, shape, alpha : Array
        Shape (n,); they depend on frequency and T alone, so that the recency needs arithmetic only.
    """

    odds: Array
    shape: Array
    alpha: Array


@dataclass(frozen=True)
class PurchaseModel(PurchasePredictions, Model):
    """A model of when customers buy and when they leave.

    All times are in the unit of the customers that are passed in; rates are per that unit.
    """

    columns: ClassVar[tuple[Column, ...]] = TIMING

    state: ClassVar[tuple[Column, ...]] = ("frequency", "T")
    """What the future of a customer who is alive depends on."""

    def odds_of_leaving(self, c: Customers) -> LeavingOdds | None:  # noqa: ARG002 - for overriding
        """Return what P(alive) is made of, where it is elementary in the recency."""
        return None

    # What a model provides, for parameters that are numbers or arrays of one a row.

    @abstractmethod
    def purchases_if_alive(self, c: Customers, t: Array) -> Array:
        """Return expected purchases in (T, T+t] given alive at T, shape (n,); t is finite."""

    @abstractmethod
    def purchases_without_end(self, c: Customers) -> Array:
        """Return all expected future purchases given alive at T, shape (n,), or inf."""

    @abstractmethod
    def discounted_if_alive(self, c: Customers, horizon: float, rate: float) -> Array:
        """Return discounted expected purchases given alive at T, shape (n,)."""

    @abstractmethod
    def tail_if_alive(self, c: Customers, n: Array, t: Array) -> Array:
        """Return P(at least n purchases in (T, T+t] | alive at T), shape (m,); t is finite."""

    @abstractmethod
    def log_count_if_alive(self, c: Customers, n: Array, t: Array) -> Array:
        """Return ln P(n purchases in (T, T+t] | alive at T), shape (m,); t is finite."""

    @abstractmethod
    def discounts_if_alive(self, c: Customers, n: Array, t: Array, rate: float) -> Discounts:
        """Return moments of the discounts of n >= 1 purchases in (T, T+t], given alive at T."""

    @abstractmethod
    def count_probability(self, n: Array, t: Array) -> Array:
        """Return P(X(t) = n) for new customers, shape (m,), of n and t of shape (m,)."""

    @abstractmethod
    def stay_if_alive(self, c: Customers, t: Array) -> Array:
        """Return P(alive at T+t | alive at T), shape (n,); t is finite."""

    @abstractmethod
    def buying_if_alive(self, c: Customers, after: Array, t: Array) -> Array:
        """Return P(a purchase in (T+after, T+after+t] | alive at T), shape (n,); both finite."""

    @abstractmethod
    def silence_if_alive(self, c: Customers, s: Array) -> Array:
        """Return P(no purchase within s after the last one) of customers who stay, shape (n,).

        Given what they did up to that purchase; the silence so far and T do not count.
        """

    @abstractmethod
    def unusual_silence(self, c: Customers, level: float) -> Array:
        """Return the smallest s with `silence_if_alive` at most `level`, shape (n,), or inf."""

    @abstractmethod
    def draw(self, ages: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Simulate frequency and recency, shape (n,), of customers observed for `ages`, (n,)."""

    # What users call.

    @overload
    @classmethod
    def fit(
        cls,
        data: Histories,
        *,
        starts: Sequence[Self] | None = None,
        covariance: CovarianceKind = "hessian",
    ) -> Fit[Self]: ...

    @overload
    @classmethod
    def fit(
        cls,
        data: Histories,
        *,
        purchase: str | None = None,
        dropout: str | None = None,
        tied: bool = False,
        covariance: CovarianceKind = "hessian",
    ) -> Fit[PurchaseCovariates[Self]]: ...

    @classmethod
    def fit(
        cls,
        data: Histories,
        *,
        starts: Sequence[Self] | None = None,
        purchase: str | None = None,
        dropout: str | None = None,
        tied: bool = False,
        covariance: CovarianceKind = "hessian",
    ) -> Fit[Self] | Fit[PurchaseCovariates[Self]]:
        """Fit by maximum likelihood.

        Parameters
        ----------
        data
            A `CustomerSummary`, of which only the distinct histories are collected, or `Customers`.
        starts
            Models to start from, instead of the built-in starts; not with covariates.
        purchase, dropout
            Formulas of the covariates that move the rate of purchases and of leaving, such as
            ``"channel + gender"``. The columns are those of the summary
            (`CustomerSummary.with_covariates`).
        tied
            Where leaving has two parameters, a and b: move both alike, as CLVTools does, instead
            of a alone. The mean dropout probability then stays as it is.
        covariance
            'hessian', or 'sandwich', which holds where the model is not exactly right.

        Returns
        -------
        Fit
            Estimates, covariance, log-likelihood and certificate.

        Raises
        ------
        DataError
            The data cannot say anything about the parameters, such as no repeat purchase at all,
            or lack a covariate.
        ParameterError
            A formula cannot be used.
        ConvergenceError
            No maximum was found.

        Warns
        -----
        IdentifiabilityWarning
            The data do not pin down every parameter; the certificate says which and why.
        """
        formulas = {"purchase": purchase, "dropout": dropout}
        given = {process: text for process, text in formulas.items() if text is not None}
        if not given and tied is False:
            return cls._fit(data, starts, covariance)
        refuse_starts(starts)
        from clvmodels.models.covariates import PurchaseCovariates

        return PurchaseCovariates.estimate(cls, data, given, tied=tied, covariance=covariance)

    @classmethod
    def check_estimable(cls, customers: Customers) -> Customers:
        """Return the customers, or raise `DataError` if nobody bought twice or nobody is there."""
        repeat = float(customers.weight[customers.frequency > 0.0].sum())
        if customers.n_customers < 2.0 or repeat == 0.0:
            raise DataError(
                f"{cls.title} learns from several customers, some of whom have bought again.",
                place=f"Customers here: {customers.n_customers:g}; with a repeat purchase: "
                f"{repeat:g}.",
                fix="Use a longer log, or a model with published parameters.",
            )
        return customers

    def rows(self, customers: Customers) -> Self:  # noqa: ARG002 - the same for all
        """Return the model itself: every row has the same parameters."""
        return self

    def mean_purchases(self, t: ArrayLike) -> Array:
        """Return E[X(t)], the expected repeat purchases of a new customer, shape of `t`.

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
        >>> from clvmodels import BGNBD
        >>> float(BGNBD(0.243, 4.414, 0.793, 2.426).mean_purchases(52.0).round(4))
        1.4461
        """
        times = check_finite_times(t, "t")
        return self.expected_purchases(newcomers(times.size), times.ravel()).reshape(times.shape)

    def purchase_pmf(self, n: ArrayLike, t: float) -> Array:
        """Return P(X(t) = n) for a new customer, shape of `n`.

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
        >>> from clvmodels import BGNBD
        >>> BGNBD(0.243, 4.414, 0.793, 2.426).purchase_pmf([0, 1], 39.0).round(6).tolist()
        [0.573786, 0.199395]
        """
        counts = check_counts(n, "n")
        time = float(check_finite_times(t, "t"))
        flat = counts.ravel()
        return self.count_probability(flat, np.full_like(flat, time)).reshape(counts.shape)

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
        >>> from clvmodels import BGNBD
        >>> BGNBD(0.243, 4.414, 0.793, 2.426).simulate(100, 39, seed=7, unit="week")
        Customers(100 rows, 100 customers, 43 with a repeat purchase, unit='week')
        """
        ages = self.whole_periods(check_simulation(n, age))
        return self.drawn(ages, np.random.default_rng(seed), unit)

    def drawn(self, ages: Array, rng: np.random.Generator, unit: TimeUnit | None) -> Customers:
        """Simulate customers observed for `ages`, (n,)."""
        x, t_x = self.draw(ages, rng)
        return Customers.from_arrays(x, t_x, ages, unit=unit)


def refuse_starts(starts: object) -> None:
    """Raise if models to start from are given together with covariates."""
    if starts is not None:
        raise ParameterError(
            "With covariates a fit starts from the maximum without them.",
            place="`starts` was given, too.",
            fix="Leave out `starts`.",
        )


@dataclass(frozen=True)
class ContinuousModel(PurchaseModel):
    """A purchase model whose times are any real numbers."""

    measures: ClassVar[str] = "the times of purchases"

    @abstractmethod
    def rate_if_alive(self, c: Customers, t: Array) -> Array:
        """Return the expected purchase rate at T+t given alive at T, shape (n,)."""

    def discounted_if_alive(self, c: Customers, horizon: float, rate: float) -> Array:
        """Return discounted expected purchases given alive at T, shape (n,), by quadrature.

        The integral over (0, horizon) of exp(-rate s) times the purchase rate at T+s.
        """
        if horizon == 0.0 or not len(c):
            return np.zeros(len(c))
        per_purchase = 1.0 / self.rate_if_alive(c, np.zeros(len(c)))
        # Leaving may be faster than buying; a thousandfold margin costs 26 nodes.
        finest = 1e-3 * float(per_purchase.min(initial=1.0))
        s, weights = time_nodes(horizon, rate, finest=finest)
        result = np.zeros(len(c))
        for time, weight in zip(s, weights, strict=True):
            result += weight * self.rate_if_alive(c, np.full(len(c), time))
        return result


@dataclass(frozen=True)
class OpportunityModel(PurchaseModel):
    """A purchase model of whole periods, in each of which a customer buys once or not.

    Ages and recencies count periods. Times ahead are rounded down to whole periods.
    """

    measures: ClassVar[str] = "purchases in whole periods"

    @abstractmethod
    def chance_if_alive(self, c: Customers, j: Array) -> Array:
        """Return P(purchase in the j-th period after T) given alive at T, shape (n,)."""

    def whole_periods(self, times: Array) -> Array:
        """Return times rounded down to whole periods."""
        return np.floor(times)

    @classmethod
    def check_estimable(cls, customers: Customers) -> Customers:
        """Return the customers, or raise `DataError` where a time is no whole number of periods."""
        return super().check_estimable(cls.check_periods(customers))

    @classmethod
    def check_periods(cls, data: Histories) -> Customers:
        """Return the customers, or raise `DataError` where a time is no whole number of periods."""
        customers = as_histories(data).customers()
        x, t_x, T = customers.timing
        bad = np.flatnonzero((t_x != np.floor(t_x)) | (np.floor(T) != T) | (x > t_x))
        if len(bad):
            row = bad[0]
            raise DataError(
                f"{cls.title} counts whole periods, in each of which a customer buys or not.",
                place=f"{len(bad)} rows break this, first row {row}: frequency {x[row]:g}, recency "
                f"{t_x[row]:g}, T {T[row]:g}.",
                fix="Declare the period: rfm_summary(orders, ..., grid='month', unit='month').",
            )
        return customers


def newcomers(n: int, unit: TimeUnit | None = None) -> Customers:
    """Return n customers who have just made their first purchase."""
    zero = np.zeros(n)
    return Customers.from_arrays(zero, zero, zero, unit=unit)
