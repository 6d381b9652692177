"""The summary query against `rfm_summary`, run in every warehouse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

import clvmodels as clv
from clvmodels.frames import occasions
from clvmodels.warehouse import summary_sql
from clvmodels.warehouse.to_sql import summary_to_sql
from tests.warehouse.conftest import Warehouse, one_worker, stamps

TIME = 1e-15  # relative: a whole number divided once, which engines may do by the reciprocal
# Relative: each engine adds up amounts in an order of its own, some thousand of them.
MONEY = 1e-11
FAST = pytest.mark.parametrize("warehouse", ["duckdb", one_worker("postgres")], indirect=True)
SPARK = pytest.mark.parametrize("warehouse", [one_worker("spark")], indirect=True)
NASTY = {"customer": "who", "date": "when", "amount": "paid", "observed_until": "2024-06-30"}
RETAIL = {
    "customer": "Customer ID",
    "date": "InvoiceDate",
    "amount": ("Quantity", "Price"),
    "observed_until": "2010-12-01",
}
CDNOW = {
    "customer": "customer_id",
    "date": "date",
    "amount": "amount",
    "observed_until": "1997-09-30",
}


def compare(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    """Compare two tables whose first column is an id, in any order of rows."""
    assert found.columns == expected.columns
    found, expected = found.sort(found.columns[0]), expected.sort(expected.columns[0])
    assert found[:, 0].to_list() == expected[:, 0].to_list()
    for name in found.columns[1:]:
        ours = found[name].cast(pl.Float64)
        theirs = expected[name].cast(pl.Float64)
        assert ours.is_null().to_list() == theirs.is_null().to_list(), name
        tolerance = {"frequency": 0.0, "monetary_value": MONEY}.get(name, TIME)
        np.testing.assert_allclose(
            ours.drop_nulls().to_numpy(), theirs.drop_nulls().to_numpy(), rtol=tolerance, atol=0.0
        )


@pytest.fixture
def check(warehouse: Warehouse, quietly: Callable[..., Any]) -> Callable[..., None]:
    def run(table: pl.DataFrame, **options: Any) -> None:
        warehouse.load("orders", table)
        queries = summary_to_sql(dialect=warehouse.dialect, table="orders", **options)
        rfm = quietly(clv.rfm_summary, table, invalid="drop", **options)
        compare(warehouse.ask(queries.summary), rfm.frame)
        _compare_patterns(warehouse.ask(queries.patterns), rfm.patterns())

    return run


def _compare_patterns(found: pl.DataFrame, expected: clv.Customers) -> None:
    found = found.sort("frequency", "recency", "T")
    assert len(found) == len(expected)
    columns = (*expected.timing, expected.weight)
    for name, column in zip(("frequency", "recency", "T", "customers"), columns, strict=True):
        np.testing.assert_allclose(found[name].to_numpy(), column, rtol=TIME)


@FAST
@pytest.mark.parametrize("returns", ["net", "drop"])
@pytest.mark.parametrize(
    ("unit", "grid"), [("day", "day"), ("week", "day"), ("month", "week"), ("week", "week")]
)
def test_nasty_logs(
    check: Callable[..., None], nasty: pl.DataFrame, unit: str, grid: str, returns: str
) -> None:
    check(nasty, **NASTY, unit=unit, grid=grid, returns=returns)


@SPARK
def test_nasty_logs_on_spark(check: Callable[..., None], nasty: pl.DataFrame) -> None:
    check(stamps(nasty, "when"), **NASTY, unit="week", grid="week")


@FAST
def test_without_amounts(check: Callable[..., None], nasty: pl.DataFrame) -> None:
    check(nasty, **(NASTY | {"amount": None}), unit="year")


@FAST
def test_time_stamps_count_by_their_day(check: Callable[..., None], nasty: pl.DataFrame) -> None:
    check(stamps(nasty, "when"), **NASTY, unit="day")


def test_quantity_times_price(check: Callable[..., None], retail: pl.DataFrame) -> None:
    check(retail, **RETAIL, unit="week")


@FAST
def test_cdnow(check: Callable[..., None], cdnow: pl.DataFrame) -> None:
    check(cdnow, **CDNOW, unit="week")


@FAST
def test_white_space_is_no_id(warehouse: Warehouse, quietly: Callable[..., Any]) -> None:
    """Alone it is no customer; within an id or around it it stays, as in Python."""
    white = [" ", "\t", "\n", "\r", "\v", "\f"]
    blank = ["", *white, "".join(white), "".join(white[::-1])]
    kept = [*(f"{each}a" for each in white), *(f"a{each}" for each in white), "a\tb", "t", "n"]
    table = pl.DataFrame({"who": blank + kept}).with_columns(
        when=pl.date(2024, 1, 8), paid=pl.lit(5.0)
    )
    warehouse.load("orders", table)
    queries = summary_to_sql(dialect=warehouse.dialect, table="orders", **NASTY, unit="day")
    found = warehouse.ask(queries.summary)
    assert sorted(found["who"]) == sorted(kept)
    for form in (table, table.to_pandas(), table.lazy()):
        rfm = quietly(clv.rfm_summary, form, invalid="drop", **NASTY, unit="day")
        assert sorted(rfm.collect().frame["who"]) == sorted(kept)
    counts = dict(warehouse.ask(queries.audit).select("fate", "n_rows").iter_rows())
    assert counts == {"no customer id": len(blank), "purchase": len(kept)}


def test_audit_counts_every_row(
    warehouse: Warehouse, nasty: pl.DataFrame, quietly: Callable[..., Any]
) -> None:
    """Counted here by hand, and by the ledger of the same log."""
    warehouse.load("orders", nasty)
    queries = summary_to_sql(dialect=warehouse.dialect, table="orders", **NASTY, unit="day")
    found = warehouse.ask(queries.audit)
    counts = dict(zip(found["fate"], found["n_rows"], strict=True))
    totals = dict(zip(found["fate"], found["total"], strict=True))
    assert sum(counts.values()) == len(nasty)
    expected = {"no customer id": 3, "no date": 1, "no amount": 2, "infinite amount": 2}
    assert {fate: counts[fate] for fate in expected} == expected
    late = pl.col("when") > pl.date(2024, 6, 30)
    assert counts["after observed_until"] == len(nasty.filter(late))
    refunds = nasty.filter((pl.col("paid") < 0) & pl.col("paid").is_finite() & ~late)
    assert counts["refund"] == len(refunds)
    assert totals["refund"] == pytest.approx(refunds["paid"].sum(), rel=MONEY)
    rfm = quietly(clv.rfm_summary, nasty, invalid="drop", **NASTY, unit="day")
    ledger = {entry.what: entry.rows for entry in rfm.ledger.entries}
    for fate in (*expected, "after observed_until"):
        assert counts[fate] == -ledger[f"- {fate}"], fate


def test_rounding_is_that_of_the_frames() -> None:
    """Below this part of a customer's turnover money is rounding; two files must agree on it."""
    assert summary_sql._ROUNDING == occasions._ROUNDING
