"""What a customer usually is by columns of the log, and when they came, as columns to group by."""

from __future__ import annotations

import duckdb
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv
from tests.conftest import shared_file

LOG = {
    "who": ["a", "a", "a", "b", "b", "c", "c"],
    "when": [
        "2024-01-01",
        "2024-01-15",
        "2024-04-01",
        "2024-04-08",
        "2024-05-01",
        *["2024-07-02"] * 2,
    ],
    "shop": ["web", "web", "store", "store", "app", None, None],
}
COLUMNS = {"customer": "who", "date": "when"}
USUAL = {"a": "web", "b": "app", "c": None}


@pytest.mark.parametrize(
    "log",
    [pl.DataFrame(LOG), pl.LazyFrame(LOG), pd.DataFrame(LOG)],
    ids=["eager", "lazy", "pandas"],
)
def test_the_label_is_that_of_most_rows_and_of_several_the_smallest(log):
    table = clv.customer_labels(log, **COLUMNS, by="shop")
    found = {
        who: None if shop != shop else shop
        for who, shop in zip(table["who"], table["shop"], strict=True)
    }
    assert found == USUAL


def test_what_comes_after_the_end_has_no_influence():
    table = clv.customer_labels(
        pl.DataFrame(LOG), **COLUMNS, by="shop", observed_until="2024-04-30"
    )
    assert dict(table.rows()) == {"a": "web", "b": "store"}


@pytest.mark.parametrize("by", ["Shop", "who"])
def test_a_column_that_makes_no_segment_is_refused(by):
    with pytest.raises(clv.MissingColumnError if by == "Shop" else clv.ParameterError):
        clv.customer_labels(pl.DataFrame(LOG), **COLUMNS, by=by)


@pytest.mark.parametrize("kind", [pl.DataFrame, pd.DataFrame], ids=["polars", "pandas"])
def test_labels_and_cohorts_stand_beside_the_summary(kind):
    log = kind({**LOG, "shop": [each or "phone" for each in LOG["shop"]]})
    rfm = clv.rfm_summary(log, **COLUMNS, observed_until="2024-07-31", unit="week")
    with_both = rfm.with_covariates(clv.customer_labels(log, **COLUMNS, by=["shop"])).with_cohorts()
    assert list(with_both.frame["shop"]) == ["web", "app", "phone"]
    assert list(with_both.frame["cohort"]) == ["2024 Q1", "2024 Q2", "2024 Q3"]
    assert list(rfm.with_cohorts("month", name="came").frame["came"]) == [
        "2024-01",
        "2024-04",
        "2024-07",
    ]


def test_cohorts_of_a_pandas_frame_keep_its_index():
    table = pd.DataFrame(
        {"customer_id": [1, 2], "frequency": [0, 0], "recency": [0.0, 0.0], "T": [9.0, 1.0]},
        index=[7, 3],
    )
    rfm = clv.CustomerSummary.from_frame(table, unit="week", observed_until="2024-09-30")
    assert rfm.with_cohorts("month").frame["cohort"].to_dict() == {7: "2024-07", 3: "2024-09"}


def test_cohorts_that_cannot_be_told_are_refused():
    table = pl.DataFrame({"customer_id": [1], "frequency": [0], "recency": [0.0], "T": [9.0]})
    rfm = clv.CustomerSummary.from_frame(table, unit="week", observed_until="2024-09-30")
    with pytest.raises(clv.ParameterError, match="'quarter'"):
        rfm.with_cohorts("week")
    with pytest.raises(clv.DataError, match="already has 'frequency'"):
        rfm.with_cohorts(name="frequency")
    with pytest.raises(clv.DataError, match="does not know its end"):
        clv.CustomerSummary.from_frame(table, unit="week").with_cohorts()


def test_online_retail_by_country_and_cohort_is_what_plain_sql_says(online_retail):
    path = shared_file("data/online_retail_2009_2010.parquet")
    columns = {"customer": "Customer ID", "date": "InvoiceDate"}
    labels = clv.customer_labels(online_retail, **columns, by="Country")
    usual = f"""
        with counted as (
            select "Customer ID" id, Country, count(*) n
            from '{path}' where id is not null group by all
        )
        select id, arg_min(Country, (-n, Country)) from counted group by id
    """
    assert dict(labels.rows()) == dict(duckdb.sql(usual).fetchall())

    amounts = ("Quantity", "Price")
    bought = clv.rfm_summary(online_retail, **columns, amount=amounts, unit="week", returns="drop")
    first = f"""
        select "Customer ID" id, min(cast(InvoiceDate as timestamp)) first
        from '{path}' where id is not null and Quantity * Price >= 0 group by id
    """
    quarters = f"""
        select year(first) || ' Q' || quarter(first) cohort, count(*) from ({first}) group by cohort
    """
    counted = bought.with_cohorts("quarter").frame.group_by("cohort").len()
    assert dict(counted.rows()) == dict(duckdb.sql(quarters).fetchall())
