"""Dates in text by a strptime format, on Spark; polars and DuckDB have parsers of their own.

Spark's own patterns read two-digit years, weekdays and one-digit days unlike Python, and a setting
of the session changes them. A regular expression takes the fields out instead, and the calendar is
arithmetic.
"""

from __future__ import annotations

import re
from typing import Any, Final

import narwhals as nw

from clvmodels.errors import ParameterError
from clvmodels.frames.calendar import MDAY, MONTH, YEAR, with_civil_day
from clvmodels.frames.columns import DAY
from clvmodels.frames.engines import with_native

__all__ = ["check_format", "with_day_of_format"]

_MONTHS: Final = "janfebmaraprmayjunjulaugsepoctnovdec"
_PATTERNS: Final = {
    "Y": "([0-9]{4})",
    "y": "([0-9]{2})",
    "m": "([0-9]{1,2})",
    "d": "([0-9]{1,2})",
    "j": "([0-9]{1,3})",
    "B": "(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    "|sep(?:tember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)",
    "A": "(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?",
    "H": "(?:[01]?[0-9]|2[0-3])",
    "I": "(?:0?[1-9]|1[0-2])",
    "M": "[0-5]?[0-9]",
    "S": "(?:[0-5]?[0-9]|60)",
    "f": "[0-9]{1,9}",
    "p": "[ap]m",
    "%": "%",
}
_PATTERNS_OF: Final = _PATTERNS | {"b": _PATTERNS["B"], "a": _PATTERNS["A"]}
_YEAR_DAY, _IN_YEAR = "_yday", "_in_year"


def check_format(date_format: str) -> None:
    """Raise unless a format names a day by fields that all engines read alike."""
    fields = set(re.findall(r"%-?(.)", date_format))
    if fields & {"z", "Z"}:
        raise ParameterError(
            "`date_format` reads the day as it is written; a zone would move it to UTC.",
            place=f"Got {date_format!r}.",
            fix="Convert the column to time stamps with a zone, and pass `time_zone` if need be.",
        )
    if fields - set(_PATTERNS_OF) or not fields & set("dj"):
        raise ParameterError(
            "`date_format` is a strptime format such as '%d/%m/%Y', 'epoch-s' or the like.",
            place=f"Got {date_format!r}.",
            fix="Name year, month and day by the fields of Python's datetime.strptime.",
        )


def with_day_of_format(frame: nw.LazyFrame[Any], date_format: str) -> nw.LazyFrame[Any]:
    """Replace text in the column DAY of a Spark frame by day numbers, missing where it is no date.

    Parameters
    ----------
    frame
        A PySpark DataFrame.
    date_format
        A format that `check_format` lets pass.
    """
    from pyspark.sql import functions

    pattern, groups = _regular(date_format)

    def text(field: str) -> Any:
        return functions.regexp_extract(functions.col(DAY), pattern, groups[field])

    def number(field: str) -> Any:
        return text(field).try_cast("bigint")

    nothing = functions.lit(None).cast("bigint")
    year, month, day = nothing, nothing, number("d") if "d" in groups else nothing
    if "Y" in groups:
        year = number("Y")
    elif "y" in groups:  # as Python: 69 to 99 are the last century
        year = number("y") + functions.when(number("y") < 69, 2000).otherwise(1900)
    if "m" in groups:
        month = number("m")
    elif "B" in groups:
        start = functions.position(
            functions.lower(functions.substring(text("B"), 1, 3)), functions.lit(_MONTHS)
        )
        month = ((start + 2) / 3).cast("bigint")
    by_year_day = "j" in groups and "d" not in groups
    if by_year_day:
        month, day = functions.lit(1).cast("bigint"), functions.lit(1).cast("bigint")
        frame = with_native(frame, _YEAR_DAY, number("j"))
    for name, column in ((YEAR, year), (MONTH, month), (MDAY, day)):
        frame = with_native(frame, name, column)
    return _with_year_day(frame) if by_year_day else with_civil_day(frame)


def _with_year_day(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Count from the first of January, missing past the end of the year."""
    year, day = nw.col(YEAR), nw.col(_YEAR_DAY)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    length = nw.when(leap).then(nw.lit(366)).otherwise(nw.lit(365))
    marked = frame.with_columns(((day >= 1) & (day <= length)).alias(_IN_YEAR))
    dated = with_civil_day(marked).with_columns(
        nw.when(nw.col(_IN_YEAR)).then(nw.col(DAY) + day - 1).alias(DAY)
    )
    return dated.drop(_YEAR_DAY, _IN_YEAR)


def _regular(date_format: str) -> tuple[str, dict[str, int]]:
    """Return a regular expression for a format, and the group of each field of the day."""
    parts: list[str] = []
    groups: dict[str, int] = {}
    count = 0
    for field, space, other in re.findall(r"%-?(.)|(\s+)|(.)", date_format):
        if field:
            parts.append(_PATTERNS_OF[field])
            if field in "YymdjBb":
                count += 1
                groups.setdefault("B" if field == "b" else field, count)
        else:
            parts.append(r"\s*" if space else re.escape(other))
    return f"(?i)^{''.join(parts)}$", groups
