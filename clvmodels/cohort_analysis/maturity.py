"""Cohorts at a common age: what they are worth, and which differ by more than chance.

The customers of a cohort are a sample of those whom acquisition of that time brings. So the error
of its mean has the variance between customers, chance ahead, and the error of the parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.cohort_analysis.cells import Sources, kind_of, value_of
from clvmodels.cohort_analysis.value_ahead import combined

__all__ = ["Matured", "against_others", "common_age_of", "holm", "matured"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.signedinteger[Any]]

NONE: Final = float("nan")
FEW: Final = 10  # customers below which no difference is told from chance
SURE: Final = 0.05  # p-value, corrected for several cohorts, below which a difference is no chance


@dataclass(frozen=True)
class Matured:
    """The value of a cohort's customers up to an age.

    Attributes
    ----------
    n : float
        Customers.
    observed, projected : float
        Sums.
    sampling : float
        Variance of the mean by the choice of customers and their luck so far.
    chance, shared : float
        Standard deviation of the projected sum: by luck ahead, by the error of the parameters.
    """

    n: float
    observed: float
    projected: float
    sampling: float
    chance: float
    shared: float

    @property
    def mean(self) -> float:
        """Value per customer."""
        return (self.observed + self.projected) / self.n

    @property
    def variance(self) -> float:
        """Of the mean."""
        return float(self.sampling + (self.chance**2 + self.shared**2) / self.n**2)


def common_age_of(sources: Sources) -> int | None:
    """Return the largest age that two cohorts have been observed at, or None."""
    history = sources.history
    last = dict.fromkeys(history.cohort.tolist(), 0)
    for number, first in zip(history.cohort.tolist(), history.first.tolist(), strict=True):
        last[number] = max(last[number], first)
    ages = sorted(sources.line.start - 1 - each for each in last.values())
    return ages[-2] if len(ages) > 1 and ages[-2] >= 0 else None


def matured(sources: Sources, groups: Index, age: int, moments: dict[int, Array]) -> Matured | None:
    """Return a cohort at an age; None where it has not been there and cannot be projected.

    Parameters
    ----------
    sources
        What was observed and is expected.
    groups
        Of the cohort.
    age
        In periods.
    moments
        By window what `value_ahead.second_moments` says of all groups.
    """
    history, line = sources.history, sources.line
    at = history.first[groups] + age
    kind = kind_of(sources, at, line.windows)
    if kind is None or kind == "partial":
        return None
    cumulative, _, _, observed = value_of(sources, groups, age, kind)
    if not np.isfinite(cumulative):
        return None
    n = float(history.size[groups].sum())
    squares = 0.0
    for g, last in zip(groups.tolist(), at.tolist(), strict=True):
        squares += float(history.squares[g, : last - history.base + 1].sum())
        if last >= line.start:
            squares += float(moments[last - line.start][g])
    between = (squares - n * cumulative**2) / (n - 1.0) if n > 1.0 else np.nan
    ahead = at >= line.start
    projected = chance = shared = 0.0
    if ahead.any() and sources.worth is not None:
        projected, chance, shared = _spread(sources.worth, groups[ahead], at[ahead] - line.start)
    sampling = max(between, 0.0) / n if n > 1.0 else np.nan
    return Matured(n, n * observed, projected, sampling, chance, shared)


def _spread(worth: Any, groups: Index, windows: Any) -> tuple[float, float, float]:
    """Return the projected sum and its standard deviations, from the width of its intervals."""
    mean, _, _ = combined(worth, groups, windows)
    width = 2.0 * float(special.ndtri(0.5 + 0.5 * worth.level))
    sd = (worth.below[groups, windows] + worth.above[groups, windows]) / width
    rho = np.sqrt(worth.shared[groups, windows])
    return mean, float(np.linalg.norm(sd * np.sqrt(1.0 - rho**2))), float((sd * rho).sum())


@dataclass(frozen=True)
class Against:
    """A cohort beside the others of its segment; NaN where it cannot be told.

    Attributes
    ----------
    lower, upper : float
        Of the cohort's mean.
    others : float
        Mean of all other customers.
    difference, difference_lower, difference_upper : float
        Relative to the others.
    p_value : float
        Two-sided, of no difference.
    """

    lower: float
    upper: float
    others: float
    difference: float
    difference_lower: float
    difference_upper: float
    p_value: float


def against_others(cohorts: Sequence[Matured], level: float) -> list[Against]:
    """Compare each cohort with all others, by Welch's test of the logarithms of the means.

    Cohorts of one customer, whose variance nobody knows, are not among the others.

    Examples
    --------
    >>> two = [Matured(100, 1000, 0, 0.25, 0, 0), Matured(100, 2000, 0, 1.0, 0, 0)]
    >>> found = against_others(two, 0.9)
    >>> round(found[0].difference, 3), round(found[0].difference_upper, 3)
    (-0.5, -0.438)
    """
    several = [each for each in cohorts if each.n > 1.0]
    return [_against(one, [each for each in several if each is not one], level) for one in cohorts]


def _against(one: Matured, rest: Sequence[Matured], level: float) -> Against:
    high = 0.5 + 0.5 * level
    half = _t(one.n - 1.0, high) * np.sqrt(one.variance) if one.n > 1.0 else np.nan
    lower, upper = max(one.mean - half, 0.0), one.mean + half
    if not np.isfinite(half):
        lower = upper = np.nan
    if not rest:
        return Against(lower, upper, NONE, NONE, NONE, NONE, NONE)
    other = _together(rest)
    if not (one.mean > 0.0 and other.mean > 0.0):
        return Against(lower, upper, other.mean, NONE, NONE, NONE, NONE)
    ratio = np.log(one.mean / other.mean)
    parts = [each.variance / each.mean**2 for each in (one, other)]
    se = float(np.sqrt(sum(parts)))
    if min(one.n, other.n) < FEW or not (np.isfinite(se) and se > 0.0):
        return Against(lower, upper, other.mean, float(np.expm1(ratio)), NONE, NONE, NONE)
    free = sum((each.sampling / each.mean**2) ** 2 / (each.n - 1.0) for each in (one, other))
    df = se**4 / free if free > 0.0 else np.inf
    wide = _t(df, high) * se
    p = 2.0 * float(special.stdtr(min(df, 1e9), -abs(ratio) / se))
    middle, low, top = np.expm1([ratio, ratio - wide, ratio + wide]).tolist()
    return Against(lower, upper, other.mean, middle, low, top, p)


def _together(cohorts: Sequence[Matured]) -> Matured:
    """Return several cohorts as one: chance is their own, the error of the parameters is not."""
    n = sum(each.n for each in cohorts)
    return Matured(
        n,
        sum(each.observed for each in cohorts),
        sum(each.projected for each in cohorts),
        sum(each.n**2 * each.sampling for each in cohorts) / n**2,
        float(np.sqrt(sum(each.chance**2 for each in cohorts))),
        sum(each.shared for each in cohorts),
    )


def _t(df: float, probability: float) -> float:
    return float(special.stdtrit(min(df, 1e9), probability))


def holm(p_values: Array) -> Array:
    """Return p-values corrected for being several, by Holm; NaN stay.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, np.nan, 0.03])).tolist()
    [0.03, 0.06, nan, 0.06]
    """
    result = np.full(len(p_values), np.nan)
    known = np.flatnonzero(np.isfinite(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    times = np.arange(len(order), 0, -1)
    result[order] = np.minimum(np.maximum.accumulate(p_values[order] * times), 1.0)
    return result
