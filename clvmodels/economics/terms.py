"""The terms of unit economics: what a segment's spend leaves, and over which future."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import DataError, ParameterError, first_few
from clvmodels.frames.result_words import word_of
from clvmodels.predictive.arguments import is_number

__all__ = ["Costs", "Future", "Label", "check_number", "for_each", "label_of", "words_of"]

Array: TypeAlias = NDArray[np.float64]
Label: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True)
class Costs:
    """What is left of spend, by segment; arrays of shape (segments,).

    Attributes
    ----------
    margin : Array
        Fraction of spend that is margin; the mean over the customers where each has their own.
    kept : Array
        Share of spend that does not come back: 1 - return rate.
    per_order, per_time : Array
        Cost of an order, and of a unit of time that a customer is there.
    """

    margin: Array
    kept: Array
    per_order: Array
    per_time: Array

    @property
    def share(self) -> Array:
        """What is left of a unit of spend, before costs of orders and time."""
        return self.margin * self.kept

    @property
    def any_time(self) -> bool:
        """Whether time costs something."""
        return bool((self.per_time != 0.0).any())


@dataclass(frozen=True)
class Future:
    """How far ahead money counts, and at which discount.

    Attributes
    ----------
    horizon : float
        In the unit of the customers.
    rate, discount_rate : float
        Continuous rate per unit, and the annual effective rate that it stands for.
    level : float
        Probability of intervals.
    """

    horizon: float
    rate: float
    discount_rate: float
    level: float


def label_of(values: Sequence[Any]) -> Label:
    """Return the names of a segment as a key: missing values are None, whole floats as they are.

    Examples
    --------
    >>> label_of(["web", float("nan")])
    ('web', None)
    """
    return tuple(None if value is None or value != value else value for value in values)


def for_each(given: Any, labels: Sequence[Label], *, name: str) -> Array:
    """Return a number for each segment, shape (segments,), from one for all or a mapping.

    Raises
    ------
    DataError
        A mapping has no value for a segment: the message names those without.
    ParameterError
        A value is not a finite number.

    Examples
    --------
    >>> for_each({"web": 20, "shop": 5.0}, [("shop",), ("web",)], name="cac").tolist()
    [5.0, 20.0]
    """
    if not isinstance(given, Mapping):
        return np.full(len(labels), check_number(given, name=name))
    known = {_key(key): value for key, value in given.items()}
    missing = [label for label in labels if label not in known]
    if missing:
        raise DataError(
            f"`{name}` has a value for every segment.",
            place=f"{len(missing)} have none: {first_few([words_of(each) for each in missing])}.",
            fix="Add them, or pass one number for all.",
        )
    return np.array([check_number(known[label], name=name) for label in labels])


def _key(key: Any) -> Label:
    return label_of(key if isinstance(key, tuple) else (key,))


def words_of(label: Label) -> str:
    """Return the name of a segment in words."""
    return " / ".join(map(word_of, label))


def check_number(value: Any, *, name: str, least: float = 0.0) -> float:
    """Return a finite number that is at least `least`, or raise."""
    if is_number(value) and math.isfinite(value) and value >= least:
        return float(value)
    raise ParameterError(
        f"`{name}` is an amount of {least:g} or more.",
        place=f"Got {value!r:.80}.",
        fix="Pass a number, or a mapping with one for each segment.",
    )
