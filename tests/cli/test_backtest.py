"""`backtest`: the numbers of the library, its table in a file, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import clvmodels as clv

SAME = 1e-9
QUICK = ("--purchases", "BGNBD", "--origin", "1997-12-31", "--horizon", "13w")


@pytest.fixture(scope="module")
def orders(cdnow: Path) -> Path:
    """Return orders of a third of the customers of the sample."""
    path = cdnow / "third.parquet"
    frame = pl.read_parquet(cdnow / "orders.parquet").filter(pl.col("customer_id") % 3 == 0)
    frame.with_columns(half=(pl.col("customer_id") % 2).cast(pl.String)).write_parquet(path)
    return path


@pytest.fixture(scope="module")
def wanted(orders: Path) -> clv.Backtest:
    return clv.backtest(
        pl.read_parquet(orders),
        customer="customer_id",
        date="date",
        amount="amount",
        unit="week",
        horizon="13w",
        models=["BGNBD"],
        origins=["1997-12-31"],
        by="half",
    )


def test_the_document_has_what_the_library_says(
    run: Callable[..., Any], orders: Path, wanted: clv.Backtest
) -> None:
    document = run("backtest", orders, *QUICK, "--by", "half", "--json").document
    assert document["command"] == "backtest"
    assert document["verdict"] == wanted.verdict
    assert document["origins"] == ["1997-12-31"]
    assert document["horizon"] == 13.0
    assert document["customers"] == list(wanted.customers)
    for name in ("summary", "paired", "newcomers", "fits"):
        table = getattr(wanted, name)
        assert [list(row) for row in document[name]] == [list(table)] * len(table)
    ours = {(row["quantity"], row["model"]): row for row in document["summary"]}
    for row in wanted.summary.to_dict("records"):
        found = ours[row["quantity"], row["model"]]
        assert found["rmse"] == pytest.approx(row["rmse"], rel=SAME)
        assert (found["coverage"] is None) == (row["kind"] == "rule")


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_the_table_goes_to_a_file(
    run: Callable[..., Any], orders: Path, wanted: clv.Backtest, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    done = run("backtest", orders, *QUICK, "--by", "half", "--out", path)
    assert done.code == 0
    assert wanted.verdict.split()[1] in done.out
    assert "cannot be told apart" in done.out or "best rule" in done.out
    table = pl.read_csv(path) if name.endswith("csv") else pl.read_parquet(path)
    assert table.columns == list(wanted.table)
    assert table["label"].cast(pl.String).to_list() == wanted.table["label"].to_list()
    numbers = wanted.table["number"].to_numpy()
    assert table["number"].is_null().to_list() == [x != x for x in numbers]
    assert table["number"].fill_null(0.0).to_list() == pytest.approx(
        [0.0 if x != x else x for x in numbers], rel=SAME
    )


def test_months(run: Callable[..., Any], orders: Path) -> None:
    months = ("--unit", "month", "--grid", "month", "--horizon", "3mo", "--origins", "1")
    job = ("backtest", orders, *months, "--purchases", "BGBB", "--cohort", "none", "--json")
    document = run(*job).document
    assert document["origins"] == ["1998-03-31"]
    assert document["summary"][0]["kind"] == "model"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--horizon", "9y"), "shorter horizon"),
        (("--origin", "1996-01-01"), "Choose a later origin"),
        (("--purchases", "BGBND"), "Did you mean 'BGNBD'"),
        (("--by", "county"), "segment column"),
        (("--out", "table.xlsx"), "--out"),
    ],
)
def test_what_cannot_be_is_refused(
    run: Callable[..., Any], orders: Path, options: tuple[str, ...], words: str
) -> None:
    done = run("backtest", orders, *options)
    assert done.code == 2
    assert words in done.err
    assert done.out == ""


def test_a_kept_summary_has_no_orders_to_leave_out(
    run: Callable[..., Any], orders: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    assert run("update", state, orders).code == 0
    done = run("backtest", state)
    assert done.code == 2
    assert "Pass the files of the orders" in done.err
