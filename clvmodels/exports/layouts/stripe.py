"""Stripe's payments export from the dashboard: one row a charge, refunds in a column of it."""

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
from clvmodels.exports.sheet import Sheet
from clvmodels.exports.statuses import folded, reasons_of

if TYPE_CHECKING:
    import polars as pl

__all__ = ["STRIPE"]

_MEANINGS: Final = {
    "paid": "paid",
    "succeeded": "paid",
    "refunded": "paid",
    "partially refunded": "paid",
    "failed": "failed",
    "canceled": "cancelled",
    "cancelled": "cancelled",
    "pending": "not paid",
    "processing": "not paid",
    "incomplete": "not paid",
    "uncaptured": "not paid",
    "requires capture": "not paid",
    "requires action": "not paid",
    "requires confirmation": "not paid",
    "requires payment method": "not paid",
}
_FALSE: Final = ("false", "no", "0")
_UNSAID: Final = (
    "The export does not say when refunds happened: they have the day of their payment."
)


def stripe_entries(sheet: Sheet, choices: Choices) -> Entries:
    """Return one entry a charge, and one more for each dispute that was lost."""
    import polars as pl

    paid = _charges(sheet, choices)
    lost = _lost(sheet, paid, choices)
    notes = []
    undated = (paid["refund"] < 0) & ~sheet.text("refunded_at").is_not_null()
    if undated.any():
        notes.append(_UNSAID)
    return Entries(pl.concat([paid, lost], how="vertical"), tuple(notes))


def _charges(sheet: Sheet, choices: Choices) -> pl.DataFrame:
    import polars as pl

    status = folded(sheet.text("status"))
    amount, back, currency = _money(sheet, choices.amount)
    if not sheet.has("refunded"):
        back = amount * (status == "refunded").cast(pl.Float64)
    days, ids = sheet.days("created", choices, utc=True), sheet.text("id")
    _require(sheet, days, "created", "date")
    _require(sheet, ids, "id", "id")
    reasons = _reasons(sheet, choices, status)
    refund_days = sheet.days("refunded_at", choices, utc=True)
    return pl.DataFrame(
        {
            KEY: ids,
            VERSION: pl.int_range(len(ids), eager=True),
            PROGRESS: reasons.is_null().cast(pl.Float64),
            REASON: reasons,
            ROWS: pl.Series([1] * len(ids), dtype=pl.Int64),
            SALE: pl.Series([True] * len(ids), dtype=pl.Boolean),
            "order_id": ids,
            "date": days,
            "refund_date": refund_days.to_frame("day").select(pl.coalesce("day", days)).to_series(),
            "amount": amount,
            "refund": 0.0 - back,
            "currency": currency.str.to_uppercase(),
            "email": sheet.text("email"),
            "account": sheet.text("customer"),
        }
    )


def _require(sheet: Sheet, values: pl.Series, key: str, what: str) -> None:
    if values.null_count():
        raise DataError(
            f"Every payment has {'an id' if what == 'id' else 'a date'}.",
            place=f"{sheet.place(values.is_null())} has none in {sheet.names[key]!r}.",
            fix="Fill it in, or export anew.",
        )


def _reasons(sheet: Sheet, choices: Choices, status: pl.Series) -> pl.Series:
    """Return why charges are left out: of the test mode, else by status, else not captured."""
    import polars as pl

    by_status = reasons_of(status, _MEANINGS, choices.statuses, column=sheet.names["status"])
    test = sheet.text("mode").str.to_lowercase() == "test"
    open_still = sheet.text("captured").str.to_lowercase().is_in(_FALSE)
    table = pl.DataFrame({"by_status": by_status, "test": test, "open": open_still})
    found = pl.coalesce(
        pl.when("test").then(pl.lit("test")),
        pl.col("by_status"),
        pl.when("open").then(pl.lit("not paid")),
    )
    return table.select(
        pl.when(~found.is_in(list(choices.keep))).then(found).alias(REASON)
    ).to_series()


def _money(sheet: Sheet, basis: str) -> tuple[pl.Series, pl.Series, pl.Series]:
    """Return amounts, refunds and currencies: as charged, or as converted to the account's own."""
    keys = ("amount", "refunded", "currency")
    if basis == "converted":
        keys = ("converted", "converted_refunded", "converted_currency")
        for key in keys:
            sheet.need(key, why="amount='converted'")
    amount, back = sheet.money(keys[0]), sheet.money(keys[1], missing=0.0)
    odd = (amount < 0) | (back < 0)
    if odd.any():
        raise DataError(
            "Amounts and refunds of payments are at least zero.",
            place=f"{sheet.place(odd)} breaks that.",
            fix="Pass the export of payments, not of balance transactions.",
        )
    return amount, back, sheet.text(keys[2])


def _lost(sheet: Sheet, paid: pl.DataFrame, choices: Choices) -> pl.DataFrame:
    """Return entries that take back what the bank took back in disputes that were lost."""
    import polars as pl

    verdict = folded(sheet.text("dispute"))
    disputed = sheet.money("disputed", missing=0.0)
    when = sheet.days("disputed_at", choices, utc=True)
    lost = (verdict == "lost").fill_null(False) & (disputed > 0)
    if choices.amount == "converted":
        share = (sheet.money("converted") / sheet.money("amount")).fill_nan(0.0)
        disputed = disputed * share
    return (
        paid.with_columns(
            pl.lit(0, pl.Int64).alias(ROWS),
            pl.lit(False).alias(SALE),
            pl.lit(0.0).alias("amount"),
            (0.0 - disputed).alias("refund"),
            pl.coalesce(when, "date").alias("refund_date"),
        )
        .filter(lost)
        .select(paid.columns)
    )


STRIPE: Final = Layout(
    name="stripe",
    title="Stripe payments export",
    fields=(
        Field("id", ("id",), required=True),
        Field("created", ("Created (UTC)", "Created date (UTC)"), required=True),
        Field("amount", ("Amount",), required=True),
        Field("currency", ("Currency",), required=True),
        Field("status", ("Status",), required=True),
        Field("refunded", ("Amount Refunded",)),
        Field("refunded_at", ("Refunded date (UTC)",)),
        Field("converted", ("Converted Amount",)),
        Field("converted_refunded", ("Converted Amount Refunded",)),
        Field("converted_currency", ("Converted Currency",)),
        Field("captured", ("Captured",)),
        Field("mode", ("Mode",)),
        Field("customer", ("Customer ID",)),
        Field("email", ("Customer Email",)),
        Field("disputed", ("Disputed Amount",)),
        Field("dispute", ("Dispute Status",)),
        Field("disputed_at", ("Dispute Date (UTC)",)),
    ),
    known=(
        *("Description", "Seller Message", "Decline Reason", "Fee", "Tax", "Taxes On Fee"),
        *("Statement Descriptor", "Statement Description", "Customer Description", "Is Link"),
        *("Link Funding", "PaymentIntent ID", "Payment Source Type", "Interchange Costs"),
        *("Merchant Service Charge", "Card ID", "Card Last4", "Card Brand", "Card Funding"),
        *("Card Exp Month", "Card Exp Year", "Card Name", "Card Address Line1"),
        *("Card Address Line2", "Card Address City", "Card Address State"),
        *("Card Address Country", "Card Address Zip", "Card Issue Country", "Card Fingerprint"),
        *("Card CVC Status", "Card AVS Zip Status", "Card AVS Line1 Status"),
        *("Card Tokenization Method", "Dispute Reason", "Dispute Evidence Due (UTC)"),
        *("Invoice ID", "Invoice Number", "Destination", "Transfer", "Transfer Group"),
        *("Checkout Line Item Summary", "Application Fee", "Application ID"),
    ),
    amounts={
        "total": "Amount, in the currency of the payment",
        "converted": "Converted Amount, in the currency of the Stripe account",
    },
    identities=("email", "account"),
    entries=stripe_entries,
)
