"""Adapters of different libraries give the same answers on the same orders."""

from __future__ import annotations

import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from benchmarks.peers import bare_duckdb, bare_polars, ours
from benchmarks.peers.protocol import Job
from benchmarks.problems import PROBLEMS

SAMPLE = PROBLEMS["cdnow-sample"]
# lifetimes stops its climb early; standard errors of these estimates are 5 to 20 %.
CLIMB = 2e-3
ROUNDING = 1e-9  # sums of many numbers of different sizes, in different orders


@pytest.fixture(scope="module")
def job(tmp_path_factory: Any) -> Job:
    folder = tmp_path_factory.mktemp("cdnow")
    paths = [folder / f"{name}.parquet" for name in ("log", "summary", "patterns")]
    assert SAMPLE.write_log is not None
    assert SAMPLE.write_log(paths[0]) == 2357
    (folder / "out").mkdir()
    made = Job(*paths, folder / "out", SAMPLE.observed_until, 0)
    ours.STEPS["inputs"](made)()
    return made


@pytest.fixture(scope="module")
def theirs() -> Any:
    """Return the steps of lifetimes, which warns of much."""
    pytest.importorskip("lifetimes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitters = import_module("benchmarks.peers.fitters")
        steps = fitters.steps_of(import_module("lifetimes"))

    def run(step: str, job: Job) -> dict[str, float]:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return dict(steps[step](job)())

    return run


def test_inputs_are_the_sample(job: Job) -> None:
    summary, patterns = pl.read_parquet(job.summary), pl.read_parquet(job.patterns)
    assert len(summary) == patterns["weight"].sum() == 2357
    assert len(patterns) == 1016
    assert summary["T"].max() < 39.0


@pytest.mark.parametrize(
    "step", ["fit BG/NBD", "fit BG/NBD, patterns", "fit Pareto/NBD", "fit Gamma-Gamma"]
)
def test_fits_agree(step: str, job: Job, theirs: Any) -> None:
    mine, other = ours.STEPS[step](job)(), theirs(step, job)
    assert set(mine) == set(other)
    assert mine == pytest.approx(other, rel=CLIMB)


def test_predictions_agree(job: Job, theirs: Any) -> None:
    """P(alive), purchases and spend; values are discounted in another way by design."""
    theirs("predict", job)
    other = pl.read_parquet(job.out / "predictions.parquet")
    ours.STEPS["predict"](job)()
    mine = pl.read_parquet(job.out / "predictions.parquet")
    for table in (mine, other):
        assert len(table) == 2357
    both = mine.join(other, on="customer_id", suffix="_other")
    assert len(both) == 2357
    for name in ("p_alive", "expected_purchases", "expected_spend"):
        np.testing.assert_allclose(both[name], both[f"{name}_other"], rtol=1e-7)
    assert both["clv"].sum() == pytest.approx(both["clv_other"].sum(), rel=0.02)


def test_pipelines_agree(job: Job, theirs: Any) -> None:
    mine = ours.STEPS["pipeline"](job)()
    expected = pl.read_parquet(job.out / "predictions.parquet")["expected_purchases"].sum()
    other = theirs("pipeline", job)
    assert {name: mine[name] for name in "ab"} == pytest.approx(
        {name: other[name] for name in "ab"}, rel=CLIMB
    )
    assert expected == pytest.approx(other["expected_purchases"], rel=CLIMB)
    assert set(ours.PARTS) <= set(mine)


@pytest.mark.parametrize("engine", [bare_polars, bare_duckdb])
def test_the_bare_summary_is_the_summary(
    engine: Any, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what the plain queries find, the columns of a summary can be made."""
    monkeypatch.setenv("BENCH_THREADS", "1")
    everything = Job(**vars(job) | {"observed_until": "1998-06-30"})
    engine.STEPS["bare summary"](everything)()
    bare = pl.read_parquet(everything.out / "bare.parquet")
    ours.STEPS["summary"](everything)()
    mine = pl.read_parquet(everything.out / "summary.parquet").join(bare, on="customer_id")
    assert len(mine) == len(bare) == 2357
    assert (mine["frequency"] == mine["occasions"] - 1).all()
    weeks = (pl.col("last") - pl.col("first")).dt.total_days() / 7
    assert mine.select((pl.col("recency") - weeks).abs().max()).item() < ROUNDING
    mean = (pl.col("amount") - pl.col("first_amount")) / pl.col("frequency")
    assert (
        mine.filter(pl.col("frequency") > 0)
        .select((pl.col("monetary_value") - mean).abs().max())
        .item()
        < ROUNDING
    )


def test_scans_read_every_amount(job: Job) -> None:
    found = bare_polars.STEPS["scan"](job)()["amount"]
    assert found == pytest.approx(pl.read_parquet(job.log)["amount"].sum(), rel=ROUNDING)
    assert Path(job.log).exists()
