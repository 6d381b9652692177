"""What each group is expected to be worth up to the end of each period ahead, with an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.cohort_analysis.timeline import Timeline
from clvmodels.frames.cohort_exposure import CohortExposure
from clvmodels.predictive.arguments import fitted_model
from clvmodels.predictive.total_intervals import Totals, totals_of
from clvmodels.predictive.totals import Terms, base_of, discounted, expected_sums, scale_of

__all__ = ["Worth", "combined", "second_moments", "worth_ahead"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.signedinteger[Any]]

_APART: Final = 1e-6  # sums that are closer than this are the same


@dataclass(frozen=True)
class Worth:
    """Value from the end of observation to the ends of windows; all but the last per group.

    Attributes
    ----------
    mean, below, above : Array
        Shape (groups, windows): expected sum, and how far the interval goes to either side.
    shared : Array
        Shape (groups, windows): share of its variance that comes from the parameters' error.
    level : float
        Of the interval.
    """

    mean: Array
    below: Array
    above: Array
    shared: Array
    level: float


def worth_ahead(
    people: CohortExposure,
    models: tuple[Any, Any],
    line: Timeline,
    *,
    rate: float,
    margin: float,
    level: float,
) -> Worth:
    """Expect the value of each group, at each window; intervals as those of `clvmodels.total`.

    Intervals are computed for three windows. How far they go to either side is nearly a power of
    the expected sum, which is exact everywhere, and is interpolated as that, to about 1 %.

    Parameters
    ----------
    people
        The customers.
    models
        Fits, draws or models of purchases and of spend; None for a price.
    line
        The windows.
    rate
        Continuous discount rate per unit.
    margin
        Of spend.
    level
        Probability inside the interval.
    """
    known = fitted_model(models[0]), fitted_model(models[1])
    nodes = nodes_of(line.windows)
    found: list[Totals] = [
        totals_of(
            people.exposure,
            *models,
            Terms(float(line.edges[w + 1]), rate),
            level=level,
            whole=False,
        )
        for w in nodes.tolist()
    ]
    mean = np.stack(
        [
            expected_sums(people.exposure, *known, Terms(float(end), rate))
            for end in line.edges[1:].tolist()
        ],
        axis=1,
    )
    at = np.stack([each.mean for each in found], axis=1)
    below = at - np.stack([each.lower for each in found], axis=1)
    above = np.stack([each.upper for each in found], axis=1) - at
    shared = np.stack([_shared(each) for each in found], axis=1)
    place = np.arange(line.windows, dtype=np.float64)
    return Worth(
        margin * mean,
        margin * _as_power(mean, at, np.maximum(below, 0.0)),
        margin * _as_power(mean, at, np.maximum(above, 0.0)),
        np.stack([np.interp(place, nodes, row) for row in shared]),
        level,
    )


def nodes_of(windows: int) -> Index:
    """Return the windows for which intervals are computed.

    Examples
    --------
    >>> nodes_of(12).tolist(), nodes_of(3).tolist()
    ([0, 3, 11], [0, 1, 2])
    """
    if windows <= 3:
        return np.arange(windows)
    return np.array([0, round(windows**0.5), windows - 1])


def combined(worth: Worth, groups: Index, windows: Index) -> tuple[float, float, float]:
    """Return the sum over some groups, each at a window, and how far its interval goes.

    Chance is independent of group to group; the error of the parameters moves all alike, so that
    it adds up: an upper bound, exact for one group.
    """
    at = (groups, windows)
    rho = np.sqrt(worth.shared[at])
    ends = [
        float(np.hypot(np.linalg.norm(side[at] * np.sqrt(1.0 - rho**2)), np.sum(side[at] * rho)))
        for side in (worth.below, worth.above)
    ]
    return float(worth.mean[at].sum()), ends[0], ends[1]


def second_moments(
    people: CohortExposure, models: tuple[Any, Any], terms: Terms, margin: float
) -> Array:
    """Return the sum over customers of f (f + 2 o) by group, shape (groups,).

    o is what a customer was worth so far, f what is expected of that customer.
    """
    purchases, spend = (fitted_model(each) for each in models)
    exposure = people.exposure
    each = discounted(purchases, exposure.patterns, terms)[exposure.pattern]
    v = scale_of(exposure, spend)
    if spend is None:
        count = exposure.count
        price = np.divide(exposure.sums[1, 1], count, out=np.zeros_like(count), where=count > 0.0)
        together = price * people.so_far
    else:
        base, x = base_of(spend), exposure.patterns.frequency[exposure.pattern]
        each = each * base.p / (base.p * x + base.q - 1.0)
        together = v * people.so_far + people.so_far_repeats
    sums = each**2 * exposure.scales(2, v) + 2.0 * each * together
    return margin**2 * exposure.by_segment(sums)


def _shared(found: Totals) -> Array:
    """Return the share of the variance that comes from the parameters; 0 where it is infinite."""
    with np.errstate(invalid="ignore", divide="ignore"):
        share = found.sd_parameters**2 / (found.sd_parameters**2 + found.sd_customers**2)
    return np.nan_to_num(share)


def _as_power(mean: Array, at: Array, side: Array) -> Array:
    """Interpolate how far an interval goes, (groups, nodes), by a parabola in the logarithms."""
    result = np.zeros_like(mean)
    for g, (known, far) in enumerate(zip(at, side, strict=True)):
        if (far > 0.0).all() and known[0] > 0.0 and (np.diff(known) > _APART * known[:-1]).all():
            through = lagrange(np.log(known), np.log(far), np.log(mean[g]))
            result[g] = np.exp(through)
        else:
            result[g] = np.interp(mean[g], known, far)
    return result


def lagrange(x: Array, y: Array, at: Array) -> Array:
    """Return the polynomial through few points.

    Examples
    --------
    >>> lagrange(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 4.0]), np.array([3.0])).tolist()
    [9.0]
    """
    total = np.zeros_like(at)
    for i, value in enumerate(y):
        others = np.delete(x, i)
        total += value * np.prod((at[:, None] - others) / (x[i] - others), axis=1)
    return total
