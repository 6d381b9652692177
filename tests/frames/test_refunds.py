"""Refunds: the netting in the engine against a stack of occasions in exact arithmetic."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clvmodels as clv

COLUMNS = {"customer": "who", "date": "when", "amount": "paid"}
START = date(2024, 1, 1)
Record = tuple[str, int, int]  # customer, day, cents


def stack_of(entries: list[tuple[int, int]]) -> tuple[list[tuple[int, int]], int]:
    """Return the (day, cents) that are left of one customer's occasions, and unmatched cents.

    A refund is taken off the most recent occasions up to its day until it is used up; an occasion
    left with nothing disappears, a free one stays.
    """
    stack: list[list[int]] = []
    unmatched = 0
    for day in sorted({day for day, _ in entries}):
        today = [cents for when, cents in entries if when == day]
        bought = [cents for cents in today if cents >= 0]
        refund = -sum(cents for cents in today if cents < 0)
        if bought:
            stack.append([day, sum(bought)])
        kept = []
        while stack:
            when, left = stack.pop()
            taken = min(left, refund)
            refund -= taken
            if left == 0 or left > taken:
                kept.append([when, left - taken])
        stack = kept[::-1]
        unmatched += refund
    return [(day, cents) for day, cents in stack], unmatched


def by_hand(records: list[Record], end: int) -> tuple[list[tuple[Any, ...]], int]:
    """Return the summary in days and the cents that met no purchase."""
    logs: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for who, day, cents in records:
        logs[who].append((day, cents))
    table, lost = [], 0
    for who in sorted(logs):
        left, unmatched = stack_of(logs[who])
        lost += unmatched
        if left:
            repeats = [cents for _, cents in left[1:]]
            mean = float(Fraction(sum(repeats), 100 * len(repeats))) if repeats else None
            table.append((who, len(repeats), left[-1][0] - left[0][0], end - left[0][0], mean))
    return table, lost


def as_frame(records: list[Record]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "who": [who for who, _, _ in records],
            "when": [START + timedelta(days=day) for _, day, _ in records],
            "paid": [cents / 100 for _, _, cents in records],
        }
    )


def check(native: Any, records: list[Record], rows: Any, *, money: float) -> None:
    """Assert summary and ledger; occasions and times are exact, money to a tolerance."""
    end = max(day for _, day, _ in records)
    expected, lost = by_hand(records, end)
    summary = clv.rfm_summary(native, **COLUMNS, unit="day")
    found = rows(summary.frame)
    assert [row[:4] for row in found] == [row[:4] for row in expected]
    for (*_, mean), (*_, exact) in zip(found, expected, strict=True):
        assert mean is None if exact is None else abs(mean - exact) <= money
    ledger = summary.ledger
    assert ledger.balances, str(ledger)
    assert ledger.unmatched_refunds == pytest.approx(lost / 100, abs=max(money, 1e-9))
    assert ledger.entries[-1].customers == len(expected)


def random_records(seed: int, *, refunds: float, most: int = 5_000) -> list[Record]:
    """Return orders and many refunds; half of the refunds return a recent order exactly."""
    draw = random.Random(seed)
    records: list[Record] = []
    for _ in range(300):
        who, day = f"c{draw.randrange(20):02}", draw.randrange(60)
        earlier = [r for r in records if r[0] == who and r[1] <= day and r[2] > 0]
        if draw.random() >= refunds:
            records.append((who, day, draw.choice([0, draw.randrange(100, most)])))
        elif earlier and draw.random() < 0.5:
            records.append((who, day, -draw.choice(earlier)[2]))
        else:
            records.append((who, day, -draw.randrange(100, most)))
    draw.shuffle(records)
    return records


@pytest.mark.parametrize("refunds", [0.1, 0.3, 0.6])
def test_random_refunds_agree_with_a_stack(engine, rows, refunds):
    records = random_records(int(100 * refunds), refunds=refunds)
    check(engine(as_frame(records)), records, rows, money=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 6), st.integers(-12, 12)),
        min_size=1,
        max_size=25,
    ).filter(lambda records: any(cents >= 0 for _, _, cents in records))
)
def test_any_refunds_agree_with_a_stack(rows, records):
    records = [(who, day, cents * 10 + (cents > 0) * 9) for who, day, cents in records]
    check(as_frame(records), records, rows, money=1e-9)


# Above a turnover of 1e13 cents doubles no longer hold cents, so amounts grow with it.
@pytest.mark.parametrize(("turnover", "smallest"), [(1e6, 1), (1e9, 1), (1e12, 100)])
def test_small_orders_beside_a_large_turnover(engine, rows, turnover, smallest):
    draw = random.Random(7)
    records: list[Record] = []
    for i in range(12):
        who = f"c{i:02}"
        records.append((who, 0, int(turnover * 100)))
        for day in range(1, 9):
            cents = draw.randrange(1, 500) * smallest
            records.append((who, day, cents))
            if draw.random() < 0.5:  # returned in full, or in part
                records.append((who, day + draw.randrange(2), -draw.choice([cents, smallest])))
    money = 40 * 1.1e-16 * turnover + 1e-12  # a summary adds and subtracts the whole turnover
    check(engine(as_frame(records)), records, rows, money=money)


CASES: dict[str, tuple[list[tuple[int, float]], list[tuple[int, float]]]] = {
    # orders and refunds of one customer by day -> what is left of the occasions
    "first": ([(0, -5.0), (1, 8.0)], [(1, 8.0)]),
    "same day": ([(0, 8.0), (0, -3.0), (2, 4.0)], [(0, 5.0), (2, 4.0)]),
    "same day, all": ([(0, 8.0), (1, 6.0), (1, -6.0)], [(0, 8.0)]),
    "over two occasions": ([(0, 8.0), (1, 6.0), (2, -9.0), (3, 1.0)], [(0, 5.0), (3, 1.0)]),
    "a middle one": ([(0, 8.0), (1, 6.0), (2, -6.0), (3, 1.0)], [(0, 8.0), (3, 1.0)]),
    "the first one": ([(0, 8.0), (1, -8.0), (3, 1.0), (4, 2.0)], [(3, 1.0), (4, 2.0)]),
    "exceeds everything": ([(0, 8.0), (1, 6.0), (2, -90.0), (3, 1.0)], [(3, 1.0)]),
    "parts of 20": ([(0, 1.0), (1, 19.99), (1, 0.01), (2, -20.0)], [(0, 1.0)]),
    "20 in parts": ([(0, 1.0), (1, 20.0), (2, -19.99), (3, -0.01)], [(0, 1.0)]),
    "thirds": ([(0, 1.0), (1, 100 / 3), (1, 100 / 3), (1, 100 / 3), (2, -100.0)], [(0, 1.0)]),
    "tenths": ([(0, 1.0), (1, 0.1), (1, 0.2), (2, -0.3)], [(0, 1.0)]),
    "ten tenths": ([(0, 1.0), *[(1, 0.1)] * 10, (2, -1.0)], [(0, 1.0)]),
    "a cent stays": ([(0, 1.0), (1, 20.0), (2, -19.99)], [(0, 1.0), (1, 0.01)]),
    "free ones stay": ([(0, 5.0), (1, 0.0), (2, -5.0), (3, 2.0)], [(1, 0.0), (3, 2.0)]),
    "day of returns": ([(0, 5.0), (3, -1.0)], [(0, 4.0)]),
}


def test_what_is_left(engine, rows):
    records = [
        (case, START + timedelta(days=day), amount)
        for case, (entries, _) in CASES.items()
        for day, amount in entries
    ]
    frame = pl.DataFrame(records, schema=["who", "when", "paid"], orient="row")
    until = START + timedelta(days=9)
    summary = clv.rfm_summary(engine(frame), **COLUMNS, observed_until=until, unit="day")
    expected = []
    for case, (_, left) in sorted(CASES.items()):
        repeats = [amount for _, amount in left[1:]]
        mean = None if not repeats else pytest.approx(sum(repeats) / len(repeats), rel=1e-11)
        first, last = left[0][0], left[-1][0]
        expected.append((case, len(left) - 1, last - first, 9 - first, mean))
    assert rows(summary.frame) == expected
    assert summary.ledger.balances


def test_everything_returned_leaves_an_empty_summary(engine, rows, log):
    frame = log(("a", "2024-01-01", 5.0), ("a", "2024-01-02", -5.0))
    summary = clv.rfm_summary(engine(frame), **COLUMNS, unit="day")
    assert rows(summary.frame) == []
    assert summary.ledger.balances
    assert "with every purchase returned" in str(summary.ledger)


def test_other_rules_for_returns(engine, rows, log):
    frame = log(("a", "2024-01-01", 5.0), ("a", "2024-01-02", 4.0), ("a", "2024-01-03", -4.0))
    native = engine(frame)
    dropped = clv.rfm_summary(native, **COLUMNS, unit="day", returns="drop")
    assert rows(dropped.frame) == [("a", 1, 1.0, 2.0, 4.0)]
    assert [each.amount for each in dropped.ledger.entries] == [5.0, 4.0, None, 9.0]
    with pytest.raises(clv.DataError, match=r"1 of 3 rows: refund .* customer a"):
        clv.rfm_summary(native, **COLUMNS, unit="day", returns="error")


def test_a_refund_touches_its_own_customer_alone(engine, rows, log):
    frame = log(("a", "2024-01-01", 5.0), ("b", "2024-01-02", 4.0), ("b", "2024-01-03", -9.0))
    summary = clv.rfm_summary(engine(frame), **COLUMNS, unit="day")
    assert rows(summary.frame) == [("a", 0, 0.0, 2.0, None)]
    assert summary.ledger.unmatched_refunds == pytest.approx(5.0)
