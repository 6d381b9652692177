"""Intervals of sums over customers, each by the way that its size and its tails ask for.

Many customers of whom none counts for much: a shifted gamma with the mean, variance and third
moment of the sum. Few customers, or few who count: simulated one by one. Many, with a heavy tail:
the few large values that a year has are simulated, the sum of the rest is a shifted gamma.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.errors import UndefinedMomentError
from clvmodels.predictive.arguments import fitted_model
from clvmodels.predictive.parameter_error import SharedError
from clvmodels.predictive.total_draws import SEED, drawn_sums
from clvmodels.predictive.total_large import drawn_with_large_values
from clvmodels.predictive.totals import (
    Exposure,
    Moments,
    Terms,
    expected_sums,
    moments_of,
    total_error,
)

__all__ = ["Totals", "totals_of"]

Array: TypeAlias = NDArray[np.float64]

MOMENTS, SIMULATION, LARGE = "moments", "simulation", "large values"
_MANY: Final = 200  # customers from which on moments are looked at
_SKEWED: Final = 0.5  # skewness up to which a shifted gamma has the quantiles of a sum
_MOST: Final = 4.0  # skewness that is kept; beyond, draws are taken
_NORMAL: Final = 1e-4  # skewness below which a gamma is a normal


@dataclass(frozen=True)
class Totals:
    """Sums of each segment, arrays of shape (segments,).

    Attributes
    ----------
    customers, purchases, mean : Array
        Customers; expected purchases, NaN where infinite; expected sum.
    sd_customers, sd_parameters : Array
        Standard deviation given the parameters, infinite where it is; and from their error.
    lower, upper : Array
        Ends of the interval.
    method : tuple of str
        How the interval was found: 'moments', 'simulation' or 'large values'.
    """

    customers: Array
    purchases: Array
    mean: Array
    sd_customers: Array
    sd_parameters: Array
    lower: Array
    upper: Array
    method: tuple[str, ...]

    @property
    def sd(self) -> Array:
        """Standard deviation of both kinds together."""
        return np.hypot(self.sd_customers, self.sd_parameters)


def totals_of(
    exposure: Exposure, purchases: Any, spend: Any, terms: Terms, *, level: float, whole: bool
) -> Totals:
    """Return the sums of each segment with their intervals.

    Parameters
    ----------
    exposure
        The customers.
    purchases
        A fit or draws, whose error counts, or a model, taken as known.
    spend
        The same, or None where a purchase has a price.
    terms
        Horizon and discount rate.
    level
        Probability inside the interval.
    whole
        Whether the sums are whole numbers: purchases that are counted.
    """
    models = fitted_model(purchases), fitted_model(spend)
    error = total_error(exposure, purchases, spend, terms)
    moments = moments_of(exposure, *models, terms)
    moments = Moments(expected_sums(exposure, *models, terms), moments.variance, moments.third)
    lower, upper = _by_moments(moments, error, level, whole=whole)
    ends, method = np.stack([lower, upper]), [MOMENTS] * exposure.segments
    for segment, draws, how in _draws(exposure, models, terms, moments):
        moved = _with_error(draws, segment, float(moments.mean[segment]), error)
        ends[:, segment] = _ends_of(np.rint(moved) if whole else moved, level)
        method[segment] = how
    if not exposure.signed:
        ends = np.maximum(ends, 0.0)
    return Totals(
        customers=exposure.by_segment(exposure.count),
        purchases=_purchases(exposure, models[0], terms),
        mean=moments.mean,
        sd_customers=np.sqrt(moments.variance),
        sd_parameters=np.sqrt(error.variance),
        lower=ends[0],
        upper=ends[1],
        method=tuple(method),
    )


def _purchases(exposure: Exposure, model: Any, terms: Terms) -> Array:
    """Return expected purchases of each segment, undiscounted, NaN where infinite."""
    try:
        each = model.expected_purchases(exposure.patterns, terms.horizon)
    except UndefinedMomentError:
        return np.full(exposure.segments, np.nan)
    return exposure.by_segment(exposure.count * each[exposure.pattern])


# --- many customers: a shifted gamma ----------------------------------------------------------


def _by_moments(
    moments: Moments, error: SharedError, level: float, *, whole: bool
) -> tuple[Array, Array]:
    """Return the ends from three moments of the sum and its error together."""
    mean = moments.mean + error.shift
    variance = moments.variance + error.variance
    third = moments.third + error.third
    with np.errstate(invalid="ignore"):
        skewness = Moments(mean, variance, third).skewness
        skewness = np.where(np.isfinite(skewness), np.clip(skewness, -_MOST, _MOST), 0.0)
        sd = np.where(np.isfinite(variance), np.sqrt(variance), 0.0)
    tail = 0.5 * (1.0 - level)
    lower, upper = (mean + sd * gamma_quantile(u, skewness) for u in (tail, 1.0 - tail))
    return (np.floor(lower + 0.5), np.ceil(upper - 0.5)) if whole else (lower, upper)


def gamma_quantile(u: float, skewness: Array) -> Array:
    """Return the quantile of a gamma that is shifted and scaled to mean 0 and variance 1.

    Examples
    --------
    >>> gamma_quantile(0.95, np.array([0.0, 2.0, -2.0])).round(4).tolist()
    [1.6449, 1.9957, 0.9487]
    """
    size = np.maximum(np.abs(skewness), _NORMAL)
    sign = np.where(skewness < 0.0, -1.0, 1.0)
    shape = 4.0 / size**2
    place = np.where(sign > 0.0, u, 1.0 - u)
    found = sign * 0.5 * size * (special.gammaincinv(shape, place) - shape)
    return np.where(np.abs(skewness) <= _NORMAL, special.ndtri(u), found)


# --- the others: draws -------------------------------------------------------------------------


def _draws(
    exposure: Exposure, models: tuple[Any, Any], terms: Terms, moments: Moments
) -> Iterator[tuple[int, Array, str]]:
    """Yield segments that moments do not serve, draws of their sums, and how they were made."""
    customers, skewness = exposure.by_segment(exposure.count), moments.skewness
    doubtful = (customers > 0.0) & (moments.mean != 0.0)
    few = doubtful & (customers < _MANY)
    skewed = doubtful & ~few & (np.abs(skewness) > _SKEWED)
    if models[1] is not None and skewed.any():
        made = drawn_with_large_values(exposure, models, terms, np.flatnonzero(skewed))
        for segment, (draws, rest) in made.items():
            if abs(rest) <= 2.0 * _SKEWED:
                skewed[segment] = False
                yield segment, draws, LARGE
    single = few | skewed
    if single.any():
        for segment, draws in drawn_sums(exposure, models, terms, np.flatnonzero(single)):
            yield segment, draws, SIMULATION


def _with_error(draws: Array, segment: int, mean: float, error: SharedError) -> Array:
    """Return draws of a sum that are larger or smaller as the error of the parameters has it."""
    rng = np.random.default_rng([SEED, segment])
    changes = error.draw(segment, len(draws), rng)
    return np.asarray(draws * np.maximum(1.0 + changes / mean, 0.0))


def _ends_of(draws: Array, level: float) -> tuple[float, float]:
    """Return the interval of draws: what the lower end cannot leave out, the upper end does."""
    ordered = np.sort(draws)
    n = len(ordered)
    lower = ordered[int(0.5 * (1.0 - level) * n)]
    below = int(np.searchsorted(ordered, lower))
    last = min(n - 1, below + int(np.ceil(level * n)) - 1)
    return float(lower), float(ordered[last])
