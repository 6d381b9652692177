"""Shopify's orders export: one row a line item, what concerns the order on its first row only."""

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
from clvmodels.exports.sheet import FILE, Sheet
from clvmodels.exports.statuses import folded, reasons_of

if TYPE_CHECKING:
    import polars as pl

__all__ = ["SHOPIFY"]

NO_FIRST: Final = "first row of the order missing"
BLANK: Final = "blank row"

_MEANINGS: Final = {
    "paid": "paid",
    "partially paid": "paid",
    "partially refunded": "paid",
    "refunded": "paid",
    "authorized": "not paid",
    "pending": "not paid",
    "unpaid": "not paid",
    "expired": "not paid",
    "voided": "not paid",
}
_HOW_FAR: Final = {"partially paid": 2, "paid": 3, "partially refunded": 4, "refunded": 5}
_CANCELLED: Final = 10
_TEST_GATEWAY: Final = "bogus"
_UNSAID: Final = "The export does not say when refunds happened: they have the day of their order."


def shopify_entries(sheet: Sheet, choices: Choices) -> Entries:
    """Return one entry an order, and what is on no order's account."""
    import polars as pl

    owners = _owners(sheet)
    first = owners["first"]
    heads = sheet.rows(first)
    rows = owners.filter(pl.col("owner").is_not_null()).group_by("owner").len("_rows")
    ordered = _orders(heads, choices).with_columns(owners["index"].filter(first).alias(VERSION))
    counted = ordered.join(
        rows.select(pl.col("owner").alias(VERSION), pl.col("_rows").cast(pl.Int64).alias(ROWS)),
        on=VERSION,
        how="left",
        maintain_order="left",
    )
    frame = pl.concat([counted, _ownerless(owners)], how="diagonal_relaxed")
    notes = [_UNSAID] if bool((ordered["refund"] < 0).any()) else []
    if not sheet.has("refunded") and bool(
        (folded(heads.text("status")) == "partially refunded").any()
    ):
        notes.append("The export has no column Refunded Amount: partial refunds are not taken off.")
    back = folded(heads.text("status")) == "refunded"
    in_full = back & (ordered["refund"] == 0) & (ordered["amount"] > 0) & ordered[REASON].is_null()
    if in_full.any():
        notes.append(
            f"{in_full.sum():,} with the status refunded have no Refunded Amount: they count in "
            "full."
        )
    return Entries(frame, tuple(notes))


def _owners(sheet: Sheet) -> pl.DataFrame:
    """Return for every row whether it is an order's first, and the index of the first row it has.

    A row belongs to the last first row above it of the same name in its file, else to the next
    below, else to one in another file.
    """
    import polars as pl

    name = sheet.text("order")
    first = sheet.text("status").is_not_null() | sheet.text("total").is_not_null()
    table = pl.DataFrame({"name": name, "first": first, FILE: sheet.frame[FILE]})
    _refuse_nameless(sheet.rows(name.is_null()))
    table = table.with_row_index("index").with_columns(pl.col("index").cast(pl.Int64))
    own = pl.when("first").then("index")
    # The usual case at the price of no grouping: each order's rows stand together.
    above = table.select(own.forward_fill().alias("owner")).to_series()
    together = (name.gather(above) == name) | name.is_null()
    if together.fill_null(False).all():
        owner = pl.lit(above)
    else:
        near = own.forward_fill().over(FILE, "name")
        near = pl.coalesce(near, own.backward_fill().over(FILE, "name"))
        owner = pl.coalesce(near, own.min().over("name"))
    return table.with_columns(pl.when(pl.col("name").is_not_null()).then(owner).alias("owner"))


def _refuse_nameless(rows: Sheet) -> None:
    """Raise if rows without the name of an order have anything else."""
    for key in ("status", "total", "email", "created", "currency", "line"):
        filled = rows.text(key).is_not_null()
        if filled.any():
            raise DataError(
                "Every row of a Shopify export has the name of its order.",
                place=f"{rows.place(filled)} has none.",
                fix="Fill in the column Name, or export anew.",
            )


def _ownerless(owners: pl.DataFrame) -> pl.DataFrame:
    """Return entries without money for rows whose order is not in the export, and blank ones."""
    import polars as pl

    left = owners.filter(pl.col("owner").is_null()).group_by("name").len(ROWS)
    reason = pl.when(pl.col("name").is_null()).then(pl.lit(BLANK)).otherwise(pl.lit(NO_FIRST))
    return left.select(
        pl.col("name").alias(KEY),
        pl.lit(-1, pl.Int64).alias(VERSION),
        pl.lit(0.0).alias(PROGRESS),
        reason.alias(REASON),
        pl.col(ROWS).cast(pl.Int64),
        pl.lit(False).alias(SALE),
        pl.lit(0.0).alias("amount"),
        pl.lit(0.0).alias("refund"),
    )


def _orders(heads: Sheet, choices: Choices) -> pl.DataFrame:
    import polars as pl

    name, ids, status = heads.text("order"), heads.ids("id"), folded(heads.text("status"))
    cancelled = heads.text("cancelled").is_not_null()
    amount, refund = _money(heads, choices.amount, status)
    days = heads.days("created", choices)
    if days.null_count():
        raise DataError(
            "Every order has a date.",
            place=f"{heads.place(days.is_null())} has none in {heads.names['created']!r}.",
            fix="Fill it in, or export anew.",
        )
    how_far = status.replace_strict(_HOW_FAR, default=0, return_dtype=pl.Int64)
    return pl.DataFrame(
        {
            KEY: ids if not ids.null_count() else name,
            PROGRESS: (how_far + _CANCELLED * cancelled.cast(pl.Int64)).cast(pl.Float64),
            REASON: _reasons(heads, choices, status, cancelled),
            SALE: pl.Series([True] * len(name), dtype=pl.Boolean),
            "order_id": name,
            "date": days,
            "refund_date": days,
            "amount": amount,
            "refund": refund,
            "currency": heads.text("currency").str.to_uppercase(),
            "email": heads.text("email"),
            "phone": _first(heads, ("phone", "billing_phone", "shipping_phone")),
            "channel": heads.text("channel"),
            "country": _first(heads, ("shipping_country", "billing_country")),
            "discount_code": heads.text("discount_code"),
        }
    )


def _first(heads: Sheet, keys: tuple[str, ...]) -> pl.Series:
    import polars as pl

    table = pl.DataFrame([heads.text(key).alias(key) for key in keys])
    return table.select(pl.coalesce(keys).alias(keys[0])).to_series()


def _reasons(heads: Sheet, choices: Choices, status: pl.Series, cancelled: pl.Series) -> pl.Series:
    """Return why orders are left out: a test, else cancelled, else by their status."""
    import polars as pl

    by_status = reasons_of(status, _MEANINGS, choices.statuses, column=heads.names["status"])
    gateway = heads.text("payment").str.to_lowercase().str.contains(_TEST_GATEWAY, literal=True)
    tags = heads.text("tags").str.to_lowercase().str.split(",")
    tagged = tags.list.eval(
        pl.element().str.strip_chars().is_in(list(choices.test_tags))
    ).list.any()
    test = gateway.fill_null(False) | tagged.fill_null(False)
    table = pl.DataFrame({"by_status": by_status, "test": test, "cancelled": cancelled})
    found = [(pl.col("test"), "test"), (pl.col("cancelled"), "cancelled")]
    reasons = [pl.when(each).then(pl.lit(name)) for each, name in found if name not in choices.keep]
    kept = ~pl.col("by_status").is_in(list(choices.keep))
    return table.select(
        pl.coalesce(*reasons, pl.when(kept).then("by_status")).alias(REASON)
    ).to_series()


def _money(heads: Sheet, basis: str, status: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return what orders count for, and what of it was given back, in the same share of both."""
    import polars as pl

    total = heads.money("total")
    back = heads.money("refunded", missing=0.0)
    if not heads.has("refunded"):
        back = back + total * (status == "refunded").cast(pl.Float64)
    amount = total
    if basis == "subtotal":
        heads.need("subtotal", why="amount='subtotal'")
        amount = heads.money("subtotal")
    elif basis == "net":
        for key in ("shipping", "taxes"):
            heads.need(key, why="amount='net'")
            amount = amount - heads.money(key)
    odd = (amount < 0) | (back < 0) | ((back > 0) & (total <= 0))
    if odd.any():
        raise DataError(
            "Totals and refunds are at least zero, and where there is a refund there is a total.",
            place=f"{heads.place(odd)} breaks that.",
            fix="Correct the row, or leave the order out.",
        )
    share = pl.DataFrame({"amount": amount, "total": total}).select(
        pl.when(pl.col("total") > 0).then(pl.col("amount") / pl.col("total")).otherwise(0.0)
    )
    return amount, (0.0 - back * share.to_series()) if basis != "total" else 0.0 - back


SHOPIFY: Final = Layout(
    name="shopify",
    title="Shopify orders export",
    fields=(
        Field("order", ("Name",), required=True),
        Field("email", ("Email",), required=True),
        Field("status", ("Financial Status",), required=True),
        Field("created", ("Created at",), required=True),
        Field("currency", ("Currency",), required=True),
        Field("total", ("Total",), required=True),
        Field("line", ("Lineitem quantity",), required=True),
        Field("subtotal", ("Subtotal",)),
        Field("shipping", ("Shipping",)),
        Field("taxes", ("Taxes",)),
        Field("refunded", ("Refunded Amount",)),
        Field("cancelled", ("Cancelled at",)),
        Field("payment", ("Payment Method",)),
        Field("id", ("Id",)),
        Field("tags", ("Tags",)),
        Field("phone", ("Phone",)),
        Field("billing_phone", ("Billing Phone",)),
        Field("shipping_phone", ("Shipping Phone",)),
        Field("billing_country", ("Billing Country",)),
        Field("shipping_country", ("Shipping Country",)),
        Field("channel", ("Source",)),
        Field("discount_code", ("Discount Code",)),
    ),
    known=(
        *("Paid at", "Fulfillment Status", "Fulfilled at", "Accepts Marketing"),
        *("Discount Amount", "Shipping Method", "Lineitem name", "Lineitem price"),
        *("Lineitem compare at price", "Lineitem sku", "Lineitem requires shipping"),
        *("Lineitem taxable", "Lineitem fulfillment status", "Lineitem discount"),
        *("Billing Name", "Billing Street", "Billing Address1", "Billing Address2"),
        *("Billing Company", "Billing City", "Billing Zip", "Billing Province"),
        *("Shipping Name", "Shipping Street", "Shipping Address1", "Shipping Address2"),
        *("Shipping Company", "Shipping City", "Shipping Zip", "Shipping Province"),
        *("Notes", "Note Attributes", "Payment Reference", "Vendor", "Outstanding Balance"),
        *("Employee", "Location", "Device ID", "Risk Level", "Receipt Number", "Duties"),
        *(f"Tax {i} {what}" for i in range(1, 6) for what in ("Name", "Value")),
        *("Billing Province Name", "Shipping Province Name", "Payment ID"),
        *("Payment Terms Name", "Next Payment Due At", "Payment References"),
    ),
    amounts={
        "total": "Total, what was charged, with shipping and taxes",
        "subtotal": "Subtotal, after discounts and before shipping and added taxes",
        "net": "Total without Shipping and Taxes",
    },
    identities=("email", "phone"),
    entries=shopify_entries,
)
