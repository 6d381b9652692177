"""The lapse alert on Spark: the numbers and days of polars, and still a Spark frame."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import clvmodels as clv

COLUMNS = {"customer": "customer_id", "date": "date"}
BG = clv.BGNBD(0.243, 4.414, 0.793, 2.426)


def test_alerts_and_paths_on_spark(cdnow_sample_orders: Any, on_spark: Any) -> None:
    orders = pl.from_pandas(cdnow_sample_orders[["customer_id", "date"]]).head(1200)
    found = []
    for native in (on_spark(orders), orders.lazy()):
        rfm = clv.rfm_summary(native, **COLUMNS, observed_until="1997-09-30", unit="week")
        found.append(clv.lapse_alert(rfm, BG))
    rows = sorted(tuple(row) for row in found[0].collect())
    expected = sorted(found[1].collect().rows())
    assert len(rows) == len(expected)
    for row, other in zip(rows, expected, strict=True):
        assert row[:2] + row[5:] == other[:2] + other[5:]
        assert row[4] == pytest.approx(other[4], rel=1e-12)
    who = expected[0][0]
    paths = [
        clv.p_alive_path(native, BG, **COLUMNS, id=who, observed_until="1997-09-30", unit="week")
        for native in (on_spark(orders), orders)
    ]
    assert paths[0].equals(paths[1])
