"""A log of invoice lines: quantity times price, cancellations negative."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clvmodels.errors import DataError
from clvmodels.exports.layout import (
    KEY,
    PART,
    PROGRESS,
    REASON,
    ROWS,
    SALE,
    VERSION,
    Choices,
    Entries,
    Field,
    Layout,
)
from clvmodels.exports.sheet import FILE, Sheet

if TYPE_CHECKING:
    import polars as pl

__all__ = ["LINE_ITEMS"]

_CANCELLATION: Final = r"^[Cc]\d"


def line_entries(sheet: Sheet, choices: Choices) -> Entries:
    """Return one entry a line; those below zero are refunds, on the day of their invoice."""
    import polars as pl

    order, days = _without_decimals(sheet.text("order")), sheet.days("date", choices)
    lacking = order.is_null() | days.is_null()
    if lacking.any():
        raise DataError(
            "Every line has the number of its invoice and a date.",
            place=f"{sheet.place(lacking)} lacks one.",
            fix="Fill it in, or leave out the line.",
        )
    money = sheet.money("quantity") * sheet.money("price")
    n = len(order)
    frame = pl.DataFrame(
        {
            KEY: order,
            VERSION: sheet.frame[FILE].cast(pl.Int64),
            PROGRESS: pl.Series([None] * n, dtype=pl.Float64),
            REASON: pl.Series([None] * n, dtype=pl.String),
            ROWS: pl.repeat(1, n, dtype=pl.Int64, eager=True),
            SALE: money >= 0,
            PART: days.zip_with(money < 0, pl.Series([None] * n, dtype=pl.Date)),
            "order_id": order,
            "date": days,
            "refund_date": days,
            "amount": money.clip(lower_bound=0.0),
            "refund": money.clip(upper_bound=0.0),
            "currency": sheet.text("currency").str.to_uppercase(),
            "account": _without_decimals(sheet.text("customer")),
            "country": sheet.text("country"),
            "channel": sheet.text("channel"),
        }
    )
    return Entries(frame, _notes(order, money))


def _without_decimals(numbers: pl.Series) -> pl.Series:
    """Return ids as text, without the .0 of whole numbers that were kept as floats."""
    return numbers.str.replace(r"^(\d+)\.0+$", "$1")


def _notes(order: pl.Series, money: pl.Series) -> tuple[str, ...]:
    odd = int((order.str.contains(_CANCELLATION) & (money > 0)).sum())
    if not odd:
        return ()
    which = (
        "1 line of an invoice that begins" if odd == 1 else f"{odd:,} lines of invoices that begin"
    )
    return (f"{which} with C, as cancellations do, above zero: counted as purchases, by the sign.",)


LINE_ITEMS: Final = Layout(
    name="line-items",
    title="log of invoice lines",
    fields=(
        Field("order", ("Invoice", "InvoiceNo", "Invoice ID", "Order ID", "OrderNo"), True),
        Field("date", ("InvoiceDate", "Order Date", "Date"), True),
        Field("quantity", ("Quantity", "Qty"), True),
        Field("price", ("Price", "UnitPrice"), True),
        Field("customer", ("Customer ID", "Customer Email", "Email"), True),
        Field("currency", ("Currency",)),
        Field("country", ("Country",)),
        Field("channel", ("Channel",)),
    ),
    known=("StockCode", "Description"),
    amounts={"total": "quantity times price, summed over the lines of an invoice"},
    identities=("account",),
    entries=line_entries,
)
