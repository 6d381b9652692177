"""Cohorts: who comes back, and what customers are worth, by age."""

from __future__ import annotations

from clvmodels.cohort_analysis.result import CohortAnalysis, Quantity
from clvmodels.reports.blocks import Block, Missing, Note, Section, Text, absent, told
from clvmodels.reports.deciding import Decided
from clvmodels.reports.grids import grid
from clvmodels.reports.numerals import money_of, percent
from clvmodels.reports.tables import Column, Kind, Table, lay_out

__all__ = ["cohorts_section"]

_AHEAD = "Cells in italics, right of the bar, are projected by the model."


def cohorts_section(found: Decided) -> Section:
    """Show retention and cumulative value by cohort and age, and compare cohorts fairly."""
    title, result = "Cohorts", found.cohorts
    if isinstance(result, Missing):
        return Section("cohorts", title, (absent("cohorts by age", result),))
    blocks: list[Block] = [
        Text(
            f"Customers by {result.cohort} of their first purchase in the log. Columns are their "
            f"age in {result.period}s: 0 is the {result.period} of the first purchase. Old cohorts "
            "have had more time, so that cohorts are only compared at the same age."
        ),
        _grid(found, result, "retention"),
    ]
    if result.has_value:
        blocks.append(_grid(found, result, "cumulative_value"))
    if not result.comparison.empty:
        blocks.append(_comparison(found, result))
        different = result.comparison["differs"].eq(True)
        words = [each for each, is_so in zip(result.sentences, different, strict=True) if is_so]
        blocks += [Note(" ".join(words))] if words else []
    blocks += told(result.notes)
    return Section("cohorts", title, tuple(blocks))


def _grid(found: Decided, result: CohortAnalysis, quantity: Quantity) -> Table:
    values = result.grid(quantity)
    ahead = result.grid("kind").reindex(columns=values.columns).to_numpy() == "projected"
    sizes = result.table[result.table["age"] == 0]["customers"]
    captions = {
        "retention": f"Retention: share of the cohort who buy in the {result.period}",
        "cumulative_value": "Value per customer of the cohort so far, the first purchase included",
    }
    kind: Kind = "percent" if quantity == "retention" else "money"
    return grid(
        values,
        ahead,
        corner="Cohort",
        name=f"cohorts-{quantity.replace('_', '-')}",
        caption=captions[quantity],
        kind=kind,
        money=money_of(found.settings.currency),
        sizes=sizes.tolist(),
        unshaded=1 if quantity == "retention" else 0,
        note=_AHEAD if ahead.any() else "",
    )


def _comparison(found: Decided, result: CohortAnalysis) -> Table:
    columns = (
        Column("cohort", "Cohort", "label"),
        Column("customers", "Customers", "count"),
        Column("value", "Value each", "money"),
        Column("lower", "Lower", "money", like="value"),
        Column("upper", "Upper", "money", like="value"),
        Column("projected", "Of it projected", "money", like="value"),
        Column("others", "The others", "money", like="value"),
        Column("difference", "Difference", "change"),
        Column("difference_lower", "Lower", "change"),
        Column("difference_upper", "Upper", "change"),
        Column("p_holm", "p-value"),
    )
    return lay_out(
        result.comparison,
        columns,
        name="cohorts-compared",
        caption=(
            f"At the same age of {result.common_age} {result.period}s, with "
            f"{percent(result.interval)} intervals; p-values know that several cohorts are compared"
        ),
        money=money_of(found.settings.currency),
    )
