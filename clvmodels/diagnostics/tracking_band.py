"""Purchases of cohorts over time: what a model expects, and how far off chance and error go.

Customers are cohorts by the period of their first purchase. All that is needed of a model is the
mean of X(t), the number of repeat purchases up to age t, and the mean of X(t) (X(t) - 1), ordered
pairs of purchases.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.diagnostics.cohorts import Cohorts
from clvmodels.diagnostics.fitted import error_axes
from clvmodels.models.fit import Fit
from clvmodels.predictive.scaled import scaled_moments
from clvmodels.predictive.total_intervals import gamma_quantile

__all__ = ["chance", "ends_of_band", "expected", "parameter_error"]

Array: TypeAlias = NDArray[np.float64]

_NODES: Final = 16  # ages at which pairs are counted; between them they are smooth
_HISTORIES: Final = 500  # that stand for all, for what estimates and the future share
_AHEAD: Final = 6  # times at which these are taken


def expected(model: Any, cohorts: Cohorts, ends: Array) -> Array:
    """Return expected repeat purchases of all cohorts up to the ends of periods, shape (k,)."""
    ages = cohorts.ages(ends)
    rows = np.repeat(cohorts.kind, len(ends))
    each = model.expected_purchases(cohorts.newcomers.take(rows), ages.ravel() * cohorts.step)
    return np.asarray(cohorts.count @ each.reshape(ages.shape))


# --- chance -----------------------------------------------------------------------------------


def chance(model: Any, cohorts: Cohorts, ends: Array) -> tuple[Array, Array]:
    """Return the variances of cumulative counts and of their increments, each of shape (k,).

    Customers are independent. Of one, Var N = E[N (N - 1)] + E[N] - E[N]^2. For pairs in a period
    (s, e], the chance of purchases at u < v depends on v alone: what happens between two purchases
    of a customer does not depend on when the first one was. So of the pairs that end at v the share
    (v - s) / v begins after s. That is exact where purchases are Poisson or at opportunities;
    where they are regular it is too large a variance, by little.
    """
    few = cohorts.thinned()
    ages = few.ages(ends).astype(np.int64)
    means, pairs = _moments(model, few, int(ages.max()))
    steps = np.arange(1.0, pairs.shape[1])
    middle = steps - (1.0 if _whole(model) else 0.5)
    risen = np.diff(pairs, axis=1) / np.where(middle > 0.0, middle, 1.0)
    shares = np.concatenate([np.zeros((len(pairs), 1)), np.cumsum(risen, axis=1)], axis=1)
    before = np.concatenate([np.zeros((len(ages), 1), np.int64), ages[:, :-1]], axis=1)
    row = few.kind[:, None]
    total = pairs[row, ages] + means[row, ages] - means[row, ages] ** 2
    own = means[row, ages] - means[row, before]
    inside = pairs[row, ages] - pairs[row, before]
    inside -= before * (shares[row, ages] - shares[row, before])
    return few.count @ np.maximum(total, 0.0), few.count @ np.maximum(inside + own - own**2, 0.0)


def _whole(model: Any) -> bool:
    """Whether a model counts whole periods, in each of which there is one purchase at most."""
    return bool(model.whole_periods(np.array([0.5]))[0] != 0.5)


def _moments(model: Any, cohorts: Cohorts, oldest: int) -> tuple[Array, Array]:
    """Return E[X] and E[X (X - 1)] at ages 0, 1, ..., `oldest` periods, each (z, oldest + 1)."""
    from scipy.interpolate import PchipInterpolator

    new, step = cohorts.newcomers, cohorts.step
    ages = np.arange(oldest + 1.0)
    rows = np.repeat(np.arange(len(new)), len(ages))
    times = np.tile(ages * step, len(new))
    means = model.expected_purchases(new.take(rows), times).reshape(len(new), -1)
    pairs = np.zeros_like(means)
    low = 2.0 if _whole(model) else 1.0
    if oldest < low:
        return means, pairs
    nodes = np.unique(np.rint(np.geomspace(low, oldest, _NODES)))
    at = np.stack([_pairs(model, new, node * step) for node in nodes], axis=1)
    if len(nodes) == 1:
        pairs[:, int(low) :] = at
        return means, pairs
    curve = PchipInterpolator(np.log(nodes), np.log(at), axis=1)
    pairs[:, int(low) :] = np.exp(curve(np.log(ages[int(low) :])))
    return means, pairs


def _pairs(model: Any, new: Customers, time: float) -> Array:
    mean, variance, _ = scaled_moments(model, None, new, time, 0.0)
    return np.maximum(variance + mean**2 - mean, 1e-12 * mean + 1e-300)


# --- parameters -------------------------------------------------------------------------------


def parameter_error(
    fit: Fit[Any], cohorts: Cohorts, ends: Array, cut: float, histories: Customers | None
) -> tuple[Array, Array]:
    """Return what the error of a fit adds to both variances, each of shape (k,); may be negative.

    With D the change of expected counts along each axis of the covariance, it adds D'D if the
    customers are others than those of the fit (`histories` None). Estimates from the same customers
    follow their counts A: with efficient estimates the covariance of A and the estimates is D - G,
    where G is the change of what is expected beyond the cut, given the histories up to it. Then it
    adds D'D - 2 (D - G)'D.
    """
    axes = error_axes(fit, lambda model: expected(model, cohorts, ends))
    ahead = np.zeros_like(axes)
    if histories is not None:
        later = np.maximum(ends - cut, 0.0) * cohorts.step
        ahead = _ahead(fit, histories, later) - axes
    added = []
    for change, future in ((axes, ahead), (_increments(axes), _increments(ahead))):
        added.append((change**2).sum(axis=0) + 2.0 * (future * change).sum(axis=0))
    return added[0], added[1]


def _increments(cumulative: Array) -> Array:
    return np.diff(cumulative, axis=1, prepend=0.0)


def _ahead(fit: Fit[Any], histories: Customers, times: Array) -> Array:
    """Return how expected purchases in the next `times`, (k,), move along each axis, (j, k)."""
    longest = float(times.max())
    if longest == 0.0:
        return np.zeros((1, len(times)))
    apart = -(-len(histories) // _HISTORIES)
    starts = np.arange(0, len(histories), apart)
    weight = np.add.reduceat(histories.weight, starts)
    some = histories.take(np.minimum(starts + apart // 2, len(histories) - 1))
    first = float(times[times > 0.0].min())
    nodes = np.unique(np.linspace(first, longest, _AHEAD))

    def sums(model: Any) -> Array:
        return np.array([weight @ model.expected_purchases(some, each) for each in nodes])

    from scipy.interpolate import PchipInterpolator

    slopes = np.concatenate([np.zeros((1, len(nodes))), error_axes(fit, sums)])[1:]
    curve = PchipInterpolator(np.append(0.0, nodes), np.insert(slopes, 0, 0.0, axis=1), axis=1)
    return np.asarray(curve(times))


# --- the band ---------------------------------------------------------------------------------


def ends_of_band(mean: Array, variance: Array, level: float) -> tuple[Array, Array]:
    """Return whole numbers between which counts are with a probability, each of shape (k,).

    From a gamma with this mean and variance, whose skewness is that of counts.
    """
    sd = np.sqrt(np.maximum(variance, 0.0))
    skewness = np.minimum(2.0 * sd / np.maximum(mean, 1e-300), 2.0)
    tail = 0.5 * (1.0 - level)
    lower = mean + sd * gamma_quantile(tail, skewness)
    upper = mean + sd * gamma_quantile(1.0 - tail, skewness)
    low, high = np.floor(lower + 0.5), np.ceil(upper - 0.5)
    return np.maximum(low, 0.0), np.maximum(high, 0.0)  # never -0.0
