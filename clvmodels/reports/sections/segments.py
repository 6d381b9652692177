"""Segments: value tiers by states, and whom to win back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clvmodels.reports.blocks import Block, Missing, Section, Text, absent, told
from clvmodels.reports.deciding import Decided
from clvmodels.reports.grids import grid
from clvmodels.reports.numerals import money_of, percent
from clvmodels.reports.tables import Column, Kind, Table, lay_out
from clvmodels.segmentation.result import Segmentation

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["segments_section"]


def segments_section(found: Decided) -> Section:
    """Show how many customers are in each tier and state, their value, and whom to contact."""
    title, result = "Segments", found.segments
    if isinstance(result, Missing):
        return Section("segments", title, (absent("groups of customers to act on", result),))
    what = "purchases" if result.counted else "value"
    blocks: list[Block] = [
        Text(
            f"Tiers are by expected {what}, states by silence and P(alive): active, slipping (a "
            "silence that is unusual for this customer), at risk, lost. The limits of P(alive), "
            f"{percent(result.costs.lost_below)} and {percent(result.costs.at_risk_below)}, follow "
            "from what the two errors cost: to give up somebody who is there, and to woo somebody "
            "who has gone."
        ),
        _grid(found, result, "customers", "Customers by tier and state"),
        _grid(found, result, "value", f"Their expected {what}"),
        *_reactivation(found, result),
        *told(result.notes[1:]),  # the first is of the limits
    ]
    return Section("segments", title, tuple(blocks))


def _grid(found: Decided, result: Segmentation, name: str, caption: str) -> Table:
    rows, columns = (list(dict.fromkeys(result.table[key])) for key in ("tier", "state"))
    wide = result.table.pivot_table(index="tier", columns="state", values=name, aggfunc="sum")
    values = wide.loc[rows, columns]
    kind: Kind = "count" if name == "customers" or result.counted else "money"
    return grid(
        values,
        np.zeros(values.shape, dtype=np.bool_),
        corner="Tier",
        name=f"segments-{name}",
        caption=caption,
        kind=kind,
        money=money_of(found.settings.currency),
    )


def _reactivation(found: Decided, result: Segmentation) -> list[Block]:
    """List whom a contact may win back, the most at stake first."""
    table: pd.DataFrame = found.reactivation
    if table.empty:
        return [Text("There is nobody whom a contact would be expected to win back.")]
    kind: Kind = "score" if result.counted else "money"
    worth = "discounted_purchases" if result.counted else "clv"
    columns = (
        Column(found.rfm.customer, "Customer", "label"),
        Column("tier", "Tier", "text"),
        Column("state", "State", "text"),
        Column("silence", f"Silent for ({found.settings.unit}s)", "count"),
        Column("value_before", "Value then", kind),
        Column(worth, "Value now", kind, like="value_before"),
        Column("at_stake", "At stake", kind, like="value_before"),
        Column("reasons", "Why", "prose"),
    )
    return [
        lay_out(
            table.assign(silence=table["T"] - table["recency"]),
            columns,
            name="reactivation",
            caption="Whom to win back: the most value at stake since the last order",
            note="Value then is that right after the last order; at stake is that times the share "
            "of P(alive) that is lost since. A contact wins back a part of it.",
            money=money_of(found.settings.currency),
            interactive=True,
        )
    ]
