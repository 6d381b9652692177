"""Tables of the library laid out for the page: headings, text as text, numbers as people read them.

Nothing is computed here but the text of a number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from clvmodels.markup import Html, escape, number, shorten
from clvmodels.reports.numerals import (
    HUGE,
    Money,
    brief_share,
    change,
    count,
    key,
    score,
    share,
    steady,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Cell", "Column", "Kind", "Table", "lay_out", "number_cell", "plain", "text_cell"]

Kind: TypeAlias = Literal[
    "text",
    "prose",
    "label",
    "level",
    "count",
    "number",
    "score",
    "money",
    "share",
    "percent",
    "change",
]

_WORDS: Final = {"share": share, "percent": brief_share, "change": change}
MISSING: Final = "–"
_WIDTH: Final = 60  # characters of a text of the data
_PROSE: Final = 1000
_HOVER: Final = 300
_WORD: Final = 24  # letters without a gap that may be broken anywhere
_SHORT: Final = 18  # letters that are never broken


@dataclass(frozen=True)
class Column:
    """A column of a table of the library, and how it is shown.

    Attributes
    ----------
    name : str
        In the table.
    heading : str
        On the page.
    kind : Kind
        'text' of the data, 'label' (which heads its row), 'prose' of the library in full, 'level'
        of a finding; or what the numbers are: a 'number' has its own digits, a 'score' those of
        the largest in its column, a 'percent' fewer than a 'share'.
    like : str
        The column whose numbers tell how many digits this one has; itself if there is none.
    """

    name: str
    heading: str
    kind: Kind = "number"
    like: str = ""

    @property
    def numeric(self) -> bool:
        """Whether it is sorted by number and stands to the right."""
        return self.kind not in ("text", "prose", "label", "level")


@dataclass(frozen=True)
class Cell:
    """What a cell shows, by what it is sorted (None where there is nothing), and how it looks."""

    shown: Html
    key: str | None
    look: str = ""


@dataclass(frozen=True)
class Table:
    """A table of the page."""

    name: str
    caption: Html
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    interactive: bool
    note: str = ""
    look: str = ""


def lay_out(
    frame: pd.DataFrame,
    columns: Sequence[Column],
    *,
    name: str,
    caption: object,
    money: Money,
    interactive: bool = False,
    note: str = "",
) -> Table:
    r"""Lay out the columns that a table has, in the order given.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvmodels.reports.numerals import money_of
    >>> frame = pd.DataFrame({"who": ["<b>"], "share": [0.123], "left": [None]})
    >>> columns = [Column("who", "Customer", "label"), Column("share", "Share", "share")]
    >>> table = lay_out(frame, columns, name="t", caption="Shares", money=money_of(None))
    >>> [str(cell.shown) for cell in table.rows[0]]
    ['<bdi class="short">&lt;b&gt;</bdi>', '12.3\u202f%']
    """
    known = [column for column in columns if column.name in frame.columns]
    cells = [list(_cells(frame, column, money)) for column in known]
    rows = tuple(zip(*cells, strict=True))
    return Table(name, plain(caption, 200), tuple(known), rows, interactive, note)


def plain(text: object, width: int = _WIDTH) -> Html:
    """Return any text of the data as harmless HTML that keeps its direction to itself."""
    whole = str(text)
    shown = shorten(whole, width)
    length = max(map(len, shown.split()), default=0)
    kind = "long" if length > _WORD else "short" if len(shown) <= _SHORT else ""
    kind = f' class="{kind}"' if kind else ""
    hover = f' title="{escape(shorten(whole, _HOVER))}"' if len(whole) > width else ""
    return Html(f"<bdi{kind}{hover}>{escape(shown)}</bdi>")


def _cells(frame: pd.DataFrame, column: Column, money: Money) -> Iterator[Cell]:
    known = _known(frame[column.name])
    if not column.numeric:
        width = _PROSE if column.kind == "prose" else _WIDTH
        yield from (_NOTHING if each is None else _text(each, width) for each in known)
        return
    scale = _known(frame[column.like]) if column.like in frame.columns else known
    numbers = tuple(float(each) for each in scale if each is not None)
    for each in known:
        yield (_NOTHING if each is None else number_cell(float(each), numbers, column.kind, money))


def _known(values: pd.Series[Any]) -> list[Any]:
    """Return the values of a column, None where there is none."""
    return [
        None if gap or (isinstance(each, str) and not each) else each
        for each, gap in zip(values.tolist(), values.isna().tolist(), strict=True)
    ]


def text_cell(text: str, *, prose: bool = False) -> Cell:
    """Return a cell with a text, in full if it is `prose`."""
    return _text(text, _PROSE if prose else _WIDTH)


def _text(value: Any, width: int) -> Cell:
    text = _whole(value)
    return Cell(plain(text, width), str(escape(shorten(text, _HOVER))))


def _whole(value: Any) -> str:
    """Return a value of the data as text; whole numbers that are kept as floats without point."""
    if isinstance(value, float) and value.is_integer() and abs(value) < HUGE:
        return str(int(value))
    if isinstance(value, datetime) and value.time() == datetime.min.time():
        return str(value.date())
    return str(value)


def number_cell(value: float, beside: tuple[float, ...], kind: Kind, money: Money) -> Cell:
    """Return a cell with a number, as its kind is written beside others."""
    value = steady(value, () if kind == "number" else beside)
    if kind == "money":
        shown = money(value, beside=beside)
    elif kind == "count":
        shown = count(value, beside=beside)
    elif kind == "score":
        shown = score(value, beside)
    else:
        shown = _WORDS.get(kind, number)(value)
    return Cell(escape(shown), key(value))


_NOTHING: Final = Cell(Html(MISSING), None)
