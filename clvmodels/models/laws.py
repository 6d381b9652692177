"""Laws by which customers differ: gamma, beta and inverse gamma, with names and units."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

__all__ = ["BetaLaw", "GammaLaw", "InverseGammaLaw", "MixingLaw"]

Array: TypeAlias = NDArray[np.float64]

_SMALLEST: Final = 1e-280  # a rate whose inverse is a number still


@dataclass(frozen=True)
class MixingLaw(ABC):
    """How a rate, a probability or a spend is distributed over customers.

    Attributes
    ----------
    quantity : str
        What it is; ``{unit}`` stands for the time unit of the model.
    """

    quantity: str

    @property
    @abstractmethod
    def mean(self) -> float:
        """The mean, infinite where there is none."""

    @abstractmethod
    def density(self, x: ArrayLike) -> Array:
        """Return the density at x above 0, shape of x."""

    @abstractmethod
    def cumulative(self, x: ArrayLike) -> Array:
        """Return the share of customers at or below x, shape of x."""

    @abstractmethod
    def quantile(self, u: ArrayLike) -> Array:
        """Return the value below which the share u of customers is, shape of u."""


@dataclass(frozen=True)
class GammaLaw(MixingLaw):
    """Gamma(shape, rate): of rates.

    Examples
    --------
    >>> law = GammaLaw("purchases per {unit}", 0.243, 4.414)
    >>> round(law.mean, 4), law.quantile(0.5).round(4).item()
    (0.0551, 0.0091)
    """

    shape: float
    rate: float

    @property
    def mean(self) -> float:
        """The mean, shape / rate."""
        return self.shape / self.rate

    def density(self, x: ArrayLike) -> Array:
        """Return the density at x above 0, shape of x."""
        z = np.asarray(x, dtype=np.float64) * self.rate
        log = special.xlogy(self.shape - 1.0, z) - z - special.gammaln(self.shape)
        with np.errstate(over="ignore"):  # infinite where customers crowd at 0
            return np.asarray(self.rate * np.exp(log))

    def cumulative(self, x: ArrayLike) -> Array:
        """Return the share of customers at or below x, shape of x."""
        return np.asarray(special.gammainc(self.shape, np.asarray(x) * self.rate))

    def quantile(self, u: ArrayLike) -> Array:
        """Return the value below which the share u of customers is, shape of u."""
        return np.asarray(special.gammaincinv(self.shape, np.asarray(u, np.float64)) / self.rate)


@dataclass(frozen=True)
class BetaLaw(MixingLaw):
    """Beta(a, b): of probabilities.

    Examples
    --------
    >>> law = BetaLaw("probability of leaving after a repeat purchase", 0.793, 2.426)
    >>> round(law.mean, 4), law.cumulative(1.0).item()
    (0.2463, 1.0)
    """

    a: float
    b: float

    @property
    def mean(self) -> float:
        """The mean, a / (a + b)."""
        return self.a / (self.a + self.b)

    def density(self, x: ArrayLike) -> Array:
        """Return the density at x between 0 and 1, shape of x."""
        p = np.asarray(x, dtype=np.float64)
        log = special.xlogy(self.a - 1.0, p) + special.xlog1py(self.b - 1.0, -p)
        with np.errstate(over="ignore"):  # infinite where customers crowd at an end
            return np.asarray(np.exp(log - special.betaln(self.a, self.b)))

    def cumulative(self, x: ArrayLike) -> Array:
        """Return the share of customers at or below x, shape of x."""
        return np.asarray(special.betainc(self.a, self.b, np.asarray(x, dtype=np.float64)))

    def quantile(self, u: ArrayLike) -> Array:
        """Return the value below which the share u of customers is, shape of u."""
        return np.asarray(special.betaincinv(self.a, self.b, np.asarray(u, np.float64)))


@dataclass(frozen=True)
class InverseGammaLaw(MixingLaw):
    """Scale / Gamma(shape, 1): of mean spend.

    Examples
    --------
    >>> law = InverseGammaLaw("mean spend per purchase", 3.74, 6.25 * 15.44)
    >>> round(law.mean, 2), law.quantile(0.5).round(2).item()
    (35.22, 28.28)
    """

    shape: float
    scale: float

    @property
    def mean(self) -> float:
        """The mean, scale / (shape - 1), infinite at a shape of 1 or less."""
        return self.scale / (self.shape - 1.0) if self.shape > 1.0 else math.inf

    def density(self, x: ArrayLike) -> Array:
        """Return the density at x above 0, shape of x."""
        value = np.asarray(x, dtype=np.float64)
        z = self.scale / value
        log = special.xlogy(self.shape, z) - z - special.gammaln(self.shape)
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(log) / value)

    def cumulative(self, x: ArrayLike) -> Array:
        """Return the share of customers at or below x, shape of x."""
        return np.asarray(special.gammaincc(self.shape, self.scale / np.asarray(x)))

    def quantile(self, u: ArrayLike) -> Array:
        """Return the value below which the share u of customers is, shape of u."""
        rate = special.gammainccinv(self.shape, np.asarray(u, np.float64))
        return np.asarray(self.scale / np.maximum(rate, _SMALLEST))
