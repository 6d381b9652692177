"""Differences of means between arms: Welch's t, adjusted for what was known before, Holm.

The rows are influence values: the mean of an arm's rows is its estimate, and their spread is its
error, whatever the estimate is. For what was observed they are what each customer did; for what is
predicted they also hold what the customer did to the fit (`experiments.predicted`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = [
    "Arm",
    "Difference",
    "adjusted",
    "difference",
    "holm",
    "plain",
    "spreads",
    "winsorised",
]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]

_ROUNDING: Final = 1e-9  # of a mean: a smaller spread is none


@dataclass(frozen=True)
class Arm:
    """The mean of an arm, the variance of a customer around it, and degrees of freedom."""

    mean: float
    variance: float
    customers: int
    degrees: float


@dataclass(frozen=True)
class Difference:
    """Arm - control.

    Attributes
    ----------
    value, error : float
        The difference and its standard error.
    lower, upper : float
        Ends of the interval.
    probability : float
        That the arm is better, with a flat prior.
    p_value : float
        Two-sided.
    """

    value: float
    error: float
    lower: float
    upper: float
    probability: float
    p_value: float


def plain(rows: Array, arm: NDArray[np.intp], arms: int) -> list[Arm]:
    """Return mean and variance of each arm."""
    return [_arm(rows[arm == k]) for k in range(arms)]


def _arm(rows: Array) -> Arm:
    n = len(rows)
    if (rows == rows[0]).all():  # the mean of equal numbers is rounded, and so is their spread
        return Arm(float(rows[0]), 0.0, n, n - 1.0)
    return Arm(float(rows.mean()), float(rows.var(ddof=1)), n, n - 1.0)


def spreads(columns: Array, around: Array) -> Array:
    """Return the standard deviation of each column, zero where there is only rounding.

    Parameters
    ----------
    columns
        Shape (n, k), less their means.
    around
        Shape (k,): how large the numbers themselves are.
    """
    found = np.asarray(columns.std(axis=0))
    return np.where(found > _ROUNDING * np.abs(around), found, 0.0)


def adjusted(rows: Array, known: Array, arm: NDArray[np.intp], arms: int) -> dict[int, Arm]:
    """Return the arms as if what was known before the start had the same mean in all.

    A regression in each arm on the centred columns (Lin 2013, eq. 4): it cannot bias the difference
    of a randomised test for long, and takes out of its error what was known before.

    Parameters
    ----------
    rows
        Shape (n,).
    known
        Shape (n, k).
    arm
        Shape (n,).
    arms
        How many.

    Returns
    -------
    dict of Arm
        By number, without arms that have too few customers for the columns. Empty where 0, the
        control, is such an arm or the only one left, or the columns say nothing.
    """
    enough = np.bincount(arm, minlength=arms) >= 10 * (known.shape[1] + 1)
    if not enough[0] or enough.sum() < 2:
        return {}
    some = enough[arm]
    rows, known, arm = rows[some], known[some], arm[some]
    means = known.mean(axis=0)
    spread = spreads(known - means, means)
    columns = (known - means)[:, spread > 0.0] / spread[spread > 0.0]
    if not columns.shape[1]:
        return {}
    found = {int(j): _regressed(rows[arm == j], columns[arm == j]) for j in np.flatnonzero(enough)}
    if not all(np.isfinite(each.mean) for each, _ in found.values()):
        return {}
    control = found[0][1]
    return {j: _with_slopes(each, slope, control, columns) for j, (each, slope) in found.items()}


def _regressed(own: Array, x: Array) -> tuple[Arm, Array]:
    """Return an arm less what the columns explain in it, and their slopes."""
    n, k = x.shape
    slope = np.linalg.lstsq(x - x.mean(axis=0), own - own.mean(), rcond=None)[0]
    rest = own - x @ slope
    degrees = n - 1.0 - k
    return Arm(float(rest.mean()), float(rest.var() * n / degrees), n, degrees), slope


def _with_slopes(arm: Arm, slope: Array, control: Array, columns: Array) -> Arm:
    """Add what the common mean of the columns owes to the sample, where slopes differ."""
    apart = columns @ (slope - control)
    more = float(apart.var()) * arm.customers / len(columns)
    return Arm(arm.mean, arm.variance + more, arm.customers, arm.degrees)


def winsorised(rows: Array, share: float) -> Array:
    """Return rows with those above a quantile of all arms together moved to it."""
    return np.minimum(rows, np.quantile(rows, share))


def difference(arm: Arm, control: Arm, level: float) -> Difference:
    """Return arm - control, with unequal variances (Welch 1947).

    Examples
    --------
    >>> found = difference(Arm(3.0, 2.5, 5, 4.0), Arm(2.0, 2.5, 5, 4.0), 0.9)
    >>> round(found.error, 4), round(found.p_value, 4), round(found.probability, 4)
    (1.0, 0.3466, 0.8267)
    """
    own, other = arm.variance / arm.customers, control.variance / control.customers
    value, error = arm.mean - control.mean, math.sqrt(own + other)
    if error == 0.0:
        probability = 0.5 if value == 0.0 else float(value > 0.0)
        return Difference(value, 0.0, value, value, probability, float(value == 0.0))
    degrees = (own + other) ** 2 / (own**2 / arm.degrees + other**2 / control.degrees)
    half = float(special.stdtrit(degrees, 0.5 + 0.5 * level)) * error
    t = value / error
    return Difference(
        value,
        error,
        value - half,
        value + half,
        float(special.stdtr(degrees, t)),
        2.0 * float(special.stdtr(degrees, -abs(t))),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values that hold for all comparisons together (Holm 1979).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    n = len(p_values)
    result, highest = [0.0] * n, 0.0
    for rank, i in enumerate(np.argsort(p_values, kind="stable").tolist()):
        highest = max(highest, min((n - rank) * p_values[i], 1.0))
        result[i] = highest
    return result
