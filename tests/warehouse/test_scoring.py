"""The scoring query against `predict`, run in every warehouse."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

import clvmodels as clv
from clvmodels.warehouse.queries import WarehouseQueries
from clvmodels.warehouse.to_sql import summary_to_sql, to_sql
from tests.warehouse.conftest import DuckDB, Warehouse
from tests.warehouse.test_summary import CDNOW, FAST, NASTY, SPARK

PURCHASES = 1e-12  # relative, on every engine
MONEY = 1e-11  # relative: mean spend is a sum in an order of the engine's own
RULES = {"unit": "day"}
SPEND = clv.GammaGamma(p=1.7, q=3.4, v=41.0)
MODELS = {
    "bgnbd": clv.BGNBD(r=0.7, alpha=31.0, a=0.8, b=2.6),
    "mbgnbd": clv.MBGNBD(r=0.9, alpha=44.0, a=1.3, b=4.1),
    "pareto": clv.ParetoNBD(r=0.8, alpha=39.0, s=0.6, beta=120.0),
    "bgcnbd": clv.BGCNBD(r=0.7, alpha=14.0, a=0.8, b=2.6, k=2),
}
NEXT_YEAR = {"horizon": "1y", "discount_rate": 0.1, "margin": 0.3}
FOREVER = {"horizon": math.inf, "discount_rate": 0.15}
CASES = {
    "value": ("bgnbd", SPEND, NEXT_YEAR),
    "price, without end": ("mbgnbd", 12.5, FOREVER),
    "purchases alone": ("pareto", None, {"horizon": "26w"}),
    "infinite purchases": (
        "bgnbd",
        None,
        FOREVER,
    ),  # a < 1: null, though discounted they are finite
    "regular timing": ("bgcnbd", SPEND, {"horizon": date(2024, 12, 24)}),
    "nothing ahead": ("bgnbd", SPEND, {"horizon": 0.0}),
}


def compare(found: pl.DataFrame, expected: pl.DataFrame, *, smallest: float = 0.0) -> None:
    """Compare two tables whose first column is an id, in any order of rows."""
    assert found.columns == expected.columns
    found, expected = found.sort(found.columns[0]), expected.sort(expected.columns[0])
    assert found[:, 0].to_list() == expected[:, 0].to_list()
    for name in found.columns[1:]:
        ours, theirs = found[name].cast(pl.Float64), expected[name].cast(pl.Float64)
        assert ours.is_null().to_list() == theirs.is_null().to_list(), name
        assert not ours.is_nan().any(), name
        tolerance = MONEY if name in ("monetary_value", "expected_spend", "clv") else PURCHASES
        np.testing.assert_allclose(
            ours.drop_nulls().to_numpy(),
            theirs.drop_nulls().to_numpy(),
            rtol=tolerance,
            atol=smallest,
            err_msg=name,
        )


@pytest.fixture(scope="session")
def rfm(nasty: pl.DataFrame) -> clv.CustomerSummary:
    with pytest.warns(clv.DataWarning):
        return clv.rfm_summary(nasty, invalid="drop", **NASTY, **RULES)


def load_lookup(warehouse: Warehouse, queries: WarehouseQueries) -> None:
    warehouse.run("DROP TABLE IF EXISTS clv_lookup")
    warehouse.load("clv_lookup", queries.lookup, create=queries.create_lookup)


@pytest.mark.parametrize("case", CASES)
@FAST
def test_scores(
    warehouse: Warehouse, nasty: pl.DataFrame, rfm: clv.CustomerSummary, case: str
) -> None:
    name, spend, asked = CASES[case]
    _check_scores(warehouse, nasty, rfm, MODELS[name], spend, asked)


@pytest.mark.parametrize("case", ["value", "purchases alone"])
@SPARK
def test_scores_on_spark(
    warehouse: Warehouse, nasty: pl.DataFrame, rfm: clv.CustomerSummary, case: str
) -> None:
    name, spend, asked = CASES[case]
    _check_scores(warehouse, nasty, rfm, MODELS[name], spend, asked)


def _check_scores(
    warehouse: Warehouse,
    table: pl.DataFrame,
    rfm: clv.CustomerSummary,
    model: Any,
    spend: Any,
    asked: dict[str, Any],
    smallest: float = 0.0,
) -> None:
    warehouse.load("orders", table)
    queries = to_sql(
        model,
        spend,
        dialect=warehouse.dialect,
        table="orders",
        **NASTY,
        **RULES,
        **asked,
        customers=rfm,
    )
    load_lookup(warehouse, queries)
    found = warehouse.ask(queries.scoring)
    compare(found, clv.predict(rfm, model, spend, **asked), smallest=smallest)
    missing = warehouse.ask(queries.missing)
    assert missing["customers"].to_list() == [0]
    assert missing["lookup_rows"].to_list() == [len(queries.lookup)]


@pytest.mark.parametrize(
    "model",
    [
        clv.BGNBD(r=400.0, alpha=1e-3, a=0.8, b=2.6),  # surely gone: odds beyond e^690
        clv.BGNBD(r=0.5, alpha=1e-9, a=1e12, b=1e-9),  # and odds that multiply them
        clv.MBGNBD(r=1e-6, alpha=1e6, a=1e-9, b=50.0),  # surely there
        clv.BGNBD(r=0.7, alpha=1e9, a=0.8, b=2.6),  # ln(1 + z) of tiny z
    ],
    ids=repr,
)
@FAST
def test_extreme_parameters_overflow_nowhere(
    warehouse: Warehouse, nasty: pl.DataFrame, rfm: clv.CustomerSummary, model: Any
) -> None:
    # Chances below this are nought, whatever their digits.
    _check_scores(warehouse, nasty, rfm, model, SPEND, NEXT_YEAR, smallest=1e-250)


@FAST
def test_cdnow_from_the_warehouse_and_back(warehouse: Warehouse, cdnow: pl.DataFrame) -> None:
    """Histories and spend out, fit, lookup in, score: as in the docs."""
    orders = {"dialect": warehouse.dialect, "table": "orders", **CDNOW}
    warehouse.load("orders", cdnow)
    queries = summary_to_sql(**orders, unit="week")
    customers = queries.from_patterns(warehouse.ask(queries.patterns))
    assert queries.spend_cells is not None
    cells = queries.from_spend_cells(warehouse.ask(queries.spend_cells).to_pandas())
    fit, spend = clv.BGNBD.fit(customers), clv.GammaGamma.fit(cells)
    rfm = clv.rfm_summary(cdnow, **CDNOW, unit="week")
    with pytest.warns(clv.DataWarning, match="worth nothing"):
        direct = clv.GammaGamma.fit(rfm)
    assert len(cells) < direct.n_customers / 3
    assert cells.n_customers == pytest.approx(direct.n_customers)
    np.testing.assert_allclose(fit.model.values, clv.BGNBD.fit(rfm).model.values, rtol=1e-6)
    np.testing.assert_allclose(spend.model.values, direct.model.values, rtol=1e-6)
    assert spend.log_likelihood == pytest.approx(direct.log_likelihood, rel=1e-10)
    scores = to_sql(fit, spend, **orders, **NEXT_YEAR, customers=customers)
    load_lookup(warehouse, scores)
    expected = clv.predict(rfm, fit.model, spend.model, **NEXT_YEAR)
    compare(warehouse.ask(scores.scoring), expected)


@FAST
def test_a_lookup_table_for_all_histories(
    warehouse: Warehouse, nasty: pl.DataFrame, quietly: Callable[..., Any]
) -> None:
    recent = nasty.filter(pl.col("when") > pl.date(2023, 1, 1))
    warehouse.load("orders", recent)
    options = {"dialect": warehouse.dialect, "table": "orders", **NASTY, **RULES, **NEXT_YEAR}
    queries = to_sql(MODELS["bgnbd"], SPEND, **options, max_frequency=40, max_age="34w")
    assert queries.lookup.select(pl.col("frequency", "age_days").max()).row(0) == (40, 238)
    load_lookup(warehouse, queries)
    rfm = quietly(clv.rfm_summary, recent, invalid="drop", **NASTY, **RULES)
    compare(warehouse.ask(queries.scoring), clv.predict(rfm, MODELS["bgnbd"], SPEND, **NEXT_YEAR))


@FAST
def test_histories_that_the_lookup_table_lacks_are_null_and_counted(
    warehouse: Warehouse, nasty: pl.DataFrame, rfm: clv.CustomerSummary
) -> None:
    warehouse.load("orders", nasty)
    options = {"dialect": warehouse.dialect, "table": "orders", **NASTY, **RULES, **NEXT_YEAR}
    queries = to_sql(MODELS["bgnbd"], SPEND, **options, max_frequency=3, max_age=150)
    load_lookup(warehouse, queries)
    inside = (pl.col("frequency") <= 3) & (pl.col("T") <= 150)
    outside = rfm.frame.filter(~inside)
    found = warehouse.ask(queries.scoring)
    expected = clv.predict(rfm, MODELS["bgnbd"], SPEND, **NEXT_YEAR)
    compare(found.filter(inside), expected.filter(inside))
    lost = found.filter(~inside)
    assert sorted(lost["who"]) == sorted(outside["who"])
    for name in ("p_alive", "expected_purchases", "clv"):
        assert lost[name].is_null().all(), name
    missing = warehouse.ask(queries.missing).row(0, named=True)
    assert missing["customers"] == len(outside) > 0
    assert missing["max_frequency"] == outside["frequency"].max()
    assert missing["max_age_days"] == outside["T"].max()
    assert missing["lookup_rows"] == len(queries.lookup)


@FAST
def test_a_summary_table_is_read_instead_of_the_orders(
    warehouse: Warehouse, nasty: pl.DataFrame, rfm: clv.CustomerSummary
) -> None:
    warehouse.load("orders", nasty)
    options = {"dialect": warehouse.dialect, "table": "orders", **NASTY, **RULES}
    summary = summary_to_sql(**options).summary
    warehouse.run('DROP TABLE IF EXISTS "customers"')
    warehouse.run(f'CREATE TABLE "customers" AS {summary}')
    queries = to_sql(
        MODELS["pareto"], SPEND, **options, **NEXT_YEAR, customers=rfm, summary_table="customers"
    )
    warehouse.run('DROP TABLE IF EXISTS "orders"')  # so that it cannot be read
    load_lookup(warehouse, queries)
    compare(warehouse.ask(queries.scoring), clv.predict(rfm, MODELS["pareto"], SPEND, **NEXT_YEAR))
    assert warehouse.ask(queries.missing)["customers"].to_list() == [0]


def test_weeks_are_keys_in_weeks(quietly: Callable[..., Any], nasty: pl.DataFrame) -> None:
    warehouse = DuckDB()
    warehouse.load("orders", nasty)
    rules = {"unit": "month", "grid": "week"}
    rfm = quietly(clv.rfm_summary, nasty, invalid="drop", **NASTY, **rules)
    options = {"dialect": "duckdb", "table": "orders", **NASTY, **rules}
    for model in (clv.BGNBD(0.7, 1.2, 0.8, 2.6), clv.ParetoNBD(0.8, 1.3, 0.6, 4.0)):
        queries = to_sql(model, **options, horizon="6mo", customers=rfm)
        assert "age_weeks" in queries.lookup.columns
        load_lookup(warehouse, queries)
        compare(warehouse.ask(queries.scoring), clv.predict(rfm, model, horizon="6mo"))


def test_rules_come_from_the_fit(quietly: Callable[..., Any], nasty: pl.DataFrame) -> None:
    warehouse = DuckDB()
    warehouse.load("orders", nasty)
    rules = {"unit": "week", "grid": "week", "returns": "drop"}
    rfm = quietly(clv.rfm_summary, nasty, invalid="drop", **NASTY, **rules)
    fit, spend = quietly(clv.BGNBD.fit, rfm), quietly(clv.GammaGamma.fit, rfm)
    options = {"dialect": "duckdb", "table": "orders", **NASTY, **NEXT_YEAR}
    queries = to_sql(fit, spend, **options, customers=rfm)
    load_lookup(warehouse, queries)
    compare(warehouse.ask(queries.scoring), clv.predict(rfm, fit, spend, **NEXT_YEAR))
