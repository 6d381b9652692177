"""Pictures of `clv.explain` and `clv.explain_change`: steps from one amount to another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from clvmodels.plots.rows import rows_of
from clvmodels.plots.style import MODEL, MUTED, NOTICE, canvas, ink, letters, named, numbers
from clvmodels.plots.text import compact, customers, folded, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clvmodels.explanations.explanation import Explanation
    from clvmodels.explanations.value_change import ValueChange

__all__ = ["explain", "explain_change"]

_NAMES: Final = {
    "population": "customers of this age",
    "covariates": "this kind",
    "clv": "value",
    "discounted_purchases": "purchases ahead",
    "refit_purchases": "refit of purchases",
    "refit_spend": "refit of spend",
    "gone": "customers gone",
    "new": "new customers",
    "terms": "other terms",
}
_LINE: Final = 0.4  # inches of height a step
_ROOM: Final = 0.18  # of the width, for amounts beside the bars
_MARGIN: Final = 10  # letters of a name for which there is room beside the axes
_DIGITS: Final = 3
_SPELLED: Final = 1e4  # amounts below are written out


def explain(found: Explanation, customer: Any = None, *, ax: Axes | None = None) -> Axes:
    """Draw what value is made of, step by step: of all customers together, or of one.

    Parameters
    ----------
    found
        What `clv.explain` returns.
    customer
        The id of one customer; None for the totals.
    ax
        Axes to draw on; those of a new figure if None.

    Returns
    -------
    matplotlib.axes.Axes
        A line a step, from the top: a bar from the sum before it to the sum after it, hatched where
        it takes away; the value is the last.

    Raises
    ------
    ParameterError
        `found` is no explanation.
    DataError
        There is no such customer.
    MissingExtraError
        matplotlib is not installed.

    Examples
    --------
    >>> import clvmodels as clv
    >>> from matplotlib.figure import Figure
    >>> model = clv.BGNBD(0.243, 4.414, 0.793, 2.426)
    >>> import polars as pl
    >>> one = pl.DataFrame({"customer_id": [4], "frequency": [2], "recency": [30.0], "T": [39.0]})
    >>> rfm = clv.CustomerSummary.from_frame(one, unit="week")
    >>> axes = explain(clv.explain(rfm, model, horizon="1y"), 4, ax=Figure().subplots())
    >>> axes.get_title("left")
    'Purchases ahead of customer 4'
    """
    table = rows_of(found, ("component", "customers", "amount", "per_customer"), "clv.explain")
    amounts = dict(zip(table["component"], table["amount"].astype(float), strict=True))
    who = customers(float(table["customers"].iloc[-1]))
    words = f"{_name(found.value).capitalize()} of {who}"
    if customer is not None:
        amounts = found.amounts(customer)
        words = f"{_name(found.value).capitalize()} of customer {plain(customer)}"
    steps = [(name, amount) for name, amount in amounts.items() if name != found.value]
    whole = amounts.get(found.value, math.nan)
    return _bridge(steps, (found.value, whole), words, found.value, ax)


def explain_change(found: ValueChange, *, ax: Axes | None = None) -> Axes:
    """Draw the bridge from value before to value after.

    Parameters
    ----------
    found
        What `clv.explain_change` returns.
    ax
        Axes to draw on; those of a new figure if None.

    Returns
    -------
    matplotlib.axes.Axes
        A line a step that moved something, from the top: a bar from the sum before it to the sum
        after it, hatched where it takes away; values before and after are the first and last.

    Raises
    ------
    ParameterError
        `found` is no change of value.
    MissingExtraError
        matplotlib is not installed.

    Examples
    --------
    >>> import clvmodels as clv
    >>> import polars as pl
    >>> from matplotlib.figure import Figure
    >>> one = pl.DataFrame({"customer_id": [4], "frequency": [2], "recency": [30.0], "T": [39.0]})
    >>> runs = [
    ...     clv.CustomerSummary.from_frame(each, unit="week")
    ...     for each in (one, one.with_columns(T=52.0))
    ... ]
    >>> model = clv.BGNBD(0.243, 4.414, 0.793, 2.426)
    >>> found = clv.explain_change(*runs, before_models=model, horizon="1y")
    >>> axes = explain_change(found, ax=Figure().subplots())
    >>> [label.get_text() for label in axes.get_yticklabels()]
    ['before', 'silence', 'after']
    """
    table = rows_of(found, ("component", "customers", "amount"), "clv.explain_change")
    amounts = dict(zip(table["component"], table["amount"].astype(float), strict=True))
    last = amounts.pop("after", math.nan)
    steps = [(name, each) for name, each in amounts.items() if each or name == "before"]
    return _bridge(steps, ("after", last), found.title, found.value, ax)


def _bridge(
    steps: list[tuple[str, float]], last: tuple[str, float], title: str, value: str, ax: Axes | None
) -> Axes:
    """Draw floating bars, the first and the last from zero."""
    names = [*(name for name, _ in steps), last[0]]
    ax = canvas(ax, (7.0, 1.2 + _LINE * len(names)))
    sums = np.cumsum([each for _, each in steps])
    start = np.append(np.append(0.0, sums[:-1]), 0.0)
    end = np.append(sums, last[1])
    place = -np.arange(len(names), dtype=float)
    whole = np.zeros(len(names), dtype=bool)
    whole[[0, -1]] = True
    less = ~whole & (end < start)
    for chosen, colour, hatch in (
        (whole, ink(ax), ""),
        (~whole & ~less, MODEL, ""),
        (less, NOTICE, "///"),
    ):
        ax.barh(
            place[chosen],
            (end - start)[chosen],
            left=start[chosen],
            height=0.62,
            color=colour,
            edgecolor=ax.get_facecolor(),
            hatch=hatch,
            linewidth=0.0,
        )
    ax.vlines(end[:-1], place[:-1] - 0.31, place[:-1] - 0.69, color=MUTED, lw=0.8)
    _amounts(ax, place, start, end, whole)
    ax.axvline(0.0, color=MUTED, lw=0.8, zorder=0)
    width = max(18, letters(ax, 10.0)[0] // 3)
    labels = [folded(plain(_name(each)), width) for each in names]
    ax.set_yticks(place, labels)
    ax.tick_params(axis="y", length=0.0)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(0.6 - len(names), 0.6)
    numbers(ax, x=True)
    taken = max(len(each) for each in labels) - _MARGIN
    words = "Value" if value == "clv" else "Discounted purchases"
    named(ax, title, words, taken=max(0, taken))
    return ax


def _amounts(ax: Axes, place: Any, start: Any, end: Any, whole: Any) -> None:
    """Write the amount of each step at the side to which it goes, with room for it."""
    low, high = float(min(start.min(), end.min())), float(max(start.max(), end.max()))
    room = _ROOM * ((high - low) or 1.0)
    ax.set_xlim(low - room, high + room)
    for y, first, to, alone in zip(place, start, end, whole, strict=True):
        change = _rounded(to - first)
        sign = "+" if change > 0.0 and not alone else ""
        side = 1 if to >= first else -1
        ax.annotate(
            sign + compact(change),
            (to, y),
            xytext=(4 * side, 0),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            va="center",
            fontsize="small",
        )


def _name(component: str) -> str:
    return _NAMES.get(component, component)


def _rounded(value: float) -> float:
    """Return a number with three significant digits, or whole where it is shown with its digits."""
    if not math.isfinite(value):
        return value
    spelled = 10.0**_DIGITS <= abs(value) < _SPELLED
    return float(round(value)) if spelled else float(f"{value:.{_DIGITS}g}")
