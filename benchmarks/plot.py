"""One picture: whole pipelines by size beside the physical limit, and fits beside lifetimes."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.plan import BARE
from clvmodels.plots import style
from clvmodels.plots.style import MUTED as GREY

__all__ = ["draw"]

COLOURS = {
    "clvmodels": style.MODEL,
    "lifetimes": style.NOTICE,
    "pymc-marketing": style.GREEN,
    "btyd": style.PINK,
}
CURVES = (
    ("lifetimes", "pipeline", "lifetimes"),
    ("pymc-marketing", "pipeline", "pymc-marketing, MAP"),
    ("clvmodels", "pipeline", "clvmodels"),
    ("polars", BARE, "bare summary, polars"),
    ("polars", "scan", "reading the file"),
)
STYLE = style.look(GREY) | {"svg.hashsalt": "speed"}  # the same picture, the same bytes


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw the picture as SVG without a background."""
    middle = table[(table["round"] == "median") & (table.status == "ok") & (table.threads == 2)]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 4.2), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        draw_pipelines(left, middle)
        draw_fits(right, middle)
        figure.savefig(path, transparent=True, metadata={"Date": None})


def draw_pipelines(axes: Axes, middle: pd.DataFrame) -> None:
    """Draw seconds by number of customers, both on logarithmic axes."""
    logs = middle[~middle.problem.str.contains("patterns")]
    for peer, step, label in CURVES:
        rows = logs[(logs.peer == peer) & (logs.step == step)].sort_values("customers")
        if rows.empty:
            continue
        colour = COLOURS.get(peer, GREY)
        style = {"polars": "--" if step == BARE else ":"}.get(peer, "-")
        axes.plot(rows.customers, rows.wall_s, style, color=colour, marker="o", ms=4)
        left = peer == "pymc-marketing"  # its curve ends where that of lifetimes begins to climb
        row = rows.iloc[0 if left else -1]
        axes.annotate(
            label,
            (row.customers, row.wall_s),
            xytext=(0, 14) if left else (7, 0),
            textcoords="offset points",
            va="bottom" if left else "center",
            color=colour,
        )
    axes.set(xscale="log", yscale="log", xlabel="customers", ylabel="seconds")
    axes.set_xticks([1e4, 1e5, 1e6, 1e7], ["10k", "100k", "1M", "10M"])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_title("Orders to predictions, parquet to parquet", loc="left", fontsize=10)
    axes.grid(color=GREY, alpha=0.25, lw=0.5)
    axes.margins(x=0.05)
    axes.set_xlim(right=axes.get_xlim()[1] * 30)  # room for the labels


def draw_fits(axes: Axes, middle: pd.DataFrame) -> None:
    """Draw the times of fits of all CDNOW customers as bars on a logarithmic axis."""
    fits = middle[(middle.problem == "CDNOW full") & middle.step.str.startswith("fit ")]
    fits = fits[~fits.step.str.contains("patterns")]
    names = ["fit BG/NBD", "fit Pareto/NBD", "fit Gamma-Gamma"]
    place, marks = 0.0, []
    for step in reversed(names):
        rows = fits[fits.step == step].sort_values("wall_s", ascending=False)
        for row in rows.itertuples():
            colour = COLOURS.get(row.peer, GREY)
            axes.barh(place, row.wall_s, height=0.8, color=colour)
            axes.annotate(
                f"{row.wall_s:.2g} s {row.peer}",
                (row.wall_s, place),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8.5,
            )
            place += 1
        marks.append((place - len(rows) / 2 - 0.5, step.removeprefix("fit ")))
        place += 0.8
    axes.set_yticks([at for at, _ in marks], [name for _, name in marks])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set(xscale="log", xlabel="seconds")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_title("Fits of 23,570 CDNOW customers", loc="left", fontsize=10)
    if len(fits):
        axes.set_xlim(fits.wall_s.min() / 3, fits.wall_s.max() * 60)
