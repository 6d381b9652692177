"""Run steps of peers, each in a process of its own, and collect one row a run."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.environments import PEERS, python_of
from benchmarks.plan import Case, Entry
from benchmarks.problems import PROBLEMS

__all__ = ["Bench", "Run"]

ROOT = Path(__file__).resolve().parent.parent
THREADS = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Run:
    """One step of one peer, once.

    `status` is 'ok', or says why there is no measurement: then `wall_s` is the limit if that was
    broken, and missing else.
    """

    problem: str
    customers: int
    rows: int
    step: str
    peer: str
    version: str
    engine: str
    threads: int
    round: int
    status: str
    wall_s: float | None
    cpu_s: float | None
    peak_mb: float | None
    found: str


@dataclass(frozen=True)
class Bench:
    """A place to run in: folders of inputs and of environments."""

    cache: Path
    environments: Path

    def run(self, case: Case) -> list[Run]:
        """Run a case: in every round, each entry once."""
        rows = []
        for number in range(case.rounds):
            for entry in case.entries:
                if entry.rounds is None or number < entry.rounds:
                    row = replace(self.measure(case, entry), round=number + 1)
                    print(_line(row), flush=True)
                    rows.append(row)
        return rows

    def measure(self, case: Case, entry: Entry) -> Run:
        """Run an entry once."""
        sizes = self.inputs(case.problem)
        row = Run(
            PROBLEMS[case.problem].title, *sizes, entry.step, entry.peer, "",
            PEERS[entry.peer].engine, case.threads, 1, "ok", None, None, None, "",
        )  # fmt: skip
        python = self.python(entry.peer)
        if isinstance(python, str):
            return replace(row, status=python)
        done = self._start(case, entry, python)
        if isinstance(done, str):
            over = done.startswith("over")
            return replace(row, status=done, wall_s=case.limit if over else None)
        result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return replace(row, **result | {"found": json.dumps(result["found"])})

    def _start(
        self, case: Case, entry: Entry, python: Path
    ) -> subprocess.CompletedProcess[str] | str:
        """Run an adapter in a process of its own, on so many cores; say what went wrong."""
        job = self.job(case.problem) | {"repeats": case.repeats}
        out = Path(job["out"]) / entry.peer
        out.mkdir(parents=True, exist_ok=True)
        job["out"] = str(out)
        module = f"benchmarks.peers.{PEERS[entry.peer].module}"
        command = [str(python), "-m", module, entry.step, json.dumps(job)]
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=os.environ | dict.fromkeys(THREADS, str(case.threads)) | self._variables(case),
                preexec_fn=lambda: keep_to(case.threads),
                capture_output=True,
                text=True,
                timeout=case.limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"over {case.limit:.0f} s"
        if done.returncode:
            said = done.stderr.strip().splitlines()
            return f"failed: {said[-1] if said else done.returncode}"
        return done

    def _variables(self, case: Case) -> dict[str, str]:
        compiled = self.environments.absolute() / "compiled"
        return {
            "BENCH_THREADS": str(case.threads),
            "PYTENSOR_FLAGS": f"base_compiledir={compiled}",
            "AESARA_FLAGS": f"base_compiledir={compiled}",
        }

    @functools.cache  # noqa: B019 - one bench a program
    def python(self, peer: str) -> Path | str:
        """Return the Python of a peer, or why there is none."""
        return python_of(peer, self.environments)

    def job(self, problem: str) -> dict[str, Any]:
        """Return where the inputs and outputs of a problem are."""
        folder = (self.cache / problem).absolute()
        names = {name: str(folder / f"{name}.parquet") for name in ("log", "summary", "patterns")}
        until = PROBLEMS[problem].observed_until
        return names | {"out": str(folder / "out"), "observed_until": until}

    @functools.cache  # noqa: B019 - one bench a program
    def inputs(self, problem: str) -> tuple[int, int]:
        """Make the inputs of a problem, once; return the customers and the rows."""
        job = self.job(problem)
        Path(job["out"]).mkdir(parents=True, exist_ok=True)
        made = PROBLEMS[problem]
        counted = Path(job["out"]).parent / "customers"
        if made.write_patterns is not None:
            path = Path(job["patterns"])
            if not counted.exists():
                counted.write_text(str(made.write_patterns(path)))
        elif made.write_log is not None:
            path = Path(job["log"])
            if not counted.exists():
                customers = made.write_log(path)
                self._summarise(problem)
                counted.write_text(str(customers))
        return int(counted.read_text()), pq.read_metadata(path).num_rows

    def _summarise(self, problem: str) -> None:
        """Make the summary that every peer is given."""
        python = self.python("clvmodels")
        done = self._start(Case(problem, (), limit=600.0), Entry("clvmodels", "inputs"), python)
        if isinstance(done, str):
            raise RuntimeError(f"Making the inputs of {problem} {done}")


def keep_to(cores: int) -> None:
    """Keep this process to so many cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def _line(row: Run) -> str:
    """Say in one line what was measured."""
    time = f"{row.wall_s:8.3f} s wall {row.cpu_s:8.3f} s CPU" if row.cpu_s else row.status
    memory = f"{row.peak_mb:7.0f} MB" if row.peak_mb else ""
    head = f"{row.problem:<24} {row.step:<30} {row.peer:<15} {row.threads} thr. {row.round}"
    return f"{head} {time} {memory}"
