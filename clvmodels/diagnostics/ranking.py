"""Customers from the best predicted to the worst, where equal predictions share what they did.

No order of the rows can matter then, nor the last bit in which two engines differ: predictions that
agree to eleven digits are equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.columns import check_vector
from clvmodels.errors import DataError
from clvmodels.special import Index

__all__ = ["Ranking", "check_pair", "total"]

Array: TypeAlias = NDArray[np.float64]

_ALIKE: Final = 1e-11  # relative difference of two predictions that are one
_NOTHING: Final = 1e-12  # relative area that is rounding


def check_pair(predicted: ArrayLike, actual: ArrayLike) -> tuple[Array, Array]:
    """Return both as finite floats of one shape (n,), or raise `DataError`; n is above zero."""
    ours = check_vector(predicted, "predicted")
    theirs = check_vector(actual, "actual", len(ours))
    if not len(ours):
        raise DataError(
            "A metric compares predictions with what happened.",
            place="There are no customers.",
            fix="Leave empty groups out.",
        )
    return ours, theirs


def total(values: Array) -> float:
    """Return the sum of values, the same to the last bit in any order."""
    return float(np.sort(values).sum())


@dataclass(frozen=True, eq=False)
class Ranking:
    """n customers from the highest prediction to the lowest.

    Attributes
    ----------
    order : Index
        Shape (n,): the rows in this order, equal predictions by what the customers did.
    group : Index
        Shape (n,): the number of the group of equal predictions, of the customers in this order.
    start : Index
        Shape (groups,): where each group begins.

    Examples
    --------
    >>> ranking = Ranking.of(np.array([1.0, 5.0, 1.0]), np.array([0.0, 4.0, 2.0]))
    >>> ranking.shared(np.array([0.0, 4.0, 2.0])).tolist()
    [4.0, 1.0, 1.0]
    """

    order: Index
    group: Index
    start: Index

    @classmethod
    def of(cls, predicted: Array, actual: Array) -> Ranking:
        """Rank predictions (n,); `actual` (n,) only makes the order of equal ones definite."""
        order = np.lexsort((actual, -predicted))
        ours = predicted[order]
        size = np.maximum(np.abs(ours[1:]), np.abs(ours[:-1]))
        new = np.append(True, ours[:-1] - ours[1:] > _ALIKE * size)
        return cls(order, np.cumsum(new) - 1, np.flatnonzero(new))

    def shared(self, values: Array) -> Array:
        """Return values (n,) best predicted first, those of equal predictions by their mean."""
        sums = np.add.reduceat(values[self.order], self.start)
        return np.asarray((sums / self.size)[self.group])

    @property
    def size(self) -> Index:
        """Customers in each group, shape (groups,)."""
        return np.diff(self.start, append=len(self.order))

    def ranks(self) -> Array:
        """Return the mean rank of each row, shape (n,), 1 for the highest prediction."""
        found = np.empty(len(self.order))
        found[self.order] = (self.start + 0.5 * (self.size + 1.0))[self.group]
        return found

    def running(self, values: Array) -> Array:
        """Return the sums of values over the best 0, 1, ..., n customers, shape (n + 1,)."""
        return np.append(0.0, np.cumsum(self.shared(values)))

    def area(self, values: Array) -> float:
        """Return the area between the curve of running sums and its diagonal, 0 if that is none.

        In customers times the unit of the values.
        """
        sums = self.running(values)
        whole = 0.5 * len(sums) * float(sums[-1])
        area = float(sums.sum()) - whole
        return area if abs(area) > _NOTHING * abs(whole) else 0.0

    def slices(self, values: Array, count: int) -> Array:
        """Return means of values over so many slices of equally many customers, (count,).

        A customer between two slices counts in both by shares.
        """
        n = len(self.order)
        edges = np.arange(count + 1) * (n / count)
        sums = np.interp(edges, np.arange(n + 1.0), self.running(values))
        return np.asarray(np.diff(sums) * (count / n))
