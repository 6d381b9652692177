"""The picture of a ranking: how much of what happened the best predicted customers brought."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from clvmodels.plots.rows import rows_of
from clvmodels.plots.style import MODEL, MUTED, NOTICE, canvas, ink, legend, named, percents
from clvmodels.plots.text import customers, percent, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clvmodels.diagnostics.curves import Lift

__all__ = ["lift"]


def lift(result: Lift, *, ax: Axes | None = None) -> Axes:
    """Draw which share of purchases or value the best predicted customers brought.

    Parameters
    ----------
    result
        What `clv.diagnostics.lift` returns.
    ax
        Axes to draw on; those of a new figure if None.

    Returns
    -------
    matplotlib.axes.Axes
        Lines of the columns ``captured`` and ``perfect`` by ``share_of_customers``, the diagonal of
        an order by chance, and a mark at the best tenth.

    Raises
    ------
    ParameterError
        `result` is no lift curve.
    DataError
        It has no rows.
    MissingExtraError
        matplotlib is not installed.

    Examples
    --------
    >>> import clvmodels as clv
    >>> from matplotlib.figure import Figure
    >>> split = clv.holdout_split(
    ...     clv.datasets.load_cdnow(sample=True), customer="customer_id", date="date",
    ...     calibration_end="1997-09-30", unit="week",
    ... )
    >>> model = clv.BGNBD(0.243, 4.414, 0.793, 2.426)
    >>> axes = lift(clv.diagnostics.lift(split, model), ax=Figure().subplots())
    >>> axes.get_title("left")
    'BG/NBD: Gini 0.56, 66 % of the best possible'
    """
    columns = ("share_of_customers", "captured", "perfect")
    table = rows_of(result, columns, "clv.diagnostics.lift")
    ax = canvas(ax, (5.2, 4.2))
    share = table["share_of_customers"]
    ax.plot(share, table["perfect"], "--", color=ink(ax), lw=1.1, label="best possible")
    ax.plot(share, table["captured"], "-", color=MODEL, lw=2.2, label="predicted")
    ax.plot([0.0, 1.0], [0.0, 1.0], ":", color=MUTED, lw=1.2, label="by chance")
    title = f"{plain(result.model)}: no {result.quantity} to rank by"
    if not math.isnan(result.top_decile):
        _best_tenth(ax, result.top_decile)
        gini = f"Gini {result.gini:.2f}, {percent(result.normalised_gini)} of the best possible"
        title = f"{plain(result.model)}: {gini}"
    ax.set(xlim=(0.0, 1.0), ylim=(0.0, 1.01))
    percents(ax, x=True, y=True)
    named(
        ax,
        title,
        f"share of {customers(result.customers)}, the best predicted first",
        f"share of their {result.quantity}",
    )
    legend(ax)
    return ax


def _best_tenth(ax: Axes, captured: float) -> None:
    """Mark what the best predicted tenth brought."""
    ax.plot([0.1], [captured], "D", color=NOTICE, ms=6)
    ax.annotate(
        f"the best tenth: {percent(captured)}",
        (0.1, captured),
        (9.0, -5.0),
        textcoords="offset points",
        va="top",
        color=ink(ax),
    )
