"""What a model or a rule says of the customers of one origin, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.backtests.contestants import Attempt
from clvmodels.backtests.rules import RULES, Known
from clvmodels.diagnostics.holdout import Outcomes
from clvmodels.errors import ClvError
from clvmodels.predictive.counts import PurchaseDistribution, purchase_distribution
from clvmodels.predictive.values import ValueDistribution, value_distribution
from clvmodels.special import Index, distinct_rows

__all__ = ["Course", "Interval", "Kind", "Prediction", "Quantity", "of_model", "of_rules"]

Array: TypeAlias = NDArray[np.float64]
Kind: TypeAlias = Literal["model", "rule"]
Quantity: TypeAlias = Literal["purchases", "value"]


@dataclass(frozen=True)
class Interval:
    """Intervals of n customers, shape (n,) each, and what they hold.

    Attributes
    ----------
    lower, upper : Array
        Ends, both included.
    content, content_before : Array
        Probability of the interval, and of it without its upper end: no interval of whole numbers
        holds just what it is meant to.
    """

    lower: Array
    upper: Array
    content: Array
    content_before: Array


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
    interval : Interval or None
        For each customer.
    course : Array
        Shape (k,): what it expects of all until each step of the horizon.
    """

    model: str
    kind: Kind
    quantity: Quantity
    mean: Array
    log_density: Array | None
    interval: Interval | None
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
    attempt: Attempt,
    spend: Any,
    found: Outcomes,
    course: Course,
    interval: float | None,
) -> tuple[list[Prediction], str]:
    """Return what a fit predicts, and what is wrong if it cannot."""
    if attempt.found is None:
        return [], ""
    try:
        ahead = _Ahead.of(attempt.found, found, course)
        made = [_purchases(name, ahead, interval)]
        if spend is not None:
            made.append(_value(name, ahead, spend, interval))
    except ClvError as error:
        return [], str(error)
    return made, ""


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

    @property
    def mean(self) -> Array:
        """Expected purchases of each customer until the last time, shape (n,)."""
        return np.asarray((self.alive * self.given_alive[-1])[self.history])

    def course(self, worth: Array) -> Array:
        """Return what purchases of all until each time are worth, shape (k,)."""
        weight = np.bincount(self.history, worth, len(self.alive))
        return np.asarray(self.given_alive @ (weight * self.alive))


def _purchases(name: str, ahead: _Ahead, level: float | None) -> Prediction:
    found = ahead.found
    law = purchase_distribution(found.customers, ahead.fit, horizon=found.horizon)
    return Prediction(
        model=name,
        kind="model",
        quantity="purchases",
        mean=ahead.mean,
        log_density=law.log_pmf(found.purchases),
        interval=None if level is None else _of_counts(law, level),
        course=ahead.course(np.ones(len(found))),
    )


def _of_counts(law: PurchaseDistribution, level: float) -> Interval:
    lower, upper = law.interval(level)
    held = law.content(lower, upper)
    return Interval(lower.astype(float), upper.astype(float), held, held - law.pmf(upper))


def _value(name: str, ahead: _Ahead, spend: Any, level: float | None) -> Prediction:
    """Predict money; at one price for all a law of it would be none of amounts."""
    found = ahead.found
    customers, price = found.customers, isinstance(spend, float)
    each = np.full(len(customers), spend) if price else spend.expected_spend(customers)
    law = None
    if not price:
        law = value_distribution(customers, ahead.fit, spend, horizon=found.horizon)
    return Prediction(
        model=name,
        kind="model",
        quantity="value",
        mean=ahead.mean * each,
        log_density=None if law is None else law.log_density(found.value),
        interval=None if law is None or level is None else _of_values(law, level),
        course=ahead.course(each),
    )


def _of_values(law: ValueDistribution, level: float) -> Interval:
    """Return intervals that hold `level`, but for those that are 0 alone."""
    lower, upper = law.interval(level)
    nothing = upper == 0.0
    content = np.where(nothing, law.p_zero, level)
    return Interval(lower, upper, content, np.where(nothing, 0.0, level))


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
