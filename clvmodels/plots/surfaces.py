"""The picture of a matrix: what a model says of every history, by frequency and recency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from clvmodels.plots.rows import rows_of
from clvmodels.plots.style import canvas, figure_of, heat, inches, named, percents
from clvmodels.plots.text import compact, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clvmodels.diagnostics.matrices import Matrix

__all__ = ["matrix"]

_ROOM: Final = 0.36, 0.16  # inches, width and height, that a number needs
_VECTORS: Final = 900  # cells above are stored as an image
_SEAM: Final = 0.8  # points; between cells without edges browsers show the background
_LIGHT: Final = 0.5  # brightness of a cell from which on its number is black


def matrix(result: Matrix, *, ax: Axes | None = None) -> Axes:
    """Draw P(alive) or expected purchases by number of purchases and time of the last one.

    Parameters
    ----------
    result
        What `clv.diagnostics.p_alive_matrix` or `clv.diagnostics.expected_purchases_matrix`
        returns.
    ax
        Axes to draw on; those of a new figure if None.

    Returns
    -------
    matplotlib.axes.Axes
        Cells of ``result.grid``: one column a frequency, one row a recency, the earliest at the
        bottom, with their values where there is room, else with a bar of colours. Histories that
        cannot be are left blank.

    Raises
    ------
    ParameterError
        `result` is no matrix.
    DataError
        It has no rows.
    MissingExtraError
        matplotlib is not installed.

    Examples
    --------
    >>> import clvmodels as clv
    >>> from matplotlib.figure import Figure
    >>> model = clv.BGNBD(0.243, 4.414, 0.793, 2.426)
    >>> found = clv.diagnostics.p_alive_matrix(model, age=39, frequencies=[0, 1, 9], unit="week")
    >>> axes = matrix(found, ax=Figure(figsize=(8, 4)).subplots())
    >>> axes.get_title("left")
    'BG/NBD: P(alive) in per cent, 39 weeks after the first one'
    """
    rows_of(result, ("frequency", "recency", "value"), "clv.diagnostics.p_alive_matrix")
    ax = canvas(ax, (6.4, 4.4))
    grid = result.grid.sort_index().sort_index(axis="columns")
    values = np.ma.masked_invalid(grid.to_numpy(float))
    high, wide = values.shape
    top = 1.0 if result.quantity == "p_alive" else float(values.max(fill_value=0.0)) or 1.0
    cells = ax.pcolormesh(
        np.arange(wide + 1) - 0.5, np.arange(high + 1) - 0.5, values, cmap=heat(), vmin=0.0,
        vmax=top, edgecolors="face",
        linewidth=_SEAM,
        rasterized=values.size > _VECTORS,
    )  # fmt: skip
    room = inches(ax)
    if room[0] / wide > _ROOM[0] and room[1] / high > _ROOM[1]:
        _write_numbers(ax, values, top, percent=result.quantity == "p_alive")
    else:
        bar = figure_of(ax).colorbar(cells, ax=ax, pad=0.02, aspect=30)
        bar.outline.set_visible(False)
        if result.quantity == "p_alive":
            percents(bar.ax, y=True)
    _thin(ax.xaxis, grid.columns, int(room[0] / 0.4))
    _thin(ax.yaxis, grid.index, int(room[1] / 0.25))
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0.0)
    times = f"{result.unit or 'unit'}s"
    named(ax, _title(result, times), "repeat purchases", f"{times} from first to last purchase")
    return ax


def _title(result: Matrix, times: str) -> str:
    what = "P(alive) in per cent"
    if result.horizon is not None:
        what = f"purchases expected in {result.horizon:.4g} {times}"
    return f"{plain(result.model)}: {what}, {result.age:.4g} {times} after the first one"


def _write_numbers(ax: Axes, values: Any, top: float, *, percent: bool) -> None:
    """Write the value of each cell, in black or white."""
    colours = heat()
    for row, column in zip(*np.nonzero(~np.ma.getmaskarray(values)), strict=True):
        value = float(values[row, column])
        red, green, blue, _ = colours(value / top)
        light = 0.299 * red + 0.587 * green + 0.114 * blue > _LIGHT
        ax.text(column, row, f"{100.0 * value:.0f}" if percent else compact(float(f"{value:.2g}")),
                ha="center", va="center", fontsize="x-small",
                color="#000000" if light else "#ffffff")  # fmt: skip


def _thin(axis: Any, labels: Any, most: int) -> None:
    """Write as many labels as can be read, evenly."""
    step = -(-len(labels) // max(most, 1))
    places = np.arange(0, len(labels), step)
    axis.set_ticks(places, [compact(float(labels[each])) for each in places])
