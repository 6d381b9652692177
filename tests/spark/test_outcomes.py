"""What customers did after a cut, from Spark as from polars."""

from __future__ import annotations

import random
from datetime import date, timedelta

import numpy as np
import polars as pl

import clvmodels as clv
from clvmodels.diagnostics import outcomes

START = date(2024, 1, 1)


def test_the_same_arrays(on_spark):
    draw = random.Random(1)
    orders = pl.DataFrame(
        {
            "who": [f"c{draw.randrange(15)}" for _ in range(80)],
            "when": [START + timedelta(days=draw.randrange(60)) for _ in range(80)],
            "paid": [draw.choice([0.1, 0.2, 9.9]) for _ in range(80)],
        }
    )
    ours, theirs = (
        outcomes(
            clv.holdout_split(
                frame,
                customer="who",
                date="when",
                amount="paid",
                calibration_end="2024-01-31",
                unit="week",
            )
        )
        for frame in (on_spark(orders), orders)
    )
    assert len(ours) == len(theirs) > 0
    for found, wanted in zip(ours.customers.timing, theirs.customers.timing, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    assert ours.purchases.tolist() == theirs.purchases.tolist()
    np.testing.assert_allclose(ours.value, theirs.value, rtol=1e-9)
    np.testing.assert_allclose(
        ours.customers.monetary_value, theirs.customers.monetary_value, rtol=1e-9
    )
