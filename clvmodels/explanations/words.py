"""Amounts and tables of segments as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clvmodels.markup import number

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["WIDTH", "money", "segment_lines", "signed"]

WIDTH: Final = 90  # of a text in a terminal

_SHOWN: Final = 40  # segments in a text
_NOTHING: Final = 5e-4  # amounts below are shown as 0


def money(amount: float) -> str:
    """Return an amount with three significant digits; whole parts are never rounded.

    Examples
    --------
    >>> money(21808.11), money(8.766), money(4.8e-8)
    ('21,808', '8.77', '0')
    """
    return "0" if abs(amount) < _NOTHING else number(float(amount), 3)


def signed(amount: float) -> str:
    """Return an amount with its sign.

    Examples
    --------
    >>> signed(4.384), signed(-3.7)
    ('+4.38', '-3.7')
    """
    shown = money(amount)
    return shown if shown.startswith("-") else f"+{shown}"


def segment_lines(segments: pd.DataFrame | None) -> list[str]:
    """Return a table of segments for a terminal, without columns of zeros; none if there is none.

    Examples
    --------
    >>> import pandas as pd
    >>> print(*segment_lines(pd.DataFrame({"channel": ["web"], "new": [0.0], "clv": [31.9]})))
     channel  clv
        web   32
    """
    if segments is None:
        return []
    moved = [name for name in segments.columns if not _is_zero(segments[name])]
    shown = segments[moved].head(_SHOWN)
    text = shown.to_string(index=False, line_width=100, float_format=lambda value: f"{value:,.0f}")
    rest = len(segments) - len(shown)
    return ["", text, *([f"and {rest:,} more segments"] if rest else [])]


def _is_zero(column: pd.Series[Any]) -> bool:
    return column.dtype.kind == "f" and bool((column == 0.0).all())
