"""The tidy table: ratios within rounds, medians, what is said of limits; and the pages from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks import plan, report, results
from benchmarks.billion import histories_of, size
from benchmarks.environments import PEERS
from benchmarks.problems import PROBLEMS
from benchmarks.requirements import REQUIREMENTS
from benchmarks.runner import Bench, Run

BARE = plan.BARE
PARTS = ("summary", "fit BG/NBD", "fit Gamma-Gamma", "lookup", "engine")


def run(peer: str, step: str, number: int, wall: float, **changes: Any) -> Run:
    given = {
        "problem": "simulated 1M", "customers": 1_000_000, "rows": 1_680_000, "step": step,
        "peer": peer, "version": "1.0", "engine": "", "threads": 2, "round": number,
        "status": "ok", "wall_s": wall, "cpu_s": 2 * wall, "peak_mb": 100.0, "found": "{}",
    }  # fmt: skip
    return Run(**given | changes)


@pytest.fixture
def case() -> list[Run]:
    found = json.dumps({f"part {name}": 0.5 for name in PARTS})
    return [
        run("polars", BARE, 1, 1.0),
        run("clvmodels", "pipeline", 1, 2.0, found=found),
        run("lifetimes", "pipeline", 1, 30.0, peak_mb=400.0),
        run("polars", BARE, 2, 2.0),
        run("clvmodels", "pipeline", 2, 3.0, found=found),
        run("lifetimes", "pipeline", 2, 60.0, peak_mb=400.0),
        run("polars", BARE, 3, 1.0),
        run("clvmodels", "pipeline", 3, 1.8, found=found),
        run("pymc-marketing", "pipeline", 1, 120.0, status="over 120 s", cpu_s=None, peak_mb=None),
    ]


def row(table: pd.DataFrame, peer: str, number: str) -> Any:
    rows = table[(table.peer == peer) & (table["round"] == number)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_ratios_are_taken_within_a_round(case: list[Run]) -> None:
    table = results.tidy([case])
    assert tuple(table.columns) == results.COLUMNS
    assert row(table, "clvmodels", "1").faster_than_lifetimes == 15.0
    assert row(table, "clvmodels", "2").faster_than_lifetimes == 20.0
    # The third round has no lifetimes: the last one that there is.
    assert row(table, "clvmodels", "3").faster_than_lifetimes == pytest.approx(60 / 1.8)
    assert row(table, "clvmodels", "2").times_bare == 1.5
    middle = row(table, "clvmodels", "median")
    assert (middle.wall_s, middle.cpu_s, middle.times_bare) == (2.0, 4.0, 1.8)
    assert middle.faster_than_lifetimes == 20.0
    assert row(table, "lifetimes", "median").faster_than_lifetimes == 1.0


def test_a_process_that_was_stopped_has_no_ratio(case: list[Run]) -> None:
    late = row(results.tidy([case]), "pymc-marketing", "median")
    assert late.status == "over 120 s"
    assert late.wall_s == 120.0
    assert pd.isna(late.faster_than_lifetimes)
    assert pd.isna(late.cpu_s)


def test_other_problems_keep_their_rows(case: list[Run], tmp_path: Path) -> None:
    path = tmp_path / "bench.csv"
    other = [run("clvmodels", "pipeline", 1, 9.0, problem="CDNOW full")]
    results.put(results.tidy([case, other]), path)
    results.put(results.tidy([[run("clvmodels", "pipeline", 1, 8.0, problem="CDNOW full")]]), path)
    table = results.read(path)
    assert tuple(table.columns) == results.COLUMNS
    assert len(table[table.problem == "simulated 1M"]) == len(case) + 4
    assert set(table[table.problem == "CDNOW full"].wall_s) == {8.0}


def test_requirements_are_told_as_measured(case: list[Run]) -> None:
    lines = report.requirements(results.tidy([case])).splitlines()
    cells = {line.split(" | ")[0].removeprefix("| "): line for line in lines}
    assert "| at least 20 | 20 | yes |" in cells[REQUIREMENTS[0].what]
    assert "| at most 2 | 1.8 | yes |" in cells[REQUIREMENTS[1].what]
    assert "| not measured |" in cells[REQUIREMENTS[3].what]
    slow = [run("polars", BARE, 1, 1.0), run("clvmodels", "pipeline", 1, 2.5)]
    assert "| 2.5 | **no** |" in report.requirements(results.tidy([slow]))


def test_the_page_is_made_of_the_table(case: list[Run], tmp_path: Path) -> None:
    table = results.tidy([case])
    report.write(table, tmp_path, tmp_path / "speed.svg")
    picture = (tmp_path / "speed.svg").read_bytes()
    report.write(table, tmp_path, tmp_path / "speed.svg")
    assert (tmp_path / "speed.svg").read_bytes() == picture
    page = Path(__file__).resolve().parents[2] / "docs" / "explanation"
    for name in ("speed.md", "billion.md"):
        for line in (page / name).read_text(encoding="utf-8").splitlines():
            if line.startswith('--8<-- "benchmarks/results/') and "family" not in line:
                assert (tmp_path / Path(line.split('"')[1]).name).stat().st_size > 1
    assert "| 1,000,000 | 0.50 | 0.50 | 0.50 | 0.50 | 0.50 |" in (tmp_path / "parts.md").read_text()


def test_sizes_of_a_billion_follow_the_last_growth() -> None:
    sizes = {"simulated 1M": 2e5, "simulated 10M": 8e5, "simulated 100M, patterns": 24e5}
    runs = [
        [run("clvmodels", "sizes", 1, 1.0, problem=name, found=json.dumps({"triples": n}))]
        for name, n in sizes.items()
    ]
    table = results.tidy(runs)
    assert histories_of(table, 1e9, "triples") == pytest.approx(72e5)
    assert histories_of(table, 1e6, "triples") == pytest.approx(2e5)
    assert [size(n) for n in (12, 3.4e6, 5e12)] == ["12 bytes", "3.4 MB", "5 TB"]


def test_plans_name_known_peers_and_problems() -> None:
    for case in (*plan.QUICK, *plan.FULL):
        assert case.problem in PROBLEMS
        assert {entry.peer for entry in case.entries} <= set(PEERS)


def test_a_run_has_time_and_memory(tmp_path: Path) -> None:
    """For real, in processes of their own: one that works, one that is stopped, one that fails."""
    bench = Bench(tmp_path, tmp_path / "environments")
    entries = (plan.Entry("polars", "scan"), plan.Entry("polars", "no such step"))
    scan, wrong = bench.run(plan.Case("cdnow-sample", entries, rounds=1))
    assert scan.status == "ok"
    assert scan.customers == 2357
    assert scan.wall_s is not None
    assert 0.0 < scan.wall_s < 60.0
    assert scan.peak_mb is not None
    assert scan.peak_mb > 20.0
    assert wrong.status.startswith("failed: KeyError")
    (late,) = bench.run(plan.Case("cdnow-sample", entries[:1], rounds=1, limit=0.01))
    assert late.status == "over 0 s"
    assert late.wall_s == 0.01
