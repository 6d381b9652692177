"""Customers simulated purchase by purchase, by code that shares nothing with the library."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Events = tuple[NDArray[np.intp], Array]  # who bought again, and when since the first purchase


def beta_dropout(
    rng: np.random.Generator,
    horizon: Array,
    parameters: tuple[float, float, float, float],
    *,
    at_once: bool = False,
    k: int = 1,
) -> Events:
    """BG/NBD; with `at_once` MBG/NBD; with k regular timing."""
    r, alpha, a, b = parameters
    n = len(horizon)
    rate, leaving = rng.gamma(r, 1.0 / alpha, n), rng.beta(a, b, n)
    clock, alive = np.zeros(n), np.arange(n)
    if at_once:
        alive = alive[rng.random(n) >= leaving]
    who: list[Any] = [np.zeros(0, np.intp)]
    when: list[Any] = [np.zeros(0)]
    while len(alive):
        clock[alive] += rng.gamma(k, 1.0, len(alive)) / rate[alive]
        alive = alive[clock[alive] <= horizon[alive]]
        who.append(alive)
        when.append(clock[alive])
        alive = alive[rng.random(len(alive)) >= leaving[alive]]
    return np.concatenate(who), np.concatenate(when)


def pareto(
    rng: np.random.Generator, horizon: Array, parameters: tuple[float, float, float, float]
) -> Events:
    """Pareto/NBD."""
    r, alpha, s, beta = parameters
    n = len(horizon)
    rate, leaving = rng.gamma(r, 1.0 / alpha, n), rng.gamma(s, 1.0 / beta, n)
    life = np.minimum(rng.exponential(1.0, n) / leaving, horizon)
    who = np.repeat(np.arange(n), rng.poisson(rate * life))
    return who, rng.random(len(who)) * life[who]


def opportunities(
    rng: np.random.Generator, horizon: Array, parameters: tuple[float, float, float, float]
) -> Events:
    """BG/BB: at each of the opportunities 1, 2, ... customers first may leave, then may buy."""
    alpha, beta, gamma, delta = parameters
    n = len(horizon)
    buying, leaving = rng.beta(alpha, beta, n), rng.beta(gamma, delta, n)
    alive = np.ones(n, dtype=bool)
    who, when = [], []
    for j in range(1, int(horizon.max()) + 1):
        alive &= (rng.random(n) >= leaving) & (horizon >= j)
        bought = np.flatnonzero(alive & (rng.random(n) < buying))
        who.append(bought)
        when.append(np.full(len(bought), float(j)))
    return np.concatenate(who), np.concatenate(when)
