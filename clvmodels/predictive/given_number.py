"""What a number of purchases is worth, in units of the customer's scale of spend.

All arrays have a row for each block of numbers of purchases.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.special.discounts import Discounts

__all__ = ["Blocks", "CountLaw", "Law", "PriceLaw", "SpendGiven", "price_law", "spend_given"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]

_FEW: Final = 12  # purchases whose mean discount is a law of its own
_APART: Final = 0.1  # relative standard deviation of a mean discount that is near none
_WIDE: Final = 0.9  # cells of a mean discount, in logarithms
_UNLIKELY: Final = 1e-9  # a cell that is left out
_SMALLEST: Final = 1e-3  # sum of the parameters of a beta
_NARROW: Final = 1e8  # a beta density this concentrated is a single value: its width is 1e-4
_SURE: Final = 1e-12  # a relative variance that is none


@dataclass(frozen=True)
class Blocks:
    """Numbers of purchases, each block with those from `first` to before `after`, each (b,)."""

    first: Array
    after: Array

    @property
    def mean(self) -> Array:
        """Mean of the numbers, taken to be equally likely, (b,)."""
        return 0.5 * (self.first + self.after - 1.0)

    @property
    def variance(self) -> Array:
        """Variance of the numbers, (b,)."""
        return ((self.after - self.first) ** 2 - 1.0) / 12.0

    @property
    def typical(self) -> Array:
        """A whole number of each block, (b,)."""
        return np.floor(self.mean)

    def spread(self, moments: Discounts) -> tuple[Array, Array, Array]:
        """Return the mean and variance of the sum of discounts, and the mean sum of squares, (b,).

        From the moments at the typical numbers.
        """
        more = self.mean / self.typical
        total = moments.total * more
        within = np.maximum(moments.square - moments.total**2, 0.0) * more
        each = moments.total / self.typical
        return total, within + each**2 * self.variance, moments.squares * more


class Law(Protocol):
    """The law of the value Z of the purchases of each block."""

    def cdf(self, log_z: Array) -> Array:
        """Return P(Z <= z) of each block, (b, k), at k points."""
        ...

    def density(self, log_z: Array) -> Array:
        """Return the derivative of `cdf` in ln z, (b, k)."""
        ...

    def range(self) -> tuple[float, float]:
        """Return ln z below which, and above which, there is next to nothing."""
        ...

    def powers(self) -> Array:
        """Return E[Z], E[Z^2], E[Z^3] of each block, (3, b), infinite where they do not exist."""
        ...


@dataclass(frozen=True)
class SpendGiven:
    """Z = theta Gamma(shape) / Gamma(customer), theta times a beta prime, or a mixture of such.

    Those of a block are next to each other, from `start` on, and their weights add up to 1.
    """

    shape: Array
    theta: Array
    customer: float
    weight: Array
    start: Index

    def cdf(self, log_z: Array) -> Array:
        """Return P(Z <= z) of each block, (b, k)."""
        share = special.expit(log_z - np.log(self.theta)[:, None])
        return self._mixed(np.asarray(special.betainc(self.shape[:, None], self.customer, share)))

    def density(self, log_z: Array) -> Array:
        """Return the density of ln Z of each block, (b, k)."""
        u = log_z - np.log(self.theta)[:, None]
        log_share = -np.logaddexp(0.0, -u)
        both = self.shape[:, None] + self.customer
        constant = special.betaln(self.shape, self.customer)[:, None]
        return self._mixed(np.exp(both * log_share - self.customer * u - constant))

    def range(self) -> tuple[float, float]:
        """Return ln z four standard deviations from the means; more where a tail is a power."""
        s, a = self.shape, np.full_like(self.shape, self.customer)
        middle = np.log(self.theta) + special.digamma(s) - special.digamma(a)
        sd = np.sqrt(special.polygamma(1, s) + special.polygamma(1, a))
        low, high = middle - 4.0 * sd - 3.0 / s, middle + 4.0 * sd + 3.0 / a
        return float(low.min()), float(high.max())

    def powers(self) -> Array:
        """Return E[Z], E[Z^2], E[Z^3] of each block, (3, b)."""
        j = np.arange(3.0)[:, None]
        left = self.customer - 1.0 - j
        with np.errstate(divide="ignore"):
            steps = np.where(left > 0.0, self.theta * (self.shape + j) / left, np.inf)
        return self._mixed(np.asarray(np.cumprod(steps, axis=0).T, dtype=np.float64)).T

    def _mixed(self, each: Array) -> Array:
        """Average the rows of each block, (b, k)."""
        if len(self.start) == len(self.weight):
            return each
        return np.asarray(np.add.reduceat(self.weight[:, None] * each, self.start, axis=0))


def spend_given(
    blocks: Blocks,
    moments: Discounts,
    spend: tuple[float, float, float],
    smallest: float,
) -> SpendGiven:
    """Return the law of purchases worth w_j Gamma(purchase), over one Gamma(customer).

    The sum of gammas with weights w_j is taken to be a gamma with its mean and variance, which it
    is where all w_j are alike. Where few purchases may come soon or late, it is a gamma given their
    mean discount A, and A is a beta between what money is worth at the end, `smallest`, and 1.

    Parameters
    ----------
    blocks, moments
        Numbers of purchases, and moments of discounts at the typical ones.
    spend
        Shapes of a purchase and of the customer, and what multiplies it all.
    smallest
        What money is worth at the end of the horizon.
    """
    purchase, customer, ratio = spend
    total, spread, squares = blocks.spread(moments)
    mean = purchase * total
    variance = purchase * squares + purchase**2 * spread
    shape = purchase * blocks.mean  # of the sum, were no purchase discounted
    each = mean / shape
    apart = np.maximum((variance - mean * each) / (shape * (shape + 1.0)), 0.0)  # variance of A
    start, shares = np.arange(len(mean)), np.ones(len(mean))
    split = (blocks.after <= _FEW + 1.0) & (apart > (_APART * each) ** 2)
    if smallest < 1.0 and split.any():
        weight, middle, within = _cells(each[split], apart[split], smallest)
        own = shape[split, None]
        cells = np.stack([weight, own * middle, own * middle**2 + within * own * (own + 1.0)])
        kept = weight > _UNLIKELY
        block = np.append(np.flatnonzero(~split), np.repeat(np.flatnonzero(split), kept.sum(1)))
        others = np.stack([shares, mean, variance])[:, ~split]
        order = np.argsort(block, kind="stable")
        shares, mean, variance = np.hstack([others, cells[:, kept]])[:, order]
        start = np.searchsorted(block[order], start)
        shares = shares / np.add.reduceat(shares, start)[block[order]]
    return SpendGiven(mean**2 / variance, ratio * variance / mean, customer, shares, start)


def _cells(mean: Array, variance: Array, smallest: float) -> tuple[Array, Array, Array]:
    """Cut betas between `smallest` and 1 into cells that are alike in logarithms, each (m, cells).

    Returns the probability of each cell, and the mean and the variance within it.
    """
    top = np.maximum(1.0, mean * (1.0 + _SURE))  # discounts are multiplied to give an exact mean
    low = smallest * top
    width = top - low
    m = np.clip((mean - low) / width, _SURE, 1.0 - _SURE)
    size = np.maximum(m * (1.0 - m) * width**2 / variance - 1.0, _SMALLEST)
    left, right = (m * size)[:, None], ((1.0 - m) * size)[:, None]
    count = math.ceil(-math.log(smallest) / _WIDE)
    edges = (np.geomspace(smallest, 1.0, count + 1) - smallest) / (1.0 - smallest)
    steps: list[Array] = [
        np.diff(special.betainc(left + j, right, edges), axis=1) for j in range(3)
    ]
    weight = np.maximum(steps[0], _SURE)
    first = m[:, None] * steps[1] / weight
    second = m[:, None] * (left + 1.0) / (left + right + 1.0) * steps[2] / weight
    middle = low[:, None] + width[:, None] * first
    return steps[0], middle, width[:, None] ** 2 * np.maximum(second - first**2, 0.0)


@dataclass(frozen=True)
class PriceLaw:
    """Z = the sum of discounts itself: low + (high - low) Beta(left, right)."""

    low: Array
    high: Array
    left: Array
    right: Array

    def cdf(self, log_z: Array) -> Array:
        """Return P(Z <= z) of each block, (b, k)."""
        low, high = self.low[:, None], self.high[:, None]
        share = np.clip((np.exp(log_z) - low) / (high - low), 0.0, 1.0)
        return np.asarray(special.betainc(self.left[:, None], self.right[:, None], share))

    def density(self, log_z: Array) -> Array:
        """Return the density of ln Z of each block, (b, k); at its ends it may be infinite."""
        z, width = np.exp(log_z), (self.high - self.low)[:, None]
        share = (z - self.low[:, None]) / width
        left, right = self.left[:, None] - 1.0, self.right[:, None] - 1.0
        inside = (share > 0.0) & (share < 1.0)
        s = np.where(inside, share, 0.5)
        constant = special.betaln(self.left, self.right)[:, None]
        density = np.exp(left * np.log(s) + right * np.log1p(-s) - constant)
        return np.where(inside, density * z / width, 0.0)

    def range(self) -> tuple[float, float]:
        """Return the ends of ln z."""
        return float(np.log(self.low.min())), float(np.log(self.high.max()))

    def powers(self) -> Array:
        """Return E[Z], E[Z^2], E[Z^3] of each block, (3, b)."""
        both, width = self.left + self.right, self.high - self.low
        first = self.left / both
        second = first * (self.left + 1.0) / (both + 1.0)
        third = second * (self.left + 2.0) / (both + 2.0)
        one = self.low + width * first
        two = self.low**2 + 2.0 * self.low * width * first + width**2 * second
        three = self.low**2 * (self.low + 3.0 * width * first) + width**2 * (
            3.0 * self.low * second + width * third
        )
        return np.stack([one, two, three])


@dataclass(frozen=True)
class CountLaw:
    """Z = the number of purchases."""

    blocks: Blocks

    def cdf(self, log_z: Array) -> Array:
        """Return P(Z <= z) of each block, (b, k)."""
        n = np.floor(np.exp(log_z))[None, :]
        first, after = self.blocks.first[:, None], self.blocks.after[:, None]
        return np.clip((n - first + 1.0) / (after - first), 0.0, 1.0)

    def density(self, log_z: Array) -> Array:
        """Return 0: all is at whole numbers."""
        return np.zeros((len(self.blocks.first), len(log_z)))

    def range(self) -> tuple[float, float]:
        """Return the ends of ln z."""
        return float(np.log(self.blocks.first.min())), float(np.log(self.blocks.after.max()))

    def powers(self) -> Array:
        """Return E[Z], E[Z^2], E[Z^3] of each block, (3, b)."""
        n, variance = self.blocks.mean, self.blocks.variance
        return np.stack([n, n**2 + variance, n**3 + 3.0 * n * variance])


def price_law(blocks: Blocks, moments: Discounts, smallest: float) -> PriceLaw | CountLaw:
    """Return the law of purchases worth w_j, where each w_j lies between `smallest` and 1."""
    if smallest == 1.0:
        return CountLaw(blocks)
    total, spread, _ = blocks.spread(moments)
    low = blocks.first * min(smallest, 1.0)
    high = (blocks.after - 1.0) * max(smallest, 1.0)
    mean = np.clip((total - low) / (high - low), _SURE, 1.0 - _SURE)
    variance = spread / (high - low) ** 2
    size = np.clip(mean * (1.0 - mean) / np.maximum(variance, _SURE) - 1.0, _SURE, _NARROW)
    return PriceLaw(low, high, mean * size, (1.0 - mean) * size)
