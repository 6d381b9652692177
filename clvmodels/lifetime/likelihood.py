"""Likelihood of customers who buy at a gamma rate until a lifetime ends, with two derivatives.

A history (x, t_x, T) has two causes: the customer is alive at T, or left at a time y in (t_x, T).
With k = r + x, f and S as in the papers, everything is relative to the last purchase:

    L = G(k)/G(r) alpha^r (alpha+t_x)^-k S(t_x) { S(T)/S(t_x) ((alpha+T)/(alpha+t_x))^-k
        + int_{t_x}^T f(y)/S(t_x) ((alpha+y)/(alpha+t_x))^-k dy }

The nodes of the integral are times of leaving with their probabilities. The gradient of ln L is the
mean over the causes of the gradients of their log-probabilities; the Hessian is the mean of their
Hessians and the covariance of their gradients. Both are taken as changes since t_x, which do not
cancel where all probability is close to t_x.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.lifetime.lifetimes import Gradient, Hessian, Lifetime, Values
from clvmodels.lifetime.panels import Integrand, by_block, integrate, lay_panels
from clvmodels.objective import Derivatives
from clvmodels.special import digamma_rising, log_rising, trigamma_rising

__all__ = ["History", "derivatives", "log_likelihood", "log_odds_left"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """Frequency, recency and age of n customers, with the parameters of their purchase rates.

    Attributes
    ----------
    x, t_x, T : Array
        Shape (n,).
    r, alpha : float or Array
        Purchase rates are Gamma(r, rate alpha).
    """

    x: Array
    t_x: Array
    T: Array
    r: Values
    alpha: Values

    @property
    def k(self) -> Array:
        """The shape of the purchase rate given the history."""
        return self.r + self.x

    @property
    def silence(self) -> Array:
        """Time since the last purchase."""
        return self.T - self.t_x

    def integrand(self, lifetime: Lifetime) -> Integrand:
        """Return the density of leaving, with no purchase since the last one."""
        return Integrand(lifetime, True, self.t_x, self.k, self.alpha)

    def log_silent(self) -> Array:
        """Return the log-probability of no purchase since the last one, if alive."""
        return -self.k * np.log1p(self.silence / (self.alpha + self.t_x))


def log_likelihood(history: History, lifetime: Lifetime) -> Array:
    """Return the log-likelihood of each row, shape (n,)."""
    alive, left = _log_causes(history, lifetime)
    return _log_bought(history, lifetime) + np.logaddexp(alive, left)


def log_odds_left(history: History, lifetime: Lifetime) -> Array:
    """Return the log odds of having left by T, shape (n,); -inf where T = t_x."""
    alive, left = _log_causes(history, lifetime)
    return left - alive


def _log_causes(history: History, lifetime: Lifetime) -> tuple[Array, Array]:
    mass = integrate(history.integrand(lifetime), history.silence)
    return _log_alive(history, lifetime), _log_left(history, lifetime, mass)


def _log_alive(history: History, lifetime: Lifetime) -> Array:
    stayed = lifetime.log_ratio(history.t_x, history.silence, density=False)
    return np.asarray(stayed + history.log_silent())


def _log_left(history: History, lifetime: Lifetime, mass: Array) -> Array:
    log_mass = np.log(mass, out=np.full_like(mass, -np.inf), where=mass > 0.0)
    return np.asarray(lifetime.log_hazard(history.t_x) + log_mass)


def _log_bought(history: History, lifetime: Lifetime) -> Array:
    """Return the log-density of the purchases and of being alive, up to the last one."""
    x, t_x, alpha = history.x, history.t_x, history.alpha
    shape = log_rising(history.r, x) - history.r * np.log1p(t_x / alpha)
    return np.asarray(shape - x * np.log(alpha + t_x) + lifetime.log_survival(t_x))


# --- derivatives: r and alpha come first, then the parameters of the lifetime -----------------


@dataclass(frozen=True)
class _Cause:
    """Log-probability of a cause and its derivatives in all parameters."""

    value: Array
    gradient: Gradient
    hessian: Hessian


def derivatives(history: History, lifetime: Lifetime) -> Derivatives:
    """Return the log-likelihood of each row with gradient and Hessian in r, alpha, and lifetime."""
    alive, left = _alive(history, lifetime), _left(history, lifetime)
    gone = special.expit(left.value - alive.value)
    both = special.expit(alive.value - left.value) * gone
    bought = _bought(history, lifetime)
    size = len(alive.gradient)
    apart = [b - a for a, b in zip(alive.gradient, left.gradient, strict=True)]
    gradient = [a + gone * d for a, d in zip(alive.gradient, apart, strict=True)]
    hessian: Hessian = {}
    for i in range(size):
        weighted = both * apart[i]
        for j in range(i, size):
            first, second = alive.hessian.get((i, j), 0.0), left.hessian[i, j]
            hessian[i, j] = first + gone * (second - first) + weighted * apart[j]
    for i, first in enumerate(bought.gradient):
        gradient[i] = gradient[i] + first
    for at, second in bought.hessian.items():
        hessian[at] = hessian[at] + second
    value = bought.value + np.logaddexp(alive.value, left.value)
    return Derivatives(value, tuple(gradient), hessian)


def _bought(history: History, lifetime: Lifetime) -> _Cause:
    """Differentiate the log-density of the purchases in r and alpha.

    Survival to the last one is in the gradients of the two causes, which begin at time 0.
    """
    x, t_x, r, alpha = history.x, history.t_x, history.r, history.alpha
    last = alpha + t_x
    aged = t_x / (alpha * last)
    gradient = (digamma_rising(r, x) - np.log1p(t_x / alpha), r * aged - x / last)
    bend = x / (last * last) - r * aged * (1.0 / alpha + 1.0 / last)
    hessian = {(0, 0): trigamma_rising(r, x), (0, 1): aged, (1, 1): bend}
    return _Cause(_log_bought(history, lifetime), gradient, hessian)


def _shifted(hessian: Hessian) -> Hessian:
    """Return a Hessian of lifetime parameters, numbered behind r and alpha."""
    return {(i + 2, j + 2): value for (i, j), value in hessian.items()}


def _alive(history: History, lifetime: Lifetime) -> _Cause:
    k, last, end = history.k, history.alpha + history.t_x, history.alpha + history.T
    gap = history.silence / (last * end)
    hessian = {(0, 1): gap, (1, 1): -k * gap * (1.0 / last + 1.0 / end)}
    hessian |= _shifted(lifetime.hessian(history.T, density=False))
    of_lifetime = lifetime.gradient(history.T, density=False)
    gradient = (-np.log1p(history.silence / last), k * gap, *of_lifetime)
    return _Cause(_log_alive(history, lifetime), gradient, hessian)


def _left(history: History, lifetime: Lifetime) -> _Cause:
    """Differentiate the logarithm of the integral over the time of leaving."""
    first = lifetime.gradient(history.t_x, density=True)
    size = 2 + len(first)
    pairs = [(i, j) for i in range(size) for j in range(i, size)]
    sums = by_block(partial(_moments, pairs), history.integrand(lifetime), history.silence)
    mass = sums[0]
    moments = sums[1:] / np.where(mass > 0.0, mass, 1.0)
    means = moments[:size]
    bends = zip(pairs, moments[size:], strict=True)
    hessian = {(i, j): bend - means[i] * means[j] for (i, j), bend in bends}
    for at, second in _shifted(lifetime.hessian(history.t_x, density=True)).items():
        hessian[at] = hessian[at] + second
    gradient = (means[0], means[1], *(m + g for m, g in zip(means[2:], first, strict=True)))
    return _Cause(_log_left(history, lifetime, mass), gradient, hessian)


def _moments(pairs: list[tuple[int, int]], integrand: Integrand, span: Array) -> Array:
    """Integrate 1, the gradient g of the log-integrand, and g g' + its Hessian, shape (., n)."""
    panels = lay_panels(integrand, span)
    delta, weight = panels.nodes()
    at = integrand.take(panels.row).columns()
    change = at.lifetime.change(at.start, delta)
    last = at.alpha + at.start
    late = last + delta
    gap = delta / (last * late)
    silence = np.log1p(delta / last)
    weight *= np.exp(change.log_density - at.k * silence)
    gradient = (-silence, at.k * gap, *change.gradient)
    hessian = {(0, 1): gap, (1, 1): -at.k * gap * (1.0 / last + 1.0 / late)}
    hessian |= _shifted(change.hessian)
    weighted = [weight * g for g in gradient]
    sums = [weight.sum(axis=1), *(each.sum(axis=1) for each in weighted)]
    for i, j in pairs:
        total = np.einsum("pn,pn->p", weighted[i], gradient[j])
        if (i, j) in hessian:
            total += np.einsum("pn,pn->p", weight, hessian[i, j])
        sums.append(total)
    return panels.sums(np.stack(sums))
