"""The result of a scenario: tables, and a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Final

from clvmodels.markup import Html, html_card, html_list, html_table, number, shorten
from clvmodels.units import TimeUnit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["WhatIf"]

_WIDTH: Final = 92
_MOST: Final = 30  # segments that are printed
_SHARES: Final = ("relative", "relative_lower", "relative_upper", "base", "new_customer")


@dataclass(frozen=True, eq=False, repr=False)
class WhatIf:
    """What changes in a scenario; see `what_if`.

    All values are expected ones: discounted, within the horizon, after the margin. An interval is
    that of the change: of an expectation, owed to the error of the parameters, which both worlds
    share. The luck of single customers is not in it: it would be the same on both sides, and what
    will be seen of one world only has the interval of `total`.

    Attributes
    ----------
    table : DataFrame
        A row a segment: the columns `by`, ``customers``, ``before``, ``after``, ``difference`` with
        its interval ``lower`` and ``upper``, and ``relative``, the difference over ``before`` (null
        where that is nothing or a loss), with its own in ``relative_lower`` and
        ``relative_upper``. One row without `by`, none without a base.
    total : DataFrame
        The same for the whole base, one row.
    new_customer : DataFrame
        The same for one new customer: ``value`` is 'repeat purchases' or 'with the first order'.
    levers : DataFrame
        What was moved, all levers together: ``lever``, ``quantity``, ``change`` as stated,
        ``before``, ``after``, and the ``parameter`` that moved it, ``parameter_before`` and
        ``parameter_after`` (of a new customer; null for margin and discount rate).
    retention : DataFrame
        Share of those alive who are alive a year later, of new customers and of the present base:
        ``customers``, ``before``, ``after``, ``change``.
    attribution : DataFrame
        Each lever alone, all 'together', and the 'interaction', which is what they do beyond the
        sum: ``of`` ('base', 'a new customer'), ``lever``, ``difference``, ``lower``, ``upper``,
        ``relative``. With one lever that row alone.
    sensitivity : DataFrame
        Which lever matters most, as things are: ``lever``, ``step``, ``now``, and the relative
        change by that step of the value of the ``base`` and of a ``new_customer`` with the first
        order; to first order, null where nothing can move. Of a loss it is relative to its size,
        and negative where the loss grows.
    break_even : DataFrame
        What the scenario may cost at most, in money of today: ``of``, ``worth``, ``lower``,
        ``upper``.
    verdict : str
        A sentence.
    notes : tuple of str
        What a reader should know.
    horizon : str
        As given.
    discount_rate, interval : float
        As given.
    unit : TimeUnit
        Unit of the models.
    """

    table: pd.DataFrame
    total: pd.DataFrame
    new_customer: pd.DataFrame
    levers: pd.DataFrame
    retention: pd.DataFrame
    attribution: pd.DataFrame
    sensitivity: pd.DataFrame
    break_even: pd.DataFrame
    verdict: str
    notes: tuple[str, ...]
    horizon: str
    discount_rate: float
    interval: float
    unit: TimeUnit

    @property
    def title(self) -> str:
        """What was asked, in a line."""
        moved = ", ".join(
            f"{lever.replace('_', ' ')} {change}"
            for lever, change in zip(self.levers["lever"], self.levers["change"], strict=True)
        )
        return f"What if: {moved}; horizon {self.horizon}, discount rate {self.discount_rate:g}"

    def __repr__(self) -> str:
        return f"<{self.title}>"

    def __str__(self) -> str:
        parts = [fill(self.title, _WIDTH), fill(self.verdict, _WIDTH)]
        for _, table in self._shown():
            parts.append(_plain(table))
        parts += [fill(f"- {each}", _WIDTH, subsequent_indent="  ") for each in self.notes]
        return "\n\n".join(parts)

    def _repr_html_(self) -> Html:
        formats = dict.fromkeys(_SHARES, "+.1%")
        tables = [
            html_table(table, caption=caption, formats=formats) for caption, table in self._shown()
        ]
        return html_card(self.title, self.verdict, *tables, html_list(self.notes))

    def _shown(self) -> list[tuple[str, pd.DataFrame]]:
        drop = ["relative_lower", "relative_upper"]
        found = [("What was moved", self.levers.drop(columns=["quantity", "change"]))]
        if len(self.table):
            found.append(("The present base", self.table.drop(columns=drop)))
        if len(self.table) > 1:
            found.append(("All of it", self.total.drop(columns=drop)))
        found.append(("A new customer", self.new_customer.drop(columns=drop)))
        if len(self.levers) > 1:
            found.append(("By lever", self.attribution))
        found.append(("Alive a year later", self.retention))
        found.append(("Which lever matters most", self.sensitivity))
        return found


def _plain(table: pd.DataFrame) -> str:
    """Return a table as text, names cut so that it is not too wide."""
    shown = table.head(_MOST).copy()
    for name in shown.columns:
        column = shown[name]
        if name in _SHARES:
            shown[name] = [_percent(each) for each in column]
        elif column.dtype.kind == "f":
            shown[name] = ["" if each != each else number(each) for each in column]
        elif column.dtype.kind in "iu":
            shown[name] = [f"{each:,}" for each in column]
        else:
            shown[name] = [shorten(each, 24) for each in column]
    more = f"\nand {len(table) - _MOST:,} more" if len(table) > _MOST else ""
    return shown.to_string(index=False, line_width=_WIDTH) + more


def _percent(value: float) -> str:
    return "" if value != value else f"{100.0 * value:+.2f}%"
