"""Logs of CDNOW at two dates, and worlds that change."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import clvmodels as clv
from clvmodels.datasets import load_cdnow
from clvmodels.errors import MissingExtraError

CUT, END = "1997-09-30", "1998-06-30"


@pytest.fixture(scope="session")
def orders() -> pl.DataFrame:
    try:
        return pl.from_pandas(load_cdnow(sample=True)).with_columns(pl.col("date").cast(pl.Date))
    except MissingExtraError as error:
        pytest.skip(str(error))


def summary(log: Any, until: str, **options: Any) -> clv.CustomerSummary:
    settings: dict[str, Any] = {"amount": "amount", "unit": "week"} | options
    return clv.rfm_summary(
        log, customer="customer_id", date="date", observed_until=until, **settings
    )


@pytest.fixture(scope="session")
def then(orders: pl.DataFrame) -> clv.CustomerSummary:
    return summary(orders, CUT)


@pytest.fixture(scope="session")
def now(orders: pl.DataFrame) -> clv.CustomerSummary:
    return summary(orders, END)


@pytest.fixture(scope="session")
def old(then: clv.CustomerSummary) -> clv.CLVModel:
    return clv.CLVModel(clv.BGNBD.fit(then), clv.GammaGamma.fit(then))


@pytest.fixture(scope="session")
def found(old: clv.CLVModel, now: clv.CustomerSummary) -> clv.Drift:
    return clv.drift(old, now)
