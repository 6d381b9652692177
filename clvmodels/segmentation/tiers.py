"""Value tiers: by shares of the customers, or by values at which a tier begins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import ParameterError
from clvmodels.predictive.arguments import is_number

__all__ = ["TIERS", "Tiers", "read_tiers", "share_above", "steady"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]

TIERS: Final[Mapping[str, float]] = {"top": 0.1, "high": 0.2, "middle": 0.3, "low": 0.4}
_DIGITS: Final = 10  # the last ones depend on the engine and the order of sums
_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class Tiers:
    """Tiers from the best on.

    Attributes
    ----------
    names : tuple of str
        One a tier.
    limits : tuple of float
        Where each ends: the share of the customers who are worth more, or the least value.
    by_value : bool
        Whether the limits are values.
    """

    names: tuple[str, ...]
    limits: tuple[float, ...]
    by_value: bool

    def of(self, value: Array) -> Index:
        """Return the number of the tier of each customer, shape (n,).

        Customers of equal value are in the same tier.

        Examples
        --------
        >>> read_tiers({"top": 0.25, "rest": 0.75}, None).of(np.array([5.0, 9.0, 5.0, 5.0]))
        array([1, 0, 1, 1])
        """
        if self.by_value:
            found = np.searchsorted(-np.array(self.limits), -steady(value), side="left")
        else:
            ends = np.array(self.limits) - _ROUNDING
            found = np.searchsorted(ends, share_above(value), side="right")
        return np.minimum(found, len(self.names) - 1).astype(np.intp)

    @property
    def best_share(self) -> float | None:
        """The share of the customers in the first tier; None where tiers go by value."""
        return None if self.by_value else self.limits[0]


def read_tiers(tiers: int | Mapping[str, float], values: Mapping[str, float] | None) -> Tiers:
    """Return the tiers that are asked for.

    Raises
    ------
    ParameterError
        Shares do not sum to 1, or values do not fall.

    Examples
    --------
    >>> read_tiers(10, None).names[:2], read_tiers(4, {"big": 100.0, "small": 0.0}).limits
    (('01', '02'), (100.0, -inf))
    """
    if values is not None:
        return _by_value(values)
    if isinstance(tiers, Mapping):
        shares = list(tiers.values())
        good = all(is_number(each) and 0.0 < each <= 1.0 for each in shares)
        if shares and good and math.isclose(math.fsum(shares), 1.0, abs_tol=_ROUNDING):
            return Tiers(tuple(map(str, tiers)), tuple(np.cumsum(shares).tolist()), False)
        fix = "Write a tenth as 0.1; the shares of all tiers sum to 1."
    elif isinstance(tiers, int) and not isinstance(tiers, bool) and tiers >= 1:
        wide = len(str(tiers))
        names = tuple(f"{j:0{wide}d}" for j in range(1, tiers + 1))
        return Tiers(names, tuple((np.arange(1.0, tiers + 1.0) / tiers).tolist()), False)
    else:
        fix = "Pass tiers=10 for deciles."
    raise ParameterError(
        "`tiers` is a number of equal tiers, or the share of the customers in each, best first.",
        place=f"Got {tiers!r:.80}.",
        fix=fix,
    )


def _by_value(values: Mapping[str, float]) -> Tiers:
    limits = list(values.values())
    numbers = all(is_number(each) and math.isfinite(each) for each in limits)
    if numbers and limits and all(a > b for a, b in pairwise(limits)):
        return Tiers(tuple(map(str, values)), (*map(float, limits[:-1]), -math.inf), True)
    raise ParameterError(
        "`tier_values` has the value from which on a customer is in each tier, falling.",
        place=f"Got {values!r:.80}.",
        fix="Pass {'gold': 500, 'silver': 100, 'bronze': 0}; the last tier takes the rest.",
    )


def steady(values: Array) -> Array:
    """Return numbers to ten significant digits, so that engines agree on which are equal.

    Examples
    --------
    >>> steady(np.array([0.1 + 0.2, 0.0, -1234.5])).tolist()
    [0.3, 0.0, -1234.5]
    """
    size = np.abs(values)
    with np.errstate(divide="ignore"):
        power = np.where(size > 0.0, np.floor(np.log10(size)), 0.0)
    scale = 10.0 ** (_DIGITS - 1 - power)
    return np.where(np.isfinite(values), np.round(values * scale) / scale, values)


def share_above(values: Array) -> Array:
    """Return the share of all n who have more than each, shape (n,); equal ones have the same.

    Examples
    --------
    >>> share_above(np.array([3.0, 1.0, 3.0, 2.0])).tolist()
    [0.0, 0.75, 0.0, 0.5]
    """
    rounded = steady(values)
    ordered = np.sort(rounded)
    more = len(values) - np.searchsorted(ordered, rounded, side="right")
    return np.asarray(more / max(len(values), 1))
