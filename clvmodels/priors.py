"""Priors of parameters, each on the parameter's own scale, by PyMC's names and parametrisations.

A posterior is drawn in the coordinates of the estimation: the logarithm of parameters above zero.
So each prior gives its log density there, Jacobian included, with two derivatives.

Examples
--------
>>> Gamma(alpha=2.0, beta=0.5)
Gamma(alpha=2.0, beta=0.5)
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import ClassVar, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.errors import ParameterError, did_you_mean

__all__ = [
    "Exponential",
    "Flat",
    "Gamma",
    "HalfFlat",
    "HalfNormal",
    "HalfStudentT",
    "LogNormal",
    "Normal",
    "Prior",
    "Priors",
    "Weibull",
    "log_density",
    "resolve",
]

Array: TypeAlias = NDArray[np.float64]
Terms: TypeAlias = tuple[Array, Array, Array]

_LARGEST: Final = 700.0  # the exponential of more is no double


@dataclass(frozen=True)
class Prior(ABC):
    """A prior of one parameter."""

    proper: ClassVar[bool] = True
    """Whether its density can be integrated, so that the data need not bound the parameter."""

    support: ClassVar[str] = "above zero"
    """Which parameters it is for: those 'above zero', those on the 'real line', or 'any'."""

    def __post_init__(self) -> None:
        for each in fields(self):
            _check(type(self).__name__, each.name, getattr(self, each.name))
            object.__setattr__(self, each.name, float(getattr(self, each.name)))

    @abstractmethod
    def terms(self, z: Array) -> Terms:
        """Return log density and two derivatives at coordinates z, each of the shape of z.

        z is the logarithm of a parameter above zero, and else the parameter itself.
        """


Priors: TypeAlias = Prior | Mapping[str, Prior]
"""One prior for all parameters, or priors by name; parameters without one have a `Flat` one."""


@dataclass(frozen=True)
class Flat(Prior):
    """Flat in the coordinate of the estimation: in the logarithm of a parameter above zero.

    The default. The data alone must bound the parameter.
    """

    proper: ClassVar[bool] = False
    support: ClassVar[str] = "any"

    def terms(self, z: Array) -> Terms:
        """Return zeros."""
        zero = np.zeros_like(z)
        return zero, zero, zero


@dataclass(frozen=True)
class HalfFlat(Prior):
    """Flat above zero on the parameter's own scale, as in PyMC.

    Large values weigh more than with `Flat`, and the data must bound the parameter all the more.
    """

    proper: ClassVar[bool] = False

    def terms(self, z: Array) -> Terms:
        """Return the Jacobian alone."""
        return z, np.ones_like(z), np.zeros_like(z)


@dataclass(frozen=True)
class Normal(Prior):
    """Normal; for coefficients of covariates.

    Parameters
    ----------
    mu
        Mean.
    sigma
        Standard deviation, above zero.
    """

    support: ClassVar[str] = "real line"

    mu: float = 0.0
    sigma: float = 1.0

    def terms(self, z: Array) -> Terms:
        """Return log density and derivatives."""
        return _normal(z, self.mu, self.sigma)


@dataclass(frozen=True)
class LogNormal(Prior):
    """Log-normal: normal in the logarithm of the parameter.

    Parameters
    ----------
    mu, sigma
        Mean and standard deviation of the logarithm.
    """

    mu: float = 0.0
    sigma: float = 1.0

    def terms(self, z: Array) -> Terms:
        """Return log density and derivatives."""
        return _normal(z, self.mu, self.sigma)


@dataclass(frozen=True)
class HalfNormal(Prior):
    """The positive half of a normal around zero.

    Parameters
    ----------
    sigma
        Standard deviation of the normal.
    """

    sigma: float = 1.0

    def terms(self, z: Array) -> Terms:
        """Return log density and derivatives."""
        square = np.exp(_bounded(2.0 * (z - math.log(self.sigma))))
        constant = 0.5 * math.log(2.0 / math.pi) - math.log(self.sigma)
        return constant - 0.5 * square + z, 1.0 - square, -2.0 * square


@dataclass(frozen=True)
class HalfStudentT(Prior):
    """The positive half of Student's t around zero; nu = 1 is the half-Cauchy.

    Parameters
    ----------
    nu
        Degrees of freedom.
    sigma
        Scale.
    """

    nu: float
    sigma: float = 1.0

    def terms(self, z: Array) -> Terms:
        """Return log density and derivatives."""
        log_square = 2.0 * (z - math.log(self.sigma)) - math.log(self.nu)
        share = special.expit(log_square)  # s / (1 + s) of s = theta^2 / (nu sigma^2)
        more = self.nu + 1.0
        constant = (
            math.log(2.0 / self.sigma)
            + math.lgamma(0.5 * more)
            - math.lgamma(0.5 * self.nu)
            - 0.5 * math.log(self.nu * math.pi)
        )
        value = constant - 0.5 * more * np.logaddexp(0.0, log_square) + z
        return value, 1.0 - more * share, -2.0 * more * share * (1.0 - share)


@dataclass(frozen=True)
class Gamma(Prior):
    """Gamma.

    Parameters
    ----------
    alpha
        Shape.
    beta
        Rate; the mean is alpha / beta.
    """

    alpha: float
    beta: float

    def terms(self, z: Array) -> Terms:
        """Return log density and derivatives."""
        scaled = np.exp(_bounded(z + math.log(self.beta)))
        constant = self.alpha * math.log(self.beta) - math.lgamma(self.alpha)
        return constant + self.alpha * z - scaled, self.alpha - scaled, -scaled


@dataclass(frozen=True)
class Exponential(Prior):
    """Exponential.

    Parameters
    ----------
    lam
        Rate; the mean is 1 / lam.
    """

    lam: float = 1.0

    def terms(self, z: Array) -> Terms:
        """Return log density and derivatives."""
        return Gamma(1.0, self.lam).terms(z)


@dataclass(frozen=True)
class Weibull(Prior):
    """Weibull.

    Parameters
    ----------
    alpha
        Shape.
    beta
        Scale.
    """

    alpha: float
    beta: float

    def terms(self, z: Array) -> Terms:
        """Return log density and derivatives."""
        log_power = self.alpha * (z - math.log(self.beta))
        power = np.exp(_bounded(log_power))
        value = math.log(self.alpha) + log_power - power
        return value, self.alpha * (1.0 - power), -(self.alpha**2) * power


def _normal(z: Array, mu: float, sigma: float) -> Terms:
    away = (z - mu) / sigma
    constant = -math.log(sigma) - 0.5 * math.log(2.0 * math.pi)
    return constant - 0.5 * away**2, -away / sigma, np.full_like(z, -1.0 / sigma**2)


def _bounded(exponent: Array) -> Array:
    return np.minimum(exponent, _LARGEST)


def _check(prior: str, name: str, value: object) -> None:
    anywhere = name == "mu"
    number = math.nan
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        number = float(value)
    if not math.isfinite(number) or not (anywhere or number > 0.0):
        raise ParameterError(
            f"{name!r} of {prior} is a finite number{'' if anywhere else ' above zero'}.",
            place=f"Got {value!r:.80}.",
            fix=f"See clv.priors.{prior} for what it means.",
        )


def resolve(
    prior: Priors | None, names: Sequence[str], positive: NDArray[np.bool_]
) -> dict[str, Prior]:
    """Return the prior of each parameter, in order.

    Parameters
    ----------
    prior
        One for all, priors by name, or None.
    names, positive
        The k parameters, and which of them are above zero.

    Raises
    ------
    ParameterError
        A name is not known, something is no prior, or a prior's support is not the parameter's.

    Examples
    --------
    >>> resolve({"r": Exponential(2.0)}, ["r", "alpha"], np.array([True, True]))
    {'r': Exponential(lam=2.0), 'alpha': Flat()}
    """
    every = Flat() if prior is None or isinstance(prior, Mapping) else prior
    given = dict(prior) if isinstance(prior, Mapping) else dict.fromkeys(names, every)
    for name, each in given.items():
        if name not in names:
            raise ParameterError(
                "Priors are given by the names of the parameters.",
                place=f"Got {name!r}.",
                fix=did_you_mean(str(name), names),
            )
        if not isinstance(each, Prior):
            raise ParameterError(
                "A prior is one of clv.priors, such as clv.priors.Gamma(alpha=2, beta=0.5).",
                place=f"That of {name} is {each!r:.80}.",
                fix="Those of PyMC have the same names and parameters here.",
            )
    found = {name: given.get(name, Flat()) for name in names}
    for (name, each), above in zip(found.items(), positive.tolist(), strict=True):
        _check_support(name, each, above)
    return found


def _check_support(name: str, prior: Prior, positive: bool) -> None:
    place = f"{name} has {prior!r}."
    if positive and prior.support == "real line":
        raise ParameterError(
            f"{name} is above zero, and so is what its prior allows.",
            place=place,
            fix="Use HalfNormal, LogNormal, Gamma, Exponential, Weibull or HalfStudentT.",
        )
    if not positive and prior.support == "above zero":
        raise ParameterError(
            f"{name} has any sign, and so has what its prior allows.",
            place=place,
            fix="Use Normal or Flat, and name the parameters that priors above zero are for.",
        )


def log_density(priors: Sequence[Prior], z: Array) -> Terms:
    """Return the sum of log densities, shape (...), and first and second derivatives (..., k).

    Parameters
    ----------
    priors
        k of them.
    z
        Coordinates, shape (..., k).

    Examples
    --------
    >>> [float(each.sum()) for each in log_density([HalfFlat(), HalfFlat()], np.ones((3, 2)))]
    [6.0, 6.0, 0.0]
    """
    value, first, second = np.zeros(z.shape[:-1]), np.zeros_like(z), np.zeros_like(z)
    for prior, own in _groups(tuple(priors)):
        own_value, first[..., own], second[..., own] = prior.terms(z[..., own])
        value = value + own_value.sum(axis=-1)
    return np.asarray(value), first, second


@lru_cache(maxsize=64)
def _groups(priors: tuple[Prior, ...]) -> list[tuple[Prior, NDArray[np.intp]]]:
    """Return each different prior that is not flat, with the places of its parameters."""
    return [
        (prior, np.flatnonzero([prior == each for each in priors]))
        for prior in dict.fromkeys(priors)
        if not isinstance(prior, Flat)
    ]
