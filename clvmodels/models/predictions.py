"""Predictions of purchases, once per distinct history, for models with covariates and without."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.customers import Customers, Histories, as_histories
from clvmodels.errors import ParameterError, UndefinedMomentError
from clvmodels.frequencies import FrequencyTable
from clvmodels.models.arguments import check_rate, check_times
from clvmodels.models.base import Parametric
from clvmodels.special import distinct_rows

if TYPE_CHECKING:
    from clvmodels.models.purchases import PurchaseModel

__all__ = ["PurchasePredictions"]

Array: TypeAlias = NDArray[np.float64]

_MOST_AGES: Final = 2_000  # distinct ages beyond which a systematic sample gives the histogram
_CELLS: Final = 8  # 0, 1, ..., 6, and 7 or more


class PurchasePredictions(Parametric):
    """What is predicted of customers with a history."""

    @abstractmethod
    def rows(self, customers: Customers) -> PurchaseModel:
        """Return the model with a value of each parameter for every row, or one for all."""

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the covariates that predictions need: none, unless the model has some."""
        return ()

    @abstractmethod
    def p_alive(self, customers: Histories) -> Array:
        """Return the probability, shape (n,), that each customer has not left at age T."""

    @property
    def p_alive_is_elementary(self) -> bool:
        """Whether P(alive) is arithmetic in the recency: see `PurchaseModel.odds_of_leaving`."""
        return False

    def whole_periods(self, times: Array) -> Array:
        """Return the times that count: all of them, unless a model counts whole periods."""
        return times

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
        c = as_histories(customers).customers(self.variables)
        return self.p_alive(c) * self.purchases_given_alive(c, t)

    def purchases_given_alive(self, customers: Histories, t: ArrayLike) -> Array:
        """Return the expected purchases in the next `t` of customers who are alive, shape (n,).

        Arguments and errors are those of `expected_purchases`, which is this times P(alive).
        """
        c = as_histories(customers).customers(self.variables)
        times = np.broadcast_to(check_times(t, "t"), (len(c),))
        if np.isinf(times).all() and len(c):
            return self._without_end(c)
        if not np.isfinite(times).all():
            raise ParameterError(
                "`t` is finite for every customer or infinite for all.",
                place=f"{int(np.isinf(times).sum())} of {len(times)} are infinite.",
                fix="Call twice.",
            )
        return self._once(
            c, lambda model, c, t: model.purchases_if_alive(c, t), self.whole_periods(times)
        )

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
        c = as_histories(customers).customers(self.variables)
        return self.p_alive(c) * self.discounted_given_alive(c, horizon, rate)

    def discounted_given_alive(self, customers: Histories, horizon: float, rate: float) -> Array:
        """Return the expected discounted purchases of customers who are alive, shape (n,).

        Arguments and errors are those of `discounted_purchases`, which is this times P(alive).
        """
        c = as_histories(customers).customers(self.variables)
        end = float(self.whole_periods(check_times(horizon, "horizon")))
        delta = check_rate(rate)
        if end == 0.0:
            return np.zeros(len(c))
        if end == math.inf and delta < 0.0:
            raise UndefinedMomentError(
                "A negative discount rate needs a finite horizon.",
                place=f"Got rate {delta:g} with an infinite horizon.",
                fix="Pass a horizon such as '10y', or a positive rate.",
            )
        if end == math.inf and delta == 0.0:
            return self._without_end(c)
        return self._once(c, lambda model, c: model.discounted_if_alive(c, end, delta))

    def frequency_table(self, customers: Customers) -> FrequencyTable:
        """Count the customers by number of purchases, and say how many the model expects.

        Up to 2,000 distinct ages are exact; of more, a systematic sample stands for all.
        """
        x, w = customers.frequency, customers.weight
        observed = np.bincount(np.minimum(x, _CELLS - 1.0).astype(np.intp), w, minlength=_CELLS)
        chances, weight = self.frequency_chances(customers)
        return FrequencyTable(tuple(observed.tolist()), tuple((weight @ chances).tolist()))

    def frequency_chances(self, customers: Customers) -> tuple[Array, Array]:
        """Return P(X(T) = 0), ..., P(6), P(7 or more), shape (m, 8), and customers of each row.

        A row is a distinct age, with the parameters of its customers; m is at most about 2,000.
        """
        model, T = self.rows(customers), customers.timing[2]
        first, code = distinct_rows(T, *model.varying().values())
        apart = math.ceil(len(first) / _MOST_AGES)
        counted = np.bincount(code, customers.weight)
        weight = np.add.reduceat(counted, np.arange(0, len(first), apart))
        some = first[::apart]
        rows = np.tile(some, _CELLS - 1)
        n = np.repeat(np.arange(_CELLS - 1.0), len(some))
        chances = model.take(rows).count_probability(n, T[rows]).reshape(_CELLS - 1, len(some))
        rest = np.maximum(1.0 - chances.sum(axis=0), 0.0)
        return np.vstack([chances, rest]).T, weight

    def _once(self, c: Customers, function: Callable[..., Array], *columns: Array) -> Array:
        """Evaluate a function of the model, customers and columns once per distinct row."""
        model = self.rows(c)
        known = dict(zip(("frequency", "recency", "T"), c.timing, strict=True))
        keys = [known[name] for name in model.state]
        if not len(c):
            return np.zeros(0)
        first, code = distinct_rows(*keys, *model.varying().values(), *columns)
        values = function(model.take(first), c.take(first), *(each[first] for each in columns))
        return np.asarray(values[code]) + 0.0  # never -0.0

    def _without_end(self, c: Customers) -> Array:
        result = self._once(c, lambda model, c: model.purchases_without_end(c))
        if np.isinf(result).any():
            raise UndefinedMomentError(
                "All future purchases without discounting have no finite expectation here.",
                place=f"{self!r} has customers who hardly ever leave.",
                fix="Pass a finite horizon or a positive discount rate.",
            )
        return result
