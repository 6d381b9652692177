"""``--json`` prints one object, strictly JSON, with what the Python library computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clvmodels as clv

SAME = 1e-9  # the same sums in another order
UNTIL = ("--observed-until", "1997-09-30")


def test_fit(
    run: Callable[..., Any],
    cdnow: Path,
    model: Path,
    tmp_path: Path,
    summary_of: Callable[..., Any],
) -> None:
    done = run("fit", cdnow / "orders.parquet", "--json", *UNTIL, "--model", tmp_path / "m.json")
    document, saved = done.document, clv.load(model)
    for name, fit in (("purchases", saved.purchases), ("spend", saved.spend)):
        told = document[name]
        assert told["model"] == type(fit.model).__name__
        assert told["log_likelihood"] == pytest.approx(fit.log_likelihood, rel=SAME)
        assert told["customers"] == fit.n_customers
        assert told["certificate"]["verdict"] == fit.certificate.verdict
        for parameter, row in fit.estimates.iterrows():
            assert told["estimates"][parameter] == pytest.approx(dict(row), rel=1e-6)
    assert document["model"] == str(tmp_path / "m.json")
    assert document["columns"] == {"customer": "customer_id", "date": "date", "amount": "amount"}
    assert document["warnings"] == []
    ledger = summary_of(cdnow / "orders.parquet").ledger
    # Sums of floats differ in the last digit with the order that threads add them in.
    for theirs, ours in zip(document["ledger"]["entries"], ledger.entries, strict=True):
        amount = theirs.pop("amount")
        assert amount == ours.amount or amount == pytest.approx(ours.amount, rel=1e-12)
        assert theirs == {"what": ours.what, "rows": ours.rows, "customers": ours.customers}
    assert document["ledger"]["balances"] is True


def test_summarize(run: Callable[..., Any], cdnow: Path, tmp_path: Path) -> None:
    out = tmp_path / "rfm.csv"
    document = run("summarize", cdnow / "orders.csv", "--json", "--out", out).document
    assert document["out"] == str(out)
    assert document["customers"] == 2357
    assert document["observed_until"] == "1998-06-30"
    assert "first" not in document


def test_predict(run: Callable[..., Any], cdnow: Path, model: Path) -> None:
    done = run("predict", cdnow / "orders.parquet", "--json", "--model", model)
    document = done.document
    assert len(document["first"]) == 10
    assert document["horizon"] == "1y"
    assert document["totals"]["clv"] > document["first"][0]["clv"] > 0.0
    assert done.err.count("note:") == 2, "what was decided for the user is on stderr, still"


def test_quiet_leaves_notes_out(run: Callable[..., Any], cdnow: Path, model: Path) -> None:
    done = run("predict", cdnow / "orders.parquet", "--json", "--quiet", "--model", model)
    assert done.err == ""
    assert done.document["customers"] == 2357


def test_infinite_standard_errors_are_null(run: Callable[..., Any], tmp_path: Path) -> None:
    """Nobody leaves among these customers, so that a and b have no bound."""
    draw = np.random.default_rng(5)
    days = [
        (who, str(day))
        for who in range(400)
        for day in np.datetime64("2024-01-01") + draw.integers(0, 365, 1 + draw.poisson(8))
    ]
    log = tmp_path / "orders.csv"
    log.write_text("customer_id,date\n" + "".join(f"{who},{day}\n" for who, day in days))
    done = run("fit", log, "--json")
    assert done.code == 0
    estimates = done.document["purchases"]["estimates"]
    assert estimates["b"]["std_error"] is None
    assert done.document["purchases"]["certificate"]["verdict"] == "boundary"
    assert done.err.splitlines()[-2].startswith("warning: BG/NBD is not pinned down by these data.")
    assert "fit.py" not in done.err, "a warning is a message, not a place in the code"
    assert len(done.document["warnings"]) == 1
