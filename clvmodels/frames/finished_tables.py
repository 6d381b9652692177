"""Checks of a table that has frequency, recency and T already; made summaries need none."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from clvmodels.errors import DataError
from clvmodels.frames.columns import SUMMARY
from clvmodels.frames.engines import collected

__all__ = ["has_bad_times", "refuse_repeated_ids", "refuse_types"]


def refuse_types(schema: nw.Schema, roles: dict[str, str]) -> None:
    """Raise `DataError` unless the columns that play roles are numbers."""
    for name, role in roles.items():
        if not schema[name].is_numeric():
            raise DataError(
                f"The {role} of a customer is a number.",
                place=f"Column {name!r} has type {schema[name]}.",
                fix="Convert it to integers or floats first.",
            )


def refuse_repeated_ids(frame: nw.DataFrame[Any] | nw.LazyFrame[Any], customer: str) -> None:
    """Raise `DataError` if there are several rows for a customer."""
    counts = frame.select(nw.len().alias("rows"), nw.col(customer).n_unique().alias("ids"))
    rows, ids = collected(counts).row(0)
    if rows > ids:
        raise DataError(
            "A summary has one row a customer.",
            place=f"{rows - ids} rows repeat an id of column {customer!r}.",
            fix="Aggregate to customers first, or use rfm_summary on the orders.",
        )


def has_bad_times(frame: nw.LazyFrame[Any]) -> bool:
    """Tell whether a frequency, recency or T breaks a rule, without collecting the rows."""
    x, t_x, T = (nw.col(name).cast(nw.Float64) for name in SUMMARY[:3])
    whole = x.is_finite() & (x >= 0.0) & (x == x.floor())
    inside = T.is_finite() & t_x.is_finite() & (t_x >= 0.0) & (t_x <= T)
    fits = whole & inside & ((x > 0.0) == (t_x > 0.0))
    doubtful = nw.when(fits).then(nw.lit(0)).otherwise(nw.lit(1)).alias("doubtful")
    return bool(collected(frame.select(doubtful).select(nw.col("doubtful").sum())).item())
