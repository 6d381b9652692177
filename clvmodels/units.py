"""Time units, durations, and annual rates turned into rates per unit."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Final, Literal, TypeAlias

from clvmodels.errors import ParameterError, did_you_mean

__all__ = ["Duration", "TimeUnit", "in_units", "parse_date", "rate_per_unit"]

TimeUnit: TypeAlias = Literal["day", "week", "month", "quarter", "year"]
Duration: TypeAlias = str | float | timedelta | date

DAYS_PER_YEAR: Final = 365.25
DAYS_PER_UNIT: Final[dict[TimeUnit, float]] = {
    "day": 1.0,
    "week": 7.0,
    "month": DAYS_PER_YEAR / 12.0,
    "quarter": DAYS_PER_YEAR / 4.0,
    "year": DAYS_PER_YEAR,
}
_SUFFIXES: Final[dict[str, TimeUnit]] = {"d": "day", "w": "week", "mo": "month", "y": "year"}
_DURATION = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(d|w|mo|y)\s*")


def check_unit(unit: str) -> TimeUnit:
    """Return `unit` if it is a time unit, else raise.

    Raises
    ------
    ParameterError
        The unit is not one of day, week, month, quarter, year.

    Examples
    --------
    >>> check_unit("week")
    'week'
    """
    if unit in DAYS_PER_UNIT:
        return unit
    raise ParameterError(
        "A time unit is one of 'day', 'week', 'month', 'quarter', 'year'.",
        place=f"Got {unit!r}.",
        fix=did_you_mean(str(unit), DAYS_PER_UNIT),
    )


def parse_date(value: date | str, *, name: str) -> date:
    """Return a calendar date from a date, a datetime or an ISO string.

    Raises
    ------
    ParameterError
        The value is no date.

    Examples
    --------
    >>> parse_date("1997-09-30", name="observed_until")
    datetime.date(1997, 9, 30)
    """
    if isinstance(value, datetime):
        if value == value:  # pandas' NaT is a datetime that is none
            return value.date()
    elif isinstance(value, date):
        return value
    elif isinstance(value, str):
        with suppress(ValueError):
            return datetime.fromisoformat(value).date()
    raise ParameterError(
        f"`{name}` is a date or an ISO date string such as '1997-09-30'.",
        place=f"Got {value!r}.",
        fix="Write it as year-month-day.",
    )


def in_units(
    duration: Duration, unit: TimeUnit, *, start: date | None = None, name: str = "horizon"
) -> float:
    """Express a duration in a time unit.

    A year is 365.25 days, a month a twelfth of it, a week 7 days, so that the same duration means
    the same days whatever the unit of the fit.

    Parameters
    ----------
    duration
        ``"90d"``, ``"26w"``, ``"12mo"``, ``"1y"``, a timedelta, a date (counted from `start`),
        ``math.inf``, or a bare number that is already in `unit`.
    unit
        The unit of the result.
    start
        The date from which a date is counted.
    name
        The argument's name, for messages.

    Returns
    -------
    float
        The duration in `unit`, not negative, possibly infinite.

    Raises
    ------
    ParameterError
        The duration cannot be read, is NaN or is negative.

    Examples
    --------
    >>> in_units("26w", "day")
    182.0
    >>> in_units("1y", "month")
    12.0
    """
    value = _in_units(duration, unit, start, name)
    if not value >= 0.0:
        raise ParameterError(
            f"`{name}` is zero or longer.",
            place=f"Got {duration}" + (f", which is before {start}." if start else "."),
            fix="Give a time that lies ahead, such as '1y'.",
        )
    return value + 0.0  # turns -0.0 into 0.0


def _in_units(duration: Duration, unit: TimeUnit, start: date | None, name: str) -> float:
    per_unit = DAYS_PER_UNIT[unit]
    if isinstance(duration, timedelta):
        return duration / timedelta(days=1) / per_unit
    if isinstance(duration, date):
        if start is None:
            raise ParameterError(
                f"`{name}` as a date needs a summary that knows its `observed_until`.",
                place=f"Got {duration!r}.",
                fix="Give a duration such as '1y' instead.",
            )
        day = duration.date() if isinstance(duration, datetime) else duration
        return (day - start).days / per_unit
    if isinstance(duration, str):
        match = _DURATION.fullmatch(duration)
        if match:
            return float(match[1]) * DAYS_PER_UNIT[_SUFFIXES[match[2]]] / per_unit
    elif not isinstance(duration, bool):
        try:
            return float(duration)
        except (TypeError, ValueError):
            pass
    raise ParameterError(
        f"`{name}` is a duration: '90d', '26w', '12mo', '1y', a timedelta, a date, math.inf, "
        f"or a number of {unit}s.",
        place=f"Got {duration!r}.",
        fix="Use one of these forms.",
    )


def rate_per_unit(annual_rate: float, unit: TimeUnit) -> float:
    """Turn an annual effective discount rate into a continuous rate per unit.

    0.10 means that money a year from now is worth 1/1.10 today.

    Parameters
    ----------
    annual_rate
        Annual effective rate as a fraction, above -1 and at most 1.
    unit
        The unit of the result.

    Returns
    -------
    float
        ``ln(1 + annual_rate)`` per year, expressed per `unit`.

    Raises
    ------
    ParameterError
        The rate is not a number, not above -1, or above 1.

    Examples
    --------
    >>> round(rate_per_unit(0.10, "week"), 9)
    0.001826615
    """
    rule = "`discount_rate` is an annual fraction above -1 and at most 1: 0.10 is 10 % a year."
    try:
        rate = float(annual_rate)
    except (TypeError, ValueError):
        rate = math.nan
    if not -1.0 < rate <= 1.0:
        raise ParameterError(
            rule, place=f"Got {annual_rate!r}.", fix="Write 10 % as 0.10, not as 10."
        )
    return math.log1p(rate) * DAYS_PER_UNIT[unit] / DAYS_PER_YEAR
