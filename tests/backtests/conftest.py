"""Small logs of orders whose customers behave as a model says, or as no model does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

import clvmodels as clv

START = date(2023, 1, 2)
COLUMNS = {"customer": "who", "date": "day", "amount": "paid"}
Make = Callable[..., pl.DataFrame]


def _orders(
    customers: int = 300, *, days: int = 420, seed: int = 1, refunds: float = 0.0
) -> pl.DataFrame:
    """Return orders of BG/NBD customers who start within the first six sevenths of the time.

    Some ids are text with leading zeros, the channel of some changes, and of some is missing.
    """
    draw = np.random.default_rng(seed)
    start = draw.integers(0, 6 * days // 7, customers)
    rate = draw.gamma(1.2, 1 / 25.0, customers)
    leaves = draw.beta(0.8, 2.5, customers)
    mean = 400.0 / draw.gamma(4.0, 4.0, customers)
    people, when = [], []
    for i in range(customers):
        day = float(start[i])
        while day < days:
            people.append(i)
            when.append(int(day))
            if draw.random() < leaves[i]:
                break
            day += max(draw.exponential(1.0 / rate[i]), 1.0)
    who = np.array(people)
    paid = np.round(draw.gamma(1.5, mean[who] / 1.5), 2)
    paid = np.where(draw.random(len(who)) < refunds, -paid, paid)
    channel = np.where((who * 7 + draw.integers(0, 2, len(who))) % 3 == 0, "web", "shop")
    frame = pl.DataFrame(
        {
            "who": [f"{i:05d}" for i in people],
            "day": pl.Series(when).cast(pl.Int32) + (START - date(1970, 1, 1)).days,
            "paid": paid,
            "channel": [None if i % 11 == 0 else c for i, c in zip(people, channel, strict=True)],
            "region": (who % 4).astype(float),
        }
    )
    return frame.with_columns(pl.col("day").cast(pl.Date)).sample(
        fraction=1.0, shuffle=True, seed=seed
    )


@pytest.fixture(scope="session")
def make() -> Make:
    """Return the maker of such logs."""
    return _orders


@pytest.fixture(scope="session")
def log() -> pl.DataFrame:
    """Return one of 300 customers over 420 days, with refunds."""
    return _orders(refunds=0.05)


@pytest.fixture(scope="session")
def run() -> Callable[..., Any]:
    """Return `backtest` with the columns of these logs."""

    def call(orders: Any, **options: Any) -> Any:
        settings = {**COLUMNS, "unit": "week", "horizon": "10w", "models": ["BGNBD"], **options}
        return clv.backtest(orders, **settings)

    return call
