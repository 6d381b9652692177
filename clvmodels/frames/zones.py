"""Time zones: on which day a moment falls."""

from __future__ import annotations

from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

import narwhals as nw

from clvmodels.errors import DataError, ParameterError, did_you_mean
from clvmodels.frames.engines import is_spark, with_native
from clvmodels.frames.paths import first_look

__all__ = ["ZONE", "in_zone", "mixed_zones", "refuse_mixed_zones"]

ZONE: Final = r"(Z|z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)"  # at the end of a stamp in text
Frame: TypeAlias = nw.DataFrame[Any] | nw.LazyFrame[Any]


def in_zone(frame: Frame, name: str, time_zone: str | None) -> Frame:
    """Return the frame with the stamps of a column in the zone in which days begin.

    Without `time_zone` stamps keep their own zone.

    Raises
    ------
    ParameterError
        The column carries no zone, or there is no such zone.
    DataError
        DuckDB's and Spark's stamps have no zone of their own, and none is given.
    """
    dtype = frame.collect_schema()[name]
    stamps = _pandas_stamps(frame, name)  # narwhals does not know all zones of pandas
    zoned = stamps is not None or getattr(dtype, "time_zone", None) is not None
    if time_zone is None:
        if zoned:
            _refuse_session_zone(frame, name)
        return frame
    if not zoned:
        raise ParameterError(
            "`time_zone` applies to time stamps that carry a zone.",
            place=f"Column {name!r} has type {dtype}.",
            fix="Leave it out to take dates as they stand, or convert the column to such stamps.",
        )
    _check_zone(time_zone)
    if frame.implementation.is_duckdb():
        return _duckdb_in_zone(frame, name, time_zone)
    if is_spark(frame):
        return _spark_in_zone(frame, name, time_zone)
    if stamps is not None:
        return frame.with_columns(nw.from_native(stamps.dt.tz_convert(time_zone), series_only=True))
    return frame.with_columns(nw.col(name).dt.convert_time_zone(time_zone))


def mixed_zones(place: str) -> DataError:
    """Return the error for stamps in several time zones."""
    return DataError(
        "All time stamps are in one time zone, else the same moment falls on two days.",
        place=f"The {place}.",
        fix="Convert them to one zone first, for instance with pandas.to_datetime(..., utc=True) "
        "and dt.tz_convert.",
    )


def refuse_mixed_zones(frame: nw.LazyFrame[Any], name: str, *, text: str, dated: nw.Expr) -> None:
    """Raise if text stamps carry different zones, or only some carry one.

    Parameters
    ----------
    frame
        A log.
    name
        The user's name of the column, for messages.
    text
        The column with the stamps.
    dated
        Whether a text is a date or stamp.
    """
    stamp = nw.col(text)
    zoned = dated & stamp.str.contains(rf"{ZONE}$") & (stamp.str.len_chars() > len("2024-01-31"))
    zone = nw.when(zoned).then(_zone_text(stamp))
    counts = frame.select(zone.alias("zone"), dated.cast(nw.Int64).alias("dated")).select(
        nw.col("zone").min().alias("low"),
        nw.col("zone").max().alias("high"),
        nw.col("zone").count().alias("zoned"),
        nw.col("dated").sum().alias("dated"),
    )
    low, high, with_zone, total = first_look(counts).row(0)
    if low != high:
        raise mixed_zones(f"text of column {name!r} ends in {low!r} and {high!r}")
    if with_zone and with_zone != total:
        raise mixed_zones(f"text of column {name!r} has a zone in {with_zone} of {total} rows")


def _zone_text(stamp: nw.Expr) -> nw.Expr:
    """Return the zone at the end of a stamp in one spelling, such as +0100."""
    hours = nw.concat_str([stamp.str.slice(-3), nw.lit("00")])
    packed = (
        nw.when(stamp.str.contains(r"[+-][0-9]{4}$")).then(stamp.str.slice(-5)).otherwise(hours)
    )
    spelled = stamp.str.contains(r"[+-][0-9]{2}:[0-9]{2}$")
    offset = nw.when(spelled).then(stamp.str.slice(-6).str.replace_all(":", "")).otherwise(packed)
    return nw.when(stamp.str.contains(r"(Z|z|UTC)$")).then(nw.lit("+0000")).otherwise(offset)


def _check_zone(time_zone: str) -> None:
    try:
        ZoneInfo(time_zone)
    except (KeyError, ValueError, TypeError, OSError):
        raise ParameterError(
            "`time_zone` is a name of the time zone database, such as 'Europe/Berlin'.",
            place=f"Got {time_zone!r}.",
            fix=_nearest_zone(str(time_zone)),
        ) from None


def _nearest_zone(name: str) -> str:
    hint = did_you_mean(name, sorted(available_timezones()))
    return hint if hint.startswith("Did") else "Use such a name, or 'UTC'."


def _pandas_stamps(frame: Frame, name: str) -> Any:
    """Return the column if pandas keeps it as stamps with a zone, else None."""
    if isinstance(frame, nw.LazyFrame) or not frame.implementation.is_pandas():
        return None
    native = nw.to_native(frame[name])
    return native if hasattr(native.dtype, "tz") else None


def _refuse_session_zone(frame: Frame, name: str) -> None:
    """Raise where the session's zone would decide, which differs between machines."""
    rule = "Stamps carry the zone in which days begin."
    if frame.implementation.is_duckdb():
        raise DataError(
            rule,
            place=f"Column {name!r} is TIMESTAMP WITH TIME ZONE, which in DuckDB has none.",
            fix="Pass time_zone='UTC' or the zone of the business.",
        )
    if is_spark(frame):
        raise DataError(
            rule,
            place=f"Column {name!r} is TIMESTAMP, which in Spark is a moment without a zone.",
            fix="Pass time_zone='UTC' or the zone of the business; if the stamps were clock times "
            "that Spark took to be in its own zone, spark.conf.get('spark.sql.session.timeZone').",
        )


def _spark_in_zone(frame: Frame, name: str, time_zone: str) -> Frame:
    """Replace instants by their date in a zone; no setting of the session moves it."""
    from pyspark.sql import functions

    per_day = 86_400_000_000
    local = functions.unix_micros(functions.from_utc_timestamp(functions.col(name), time_zone))
    days = ((local - functions.pmod(local, functions.lit(per_day))) / per_day).cast("int")
    return with_native(frame, name, functions.date_from_unix_date(days))


def _duckdb_in_zone(frame: Frame, name: str, time_zone: str) -> Frame:
    """Replace instants by the local time in a zone; narwhals knows DuckDB's session zone alone."""
    import duckdb

    local = duckdb.FunctionExpression(
        "timezone", duckdb.ConstantExpression(time_zone), duckdb.ColumnExpression(name)
    )
    return with_native(frame, name, local)
