"""Customers who were there before the log, and cohorts that behave differently."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.suitability.aggregates import Base, Orders
from clvmodels.suitability.finding import Finding, Topic, level_of
from clvmodels.suitability.words import Words

__all__ = ["cohort_drift", "left_truncation"]

Counts: TypeAlias = NDArray[np.int64]

_EARLY: Final = 8  # the first eighth of the time in which customers start
_FEWEST_PERIODS: Final = 16
_FEWEST: Final = 100
_EXCESS, _LARGE = 1.5, 3.0
_FASTER: Final = 1.1
_SIGMAS: Final = 3.0
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
    f"Note from {_EXCESS:g} (beyond chance); warning if those early customers also come back more "
    f"often than later ones at the same age, by {100 * _FASTER - 100:.0f} % or more, as old "
    f"customers do and new ones do not; problem if so from {_LARGE:g}.",
)
DRIFT: Final = Topic(
    "cohort drift",
    "share of the latest cohort that came back, by that of the earliest, at the same age",
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
            f"There are {base.n:,} customers, too few to tell.", "Use a larger log."
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
            f" Of the early ones {faster:.2f} times the share of later ones came back within "
            f"{words.time(orders.age)}."
        )
    old = sure > _SIGMAS and faster >= _FASTER
    level = level_of(note=True, warning=old, problem=old and number >= _LARGE)
    return TRUNCATION.finding(level, number, says)


def _faster(orders: Orders, early: int, length: float) -> tuple[float, float]:
    """Return how much more often early customers came back than later ones, and its z-score."""
    known = orders.start <= length - orders.age
    first = orders.start < early
    n = [int(orders.started[known & each].sum()) for each in (first, ~first)]
    k = [int(orders.back[known & each].sum()) for each in (first, ~first)]
    if min(n) < _FEWEST // 2 or min(k) == 0:
        return math.nan, 0.0
    shares = [k[i] / n[i] for i in (0, 1)]
    pooled = sum(k) / sum(n)
    error = math.sqrt(pooled * (1.0 - pooled) * (1.0 / n[0] + 1.0 / n[1]))
    return shares[0] / shares[1], (shares[0] - shares[1]) / error if error else 0.0


@dataclass(frozen=True)
class _Cohorts:
    """Customers by when they started, and those who came back by the same age; shape (k,)."""

    started: Counts
    back: Counts

    @property
    def p_value(self) -> float:
        """Chi-square test that all come back alike."""
        n, k = self.started.astype(float), self.back.astype(float)
        share = k.sum() / n.sum()
        if not 0.0 < share < 1.0:
            return 1.0
        chi_square = float(((k - n * share) ** 2 / (n * share * (1.0 - share))).sum())
        return float(special.chdtrc(len(n) - 1, chi_square))


def cohort_drift(base: Base, orders: Orders | None, words: Words) -> Finding:
    """Test whether cohorts of about equal size come back alike within the same age."""
    if orders is None:
        return DRIFT.needs_orders()
    cohorts = _cohorts(orders, base.length)
    if cohorts is None:
        return DRIFT.undecided(
            "There are no two cohorts with enough customers of the same age.", "Use a longer log."
        )
    shares = cohorts.back / cohorts.started
    p = cohorts.p_value
    listed = ", ".join(f"{100 * share:.1f}" for share in shares)
    says = (
        f"Within {words.time(orders.age)} {listed} % of cohorts from the earliest to the latest "
        f"came back (p = {p:.2g})."
    )
    spread, sure = float(shares.max() / shares.min()), p < _UNLIKELY
    level = level_of(note=sure and spread >= _SLIGHT, warning=sure and spread >= _MARKED)
    return DRIFT.finding(level, float(shares[-1] / shares[0]), says)


def _cohorts(orders: Orders, length: float) -> _Cohorts | None:
    """Cut the customers who are old enough into cohorts, at ends of days; None if too few."""
    known = orders.start <= length - orders.age
    started, back = orders.started[known], orders.back[known]
    if not len(started):
        return None
    # The cohort of a day is that of the middle of its customers.
    middle = np.cumsum(started) - started / 2.0
    cohort = np.minimum(middle * _COHORTS / started.sum(), _COHORTS - 1).astype(np.int64)
    n, k = (_whole(np.bincount(cohort, each, _COHORTS)) for each in (started, back))
    used = n > 0
    n, k = n[used], k[used]
    if len(n) < 2 or k.min() < _FEWEST_BACK:
        return None
    return _Cohorts(n, k)


def _whole(values: NDArray[Any]) -> Counts:
    return np.asarray(np.rint(values), dtype=np.int64)
