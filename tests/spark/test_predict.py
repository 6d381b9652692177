"""Fits and predictions from Spark: the numbers of polars, and nothing moved that need not be."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import clvmodels as clv

COLUMNS = {"customer": "customer_id", "date": "date", "amount": "amount"}
HORIZON = {"horizon": "1y", "discount_rate": 0.10}
SAME_FIT = 1e-8  # a climb stops where the gradient is small
BG = clv.BGNBD(0.243, 4.414, 0.793, 2.426)
SPEND = clv.GammaGamma(6.25, 3.74, 15.44)


@pytest.fixture(scope="module")
def orders(cdnow_sample_orders: Any) -> pl.DataFrame:
    return pl.from_pandas(cdnow_sample_orders[["customer_id", "date", "amount"]])


@pytest.fixture(scope="module")
def in_memory(orders: pl.DataFrame) -> clv.CustomerSummary:
    return summarise(orders.lazy())


@pytest.fixture(scope="module")
def stored(orders: pl.DataFrame, on_spark: Any, tmp_path_factory: Any) -> clv.CustomerSummary:
    """Return the summary on Spark, written once by its executors."""
    folder = tmp_path_factory.mktemp("spark") / "summary"
    summary = summarise(on_spark(orders)).store(folder)
    assert list(folder.glob("*.parquet"))
    return summary


def summarise(frame: Any) -> clv.CustomerSummary:
    return clv.rfm_summary(frame, **COLUMNS, observed_until="1997-09-30", unit="week")


def values(fit: Any) -> list[float]:
    return list(vars(fit.model).values())


def test_fits_and_predictions(stored, in_memory, assert_same):
    assert_same(stored.frame, in_memory.frame)
    for model in (clv.BGNBD, clv.GammaGamma):
        found, wanted = model.fit(stored), model.fit(in_memory)
        assert values(found) == pytest.approx(values(wanted), rel=SAME_FIT)
        assert found.log_likelihood == pytest.approx(wanted.log_likelihood, rel=1e-12)
    for models in ((BG, SPEND), (BG,), (BG, 30.0)):
        found, wanted = (clv.predict(rfm, *models, **HORIZON) for rfm in (stored, in_memory))
        assert_same(found, wanted)


def test_a_model_whose_survival_is_not_elementary(stored, in_memory, assert_same):
    model = clv.ParetoNBD(0.553, 10.578, 0.606, 11.669)
    found, wanted = (clv.predict(rfm, model, SPEND, **HORIZON) for rfm in (stored, in_memory))
    assert_same(found, wanted)


def test_infinite_purchases_are_missing(stored, in_memory, assert_same):
    options = {"horizon": float("inf"), "discount_rate": 0.10, "margin": 0.3}
    found, wanted = (clv.predict(rfm, BG, SPEND, **options) for rfm in (stored, in_memory))
    assert_same(found, wanted)


def test_no_customer_moves_for_a_prediction(stored):
    plan = explained(clv.predict(stored, BG, SPEND, **HORIZON))
    assert "BroadcastHashJoin" in plan
    assert "Exchange hashpartitioning" not in plan
    assert "Sort" not in plan
    assert "Python" not in plan


def test_a_log_is_shuffled_twice_and_never_sorted(orders, on_spark):
    plan = explained(summarise(on_spark(orders)).frame)
    assert plan.count("Exchange hashpartitioning") == 2
    assert "SortAggregate" not in plan
    assert "Python" not in plan


def explained(frame: Any) -> str:
    """Return the first physical plan of a query."""
    return str(frame._jdf.queryExecution().simpleString())


def test_only_distinct_rows_are_collected(orders, on_spark, monkeypatch, tmp_path):
    """What Python sees has the size of the histories; rows and Python workers are never used."""
    from pyspark.sql.classic.dataframe import DataFrame

    sizes: list[int] = []
    to_arrow = DataFrame.toArrow

    def counted(frame: Any) -> Any:
        table = to_arrow(frame)
        sizes.append(table.num_rows)
        return table

    def refused(frame: Any, *rest: Any) -> Any:
        raise AssertionError("rows were collected")

    monkeypatch.setattr(DataFrame, "toArrow", counted)
    for name in ("collect", "toPandas", "toLocalIterator", "take", "head"):
        monkeypatch.setattr(DataFrame, name, refused)
    every = pl.concat([orders.with_columns(pl.col("customer_id") + 100_000 * i) for i in range(3)])
    rfm = summarise(on_spark(every)).store(tmp_path / "summary")
    clv.GammaGamma.fit(rfm)
    clv.predict(rfm, clv.BGNBD.fit(rfm), SPEND, **HORIZON).write.parquet(str(tmp_path / "clv"))
    customers = 3 * 2357
    assert pl.read_parquet(tmp_path / "clv/*.parquet").height == customers
    assert max(sizes) == 1016  # the distinct histories of the sample, however often it is repeated


def test_covariates(orders, on_spark, in_memory, stored, assert_same):
    ids = in_memory.frame.collect()["customer_id"]
    table = pl.DataFrame(
        {
            "who": ids,
            "income": np.random.default_rng(3).normal(size=len(ids)).round(1),
            "channel": [("web", "shop", "ünknown")[i % 3] for i in ids],
        }
    )
    rfms = (
        stored.with_covariates(on_spark(table), customer="who"),
        in_memory.with_covariates(table.lazy(), customer="who"),
    )
    fits = [clv.BGNBD.fit(rfm, purchase="income", dropout="channel") for rfm in rfms]
    found, wanted = (fit.estimates["estimate"].to_numpy() for fit in fits)
    np.testing.assert_allclose(found, wanted, rtol=SAME_FIT)
    scored = (clv.predict(rfm, fits[0], SPEND, **HORIZON) for rfm in rfms)
    assert_same(*scored)
    with pytest.raises(clv.DataError, match="2 are not there"):
        stored.with_covariates(on_spark(table[2:]), customer="who")
    with pytest.raises(clv.DataError, match="1 ids are there more often"):
        stored.with_covariates(on_spark(table.vstack(table[:1])), customer="who")


def test_a_finished_table(on_spark, assert_same):
    table = pl.DataFrame(
        {
            "customer_id": ["a", "b", "c"],
            "x": [0, 2, 5],
            "t_x": [0.0, 30.43, 38.86 * (1.0 + 1e-16)],
            "T": [38.86, 38.86, 38.86],
            "monetary_value": [None, 22.35, 10.0],
        }
    )
    names = {"frequency": "x", "recency": "t_x", "unit": "week"}
    rfms = (
        clv.CustomerSummary.from_frame(frame, **names) for frame in (on_spark(table), table.lazy())
    )
    assert_same(*(clv.predict(rfm, BG, SPEND, **HORIZON) for rfm in rfms))


def test_what_is_there_is_not_overwritten(stored, tmp_path):
    (tmp_path / "summary").mkdir()
    with pytest.raises(Exception, match=r"PATH_ALREADY_EXISTS|already exists"):
        stored.store(tmp_path / "summary")
