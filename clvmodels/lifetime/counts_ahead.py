"""How many purchases are ahead of a customer who buys at a gamma rate until a lifetime ends.

A customer who is alive at T buys at a rate lambda ~ Gamma(k, rate A), and is still there after a
time y with probability S(T+y) / S(T). Shapes: all arrays are (n,), one row a customer and a number
of purchases.

Both integrals here are over a time y, of a power of y times factors that panels resolve: of few
purchases over the whole time, of many where the integrand is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.lifetime.lifetimes import Lifetime
from clvmodels.lifetime.panels import STEEPEST, Panels, bisected
from clvmodels.special import Index
from clvmodels.special.discounts import Discounts, scattered

__all__ = ["Ahead", "discounts", "log_count", "tail"]

Array: TypeAlias = NDArray[np.float64]

_ROWS: Final = 1 << 11  # rows whose nodes stay in the processor's cache
_POWER: Final = 6.0  # powers of y up to which a panel over all of it loses no digit
_DEPTH: Final = 34.0  # nats below its maximum at which an integrand is left out: e^-34 = 2e-15
_PARTS: Final = 5.0  # of the range of ln(A + y) where a peaked integrand is, a panel each
_FAR: Final = 60.0  # nats below all scales
_SHORTEST: Final = 1e-15  # a time, in units of A, that is none


@dataclass(frozen=True)
class Ahead:
    """Customers who are alive, with numbers of purchases in a time t.

    Attributes
    ----------
    n, t : Array
        Whole numbers, times.
    k, rate : Array
        lambda ~ Gamma(shape k, rate `rate`).
    lifetime : Lifetime
    T : Array
        The ages.
    """

    n: Array
    t: Array
    k: Array
    rate: Array
    lifetime: Lifetime
    T: Array

    def take(self, rows: Index | slice) -> Ahead:
        """Return some rows."""
        n, t, k, rate, T = (each[rows] for each in (self.n, self.t, self.k, self.rate, self.T))
        return Ahead(n, t, k, rate, self.lifetime.take(rows), T)

    def columns(self) -> Ahead:
        """Return the rows as columns, shape (n, 1)."""
        n, t, k, rate, T = (e[:, None] for e in (self.n, self.t, self.k, self.rate, self.T))
        return Ahead(n, t, k, rate, self.lifetime.columns(), T)

    def log_count(self, y: Array, power: Array) -> Array:
        """Return (y / rate)^power (1 + y / rate)^-(n + k), its logarithm."""
        share = y / self.rate
        return special.xlogy(power, share) - (self.n + self.k) * np.log1p(share)

    def log_value(self, y: Array, *, density: bool) -> Array:
        """Return the log-density at y of leaving after n purchases, or of buying the n-th time."""
        life = self.lifetime.log_ratio(self.T, y, density=density)
        return self.log_count(y, self.n if density else self.n - 1.0) + life


def tail(ahead: Ahead) -> Array:
    """Return P(at least n purchases in a time t), given alive at its start.

    The integral over (0, t) of the density of the n-th purchase, if nobody left, times the chance
    to be there still: no term is below zero, so that the smallest tails keep their digits.

    Examples
    --------
    >>> from clvmodels.lifetime import Pareto
    >>> one, n = np.ones(3), np.arange(3.0)
    >>> tail(Ahead(n, one, one, one, Pareto(1.0, 1.0), 0.0 * one)).round(12).tolist()
    [1.0, 0.375, 0.166666666667]
    """
    result = np.where(ahead.n > 0.0, 0.0, 1.0)
    some = np.flatnonzero((ahead.n > 0.0) & (ahead.t > 0.0))
    for start in range(0, len(some), _ROWS):
        rows = some[start : start + _ROWS]
        result[rows] = _tail(ahead.take(rows))
    return result


def _tail(ahead: Ahead) -> Array:
    panels = _lay(ahead, density=False)
    y, weight = panels.nodes()
    logs = ahead.take(panels.row).columns().log_value(y, density=False)
    whole = np.log(ahead.rate) + special.betaln(ahead.n, ahead.k)
    values = weight * np.exp(logs - whole[panels.row, None])
    return panels.sums(values.sum(axis=1))


def log_count(ahead: Ahead) -> Array:
    """Return ln P(n purchases in a time t), given alive at its start.

    Of leaving at any time after n purchases, or being there still: no term is below zero.

    Examples
    --------
    >>> from clvmodels.lifetime import Pareto
    >>> one, n = np.ones(3), np.arange(3.0)
    >>> found = log_count(Ahead(n, one, one, one, Pareto(1.0, 1.0), 0.0 * one))
    >>> np.exp(found).round(12).tolist()
    [0.625, 0.208333333333, 0.088541666667]
    """
    result = np.where(ahead.n > 0.0, -np.inf, 0.0)
    some = np.flatnonzero(ahead.t > 0.0)
    for start in range(0, len(some), _ROWS):
        rows = some[start : start + _ROWS]
        ways = special.betaln(ahead.k[rows], ahead.n[rows] + 1.0)
        ways = ways + np.log(ahead.k[rows] + ahead.n[rows])
        result[rows] = _Ends.of(ahead.take(rows)).log_whole - ways
    return result


def discounts(ahead: Ahead, discount: float) -> Discounts:
    """Return the moments of the discounts of n >= 1 purchases in (0, t), if there are that many.

    They are evenly over (0, t), or over the time until the customer left.

    Parameters
    ----------
    ahead
        m rows.
    discount
        Continuous discount rate per unit of time.

    Examples
    --------
    >>> from clvmodels.lifetime import Pareto
    >>> one = np.ones(1)
    >>> ahead = Ahead(2.0 * one, one, one, one, Pareto(1.0, 1.0), 0.0 * one)
    >>> discounts(ahead, 0.0).total.tolist()
    [2.0]
    """
    if discount == 0.0:
        return Discounts(ahead.n + 0.0, ahead.n + 0.0, ahead.n * ahead.n)
    some = replace(ahead, t=np.maximum(ahead.t, _SHORTEST * ahead.rate))
    return Discounts.joined(
        [
            _discounts(some.take(slice(i, i + _ROWS)), discount)
            for i in range(0, max(len(ahead.n), 1), _ROWS)
        ]
    )


def _discounts(ahead: Ahead, discount: float) -> Discounts:
    """Average over the time of leaving, and being there still."""
    ends = _Ends.of(ahead)
    gone = scattered(ahead.n[ends.panels.row, None], ends.y, discount).averaged(ends.left)
    alive = scattered(ahead.n, ahead.t, discount)
    return Discounts(
        *(
            (ends.panels.sums(each) + ends.stayed * own) / ends.whole
            for each, own in zip(gone.parts, alive.parts, strict=True)
        )
    )


@dataclass(frozen=True)
class _Ends:
    """How n purchases come about: leaving after them at y, or being there still.

    Attributes
    ----------
    panels : Panels
        Of the rows.
    y, left : Array
        Times and weights of leaving, (panels, nodes), as shares of e^top.
    stayed, top : Array
        Weight of being there still, and the logarithm of the unit of weights, (n,).
    """

    panels: Panels
    y: Array
    left: Array
    stayed: Array
    top: Array

    @classmethod
    def of(cls, ahead: Ahead) -> _Ends:
        panels = _lay(ahead, density=True)
        y, weight = panels.nodes()
        leaving = ahead.take(panels.row).columns()
        hazard = ahead.lifetime.log_hazard(ahead.T)
        logs = leaving.log_value(y, density=True) + hazard[panels.row, None] + np.log(weight)
        there = ahead.log_value(ahead.t, density=False) + np.log(ahead.t / ahead.rate)
        top = np.maximum(panels.highest(logs.max(axis=1)), there)
        return cls(panels, y, np.exp(logs - top[panels.row, None]), np.exp(there - top), top)

    @property
    def whole(self) -> Array:
        """Sum of the weights, (n,)."""
        return self.panels.sums(self.left.sum(axis=1)) + self.stayed

    @property
    def log_whole(self) -> Array:
        """Logarithm of that, (n,), not yet times the number of ways."""
        return self.top + np.log(self.whole)


# --- panels -------------------------------------------------------------------------------------


def _lay(ahead: Ahead, *, density: bool) -> Panels:
    """Lay panels where the integrand matters."""
    low, high, most = _range(ahead, density=density)
    rows, at = np.arange(len(low)), low
    laid: list[tuple[Index, Array, Array, Array]] = []
    while len(rows):
        start = ahead.T + at
        around = ahead.lifetime.surroundings(start, density=density)
        scale = np.minimum(around.distance, ahead.rate + at)
        steep = np.log1p(STEEPEST / np.maximum(around.slope * scale, 1e-3))
        reach = np.log1p(around.distance / scale * np.expm1(around.longest))
        whole = np.log1p(np.minimum(high - at, (ahead.rate + at) * np.expm1(most)) / scale)
        length = np.minimum(np.minimum(steep, reach), np.minimum(whole, 2.0))
        laid.append((rows, at, scale, length))
        end = at + scale * np.expm1(length)
        go = np.flatnonzero(high - end > 1e-9 * (high - low))
        rows, at, ahead = rows[go], end[go], ahead.take(go)
        low, high, most = low[go], high[go], most[go]
    joined = [np.concatenate(parts) for parts in zip(*laid, strict=True)]
    order = np.argsort(joined[0], kind="stable")
    return Panels(*(column[order] for column in joined))


def _range(ahead: Ahead, *, density: bool) -> tuple[Array, Array, Array]:
    """Return where the integrand begins and ends to matter, and the longest panel in nats."""
    low, high, most = np.zeros_like(ahead.t), ahead.t.copy(), np.full_like(ahead.t, 2.0)
    fall = (ahead.k + 1.0) * np.log1p(ahead.t / ahead.rate)
    fall = fall - ahead.lifetime.log_ratio(ahead.T, ahead.t, density=False)
    hard = np.flatnonzero((fall > STEEPEST) | (ahead.n > _POWER))
    if len(hard):
        begin, end = _where_it_matters(ahead.take(hard), density=density)
        low[hard] = np.where(ahead.n[hard] > _POWER, begin, 0.0)
        high[hard] = end
        most[hard] = np.log1p((end - low[hard]) / (ahead.rate[hard] + low[hard])) / _PARTS
    return low, high, most


def _where_it_matters(ahead: Ahead, *, density: bool) -> tuple[Array, Array]:
    """Return the range of y outside which the integrand is nothing.

    Over ln y it has one peak; but that of leaving may have two where the hazard rises. It rises by
    a factor of beta at most, so what is below the first peak by more than that stays there.
    """

    def log_value(z: Array) -> Array:
        return ahead.log_value(np.exp(z), density=density) + z

    last = np.log(ahead.t)
    far = np.minimum(last, np.log(ahead.rate)) - _FAR
    top = bisected(lambda z: log_value(z + 1e-4) > log_value(z), far, last)
    depth = _DEPTH + (np.log(np.maximum(ahead.lifetime.beta, 1.0)) if density else 0.0)
    floor = log_value(top) - depth
    low = bisected(lambda z: log_value(z) < floor, far, top)
    high = bisected(lambda z: log_value(z) > floor, top, last)
    return np.exp(low), np.exp(high)
