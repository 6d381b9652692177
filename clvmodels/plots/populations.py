"""The picture of a population: how customers differ, according to a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from clvmodels.plots.rows import rows_of
from clvmodels.plots.style import (
    BAND,
    MODEL,
    canvas,
    ink,
    legend,
    named,
    numbers,
    panels,
    percents,
)
from clvmodels.plots.text import compact, plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from clvmodels.diagnostics.mixing import Heterogeneity

__all__ = ["heterogeneity"]

_EDGE: Final = 0.02  # of the axis, at either end, where a density may rise out of the picture


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

    Examples
    --------
    >>> import clvmodels as clv
    >>> from matplotlib.figure import Figure
    >>> found = clv.diagnostics.heterogeneity(clv.BGNBD(0.243, 4.414, 0.793, 2.426), unit="week")
    >>> left, right = heterogeneity(found, ax=Figure(figsize=(9, 3)).subplots(1, 2))
    >>> left.get_xlabel()
    'purchases per week'
    """
    columns = ("quantity", "x", "density", "cumulative")
    table = rows_of(result, columns, "clv.diagnostics.heterogeneity")
    names = list(dict.fromkeys(table["quantity"]))
    given = None if ax is None else np.atleast_1d(np.asarray(ax, dtype=object)).ravel().tolist()
    axes = panels(given, len(names), (3.6 * len(names), 3.0))
    for each, name in zip(axes, names, strict=True):
        rows = table[table["quantity"] == name]
        _one(canvas(each), rows, "cumulative" if cumulative else "density")
        _centres(each, result.mean[name], result.median[name], rows["x"])
        title = f"How customers differ, by {plain(result.model)}" if name == names[0] else ""
        named(each, title, str(name), "share of customers below" if cumulative else "density")
        legend(each)
    return np.array(axes, dtype=object)


def _one(ax: Axes, rows: pd.DataFrame, column: str) -> None:
    """Draw one quantity."""
    x, y = rows["x"].to_numpy(float), rows[column].to_numpy(float)
    ax.plot(x, y, color=MODEL, lw=1.8, marker="o" if len(x) == 1 else None)
    ax.fill_between(x, 0.0, y, color=MODEL, alpha=BAND, lw=0.0)
    ax.margins(x=0.0 if x[0] < x[-1] else 0.05)
    numbers(ax, x=True)
    if column == "cumulative":
        ax.set_ylim(0.0, 1.0)
        percents(ax, y=True)
    else:
        ax.set_ylim(0.0, _top(x, y))
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)


def _top(x: NDArray[np.float64], density: NDArray[np.float64]) -> float:
    """Return a height that shows the shape where the density runs off to infinity at an end."""
    edge = _EDGE * (x[-1] - x[0])
    inside = (x >= x[0] + edge) & (x <= x[-1] - edge) & np.isfinite(density)
    shown = density[inside] if inside.any() else density[np.isfinite(density)]
    return 1.08 * float(shown.max(initial=0.0)) or 1.0


def _centres(ax: Axes, mean: float, median: float, x: pd.Series[float]) -> None:
    """Draw lines at the median and the mean; one that is not on the axes is only named."""
    for words, value, dashes in (("median", median, "-"), ("mean", mean, "--")):
        label = f"{words} {compact(float(f'{value:.3g}'))}"
        on = x.iloc[0] <= value <= x.iloc[-1]
        place = [value, value] if on else []
        ax.plot(place, [0.0, 1.0] if on else [], ls=dashes, color=ink(ax), lw=1.2, label=label,
                transform=ax.get_xaxis_transform())  # fmt: skip
