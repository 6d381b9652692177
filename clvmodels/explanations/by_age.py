"""What is expected of a customer of whom only the age is known.

E[discounted purchases in (T, T+h]] of a customer who first bought at 0 is the difference of two
values of F(t), the purchases up to t, each discounted to the first one. F comes from the model: in
closed form without a discount, else as a sum over panels of time between all ages that are asked
for, or over periods. Sums run from the end where discounting makes the end small, so that a
difference keeps its digits.
"""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.purchases import ContinuousModel, OpportunityModel, PurchaseModel
from clvmodels.special import interpolate_smooth

__all__ = ["ahead_at_ages", "purchases_by_age"]

Array: TypeAlias = NDArray[np.float64]

_GAUSS: Final = np.polynomial.legendre.leggauss(10)
_RATIO: Final = 1.1  # of the ends of a panel: rates of purchases are smooth over so much
_SHORTEST: Final = 1e-6  # first panel, as a share of the longest time
_DEPTH: Final = 42.0  # discounting below e^-42 = 6e-19 does not matter
_PANEL: Final = 0.1  # in ln(T + shift): ages between which interpolation is good to 1e-12
_SHIFT: Final = 1e-3  # of the longest age
_NODES: Final = 9


def ahead_at_ages(
    model: PurchasePredictions, newcomer: Customers, ages: Array, horizon: float, rate: float
) -> Array:
    """Return expected discounted purchases after each age of a customer, alive or not, shape (n,).

    Parameters
    ----------
    model
        A purchase model.
    newcomer
        One row: a customer who has just come, with the covariates of the model.
    ages
        Shape (n,), in the customer's unit: zero or more.
    horizon
        Length of the future from each age on; may be infinite where the sum has an end.
    rate
        Continuous discount rate per unit.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> from clvmodels.models.purchases import newcomers
    >>> model, ages = BGNBD(0.243, 4.414, 0.793, 2.426), np.array([0.0, 39.0])
    >>> ahead_at_ages(model, newcomers(1, "week"), ages, 39.0, 0.0).round(4).tolist()
    [1.1967, 0.6638]
    """
    own = model.rows(newcomer)
    there = float(model.p_alive(newcomer)[0])
    times = own.whole_periods(ages)
    end = float(own.whole_periods(np.array(horizon)))
    if end == 0.0 or not len(times):
        return np.zeros(len(times))

    def ahead(some: Array) -> Array:
        return there * _ahead(own, newcomer, some, end, rate)

    levels, code = np.unique(times, return_inverse=True)
    if isinstance(own, OpportunityModel) or rate == 0.0:
        return ahead(levels)[code]
    shift = _SHIFT * (float(levels[-1]) or 1.0)
    spread = interpolate_smooth(
        lambda s: ahead(np.maximum(s - shift, 0.0)), levels + shift, panel=_PANEL, nodes=_NODES
    )
    return np.asarray(spread[code])


def purchases_by_age(model: PurchasePredictions, newcomer: Customers, ages: Array) -> Array:
    """Return E[X(T)], the purchases that a customer is expected to have made by each age, (n,).

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> from clvmodels.models.purchases import newcomers
    >>> model = BGNBD(0.243, 4.414, 0.793, 2.426)
    >>> purchases_by_age(model, newcomers(1), np.array([52.0])).round(4).tolist()
    [1.4461]
    """
    levels, code = np.unique(ages, return_inverse=True)
    rows = np.zeros(len(levels), dtype=np.intp)
    return np.asarray(model.expected_purchases(newcomer.take(rows), levels)[code])


def _ahead(
    own: PurchaseModel, newcomer: Customers, ages: Array, horizon: float, rate: float
) -> Array:
    """Return what is ahead at sorted ages of a newcomer who has not left at once."""
    many = np.zeros(len(ages), dtype=np.intp)
    if rate == 0.0:
        model, c = own.take(many), newcomer.take(many)
        if math.isinf(horizon):
            later = model.purchases_without_end(c)
        else:
            later = model.purchases_if_alive(c, ages + horizon)
        return np.maximum(later - model.purchases_if_alive(c, ages), 0.0)
    if isinstance(own, OpportunityModel):
        return _ahead_in_periods(own, newcomer, ages, horizon, rate)
    assert isinstance(own, ContinuousModel)
    end = min(horizon, _DEPTH / rate) if rate > 0.0 else horizon
    points = np.concatenate([ages, ages + end])
    longest = float(points.max())
    grid = longest * np.exp(np.arange(math.log(_SHORTEST), 0.0, math.log(_RATIO)))
    edges = np.unique(np.concatenate([[0.0], grid, points]))
    lengths = np.diff(edges)
    s = edges[:-1, None] + lengths[:, None] * 0.5 * (1.0 + _GAUSS[0])
    rows = np.zeros(s.size, dtype=np.intp)
    rates = own.take(rows).rate_if_alive(newcomer.take(rows), s.ravel())
    parts = 0.5 * lengths * ((rates.reshape(s.shape) * np.exp(-rate * s)) @ _GAUSS[1])
    return _between(edges, parts, ages, ages + end, rate)


def _ahead_in_periods(
    own: OpportunityModel, newcomer: Customers, ages: Array, horizon: float, rate: float
) -> Array:
    last = float(ages.max()) + (horizon if math.isfinite(horizon) else 0.0)
    edges = np.arange(last + 1.0)
    rows = np.zeros(len(edges) - 1, dtype=np.intp)
    chances = own.take(rows).chance_if_alive(newcomer.take(rows), edges[1:])
    parts = chances * np.exp(-rate * edges[1:])
    if math.isfinite(horizon):
        return _between(edges, parts, ages, ages + horizon, rate)
    whole = float(own.discounted_if_alive(newcomer, math.inf, rate)[0])
    before = np.append(0.0, np.cumsum(parts))[np.searchsorted(edges, ages)]
    return np.asarray(np.exp(rate * ages) * np.maximum(whole - before, 0.0))


def _between(edges: Array, parts: Array, start: Array, end: Array, rate: float) -> Array:
    """Return sums of the parts between edges from start to end, discounted to the start."""
    if rate > 0.0:
        after = np.append(np.cumsum(parts[::-1])[::-1], 0.0)
        found = after[np.searchsorted(edges, start)] - after[np.searchsorted(edges, end)]
    else:
        before = np.append(0.0, np.cumsum(parts))
        found = before[np.searchsorted(edges, end)] - before[np.searchsorted(edges, start)]
    return np.asarray(np.exp(rate * start) * np.maximum(found, 0.0))
