"""What a new customer of each segment brings in, as a function of time since the first order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.economics.alive import time_alive
from clvmodels.economics.terms import Costs
from clvmodels.models.base import Parametric
from clvmodels.models.spend import SpendPredictions
from clvmodels.predictive.arguments import fitted_model
from clvmodels.predictive.parameter_error import SharedError, error_of
from clvmodels.predictive.totals import Terms, discounted

__all__ = ["Channel", "Newcomers"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Channel:
    """Segments whose new customers one pair of models describes.

    Attributes
    ----------
    purchases, spend
        Fits, draws or models; a price in place of spend is in `prices`.
    kinds : Customers
        The distinct kinds of new customers by covariates; n rows, one without covariates.
    weights : Array
        Shape (segments, n): the share of each kind among a segment's customers, 0 in segments
        that other models describe.
    prices : Array or None
        Shape (segments,): value of an order, where no model says.
    """

    purchases: Any
    spend: Any
    kinds: Customers
    weights: Array
    prices: Array | None = None

    @property
    def owned(self) -> NDArray[np.bool_]:
        """Which segments these models describe."""
        return np.asarray(self.weights.sum(axis=1) > 0.0)


@dataclass(frozen=True)
class Newcomers:
    """New customers of all segments.

    Attributes
    ----------
    channels : tuple of Channel
        Every segment in one of them.
    costs : Costs
        What is left of spend.
    first : Array or None
        Shape (segments,): mean value of the first order; None for that of the spend model.
    first_error : Array or None
        Its standard error, shape (segments,).
    """

    channels: tuple[Channel, ...]
    costs: Costs
    first: Array | None
    first_error: Array | None

    def first_value(self) -> Array:
        """Return what the first order leaves, shape (segments,)."""
        return self._sum(lambda each: self._first_of(each, fitted_model(each.spend)))

    def value(self, horizon: float, rate: float) -> Array:
        """Return what a new customer brings in up to a time, the first order included."""
        return self._sum(
            lambda each: self._value_of(
                each, fitted_model(each.purchases), fitted_model(each.spend), horizon, rate
            )
        )

    def error(self, horizon: float, rate: float) -> SharedError:
        """Return what `value` owes to the error of the parameters and of the mean first order.

        Raises
        ------
        DataError
            The data of a fit do not bound a parameter on which the value depends.
        """
        size = len(self.costs.margin)
        total = SharedError(np.zeros((0, size)), ())
        for each in self.channels:
            total = total + self._error_of(each, horizon, rate)
        if self.first_error is not None:
            total = total + SharedError(np.diag(self.costs.share * self.first_error), ())
        return total

    def _sum(self, function: Any) -> Array:
        parts: Sequence[Array] = [function(each) for each in self.channels]
        return np.asarray(sum(parts))

    def _error_of(self, each: Channel, horizon: float, rate: float) -> SharedError:
        models = fitted_model(each.purchases), fitted_model(each.spend)
        middle = self._value_of(each, *models, horizon, rate)

        def at_purchases(model: Any) -> Array:
            return self._value_of(each, model, models[1], horizon, rate)

        def at_spend(model: Any) -> Array:
            return self._value_of(each, models[0], model, horizon, rate)

        found = error_of(each.purchases, at_purchases, middle)
        if each.prices is None:
            found = found + error_of(each.spend, at_spend, middle)
        return found

    def _first_of(self, each: Channel, spend: Any) -> Array:
        """Return what the first order leaves, 0 in segments of other channels."""
        first = _mean_spend(each, spend) if self.first is None else self.first
        return np.where(each.owned, self.costs.share * first - self.costs.per_order, 0.0)

    def _value_of(
        self, each: Channel, purchases: Any, spend: Any, horizon: float, rate: float
    ) -> Array:
        costs = self.costs
        counts = discounted(purchases, each.kinds, Terms(horizon, rate))
        spent = each.weights @ (counts * _spend_of(each, spend))
        if each.prices is not None:
            spent = spent * each.prices
        value = self._first_of(each, spend) + costs.share * spent
        value -= costs.per_order * (each.weights @ counts)
        if costs.any_time:
            alive = time_alive(purchases, each.kinds, horizon, rate)
            value -= costs.per_time * (each.weights @ alive)
        return np.asarray(value)

    @property
    def differ(self) -> bool:
        """Whether the models tell the segments apart."""
        weights = [each.weights for each in self.channels]
        return len(weights) > 1 or bool((weights[0] != weights[0][:1]).any())

    @property
    def exact(self) -> bool:
        """Whether a model is given without what is known of its error."""
        given = [one for each in self.channels for one in (each.purchases, each.spend)]
        return any(isinstance(one, Parametric) for one in given)

    @cached_property
    def whole_periods(self) -> bool:
        """Whether any of the models counts whole periods, so that value grows in steps."""
        models = (fitted_model(each.purchases) for each in self.channels)
        return any(bool(model.whole_periods(np.array(0.5)) == 0.0) for model in models)


def _spend_of(each: Channel, spend: Any) -> Array:
    """Return expected spend per order of each kind, shape (n,); 1 where orders have a price."""
    if isinstance(spend, SpendPredictions):
        return spend.expected_spend(each.kinds)
    return np.ones(len(each.kinds))


def _mean_spend(each: Channel, spend: Any) -> Array:
    mean = each.weights @ _spend_of(each, spend)
    return np.asarray(mean if each.prices is None else mean * each.prices)
