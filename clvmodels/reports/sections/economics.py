"""Unit economics: what customers bring in beside what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clvmodels.economics.result import UnitEconomics
from clvmodels.markup import shorten
from clvmodels.reports.blocks import Block, Level, Missing, Note, Section, Text, absent, told
from clvmodels.reports.deciding import Decided
from clvmodels.reports.numerals import money_of
from clvmodels.reports.tables import Column, Table, lay_out

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["economics_section"]

_MEANING = {
    "new": "expected of a new customer, the first order included",
    "acquired": "of the customers there are, so far and from now on",
    "realised": "of what customers have brought in up to the same age",
}


def economics_section(found: Decided) -> Section | None:
    """Show lifetime value against the cost of acquisition, and when it is paid back."""
    if found.settings.cac is None:
        return None
    title, result = "Unit economics", found.economics
    if isinstance(result, Missing):
        return Section("economics", title, (absent("value beside cost", result),))
    rule = (
        f"Asked for is {result.threshold:g} times the CAC, the cost of acquiring a customer: a "
        "rule of thumb of subscription businesses, no law."
    )
    flags = set(result.table["flag"])
    level: Level = "warning" if flags & {"loss", "below"} else "ok"
    blocks: list[Block] = [
        Text(f"Lifetime value (LTV) is here that {_MEANING[result.basis]}. {rule}"),
        Note(result.verdict, level),
        _ratios(found, result),
    ]
    if result.new_customers is not None:
        blocks.append(_bids(found, result, result.new_customers))
    blocks += told(result.notes)
    return Section("economics", title, tuple(blocks))


def _ratios(found: Decided, result: UnitEconomics) -> Table:
    columns = (
        *_segments(result),
        Column("customers", "Customers", "count"),
        Column("cac", "CAC", "money"),
        Column("ltv", "LTV", "money"),
        Column("ltv_to_cac", "LTV:CAC", "score"),
        Column("ratio_lower", "Lower", "score", like="ltv_to_cac"),
        Column("ratio_upper", "Upper", "score", like="ltv_to_cac"),
        Column("probability_above", f"Chance of {result.threshold:g} or more", "share"),
        Column("payback", f"Payback ({result.unit}s)", "score"),
        Column("flag", "It is", "text"),
    )
    return _laid(found, result, result.table, columns, "ratios", "Value beside cost, per customer")


def _bids(found: Decided, result: UnitEconomics, table: pd.DataFrame) -> Table:
    columns = (
        *_segments(result),
        Column("first_order_value", "First order", "money"),
        Column("repeat_value", "Repeat orders", "money"),
        Column("ltv", "LTV", "money"),
        Column("lower", "Lower", "money", like="ltv"),
        Column("upper", "Upper", "money", like="ltv"),
        Column("break_even_cac", "CAC that breaks even", "money"),
        Column("max_cac", f"CAC for {result.threshold:g} times", "money"),
        Column("payback", f"Payback ({result.unit}s)", "score"),
    )
    caption = "A new customer: what may be bid"
    return _laid(found, result, table, columns, "bids", caption)


def _segments(result: UnitEconomics) -> tuple[Column, ...]:
    return tuple(Column(name, shorten(name, 30), "label") for name in result.by[:1])


def _laid(
    found: Decided,
    result: UnitEconomics,
    table: pd.DataFrame,
    columns: tuple[Column, ...],
    name: str,
    caption: str,
) -> Table:
    return lay_out(
        table.fillna(dict.fromkeys(result.by, "(none)")),
        columns,
        name=f"economics-{name}",
        caption=caption,
        money=money_of(found.settings.currency),
        interactive=True,
    )
