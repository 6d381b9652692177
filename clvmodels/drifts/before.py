"""What old data of the same customers must have looked like, told from the new ones.

Who has not bought since had the same purchases then. Of the others, the purchases before the last
one are spread evenly over the time until it (in whole periods: over the periods), so that how many
of them came before the old end, and when the last of these was, is drawn.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers

__all__ = ["drawn_before", "expected_before", "known_then", "looked_at_before"]

Array: TypeAlias = NDArray[np.float64]

_SEED: Final = 1_905


def known_then(customers: Customers, length: float) -> NDArray[np.bool_]:
    """Return who was a customer when the old data ended, `length` before the new end, (n,)."""
    return np.asarray(customers.timing[2] >= length - 1e-9 * max(1.0, length))


def expected_before(customers: Customers, length: float) -> Array:
    """Return how many of their purchases were expected to lie `length` before the end, shape (n,).

    Examples
    --------
    >>> c = Customers.from_arrays([3, 3, 0], [8.0, 4.0, 0.0], [10.0, 10.0, 9.0], unit="week")
    >>> expected_before(c, 6.0).tolist()
    [1.0, 3.0, 0.0]
    """
    certain, share = _place(customers, length)
    x = customers.frequency
    return np.where(certain, x, np.maximum(x - 1.0, 0.0) * share)


def drawn_before(customers: Customers, length: float, rng: np.random.Generator) -> Array:
    """Return how many of their purchases lay `length` before the end, drawn, shape (n,)."""
    certain, share = _place(customers, length)
    x = customers.frequency
    others = np.maximum(x - 1.0, 0.0).astype(np.int64)
    return np.where(certain, x, rng.binomial(others, share)).astype(np.float64)


def _place(customers: Customers, length: float) -> tuple[NDArray[np.bool_], Array]:
    """Return who has not bought since, and where the old end is on the way to the last purchase."""
    _, t_x, T = customers.timing
    then = T - length
    share = np.clip(then / np.where(t_x > 0.0, t_x, 1.0), 0.0, 1.0)
    return np.asarray(t_x <= then), share


def looked_at_before(customers: Customers, length: float, *, whole: bool) -> Customers:
    """Return the old customers as they were `length` before the end, those who bought since drawn.

    Parameters
    ----------
    customers
        New histories, with weights.
    length
        From the old end to the new one.
    whole
        Whether times are whole periods.

    Examples
    --------
    >>> c = Customers.from_arrays([3, 0], [4.0, 0.0], [10.0, 5.0], unit="week")
    >>> looked_at_before(c, 6.0, whole=False).timing[2].tolist()
    [4.0]
    """
    old = customers.take(np.flatnonzero(known_then(customers, length)))
    rng = np.random.default_rng(_SEED)
    x, t_x, T = old.timing
    then = np.maximum(T - length, 0.0)
    certain, _ = _place(old, length)
    if whole:
        periods = np.rint(then).astype(np.int64)
        rest = np.maximum(np.rint(t_x).astype(np.int64) - 1 - periods, 0)
        others = np.minimum(np.maximum(x - 1.0, 0.0).astype(np.int64), periods + rest)
        number = rng.hypergeometric(periods, rest, others).astype(np.float64)
    else:
        number = drawn_before(old, length, rng)
    last = then * rng.random(len(x)) ** (1.0 / np.maximum(number, 1.0))
    if whole:
        last = np.maximum(np.ceil(last), number)
    x0 = np.where(certain, x, number)
    recency = np.where(x0 == 0.0, 0.0, np.where(certain, t_x, last))
    return replace(old, frequency=x0, recency=recency, age=then)
