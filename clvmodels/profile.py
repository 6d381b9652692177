"""Profile-likelihood intervals: all values of one coordinate that the data do not rule out.

A value is in the interval if the log-likelihood, with all other coordinates at their best for it,
is within half a chi-square quantile of the maximum (Venzon and Moolgavkar 1988).
"""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import ConvergenceError
from clvmodels.estimation import Objective, newton

__all__ = ["profile_bound"]

Array: TypeAlias = NDArray[np.float64]

_FARTHEST: Final = 30.0  # a coordinate this far from its estimate (a factor of 1e13) has no bound
_CLOSE: Final = 1e-8  # relative accuracy of the fall of the log-likelihood at the bound
_STEPS: Final = 80


def profile_bound(
    objective: Objective, top: Array, index: int, *, fall: float, first: float
) -> float:
    """Return the value of one coordinate at which the profile log-likelihood has fallen by `fall`.

    Parameters
    ----------
    objective
        Maps z, shape (k,), to value, gradient (k,) and Hessian (k, k) of the log-likelihood.
    top
        The maximum, shape (k,).
    index
        Which coordinate.
    fall
        How far below the maximum, above zero.
    first
        First step from the maximum; its sign says in which direction to look.

    Returns
    -------
    float
        The bound, or plus or minus infinity if there is none within a factor of 1e13.

    Raises
    ------
    ConvergenceError
        The other coordinates cannot be maximised.

    Examples
    --------
    >>> def parabola(z):
    ...     return -0.5 * float(z @ z), -z, -np.eye(len(z))
    >>> round(profile_bound(parabola, np.zeros(2), 0, fall=2.0, first=1.0), 6)
    2.0
    """
    height = objective(top)[0]
    near, far = 0.0, math.inf
    step, point = abs(first), top
    sign = math.copysign(1.0, first)
    for _ in range(_STEPS):
        if step > _FARTHEST:
            if far < math.inf:
                step = 0.5 * (near + far)
            elif near >= _FARTHEST:
                return sign * math.inf
            else:
                step = _FARTHEST
        point = _best_with(objective, point, index, float(top[index]) + sign * step)
        value, gradient, _ = objective(point)
        missing = fall - (height - value)
        if abs(missing) <= _CLOSE * fall:
            break
        near, far = (step, far) if missing > 0.0 else (near, step)
        step = _next(step, missing, -sign * float(gradient[index]), near, far)
    return float(top[index]) + sign * step


def _next(step: float, missing: float, slope: float, near: float, far: float) -> float:
    """Return Newton's step for the fall as a function of the distance, kept inside the bracket."""
    trial = step + missing / slope if slope > 0.0 else math.inf
    if near < trial < far:
        return min(trial, 3.0 * step) if far == math.inf else trial
    return 2.0 * step if far == math.inf else 0.5 * (near + far)


def _best_with(objective: Objective, start: Array, index: int, value: float) -> Array:
    """Return the point with one coordinate given and the others at their best."""
    others = np.arange(len(start)) != index

    def restricted(rest: Array) -> tuple[float, Array, Array]:
        total, gradient, hessian = objective(_joined(rest))
        return total, gradient[others], hessian[np.ix_(others, others)]

    def _joined(rest: Array) -> Array:
        z = np.empty(len(start))
        z[others], z[index] = rest, value
        return z

    end = newton(restricted, start[others])
    if end is None:
        raise ConvergenceError(
            "A profile interval needs the best of the other parameters for every value of one.",
            place=f"The climb did not arrive with coordinate {index} at {value:.4g}.",
            fix="Use the standard errors, and read the certificate of the fit.",
        )
    return _joined(end.point)
