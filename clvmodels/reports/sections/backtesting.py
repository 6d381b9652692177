"""The backtest: models and the simple rules that people use, from several past days."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, get_args

from clvmodels.backtests.forecasts import Quantity
from clvmodels.backtests.result import Backtest
from clvmodels.reports.blocks import Block, Missing, Note, Pictures, Section, Text, absent
from clvmodels.reports.figures import draw
from clvmodels.reports.judging import Judged
from clvmodels.reports.numerals import change, money_of
from clvmodels.reports.settings import duration_in_words
from clvmodels.reports.tables import Column, Table, lay_out

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["backtest_section"]

_COLUMNS = (
    Column("model", "Model or rule", "label"),
    Column("kind", "Kind", "text"),
    Column("rmse", "RMSE", "score"),
    Column("mae", "MAE", "score"),
    Column("total_bias", "Total off", "change"),
    Column("spearman", "Rank", "score"),
    Column("normalised_gini", "Gini", "score"),
    Column("top_decile_capture", "In best tenth", "share"),
    Column("decile_calibration_error", "Tenths off", "share"),
    Column("tracking_error", "Curve off", "share"),
    Column("coverage", "Coverage", "share"),
)


def backtest_section(found: Judged) -> Section:
    """Show the verdict, the contest, and what came of newcomers."""
    title, result = "Better than simple rules?", found.backtest
    if not found.settings.backtest:
        return Section("backtest", title, (Text("A backtest was not asked for."),))
    if isinstance(result, Missing):
        return Section("backtest", title, (absent("a backtest", result),))
    ends = ", ".join(f"{each:%Y-%m-%d}" for each in result.origins)
    span = duration_in_words(result.horizon, result.unit)
    blocks: list[Block] = [
        Text(
            f"From {len(result.origins)} past days ({ends}) models and simple rules predicted "
            f"what each customer then known would do in the next {span}. They knew nothing later."
        ),
        Note(result.verdict),
        *_taken(found, result),
    ]
    pictures = [
        draw(
            f"contest-{quantity}",
            partial(_contest, result, quantity),
            alternative=f"Error of models and rules on {quantity}. {result.verdict}",
            caption="Small is good. Small marks are single days.",
        )
        for quantity in _quantities(result)
    ]
    blocks.append(Pictures(tuple(pictures)))
    blocks += [
        _table(found, part, name) for name, part in result.summary.groupby("quantity", sort=False)
    ]
    blocks += _doubts(result)
    blocks.append(_newcomers(found, result))
    return Section("backtest", title, tuple(blocks))


def _taken(found: Judged, result: Backtest) -> list[Block]:
    """Say how much worse than the best the model is that the report has taken."""
    if isinstance(found.purchases, Missing):
        return []
    label = found.purchases.model.label
    rows = result.paired[(result.paired["model"] == label) & (result.paired["worse_by"] > 0.0)]
    return [
        Text(
            f"{label}, which is taken because it describes the data best, has an error of "
            f"{row.quantity} that is larger than the least by {change(row.worse_by)} (90 % "
            f"interval {change(row.lower)} to {change(row.upper)})."
        )
        for row in rows.itertuples()
    ]


def _quantities(result: Backtest) -> list[Quantity]:
    known = set(result.summary["quantity"])
    return [each for each in get_args(Quantity) if each in known]


def _contest(result: Backtest, quantity: Quantity, ax: Axes) -> None:
    from clvmodels import plots

    plots.backtest(result, quantity=quantity, ax=ax)


def _table(found: Judged, part: pd.DataFrame, quantity: object) -> Table:
    known = [each for each in _COLUMNS if each.name in part and part[each.name].notna().any()]
    return lay_out(
        part,
        known,
        name=f"contest-table-{quantity}",
        caption=f"{str(quantity).capitalize()}: all days together, the least error first",
        money=money_of(found.settings.currency),
        interactive=True,
    )


def _doubts(result: Backtest) -> list[Block]:
    """Show fits that failed or are not pinned down, if there are any."""
    if not result.doubts:
        return []
    unsound = result.fits[result.fits["verdict"].isin(["failed", "weak", "boundary"])]
    columns = (
        Column("origin", "Day", "label"),
        Column("model", "Model", "text"),
        Column("part", "Of", "text"),
        Column("verdict", "Certificate", "text"),
        Column("note", "Why", "prose"),
    )
    words = f"{len(unsound)} of {(result.fits['part'] != 'rule').sum()} fits"
    table = lay_out(
        unsound,
        columns,
        name="doubts",
        caption="Fits that failed, or that the data hardly pin down",
        money=money_of(None),
    )
    return [Note(f"{words} have failed or are hardly pinned down by the data.", "warning"), table]


def _newcomers(found: Judged, result: Backtest) -> Block:
    if not result.newcomers["customers"].any():
        return Text("No customer was first seen after these days.")
    columns = (
        Column("origin", "Day", "label"),
        Column("customers", "Newcomers", "count"),
        Column("purchases", "Their purchases", "count"),
        Column("share_of_purchases", "Share of all purchases", "share"),
        Column("value", "Their value", "money"),
        Column("share_of_value", "Share of all value", "share"),
    )
    return lay_out(
        result.newcomers,
        columns,
        name="newcomers",
        caption="Customers first seen after each day, of whom nothing was predicted",
        money=money_of(found.settings.currency),
    )
