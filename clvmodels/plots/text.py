"""Words and numbers that pictures show: text from data made harmless, numbers made short."""

from __future__ import annotations

import math
import textwrap
import unicodedata
from typing import Final

from clvmodels.markup import shorten

__all__ = ["compact", "customers", "folded", "percent", "plain"]

MISSING: Final = "\u25a1"  # a box in place of what a font cannot draw
LONGEST: Final = 32  # characters of a name in a picture
_BLANK: Final = {"Cc", "Zl", "Zp", "Zs"}
_UNSEEN: Final = {"Cf", "Cs"}  # marks that turn the direction of text; halves of characters
_STEPS: Final = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
_SPELLED: Final = 1e4  # numbers below are written out
_LARGEST: Final = 1e15  # numbers above are powers of ten


def plain(text: object, longest: int = LONGEST) -> str:
    r"""Return a name from data as matplotlib shows it: one line, no formulas, no surprises.

    Control characters and marks that turn the direction of text go, runs of blanks become one,
    long names are cut, dollars begin no formula, and characters that no chosen font has become
    boxes.

    Parameters
    ----------
    text
        The name. Anything else is written as `str` does.
    longest
        Characters to keep.

    Returns
    -------
    str
        For a title, label or legend.

    Examples
    --------
    >>> plain("a $5\n plan")
    'a \\$5 plan'
    >>> plain("x" * 10_000, longest=9)
    'xxxxxxxx…'
    """
    kinds = ((each, unicodedata.category(each)) for each in str(text))
    seen = "".join(" " if kind in _BLANK else each for each, kind in kinds if kind not in _UNSEEN)
    words = shorten(" ".join(seen.split()) or "(no name)", longest)
    known = _drawable(words)
    return "".join(each if each in known else MISSING for each in words).replace("$", r"\$")


def _drawable(words: str) -> set[str]:
    """Return the characters that the fonts chosen for text can draw."""
    if words.isascii():
        return set(words)
    from matplotlib.font_manager import FontProperties, findfont, get_font

    codes: set[int] = set()
    for family in FontProperties().get_family():
        try:
            path = findfont(FontProperties(family=[family]), fallback_to_default=False)
        except ValueError:  # a font that is not installed: matplotlib passes over it too
            continue
        codes |= set(get_font(path).get_charmap())
    return {each for each in words if ord(each) in codes}


def compact(value: float) -> str:
    """Return a number in few characters: k for thousand, M, B and T up to trillions.

    Examples
    --------
    >>> [compact(each) for each in (0.25, 9_500, 12_500, 2e6, 1.5e12, -math.inf)]
    ['0.25', '9,500', '12.5k', '2M', '1.5T', '-∞']
    """
    size = abs(value)
    if math.isinf(size):
        return f"{value}".replace("inf", "∞")
    if size < _SPELLED:
        return f"{value:,.6g}"
    if size < _LARGEST:
        step, letter = next(each for each in _STEPS if size >= each[0])
        return f"{value / step:.6g}{letter}"
    return f"{value:.3g}"


def percent(share: float) -> str:
    """Return a share in per cent.

    Examples
    --------
    >>> percent(0.523), percent(0.0021)
    ('52 %', '0.21 %')
    """
    return f"{100.0 * share:.0f} %" if abs(share) >= 0.01 or not share else f"{100 * share:.2g} %"


def customers(number: float) -> str:
    """Return a number of customers in words.

    Examples
    --------
    >>> customers(2357.0), customers(1)
    ('2,357 customers', '1 customer')
    """
    return f"{number:,.0f} customer" + ("" if round(number) == 1 else "s")


def folded(words: str, width: int) -> str:
    r"""Return words in lines of so many characters, at least twelve.

    Examples
    --------
    >>> folded("Repeat purchases of 2,357 customers", 20)
    'Repeat purchases of\n2,357 customers'
    """
    return "\n".join(textwrap.wrap(words, max(width, 12), break_long_words=False))
