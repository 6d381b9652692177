"""Named problems: orders as parquet, and the summary and patterns that every peer is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import clvmodels as clv
from benchmarks.simulation import LAST_DAY, simulate_log, simulate_patterns

__all__ = ["PROBLEMS", "Problem"]


@dataclass(frozen=True)
class Problem:
    """An input of the benchmarks.

    Attributes
    ----------
    title
        Its name in tables.
    observed_until
        Last day of observation, ISO.
    write_log, write_patterns
        Write a log to a path, or patterns alone, and return how many customers there are.
    """

    title: str
    observed_until: str
    write_log: Callable[[Path], int] | None = None
    write_patterns: Callable[[Path], int] | None = None


def cdnow(*, sample: bool) -> Callable[[Path], int]:
    def write(path: Path) -> int:
        orders = clv.datasets.load_cdnow(sample=sample)
        table = pa.table(
            {
                "customer_id": pa.array(orders["customer_id"], pa.int64()),
                "date": pa.array(orders["date"].dt.date, pa.date32()),
                "amount": pa.array(orders["amount"], pa.float64()),
            }
        )
        pq.write_table(table, path)
        return int(orders["customer_id"].nunique())

    return write


def simulated(customers: int) -> Callable[[Path], int]:
    def write(path: Path) -> int:
        simulate_log(path, customers, seed=SEED)
        return customers

    return write


def simulated_patterns(customers: int) -> Callable[[Path], int]:
    def write(path: Path) -> int:
        found = simulate_patterns(customers, seed=SEED)
        weeks = {name: found[name] / 7 for name in ("recency", "T")}
        pq.write_table(pa.table(found | weeks), path)
        return customers

    return write


SEED = 20_260
END = str(LAST_DAY)
CDNOW_END = "1997-09-30"
PROBLEMS = {
    "cdnow-sample": Problem("CDNOW sample", CDNOW_END, cdnow(sample=True)),
    "cdnow": Problem("CDNOW full", CDNOW_END, cdnow(sample=False)),
    "100k": Problem("simulated 100k", END, simulated(100_000)),
    "1m": Problem("simulated 1M", END, simulated(1_000_000)),
    "10m": Problem("simulated 10M", END, simulated(10_000_000)),
    "10m-patterns": Problem(
        "simulated 10M, patterns", END, write_patterns=simulated_patterns(10_000_000)
    ),
    "100m-patterns": Problem(
        "simulated 100M, patterns", END, write_patterns=simulated_patterns(100_000_000)
    ),
}
