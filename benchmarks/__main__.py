"""Run every problem with every peer, alternating, and write one tidy table."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import clvmodels as clv
from benchmarks.problems import PROBLEMS

PEERS = {"clvmodels": "benchmarks.peers.ours", "lifetimes": "benchmarks.peers.lifetimes"}
ROUNDS, REPEATS = 5, 5
RESULTS = Path(__file__).parent / "results"
ONE_CORE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def measure(peer: str, problem: Path) -> dict[str, Any]:
    """Run an adapter in a process of its own, on one core."""
    command = [sys.executable, "-m", PEERS[peer], str(problem), str(REPEATS)]
    done = subprocess.run(
        command, env=os.environ | ONE_CORE, capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def log_likelihood(problem: Path, parameters: dict[str, float]) -> float:
    """Return the log-likelihood that a peer's parameters reach, by the same formula for all."""
    with np.load(problem) as data:
        customers = clv.Customers.from_arrays(
            data["frequency"], data["recency"], data["age"], unit="week", weight=data["weight"]
        )
    return float(customers.weight @ clv.BGNBD(**parameters).log_likelihood(customers))


def run_problem(name: str, folder: Path) -> list[dict[str, object]]:
    """Alternate the peers, so that a busy machine slows both alike."""
    path = folder / "problem.npz"
    rows = PROBLEMS[name](path)
    rounds = [{peer: measure(peer, path) for peer in PEERS} for _ in range(ROUNDS)]
    table = []
    for peer in PEERS:
        results = [each[peer] for each in rounds]
        ratios = [each["lifetimes"]["cpu"] / each[peer]["cpu"] for each in rounds]
        table.append(
            {
                "problem": name,
                "rows": rows,
                "peer": peer,
                "version": version(peer),
                "cpu_ms": 1e3 * statistics.median(each["cpu"] for each in results),
                "wall_ms": 1e3 * statistics.median(each["wall"] for each in results),
                "times_faster_than_lifetimes": statistics.median(ratios),
                "log_likelihood": log_likelihood(path, results[0]["parameters"]),
                "python": platform.python_version(),
                "machine": f"{platform.machine()}, {os.cpu_count()} cores, one used",
            }
        )
    return table


def main() -> None:
    """Measure, write the table and print it."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [row for name in PROBLEMS for row in run_problem(name, Path(folder))]
    table = pd.DataFrame(rows)
    RESULTS.mkdir(exist_ok=True)
    table.round(4).to_csv(RESULTS / "fit.csv", index=False)
    (RESULTS / "fit.md").write_text(as_markdown(table), encoding="utf-8")
    print(table.drop(columns=["python", "machine"]).to_string(index=False))
    print("Written to fit.csv and fit.md in benchmarks/results")


def as_markdown(table: pd.DataFrame) -> str:
    """Return the result as the table that the docs show."""
    lines = ["| input | rows | library | CPU ms a fit | wall ms | times faster | log-likelihood |"]
    lines.append("|---|---|---|---|---|---|---|")
    lines += [
        f"| {row.problem} | {row.rows:,} | {row.peer} {row.version} | {row.cpu_ms:.0f} "
        f"| {row.wall_ms:.0f} | {row.times_faster_than_lifetimes:.1f} | {row.log_likelihood:.4f} |"
        for row in table.itertuples()
    ]
    machine, python = table.machine.iloc[0], table.python.iloc[0]
    return "\n".join([*lines, "", f"Measured on {machine}, Python {python}.", ""])


if __name__ == "__main__":
    main()
