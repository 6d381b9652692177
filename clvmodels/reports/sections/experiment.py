"""Experiment: what the arms of a test are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clvmodels.experiments.result import GroupComparison
from clvmodels.markup import shorten
from clvmodels.reports.blocks import Block, Missing, Note, Section, Text, absent, told
from clvmodels.reports.deciding import Decided
from clvmodels.reports.numerals import money_of, percent
from clvmodels.reports.settings import duration_in_words
from clvmodels.reports.tables import Column, Kind, Table, lay_out
from clvmodels.reports.words import for_readers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["experiment_section"]

_ARMS = (
    Column("arm", "Arm", "label"),
    Column("customers", "Customers", "count"),
    Column("repeat_customers", "Who came back", "count"),
    Column("first_start", "From", "text"),
    Column("last_start", "To", "text"),
    Column("observed", "Observed for, mean", "score"),
)
_TRAITS = (
    Column("arm", "Arm", "label"),
    Column("trait", "Known before", "text"),
    Column("mean", "Mean"),
    Column("control_mean", "Control"),
    Column("standardised", "Difference in standard deviations", "score"),
    Column("p_value", "p-value"),
)
_TESTS = (
    Column("test", "Test of", "label"),
    Column("arm", "Arm", "text"),
    Column("statistic", "Statistic", "score"),
    Column("degrees", "Degrees", "count"),
    Column("p_value", "p-value"),
)
_SECTION = "experiment"


def experiment_section(found: Decided) -> Section | None:
    """Compare the arms, check that they are comparable, and say what could have been seen."""
    if found.settings.group is None:
        return None
    title, result = "Experiment", found.experiment
    if isinstance(result, Missing):
        return Section(_SECTION, title, (absent("a comparison of the arms", result),))
    blocks: list[Block] = [
        Text(
            f"Value within {_horizon(found)} of the assignment: what was observed, what is "
            "predicted for the rest of that time, and both together, the lifetime value. The "
            f"control is {shorten(result.control, 60)}."
        ),
        *(Note(each) for each in result.verdicts),
        *(Note(for_readers(each), "warning") for each in result.warnings),
        _laid(result.arms, _ARMS, "arms", "Arms", None),
    ]
    of_value = result.table["quantity"].str.endswith("value")
    for what, part in (("value", of_value), ("purchases", ~of_value)):
        if part.any():
            blocks += _tables(found, result, what, part)
    blocks += [
        _laid(table, columns, name, caption, None)
        for table, columns, name, caption in (
            (result.balance, _TRAITS, "balance", "Were the arms alike before?"),
            (result.tests, _TESTS, "tests", "Is the assignment as if by lot?"),
        )
        if not table.empty
    ]
    blocks += told(result.notes)
    return Section(_SECTION, title, tuple(blocks))


def _horizon(found: Decided) -> str:
    return duration_in_words(found.settings.horizon, found.settings.unit)


def _tables(
    found: Decided, result: GroupComparison, what: str, part: pd.Series[bool]
) -> list[Table]:
    kind: Kind = "money" if what == "value" else "score"
    key = (
        Column("arm", "Arm", "label"),
        Column("quantity", "Per customer", "text"),
        Column("method", "Method", "text"),
    )
    differences = (
        *key,
        Column("mean", "Mean", kind),
        Column("control_mean", "Control", kind),
        Column("difference", "Difference", kind, like="mean"),
        Column("lower", "Lower", kind, like="mean"),
        Column("upper", "Upper", kind, like="mean"),
        Column("relative", "Relative", "change"),
        Column("probability_better", "Chance to be better", "share"),
    )
    reach = (
        *key,
        Column("detectable", "Least difference to be seen", kind),
        Column("detectable_relative", "Relative", "share"),
        Column("effect", "A wanted effect", "share"),
        Column("customers_needed", "Needs customers", "count"),
    )
    named = (
        (result.table, differences, "differences", f"Difference in {what}, against the control"),
        (
            result.power,
            reach,
            "power",
            f"What could be seen of {what}, power {percent(result.target)}",
        ),
    )
    return [
        _laid(table[part], columns, f"{name}-{what}", caption, found.settings.currency)
        for table, columns, name, caption in named
    ]


def _laid(
    table: pd.DataFrame, columns: tuple[Column, ...], name: str, caption: str, currency: str | None
) -> Table:
    return lay_out(
        table, columns, name=f"experiment-{name}", caption=caption, money=money_of(currency)
    )
