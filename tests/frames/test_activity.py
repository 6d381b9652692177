"""Customers, orders and revenue by cohort and period: every engine, against plain loops."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

import clvmodels as clv
from clvmodels.frames.activity import activity
from clvmodels.frames.groups import cohorts
from clvmodels.frames.reading import Rules, read_log

START = date(2023, 11, 20)
RULES = Rules("who", "when", "paid", "net", "error", False, "day", None, None)
ROUNDING = 1e-12


def orders(seed: int = 1, rows: int = 240) -> pl.DataFrame:
    """Return a log with refunds, several rows a day, and shops that are not always known."""
    draw = random.Random(seed)
    return pl.DataFrame(
        {
            "who": [f"c{draw.randrange(25)}" for _ in range(rows)],
            "when": [START + timedelta(days=draw.randrange(300)) for _ in range(rows)],
            "paid": [draw.choice([10.0, 20.5, 0.0, 7.25, -10.0, -3.5]) for _ in range(rows)],
            "shop": [draw.choice(["web", "store", "app", None]) for _ in range(rows)],
        }
    )


def stacks(log: pl.DataFrame) -> dict[str, list[tuple[date, float]]]:
    """Return each customer's occasions after refunds, by plain loops."""
    days: dict[str, dict[date, list[float]]] = defaultdict(lambda: defaultdict(list))
    for who, when, paid in log.select("who", "when", "paid").rows():
        days[who][when].append(paid)
    kept = {}
    for who, rows in days.items():
        stack: list[list[Any]] = []
        for day in sorted(rows):
            bought = [each for each in rows[day] if each >= 0.0]
            refund = -sum(each for each in rows[day] if each < 0.0)
            if bought:
                stack.append([day, sum(bought), sum(bought)])
            for occasion in reversed(stack):
                taken = min(occasion[1], refund)
                occasion[1], refund = occasion[1] - taken, refund - taken
        left = [(d, value) for d, value, paid in stack if value > 1e-9 or paid == 0.0]
        if left:
            kept[who] = left
    return kept


def usual(log: pl.DataFrame) -> dict[str, str | None]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for who, shop in log.select("who", "shop").rows():
        counts[who] += Counter([shop] if shop is not None else [])
    return {
        who: min(each, key=lambda s: (-each[s], s)) if each else None
        for who, each in counts.items()
    }


def quarter(day: date) -> int:
    return 4 * day.year + (day.month - 1) // 3


def by_hand(log: pl.DataFrame) -> dict[Any, tuple[int, int, float, float]]:
    """Return customers, orders, revenue and squares by shop, cohort and period."""
    shops = usual(log)
    found: dict[Any, list[float]] = defaultdict(lambda: [0, 0, 0.0, 0.0])
    for who, occasions in stacks(log).items():
        first, so_far = quarter(occasions[0][0]), 0.0
        for period in sorted({quarter(day) for day, _ in occasions}):
            own = [value for day, value in occasions if quarter(day) == period]
            cell = found[shops[who], first, period]
            cell[0] += 1
            cell[1] += len(own)
            cell[2] += sum(own)
            cell[3] += (so_far + sum(own)) ** 2 - so_far**2
            so_far += sum(own)
    return {key: tuple(each) for key, each in found.items()}  # type: ignore[misc]  # four of each


@pytest.fixture(scope="module")
def wanted() -> dict[Any, tuple[int, int, float, float]]:
    return by_hand(orders())


def test_every_engine(engine, wanted):
    log = engine(orders())
    found = activity(
        read_log(log, RULES, observed_until="2024-09-15"), RULES, by=["shop"], transactions=log
    )
    columns = ["shop", "cohort_index", "period_index"]
    values = ["customers", "orders", "revenue", "squares"]
    table = {
        tuple(None if each != each else each for each in key): row
        for key, row in zip(
            found.table[columns].itertuples(index=False, name=None),
            found.table[values].itertuples(index=False, name=None),
            strict=True,
        )
    }
    assert wanted.keys() <= table.keys()
    for key, row in table.items():
        assert row == pytest.approx(wanted.get(key, (0, 0, 0.0, 0.0)), rel=ROUNDING, abs=1e-9)
    assert found.table["customers"].dtype == found.table["orders"].dtype == "int64"
    shops = list(dict.fromkeys(found.table["shop"]))
    assert shops == ["app", "store", "web", None][: len(shops)]


def test_nothing_is_lost_or_found():
    log = orders()
    found = activity(read_log(log, RULES, observed_until=None), RULES, cohort="month")
    columns = {"customer": "who", "date": "when", "amount": "paid"}
    ledger = clv.rfm_summary(log, **columns, unit="day").ledger
    held = ledger.entries[-1]
    assert found.table["revenue"].sum() == pytest.approx(held.amount, rel=ROUNDING)
    assert found.table["orders"].sum() == held.rows
    assert found.sizes["customers"].sum() == held.customers
    own = found.parts[found.parts["first_index"] == found.parts["period_index"]]
    assert own["customers"].tolist() == found.sizes["customers"].tolist()
    per_customer = [sum(v for _, v in each) for each in stacks(log).values()]
    squares = sum(each**2 for each in per_customer)
    assert found.table["squares"].sum() == pytest.approx(squares, rel=ROUNDING)


@pytest.mark.parametrize("grid", ["day", "week", "month"])
@pytest.mark.parametrize("cohort", ["month", "quarter", "year"])
def test_cohorts_are_those_of_the_summary(grid, cohort):
    log = orders()
    rules = Rules("who", "when", "paid", "net", "error", False, grid, None, None)
    found = activity(read_log(log, rules, observed_until="2024-09-30"), rules, cohort=cohort)
    columns = {"customer": "who", "date": "when", "amount": "paid", "grid": grid}
    rfm = clv.rfm_summary(log, **columns, unit=grid, observed_until="2024-09-30")
    names = Counter(cohorts(rfm, cohort).tolist())
    assert dict(zip(found.sizes["cohort"], found.sizes["customers"], strict=True)) == names
    assert found.table["orders"].sum() == rfm.ledger.entries[-1].rows


def test_periods_and_their_ends():
    log = orders()
    part = activity(read_log(log, RULES, observed_until="2024-08-15"), RULES)
    assert part.ends.astype(str).to_dict()["2024 Q3"] == "2024-09-30"
    assert part.periods["complete"].tolist() == [True, True, True, False]
    assert not part.complete
    whole = activity(read_log(log, RULES, observed_until="2024-09-30"), RULES)
    assert whole.complete
    later = activity(read_log(log, RULES, observed_until="2025-02-01"), RULES)
    assert later.periods["period"].tolist()[-2:] == ["2024 Q4", "2025 Q1"]
    assert later.table.query("period == '2025 Q1'")["customers"].sum() == 0


def test_longer_cohorts_split_by_first_period():
    found = activity(read_log(orders(), RULES, observed_until=None), RULES, cohort="year")
    assert found.period == "quarter"
    assert found.table["cohort"].unique().tolist() == ["2023", "2024"]
    parts = found.parts.groupby(["cohort", "period"])["customers"].sum()
    whole = found.table.set_index(["cohort", "period"])["customers"]
    assert parts.to_dict() == whole[whole > 0].to_dict()


def test_without_amounts_occasions_are_counted():
    rules = Rules("who", "when", None, "net", "error", False, "day", None, None)
    found = activity(read_log(orders(), rules, observed_until=None), rules)
    assert not found.has_revenue
    assert list(found.table.columns)[-2:] == ["customers", "orders"]


@pytest.mark.parametrize(
    ("cohort", "period", "words"),
    [
        ("week", None, "`cohort` is one of"),
        ("quarter", "year", "not longer than a cohort"),
        ("month", "weak", "`period` is one of"),
    ],
)
def test_what_makes_no_sense(cohort, period, words):
    log = read_log(orders(), RULES, observed_until=None)
    with pytest.raises(clv.ParameterError, match=words):
        activity(log, RULES, cohort=cohort, period=period)


def test_labels_are_columns_and_not_the_id():
    log = orders()
    read = read_log(log, RULES, observed_until=None)
    with pytest.raises(clv.ParameterError, match="is the id"):
        activity(read, RULES, by=["who"], transactions=log)
    with pytest.raises(clv.MissingColumnError, match="'shop'"):
        activity(read, RULES, by=["shp"], transactions=log)
