"""From groups by period to cohorts by age: one row of the table for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.cohort_analysis.history import History
from clvmodels.cohort_analysis.retention_ahead import Buyers
from clvmodels.cohort_analysis.timeline import Timeline
from clvmodels.cohort_analysis.value_ahead import Worth, combined
from clvmodels.predictive.total_intervals import gamma_quantile

__all__ = ["Cell", "Kind", "Sources", "cells_of", "cohort_groups", "kind_of", "value_of"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.signedinteger[Any]]
Kind: TypeAlias = Literal["observed", "partial", "projected"]

_MOST: Final = 4.0  # skewness that is kept
NONE: Final = float("nan")


@dataclass(frozen=True)
class Cell:
    """A cohort at an age; NaN where a number is not known.

    Attributes
    ----------
    kind : {'observed', 'partial', 'projected'}
        Whether all of it was observed, has begun, or is completed by the models.
    age, period : int
        Age in periods, number of the period in which the last group has it.
    active, active_lower, active_upper : float
        Share of the cohort who buy in the period.
    value, cumulative, lower, upper : float
        Per customer.
    observed : float
        What of the cumulative value was observed.
    """

    kind: Kind
    age: int
    period: int
    active: float
    active_lower: float
    active_upper: float
    value: float
    cumulative: float
    lower: float
    upper: float
    observed: float


@dataclass(frozen=True)
class Sources:
    """All that cells are made of; what is ahead only with models.

    Of the windows of `line`, `shown` are in the table; there may be more for a common age.
    """

    history: History
    line: Timeline
    buyers: Buyers | None
    worth: Worth | None
    has_value: bool
    level: float
    shown: int

    @property
    def last_begun(self) -> int:
        """Number of the last period of which something was observed."""
        return self.history.base + int(self.history.active.shape[1]) - 1


def cohort_groups(history: History) -> list[tuple[int, int, Index]]:
    """Return segment, number and groups of each cohort, in order."""
    keys = np.stack([history.segment, history.cohort], axis=1)
    found, code = np.unique(keys, axis=0, return_inverse=True)
    return [(int(s), int(c), np.flatnonzero(code == i)) for i, (s, c) in enumerate(found)]


def cells_of(sources: Sources, groups: Index) -> Iterator[Cell]:
    """Yield the cells of a cohort, age by age, as far as they are known."""
    before = 0.0
    for age in range(sources.last_begun - sources.history.base + sources.shown + 2):
        cell = _cell_of(sources, groups, age, before)
        if cell is None:
            return
        before = cell.cumulative
        yield cell


def kind_of(sources: Sources, at: Index, windows: int) -> Kind | None:
    """Return how groups at some periods are known; None where they are not, in so many windows."""
    start = sources.line.start
    if (at < start).all():
        return "observed"
    if sources.buyers is None:
        return None if (at > sources.last_begun).any() else "partial"
    return None if (at >= start + windows).any() else "projected"


def _cell_of(sources: Sources, groups: Index, age: int, before: float) -> Cell | None:
    """Return a cohort at an age; `before` is the cumulative value at the age before."""
    at = sources.history.first[groups] + age
    ahead = at >= sources.line.start
    kind = kind_of(sources, at, sources.shown)
    if kind is None:
        return None
    active = _share_active(sources, groups, at, ahead)
    cumulative = value_of(sources, groups, age, kind)
    return Cell(kind, age, int(at.max()), *active, cumulative[0] - before, *cumulative)


def _share_active(
    sources: Sources, groups: Index, at: Any, ahead: Any
) -> tuple[float, float, float]:
    history = sources.history
    n = float(history.size[groups].sum())
    seen = groups if sources.buyers is None else groups[~ahead]
    when = at if sources.buyers is None else at[~ahead]
    count = float(history.active[seen, when - history.base].sum())
    if sources.buyers is None or not ahead.any():
        return count / n, NONE, NONE
    place = (groups[ahead], at[ahead] - sources.line.start)
    buyers = sources.buyers
    mean, variance, third = (
        float(each[place].sum()) for each in (buyers.mean, buyers.variance, buyers.third)
    )
    moves = (buyers.relative[:, place[0], place[1]] * buyers.mean[place]).sum(axis=1)
    sd = float(np.sqrt(variance + (moves**2).sum()))
    skewness = np.array([np.clip(third / sd**3 if sd > 0.0 else 0.0, -_MOST, _MOST)])
    tail = 0.5 * (1.0 - sources.level)
    low, high = (mean + sd * float(gamma_quantile(u, skewness)[0]) for u in (tail, 1.0 - tail))
    ends = np.clip([np.floor(low + 0.5), np.ceil(high - 0.5)], 0.0, n - count) + count
    return (count + mean) / n, float(ends[0]) / n, float(ends[1]) / n


def value_of(
    sources: Sources, groups: Index, age: int, kind: Kind
) -> tuple[float, float, float, float]:
    """Return value per customer up to an age, its interval, and what of it was observed."""
    history = sources.history
    at = history.first[groups] + age
    ahead = at >= sources.line.start
    if not sources.has_value:
        return NONE, NONE, NONE, NONE
    n = float(history.size[groups].sum())
    paid = sum(
        float(history.value[g, : last - history.base + 1].sum())
        for g, last in zip(groups, at, strict=True)
    )
    if kind != "projected":
        return paid / n, NONE, NONE, paid / n
    if sources.worth is None:
        return NONE, NONE, NONE, paid / n
    mean, below, above = combined(sources.worth, groups[ahead], at[ahead] - sources.line.start)
    whole = paid + mean
    return whole / n, (whole - below) / n, (whole + above) / n, paid / n
