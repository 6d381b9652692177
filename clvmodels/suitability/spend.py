"""Whales among customers and orders, and spend that goes with frequency."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from clvmodels.errors import DataError
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.models.gamma_gamma import GammaGamma
from clvmodels.suitability.facts import Base, Orders
from clvmodels.suitability.finding import Finding, Topic, level_of

__all__ = ["extreme_orders", "large_customers", "large_spenders", "spend_and_frequency"]

_TOP: Final = 0.01
_FEWEST: Final = 100
_NOTED, _WARNED = 0.25, 0.5
_ONE: Final = 0.05
_TIMES: Final = 20.0
_EXTREME: Final = 100.0
_PART, _MUCH = 0.01, 0.1
_NEGLIGIBLE: Final = 0.1
_NORMAL_9995: Final = 3.290526731491926

_WHALES: Final = (
    f"Note from {100 * _NOTED:.0f} %, warning from {100 * _WARNED:.0f} %: then one in a hundred "
    "decides the total, and its error is that of so few."
)
BUYERS: Final = Topic(
    "frequent buyers",
    "share of repeat purchases by the top 1 % of customers",
    "A few resellers or shared accounts stretch the distribution of rates, and all others are "
    "predicted by it.",
    "See whether these are resellers, shops or shared ids, and fit them apart.",
    _WHALES,
)
SPENDERS: Final = Topic(
    "big spenders",
    "share of repeat spend by the top 1 % of repeat customers",
    "Totals hang on a few customers, and the mean spend of the others is pulled to theirs.",
    "Fit them apart, or report totals with and without them.",
    f"{_WHALES} Note, too, where one customer spent {100 * _ONE:.0f} %, and {_TIMES:g} times the "
    "mean.",
)
ORDERS: Final = Topic(
    "extreme orders",
    f"share of all money in orders above {_EXTREME:g} times the median",
    "A single order of this kind makes the mean spend of a fit, and may be an error of input.",
    "Look at them one by one: correct errors, take out bulk and test orders, or cap them openly.",
    f"Note where there is any, warning from {100 * _PART:g} % of all money, problem from "
    f"{100 * _MUCH:g} %: under Gamma-Gamma, where mean spend has a variance (q above 2), fewer "
    "than one order in 1,000 is so large.",
)
DEPENDENCE: Final = Topic(
    "spend and frequency",
    "correlation of repeat purchases and mean spend among repeat customers",
    "Gamma-Gamma takes them as independent: with a correlation the value of frequent buyers is too "
    "low (positive) or too high (negative).",
    "Fit groups apart that differ in both, such as business and private customers.",
    f"Warning if the correlation is beyond {_NEGLIGIBLE:g} either way with 99.9 % confidence: "
    "smaller ones hardly move expected spend; note if it is not zero with that confidence.",
)


def large_customers(base: Base) -> Finding:
    """Return the share of repeat purchases by the customers who bought most often."""
    total = float(base.frequency @ base.customers)
    if base.repeaters < _FEWEST:
        return BUYERS.undecided(
            f"The number of repeat customers is {base.repeaters:,}, too few to tell.",
            "Use a larger log.",
        )
    wanted = _TOP * base.n
    x, n = base.frequency[::-1], base.customers[::-1]
    before = np.append(0, np.cumsum(n)[:-1])
    number = float(x @ np.clip(wanted - before, 0.0, n)) / total
    says = (
        f"The top 1 % of customers made {100 * number:.1f} % of repeat purchases, the most "
        f"frequent one {x[0]:,.0f} of {total:,.0f}."
    )
    return BUYERS.finding(level_of(note=number >= _NOTED, warning=number >= _WARNED), number, says)


def large_spenders(base: Base) -> Finding:
    """Return the share of repeat spend by the repeat customers who spent most."""
    if base.money is None:
        return SPENDERS.undecided("There are no amounts.", "Name the amount column.")
    n = int(base.money.count.sum())
    if n < _FEWEST:
        return SPENDERS.undecided(
            f"The number of repeat customers with spend is {n:,}, too few to tell.",
            "Use a larger log.",
        )
    number = base.money.top(_TOP)
    one = base.money.largest / float(base.money.total.sum())
    says = (
        f"The top 1 % of repeat customers spent {100 * number:.1f} % of repeat spend, the biggest "
        f"{100 * one:.3g} %."
    )
    level = level_of(
        note=number >= _NOTED or one >= max(_ONE, _TIMES / n), warning=number >= _WARNED
    )
    return SPENDERS.finding(level, number, says)


def extreme_orders(orders: Orders | None) -> Finding:
    """Return the share of money in orders far above the median."""
    if orders is None:
        return ORDERS.needs_orders()
    if orders.orders is None:
        return ORDERS.undecided("There are no amounts.", "Name the amount column.")
    money = orders.orders
    n = int(money.count.sum())
    if not n:
        return ORDERS.finding(
            "problem",
            math.nan,
            "No order is worth anything.",
            advice="See whether `amount` is the right column; without amounts count purchases.",
        )
    if n < _FEWEST:
        return ORDERS.undecided(
            f"The number of orders of positive value is {n:,}, too few to tell.",
            "Use a larger log.",
        )
    median = money.quantile(0.5)
    above = money.total / money.count > _EXTREME * median
    count, share = int(money.count[above].sum()), float(money.total[above].sum())
    number = share / float(money.total.sum())
    says = (
        f"{count:,} of {n:,} orders are above {_EXTREME:g} times the median of {median:,.4g}; the "
        f"largest is {money.largest:,.4g}."
    )
    level = level_of(note=count > 0, warning=number >= _PART, problem=number >= _MUCH)
    return ORDERS.finding(level, number, says)


def spend_and_frequency(rfm: CustomerSummary) -> Finding:
    """Return the correlation that Gamma-Gamma rules out."""
    if not rfm.has_spend:
        return DEPENDENCE.undecided("There are no amounts.", "Name the amount column.")
    try:
        check = GammaGamma.check_independence(rfm)
    except DataError as error:
        return DEPENDENCE.undecided(error.place, error.fix)
    if check.n_customers < _FEWEST:
        return DEPENDENCE.undecided(
            f"{check.n_customers:g} customers have repeat purchases of positive value, too few to "
            "tell.",
            "Use a larger log.",
        )
    r = check.correlation
    z = math.atanh(min(max(r, -1.0 + 1e-12), 1.0 - 1e-12)) * math.sqrt(check.n_customers - 3.0)
    beyond = abs(z) - math.atanh(_NEGLIGIBLE) * math.sqrt(check.n_customers - 3.0)
    says = (
        f"The correlation is {r:.3f} (95 % interval {check.lower:.3f} to {check.upper:.3f}) among "
        f"{check.n_customers:,.0f} repeat customers."
    )
    level = level_of(note=abs(z) > _NORMAL_9995, warning=beyond > _NORMAL_9995)
    return DEPENDENCE.finding(level, r, says)
