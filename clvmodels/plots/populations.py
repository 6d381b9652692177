"""The picture of a population: how customers differ, according to a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from clvmodels.plots.rows import rows_of
from clvmodels.plots.style import BAND, MODEL, canvas, named, numbers, panels, percents

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from clvmodels.diagnostics.mixing import Heterogeneity

__all__ = ["heterogeneity"]


def heterogeneity(
    result: Heterogeneity, *, cumulative: bool = False, ax: Axes | Sequence[Axes] | None = None
) -> NDArray[np.object_]:
    """Draw how customers differ: in how often they buy, when they leave, what they spend.

    Parameters
    ----------
    result
        What `clv.diagnostics.heterogeneity` returns.
    cumulative
        Draw the share of customers below, instead of the density.
    ax
        Axes to draw on, one a quantity; those of a new figure if None.

    Returns
    -------
    numpy.ndarray
        Shape (q,), the axes: one a quantity, a line of the column ``density`` (or ``cumulative``)
        by ``x``, and lines at the median and the mean.

    Raises
    ------
    ParameterError
        `result` is no heterogeneity, or there are not as many axes as quantities.
    DataError
        It has no rows.
    MissingExtraError
        matplotlib is not installed.
    """
    columns = ("quantity", "x", "density", "cumulative")
    table = rows_of(result, columns, "clv.diagnostics.heterogeneity")
    names = list(dict.fromkeys(table["quantity"]))
    given = None if ax is None else np.atleast_1d(np.asarray(ax, dtype=object)).ravel().tolist()
    axes = panels(given, len(names), (3.6 * len(names), 3.0))
    for each, name in zip(axes, names, strict=True):
        rows = table[table["quantity"] == name]
        _one(canvas(each), rows, str(name), "cumulative" if cumulative else "density")
    return np.array(axes, dtype=object)


def _one(ax: Axes, rows: pd.DataFrame, name: str, column: str) -> None:
    """Draw one quantity."""
    x, y = rows["x"].to_numpy(float), rows[column].to_numpy(float)
    ax.plot(x, y, color=MODEL, lw=1.8, marker="o" if len(x) == 1 else None)
    ax.fill_between(x, 0.0, y, color=MODEL, alpha=BAND, lw=0.0)
    ax.margins(x=0.0 if x[0] < x[-1] else 0.05)
    numbers(ax, x=True)
    if column == "cumulative":
        ax.set_ylim(0.0, 1.0)
        percents(ax, y=True)
        named(ax, "", name, "share of customers below")
    else:
        ax.set_ylim(0.0, _top(y))
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        named(ax, "", name, "density")


def _top(density: NDArray[np.float64]) -> float:
    """Return a height that shows the shape where the density runs off to infinity at an end."""
    finite = density[np.isfinite(density)]
    return float(min(1.08 * finite.max(), 8.0 * np.median(finite))) or 1.0
