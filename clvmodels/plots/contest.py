"""The picture of a backtest: models and rules beside each other on one metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

import numpy as np

from clvmodels.errors import DataError, ParameterError, did_you_mean
from clvmodels.plots.rows import rows_of
from clvmodels.plots.style import (
    MODEL,
    MUTED,
    canvas,
    ink,
    legend,
    letters,
    named,
    numbers,
    percents,
)
from clvmodels.plots.text import customers, folded, plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from clvmodels.backtests.result import Backtest

__all__ = ["backtest"]

Metric: TypeAlias = Literal[
    "rmse",
    "mae",
    "total_bias",
    "log_density",
    "spearman",
    "normalised_gini",
    "top_decile_capture",
    "decile_calibration_error",
    "tracking_error",
    "coverage",
]

_WORDS: Final[dict[str, str]] = {
    "rmse": "root mean squared error a customer, less is better",
    "mae": "mean absolute error a customer, less is better",
    "total_bias": "error of the total, 0 is best",
    "log_density": "mean log density, more is better",
    "spearman": "rank correlation, more is better",
    "normalised_gini": "normalised Gini, more is better",
    "top_decile_capture": "share that the best predicted tenth brought, more is better",
    "decile_calibration_error": "error of tenths over the mean, less is better",
    "tracking_error": "error of the cumulative curve, less is better",
    "coverage": "share of customers inside their {level:g} % intervals",
}
_SHARES: Final = {
    "total_bias",
    "top_decile_capture",
    "decile_calibration_error",
    "tracking_error",
    "coverage",
}
_ORIGINS: Final = ("^", "D", "v", "<", ">", "P", "X", "*")
_BELOW: Final = 0.24  # the line of its contestant, so that large marks hide none
_MARGIN: Final = 10  # letters of a name for which there is room beside the axes
_LINE: Final = 0.42  # inches of height a contestant


def backtest(
    result: Backtest,
    metric: Metric = "rmse",
    *,
    quantity: Literal["purchases", "value"] = "purchases",
    ax: Axes | None = None,
) -> Axes:
    """Draw models and rules on one metric: over all origins, and at each.

    Parameters
    ----------
    result
        What `clv.backtest` returns.
    metric
        A metric of ``result.table``.
    quantity
        Purchases or value.
    ax
        Axes to draw on; those of a new figure if None.

    Returns
    -------
    matplotlib.axes.Axes
        A line a contestant, in the order of ``result.summary``, the best one on top: a large mark
        for all origins together, round for models and square for rules, and small ones for each
        origin.

    Raises
    ------
    ParameterError
        `result` is no backtest, or has no such metric.
    DataError
        Nobody has this metric.
    MissingExtraError
        matplotlib is not installed.

    Examples
    --------
    >>> import clvmodels as clv
    >>> from matplotlib.figure import Figure
    >>> test = clv.backtest(
    ...     clv.datasets.load_cdnow(sample=True), customer="customer_id", date="date",
    ...     unit="week", models=("BGNBD",), n_origins=1, horizon="13w", interval=None,
    ... )
    >>> axes = backtest(test, "mae", ax=Figure().subplots())
    >>> axes.get_title("left")
    'Purchases 13 weeks ahead, 2,357 customers'
    """
    columns = ("origin", "model", "kind", "quantity", "group", "metric", "number")
    table = rows_of(result, columns, "clv.backtest")
    if metric not in get_args(Metric):
        raise ParameterError(
            "A picture of a backtest shows one of its metrics.",
            place=f"Got metric={metric!r}.",
            fix=did_you_mean(metric, get_args(Metric)),
        )
    overall = result.summary[result.summary["quantity"] == quantity].dropna(subset=[metric])
    if overall.empty:
        raise DataError(
            "A picture has something to show.",
            place=f"Nobody in this backtest has {metric!r} of {quantity}.",
            fix="Choose another metric; value needs amounts and a spend model or a price.",
        )
    wanted = (table["group"] == "all") & (table["quantity"] == quantity)
    rows = table[wanted & (table["metric"] == metric)].dropna(subset=["number"])
    ax = canvas(ax, (7.0, 1.3 + _LINE * len(overall)))
    _each(ax, rows, list(overall["model"]))
    _together(ax, overall, metric)
    if metric == "total_bias":
        ax.axvline(0.0, color=MUTED, lw=1.0)
    if metric == "coverage" and result.level is not None:
        ax.axvline(result.level, color=MUTED, lw=1.0)
    (percents if metric in _SHARES else numbers)(ax, x=True)
    span = f"{result.horizon:.3g} {result.unit}s ahead"
    many = customers(max(result.customers))
    words = _WORDS[metric].format(level=100.0 * (result.level or 0.0))
    taken = max(len(each.get_text()) for each in ax.get_yticklabels()) - _MARGIN
    named(ax, f"{quantity.capitalize()} {span}, {many}", words, taken=max(0, taken))
    legend(ax)
    return ax


def _each(ax: Axes, rows: pd.DataFrame, names: list[Any]) -> None:
    """Draw a small mark for each origin."""
    for i, (origin, part) in enumerate(rows.groupby("origin", sort=True)):
        place = [-names.index(each) - _BELOW for each in part["model"]]
        mark = _ORIGINS[i % len(_ORIGINS)]
        ax.plot(part["number"], place, mark, color=MUTED, ms=5, mfc="none", label=f"from {origin}")


def _together(ax: Axes, overall: pd.DataFrame, metric: str) -> None:
    """Draw a large mark for all origins together, and the names."""
    place = -np.arange(len(overall))
    model = (overall["kind"] == "model").to_numpy()
    number = overall[metric].to_numpy(float)
    for chosen, mark, colour, words in (
        (model, "o", MODEL, "model"),
        (~model, "s", ink(ax), "rule"),
    ):
        if chosen.any():
            ax.plot(number[chosen], place[chosen], mark, color=colour, ms=9, label=words)
    width = max(18, letters(ax, 10.0)[0] // 3)
    ax.set_yticks(place, [folded(plain(each), width) for each in overall["model"]])
    ax.tick_params(axis="y", length=0.0)
    ax.spines["left"].set_visible(False)
    ax.hlines(place, 0.0, 1.0, transform=ax.get_yaxis_transform(), color=MUTED, lw=0.4, zorder=0)
    ax.set_ylim(0.4 - len(overall), 0.5)
