"""How long a customer is still there: the integral of survival, discounted."""

from __future__ import annotations

import math
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.errors import UndefinedMomentError
from clvmodels.models.purchases import OpportunityModel

__all__ = ["time_alive"]

Array: TypeAlias = NDArray[np.float64]

_NODES: Final = 40  # survival is smooth in the square root of time: 1e-8 of the models here
_FADED: Final = 18.0  # nats of discount beyond which periods do not count


def time_alive(model: Any, c: Customers, horizon: float, rate: float) -> Array:
    """Return the discounted time that customers who are alive stay within a horizon, shape (n,).

    The integral over (0, horizon) of exp(-rate s) P(alive at T + s | alive at T). Models of whole
    periods are there for a period or not.

    Raises
    ------
    UndefinedMomentError
        The horizon is infinite and nothing is discounted.

    Examples
    --------
    >>> from clvmodels import ParetoNBD
    >>> one = Customers.from_arrays([0.0], [0.0], [0.0], unit="week")
    >>> model = ParetoNBD(0.5, 10.0, 2.0, 20.0)  # survival (20 / (20 + t))^2
    >>> time_alive(model, one, 20.0, 0.0).round(6).tolist()
    [10.0]
    """
    if math.isinf(horizon) and not rate > 0.0:
        raise UndefinedMomentError(
            "Without a discount the time that a customer stays may have no expectation.",
            place="Got an infinite horizon and no discount, beside a cost by time.",
            fix="Pass a finite horizon, or a positive discount_rate.",
        )
    rows = model.rows(c)
    if isinstance(rows, OpportunityModel):
        end = min(horizon, math.ceil(_FADED / rate)) if rate > 0.0 else horizon
        ahead = np.arange(math.floor(end), dtype=np.float64)
        weights = np.exp(-rate * ahead)
    else:
        ahead, weights = _nodes(horizon, rate)
    result = np.zeros(len(c))
    for time, weight in zip(ahead, weights, strict=True):
        result += weight * np.maximum(rows.stay_if_alive(c, np.full(len(c), time)), 0.0)
    return result


def _nodes(horizon: float, rate: float) -> tuple[Array, Array]:
    """Return times and weights: Gauss-Legendre in the square root of discounted time."""
    roots, weights = np.polynomial.legendre.leggauss(_NODES)
    u, w = 0.5 * (roots + 1.0), 0.5 * weights
    share, per = u**2, 2.0 * u * w
    if rate == 0.0:
        return horizon * share, horizon * per
    all_of_it = -math.expm1(-rate * horizon)  # of (1 - e^(-rate t)), the discounted time
    return -np.log1p(-all_of_it * share) / rate, all_of_it / rate * per
