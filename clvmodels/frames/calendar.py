"""Calendar arithmetic on integers, the one thing that all engines agree on.

In small steps with named columns: SQL engines repeat whatever stands twice in one expression.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

import narwhals as nw

from clvmodels.frames import spark_dates
from clvmodels.frames.columns import DAY
from clvmodels.frames.engines import is_spark

__all__ = [
    "MDAY",
    "MONTH",
    "YEAR",
    "as_date",
    "day_number",
    "quotient",
    "with_civil_day",
    "with_fields",
    "with_month",
]

EPOCH: Final = date(1970, 1, 1)
YEAR, MONTH, MDAY = "_year", "_month", "_mday"


def day_number(value: date) -> int:
    """Return days since 1970-01-01."""
    return (value - EPOCH).days


def as_date(day: int) -> date:
    """Return the date of a day number."""
    return EPOCH + timedelta(days=int(day))


def with_fields(frame: nw.LazyFrame[Any], stamp: nw.Expr) -> nw.LazyFrame[Any]:
    """Add year, month and day of the month of a date or time stamp."""
    return frame.with_columns(
        stamp.dt.year().cast(nw.Int64).alias(YEAR),
        stamp.dt.month().cast(nw.Int64).alias(MONTH),
        stamp.dt.day().cast(nw.Int64).alias(MDAY),
    )


def with_civil_day(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Replace year, month and day of the Gregorian calendar by DAY, missing where there is none.

    Years are counted from March, so that the leap day is the last of its year; the months from
    March have lengths that 153 m / 5 rounds to.
    """
    year, month, day = nw.col(YEAR), nw.col(MONTH), nw.col(MDAY)
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
            (year - nw.col("_early")).alias(YEAR),
            (month + 12 * nw.col("_early") - 3).alias(MONTH),
        )
        .with_columns((year * 365 + leap_days + (153 * month + 2) // 5 + day - 719_469).alias(DAY))
        .with_columns(nw.when(nw.col("_exists")).then(nw.col(DAY)).alias(DAY))
        .drop(YEAR, MONTH, MDAY, "_length", "_early", "_exists")
    )


def with_month(
    frame: nw.LazyFrame[Any], name: str, *, mday: str | None = None, of: str = DAY
) -> nw.LazyFrame[Any]:
    """Add the number of the month of a day number, and the day of the month under the name `mday`.

    Months are 12 times the year plus 0 for January and so on. The inverse of `with_civil_day`: days
    since March of the year 0, in cycles of 400 years.
    """
    if is_spark(frame):
        return spark_dates.with_month(frame, name, mday=mday, of=of)
    days, cycles, years = nw.col("_days"), nw.col("_cycles"), nw.col("_years")
    rest, month = nw.col("_rest"), nw.col("_from_march")
    leaps = quotient(rest, 1460) - quotient(rest, 36_524) + quotient(rest, 146_096)
    so_far = years * 365 + quotient(years, 4) - quotient(years, 100)
    numbered = (
        frame.with_columns((nw.col(of) + 719_468).alias("_days"))
        .with_columns(quotient(days, 146_097).alias("_cycles"))
        .with_columns((days - cycles * 146_097).alias("_rest"))
        .with_columns(quotient(rest - leaps, 365).alias("_years"))
        .with_columns((rest - so_far).alias("_rest"))
        .with_columns(quotient(rest * 5 + 2, 153).alias("_from_march"))
        .with_columns((cycles * 4800 + years * 12 + month + 2).alias(name))
    )
    if mday is not None:
        numbered = numbered.with_columns((rest - quotient(month * 153 + 2, 5) + 1).alias(mday))
    return numbered.drop("_days", "_cycles", "_rest", "_years", "_from_march")


def quotient(number: nw.Expr, by: int) -> nw.Expr:
    """Return the whole part of a number of zero or more, below 2^52, divided by another.

    The operator // would do, but stands for seven copies of its number in SQL, and seven of each of
    them in the next step.
    """
    return (number / by).floor().cast(nw.Int64)
