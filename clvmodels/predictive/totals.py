"""Sums over customers: their expectation, and how sure it is, segment by segment.

Given the parameters customers are independent, so that means, variances and third moments add up.
The error of the parameters is shared by all customers: it is that of the sum, not a sum of errors.
The value of a customer is margin (v + s) Z, with s the value of repeat purchases and Z = D / G: D
the discounted sum of gammas, G a gamma of shape q + p x. So sums of powers of margin and s, by
history and segment, are all that is needed of the customers, at any parameters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.models.covariates import SpendCovariates
from clvmodels.models.gamma_gamma import GammaGamma
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.predictive.arguments import fitted_model
from clvmodels.predictive.parameter_error import SharedError, error_of
from clvmodels.predictive.scaled import scaled_moments

__all__ = ["POWERS", "Exposure", "Moments", "Terms", "expected_sums", "moments_of", "total_error"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]
Power: TypeAlias = tuple[int, int]

POWERS: Final[tuple[Power, ...]] = tuple((a, b) for a in (1, 2, 3) for b in range(a + 1))
_LIGHT: Final = 1e3  # shape of a G that hardly varies, so that all moments of D / G exist


@dataclass(frozen=True)
class Exposure:
    """Customers in m groups, each of one history in one segment: all that their sums depend on.

    Attributes
    ----------
    patterns : Customers
        The distinct histories, with covariates.
    pattern, segment : Index
        Shape (m,): the row of `patterns` and the number of the segment of each group.
    count : Array
        Shape (m,): customers in each group.
    sums : mapping of pair to Array
        For each (a, b) of `POWERS`, shape (m,): the sum over the customers of margin^a s^b, with s
        the value of repeat purchases; for the price of a purchase that price.
    segments : int
        Number of segments.
    signed : bool
        Whether there are margins below zero.
    """

    patterns: Customers
    pattern: Index
    segment: Index
    count: Array
    sums: Mapping[Power, Array]
    segments: int
    signed: bool = False

    def scales(self, a: int, v: Array) -> Array:
        """Return the sum of (margin (v + s))^a of each group, shape (m,), for v of shape (m,)."""
        parts = (math.comb(a, b) * v ** (a - b) * self.sums[a, b] for b in range(a + 1))
        return np.asarray(sum(parts, np.zeros(len(self.count))))

    def by_segment(self, values: Array) -> Array:
        """Return sums over the groups of each segment, shape (segments,)."""
        return np.bincount(self.segment, values, self.segments).astype(np.float64)

    def take(self, groups: Index) -> Exposure:
        """Return some of the groups, all segments kept."""
        sums = {power: each[groups] for power, each in self.sums.items()}
        parts = self.pattern[groups], self.segment[groups], self.count[groups]
        return Exposure(self.patterns, *parts, sums, self.segments, self.signed)


@dataclass(frozen=True)
class Terms:
    """Length of the future and continuous discount rate, per unit of the customers."""

    horizon: float
    rate: float


@dataclass(frozen=True)
class Moments:
    """Moments of sums given the parameters, each of shape (segments,); infinite where they are.

    Attributes
    ----------
    mean, variance, third : Array
        Mean, variance, third central moment.
    """

    mean: Array
    variance: Array
    third: Array

    @property
    def skewness(self) -> Array:
        """Third standardised moment; infinite where it is not defined, 0 for a constant."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = self.third / self.variance**1.5
        wild = ~np.isfinite(self.variance) | ~np.isfinite(self.third)
        return np.where(wild, math.inf, np.where(self.variance > 0.0, ratio, 0.0))


def expected_sums(exposure: Exposure, purchases: Any, spend: Any, terms: Terms) -> Array:
    """Return the expected sum of each segment, shape (segments,).

    Parameters
    ----------
    exposure
        The customers.
    purchases
        A purchase model.
    spend
        A spend model, or None where a purchase has a price (or is counted).
    terms
        Horizon and discount rate.
    """
    each = discounted(purchases, exposure.patterns, terms)[exposure.pattern]
    return exposure.by_segment(each * _spent(exposure, spend))


def discounted(purchases: PurchasePredictions, patterns: Customers, terms: Terms) -> Array:
    """Return discounted purchases, shape (n,), as `predict` takes them."""
    if terms.rate == 0.0 and math.isfinite(terms.horizon):
        return purchases.expected_purchases(patterns, terms.horizon)
    return purchases.discounted_purchases(patterns, terms.horizon, terms.rate)


def _spent(exposure: Exposure, spend: Any) -> Array:
    """Return the sum over the customers of a group of margin x expected spend, shape (m,)."""
    x = exposure.patterns.frequency[exposure.pattern]
    if spend is None:
        return exposure.scales(1, np.zeros(len(x)))
    spend.check_mean_exists()
    base = base_of(spend)
    return base.p * exposure.scales(1, scale_of(exposure, spend)) / (base.p * x + base.q - 1.0)


def base_of(spend: Any) -> GammaGamma:
    """Return Gamma-Gamma at p and q, which covariates do not move."""
    base: GammaGamma = spend.base if isinstance(spend, SpendCovariates) else spend
    return base


def scale_of(exposure: Exposure, spend: Any) -> Array:
    """Return v of each group, shape (m,); 0 where a purchase has a price."""
    if spend is None:
        return np.zeros(len(exposure.pattern))
    v = spend.rows(exposure.patterns).v if isinstance(spend, SpendCovariates) else spend.v
    return np.broadcast_to(v, (len(exposure.patterns),))[exposure.pattern]


def total_error(exposure: Exposure, purchases: Any, spend: Any, terms: Terms) -> SharedError:
    """Return what the sums owe to the parameters of fits or draws; nothing to those of models."""
    count, value = fitted_model(purchases), fitted_model(spend)
    counts = discounted(count, exposure.patterns, terms)[exposure.pattern]
    spent = _spent(exposure, value)
    middle = exposure.by_segment(counts * spent)

    def at_purchases(model: Any) -> Array:
        each = discounted(model, exposure.patterns, terms)[exposure.pattern]
        return exposure.by_segment(each * spent)

    def at_spend(model: Any) -> Array:
        return exposure.by_segment(counts * _spent(exposure, model))

    return error_of(purchases, at_purchases, middle) + error_of(spend, at_spend, middle)


def moments_of(exposure: Exposure, purchases: Any, spend: Any, terms: Terms) -> Moments:
    """Return the moments of the sums given the parameters; arguments as `expected_sums`."""
    raw = raw_moments(exposure, purchases, spend, terms)
    x = exposure.patterns.frequency[exposure.pattern]
    if spend is not None:
        base = base_of(spend)
        shape = base.q + base.p * x
        raw = [_times(inverse_moment(shape, k), each) for k, each in enumerate(raw, start=1)]
    return summed(exposure, raw, scale_of(exposure, spend))


def summed(exposure: Exposure, raw: list[Array], v: Array) -> Moments:
    """Return moments of sums from raw moments of Z, each (m,), and the scale v of each group."""
    first, second, third = raw
    with np.errstate(invalid="ignore"):
        variance = np.maximum(second - first**2, 0.0)
        cube = third - 3.0 * first * second + 2.0 * first**3
    cube = np.where(np.isfinite(third), cube, math.inf)
    parts = [
        exposure.by_segment(_times(moment, exposure.scales(a, v)))
        for a, moment in enumerate((first, variance, cube), start=1)
    ]
    return Moments(*parts)


def _times(moment: Array, scale: Array) -> Array:
    """Multiply, with 0 for those who are worth nothing whatever the moment."""
    return np.multiply(moment, scale, out=np.zeros_like(scale), where=scale != 0.0)


def inverse_moment(shape: Array, k: int) -> Array:
    """Return E[G^-k] of gammas, infinite where the shape is k or less."""
    result = np.ones_like(shape)
    for j in range(1, k + 1):
        result = np.where(shape > k, result / np.where(shape > k, shape - j, 1.0), math.inf)
    return result


def raw_moments(exposure: Exposure, purchases: Any, spend: Any, terms: Terms) -> list[Array]:
    """Return E[D], E[D^2], E[D^3] of each group, shape (m,)."""
    patterns = exposure.patterns
    light = None
    if spend is not None:
        light = GammaGamma(base_of(spend).p, _LIGHT, 1.0)
    mean, variance, third = scaled_moments(purchases, light, patterns, terms.horizon, terms.rate)
    raw = [mean, variance + mean**2, third + 3.0 * mean * variance + mean**3]
    if light is not None:
        shape = light.q + light.p * patterns.frequency
        raw = [each / inverse_moment(shape, k) for k, each in enumerate(raw, start=1)]
    return [each[exposure.pattern] for each in raw]
