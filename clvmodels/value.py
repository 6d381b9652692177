"""Customer value from its parts: arrays only."""

from __future__ import annotations

import math
from typing import Any

from clvmodels.errors import ParameterError

__all__ = ["check_margin", "customer_value"]


def customer_value(discounted_purchases: Any, expected_spend: Any, margin: Any) -> Any:
    """Return discounted purchases x spend per purchase x margin.

    Arrays of shape (n,) or anything else that multiplies, such as dataframe expressions. Fader,
    Hardie and Lee (2005, JMR), eq. 2, with purchases and spend independent.

    Examples
    --------
    >>> import numpy as np
    >>> customer_value(np.array([2.0]), np.array([30.0]), 0.5)
    array([30.])
    """
    return discounted_purchases * expected_spend * margin


def check_margin(margin: float) -> float:
    """Return a margin as a float, or raise unless it is a finite fraction of at most 1.

    Raises
    ------
    ParameterError
        The margin is not a finite number, or above 1.

    Examples
    --------
    >>> check_margin(0.3)
    0.3
    """
    try:
        value = float(margin)
    except (TypeError, ValueError):
        value = math.nan
    if not -math.inf < value <= 1.0:
        raise ParameterError(
            "`margin` is a fraction of spend, at most 1, or the name of a column of fractions.",
            place=f"Got {margin!r}.",
            fix="Write 30 % as 0.30.",
        )
    return value
