"""Small eager tables from one library to another, also where pyarrow is not installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw

from clvmodels.frames.eager import to_polars

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["as_pandas", "as_polars"]


def as_pandas(frame: Any) -> pd.DataFrame:
    """Return an eager frame of any library as pandas, with rows numbered from zero.

    Examples
    --------
    >>> import polars as pl
    >>> as_pandas(pl.DataFrame({"shop": ["web", "store"]}))
        shop
    0    web
    1  store
    """
    import pandas as pd

    wrapped = nw.from_native(frame, eager_only=True, pass_through=False)
    if wrapped.implementation.is_pandas():
        native: pd.DataFrame = nw.to_native(wrapped)
        return native.reset_index(drop=True)
    return pd.DataFrame({name: wrapped[name].to_list() for name in wrapped.columns})


def as_polars(frame: Any) -> pl.DataFrame:
    """Return an eager frame of any library as polars, missing numbers as null.

    Examples
    --------
    >>> import pandas as pd
    >>> as_polars(pd.DataFrame({"shop": ["web", "store"], "cac": [4.0, None]})).rows()
    [('web', 4.0), ('store', None)]
    """
    import polars as pl

    wrapped = nw.from_native(frame, eager_only=True, pass_through=False)
    native = nw.to_native(wrapped)
    if isinstance(native, pl.DataFrame):
        return native
    columns = [to_polars(wrapped[name]).alias(name) for name in wrapped.columns]
    return pl.DataFrame([e.fill_nan(None) if e.dtype.is_float() else e for e in columns])
