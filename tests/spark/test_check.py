"""The findings about a log on Spark are those on polars."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import clvmodels as clv

COLUMNS = {"customer": "customer_id", "date": "date", "amount": "amount"}


@pytest.mark.slow
def test_findings_on_spark(cdnow_sample_orders: Any, on_spark: Any) -> None:
    orders = pl.from_pandas(cdnow_sample_orders[list(COLUMNS.values())])
    orders = orders.with_columns(pl.col("date").str.to_date())
    found, wanted = (
        clv.check(native, **COLUMNS, observed_until="1997-09-30")
        for native in (on_spark(orders), orders)
    )
    assert found.verdict == wanted.verdict
    for ours, theirs in zip(found.findings, wanted.findings, strict=True):
        assert (ours.topic, ours.level, ours.says) == (theirs.topic, theirs.level, theirs.says)
        assert ours.number == pytest.approx(theirs.number, rel=1e-9, nan_ok=True)
