"""Where origins are placed, and which are refused."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import pytest

import clvmodels as clv
from clvmodels.backtests.origins import make_plan
from clvmodels.frames.calendar import day_number

SPAN = day_number(date(2023, 1, 1)), day_number(date(2024, 12, 31))


def plan(**options: Any) -> Any:
    settings = {
        "horizon": "26w",
        "unit": "week",
        "grid": "day",
        "origins": None,
        "n_origins": 3,
        **options,
    }
    return make_plan(SPAN, **settings)


def test_windows_follow_each_other_up_to_the_end_of_the_log() -> None:
    made = plan(horizon="13w")
    assert made.origins[-1].until == date(2024, 12, 31)
    for one, next_one in zip(made.origins, made.origins[1:], strict=False):
        assert one.until == next_one.cut
    for each in made.origins:
        assert each.until - each.cut == timedelta(weeks=13)
        assert each.cut - each.before == timedelta(weeks=13)


def test_windows_overlap_where_half_of_the_log_would_be_gone() -> None:
    made = plan(horizon="52w")
    first, *_, last = made.origins
    assert last.until == date(2024, 12, 31)
    history = (last.cut - date(2023, 1, 1)).days
    assert (first.cut - date(2023, 1, 1)).days >= history / 2


@pytest.mark.parametrize(
    ("horizon", "unit", "days", "units"),
    [("1y", "week", 365, 365 / 7), (timedelta(days=30), "day", 30, 30.0), (4, "week", 28, 4.0)],
)
def test_a_horizon_is_whole_days(horizon: Any, unit: Any, days: int, units: float) -> None:
    made = plan(horizon=horizon, unit=unit, n_origins=1)
    assert made.periods == days
    assert made.horizon == pytest.approx(units, rel=1e-15)


def test_months_of_the_calendar_are_whole() -> None:
    made = plan(horizon="3mo", unit="month", grid="month", n_origins=2)
    assert [(each.cut, each.until) for each in made.origins] == [
        (date(2024, 6, 30), date(2024, 9, 30)),
        (date(2024, 9, 30), date(2024, 12, 31)),
    ]
    assert made.horizon == 3.0


def test_dates_are_sorted_and_count_once() -> None:
    made = plan(origins=["2024-03-31", date(2023, 12, 31), "2024-03-31"])
    assert [each.cut for each in made.origins] == [date(2023, 12, 31), date(2024, 3, 31)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"origins": ["2023-01-01"]}, "later origin"),
        ({"origins": ["2022-06-30"]}, "later origin"),
        ({"origins": ["2024-12-01"]}, "up to 2024-07-02"),
        ({"origins": []}, "list of one or more dates"),
        ({"origins": "2024-01-01"}, "list of one or more dates"),
        ({"origins": ["soon"]}, "is a date"),
        ({"horizon": "3y"}, "shorter horizon or fewer origins"),
        ({"horizon": math.inf}, "finite time"),
        ({"horizon": 0}, "finite time"),
        ({"horizon": date(2025, 1, 1)}, "date"),
        ({"n_origins": 0}, "1 or more"),
        ({"n_origins": True}, "1 or more"),
        ({"n_origins": 500}, "fewer origins"),
        (
            {"origins": ["2024-03-15"], "grid": "month", "unit": "month", "horizon": "2mo"},
            "2024-03-31",
        ),
    ],
)
def test_what_cannot_be_is_refused(options: Any, words: str) -> None:
    with pytest.raises(clv.ParameterError, match=words):
        plan(**options)
