"""``clvmodels report``: a page in a file, by the options of the other commands."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tests.cli.conftest import Run
from tests.cli.simulated_orders import simulated

QUICK = ("--purchases", "BGNBD", "--no-backtest", "--observed-until", "2024-12-31")


def test_it_writes_a_page_and_says_so(run: Run, folder: Path) -> None:
    simulated(60).write_csv(folder / "orders.csv")
    done = run(
        *("report", "orders.csv", *QUICK, "--currency", "EUR", "--title", "<Shop>"),
        *("--margin", "0.3", "--top", "5", "--out", "page.html", "--json"),
    )
    assert done.code == 0, done.err
    text = (folder / "page.html").read_text(encoding="utf-8")
    assert "<title>&lt;Shop&gt;</title>" in text
    assert "The 5 customers of the highest expected value" in text
    assert "EUR\xa0" in text
    assert done.document["out"] == "page.html"
    assert done.document["bytes"] == len(text.encode())
    assert done.document["margin"] == 0.3


def test_costs_and_a_test_are_told_from_options_and_a_file(run: Run, folder: Path) -> None:
    orders = simulated(120)
    first = pl.col("customer_id").cast(pl.String).hash(seed=1) % 2 == 0
    arm = pl.when(first).then(pl.lit("mail")).otherwise(pl.lit("none")).alias("arm")
    orders.with_columns(arm, arm.alias("channel")).write_csv(folder / "orders.csv")
    pl.DataFrame({"channel": ["mail", "none"], "cac": [40.0, 15.0]}).write_csv(folder / "cac.csv")
    done = run(
        *("report", "orders.csv", *QUICK, "--by", "channel", "--cac", "cac.csv"),
        *("--group", "arm", "--out", "page.html"),
    )
    assert done.code == 0, done.err
    text = (folder / "page.html").read_text(encoding="utf-8")
    for part in ("Unit economics", "LTV", "Experiment", "mail"):
        assert part in text
    refused = run("report", "orders.csv", *QUICK, "--cac", "dear", "--out", "other.html")
    assert refused.code == 2
    assert "--cac is a number" in refused.err


def test_bad_requests_end_before_the_work(run: Run, folder: Path) -> None:
    simulated(50).write_csv(folder / "orders.csv")
    for options, words in (
        (("--out", "page.csv"), "A report is a page of HTML."),
        (("--purchases", "GammaGamma"), "purchase models"),
        (("--by", "nowhere"), "segment"),
        (("--horizon", "soon"), "duration"),
        (("--out", "missing/page.html"), "folder that exists"),
    ):
        done = run("report", "orders.csv", "--observed-until", "2024-12-31", *options)
        assert done.code == 2, options
        assert words in done.err
    assert [each.name for each in folder.iterdir()] == ["orders.csv"]
