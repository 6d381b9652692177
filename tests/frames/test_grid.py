"""Weeks as periods of purchase: Monday to Sunday, on both sides of 1970."""

from __future__ import annotations

import random
from datetime import date, timedelta

import polars as pl
import pytest

import clvmodels as clv

COLUMNS = {"customer": "who", "date": "when", "amount": "paid"}
MONDAY = date(1969, 11, 24)


def test_orders_of_one_week_are_one_occasion(engine, rows, log):
    frame = log(
        ("a", "2024-01-01", 1.0),  # a Monday
        ("a", "2024-01-07", 2.0),  # the Sunday of that week
        ("a", "2024-01-08", 4.0),
        ("a", "2024-01-09", 8.0),
        ("a", "2024-01-28", 16.0),  # a Sunday
        ("b", "2024-01-14", 1.0),
        ("b", "2024-01-15", 3.0),
    )
    native = engine(frame)
    weekly = clv.rfm_summary(native, **COLUMNS, unit="week", grid="week")
    assert rows(weekly.frame) == [("a", 2, 3.0, 3.0, 14.0), ("b", 1, 1.0, 2.0, 3.0)]
    assert weekly.ledger.balances
    daily = clv.rfm_summary(native, **COLUMNS, unit="day", grid="week")
    assert rows(daily.frame) == [("a", 2, 21.0, 21.0, 14.0), ("b", 1, 7.0, 14.0, 3.0)]
    assert rows(clv.rfm_summary(native, **COLUMNS, unit="day").frame)[0][1:4] == (4, 27.0, 27.0)


def test_weeks_of_random_logs(engine, rows):
    draw = random.Random(2)
    records = [(f"c{draw.randrange(9)}", draw.randrange(120)) for _ in range(90)]
    frame = pl.DataFrame(
        {
            "who": [who for who, _ in records],
            "when": [MONDAY + timedelta(days=day) for _, day in records],
        }
    )
    summary = clv.rfm_summary(engine(frame), customer="who", date="when", unit="week", grid="week")
    end = max(day // 7 for _, day in records)
    expected = []
    for who in sorted({who for who, _ in records}):
        weeks = sorted({day // 7 for each, day in records if each == who})
        expected.append((who, len(weeks) - 1, weeks[-1] - weeks[0], end - weeks[0]))
    assert rows(summary.frame) == expected


def test_predictions_join_on_weeks(lazy_engine, rows, log):
    frame = log(*[(f"c{i % 7}", f"2024-0{1 + i % 3}-{10 + i}", 1.0 + i) for i in range(18)])
    models = clv.BGNBD(0.243, 4.414, 0.793, 2.426), clv.GammaGamma(6.25, 3.74, 15.44)
    for unit in ("day", "month"):
        options = COLUMNS | {"unit": unit, "grid": "week"}
        found, expected = (
            rows(clv.predict(clv.rfm_summary(native, **options), *models, horizon="1y"))
            for native in (lazy_engine(frame), frame)
        )
        assert [row[0] for row in found] == [row[0] for row in expected]
        for row, other in zip(found, expected, strict=True):
            assert [each or 0.0 for each in row[1:]] == pytest.approx(
                [each or 0.0 for each in other[1:]], rel=1e-12
            )


def test_a_cut_within_a_week_would_count_it_twice(engine, rows, log):
    native = engine(
        log(("a", "2024-01-01", 1.0), ("a", "2024-01-31", 1.0), ("a", "2024-02-02", 1.0))
    )
    options = COLUMNS | {"unit": "week", "grid": "week"}
    with pytest.raises(clv.ParameterError, match="2024-01-31 is a Wednesday") as caught:
        clv.holdout_split(native, **options, calibration_end="2024-01-31")
    assert "Choose 2024-02-04" in str(caught.value)
    split = clv.holdout_split(
        native, **options, calibration_end="2024-01-28", observed_until="2024-02-06"
    )
    assert rows(split.calibration.frame) == [("a", 0, 0.0, 3.0, None)]
    assert rows(split.holdout) == [("a", 1, 2.0)]
    assert split.horizon == 2.0
