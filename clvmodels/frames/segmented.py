"""The customers of a base by segment, as arrays: what tables by segment are made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import DataError
from clvmodels.frames.columns import require_column
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.engines import collected
from clvmodels.frames.segments import segment_columns, segments_of
from clvmodels.frames.sources import as_narwhals

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Segmented", "segmented", "with_texts"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Segmented:
    """An eager frame of n customers, and the segment of each.

    Attributes
    ----------
    frame : DataFrame
        The customers, one a row.
    by : tuple of str
        The columns that make segments; all customers are one segment without any.
    code : array
        Shape (n,): the number of the segment of each customer.
    names : pandas DataFrame
        A row for each segment, in sorted order: its values of `by`, missing ones last.
    """

    frame: nw.DataFrame[Any]
    by: tuple[str, ...]
    code: NDArray[np.intp]
    names: pd.DataFrame

    @property
    def count(self) -> Array:
        """Customers in each segment, shape (segments,)."""
        return np.bincount(self.code, minlength=len(self.names)).astype(np.float64)

    def sums(self, values: Array) -> Array:
        """Return the sum over the customers of each segment, shape (segments,)."""
        return np.bincount(self.code, values, len(self.names)).astype(np.float64)

    def means(self, values: Array) -> Array:
        """Return the mean over the customers of each segment, NaN where nobody is."""
        count = self.count
        nothing = np.full(len(count), np.nan)
        return np.asarray(np.divide(self.sums(values), count, out=nothing, where=count > 0.0))

    def numbers(self, name: str, *, role: str) -> Array:
        """Return a column as floats, shape (n,), or raise unless all are finite.

        Raises
        ------
        MissingColumnError
            There is no such column.
        DataError
            It does not hold finite numbers.
        """
        require_column(name, self.frame.columns, role=role)
        column = self.frame[name]
        place = f"Column {name!r} has type {column.dtype}."
        if column.dtype.is_numeric():
            values = np.asarray(column.cast(nw.Float64).to_numpy(), dtype=np.float64)
            bad = int((~np.isfinite(values)).sum())
            if not bad:
                return values
            place = f"{bad:,} rows of column {name!r} are missing or infinite."
        raise DataError(
            f"The {role} column has a number for every customer.",
            place=place,
            fix="Fill missing values, or leave these customers out.",
        )

    def rows(self, segment: int) -> Any:
        """Return the customers of one segment as a native frame."""
        return nw.to_native(self.frame.filter((self.code == segment).tolist()))


def segmented(data: Any, by: tuple[str, ...], *, results: Iterable[str] = ()) -> Segmented:
    """Tell the segments of a summary, or of a table of customers, apart; lazy ones are collected.

    Parameters
    ----------
    data
        A `CustomerSummary`, or a frame.
    by
        Columns that make segments.
    results
        Names of the columns that will stand beside them, in small letters.

    Raises
    ------
    MissingColumnError
        There is no such column.
    DataError
        A column is named twice or like a result, or holds lists or the like.

    Examples
    --------
    >>> import polars as pl
    >>> found = segmented(pl.DataFrame({"channel": ["web", "shop", "web"]}), ("channel",))
    >>> found.names["channel"].tolist(), found.count.tolist()
    (['shop', 'web'], [1.0, 2.0])
    """
    import pandas as pd

    frame = as_narwhals(data.collect().frame if isinstance(data, CustomerSummary) else data)
    if isinstance(frame, nw.LazyFrame):
        frame = collected(frame)
    segment_columns(by, frame.columns, set(results))
    found = segments_of(frame, by)
    names = pd.DataFrame(index=pd.RangeIndex(found.count))
    if found.names is not None:
        names = pd.DataFrame({name: found.names[name].to_list() for name in by})
    return Segmented(frame, by, found.code, names)


def with_texts(frame: nw.DataFrame[Any], columns: dict[str, list[str]]) -> nw.DataFrame[Any]:
    """Add columns of text to an eager frame."""
    new = [
        nw.new_series(name, values, nw.String, backend=frame.implementation)
        for name, values in columns.items()
    ]
    if frame.implementation.is_pandas():  # which goes by the index
        index = nw.to_native(frame).index
        new = [nw.from_native(nw.to_native(s).set_axis(index), series_only=True) for s in new]
    return frame.with_columns(*new)
