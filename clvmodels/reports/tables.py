"""Tables of the library laid out for the page: headings, text as text, numbers as people read them.

Nothing is computed here but the text of a number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

from clvmodels.markup import Html, escape, number, shorten

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Cell",
    "Column",
    "Kind",
    "Money",
    "Table",
    "change",
    "count",
    "lay_out",
    "money_of",
    "percent",
    "plain",
    "share",
]

Kind: TypeAlias = Literal[
    "text", "prose", "label", "level", "count", "number", "score", "money", "share", "change"
]


class Money(Protocol):
    """Writes amounts."""

    def __call__(self, value: float, *, beside: Iterable[float] = ()) -> str:
        """Return an amount with as many digits as the largest of those beside it."""
        ...


MISSING: Final = "–"
_WIDTH: Final = 60  # characters of a text of the data
_PROSE: Final = 1000
_HOVER: Final = 300
_WORD: Final = 24  # letters without a gap that may be broken anywhere
_DIGITS: Final = 10  # by which rows are sorted: the last ones depend on the order of sums
_NOISE: Final = 1e-12  # of the largest number in a column
_HUGE: Final = 1e15  # from here on digits before the point mean nothing


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
        the largest in its column.
    """

    name: str
    heading: str
    kind: Kind = "number"

    @property
    def numeric(self) -> bool:
        """Whether it is sorted by number and stands to the right."""
        return self.kind not in ("text", "prose", "label", "level")


@dataclass(frozen=True)
class Cell:
    """What a cell shows, and by what it is sorted: None where there is nothing."""

    shown: Html
    key: str | None


@dataclass(frozen=True)
class Table:
    """A table of the page."""

    name: str
    caption: Html
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    interactive: bool
    note: str = ""


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
    >>> frame = pd.DataFrame({"who": ["<b>"], "share": [0.123], "left": [None]})
    >>> columns = [Column("who", "Customer", "label"), Column("share", "Share", "share")]
    >>> table = lay_out(frame, columns, name="t", caption="Shares", money=money_of(None))
    >>> [str(cell.shown) for cell in table.rows[0]]
    ['<bdi>&lt;b&gt;</bdi>', '12.3\u202f%']
    """
    known = [column for column in columns if column.name in frame.columns]
    cells = [list(_cells(frame[column.name], column, money)) for column in known]
    rows = tuple(zip(*cells, strict=True))
    return Table(name, plain(caption, 200), tuple(known), rows, interactive, note)


def plain(text: object, width: int = _WIDTH) -> Html:
    """Return any text of the data as harmless HTML that keeps its direction to itself."""
    whole = str(text)
    shown = shorten(whole, width)
    broken = ' class="long"' if any(len(word) > _WORD for word in shown.split()) else ""
    hover = f' title="{escape(shorten(whole, _HOVER))}"' if len(whole) > width else ""
    return Html(f"<bdi{broken}{hover}>{escape(shown)}</bdi>")


def percent(value: float) -> str:
    r"""Return a whole number of percent.

    Examples
    --------
    >>> percent(0.9)
    '90\u202f%'
    """
    return f"{100.0 * value:.0f}\u202f%"


def share(value: float) -> str:
    """Return a fraction in percent."""
    return f"{100.0 * value:.1f}\u202f%" if math.isfinite(value) else str(value)


def change(value: float) -> str:
    """Return a relative change in percent, with its sign."""
    return f"{100.0 * value:+.1f}\u202f%" if math.isfinite(value) else str(value)


def count(value: float, *, beside: Iterable[float] = ()) -> str:
    """Return a number of things, with as many digits as the largest of those beside it.

    Examples
    --------
    >>> count(20734.9), count(4.0), count(4.25), count(4.25, beside=(12.5, 3000.0))
    ('20,735', '4', '4.25', '4')
    """
    return _fixed(value, (value, *beside), 1)


def brief(value: float) -> str:
    """Return the size of a large number in words, empty if it is not very large.

    Examples
    --------
    >>> brief(2.5e6), brief(1234567890.0), brief(7.1e12)
    ('', '1.23 billion', '7.10 trillion')
    """
    for size, name in ((1e12, "trillion"), (1e9, "billion")):
        if size <= abs(value) < _HUGE:
            return f"{value / size:.2f} {name}"
    return ""


def money_of(currency: str | None) -> Money:
    r"""Return what writes amounts, with a sign of the currency; very large ones in words.

    Examples
    --------
    >>> show = money_of("£")
    >>> show(1234567.8), show(-12.5), show(3.0), money_of("EUR")(0.0)
    ('£1,234,568', '-£12.50', '£3', 'EUR\xa00')
    """
    sign = shorten(currency or "", 12)
    sign += "\xa0" if sign and sign[-1].isalnum() else ""

    def show(value: float, *, beside: Iterable[float] = ()) -> str:
        alone = "" if beside else brief(abs(value))
        text = alone or _fixed(abs(value), (value, *beside), 2)
        return f"{'-' if value < 0.0 else ''}{sign}{text}"

    return show


def _steady(value: float, beside: Iterable[float] = ()) -> float:
    """Return a number without its last digits, which depend on the order of sums."""
    largest = max((abs(each) for each in beside if math.isfinite(each)), default=0.0)
    return 0.0 if abs(value) < _NOISE * largest else float(f"{value:.{_DIGITS}g}")


def _fixed(value: float, beside: Iterable[float], middle: int) -> str:
    """Write a number with the decimals that those beside it need: none, `middle` or two."""
    value = _steady(value)
    known = [abs(each) for each in beside if math.isfinite(each)]
    largest = max(known, default=0.0)
    if not math.isfinite(value) or abs(value) >= _HUGE:
        return number(value, 3)
    if largest >= 1000.0 or all(each == round(each) for each in known):
        return f"{value:,.0f}"
    return f"{value:,.{middle if largest >= 10.0 else 2}f}"


def _scored(value: float, beside: tuple[float, ...]) -> str:
    """Write a number with four digits of the largest beside it."""
    largest = max((abs(each) for each in beside if math.isfinite(each)), default=0.0)
    if not math.isfinite(value) or largest >= _HUGE or not largest > 0.0:
        return number(value)
    decimals = min(max(3 - math.floor(math.log10(largest)), 0), 6)
    return f"{value:,.{decimals}f}"


def _cells(values: pd.Series[Any], column: Column, money: Money) -> Iterator[Cell]:
    known = [
        None if gap or each == "" else each
        for each, gap in zip(values.tolist(), values.isna().tolist(), strict=True)
    ]
    if not column.numeric:
        width = _PROSE if column.kind == "prose" else _WIDTH
        yield from (_text(each, width) for each in known)
        return
    numbers = tuple(float(each) for each in known if each is not None)
    for each in known:
        yield _NOTHING if each is None else _number(float(each), numbers, column.kind, money)


def _text(value: Any, width: int) -> Cell:
    if value is None:
        return _NOTHING
    text = _whole(value)
    return Cell(plain(text, width), str(escape(shorten(text, _HOVER))))


def _whole(value: Any) -> str:
    """Return a value of the data as text; whole numbers that are kept as floats without point."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _HUGE:
        return str(int(value))
    if isinstance(value, datetime) and value.time() == datetime.min.time():
        return str(value.date())
    return str(value)


def _number(value: float, beside: tuple[float, ...], kind: Kind, money: Money) -> Cell:
    value = _steady(value, beside)
    if kind == "money":
        shown = money(value, beside=beside)
    elif kind == "count":
        shown = count(value, beside=beside)
    elif kind == "score":
        shown = _scored(value, beside)
    else:
        shown = {"share": share, "change": change}.get(kind, number)(value)
    return Cell(escape(shown), f"{value:.{_DIGITS}g}")


_NOTHING: Final = Cell(Html(MISSING), None)
