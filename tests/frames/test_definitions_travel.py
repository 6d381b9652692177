"""The rules by which orders were counted travel with summary, fit and file, and must agree."""

from __future__ import annotations

import json
import random
from pathlib import Path

import polars as pl
import pytest

import clvmodels as clv

COLUMNS = {"customer": "who", "date": "when", "amount": "paid"}


@pytest.fixture(scope="module")
def orders() -> pl.DataFrame:
    rng = random.Random(4)
    rows = [
        (who, day, round(rng.uniform(0.5, 1.5) * level, 2))
        for who in range(300)
        for level in [rng.choice([5.0, 10.0, 30.0, 80.0])]
        for day in sorted(rng.sample(range(365), rng.choice([1, 1, 1, 2, 3, 6])))
    ]
    table = pl.DataFrame(rows, schema=["who", "day", "paid"], orient="row")
    return table.with_columns(pl.date(2024, 1, 1) + pl.duration(days="day")).rename(
        {"date": "when"}
    )


def test_a_fit_refuses_customers_counted_otherwise(orders: pl.DataFrame, tmp_path: Path) -> None:
    daily = clv.rfm_summary(orders, **COLUMNS, unit="week")
    weekly = clv.rfm_summary(orders, **COLUMNS, unit="week", grid="week")
    dropped = clv.rfm_summary(orders, **COLUMNS, unit="week", returns="drop")
    spend = clv.GammaGamma.fit(daily)
    model = clv.BGNBD(0.5, 20.0, 0.8, 4.0)
    assert spend.definitions == daily.definitions
    clv.save(spend, tmp_path / "spend.json")
    assert json.loads((tmp_path / "spend.json").read_text())["definitions"] == {
        "grid": "day",
        "returns": "net",
    }
    for fit in (spend, clv.load(tmp_path / "spend.json")):
        clv.predict(daily, model, fit, horizon="1y")
        for other in (weekly, dropped):
            with pytest.raises(clv.DataError, match=r"same rules.*grid='day' and returns='net'"):
                clv.predict(other, model, fit, horizon="1y")


def test_finished_tables_have_no_rules_to_contradict(orders: pl.DataFrame) -> None:
    weekly = clv.rfm_summary(orders, **COLUMNS, unit="week", grid="week")
    table = clv.CustomerSummary.from_frame(weekly.frame, unit="week", customer="who")
    spend = clv.GammaGamma.fit(table)
    assert spend.definitions is None
    clv.predict(weekly, clv.BGNBD(0.5, 20.0, 0.8, 4.0), spend, horizon="1y")


def test_collect_reads_a_lazy_log_once(orders: pl.DataFrame) -> None:
    eager = clv.rfm_summary(orders, **COLUMNS, unit="week")
    lazy = clv.rfm_summary(orders.lazy(), **COLUMNS, unit="week")
    collected = lazy.collect()
    assert lazy.is_lazy
    assert not collected.is_lazy
    assert eager.collect() is eager
    assert collected.frame.columns == eager.frame.columns
    assert collected.frame.select("who", "frequency", "recency", "T").equals(
        eager.frame.select("who", "frequency", "recency", "T")
    )
    assert collected.definitions == lazy.definitions
    assert collected.ledger.balances
