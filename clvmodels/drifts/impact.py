"""What another set of parameters does to the expected future of a base."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.customers import Customers
from clvmodels.errors import UndefinedMomentError
from clvmodels.parameters import from_real_line
from clvmodels.predictive.totals import Exposure, Terms, expected_sums

__all__ = ["Impact", "Moved", "impacts"]

Array: TypeAlias = NDArray[np.float64]

LEVEL: Final = 0.95
_STEP: Final = 0.05  # standard errors, of central differences
_AWAY: Final = math.log(2.0)  # how far parameters without bound are moved to see if it matters
_MATTERS: Final = 0.005  # relative change of a quantity that does


@dataclass(frozen=True)
class Impact:
    """One quantity, as the old and the new parameters expect it.

    Attributes
    ----------
    quantity : str
        What is expected.
    parts : tuple of str
        Whose parameters it depends on: 'purchases', 'spend'.
    old, new : float
        Expected by the old and by the new parameters.
    lower, upper : float
        Ends of the 95 % interval of `change`; -1 and infinity where the data do not bound it.
    """

    quantity: str
    parts: tuple[str, ...]
    old: float
    new: float
    lower: float
    upper: float

    @property
    def change(self) -> float:
        """Relative change: new / old - 1."""
        return self.new / self.old - 1.0

    @property
    def certain(self) -> bool:
        """Whether the interval of the change leaves out zero."""
        return not self.lower <= 0.0 <= self.upper


@dataclass(frozen=True)
class Moved:
    """Old and new model of one kind, and the error of their difference.

    Attributes
    ----------
    old, new : Model
        The models.
    root : Array
        Shape (k, r): root @ root.T is the covariance of new - old in the coordinates.
    endless : Array
        Shape (k, e): directions in which new - old has no bound.
    held : Model or None
        The new model with these directions as in the old one.
    """

    old: Any
    new: Any
    root: Array
    endless: Array
    held: Any | None = None


def impacts(
    exposure: Exposure, purchases: Moved | None, spend: Moved | None, horizon: float, period: str
) -> tuple[Impact, ...]:
    """Compare the futures that old and new parameters expect; only those that exist.

    Parameters
    ----------
    exposure
        The base.
    purchases, spend
        What has moved.
    horizon
        In the unit of the base.
    period
        The horizon in words.
    """
    terms, found = Terms(horizon, 0.0), []
    customers = exposure.patterns

    known: dict[bytes, Array] = {}

    def counted(model: Any) -> float:
        each = _Remembered(model, known).expected_purchases(customers, horizon)
        return float(exposure.count @ each[exposure.pattern])

    def first(model: Any) -> float:
        return float(model.expected_purchases(_newcomer(), horizon)[0])

    def valued(model: Any, money: Any) -> float:
        return float(expected_sums(exposure, _Remembered(model, known), money, terms).sum())

    def mean(model: Any) -> float:
        return float(model.expected_spend(_newcomer())[0])

    if purchases is not None:
        found.append(
            _one(f"purchases of all customers, {period}", {"purchases": purchases}, counted)
        )
        if not purchases.old.variables:
            what = f"purchases of a new customer, {period}"
            found.append(_one(what, {"purchases": purchases}, first))
    if spend is not None and not spend.old.variables:
        found.append(_one("spend per purchase of a new customer", {"spend": spend}, mean))
    if purchases is not None and spend is not None:
        both = {"purchases": purchases, "spend": spend}
        found.append(_one(f"value of all customers, {period}", both, valued))
    return tuple(each for each in found if each is not None)


def _one(what: str, moved: dict[str, Moved], function: Callable[..., float]) -> Impact | None:
    """Return one quantity at both parameters with the interval of its change, if it exists.

    What the new parameters owe to directions that old data do not bound has no known error: the
    interval holds both for the change with it and for that without.
    """
    try:
        old = function(*(each.old for each in moved.values()))
        new = function(*(each.new for each in moved.values()))
        held = function(*(each.held or each.new for each in moved.values()))
        slopes = [
            _slope(function, list(moved.values()), i, axis)
            for i, each in enumerate(moved.values())
            for axis in each.root.T
        ]
        bounded = all(
            abs(_log(function, list(moved.values()), i, sign * _AWAY * axis) - math.log(old))
            < _MATTERS
            for i, each in enumerate(moved.values())
            for axis in each.endless.T
            for sign in (1.0, -1.0)
        )
    except UndefinedMomentError:
        return None
    if not (old > 0.0 and new > 0.0):
        return None
    half = float(special.ndtri(0.5 + 0.5 * LEVEL)) * math.sqrt(math.fsum(s * s for s in slopes))
    middles = math.log(new / old), math.log(held / old)
    ends = _grown(min(middles) - half), _grown(max(middles) + half)
    return Impact(what, tuple(moved), old, new, *(ends if bounded else (-1.0, math.inf)))


def _grown(exponent: float) -> float:
    return math.expm1(exponent) if exponent < 700.0 else math.inf


def _slope(function: Callable[..., float], moved: list[Moved], i: int, axis: Array) -> float:
    """Return the derivative of ln(function) along an axis, at the old parameters."""
    up, down = (_log(function, moved, i, sign * _STEP * axis) for sign in (1.0, -1.0))
    return (up - down) / (2.0 * _STEP)


def _log(function: Callable[..., float], moved: list[Moved], i: int, step: Array) -> float:
    """Return ln(function) a step of one model away from its old parameters."""
    models = [each.old for each in moved]
    models[i] = models[i].with_values(
        from_real_line(models[i].coordinates + step, models[i].positive)
    )
    return math.log(function(*models))


@dataclass(frozen=True)
class _Remembered:
    """Expected purchases of the same customers within the same time, once for each model."""

    model: Any
    known: dict[bytes, Array]

    def expected_purchases(self, customers: Customers, horizon: float) -> Array:
        key = self.model.values.tobytes()
        if key not in self.known:
            self.known[key] = self.model.expected_purchases(customers, horizon)
        return self.known[key]


def _newcomer() -> Customers:
    return Customers.from_arrays([0], [0], [0], unit=None, monetary_value=[math.nan])
