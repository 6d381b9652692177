"""Whole days since 1970-01-01 from dates, time stamps, text and epoch numbers, on every engine."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any, Final

import narwhals as nw

from clvmodels.errors import DataError, ParameterError, did_you_mean
from clvmodels.frames.calendar import MDAY, MONTH, YEAR, day_number, with_civil_day, with_fields
from clvmodels.frames.columns import DAY, RAW
from clvmodels.frames.engines import is_spark, with_native
from clvmodels.frames.paths import first_look
from clvmodels.frames.sources import Source
from clvmodels.frames.spark_dates import days_of_dates, days_of_text
from clvmodels.frames.strptime import check_format, with_day_of_format
from clvmodels.frames.zones import ZONE, refuse_mixed_zones

__all__ = ["UNREADABLE", "with_days"]

UNREADABLE: Final = -(10**9)  # the day of a value that is there but is no date

_TIME = rf"([T ][0-9]{{1,2}}:[0-9]{{2}}(:[0-9]{{2}}([.,][0-9]+)?)?( ?{ZONE})?)?"
_ISO: Final = rf"^[0-9]{{4}}[-/.][0-9]{{2}}[-/.][0-9]{{2}}{_TIME}$"
_COMPACT: Final = r"^[0-9]{8}$"
_NUMBER: Final = r"^(-?[0-9]{1,18}|[1-8][0-9]{18}|[0-9]{1,18}\.[0-9]+)$"  # fits 64 bits
_PER_DAY: Final = {
    "epoch-d": 1,
    "epoch-s": 86_400,
    "epoch-ms": 86_400_000,
    "epoch-us": 86_400_000_000,
    "epoch-ns": 86_400_000_000_000,
}
# Years 1971 to 2100 in each kind of number; the ranges do not overlap.
_RANGES: Final = {kind: (365 * n, 47_847 * n) for kind, n in _PER_DAY.items()} | {
    "%Y%m%d": (19_710_101, 21_001_231)
}


def with_days(source: Source, *, name: str, date_format: str | None) -> Source:
    """Turn the DAY column of a log from what the user has into day numbers.

    Missing values stay missing; values that are no date become `UNREADABLE`. Of text the column RAW
    is kept, to show what could not be read.

    Parameters
    ----------
    source
        A log with a raw DAY column.
    name
        The user's name of it, for messages.
    date_format
        A strptime format for text, or 'epoch-s' and the like for numbers; None to tell from the
        values.

    Raises
    ------
    DataError
        The column's type or text cannot be dates, or stamps are in several time zones.
    ParameterError
        The format cannot be used.
    """
    frame = _dated(source.frame, name, date_format)
    no_date = (nw.col(DAY) < day_number(date.min)) | (nw.col(DAY) > day_number(date.max))
    bounded = nw.when(no_date).then(nw.lit(UNREADABLE, nw.Int64)).otherwise(nw.col(DAY))
    frame = frame.with_columns(bounded.alias(DAY))
    return replace(source, frame=frame.collect("polars").lazy() if source.eager else frame)


def _dated(frame: nw.LazyFrame[Any], name: str, date_format: str | None) -> nw.LazyFrame[Any]:
    dtype = frame.collect_schema()[DAY]
    if isinstance(dtype, nw.Date) and frame.implementation.is_polars():  # of days, underneath
        return frame.with_columns(nw.col(DAY).cast(nw.Int32).cast(nw.Int64))
    if isinstance(dtype, nw.Date | nw.Datetime):
        if is_spark(frame):
            return with_native(frame, DAY, days_of_dates(DAY))
        return with_civil_day(with_fields(frame, nw.col(DAY)))
    if isinstance(dtype, nw.String | nw.Categorical | nw.Enum):
        frame = _stripped(frame)
        frame = frame.with_columns(nw.col(DAY).alias(RAW))
        return _mark_unreadable(_from_any_text(frame, name, date_format))
    if dtype.is_numeric():
        return _with_epoch(frame, name, date_format)
    raise DataError(
        "Dates are dates, time stamps, text, or numbers of days or seconds since 1970.",
        place=f"Column {name!r} has type {dtype}.",
        fix="Name another column or convert this one.",
    )


# --- text -------------------------------------------------------------------------------------


def _stripped(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Return the frame with text in DAY without blanks around it, blank text missing."""
    text = nw.col(DAY).cast(nw.String).str.strip_chars()
    frame = frame.with_columns(text.alias(DAY))
    return frame.with_columns(nw.when(nw.col(DAY) != "").then(nw.col(DAY)).alias(DAY))


def _from_any_text(
    frame: nw.LazyFrame[Any], name: str, date_format: str | None
) -> nw.LazyFrame[Any]:
    if date_format in _PER_DAY:
        number = nw.when(nw.col(DAY).str.contains(_NUMBER)).then(nw.col(DAY))
        whole = number.str.replace_all(r"\.[0-9]+$", "").cast(nw.Int64)
        return _in_days(frame.with_columns(whole.alias(DAY)), date_format)
    if date_format is not None:
        return _with_format(frame, date_format)
    refuse_mixed_zones(frame, name, text=DAY, dated=nw.col(DAY).str.contains(_ISO))
    return _from_text(frame)


def _from_text(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Turn ISO text, with or without a time, or eight digits into day numbers."""
    if is_spark(frame):
        return with_native(frame, DAY, days_of_text(DAY, iso=_ISO, compact=_COMPACT))
    text, form = nw.col(DAY), nw.col("_form")
    iso, compact = text.str.contains(_ISO), text.str.contains(_COMPACT)
    forms = nw.when(iso).then(nw.lit(1)).otherwise(nw.when(compact).then(nw.lit(2)))

    def digits(iso_start: int, compact_start: int, length: int, name: str) -> nw.Expr:
        packed = nw.when(form == 2).then(text.str.slice(compact_start, length))
        spaced = nw.when(form == 1).then(text.str.slice(iso_start, length))
        return nw.coalesce(spaced, packed).cast(nw.Int64).alias(name)

    fields = frame.with_columns(forms.alias("_form")).with_columns(
        digits(0, 0, 4, YEAR), digits(5, 4, 2, MONTH), digits(8, 6, 2, MDAY)
    )
    return with_civil_day(fields).drop("_form")


def _mark_unreadable(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Give text that is there but is no date the day `UNREADABLE`."""
    unread = nw.when(~nw.col(RAW).is_null()).then(nw.lit(UNREADABLE, nw.Int64))
    return frame.with_columns(nw.coalesce(nw.col(DAY), unread).alias(DAY))


def _with_format(frame: nw.LazyFrame[Any], date_format: str) -> nw.LazyFrame[Any]:
    """Parse text by a strptime format, null where it does not fit."""
    check_format(date_format)
    if is_spark(frame):
        return with_day_of_format(frame, date_format)
    if frame.implementation.is_polars():
        import polars as pl

        parsed = pl.col(DAY).str.strptime(pl.Datetime("us"), date_format, strict=False)
        read = nw.from_native(nw.to_native(frame).with_columns(parsed))
    elif frame.implementation.is_duckdb():
        import duckdb

        call = duckdb.FunctionExpression(
            "try_strptime", duckdb.ColumnExpression(DAY), duckdb.ConstantExpression(date_format)
        )
        read = with_native(frame, DAY, call)
    else:
        raise DataError(
            "`date_format` is read by polars, DuckDB and Spark.",
            place=f"This is a {frame.implementation} frame.",
            fix="Convert the column to dates on the engine first.",
        )
    return with_civil_day(with_fields(read, nw.col(DAY)))


# --- numbers ----------------------------------------------------------------------------------


def _with_epoch(frame: nw.LazyFrame[Any], name: str, date_format: str | None) -> nw.LazyFrame[Any]:
    """Turn numbers since 1970, or yyyymmdd, into days; the size tells which."""
    number = nw.col(DAY)
    if not frame.collect_schema()[
        DAY
    ].is_integer():  # casting rounds on some engines, cuts on others
        floats = number.cast(nw.Float64)
        number = nw.when(floats.is_finite()).then(floats.floor())
    frame = frame.with_columns(number.cast(nw.Int64).alias(DAY))
    kind = date_format or _guess_epoch(frame, name)
    if kind == "%Y%m%d":
        text = frame.with_columns(nw.col(DAY).cast(nw.String).alias(DAY))
        return _mark_unreadable(_from_text(text.with_columns(nw.col(DAY).alias(RAW))))
    if kind not in _PER_DAY:
        raise ParameterError(
            "`date_format` of a column of numbers is 'epoch-s' or the like, or '%Y%m%d'.",
            place=f"Got {kind!r}.",
            fix=did_you_mean(kind, [*_PER_DAY, "%Y%m%d"]),
        )
    return _in_days(frame, kind)


def _in_days(frame: nw.LazyFrame[Any], kind: str) -> nw.LazyFrame[Any]:
    """Divide numbers since 1970 and round down, also on engines that round towards zero."""
    number, quotient, per_day = nw.col(DAY), nw.col("_quotient"), _PER_DAY[kind]
    over = nw.when(quotient * per_day > number).then(nw.lit(1)).otherwise(nw.lit(0))
    divided = frame.with_columns((number // per_day).alias("_quotient"))
    return divided.with_columns((quotient - over).alias(DAY)).drop("_quotient")


def _guess_epoch(frame: nw.LazyFrame[Any], name: str) -> str:
    extremes = frame.select(nw.col(DAY).min().alias("low"), nw.col(DAY).max().alias("high"))
    low, high = first_look(extremes).row(0)
    if low is None:
        return "epoch-d"
    for kind, (first, last) in _RANGES.items():
        if first <= low and high <= last:
            return kind
    raise DataError(
        "Numeric dates are days, s, ms, us or ns since 1970, or yyyymmdd, between 1971 and 2100.",
        place=f"Column {name!r} runs from {low} to {high}.",
        fix="Pass date_format='epoch-s' (or -d, -ms, -us, -ns, or '%Y%m%d'), or convert it.",
    )
