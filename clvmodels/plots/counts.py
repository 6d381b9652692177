"""Pictures of how many customers bought how often, or spent how much: counted and expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from clvmodels.plots.rows import rows_of
from clvmodels.plots.style import MODEL, canvas, ink, legend, named, numbers, ticks
from clvmodels.plots.text import compact, customers, plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from clvmodels.diagnostics.spends import SpendDistribution
    from clvmodels.frequencies import FrequencyTable

__all__ = ["frequencies", "spend_distribution"]

_FILLED: Final = 0.4  # opacity of bars


def frequencies(result: FrequencyTable, *, ax: Axes | None = None) -> Axes:
    """Draw how many customers bought 0, 1, 2, ... times, and how many the model expects.

    Parameters
    ----------
    result
        What `clv.diagnostics.frequencies` returns, or ``fit.frequencies``.
    ax
        Axes to draw on; those of a new figure if None.

    Returns
    -------
    matplotlib.axes.Axes
        Bars of the column ``observed``, marks of ``expected``.

    Raises
    ------
    ParameterError
        `result` is no table of frequencies.
    MissingExtraError
        matplotlib is not installed.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from clvmodels import BGNBD, Customers
    >>> histories = Customers.from_arrays([0, 1, 2], [0.0, 5.0, 9.0], [10.0] * 3, unit="week")
    >>> counted = BGNBD(0.243, 4.414, 0.793, 2.426).frequency_table(histories)
    >>> axes = frequencies(counted, ax=Figure().subplots())
    >>> axes.get_ylabel()
    'customers'
    """
    table = rows_of(result, ("observed", "expected"), "clv.diagnostics.frequencies")
    ax = canvas(ax)
    place = np.arange(len(table))
    ax.bar(place, table["observed"], width=0.8, color=ink(ax), label="actual", alpha=_FILLED)
    ax.plot(place, table["expected"], "o--", color=MODEL, lw=1.0, ms=6, label="expected")
    ticks(ax, place, [str(each) for each in table.index])
    named(
        ax,
        f"How often {customers(table['observed'].sum())} came back",
        "repeat purchases",
        "customers",
    )
    numbers(ax, y=True)
    ax.set_ylim(bottom=0.0)
    legend(ax)
    return ax


def spend_distribution(result: SpendDistribution, *, ax: Axes | None = None) -> Axes:
    """Draw how many customers spend how much in the mean, and how many the model expects.

    Parameters
    ----------
    result
        What `clv.diagnostics.spend_distribution` returns.
    ax
        Axes to draw on; those of a new figure if None.

    Returns
    -------
    matplotlib.axes.Axes
        Bars of the column ``observed`` from ``low`` to ``high``, steps of ``expected``.

    Raises
    ------
    ParameterError
        `result` is no distribution of spend.
    DataError
        It has no rows.
    MissingExtraError
        matplotlib is not installed.

    Examples
    --------
    >>> import clvmodels as clv
    >>> from matplotlib.figure import Figure
    >>> people = clv.Customers.from_arrays(
    ...     [1, 2, 1], [3.0, 9.0, 5.0], [10.0] * 3, unit="week", monetary_value=[20.0, 35.0, 18.0]
    ... )
    >>> found = clv.diagnostics.spend_distribution(people, clv.GammaGamma(6.25, 3.74, 15.45))
    >>> axes = spend_distribution(found, ax=Figure().subplots())
    >>> axes.get_title("left")
    'Gamma-Gamma: mean spend of 3 customers'
    """
    columns = ("low", "high", "observed", "expected")
    table = rows_of(result, columns, "clv.diagnostics.spend_distribution")
    ax = canvas(ax)
    ends, words = _ends(table)
    ax.bar(
        ends[:-1],
        table["observed"],
        width=np.diff(ends),
        align="edge",
        color=ink(ax),
        label="actual",
        alpha=_FILLED,
    )
    ax.stairs(table["expected"], ends, color=MODEL, lw=1.8, label="expected", baseline=None)
    title = f"{plain(result.model)}: mean spend of {customers(result.customers)}"
    named(ax, title, f"mean spend a purchase{words}", "customers")
    numbers(ax, x=True, y=True)
    ax.set_xlim(ends[0], ends[-1])
    ax.set_ylim(bottom=0.0)
    legend(ax)
    return ax


def _ends(table: pd.DataFrame) -> tuple[NDArray[np.float64], str]:
    """Return where bars end, and in words how a last one without end is to be read."""
    low, last = table["low"].to_numpy(float), float(table["high"].iloc[-1])
    if np.isfinite(last):
        return np.append(low, last), ""
    width = low[-1] - low[-2] if len(low) > 1 else 1.0
    return np.append(low, low[-1] + width), f" (last bar: {compact(low[-1])} and more)"
