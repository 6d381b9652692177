"""What every adapter does: prepare a step, run it under the clock, report on one line.

Runs in the environment of each peer, so it needs nothing but Python.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

__all__ = ["MODELS", "Action", "Job", "Step", "main"]

# What `predict` is given, so that every peer scores with the same parameters; in weeks.
MODELS = {
    "BG/NBD": {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426},
    "Gamma-Gamma": {"p": 6.25, "q": 3.74, "v": 15.44},
}
QUICK = 2.0


@dataclass(frozen=True)
class Job:
    """What a step works on.

    Attributes
    ----------
    log
        Parquet with customer_id, date, amount; one row an order.
    summary
        Parquet with customer_id, frequency, recency, T in weeks and monetary_value (null where
        frequency is 0); one row a customer.
    patterns
        Parquet with the distinct frequency, recency, T and their weight.
    out
        Folder for what the step writes.
    observed_until
        Last day of observation, ISO.
    repeats
        How often the action is timed again in this process, if the first time is below `QUICK`
        seconds: then the first only warms up. 0 takes the first time.
    """

    log: Path
    summary: Path
    patterns: Path
    out: Path
    observed_until: str
    repeats: int

    @classmethod
    def read(cls, text: str) -> Job:
        """Take a job from JSON."""
        fields: dict[str, Any] = json.loads(text)
        paths = {name: Path(fields[name]) for name in ("log", "summary", "patterns", "out")}
        return cls(**fields | paths)


Action: TypeAlias = Callable[[], dict[str, float]]  # what is timed; returns what it found
Step: TypeAlias = Callable[[Job], Action]  # what is not timed


def main(package: str, steps: dict[str, Step]) -> None:
    """Run one step of an adapter, named on the command line, and print the result as JSON."""
    warnings.simplefilter("ignore")
    name, job = sys.argv[1], Job.read(sys.argv[2])
    action = steps[name](job)
    times = [timed(action)]
    if times[0][0] < QUICK and job.repeats:
        times = [timed(action) for _ in range(job.repeats)]
    result = {
        "wall_s": statistics.median(wall for wall, _, _ in times),
        "cpu_s": statistics.median(cpu for _, cpu, _ in times),
        "peak_mb": peak_mb(),
        "version": version(package),
        "found": times[-1][2],
    }
    print(json.dumps(result))


def timed(action: Action) -> tuple[float, float, dict[str, float]]:
    """Return wall seconds, CPU seconds and what was found."""
    start, busy = time.perf_counter(), cpu_seconds()
    found = action()
    return time.perf_counter() - start, cpu_seconds() - busy, found


def cpu_seconds() -> float:
    """Return the CPU time of all threads of this process and of its finished children.

    Children are compilers, for those who compile.
    """
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def peak_mb() -> float:
    """Return the most memory that this process has held, in millions of bytes.

    Linux counts it per program; the portable number may be that of the parent.
    """
    status = Path("/proc/self/status")
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
