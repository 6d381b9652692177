"""Eager frames in and out of polars: ids become integer codes, other columns are copied.

Every library then obeys the same rules at the same speed, and an id of any type (text, UUID,
categorical) comes back from the caller's own column, unchanged.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import DataError, MissingExtraError
from clvmodels.frames.zones import mixed_zones

if TYPE_CHECKING:
    import polars as pl

__all__ = ["encode_ids", "to_polars", "with_ids"]

Codes: TypeAlias = NDArray[np.int64]


def encode_ids(ids: nw.Series[Any]) -> tuple[pl.Series, Codes]:
    """Return integer codes in the order of the ids, null where missing, and a row of each code."""
    import polars as pl

    native = nw.to_native(ids)
    codes = _pandas_codes(native) if ids.implementation.is_pandas() else _polars_codes(native)
    rows = np.flatnonzero(codes >= 0)
    first = np.zeros(int(codes.max(initial=-1)) + 1, dtype=np.int64)
    first[codes[rows][::-1]] = rows[::-1]
    return pl.Series(codes).replace(-1, None), first


def _pandas_codes(ids: Any) -> Codes:
    """Return codes of shape (n,), -1 for missing values and blank text."""
    import pandas as pd

    try:
        codes, uniques = pd.factorize(ids)
    except TypeError:
        raise no_id(ids.name, "lists, dicts or the like") from None
    _refuse_mixed(uniques, ids.name)
    rank = np.append(_ranks(uniques), -1)
    rank[:-1][[_is_blank(each) for each in uniques]] = -1
    return np.asarray(rank[codes], dtype=np.int64)


def _is_blank(value: Any) -> bool:
    """Tell whether an id is blank text, or the NaN that arrow keeps apart from missing values."""
    return not value.strip() if isinstance(value, str) else bool(value != value)


def no_id(name: str, kind: str) -> DataError:
    """Return the error for a column that cannot tell customers apart."""
    return DataError(
        "A customer id is one value: text, a whole number, a category or a UUID.",
        place=f"Column {name!r} has type {kind}.",
        fix="Name another column or flatten this one.",
    )


def _ranks(uniques: Any) -> Codes:
    """Return the rank of each id; of ids without an order, the order of appearance."""
    rank = np.arange(len(uniques), dtype=np.int64)
    try:
        order = np.asarray(uniques.argsort())
    except TypeError:
        return rank
    rank[order] = np.arange(len(uniques))
    return rank


def _refuse_mixed(uniques: Any, name: str) -> None:
    """Raise if ids are of several types, where 1 and '1' would be two customers."""
    if uniques.dtype != object:
        return
    kinds = sorted({type(each).__name__ for each in uniques})
    if len(kinds) > 1:
        raise DataError(
            "All customer ids have one type, else 1 and '1' are two customers.",
            place=f"Column {name!r} holds {' and '.join(kinds)}.",
            fix=f"Convert it first, for instance orders[{name!r}].astype(str).",
        )


def _polars_codes(ids: Any) -> Codes:
    """Return codes of shape (n,), -1 for missing values and blank text."""
    import polars as pl

    plain = ids if isinstance(ids, pl.Series) else _arrow_to_polars(ids)
    if plain.dtype == pl.Object:
        import pandas as pd

        return _pandas_codes(pd.Series(plain.to_list(), dtype=object, name=plain.name))
    if plain.dtype.is_float():
        plain = plain.fill_nan(None)
    ranks = plain.rank("dense").cast(pl.Int64) - 1
    if plain.dtype in (pl.String, pl.Categorical, pl.Enum):
        ranks = ranks.set(plain.cast(pl.String).str.strip_chars() == "", -1)
    return ranks.fill_null(-1).to_numpy()


def to_polars(series: nw.Series[Any]) -> pl.Series:
    """Copy a date or amount column into polars, time stamps as their wall clock shows."""
    import polars as pl

    native = nw.to_native(series)
    if isinstance(native, pl.Series):
        copy = native
    elif series.implementation.is_pandas():
        copy = _pandas_to_polars(native)
    else:
        copy = _arrow_to_polars(native)
    return copy.cast(pl.String) if copy.dtype == pl.Null else copy


def _pandas_to_polars(native: Any) -> pl.Series:
    import polars as pl

    if hasattr(native.dtype, "tz"):
        native = native.dt.tz_localize(None)
    if hasattr(native.dtype, "pyarrow_dtype"):
        return _arrow_to_polars(native.array.__arrow_array__())
    if isinstance(native.dtype, np.dtype) and native.dtype.kind in "iufM":
        values = native.to_numpy()
        return pl.Series(values.astype("M8[ms]") if values.dtype == "M8[s]" else values)
    return _objects_to_polars(native)


def _objects_to_polars(native: Any) -> pl.Series:
    """Copy a pandas column of Python objects, all of one kind."""
    import pandas as pd
    import polars as pl

    values = [
        None if missing else value for value, missing in zip(native, pd.isna(native), strict=True)
    ]
    zones = sorted(
        {str(value.tzinfo or "no zone") for value in values if isinstance(value, datetime)}
    )
    if len(zones) > 1:
        raise mixed_zones(f"column {native.name!r} has {', '.join(zones[:4])}")
    if zones and zones != ["no zone"]:
        values = [None if value is None else value.replace(tzinfo=None) for value in values]
    try:
        return pl.Series(values, strict=True)
    except (TypeError, ValueError, pl.exceptions.PolarsError):
        kinds = sorted({type(value).__name__ for value in values if value is not None})
        raise DataError(
            "All values of a column have one type.",
            place=f"Column {native.name!r} holds {', '.join(kinds)}.",
            fix="Convert it first, dates for instance with pandas.to_datetime.",
        ) from None


def _arrow_to_polars(column: Any) -> pl.Series:
    import polars as pl
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if isinstance(kind, pa.ExtensionType | getattr(pa, "BaseExtensionType", ())):
        chunks = [chunk.storage for chunk in column.chunks]
        column = pa.chunked_array(chunks, type=kind.storage_type)
    elif pa.types.is_timestamp(kind) and kind.tz is not None:
        column = pc.local_timestamp(column)
    return pl.Series(pl.from_arrow(column))


def with_ids(ids: nw.Series[Any], table: pl.DataFrame, implementation: nw.Implementation) -> Any:
    """Put ids of the caller's type beside computed columns, in a frame of the caller's library."""
    if implementation.is_polars():
        return table.insert_column(0, nw.to_native(ids))
    if implementation.is_pandas():
        import pandas as pd

        computed = {name: table[name].to_numpy() for name in table.columns}
        return pd.DataFrame({ids.name: nw.to_native(ids).reset_index(drop=True), **computed})
    if implementation.is_pyarrow():
        import pyarrow as pa

        columns = [nw.to_native(ids), *table.to_arrow().columns]
        return pa.table(columns, names=[ids.name, *table.columns])
    raise MissingExtraError(
        "Eager frames are pandas, polars or pyarrow.",
        place=f"Got {implementation}.",
        fix="Convert the frame to one of these.",
    )
