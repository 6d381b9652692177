"""Real logs from Python and from the shell, beside plain SQL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import clvmodels as clv
from clvmodels.cli import main
from tests.conftest import shared_file

TERMS: dict[str, Any] = {"horizon": "1y", "discount_rate": 0.1, "margin": 0.3}
SUMS = 1e-9  # relative, of sums of money
PARTS = ("population", "frequency", "recency", "spend")
pytestmark = [
    # Whether two thousand customers pin parameters down is not the question.
    pytest.mark.filterwarnings("ignore::clvmodels.IdentifiabilityWarning"),
    pytest.mark.filterwarnings("ignore::clvmodels.DataWarning"),
]


def shell(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    assert not ended.value.code
    return capsys.readouterr().out


@pytest.fixture(scope="module")
def retail_model(online_retail_customers: Any) -> clv.CLVModel:
    rfm = online_retail_customers
    return clv.CLVModel(clv.BGNBD.fit(rfm), clv.GammaGamma.fit(rfm))


@pytest.fixture(scope="module")
def by_sql(online_retail: pl.DataFrame, online_retail_customers: Any, retail_model: Any) -> Any:
    """Customers and predicted value of each country and quarter, by SQL alone."""
    scored = retail_model.predict(online_retail_customers, **TERMS)
    connection = duckdb.connect()
    connection.register("log", online_retail.to_arrow())
    connection.register("scored", scored.drop("Country", "cohort").to_arrow())
    return connection.sql("""
        with rows as (
            select "Customer ID" as id, "Country" as country, count(*) as n from log group by all
        ), home as (
            select id, country from rows
            qualify row_number() over (partition by id order by n desc, country) = 1
        )
        select country,
               strftime(day, '%Y') || ' Q' || quarter(day) as cohort,
               count(*) as customers,
               sum(clv) as clv
        from (
            select *, date '2010-12-09' - cast(round("T" * 7) as integer) as day
            from scored join home on scored."Customer ID" = home.id
        )
        group by all order by all
    """).pl()


@pytest.mark.parametrize(("label", "column"), [("Country", "country"), ("cohort", "cohort")])
def test_segments_of_online_retail_are_those_of_sql(
    online_retail_customers: Any, retail_model: Any, by_sql: pl.DataFrame, label: str, column: str
) -> None:
    found = clv.explain(
        online_retail_customers, retail_model.purchases, retail_model.spend, by=label, **TERMS
    )
    expected = by_sql.group_by(column).agg(pl.col("customers", "clv").sum()).sort(column)
    assert found.segments is not None
    assert found.segments[label].tolist() == expected[column].to_list()
    assert found.segments["customers"].tolist() == expected["customers"].to_list()
    assert found.segments["clv"].tolist() == pytest.approx(expected["clv"].to_list(), rel=SUMS)
    parts = found.segments[list(PARTS)].sum(axis=1)
    assert parts.tolist() == pytest.approx(expected["clv"].to_list(), rel=SUMS)
    each = found.customers.select(pl.sum_horizontal(PARTS) - pl.col("clv")).to_series()
    assert float(each.abs().max()) < 1e-9


def test_online_retail_from_the_shell(
    retail_model: Any,
    by_sql: pl.DataFrame,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = shared_file("data/online_retail_2009_2010.parquet")
    clv.save(retail_model, tmp_path / "model.json")
    arguments = ["explain", source, "--customer", "Customer ID", "--date", "InvoiceDate"]
    arguments += ["--amount", "Quantity*Price", "--model", tmp_path / "model.json"]
    arguments += [
        "--discount-rate",
        "0.1",
        "--margin",
        "0.3",
        "--by",
        "Country",
        "--cohort",
        "quarter",
    ]
    out = tmp_path / "explained.parquet"
    told = json.loads(shell(capsys, *arguments, "--json", "--out", out, "--customer-id", "12748"))
    assert told["customers"] == int(by_sql["customers"].sum())
    assert [each["Country"] for each in told["segments"]] == by_sql["country"].to_list()
    assert [each["cohort"] for each in told["segments"]] == by_sql["cohort"].to_list()
    assert [each["customers"] for each in told["segments"]] == by_sql["customers"].to_list()
    values = [each["clv"] for each in told["segments"]]
    assert values == pytest.approx(by_sql["clv"].to_list(), rel=SUMS)
    assert told["totals"][-1]["amount"] == pytest.approx(float(by_sql["clv"].sum()), rel=SUMS)
    assert told["sentences"]["12748"].startswith("worth ")
    written = pl.read_parquet(out)
    assert written.height == told["customers"]
    assert float(written["clv"].sum()) == pytest.approx(float(by_sql["clv"].sum()), rel=SUMS)


def test_the_bridge_of_cdnow_from_python_and_the_shell(
    cdnow_sample_orders: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weeks 39 to 52: value before and after, and orders between, by SQL."""
    orders = pl.from_pandas(cdnow_sample_orders[["customer_id", "date", "amount"]])
    orders.write_csv(tmp_path / "orders.csv")
    known = {"customer": "customer_id", "date": "date", "amount": "amount", "unit": "week"}
    ends = ("1997-09-30", "1997-12-30")
    runs = [clv.rfm_summary(orders, **known, observed_until=each) for each in ends]
    models = [clv.CLVModel(clv.BGNBD.fit(each), clv.GammaGamma.fit(each)) for each in runs]
    found = clv.explain_change(*runs, before_models=models[0], after_models=models[1], **TERMS)
    amounts = dict(zip(found.table["component"], found.table["amount"], strict=True))
    moved = dict(zip(found.table["component"], found.table["customers"], strict=True))
    connection = duckdb.connect()
    connection.register("log", orders.to_arrow())
    for name, model, rfm in zip(("before", "after"), models, runs, strict=True):
        connection.register("scored", model.predict(rfm, **TERMS).to_arrow())
        whole = connection.sql("select sum(clv) from scored").fetchall()[0][0]
        assert amounts[name] == pytest.approx(whole, rel=SUMS)
    buyers = connection.sql(
        f"select count(distinct customer_id) from log where date > '{ends[0]}' and "
        f"date <= '{ends[1]}'"
    ).fetchall()[0][0]
    assert moved["orders"] == buyers
    assert moved["corrections"] == moved["gone"] == moved["new"] == 0
    for name, model in zip(("before", "after"), models, strict=True):
        clv.save(model, tmp_path / f"{name}.json")
    arguments = ["explain", tmp_path / "orders.csv", "--observed-until", ends[1], "--json"]
    arguments += ["--before-until", ends[0], "--before-model", tmp_path / "before.json"]
    arguments += ["--model", tmp_path / "after.json", "--margin", "0.3", "--cohort", "month"]
    arguments += ["--discount-rate", "0.1"]
    told = json.loads(shell(capsys, *arguments, "--customer-id", "4"))
    shown = {each["component"]: each["amount"] for each in told["totals"]}
    assert shown == pytest.approx(amounts, rel=SUMS, abs=1e-9)
    assert told["elapsed"] == pytest.approx(13.0)
    assert told["before"] == {"until": ends[0], "model": str(tmp_path / "before.json")}
    assert sum(each["after"] for each in told["segments"]) == pytest.approx(shown["after"])
    assert told["sentences"]["4"] == found.sentence(4)


def test_a_kept_summary_and_its_model_are_an_earlier_run(
    cdnow_sample_orders: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    orders = pl.from_pandas(cdnow_sample_orders[["customer_id", "date", "amount"]])
    early, late = tmp_path / "early.csv", tmp_path / "late.csv"
    orders.filter(pl.col("date") <= "1997-09-30").write_csv(early)
    orders.filter(pl.col("date") <= "1997-12-30").write_csv(late)
    shell(capsys, "update", tmp_path / "state", early, "--quiet")
    shell(capsys, "fit", tmp_path / "state", "--model", tmp_path / "old.json", "--quiet")
    arguments = ["explain", late, "--before", tmp_path / "state", "--json"]
    arguments += ["--before-model", tmp_path / "old.json", "--model", tmp_path / "old.json"]
    told = json.loads(shell(capsys, *arguments))
    shown = {each["component"]: each["amount"] for each in told["totals"]}
    assert shown["refit_purchases"] == shown["refit_spend"] == shown["terms"] == 0.0
    assert shown["silence"] < 0.0 < shown["orders"]
    steps = [shown[name] for name in shown if name != "after"]
    assert sum(steps) == pytest.approx(shown["after"], rel=SUMS)
    assert told["forecast"]["surprise"] == pytest.approx(
        told["forecast"]["happened"] - told["forecast"]["expected"]
    )


def test_an_earlier_model_needs_earlier_orders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("customer_id,date,amount\n1,2024-01-01,5\n", encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["explain", str(path), "--before-margin", "0.2"])
    assert ended.value.code == 2
    assert "Add --before ORDERS" in " ".join(capsys.readouterr().err.split())
