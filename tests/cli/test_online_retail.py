"""A real log of invoice lines with returns, missing ids and stamps, by columns it tells itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import clvmodels as clv

# parents: cli, tests, the project, the folder it is in
LOG = Path(__file__).resolve().parents[3] / "shared/data/online_retail_2009_2010.parquet"
SAME = 1e-9  # the same sums in another order

pytestmark = pytest.mark.skipif(
    not LOG.exists(), reason=f"needs {LOG.name} in a folder `shared/data` beside the project"
)


def test_end_to_end(run: Callable[..., Any], tmp_path: Path) -> None:
    model, out = tmp_path / "model.json", tmp_path / "clv.parquet"
    fitted = run("fit", LOG, "--model", model, "--json")
    assert fitted.code == 0, fitted.err
    document = fitted.document
    columns = {"customer": "Customer ID", "date": "InvoiceDate", "amount": "Quantity*Price"}
    assert document["columns"] == columns
    assert document["ledger"]["balances"] is True
    assert "107,927 with no customer id" in document["warnings"][0]
    assert "Customer ID" in fitted.err

    done = run("predict", LOG, "--model", model, "--out", out, "--horizon", "26w", "--json")
    assert done.code == 0, done.err
    table = pl.read_parquet(out)
    assert len(table) == done.document["customers"] == document["customers"]
    assert table["Customer ID"].is_sorted()
    with pytest.warns(clv.DataWarning, match="no customer id"):
        rfm = clv.rfm_summary(
            LOG,
            customer="Customer ID",
            date="InvoiceDate",
            amount=("Quantity", "Price"),
            unit="week",
        )
    expected = clv.load(model).predict(rfm, horizon="26w").collect()
    assert table["clv"].sum() == pytest.approx(expected["clv"].sum(), rel=SAME)
    assert done.document["totals"]["clv"] == pytest.approx(table["clv"].sum(), rel=SAME)


def test_strict_refuses_it(run: Callable[..., Any]) -> None:
    done = run("summarize", LOG, "--strict")
    assert done.code == 2
    assert "107,927 of 525,461 rows: no customer id" in done.err
    assert "leave out --strict" in done.err
