"""Totals and intervals from Spark: the numbers of polars."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import clvmodels as clv

MODELS = clv.BGNBD(0.243, 4.414, 0.793, 2.426), clv.GammaGamma(6.25, 3.74, 15.44)
TERMS: dict[str, Any] = {"horizon": "1y", "discount_rate": 0.1, "margin": "share"}
SAME = 1e-9  # the same sums in another order


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    """Return a finished summary with segments, of which one has no name."""
    customers = MODELS[0].simulate(60, 39.0, seed=1, unit="week")
    x, t_x, T = customers.timing
    return pl.DataFrame(
        {
            "customer_id": range(60),
            "frequency": x.astype(int),
            "recency": t_x,
            "T": T,
            "monetary_value": pl.Series(MODELS[1].simulate(customers, seed=2).spend[1]),
            "channel": ["web", None, "shop"] * 20,
            "share": [0.2, 0.3] * 30,
        }
    ).with_columns(pl.col("monetary_value").fill_nan(None))


def summary(native: Any) -> clv.CustomerSummary:
    return clv.CustomerSummary.from_frame(native, unit="week")


def test_totals(table: pl.DataFrame, on_spark: Any) -> None:
    found = clv.total(summary(on_spark(table)), *MODELS, by="channel", **TERMS)
    expected = clv.total(summary(table), *MODELS, by="channel", **TERMS)
    assert isinstance(found, pl.DataFrame)
    for row, other in zip(found.to_dicts(), expected.to_dicts(), strict=True):
        assert (row.pop("channel"), row.pop("method")) == (other.pop("channel"), other["method"])
        assert row == pytest.approx({name: other[name] for name in row}, rel=SAME)


def test_intervals(table: pl.DataFrame, on_spark: Any) -> None:
    spark, here = (
        clv.predict(summary(native), *MODELS, interval=0.9, **TERMS)
        for native in (on_spark(table), table)
    )
    found = sorted(tuple(row) for row in spark.collect())
    assert spark.columns == here.columns
    assert [name for name, kind in spark.dtypes if kind == "bigint"][-2:] == here.columns[-4:-2]
    for row, other in zip(found, here.sort("customer_id").rows(), strict=True):
        assert row[-4:] == pytest.approx(other[-4:], rel=1e-12)
