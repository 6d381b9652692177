"""Whole days since 1970-01-01 from dates, time stamps, text and epoch numbers, on every engine.

Calendar arithmetic is done on integers, the one thing that all engines agree on.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

import narwhals as nw

from clvmodels.errors import DataError, ParameterError, did_you_mean
from clvmodels.frames.columns import DAY
from clvmodels.frames.sources import Source, mixed_zones

__all__ = ["UNREADABLE", "as_date", "day_number", "with_days"]

EPOCH: Final = date(1970, 1, 1)
UNREADABLE: Final = -(10**9)  # the day of a value that is there but is no date

_YEAR, _MONTH, _MDAY, _RAW = "_year", "_month", "_mday", "_raw"
_ZONE = r"(Z|z|[+-]\d{2}:?\d{2})"
_TIME = rf"([T ]\d{{1,2}}:\d{{2}}(:\d{{2}}([.,]\d+)?)?( ?{_ZONE})?)?"
_ISO: Final = rf"^\d{{4}}[-/.]\d{{2}}[-/.]\d{{2}}{_TIME}$"
_COMPACT: Final = r"^\d{8}$"
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


def day_number(value: date) -> int:
    """Return days since 1970-01-01."""
    return (value - EPOCH).days


def as_date(day: int) -> date:
    """Return the date of a day number."""
    return EPOCH + timedelta(days=int(day))


def with_days(
    source: Source, *, name: str, date_format: str | None, time_zone: str | None
) -> Source:
    """Turn the DAY column of a log from what the user has into day numbers.

    Missing values stay missing; values that are no date become `UNREADABLE`.

    Parameters
    ----------
    source
        A log with a raw DAY column.
    name
        The user's name of it, for messages.
    date_format
        A strptime format for text, or 'epoch-s' and the like for numbers; None to tell from the
        values.
    time_zone
        Zone in which days begin, for stamps that carry a zone; their own zone if None.

    Raises
    ------
    DataError
        The column's type or text cannot be dates, or stamps are in several time zones.
    """
    frame = _dated(source.frame, name, date_format, time_zone)
    return replace(source, frame=frame.collect("polars").lazy() if source.eager else frame)


def _dated(
    frame: nw.LazyFrame[Any], name: str, date_format: str | None, time_zone: str | None
) -> nw.LazyFrame[Any]:
    dtype = frame.collect_schema()[DAY]
    if time_zone is not None and getattr(dtype, "time_zone", None) is None:
        raise ParameterError(
            "`time_zone` applies to time stamps that carry a zone.",
            place=f"Column {name!r} has type {dtype}.",
            fix="Leave it out: dates without a zone are taken as they stand.",
        )
    if isinstance(dtype, nw.Date | nw.Datetime):
        stamp = nw.col(DAY)
        if time_zone is not None:
            stamp = stamp.dt.convert_time_zone(time_zone)
        return _with_civil_day(_with_fields(frame, stamp))
    if isinstance(dtype, nw.String | nw.Categorical | nw.Enum):
        frame = frame.with_columns(nw.col(DAY).cast(nw.String).str.strip_chars())
        if date_format is not None:
            return _with_format(frame, date_format)
        _refuse_mixed_zones(frame, name)
        return _from_text(frame)
    if dtype.is_numeric():
        return _with_epoch(frame, name, date_format)
    raise DataError(
        "Dates are dates, time stamps, text, or numbers of days or seconds since 1970.",
        place=f"Column {name!r} has type {dtype}.",
        fix="Name another column or convert this one.",
    )


# --- calendar arithmetic ----------------------------------------------------------------------
# In small steps with named columns: SQL engines repeat whatever stands twice in one expression.


def _with_fields(frame: nw.LazyFrame[Any], stamp: nw.Expr) -> nw.LazyFrame[Any]:
    """Add year, month and day of the month of a date or time stamp."""
    return frame.with_columns(
        stamp.dt.year().cast(nw.Int64).alias(_YEAR),
        stamp.dt.month().cast(nw.Int64).alias(_MONTH),
        stamp.dt.day().cast(nw.Int64).alias(_MDAY),
    )


def _with_civil_day(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Replace year, month and day of the Gregorian calendar by DAY, missing where there is none.

    Years are counted from March, so that the leap day is the last of its year; the months from
    March have lengths that 153 m / 5 rounds to.
    """
    year, month, day = nw.col(_YEAR), nw.col(_MONTH), nw.col(_MDAY)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    short = nw.when(leap).then(nw.lit(1)).otherwise(nw.lit(2))
    length = nw.when(month == 2).then(30 - short).otherwise(30 + (month + month // 8) % 2)
    early = nw.when(month <= 2).then(nw.lit(1)).otherwise(nw.lit(0)).cast(nw.Int64)
    exists = (month >= 1) & (month <= 12) & (day >= 1) & (day <= nw.col("_length"))
    leap_days = year // 4 - year // 100 + year // 400
    return (
        frame.with_columns(length.alias("_length"), early.alias("_early"))
        .with_columns(exists.alias("_exists"))
        .with_columns(
            (year - nw.col("_early")).alias(_YEAR),
            (month + 12 * nw.col("_early") - 3).alias(_MONTH),
        )
        .with_columns((year * 365 + leap_days + (153 * month + 2) // 5 + day - 719_469).alias(DAY))
        .with_columns(nw.when(nw.col("_exists")).then(nw.col(DAY)).alias(DAY))
        .drop(_YEAR, _MONTH, _MDAY, "_length", "_early", "_exists")
    )


def _from_text(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Turn ISO text, with or without a time, or eight digits into day numbers."""
    text, form = nw.col(DAY), nw.col("_form")
    iso, compact = text.str.contains(_ISO), text.str.contains(_COMPACT)
    forms = nw.when(iso).then(nw.lit(1)).otherwise(nw.when(compact).then(nw.lit(2)))

    def digits(iso_start: int, compact_start: int, length: int, name: str) -> nw.Expr:
        packed = nw.when(form == 2).then(text.str.slice(compact_start, length))
        spaced = nw.when(form == 1).then(text.str.slice(iso_start, length))
        return nw.coalesce(spaced, packed).cast(nw.Int64).alias(name)

    fields = frame.with_columns(forms.alias("_form"), text.alias(_RAW)).with_columns(
        digits(0, 0, 4, _YEAR), digits(5, 4, 2, _MONTH), digits(8, 6, 2, _MDAY)
    )
    return _mark_unreadable(_with_civil_day(fields).drop("_form"))


def _mark_unreadable(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Give text that is there but is no date the day `UNREADABLE`."""
    unread = nw.when(nw.col(_RAW) != "").then(nw.lit(UNREADABLE, nw.Int64))
    return frame.with_columns(nw.coalesce(nw.col(DAY), unread).alias(DAY)).drop(_RAW)


# --- text in other forms, time zones, epochs --------------------------------------------------


def _refuse_mixed_zones(frame: nw.LazyFrame[Any], name: str) -> None:
    """Raise if text stamps carry different zones, or only some carry one."""
    text = nw.col(DAY)
    dated = text.str.contains(_ISO)
    zoned = dated & text.str.contains(rf"{_ZONE}$") & (text.str.len_chars() > 10)
    zone = nw.when(zoned).then(text.str.slice(-6)).alias("zone")
    plain = zone_text(zone)
    counts = (
        frame.select(plain.alias("zone"), dated.cast(nw.Int64).alias("dated"), zoned.alias("zoned"))
        .select(
            nw.col("zone").min().alias("low"),
            nw.col("zone").max().alias("high"),
            nw.col("dated").sum().alias("dated"),
            nw.col("zoned").cast(nw.Int64).sum().alias("zoned"),
        )
        .collect("polars")
    )
    low, high, total, with_zone = (
        counts[column][0] for column in ("low", "high", "dated", "zoned")
    )
    if low != high:
        raise mixed_zones(f"text of column {name!r} ends in {low!r} and {high!r}")
    if with_zone and with_zone != total:
        raise mixed_zones(f"text of column {name!r} has a zone in {with_zone} of {total} rows")


def zone_text(tail: nw.Expr) -> nw.Expr:
    """Return the zone at the end of a stamp in one spelling."""
    zulu = tail.str.ends_with("Z") | tail.str.ends_with("z")
    packed = tail.str.contains(r"^.[+-]\d{4}$")
    return (
        nw.when(zulu)
        .then(nw.lit("+0000"))
        .otherwise(nw.when(packed).then(tail.str.slice(1)).otherwise(tail.str.replace_all(":", "")))
    )


def _with_format(frame: nw.LazyFrame[Any], date_format: str) -> nw.LazyFrame[Any]:
    """Parse text by a strptime format with the engine's own parser, null where it does not fit."""
    native = nw.to_native(frame)
    if frame.implementation.is_polars():
        import polars as pl

        parsed = pl.col(DAY).str.strptime(pl.Datetime("us"), date_format, strict=False)
        read = nw.from_native(native.with_columns(pl.col(DAY).alias(_RAW), parsed))
    elif frame.implementation.is_duckdb():
        quoted = date_format.replace("'", "''")
        query = f"select *, {DAY} as {_RAW}, try_strptime({DAY}, '{quoted}') as _read from log"
        relation = nw.from_native(native.query("log", query))
        read = relation.with_columns(nw.col("_read").alias(DAY)).drop("_read")
    else:
        raise DataError(
            "`date_format` is read by polars and DuckDB.",
            place=f"This is a {frame.implementation} frame.",
            fix="Convert the column to dates on the engine first.",
        )
    return _mark_unreadable(_with_civil_day(_with_fields(read, nw.col(DAY))))


def _with_epoch(frame: nw.LazyFrame[Any], name: str, date_format: str | None) -> nw.LazyFrame[Any]:
    """Turn numbers since 1970, or yyyymmdd, into days; the size tells which."""
    dtype = frame.collect_schema()[DAY]
    number = nw.col(DAY)
    if dtype.is_float():
        number = nw.when(number.is_finite()).then(number)
    frame = frame.with_columns(number.cast(nw.Int64).alias(DAY))
    kind = date_format or _guess_epoch(frame, name)
    if kind == "%Y%m%d":
        text = frame.with_columns(nw.col(DAY).cast(nw.String))
        return _from_text(text)
    if kind not in _PER_DAY:
        raise ParameterError(
            "`date_format` of a column of numbers is 'epoch-s' or the like, or '%Y%m%d'.",
            place=f"Got {kind!r}.",
            fix=did_you_mean(kind, [*_PER_DAY, "%Y%m%d"]),
        )
    return frame.with_columns((nw.col(DAY) // _PER_DAY[kind]).alias(DAY))


def _guess_epoch(frame: nw.LazyFrame[Any], name: str) -> str:
    extremes = frame.select(nw.col(DAY).min().alias("low"), nw.col(DAY).max().alias("high"))
    table = extremes.collect("polars")
    low, high = table["low"][0], table["high"][0]
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
