"""Predictions on every engine: the same columns, the same numbers, on the frame that came in."""

from __future__ import annotations

import math
import random
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv

COLUMNS = {"customer": "who", "date": "when", "amount": "paid"}
MODELS = clv.BGNBD(0.243, 4.414, 0.793, 2.426), clv.GammaGamma(6.25, 3.74, 15.44)
RESULT = [
    "who",
    "frequency",
    "recency",
    "T",
    "monetary_value",
    "p_alive",
    "expected_purchases",
    "expected_spend",
    "clv",
]
SAME = 1e-12  # between engines: one evaluation of the model, a few products after it


@pytest.fixture(scope="module")
def orders() -> pl.DataFrame:
    """Return a year of orders, some on the last day: those customers have T = 0."""
    draw = random.Random(5)
    start = date(2023, 1, 1)
    records = [
        (
            f"c{draw.randrange(60):02}",
            start + timedelta(days=draw.randrange(365)),
            draw.random() * 50,
        )
        for _ in range(200)
    ]
    records += [
        ("new", date(2023, 12, 31), 9.0),
        ("free", start, 0.0),
        ("free", date(2023, 3, 1), 0.0),
    ]
    return pl.DataFrame(records, schema=["who", "when", "paid"], orient="row")


def summary_of(native: Any, unit: str = "week") -> clv.CustomerSummary:
    return clv.rfm_summary(native, **COLUMNS, unit=unit)


@pytest.fixture(scope="module")
def expected(orders) -> dict[str, tuple[Any, ...]]:
    """Return predictions by the models themselves, one customer at a time."""
    customers = summary_of(orders).customers()
    ids = summary_of(orders).frame["who"].to_list()
    horizon, rate = 365.25 / 7, np.log(1.1) * 7 / 365.25
    purchases, spend = MODELS
    alive = purchases.p_alive(customers)
    count = purchases.expected_purchases(customers, horizon)
    value = spend.expected_spend(customers)
    total = purchases.discounted_purchases(customers, horizon, rate) * value * 0.3
    return dict(zip(ids, zip(alive, count, value, total, strict=True), strict=True))


def test_columns_and_numbers(engine, rows, names, orders, expected):
    summary = summary_of(engine(orders))
    table = clv.predict(summary, *MODELS, horizon="1y", discount_rate=0.1, margin=0.3)
    assert names(table) == RESULT
    found = rows(table)
    assert [row[:4] for row in found] == [row[:4] for row in rows(summary.frame)]
    assert len(found) == len(expected)
    for who, *_, alive, count, value, total in found:
        assert (alive, count, value, total) == pytest.approx(expected[who], rel=SAME, abs=0.0)
    by_id = {row[0]: row for row in found}
    assert by_id["new"][1:5] == (0, 0.0, 0.0, None)
    assert by_id["free"][4] == 0.0
    assert all(each is not None for row in found for each in row[5:])


@pytest.mark.parametrize("unit", ["day", "month", "year"])
def test_lazy_engines_join_in_every_unit(lazy_engine, rows, orders, unit):
    found, expected = (
        rows(clv.predict(summary_of(native, unit), *MODELS, horizon="90d", discount_rate=0.1))
        for native in (lazy_engine(orders), orders)
    )
    for row, other in zip(found, expected, strict=True):
        assert row[0] == other[0]
        assert row[5:] == pytest.approx(other[5:], rel=SAME)


def test_without_spend_purchases_are_counted(engine, rows, names, orders):
    native = engine(orders.drop("paid"))
    summary = clv.rfm_summary(native, customer="who", date="when", unit="week")
    table = clv.predict(summary, MODELS[0], horizon="1y", discount_rate=0.1)
    assert names(table) == [
        "who", "frequency", "recency", "T", "p_alive", "expected_purchases", "discounted_purchases"
    ]  # fmt: skip
    assert all(0.0 < row[6] < row[5] for row in rows(table))


def test_results_are_on_the_engine_of_the_orders(frame_engine, orders):
    native = frame_engine(orders)
    table = clv.predict(summary_of(native), *MODELS, horizon="1y")
    assert type(table) is type(native)


def test_files_give_lazy_polars(tmp_path, orders):
    orders.write_parquet(tmp_path / "orders.parquet")
    summary = summary_of(tmp_path / "orders.parquet")
    assert isinstance(clv.predict(summary, *MODELS, horizon="1y"), pl.LazyFrame)


def test_the_order_of_eager_rows_is_kept(in_order):
    table = pl.DataFrame(
        {
            "customer_id": ["z", "a", "m", "b"],
            "frequency": [3, 0, 0, 3],
            "recency": [9.0, 0.0, 0.0, 9.0],
            "T": [10.0, 4.0, 0.0, 10.0],
            "monetary_value": [5.0, None, None, 5.0],
        }
    )
    for native in (table, table.to_pandas(), table.to_arrow()):
        summary = clv.CustomerSummary.from_frame(native, unit="week")
        found = in_order(clv.predict(summary, *MODELS, horizon=10))
        assert [row[0] for row in found] == ["z", "a", "m", "b"]
        assert found[0][1:] == found[3][1:]
        assert found[2][5] == 1.0  # T = 0: bought on the last day


INDEXES = [[3, 1, 2], [1, 1, 1], ["x", "y", "z"], pd.Index([7, 8, 9], name="frequency")]


@pytest.mark.parametrize("index", INDEXES, ids=str)
def test_a_pandas_index_is_kept_and_aligns_nothing(index):
    table = pd.DataFrame(
        {"customer_id": ["a", "b", "c"], "frequency": [0, 1, 2], "recency": [0.0, 1.0, 2.0],
         "T": [9.0, 9.0, 9.0], "monetary_value": [np.nan, 5.0, 6.0]}
    )  # fmt: skip
    plain = clv.predict(clv.CustomerSummary.from_frame(table, unit="week"), *MODELS, horizon=10)
    indexed = table.set_axis(pd.Index(index))
    if isinstance(index, pd.Index):
        indexed.index.name = index.name
    summary = clv.CustomerSummary.from_frame(indexed, unit="week")
    found = clv.predict(summary, *MODELS, horizon=10)
    assert found.index.equals(indexed.index)
    pd.testing.assert_frame_equal(found.reset_index(drop=True), plain)
    pd.testing.assert_frame_equal(summary.frame, indexed)


def test_customers_without_spend_beside_ones_with_it(frame_engine, rows):
    """Expected spend of a customer who never came back is that of a new one."""
    table = pl.DataFrame(
        {
            "customer_id": ["a", "b", "c"],
            "frequency": [0, 2, 0],
            "recency": [0.0, 2.0, 0.0],
            "T": [5.0, 5.0, 6.0],
            "monetary_value": [float("nan"), 30.0, 999.0],
        }
    )
    summary = clv.CustomerSummary.from_frame(frame_engine(table), unit="week")
    spend = [row[7] for row in rows(clv.predict(summary, *MODELS, horizon=10))]
    mean = 6.25 * 15.44 / 2.74
    assert spend[0] == spend[2] == pytest.approx(mean, rel=1e-14)
    assert spend[1] == pytest.approx(6.25 * (15.44 + 60.0) / (12.5 + 2.74), rel=1e-14)


def test_predictions_of_a_lazy_frame_outlive_their_making(lazy_engine, rows, orders):
    """Two results of one summary are collected later, in the other order."""
    summary = summary_of(lazy_engine(orders))
    near, far = (clv.predict(summary, *MODELS, horizon=each) for each in ("1w", "1y"))
    later, sooner = rows(far), rows(near)
    assert all(b[6] > a[6] for a, b in zip(sooner, later, strict=True))
    assert [row[5:7] for row in rows(far)] == [row[5:7] for row in later]


def test_tables_of_the_user_in_duckdb_are_left_alone(rows, orders):
    """DuckDB looks up names in its catalogue first: none of the user's is ever meant."""
    connection = duckdb.connect()
    arrow = orders.to_arrow()
    connection.execute("create table log as select * from arrow")
    names = ["scores", "table_", "side", "_customers", "_read", "native", "relation"]
    for name in names:
        connection.execute(f'create table "{name}" as select 1 as z')
    before = connection.sql("select table_name, table_type from information_schema.tables")
    before = sorted(before.fetchall())
    summary = summary_of(connection.table("log"))
    found = rows(clv.predict(summary, *MODELS, horizon="1y"))
    assert [row[0] for row in found] == [row[0] for row in rows(summary_of(orders).frame)]
    assert all(row[5] is not None for row in found)
    after = connection.sql("select table_name, table_type from information_schema.tables")
    assert sorted(after.fetchall()) == before
    assert arrow.num_rows == len(orders)


def test_a_result_can_be_joined_to_the_users_own_tables(orders):
    connection = duckdb.connect()
    connection.register("orders", orders.to_arrow())
    summary = summary_of(connection.table("orders"))
    result = clv.predict(summary, *MODELS, horizon="1y")
    query = "select sum(clv) from predictions join (select distinct who from orders) using (who)"
    ((total,),) = result.query("predictions", query).fetchall()
    table = clv.predict(summary_of(orders), *MODELS, horizon="1y")
    assert total == pytest.approx(table["clv"].sum(), rel=1e-12)


def test_a_later_summary_than_that_of_the_fit(cdnow_sample_orders, cdnow_sample):
    fits = clv.BGNBD.fit(cdnow_sample), clv.GammaGamma.fit(cdnow_sample)
    columns = {"customer": "customer_id", "date": "date", "amount": "amount"}
    later = clv.rfm_summary(cdnow_sample_orders, **columns, unit="week")
    table = clv.predict(later, *fits, horizon="39w", discount_rate=0.1)
    earlier = clv.predict(cdnow_sample, *fits, horizon="39w", discount_rate=0.1)
    assert later.observed_until > cdnow_sample.observed_until
    assert len(table) == len(earlier) == 2357
    assert table["expected_purchases"].sum() < earlier["expected_purchases"].sum()
    assert table.notna().all()[["p_alive", "expected_purchases", "expected_spend", "clv"]].all()


def test_fits_are_the_same_from_every_engine(engine, cdnow_sample_orders, cdnow_sample):
    orders = pl.from_pandas(cdnow_sample_orders)
    columns = {"customer": "customer_id", "date": "date", "amount": "amount"}
    summary = clv.rfm_summary(engine(orders), **columns, observed_until="1997-09-30", unit="week")
    for model in (clv.BGNBD, clv.GammaGamma):
        found, expected = model.fit(summary), model.fit(cdnow_sample)
        assert found.model.values == pytest.approx(expected.model.values, rel=1e-9)
        assert found.n_customers == expected.n_customers


@pytest.mark.parametrize("model", [MODELS[0], clv.ParetoNBD(0.55, 10.6, 0.61, 11.7)])
@pytest.mark.parametrize("horizon", [10.0, math.inf])
def test_nobody_has_an_empty_prediction(model, horizon):
    columns = ("frequency", "recency", "T", "monetary_value")
    empty = pl.DataFrame(schema={"customer_id": pl.Int64, **dict.fromkeys(columns, pl.Float64)})
    for native in (empty, empty.to_pandas(), empty.lazy()):
        summary = clv.CustomerSummary.from_frame(native, unit="week")
        table = clv.predict(summary, model, MODELS[1], horizon=horizon, discount_rate=0.1)
        assert len(table.collect() if isinstance(table, pl.LazyFrame) else table) == 0
