"""The picture of a cohort analysis: cohorts by age, observed and projected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np

from clvmodels.errors import DataError, ParameterError, did_you_mean
from clvmodels.plots.rows import rows_of
from clvmodels.plots.style import (
    BAND,
    GREEN,
    MODEL,
    MUTED,
    NOTICE,
    PINK,
    canvas,
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

    from clvmodels.cohort_analysis.result import CohortAnalysis

__all__ = ["cohorts"]

Quantity: TypeAlias = Literal["retention", "cumulative_value", "value"]

_COLUMNS: Final = {
    "retention": ("active", "active_lower", "active_upper"),
    "cumulative_value": ("cumulative_value", "lower", "upper"),
    "value": ("value", None, None),
}
_WORDS: Final = {
    "retention": "share who buy in the {period}",
    "cumulative_value": "value per customer so far",
    "value": "value per customer in the {period}",
}
_TITLES: Final = {
    "retention": "Retention",
    "cumulative_value": "Value so far",
    "value": "Value by age",
}
_MARKS: Final = ("o", "s", "^", "D", "v", "P", "X", "*")


def cohorts(
    result: CohortAnalysis, quantity: Quantity = "retention", *, ax: Axes | None = None
) -> Axes:
    """Draw cohorts by age: what was observed as lines, what is projected as dashes with a band.

    Parameters
    ----------
    result
        What `clv.cohorts` returns.
    quantity
        'retention', 'cumulative_value' or 'value' of the period. Retention begins with age 1, as at
        age 0 everybody bought.
    ax
        Axes to draw on; those of a new figure if None.

    Returns
    -------
    matplotlib.axes.Axes
        A line a cohort, under its name in the legend: of more than eight some, evenly chosen, the
        others in grey. Periods that are not over are left out unless models complete them.

    Raises
    ------
    ParameterError
        `result` is no cohort analysis, or there is no such quantity.
    DataError
        It has no rows, or no values.
    MissingExtraError
        matplotlib is not installed.

    Examples
    --------
    >>> import clvmodels as clv
    >>> from matplotlib.figure import Figure
    >>> found = clv.cohorts(
    ...     clv.datasets.load_cdnow(sample=True), customer="customer_id", date="date",
    ...     cohort="month", observed_until="1997-09-30",
    ... )
    >>> axes = cohorts(found, ax=Figure().subplots())
    >>> axes.get_title("left")
    'Retention of 2,357 customers by month of the first purchase'
    """
    from matplotlib.ticker import MaxNLocator

    columns = ("cohort", "age", "kind", "customers", "active", "cumulative_value", "value")
    table = rows_of(result, columns, "clv.cohorts")
    if quantity not in _COLUMNS:
        raise ParameterError(
            "A picture of cohorts shows one quantity.",
            place=f"Got quantity={quantity!r}.",
            fix=did_you_mean(str(quantity), _COLUMNS),
        )
    column = _COLUMNS[quantity][0]
    known = table[(table["kind"] != "partial") & table[str(column)].notna()]
    if known.empty:
        raise DataError(
            "A picture has something to show.",
            place=f"No cohort of this analysis has a known {quantity}.",
            fix="Values need amounts, and periods that are over.",
        )
    keys = [*result.by, "cohort"]
    sizes = table.drop_duplicates(keys)["customers"].sum()
    shown = known[known["age"] > 0] if quantity == "retention" else known
    shown = known if shown.empty else shown
    ax = canvas(ax, (7.0, 4.0))
    _lines(ax, shown, keys, _COLUMNS[quantity], f"{100 * result.interval:g} % interval")
    named(
        ax,
        f"{_TITLES[quantity]} of {customers(float(sizes))} by {result.cohort} of the first "
        "purchase",
        f"{result.period}s since that of the first purchase",
        _WORDS[quantity].format(period=result.period),
    )
    ax.set_ylim(bottom=0.0)
    ax.xaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True))
    (percents if quantity == "retention" else numbers)(ax, y=True)
    legend(ax)
    return ax


def _lines(
    ax: Axes, table: pd.DataFrame, keys: list[str], columns: tuple[Any, Any, Any], words: str
) -> None:
    """Draw each cohort, those without a name first."""
    parts = [part for _, part in table.groupby(keys, sort=False, dropna=False)]
    chosen = np.unique(np.linspace(0, len(parts) - 1, min(len(parts), len(_MARKS))).round())
    colours = (ink(ax), MODEL, NOTICE, GREEN, PINK)
    place = {int(i): j for j, i in enumerate(chosen)}
    for i in sorted(range(len(parts)), key=lambda i: i in place):
        name, colour, mark = "other cohorts", MUTED, "none"
        if i in place:
            row = parts[i].iloc[0]
            name = plain(", ".join(str(row[key]) for key in keys))
            colour, mark = colours[place[i] % len(colours)], _MARKS[place[i]]
        _line(ax, parts[i], columns, {"color": colour, "marker": mark}, name, i in place)
    if any((part["kind"] == "projected").any() for part in parts):
        ax.plot([], [], "--", color=MUTED, lw=1.4, label="projected")
        if columns[1] is not None:
            ax.fill_between([], [], color=MUTED, alpha=BAND, lw=0.0, label=words)


def _line(
    ax: Axes,
    part: pd.DataFrame,
    columns: tuple[Any, Any, Any],
    look: dict[str, Any],
    name: str,
    banded: bool,
) -> None:
    """Draw one cohort: a line as far as it was observed, and dashes from its end on."""
    column, low, high = columns
    seen = part[part["kind"] == "observed"]
    ahead = part[part["kind"] == "projected"]
    ax.plot(seen["age"], seen[column], "-", lw=1.6, ms=5.0, label=name, **look)
    if ahead.empty:
        return
    whole = part[part.index >= seen.index[-1]] if len(seen) else ahead
    ax.plot(whole["age"], whole[column], "--", lw=1.4, color=look["color"])
    if banded and low is not None:
        ends = [whole[each].fillna(whole[column]).to_numpy(float) for each in (low, high)]
        band = {"color": look["color"], "alpha": 0.5 * BAND, "lw": 0.0}
        ax.fill_between(whole["age"], *ends, **band)
