"""Why: what makes the value of the best customers, and of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clvmodels.explanations.explanation import COMPONENTS, Explanation
from clvmodels.reports.blocks import Block, Missing, Section, Text, absent
from clvmodels.reports.deciding import Decided
from clvmodels.reports.numerals import money_of
from clvmodels.reports.tables import Column, Kind, Table, lay_out

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["reasons_section"]

_HEADINGS: Final = {
    "population": "Typical for the age",
    "frequency": "How often",
    "recency": "When last",
    "spend": "Spend",
}


def reasons_section(found: Decided) -> Section:
    """Show the contributions to value, added up and for the best customers."""
    title, result = "Why", found.explanation
    if isinstance(result, Missing):
        return Section("why", title, (absent("reasons of the values", result),))
    what = "value" if found.valued else "purchases"
    blocks: list[Block] = [
        Text(
            f"The expected {what} of a customer is that of a typical customer of the same age, and "
            "what it changes to know how often they bought, when they last did, and what they "
            "spent. The parts add up exactly. They are steps of an account, not causes."
        ),
        Text(result.verdict),
        _sums(found, result),
        _best(found, result),
    ]
    return Section("why", title, tuple(blocks))


def _sums(found: Decided, result: Explanation) -> Table:
    kind: Kind = "money" if found.valued else "score"
    names = COMPONENTS | {result.value: "all together"}
    columns = (
        Column("component", "Part", "label"),
        Column("amount", "All customers", kind),
        Column("per_customer", "Per customer", kind, like="standard_deviation"),
        Column("standard_deviation", "Standard deviation", kind),
    )
    return _laid(found, _in_words(result.table, names), columns, "why-sums", "Added up")


def _best(found: Decided, result: Explanation) -> Table:
    kind: Kind = "money" if found.valued else "score"
    table: pd.DataFrame = found.reasons
    columns = (
        Column(found.rfm.customer, "Customer", "label"),
        *(Column(name, words, kind, like=result.value) for name, words in _HEADINGS.items()),
        Column(result.value, "Together", kind),
    )
    return _laid(found, table, columns, "why-best", "The customers of the highest value")


def _in_words(table: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    return table.assign(component=table["component"].map(names))


def _laid(
    found: Decided, table: pd.DataFrame, columns: tuple[Column, ...], name: str, caption: str
) -> Table:
    return lay_out(
        table,
        columns,
        name=name,
        caption=caption,
        money=money_of(found.settings.currency),
        interactive=name == "why-best",
    )
