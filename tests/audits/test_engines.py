"""The same numbers from every engine, in any order of rows."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv

COLUMNS = {"customer": "who", "date": "when", "amount": "paid"}
TABLES = ("totals", "overview", "cohorts", "conversion", "retention", "periods", "concentration")
TABLES += ("value", "explained")
MODELS = clv.BGNBD(0.8, 5.0, 0.9, 3.0), clv.GammaGamma(6.0, 3.7, 15.0)
ASKED: dict[str, Any] = {"by": ["shop"], "order": "number", "unit": "week"}


@pytest.fixture(scope="module")
def orders() -> pl.DataFrame:
    """Return 300 customers with returns, lost labels, equal amounts and several rows a day."""
    rng = np.random.default_rng(11)
    n = 1500
    who, day = rng.integers(0, 300, n), rng.integers(0, 500, n)
    paid = np.round(rng.choice([-10.0, 5.0, 20.0, 20.0, 33.3], n) * rng.integers(1, 4, n), 2)
    shop = np.array(["web", "shop", "phone", None], dtype=object)[rng.integers(0, 4, n)]
    frame = pl.DataFrame({"who": [f"c{i}" for i in who], "day": day, "paid": paid, "shop": shop})
    return frame.select(
        "who",
        when=pl.date(2022, 3, 1) + pl.duration(days=pl.col("day")),
        paid="paid",
        shop=pl.col("shop").cast(pl.String),
        number=pl.col("day") // 2,
    )


@pytest.fixture(scope="module")
def wanted(orders: pl.DataFrame) -> Any:
    return clv.audit(orders, *MODELS, **COLUMNS, **ASKED)


def on_engine(name: str, frame: pl.DataFrame, folder: Any) -> Any:
    match name:
        case "pandas":
            return frame.to_pandas()
        case "pyarrow":
            return frame.to_arrow()
        case "lazy":
            return frame.lazy()
        case "duckdb":
            connection = duckdb.connect()
            connection.execute("set threads = 1")
            return connection.from_arrow(frame.to_arrow())
    frame.write_parquet(folder / "log.parquet")
    return folder / "log.parquet"


def assert_equal(found: Any, wanted: Any) -> None:
    for name in TABLES:
        pd.testing.assert_frame_equal(
            getattr(found, name), getattr(wanted, name), rtol=1e-9, atol=1e-9, check_dtype=False
        )
    assert found.notes == wanted.notes


@pytest.mark.parametrize(
    "name",
    [
        *("pandas", "pyarrow", "lazy"),
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("parquet", "duckdb")),
    ],
)
def test_same_on(name, orders, wanted, tmp_path):
    log = on_engine(name, orders, tmp_path)
    assert_equal(clv.audit(log, *MODELS, **COLUMNS, **ASKED), wanted)


def test_orders_alone_on_duckdb(orders, tmp_path):
    """What needs no model: DuckDB takes long to plan the rest."""
    asked = {**COLUMNS, "cohort": "year"}
    found = clv.audit(on_engine("duckdb", orders, tmp_path), **asked)
    assert_equal(found, clv.audit(orders, **asked))


def test_order_of_rows_does_not_matter(orders, wanted):
    shuffled = orders.sample(fraction=1.0, shuffle=True, seed=5)
    assert_equal(clv.audit(shuffled, *MODELS, **COLUMNS, **ASKED), wanted)


def test_large_lazy_logs_stay_on_their_engine(orders, wanted, monkeypatch):
    monkeypatch.setattr("clvmodels.frames.windows._IN_MEMORY", 10)
    assert_equal(clv.audit(orders.lazy(), *MODELS, **COLUMNS, **ASKED), wanted)


def test_callers_frame_is_not_changed(orders):
    frame = orders.to_pandas()
    before = frame.copy()
    clv.audit(frame, **COLUMNS, **ASKED)
    pd.testing.assert_frame_equal(frame, before)


def test_a_lazy_summary(orders, wanted):
    rfm = clv.rfm_summary(orders.lazy(), **COLUMNS, unit="week")
    found = clv.audit(rfm, *MODELS)
    for name in ("customers", "orders", "repeat_rate", "model_clv"):
        assert found.totals[name][0] == pytest.approx(wanted.totals[name][0], rel=1e-9)


def test_segments_of_a_summary_are_columns_of_its_frame(orders, wanted):
    rfm = clv.rfm_summary(orders, **COLUMNS, unit="week")
    labels = clv.customer_labels(orders, customer="who", date="when", by="shop")
    found = clv.audit(rfm.with_covariates(labels), *MODELS, by="shop")
    assert found.overview["shop"].tolist() == wanted.overview["shop"].tolist()
    for name in ("customers", "orders", "repeat_rate", "model_clv"):
        assert found.overview[name].tolist() == pytest.approx(wanted.overview[name].tolist())
