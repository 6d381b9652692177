"""Logs in buckets of customers: the same results as at once, in bounded memory."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import clvmodels as clv
from clvmodels.cli.memory import bucket_count, order_bytes, read_memory
from clvmodels.errors import ParameterError

from .simulated_orders import AS_TEXT, SAME, UNTIL, predict, simulated

# A climb ends where its gradient vanishes, to rounding of sums in another order.
ESTIMATED = 1e-6

IDS: dict[str, pl.Expr] = {
    "whole numbers": pl.col("customer_id") * 7 - 300,
    "text": AS_TEXT,
    "floats with gaps": pl.when(pl.col("customer_id") % 50 != 0).then(pl.col("customer_id") / 2.0),
    "text, blank and missing": pl.when(pl.col("customer_id") % 50 == 1)
    .then(pl.lit("  "))
    .when(pl.col("customer_id") % 50 != 2)
    .then(AS_TEXT),
    "categories": AS_TEXT.cast(pl.Categorical),
    "dates": (pl.col("customer_id") + 9_000).cast(pl.Date),
}


@pytest.mark.parametrize("ids", IDS.values(), ids=IDS.keys())
def test_buckets_change_no_row(
    run: Callable[..., Any], folder: Path, saved: Path, ids: pl.Expr
) -> None:
    simulated().with_columns(ids.alias("customer_id")).write_parquet("orders.parquet")
    for n in (1, 7):
        out = f"{n}.parquet"
        done = run(*predict("orders.parquet", "--model", saved, "--buckets", n, "--out", out))
        assert done.code == 0, done.err
    assert_frame_equal(pl.read_parquet("7.parquet"), pl.read_parquet("1.parquet"), rel_tol=SAME)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", clv.DataWarning)  # of rows without an id
        rfm = clv.rfm_summary(
            "orders.parquet",
            customer="customer_id",
            date="date",
            amount="amount",
            observed_until="2024-12-31",
            unit="week",
        )
    expected = clv.load(saved).predict(rfm, horizon="1y", discount_rate=0.1, margin=0.3)
    assert_frame_equal(
        pl.read_parquet("7.parquet"),
        expected.collect(),
        check_row_order=False,
        rel_tol=SAME,
    )


@pytest.mark.parametrize("kind", ["csv", "parts of parquet"])
@pytest.mark.parametrize("options", [(), ("--returns", "drop"), ("--grid", "month")])
def test_ledgers_of_buckets_add_up(
    run: Callable[..., Any], folder: Path, kind: str, options: tuple[str, ...]
) -> None:
    bad = [{"customer_id": None, "date": "2024-01-03", "amount": 3.5}]
    bad += [{"customer_id": f"C-{i}", "date": "soon", "amount": 1.0} for i in range(5)]
    bad += [{"customer_id": f"C-{i}", "date": "2025-02-01", "amount": 1.0} for i in range(590, 605)]
    bad += [{"customer_id": "C-1", "date": "2024-02-01", "amount": None}]
    texts = [AS_TEXT.alias("customer_id"), pl.col("date").cast(pl.String)]
    orders = pl.concat([simulated().with_columns(texts), pl.DataFrame(bad)])
    if kind == "csv":
        orders.write_csv("orders.csv")
        source = "orders.csv"
    else:
        Path("log").mkdir()
        for part in range(3):
            orders.gather_every(3, part).write_parquet(f"log/{part}.parquet")
        source = "log/*.parquet"
    documents = []
    unit = "month" if "--grid" in options else "week"
    for n in (1, 5):
        arguments = ("--invalid", "drop", "--json", "--unit", unit, "--out", f"{n}.csv")
        done = run("summarize", source, "--buckets", n, *arguments, *options, *UNTIL)
        assert done.code == 0, done.err
        documents.append(done.document)
    assert_frame_equal(pl.read_csv("5.csv"), pl.read_csv("1.csv"), rel_tol=SAME)
    whole, split = (document["ledger"] for document in documents)
    assert split["balances"] is True
    assert sorted(each["what"] for each in split["entries"]) == sorted(
        each["what"] for each in whole["entries"]
    )
    for a in whole["entries"]:
        b = next(each for each in split["entries"] if each["what"] == a["what"])
        assert (a["rows"], a["customers"]) == (b["rows"], b["customers"])
        assert (a["amount"] is None) == (b["amount"] is None)
        assert (a["amount"] or 0.0) == pytest.approx(b["amount"] or 0.0, rel=SAME)
    assert split["unmatched_refunds"] == pytest.approx(whole["unmatched_refunds"], rel=SAME)
    assert documents[0]["warnings"] == documents[1]["warnings"] != []


def test_fits_from_buckets(run: Callable[..., Any], cdnow: Path) -> None:
    source, until = cdnow / "orders.parquet", ("--observed-until", "1997-09-30")
    first, second = (run("fit", source, "--buckets", n, "--json", *until).document for n in (1, 6))
    for name in ("purchases", "spend"):
        assert second[name]["customers"] == first[name]["customers"]
        for parameter, estimate in first[name]["estimates"].items():
            other = second[name]["estimates"][parameter]["estimate"]
            assert other == pytest.approx(estimate["estimate"], rel=ESTIMATED)
    assert first["ledger"]["balances"]


def test_parts_hold_what_a_file_holds(run: Callable[..., Any], folder: Path, saved: Path) -> None:
    simulated().write_parquet("orders.parquet")
    one = run(*predict("orders.parquet", "--model", saved, "--out", "clv.parquet", "--json"))
    arguments = predict(
        "orders.parquet", "--model", saved, "--out", "clv", "--parts", "--buckets", 4, "--json"
    )
    parts = run(*arguments)
    assert parts.code == 0, parts.err
    assert sorted(path.name for path in Path("clv").iterdir()) == [
        "_SUCCESS",
        "_manifest.json",
        *(f"part-0000{i}.parquet" for i in range(1, 5)),
    ]
    expected = pl.read_parquet("clv.parquet")
    assert_frame_equal(pl.read_parquet("clv/*.parquet"), expected, rel_tol=SAME)
    for name, total in one.document["totals"].items():
        assert parts.document["totals"][name] == pytest.approx(total, rel=SAME)
    assert parts.document["customers"] == len(expected)
    manifest = json.loads(Path("clv/_manifest.json").read_text())
    assert manifest["complete"] is True
    assert sum(part["customers"] for part in manifest["parts"]) == len(expected)

    again = run(*arguments)
    assert again.code == 2
    assert "--resume" in again.err
    again = run(*arguments, "--resume")
    assert again.document == parts.document
    assert "nothing to do" in again.err


def test_paths_and_options_of_parts(run: Callable[..., Any], folder: Path, saved: Path) -> None:
    simulated(50).write_parquet("orders.parquet")
    Path("log").mkdir()
    simulated(50).write_parquet("log/orders.parquet")
    cases = {
        ("orders.parquet", "--parts"): "No --out was given",
        ("orders.parquet", "--parts", "--out", "clv.parquet"): "such as --out clv",
        ("orders.parquet", "--resume", "--out", "clv.parquet"): "without --parts",
        ("orders.parquet", "--parts", "--out", "no/clv"): "folder that exists",
        ("log", "--parts", "--out", "log/clv"): "not among the inputs",
        ("orders.parquet", "--parts", "--out", "log"): "new or empty",
        ("orders.parquet", "--parts", "--resume", "--out", "log"): "no manifest",
    }
    for arguments, words in cases.items():
        done = run(*predict(*arguments, "--model", saved))
        assert done.code == 2, arguments
        assert words in " ".join(done.err.split()), arguments
    assert sorted(path.name for path in Path("log").iterdir()) == ["orders.parquet"]


@pytest.mark.parametrize("size", ["2", "lots", "-1GB", "2 GB RAM", "2XB", "0MB", "50MB"])
def test_memory_that_is_none(run: Callable[..., Any], folder: Path, saved: Path, size: str) -> None:
    simulated(50).write_parquet("orders.parquet")
    done = run(*predict("orders.parquet", "--model", saved, "--max-memory", size))
    assert done.code == 2
    assert "--max-memory" in done.err


def test_less_memory_makes_more_buckets() -> None:
    size = order_bytes(8.0, nets=False)
    orders = 20_000_000
    counts = [
        bucket_count(orders, size, limit=read_memory(text), threads=2)
        for text in ("4GB", "420MB", "350MB")
    ]
    assert counts[0] < counts[1] < counts[2]
    assert bucket_count(orders, order_bytes(8.0, nets=True), limit=10**9, threads=2) >= counts[0]
    assert orders / counts[2] * size < 350e6
    with pytest.raises(ParameterError, match="POLARS_MAX_THREADS"):
        bucket_count(orders, size, limit=10**9, threads=64)
