"""The small tables against plain SQL; the same findings on every engine and in any order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

import clvmodels as clv
from clvmodels.frames.reading import Rules, read_log
from clvmodels.frames.summary import summarise
from clvmodels.suitability.aggregates import BLOCK, PARTS, base_of, orders_of
from clvmodels.suitability.facts import Base, Orders

from .worlds import COLUMNS, World

SAME = 1e-9  # spend is folded on lazy engines, and sums are added in another order
WORLD = World(customers=300, days=400, starts=200, seed=5)
OCCASIONS = """
    with day as (
        select who, date_diff('day', date '2022-01-03', "when") as day, sum(paid) as value
        from log group by all
    ), dated as (
        select *, min(day) over (partition by who) as first,
            day - lag(day) over (partition by who order by day) as gap
        from day
    ), origin as (select min(day) as zero from day)
"""


@pytest.fixture(scope="module")
def log() -> pl.DataFrame:
    return WORLD.orders()


@pytest.fixture(scope="module")
def found(log: pl.DataFrame) -> tuple[Base, Orders]:
    rules = Rules("who", "when", "paid", "net", "error", False, "day", None, None)
    clean = read_log(log, rules, observed_until=WORLD.until)
    base = base_of(summarise(clean, unit="week", grid="day", strict=False))
    return base, orders_of(clean, base)


@pytest.fixture(scope="module")
def sql(log: pl.DataFrame) -> Callable[[str], list[tuple[Any, ...]]]:
    connection = duckdb.connect()
    connection.register("log", log.to_arrow())
    return lambda query: connection.execute(OCCASIONS + query).fetchall()


def test_base(found: tuple[Base, Orders], sql: Callable[[str], list[tuple[Any, ...]]]) -> None:
    base, _ = found
    rows = sql(
        "select x, count(*), sum(t) from (select who, count(*) - 1 as x, max(day) - first as t "
        "from dated group by who, first) group by x order by x"
    )
    assert base.frequency.tolist() == [row[0] for row in rows]
    assert base.customers.tolist() == [row[1] for row in rows]
    assert base.recency == pytest.approx([row[2] for row in rows], rel=1e-12)
    starts = dict(
        sql("select day - zero, count(*) from dated, origin where gap is null group by 1")
    )
    assert {i: n for i, n in enumerate(base.starts) if n} == starts
    ((length,),) = sql(f"select {WORLD.days - 1} - zero from origin")
    assert base.length == length
    assert base.gap == pytest.approx(sql("select avg(gap) from dated")[0][0], rel=1e-12)
    assert base.money is not None
    spent = sql(
        "select sum(value), max(v) from (select sum(value) v, sum(value) as value "
        "from dated where gap is not null group by who)"
    )[0]
    assert float(base.money.total.sum()) == pytest.approx(spent[0], rel=SAME)
    assert base.money.largest == pytest.approx(spent[1], rel=SAME)


def test_orders(found: tuple[Base, Orders], sql: Callable[[str], list[tuple[Any, ...]]]) -> None:
    base, orders = found
    gaps = sql("select gap, count(*) from dated where gap is not null group by gap order by gap")
    assert list(zip(orders.gap_length, orders.gap_count, strict=True)) == gaps
    days = sql("select day - zero, count(*) from dated, origin group by 1 order by 1")
    assert list(zip(orders.day, orders.occasions, strict=True)) == days
    people = f"""select first - zero as start, count(*) as n, sum(cast(k > 0 as int)),
        sum(k), sum(k * k) from (
            select who, first, count(*) filter (gap is not null and day - first <= {orders.age})
            as k from dated group by who, first), origin group by 1 order by 1"""
    columns = (orders.start, orders.started, orders.back, orders.again, orders.square)
    assert list(zip(*columns, strict=True)) == sql(people)
    assert orders.age == max(np.ceil(base.length / 3), base.length - (len(base.starts) - 1))


def test_parts_and_blocks(
    found: tuple[Base, Orders], sql: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    base, orders = found
    end = int(base.length)
    parts = dict(
        sql(
            f"select ceil({PARTS} * (second - first) / ({end} + zero - first)) as part, count(*) "
            "from (select first, min(day) filter (gap is not null) as second from dated "
            "group by who, first), origin where second is not null group by part"
        )
    )
    assert {i + 1: n for i, n in enumerate(orders.parts.sum(axis=1)) if n} == parts
    n = (end + 1) // BLOCK
    cells = sql(
        f"""select {n} - 1 - ({end} + zero - first) // {BLOCK} as start,
        ({end} + zero - first) // {BLOCK} - ({end} + zero - day) // {BLOCK} as since, count(*)
        from dated, origin where gap is not null and ({end} + zero - first) // {BLOCK} < {n}
        group by 1, 2"""
    )
    table = np.zeros((n, n), dtype=int)
    for start, since, count in cells:
        table[int(start), int(since)] = count
    assert orders.blocks.tolist() == table.tolist()
    assert orders.block_starts.sum() == sum(
        row[0]
        for row in sql(
            f"select count(*) from dated, origin where gap is null "
            f"and ({end} + zero - first) // {BLOCK} < {n}"
        )
    )


def test_shares_of_money(found: tuple[Base, Orders], log: pl.DataFrame) -> None:
    """Bands are five percent wide, so that shares of the top are known nearly exactly."""
    _, orders = found
    assert orders.orders is not None
    values = np.sort(log.group_by("who", "when").agg(pl.col("paid").sum())["paid"].to_numpy())
    top = values[::-1][: len(values) // 20].sum() / values.sum()
    assert orders.orders.top(1 / 20) == pytest.approx(top, rel=0.01)
    assert orders.orders.quantile(0.5) == pytest.approx(np.median(values), rel=0.06)
    assert orders.orders.log.sum() == pytest.approx(np.log(values).sum(), rel=SAME)


def _parts(check: clv.SuitabilityCheck) -> list[tuple[str, str, str]]:
    return [(each.topic, each.level, each.says) for each in check.findings]


def _numbers(check: clv.SuitabilityCheck) -> list[float]:
    return [each.number for each in check.findings]


def test_any_order(log: pl.DataFrame) -> None:
    whole = clv.check(log, **COLUMNS)
    for seed in (1, 2):
        shuffled = log.sample(fraction=1.0, shuffle=True, seed=seed)
        assert clv.check(shuffled, **COLUMNS) == whole


@pytest.mark.parametrize("engine", ["pandas", "pyarrow", "lazy", "duckdb", "parquet"])
def test_every_engine(log: pl.DataFrame, engine: str, tmp_path: Path) -> None:
    whole = clv.check(log, **COLUMNS, observed_until=WORLD.until)
    log.write_parquet(tmp_path / "log.parquet")
    connection = duckdb.connect()
    connection.execute("set threads = 1")
    places: dict[str, Callable[[], Any]] = {
        "pandas": log.to_pandas,
        "pyarrow": log.to_arrow,
        "lazy": log.lazy,
        "duckdb": lambda: connection.from_arrow(log.to_arrow()),
        "parquet": lambda: str(tmp_path / "log.parquet"),
    }
    other = clv.check(places[engine](), **COLUMNS, observed_until=WORLD.until)
    assert _parts(other) == _parts(whole)
    assert _numbers(other) == pytest.approx(_numbers(whole), rel=SAME, nan_ok=True)
    assert other.table.equals(replace(other).table)


@pytest.mark.parametrize("engine", ["lazy", "duckdb"])
def test_a_summary(log: pl.DataFrame, engine: str) -> None:
    """What a summary allows is the same as with the orders, and the rest says what it needs."""
    place = log.lazy() if engine == "lazy" else duckdb.connect().from_arrow(log.to_arrow())
    rfm = clv.rfm_summary(place, **COLUMNS, observed_until=WORLD.until, unit="week")
    whole = clv.check(log, **COLUMNS, observed_until=WORLD.until)
    check = clv.check(rfm)
    without = {each.topic for each in check.findings if "eeds the orders" in each.says}
    assert without == {
        *("one-time buyers", "cohort drift", "season and trend", "regular timing"),
        *("contractual timing", "extreme orders", "gaps in the log", "end of the log"),
    }
    for each in check.findings:
        if each.topic not in without:
            there = whole.finding(each.topic)
            assert (each.level, each.says) == (there.level, there.says)
            assert each.number == pytest.approx(there.number, rel=SAME)
    assert clv.check(rfm.collect()).verdict == check.verdict
