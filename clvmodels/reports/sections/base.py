"""The customer base: what an audit says, and the textbook's value beside the model's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from clvmodels.audits.definitions import MEASURES
from clvmodels.audits.result import Audit
from clvmodels.markup import shorten
from clvmodels.reports.blocks import (
    Block,
    Missing,
    Section,
    Text,
    absent,
    told,
)
from clvmodels.reports.deciding import Decided
from clvmodels.reports.numerals import money_of
from clvmodels.reports.tables import Column, Kind, Table, lay_out, number_cell, plain, text_cell

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["base_section"]

_FEW: Final = 10  # rows that nobody sorts
_MEASURES: Final = (
    "orders",
    "revenue",
    "average_order_value",
    "orders_per_year",
    "repeat_rate",
    "second_order_90d",
    "retention_rate",
    "existing_revenue_share",
    "top_20_share",
    "returns_rate",
    "historical_value",
    "historical_value_median",
)
_SEGMENTS: Final = (
    "customers",
    "revenue",
    "average_order_value",
    "orders_per_year",
    "repeat_rate",
    "second_order_90d",
    "existing_revenue_share",
    "returns_rate",
    "historical_value",
    "model_clv",
)
_KINDS: Final[dict[str, Kind]] = {
    "count": "count",
    "money": "money",
    "share": "share",
    "number": "number",
    "years": "number",
    "days": "number",
}


def base_section(found: Decided) -> Section:
    """Show who buys, how often, how unevenly, and what the textbook makes of it."""
    title, result = "Customer base", found.audit
    if isinstance(result, Missing):
        return Section("base", title, (absent("the customer base in numbers", result),))
    blocks: list[Block] = [
        Text(
            "What has happened so far, counted from the orders; no model is needed for it. "
            f"Periods are calendar {result.period}s."
        ),
        _numbers(found, result),
        *_tables(found, result),
        *_value(found, result),
        *told(result.notes),
    ]
    return Section("base", title, tuple(blocks))


def _numbers(found: Decided, result: Audit) -> Table:
    """Return the main measures, each with what it means."""
    row = result.totals.iloc[0]
    known = [name for name in _MEASURES if name in row.index and row[name] == row[name]]
    columns = (
        Column("what", "What", "label"),
        Column("number", "Number"),
        Column("meaning", "What it means", "prose"),
    )
    money = money_of(found.settings.currency)
    rows = []
    for name in known:
        measure = MEASURES[name]
        value = float(row[name])
        cell = number_cell(value, (value,), _KINDS[measure.kind], money)
        rows.append((text_cell(measure.title), cell, text_cell(measure.meaning, prose=True)))
    return Table("base-numbers", plain("In numbers"), columns, tuple(rows), False, look="whole")


def _tables(found: Decided, result: Audit) -> Iterator[Table]:
    if result.by:
        name = result.by[0]
        known = [each for each in _SEGMENTS if each in result.overview]
        yield _laid(
            found,
            result.overview.fillna({name: "(none)"}).sort_values(
                "customers", ascending=False, kind="stable"
            ),
            [Column(name, shorten(name, 30), "label"), *map(_column, known)],
            "segments",
            f"By {shorten(name)}",
        )
    if result.conversion is not None:
        yield _laid(found, _all(result.conversion), _CONVERSION, "conversion", _SECOND)
    if result.periods is not None:
        periods = result.periods[result.periods["scope"] == "all"]
        named = periods["period"].where(periods["complete"], periods["period"] + " (in part)")
        yield _laid(found, periods.assign(period=named), _PERIODS, "periods", _NEW)
    if result.concentration is not None:
        yield _laid(found, _all(result.concentration), _TENTHS, "tenths", _UNEVEN)


def _value(found: Decided, result: Audit) -> Iterator[Block]:
    """Show the textbook's value beside the model's, and the way from one to the other."""
    yield _laid(found, _all(result.value), _VALUES, "values", "The value of a customer")
    chain = result.chain()
    if not chain.empty:
        yield Text(
            "Textbooks multiply averages: order value x orders a year x a lifespan of 1 / churn. "
            "The model's value of a new customer differs, step by step, for these reasons."
        )
        yield _laid(found, chain, _CHAIN, "chain", "From the textbook's value to the model's")


def _all(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of all customers together."""
    return table[table["scope"] == "all"]


def _laid(
    found: Decided, table: pd.DataFrame, columns: Sequence[Column], name: str, caption: str
) -> Table:
    return lay_out(
        table,
        columns,
        name=f"base-{name}",
        caption=caption,
        money=money_of(found.settings.currency),
        interactive=len(table) > _FEW,
    )


def _column(name: str) -> Column:
    return Column(name, MEASURES[name].title, _KINDS[MEASURES[name].kind])


_SECOND: Final = "From the first order to the second: share of customers after so many days"
_NEW: Final = "New and existing customers by calendar period"
_UNEVEN: Final = "How unevenly revenue is spread: tenths of the customers, the best first"
_CONVERSION: Final = (
    Column("days", "Days", "label"),
    Column("converted", "With a second order", "share"),
    Column("watched", "Still without, and watched for longer", "count"),
)
_PERIODS: Final = (
    Column("period", "Period", "label"),
    Column("customers", "Customers", "count"),
    Column("new_customers", "New", "count"),
    Column("orders", "Orders", "count"),
    Column("revenue", "Revenue", "money"),
    Column("revenue_new", "Of new", "money"),
    Column("revenue_existing", "Of existing", "money"),
    Column("existing_revenue_share", "Share of existing", "share"),
    Column("retention", "Buy in the next, too", "share"),
)
_TENTHS: Final = (
    Column("tenth", "Tenth", "label"),
    Column("tenth_revenue", "Revenue", "money"),
    Column("tenth_share", "Share", "share"),
    Column("revenue_share", "Share up to here", "share"),
)
_VALUES: Final = (
    Column("title", "What", "label"),
    Column("number", "Per customer", "money"),
)
_CHAIN: Final = (
    Column("change", "Step", "label"),
    Column("term", "Changes it by", "money"),
    Column("running", "So far", "money", like="running"),
    Column("meaning", "Why", "prose"),
)
