"""Tables in markdown and a plot, from the tidy table: what the page on speed shows."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.billion import bytes_moved, time_taken
from benchmarks.markdown import markdown
from benchmarks.plan import BARE, POSTERIOR, STEPS
from benchmarks.plot import draw
from benchmarks.requirements import CDNOW, LEAN, ONE, READINGS, REQUIREMENTS, TEN, found, median

__all__ = ["PLOT", "show", "write"]

PLOT = Path(__file__).resolve().parent.parent / "docs" / "assets" / "speed.svg"
PEERS = ("clvmodels", "lifetimes", "btyd", "pymc-marketing")
LOGS = ("CDNOW sample", CDNOW, "simulated 100k", ONE, TEN)


def write(table: pd.DataFrame, folder: Path, plot: Path) -> None:
    """Write every table into a folder, and draw the plot."""
    tables = {
        "requirements": requirements(table),
        "pipeline": pipelines(table),
        "parts": parts(table),
        "steps": steps(table),
        "patterns": patterns(table),
        "machine": machine(table),
        "billion": bytes_moved(table),
        "billion_time": time_taken(table),
    }
    for name, text in tables.items():
        (folder / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    plot.parent.mkdir(exist_ok=True)
    draw(table, plot)


def show(table: pd.DataFrame) -> None:
    """Print the tables that matter most."""
    print(requirements(table), pipelines(table), parts(table), sep="\n\n")


def requirements(table: pd.DataFrame) -> str:
    """Say of every requirement what was measured."""
    lines = []
    for each in (*REQUIREMENTS, *READINGS):
        try:
            value = each.measured(table)
        except LookupError:
            lines.append((each.what, each.wanted(), "not measured", ""))
        else:
            measured = f"{value:.3g}{each.unit}"
            lines.append((each.what, each.wanted(), measured, each.verdict(value)))
    return markdown(("what", "required", "measured", "holds"), lines)


def pipelines(table: pd.DataFrame) -> str:
    """Show whole pipelines beside the physical limit, problem by problem."""
    lines = []
    wanted = [("polars", "scan"), ("polars", LEAN), ("polars", BARE), ("duckdb", BARE)]
    wanted += [(peer, "pipeline") for peer in PEERS]
    for problem in LOGS:
        for threads in (2, 1):
            for peer, step in wanted:
                row = row_of(table, problem, step, peer, threads)
                if row is None:
                    continue
                size = f"{row.customers:,}", f"{row.rows:,}", str(threads)
                faster = ratio(row.faster_than_lifetimes) if step == "pipeline" else ""
                bare = ratio(row.times_bare) if step != "scan" else ""
                lines.append((*size, f"{step}, {peer}", *times(row), faster, bare))
    head = ("customers", "orders", "threads", "what", "wall, s", "CPU, s", "peak, MB")
    return markdown((*head, "times faster than lifetimes", "times the bare summary"), lines)


def parts(table: pd.DataFrame) -> str:
    """Show where the time of our pipeline goes."""
    names = ("summary", "fit BG/NBD", "fit Gamma-Gamma", "lookup", "engine")
    lines = []
    for problem in (ONE, TEN):
        row = row_of(table, problem, "pipeline", "clvmodels", 2)
        if row is not None:
            taken = [found(row, f"part {name}") for name in names]
            lines.append((f"{row.customers:,}", *(f"{each:.2f}" for each in taken)))
    head = ("customers", "summary, stored", "fit BG/NBD", "fit Gamma-Gamma")
    return markdown((*head, "predict: lookup table", "predict: engine, to parquet"), lines)


def steps(table: pd.DataFrame) -> str:
    """Show every step of every peer; seconds by the clock on the wall."""
    lines = []
    for problem in (*LOGS[:3], ONE):
        for step in (*STEPS, "fit BG/NBD, patterns", "fit Pareto/NBD, patterns", POSTERIOR):
            rows = [row_of(table, problem, step, peer, 2) for peer in PEERS]
            if sum(row is not None for row in rows) < 2:
                continue
            cells = ["" if row is None else seconds(row) for row in rows]
            faster = "" if rows[0] is None else ratio(rows[0].faster_than_lifetimes)
            lines.append((problem, step, *cells, faster))
    return markdown(("problem", "step", *(f"{peer}, s" for peer in PEERS), "times faster"), lines)


def patterns(table: pd.DataFrame) -> str:
    """Show fits of customers that were simulated as patterns."""
    lines = []
    for problem in ("simulated 10M, patterns", "simulated 100M, patterns"):
        for model in ("BG/NBD", "Pareto/NBD"):
            row = row_of(table, problem, f"fit {model}, patterns", "clvmodels", 2)
            if row is not None:
                lines.append((f"{row.customers:,}", f"{row.rows:,}", model, *times(row)))
    head = ("customers", "distinct (x, t_x, T)", "model", "wall, s", "CPU, s", "peak, MB")
    return markdown(head, lines)


def machine(table: pd.DataFrame) -> str:
    """Say on what was measured, and with which versions."""
    last = table.iloc[-1]
    ended = table[(table.status == "ok") & table.version.notna()]
    pairs = ended[["peer", "version"]].drop_duplicates().itertuples(index=False)
    peers = ", ".join(f"{peer} {version}" for peer, version in pairs if peer in PEERS)
    absent = table[(table.status != "ok") & (table["round"] != "median")]
    notes = [
        f"- {row.problem}, {row.step}, {row.peer}: {row.status}."
        for row in absent.drop_duplicates(["problem", "step", "peer", "status"]).itertuples()
    ]
    text = f"Measured on {last.machine}, Python {last.python}: {peers}; {last.versions}."
    return "\n".join([text, *(["", "Without a result:", "", *notes] if notes else [])])


def row_of(
    table: pd.DataFrame, problem: str, step: str, peer: str, threads: int
) -> pd.Series | None:
    try:
        return median(table, problem, step, peer, threads)
    except LookupError:
        return None


def times(row: pd.Series) -> tuple[str, str, str]:
    if row.status != "ok":
        return seconds(row), "", ""
    return seconds(row), f"{row.cpu_s:.3g}", f"{row.peak_mb:,.0f}"


def seconds(row: pd.Series) -> str:
    return f"{row.wall_s:.3g}" if row.status == "ok" else str(row.status).split(":")[0]


def ratio(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.3g}"
