"""Enough history, repeat share, and customers without a repeat purchase who are missing."""

from __future__ import annotations

import math
from typing import Final

from clvmodels.suitability.aggregates import Base, Orders
from clvmodels.suitability.finding import Finding, Topic, level_of
from clvmodels.suitability.words import Words

__all__ = ["enough_history", "missing_one_timers", "repeat_buyers", "repeat_share"]

_SHORT: Final = 4.0
_FEW, _TOO_FEW = 200, 30
_RARE, _HARDLY = 0.1, 0.02
_ENOUGH_TO_MISS: Final = 50
_SIGMAS: Final = 3.0

HISTORY: Final = Topic(
    "enough history",
    "length of observation in mean times between purchases",
    "Silence tells who has left only where it can be longer than a usual time between purchases.",
    "Use a longer log, or read P(alive) and long horizons with care.",
    f"Warning below {_SHORT:g}: were purchases so rare that hardly anybody comes back twice, 2 to "
    "4 would come out, as a time between purchases cannot be longer than the log.",
)
BUYERS: Final = Topic(
    "repeat buyers",
    "customers with a repeat purchase",
    "They alone tell rates, dropout and spend.",
    "Use a longer log or more customers, and ask for intervals.",
    f"Problem below {_TOO_FEW}, warning below {_FEW}: the relative error of a total is at least "
    f"1/sqrt(n), 18 % at {_TOO_FEW} and 7 % at {_FEW}, and about twice that as customers differ.",
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
    "customers without a repeat purchase, by the least number that purchases at random allow",
    "Without those who bought once everybody seems to come back: all predictions are too high.",
    "Get the log without a filter on the number of orders, and with all customers who bought once.",
    "Problem below one half, beyond chance: whatever the mixture of purchase rates, and whenever "
    "customers leave, the share of those who come back in the last third of their time, of those "
    "who have not yet, is no higher than in the second third.",
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
        says, advice = f"There are {base.n:,} customers, too few to tell.", "Use a larger log."
        return SHARE.finding("note", share, says, advice=advice)
    says = f"{100 * share:.1f} % of {base.n:,} customers came back."
    return SHARE.finding(level_of(note=share < _RARE, warning=share < _HARDLY), share, says)


def missing_one_timers(base: Base, orders: Orders | None) -> Finding:
    """Compare the number of customers without a repeat purchase with the least that is possible.

    Scale each customer's time from the first purchase to the end to 1. Who has an exponential time
    to the second purchase, of any rate, comes back in its thirds with probabilities that fall
    geometrically; mixed over customers, the ratio of consecutive thirds cannot fall. So, of those
    who are not back after two thirds, at least as large a share stays away as of those who were
    not back after one third: n0 / (n0 + n3) >= n0 + n3 over n0 + n2 + n3. Who leaves before only
    adds to n0.
    """
    none = int(base.customers[base.frequency == 0.0].sum())
    if base.n < _ENOUGH_TO_MISS:
        return MISSING.undecided(
            f"There are {base.n:,} customers, too few to tell.", "Use a larger log."
        )
    if orders is None:
        return _from_summary(base, none)
    n2, n3 = (float(each) for each in orders.thirds.sum(axis=1)[1:])
    if n3 == 0.0:
        says = f"{none:,} bought once; nobody came back so late that more would be expected."
        return MISSING.finding("ok", math.nan, says)
    least = n3 * n3 / (n2 - n3) if n2 > n3 else math.inf
    number = none / least
    missing = least >= 1.0 and number < 0.5 and _excess(n2, n3, float(none)) > _SIGMAS
    expected = f"at least {least:,.0f} are" if math.isfinite(least) else "many more are"
    says = (
        f"{none:,} of {base.n:,} customers bought once; from the times of second purchases "
        f"{expected} expected."
        if number < 1.0
        else f"{none:,} of {base.n:,} customers bought once, no fewer than expected."
    )
    return MISSING.finding(level_of(problem=missing), number, says)


def _excess(n2: float, n3: float, none: float) -> float:
    """Return by how many standard errors more come back in the last third than in the second."""
    second, last = n2 + n3 + none, n3 + none
    pooled = (n2 + n3) / (second + last)
    error = math.sqrt(pooled * (1.0 - pooled) * (1.0 / second + 1.0 / last))
    return (n3 / last - n2 / second) / error


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
