"""Mean spend seen twice: the error of the difference of old and new estimates of a spend model.

A likelihood of mean spend does not see single amounts. What the old data say is therefore no part
of what the new ones say, and neither V0 - V1 nor V0 + V1 is the covariance of the difference: it is
that of V1 s1 - V0 s0, with the scores of both. Pairs of them are simulated: how many
of a customer's purchases the old data had is drawn given when the last one was, and what they were
worth is Gamma-Gamma's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.drifts.before import drawn_before
from clvmodels.drifts.difference import Spread
from clvmodels.models.covariates import SpendCovariates
from clvmodels.models.effects import loadings
from clvmodels.objective import Loadings

__all__ = ["mean_spends", "nested_spread", "scores"]

Array: TypeAlias = NDArray[np.float64]

_PAIRS: Final = 40_000  # their covariance is known to about one in a hundred
_SEED: Final = 6_025


def nested_spread(model: Any, customers: Customers, length: float) -> Spread:
    """Return what gives the covariance of the difference on given axes.

    Parameters
    ----------
    model
        The old spend model.
    customers
        New histories with times and the covariates of the model.
    length
        From the end of the old data to that of the new ones.
    """
    some = customers.take(np.flatnonzero(customers.frequency > 0.0))
    rng = np.random.default_rng(_SEED)
    share = some.weight / some.weight.sum()
    sample = some.take(rng.choice(len(share), _PAIRS, p=share))
    sample = replace(sample, weight=np.ones(_PAIRS))
    x, before = sample.frequency, drawn_before(sample, length, rng)
    base, level = _levels(model, sample, rng)
    first = rng.gamma(base.p * np.maximum(before, 1.0)) * level
    rest = rng.gamma(np.maximum(base.p * (x - before), 1e-300)) * level
    both = np.where(before > 0.0, first, 0.0) + np.where(x > before, rest, 0.0)
    new = scores(model, _with_spend(sample, x, both))
    old = scores(model, _with_spend(sample, np.maximum(before, 1.0), first))
    old[before == 0.0] = 0.0
    n = float(some.weight.sum())

    def spread(outwards: Array, variance: Array) -> Array:
        moved = new @ outwards * variance - old @ outwards
        return np.asarray(moved.T @ moved * (n / _PAIRS))

    return spread


def mean_spends(model: Any, customers: Customers, x: Array, rng: np.random.Generator) -> Array:
    """Return simulated means of x purchases of each customer, shape (n,)."""
    base, level = _levels(model, customers, rng)
    return np.asarray(rng.gamma(base.p * x) * level / x)


def _levels(model: Any, customers: Customers, rng: np.random.Generator) -> tuple[Any, Array]:
    """Return the model without its covariates, and a scale of spend drawn for each customer."""
    base = model.base if isinstance(model, SpendCovariates) else model
    scale = model.rows(customers).v if isinstance(model, SpendCovariates) else base.v
    return base, np.asarray(scale / rng.gamma(base.q, size=len(customers)))


def _with_spend(customers: Customers, x: Array, total: Array) -> Customers:
    return replace(customers, frequency=x, monetary_value=total / x)


def scores(model: Any, customers: Customers) -> Array:
    """Return the gradient of the log-likelihood of each row in the coordinates, shape (n, k)."""
    inside = _loadings(model, customers)
    values = inside.values(model.coordinates)
    base = getattr(model, "base", model)
    slopes = base.derivatives_at(values, customers).gradient
    parts = [
        (value * slope)[:, None] * inside.jacobian(j, len(customers))
        for j, (value, slope) in enumerate(zip(values, slopes, strict=True))
    ]
    return np.asarray(sum(parts))


def _loadings(model: Any, customers: Customers) -> Loadings:
    if not isinstance(model, SpendCovariates):
        return Loadings.none(len(model.values))
    matrices = {
        process: each.design.matrix(customers.covariates) for process, each in model.effects.items()
    }
    return loadings(type(model.base), matrices, model.tied)
