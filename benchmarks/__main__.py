"""Measure, write `results/bench.csv`, and make the tables and the plot of the page on speed."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks import plan, report, results
from benchmarks.problems import PROBLEMS
from benchmarks.runner import Bench

ROOT = Path(__file__).resolve().parent.parent


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="small problems, a few minutes; changes no table"
    )
    parser.add_argument("--only", nargs="+", choices=sorted(PROBLEMS), help="these problems only")
    parser.add_argument("--peers", nargs="+", help="only these peers")
    parser.add_argument("--steps", nargs="+", help="only these steps")
    parser.add_argument("--cache", type=Path, help="folder to keep the simulated logs in")
    parser.add_argument("--results", type=Path, default=results.PLACE, help="the table")
    parser.add_argument(
        "--environments", type=Path, default=ROOT / ".bench-envs", help="folder of the peers"
    )
    parser.add_argument("--report", action="store_true", help="measure nothing, draw again")
    return parser.parse_args()


def main() -> None:
    """Measure what is asked for; write the table and what the docs show of it."""
    asked = arguments()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "quick.csv" if asked.quick else asked.results
        if not asked.report:
            measure(asked, asked.cache or Path(folder), place)
        table = results.read(place)
        if not asked.quick:
            shown = asked.results == results.PLACE
            plot = report.PLOT if shown else place.with_name(report.PLOT.name)
            report.write(table, place.parent, plot)
        report.show(table)


def measure(asked: argparse.Namespace, cache: Path, place: Path) -> None:
    """Run the cases, and put their rows in the table as they come."""
    bench = Bench(cache, asked.environments)
    cases = plan.QUICK if asked.quick else plan.FULL
    cases = [case for case in cases if asked.only is None or case.problem in asked.only]
    cases = [plan.chosen(case, asked.peers, asked.steps) for case in cases]
    cases = [case for case in cases if case.entries]
    start = time.perf_counter()
    done = []
    for case in cases:
        done.append(bench.run(case))
        results.put(results.tidy(done), place)
    print(f"Measured for {(time.perf_counter() - start) / 60:.1f} minutes.")


if __name__ == "__main__":
    main()
