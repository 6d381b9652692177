"""Rows that were left out, and days without orders: within the log, and at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from clvmodels.suitability.facts import Base, Orders
from clvmodels.suitability.finding import Finding, Topic, level_of
from clvmodels.suitability.words import Words
from clvmodels.units import DAYS_PER_UNIT

__all__ = ["days_without_orders", "rows_left_out", "stale_end"]

UNEXPLAINED: Final = (
    "no customer id",
    "no date",
    "unreadable date",
    "no amount",
    "infinite amount",
)
_FEW, _SOME, _MANY = 0.001, 0.05, 0.25
_EXPECTED, _CERTAIN = 10.0, 100.0
_LONG: Final = 28.0  # days
_BEFORE: Final = 8  # the rate just before a silence is that of eight such silences, a week at least

ROWS: Final = Topic(
    "rows left out",
    "share of rows without a customer, a date or an amount",
    "If they belong to known customers, these seem to buy less often and to leave earlier than "
    "they do.",
    "See the ledger of rfm_summary, and find the customers of these rows.",
    f"Note from {100 * _FEW:g} %, warning from {100 * _SOME:g} %, problem from {100 * _MANY:g} %: "
    "at worst rates are too low by that share.",
)
STALE: Final = Topic(
    "end of the log",
    "purchases expected since the last one, at the rate before it",
    "A silence of the data is taken for one of the customers: all seem to have left.",
    "Set observed_until to the last day that the data cover, or load the missing orders.",
    f"Warning from {_EXPECTED:g} expected purchases, where none has a chance of 1 in 20,000; "
    f"problem from {_CERTAIN:g}.",
)
HOLES: Final = Topic(
    "gaps in the log",
    "purchases expected in the longest time without any, at the rate around it",
    "Purchases that were not recorded look like customers who stay away.",
    "Load the missing orders, unless the shop was closed.",
    f"Note from {_CERTAIN:g} expected purchases, warning from {_CERTAIN:g} if it lasted for four "
    "weeks or more: shops close for shorter times.",
)


def rows_left_out(rows: Mapping[str, int] | None) -> Finding:
    """Return the share of rows that no rule explains, given the rows of each fate."""
    if rows is None:
        return ROWS.needs_orders()
    total = sum(rows.values())
    lost = {fate: rows[fate] for fate in UNEXPLAINED if rows.get(fate)}
    number = sum(lost.values()) / total
    listed = ", ".join(f"{count:,} with {fate}" for fate, count in lost.items())
    says = f"Of {total:,} rows {listed} were left out." if listed else "No row was left out."
    level = level_of(note=number >= _FEW, warning=number >= _SOME, problem=number >= _MANY)
    return ROWS.finding(level, number, says)


def stale_end(base: Base, orders: Orders | None, words: Words) -> Finding:
    """Compare the time since the last purchase of all with the rate before it."""
    if orders is None:
        return STALE.needs_orders()
    silent = base.length - float(orders.day[-1])
    if silent == 0.0:
        return STALE.finding("ok", 0.0, "The last purchase is on the last day of observation.")
    expected = silent * _rate(orders, len(orders.day) - 1, silent)
    says = (
        f"The last purchase is {words.time(silent)} before the end of observation; at the rate "
        f"before, {expected:,.3g} would have come since."
    )
    # The shop may have had such silences before.
    usual = silent <= float(np.diff(orders.day).max(initial=1))
    level = level_of(
        warning=expected >= _EXPECTED and not usual, problem=expected >= _CERTAIN and not usual
    )
    return STALE.finding(level, expected, says)


def days_without_orders(base: Base, orders: Orders | None, words: Words) -> Finding:
    """Compare the longest time without purchases with the rate before it."""
    if orders is None:
        return HOLES.needs_orders()
    gaps = np.diff(orders.day) - 1.0
    if not len(gaps) or gaps.max() <= 0.0:
        return HOLES.finding("ok", 0.0, f"No {base.grid} is without purchases.")
    holes = np.flatnonzero(gaps > 0.0).tolist()
    rates = [
        min(_rate(orders, i, gaps[i]), _rate(orders, i + 1, gaps[i], ahead=True)) for i in holes
    ]
    expected = gaps[holes] * rates
    worst = int(np.argmax(expected))
    number, gap = float(expected[worst]), float(gaps[holes[worst]])
    long = gap * DAYS_PER_UNIT[base.grid] >= _LONG
    says = f"{words.time(gap)} without a purchase, in which {number:,.3g} would be expected."
    noted = number >= _CERTAIN
    return HOLES.finding(level_of(note=noted, warning=noted and long), number, says)


def _rate(orders: Orders, i: int, length: float, *, ahead: bool = False) -> float:
    """Return purchases a period over eight times such a length, to the i-th day or from it on."""
    day, here = orders.day, float(orders.day[i])
    window = _BEFORE * max(length, 1.0)
    inside = (
        (day >= here) & (day < here + window) if ahead else (day <= here) & (day > here - window)
    )
    known = float(day[-1]) + 1.0 - here if ahead else here + 1.0
    return float(orders.occasions[inside].sum()) / min(window, known)
