"""Integrals over time, finite or not, by the trapezoidal rule on a logarithmic axis."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["time_nodes"]

Array: TypeAlias = NDArray[np.float64]

DEPTH = 42.0  # discounting below e^-42 = 6e-19 does not matter
FLAT = (
    18.0  # nats beyond a scale after which the integrand is an exponential; the tail weighs as much
)
STEP = 0.27  # aliasing e^(-2 pi (pi/2) / h) = e^-36: functions of time are analytic to +-pi/2


def time_nodes(horizon: float, rate: float, *, finest: float) -> tuple[Array, Array]:
    """Return nodes s and weights c with sum c g(s) = integral over (0, horizon) of e^(-rate s) g.

    For functions g that are positive, decreasing, analytic off the negative axis and constant for
    times far below `finest`. Trapezoidal rule in ln s (infinite horizon) or in the logit of
    s / horizon.

    Parameters
    ----------
    horizon
        Length of the interval, above zero; may be infinite when `rate` is above zero.
    rate
        Continuous discount rate; may be negative when the horizon is finite.
    finest
        Shortest time in which any of the functions changes, above zero.

    Returns
    -------
    tuple of Array
        Nodes and weights, shape (m,).

    Examples
    --------
    >>> s, c = time_nodes(math.inf, 0.5, finest=1.0)
    >>> float((c * np.exp(-s)).sum().round(12))
    0.666666666667
    """
    step = STEP
    if rate * horizon > 2.0 * DEPTH:  # discounting ends the integral long before the horizon does
        scale = 1.0 / rate
        stop = math.log(DEPTH)
    else:
        scale = horizon
        stop = FLAT
    start = min(math.log(finest / scale), 0.0) - FLAT
    y = np.linspace(start, stop, math.ceil((stop - start) / step) + 1)
    step = float(y[1] - y[0])
    tail = -1.0 / math.expm1(-step)  # an end node stands for the geometric series beyond it
    if scale == horizon:
        odds = np.exp(y)
        s = scale * odds / (1.0 + odds)
        c = s / (1.0 + odds) * step * np.exp(-rate * s)
        c[-1] *= tail
    else:
        s = scale * np.exp(y)
        c = s * step * np.exp(-rate * s)
    c[0] *= tail
    return s, c
