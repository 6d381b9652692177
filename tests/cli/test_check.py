"""`check`: what the library finds, on the screen and as JSON, of orders and kept summaries."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import clvmodels as clv

UNTIL = ("--observed-until", "1997-09-30")
COLUMNS = {"customer": "customer_id", "date": "date", "amount": "amount"}
SAME = 1e-9  # spend is folded where the log is a file


@pytest.fixture(scope="module")
def wanted(cdnow: Path) -> clv.SuitabilityCheck:
    orders = pl.read_parquet(cdnow / "orders.parquet")
    return clv.check(orders, **COLUMNS, observed_until="1997-09-30")


def test_json(run: Callable[..., Any], cdnow: Path, wanted: clv.SuitabilityCheck) -> None:
    document = run("check", cdnow / "orders.parquet", *UNTIL, "--json").document
    assert document["command"] == "check"
    assert document["columns"] == {"customer": "customer_id", "date": "date", "amount": "amount"}
    assert (document["customers"], document["repeat_customers"]) == (2357, 946)
    assert (document["level"], document["verdict"]) == ("note", wanted.verdict)
    assert document["unit"] == "week"
    for told, finding in zip(document["findings"], wanted.findings, strict=True):
        number, expected = told.pop("number"), finding.number
        if number is None:
            assert expected != expected, "what is not known is null"
        else:
            assert number == pytest.approx(expected, rel=SAME)
        assert told == {name: getattr(finding, name) for name in told}
        assert set(told) == {"topic", "level", "measure", "says", "matters", "advice", "threshold"}


def test_the_screen(run: Callable[..., Any], cdnow: Path, wanted: clv.SuitabilityCheck) -> None:
    done = run("check", cdnow / "orders.csv", *UNTIL)
    assert done.code == 0
    assert done.out.strip() == str(wanted)
    assert "Columns told from their names" in done.err


def test_a_kept_summary(run: Callable[..., Any], cdnow: Path, folder: Path) -> None:
    run("update", "state", cdnow / "orders.parquet")
    document = run("check", "state", "--json").document
    whole = clv.check(pl.read_parquet(cdnow / "orders.parquet"), **COLUMNS)
    assert document["customers"] == 2357
    says = {each["topic"]: each["says"] for each in document["findings"]}
    assert says["cohort drift"] == "Needs the orders."
    for topic in ("rows left out", "repeat share", "customers from before", "spend and frequency"):
        assert says[topic] == whole.finding(topic).says


def test_rules_are_kept(run: Callable[..., Any], folder: Path) -> None:
    Path("orders.csv").write_text("who,when,paid\na,2024-01-01,5\n,2024-01-02,5\n")
    job = ("check", "orders.csv", "--customer", "who", "--date", "when", "--amount", "paid")
    done = run(*job, "--json", "--grid", "week")
    assert done.document["unit"] == "week"
    lost = done.document["findings"][0]
    assert (lost["topic"], lost["number"], lost["level"]) == ("rows left out", 0.5, "problem")
    assert len(done.document["warnings"]) == 1
    refused = run(*job, "--strict")
    assert refused.code == 2
    assert "no customer id" in refused.err
    assert "no column" in run("check", "orders.csv").err.lower()


def test_memory_is_said_not_to_matter(run: Callable[..., Any], cdnow: Path) -> None:
    done = run("check", cdnow / "orders.parquet", *UNTIL, "--max-memory", "1GB")
    assert done.code == 0
    assert "--max-memory changes nothing" in done.err
