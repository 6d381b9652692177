"""Sums of many customers some of whom may be worth very much.

The value of a customer has a power for a tail, for some spend far more than they have shown: G in
D / G may be near 0. Sums then have no third moment, or no variance. But the few customers with
value beyond a bound make a Poisson number of known laws, which is simulated; below the bound all
moments exist, and the sum of the rest is a shifted gamma.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.predictive.total_draws import SEED, finite_horizon, futures_of
from clvmodels.predictive.totals import (
    Exposure,
    Terms,
    base_of,
    inverse_moment,
    raw_moments,
    scale_of,
    summed,
)

__all__ = ["drawn_with_large_values", "truncated_moment"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]

_DRAWS: Final = 8_000
_LARGE: Final = 30.0  # customers beyond the bound that are expected
_HEAVY: Final = 8.0  # shape of G from which on values are not taken for large
_ROUNDS: Final = 40
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(60)
_FARTHEST: Final = 60.0  # a G this far above its shape is never seen


def drawn_with_large_values(
    exposure: Exposure, models: tuple[Any, Any], terms: Terms, segments: Index
) -> dict[int, tuple[Array, float]]:
    """Return draws of sums, and the skewness of what is not simulated.

    Segments without customers whose value has a heavy tail are left out.
    """
    part = exposure.take(np.flatnonzero(np.isin(exposure.segment, segments)))
    purchases, spend = models
    raw = raw_moments(part, purchases, spend, terms)
    base, v = base_of(spend), scale_of(part, spend)
    shape = base.q + base.p * part.patterns.frequency[part.pattern]
    buys = _chance_of_any(part, purchases, terms)
    worth = np.abs(part.scales(1, v)) / part.count
    bound = _bounds(part, shape, part.count * buys, worth)
    least = np.where(shape < _HEAVY, worth / bound[part.segment], 0.0)
    rest = summed(part, [m * truncated_moment(shape, least, k) for k, m in enumerate(raw, 1)], v)
    likely = part.count * buys * special.gammainc(shape, least)
    found = {}
    for segment in segments.tolist():
        rng = np.random.default_rng([SEED, segment])
        own = np.flatnonzero((part.segment == segment) & (likely > 0.0))
        if not len(own):
            continue
        sums = _shifted_gamma(
            rest.mean[segment], rest.variance[segment], rest.skewness[segment], rng
        )
        number = rng.poisson(likely[own].sum(), _DRAWS)
        draw = np.repeat(np.arange(_DRAWS), number)
        ends = np.cumsum(likely[own])
        picked = own[np.searchsorted(ends, rng.random(len(draw)) * ends[-1], side="right")]
        if len(picked):  # hardly anybody may be worth so much
            values = _large_values(part, picked, models, terms, least[picked], rng)
            np.add.at(sums, draw, values * _scales(part, picked, v, rng))
        found[segment] = sums, float(rest.skewness[segment])
    return found


def truncated_moment(shape: Array, least: Array, k: int) -> Array:
    """Return E[G^-k; G > least] of gammas, shape (n,); all of it where `least` is 0.

    Examples
    --------
    >>> whole = truncated_moment(np.array([3.5]), np.array([1e-9]), 2)
    >>> float((whole / inverse_moment(np.array([3.5]), 2))[0].round(9))
    1.0
    """
    result = np.where(least > 0.0, 0.0, inverse_moment(shape, k))
    rows = np.flatnonzero(least > 0.0)
    low, high = np.log(least[rows]), np.log(shape[rows] + _FARTHEST)
    half = 0.5 * np.maximum(high - low, 0.0)
    log_norm = special.gammaln(shape[rows])
    total = np.zeros(len(rows))
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        place = low + half * (1.0 + node)
        total += weight * np.exp((shape[rows] - k) * place - np.exp(place) - log_norm)
    result[rows] = total * half
    return result


def _chance_of_any(part: Exposure, purchases: Any, terms: Terms) -> Array:
    """Return the probability that a customer of each group buys again, shape (m,)."""
    c = part.patterns
    one, t = np.ones(len(c)), np.full(len(c), finite_horizon(purchases, terms))
    return np.asarray(
        (purchases.p_alive(c) * purchases.rows(c).tail_if_alive(c, one, t))[part.pattern]
    )


def _bounds(part: Exposure, shape: Array, buyers: Array, worth: Array) -> Array:
    """Return for each segment the scale of 1 / G beyond which so many customers are expected."""
    heavy = np.where(shape < _HEAVY, buyers, 0.0)
    wanted = np.minimum(_LARGE, 0.1 * part.by_segment(heavy))
    top = np.zeros(part.segments)
    np.maximum.at(top, part.segment, worth)
    low, high = np.log(np.maximum(top, 1e-300)) - 10.0, np.log(np.maximum(top, 1e-300)) + 30.0
    for _ in range(_ROUNDS):
        middle = 0.5 * (low + high)
        beyond = special.gammainc(shape, worth / np.exp(middle)[part.segment])
        more = part.by_segment(heavy * beyond) > wanted
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    return np.exp(high)


def _shifted_gamma(
    mean: float, variance: float, skewness: float, rng: np.random.Generator
) -> Array:
    size = max(abs(float(skewness)), 1e-4)
    shape = 4.0 / size**2
    sign = -1.0 if skewness < 0.0 else 1.0
    drawn = 0.5 * size * (rng.standard_gamma(shape, _DRAWS) - shape)
    return np.asarray(mean + np.sqrt(variance) * sign * drawn)


def _large_values(
    part: Exposure,
    picked: Index,
    models: tuple[Any, Any],
    terms: Terms,
    least: Array,
    rng: np.random.Generator,
) -> Array:
    """Return draws of D / G given a purchase and G below `least`, one for each picked group."""
    purchases, spend = models
    base = base_of(spend)
    pattern, row = np.unique(part.pattern[picked], return_inverse=True)
    futures = futures_of(purchases, part.patterns.take(pattern), spend, terms)
    total = futures.draw(row, rng.random(len(row)) * futures.tail[row, 1], rng)
    shape = base.q + base.p * part.patterns.frequency[pattern][row]
    g = special.gammaincinv(shape, rng.random(len(row)) * special.gammainc(shape, least))
    return np.asarray(total / g)


def _scales(part: Exposure, picked: Index, v: Array, rng: np.random.Generator) -> Array:
    """Return margin (v + s) of a customer of each picked group, by mean and variance of both."""
    mean = part.scales(1, v) / part.count
    spread = np.sqrt(np.maximum(part.scales(2, v) / part.count - mean**2, 0.0))
    sign = rng.choice([-1.0, 1.0], len(picked))
    return np.asarray(mean[picked] + sign * spread[picked])
