"""The orders export of WebToffee's Import Export Suite for WooCommerce: one row an order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clvmodels.errors import DataError
from clvmodels.exports.layout import (
    KEY,
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
from clvmodels.exports.layouts.woocommerce_analytics import HOW_FAR, MEANINGS
from clvmodels.exports.sheet import Sheet
from clvmodels.exports.statuses import folded, reasons_of

if TYPE_CHECKING:
    import polars as pl

__all__ = ["WOOCOMMERCE"]

_UNSAID: Final = (
    "The export does not say when orders were refunded: refunds have the day of their order."
)


def woocommerce_entries(sheet: Sheet, choices: Choices) -> Entries:
    """Return one entry an order; one that was refunded is given back in full."""
    import polars as pl

    ids, days = sheet.text("id"), sheet.days("date", choices)
    lacking = ids.is_null() | days.is_null()
    if lacking.any():
        raise DataError(
            "Every order has an id and a date.",
            place=f"{sheet.place(lacking)} lacks one.",
            fix="Fill it in, or export anew.",
        )
    status = folded(sheet.text("status"))
    reasons = reasons_of(status, MEANINGS, choices.statuses, column=sheet.names["status"])
    amount = _amount(sheet, choices.amount)
    returned = (status == "refunded").fill_null(False)
    n, number = len(ids), sheet.text("number")
    frame = pl.DataFrame(
        {
            KEY: ids,
            VERSION: pl.int_range(n, eager=True),
            PROGRESS: status.replace_strict(HOW_FAR, default=0, return_dtype=pl.Float64),
            REASON: reasons,
            ROWS: pl.Series([1] * n, dtype=pl.Int64),
            SALE: pl.Series([True] * n, dtype=pl.Boolean),
            "order_id": number.to_frame("number").select(pl.coalesce("number", ids)).to_series(),
            "date": days,
            "refund_date": days,
            "amount": amount,
            "refund": 0.0 - amount * returned.cast(pl.Float64),
            "currency": sheet.text("currency").str.to_uppercase(),
            "email": _first(sheet, ("email", "customer_email")),
            "account": _accounts(sheet),
            "phone": sheet.text("phone"),
            "channel": sheet.text("channel"),
            "country": _first(sheet, ("shipping_country", "billing_country")),
        }
    )
    kept = pl.when(~pl.col(REASON).is_in(list(choices.keep))).then(REASON)
    return Entries(frame.with_columns(kept.alias(REASON)), _notes(sheet, returned))


def _amount(sheet: Sheet, basis: str) -> pl.Series:
    key = "subtotal" if basis == "subtotal" else "total"
    sheet.need(key, why=f"amount={basis!r}")
    amount = sheet.money(key)
    if (amount < 0).any():
        raise DataError(
            "Totals of orders are at least zero.",
            place=f"{sheet.place(amount < 0)} has less.",
            fix="Leave rows of refunds out of the export.",
        )
    return amount


def _accounts(sheet: Sheet) -> pl.Series:
    """Return accounts; 0 is how WooCommerce writes that there is none."""
    import polars as pl

    accounts = _first(sheet, ("customer_id", "customer_user"))
    guest = pl.when(pl.col("a") != "0").then(pl.col("a"))
    return accounts.to_frame("a").select(guest.alias("account")).to_series()


def _first(sheet: Sheet, keys: tuple[str, ...]) -> pl.Series:
    import polars as pl

    table = pl.DataFrame([sheet.text(key).alias(key) for key in keys])
    return table.select(pl.coalesce(keys).alias(keys[0])).to_series()


def _notes(sheet: Sheet, returned: pl.Series) -> tuple[str, ...]:
    partly = int((sheet.text("refund_items").is_not_null() & ~returned).sum())
    notes = [_UNSAID] if returned.any() else []
    if partly:
        notes.append(
            f"{partly:,} {'order was' if partly == 1 else 'orders were'} refunded in part "
            "(refund_items), which this layout does not say in amounts: counted in full."
        )
    return tuple(notes)


WOOCOMMERCE: Final = Layout(
    name="woocommerce",
    title="WooCommerce orders by the Import Export Suite",
    fields=(
        Field("id", ("order_id",), required=True),
        Field("date", ("order_date",), required=True),
        Field("status", ("status",), required=True),
        Field("total", ("order_total",), required=True),
        Field("currency", ("order_currency",), required=True),
        Field("email", ("billing_email",), required=True),
        Field("number", ("order_number",)),
        Field("subtotal", ("order_subtotal",)),
        Field("customer_id", ("customer_id",)),
        Field("customer_user", ("customer_user",)),
        Field("customer_email", ("customer_email",)),
        Field("phone", ("billing_phone",)),
        Field("billing_country", ("billing_country",)),
        Field("shipping_country", ("shipping_country",)),
        Field("refund_items", ("refund_items",)),
    ),
    known=(
        *("paid_date", "shipping_total", "shipping_tax_total", "fee_total", "fee_tax_total"),
        *("tax_total", "cart_discount", "order_discount", "discount_total", "payment_method"),
        *("payment_method_title", "transaction_id", "customer_ip_address"),
        *("customer_user_agent", "shipping_method", "billing_first_name", "billing_last_name"),
        *("billing_company", "billing_address_1", "billing_address_2", "billing_postcode"),
        *("billing_city", "billing_state", "shipping_first_name", "shipping_last_name"),
        *("shipping_company", "shipping_phone", "shipping_address_1", "shipping_address_2"),
        *("shipping_postcode", "shipping_city", "shipping_state", "customer_note"),
        *("wt_import_key", "shipping_items", "fee_items", "tax_items", "coupon_items"),
        *("order_notes", "download_permissions"),
    ),
    amounts={
        "total": "order_total, what was charged, with shipping and taxes",
        "subtotal": "order_subtotal, the price of the items",
    },
    identities=("email", "account", "phone"),
    entries=woocommerce_entries,
)
