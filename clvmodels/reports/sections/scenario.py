"""What if: what better retention, more purchases and more spend are worth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from clvmodels.reports.blocks import Block, Missing, Note, Section, Text, absent, told
from clvmodels.reports.deciding import Decided
from clvmodels.reports.numerals import money_of
from clvmodels.reports.tables import Column, Kind, Table, lay_out
from clvmodels.scenarios.result import WhatIf

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["scenario_section"]

_LEVERS: Final = (
    Column("lever", "Lever", "label"),
    Column("quantity", "What it is", "prose"),
    Column("change", "Change", "text"),
    Column("before", "Before"),
    Column("after", "After"),
)
_SENSITIVITY: Final = (
    Column("lever", "Lever", "label"),
    Column("step", "Step", "text"),
    Column("now", "As it is"),
    Column("base", "Value of all customers", "change"),
    Column("new_customer", "Value of a new one", "change"),
)


def scenario_section(found: Decided) -> Section:
    """Show what each lever is worth alone, and how value responds to a little of each."""
    title, (result, failed) = "What if", found.scenario
    if isinstance(result, Missing):
        return Section("what-if", title, (absent("what other behaviour would be worth", result),))
    what = "value" if found.valued else "purchases"
    blocks: list[Block] = [
        Text(
            f"What the {what} of {found.settings.ahead} would be if customers behaved differently "
            "from now on, as those of another population would; what is known of each of them "
            "stays. It says what that is worth, not how to get it."
        ),
        Note(result.verdict),
        *([absent("better retention", failed)] if failed else []),
        _moved(result),
        *_worth(found, result),
    ]
    blocks += [
        lay_out(
            _named(result.sensitivity),
            _SENSITIVITY,
            name="levers-little",
            caption=f"Which lever matters most: what a little of each does to the {what}",
            money=money_of(None),
        ),
        *told(result.notes),
    ]
    return Section("what-if", title, tuple(blocks))


def _moved(result: WhatIf) -> Block:
    return lay_out(
        _named(result.levers),
        _LEVERS,
        name="levers-moved",
        caption="What is moved",
        money=money_of(None),
    )


def _worth(found: Decided, result: WhatIf) -> Iterator[Table]:
    """Yield what each lever is worth, for all customers and for a new one."""
    kind: Kind = "money" if found.valued else "count"
    columns = (
        Column("lever", "Lever", "label"),
        Column("difference", "Difference", kind),
        Column("lower", "Lower", kind, like="difference"),
        Column("upper", "Upper", kind, like="difference"),
        Column("relative", "Relative", "change"),
    )
    for place, of in enumerate(result.attribution["of"].unique(), 1):
        name = "the present customers" if of == "base" else str(of)
        yield lay_out(
            _named(result.attribution[result.attribution["of"] == of]),
            columns,
            name=f"levers-worth-{place}",
            caption=f"Each lever alone, and all together: {name}",
            money=money_of(found.settings.currency),
        )


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose levers have the names of words."""
    return table.assign(lever=table["lever"].str.replace("_", " "))
