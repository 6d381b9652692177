"""Two lifetimes: Pareto, and the gamma mixture of Gompertz lifetimes.

Both have the survival function S(y) = (beta / R(y))^s, with R(y) = beta + y for Pareto, and
R(y) = beta + e^(b y) - 1 for gamma/Gompertz. Letters beside s, beta and b: y is a time, f = -S' the
density, and rho = 1 / R. Parameters are numbers or arrays of one a row.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Change",
    "GammaGompertz",
    "Lifetime",
    "Pareto",
    "Surroundings",
    "as_column",
    "some_rows",
]

Array: TypeAlias = NDArray[np.float64]
Values: TypeAlias = float | Array
Gradient: TypeAlias = tuple[Array, ...]
Hessian: TypeAlias = dict[tuple[int, int], Array]
Index: TypeAlias = NDArray[np.intp]

LONGEST: Final = 2.0  # of a panel, in nats of distance from the singularity that it runs away from
KINK: Final = 1.5  # of a panel past complex singularities i pi / b off the axis, in units of 1 / b
_BELOW_ONE: Final = 1.0 - 1e-16
_LARGE: Final = 300.0  # b y beyond which e^(b y) rules R by far


def some_rows(value: Values, rows: Index | slice) -> Values:
    """Return a number as it is, or some rows of an array."""
    return value[rows] if isinstance(value, np.ndarray) and value.ndim else value


def as_column(value: Values) -> Values:
    """Return a number as it is, or an array (n,) with shape (n, 1)."""
    return value[:, None] if isinstance(value, np.ndarray) and value.ndim else value


@dataclass(frozen=True)
class Surroundings:
    """What limits a quadrature panel that begins at some times, shape (n,).

    Attributes
    ----------
    distance : Array
        To the nearest singularity of S and f on the left.
    longest : Array
        How far, in nats of that distance, a panel may go.
    slope : Array
        How fast the logarithm of the function changes over such a panel, at most.
    """

    distance: Array
    longest: Array
    slope: Array


@dataclass(frozen=True)
class Change:
    """How ln f and its derivatives change between two times.

    Attributes
    ----------
    log_density : Array
    gradient : tuple of Array
    hessian : dict
        Absent entries do not change.
    """

    log_density: Array
    gradient: Gradient
    hessian: Hessian


@dataclass(frozen=True)
class Lifetime(ABC):
    """A continuous lifetime with parameters ..., s, beta."""

    s: Values
    beta: Values

    def take(self, rows: Index | slice) -> Self:
        """Return the lifetimes of some rows."""
        return self._each(lambda value: some_rows(value, rows))

    def columns(self) -> Self:
        """Return the parameters as columns, shape (n, 1), for nodes of shape (n, nodes)."""
        return self._each(as_column)

    def _each(self, change: Callable[[Values], Values]) -> Self:
        return replace(
            self, **{each.name: change(getattr(self, each.name)) for each in fields(self)}
        )

    def log_survival(self, y: Array) -> Array:
        """Return ln S(y)."""
        return -self.s * self._log_growth(y)

    @abstractmethod
    def log_hazard(self, y: Array) -> Array:
        """Return ln(f(y) / S(y))."""

    def gradient(self, y: Array, *, density: bool) -> Gradient:
        """Return the derivatives of ln f(y), or else of ln S(y), in the parameters."""
        of_s, of_beta = -self._log_growth(y), self.s * self._lost(y)
        return (of_s + 1.0 / self.s, of_beta - self._rho(y)) if density else (of_s, of_beta)

    def hessian(self, y: Array, *, density: bool) -> Hessian:
        """Return the second derivatives of ln f(y), or else of ln S(y); absent ones are zero."""
        lost, rho = self._lost(y), self._rho(y)
        second = {(0, 1): lost, (1, 1): -self.s * lost * (1.0 / self.beta + rho)}
        if density:
            second[0, 0] = np.asarray(-1.0 / (self.s * self.s))
            second[1, 1] = second[1, 1] + rho * rho
        return second

    @abstractmethod
    def change(self, start: Array, delta: Array) -> Change:
        """Return the changes of ln f and its derivatives from `start` to `start + delta`."""

    @abstractmethod
    def log_ratio(self, start: Array, delta: Array, *, density: bool) -> Array:
        """Return the change of ln f, or else of ln S, from `start` to `start + delta`."""

    @abstractmethod
    def surroundings(self, y: Array, *, density: bool) -> Surroundings:
        """Return what limits a panel for f, or else for S, that begins at y."""

    @abstractmethod
    def mode(self) -> Values:
        """Return the time at which f is highest."""

    def smoothness(self) -> Values:
        """Return the angle of complex singularities of the density over ln y, in units of pi/2."""
        return 1.0

    @abstractmethod
    def age_of(self, hazard: Array) -> Array:
        """Return the time y with -ln S(y) = hazard."""

    @abstractmethod
    def _log_growth(self, y: Array) -> Array:
        """Return ln(R(y) / beta)."""

    @abstractmethod
    def _lost(self, y: Array) -> Array:
        """Return 1 / beta - 1 / R(y)."""

    @abstractmethod
    def _rho(self, y: Array) -> Array:
        """Return 1 / R(y)."""


@dataclass(frozen=True)
class Pareto(Lifetime):
    """Exponential lifetimes with rates mu ~ Gamma(s, rate beta)."""

    def log_hazard(self, y: Array) -> Array:
        """Return ln(s / R)."""
        return np.asarray(np.log(self.s / (self.beta + y)))

    def change(self, start: Array, delta: Array) -> Change:
        """Return the changes of ln f and its derivatives from `start` to `start + delta`."""
        s, first = self.s + 1.0, self._rho(start)
        growth, rho = np.log1p(delta * first), self._rho(start + delta)
        lost = delta * first * rho
        gradient = (-growth, s * lost)
        return Change(-s * growth, gradient, {(0, 1): lost, (1, 1): -gradient[1] * (first + rho)})

    def log_ratio(self, start: Array, delta: Array, *, density: bool) -> Array:
        """Return the change of ln f, or else of ln S, from `start` to `start + delta`."""
        return -(self.s + density) * np.log1p(delta / (self.beta + start))

    def surroundings(self, y: Array, *, density: bool) -> Surroundings:
        """Return what limits a panel that begins at y: the pole at -beta."""
        distance = self.beta + y
        return Surroundings(
            distance, np.full_like(distance, LONGEST), (self.s + density) / distance
        )

    def mode(self) -> Values:
        """Return 0: f falls."""
        return 0.0

    def age_of(self, hazard: Array) -> Array:
        """Return the time y with -ln S(y) = hazard."""
        with np.errstate(over="ignore"):
            return np.asarray(self.beta * np.expm1(hazard / self.s))

    def _log_growth(self, y: Array) -> Array:
        return np.log1p(y / self.beta)

    def _lost(self, y: Array) -> Array:
        return np.asarray(y / (self.beta * (self.beta + y)))

    def _rho(self, y: Array) -> Array:
        return np.asarray(1.0 / (self.beta + y))


@dataclass(frozen=True)
class GammaGompertz(Lifetime):
    """Gompertz lifetimes of ageing b with levels ~ Gamma(s, rate beta) (Bemmaor and Glady 2012).

    R = e^(b y) Q with Q(y) = 1 + (beta - 1) e^(-b y), which stays between beta and 1.
    """

    b: Values

    # The parameters of the gradient are b, s, beta.

    def log_hazard(self, y: Array) -> Array:
        """Return ln(b s / Q)."""
        return np.asarray(np.log(self.s * (self.b / self._q(y))))

    def gradient(self, y: Array, *, density: bool) -> Gradient:
        """Return the derivatives of ln f(y), or else of ln S(y), in b, s, beta."""
        ageing = -(self.s + density) * (y / self._q(y))
        if density:
            ageing = ageing + y + 1.0 / self.b
        return (ageing, *super().gradient(y, density=density))

    def hessian(self, y: Array, *, density: bool) -> Hessian:
        """Return the second derivatives of ln f(y), or else of ln S(y)."""
        power, grown, rho = self.s + density, y / self._q(y), self._rho(y)
        shared = super().hessian(y, density=density)
        second = {(i + 1, j + 1): value for (i, j), value in shared.items()}
        bend = -power * (self.beta - 1.0) * y * grown * rho
        second[0, 0] = bend - 1.0 / (self.b * self.b) if density else bend
        second[0, 1] = -grown
        second[0, 2] = power * grown * rho
        return second

    def change(self, start: Array, delta: Array) -> Change:
        """Return the changes of ln f and its derivatives from `start` to `start + delta`."""
        step = self._step(start, delta)
        power, bend = self.s + 1.0, self.beta - 1.0
        first, y = self._rho(start), start + delta
        rho, lost = first * step.shrinkage, first * step.loss
        before, after = start / step.q, y * step.weight
        gradient = (delta - power * (after - before), -step.growth, power * lost)
        hessian = {
            (0, 0): power * bend * (start * before * first - y * after * rho),
            (0, 1): before - after,
            (0, 2): power * (after * rho - before * first),
            (1, 2): lost,
            (2, 2): -gradient[2] * (first + rho),
        }
        return Change(step.log_density(self.s), gradient, hessian)

    def log_ratio(self, start: Array, delta: Array, *, density: bool) -> Array:
        """Return the change of ln f, or else of ln S, from `start` to `start + delta`."""
        step = self._step(start, delta)
        return step.log_density(self.s) if density else -self.s * step.growth

    def surroundings(self, y: Array, *, density: bool) -> Surroundings:
        """Return what limits a panel that begins at y.

        The singularities solve e^(b y) = 1 - beta. Below beta = 1 the nearest one is real. Above,
        a pair is at b y = ln(beta - 1) +- i pi; but f bends before that, at b y lower by ln(1 + s).
        """
        b, w = self.b, 1.0 / self._q(y)
        complex_pair = np.greater(self.beta, 1.0)
        low = np.log1p(-np.minimum(self.beta, _BELOW_ONE))
        pole = np.where(complex_pair, np.log(np.maximum(self.beta - 1.0, 1e-17)), low) / b
        knee = pole - np.log1p(self.s) / b
        near = np.maximum(np.maximum(KINK / b, y - pole), 0.5 * (knee - y))
        clear = ~complex_pair | (y - pole >= KINK / b)
        # Past the real singularity w falls to 1; with a complex pair it rises to 1.
        steepest = np.where(complex_pair, np.minimum(1.0, 4.0 * w), w)
        return Surroundings(
            np.where(complex_pair, near, y - pole),
            np.where(clear, LONGEST, math.log(2.0)),
            np.abs((self.s + density) * steepest - density) * b,
        )

    def mode(self) -> Values:
        """Return the time at which f is highest: b y = ln((beta - 1) / s), or 0."""
        return np.asarray(np.log(np.maximum((self.beta - 1.0) / self.s, 1.0)) / self.b)

    def smoothness(self) -> Values:
        """Return the angle of complex singularities of the density over ln y, in units of pi/2."""
        pole = np.log(np.maximum(self.beta - 1.0, 1.0))  # times b
        return np.asarray(np.minimum(1.0, 2.0 / np.maximum(pole, 1.0)))

    def age_of(self, hazard: Array) -> Array:
        """Return the time y with -ln S(y) = hazard."""
        growth = hazard / self.s
        small = np.log1p(self.beta * np.expm1(np.minimum(growth, _LARGE)))
        return np.asarray((small + np.maximum(growth - _LARGE, 0.0)) / self.b)

    def _step(self, start: Array, delta: Array) -> _Step:
        """Return how R, rho and 1 / Q change over a time, without cancellation."""
        q, bd = self._q(start), self.b * delta
        ahead = q > 1.0  # then measure R itself, else Q: the one that 1 + c e gives by adding
        e = np.expm1(np.where(ahead, np.minimum(bd, _LARGE), -bd))
        c = np.where(ahead, 1.0 / q, 1.0 - 1.0 / q)
        return _Step(q, bd, ahead, e, c * e)

    def _q(self, y: Array) -> Array:
        return np.asarray(self.beta * np.exp(-self.b * y) - np.expm1(-self.b * y))

    def _log_growth(self, y: Array) -> Array:
        by = self.b * y
        return np.log1p(np.expm1(np.minimum(by, _LARGE)) / self.beta) + np.maximum(by - _LARGE, 0.0)

    def _lost(self, y: Array) -> Array:
        return np.asarray(-np.expm1(-self.b * y) / (self._q(y) * self.beta))

    def _rho(self, y: Array) -> Array:
        return np.asarray(np.exp(-self.b * y) / self._q(y))


@dataclass(frozen=True)
class _Step:
    """The change of R and Q over a time delta; `more` is R'/R - 1 if `ahead`, else Q'/Q - 1.

    With e = e^(b delta) - 1 if `ahead`, else e^(-b delta) - 1, both are above zero.
    """

    q: Array
    bd: Array
    ahead: NDArray[np.bool_]
    e: Array
    more: Array

    @cached_property
    def gained(self) -> Array:
        """ln(R' / R) if `ahead`, else ln(Q' / Q)."""
        beyond = np.where(self.ahead, np.maximum(self.bd - _LARGE, 0.0), 0.0)
        return np.asarray(np.log1p(self.more) + beyond)

    @property
    def growth(self) -> Array:
        """ln(R' / R)."""
        return self.gained + np.where(self.ahead, 0.0, self.bd)

    def log_density(self, s: Values) -> Array:
        """Return the change of ln f, b delta - (s + 1) ln(R' / R); small s cost no digits."""
        return np.asarray(np.where(self.ahead, 1.0, -s) * self.bd - (s + 1.0) * self.gained)

    @property
    def shrinkage(self) -> Array:
        """R / R'."""
        return (1.0 + np.where(self.ahead, 0.0, self.e)) / (1.0 + self.more)

    @property
    def loss(self) -> Array:
        """1 - R / R'."""
        return np.abs(self.e) / ((1.0 + self.more) * self.q)

    @property
    def weight(self) -> Array:
        """1 / Q'."""
        return (1.0 + np.where(self.ahead, self.e, 0.0)) / ((1.0 + self.more) * self.q)
