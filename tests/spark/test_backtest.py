"""A backtest of a log on Spark."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv

ALIKE = 1e-9


@pytest.mark.slow
def test_a_backtest_on_spark(on_spark: Callable[[pl.DataFrame], Any]) -> None:
    draw = np.random.default_rng(8)
    rows = [
        (f"c{i}", date(2024, 1, 1) + timedelta(days=int(d)), float(d % 9 + i % 5), f"s{i % 2}")
        for i in range(60)
        for d in np.cumsum(draw.exponential(9.0 + i % 13, 1 + i % 8)).clip(max=199.0)
    ]
    orders = pl.DataFrame(rows, schema=["who", "day", "paid", "shop"], orient="row")
    options: dict[str, Any] = {
        "customer": "who",
        "date": "day",
        "amount": "paid",
        "unit": "week",
        "horizon": "6w",
        "n_origins": 1,
        "models": ["BGNBD"],
        "by": "shop",
    }
    found, wanted = (clv.backtest(each, **options) for each in (on_spark(orders), orders))
    pd.testing.assert_frame_equal(found.table, wanted.table, rtol=ALIKE, atol=ALIKE)
    assert found.verdict == wanted.verdict
