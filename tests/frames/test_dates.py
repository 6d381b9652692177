"""Dates of every type become the right day on every engine."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv

COLUMNS = {"customer": "who", "date": "when"}
EPOCH = date(1970, 1, 1)
PER_DAY = {"d": 1, "s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


def frame_of(dates: Any) -> pl.DataFrame:
    """Return a log of one customer per date, so that T tells the day of each."""
    column = dates if isinstance(dates, pl.Series) else pl.Series(dates)
    return pl.DataFrame({"who": [f"{i:05}" for i in range(len(column))], "when": column})


def days_of(summary: clv.CustomerSummary, rows: Any) -> list[date]:
    """Return the day of each customer's order, worked back from T."""
    assert summary.observed_until is not None
    return [summary.observed_until - timedelta(days=row[3]) for row in rows(summary.frame)]


@pytest.fixture(scope="module")
def calendar() -> list[date]:
    """Return days of 1971 to 2099: ends of months and years, leap days, and random ones."""
    draw = random.Random(4)
    first = date(1971, 1, 1)
    edges = [date(1972, 2, 29), date(2000, 2, 29), date(2099, 12, 31), first, date(1999, 12, 31)]
    edges += [
        date(2024, month, 1) - timedelta(days=back) for month in range(1, 13) for back in (0, 1)
    ]
    return edges + [first + timedelta(days=draw.randrange(47_000)) for _ in range(400)]


def test_days_of_the_calendar(engine, rows, calendar):
    summary = clv.rfm_summary(engine(frame_of(calendar)), **COLUMNS, unit="day")
    assert days_of(summary, rows) == calendar


def test_text_of_the_calendar(engine, rows, calendar):
    text = [f"{day:%Y-%m-%d}" if i % 2 else f"{day:%Y%m%d}" for i, day in enumerate(calendar)]
    summary = clv.rfm_summary(engine(frame_of(text)), **COLUMNS, unit="day")
    assert days_of(summary, rows) == calendar


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_stamps_count_for_their_day(engine, rows, unit):
    stamps = [
        datetime(2023, 12, 31, 23, 59, 59, 999_000),
        datetime(2024, 1, 1),
        datetime(2024, 2, 29, 0, 0, 0, 1_000),
        datetime(1969, 12, 31, 23, 59, 59),
    ]
    frame = frame_of(pl.Series(stamps).dt.cast_time_unit(unit))
    summary = clv.rfm_summary(engine(frame), **COLUMNS, unit="day")
    assert days_of(summary, rows) == [stamp.date() for stamp in stamps]


def test_the_last_second_and_the_last_day_are_inside(engine, rows, log):
    frame = log(
        ("a", "2024-01-01T00:00:00"), ("a", "2024-01-31T23:59:59"), ("a", "2024-02-01T00:00:00")
    )
    summary = clv.rfm_summary(engine(frame), **COLUMNS, unit="day", observed_until="2024-01-31")
    assert rows(summary.frame) == [("a", 1, 30.0, 30.0)]


@pytest.mark.parametrize("kind", PER_DAY)
@pytest.mark.parametrize("dtype", [pl.Int64, pl.Float64])
def test_numbers_since_1970_are_told_by_their_size(frame_engine, rows, kind, dtype):
    days = [date(1971, 1, 1), date(2024, 2, 29), date(2024, 2, 29), date(2099, 12, 31)]
    numbers = [(day - EPOCH).days * PER_DAY[kind] for day in days]
    if kind != "d":  # the last second of the day
        numbers[2] += PER_DAY[kind] * 86_399 // 86_400
    summary = clv.rfm_summary(
        frame_engine(frame_of(pl.Series(numbers, dtype=dtype))), **COLUMNS, unit="day"
    )
    assert days_of(summary, rows) == days


def test_fractions_of_a_second_do_not_reach_the_next_day(frame_engine, rows):
    midnight = 1_704_067_200.0  # 2024-01-01
    numbers = [midnight - 0.2, midnight, midnight + 86_399.9]
    summary = clv.rfm_summary(frame_engine(frame_of(numbers)), **COLUMNS, unit="day")
    assert days_of(summary, rows) == [date(2023, 12, 31), date(2024, 1, 1), date(2024, 1, 1)]


def test_seconds_before_1970(frame_engine, rows):
    frame = frame_of([-1, -86_400, -86_401, 0])
    summary = clv.rfm_summary(frame_engine(frame), **COLUMNS, unit="day", date_format="epoch-s")
    days = [EPOCH - timedelta(days=1), EPOCH - timedelta(days=1), EPOCH - timedelta(days=2), EPOCH]
    assert days_of(summary, rows) == days


@pytest.mark.parametrize("dtype", [pl.Int32, pl.UInt32, pl.Int64, pl.Float64])
def test_year_month_day_numbers(frame_engine, rows, dtype):
    frame = frame_of(pl.Series([20_240_229, 19_991_231, 20_991_231], dtype=dtype))
    summary = clv.rfm_summary(frame_engine(frame), **COLUMNS, unit="day")
    assert days_of(summary, rows) == [date(2024, 2, 29), date(1999, 12, 31), date(2099, 12, 31)]


def test_numbers_with_gaps(frame_engine, rows):
    frame = frame_of([1_704_067_200.0, float("nan"), 1_704_153_600.0, None])
    with pytest.warns(clv.DataWarning, match="2 with no date"):
        summary = clv.rfm_summary(frame_engine(frame), **COLUMNS, unit="day")
    assert rows(summary.frame) == [("00000", 0, 0.0, 1.0), ("00002", 0, 0.0, 0.0)]


def test_numbers_that_could_be_anything(frame_engine):
    native = frame_engine(frame_of([5, 44_000, 20_240_101]))
    with pytest.raises(clv.DataError, match="runs from 5 to 20240101") as caught:
        clv.rfm_summary(native, **COLUMNS, unit="day")
    assert "date_format='epoch-s'" in str(caught.value)
    with pytest.raises(clv.ParameterError, match="Did you mean 'epoch-ms'"):
        clv.rfm_summary(native, **COLUMNS, unit="day", date_format="epoch-msec")


def test_numbers_beyond_the_calendar_are_no_dates(frame_engine):
    native = frame_engine(frame_of([1_704_067_200_000, 1_704_067_200_001]))
    with pytest.raises(clv.DataError, match="2 unreadable date"):
        clv.rfm_summary(native, **COLUMNS, unit="day", date_format="epoch-s")


def test_days_that_are_not_in_the_calendar(engine):
    bad = ["2021-02-30", "2021-02-29", "1900-02-29", "2021-04-31", "2021-13-01", "2021-00-10"]
    bad += ["2021-01-00", "20210230", "2021-01-32"]
    native = engine(frame_of(["2021-01-01", *bad, "2000-02-29", "2021-12-31"]))
    with pytest.raises(clv.DataError, match="9 of 12 rows: unreadable date") as caught:
        clv.rfm_summary(native, **COLUMNS, unit="day")
    assert "date_format" in str(caught.value)
    assert "2021-0" in str(caught.value)
    with pytest.warns(clv.DataWarning, match="9 with unreadable date"):
        summary = clv.rfm_summary(native, **COLUMNS, unit="day", invalid="drop")
    assert summary.ledger.entries[-1].rows == 3


def test_all_dates_missing(engine):
    frame = frame_of(pl.Series([None, None], dtype=pl.String))
    with pytest.raises(clv.DataError, match="Of 2 rows: 2 no date"):
        clv.rfm_summary(engine(frame), **COLUMNS, unit="day")


@pytest.mark.parametrize("column", [[None, None], [pd.NaT, None], [float("nan"), None]])
def test_all_dates_missing_in_pandas(column):
    frame = pd.DataFrame({"who": ["a", "b"], "when": pd.Series(column, dtype=object)})
    with pytest.raises(clv.DataError, match="Of 2 rows: 2 no date"):
        clv.rfm_summary(frame, **COLUMNS, unit="day")


PANDAS_OBJECTS = {
    "dates": [date(2024, 1, 1), None, date(2024, 1, 3)],
    "datetimes": [datetime(2024, 1, 1, 23, 59), None, datetime(2024, 1, 3)],
    "time stamps": [pd.Timestamp("2024-01-01 23:59"), pd.NaT, pd.Timestamp("2024-01-03")],
    "text": ["2024-01-01", None, "2024-01-03T10:00:00"],
    "numbers": [20_240_101, None, 20_240_103],
}


@pytest.mark.parametrize("kind", PANDAS_OBJECTS)
def test_pandas_objects(kind, rows):
    when = pd.Series(PANDAS_OBJECTS[kind], dtype=object)
    frame = pd.DataFrame({"who": ["a", "a", "a"], "when": when})
    with pytest.warns(clv.DataWarning, match="1 with no date"):
        summary = clv.rfm_summary(frame, **COLUMNS, unit="day")
    assert rows(summary.frame) == [("a", 1, 2.0, 2.0)]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_pandas_stamps_of_every_resolution(unit, rows):
    stamps = np.array(["2024-01-01T23:59:59", "2024-01-03", "NaT"], dtype=f"M8[{unit}]")
    frame = pd.DataFrame({"who": ["a", "a", "a"], "when": stamps})
    with pytest.warns(clv.DataWarning, match="1 with no date"):
        summary = clv.rfm_summary(frame, **COLUMNS, unit="day")
    assert rows(summary.frame) == [("a", 1, 2.0, 2.0)]


@pytest.mark.parametrize(
    "kind", ["DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"]
)
def test_duckdb_stamps_of_every_type(kind, rows):
    import duckdb

    connection = duckdb.connect()
    relation = connection.sql(
        f"select 'a' as who, t::{kind} as \"when\" "
        "from (values ('2024-01-01 23:59:59'), ('2024-01-03 00:00:00')) v(t)"
    )
    summary = clv.rfm_summary(relation, **COLUMNS, unit="day")
    assert rows(summary.frame) == [("a", 1, 2.0, 2.0)]


def test_dates_of_several_types_are_refused():
    mixed = pd.Series([date(2024, 1, 1), "2024-01-02", 3], dtype=object)
    frame = pd.DataFrame({"who": ["a", "b", "c"], "when": mixed})
    with pytest.raises(clv.DataError, match="holds date, int, str"):
        clv.rfm_summary(frame, **COLUMNS, unit="day")


@pytest.mark.parametrize("column", [[True, False], [timedelta(1), timedelta(2)], [[1], [2]]])
def test_columns_that_cannot_be_dates(frame_engine, column):
    with pytest.raises(clv.DataError, match="Column 'when' h"):
        clv.rfm_summary(frame_engine(frame_of(column)), **COLUMNS, unit="day")
