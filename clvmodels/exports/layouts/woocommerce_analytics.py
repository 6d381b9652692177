"""The orders report of WooCommerce Analytics: one row an order, refunds in rows of their own."""

from __future__ import annotations

from typing import Final

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
from clvmodels.exports.statuses import folded, reasons_of

__all__ = ["HOW_FAR", "MEANINGS", "WOOCOMMERCE_ANALYTICS"]

MEANINGS: Final = {
    "processing": "paid",
    "completed": "paid",
    "refunded": "paid",
    "on hold": "not paid",
    "pending": "not paid",
    "pending payment": "not paid",
    "checkout draft": "not paid",
    "draft": "not paid",
    "failed": "failed",
    "cancelled": "cancelled",
    "trash": "cancelled",
}
HOW_FAR: Final = {"on hold": 1, "processing": 2, "completed": 3, "cancelled": 4, "refunded": 5}
_BY_NAME: Final = (
    "The report tells customers by their names alone: two of one name are one customer. An export "
    "with email addresses does better."
)


def analytics_entries(sheet: Sheet, choices: Choices) -> Entries:
    """Return one entry a row: refunds are negative, on the day they happened."""
    import polars as pl

    order, money = sheet.text("order"), sheet.money("net")
    days = sheet.days("date", choices)
    lacking = order.is_null() | days.is_null()
    if lacking.any():
        raise DataError(
            "Every row of the orders report has a number of the order and a date.",
            place=f"{sheet.place(lacking)} lacks one.",
            fix="Fill it in, or download the report anew.",
        )
    status = folded(sheet.text("status"))
    reasons = reasons_of(status, MEANINGS, choices.statuses, column=sheet.names["status"])
    n = len(order)
    frame = pl.DataFrame(
        {
            KEY: order,
            VERSION: sheet.frame[FILE].cast(pl.Int64),
            PROGRESS: status.replace_strict(HOW_FAR, default=0, return_dtype=pl.Float64),
            REASON: reasons,
            ROWS: pl.Series([1] * n, dtype=pl.Int64),
            SALE: money >= 0,
            PART: days.zip_with(money < 0, pl.Series([None] * n, dtype=pl.Date)),
            "order_id": order,
            "date": days,
            "refund_date": days,
            "amount": money.clip(lower_bound=0.0),
            "refund": money.clip(upper_bound=0.0),
            "currency": pl.Series([None] * n, dtype=pl.String),
            "name": sheet.text("customer"),
            "channel": sheet.text("channel"),
            "discount_code": sheet.text("discount_code"),
        }
    )
    kept = pl.when(~pl.col(REASON).is_in(list(choices.keep))).then(REASON)
    return Entries(frame.with_columns(kept.alias(REASON)), (_BY_NAME,))


WOOCOMMERCE_ANALYTICS: Final = Layout(
    name="woocommerce-analytics",
    title="WooCommerce Analytics orders report",
    fields=(
        Field("date", ("Date",), required=True),
        Field("order", ("Order #",), required=True),
        Field("status", ("Status",), required=True),
        Field("customer", ("Customer",), required=True),
        Field("net", ("Net Sales",), required=True),
        Field("channel", ("Attribution", "Origin")),
        Field("discount_code", ("Coupon(s)",)),
    ),
    known=("N. Revenue (formatted)", "Customer type", "Product(s)", "Items sold"),
    amounts={"net": "Net Sales: after coupons, without taxes and shipping"},
    identities=("name",),
    entries=analytics_entries,
)
