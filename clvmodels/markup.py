"""HTML from texts and tables, for notebooks and reports: harmless whatever the texts are."""

from __future__ import annotations

import html
import math
import numbers
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Html", "escape", "html_card", "html_list", "html_table", "number", "shorten"]

# Zero-width joiners belong to words (Persian, emoji); other invisible characters only hide things.
_JOINERS: Final = "\u200c\u200d"
_UNSEEN: Final = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_MISSING: Final = "\u2013"
_TITLE: Final = 300  # characters of a long text that are shown on hovering

# No colour and no background of its own: it is read on light and on dark pages.
_CARD: Final = (
    "border:1px solid rgba(128,128,128,.45);border-radius:6px;padding:.6em .9em;"
    "margin:.3em 0;max-width:60em;overflow-x:auto"
)
_TABLE: Final = "border-collapse:collapse;margin:.4em 0;font-variant-numeric:tabular-nums;border:0"
_CAPTION: Final = "text-align:left;caption-side:top;opacity:.75;color:inherit"
_RULE: Final = "border-bottom:1px solid rgba(128,128,128,.45);"
_CELL: Final = "padding:.15em .7em;white-space:nowrap;background:none;"


class Html(str):
    """Text that is HTML already. Templates that escape by themselves (Jinja) leave it as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


def escape(text: object) -> Html:
    r"""Return a text that is harmless inside an element or a quoted attribute.

    Besides quotes and angle brackets: control characters, and marks that turn the direction of
    writing, appear as what they are (`␀`, `\u202e`) and do nothing.

    Examples
    --------
    >>> print(escape('<b onclick="x()">' + chr(0x202E)))
    &lt;b onclick=&quot;x()&quot;&gt;\u202e
    """
    return Html(html.escape("".join(map(_visible, str(text))), quote=True))


def _visible(character: str) -> str:
    if character in _JOINERS or unicodedata.category(character) not in _UNSEEN:
        return character
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # the pictures of control characters
    return f"\\u{code:04x}"


def shorten(text: object, width: int = 60) -> str:
    """Return a text (not HTML) of at most `width` characters; an ellipsis stands for the rest.

    Examples
    --------
    >>> shorten("a rather long name", 10)
    'a rather …'
    """
    whole = str(text)
    if len(whole) <= width:
        return whole
    kept = whole[: max(width - 1, 0)]
    while kept and (unicodedata.combining(kept[-1]) or kept[-1] in _JOINERS):
        kept = kept[:-1]  # marks would fall on the ellipsis
    return kept + "…"


def number(value: numbers.Real | float, digits: int = 4) -> str:
    """Return a number with so many significant digits; whole parts are never rounded.

    Examples
    --------
    >>> number(0.242593), number(1234567.8), number(3e-7), number(12), number(math.inf)
    ('0.2426', '1,234,568', '3e-07', '12', 'inf')
    """
    if isinstance(value, numbers.Integral):
        return f"{int(value):,}"
    real = float(value)
    if not math.isfinite(real) or abs(real) >= 1e15 or abs(real) < 10.0**digits:
        return f"{real:,.{digits}g}"
    return f"{real:,.0f}"


def html_table(
    table: pd.DataFrame,
    *,
    caption: object = None,
    digits: int = 4,
    rows: int = 100,
    formats: Mapping[str, str] | None = None,
) -> Html:
    """Return a table in HTML.

    Parameters
    ----------
    table
        Of any columns. Its index is shown, unless it only numbers the rows.
    caption
        A line above it.
    digits
        Significant digits of numbers.
    rows
        Most rows shown; a last line says how many more there are.
    formats
        Format of the numbers of some columns, by name, such as ``{"share": ".1%"}``.

    Examples
    --------
    >>> import pandas as pd
    >>> shown = html_table(pd.DataFrame({"<name>": ["r & alpha"], "n": [1200]}))
    >>> "&lt;name&gt;" in shown, "r &amp; alpha" in shown, "1,200" in shown
    (True, True, True)
    """
    labels = _labels(table)
    shown = table.head(rows)
    heads = [*(name for name, _ in labels), *table.columns]
    kinds = [*(values.dtype for _, values in labels), *table.dtypes]
    right = [getattr(kind, "kind", "O") in "iuf" for kind in kinds]
    lines = [f'<table style="{_TABLE}">']
    if caption is not None:
        lines.append(f'<caption style="{_CAPTION}">{_text(caption, 200)}</caption>')
    cells = [_cell("th", _text(head), side, _RULE) for head, side in zip(heads, right, strict=True)]
    lines.append(f"<thead><tr>{''.join(cells)}</tr></thead><tbody>")
    specs = [(formats or {}).get(name) for name in table.columns]
    missing = shown.isna().to_numpy()
    for i, row in enumerate(shown.itertuples(index=False, name=None)):
        texts = [_shown(values[i], digits) for _, values in labels]
        texts += [
            _MISSING if gap else _shown(value, digits, spec)
            for value, gap, spec in zip(row, missing[i], specs, strict=True)
        ]
        tags = ["th"] * len(labels) + ["td"] * len(row)
        lines.append(f"<tr>{''.join(map(_cell, tags, texts, right))}</tr>")
    lines.append("</tbody></table>")
    if len(table) > rows:
        lines.append(f"<p>and {len(table) - rows:,} more rows</p>")
    return Html("".join(lines))


def _labels(table: pd.DataFrame) -> list[tuple[object, pd.Index[Any]]]:
    """Return name and values of each level of the index; none where it only numbers the rows."""
    index = table.index
    if type(index).__name__ == "RangeIndex" and index.name is None:
        return []
    names = ["" if name is None else name for name in index.names]
    return [(name, index.get_level_values(i)) for i, name in enumerate(names)]


def html_list(items: Iterable[object]) -> Html:
    """Return texts as a list; empty if there are none.

    Examples
    --------
    >>> html_list(["a < b"]).count("&lt;")
    1
    """
    lines = "".join(f"<li>{_part(item)}</li>" for item in items)
    return Html(f'<ul style="margin:.3em 0;padding-left:1.4em">{lines}</ul>' if lines else "")


def html_card(title: object, *parts: object) -> Html:
    """Return a box with a title. Parts that are not `Html` are texts, and become paragraphs.

    Examples
    --------
    >>> print(html_card("a < b", "one & two")[-59:])
    <p style="margin:.3em 0"><bdi>one &amp; two</bdi></p></div>
    """
    body = "".join(
        part if isinstance(part, Html) else f'<p style="margin:.3em 0">{_part(part)}</p>'
        for part in parts
    )
    return Html(f'<div style="{_CARD}"><strong>{_text(title, 200)}</strong>{body}</div>')


def _part(text: object) -> str:
    return text if isinstance(text, Html) else f"<bdi>{escape(text)}</bdi>"


def _text(text: object, width: int = 60) -> str:
    """Return a text in one line, with more of it on hovering where it is cut."""
    whole = str(text)
    if len(whole) <= width:
        return f"<bdi>{escape(whole)}</bdi>"
    return f'<bdi title="{escape(shorten(whole, _TITLE))}">{escape(shorten(whole, width))}</bdi>'


def _shown(value: object, digits: int, spec: str | None = None) -> str:
    if not isinstance(value, bool) and isinstance(value, numbers.Real):
        return escape(number(value, digits) if spec is None else format(value, spec))
    if isinstance(value, datetime) and value.time() == datetime.min.time():
        return escape(value.date())
    return _text(value)


def _cell(tag: str, content: str, to_right: bool, rule: str = "") -> str:
    side = "right" if to_right else "left"
    return f'<{tag} style="{_CELL}{rule}text-align:{side}">{content}</{tag}>'
