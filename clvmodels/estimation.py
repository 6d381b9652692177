"""Maximum likelihood in unconstrained coordinates by trust-region Newton with exact derivatives."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import ConvergenceError

__all__ = ["Maximum", "Objective", "maximum_likelihood", "newton"]

Array: TypeAlias = NDArray[np.float64]
Objective: TypeAlias = Callable[[Array], tuple[float, Array, Array]]

MAX_ITERATIONS = 200
_TOLERANCE = 1e-15  # squared Newton step in standard errors: 1e-15 puts the estimate within 3e-8
_AGREEMENT = 1e-6  # two starts agree if their log-likelihoods do, relative to 1 + |value|


@dataclass(frozen=True)
class Maximum:
    """A maximum of a log-likelihood in unconstrained coordinates z of k parameters.

    Attributes
    ----------
    point : Array
        Shape (k,).
    value : float
        Log-likelihood.
    gradient : Array
        Shape (k,).
    hessian : Array
        Shape (k, k); of the log-likelihood, so negative definite at an interior maximum.
    iterations : int
        Newton iterations of the winning start.
    starts, starts_agreeing : int
        Starting points tried, and those that ended at this value.
    """

    point: Array
    value: float
    gradient: Array
    hessian: Array
    iterations: int
    starts: int
    starts_agreeing: int


def maximum_likelihood(objective: Objective, starts: Sequence[Array]) -> Maximum:
    """Climb from every start and return the highest maximum.

    Parameters
    ----------
    objective
        Maps z, shape (k,), to value, gradient (k,) and Hessian (k, k) of the log-likelihood.
    starts
        Starting points, each of shape (k,).

    Raises
    ------
    ConvergenceError
        No start led to a maximum.

    Examples
    --------
    >>> def parabola(z):
    ...     return -float((z - 3.0) @ (z - 3.0)), -2.0 * (z - 3.0), -2.0 * np.eye(len(z))
    >>> maximum_likelihood(parabola, [np.zeros(2)]).point
    array([3., 3.])
    """
    found = [each for each in (newton(objective, start) for start in starts) if each is not None]
    if not found:
        raise ConvergenceError(
            "Maximum likelihood ends at a point where the likelihood no longer rises.",
            place=f"None of {len(starts)} starts reached one in {MAX_ITERATIONS} iterations.",
            fix="Look at the data with Customers.from_arrays(...): is there any repeat purchase, "
            "and do the times vary? Pass `starts=` near published values if they look right.",
        )
    best = max(found, key=lambda each: each.value)
    near = [abs(each.value - best.value) <= _AGREEMENT * (1.0 + abs(best.value)) for each in found]
    return Maximum(
        best.point,
        best.value,
        best.gradient,
        best.hessian,
        best.iterations,
        starts=len(starts),
        starts_agreeing=sum(near),
    )


def newton(objective: Objective, start: Array) -> Maximum | None:
    """Climb from one start; None if it does not arrive.

    Every step maximises the quadratic model within a ball. The climb ends when the Newton step,
    measured in standard errors, is nothing, or when rounding hides any further rise.
    """
    z: Array = start.astype(np.float64)
    radius: float = 1.0
    value, gradient, hessian = objective(z)
    for iteration in range(MAX_ITERATIONS):
        step, promised = _trust_region_step(gradient, -hessian, radius)
        noise = 4.0 * sys.float_info.epsilon * (1.0 + abs(value))
        if promised <= max(_TOLERANCE, noise):
            return _polish(objective, Maximum(z, value, gradient, hessian, iteration, 1, 1), step)
        proposal = objective(z + step)
        ratio = (proposal[0] - value + noise) / (promised + noise)
        if not math.isfinite(ratio):
            ratio = -1.0
        length = float(np.linalg.norm(step))
        if ratio < 0.25:
            radius = 0.25 * length
        elif ratio > 0.75 and length > 0.9 * radius:
            radius = min(2.0 * radius, 10.0)
        if ratio > 1e-4:
            z, (value, gradient, hessian) = z + step, proposal
        elif radius < 1e-14:
            return None
    return None


def _polish(objective: Objective, end: Maximum, step: Array) -> Maximum:
    """Take the last step, which rounding of the value would hide, if it lowers the gradient."""
    value, gradient, hessian = objective(end.point + step)
    if math.isfinite(value) and np.abs(gradient).max() < np.abs(end.gradient).max():
        return Maximum(end.point + step, value, gradient, hessian, end.iterations + 1, 1, 1)
    return end


def _trust_region_step(gradient: Array, curvature: Array, radius: float) -> tuple[Array, float]:
    """Return the step that maximises g's - s'Cs/2 with |s| <= radius, and the promised rise."""
    values, vectors = np.linalg.eigh(curvature)
    g = vectors.T @ gradient
    floor = max(0.0, -float(values[0]))

    def step_at(shift: float) -> Array:
        return np.asarray(g / (values + shift))

    if values[0] > 0.0 and np.linalg.norm(step_at(0.0)) <= radius:
        s = step_at(0.0)
    else:
        low, high = floor, floor + float(np.linalg.norm(g)) / radius + 1e-300
        for _ in range(60):  # bisection: the length of the step falls as the shift grows
            middle = 0.5 * (low + high)
            longer = middle + values[0] <= 0.0 or np.linalg.norm(step_at(middle)) > radius
            low, high = (middle, high) if longer else (low, middle)
        s = step_at(high) if high + values[0] > 0.0 else np.zeros_like(g)
        missing = radius**2 - float(s @ s)
        if values[0] < 0.0 and missing > 1e-8 * radius**2:  # along the direction of upward bend
            s[0] += math.copysign(math.sqrt(missing), g[0] if g[0] else 1.0)
    promised = float(g @ s - 0.5 * (values * s) @ s)
    return vectors @ s, promised
