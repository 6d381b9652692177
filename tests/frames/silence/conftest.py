"""A year of orders, and a fit with a covariate."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

import clvmodels as clv

from .settings import BG, END, START


@pytest.fixture(scope="module")
def orders() -> pl.DataFrame:
    """Return a year of orders of 40 customers, some twice a day."""
    draw = random.Random(8)
    records = [
        (f"c{int(draw.random() ** 2 * 40):02}", START + timedelta(days=draw.randrange(365)), 5.0)
        for _ in range(220)
    ]
    records += [("new", END, 9.0), ("often", START, 1.0)]
    records += [("often", START + timedelta(days=7 * i), 1.0) for i in range(20)]
    return pl.DataFrame(records, schema=["who", "when", "paid"], orient="row")


@pytest.fixture(scope="module")
def fitted() -> Any:
    """Return a fit with a covariate, and customers with it."""
    c = BG.simulate(1500, 39, seed=1, unit="week")
    table = pl.DataFrame(
        {
            "customer_id": np.arange(1500),
            "frequency": c.frequency,
            "recency": c.recency,
            "T": c.age,
            "web": np.arange(1500) % 2,
        }
    )
    summary = clv.CustomerSummary.from_frame(table, unit="week", observed_until=END)
    return clv.BGNBD.fit(summary, purchase="web"), table
