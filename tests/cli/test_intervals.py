"""`predict --interval`: the columns of the library, in files and parts, kept apart by --resume."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import clvmodels as clv

UNTIL = ("--observed-until", "1997-09-30")
TERMS = ("--horizon", "39w", "--discount-rate", 0.1, "--margin", 0.3)
NEW = ["purchases_lower", "purchases_upper", "clv_lower", "clv_upper"]
SAME = 1e-9  # the same estimates, summed in another order


@pytest.fixture(scope="module")
def expected(cdnow: Path, model: Path, summary_of: Callable[..., Any]) -> pl.DataFrame:
    rfm = summary_of(pl.read_parquet(cdnow / "orders.parquet"))
    models = clv.load(model)
    return models.predict(rfm, horizon="39w", discount_rate=0.1, margin=0.3, interval=0.8)


@pytest.mark.parametrize("way", [("--out",), ("--parts", "--buckets", "3", "--out")], ids=len)
def test_files_and_parts_equal_the_library(
    run: Callable[..., Any],
    cdnow: Path,
    model: Path,
    tmp_path: Path,
    expected: pl.DataFrame,
    way: tuple[str, ...],
) -> None:
    out = tmp_path / ("clv.parquet" if len(way) == 1 else "clv")
    done = run("predict", cdnow / "orders.parquet", "--model", model, *UNTIL, *TERMS,
               "--interval", 0.8, *way, out)  # fmt: skip
    assert done.code == 0, done.err
    found = pl.read_parquet(out if out.suffix else out / "*.parquet")
    assert found.columns == expected.columns
    assert found.columns[-4:] == NEW
    assert found["purchases_upper"].to_list() == expected["purchases_upper"].to_list()
    for name in NEW:
        assert found[name].to_list() == pytest.approx(expected[name].to_list(), rel=SAME)


def test_a_job_with_another_interval_is_another_job(
    run: Callable[..., Any], cdnow: Path, model: Path, tmp_path: Path
) -> None:
    job = ("predict", cdnow / "orders.parquet", "--model", model, *UNTIL, "--amount", "none")
    parts = ("--parts", "--out", tmp_path / "clv")
    assert run(*job, *parts, "--interval", 0.9).code == 0
    same = run(*job, *parts, "--interval", 0.9, "--resume")
    assert same.code == 0
    assert "nothing to do" in same.err
    for other in (("--interval", 0.8), ()):
        done = run(*job, *parts, *other, "--resume")
        assert done.code == 2
        assert "the terms changed" in done.err
    manifest = json.loads((tmp_path / "clv" / "_manifest.json").read_text())
    assert manifest["job"]["terms"]["interval"] == 0.9


def test_the_screen_and_the_json(run: Callable[..., Any], cdnow: Path, model: Path) -> None:
    job = ("predict", cdnow / "orders.parquet", "--model", model, *UNTIL, *TERMS)
    document = run(*job, "--interval", 0.9, "--json").document
    assert document["interval"] == 0.9
    assert list(document["first"][0])[-4:] == NEW
    worth = [row["clv"] for row in document["first"]]
    assert worth == sorted(worth, reverse=True), "the first rows are those of highest value"
    assert run(*job, "--json").document["interval"] is None


@pytest.mark.parametrize("level", ["0", "1", "90", "-0.5", "nan"])
def test_levels(run: Callable[..., Any], cdnow: Path, model: Path, level: str) -> None:
    for command in ("predict", "total"):
        done = run(command, cdnow / "orders.parquet", "--model", model, "--interval", level)
        assert done.code == 2
        assert "--interval is the probability inside, between 0 and 1" in done.err
