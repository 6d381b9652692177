"""The calendar on Spark, by its own functions of dates.

Arithmetic on integers, as on the other engines, becomes a Java method too long for the JVM to
compile, which runs many times slower. No function here looks at the session's zone.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw

from clvmodels.frames.engines import with_native

__all__ = ["days_of_dates", "days_of_text", "with_month"]


def days_of_dates(name: str) -> Any:
    """Return the day number of a date, or of a stamp without a zone, as a Spark expression."""
    from pyspark.sql import functions

    return functions.unix_date(functions.col(name).cast("date")).cast("bigint")


def days_of_text(name: str, *, iso: str, compact: str) -> Any:
    """Return the day number of text, missing where it is no date, as a Spark expression.

    Parameters
    ----------
    name
        Column of text without blanks around it.
    iso, compact
        Regular expressions of stamps such as 2024-01-31 12:00 and of days such as 20240131.
    """
    from pyspark.sql import functions

    text = functions.col(name)
    spaced = functions.translate(functions.substring(text, 1, 10), "/.", "--")
    packed = functions.concat_ws(
        "-",
        functions.substring(text, 1, 4),
        functions.substring(text, 5, 2),
        functions.substring(text, 7, 2),
    )
    written = functions.when(text.rlike(iso), spaced).when(text.rlike(compact), packed)
    return functions.unix_date(written.try_cast("date")).cast("bigint")


def with_month(
    frame: nw.LazyFrame[Any], name: str, *, mday: str | None, of: str
) -> nw.LazyFrame[Any]:
    """Add the month and day of the month of a day number; see `calendar.with_month`."""
    from pyspark.sql import functions

    date = functions.date_from_unix_date(functions.col(of).cast("int"))
    month = functions.year(date) * 12 + functions.month(date) - 1
    if mday is not None:
        frame = with_native(frame, mday, functions.dayofmonth(date).cast("bigint"))
    return with_native(frame, name, month.cast("bigint"))
