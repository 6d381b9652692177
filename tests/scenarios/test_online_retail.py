"""A real log of invoice lines by country and by first quarter, beside plain SQL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv
from clvmodels.cli import main
from tests.conftest import shared_file

SAME = 1e-9
TERMS: dict[str, Any] = {"horizon": 52.0, "discount_rate": 0.0, "margin": 0.3}


@pytest.fixture(scope="module")
def models(online_retail_customers: clv.CustomerSummary) -> clv.CLVModel:
    rfm = online_retail_customers
    with pytest.warns(clv.IdentifiabilityWarning, match="leave with the same probability"):
        return clv.CLVModel(clv.BGNBD.fit(rfm), clv.GammaGamma.fit(rfm))


def summed(customers: pl.DataFrame, column: str) -> pd.DataFrame:
    """Return customers and value by a column, by SQL."""
    query = f'SELECT "{column}", count(*) AS n, sum(clv) AS v FROM customers GROUP BY 1 ORDER BY 1'
    return duckdb.sql(query).df()


@pytest.mark.parametrize("column", ["Country", pytest.param("cohort", marks=pytest.mark.slow)])
def test_values_of_segments(
    column: str, models: clv.CLVModel, online_retail_customers: clv.CustomerSummary
) -> None:
    rfm, (purchases, spend) = online_retail_customers, (models.purchases, models.spend)
    levers: dict[str, Any] = {"purchase_rate": "+10%", "spend_change": "+5%"}
    found = clv.what_if(models, rfm=rfm, **levers, **TERMS, by=column)
    assert found.table[column].tolist() == sorted(set(rfm.frame[column]))

    before = summed(clv.predict(rfm, purchases, spend, **TERMS), column)
    assert found.table.customers.tolist() == before.n.tolist()
    np.testing.assert_allclose(found.table.before, before.v, rtol=SAME)
    total = clv.total(rfm, purchases, spend, **TERMS)
    assert found.total.before[0] == pytest.approx(total["clv"][0], rel=SAME)

    # Where customers leave at purchases, a tenth more of them in a time is a tenth more time.
    faster = summed(clv.predict(rfm, purchases, spend, **(TERMS | {"horizon": 57.2})), column)
    np.testing.assert_allclose(found.table.after, 1.05 * faster.v, rtol=SAME)


def test_customers_of_segments(
    online_retail: pl.DataFrame,
    online_retail_customers: clv.CustomerSummary,
    models: clv.CLVModel,
) -> None:
    """Countries and quarters from the lines themselves."""
    rfm = online_retail_customers
    lines, kept = online_retail, rfm.frame.select("Customer ID", "T")  # noqa: F841 - read by SQL
    countries = duckdb.sql(
        """
        WITH counted AS (
            SELECT "Customer ID" AS id, "Country" AS c, count(*) AS n FROM lines GROUP BY 1, 2
        ), usual AS (
            SELECT id, c FROM counted
            QUALIFY row_number() OVER (PARTITION BY id ORDER BY n DESC, c) = 1
        )
        SELECT c, count(*) AS n FROM usual JOIN kept ON id = "Customer ID" GROUP BY c ORDER BY c
        """
    ).df()
    quarters = duckdb.sql(
        """
        WITH first AS (
            SELECT DATE '2010-12-09' - CAST(round(7 * "T") AS INTEGER) AS day FROM kept
        )
        SELECT year(day) || ' Q' || quarter(day) AS c, count(*) AS n
        FROM first GROUP BY 1 ORDER BY 1
        """
    ).df()
    for column, expected in (("Country", countries), ("cohort", quarters)):
        exact = models.purchases.model, models.spend.model
        found = clv.what_if(*exact, rfm, spend_change="+5%", **TERMS, by=column).table
        assert found[column].tolist() == expected.c.tolist()
        assert found.customers.tolist() == expected.n.tolist()
        np.testing.assert_allclose(found.difference, 0.05 * found.before, rtol=SAME)


def test_who_leaves(models: clv.CLVModel, online_retail_customers: clv.CustomerSummary) -> None:
    """Nobody seems to leave, so that more staying cannot be; less can, customer by customer."""
    rfm, fit = online_retail_customers, models.purchases
    with pytest.raises(clv.ParameterError, match="hardly anybody seems to leave"):
        clv.what_if(models, rfm=rfm, retention="+5pp", **TERMS)
    found = clv.what_if(fit.model, models.spend.model, rfm, retention="-5pp", **TERMS, by="Country")
    lever = found.levers.iloc[0]
    assert lever.before - lever.after == pytest.approx(0.05, abs=1e-9)
    r, alpha, a, b = fit.model.values
    k = lever.parameter_after / lever.parameter_before
    moved = clv.BGNBD(r, alpha, k * a, b)
    counts = fit.p_alive(rfm) * moved.purchases_given_alive(rfm, TERMS["horizon"])
    each = counts * models.spend.expected_spend(rfm) * TERMS["margin"]
    customers = rfm.frame.select("Country").with_columns(clv=pl.Series(each))
    np.testing.assert_allclose(found.table.after, summed(customers, "Country").v, rtol=SAME)


@pytest.mark.slow
def test_the_command(
    models: clv.CLVModel,
    online_retail_customers: clv.CustomerSummary,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = shared_file("data/online_retail_2009_2010.parquet")
    clv.save(models, tmp_path / "model.json")
    arguments: list[Any] = ["what-if", log, "--model", tmp_path / "model.json", "--json"]
    arguments += ["--retention", "-5pp", "--spend", "+5%", "--new-margin", 0.35]
    arguments += ["--horizon", "52", "--discount-rate", 0, "--margin", 0.3]
    arguments += ["--by", "Country", "--cohort", "quarter", "--out", tmp_path / "change.csv"]
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    told = capsys.readouterr()
    assert ended.value.code in (0, None), told.err
    document = json.loads(told.out)
    levers: dict[str, Any] = {"retention": "-5pp", "spend_change": "+5%", "new_margin": 0.35}
    found = clv.what_if(
        models, rfm=online_retail_customers, **levers, **TERMS, by=["Country", "cohort"]
    )
    table = pd.DataFrame(document["table"])
    assert table[["Country", "cohort"]].equals(found.table[["Country", "cohort"]])
    numbers = found.table.columns[2:]
    np.testing.assert_allclose(table[numbers], found.table[numbers], rtol=SAME)
    written = pd.read_csv(tmp_path / "change.csv")
    np.testing.assert_allclose(written[numbers], found.table[numbers], rtol=SAME)
    assert document["verdict"] == found.verdict
    assert document["attribution"][-1]["lever"] == "interaction"
    assert pd.DataFrame(document["sensitivity"]).shape == found.sensitivity.shape


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--retention", "+5"], "--retention is a change"),
        (["--spend", "+5pp"], "--spend-change is a change"),
        (["--new-discount-rate", "12"], "--discount-rate is an annual fraction"),
        ([], "at least one lever"),
        (["--retention", "+5pp", "--out", "change.json"], "--out"),
    ],
)
def test_what_the_command_refuses_before_it_reads(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["what-if", "nowhere.parquet", *options])
    assert ended.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
