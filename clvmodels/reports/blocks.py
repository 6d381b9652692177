"""What a page consists of: sections of paragraphs, facts, tables, pictures and notes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from clvmodels.errors import ClvError
from clvmodels.reports.figures import Figure
from clvmodels.reports.tables import Table
from clvmodels.reports.words import for_readers

__all__ = [
    "Absent",
    "Block",
    "Fact",
    "Facts",
    "Missing",
    "Note",
    "Pictures",
    "Section",
    "Term",
    "Terms",
    "Text",
    "absent",
    "attempt",
    "sentence",
    "told",
]

T = TypeVar("T")
Level: TypeAlias = Literal["ok", "note", "warning", "problem"]


@dataclass(frozen=True)
class Missing:
    """Why something could not be made, in words."""

    reason: str


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    lead: bool = False


@dataclass(frozen=True)
class Note:
    """A paragraph in a box, with how much it matters."""

    text: str
    level: Level = "note"


@dataclass(frozen=True)
class Absent:
    """Something that is not shown, and why: `what` reads after "Not shown:"."""

    what: str
    reason: str


@dataclass(frozen=True)
class Fact:
    """A number with its name and what it means."""

    name: str
    shown: str
    meaning: str = ""


@dataclass(frozen=True)
class Facts:
    """Numbers side by side, large ones if they are the `headline`."""

    facts: tuple[Fact, ...]
    headline: bool = False


@dataclass(frozen=True)
class Term:
    """A word and what it means."""

    name: str
    meaning: str


@dataclass(frozen=True)
class Terms:
    """A list of words with what they mean."""

    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Pictures:
    """Pictures side by side where there is room."""

    figures: tuple[Figure, ...]


Block: TypeAlias = Text | Note | Absent | Facts | Terms | Pictures | Table


@dataclass(frozen=True)
class Section:
    """What the list of contents names, and under which heading it does."""

    name: str
    title: str
    blocks: tuple[Block, ...]
    part: str = ""


def attempt(make: Callable[[], T]) -> T | Missing:
    """Return what a function makes, or why it could not, where the data are the reason.

    Examples
    --------
    >>> from clvmodels.errors import DataError
    >>> def fail() -> int:
    ...     raise DataError("A log has orders.", place="It has none.")
    >>> attempt(fail)
    Missing(reason='A log has orders. It has none.')
    """
    try:
        return make()
    except ClvError as error:
        # What to do next is said to who writes code, and no reader of a page does.
        said = " ".join(part for part in (error.rule, error.place) if part)
        return Missing(sentence(said.replace("`", "")))


def sentence(text: str) -> str:
    """Return a text that begins with a capital letter."""
    return f"{text[:1].upper()}{text[1:]}"


def told(notes: Iterable[str]) -> list[Block]:
    """Return notes of the library as paragraphs, as far as they are for readers."""
    return [Text(words) for words in map(for_readers, notes) if words]


def absent(what: str, missing: Missing) -> Absent:
    """Say that a part is not there and why."""
    return Absent(what, missing.reason)
