"""Moments of the discounts of a number of purchases, scattered evenly over a time or at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["Discounts", "in_periods", "scattered"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Discounts:
    """Moments of w_j = exp(-rate * time of purchase j from now), given the number of purchases.

    Attributes
    ----------
    total : Array
        E[sum of w_j].
    squares : Array
        E[sum of w_j^2].
    square : Array
        E[(sum of w_j)^2].
    """

    total: Array
    squares: Array
    square: Array

    @property
    def parts(self) -> tuple[Array, Array, Array]:
        """The three, in this order."""
        return self.total, self.squares, self.square

    @classmethod
    def joined(cls, parts: Sequence[Discounts]) -> Discounts:
        """Return one after the other."""
        return cls(
            *(
                np.concatenate(columns)
                for columns in zip(*(each.parts for each in parts), strict=True)
            )
        )

    def averaged(self, weights: Array) -> Discounts:
        """Return the mean over the last axis, with weights of its shape that add up to 1."""
        return Discounts(*((each * weights).sum(axis=-1) for each in self.parts))

    def __add__(self, other: Discounts) -> Discounts:
        return Discounts(*(a + b for a, b in zip(self.parts, other.parts, strict=True)))


def scattered(n: Array, length: Array, rate: float, *, last: bool = False) -> Discounts:
    """Return the discounts of n purchases that are independent and uniform over (0, length).

    Parameters
    ----------
    n
        Numbers of purchases, one or more.
    length
        Of the time, zero or more; broadcasts with `n`.
    rate
        Continuous discount rate.
    last
        Whether one of the n is at the very end.

    Examples
    --------
    >>> two = scattered(np.array([2.0]), np.array([1.0]), 0.5)
    >>> two.total.round(6).tolist(), two.square.round(6).tolist()
    ([1.573877], [2.502786])
    """
    z = rate * length
    mean, mean_square = special.exprel(-z), special.exprel(-2.0 * z)
    free = n - 1.0 if last else n
    end = np.exp(-z) if last else np.zeros_like(z)
    total, squares = free * mean, free * mean_square
    square = squares + total * (free - 1.0) * mean
    return Discounts(total + end, squares + end * end, square + end * (2.0 * total + end))


def in_periods(n: Array, periods: Array, rate: float) -> Discounts:
    """Return the discounts of n purchases, in any n of the periods 1, 2, ... alike, at their ends.

    Parameters
    ----------
    n
        Numbers of purchases, one or more.
    periods
        Numbers of periods, n or more; broadcasts with `n`.
    rate
        Continuous discount rate a period.

    Examples
    --------
    >>> one = in_periods(np.array([1.0]), np.array([2.0]), np.log(2.0))
    >>> one.total.round(12).tolist(), one.squares.round(12).tolist()
    ([0.375], [0.15625])
    """
    every, every_square = _geometric(periods, rate), _geometric(periods, 2.0 * rate)
    share, squares = n / periods, n / periods * every_square
    pairs = share * (n - 1.0) / np.maximum(periods - 1.0, 1.0)
    both = pairs * (every * every - every_square)
    return Discounts(share * every, squares, squares + both)


def _geometric(n: Array, rate: float) -> Array:
    """Return the sum of e^(-rate j) over j = 1, ..., n."""
    return np.asarray(n * np.exp(-rate) * special.exprel(-rate * n) / special.exprel(-rate))
