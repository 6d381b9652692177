"""The classic RFM cells: scores from 1 to 5 for recency, frequency and money, and their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import ParameterError, first_few
from clvmodels.segmentation.tiers import share_above

__all__ = ["RFM_NAMES", "cell_names", "cells", "check_map", "score"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]

SCORES: Final = 5
# Rows: R from 5, bought lately, to 1. Columns: F (with amounts the mean of F and M) from 1 to 5.
_MAP: Final = (
    ("new", "promising", "rising", "best", "best"),
    ("promising", "rising", "rising", "loyal", "best"),
    ("dozing", "wavering", "wavering", "loyal", "loyal"),
    ("dozing", "dozing", "leaving", "leaving", "do not lose"),
    ("gone", "asleep", "asleep", "leaving", "do not lose"),
)
RFM_NAMES: Final[Mapping[str, str]] = {
    f"{5 - i}{j + 1}": name for i, row in enumerate(_MAP) for j, name in enumerate(row)
}


def score(values: Array) -> Index:
    """Return scores from 1 to 5, shape (n,): a fifth of the customers each, 5 for the highest.

    1 plus five times the share of the customers who have less, rounded down: equal customers have
    the same score whatever their order, the lowest that any of them would have.

    Examples
    --------
    >>> score(np.array([0.0, 0.0, 0.0, 1.0, 7.0])).tolist()
    [1, 1, 1, 4, 5]
    """
    less = share_above(-values)
    return np.floor(1.0 + SCORES * less + 1e-9).astype(np.intp)


def cells(silence: Array, frequency: Array, money: Array | None) -> tuple[Index, ...]:
    """Return the scores R, F and, with money, M, each of shape (n,)."""
    found = score(-silence), score(frequency)
    return found if money is None else (*found, score(money))


def cell_names(scores: tuple[Index, ...], names: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return the cell of each customer, such as '453', and its name by R and the mean of the rest.

    Examples
    --------
    >>> cell_names((np.array([5]), np.array([1]), np.array([2])), RFM_NAMES)
    (['512'], ['promising'])
    """
    recency, frequency, *rest = scores
    busy = (frequency + rest[0] + 1) // 2 if rest else frequency  # halves go up
    digits = np.stack(scores, axis=1).astype(str).tolist()
    keys = np.stack([recency, busy], axis=1).astype(str).tolist()
    return ["".join(row) for row in digits], [names["".join(row)] for row in keys]


def check_map(given: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return the names of the cells, with those that are given in place of the usual ones.

    Raises
    ------
    ParameterError
        A key is no pair of scores.
    """
    unknown = [key for key in given or {} if key not in RFM_NAMES]
    if unknown:
        raise ParameterError(
            "`rfm_names` has names by the scores of recency and frequency, '11' to '55'.",
            place=f"Got {first_few([repr(key) for key in unknown])}.",
            fix="Pass such as {'51': 'welcome'}; all others keep their names.",
        )
    return {**RFM_NAMES, **{key: str(name) for key, name in (given or {}).items()}}
