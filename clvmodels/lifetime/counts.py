"""How many purchases new customers make in a time t, and simulated histories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.lifetime.lifetimes import Lifetime, Values, as_column, some_rows
from clvmodels.lifetime.likelihood import History, log_likelihood
from clvmodels.lifetime.panels import BLOCK, DEPTH, NODES, WEIGHTS, bisected

__all__ = ["count_probability", "draw"]

Array: TypeAlias = NDArray[np.float64]

_PANEL: Final = 1.5  # length of a panel in ln y: the integrand is analytic to +-pi/2 there
_FEWEST: Final = 4  # panels; over them the logarithm of the integrand changes by 2 DEPTH
_FAR: Final = 60.0  # nats below all scales, where at least y^2 has fallen below e^-DEPTH


def count_probability(n: Array, t: Array, r: Values, alpha: Values, lifetime: Lifetime) -> Array:
    """Return P(X(t) = n) of new customers, shape (m,): alive at t, or left at a time before.

    Parameters
    ----------
    n, t
        Whole numbers and times, shape (m,).
    r, alpha
        Purchase rates are Gamma(r, rate alpha); numbers or shape (m,).
    lifetime
        With parameters that are numbers or of shape (m,).
    """
    result = np.where(n > 0.0, 0.0, 1.0)
    none = np.zeros_like(t)
    some = np.flatnonzero((n > 0.0) & (t > 0.0))
    idle = np.flatnonzero((n == 0.0) & (t > 0.0))
    counts = _Counts(n, t, r, alpha, lifetime)
    silent = counts.take(idle)
    history = History(none[idle], none[idle], t[idle], silent.r, silent.alpha)
    result[idle] = np.exp(log_likelihood(history, silent.lifetime))
    for i in range(0, len(some), BLOCK):
        rows = some[i : i + BLOCK]
        result[rows] = counts.take(rows).probability()
    return result


@dataclass(frozen=True)
class _Counts:
    """Counts above zero and times with the parameters of their customers, a row each."""

    n: Array
    t: Array
    r: Values
    alpha: Values
    lifetime: Lifetime

    def take(self, rows: NDArray[np.intp]) -> _Counts:
        r, alpha = some_rows(self.r, rows), some_rows(self.alpha, rows)
        return _Counts(self.n[rows], self.t[rows], r, alpha, self.lifetime.take(rows))

    def columns(self) -> _Counts:
        r, alpha = as_column(self.r), as_column(self.alpha)
        return _Counts(self.n[:, None], self.t[:, None], r, alpha, self.lifetime.columns())

    def probability(self) -> Array:
        ways = -np.log(self.r + self.n) - special.betaln(self.r, self.n + 1.0)
        alive = self.log_count(self.t) + self.lifetime.log_survival(self.t)
        return np.asarray(np.exp(ways + alive) + np.exp(ways) * self._left())

    def log_count(self, y: Array) -> Array:
        """Return the log-probability of n purchases by y, if alive, but for the binomial factor."""
        with np.errstate(over="ignore"):  # alpha / y for y far below any scale: log 0
            bought = -self.n * np.log1p(self.alpha / y)
        return np.asarray(bought - self.r * np.log1p(y / self.alpha))

    def log_left(self, z: Array) -> Array:
        """Return the log-density of n purchases before leaving at y = e^z, over dz."""
        y = np.exp(z)
        left = self.lifetime.log_hazard(y) + self.lifetime.log_survival(y)
        return self.log_count(y) + left + z

    def _left(self) -> Array:
        """Integrate over the time of leaving."""
        low, high = self._window()
        longest = _PANEL * self.lifetime.smoothness() + 0.0 * self.t
        panels = np.maximum(np.ceil((high - low) / longest), _FEWEST).astype(np.intp)
        first = np.cumsum(panels) - panels
        row = np.repeat(np.arange(len(panels)), panels)
        length = ((high - low) / panels)[row]
        index = np.arange(len(row)) - first[row]
        z = low[row, None] + length[:, None] * (index[:, None] + 0.5 * (1.0 + NODES))
        values = np.exp(self.take(row).columns().log_left(z)) @ WEIGHTS
        return np.asarray(np.add.reduceat(0.5 * length * values, first))

    def _window(self) -> tuple[Array, Array]:
        """Return the range of z outside which the integrand is nothing."""
        last = np.log(self.t)
        far = np.minimum(last, np.log(self.alpha)) - _FAR
        top = bisected(lambda z: self.log_left(z + 1e-4) > self.log_left(z), far, last)
        # A density of leaving that rises does so by beta at most, after a first peak.
        depth = DEPTH + np.log(np.maximum(self.lifetime.beta, 1.0))
        floor = self.log_left(top) - depth
        low = bisected(lambda z: self.log_left(z) < floor, far, top)
        high = bisected(lambda z: self.log_left(z) > floor, top, last)
        return low, high


def draw(
    ages: Array, r: Values, alpha: Values, lifetime: Lifetime, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Simulate frequency and recency, shape (n,), of customers observed for `ages`.

    Given that there are x purchases in a time, the last is at that time times the largest of x
    uniform numbers, U^(1/x).
    """
    size = len(ages)
    rate = rng.gamma(r, 1.0 / np.asarray(alpha), size=size)
    active = np.minimum(lifetime.age_of(rng.standard_exponential(size)), ages)
    x = rng.poisson(rate * active).astype(np.float64)
    latest = (1.0 - rng.random(size)) ** (1.0 / np.maximum(x, 1.0))
    return x, np.where(x > 0.0, active * latest, 0.0)
