"""A simulated shop whose customers are known beyond the end of observation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

import clvmodels as clv

COLUMNS = {"customer": "who", "date": "when", "amount": "paid"}
START = date(2020, 1, 1)
PURCHASES = clv.BGNBD(r=0.8, alpha=40.0, a=0.8, b=3.0)  # in days
SPEND = clv.GammaGamma(p=6.25, q=8.0, v=35.0)


@dataclass(frozen=True)
class Shop:
    """All orders, also those that come after the end of observation."""

    orders: pl.DataFrame
    until: date

    @property
    def seen(self) -> pl.DataFrame:
        return self.orders.filter(pl.col("when") <= self.until)


def simulated(seed: int, n: int, *, acquired: int = 182, until: int = 273, end: int = 455) -> Shop:
    """Simulate n customers who come in the first days, by the two models above."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(PURCHASES.r, 1.0 / PURCHASES.alpha, n)
    leaving = rng.beta(PURCHASES.a, PURCHASES.b, n)
    scale = rng.gamma(SPEND.q, 1.0 / SPEND.v, n)
    rows = []
    for i, first in enumerate((7 * rng.integers(0, acquired // 7, n)).tolist()):  # few states
        days, clock = [first], float(first)
        while True:
            clock += rng.exponential(1.0 / rate[i])
            if clock > end:
                break
            if int(clock) > days[-1]:
                days.append(int(clock))
            if rng.random() < leaving[i]:
                break
        paid = rng.gamma(SPEND.p, 1.0 / scale[i], len(days))
        rows += [(i, START + timedelta(days=d), p) for d, p in zip(days, paid, strict=True)]
    table = pl.DataFrame(rows, schema=["who", "when", "paid"], orient="row")
    return Shop(table, START + timedelta(days=until))


@pytest.fixture(scope="session")
def simulate() -> Callable[..., Shop]:
    return simulated


@pytest.fixture(scope="session")
def shop() -> Shop:
    """600 customers of two quarters, seen until the end of the third."""
    return simulated(1, 600)


@pytest.fixture(scope="session")
def models() -> tuple[Any, Any]:
    return PURCHASES, SPEND


@pytest.fixture(scope="session")
def fits(shop: Shop) -> tuple[Any, Any]:
    rfm = clv.rfm_summary(shop.seen, **COLUMNS, unit="day", observed_until=shop.until)
    return clv.BGNBD.fit(rfm), clv.GammaGamma.fit(rfm)


@pytest.fixture(scope="session")
def columns() -> dict[str, str]:
    return COLUMNS
