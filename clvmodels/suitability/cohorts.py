"""Customers who were there before the log, and cohorts that behave differently."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.suitability.facts import Base, Orders
from clvmodels.suitability.finding import Finding, Topic, level_of
from clvmodels.suitability.words import Words

__all__ = ["cohort_drift", "left_truncation"]

Array: TypeAlias = NDArray[np.float64]

_EARLY: Final = 8  # the first eighth of the time in which customers start
_FEWEST_PERIODS: Final = 16
_FEWEST: Final = 100
_EXCESS, _LARGE = 1.5, 3.0
_FASTER: Final = 1.1
_SIGMAS: Final = 3.0
_ALSO: Final = 2.0  # standard errors, where a crowd is beyond chance already
_COHORTS: Final = 4
_FEWEST_BACK: Final = 10
_UNLIKELY: Final = 1e-3
_SLIGHT, _MARKED = 1.1, 1.25

TRUNCATION: Final = Topic(
    "customers from before",
    "first purchases a day in the first eighth, by those in the second half",
    "Customers who bought before the log begins are taken for new: their age and their number of "
    "purchases are too small, and the rates and the dropout of a fit are those of nobody.",
    "Get the log from the start of the business, or keep only customers whose first purchase in "
    "the log comes later than a few times between purchases after its start.",
    f"Note from {_EXCESS:g} (beyond chance), which may be a launch; warning if those early ones "
    f"also buy more than later ones at the same age, by {100 * _FASTER - 100:.0f} % or more: of "
    f"old customers the frequent are seen first; problem if so from {_LARGE:g}.",
)
DRIFT: Final = Topic(
    "cohort drift",
    "repeat purchases of a customer of the latest cohort, by the earliest, to the same age",
    "A fit takes new customers for what earlier ones were.",
    "If there are customers from before, settle that first; else fit recent cohorts apart, or use "
    "the cohort as a covariate.",
    f"Differences beyond chance (p below {_UNLIKELY:g}) are noted from "
    f"{100 * _SLIGHT - 100:.0f} % and warned of from {100 * _MARKED - 100:.0f} % between any two "
    "cohorts: predictions for new customers are off by about as much.",
)


def left_truncation(base: Base, orders: Orders | None, words: Words) -> Finding:
    """Compare first purchases at the start with later ones, and whether those came back faster."""
    days = len(base.starts)
    if base.n < _FEWEST:
        return TRUNCATION.undecided(
            f"The number of customers is {base.n:,}, too few to tell.", "Use a larger log."
        )
    if days < _FEWEST_PERIODS:
        return TRUNCATION.undecided(
            f"All customers start within {days} {base.grid}{'s' if days > 1 else ''}, so that "
            "starts cannot be compared.",
            "Make sure that these are customers who were new then, not all who bought then.",
        )
    early, late = math.ceil(days / _EARLY), days // 2
    first, later = int(base.starts[:early].sum()), int(base.starts[-late:].sum())
    number = (first / early) / (max(later, 1) / late)
    sigmas = math.log(number) / math.sqrt(1.0 / max(first, 1) + 1.0 / max(later, 1)) if first else 0
    crowd = number >= _EXCESS and sigmas > _SIGMAS
    says = (
        f"{first / early:.3g} customers a {base.grid} start in the first {words.time(early)}, "
        f"{later / late:.3g} in the last {words.time(late)} in which any do."
    )
    if not crowd:
        return TRUNCATION.finding("ok", number, says)
    if orders is None:
        return TRUNCATION.finding("note", number, f"{says} Whether they are new needs the orders.")
    faster, sure = _faster(orders, early, base.length)
    if math.isfinite(faster):
        says += (
            f" The early ones made {faster:.2f} times as many repeat purchases within "
            f"{words.time(orders.age)} as the later ones."
        )
    old = sure > _ALSO and faster >= _FASTER
    level = level_of(note=True, warning=old, problem=old and number >= _LARGE)
    return TRUNCATION.finding(level, number, says)


def _faster(orders: Orders, early: int, length: float) -> tuple[float, float]:
    """Return how much more often early customers buy again than later ones, and its z-score."""
    known = orders.start <= length - orders.age
    cohorts = [
        _sums(orders, known & each) for each in (orders.start < early, orders.start >= early)
    ]
    if min(each.started[0] for each in cohorts) < _FEWEST // 2:
        return math.nan, 0.0
    rates = [float(each.rates[0]) for each in cohorts]
    errors = [
        float((each.square / each.started - each.rates**2)[0] / each.started[0]) for each in cohorts
    ]
    if min(rates) == 0.0:
        return math.nan, 0.0
    return rates[0] / rates[1], (rates[0] - rates[1]) / math.sqrt(sum(errors))


@dataclass(frozen=True)
class _Cohorts:
    """Customers by when they started, to the same age; shape (k,).

    Their number, those who came back, repeat purchases and the sum of squares of those.
    """

    started: Array
    back: Array
    again: Array
    square: Array

    @property
    def rates(self) -> Array:
        """Repeat purchases a customer."""
        return self.again / self.started

    @property
    def p_value(self) -> float:
        """Test that all buy alike: means against the variance within cohorts, chi-square."""
        n, k = float(self.started.sum()), len(self.started)
        within = float((self.square - self.again * self.rates).sum()) / (n - k)
        between = self.started @ (self.rates - self.again.sum() / n) ** 2
        return float(special.chdtrc(k - 1, between / within)) if within > 0.0 else 1.0


def cohort_drift(base: Base, orders: Orders | None, words: Words) -> Finding:
    """Test whether cohorts of about equal size buy alike within the same age."""
    if orders is None:
        return DRIFT.needs_orders()
    cohorts = _cohorts(orders, base.length)
    if cohorts is None:
        return DRIFT.undecided(
            "There are no two cohorts with enough customers of the same age.", "Use a longer log."
        )
    rates, p = cohorts.rates, cohorts.p_value
    listed = ", ".join(f"{rate:.3g}" for rate in rates)
    shares = ", ".join(f"{100 * share:.0f}" for share in cohorts.back / cohorts.started)
    says = (
        f"Cohorts from the earliest to the latest made {listed} repeat purchases a customer within "
        f"{words.time(orders.age)}, and {shares} % of them any (p {_p_words(p)})."
    )
    spread, sure = float(rates.max() / rates.min()), p < _UNLIKELY
    level = level_of(note=sure and spread >= _SLIGHT, warning=sure and spread >= _MARKED)
    return DRIFT.finding(level, float(rates[-1] / rates[0]), says)


def _p_words(p: float) -> str:
    return "below 1e-6" if p < 1e-6 else f"= {p:.2g}"


def _sums(orders: Orders, starts: NDArray[np.bool_]) -> _Cohorts:
    """Return the customers of some starts as one cohort."""
    columns = (orders.started, orders.back, orders.again, orders.square)
    return _Cohorts(*(np.array([float(each[starts].sum())]) for each in columns))


def _cohorts(orders: Orders, length: float) -> _Cohorts | None:
    """Cut the customers who are old enough into cohorts, at ends of days; None if too few."""
    known = orders.start <= length - orders.age
    started = orders.started[known]
    if not len(started):
        return None
    # The cohort of a day is that of the middle of its customers.
    middle = np.cumsum(started) - started / 2.0
    cohort = np.minimum(middle * _COHORTS / started.sum(), _COHORTS - 1).astype(np.int64)
    columns = (orders.started, orders.back, orders.again, orders.square)
    sums = [np.bincount(cohort, each[known], _COHORTS) for each in columns]
    found = _Cohorts(*(np.asarray(each[sums[0] > 0], dtype=np.float64) for each in sums))
    return found if len(found.back) > 1 and found.back.min() >= _FEWEST_BACK else None
