"""How long a customer who is alive at T goes on living, up to a horizon and discounted.

Given alive at T, the purchase rate has mean (r+x) / (alpha+T) whatever the lifetime, so expected
purchases are that times the integrals here.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.lifetime.lifetimes import Lifetime, Pareto
from clvmodels.lifetime.panels import Integrand, integrate

__all__ = ["lived", "lived_pareto", "survival_ahead"]

Array: TypeAlias = NDArray[np.float64]


def lived(lifetime: Lifetime, T: Array, t: Array, *, rate: float = 0.0) -> Array:
    """Return the integral over (0, t) of e^(-rate y) S(T+y) / S(T), shape (n,).

    `t` may be infinite where the integral is finite.

    Examples
    --------
    >>> exact = lived_pareto(Pareto(2.0, 10.0), np.array([5.0]), np.array([52.0]))
    >>> float((lived(Pareto(2.0, 10.0), np.array([5.0]), np.array([52.0])) / exact).round(12)[0])
    1.0
    """
    return integrate(Integrand(lifetime, False, T, rate=rate), t)


def lived_pareto(lifetime: Pareto, T: Array, t: Array) -> Array:
    """Return the same without discount for a Pareto lifetime, in closed form, shape (n,).

    (beta+T) / (s-1) (1 - ((beta+T) / (beta+T+t))^(s-1)), written so that s = 1 is no special case.
    """
    scale = lifetime.beta + T
    log_growth = np.log1p(t / scale)
    return np.asarray(scale * log_growth * special.exprel((1.0 - lifetime.s) * log_growth))


def survival_ahead(lifetime: Lifetime, T: Array, t: Array) -> Array:
    """Return S(T+t) / S(T), shape (n,)."""
    return np.exp(lifetime.log_ratio(T, t, density=False))
