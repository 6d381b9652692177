"""Why a customer is in a segment: short flags, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.units import DAYS_PER_UNIT, TimeUnit

__all__ = ["Known", "reasons_of"]

Array: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

_SILENT: Final = 2.0  # times the usual gap
_FALLEN: Final = 0.2  # of P(alive), since the last order
_BIG: Final = 3.0  # times the mean repeat order
_HALF: Final = 0.5  # of all spend, in one order
_NEW: Final = 30.0  # days


@dataclass(frozen=True)
class Known:
    """What is known of n customers; arrays of shape (n,).

    Attributes
    ----------
    frequency, recency, age : Array
        The history, times in `unit`.
    p_alive, p_before : Array
        Now, and right after the last purchase.
    unusual : array
        Whether the silence is unusual for the customer.
    best : array
        Whether the customer is in the first tier.
    best_share : float or None
        Which share of the customers that is.
    mean_order : Array or None
        Mean value of the repeat orders, NaN where there is none.
    largest_share : Array or None
        Share of all spend that the largest order is, NaN where there is one order.
    unit : TimeUnit
        Unit of times.
    """

    frequency: Array
    recency: Array
    age: Array
    p_alive: Array
    p_before: Array
    unusual: Flags
    best: Flags
    best_share: float | None
    mean_order: Array | None
    largest_share: Array | None
    unit: TimeUnit


def reasons_of(known: Known) -> list[str]:
    """Return the flags of each customer, joined by semicolons; empty where none applies."""
    found: list[list[str]] = [[] for _ in range(len(known.frequency))]

    def add(flags: Flags, text: str, *columns: Array) -> None:
        rows = np.flatnonzero(flags)
        values = [column[rows].tolist() for column in columns]
        for place, row in enumerate(rows.tolist()):
            found[row].append(text.format(*(each[place] for each in values)))

    share = known.best_share
    add(known.best, "best tier" if share is None else f"top {share:.0%} of value")
    x, silence = known.frequency, known.age - known.recency
    add(known.age * DAYS_PER_UNIT[known.unit] <= _NEW, f"new: first order within {_NEW:g} days")
    add(x == 0.0, "bought once")
    often = (x >= 2.0) & (known.recency > 0.0)  # one gap is no habit
    gap = np.where(often, known.recency / np.maximum(x, 1.0), np.inf)
    times = silence / gap
    add(often & (times >= _SILENT), "silent {:.1f}x the usual gap", times)
    add(known.unusual, "silence unusual for this customer")
    fallen = known.p_before - known.p_alive >= _FALLEN
    add(
        fallen,
        "P(alive) {:.0%}, after the last order {:.0%}",
        known.p_alive,
        known.p_before,
    )
    _add_big_orders(known, add)
    return ["; ".join(each) for each in found]


def _add_big_orders(known: Known, add: object) -> None:
    assert callable(add)
    if known.largest_share is not None:
        share = np.where(np.isnan(known.largest_share), 0.0, known.largest_share)
        add(share >= _HALF, "one order is {:.0%} of the spend", share)
    elif known.mean_order is not None and (known.frequency > 0.0).any():
        order = np.where(known.frequency > 0.0, known.mean_order, 0.0)
        mean = float(np.sort(order[known.frequency > 0.0]).mean())  # in any order of rows
        times = order / mean if mean > 0.0 else np.zeros(len(order))
        once = (known.frequency == 1.0) & (times >= _BIG)
        add(once, "value rests on one repeat order, {:.1f}x the mean", times)
