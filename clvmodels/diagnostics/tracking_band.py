"""Purchases of cohorts over time: what a model expects, and how far off chance and error go.

Customers are cohorts by the period of their first purchase. All that is needed of a model is the
mean of X(t), the number of repeat purchases up to age t, and the mean of X(t) (X(t) - 1), ordered
pairs of purchases.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.diagnostics.cohorts import Cohorts
from clvmodels.diagnostics.fitted import error_axes
from clvmodels.models.fit import Fit
from clvmodels.predictive.scaled import scaled_moments
from clvmodels.predictive.total_intervals import gamma_quantile

__all__ = ["chance", "ends_of_band", "expected", "luck_ahead", "parameter_error"]

Array: TypeAlias = NDArray[np.float64]

_NODES: Final = 16  # ages at which pairs are counted; between them they are smooth
_HISTORIES: Final = 500  # that stand for all, for what estimates and the future share
_STRATA, _NODES_AHEAD = 20, 5  # the same, for chance after the cut
_AHEAD: Final = 6  # times at which these are taken, about


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
    oldest = int(few.ages(ends).max())
    return _variances(model, few, ends, *_moments(model, few, oldest))


def _variances(
    model: Any, few: Cohorts, ends: Array, means: Array, pairs: Array
) -> tuple[Array, Array]:
    ages = few.ages(ends).astype(np.int64)
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


def luck_ahead(
    model: Any, histories: Customers, ends: Array, cut: float, step: float
) -> tuple[Array, Array]:
    """Return the same variances for what comes after the cut, given the histories up to it.

    No estimate made at the cut knows of it, so that a gap never varies less. A few histories, each
    for the same share of the purchases ahead, stand for all.
    """
    oldest = int(ends.max() - cut)
    if oldest <= 0:
        return np.zeros(len(ends)), np.zeros(len(ends))
    some = _thinned(histories)
    each = model.expected_purchases(some, np.full(len(some), oldest * step))
    order = np.argsort(each, kind="stable")
    running = np.cumsum((some.weight * each)[order])
    middle = (np.arange(_STRATA) + 0.5) / _STRATA * running[-1]
    picked, hits = np.unique(order[np.searchsorted(running, middle)], return_counts=True)
    count = hits * running[-1] / _STRATA / np.maximum(each[picked], 1e-300)
    few = Cohorts(np.full(len(picked), cut), count, some.take(picked), np.arange(len(picked)), step)
    return _variances(model, few, ends, *_moments_ahead(model, few, oldest))


def _moments_ahead(model: Any, cohorts: Cohorts, oldest: int) -> tuple[Array, Array]:
    """Return E[N] and E[N (N - 1)] of the next 0, 1, ..., `oldest` periods, between few nodes."""
    from scipy.interpolate import PchipInterpolator

    nodes = np.unique(np.rint(np.geomspace(1.0, oldest, _NODES_AHEAD)))
    found = [
        scaled_moments(model, None, cohorts.newcomers, node * cohorts.step, 0.0)[:2]
        for node in nodes
    ]
    means = np.stack([mean for mean, _ in found], axis=1)
    pairs = np.stack([np.maximum(v + m**2 - m, 0.0) for m, v in found], axis=1)
    ages, at = np.arange(oldest + 1.0), np.append(0.0, nodes)
    curves = (PchipInterpolator(at, np.insert(y, 0, 0.0, axis=1), axis=1) for y in (means, pairs))
    means, pairs = (curve(ages) for curve in curves)
    return means, pairs


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
    some = _thinned(histories)
    first = float(times[times > 0.0].min())
    nodes = np.linspace(first, longest, _AHEAD)
    nodes = np.unique(np.maximum(fit.model.whole_periods(nodes), first))  # steps lie between

    def sums(model: Any) -> Array:
        return np.array([some.weight @ model.expected_purchases(some, each) for each in nodes])

    from scipy.interpolate import PchipInterpolator

    slopes = np.concatenate([np.zeros((1, len(nodes))), error_axes(fit, sums)])[1:]
    curve = PchipInterpolator(np.append(0.0, nodes), np.insert(slopes, 0, 0.0, axis=1), axis=1)
    return np.asarray(curve(times))


def _thinned(histories: Customers) -> Customers:
    """Return few histories that stand for all, with the customers of their neighbours."""
    apart = -(-len(histories) // _HISTORIES)
    starts = np.arange(0, len(histories), apart)
    middle = np.minimum(starts + apart // 2, len(histories) - 1)
    return replace(histories.take(middle), weight=np.add.reduceat(histories.weight, starts))


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
