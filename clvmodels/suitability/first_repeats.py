"""How many customers must be expected without a repeat purchase, from when others made theirs.

While a customer has not come back, nothing but the purchase rate matters to BG/NBD; in models in
which customers also leave before, more stay away. With gamma rates the time to the first repeat
purchase has the survival function (1 + t / alpha)^-r. It is fitted to those who came back, each
given that it was before the end of observation, so that those who did not have no influence.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["least_without_repeat"]

Array: TypeAlias = NDArray[np.float64]

_R: Final = np.geomspace(0.02, 50.0, 45)
_ALPHA: Final = np.geomspace(1e-3, 1e3, 60)  # in median ages
_DEEP: Final = 4.5  # log-likelihood: three standard errors
_ENOUGH: Final = 20_000.0  # customers; with more the likelihood is narrower than the grid
_BAND: Final = 0.05  # ages within five percent count as one
_YOUNGEST: Final = 16.0  # periods; below, whole periods are too coarse


def least_without_repeat(age: Array, back: NDArray[np.int64]) -> float:
    """Return the least plausible number of customers who have not come back.

    Parameters
    ----------
    age
        Shape (d,): times from the first purchase to the end of observation, in periods.
    back
        Shape (k, d): customers of each age who came back in the first, second, ... k-th part of it.
    """
    old = age >= _YOUNGEST
    age, counts = age[old], back[:, old].astype(float)
    if counts.sum() == 0.0:
        return 0.0
    ages, counts = _banded(age, counts)
    people = counts.sum(axis=0)
    part = np.arange(len(counts) + 1)[:, None] / len(counts)
    middle = np.median(np.repeat(ages, np.ceil(people).astype(int).clip(0, 100)))
    x = part * ages / (middle * _ALPHA[:, None, None])
    log_s = -_R[:, None, None, None] * np.log1p(x)  # (r, alpha, part, age)
    ever = -np.expm1(log_s[:, :, -1, :])
    within = -np.diff(np.exp(log_s), axis=2)
    with np.errstate(divide="ignore"):
        chance = np.log(np.maximum(within, 1e-300)) - np.log(ever)[:, :, None, :]
    likelihood = np.einsum("kd,rakd->ra", counts, chance) * min(1.0, _ENOUGH / people.sum())
    without = (people * np.exp(log_s[:, :, -1, :]) / ever).sum(axis=2)
    return float(without[likelihood >= likelihood.max() - _DEEP].min())


def _banded(age: Array, counts: Array) -> tuple[Array, Array]:
    """Put ages that are nearly alike together."""
    band = np.floor(np.log(age) / _BAND).astype(int)
    band -= band.min()
    n = counts.sum(axis=0) + 1e-9
    weight = np.bincount(band, n)
    used = weight > 0.0
    mean = np.bincount(band, n * age)[used] / weight[used]
    return mean, np.array([np.bincount(band, row)[used] for row in counts])
