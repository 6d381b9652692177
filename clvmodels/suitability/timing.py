"""Regular timing, and purchases that look like payments of a contract."""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.frames.regularity import RegularityCheck
from clvmodels.suitability.facts import Base, Orders
from clvmodels.suitability.finding import Finding, Topic, level_of

__all__ = ["contractual", "regular_timing"]

Array: TypeAlias = NDArray[np.float64]

_REGULAR, _BURSTS, _COARSE = 1.5, 0.75, 10.0
_FEW: Final = 30.0
_FEWEST_GAPS: Final = 100
_NOTED, _SOME, _MOST = 0.1, 0.2, 0.5
_SIGMAS: Final = 4.0
_AROUND: Final = 10  # days on each side that a term is compared with
_RARE: Final = 0.01
_FORTNIGHT: Final = 14
_CAP: Final = (
    7.0  # a shop that is open on one day a week; not one on whose contracts all pay at once
)
# First and last day of a usual term: months and years differ in length.
_TERMS: Final = {
    "a week": (7, 7),
    "two weeks": (14, 14),
    "four weeks or a month": (28, 31),
    "two months": (59, 62),
    "a quarter": (89, 92),
    "half a year": (181, 184),
    "a year": (365, 366),
}

REGULAR: Final = Topic(
    "regular timing",
    "k, the shape of times between purchases (1 is chance, above is regular)",
    "BG/NBD and Pareto/NBD take purchases as random: they notice too late that a regular customer "
    "is overdue.",
    "Fit MBGCNBD, with intervals=True in rfm_summary, and compare.",
    f"Warning if the 95 % interval is above {_REGULAR:g}, nearer to 2 than to 1, and purchases are "
    f"{_COARSE:g} periods apart or more (below that the calendar itself makes them look regular); "
    f"note if it is below {_BURSTS:g}: orders come in bursts.",
)
CONTRACT: Final = Topic(
    "contractual timing",
    "share of times between purchases at one length, beyond its neighbours and the calendar",
    "Payments at fixed dates are no decisions to buy: who leaves is known when a payment is "
    "missing, and models of silence do not apply.",
    "Take the subscriptions out and model them with subscription_summary and SBG or BDW.",
    f"Note from {100 * _NOTED:.0f} %, warning from {100 * _SOME:.0f} %, problem from "
    f"{100 * _MOST:.0f} %, where most of the log is made of them. Neighbours are the {_AROUND} "
    "days before and after; days of the week and of the month on which all customers buy more "
    f"are allowed for, up to {_CAP:g} times as many.",
)


def regular_timing(check: RegularityCheck | None, orders: Orders | None = None) -> Finding:
    """Judge the shape of times between purchases; None where no customer has three purchases."""
    if check is None or check.n_customers < _FEW:
        n = 0 if check is None else check.n_customers
        return REGULAR.undecided(
            f"{n:g} customers have two times between purchases, too few to tell.",
            "Use a longer log.",
        )
    low, high = check.k_interval
    typical = check.mean_interval if orders is None else _median_gap(orders)
    bursts, coarse = high < _BURSTS, typical < _COARSE
    shape = "has no bound" if math.isinf(check.k) else f"is {check.k:.2f} ({low:.2f} to {high:.2f})"
    says = f"k {shape} from {check.n_intervals:,.0f} times between purchases."
    regular, advice = low >= _REGULAR, ""
    if bursts:
        advice = "See whether an order is split over several days."
    elif regular and coarse:
        says += f" With {typical:.1f} periods between purchases the grid may do that."
        advice = "Compare MBGCNBD with MBGNBD, or count by finer periods."
    level = level_of(note=bursts or regular, warning=regular and not coarse)
    return REGULAR.finding(level, check.k, says, advice=advice)


def _median_gap(orders: Orders) -> float:
    """Return the median time between purchases: a few slow customers make the mean long."""
    half = 0.5 * float(orders.gap_count.sum())
    return float(orders.gap_length[np.searchsorted(np.cumsum(orders.gap_count), half)])


def contractual(base: Base, orders: Orders | None) -> Finding:
    """Find the term at which times between purchases pile up most."""
    if orders is None:
        return CONTRACT.needs_orders()
    if base.grid != "day":
        return CONTRACT.undecided(
            f"Terms show in days, and purchases are counted by the {base.grid}.",
            "Check with grid='day'.",
        )
    n = int(orders.gap_count.sum())
    if n < _FEWEST_GAPS:
        return CONTRACT.undecided(
            f"The number of times between purchases is {n:,}, too few to tell.", "Use a longer log."
        )
    term, there, expected = max(_piles(orders), key=lambda pile: pile[1] - pile[2])
    number = max(there - expected, 0.0) / n
    sure = there - expected > _SIGMAS * math.sqrt(expected + 1.0)
    says = (
        f"{100 * there / n:.1f} % of {n:,} times between purchases are {term}; "
        f"{100 * expected / n:.1f} % would be by chance."
    )
    level = level_of(
        note=sure and number >= _NOTED,
        warning=sure and number >= _SOME,
        problem=sure and number >= _MOST,
    )
    return CONTRACT.finding(level, number, says)


def _piles(orders: Orders) -> list[tuple[str, float, float]]:
    """Return for usual terms, and the commonest day of all, how many there are and would be.

    Would be by their neighbours, but for what the calendar does.
    """
    longest = max(max(last for _, last in _TERMS.values()), int(orders.gap_length[-1])) + _AROUND
    seen = np.zeros(longest + 1)
    seen[orders.gap_length] = orders.gap_count
    calendar = _calendar(orders, longest)
    mode = int(orders.gap_length[np.argmax(orders.gap_count)])
    terms = {**_TERMS, f"{mode} day{'s' if mode > 1 else ''}": (mode, mode)}
    piles = []
    for name, (low, high) in terms.items():
        if low == 1:
            continue  # no day before it to compare with
        near = min(_AROUND, low - 1)  # as many before as after: a falling curve is then no pile
        around = np.r_[low - near : low, high + 1 : high + 1 + near]
        if high <= _FORTNIGHT and calendar[around].sum() < calendar[low : high + 1].sum():
            continue  # all buy on one day of the week: no days to compare with
        rate = seen[around].sum() / calendar[around].sum()
        expected = float(rate * calendar[low : high + 1].sum())
        piles.append((name, float(seen[low : high + 1].sum()), expected))
    return piles


def _calendar(orders: Orders, longest: int) -> Array:
    """Return how much oftener purchases are so many days apart because of the calendar.

    From pairs of purchases of any two customers: those a week apart are more where all buy on
    Saturdays. By the mean of the days around.
    """
    days = np.zeros(int(orders.day[-1]) + 1)
    days[orders.day] = orders.occasions
    size = 1 << int(2 * len(days) - 1).bit_length()
    pairs = np.fft.irfft(np.abs(np.fft.rfft(days, size)) ** 2, size)[: len(days)]
    found = np.ones(longest + 1)
    known = np.maximum(np.rint(pairs), 0.0)[: longest + 1]
    window = 2 * _AROUND + 1
    wide = np.convolve(np.pad(known, _AROUND, mode="edge"), np.ones(window) / window, mode="valid")
    ratio = np.divide(known, wide, out=np.ones_like(known), where=wide > 0.0)
    found[: len(ratio)] = np.clip(ratio, _RARE, _CAP)
    return found
