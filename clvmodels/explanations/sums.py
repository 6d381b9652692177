"""Sums of contributions over customers and segments, correctly rounded, in any order of rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.frames.segments import segments_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["by_segment", "exact_sum"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]


def exact_sum(values: Array) -> float:
    """Return the sum of values rounded once, so that their order does not matter.

    Examples
    --------
    >>> exact_sum(np.array([1e16, 1.0, -1e16]))
    1.0
    """
    return math.fsum(values.tolist())


def by_segment(
    frame: nw.DataFrame[Any], by: tuple[str, ...], columns: dict[str, Array]
) -> pd.DataFrame:
    """Return a row for each segment: the columns `by`, ``customers``, and the sum of each column.

    Parameters
    ----------
    frame
        n customers, with the columns `by`.
    by
        What makes segments; missing values are one, too.
    columns
        Shape (n,) each.
    """
    import pandas as pd

    segments = segments_of(frame, by)
    order = np.argsort(segments.code, kind="stable")
    counts = np.bincount(segments.code, minlength=segments.count)
    groups = np.split(order, np.cumsum(counts)[:-1])
    names = {} if segments.names is None else segments.names.to_dict(as_series=False)
    sums = {name: [exact_sum(values[rows]) for rows in groups] for name, values in columns.items()}
    return pd.DataFrame({**names, "customers": counts.astype(np.int64), **sums})
