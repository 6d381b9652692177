"""A kept summary from the command line gives what all orders at once give."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

# The same money in another order.
SAME = 1e-9
END = date(1997, 9, 30)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cdnow: Path) -> Path:
    """Return the working directory, with the orders until END, of the day after, and of both."""
    monkeypatch.chdir(tmp_path)
    orders = pl.read_parquet(cdnow / "orders.parquet")
    orders.filter(pl.col("date") <= END).write_parquet("old.parquet")
    orders.filter(pl.col("date") == date(1997, 10, 1)).write_parquet("new.parquet")
    orders.filter(pl.col("date") <= date(1997, 10, 1)).write_parquet("all.parquet")
    return tmp_path


def test_a_state_stands_in_place_of_the_orders(
    run: Callable[..., Any], folder: Path, model: Path
) -> None:
    made = run("update", "state", "old.parquet", "--observed-until", "1997-09-30")
    assert made.code == 0, made.err
    updated = run("update", "state", "new.parquet", "--observed-until", "1997-10-01", "--json")
    assert updated.code == 0, updated.err
    assert updated.document["observed_until"] == "1997-10-01"
    assert updated.document["changed"] is True
    again = run("update", "state", "new.parquet", "--observed-until", "1997-10-01", "--json")
    assert again.document["changed"] is False
    assert "applied before" in again.err

    for source, out in (("all.parquet", "a"), ("state", "b")):
        until = ("--observed-until", "1997-10-01") if source != "state" else ()
        for command in ("predict", "summarize"):
            extra = ("--model", model) if command == "predict" else ()
            file = f"{out}-{command}.parquet"
            done = run(command, source, *extra, *until, "--out", file, "--buckets", 3)
            assert done.code == 0, done.err
        done = run("predict", source, "--model", model, *until, "--out", out, "--parts")
        assert done.code == 0, done.err
    for name in ("predict.parquet", "summarize.parquet"):
        kept, fresh = (pl.read_parquet(f"{each}-{name}") for each in ("b", "a"))
        assert_frame_equal(kept, fresh.select(kept.columns), rel_tol=SAME)
    assert_frame_equal(
        pl.read_parquet("b/*.parquet"), pl.read_parquet("b-predict.parquet"), rel_tol=SAME
    )
    fits = [run("fit", source, "--json").document for source in ("all.parquet", "state")]
    assert fits[0]["ledger"]["balances"]
    assert fits[1]["ledger"]["balances"]
    assert fits[1]["purchases"]["log_likelihood"] == pytest.approx(
        fits[0]["purchases"]["log_likelihood"], rel=SAME
    )


def test_a_job_on_a_state_that_was_updated_is_not_resumed(
    run: Callable[..., Any], folder: Path, model: Path
) -> None:
    old = pl.read_parquet("old.parquet")
    old.clear().write_parquet("none.parquet")
    assert run("update", "state", "old.parquet", "--observed-until", "1997-09-30").code == 0
    job = ("predict", "state", "--model", model, "--out", "clv", "--parts", "--resume")
    assert run(*job).code == 0
    assert "nothing to do" in run(*job).err
    files = sorted(path.name for path in Path("state").glob("*.parquet"))
    night = run("update", "state", "none.parquet", "--observed-until", "1997-10-01")
    assert night.code == 0, night.err
    assert sorted(path.name for path in Path("state").glob("*.parquet")) == files

    before = pl.read_parquet("clv/*.parquet")
    done = run(*job)
    assert done.code == 2
    assert "the orders changed" in " ".join(done.err.split())
    assert_frame_equal(pl.read_parquet("clv/*.parquet"), before)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("update state new.parquet --customer customer_id", "Got --customer"),
        ("update state new.parquet --max-memory 1GB", "Got --max-memory"),
        ("update state all.parquet", "--late add"),
        ("update fresh old.parquet --grid month --unit month", "Got --unit"),
        ("update fresh old.parquet --grid month", "month"),
        ("update old.parquet new.parquet", "old.parquet"),
        ("summarize state --returns drop", "Got --returns"),
        ("summarize state --observed-until 1998-01-01", "Got --observed-until"),
    ],
)
def test_what_a_state_has_settled(
    run: Callable[..., Any], folder: Path, line: str, words: str
) -> None:
    assert run("update", "state", "old.parquet").code == 0
    done = run(*line.split())
    assert (done.code, done.out) == (2, "")
    assert words in " ".join(done.err.split())
