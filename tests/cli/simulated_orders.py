"""Simulated orders, and the command that predicts from them, for tests of large logs."""

from __future__ import annotations

import numpy as np
import polars as pl

UNTIL = ("--observed-until", "2024-12-31")
TERMS = ("--horizon", "1y", "--discount-rate", "0.1", "--margin", "0.3")
# Sums over the same rows in another order.
SAME = 1e-9
AS_TEXT = pl.format("C-{}", pl.col("customer_id"))


def simulated(customers: int = 600, *, seed: int = 5, refunds: float = 0.15) -> pl.DataFrame:
    """Return orders of two years by day, some of them refunds."""
    draw = np.random.default_rng(seed)
    counts = 1 + draw.poisson(draw.gamma(0.8, 3.0, customers))
    people = np.repeat(np.arange(customers), counts)
    days = draw.integers(0, 730, len(people))
    amounts = np.round(draw.gamma(4.0, 9.0, len(people)), 2)
    amounts = np.where(draw.random(len(people)) < refunds, -amounts, amounts)
    orders = pl.DataFrame({"customer_id": people, "date": days, "amount": amounts})
    return orders.with_columns((pl.col("date") + 19_358).cast(pl.Date)).sample(
        fraction=1.0, shuffle=True, seed=seed
    )


def predict(*arguments: object) -> tuple[object, ...]:
    return ("predict", *arguments, "--unit", "week", *UNTIL, *TERMS)
