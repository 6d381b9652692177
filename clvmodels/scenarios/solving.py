"""The move that brings a stated quantity exactly to where it is said to be."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from clvmodels.errors import ParameterError
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.scenarios.changes import Change
from clvmodels.scenarios.futures import Arrivals, rate_of, retention_of
from clvmodels.scenarios.moves import Move

__all__ = ["Stated", "solve"]

_FURTHEST: Final = 30.0  # of the logarithm of a factor: the ends of what is attainable, nearly
_LEAST, _LARGEST = math.exp(-_FURTHEST), math.exp(_FURTHEST)
_EXACT: Final = 1e-14  # of the logarithm of a factor
_ROUNDING: Final = 1e-15
_NOBODY_LEAVES: Final = 0.99


@dataclass(frozen=True)
class Stated:
    """Changes of the behaviour of customers, None for what is not stated.

    Attributes
    ----------
    retention : Change or None
        Of the probability that a new customer is alive a year after the first purchase.
    purchase_rate : Change or None
        Of the rate of purchases of who is alive.
    """

    retention: Change | None = None
    purchase_rate: Change | None = None


def solve(purchases: PurchasePredictions, new: Arrivals, stated: Stated, year: float) -> Move:
    """Return the move by which everything stated comes true together.

    Parameters
    ----------
    purchases
        The population as it is.
    new
        New customers, whose retention and rate are meant.
    stated
        The changes. Retention that is not stated is free: where customers leave at purchases, who
        buys more often leaves sooner.
    year
        A year, in the unit of the model.

    Raises
    ------
    ParameterError
        It cannot be reached: the message says what can.
    """
    move = Move()
    if stated.purchase_rate is not None and stated.purchase_rate.amount != 0.0:
        target = stated.purchase_rate.of(1.0)

        def rates(k: float) -> float:
            return rate_of(purchases, new, Move(purchase=k))

        factor = _factor(rates, target, rising=True, guess=target)
        if factor is None:
            raise _impossible_rate(target, rates(_LARGEST))
        move = Move(purchase=factor)
    change = stated.retention
    if change is None or (change.amount == 0.0 and move.purchase == 1.0):
        return move
    now = retention_of(purchases, new, Move(), year)
    rate = move.purchase

    def retention(k: float) -> float:
        return retention_of(purchases, new, Move(rate, k), year)

    factor = _factor(retention, change.of(now), rising=False)
    if factor is None:
        raise _impossible_retention(now, change.of(now), retention(_LARGEST), retention(_LEAST))
    return Move(rate, factor)


def _factor(
    quantity: Callable[[float], float], target: float, *, rising: bool, guess: float = 1.0
) -> float | None:
    """Return the factor at which a monotone quantity is at its target, or None if there is none."""

    @cache
    def gap(z: float) -> float:
        return quantity(math.exp(z) if z else 1.0) - target

    if quantity(guess) == target:
        return guess
    side, step = (1.0 if (gap(0.0) < 0.0) == rising else -1.0), 0.5
    while gap(side * step) * gap(0.0) > 0.0:
        if step == _FURTHEST:
            return None
        step = min(2.0 * step, _FURTHEST)
    from scipy.optimize import brentq

    root: float = brentq(gap, 0.0, side * step, xtol=_EXACT, rtol=_ROUNDING)
    return math.exp(root)


def _impossible_retention(now: float, target: float, low: float, high: float) -> ParameterError:
    least, most = math.ceil(1e4 * low - 1e-6) / 1e2, math.floor(1e4 * high + 1e-6) / 1e2
    nobody = now > _NOBODY_LEAVES
    return ParameterError(
        "`retention` moves to where this model can bring it.",
        place=f"One-year retention is {now:.2%} now, and {target:.2%} was asked for; attainable is "
        f"what lies between {least:g} % and {most:g} %.",
        fix="State a smaller change"
        + (
            ". Here hardly anybody seems to leave: a longer log would show who does; what leaving "
            "would cost can be asked, as in '-5pp'."
            if nobody
            else "."
        ),
    )


def _impossible_rate(target: float, high: float) -> ParameterError:
    return ParameterError(
        "`purchase_rate` moves to where chances to buy in a period stay below 1.",
        place=f"{target:.4g} times the present rate was asked for; attainable is less than "
        f"{high:.4g} times.",
        fix="State a smaller change.",
    )
