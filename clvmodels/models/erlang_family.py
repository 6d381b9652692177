"""What the models of regular timing share: a purchase takes k events of a Poisson process."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.beta_dropout import erlang, erlang_counts, erlang_future
from clvmodels.beta_dropout.erlang_future import Buyers
from clvmodels.customers import TIMING, Column, Customers, Histories, as_histories
from clvmodels.errors import DataError, IdentifiabilityWarning
from clvmodels.models.base import CovarianceKind
from clvmodels.models.beta_dropout_family import BetaDropoutModel
from clvmodels.models.covariates import PurchaseCovariates
from clvmodels.models.fit import Fit
from clvmodels.models.laws import GammaLaw
from clvmodels.models.purchases import LeavingOdds, refuse_starts
from clvmodels.objective import Derivatives
from clvmodels.parameters import Setting
from clvmodels.special import distinct_rows
from clvmodels.special.discounts import Discounts
from clvmodels.units import TimeUnit

__all__ = ["ErlangModel"]

Array: TypeAlias = NDArray[np.float64]

_MOST: Final = 12  # the largest k that a fit tries
_LARGEST: Final = 24  # the largest k of a model: times vary by a fifth then, and doubles suffice

_PHASES: Final = Setting(1, _LARGEST)
Phases = Annotated[int, _PHASES]
"""Events that a purchase takes: chosen, not estimated."""


@dataclass(frozen=True)
class ErlangModel(BetaDropoutModel):
    """Purchases with every k-th event of rate ~ Gamma(r, rate alpha); leaving with p ~ Beta(a, b).

    The members say at how many chances a customer with x repeat purchases has stayed.
    """

    state: ClassVar[tuple[Column, ...]] = TIMING

    k: Phases

    @property
    def label(self) -> str:
        """The title with the number for k."""
        return f"{self.title.removesuffix('k')}{self.k}"

    def measured(self, *, intervals: bool) -> str:
        """Say what the likelihood is the probability of, with times between purchases or not."""
        if intervals or self.k == 1:
            return self.measures
        return "frequency and recency, without the times between purchases"

    def purchase_law(self) -> GammaLaw:
        """Return the law of the rate of purchases, each of which takes k events."""
        return GammaLaw("purchases per {unit}", self.r, self.alpha * self.k)

    # Fitting.

    @classmethod
    def fit(
        cls,
        data: Histories,
        *,
        k: int | None = None,
        starts: Sequence[Self] | None = None,
        purchase: str | None = None,
        dropout: str | None = None,
        tied: bool = False,
        covariance: CovarianceKind = "hessian",
    ) -> Fit[Any]:
        """Fit by maximum likelihood, with a given k or the k that the data make most likely.

        Without `k`, the fits with k = 1, 2, ... are compared until the log-likelihood has fallen
        twice. The standard errors take k as known, and `aic` and `bic` do not count it.

        Parameters
        ----------
        data
            A `CustomerSummary` from ``rfm_summary(..., intervals=True)``, or `Customers` with
            `log_intervals`. With a given k both may lack the intervals: the likelihood is then that
            of (x, t_x, T) alone. Estimates are the same, but compare its value with others made
            without intervals only.
        k
            Events that a purchase takes, 1 to 24; tried up to 12 if None.
        starts
            Models to start from, instead of the built-in starts; their k does not matter.
        purchase, dropout, tied
            Formulas of covariates, as in `BGNBD.fit`. Without `k`, it is chosen before they count.
        covariance
            'hessian', or 'sandwich', which holds where the model is not exactly right.

        Returns
        -------
        Fit
            Estimates, covariance, log-likelihood and certificate; k is in ``fit.model.k``.

        Raises
        ------
        DataError
            The data cannot say anything about the parameters, or k is to be found and there are no
            intervals.
        ParameterError
            `k` is not a whole number from 1 to 24.
        ConvergenceError
            No maximum was found.

        Warns
        -----
        IdentifiabilityWarning
            The data do not pin down every parameter; the certificate says which and why.
        """
        if k is not None:
            _PHASES.check(k, name="k", model=cls.__name__)
        customers = cls.check_estimable(as_histories(data).patterns(cls.columns))
        chosen = cls._most_likely_k(customers, starts, covariance) if k is None else k
        formulas = {"purchase": purchase, "dropout": dropout}
        given = {process: text for process, text in formulas.items() if text is not None}
        if given or tied is not False:
            refuse_starts(starts)
            return PurchaseCovariates.estimate(
                cls, data, given, tied=tied, covariance=covariance, k=chosen
            )
        heads = cls._scaled(customers, starts, chosen)
        return cls._fit(data, heads, covariance, customers=customers, k=chosen)

    @classmethod
    def _most_likely_k(
        cls, customers: Customers, starts: Sequence[Self] | None, covariance: CovarianceKind
    ) -> int:
        """Try k = 1, 2, ... until the log-likelihood has fallen twice in a row."""
        if customers.log_intervals is None:
            raise DataError(
                f"{cls.title} finds k from the times between purchases.",
                place="These customers have no log_intervals.",
                fix="Make the summary with rfm_summary(..., intervals=True), or pass k.",
            )
        values: list[float] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", IdentifiabilityWarning)  # the final fit warns
            for k in range(1, _MOST + 1):
                heads = cls._scaled(customers, starts, k)[:1]
                values.append(cls._fit(customers, heads, covariance, k=k).log_likelihood)
                if k - 1 - int(np.argmax(values)) == 2:
                    break
        return 1 + int(np.argmax(values))

    @classmethod
    def _scaled(cls, customers: Customers, starts: Sequence[Self] | None, k: int) -> Sequence[Self]:
        """Return starts with k events to a purchase, at the same rate of purchases."""
        if starts is not None:
            return [replace(each, k=k) for each in starts]
        return [cls(r, alpha / k, a, b, k=k) for r, alpha, a, b in cls.starts(customers)]

    # Likelihood.

    def log_likelihood(self, data: Histories) -> Array:
        """Return the log-likelihood of each row, shape (n,).

        Of the times between purchases where there are `log_intervals`, else of (x, t_x, T) alone.
        """
        c = as_histories(data).customers()
        history = self._history(c)
        value = erlang.log_likelihood(history, self.r, self.alpha, self.a, self.b, self.k)
        return value + erlang.log_density_of_intervals(
            history.x, history.t_x, c.log_intervals, self.k
        )

    def derivatives(self, customers: Customers) -> Derivatives:
        """Return log-likelihood, gradient and Hessian of each row in (r, alpha, a, b)."""
        history = self._history(customers)
        rows = erlang.derivatives(history, self.r, self.alpha, self.a, self.b, self.k)
        constant = erlang.log_density_of_intervals(
            history.x, history.t_x, customers.log_intervals, self.k
        )
        return Derivatives(rows.value + constant, rows.gradient, rows.hessian)

    def _history(self, c: Customers) -> erlang.History:
        x, t_x, T = c.timing
        return erlang.History(x, t_x, T, self.chances(x))

    # Predictions.

    def p_alive(self, customers: Histories) -> Array:
        """Return P(alive), shape (n,).

        Parameters
        ----------
        customers
            Histories; n rows.

        Examples
        --------
        >>> from clvmodels.models.mbgcnbd import MBGCNBD
        >>> c = Customers.from_arrays([4, 4], [20.0, 38.0], [39.0, 39.0], unit="week")
        >>> [MBGCNBD(0.5, 6.0 / k, 0.9, 1.6, k).p_alive(c).round(3).tolist() for k in (1, 4)]
        [[0.345, 0.849], [0.023, 0.861]]
        """
        history = self._history(as_histories(customers).customers())
        return erlang.p_alive(history, self.r, self.alpha, self.a, self.b, self.k)

    @property
    def p_alive_is_elementary(self) -> bool:
        """Whether P(alive) is arithmetic in the recency: it is a sum over k phases."""
        return False

    def odds_of_leaving(self, c: Customers) -> LeavingOdds | None:  # noqa: ARG002 - as the base
        """Return None: P(alive) needs the recency."""
        return None

    def purchases_if_alive(self, c: Customers, t: Array) -> Array:
        """Return expected purchases in (T, T+t] given alive, shape (n,)."""
        return self._over_phases(c, erlang_future.purchases_if_alive, t)

    def rate_if_alive(self, c: Customers, t: Array) -> Array:
        """Return the expected purchase rate at T+t given alive, shape (n,)."""
        return self._over_phases(c, erlang_future.rate_if_alive, t)

    def discounted_if_alive(self, c: Customers, horizon: float, rate: float) -> Array:
        """Return discounted expected purchases given alive, shape (n,)."""
        return self._over_phases(
            c, lambda buyers: erlang_future.discounted_if_alive(buyers, horizon, rate)
        )

    def stay_if_alive(self, c: Customers, t: Array) -> Array:
        """Return P(alive at T+t | alive at T), shape (n,): 1 - E[p times purchases until then]."""

        def leaving(buyers: Buyers, t: Array) -> Array:
            after = replace(buyers, a=buyers.a + 1.0)
            return buyers.a / (buyers.a + buyers.b) * erlang_future.purchases_if_alive(after, t)

        return 1.0 - self._over_phases(c, leaving, t)

    def buying_if_alive(self, c: Customers, after: Array, t: Array) -> Array:
        """Return P(a purchase in (T+after, T+after+t] | alive at T), shape (n,)."""
        return self._over_phases(c, erlang_counts.buying, after, t)

    def _at_last_purchase(self, c: Customers) -> tuple[Array, Array, int]:
        """Return shape and rate of lambda after the last purchase, each (n,), and its events."""
        x, t_x, _ = c.timing
        return self.r + self.k * x, self.alpha + t_x, self.k

    def tail_if_alive(self, c: Customers, n: Array, t: Array) -> Array:
        """Return P(at least n purchases in (T, T+t] | alive at T), shape (m,)."""
        return np.where(n > 0.0, self._over_phases(c, erlang_counts.tail, n, t), 1.0)

    def log_count_if_alive(self, c: Customers, n: Array, t: Array) -> Array:
        """Return ln P(n purchases in (T, T+t] | alive at T), shape (m,)."""
        weights = erlang.phase_weights(*c.timing, self.r, self.alpha, self.k)
        shape, rate, a, b = self._alive(c)
        result = np.full(len(c), -np.inf)
        for j, weight in enumerate(weights):
            buyers = Buyers(shape + j, rate, a, b, self.k - j, self.k)
            with np.errstate(divide="ignore"):
                own = np.log(weight) + erlang_counts.log_count(buyers, n, t)
            result = np.logaddexp(result, own)
        return result

    def discounts_if_alive(self, c: Customers, n: Array, t: Array, rate: float) -> Discounts:
        """Return moments of the discounts of n >= 1 purchases in (T, T+t], given alive at T.

        The square is an approximation where k is above 1: see `erlang_counts.discounts`.
        """
        if self.k == 1 or rate == 0.0:
            return super().discounts_if_alive(c, n, t, rate)
        weights = erlang.phase_weights(*c.timing, self.r, self.alpha, self.k)
        shape, scale, a, b = self._alive(c)
        phases = [
            (weight, Buyers(shape + j, scale, a, b, self.k - j, self.k))
            for j, weight in enumerate(weights)
        ]
        return erlang_counts.discounts(phases, n, t, rate)

    def _over_phases(self, c: Customers, function: Callable[..., Array], *columns: Array) -> Array:
        """Average over the events since the last purchase.

        What happens from a phase on depends on (x, T) alone, and is evaluated once for each.
        """
        x, t_x, T = c.timing
        weights = erlang.phase_weights(x, t_x, T, self.r, self.alpha, self.k)
        shape, rate, a, b = self._alive(c)
        first, code = distinct_rows(shape, rate, a, b, *columns)
        once = [each[first] for each in columns]
        result = np.zeros(len(c))
        for j, weight in enumerate(weights):
            buyers = Buyers(shape[first] + j, rate[first], a[first], b[first], self.k - j, self.k)
            result += weight * function(buyers, *once)[code]
        return result

    def _alive(self, c: Customers) -> tuple[Array, Array, Array, Array]:
        """Return shape and rate of lambda in phase 0, and a and b of p, given alive, each (n,)."""
        x, _, T = c.timing
        a = np.broadcast_to(np.asarray(self.a, dtype=np.float64), x.shape)
        return self.r + self.k * x, self.alpha + T, a, self.b + self.chances(x)

    def count_probability(self, n: Array, t: Array) -> Array:
        """Return P(X(t) = n) of new customers, shape (m,)."""
        m = self.chances(n)
        return erlang.count_probability(n, t, m, self.r, self.alpha, self.a, self.b, self.k)

    # Simulation.

    def drawn(self, ages: Array, rng: np.random.Generator, unit: TimeUnit | None) -> Customers:
        """Simulate customers observed for `ages`, (n,), with `log_intervals`."""
        x, t_x, log_intervals = self.purchases_until(ages, rng, self.k)
        return Customers.from_arrays(x, t_x, ages, unit=unit, log_intervals=log_intervals)

    def draw(self, ages: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Simulate frequency and recency, shape (n,)."""
        x, t_x, _ = self.purchases_until(ages, rng, self.k)
        return x, t_x
