"""The distribution of the number of purchases ahead of each customer, and intervals for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.customers import TIMING, Customers, Histories, as_histories
from clvmodels.models.arguments import check_counts
from clvmodels.models.intervals import check_level
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.predictive.arguments import (
    check_shares,
    finite_horizon,
    one_for_each,
    purchase_models,
)
from clvmodels.predictive.densities import log_count_mass
from clvmodels.predictive.prospects import Prospects, by_chunk
from clvmodels.special import Index, distinct_rows
from clvmodels.units import Duration

__all__ = ["PurchaseDistribution", "count_interval", "purchase_distribution"]

Array: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]


def purchase_distribution(
    customers: Histories, purchases: Any, *, horizon: Duration
) -> PurchaseDistribution:
    """Return the distribution of the number of purchases of each customer within a horizon.

    Parameters
    ----------
    customers
        A `CustomerSummary` or `Customers`; n rows.
    purchases
        A fit (or a model with published parameters): parameters as estimated. Or draws of
        parameters, such as ``fit.posterior()``: with their uncertainty.
    horizon
        How far ahead, from the end of observation: ``"1y"``, ``"26w"``, a timedelta, a date, or a
        number in the unit of the customers; finite.

    Raises
    ------
    UnitMismatchError
        The fit and the customers are in different time units.
    ParameterError
        The horizon is infinite, negative or cannot be read, or `purchases` is no purchase model.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> c = Customers.from_arrays([2, 20], [30.43, 38.0], [38.86, 38.86], unit="week")
    >>> ahead = purchase_distribution(c, BGNBD(0.243, 4.414, 0.793, 2.426), horizon="26w")
    >>> ahead.p_zero.round(3).tolist(), ahead.mean().round(2).tolist()
    ([0.526, 0.053], [0.86, 9.61])
    >>> [each.tolist() for each in ahead.interval(0.9)]
    [[0, 0], [2, 16]]
    """
    length = finite_horizon(customers, purchases, horizon)
    models = purchase_models(purchases)
    rows = as_histories(customers).customers(models[0].variables)
    return PurchaseDistribution(models, rows, length)


@dataclass(frozen=True, eq=False, repr=False)
class PurchaseDistribution:
    """The distribution of the number of purchases of n customers in the next `t`.

    Attributes
    ----------
    models : tuple of models
        One, or several that are equally likely.
    customers : Customers
        The n customers.
    t : float
        Length of the future, in their unit.
    """

    models: tuple[PurchasePredictions, ...]
    customers: Customers = field(repr=False)
    t: float

    def __repr__(self) -> str:
        return (
            f"<PurchaseDistribution of {len(self.customers)} customers in the next {self.t:g}, "
            f"{self.models[0].label}, {len(self.models)} parameter sets>"
        )

    def sf(self, n: ArrayLike) -> Array:
        """Return P(more than n purchases), shape (n_customers,).

        Parameters
        ----------
        n
            A whole number, zero or more, for all customers, or one for each.

        Raises
        ------
        ParameterError
            A number is not whole, or there are neither one nor `n_customers` of them.
        """
        return self._at_least(self._counts(n) + 1.0)

    def cdf(self, n: ArrayLike) -> Array:
        """Return P(at most n purchases), shape (n_customers,); see `sf`."""
        return 1.0 - self.sf(n)

    def pmf(self, n: ArrayLike) -> Array:
        """Return P(exactly n purchases), shape (n_customers,); see `sf`.

        Absolute errors are below 1e-10: it is a difference of two probabilities.
        """
        return self.content(n, n)

    def log_pmf(self, n: ArrayLike) -> Array:
        """Return ln P(exactly n purchases), shape (n_customers,); see `sf`.

        Its digits do not depend on how small the probability is: what nobody would have expected
        has a finite logarithm. Only what is impossible has none, such as more purchases than there
        are periods. A P(alive) below 1e-308 counts as that.
        """
        return log_count_mass(self.models, self.customers, self._counts(n), self.t)

    def content(self, lower: ArrayLike, upper: ArrayLike) -> Array:
        """Return P(lower <= purchases <= upper), shape (n_customers,).

        Of an interval of whole numbers, what it really covers: see `interval`.
        """
        low, high = self._counts(lower), self._counts(upper)
        return np.maximum(self._at_least(low) - self._at_least(high + 1.0), 0.0)

    @cached_property
    def p_zero(self) -> Array:
        """P(no purchase), shape (n_customers,)."""
        return self.cdf(0)

    def mean(self) -> Array:
        """Return the expected number of purchases, shape (n_customers,)."""
        first, code = self._histories
        some = self.customers.take(first)
        means = [model.expected_purchases(some, self.t) for model in self.models]
        return np.asarray(np.mean(means, axis=0)[code])

    def quantile(self, u: ArrayLike) -> Whole:
        """Return the smallest n with P(at most n) >= u, shape (n_customers,).

        Parameters
        ----------
        u
            Probabilities above 0 and below 1: one for all customers, or one for each.
        """
        shares = check_shares(u, len(self.customers))

        def quantiles(ahead: Prospects, share: Array) -> tuple[Array]:
            return (ahead.last_above(1.0 - share, np.zeros_like(share)),)

        return self._spread(quantiles, shares)[0].astype(np.int64)

    def interval(self, level: float = 0.9) -> tuple[Whole, Whole]:
        """Return lower and upper ends, both included, each of shape (n_customers,).

        `lower` is the largest number with P(fewer) <= (1 - level) / 2, and `upper` the smallest
        with P(lower to upper) >= level. So at least `level` is covered: where few purchases are
        likely, more than that, since there is no half a purchase (`content` says how much).

        Parameters
        ----------
        level
            Between 0 and 1.
        """
        share = check_level(level)
        lower, upper = self._spread(lambda ahead: _interval(ahead, share))
        return lower.astype(np.int64), upper.astype(np.int64)

    def _counts(self, n: ArrayLike) -> Array:
        return one_for_each(check_counts(n, "n"), len(self.customers), "`n`")

    def _at_least(self, n: Array) -> Array:
        def tails(ahead: Prospects, n: Array) -> tuple[Array]:
            return (ahead.at_least(n),)

        return self._spread(tails, n)[0]

    @cached_property
    def _histories(self) -> tuple[Index, Index]:
        """The first customer of each distinct history, and the history of each customer."""
        return distinct_rows(*_columns_of(self.customers, self.models[0]))

    def _spread(
        self, function: Callable[..., tuple[Array, ...]], *columns: Array
    ) -> tuple[Array, ...]:
        """Evaluate a function once per distinct history and row of the columns."""
        if not len(self.customers):
            return np.zeros(0), np.zeros(0)
        first, code = self._histories
        if columns:
            first, code = distinct_rows(code.astype(np.float64), *columns)
        some = [column[first] for column in columns]
        found = by_chunk(function, self.models, self.customers.take(first), self.t, *some)
        return tuple(each[code] for each in found)


def count_interval(
    models: Sequence[PurchasePredictions], patterns: Customers, t: float, level: float
) -> tuple[Array, Array]:
    """Return the ends of intervals for the number of purchases, as `PurchaseDistribution.interval`.

    Parameters
    ----------
    models
        One model, or several that are equally likely.
    patterns
        m distinct histories, with the covariates of the models.
    t
        Length of the future in their unit; finite.
    level
        Probability inside, at least.

    Returns
    -------
    tuple of Array
        Lower and upper ends, both included: whole numbers, each of shape (m,).

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> c = Customers.from_arrays([2, 20], [30.43, 38.0], [38.86, 38.86], unit="week")
    >>> lower, upper = count_interval([BGNBD(0.243, 4.414, 0.793, 2.426)], c, 26.0, 0.9)
    >>> lower.tolist(), upper.tolist()
    ([0.0, 0.0], [2.0, 16.0])
    """
    if not len(patterns):
        return np.zeros(0), np.zeros(0)
    share = check_level(level)
    lower, upper = by_chunk(lambda ahead: _interval(ahead, share), models, patterns, t)
    return lower, upper


def _interval(ahead: Prospects, level: float) -> tuple[Array, Array]:
    """Return the ends for all customers, by P(at least n)."""
    none = np.zeros(len(ahead.state))
    # P(fewer than n) <= tail is P(n or more) >= 1 - tail, a hair's breadth more than above.
    enough = np.nextafter(1.0 - 0.5 * (1.0 - level), 0.0)
    lower = ahead.last_above(np.full_like(none, enough), none)
    rest = ahead.at_least(lower) - level
    return lower, ahead.last_above(rest, lower)


def _columns_of(customers: Customers, model: PurchasePredictions) -> list[NDArray[Any]]:
    known = dict(zip(TIMING, customers.timing, strict=True))
    return [known[name] for name in TIMING] + [customers.covariates[v] for v in model.variables]
