"""Checks of the columns that make customers: whole rows in, or an error with rule and place."""

from __future__ import annotations

from numbers import Number
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.errors import DataError, first_few

__all__ = [
    "check_covariate",
    "check_frequency",
    "check_spend",
    "check_timing",
    "check_vector",
    "refuse_rows",
]

Array: TypeAlias = NDArray[np.float64]

_MOST_PURCHASES: Final = 1e7  # bounds the tables of special; nobody has bought more often than this
_ROUNDING: Final = 1e-9  # slack by which a recency may exceed the age it was computed beside


def check_vector(values: ArrayLike, name: str, length: int | None = None) -> Array:
    """Return a finite float copy of shape (n,), or raise."""
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(
            f"`{name}` holds numbers.", place=f"Got {values!r:.80}.", fix="Convert it first."
        ) from None
    if array.ndim != 1 or (length is not None and len(array) != length):
        expected = "(n,)" if length is None else f"({length},)"
        raise DataError(
            f"`{name}` has shape {expected}, one value a row.",
            place=f"Got shape {array.shape}.",
            fix="Pass columns of the same table.",
        )
    fix = "Fill or drop these rows; rfm_summary makes complete ones from orders."
    refuse_rows(~np.isfinite(array), f"`{name}` is never missing or infinite.", name, array, fix)
    return array


def check_spend(values: ArrayLike, frequency: Array) -> Array:
    """Return mean spend with NaN where there was no repeat purchase."""
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    bought = frequency > 0.0
    if array.shape != frequency.shape:
        return check_vector(values, "monetary_value", len(frequency))
    refuse_rows(
        bought & ~(np.isfinite(array) & (array >= 0.0)),
        "`monetary_value` is a finite amount, zero or more, where frequency is above 0.",
        "monetary_value",
        array,
        "Net refunds with rfm_summary, or leave these customers out.",
    )
    return np.where(bought, array, np.nan)


def check_covariate(values: ArrayLike, name: str, length: int) -> NDArray[Any]:
    """Return numbers as floats and anything else as text or objects, none missing."""
    array = np.array(values)
    if array.shape != (length,):
        return check_vector(values, name, length)
    if array.dtype.kind in "biuf":
        array = array.astype(np.float64)
        _refuse_missing(np.isnan(array), name)
        return array
    if array.dtype.kind == "U":
        return array
    labels = array.astype(object)
    # NaN and NaT differ from themselves
    missing = [each is None or each != each for each in labels]
    _refuse_missing(np.array(missing, dtype=np.bool_), name)
    if all(isinstance(each, str) for each in labels):
        return labels.astype(str)
    if all(isinstance(each, Number) and not isinstance(each, complex) for each in labels):
        return labels.astype(np.float64)  # such as Decimal
    kinds = sorted({type(each).__name__ for each in labels})
    raise DataError(
        "A covariate is numbers, or text.",
        place=f"{name!r} holds {', '.join(kinds)}.",
        fix="Make a date a number, such as days since a day or the year; make the rest text.",
    )


def _refuse_missing(missing: NDArray[np.bool_], name: str) -> None:
    rows = np.flatnonzero(missing)
    if len(rows):
        raise DataError(
            "Covariates are known for every customer.",
            place=f"{len(rows)} rows lack {name!r} (rows {first_few(rows[:6].tolist())}).",
            fix="Fill them, for example with a level 'unknown', or leave these customers out.",
        )


def check_frequency(x: Array) -> None:
    """Raise unless all are whole numbers from 0 to ten million."""
    refuse_rows(
        (x < 0.0) | (x != np.floor(x)) | (x > _MOST_PURCHASES),
        "`frequency` counts purchases after the first: a whole number from 0 to ten million.",
        "frequency",
        x,
        "Count occasions, not amounts or averages.",
    )


def check_timing(x: Array, t_x: Array, T: Array) -> None:
    """Raise unless 0 <= t_x <= T, with t_x = 0 exactly where x = 0."""
    fix = "Measure both from the first purchase, in the same unit."
    refuse_rows(T < 0.0, "`age` (T) is zero or more.", "age (T)", T, fix)
    refuse_rows(t_x < 0.0, "`recency` is zero or more.", "recency", t_x, fix)
    refuse_rows(
        t_x > T * (1.0 + _ROUNDING),
        "`recency` is at most `age` (T): nobody buys after the end of observation.",
        "recency",
        t_x,
        "Recency is the time from the first purchase to the last, not since the last. " + fix,
    )
    refuse_rows(
        (x == 0.0) & (t_x > 0.0),
        "`recency` is 0 where `frequency` is 0: the only purchase is the first one.",
        "recency",
        t_x,
        "Frequency counts purchases after the first.",
    )
    refuse_rows(
        (x > 0.0) & (t_x == 0.0),
        "`recency` is above 0 where `frequency` is above 0.",
        "frequency",
        x,
        "Merge purchases of the same day into one occasion.",
    )


def refuse_rows(bad: NDArray[np.bool_], rule: str, name: str, values: Array, fix: str) -> None:
    """Raise if any row is bad, with the count and the first rows and values."""
    rows = np.flatnonzero(bad)
    if len(rows):
        places = first_few([f"row {i}: {values[i]:g}" for i in rows[:6]])
        raise DataError(rule, place=f"{len(rows)} rows break this in {name} ({places}).", fix=fix)
