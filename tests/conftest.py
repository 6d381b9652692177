"""Where the shared data are, and what a test says when they are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


def shared_file(name: str) -> Path:
    """Return a file beside the project, or skip the test that needs it."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"needs {name} in a folder `shared` beside the project, which is not there")
    return path


@pytest.fixture(scope="session")
def reference() -> Any:
    """Return a reader of the values that independent implementations computed."""

    def read(name: str) -> Any:
        return json.loads(shared_file(f"reference/{name}").read_text(encoding="utf-8"))

    return read


@pytest.fixture(scope="session")
def cdnow_orders() -> Any:
    """Return the CDNOW orders of all customers, as pandas."""
    import pandas as pd

    return pd.read_csv(shared_file("data/cdnow_transactions.csv"))


@pytest.fixture(scope="session")
def cdnow_sample_orders(cdnow_orders: Any) -> Any:
    """Return the CDNOW orders of the 1/10 sample of the papers."""
    import pandas as pd

    ids = pd.read_csv(shared_file("data/cdnow_sample_ids.csv"))
    return cdnow_orders[cdnow_orders.customer_id.isin(ids.customer_id)]


@pytest.fixture(scope="session")
def online_retail() -> Any:
    """Return the rows of Online Retail that have a customer, as polars."""
    import polars as pl

    rows = pl.read_parquet(shared_file("data/online_retail_2009_2010.parquet"))
    return rows.filter(pl.col("Customer ID").is_not_null())


@pytest.fixture(scope="session")
def online_retail_customers(online_retail: Any) -> Any:
    """Return its customers, in weeks, with the columns `Country` and `cohort` (by quarter)."""
    import clvmodels as clv

    columns = {"customer": "Customer ID", "date": "InvoiceDate"}
    rfm = clv.rfm_summary(online_retail, **columns, amount=("Quantity", "Price"), unit="week")
    labels = clv.customer_labels(online_retail, **columns, by="Country")
    return rfm.with_covariates(labels).with_cohorts("quarter")


@pytest.fixture(scope="session")
def cdnow_sample(cdnow_sample_orders: Any) -> Any:
    """Return the summary of the sample to 1997-09-30, in weeks."""
    return _calibration(cdnow_sample_orders)


@pytest.fixture(scope="session")
def cdnow_full(cdnow_orders: Any) -> Any:
    """Return the summary of all customers to 1997-09-30, in weeks."""
    return _calibration(cdnow_orders)


def _calibration(orders: Any) -> Any:
    import clvmodels as clv

    columns = {"customer": "customer_id", "date": "date", "amount": "amount"}
    return clv.rfm_summary(orders, **columns, observed_until="1997-09-30", unit="week")
