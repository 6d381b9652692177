"""Calendar periods as opportunities: what counts, what is left out, and models of whole periods."""

from __future__ import annotations

import random
from datetime import date, timedelta

import polars as pl
import pytest

import clvmodels as clv
from clvmodels.frames.calendar import as_date, day_number, with_month
from clvmodels.frames.periods import last_complete_day, last_day, period_of, with_period
from clvmodels.frames.sources import as_narwhals
from clvmodels.models.bgbb import BGBB

COLUMNS = {"customer": "who", "date": "when", "amount": "paid"}
MONTHS = {"month": 1, "quarter": 3, "year": 12}


def test_months_of_all_days(frame_engine):
    days = [*range(-719_162, 2_932_897, 997), *range(-800, 60_000, 7), *range(10_950, 12_500)]
    frame = as_narwhals(frame_engine(pl.DataFrame({"_day": days}))).lazy()
    table = with_month(frame, "month", mday="mday").collect("polars")
    found = sorted(table.select("_day", "month", "mday").rows())
    dates = [as_date(day) for day in sorted(days)]
    assert found == [(day_number(on), 12 * on.year + on.month - 1, on.day) for on in dates]
    for grid in ("day", "week", "month", "quarter", "year"):
        periods = with_period(frame, grid).select("_day", "_period").collect("polars")
        assert all(period == period_of(day, grid) for day, period in periods.rows())


@pytest.mark.parametrize("grid", ["day", "week", "month", "quarter", "year"])
def test_a_period_ends_where_the_next_begins(grid):
    for day in range(-500, 25_000, 13):
        end = last_day(day, grid)
        assert period_of(end, grid) == period_of(day, grid) == period_of(end + 1, grid) - 1
        complete = last_complete_day(day, grid)
        if grid in MONTHS:
            assert complete in (end, last_day(complete, grid))
            assert complete == day or period_of(complete, grid) == period_of(day, grid) - 1
        else:
            assert complete == day


def test_orders_of_one_month_are_one_occasion(engine, rows, log):
    native = engine(
        log(
            ("a", "2024-01-31", 1.0),
            ("a", "2024-02-01", 2.0),
            ("a", "2024-02-29", 4.0),
            ("a", "2024-04-01", 8.0),
            ("a", "2024-05-02", 16.0),  # May is not over
            ("b", "2024-03-15", 5.0),
            ("c", "2024-05-01", 1.0),
        )
    )
    summary = clv.rfm_summary(native, **COLUMNS, unit="month", grid="month")
    assert rows(summary.frame) == [("a", 2, 3.0, 3.0, 7.0), ("b", 0, 0.0, 1.0, None)]
    assert summary.observed_until == date(2024, 4, 30)
    ledger = summary.ledger
    assert ledger.balances
    told = {entry.what: (entry.rows, entry.customers, entry.amount) for entry in ledger.entries}
    assert told["- in the incomplete last period"] == (-2, None, -17.0)
    assert told["- customers only in the incomplete last period"] == (None, -1, None)


def test_a_complete_last_month_counts(engine, rows, log):
    native = engine(log(("a", "2024-01-31", 1.0), ("a", "2024-03-30", 2.0)))
    options = COLUMNS | {"unit": "month", "grid": "month"}
    summary = clv.rfm_summary(native, **options, observed_until="2024-03-31")
    assert rows(summary.frame) == [("a", 1, 2.0, 2.0, 2.0)]
    earlier = clv.rfm_summary(native, **options, observed_until="2024-03-30")
    assert rows(earlier.frame) == [("a", 0, 0.0, 1.0, None)]
    with pytest.raises(clv.DataError, match="last complete period ends on 2023-12-31"):
        clv.rfm_summary(engine(log(("a", "2024-01-30", 1.0))), **options)


@pytest.mark.parametrize("grid", ["month", "year"])
def test_random_logs(frame_engine, rows, grid):
    draw = random.Random(grid)
    first = date(1968, 3, 1)
    records = [
        (f"c{draw.randrange(9)}", first + timedelta(days=draw.randrange(2000))) for _ in range(120)
    ]
    frame = pl.DataFrame(records, schema=["who", "when"], orient="row")
    end = last_complete_day(day_number(max(on for _, on in records)), grid)
    summary = clv.rfm_summary(
        frame_engine(frame), customer="who", date="when", unit=grid, grid=grid
    )
    expected = []
    for who in sorted({who for who, _ in records}):
        seen = sorted({period_of(day_number(on), grid) for each, on in records if each == who})
        seen = [each for each in seen if each <= period_of(end, grid)]
        T = period_of(end, grid) - seen[0]
        expected.append((who, len(seen) - 1, float(seen[-1] - seen[0]), float(T)))
    assert rows(summary.frame) == expected
    assert summary.observed_until == as_date(end)


@pytest.mark.parametrize(("grid", "unit"), [("day", "day"), ("week", "week"), ("month", "month")])
def test_whole_periods_fit(lazy_engine, rows, grid, unit):
    draw = random.Random(grid)
    records = [
        (f"c{i}", date(2020, 1, 6) + timedelta(days=draw.randrange(30) + 11 * j * (1 + i % 5)))
        for i in range(60)
        for j in range(1 + draw.randrange(6))
    ]
    frame = pl.DataFrame(records, schema=["who", "when"], orient="row")
    options = {"customer": "who", "date": "when", "unit": unit, "grid": grid}
    lazy, eager = (clv.rfm_summary(native, **options) for native in (lazy_engine(frame), frame))
    model = BGBB(1.2, 0.75, 0.66, 2.8)
    assert BGBB.check_periods(lazy).n_customers == BGBB.check_periods(eager).n_customers
    found = rows(clv.predict(lazy, model, horizon="1y", discount_rate=0.1))
    expected = rows(clv.predict(eager, model, horizon="1y", discount_rate=0.1))
    assert len(found) == len(expected)
    for row, other in zip(found, expected, strict=True):
        assert row[0] == other[0]
        assert row[1:] == pytest.approx(other[1:], rel=1e-12)


def test_a_holdout_of_months(engine, rows, log):
    native = engine(
        log(
            ("a", "2024-01-10", 1.0),
            ("a", "2024-03-20", 2.0),
            ("b", "2024-01-05", 1.0),
            ("a", "2024-04-02", 9.0),  # within April, which is not over
        )
    )
    options = COLUMNS | {"unit": "month", "grid": "month"}
    with pytest.raises(clv.ParameterError, match="ends with a month") as caught:
        clv.holdout_split(native, **options, calibration_end="2024-01-30")
    assert "Choose 2024-01-31" in str(caught.value)
    split = clv.holdout_split(native, **options, calibration_end="2024-01-31")
    assert rows(split.calibration.frame) == [("a", 0, 0.0, 0.0, None), ("b", 0, 0.0, 0.0, None)]
    assert rows(split.holdout) == [("a", 1, 2.0), ("b", 0, 0.0)]
    assert (split.horizon, split.observed_until) == (2.0, date(2024, 3, 31))
    assert split.holdout_ledger.balances
    with pytest.raises(clv.ParameterError, match="at least one whole period"):
        clv.holdout_split(native, **options, calibration_end="2024-03-31")


def test_the_unit_goes_with_the_grid(log):
    frame = log(("a", "2024-01-10", 1.0))
    with pytest.raises(clv.ParameterError, match=r"whole months.*Pass unit='month'"):
        clv.rfm_summary(frame, **COLUMNS, unit="week", grid="month")
    with pytest.raises(clv.DataError, match="`grid` is one of"):
        clv.rfm_summary(frame, **COLUMNS, unit="week", grid="fortnight")


def test_fractions_of_a_period_are_refused(log):
    frame = log(("a", "2024-01-10", 1.0), ("a", "2024-01-12", 1.0), ("b", "2024-01-11", 1.0))
    with pytest.raises(clv.DataError, match="grid='month'"):
        BGBB.fit(clv.rfm_summary(frame, **COLUMNS, unit="week"))
