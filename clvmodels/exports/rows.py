"""From entries that are kept to the rows of the result: orders, refunds, one currency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clvmodels.errors import DataError
from clvmodels.exports.currencies import NONE
from clvmodels.exports.layout import EXTRAS, KEY, REASON, ROWS, SALE, VERSION

if TYPE_CHECKING:
    import polars as pl

__all__ = ["converted", "rows_of"]


def rows_of(entries: pl.DataFrame) -> pl.DataFrame:
    """Return one row an order, and one for its refunds of each day."""
    import polars as pl

    kept = entries.filter(pl.col(REASON).is_null())
    extras = [name for name in EXTRAS if name in kept.columns and kept[name].count()]
    whose = [KEY, VERSION, "customer_id", "currency"]
    told = [pl.col(name).min() for name in ("order_id", *extras)]
    orders = (
        kept.filter(SALE)
        .group_by(whose)
        .agg(pl.col("date").min(), pl.col("amount").sum(), *told)
        .with_columns(pl.lit("order").alias("kind"))
    )
    refunds = (
        kept.filter(pl.col("refund") < 0)
        .group_by(*whose, pl.col("refund_date").alias("date"))
        .agg(pl.col("refund").sum().alias("amount"), *told)
        .with_columns(pl.lit("refund").alias("kind"))
    )
    columns = ["customer_id", "date", "amount", "order_id", "currency", "kind", *extras]
    both = pl.concat([orders.select(columns), refunds.select(columns)])
    if both.is_empty():
        raise DataError(
            "An export has at least one order that counts.",
            place="; ".join(
                f"{count:,} rows: {reason}"
                for reason, count in entries.group_by(REASON).agg(pl.col(ROWS).sum()).rows()
            )
            + ".",
            fix="Look at the statuses, or pass keep=.",
        )
    return both.sort("date", "order_id", "customer_id", "kind", "currency")


def converted(
    table: pl.DataFrame, currency: str | None, rates: dict[str, float] | None
) -> tuple[pl.DataFrame, str | None]:
    """Return rows in the currency asked for, and its code; None if they are in several."""
    import polars as pl

    codes = table["currency"].unique().to_list()
    if rates is None or currency is None:
        only = codes[0] if len(codes) == 1 else None
        if only == NONE:
            return table.with_columns(pl.lit(None, pl.String).alias("currency")), None
        return table, only
    rate = pl.col("currency").replace_strict(list(rates), list(rates.values()))
    target = currency.upper()
    return table.with_columns(
        (pl.col("amount") * rate).alias("amount"),
        pl.lit(target).alias("currency"),
        pl.col("amount").alias("original_amount"),
        pl.col("currency").alias("original_currency"),
    ), target
