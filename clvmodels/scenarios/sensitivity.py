"""Which lever matters most: what one per cent more of each does to value, at the margin."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import ParameterError
from clvmodels.scenarios.futures import rate_of, retention_of
from clvmodels.scenarios.moves import Move
from clvmodels.scenarios.worth import Scene

__all__ = ["Response", "responses"]

Array: TypeAlias = NDArray[np.float64]

_STEP: Final = 1e-3  # of logarithms: the error of a central difference is its square
_STILL: Final = 1e-9  # a quantity that moves less than this per step does not move
_PER_CENT: Final = 0.01


@dataclass(frozen=True)
class Response:
    """How value responds to a lever, to first order.

    Attributes
    ----------
    lever, step : str
        Which lever, and a step of it in words.
    now : float
        The quantity as it is.
    change : Array
        Change of each value by the step, over its size, shape (m,): of a loss, negative where the
        loss grows. Missing where the quantity cannot move, as retention where nobody leaves.
    """

    lever: str
    step: str
    now: float
    change: Array


def responses(scene: Scene, purchases: Any, spend: Any, annual: float) -> list[Response]:
    """Return the response of all values of a scene to each lever.

    Parameters
    ----------
    scene
        As things are.
    purchases, spend
        Models; `spend` is None where a purchase has a price.
    annual
        The discount rate a year.
    """
    worth = scene.worth(spend)

    def value(move: Move) -> Array:
        return scene.value(scene.counts(purchases, move), worth)

    def by_dropout(z: float) -> tuple[float, Array]:
        move = Move(dropout=math.exp(z))
        return retention_of(purchases, scene.new, move, scene.year), value(move)

    def by_rate(z: float) -> tuple[float, Array]:
        move = Move(purchase=math.exp(z))
        return rate_of(purchases, scene.new, move), value(move)

    def by_discount(z: float) -> tuple[float, Array]:
        share = math.log1p(annual * math.exp(z)) / math.log1p(annual)
        moved = replace(scene, terms=replace(scene.terms, rate=scene.terms.rate * share))
        return math.exp(z), moved.value(moved.counts(purchases, Move()), worth)

    now = retention_of(purchases, scene.new, Move(), scene.year)
    staying = _elasticity(by_dropout)
    gain = np.where(value(Move()) < 0.0, -1.0, 1.0)  # what makes a loss larger makes it worse
    found = [
        Response("retention", "+1 point", now, gain * staying * _PER_CENT / now),
        Response("retention", "+1 %", now, gain * staying * _PER_CENT),
    ]
    with suppress(ParameterError):  # renewals come once a period
        buying = _elasticity(by_rate)
        found.append(Response("purchase_rate", "+1 %", 1.0, gain * buying * _PER_CENT))
    found.append(Response("spend", "+1 %", scene.spend_per_order(spend), gain * _PER_CENT))
    found.append(Response("margin", "+1 %", scene.margin, gain * _PER_CENT))
    if annual != 0.0:
        later = -_elasticity(by_discount)
        found.append(Response("discount_rate", "-1 %", annual, gain * later * _PER_CENT))
    return found


def _elasticity(at: Callable[[float], tuple[float, Array]]) -> Array:
    """Return the per cent that values rise for one per cent of a quantity, shape (m,)."""
    (low, below), (high, above) = at(-_STEP), at(_STEP)
    moved = math.log(high / low)
    if abs(moved) < _STILL:
        return np.full(len(above), math.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        grown = np.log(above / below)
    return np.where(np.isfinite(grown), grown / moved, math.nan)
