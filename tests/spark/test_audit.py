"""A customer base in numbers, from Spark as from polars."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pandas as pd
import polars as pl
import pytest

import clvmodels as clv

START = date(2022, 3, 1)
TABLES = ("totals", "overview", "cohorts", "conversion", "retention", "periods", "concentration")


@pytest.mark.slow
def test_the_same_audit(on_spark):
    draw = random.Random(2)
    log = pl.DataFrame(
        {
            "who": [f"c{draw.randrange(60)}" for _ in range(300)],
            "when": [START + timedelta(days=draw.randrange(500)) for _ in range(300)],
            "paid": [draw.choice([10.0, 20.5, 20.5, 7.25, -3.5]) for _ in range(300)],
            "shop": [draw.choice(["web", "store", None]) for _ in range(300)],
            "number": [draw.randrange(200) for _ in range(300)],
        }
    )
    columns = {"customer": "who", "date": "when", "amount": "paid"}
    models = clv.BGNBD(0.8, 5.0, 0.9, 3.0), clv.GammaGamma(6.0, 3.7, 15.0)
    ours, theirs = (
        clv.audit(frame, *models, **columns, order="number", unit="week", by="shop")
        for frame in (on_spark(log), log)
    )
    for name in (*TABLES, "value", "explained"):
        pd.testing.assert_frame_equal(
            getattr(ours, name), getattr(theirs, name), rtol=1e-9, atol=1e-9, check_dtype=False
        )
