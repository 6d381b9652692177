"""Frequency, recency, T and monetary_value, against a slow and obvious computation."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clvmodels as clv

COLUMNS = {"customer": "who", "date": "when", "amount": "paid"}
START = date(2023, 12, 20)  # the year ends and a leap day passes within the logs
ROUNDING = 1e-13  # sums of a few dozen doubles in another order
Record = tuple[str, int, float]


def by_hand(records: list[Record], end: int) -> list[tuple[Any, ...]]:
    """Return (customer, x, t_x, T, m) in days, straight from the definitions."""
    amounts: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for who, day, amount in records:
        if day <= end:
            amounts[who][day].append(amount)
    table = []
    for who in sorted(amounts):
        days = sorted(amounts[who])
        repeats = [math.fsum(amounts[who][day]) for day in days[1:]]
        mean = math.fsum(repeats) / len(repeats) if repeats else None
        table.append((who, len(repeats), days[-1] - days[0], end - days[0], mean))
    return table


def as_frame(records: list[Record]) -> pl.DataFrame:
    columns = {
        "who": [who for who, _, _ in records],
        "when": [START + timedelta(days=day) for _, day, _ in records],
        "paid": [amount for _, _, amount in records],
        "note": ["x"] * len(records),
    }
    return pl.DataFrame(columns)


def random_records(seed: int) -> list[Record]:
    """Return unsorted orders: several a day, some free, exact duplicates among them."""
    draw = random.Random(seed)
    people = [f"c{i:02}" for i in range(25)]
    records = [
        (draw.choice(people), draw.randrange(80), draw.choice([0.0, draw.randrange(20_000) / 100]))
        for _ in range(200)
    ]
    return records + draw.sample(records, 20)


def approximately(table: list[tuple[Any, ...]]) -> list[Any]:
    return [
        (*row, m if m is None else pytest.approx(m, rel=ROUNDING, abs=1e-12)) for *row, m in table
    ]


def test_random_logs_agree_with_the_definitions(engine, rows):
    records = random_records(1)
    end = max(day for _, day, _ in records)
    summary = clv.rfm_summary(engine(as_frame(records)), **COLUMNS, unit="day")
    assert rows(summary.frame) == approximately(by_hand(records, end))
    assert summary.observed_until == START + timedelta(days=end)
    assert summary.ledger.balances


def test_orders_after_the_end_have_no_influence(engine, rows):
    records = random_records(3)
    end = START + timedelta(days=40)
    summary = clv.rfm_summary(engine(as_frame(records)), **COLUMNS, observed_until=end, unit="day")
    assert rows(summary.frame) == approximately(by_hand(records, 40))
    before = [record for record in records if record[1] <= 40]
    alone = clv.rfm_summary(
        engine(as_frame(before)), **COLUMNS, observed_until=end.isoformat(), unit="day"
    )
    assert rows(alone.frame) == approximately(rows(summary.frame))


@pytest.mark.parametrize(
    ("unit", "days"), [("week", 7.0), ("month", 365.25 / 12), ("year", 365.25)]
)
def test_a_unit_scales_time_and_rounds_nothing(engine, rows, unit, days):
    native = engine(as_frame(random_records(4)))
    daily = rows(clv.rfm_summary(native, **COLUMNS, unit="day").frame)
    other = rows(clv.rfm_summary(native, **COLUMNS, unit=unit).frame)
    for (_, x, t_x, age, m), (_, x_u, t_x_u, age_u, m_u) in zip(daily, other, strict=True):
        assert x == x_u
        assert m == m_u or m == pytest.approx(m_u, rel=ROUNDING)
        assert t_x == pytest.approx(days * t_x_u, rel=1e-12, abs=0.0)
        assert age == pytest.approx(days * age_u, rel=1e-12, abs=0.0)


@settings(max_examples=40, deadline=None)
@given(
    records=st.lists(
        st.tuples(st.sampled_from("abcd"), st.integers(0, 9), st.integers(0, 500)),
        min_size=1,
        max_size=30,
    ),
    later=st.integers(0, 5),
)
def test_any_log_agrees_with_the_definitions(records, later):
    records = [(who, day, cents / 100) for who, day, cents in records]
    end = max(day for _, day, _ in records) + later
    until = START + timedelta(days=end)
    for frame in (as_frame(records), as_frame(records).to_pandas()):
        summary = clv.rfm_summary(frame, **COLUMNS, observed_until=until, unit="day")
        table = pl.DataFrame(summary.frame).fill_nan(None)
        assert table.rows() == approximately(by_hand(records, end))


def test_without_amounts_only_time_is_summarised(engine, rows, names):
    records = random_records(5)
    frame = as_frame(records).drop("paid")
    summary = clv.rfm_summary(engine(frame), customer="who", date="when", unit="day")
    end = max(day for _, day, _ in records)
    assert names(summary.frame) == ["who", "frequency", "recency", "T"]
    assert rows(summary.frame) == [row[:4] for row in by_hand(records, end)]
    assert not summary.has_spend
    assert summary.ledger.entries[-1].amount is None


def test_quantity_times_price(engine, rows, log):
    frame = log(("a", "2024-01-01", 1.0), ("a", "2024-01-02", 2.5), ("a", "2024-01-02", 0.1))
    frame = frame.with_columns(pieces=pl.Series([1, 2, 3]))
    summary = clv.rfm_summary(
        engine(frame), customer="who", date="when", amount=("pieces", "paid"), unit="day"
    )
    assert rows(summary.frame) == [("a", 1, 1.0, 1.0, pytest.approx(5.3, rel=ROUNDING))]


def test_free_orders_are_purchases(engine, rows, log):
    frame = log(("a", "2024-01-01", 5.0), ("a", "2024-01-03", 0.0), ("a", "2024-01-05", -0.0))
    summary = clv.rfm_summary(engine(frame), **COLUMNS, unit="day")
    assert rows(summary.frame) == [("a", 2, 4.0, 4.0, 0.0)]


def test_columns_and_order_of_eager_results(engine, names, in_order):
    summary = clv.rfm_summary(engine(as_frame(random_records(6))), **COLUMNS, unit="week")
    assert names(summary.frame) == ["who", "frequency", "recency", "T", "monetary_value"]
    if not engine.lazy:
        ids = [row[0] for row in in_order(summary.frame)]
        assert ids == sorted(ids)


def test_no_monetary_value_is_null_and_not_nan(frame_engine, log):
    frame = log(("a", "2024-01-01", 5.0), ("b", "2024-01-03", 4.0), ("b", "2024-01-05", 4.0))
    summary = clv.rfm_summary(frame_engine(frame), **COLUMNS, unit="day").frame
    if frame_engine.name.startswith("pandas"):
        assert summary["monetary_value"].isna().tolist() == [True, False]
        return
    table = (
        summary.pl()
        if frame_engine.name == "duckdb"
        else pl.DataFrame(summary.collect() if frame_engine.lazy else summary)
    )
    assert table.sort("who")["monetary_value"].to_list() == [None, 4.0]
    assert table.schema["frequency"] == pl.Int64


def test_patterns_count_customers(engine):
    summary = clv.rfm_summary(engine(as_frame(random_records(7))), **COLUMNS, unit="week")
    rows, patterns = summary.customers(), summary.patterns()
    assert patterns.n_customers == len(rows)
    keys = list(zip(*patterns.timing, strict=True))
    everyone = list(zip(*rows.timing, strict=True))
    assert sorted(keys) == sorted(set(everyone))
    assert [everyone.count(key) for key in keys] == patterns.weight.tolist()
