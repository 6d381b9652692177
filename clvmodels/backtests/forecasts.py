"""What a model or a rule says of the customers of one origin, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.backtests.rules import RULES, Known
from clvmodels.diagnostics.holdout import Outcomes
from clvmodels.errors import ClvError
from clvmodels.predictive.counts import PurchaseDistribution, purchase_distribution
from clvmodels.predictive.value_shares import value_shares
from clvmodels.predictive.values import value_distribution
from clvmodels.special import Index, distinct_rows

__all__ = ["Course", "Kind", "Prediction", "Quantity", "of_model", "of_rules"]

Array: TypeAlias = NDArray[np.float64]
Kind: TypeAlias = Literal["model", "rule"]
Quantity: TypeAlias = Literal["purchases", "value"]

_ABOVE_ZERO: Final = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Prediction:
    """What one contestant says of n customers: of their purchases, or of their value.

    Attributes
    ----------
    model : str
        Name of the model or rule.
    kind : {'model', 'rule'}
    quantity : {'purchases', 'value'}
    mean : Array
        Shape (n,): what it expects.
    log_density : Array or None
        Shape (n,): log of the probability (density) that it gave to what came; None for rules.
    inside : Array or None
        Shape (n,): whether what came lies in the interval of the customer, or the share with which
        that counts; so that the mean is the level of the intervals if the model is right.
    course : Array
        Shape (k,): what it expects of all until each step of the horizon.
    """

    model: str
    kind: Kind
    quantity: Quantity
    mean: Array
    log_density: Array | None
    inside: Array | None
    course: Array


@dataclass(frozen=True)
class Course:
    """The steps at which cumulative curves are compared: shape (k,) each.

    Attributes
    ----------
    times : Array
        Since the origin, in units.
    purchases, value : Array
        What the customers did until then; value is None without amounts.
    """

    times: Array
    purchases: Array
    value: Array | None


def of_model(
    name: str,
    fit: Any,
    spend: Any,
    found: Outcomes,
    course: Course,
    interval: float | None,
) -> tuple[list[Prediction], dict[Quantity, str]]:
    """Return what a fit predicts, and in words what it cannot.

    `spend` is a fit, a price, or None for purchases alone.
    """
    made: list[Prediction] = []
    try:
        ahead = _Ahead.of(fit, found, course)
        made.append(_purchases(name, ahead, interval))
    except ClvError as error:
        return made, {"purchases": str(error)}
    try:
        if spend is not None:
            made.append(_value(name, ahead, spend, interval))
    except ClvError as error:
        return made, {"value": str(error)}
    return made, {}


@dataclass(frozen=True)
class _Ahead:
    """What a fit expects of n customers, special functions once for purchases and for value.

    Attributes
    ----------
    fit, found
        The fit, and the customers.
    history : Index
        Shape (n,): the number of the distinct history of each customer.
    alive : Array
        Shape (m,): P(alive) of each distinct history.
    given_alive : Array
        Shape (k, m): expected purchases until each time of the course.
    """

    fit: Any
    found: Outcomes
    history: Index
    alive: Array
    given_alive: Array

    @classmethod
    def of(cls, fit: Any, found: Outcomes, course: Course) -> _Ahead:
        model, customers = getattr(fit, "model", fit), found.customers
        covariates = [customers.covariates[name] for name in model.variables]
        first, history = distinct_rows(*customers.timing, *covariates)
        patterns = customers.take(first)
        ahead = [model.purchases_given_alive(patterns, t) for t in course.times]
        return cls(fit, found, history, model.p_alive(patterns), np.array(ahead))

    @cached_property
    def counts(self) -> PurchaseDistribution:
        """The law of the number of purchases of each customer."""
        return purchase_distribution(self.found.customers, self.fit, horizon=self.found.horizon)

    @property
    def mean(self) -> Array:
        """Expected purchases of each customer until the last time, shape (n,)."""
        return np.asarray((self.alive * self.given_alive[-1])[self.history])

    def course(self, worth: Array) -> Array:
        """Return what purchases of all until each time are worth, shape (k,)."""
        weight = np.bincount(self.history, worth, len(self.alive))
        return np.asarray(self.given_alive @ (weight * self.alive))


def _purchases(name: str, ahead: _Ahead, level: float | None) -> Prediction:
    found, law = ahead.found, ahead.counts
    return Prediction(
        model=name,
        kind="model",
        quantity="purchases",
        mean=ahead.mean,
        log_density=law.log_pmf(found.purchases),
        inside=None if level is None else _in_interval_of_counts(law, found.purchases, level),
        course=ahead.course(np.ones(len(found))),
    )


def _in_interval_of_counts(law: PurchaseDistribution, n: Array, level: float) -> Array:
    """Return for each customer whether n lies in their interval, its upper end by a share.

    An interval of whole numbers holds more than `level`. Its upper end counts by the share with
    which it would hold `level`, as in `randomised_coverage`.
    """
    lower, upper = law.interval(level)
    last = np.maximum(law.pmf(upper), _ABOVE_ZERO)
    before = law.content(lower, upper) - last
    share = np.clip((level - before) / last, 0.0, 1.0)
    return np.where(n == upper, share, 1.0) * ((lower <= n) & (n <= upper))


def _value(name: str, ahead: _Ahead, spend: Any, level: float | None) -> Prediction:
    """Predict money.

    At one price for all a law of it would be none of amounts; nor has it a density where the
    amounts of a customer seem to be all the same.
    """
    found = ahead.found
    price = isinstance(spend, float)
    each = np.full(len(found), spend) if price else spend.expected_spend(found.customers)
    certificate = getattr(spend, "certificate", None)
    limit = certificate is not None and certificate.verdict == "boundary"
    return Prediction(
        model=name,
        kind="model",
        quantity="value",
        mean=ahead.mean * each,
        log_density=None if price or limit else _log_density(ahead, spend),
        inside=None if price or level is None else _in_interval(ahead, spend, level),
        course=ahead.course(each),
    )


def _log_density(ahead: _Ahead, spend: Any) -> Array:
    found = ahead.found
    assert found.value is not None
    law = value_distribution(found.customers, ahead.fit, spend, horizon=found.horizon)
    return law.log_density(found.value)


def _in_interval(ahead: _Ahead, spend: Any, level: float) -> Array:
    """Return for each customer whether the value that came lies in their interval.

    It does if P(value at most this) lies between the probabilities of its ends, which saves finding
    the ends. Where 0 alone holds more than `level`, it counts by the share that would hold it.
    """
    found, nothing = ahead.found, ahead.counts.p_zero
    assert found.value is not None
    some = found.value > 0.0
    purchases, money = (getattr(each, "model", each) for each in (ahead.fit, spend))
    below = nothing.copy()
    below[some] = value_shares(
        purchases, money, found.customers.take(some), found.value[some], found.horizon
    )
    tail = 0.5 * (1.0 - level)
    lower = np.where(nothing > tail, 0.0, tail)
    inside = ((below >= lower) & (below <= lower + level)).astype(np.float64)
    zero = np.where(nothing > tail, np.minimum(level / np.maximum(nothing, level), 1.0), 0.0)
    return np.where(some, inside, zero)


def of_rules(known: Known, course: Course, *, has_value: bool) -> list[Prediction]:
    """Return what the rules predict; of when within the horizon they say nothing, so evenly."""
    share = course.times / course.times[-1]
    made = []
    for rule in RULES:
        purchases, value = rule.predict(known)
        made.append(_of_rule(rule.name, "purchases", purchases, share))
        if has_value and value is not None:
            made.append(_of_rule(rule.name, "value", value, share))
    return made


def _of_rule(name: str, quantity: Quantity, mean: Array, share: Array) -> Prediction:
    return Prediction(name, "rule", quantity, mean, None, None, float(mean.sum()) * share)
