"""Covariates of customers on any engine: joining them, and reading them as numbers or text."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import DataError, first_few
from clvmodels.frames.columns import require_column
from clvmodels.frames.conversions import as_polars
from clvmodels.frames.engines import collected
from clvmodels.frames.sources import as_narwhals

__all__ = ["covariate_key", "covariate_values", "joined_covariates"]


def covariate_key(frame: Any, name: str) -> nw.Expr:
    """Return a covariate as floats or text: what rows are grouped and joined by."""
    dtype = frame.collect_schema()[name]
    if dtype.is_numeric() or dtype == nw.Boolean:
        return nw.col(name).cast(nw.Float64)
    _refuse_type(name, dtype)
    return nw.col(name).cast(nw.String)


def covariate_values(series: nw.Series[Any]) -> NDArray[Any]:
    """Return a covariate as an array of floats, or of text with None where it is missing."""
    if series.dtype.is_numeric() or series.dtype == nw.Boolean:
        return np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
    if series.dtype == nw.Object:  # of pandas: whatever it holds
        return np.array([*series.to_list(), None], dtype=object)[:-1]
    _refuse_type(series.name, series.dtype)
    labels = series.cast(nw.String).to_list()
    return np.array([None if each != each else each for each in labels], dtype=object)


def _refuse_type(name: str, dtype: Any) -> None:
    if dtype not in (nw.String, nw.Categorical, nw.Enum):
        raise DataError(
            "A covariate is numbers, or text.",
            place=f"{name!r} holds {dtype}.",
            fix="Make a date a number, such as days since a day or the year; make the rest text.",
        )


def joined_covariates(frame: Any, customer: str, table: Any, key: str | None) -> Any:
    """Return a native frame with the columns of a customer table, every customer found once."""
    left, right = as_narwhals(frame), as_narwhals(table)
    names = right.collect_schema().names()
    own = require_column(key or customer, names, role="customer")
    right = _like(left, right)
    taken = {name.casefold() for name in left.collect_schema().names()}
    clash = [name for name in names if name != own and name.casefold() in taken]
    if clash:
        raise DataError(
            "Covariates are new columns.",
            place=f"The summary already has {', '.join(map(repr, clash))}.",
            fix="Drop or rename them in the table.",
        )
    if own != customer:
        right = right.rename({own: customer})
    _refuse_other_ids(left, right, customer)
    _refuse_twice(right, customer)
    _refuse_missing(left, right, customer)
    return nw.to_native(left.join(right, on=customer, how="left"))


def _like(left: Any, right: Any) -> Any:
    """Return the right frame on the engine of the left one, where that costs little."""
    if type(left) is type(right) and left.implementation is right.implementation:
        return right
    if isinstance(right, nw.DataFrame) and isinstance(left, nw.DataFrame):
        return nw.from_dict(right.to_dict(as_series=False), backend=left.implementation)
    if isinstance(right, nw.DataFrame) and left.implementation.is_polars():
        return nw.from_native(as_polars(right).lazy())
    raise DataError(
        "The customer table is on the engine of the summary.",
        place=f"The summary is {left.implementation}, the table {right.implementation}.",
        fix="Convert the table first.",
    )


def _refuse_other_ids(left: Any, right: Any, customer: str) -> None:
    ours, theirs = (frame.collect_schema()[customer] for frame in (left, right))
    if ours != theirs and (ours.is_numeric() != theirs.is_numeric()):
        raise DataError(
            "Ids have one type in the summary and in the customer table.",
            place=f"They are {ours} in the summary and {theirs} in the table.",
            fix="Convert one of the two.",
        )


def _refuse_twice(right: Any, customer: str) -> None:
    counts = right.group_by(customer).agg(nw.len().alias("rows"))
    count, some = _some_ids(counts.filter(nw.col("rows") > 1), customer)
    if count:
        raise DataError(
            "A customer table has one row a customer.",
            place=f"{count} ids are there more often ({some}).",
            fix="Aggregate it first.",
        )


def _refuse_missing(left: Any, right: Any, customer: str) -> None:
    lost = left.select(customer).join(right.select(customer), on=customer, how="anti")
    count, some = _some_ids(lost, customer)
    if count:
        raise DataError(
            "Every customer of the summary is in the customer table.",
            place=f"{count} are not there ({some}).",
            fix="Add them, with a level such as 'unknown', or leave them out of the orders.",
        )


def _some_ids(frame: Any, customer: str) -> tuple[int, str]:
    """Return the number of rows and, in words, the first ids; neither brings all ids here."""
    count = int(collected(frame.select(nw.len().alias("rows"))).item())
    return count, first_few(collected(frame.head(6))[customer].to_list()) if count else ""
