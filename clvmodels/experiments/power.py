"""What a test can show: the least difference it would find, and customers for a wanted one."""

from __future__ import annotations

import math
from typing import Any, Final

from scipy import special

from clvmodels.errors import ParameterError

__all__ = ["check_fraction", "customers_needed", "detectable", "spread_of"]

_LEAST: Final = 2


def check_fraction(value: Any, name: str, hint: str) -> float:
    """Return a number between 0 and 1, or raise.

    Raises
    ------
    ParameterError
        It is none.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and 0.0 < value < 1.0:
        return float(value)
    raise ParameterError(f"`{name}` is between 0 and 1.", place=f"Got {value!r:.80}.", fix=hint)


def spread_of(significance: float, power: float) -> float:
    """Return how many standard errors a difference must be to be found with such a power.

    By a two-sided test; that the wrong side might be significant is left out.

    Examples
    --------
    >>> round(spread_of(0.05, 0.8), 4)
    2.8016
    """
    return float(special.ndtri(1.0 - 0.5 * significance) + special.ndtri(power))


def detectable(error: float, significance: float, power: float) -> float:
    """Return the least difference that a test of this standard error finds with such a power."""
    return spread_of(significance, power) * error


def customers_needed(
    variances: tuple[float, float],
    effect: float,
    significance: float,
    power: float,
    shares: tuple[float, float] = (0.5, 0.5),
) -> float:
    """Return how many customers two arms together need to show an effect; infinite for none.

    Parameters
    ----------
    variances
        Of a customer of either arm.
    effect
        The difference of their means.
    significance, power
        Of the two-sided test.
    shares
        Of the customers in either arm.

    Examples
    --------
    >>> customers_needed((1.0, 1.0), 0.1, 0.05, 0.8)
    3140.0
    """
    if effect == 0.0 or not all(map(math.isfinite, (*variances, effect))):
        return math.inf
    each = sum(v / share for v, share in zip(variances, shares, strict=True))
    needed = (spread_of(significance, power) / effect) ** 2 * each
    return float(max(math.ceil(needed), _LEAST * 2))
