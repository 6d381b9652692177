"""How far predictions were off, in one number each.

All are functions of what was predicted and what happened, arrays of shape (n,) with a row a
customer, n >= 1. None depends on the order of the customers. A metric that does not exist, such as
a relative bias where nothing was bought, is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.diagnostics.ranking import Ranking, check_pair, total
from clvmodels.models.intervals import check_level

__all__ = [
    "METRICS",
    "accuracy",
    "coverage",
    "decile_calibration_error",
    "mae",
    "mean_log_density",
    "normalised_gini",
    "randomised_coverage",
    "rmse",
    "spearman",
    "top_decile_capture",
    "total_bias",
    "tracking_error",
]

Array: TypeAlias = NDArray[np.float64]

DECILES: Final = 10


def total_bias(predicted: ArrayLike, actual: ArrayLike) -> float:
    """Return sum(predicted) / sum(actual) - 1; NaN where nothing happened.

    Examples
    --------
    >>> total_bias([1.0, 2.0], [0, 4])
    -0.25
    """
    ours, theirs = check_pair(predicted, actual)
    return _ratio(total(ours), total(theirs)) - 1.0


def mae(predicted: ArrayLike, actual: ArrayLike) -> float:
    """Return the mean absolute error of a customer.

    Examples
    --------
    >>> mae([1.0, 2.0], [0, 4])
    1.5
    """
    ours, theirs = check_pair(predicted, actual)
    return total(np.abs(ours - theirs)) / len(ours)


def rmse(predicted: ArrayLike, actual: ArrayLike) -> float:
    """Return the root of the mean squared error of a customer.

    Examples
    --------
    >>> round(rmse([1.0, 2.0], [0, 4]), 4)
    1.5811
    """
    ours, theirs = check_pair(predicted, actual)
    return math.sqrt(total((ours - theirs) ** 2) / len(ours))


def spearman(predicted: ArrayLike, actual: ArrayLike) -> float:
    """Return the correlation of ranks, equal values at their mean rank; NaN if either is constant.

    Examples
    --------
    >>> spearman([1.0, 2.0, 3.0], [0, 4, 1])
    0.5
    """
    return _spearman(*_rankings(*check_pair(predicted, actual)))


def normalised_gini(predicted: ArrayLike, actual: ArrayLike) -> float:
    """Return how well predictions rank customers: 1 as well as can be, 0 not at all, -1 inverted.

    The Gini index of `actual` ordered by `predicted`, over that of `actual` ordered by itself: the
    area between the lift curve and its diagonal, over the same of the perfect curve. Customers with
    equal predictions share what they did, which is the mean over all orders of them. NaN where all
    did the same.

    Examples
    --------
    >>> normalised_gini([1.0, 2.0, 3.0], [0, 4, 1])
    0.25
    >>> normalised_gini([1.0, 1.0, 1.0], [0, 4, 1])
    0.0
    """
    ours, theirs = check_pair(predicted, actual)
    return _normalised_gini(*_rankings(ours, theirs), theirs)


def top_decile_capture(predicted: ArrayLike, actual: ArrayLike) -> float:
    """Return the share of `actual` that the best-predicted tenth of the customers did.

    Of equal predictions each customer counts by the same share. NaN where nothing happened.

    Examples
    --------
    >>> top_decile_capture([1.0, 2.0, 3.0, 4.0, 5.0], [0, 4, 1, 1, 4])
    0.2
    """
    ours, theirs = check_pair(predicted, actual)
    return _captured(Ranking.of(ours, theirs), theirs)


def decile_calibration_error(predicted: ArrayLike, actual: ArrayLike) -> float:
    """Return the mean over deciles of |mean predicted - mean actual|, over the mean of `actual`.

    Deciles are of the predictions, and equally large: a customer between two counts in both by
    shares. 0 where in each decile the right number happened. NaN where nothing happened.

    Examples
    --------
    >>> decile_calibration_error([1.0, 2.0], [0, 4])
    0.75
    """
    ours, theirs = check_pair(predicted, actual)
    return _off_by_decile(Ranking.of(ours, theirs), ours, theirs)


METRICS: Final[dict[str, Callable[[ArrayLike, ArrayLike], float]]] = {
    "total_bias": total_bias,
    "mae": mae,
    "rmse": rmse,
    "spearman": spearman,
    "normalised_gini": normalised_gini,
    "top_decile_capture": top_decile_capture,
    "decile_calibration_error": decile_calibration_error,
}


def accuracy(predicted: ArrayLike, actual: ArrayLike) -> dict[str, float]:
    """Return all metrics of predictions by name; see each of them.

    Examples
    --------
    >>> found = accuracy([1.0, 2.0], [0, 4])
    >>> list(found)[:3], found["mae"]
    (['total_bias', 'mae', 'rmse'], 1.5)
    """
    ours, theirs = check_pair(predicted, actual)
    ranking, perfect = _rankings(ours, theirs)
    return {
        "total_bias": total_bias(ours, theirs),
        "mae": mae(ours, theirs),
        "rmse": rmse(ours, theirs),
        "spearman": _spearman(ranking, perfect),
        "normalised_gini": _normalised_gini(ranking, perfect, theirs),
        "top_decile_capture": _captured(ranking, theirs),
        "decile_calibration_error": _off_by_decile(ranking, ours, theirs),
    }


def tracking_error(expected: ArrayLike, actual: ArrayLike) -> float:
    """Return how far two cumulative curves are apart: the mean over periods of the absolute gap.

    As a share of what had happened at the end; NaN where nothing had.

    Parameters
    ----------
    expected, actual
        Shape (periods,): cumulative purchases at the end of each period.

    Examples
    --------
    >>> tracking_error([10.0, 20.0, 36.0], [12.0, 20.0, 40.0])
    0.05
    """
    ours, theirs = check_pair(expected, actual)
    return _ratio(float(np.abs(ours - theirs).mean()), float(theirs[-1]))


def mean_log_density(log_density: ArrayLike) -> float:
    """Return the mean of logarithms of predictive densities, the higher the better.

    Parameters
    ----------
    log_density
        Shape (n,): ``PurchaseDistribution.log_pmf(actual)``, ``ValueDistribution.log_density``.

    Examples
    --------
    >>> mean_log_density([-1.0, -3.0])
    -2.0
    """
    values = np.asarray(log_density, dtype=np.float64)
    return total(values) / len(values) if len(values) else math.nan


# --- intervals --------------------------------------------------------------------------------


def coverage(lower: ArrayLike, upper: ArrayLike, actual: ArrayLike) -> float:
    """Return the share of customers between `lower` and `upper`, both included.

    Of whole numbers intervals hold more than their level: compare with the mean of
    ``PurchaseDistribution.content``, or take `randomised_coverage`.

    Examples
    --------
    >>> coverage([0, 1], [2, 3], [2, 4])
    0.5
    """
    low, value = check_pair(lower, actual)
    high, _ = check_pair(upper, actual)
    return float(((low <= value) & (value <= high)).mean())


def randomised_coverage(
    lower: ArrayLike,
    upper: ArrayLike,
    actual: ArrayLike,
    *,
    content: ArrayLike,
    content_before: ArrayLike,
    level: float,
) -> float:
    """Return the share of customers in intervals whose last number belongs to them by chance.

    An interval of whole numbers holds `content`, at least `level`, and without its last number
    less. If that number belongs to it with the right chance, it holds `level`; here a customer who
    is just there counts by that chance, so that nothing is drawn. `level` is what to expect if the
    model is right.

    Parameters
    ----------
    lower, upper, actual
        Shape (n,): intervals, both ends included, and what happened.
    content
        Shape (n,): P(lower <= N <= upper).
    content_before
        Shape (n,): P(lower <= N < upper).
    level
        Probability that the intervals are meant to have.

    Examples
    --------
    >>> one = randomised_coverage([0], [1], [1], content=[0.95], content_before=[0.7], level=0.9)
    >>> round(one, 6)
    0.8
    """
    share = check_level(level)
    low, value = check_pair(lower, actual)
    high, inside = check_pair(upper, content)
    before, _ = check_pair(content_before, content)
    last = np.maximum(inside - before, np.finfo(np.float64).tiny)
    chance = np.clip((share - before) / last, 0.0, 1.0)
    counted = np.where(value == high, chance, 1.0) * ((low <= value) & (value <= high))
    return total(counted) / len(counted)


# --- of checked arrays ------------------------------------------------------------------------


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole != 0.0 else math.nan


def _rankings(predicted: Array, actual: Array) -> tuple[Ranking, Ranking]:
    """Return the ranking by predictions, and the perfect one."""
    return Ranking.of(predicted, actual), Ranking.of(actual, actual)


def _spearman(ranking: Ranking, perfect: Ranking) -> float:
    middle = 0.5 * (len(ranking.order) + 1.0)
    a, b = ranking.ranks() - middle, perfect.ranks() - middle
    return _ratio(total(a * b), math.sqrt(total(a * a) * total(b * b)))


def _normalised_gini(ranking: Ranking, perfect: Ranking, actual: Array) -> float:
    return _ratio(ranking.area(actual), perfect.area(actual))


def _captured(ranking: Ranking, actual: Array) -> float:
    mean = ranking.slices(actual, DECILES)
    return _ratio(float(mean[0]), float(mean.sum()))


def _off_by_decile(ranking: Ranking, predicted: Array, actual: Array) -> float:
    ours, theirs = ranking.slices(predicted, DECILES), ranking.slices(actual, DECILES)
    return _ratio(float(np.abs(ours - theirs).mean()), float(theirs.mean()))
