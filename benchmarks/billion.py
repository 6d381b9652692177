"""A billion customers from what was measured: bytes that move, and time, with the arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd

from benchmarks.markdown import markdown
from benchmarks.requirements import HUNDRED, ONE, TEN, found, median

__all__ = ["bytes_moved", "time_taken"]

BILLION = 1e9
CORES, TASKS = 64, 512
# Eight bytes a number: columns and the count of a collected history; two keys and five columns of
# the table that is broadcast.
TRIPLE, PAIR, CELL, BROADCAST = 4 * 8, 3 * 8, 3 * 8, 7 * 8
Line = tuple[str, str, str]


def bytes_moved(table: pd.DataFrame) -> str:
    """Return the table of bytes: what, from what it is computed, how much at a billion."""
    lines = [
        line
        for part in (files, shuffles, collections)
        if (made := attempt(part, table)) is not None
        for line in made
    ]
    return markdown(("what", "from", "a billion customers"), lines or [("not measured", "", "")])


def attempt(part: Callable[[pd.DataFrame], list[Line]], table: pd.DataFrame) -> list[Line] | None:
    """Return the lines of a part, or None where its measurements are not there."""
    try:
        return part(table)
    except LookupError:
        return None


def files(table: pd.DataFrame) -> list[Line]:
    """Files that are read and written: linear in customers."""
    sizes = median(table, TEN, "sizes")

    def line(what: str, name: str) -> Line:
        total = found(sizes, name)
        each = total / sizes.customers
        of = f"{size(total)} at 10M, {each:.1f} bytes a customer"
        return what, of, size(each * BILLION)

    return [
        line("read: orders, twice (audit, then summary)", "log bytes"),
        line("written once, read by each fit and prediction: summary", "summary bytes"),
        line("written: predictions, with the columns of the summary", "predictions bytes"),
    ]


def shuffles(table: pd.DataFrame) -> list[Line]:
    """Shuffles as Spark counted them: the summary is linear, counts of histories are not."""
    traffic = median(table, ONE, "traffic", "spark")
    summary, rows = (found(traffic, f"summary: {name}") for name in ("shuffled", "shuffled rows"))
    counted, histories = (
        found(traffic, f"fit BG/NBD: {name}") for name in ("shuffled", "shuffled rows")
    )
    each = counted / histories
    share = histories_of(table, BILLION / TASKS, "triples")
    collected = sum(
        found(traffic, f"{phase}: collected")
        for phase in ("fit BG/NBD", "fit Gamma-Gamma", "lookup")
    )
    moved = found(traffic, "predict: shuffled")
    return [
        (
            "shuffled: the summary",
            f"{size(summary)} and {rows:,.0f} rows at 1M, on Spark",
            size(summary / traffic.customers * BILLION),
        ),
        (
            f"shuffled: counts of histories, from {TASKS} tasks",
            f"{each:.1f} bytes a history at 1M; {share:,.0f} histories a task",
            size(each * share * TASKS),
        ),
        ("shuffled: the prediction", f"{size(moved)} at 1M", size(moved * BILLION)),
        ("collected by the driver at 1M, in all", f"{size(collected)}, on Spark", "see below"),
    ]


def collections(table: pd.DataFrame) -> list[Line]:
    """What the driver holds, and what it sends to all: one row a distinct history."""

    def line(what: str, name: str, width: int) -> Line:
        small, large = (histories_of(table, n, name) for n in (1e7, 1e8))
        rows = histories_of(table, BILLION, name)
        of = f"{small:,.0f} at 10M, {large:,.0f} at 100M; at most {rows:,.0f}, {width} bytes each"
        return what, of, size(rows * width)

    cells = found(median(table, TEN, "sizes"), "spend cells")
    return [
        line("collected for fits: (x, t_x, T) with counts", "triples", TRIPLE),
        line("collected for the lookup table: (x, T)", "pairs", PAIR),
        line("broadcast to every executor: the lookup table", "pairs", BROADCAST),
        (
            "collected for Gamma-Gamma: cells of mean spend",
            f"{cells:,.0f} at 10M, {CELL} bytes each; bounded by the cells",
            size(cells * CELL),
        ),
    ]


def histories_of(table: pd.DataFrame, customers: float, name: str) -> float:
    """Return the distinct histories of so many customers, by the power law between two sizes."""
    known = {
        1e6: found(median(table, ONE, "sizes"), name),
        1e7: found(median(table, TEN, "sizes"), name),
        1e8: found(median(table, HUNDRED, "sizes"), name),
    }
    below, above = (1e6, 1e7) if customers <= 1e7 else (1e7, 1e8)
    slope = math.log(known[above] / known[below]) / math.log(above / below)
    return known[above] * (customers / above) ** slope


def time_taken(table: pd.DataFrame) -> str:
    """Return the table of times: seconds of one core at 10M, then a billion on many cores."""
    lines = [*(attempt(spread, table) or []), *(attempt(fitted, table) or [])]
    head = ("phase", "measured", "a billion customers")
    return markdown(head, lines or [("not measured", "", "")])


def spread(table: pd.DataFrame) -> list[Line]:
    """What executors share: linear in customers."""
    row = median(table, TEN, "pipeline", threads=1)
    phases = {
        "summary, stored": "summary",
        "Gamma-Gamma: cells of mean spend": "fit Gamma-Gamma",
        "lookup table: distinct (x, T)": "lookup",
        "prediction, written": "engine",
    }
    lines = []
    for phase, name in phases.items():
        taken = found(row, f"part {name}")
        hours = taken * 100 / 3600
        total = f"{hours:.1f} hours of a core, {hours * 60 / CORES:.1f} minutes on {CORES} cores"
        lines.append((phase, f"{taken:.1f} s at 10M on one core", total))
    return lines


def fitted(table: pd.DataFrame) -> list[Line]:
    """What the driver does alone: linear in distinct histories."""
    growth = histories_of(table, BILLION, "triples") / histories_of(table, 1e8, "triples")
    lines = []
    for model in ("BG/NBD", "Pareto/NBD"):
        taken = median(table, HUNDRED, f"fit {model}, patterns").wall_s
        total = f"{taken * growth / 60:.1f} minutes on the driver"
        of = f"{taken:.0f} s for 100M, {growth:.1f} times the histories"
        lines.append((f"fit of {model}, from histories", of, total))
    return lines


def size(count: float) -> str:
    """Return bytes in words."""
    units = ("bytes", "kB", "MB", "GB", "TB")
    power = min(max(int(math.log10(max(count, 1.0))) // 3, 0), len(units) - 1)
    return f"{count / 1000**power:.3g} {units[power]}"
