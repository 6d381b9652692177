"""Intervals of single parameters: from standard errors, and from the profile likelihood."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.customers import Histories
from clvmodels.errors import ParameterError, did_you_mean
from clvmodels.models.provenance import rows_of
from clvmodels.objective import total
from clvmodels.profile import profile_bound

if TYPE_CHECKING:
    from clvmodels.models.fit import Fit

__all__ = ["check_level", "index_of", "profile_ends", "wald_interval"]

Array: TypeAlias = NDArray[np.float64]

_NORMAL_975: Final = 1.959963984540054


def wald_interval(
    values: Array, errors: Array, positive: NDArray[np.bool_], z: float = _NORMAL_975
) -> tuple[Array, Array]:
    """Return the ends of normal intervals, on the log scale where a parameter is positive."""
    width = z * errors
    factor = np.exp(-width / np.where(positive, values, 1.0))  # 0 where the error is infinite
    with np.errstate(divide="ignore", over="ignore"):
        upper = np.where(positive, values / factor, values + width)
    return np.where(positive, values * factor, values - width), upper


def profile_ends(
    fit: Fit[Any], parameter: str, data: Histories | None, level: float
) -> tuple[float, float]:
    """Return the ends of a profile-likelihood interval; see `Fit.profile_interval`."""
    index = index_of(parameter, fit.names)
    check_level(level)
    objective, top = total(rows_of(fit, data, "A profile")), fit.model.coordinates
    fall = 0.5 * float(special.chdtri(1.0, 1.0 - level))
    spread = 1.0 / np.sqrt(max(-float(objective(top)[2][index, index]), 1e-6))
    positive = bool(fit.model.positive[index])
    ends = []
    for sign in (-1.0, 1.0):
        first = sign * float(np.sqrt(2.0 * fall)) * float(spread)
        end = profile_bound(objective, top, index, fall=fall, first=first)
        ends.append(float(np.exp(end)) if positive else end)
    return ends[0], ends[1]


def index_of(parameter: str, names: tuple[str, ...]) -> int:
    """Return the place of a parameter, or raise `ParameterError` if there is none of that name."""
    if parameter not in names:
        raise ParameterError(
            "A parameter is one of those of the model.",
            place=f"Got {parameter!r}.",
            fix=did_you_mean(parameter, names),
        )
    return names.index(parameter)


def check_level(level: Any, *, name: str = "level") -> float:
    """Return the level of an interval, or raise `ParameterError` unless it is between 0 and 1.

    Examples
    --------
    >>> check_level(0.9)
    0.9
    """
    is_number = isinstance(level, int | float | np.number) and not isinstance(level, bool)
    share = float(level) if is_number else math.nan
    if not 0.0 < share < 1.0:
        raise ParameterError(
            f"`{name}` is the probability inside, between 0 and 1.",
            place=f"Got {level!r:.80}.",
            fix="Write 90 % as 0.9.",
        )
    return share
