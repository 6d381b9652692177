"""The holdout split: the same rules on both sides, and nothing later reaches the calibration."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clvmodels as clv

COLUMNS = {"customer": "who", "date": "when", "amount": "paid"}
START = date(2024, 1, 1)
CUT = date(2024, 1, 31)
Record = tuple[str, int, float]


def as_frame(records: list[Record]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "who": [who for who, _, _ in records],
            "when": [START + timedelta(days=day) for _, day, _ in records],
            "paid": [amount for _, _, amount in records],
        }
    )


def random_records(seed: int) -> list[Record]:
    """Return two months of orders and refunds of whole amounts."""
    draw = random.Random(seed)
    return [
        (f"c{draw.randrange(15):02}", draw.randrange(60), float(draw.randrange(-30, 90)))
        for _ in range(150)
    ]


def approximately(table: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [
        tuple(pytest.approx(each, rel=1e-12) if isinstance(each, float) else each for each in row)
        for row in table
    ]


def test_the_calibration_is_the_summary_of_the_log_cut_short(engine, rows):
    frame = as_frame(random_records(1))
    split = clv.holdout_split(engine(frame), **COLUMNS, calibration_end=CUT, unit="week")
    short = clv.rfm_summary(
        engine(frame.filter(pl.col("when") <= CUT)), **COLUMNS, observed_until=CUT, unit="week"
    )
    assert rows(split.calibration.frame) == approximately(rows(short.frame))
    assert split.calibration.observed_until == CUT
    assert split.calibration.ledger.balances
    assert split.holdout_ledger.balances


def test_the_holdout_is_the_log_after_the_cut_by_itself(engine, rows):
    frame = as_frame(random_records(1))
    split = clv.holdout_split(engine(frame), **COLUMNS, calibration_end=CUT, unit="day")
    after = clv.rfm_summary(frame.filter(pl.col("when") > CUT), **COLUMNS, unit="day")
    totals = {}
    for who, x, _, _, mean in rows(after.frame):
        totals[who] = (x + 1, x * (mean or 0.0))
    known = [row[0] for row in rows(split.calibration.frame)]
    held, new = rows(split.holdout), rows(split.newcomers)
    assert [row[0] for row in held] == known
    assert {row[0] for row in new} == totals.keys() - set(known)
    for who, count, value in held + new:
        assert count == totals.get(who, (0, 0.0))[0]
        assert value >= totals.get(who, (0, 0.0))[1] - 1e-9  # repeats alone, without the first
    money = sum(value for _, _, value in held + new)
    assert money == pytest.approx(split.holdout_ledger.entries[-1].amount, abs=0.005)
    assert split.horizon == (split.observed_until - CUT).days


@settings(max_examples=15, deadline=None)
@given(
    before=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 30), st.integers(-5, 9)), min_size=1
    ).filter(lambda records: any(amount >= 0 for _, _, amount in records)),
    later=st.lists(
        st.tuples(st.sampled_from("abcd"), st.integers(31, 40), st.integers(-9, 9)), min_size=1
    ).filter(lambda records: any(amount >= 0 for _, _, amount in records)),
)
def test_nothing_later_reaches_the_calibration(rows, before, later):
    alone = clv.rfm_summary(as_frame(before), **COLUMNS, observed_until=CUT, unit="day")
    split = clv.holdout_split(as_frame(later + before), **COLUMNS, calibration_end=CUT, unit="day")
    assert rows(split.calibration.frame) == approximately(rows(alone.frame))
    assert split.calibration.ledger.unmatched_refunds == pytest.approx(
        alone.ledger.unmatched_refunds, rel=1e-12
    )


def test_refunds_across_the_cut_change_neither_side(engine, rows, log):
    frame = log(
        ("a", "2024-01-01", 10.0),
        ("a", "2024-01-20", 20.0),
        ("a", "2024-02-01", -20.0),  # of an order before the cut
        ("a", "2024-02-05", 7.0),
        ("a", "2024-02-06", -2.0),  # of an order after the cut
        ("b", "2024-01-15", 5.0),
        ("b", "2024-02-03", 4.0),
        ("b", "2024-02-04", -4.0),
        ("n", "2024-02-10", 6.0),
        ("n", "2024-02-12", 0.0),
        ("r", "2024-02-12", -1.0),
    )
    split = clv.holdout_split(engine(frame), **COLUMNS, calibration_end="2024-01-31", unit="day")
    assert rows(split.calibration.frame) == [("a", 1, 19.0, 30.0, 20.0), ("b", 0, 0.0, 16.0, None)]
    assert rows(split.holdout) == [("a", 1, 5.0), ("b", 0, 0.0)]
    assert rows(split.newcomers) == [("n", 2, 6.0)]
    assert split.horizon == 12.0
    assert split.observed_until == date(2024, 2, 12)
    assert split.calibration.ledger.unmatched_refunds == 0.0
    assert split.holdout_ledger.unmatched_refunds == pytest.approx(21.0)
    assert split.holdout_ledger.balances


def test_an_order_on_the_last_day_is_in_the_calibration(engine, rows, log):
    frame = log(("a", "2024-01-01"), ("a", "2024-01-31T23:59:59"), ("a", "2024-02-01T00:00:00"))
    split = clv.holdout_split(
        engine(frame), customer="who", date="when", calibration_end="2024-01-31", unit="day"
    )
    assert rows(split.calibration.frame) == [("a", 1, 30.0, 30.0)]
    assert rows(split.holdout) == [("a", 1)]


def test_a_holdout_in_which_nothing_happens(engine, rows, names, log):
    native = engine(log(("a", "2024-01-01", 1.0), ("b", "2024-01-02", 1.0)))
    split = clv.holdout_split(
        native, **COLUMNS, calibration_end="2024-01-31", observed_until="2024-02-14", unit="week"
    )
    assert rows(split.holdout) == [("a", 0, 0.0), ("b", 0, 0.0)]
    assert rows(split.newcomers) == []
    assert names(split.newcomers) == ["who", "holdout_purchases", "holdout_value"]
    assert split.horizon == 2.0
    assert split.holdout_ledger.balances


def test_orders_after_the_holdout_are_left_out(engine, rows, log):
    native = engine(
        log(("a", "2024-01-01", 1.0), ("a", "2024-02-02", 2.0), ("a", "2024-03-01", 4.0))
    )
    split = clv.holdout_split(
        native, **COLUMNS, calibration_end="2024-01-31", observed_until="2024-02-29", unit="day"
    )
    assert rows(split.holdout) == [("a", 1, 2.0)]
    assert "after observed_until" in str(split.holdout_ledger)


def test_engine_order_and_laziness(frame_engine, in_order):
    native = frame_engine(as_frame(random_records(3)))
    split = clv.holdout_split(native, **COLUMNS, calibration_end=CUT, unit="day")
    for frame in (split.calibration.frame, split.holdout, split.newcomers):
        assert type(frame) is type(native)
    if not frame_engine.lazy:
        known = [row[0] for row in in_order(split.calibration.frame)]
        assert [row[0] for row in in_order(split.holdout)] == known


@pytest.mark.parametrize("end", ["2024-02-29", "2024-02-28"])
def test_a_holdout_without_a_day_is_refused(engine, log, end):
    native = engine(log(("a", "2024-01-01", 1.0), ("a", "2024-02-28", 2.0)))
    with pytest.raises(clv.ParameterError, match=f"Calibration ends on {end}") as caught:
        clv.holdout_split(native, **COLUMNS, calibration_end=end, unit="day")
    assert "earlier `calibration_end`" in str(caught.value)


def test_a_cut_before_the_first_order_is_refused(engine, log):
    native = engine(log(("a", "2024-01-05", 1.0), ("a", "2024-02-28", 2.0)))
    with pytest.raises(clv.DataError, match="Observation ends on 2024-01-04"):
        clv.holdout_split(native, **COLUMNS, calibration_end="2024-01-04", unit="day")


def test_the_rules_hold_on_both_sides(engine, rows, log):
    frame = log(
        ("a", "2024-01-01", 1.0),
        ("a", "2024-01-02", -1.0),
        ("a", "2024-02-02", None),
        ("a", "2024-02-03", 3.0),
        ("a", "2024-02-04", -3.0),
        (None, "2024-02-04", 3.0),
    )
    native = engine(frame)
    options = COLUMNS | {"calibration_end": "2024-01-31", "unit": "day"}
    with pytest.raises(clv.DataError, match="1 of 6 rows: no amount"):
        clv.holdout_split(native, **options)
    with pytest.raises(clv.DataError, match="2 of 6 rows: refund"):
        clv.holdout_split(native, **options, invalid="drop", returns="error")
    with pytest.raises(clv.DataError, match="1 of 6 rows: no customer id"):
        clv.holdout_split(native, **options, invalid="drop", strict=True)
    with pytest.warns(clv.DataWarning, match="1 with no customer id"):
        split = clv.holdout_split(native, **options, invalid="drop", returns="drop")
    assert rows(split.calibration.frame) == [("a", 0, 0.0, 30.0, None)]
    assert rows(split.holdout) == [("a", 1, 3.0)]
