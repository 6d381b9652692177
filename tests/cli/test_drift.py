"""`drift`: the verdict of the library, from orders or a kept summary, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import clvmodels as clv

SAME = 1e-6  # the same sums in another order, and a refit that ends within its tolerance


def test_the_verdict_of_the_library(
    run: Callable[..., Any],
    cdnow: Path,
    model: Path,
    summary_of: Callable[..., Any],
    tmp_path: Path,
) -> None:
    new = tmp_path / "new.json"
    job = ("drift", cdnow / "orders.parquet", "--model", model)
    document = run(*job, "--out", new, "--json").document
    rfm = summary_of(pl.read_parquet(cdnow / "orders.parquet"), observed_until="1998-06-30")
    wanted = clv.drift(clv.load(model), rfm)
    assert document["command"] == "drift"
    assert document["verdict"] == wanted.verdict == "refit"
    assert (document["old_until"], document["new_until"]) == ("1997-09-30", "1998-06-30")
    for name, table in (
        ("tests", wanted.tests),
        ("parameters", wanted.table),
        ("window", wanted.window_table),
        ("changes", wanted.impact_table),
    ):
        pd.testing.assert_frame_equal(pd.DataFrame(document[name]), table, rtol=SAME)
    saved = clv.load(new)
    assert saved.purchases.model.r == pytest.approx(wanted.refitted.purchases.model.r, rel=SAME)
    done = run(*job, "--material", 0.5)
    assert done.code == 0
    assert "not yet" in done.out
    assert "hardly matters" in done.out


def test_a_kept_summary(run: Callable[..., Any], cdnow: Path, model: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert run("update", state, cdnow / "orders.parquet").code == 0
    document = run("drift", state, "--model", model, "--json").document
    assert (document["verdict"], document["customers"]) == ("refit", 2357)


def test_purchases_alone(run: Callable[..., Any], cdnow: Path, model: Path) -> None:
    job = ("drift", cdnow / "orders.parquet", "--model", model, "--amount", "none", "--json")
    document = run(*job).document
    assert [each["part"] for each in document["tests"]] == ["purchases"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ((), "No --model was given"),
        (("--model", "MODEL", "--observed-until", "1997-06-30"), "end after those of the old fit"),
        (("--model", "MODEL", "--unit", "day"), "own time unit"),
        (("--model", "MODEL", "--material", "5"), "between 0 and 1"),
        (("--model", "MODEL", "--horizon", "inf"), "finite"),
    ],
)
def test_what_is_refused(
    run: Callable[..., Any], cdnow: Path, model: Path, more: tuple[str, ...], words: str
) -> None:
    options = [str(model) if each == "MODEL" else each for each in more]
    done = run("drift", cdnow / "orders.parquet", *options)
    assert done.code != 0
    assert words in " ".join(done.err.split())


def test_parameters_without_a_fit(run: Callable[..., Any], cdnow: Path, saved: Path) -> None:
    done = run("drift", cdnow / "orders.parquet", "--model", saved, "--unit", "week")
    assert done.code != 0
    assert "Drift is that of a fit" in " ".join(done.err.split())
