"""What is generated: names that are quoted, numbers that are doubles, dialects that parse."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import polars as pl
import pytest
import sqlglot
from sqlglot import exp

import clvmodels as clv
from clvmodels.warehouse.dialects import EXECUTED, TITLES, number
from clvmodels.warehouse.queries import WarehouseQueries
from clvmodels.warehouse.to_sql import summary_to_sql, to_sql
from tests.warehouse.conftest import Warehouse, one_worker

MODEL = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
SPEND = clv.GammaGamma(p=6.25, q=3.74, v=15.44)
ORDERS = {
    "table": "shop.orders",
    "customer": "customer id",
    "date": "date",
    "amount": "amount",
    "observed_until": "2024-06-30",
    "unit": "week",
}
SCORES = {"horizon": "1y", "discount_rate": 0.1, "max_frequency": 5, "max_age": "8w"}
QUERIES = ("summary", "patterns", "spend_cells", "audit", "scoring", "missing", "create_lookup")
EVIL = (
    'a"b',
    "a`b",
    "a'b",
    "x; DROP TABLE orders; --",
    "*/ SELECT 1 /*",
    "back\\",
    "\\`",
    "select",
    "T\u00e9l\u00e9",
    "$1 %s {x} ?",
)


@cache
def usual_queries(dialect: str) -> WarehouseQueries:
    """Return queries for the orders above."""
    return queries(dialect)


def queries(dialect: str, **changes: Any) -> WarehouseQueries:
    """Return queries for the orders above, but for some changes."""
    return to_sql(MODEL, SPEND, dialect=dialect, **(ORDERS | SCORES | changes))


def parsed(text: str, dialect: str) -> exp.Expr:
    """Return the one statement that a text is, in a dialect."""
    statements = sqlglot.parse(text, dialect=dialect)
    assert len(statements) == 1
    assert statements[0] is not None
    return statements[0]


@pytest.mark.parametrize("dialect", TITLES)
@pytest.mark.parametrize("which", QUERIES)
def test_every_query_is_one_statement_in_its_dialect(dialect: str, which: str) -> None:
    text = getattr(usual_queries(dialect), which)
    statement = parsed(text, dialect)
    assert isinstance(statement, exp.Create if which == "create_lookup" else exp.Select)
    assert statement.sql(dialect=dialect, pretty=True) == text
    for name in statement.find_all(exp.Identifier):
        assert name.quoted, name
    for literal in statement.find_all(exp.Literal):  # others would be decimals here and there
        assert literal.is_string or literal.is_int, literal


@pytest.mark.parametrize("dialect", TITLES)
@pytest.mark.parametrize("which", ["summary", "audit"])
def test_all_white_space_is_trimmed_from_ids(dialect: str, which: str) -> None:
    """Tab to carriage return by their codes, which mean the same in every dialect."""
    statement = parsed(getattr(usual_queries(dialect), which), dialect)
    trims = list(statement.find_all(exp.Trim))
    assert trims
    for trim in trims:
        white = trim.expression
        codes = [int(each.expressions[0].name) for each in white.find_all(exp.Chr)]
        assert sorted(codes) == [9, 10, 11, 12, 13]
        assert [each.name for each in white.find_all(exp.Literal) if each.is_string] == [" "]
        assert isinstance(trim.this, exp.Cast)


@pytest.mark.parametrize("dialect", TITLES)
def test_what_is_not_executed_says_so(dialect: str) -> None:
    made = usual_queries(dialect)
    assert made.executed is (dialect in EXECUTED)
    for which in QUERIES:
        assert ("NOT EXECUTED" in getattr(made, which)) is not made.executed


def test_the_same_queries_under_both_names_of_postgresql() -> None:
    assert queries("postgresql").scoring == usual_queries("postgres").scoring


@pytest.mark.parametrize("dialect", TITLES)
@pytest.mark.parametrize("names", [EVIL[:5], EVIL[5:]], ids=["quotes", "escapes"])
def test_names_stay_names(dialect: str, names: tuple[str, ...]) -> None:
    """Read back by the rules of the dialect a name is what it was, and nothing else is there."""
    customer, day, amount, place, lookup = names
    evil = queries(
        dialect,
        customer=customer,
        date=day,
        amount=amount,
        table=("s", place),
        lookup_table=(lookup,),
    )
    plain = queries(dialect, customer="c", date="d", amount="m", table=("s", "t"), lookup_table="l")
    back = dict(zip(names, "cdmtl", strict=True))
    for which in ("scoring", "create_lookup"):
        statement = parsed(getattr(evil, which), dialect)
        for identifier in list(statement.find_all(exp.Identifier)):
            if identifier.name in back:
                identifier.set("this", back[identifier.name])
        usual = parsed(getattr(plain, which), dialect)
        assert statement.sql(dialect, comments=False) == usual.sql(dialect, comments=False)


@pytest.mark.parametrize("warehouse", ["duckdb", one_worker("postgres")], indirect=True)
@pytest.mark.parametrize("name", [each for each in EVIL if "%" not in each])
def test_names_are_found(warehouse: Warehouse, name: str) -> None:
    table = pl.DataFrame(
        {name: ["a", "a", "b"], f"d {name}": ["2024-01-01", "2024-01-08", "2024-01-01"]}
    ).with_columns(pl.col(f"d {name}").str.to_date())
    warehouse.load("orders", table)
    made = summary_to_sql(
        dialect=warehouse.dialect,
        table="orders",
        customer=name,
        date=f"d {name}",
        observed_until="2024-01-15",
        unit="week",
    )
    found = warehouse.ask(made.summary)
    assert found.columns == [name, "frequency", "recency", "T"]
    assert sorted(found.rows()) == [("a", 1, 1.0, 2.0), ("b", 0, 0.0, 2.0)]


@pytest.mark.parametrize("value", [0.1, 1e-300, 1.7976931348623157e308, 2.0 / 3.0, 5e-324])
@pytest.mark.parametrize("warehouse", ["duckdb", one_worker("postgres")], indirect=True)
def test_numbers_arrive_to_the_last_bit(warehouse: Warehouse, value: float) -> None:
    text = sqlglot.transpile(f"SELECT {number(value)}", "duckdb", warehouse.dialect)[0]
    assert warehouse.ask(text).item() == value


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dialect": "oracle"}, "dialect"),
        ({"dialect": "snowflak"}, "Did you mean 'snowflake'"),
        ({"table": ""}, "`table` is a name"),
        ({"table": "a.b.c.d"}, "4 parts"),
        ({"table": "shop..orders"}, "`table` is a name"),
        ({"table": "clv_rows"}, "begin with 'clv_'"),
        ({"lookup_table": "clv_keyed"}, "begin with 'clv_'"),
        ({"summary_table": "CLV_Summary"}, "begin with 'clv_'"),
        ({"customer": "a\nb"}, "`customer` is a name"),
        ({"customer": "T"}, "keeps its name"),
        ({"customer": "clv"}, "keeps its name"),
        ({"date": "\x00"}, "`date` is a name"),
        ({"amount": ("q", "")}, "`amount` is a name"),
        ({"observed_until": "yesterday"}, "observed_until"),
        ({"unit": "hour"}, "time unit"),
        ({"unit": None}, "Pass a fit"),
        ({"unit": "month", "grid": "month"}, "rfm_summary"),
        ({"grid": "weekly"}, "'week'"),
        ({"returns": "error"}, "audit"),
        ({"returns": "nett"}, "'net'"),
        ({"margin": "margin"}, "multiply clv"),
        ({"margin": 30.0}, "0.30"),
        ({"discount_rate": 10.0}, "0.10"),
        ({"horizon": "soon"}, "horizon"),
        ({"max_frequency": None}, "max_frequency=100"),
        ({"max_age": None}, "max_frequency=100"),
        ({"max_frequency": 10_000, "max_age": "10y"}, "at most"),
        ({"max_frequency": -1}, "max_frequency=-1"),
        ({"amount": None}, "No `amount`"),
    ],
)
def test_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(clv.ClvError, match=words):
        to_sql(MODEL, SPEND, **({"dialect": "duckdb"} | ORDERS | SCORES | changes))


CUSTOMERS = clv.Customers.from_arrays([2], [7.0], [20.0], unit="week")


@pytest.mark.parametrize(
    ("model", "spend", "changes", "words"),
    [
        (SPEND, None, {}, "purchase fit first"),
        (None, None, {}, "purchase fit first"),
        (MODEL, "price", {}, "multiply discounted_purchases"),
        (MODEL, -1.0, {}, "price of zero or more"),
        (MODEL, clv.GammaGamma(6.0, 0.9, 15.0), {}, "q above 1"),
        (clv.SBG(1.0, 2.0), None, {}, "subscription_summary"),
        (clv.ParetoNBD(0.55, 10.6, 0.61, 11.7), None, {}, "Pass `customers`"),
        (MODEL, None, {"customers": CUSTOMERS}, "Both were given"),
        (MODEL, None, {"horizon": float("inf"), "discount_rate": 0.0}, "horizon"),
    ],
    ids=str,
)
def test_models_that_are_refused(
    model: Any, spend: Any, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(clv.ClvError, match=words):
        to_sql(model, spend, dialect="duckdb", **(ORDERS | SCORES | changes))


@pytest.mark.parametrize(
    ("customers", "words"),
    [
        (clv.Customers.from_arrays([2], [7.0], [20.0], unit="day"), "per day"),
        (clv.Customers.from_arrays([2], [7.0], [20.05], unit="week"), "whole days"),
        ([1, 2, 3], "unit|Customers"),
    ],
)
def test_customers_that_are_refused(customers: Any, words: str) -> None:
    bounds = {"max_frequency": None, "max_age": None}
    with pytest.raises(clv.ClvError, match=words):
        queries("duckdb", customers=customers, **bounds)


def test_rules_that_are_not_those_of_the_fit() -> None:
    table = pl.DataFrame(
        {"who": ["a", "a", "b"] * 9, "when": ["2024-01-01", "2024-02-01"] * 13 + ["2024-03-01"]}
    )
    table = table.with_columns(pl.int_range(27).cast(pl.String).alias("who")).vstack(table)
    rfm = clv.rfm_summary(
        table, customer="who", date="when", observed_until="2024-06-30", unit="week"
    )
    with pytest.warns(clv.IdentifiabilityWarning):
        fit = clv.BGNBD.fit(rfm)
    options = ORDERS | SCORES | {"dialect": "duckdb"}
    with pytest.raises(clv.DataError, match="unit='week'"):
        to_sql(fit, **(options | {"unit": "day"}))
    with pytest.raises(clv.DataError, match="returns='net'"):
        to_sql(fit, **options, returns="drop")
    with pytest.raises(clv.DataError, match="grid='day'"):
        to_sql(fit, **options, grid="week")
    by_week = clv.rfm_summary(
        table, customer="who", date="when", observed_until="2024-06-30", unit="week", grid="week"
    )
    bounds = {"max_frequency": None, "max_age": None}
    with pytest.raises(clv.DataError, match="grid='day'"):
        to_sql(fit, **(options | bounds), customers=by_week)


def test_covariates_are_refused_with_the_way_out() -> None:
    c = MODEL.simulate(400, 39, seed=1, unit="week")
    channel = ["web", "shop"] * 200
    c = clv.Customers.from_arrays(*c.timing, unit="week", covariates={"channel": channel})
    fit = clv.BGNBD.fit(c, purchase="channel")
    with pytest.raises(clv.DataError, match=r"fit\.at\(channel='web'\)"):
        to_sql(fit, dialect="duckdb", **(ORDERS | SCORES))


def test_without_sqlglot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    with pytest.raises(clv.MissingExtraError, match=r"clvmodels\[sql\]"):
        summary_to_sql(dialect="duckdb", **ORDERS)
