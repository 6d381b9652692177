"""Customers, orders and revenue by cohort and period, from Spark as from polars."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pandas as pd
import polars as pl

import clvmodels as clv

START = date(2024, 1, 1)


def test_the_same_cohorts(on_spark):
    draw = random.Random(1)
    log = pl.DataFrame(
        {
            "who": [f"c{draw.randrange(40)}" for _ in range(200)],
            "when": [START + timedelta(days=draw.randrange(200)) for _ in range(200)],
            "paid": [draw.choice([10.0, 20.5, 7.25, -3.5]) for _ in range(200)],
            "shop": [draw.choice(["web", "store"]) for _ in range(200)],
        }
    )
    columns = {"customer": "who", "date": "when", "amount": "paid"}
    models = clv.BGNBD(0.8, 40.0, 0.8, 2.4), clv.GammaGamma(6.25, 3.74, 15.44)
    ours, theirs = (
        clv.cohorts(
            frame, *models, **columns, unit="day", cohort="month", ahead=2, by="shop",
            observed_until="2024-07-15",
        )
        for frame in (on_spark(log), log)
    )  # fmt: skip
    pd.testing.assert_frame_equal(ours.table, theirs.table, rtol=1e-9)
    pd.testing.assert_frame_equal(ours.comparison, theirs.comparison, rtol=1e-9)
