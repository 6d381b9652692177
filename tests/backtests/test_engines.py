"""The same result from every engine, and from rows in any order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv

ALIKE = 1e-9
OPTIONS: dict[str, Any] = {"n_origins": 1, "by": ["channel", "region"]}


def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set threads = 1")
    return connection


# The kind of a label must not matter, nor that ids are categories.
ENGINES: dict[str, Callable[[pl.DataFrame], Any]] = {
    "pandas": lambda frame: frame.to_pandas(),
    "pandas, odd types": lambda frame: frame.to_pandas().astype(
        {"who": "category", "channel": "category", "region": "Int64"}
    ),
    "polars, shuffled": lambda frame: frame.sample(fraction=1.0, shuffle=True, seed=9),
    "polars, texts": lambda frame: frame.with_columns(
        pl.col("day").cast(pl.String), pl.col("channel").cast(pl.Categorical)
    ),
    "lazy polars": lambda frame: frame.reverse().lazy(),
    "pyarrow": lambda frame: frame.to_arrow(),
    "duckdb": lambda frame: _connection().from_arrow(frame.to_arrow()),
}


@pytest.fixture(scope="module")
def small(make: Any) -> pl.DataFrame:
    return make(120, refunds=0.05)


@pytest.fixture(scope="module")
def wanted(small: pl.DataFrame, run: Any) -> clv.Backtest:
    return run(small, **OPTIONS)


def assert_same(found: clv.Backtest, wanted: clv.Backtest) -> None:
    for name in ("table", "summary", "paired", "deciles", "tracking", "newcomers", "fits"):
        pd.testing.assert_frame_equal(
            getattr(found, name), getattr(wanted, name), rtol=ALIKE, atol=ALIKE, obj=name
        )
    assert found.verdict == wanted.verdict
    assert found.origins == wanted.origins
    assert found.customers == wanted.customers


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_changes_nothing(
    small: pl.DataFrame, run: Any, wanted: clv.Backtest, engine: str
) -> None:
    assert_same(run(ENGINES[engine](small), **OPTIONS), wanted)


@pytest.mark.parametrize("engine", ["lazy polars", pytest.param("duckdb", marks=pytest.mark.slow)])
def test_a_large_log_stays_on_its_engine(
    make: Any, run: Any, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = make(60, refunds=0.05)
    options = {**OPTIONS, "by": ["channel"], "cohort": None}
    wanted = run(small, **options)
    monkeypatch.setattr("clvmodels.frames.windows._IN_MEMORY", 0)
    assert_same(run(ENGINES[engine](small), **options), wanted)


def test_a_file_is_a_log(
    small: pl.DataFrame, run: Any, wanted: clv.Backtest, tmp_path: Path
) -> None:
    path = tmp_path / "orders.csv"
    small.write_csv(path)
    assert_same(run(path, **OPTIONS), wanted)


def test_the_log_is_not_changed(small: pl.DataFrame, run: Any) -> None:
    orders = small.to_pandas()
    before = orders.copy()
    run(orders, n_origins=1, cohort=None, interval=None)
    pd.testing.assert_frame_equal(orders, before)
