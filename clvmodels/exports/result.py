"""`ShopOrders`: the orders of an export, and an account of what became of every row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import narwhals as nw

from clvmodels.errors import DataError
from clvmodels.exports.account import imbalances
from clvmodels.exports.currencies import NONE
from clvmodels.markup import Html, escape, html_card, html_list, html_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ShopOrders"]

_COLUMNS = {"customer": "customer_id", "date": "date", "amount": "amount"}


@dataclass(frozen=True)
class ShopOrders:
    """Orders of a shop, one row an order and one a refund.

    Attributes
    ----------
    frame : native frame
        Columns customer_id (text), date, amount (negative for refunds), order_id, currency, kind
        ('order' or 'refund'), and channel, country, discount_code where the layout has them; with
        `rates` also original_amount and original_currency. On the library of the source, polars
        for paths. Sorted by date and order.
    account : pandas.DataFrame
        Columns what, currency, rows, orders, amount, refunds. Per currency the first line is the
        export, the last the orders that are left, and those between are what was left out and why,
        as changes: each column adds up. Money is as the export has it, before `rates`.
    layout : str
        The name of the layout.
    amount : str
        What counts as the amount of an order.
    currency : str or None
        The currency of all amounts; None if the layout says nothing, or there are several.
    rates : dict or None
        What one unit of each currency was converted at.
    rows_read : int
        Rows of the export.
    notes : tuple of str
        What the layout cannot tell.
    """

    frame: Any
    account: pd.DataFrame
    layout: str
    amount: str
    currency: str | None
    rates: dict[str, float] | None
    rows_read: int
    notes: tuple[str, ...]

    @property
    def columns(self) -> dict[str, str]:
        """The arguments that tell `rfm_summary` and others which columns to use.

        Raises
        ------
        DataError
            The orders are in several currencies, which would be added up.
        """
        codes = self._currencies()
        if len(codes) > 1:
            raise DataError(
                "Amounts in several currencies are never added up.",
                place=f"The orders are in {', '.join(codes)}.",
                fix="Take the orders of one: orders.by_currency()['" + codes[0] + "'].",
            )
        return dict(_COLUMNS)

    def by_currency(self) -> dict[str, ShopOrders]:
        """Return the orders of each currency by themselves, with their account."""
        whole = nw.from_native(self.frame, eager_only=True)
        parts = {} if self._currencies() else {NONE: self}
        for code in self._currencies():
            lines = self.account[self.account["currency"] == code].reset_index(drop=True)
            own = nw.to_native(whole.filter(nw.col("currency") == code))
            read = int(lines["rows"].iloc[0]) if len(lines) else 0
            parts[code] = replace(self, frame=own, account=lines, currency=code, rows_read=read)
        return parts

    @property
    def balances(self) -> bool:
        """Whether rows, orders and money add up in every currency, money to the cent."""
        return not imbalances(self.account)

    @property
    def title(self) -> str:
        """The layout, and how many orders and refunds there are."""
        kinds = nw.from_native(self.frame, eager_only=True)["kind"].to_list()
        counts = {kind: kinds.count(kind) for kind in ("order", "refund")}
        words = [f"{n:,} {kind}{'' if n == 1 else 's'}" for kind, n in counts.items()]
        return f"{self.layout}: {', '.join(words)}"

    def __str__(self) -> str:
        table = self.account
        width = max(len(what) for what in table["what"])
        head = f"{'':<{width}} {'':<10}{'rows':>11}{'orders':>10}{'amount':>18}{'refunds':>17}"
        lines = [self.title, "", head]
        for what, code, rows, orders, amount, refunds in table.itertuples(index=False):
            lines.append(
                f"{what:<{width}} {code:<10}{rows:>11,}{orders:>10,}{amount:>18,.2f}"
                f"{refunds:>17,.2f}"
            )
        lines.append(self._balance)
        return "\n".join([*lines, *(f"- {note}" for note in self.notes)])

    def _repr_html_(self) -> Html:
        formats = {"rows": ",.0f", "orders": ",.0f", "amount": ",.2f", "refunds": ",.2f"}
        table = self.account.rename(columns={"what": ""})
        parts = [html_table(table, formats=formats), escape(self._balance)]
        if self.notes:
            parts.append(html_list(self.notes))
        return html_card(self.title, *parts)

    @property
    def _balance(self) -> str:
        wrong = imbalances(self.account)
        return "balances" if not wrong else "DOES NOT BALANCE: " + "; ".join(wrong)

    def _currencies(self) -> list[str]:
        codes = nw.from_native(self.frame, eager_only=True)["currency"]
        return sorted(str(code) for code in codes.drop_nulls().unique().to_list())
