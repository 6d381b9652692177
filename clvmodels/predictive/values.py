"""The distribution of the future value of each customer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.customers import TIMING, Customers, Histories, as_histories
from clvmodels.errors import ParameterError
from clvmodels.models.intervals import check_level
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.provenance import check_alike
from clvmodels.models.spend import SpendPredictions
from clvmodels.predictive.arguments import (
    check_price,
    check_shares,
    fit_of,
    fitted_model,
    horizon_of,
    is_number,
    one_for_each,
    positive_margin,
    purchase_models,
    refuse_bad_spend,
    spend_models,
)
from clvmodels.predictive.counts import PurchaseDistribution
from clvmodels.predictive.densities import log_count_mass, log_value_density
from clvmodels.predictive.mixtures import Horizon
from clvmodels.predictive.patterns import Part, Scenario, scenarios, state_moments
from clvmodels.predictive.scaled import (
    ends,
    horizon_at,
    laws,
    quantiles,
    scaled_interval,
    scaled_moments,
)
from clvmodels.predictive.tables import interpolated, slopes
from clvmodels.special import Index, distinct_rows
from clvmodels.units import Duration, rate_per_unit
from clvmodels.value import customer_value

__all__ = ["ValueDistribution", "scaled_interval", "scaled_moments", "value_distribution"]

Array: TypeAlias = NDArray[np.float64]

_KEPT: Final = 50_000  # distinct histories whose laws are kept in memory


def value_distribution(
    customers: Histories,
    purchases: Any,
    spend: Any,
    *,
    horizon: Duration,
    discount_rate: float = 0.0,
    margin: float = 1.0,
) -> ValueDistribution:
    """Return the distribution of the value of each customer within a horizon.

    Parameters
    ----------
    customers
        A `CustomerSummary` or `Customers`, with spend unless there is a price; n rows.
    purchases
        A fit (or a model with published parameters): parameters as estimated. Or draws of
        parameters, such as ``fit.posterior()``: with their uncertainty.
    spend
        The same of a spend model. Or a price per purchase, above zero.
    horizon
        How far ahead, from the end of observation: ``"1y"``, ``"26w"``, a timedelta, a date, or a
        number in the unit of the customers; ``math.inf`` with a positive discount rate.
    discount_rate
        Annual effective rate as a fraction: 0.10 makes money a year from now worth 1/1.10.
    margin
        Fraction of spend that counts: above 0, at most 1.

    Raises
    ------
    UnitMismatchError
        A fit and the customers are in different time units.
    ParameterError
        Horizon, discount rate, price or margin outside their domain.
    DataError
        The customers lack what the models need.

    Examples
    --------
    >>> from clvmodels import BGNBD, GammaGamma
    >>> c = Customers.from_arrays(
    ...     [2, 20], [30.43, 38.0], [38.86, 38.86], unit="week", monetary_value=[22.35, 30.0]
    ... )
    >>> models = BGNBD(0.243, 4.414, 0.793, 2.426), GammaGamma(6.25, 3.74, 15.44)
    >>> value = value_distribution(c, *models, horizon="1y", discount_rate=0.1, margin=0.3)
    >>> value.p_zero.round(3).tolist(), value.mean().round(2).tolist()
    ([0.397, 0.053], [11.07, 145.88])
    >>> value.sf(50.0).round(3).tolist()
    [0.028, 0.802]
    >>> [end.round(1).tolist() for end in value.interval(0.8)]
    [[0.0, 17.2], [19.8, 264.4]]
    """
    models = purchase_models(purchases)
    length = horizon_of(customers, purchases, horizon)
    rate = rate_per_unit(discount_rate, _unit_of(customers) or _unit_of(fit_of(purchases)))
    share = positive_margin(margin)
    future = horizon_at(models[0], length, rate)
    if is_number(spend):
        rows = as_histories(customers).customers(models[0].variables)
        scale = np.full(len(rows), share * check_price(spend))
        return ValueDistribution(_Case(models, None, fitted_model(purchases)), rows, scale, future)
    check_alike(fit_of(spend), customers)
    spends = spend_models(spend)
    fitted = fitted_model(spend)
    rows = as_histories(customers).customers(
        tuple(dict.fromkeys((*models[0].variables, *fitted.variables)))
    )
    refuse_bad_spend(rows)
    scale = share * fitted.spend_law(rows).scale
    case = _Case(models, spends, fitted_model(purchases), fitted)
    return ValueDistribution(case, rows, scale, future)


@dataclass(frozen=True)
class _Case:
    """Models that are equally likely, and those of the fits; no spend model with a price."""

    models: tuple[PurchasePredictions, ...]
    spends: tuple[SpendPredictions, ...] | None
    purchases: PurchasePredictions
    spend: SpendPredictions | None = None

    @property
    def variables(self) -> tuple[str, ...]:
        own = () if self.spend is None else self.spend.variables
        return tuple(dict.fromkeys((*self.purchases.variables, *own)))


@dataclass(frozen=True, eq=False, repr=False)
class ValueDistribution:
    """The distribution of the discounted value of n customers: nothing, or an amount above zero.

    Of more than 50,000 distinct histories every method works the distribution out anew.

    Attributes
    ----------
    customers : Customers
        The n customers.
    scale : Array
        Shape (n,), in the log's currency: margin x (v + x m), or margin x price.
    """

    _case: _Case = field(repr=False)
    customers: Customers
    scale: Array
    _future: Horizon = field(repr=False)

    def __repr__(self) -> str:
        ahead = (
            "all the future"
            if self._future.whole == math.inf
            else f"the next {self._future.whole:g}"
        )
        count = max(len(self._case.models), len(self._case.spends or ()))
        return (
            f"<ValueDistribution of {len(self.customers)} customers in {ahead}, "
            f"{self._case.purchases.label}, {count} parameter sets>"
        )

    def cdf(self, value: ArrayLike) -> Array:
        """Return P(value at most this), shape (n,).

        Parameters
        ----------
        value
            An amount for all customers, or one for each.

        Raises
        ------
        ParameterError
            An amount is not a number, or there are neither one nor n of them.
        """
        z = self._amounts(value) / self.scale
        if self._counts is not None:
            known = np.clip(np.floor(z * (1.0 + 1e-12)), 0.0, 2.0**52)
            return np.where(z < 0.0, 0.0, self._counts.cdf(known))
        with np.errstate(divide="ignore"):
            log_z = np.log(np.maximum(z, 0.0))

        found = np.zeros(len(self.customers))
        for part, row, rows in self._parts():
            more = interpolated(part.curves, part.row[row], log_z[rows])
            found[rows] = part.p_zero[row] + (1.0 - part.p_zero[row]) * more
        return np.where(z < 0.0, 0.0, found)

    def sf(self, value: ArrayLike) -> Array:
        """Return P(value above this), shape (n,); see `cdf`."""
        return 1.0 - self.cdf(value)

    def log_density(self, value: ArrayLike) -> Array:
        """Return the logarithm of P(nothing) at 0, and of the density above, shape (n,); see `cdf`.

        Without discounting the density is an exact sum over the number of purchases; with it, the
        slope of `cdf` between nodes. -inf below 0. At a price and without discounting value is
        discrete: ln P(value), -inf between its multiples.
        """
        amounts = self._amounts(value)
        if self._counts is not None:
            z = amounts / self.scale
            n = np.clip(np.round(z), 0.0, 2.0**52)
            whole = np.abs(z - n) <= 1e-9 * np.maximum(n, 1.0)
            return np.where(whole, self._counts.log_pmf(np.where(whole, n, 0.0)), -np.inf)
        found = np.full(len(amounts), -np.inf)
        none, some = amounts == 0.0, (amounts > 0.0) & np.isfinite(amounts)
        models, length = self._case.models, self._future.length
        found[none] = log_count_mass(models, self.customers.take(none), amounts[none], length)
        found[some] = (self._slope if self._future.rate else self._exact)(amounts, some)
        return found

    def _exact(self, amounts: Array, some: NDArray[np.bool_]) -> Array:
        """Return log-densities of amounts above zero of some customers, without discounting."""
        assert self._case.spend is not None
        customers = self.customers.take(some)
        margin = self.scale[some] / self._case.spend.spend_law(customers).scale
        drawn = scenarios(self._case.models, self._case.spends)
        paid = amounts[some] / margin
        return log_value_density(drawn, customers, paid, self._future.length) - np.log(margin)

    def _slope(self, amounts: Array, some: NDArray[np.bool_]) -> Array:
        """Return the same from the slopes of the distribution functions, with discounting."""
        found = np.full(len(amounts), -np.inf)
        log_v = np.log(np.where(some, amounts, 1.0))
        log_z = log_v - np.log(self.scale)
        for part, row, rows in self._parts():
            each = (1.0 - part.p_zero[row]) * slopes(part.curves, part.row[row], log_z[rows])
            with np.errstate(divide="ignore"):
                found[rows] = np.log(each) - log_v[rows]
        return found[some]

    def _amounts(self, value: ArrayLike) -> Array:
        amounts = np.asarray(value, dtype=np.float64)
        if np.isnan(amounts).any():
            raise ParameterError("An amount is a number.", place="Got NaN.", fix="Leave it out.")
        return one_for_each(amounts, len(self.customers), "An amount")

    @cached_property
    def p_zero(self) -> Array:
        """P(value is nothing), shape (n,): no purchase."""
        return self.cdf(0.0)

    def mean(self) -> Array:
        """Return the expected value at the parameters of the fits, shape (n,): as `predict`.

        Raises
        ------
        UndefinedMomentError
            It does not exist (q <= 1).
        """
        bought = self._case.purchases.discounted_purchases(
            self.customers, self._future.whole, self._future.rate
        )
        if self._case.spend is None:
            return np.asarray(bought * self.scale)
        self._case.spend.check_mean_exists()
        law = self._case.spend.spend_law(self.customers)
        spend = law.purchase * law.scale / (law.customer - 1.0)
        return np.asarray(customer_value(bought, spend, self.scale / law.scale))

    def variance(self) -> Array:
        """Return the variance of value, shape (n,), with that of parameters if they are draws.

        Infinite for customers of whom so little is known that q + p x <= 2.

        Raises
        ------
        UndefinedMomentError
            The mean does not exist (q <= 1).
        """
        if self._case.spend is not None:
            self._case.spend.check_mean_exists()
        first, code = self._histories
        patterns = self.customers.take(first)
        drawn = scenarios(self._case.models, self._case.spends)
        raw = np.zeros((2, len(patterns)))
        for each in drawn:
            raw += self._raw(each, patterns) / len(drawn)
        return np.asarray(self.scale**2 * np.maximum(raw[1] - raw[0] ** 2, 0.0)[code])

    def _raw(self, each: Scenario, patterns: Customers) -> Array:
        """Return E[Z] and E[Z^2] of patterns, (2, m), in units of the scale of the fit."""
        found = state_moments(each, patterns, self._future, unit=self._case.spend)
        return np.asarray(each.purchases.p_alive(patterns) * found[:2])

    def quantile(self, u: ArrayLike) -> Array:
        """Return the smallest amount with P(value at most this) >= u, shape (n,).

        Parameters
        ----------
        u
            Probabilities above 0 and below 1: one for all customers, or one for each.
        """
        shares = check_shares(u, len(self.customers))
        if self._counts is not None:
            return self.scale * self._counts.quantile(shares)
        found = np.zeros(len(self.customers))
        for part, row, rows in self._parts():
            found[rows] = quantiles(part, shares[rows], row)
        return self.scale * found

    def interval(self, level: float = 0.9) -> tuple[Array, Array]:
        """Return lower and upper ends, each of shape (n,).

        `lower` is the largest amount with P(less) <= (1 - level) / 2, and `upper` the smallest with
        P(lower to upper) >= level. So customers who may well buy nothing have 0 as their lower end,
        and all that is left out lies above the upper.

        Parameters
        ----------
        level
            Between 0 and 1; the probability inside, exactly, unless that of 0 is larger. At a price
            and without discounting at least that: see `PurchaseDistribution.interval`.
        """
        share = check_level(level)
        if self._counts is not None:
            fewest, most = self._counts.interval(share)
            return self.scale * fewest, self.scale * most
        lower, upper = np.zeros((2, len(self.customers)))
        for part, row, rows in self._parts():
            low, high = ends(part, share)
            lower[rows], upper[rows] = low[row], high[row]
        return self.scale * lower, self.scale * upper

    @cached_property
    def _counts(self) -> PurchaseDistribution | None:
        """The number of purchases, where value is a multiple of it."""
        if self._case.spends is not None or self._future.rate != 0.0:
            return None
        return PurchaseDistribution(self._case.models, self.customers, self._future.length)

    @cached_property
    def _histories(self) -> tuple[Index, Index]:
        """The first customer of each distinct history, and the history of each customer."""
        known = dict(zip(TIMING, self.customers.timing, strict=True))
        columns: list[NDArray[Any]] = [known[name] for name in TIMING]
        columns += [self.customers.covariates[name] for name in self._case.variables]
        return distinct_rows(*columns)

    def _parts(self) -> Iterator[tuple[Part, Index, Index]]:
        """Yield laws of patterns, with the pattern and the number of each customer who has one."""
        first, code = self._histories
        order = np.argsort(code, kind="stable")
        size = np.bincount(code, minlength=len(first))
        start = np.cumsum(size) - size
        for part in self._kept if len(first) <= _KEPT else self._laws():
            own = size[part.rows]
            row = np.repeat(np.arange(len(own)), own)
            ahead = (start[part.rows] - np.cumsum(own) + own)[row]
            yield part, row, order[np.arange(len(row)) + ahead]

    def _laws(self) -> Iterator[Part]:
        case, patterns = self._case, self.customers.take(self._histories[0])
        return laws(case.models, case.spends, case.spend, patterns, self._future)

    @cached_property
    def _kept(self) -> list[Part]:
        """The laws of few histories, worked out once."""
        return list(self._laws())


def _unit_of(known: Any) -> Any:
    return getattr(known, "unit", None)
