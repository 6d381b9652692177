"""Intervals and moments of future value at distinct histories, as arrays.

Value = margin x scale x Z: the scale is the customer's own (what Gamma-Gamma knows of their spend,
or the price), the law of Z is shared by all with the same history of purchases.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.errors import ParameterError
from clvmodels.models.intervals import check_level
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.spend import SpendPredictions
from clvmodels.predictive.counts import count_interval
from clvmodels.predictive.mixtures import Horizon
from clvmodels.predictive.patterns import Part, Scenario, parts, scenarios, state_moments
from clvmodels.predictive.tables import inverted
from clvmodels.special import Index

__all__ = ["ends", "horizon_at", "laws", "quantiles", "scaled_interval", "scaled_moments"]

Array: TypeAlias = NDArray[np.float64]

_WORTHLESS: Final = 1e-3  # what money is worth where a long horizon is cut off


def horizon_at(model: PurchasePredictions, horizon: float, rate: float) -> Horizon:
    """Return the future that counts, in whole periods where a model has them.

    Raises
    ------
    ParameterError
        The horizon is infinite and the rate not above zero.
    """
    if math.isinf(horizon) and not rate > 0.0:
        raise ParameterError(
            "The value within an infinite horizon has a distribution at a positive discount rate.",
            place=f"The rate is {rate:g} per unit.",
            fix="Pass discount_rate=0.1, or a horizon such as '5y'.",
        )
    if rate * horizon > -math.log(_WORTHLESS):
        return Horizon(float(math.ceil(-math.log(_WORTHLESS) / rate)), rate, horizon)
    whole = float(model.whole_periods(np.asarray(horizon, dtype=np.float64)))
    return Horizon(whole, rate, whole)


def scaled_interval(
    models: Sequence[PurchasePredictions],
    spends: Sequence[SpendPredictions] | None,
    patterns: Customers,
    horizon: float,
    rate: float,
    level: float,
    *,
    fitted: SpendPredictions | None = None,
) -> tuple[Array, Array]:
    """Return the ends of intervals for Z = value / scale, as `ValueDistribution.interval`.

    Parameters
    ----------
    models, spends
        Models that are equally likely, one or as many of both kinds. None for a price: then the
        scale is the price, else v + x m.
    patterns
        m distinct histories, with the covariates of the models; no spend.
    horizon, rate
        In and per their unit; the horizon may be infinite where the rate is positive.
    level
        Probability inside.
    fitted
        The spend model whose v is in the scale; the first of `spends` by default.

    Returns
    -------
    tuple of Array
        Lower and upper ends, each of shape (m,).

    Examples
    --------
    >>> from clvmodels import BGNBD, GammaGamma
    >>> c = Customers.from_arrays([2, 20], [30.43, 38.0], [38.86, 38.86], unit="week")
    >>> models = [BGNBD(0.243, 4.414, 0.793, 2.426)], [GammaGamma(6.25, 3.74, 15.44)]
    >>> lower, upper = scaled_interval(*models, c, 26.0, 0.0, 0.9)
    >>> lower.round(2).tolist(), upper.round(2).tolist()
    ([0.0, 0.0], [1.05, 0.82])
    """
    share = check_level(level)
    future = horizon_at(models[0], horizon, rate)
    if spends is None and rate == 0.0:
        return count_interval(models, patterns, future.length, share)
    lower, upper = np.zeros((2, len(patterns)))
    for part in laws(models, spends, fitted, patterns, future):
        lower[part.rows], upper[part.rows] = ends(part, share)
    return lower, upper


def scaled_moments(
    model: PurchasePredictions,
    spend: SpendPredictions | None,
    patterns: Customers,
    horizon: float,
    rate: float,
) -> tuple[Array, Array, Array]:
    """Return mean, variance and third central moment of Z = value / scale.

    Parameters
    ----------
    model, spend
        The models; None for a price.
    patterns, horizon, rate
        As in `scaled_interval`.

    Returns
    -------
    tuple of Array
        Each of shape (m,); infinite where a moment does not exist.

    Examples
    --------
    >>> from clvmodels import BGNBD, GammaGamma
    >>> c = Customers.from_arrays([2], [30.43], [38.86], unit="week")
    >>> models = BGNBD(0.243, 4.414, 0.793, 2.426), GammaGamma(6.25, 3.74, 15.44)
    >>> [round(float(each[0]), 4) for each in scaled_moments(*models, c, 26.0, 0.0)]
    [0.3534, 0.2971, 0.3962]
    """
    future = horizon_at(model, horizon, rate)
    alive = model.p_alive(patterns)
    first, second, third = alive * state_moments(Scenario(model, spend), patterns, future)
    with np.errstate(invalid="ignore"):
        variance = np.maximum(second - first**2, 0.0)
        cube = third - 3.0 * first * second + 2.0 * first**3
    return first, _or_infinite(variance, second), _or_infinite(cube, third)


def _or_infinite(central: Array, raw: Array) -> Array:
    return np.where(np.isinf(raw), np.inf, central)


def laws(
    models: Sequence[PurchasePredictions],
    spends: Sequence[SpendPredictions] | None,
    fitted: SpendPredictions | None,
    patterns: Customers,
    future: Horizon,
) -> Iterator[Part]:
    """Yield the laws of Z of all patterns; arguments as in `scaled_interval`."""
    unit = fitted if fitted is not None or spends is None else spends[0]
    return parts(scenarios(models, spends), unit, patterns, future)


def ends(part: Part, level: float) -> tuple[Array, Array]:
    """Return the ends of intervals for Z of the patterns of a part, each (m,)."""
    tail = 0.5 * (1.0 - level)
    below = np.where(part.p_zero > tail, 0.0, tail)
    return quantiles(part, below), quantiles(part, below + level)


def quantiles(part: Part, u: Array, row: Index | None = None) -> Array:
    """Return the smallest z with P(Z <= z) >= u, (m,), of all patterns of a part or some rows."""
    p_zero, curve = (part.p_zero, part.row) if row is None else (part.p_zero[row], part.row[row])
    some = u > p_zero
    share = np.where(some, u - p_zero, 0.0) / np.where(some, 1.0 - p_zero, 1.0)
    return np.exp(inverted(part.curves, curve, np.minimum(share, 1.0)))
