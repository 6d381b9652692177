"""Doing expensive things once per distinct row."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Index", "distinct_rows", "per_distinct"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]


def per_distinct(function: Callable[..., Array], *columns: Array) -> Array:
    """Evaluate a function of columns (n,) once per distinct row, and spread the results.

    Examples
    --------
    >>> per_distinct(lambda x, y: x + y, np.array([1.0, 2.0, 1.0]), np.array([5.0, 6.0, 5.0]))
    array([6., 8., 6.])
    """
    first, code = distinct_rows(*columns)
    values = function(*(column[first] for column in columns))
    return np.asarray(values[code])


def distinct_rows(*columns: Array) -> tuple[Index, Index]:
    """Return the first row of each distinct combination of columns (n,), and each row's code.

    Codes are in the sorted order of the columns, the first column most significant.

    Examples
    --------
    >>> first, code = distinct_rows(np.array([2.0, 1.0, 2.0]), np.array([5.0, 6.0, 5.0]))
    >>> first.tolist(), code.tolist()
    ([1, 0], [1, 0, 1])
    """
    if len(columns) == 1:
        levels = np.unique(columns[0])
        code = np.searchsorted(levels, columns[0])
        first = np.empty(len(levels), dtype=np.intp)
        first[code[::-1]] = np.arange(len(code))[::-1]
        return first, code
    order = np.lexsort(columns[::-1])
    new = np.zeros(len(order), dtype=np.bool_)
    new[:1] = True
    for column in columns:
        own = column[order]
        differs = own[1:] != own[:-1]
        if own.dtype.kind == "f":  # missing values are one
            differs &= ~(np.isnan(own[1:]) & np.isnan(own[:-1]))
        new[1:] |= differs
    code = np.empty(len(order), dtype=np.intp)
    code[order] = np.cumsum(new) - 1
    return order[new], code
