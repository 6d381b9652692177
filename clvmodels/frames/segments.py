"""Segments of customers: distinct values of some columns, whatever their type, nulls included."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import DataError
from clvmodels.frames.columns import require_column
from clvmodels.special import distinct_rows

__all__ = ["Segments", "segment_columns", "segments_of"]

Index: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True)
class Segments:
    """The segments of n rows of an eager frame.

    Attributes
    ----------
    code : Index
        Shape (n,): the number of the segment of each row, in sorted order, missing values last.
    names : DataFrame or None
        A row for each segment, with its values as the frame has them; None for no columns.
    count : int
        Number of segments.
    """

    code: Index
    names: nw.DataFrame[Any] | None
    count: int


def segment_columns(
    by: str | Sequence[str] | None, columns: Sequence[str], results: Collection[str]
) -> tuple[str, ...]:
    """Return the columns that make segments, or raise unless they can stand beside the result.

    Parameters
    ----------
    by
        A column, several, or None.
    columns
        Those that there are.
    results
        Names of the columns that will stand beside them, in small letters.

    Raises
    ------
    MissingColumnError
        There is no such column.
    DataError
        A column is named twice or like a result.

    Examples
    --------
    >>> segment_columns("channel", ["customer_id", "channel"], {"clv"})
    ('channel',)
    """
    found = () if by is None else (by,) if isinstance(by, str) else tuple(by)
    for name in found:
        require_column(name, columns, role="segment")
    taken = [name for name in found if str(name).casefold() in results]
    if taken or len(set(found)) < len(found):
        raise DataError(
            "Columns of segments stand beside those of the result, each once.",
            place=f"Got {', '.join(map(repr, taken or found))}.",
            fix="Rename the column, or name each once.",
        )
    return found


def segments_of(frame: nw.DataFrame[Any], by: tuple[str, ...]) -> Segments:
    """Tell the segments of a frame apart by some of its columns; all rows are one without any.

    Raises
    ------
    DataError
        A column holds lists or the like, which cannot be told apart.

    Examples
    --------
    >>> import polars as pl
    >>> frame = nw.from_native(pl.DataFrame({"channel": ["web", None, "shop", "web"]}))
    >>> found = segments_of(frame, ("channel",))
    >>> found.code.tolist(), found.names["channel"].to_list()
    ([1, 2, 0, 1], ['shop', 'web', None])
    """
    if not by:
        return Segments(np.zeros(len(frame), dtype=np.intp), None, 1)
    first, code = distinct_rows(*(_codes(frame[name]) for name in by))
    names = frame.select(*by)[first.tolist()]
    if not names.implementation.is_pandas():  # to pandas both are missing
        floats = [name for name in by if names[name].dtype.is_float()]
        names = names.with_columns(nw.col(*floats).fill_nan(None)) if floats else names
    else:
        names = nw.from_native(nw.to_native(names).reset_index(drop=True), eager_only=True)
    return Segments(code, names, len(first))


def _codes(series: nw.Series[Any]) -> NDArray[np.float64]:
    """Return the rank of each value of a column, infinite where it is missing."""
    try:
        ranks = _pandas_ranks(series) if series.dtype == nw.Object else _ranks(series)
    except Exception as error:
        raise DataError(
            "Customers are told apart by single values: text, numbers, dates or categories.",
            place=f"Column {series.name!r} holds {series.dtype}.",
            fix="Name another column, or make it text.",
        ) from error
    return ranks


def _ranks(series: nw.Series[Any]) -> NDArray[np.float64]:
    import polars as pl

    native = nw.to_native(series)
    if series.implementation.is_pandas():
        return _pandas_ranks(series)
    plain = native if isinstance(native, pl.Series) else pl.Series(pl.from_arrow(native))
    if plain.dtype.is_float():
        plain = plain.fill_nan(None)
    if plain.dtype == pl.Null:
        return np.full(len(plain), np.inf)
    return plain.rank("dense").cast(pl.Float64).fill_null(np.inf).to_numpy()


def _pandas_ranks(series: nw.Series[Any]) -> NDArray[np.float64]:
    """Return ranks of values of pandas, or of Python objects, in order of their text if in none."""
    import pandas as pd

    native = nw.to_native(series)
    column = native if isinstance(native, pd.Series) else pd.Series(series.to_list(), dtype=object)
    if series.dtype.is_float():  # arrow tells -0.0 from 0.0, and NaN from null
        column = pd.Series(column.to_numpy(dtype=np.float64, na_value=np.nan))
    try:
        codes, uniques = pd.factorize(column)
        order = np.asarray(uniques.argsort())
    except NotImplementedError:  # of categories in arrow
        codes, uniques = pd.factorize(pd.Series(series.to_list(), dtype=object))
        order = np.asarray(uniques.argsort())
    except TypeError:  # of several types
        codes, uniques = pd.factorize(column)
        order = np.argsort([f"{type(each).__name__} {each}" for each in uniques], kind="stable")
    rank = np.empty(len(uniques) + 1)
    rank[order], rank[-1] = np.arange(len(uniques)), np.inf
    rank[:-1][pd.isna(uniques)] = np.inf
    return np.asarray(rank[codes])
