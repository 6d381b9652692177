"""Enough history, repeat share, and customers without a repeat purchase who are missing."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from clvmodels.suitability.facts import Base, Orders
from clvmodels.suitability.finding import Finding, Topic, level_of
from clvmodels.suitability.first_repeats import least_without_repeat
from clvmodels.suitability.words import Words

__all__ = ["enough_history", "missing_one_timers", "repeat_buyers", "repeat_share"]

_SHORT: Final = 4.0
_FEW, _TOO_FEW = 200, 30
_RARE, _HARDLY = 0.1, 0.02
_ENOUGH_TO_MISS: Final = 50
_FEWEST_MISSING, _HALF = 5.0, 0.5

HISTORY: Final = Topic(
    "enough history",
    "length of observation in mean times between purchases",
    "Silence tells who has left only where it can be longer than a usual time between purchases.",
    "Use a longer log, or read P(alive) and long horizons with care.",
    f"Warning below {_SHORT:g}: were purchases so rare that nobody comes back twice, 2 (if all "
    "start together) to 3 (if evenly) would come out, whatever their rate.",
)
BUYERS: Final = Topic(
    "repeat buyers",
    "customers with a repeat purchase",
    "They alone tell rates, dropout and spend.",
    "Use a longer log or more customers, and ask for intervals.",
    f"Problem below {_TOO_FEW}, warning below {_FEW}: in simulated shops such as CDNOW the error "
    "of the parameters alone put the predicted total off by 24 % (standard error) with 32 repeat "
    "buyers, by 7 % with 215, and by 4 % with 1,066.",
)
SHARE: Final = Topic(
    "repeat share",
    "share of customers with a repeat purchase",
    "Where hardly anybody comes back, dropout shows in very few customers.",
    "Look for customers without an id of their own, such as guests; else predict totals, not "
    "single customers.",
    f"Note below {100 * _RARE:g} %, warning below {100 * _HARDLY:g} %: so low shares more often "
    "come from ids that are made anew with every order than from customers.",
)
MISSING: Final = Topic(
    "one-time buyers",
    "customers without a repeat purchase, by the least number to be expected",
    "Without those who bought once everybody seems to come back: all predictions are too high.",
    "Get the log without a filter on the number of orders, and with all customers who bought once.",
    f"Problem below {_HALF:g}: the least number is three standard errors below the best guess from "
    "when others came back first, with gamma rates as in BG/NBD and Pareto/NBD.",
)


def enough_history(base: Base, words: Words) -> Finding:
    """Compare the length of observation with the mean time between purchases."""
    if not base.repeaters or base.gap <= 0.0:
        return HISTORY.undecided(
            "Nobody has bought again, so that there is no time between purchases.",
            "Use a longer log.",
        )
    number = base.length / base.gap
    says = (
        f"{words.time(base.length)} are observed; purchases of a customer are "
        f"{words.time(base.gap)} apart in the mean."
    )
    return HISTORY.finding(level_of(warning=number < _SHORT), number, says)


def repeat_buyers(base: Base) -> Finding:
    """Count the customers who came back."""
    n = base.repeaters
    level = level_of(problem=n < _TOO_FEW, warning=n < _FEW)
    return BUYERS.finding(level, float(n), f"{n:,} of {base.n:,} customers came back.")


def repeat_share(base: Base) -> Finding:
    """Return the share of customers who came back."""
    share = base.repeaters / base.n
    if base.n < _ENOUGH_TO_MISS:
        says, advice = (
            f"The number of customers is {base.n:,}, too few to tell.",
            "Use a larger log.",
        )
        return SHARE.finding("note", share, says, advice=advice)
    says = f"{100 * share:.1f} % of {base.n:,} customers came back."
    return SHARE.finding(level_of(note=share < _RARE, warning=share < _HARDLY), share, says)


def missing_one_timers(base: Base, orders: Orders | None) -> Finding:
    """Compare the number of customers without a repeat purchase with the least to be expected."""
    none = int(base.customers[base.frequency == 0.0].sum())
    if base.n < _ENOUGH_TO_MISS:
        return MISSING.undecided(
            f"The number of customers is {base.n:,}, too few to tell.", "Use a larger log."
        )
    if orders is None:
        return _from_summary(base, none)
    least = least_without_repeat(base.length - orders.start.astype(np.float64), orders.parts)
    if least < _FEWEST_MISSING:
        says = f"{none:,} of {base.n:,} customers bought once; the others ask for no more."
        return MISSING.finding("ok", math.nan, says)
    number = none / least
    says = (
        f"{none:,} of {base.n:,} customers bought once; from when the others came back, at least "
        f"{least:,.0f} are expected."
    )
    return MISSING.finding(level_of(problem=number < _HALF), number, says)


def _from_summary(base: Base, none: int) -> Finding:
    says = f"{none:,} of {base.n:,} customers bought once."
    if none == 0:
        return MISSING.finding("problem", 0.0, says)
    return MISSING.finding(
        "note",
        math.nan,
        f"{says} Whether these are all needs the orders.",
        advice="Pass the orders instead of their summary.",
    )
