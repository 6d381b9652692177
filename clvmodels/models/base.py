"""What every model shares: declared parameters, fitting, and predictions once per distinct history.

A model is a frozen dataclass of its parameters. A purchase model adds a log-likelihood with its
derivatives, P(alive) and what a customer who is alive will do; this base class turns these into
everything that users call. A closed form in a model overrides a fallback here.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import cache
from typing import ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.customers import (
    SPEND,
    TIMING,
    Column,
    Customers,
    Histories,
    as_histories,
)
from clvmodels.errors import ParameterError, UndefinedMomentError
from clvmodels.estimation import Maximum, Objective, maximum_likelihood
from clvmodels.models.arguments import check_rate, check_times
from clvmodels.models.fit import Fit, make_fit
from clvmodels.parameters import Domain, chain_rule, domains, from_real_line, to_real_line
from clvmodels.special import per_distinct, time_nodes
from clvmodels.units import TimeUnit

__all__ = ["Derivatives", "Model", "PurchaseModel", "SpendModel"]

Array: TypeAlias = NDArray[np.float64]

_SCOUTS = 1024  # histories on which starting points compete, spread evenly over the sorted ones


@dataclass(frozen=True)
class Derivatives:
    """Log-likelihood of n rows and its derivatives in k parameters.

    Attributes
    ----------
    value : Array
        Shape (n,).
    gradient : tuple of Array
        k arrays of shape (n,).
    hessian : dict
        Maps (i, j) with i <= j to the second derivative, shape (n,); absent entries are zero.
    """

    value: Array
    gradient: tuple[Array, ...]
    hessian: dict[tuple[int, int], Array]


@dataclass(frozen=True)
class Model(ABC):
    """A probability model: its parameters, and how to find them."""

    columns: ClassVar[tuple[Column, ...]]
    """What of a customer's history the likelihood sees."""

    def __post_init__(self) -> None:
        for name, domain in self.domains().items():
            value = domain.check(getattr(self, name), name=name, model=type(self).__name__)
            object.__setattr__(self, name, value)

    @classmethod
    @cache
    def domains(cls) -> dict[str, Domain]:
        """Return the declared domain of each parameter, in order."""
        return domains(cls)

    @classmethod
    def parameter_names(cls) -> tuple[str, ...]:
        """Return the names of the parameters, in order."""
        return tuple(cls.domains())

    @property
    def values(self) -> Array:
        """The parameters in order, shape (k,)."""
        return np.array(astuple(self))

    @abstractmethod
    def log_likelihood(self, data: Histories) -> Array:
        """Return the log-likelihood of each row, shape (n,), not multiplied by its weight."""

    @abstractmethod
    def derivatives(self, customers: Customers) -> Derivatives:
        """Return log-likelihood, gradient and Hessian of each row, not multiplied by weights."""

    @classmethod
    @abstractmethod
    def starts(cls, customers: Customers) -> list[tuple[float, ...]]:
        """Return parameter values to start from; the first is the best guess."""

    @classmethod
    @abstractmethod
    def check_estimable(cls, customers: Customers) -> Customers:
        """Return the rows that the likelihood uses, or raise `DataError` if they say nothing."""

    @abstractmethod
    def findings(self, flat: bool) -> tuple[str, ...]:
        """Say in words which limit of the model these parameters are near, and what to do."""

    @classmethod
    def fit(cls, data: Histories, *, starts: Sequence[Self] | None = None) -> Fit[Self]:
        """Fit by maximum likelihood.

        Parameters
        ----------
        data
            A `CustomerSummary`, of which only the distinct histories are collected, or `Customers`.
        starts
            Models to start from, instead of the built-in starts.

        Returns
        -------
        Fit
            Estimates, covariance, log-likelihood and certificate.

        Raises
        ------
        DataError
            The data cannot say anything about the parameters, such as no repeat purchase at all.
        ConvergenceError
            No maximum was found.

        Warns
        -----
        IdentifiabilityWarning
            The data do not pin down every parameter; the certificate says which and why.
        """
        customers = cls.check_estimable(as_histories(data).patterns(cls.columns))
        given = [s.values for s in starts] if starts else map(np.array, cls.starts(customers))
        points = [to_real_line(values) for values in given]
        maximum = maximum_likelihood(cls._objective(customers), points, scout=cls._scout(customers))
        model = cls(*from_real_line(maximum.point))
        return make_fit(model, maximum, customers, data)

    @classmethod
    def _scout(cls, customers: Customers) -> Objective | None:
        """Return the objective on every so many-th history, if there are many."""
        apart = len(customers) // _SCOUTS
        return cls._objective(customers.take(slice(None, None, apart))) if apart > 1 else None

    @classmethod
    def _objective(cls, customers: Customers) -> Objective:
        """Return the weighted total of the derivatives as a function of log-parameters."""
        blocks = list(customers.blocks())

        def objective(z: Array) -> tuple[float, Array, Array]:
            values = from_real_line(np.clip(z, -690.0, 690.0))
            model = cls(*values)
            value, gradient, hessian = 0.0, np.zeros(len(z)), np.zeros((len(z), len(z)))
            with np.errstate(over="ignore", invalid="ignore"):  # a wild trial step is refused
                for block in blocks:
                    rows = model.derivatives(block)
                    value += float(block.weight @ rows.value)
                    gradient += [block.weight @ first for first in rows.gradient]
                    for (i, j), second in rows.hessian.items():
                        hessian[i, j] += block.weight @ second
            hessian = np.triu(hessian) + np.triu(hessian, 1).T
            return value, *chain_rule(values, gradient, hessian)

        return objective

    @classmethod
    def evaluate(cls, values: Sequence[float], data: Histories) -> Maximum:
        """Return the total log-likelihood and its derivatives in log-parameters at given values."""
        z = to_real_line(np.array(values, dtype=np.float64))
        value, gradient, hessian = cls._objective(as_histories(data).patterns(cls.columns))(z)
        return Maximum(z, value, gradient, hessian, 0, 1, 1)


@dataclass(frozen=True)
class PurchaseModel(Model):
    """A model of when customers buy and when they leave.

    All times are in the unit of the customers that are passed in; rates are per that unit.
    """

    columns: ClassVar[tuple[Column, ...]] = TIMING

    # What a model provides.

    @abstractmethod
    def p_alive(self, customers: Histories) -> Array:
        """Return the probability, shape (n,), that each customer has not left at age T."""

    @abstractmethod
    def purchases_if_alive(self, x: Array, T: Array, t: Array) -> Array:
        """Return expected purchases in (T, T+t] given alive at T, shape (n,); t is finite."""

    @abstractmethod
    def rate_if_alive(self, x: Array, T: Array, t: Array) -> Array:
        """Return the expected purchase rate at T+t given alive at T, shape (n,)."""

    @abstractmethod
    def purchases_without_end(self, x: Array, T: Array) -> Array:
        """Return all expected future purchases given alive at T, shape (n,), or inf."""

    @abstractmethod
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
        """

    @abstractmethod
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
        """

    @abstractmethod
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
        """

    def discounted_if_alive(self, x: Array, T: Array, horizon: float, rate: float) -> Array:
        """Return discounted expected purchases given alive at T, shape (n,), by quadrature.

        The integral over (0, horizon) of exp(-rate s) times the purchase rate at T+s.
        """
        per_purchase = 1.0 / self.rate_if_alive(x, T, np.zeros_like(T))
        # Leaving may be faster than buying; a thousandfold margin costs 26 nodes.
        finest = 1e-3 * float(per_purchase.min(initial=1.0))
        s, weights = time_nodes(horizon, rate, finest=finest)
        result = np.zeros_like(T)
        for time, weight in zip(s, weights, strict=True):
            result += weight * self.rate_if_alive(x, T, np.full_like(T, time))
        return result

    # What users call.

    def expected_purchases(self, customers: Histories, t: ArrayLike) -> Array:
        """Return the expected number of purchases in the next `t`, shape (n,).

        Parameters
        ----------
        customers
            Histories; n rows.
        t
            Length of the period in the customers' unit, a number or shape (n,); zero or more, and
            infinite where all future purchases have a finite expectation.

        Raises
        ------
        ParameterError
            A time is negative or NaN.
        UndefinedMomentError
            `t` is infinite and so is the expectation.
        """
        c = as_histories(customers).customers()
        times = np.broadcast_to(check_times(t, "t"), (len(c),))
        x, _, T = c.timing
        if np.isinf(times).all() and len(c):
            return self.p_alive(c) * self._without_end(x, T)
        if not np.isfinite(times).all():
            raise ParameterError(
                "`t` is finite for every customer or infinite for all.",
                place=f"{int(np.isinf(times).sum())} of {len(times)} are infinite.",
                fix="Call twice.",
            )
        return self.p_alive(c) * per_distinct(self.purchases_if_alive, x, T, times)

    def discounted_purchases(self, customers: Histories, horizon: float, rate: float) -> Array:
        """Return the expected discounted number of purchases within a horizon, shape (n,).

        A purchase at a time s from now counts exp(-rate s). With an infinite horizon this is DERT,
        the discounted expected residual transactions of Fader, Hardie and Lee (2005).

        Parameters
        ----------
        customers
            Histories; n rows.
        horizon
            Length of the period in the customers' unit, zero or more; may be infinite.
        rate
            Continuous discount rate per unit: ``ln(1.1) * 7 / 365.25`` a week for 10 % a year.

        Raises
        ------
        ParameterError
            The horizon is negative or NaN, or the rate is not finite.
        UndefinedMomentError
            The horizon is infinite and the sum does not converge.
        """
        c = as_histories(customers).customers()
        x, _, T = c.timing
        end, delta = float(check_times(horizon, "horizon")), check_rate(rate)
        if end == 0.0:
            return np.zeros(len(c))
        if end == math.inf and delta < 0.0:
            raise UndefinedMomentError(
                "A negative discount rate needs a finite horizon.",
                place=f"Got rate {delta:g} with an infinite horizon.",
                fix="Pass a horizon such as '10y', or a positive rate.",
            )
        if end == math.inf and delta == 0.0:
            return self.p_alive(c) * self._without_end(x, T)
        return self.p_alive(c) * per_distinct(
            lambda x, T: self.discounted_if_alive(x, T, end, delta), x, T
        )

    def _without_end(self, x: Array, T: Array) -> Array:
        result = per_distinct(self.purchases_without_end, x, T)
        if np.isinf(result).any():
            raise UndefinedMomentError(
                "All future purchases without discounting have no finite expectation here.",
                place=f"{self!r} has customers who hardly ever leave.",
                fix="Pass a finite horizon or a positive discount rate.",
            )
        return result


@dataclass(frozen=True)
class SpendModel(Model):
    """A model of how much customers spend per purchase."""

    columns: ClassVar[tuple[Column, ...]] = SPEND

    @abstractmethod
    def simulate(self, customers: Histories, *, seed: int) -> Customers:
        """Simulate the mean spend of customers with given frequencies; the same rows with it."""

    @abstractmethod
    def expected_spend(self, customers: Histories) -> Array:
        """Return the expected mean value of future purchases, shape (n,), in the log's currency.

        Raises
        ------
        UndefinedMomentError
            The mean does not exist at these parameters.
        """
