"""The tidy table: one row a run, and the median of the rounds; ratios within each round."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from benchmarks.plan import BARE
from benchmarks.runner import Run

__all__ = ["COLUMNS", "PLACE", "put", "read", "tidy"]

PLACE = Path(__file__).parent / "results" / "bench.csv"
# Ratios: how many times the peer's time fits into that of lifetimes, and that of the bare summary
# into the peer's, by the clock on the wall and by CPU time.
RATIOS = ("faster_than_lifetimes", "faster_than_lifetimes_cpu", "times_bare", "times_bare_cpu")
COLUMNS = (
    "problem", "customers", "rows", "step", "peer", "version", "engine", "threads", "round",
    "status", "wall_s", "cpu_s", "peak_mb", *RATIOS, "found", "machine", "python",
    "versions", "date",
)  # fmt: skip
SAME = ["problem", "step", "peer", "threads"]  # of which a new run replaces the old rows


def tidy(cases: Iterable[list[Run]]) -> pd.DataFrame:
    """Return the table of some cases."""
    tables = [with_ratios(pd.DataFrame([asdict(run) for run in runs])) for runs in cases if runs]
    if not tables:  # no peer that was asked for takes part yet
        return pd.DataFrame(columns=list(COLUMNS))
    table = pd.concat(tables, ignore_index=True)
    table = pd.concat([table, medians(table)], ignore_index=True)
    made = {"machine": machine(), "python": platform.python_version(), "versions": versions()}
    table = table.assign(**made, date=str(datetime.date.today()))
    table = table.assign(round=table["round"].astype(str))
    return table[list(COLUMNS)].sort_values([*SAME, "round"], kind="stable", ignore_index=True)


def with_ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Add ratios to the rows of a case, each to the same step or round."""
    table = table.assign(**dict.fromkeys(RATIOS))
    table[[*RATIOS, "wall_s", "cpu_s", "peak_mb"]] = table[
        [*RATIOS, "wall_s", "cpu_s", "peak_mb"]
    ].astype(float)
    for index, row in table.iterrows():
        if row.status != "ok":
            continue
        theirs = table[(table.peer == "lifetimes") & (table.step == row.step)]
        bare = table[(table.peer == "polars") & (table.step == BARE) & (table.status == "ok")]
        for other, first, invert in ((theirs, RATIOS[0], False), (bare, RATIOS[2], True)):
            beside = other[other["round"] == min(row["round"], other["round"].max())]
            for name, column in ((first, "wall_s"), (f"{first}_cpu", "cpu_s")):
                if len(beside):
                    parts = beside[column].iloc[0], row[column]
                    above, below = reversed(parts) if invert else parts
                    table.loc[index, name] = above / below
    return table


def medians(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row a step and peer, with the medians of those of its rounds that ended."""
    rows = []
    for _, group in table.groupby(SAME, sort=False):
        ended = group[group.status == "ok"]
        source = ended if len(ended) else group
        middle = source[["wall_s", "cpu_s", "peak_mb", *RATIOS]].median()
        rows.append(source.iloc[-1].to_dict() | middle.to_dict() | {"round": "median"})
    return pd.DataFrame(rows)


def put(table: pd.DataFrame, path: Path) -> None:
    """Write the table; rows that the file has of other measurements stay."""
    if table.empty:
        return
    if path.exists():
        old = read(path)
        anew = pd.MultiIndex.from_frame(table[SAME])
        kept = old[~pd.MultiIndex.from_frame(old[SAME]).isin(anew)]
        table = pd.concat([kept, table], ignore_index=True)
    path.parent.mkdir(exist_ok=True)
    table.to_csv(path, index=False, float_format="%.5g")


def read(path: Path) -> pd.DataFrame:
    """Read the table."""
    return pd.read_csv(path, dtype={"round": str, "found": str}, keep_default_na=True)


def machine() -> str:
    """Return the processor, its cores and the memory."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        named = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = named[0].split(":")[1].strip() if named else cpu
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GB"


def versions() -> str:
    """Return the versions of what the library runs on."""
    names = ("numpy", "scipy", "pandas", "narwhals", "polars", "duckdb", "pyarrow")
    return ", ".join(f"{name} {version(name)}" for name in names)
