"""Numbers as people read them: counts, amounts of money, shares and scores."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date
from typing import Final, Protocol

from clvmodels.markup import number, shorten

__all__ = [
    "HUGE",
    "Money",
    "brief",
    "brief_share",
    "change",
    "count",
    "day",
    "key",
    "money_of",
    "percent",
    "score",
    "share",
    "steady",
]

_DIGITS: Final = 10  # by which rows are sorted: the last ones depend on the order of sums
_NOISE: Final = 1e-12  # of the largest number in a column
HUGE: Final = 1e15  # from here on digits before the point mean nothing


class Money(Protocol):
    """Writes amounts."""

    def __call__(self, value: float, *, beside: Iterable[float] = ()) -> str:
        """Return an amount with as many digits as the largest of those beside it."""
        ...


def percent(value: float) -> str:
    r"""Return a whole number of percent.

    Examples
    --------
    >>> percent(0.9)
    '90\u202f%'
    """
    return f"{100.0 * value:.0f}\u202f%"


def day(when: date | None) -> str:
    """Return a date as people read it.

    Examples
    --------
    >>> day(date(2010, 12, 9))
    '9 December 2010'
    """
    return "an unknown day" if when is None else f"{when.day} {when:%B %Y}"


def share(value: float) -> str:
    """Return a fraction in percent."""
    return f"{100.0 * value:.1f}\u202f%" if math.isfinite(value) else str(value)


def brief_share(value: float) -> str:
    r"""Return a fraction in percent, as short as two digits allow.

    Examples
    --------
    >>> brief_share(0.058), brief_share(0.16)
    ('5.8\u202f%', '16\u202f%')
    """
    return percent(value) if value >= 0.0995 or value == 0.0 else share(value)


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
        if size <= abs(value) < HUGE:
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


def steady(value: float, beside: Iterable[float] = ()) -> float:
    """Return a number without its last digits, which depend on the order of sums."""
    largest = max((abs(each) for each in beside if math.isfinite(each)), default=0.0)
    return 0.0 if abs(value) < _NOISE * largest else float(f"{value:.{_DIGITS}g}")


def _fixed(value: float, beside: Iterable[float], middle: int) -> str:
    """Write a number with the decimals that those beside it need: none, `middle` or two."""
    value = steady(value)
    known = [abs(each) for each in beside if math.isfinite(each)]
    largest = max(known, default=0.0)
    if not math.isfinite(value) or abs(value) >= HUGE:
        return number(value, 3)
    if largest >= 1000.0 or all(each == round(each) for each in known):
        return f"{value:,.0f}"
    return f"{value:,.{middle if largest >= 10.0 else 2}f}"


def score(value: float, beside: tuple[float, ...]) -> str:
    """Write a number with four digits of the largest beside it."""
    largest = max((abs(each) for each in beside if math.isfinite(each)), default=0.0)
    if not math.isfinite(value) or largest >= HUGE or not largest > 0.0:
        return number(value)
    decimals = min(max(3 - math.floor(math.log10(largest)), 0), 6)
    return f"{value:,.{decimals}f}"


def key(value: float) -> str:
    """Return by what a number is sorted, without digits that depend on the order of sums."""
    return f"{value:.{_DIGITS}g}"
