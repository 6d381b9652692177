"""Suitability: whether the log is one that the models can describe."""

from __future__ import annotations

from typing import Final

from clvmodels.reports.blocks import Block, Level, Missing, Note, Section, Text, absent
from clvmodels.reports.judging import Judged
from clvmodels.reports.numerals import money_of
from clvmodels.reports.tables import Column, lay_out

__all__ = ["suitability_section"]

_COLUMNS = (
    Column("topic", "What", "label"),
    Column("level", "Level", "level"),
    Column("says", "Finding", "prose"),
    Column("advice", "What to do", "prose"),
)
_RANKS: Final[dict[Level, int]] = {"problem": 0, "warning": 1, "note": 2, "ok": 3}


def suitability_section(found: Judged) -> Section:
    """Show what was looked at before anything was fitted."""
    blocks: list[Block] = [
        Text("Before anything is fitted, the log is looked at for what would mislead a model.")
    ]
    checked = found.suitability
    if isinstance(checked, Missing):
        return Section("suitability", "Suitability", (*blocks, absent("the check", checked)))
    blocks.append(Note(checked.verdict, checked.level))
    table = checked.table
    blocks += [
        Note(f"{each.topic.capitalize()}: {each.says} {each.reasons}", each.level)
        for each in sorted(checked.findings, key=lambda each: _RANKS[each.level])
        if each.level in ("problem", "warning")
    ]
    blocks.append(
        lay_out(
            table.iloc[table["level"].map(_RANKS).argsort(kind="stable")],
            _COLUMNS,
            name="findings",
            caption=f"{len(table)} things that were looked at, the most serious first",
            money=money_of(None),
        )
    )
    return Section("suitability", "Suitability", tuple(blocks))
