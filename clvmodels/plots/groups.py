"""Pictures of groups of customers: the mean of what they did beside what was expected of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from clvmodels.plots.rows import rows_of
from clvmodels.plots.style import BAND, MODEL, canvas, ink, legend, named, numbers, ticks
from clvmodels.plots.text import compact, plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from clvmodels.diagnostics.by_bin import Calibration
    from clvmodels.diagnostics.by_decile import Deciles

__all__ = ["calibration", "deciles"]

_GROUPED: Final = {
    "frequency": "repeat purchases until {end}",
    "recency": "{unit}s from first to last purchase, until {end}",
    "silence": "{unit}s of silence on {end}",
    "p_alive": "P(alive) on {end}",
}


def calibration(result: Calibration, *, ax: Axes | None = None) -> Axes:
    """Draw what groups of customers did after the cut, beside what was expected of them.

    Parameters
    ----------
    result
        What `clv.diagnostics.calibration` returns.
    ax
        Axes to draw on; those of a new figure if None.

    Returns
    -------
    matplotlib.axes.Axes
        Marks of the columns ``actual`` and ``expected``, bars from ``lower`` to ``upper``; under
        each group how many customers it has.

    Raises
    ------
    ParameterError
        `result` is no calibration.
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
    >>> axes = calibration(clv.diagnostics.calibration(split, model), ax=Figure().subplots())
    >>> axes.get_ylabel()
    'mean purchases in 39 weeks'
    """
    columns = ("bin", "customers", "expected", "actual", "lower", "upper")
    table = rows_of(result, columns, "clv.diagnostics.calibration")
    ax = canvas(ax)
    _beside(ax, table, "expected", result.level)
    labels = [plain(each) for each in table["bin"]]
    sizes = [f"({compact(float(each))})" for each in table["customers"]]
    ticks(ax, np.arange(len(table)), labels, sizes)
    what = _mean_of(result.quantity, result.horizon, result.unit)
    named(
        ax,
        f"{plain(result.model)}: actual and expected, by group",
        _GROUPED[result.by].format(unit=result.unit, end=result.calibration_end) + " (customers)",
        what,
    )
    legend(ax)
    return ax


def deciles(result: Deciles, *, ax: Axes | None = None) -> Axes:
    """Draw what tenths of the customers did, from the best predicted to the last.

    Parameters
    ----------
    result
        What `clv.diagnostics.deciles` returns.
    ax
        Axes to draw on; those of a new figure if None.

    Returns
    -------
    matplotlib.axes.Axes
        Marks of the columns ``actual`` and ``predicted``, bars from ``lower`` to ``upper``.

    Raises
    ------
    ParameterError
        `result` is no table of deciles.
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
    >>> axes = deciles(clv.diagnostics.deciles(split, model), ax=Figure().subplots())
    >>> axes.get_title("left")
    'BG/NBD: actual and predicted, by tenths'
    """
    columns = ("decile", "customers", "predicted", "actual", "lower", "upper")
    table = rows_of(result, columns, "clv.diagnostics.deciles")
    ax = canvas(ax)
    _beside(ax, table, "predicted", result.level)
    ticks(ax, np.arange(len(table)), [str(each) for each in table["decile"]])
    what = _mean_of(result.quantity, result.horizon, result.unit)
    each = compact(round(float(table["customers"].iloc[0])))
    named(
        ax,
        f"{plain(result.model)}: actual and predicted, by tenths",
        f"tenths of the customers by predicted {result.quantity}, {each} each",
        what,
    )
    legend(ax)
    return ax


def _beside(ax: Axes, table: pd.DataFrame, promised: str, level: float) -> None:
    """Draw means and their intervals, group by group."""
    place = np.arange(len(table))
    known = table["lower"].notna().to_numpy()
    if known.any():
        ends = table["lower"].to_numpy()[known], table["upper"].to_numpy()[known]
        words = f"{100 * level:g} % interval"
        ax.vlines(place[known], *ends, color=MODEL, alpha=1.5 * BAND, lw=9, label=words)
    ax.plot(place, table[promised], "_", color=MODEL, ms=13, mew=2.2, label=promised)
    ax.plot(place, table["actual"], "o", color=ink(ax), ms=5.5, label="actual")
    ax.margins(x=0.04)
    ax.set_xlim(-0.6, len(table) - 0.4)
    ax.set_ylim(bottom=0.0)
    numbers(ax, y=True)


def _mean_of(quantity: str, horizon: float, unit: str) -> str:
    span = f"in {horizon:.3g} {unit}{'' if horizon == 1.0 else 's'}"
    return f"mean {quantity} {span}"
