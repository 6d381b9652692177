"""What could not be made: each reason is said once on the page, where it is first met."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from clvmodels.reports.blocks import Absent, Block, Note, Section

__all__ = ["said_once"]


def said_once(sections: Sequence[Section]) -> list[Section]:
    """Return the sections with a note in place of what is absent, one for each reason.

    Examples
    --------
    >>> first = Section("a", "First", (Absent("a sum", "Too few."), Absent("a list", "Too few.")))
    >>> again = Section("b", "Second", (Absent("a table", "Too few."),))
    >>> for section in said_once([first, again]):
    ...     print([block.text for block in section.blocks])
    ['Not shown: a sum; a list. Too few.']
    ['Not shown: a table. The reason stands under "First".']
    """
    told: dict[str, str] = {}
    return [replace(each, blocks=tuple(_noted(each, told))) for each in sections]


def _noted(section: Section, told: dict[str, str]) -> Iterator[Block]:
    missing = [block for block in section.blocks if isinstance(block, Absent)]
    names: dict[str, list[str]] = {}
    for each in missing:
        names.setdefault(each.reason, []).append(each.what)
    for block in section.blocks:
        if not isinstance(block, Absent):
            yield block
        elif block.reason in names:
            what = "; ".join(names.pop(block.reason))
            where = told.setdefault(block.reason, section.title)
            if where == section.title:
                yield Note(f"Not shown: {what}. {block.reason}", "warning")
            else:
                yield Note(f'Not shown: {what}. The reason stands under "{where}".')
