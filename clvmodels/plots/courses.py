"""Pictures of what happens over time: all customers tracked, and P(alive) of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.plots.rows import rows_of
from clvmodels.plots.style import (
    BAND,
    MODEL,
    MUTED,
    SHADE,
    canvas,
    inches,
    ink,
    legend,
    named,
    numbers,
    percents,
)
from clvmodels.plots.text import customers, plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from clvmodels.diagnostics.over_time import Tracking

_WIDE = 4.0  # inches, for words and dates
_SEEN = 60  # periods that are drawn as dots as well

__all__ = ["p_alive_path", "tracking"]


def tracking(result: Tracking, *, cumulative: bool = True, ax: Axes | None = None) -> Axes:
    """Draw repeat purchases of all customers over time, beside those expected.

    Parameters
    ----------
    result
        What `clv.diagnostics.tracking` returns.
    cumulative
        Draw sums from the beginning, instead of each period by itself.
    ax
        Axes to draw on; those of a new figure if None.

    Returns
    -------
    matplotlib.axes.Axes
        Lines of the columns ``actual`` and ``expected`` (or ``cumulative_actual``, ...) by ``end``,
        a band from ``lower`` to ``upper``, and a line where calibration ends.

    Raises
    ------
    ParameterError
        `result` is no tracking.
    DataError
        It has no rows.
    MissingExtraError
        matplotlib is not installed.

    Examples
    --------
    >>> import clvmodels as clv
    >>> from matplotlib.figure import Figure
    >>> names = {"customer": "customer_id", "date": "date", "unit": "week"}
    >>> found = clv.diagnostics.tracking(
    ...     clv.datasets.load_cdnow(sample=True), clv.BGNBD(0.243, 4.414, 0.793, 2.426),
    ...     calibration_end="1997-09-30", period="month", **names,
    ... )
    >>> axes = tracking(found, ax=Figure().subplots())
    >>> axes.get_title("left")
    'BG/NBD: repeat purchases of 2,357 customers'
    """
    part = "cumulative_" if cumulative else ""
    actual, expected, lower, upper = (
        part + each for each in ("actual", "expected", "lower", "upper")
    )
    columns = ("end", "window", actual, expected, lower, upper)
    table = rows_of(result, columns, "clv.diagnostics.tracking")
    ax = canvas(ax)
    days = _days(table["end"])
    _band(ax, days, table[lower], table[upper], f"{100 * result.level:g} % interval")
    ax.plot(days, table[expected], "--", color=MODEL, lw=1.8, label="expected", marker=_lone(table))
    ax.plot(
        days,
        table[actual],
        "-",
        color=ink(ax),
        lw=1.2,
        label="actual",
        marker="." if len(table) < _SEEN else None,
    )
    title = f"{plain(result.model)}: repeat purchases of {customers(result.customers)}"
    each = "so far" if cumulative else f"a {result.period}"
    named(ax, title, "", f"repeat purchases {each}")
    _over_time(ax)
    ax.set_ylim(bottom=0.0)
    numbers(ax, y=True)
    if set(table["window"]) == {"calibration", "holdout"}:
        _from(ax, np.datetime64(result.calibration_end), days[-1], "holdout")
    legend(ax)
    return ax


def p_alive_path(path: pd.DataFrame, *, name: object = None, ax: Axes | None = None) -> Axes:
    """Draw P(alive) of one customer over time, with its band and the orders.

    Parameters
    ----------
    path
        What `clv.p_alive_path` returns.
    name
        Of the customer, for the title.
    ax
        Axes to draw on; those of a new figure if None.

    Returns
    -------
    matplotlib.axes.Axes
        A line of the column ``p_alive`` by ``date``, a band from ``lower`` to ``upper``, marks of
        the orders, and a line where observation ends if the path goes on.

    Raises
    ------
    ParameterError
        `path` is no path.
    DataError
        It has no rows.
    MissingExtraError
        matplotlib is not installed.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> import clvmodels as clv
    >>> days, model = ["2024-01-01", "2024-02-05"], clv.BGNBD(0.243, 4.414, 0.793, 2.426)
    >>> path = clv.p_alive_path(days, model, unit="week", observed_until="2024-03-31")
    >>> axes = p_alive_path(path, name="Jo", ax=Figure().subplots())
    >>> axes.get_title("left")
    'P(alive) of Jo'
    """
    columns = ("date", "frequency", "p_alive", "lower", "upper", "observed")
    table = rows_of(_Path(path), columns, "clv.p_alive_path")
    ax = canvas(ax, (7.0, 3.0))
    days = _days(table["date"])
    _band(ax, days, table["lower"], table["upper"], "interval")
    ax.plot(days, table["p_alive"], color=MODEL, lw=1.8, label="P(alive)", marker=_lone(table))
    bought = days[table["frequency"].diff().fillna(1.0).to_numpy() > 0.0]
    ax.plot(bought, np.full(len(bought), 1.03), "|", color=ink(ax), ms=8, mew=1.4, label="orders",
            clip_on=False)  # fmt: skip
    ax.set_ylim(0.0, 1.0)
    percents(ax, y=True)
    named(ax, "P(alive)" if name is None else f"P(alive) of {plain(name)}")
    _over_time(ax)
    if not table["observed"].all():
        _from(ax, days[table["observed"].to_numpy()][-1], days[-1], "if silent")
    legend(ax, above=10.0)
    return ax


class _Path:
    """A path as a result with a table."""

    def __init__(self, table: Any) -> None:
        self.table = table


def _days(column: pd.Series[Any]) -> Any:
    return column.to_numpy().astype("datetime64[D]")


def _lone(table: pd.DataFrame) -> str | None:
    """Return a mark where a line would have no length."""
    return "o" if len(table) == 1 else None


def _band(ax: Axes, days: Any, lower: pd.Series[Any], upper: pd.Series[Any], words: str) -> None:
    """Draw an interval that moves, if there is one."""
    if lower.notna().any():
        ends = lower.to_numpy(float), upper.to_numpy(float)
        ax.fill_between(days, *ends, color=MODEL, alpha=BAND, lw=0.0, label=words)


def _over_time(ax: Axes) -> None:
    """Write dates, as few as can be read."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    wide = inches(ax)[0]
    # fewer than 5 for 2 (or 7 for 3) is more than the locator can do for every length of time
    least, most = (2, 5) if wide < _WIDE else (3, 7)
    locator = AutoDateLocator(minticks=least, maxticks=max(most, int(1.6 * wide)))
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    ax.margins(x=0.01)


def _from(ax: Axes, day: Any, last: Any, words: str) -> None:
    """Shade what comes after a day."""
    from matplotlib.dates import date2num

    begin, end = date2num([day, last])
    ax.axvspan(begin, end, color=MUTED, alpha=SHADE, lw=0.0, label=words)
    ax.axvline(begin, color=MUTED, lw=1.0)
