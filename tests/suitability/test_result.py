"""The result object, what is refused, and logs that are hardly any."""

from __future__ import annotations

import math
import pickle
import warnings
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv
from clvmodels.suitability.finding import Topic

from .worlds import COLUMNS, World

Row = tuple[Any, str, float]


def log_of(rows: Sequence[Row]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=["who", "when", "paid"], orient="row")


def day(number: int) -> str:
    return str(np.datetime64("2024-01-01") + number)


def many(customer: Callable[[int], Any], date: Callable[[int], str], paid: float = 5.0) -> Any:
    return log_of([(customer(i), date(i), paid) for i in range(600)])


HOSTILE = {
    "one row": log_of([("x", "2024-01-01", 1.0)]),
    "one customer": log_of([("x", day(i), 1.0) for i in range(20)]),
    "two worthless orders": log_of([("x", "2024-01-01", 0.0), ("y", "2024-02-01", 0.0)]),
    "all worthless": many(lambda i: i % 200, lambda i: day(i * 37 % 300), 0.0),
    "all on one day": many(int, lambda i: day(i // 600)),
    "all on two days": many(lambda i: i % 200, lambda i: day(300 * (i % 2))),
    "every day": many(lambda i: i % 20, lambda i: day(i // 20)),
    "the ends of the calendar": many(
        lambda i: i % 150, lambda i: ["0001-01-01", "9999-12-31", "2024-01-01"][i % 3]
    ),
    "more money than there is": many(lambda i: i % 200, lambda i: day(i * 37 % 300), 1e300),
    "hardly any money": many(lambda i: i % 200, lambda i: day(i * 37 % 300), 5e-324),
    "ids of markup": many(lambda i: f"<b>\u202e{i % 200}" + "x" * 999, lambda i: day(i * 37 % 300)),
}


@pytest.mark.parametrize(
    ("name", "amount"),
    [*((name, "paid") for name in HOSTILE), ("one row", None), ("every day", None)],
)
def test_hostile_logs_have_findings(name: str, amount: str | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check = clv.check(HOSTILE[name], customer="who", date="when", amount=amount)
    assert len(check.findings) == 16
    for each in check.findings:
        assert each.says.endswith(".")
        assert "nan" not in each.says.split()
        assert all((each.measure, each.matters, each.advice, each.threshold))
    assert "<b>" not in check._repr_html_()


@pytest.mark.parametrize(
    ("paid", "level", "words"), [(9.99, "note", "spend the same"), (0.0, "note", "0 customers")]
)
def test_orders_that_all_cost_the_same(paid: float, level: str, words: str) -> None:
    """Mean spends that differ by rounding have no correlation."""
    rows = [(f"c{i}", day(3 * i % 40 + 7 * j), paid) for i in range(300) for j in range(1 + i % 9)]
    found = clv.check(log_of(rows), **COLUMNS)
    dependence = found.finding("spend and frequency")
    assert (dependence.level, math.isnan(dependence.number)) == (level, True)
    assert words in dependence.says
    worthless = found.finding("extreme orders")
    assert worthless.level == ("ok" if paid else "problem")
    assert paid or "No order is worth anything" in worthless.says


@pytest.mark.filterwarnings("ignore:Left out of:clvmodels.errors.DataWarning")
def test_null_ids() -> None:
    log = log_of([("x" if i % 2 else None, day(i), 1.0) for i in range(20)])
    finding = clv.check(log, **COLUMNS).finding("rows left out")
    assert (finding.number, finding.level) == (0.5, "problem")
    with pytest.raises(clv.DataError, match="no customer id"):
        clv.check(log, **COLUMNS, strict=True)
    nobody = log.with_columns(pl.lit(None, pl.String).alias("who"))
    with pytest.raises(clv.DataError, match="at least one purchase"):
        clv.check(nobody, **COLUMNS)


def test_what_is_refused() -> None:
    log = World(customers=50).orders()
    with pytest.raises(clv.DataError, match="names of their columns"):
        clv.check(log)
    with pytest.raises(clv.MissingColumnError, match="'wen'"):
        clv.check(log, customer="who", date="wen")
    with pytest.raises(clv.DataError, match="pandas, polars"):
        clv.check([1, 2], **COLUMNS)
    with pytest.raises(clv.ParameterError, match="time unit"):
        clv.check(log, **COLUMNS, unit="fortnight")
    rfm = clv.rfm_summary(log, **COLUMNS, unit="week")
    for given in ({"customer": "who"}, {"unit": "day"}, {"observed_until": "2030-01-01"}):
        with pytest.raises(clv.ParameterError, match="a summary has its own"):
            clv.check(rfm, **given)
    beyond = many(lambda i: i % 200, lambda i: day(i * 37 % 300), 1.7e308)
    with pytest.raises(clv.DataError, match="finite amount"):
        clv.check(beyond, **COLUMNS)
    with pytest.raises(clv.EmptyLogError):
        clv.check(log.clear(), **COLUMNS)


@pytest.mark.parametrize("lazy", [False, True])
def test_finished_tables(lazy: bool) -> None:
    """Nothing is known of rows; one without one-time buyers is told so."""
    table = pl.DataFrame({"customer_id": range(80)}).with_columns(
        frequency=pl.lit(2), recency=pl.lit(3.0), T=pl.lit(9.0), monetary_value=pl.lit(5.0)
    )
    rfm = clv.CustomerSummary.from_frame(table.lazy() if lazy else table, unit="week")
    check = clv.check(rfm)
    assert "orders" in check.finding("rows left out").says
    assert check.finding("one-time buyers").level == "problem"
    assert check.observed_until is None
    wrong = table.with_columns(recency=pl.lit(10.0))
    with pytest.raises(clv.DataError, match="recency"):
        clv.check(clv.CustomerSummary.from_frame(wrong.lazy() if lazy else wrong, unit="week"))


@pytest.mark.parametrize("grid", ["week", "month", "quarter"])
def test_other_grids(grid: Any) -> None:
    world = World(customers=600, seed=9)
    check = clv.check(world.orders(), **COLUMNS, grid=grid)
    assert check.unit == grid
    assert "counted by the" in check.finding("contractual timing").says
    assert check.finding("regular timing").level != "warning", "the grid makes it regular"


@pytest.mark.parametrize(
    ("grid", "words"), [("month", "The month 2022-05 had"), ("quarter", "The quarter Q2 2022 had")]
)
def test_a_season_of_months_has_a_name(grid: Any, words: str) -> None:
    rng, months, n = np.random.default_rng(1), 48, 600
    first, chance = rng.integers(0, 24, n), np.full(months, 0.15)
    chance[28] = 0.9  # May 2022
    buys = (rng.random((n, months)) < chance) & (np.arange(months) > first[:, None])
    buys[np.arange(n), first] = True
    who, month = np.nonzero(buys)
    log = pl.DataFrame({"who": who, "when": [date(2020 + m // 12, m % 12 + 1, 9) for m in month]})
    check = clv.check(log, customer="who", date="when", grid=grid, observed_until="2023-12-31")
    assert check.finding("season and trend").says.startswith(words)


def test_the_result() -> None:
    world = World(customers=400, k=3.0, seed=2)
    log = world.orders().with_columns(pl.when(pl.col("who") % 3 > 0).then("who").alias("who"))
    with pytest.warns(clv.DataWarning):
        check = clv.check(log, **COLUMNS, observed_until=world.until)
    assert check.level == "problem"
    assert check.verdict == (
        "Do not trust a fit before this is settled: rows left out. Then look at: regular timing."
    )
    table = check.table
    assert list(table) == ["topic", "level", "measure", "number", "says", "advice"]
    assert isinstance(table, pd.DataFrame)
    assert table["topic"].is_unique
    lines = str(check).splitlines()
    assert lines[0].endswith(f"observed until {world.until}")
    assert lines[1].startswith("PROBLEM  rows left out: ")
    assert lines[-1] == check.verdict
    same = pickle.loads(pickle.dumps(check))
    assert str(same) == str(check)
    assert same.table.equals(table)
    shown = check._repr_html_()
    assert shown.count("<tr>") == 17
    assert "rows left out" in shown
    with pytest.raises(clv.ParameterError, match="regular timing"):
        check.finding("regular timeing")


def test_a_finding() -> None:
    topic = Topic("t", "m", "It matters.", "Do it.", "Note from 1.")
    known, unknown = topic.finding("note", 1 / 3, "Says."), topic.needs_orders()
    assert str(known) == "NOTE     t: Says. It matters. Do it."
    assert (
        str(topic.finding("warning", 1.0, "word " * 30)).splitlines()[1].startswith(" " * 9 + "w")
    )
    assert known.number == 0.3333333333, "sums of money differ in later digits"
    assert math.isnan(unknown.number)
    assert unknown == topic.needs_orders()
    assert topic.finding("ok", 0.0, "Says.").advice == "Nothing to do."
