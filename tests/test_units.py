"""Durations and rates: the same words mean the same days in every unit."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from clvmodels import ParameterError
from clvmodels.units import DAYS_PER_UNIT, TimeUnit, check_unit, in_units, parse_date, rate_per_unit


@pytest.mark.parametrize("unit", DAYS_PER_UNIT)
@pytest.mark.parametrize(
    ("duration", "days"),
    [
        ("90d", 90.0),
        ("26w", 182.0),
        ("12mo", 365.25),
        ("1y", 365.25),
        (" 1.5 y ", 1.5 * 365.25),
        (timedelta(days=3, hours=12), 3.5),
        (date(2024, 3, 1), 60.0),
        (datetime(2024, 3, 1, 15, tzinfo=UTC), 60.0),
        (math.inf, math.inf),
        ("0d", 0.0),
    ],
)
def test_durations(unit: TimeUnit, duration: Any, days: float) -> None:
    result = in_units(duration, unit, start=date(2024, 1, 1))
    assert result * DAYS_PER_UNIT[unit] == pytest.approx(days)


def test_bare_numbers_are_in_the_unit() -> None:
    assert in_units(39, "week") == 39.0
    assert math.copysign(1.0, in_units(-0.0, "week")) == 1.0


@pytest.mark.parametrize("bad", [-1, "-1d", "1 fortnight", "", None, True, math.nan, "inf", [1]])
def test_bad_durations(bad: Any) -> None:
    with pytest.raises(ParameterError, match="`horizon`") as caught:
        in_units(bad, "week", start=date(2024, 1, 1))
    assert "Got" in caught.value.place
    assert caught.value.fix


def test_dates_need_a_start_and_lie_ahead() -> None:
    with pytest.raises(ParameterError, match="observed_until"):
        in_units(date(2024, 1, 1), "week")
    with pytest.raises(ParameterError, match="before 2024-01-01"):
        in_units(date(2023, 1, 1), "week", start=date(2024, 1, 1))


def test_a_year_of_discounting_is_the_annual_rate() -> None:
    for unit in DAYS_PER_UNIT:
        year = in_units("1y", unit)
        assert math.exp(-rate_per_unit(0.10, unit) * year) == pytest.approx(1 / 1.10)
        assert math.exp(-rate_per_unit(-0.5, unit) * year) == pytest.approx(2.0)
    assert rate_per_unit(0.0, "day") == 0.0


@pytest.mark.parametrize("bad", [-1.0, -2, 1.01, 10, math.nan, math.inf, "x", None])
def test_bad_rates(bad: Any) -> None:
    with pytest.raises(ParameterError, match=r"above -1 and at most 1.*Got.*0\.10"):
        rate_per_unit(bad, "week")


def test_units_and_dates() -> None:
    with pytest.raises(ParameterError, match=r"Got 'weeks'.*Did you mean 'week'"):
        check_unit("weeks")
    with pytest.raises(ParameterError, match="one of 'day'"):
        check_unit("M")
    assert parse_date("2024-02-29", name="x") == date(2024, 2, 29)
    assert parse_date("2024-02-29T23:59:59", name="x") == date(2024, 2, 29)
    for bad in ("2024-02-30", "30.2.2024", 5, pd.NaT):
        with pytest.raises(ParameterError, match="`x` is a date"):
            parse_date(bad, name="x")
