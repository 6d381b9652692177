"""Maximum likelihood in unconstrained coordinates by trust-region Newton with exact derivatives."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import ConvergenceError

__all__ = ["Maximum", "Objective", "maximum_likelihood", "newton"]

Array: TypeAlias = NDArray[np.float64]
Objective: TypeAlias = Callable[[Array], tuple[float, Array, Array]]

MAX_ITERATIONS = 200
_TOLERANCE = 1e-15  # squared Newton step in standard errors: 1e-15 puts the estimate within 3e-8
_EXACT = 1e-18  # a last step shorter than this moves no digit that counts
_NEAR = 1e-10  # the same for a climb that only looks for where to start
_FLAT = 1e-3  # curvature along a ridge: a standard error of 30 in log-parameters
_NO_GAIN = 1e-7  # a rise of the log-likelihood that no conclusion can depend on
_ACCEPTED = 1e-4  # share of the promised rise that makes a step worth taking
_SHORTEST = 1e-14  # trust radius at which the climb gives up
_LEVEL = 1e-4  # log-likelihood by which two ridges of a sample count as one
_SAME = 1e-4  # log-parameters by which two points count as one
_SCOUT_CURVATURE = 0.05  # below it the sample says too little to start from its maximum
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


def maximum_likelihood(
    objective: Objective, starts: Sequence[Array], *, scouts: Sequence[Objective] = ()
) -> Maximum:
    """Climb from every start and return the highest maximum.

    Parameters
    ----------
    objective
        Maps z, shape (k,), to value, gradient (k,) and Hessian (k, k) of the log-likelihood.
    starts
        Starting points, each of shape (k,).
    scouts
        The same on samples of the data, which cost less, the smallest first. Every start climbs
        there first, and only points that are apart on a sample go on to the next one, and at last
        to all data.

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
    heads = [_Head(start) for start in starts]
    for scout in scouts:
        heads = _scouted(scout, heads)
    ends = _climb_all(objective, heads)
    if not ends:
        raise ConvergenceError(
            "Maximum likelihood ends at a point where the likelihood no longer rises.",
            place=f"None of {len(starts)} starts reached one in {MAX_ITERATIONS} iterations.",
            fix="Look at the data with Customers.from_arrays(...): is there any repeat purchase, "
            "and do the times vary? Pass `starts=` near published values if they look right.",
        )
    best = max(ends, key=lambda end: end.value)
    close = _AGREEMENT * (1.0 + abs(best.value))
    agreeing = sum(end.starts for end in ends if best.value - end.value <= close)
    return replace(best, starts=len(starts), starts_agreeing=agreeing)


@dataclass(frozen=True)
class _Head:
    """Where a climb on all data begins, and the height of the ridge of the sample it ended on."""

    point: Array
    ridge: float | None = None

    def same(self, other: _Head) -> bool:
        """Whether two climbs would be one: from one point, or to one ridge."""
        if self.ridge is not None and other.ridge is not None:
            return abs(self.ridge - other.ridge) < _LEVEL
        return bool(np.abs(self.point - other.point).max() < _SAME)


def _scouted(scout: Objective, heads: Sequence[_Head]) -> list[_Head]:
    """Return where heads end on a sample, as far as the sample says so; equal ones end as one.

    Along directions that the sample leaves open a head keeps its place: a climb on all data that
    began far out on a ridge of the sample would take the ridge for its own.
    """
    ends: list[_Head] = []
    tops: list[Maximum] = []
    for i, head in enumerate(heads):
        same = [j for j in range(i) if heads[j].same(head)]
        if same:
            ends.append(ends[same[0]])
            continue
        end = newton(scout, head.point, known=tops, tolerance=_NEAR)
        if end is None:
            ends.append(head)
            continue
        tops.append(end)
        curvature, directions = np.linalg.eigh(-end.hessian)
        known = directions[:, curvature >= _SCOUT_CURVATURE]
        point = head.point + known @ (known.T @ (end.point - head.point))
        ends.append(_Head(np.asarray(point), end.value if curvature[0] < _FLAT else None))
    return ends


def _climb_all(objective: Objective, heads: Sequence[_Head]) -> list[Maximum]:
    """Return the maxima reached, each with its number of starts; equal heads climb once."""
    ends: list[Maximum] = []
    climbed: list[_Head] = []
    counts: list[int] = []
    for head in heads:
        same = [i for i, other in enumerate(climbed) if head.same(other)]
        if same:
            counts[same[0]] += 1
            continue
        end = newton(objective, head.point, known=ends)
        if end is not None:
            ends.append(end)
            climbed.append(head)
            counts.append(1)
    return [replace(end, starts=count) for end, count in zip(ends, counts, strict=True)]


def newton(
    objective: Objective,
    start: Array,
    *,
    known: Sequence[Maximum] = (),
    tolerance: float = _TOLERANCE,
) -> Maximum | None:
    """Climb from one start; None if it does not arrive.

    Every step maximises the quadratic model within a ball. The climb ends when the Newton step,
    measured in standard errors, is nothing, or when rounding hides any further rise; also within a
    tenth of a standard error of a maximum that is known, where that one is the answer. A larger
    `tolerance` ends it within so many squared standard errors of the top.
    """
    here = Maximum(start, *objective(start), iterations=0, starts=1, starts_agreeing=1)
    radius = 1.0
    for iteration in range(MAX_ITERATIONS):
        step, promised, bend = _trust_region_step(here.gradient, -here.hessian, radius)
        if bend < _FLAT and promised < _NO_GAIN:  # along a ridge to a limit of the model
            return here
        noise = 4.0 * sys.float_info.epsilon * (1.0 + abs(here.value))
        if promised <= max(tolerance, noise):
            rough = promised > _EXACT and tolerance <= _TOLERANCE
            return _polish(objective, here, step) if rough else here
        there = replace(here, iterations=iteration + 1, **_evaluated(objective, here.point + step))
        ratio = (there.value - here.value + noise) / (promised + noise)
        radius = _next_radius(radius, ratio, float(np.linalg.norm(step)))
        if ratio > _ACCEPTED:
            here = there
            joined = [peak for peak in known if _joins(here, peak)]
            if joined:
                return joined[0]
        elif radius < _SHORTEST:
            return None
    return None


def _evaluated(objective: Objective, point: Array) -> dict[str, Any]:
    value, gradient, hessian = objective(point)
    return {"point": point, "value": value, "gradient": gradient, "hessian": hessian}


def _next_radius(radius: float, ratio: float, length: float) -> float:
    """Trust the quadratic model less where it promised too much, more where it kept its word."""
    if not ratio >= 0.25:  # a value that is not a number is no rise either
        return 0.25 * length
    if ratio > 0.75 and length > 0.9 * radius:
        return min(2.0 * radius, 10.0)
    return radius


def _joins(here: Maximum, peak: Maximum) -> bool:
    """Whether a point lies on the top of a known peak, by distance and by height."""
    away = here.point - peak.point
    below = -0.5 * float(away @ peak.hessian @ away)
    return below < 0.005 and abs(peak.value - here.value - below) < 0.1 * below + 1e-6


def _polish(objective: Objective, here: Maximum, step: Array) -> Maximum:
    """Take the last step, which rounding of the value would hide, if it lowers the gradient."""
    there = replace(
        here, iterations=here.iterations + 1, **_evaluated(objective, here.point + step)
    )
    lower = np.abs(there.gradient).max() < np.abs(here.gradient).max()
    return there if lower and math.isfinite(there.value) else here


def _trust_region_step(
    gradient: Array, curvature: Array, radius: float
) -> tuple[Array, float, float]:
    """Maximise g's - s'Cs/2 over |s| <= radius.

    Returns the step s, shape (k,), the rise that it promises, and the smallest eigenvalue of C.
    """
    values, vectors = np.linalg.eigh(curvature)
    g = vectors.T @ gradient
    lowest = float(values[0])
    if lowest > 0.0:
        s = g / values
        if float(s @ s) <= radius**2:
            return vectors @ s, 0.5 * float(g @ s), lowest
    shift = _shift(g, values, radius)
    s = g / (values + shift) if lowest + shift > 0.0 else np.zeros_like(g)
    missing = radius**2 - float(s @ s)
    if lowest < 0.0 and missing > 1e-8 * radius**2:  # along the direction of upward bend
        s[0] = math.copysign(math.sqrt(float(s[0]) ** 2 + missing), g[0] if g[0] else 1.0)
    promised = float(g @ s - 0.5 * (values * s) @ s)
    return vectors @ s, promised, lowest


def _shift(g: Array, values: Array, radius: float) -> float:
    """Return the shift of the eigenvalues that makes the step g / (values + shift) `radius` long.

    The length falls as the shift grows, and its inverse is nearly linear in it: Newton's rule for
    the inverse, from where the step is too long, does not overshoot.
    """
    low = max(0.0, -float(values[0]))
    high = low + float(np.linalg.norm(g)) / radius + 1e-300
    shift = high
    for _ in range(60):
        divisor = values + shift
        if float(divisor[0]) > 0.0:
            s = g / divisor
            length = math.sqrt(float(s @ s))
            if abs(length - radius) <= 1e-9 * radius:
                return shift
            low, high = (shift, high) if length > radius else (low, shift)
            slope = float(s @ (s / divisor))
            shift += (length / radius - 1.0) * length * length / slope if slope else 0.0
        if not low < shift < high:
            shift = 0.5 * (low + high)
        if high - low <= 1e-15 * high:
            break
    return high
