"""Subscriptions to renewals: calendar arithmetic by hand, on every engine."""

from __future__ import annotations

import random
from calendar import monthrange
from datetime import date, timedelta

import polars as pl
import pytest

import clvmodels as clv
from clvmodels.frames.subscriptions import subscription_summary
from clvmodels.models.sbg import SBG

COLUMNS = {"customer": "who", "start": "opened", "end": "closed"}


def table(*records):
    schema = {"who": pl.String, "opened": pl.Date, "closed": pl.Date}
    if records and len(records[0]) > 3:
        schema["paid"] = pl.Float64
    days = [tuple(_day(each) if i in (1, 2) else each for i, each in enumerate(r)) for r in records]
    return pl.DataFrame(days, schema=schema, orient="row")


def _day(text):
    return None if text is None else date.fromisoformat(text)


def later(start: date, periods: int, period: str) -> date:
    """The k-th opportunity, by Python's own calendar."""
    if period in ("day", "week"):
        return start + timedelta(days=periods * {"day": 1, "week": 7}[period])
    month = (
        12 * start.year + start.month - 1 + periods * {"month": 1, "quarter": 3, "year": 12}[period]
    )
    year, month = divmod(month, 12)
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))


def by_hand(start: date, end: date | None, until: date, period: str) -> tuple[int, int]:
    """Count opportunities one by one."""
    due = 0
    while later(start, due + 1, period) <= until:
        due += 1
    if end is None or end > until:
        return due, due
    renewed = 0
    while later(start, renewed + 1, period) < end:
        renewed += 1
    return renewed, due


def test_renewals_month_by_month(engine, rows):
    native = engine(
        table(
            ("active", "2024-01-31", None),
            ("left on the day", "2024-01-31", "2024-02-29"),
            ("left after it", "2024-01-31", "2024-03-01"),
            ("left at once", "2024-01-31", "2024-01-31"),
            ("left later", "2024-01-15", "2024-07-02"),
            ("left this month", "2024-01-15", "2024-05-20"),
            ("just begun", "2024-05-31", None),
            ("begins later", "2024-06-01", None),
        )
    )
    with pytest.warns(clv.DataWarning, match="1 customers have ended.*running period"):
        summary = subscription_summary(native, **COLUMNS, observed_until="2024-05-31")
    assert rows(summary.frame) == [
        ("active", 4, 4.0, 4.0),
        ("just begun", 0, 0.0, 0.0),
        ("left after it", 1, 1.0, 4.0),
        ("left at once", 0, 0.0, 4.0),
        ("left later", 4, 4.0, 4.0),  # after the end of observation: not known yet
        ("left on the day", 0, 0.0, 4.0),
        ("left this month", 4, 4.0, 4.0),  # at an opportunity that lies ahead: not counted yet
    ]
    assert (summary.unit, summary.observed_until) == ("month", date(2024, 5, 31))
    assert summary.patterns().n_customers == 7.0


@pytest.mark.filterwarnings("ignore:.*running period")
@pytest.mark.parametrize("period", ["day", "week", "month", "quarter", "year"])
def test_random_subscriptions(frame_engine, rows, period):
    draw = random.Random(period)
    until = date(2025, 2, 28)
    records = []
    for i in range(60):
        start = date(2019, 12, 25) + timedelta(days=draw.randrange(1500))
        if i % 3 == 0:
            start = start.replace(day=monthrange(start.year, start.month)[1])
        end = start + timedelta(days=draw.randrange(900)) if draw.random() < 0.7 else None
        if end is not None and i % 4 == 0:
            end = later(start, draw.randrange(5), period)
        records.append((f"c{i:02}", start, end))
    frame = pl.DataFrame(records, schema=["who", "opened", "closed"], orient="row")
    summary = subscription_summary(
        frame_engine(frame), **COLUMNS, observed_until=until, period=period
    )
    expected = []
    for who, start, end in records:
        renewed, due = by_hand(start, end, until, period)
        expected.append((who, renewed, float(renewed), float(due)))
    assert rows(summary.frame) == expected
    if period == "month":
        assert SBG.fit(summary).certificate.verdict == "identified"


def test_amounts(engine, rows):
    native = engine(table(("a", "2024-01-01", None, 9.5), ("b", "2024-01-01", "2024-01-20", 12.0)))
    summary = subscription_summary(
        native, **COLUMNS, amount="paid", observed_until=date(2024, 3, 31)
    )
    assert rows(summary.frame) == [("a", 2, 2.0, 2.0, 9.5), ("b", 0, 0.0, 2.0, 12.0)]
    value = clv.predict(summary, SBG(0.668, 3.806), "amount", horizon="1y", discount_rate=0.1)
    assert [row[-1] > 0.0 for row in rows(value)] == [True, False]  # who has left is worth nothing


def test_text_dates_and_nobody_left(rows):
    frame = pl.DataFrame(
        {"who": [1, 2], "opened": ["2024-01-01", "2024-02-01"], "closed": [None] * 2}
    )
    for native in (frame, frame.lazy(), frame.to_pandas(), frame.to_arrow()):
        summary = subscription_summary(native, **COLUMNS, observed_until="2024-03-01")
        assert rows(summary.frame) == [(1, 2, 2.0, 2.0), (2, 1, 1.0, 1.0)]


@pytest.mark.parametrize(
    ("records", "rule"),
    [
        ([("a", "2024-02-01", "2024-01-31")], "ends before it starts.*customers a"),
        ([("a", "2024-01-01", None), ("a", "2024-02-01", None)], "one subscription"),
        ([("a", None, None)], "has a start date"),
        ([(None, "2024-01-01", None)], "has a customer"),
        ([("a", "2025-01-01", None)], "starts before the end of observation"),
    ],
)
def test_what_cannot_be_is_refused(frame_engine, records, rule):
    with pytest.raises(clv.DataError, match=rule):
        subscription_summary(frame_engine(table(*records)), **COLUMNS, observed_until="2024-06-30")


def test_unreadable_dates_and_amounts(frame_engine):
    frame = pl.DataFrame({"who": ["a"], "opened": ["2024-01-01"], "closed": ["soon"]})
    with pytest.raises(clv.DataError, match="An end is a date"):
        subscription_summary(frame_engine(frame), **COLUMNS, observed_until="2024-06-30")
    frame = table(("a", "2024-01-01", None, -1.0))
    with pytest.raises(clv.DataError, match="zero or more"):
        subscription_summary(
            frame_engine(frame), **COLUMNS, amount="paid", observed_until="2024-06-30"
        )


def test_arguments():
    frame = table(("a", "2024-01-01", None))
    with pytest.raises(clv.MissingColumnError, match="'closed'"):
        subscription_summary(
            frame, customer="who", start="opened", end="close", observed_until="2024-06-30"
        )
    with pytest.raises(clv.ParameterError, match="time unit"):
        subscription_summary(frame, **COLUMNS, observed_until="2024-06-30", period="decade")
    with pytest.raises(clv.ParameterError, match="observed_until"):
        subscription_summary(frame, **COLUMNS, observed_until="never")
