"""Checks of the arguments that models take: times, rates, counts."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.errors import ParameterError

__all__ = [
    "check_counts",
    "check_covariance",
    "check_finite_times",
    "check_rate",
    "check_simulation",
    "check_times",
]

Array: TypeAlias = NDArray[np.float64]


def check_covariance(kind: object) -> None:
    """Raise `ParameterError` unless a kind of covariance is known."""
    if kind not in ("hessian", "sandwich"):
        raise ParameterError(
            "`covariance` is 'hessian' or 'sandwich'.",
            place=f"Got {kind!r}.",
            fix="Pass 'sandwich' for errors that hold where the model is not exactly right.",
        )


def check_times(value: ArrayLike, name: str) -> Array:
    """Return times as an array, or raise unless all are zero or more; they may be infinite."""
    times = np.asarray(value, dtype=np.float64)
    if not (times >= 0.0).all():
        raise ParameterError(
            f"`{name}` is a time ahead, zero or more.",
            place=f"Got {value!r:.80}.",
            fix="Predict forward from the end of observation.",
        )
    return times + 0.0


def check_rate(rate: float) -> float:
    """Return a rate, or raise unless it is finite."""
    if not math.isfinite(rate):
        raise ParameterError(
            "`rate` is a finite continuous rate per unit.",
            place=f"Got {rate!r}.",
            fix="For 10 % a year pass ln(1.1) per year, as rate_per_unit(0.10, unit) gives.",
        )
    return float(rate)


def check_finite_times(value: ArrayLike, name: str) -> Array:
    """Return times as an array, or raise unless all are finite and not negative."""
    times = check_times(value, name)
    if not np.isfinite(times).all():
        raise ParameterError(
            f"`{name}` is finite.", place=f"Got {value!r:.80}.", fix="Pass a finite time."
        )
    return times


def check_counts(value: ArrayLike, name: str) -> Array:
    """Return counts as an array, or raise unless all are whole and not negative."""
    counts = np.asarray(value, dtype=np.float64)
    if not ((counts >= 0.0) & (counts == np.floor(counts)) & np.isfinite(counts)).all():
        raise ParameterError(
            f"`{name}` is a whole number, zero or more.",
            place=f"Got {value!r:.80}.",
            fix="Pass counts such as range(10).",
        )
    return counts


def check_simulation(n: int, age: ArrayLike) -> Array:
    """Return ages of shape (n,), or raise `ParameterError`."""
    check_counts(n, "n")
    ages = check_finite_times(age, "age")
    if ages.shape not in ((), (int(n),)):
        raise ParameterError(
            "`age` is a number or one age a customer.",
            place=f"Got shape {ages.shape} for n = {n}.",
            fix="Pass a number to give every customer the same age.",
        )
    return np.broadcast_to(ages, (int(n),)).copy()
