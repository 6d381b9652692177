"""Where every row, every order and every cent of an export went."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from clvmodels.errors import first_few
from clvmodels.exports.layout import KEY, REASON, ROWS, SALE, VERSION

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["ACCOUNT_COLUMNS", "excess_note", "imbalances", "make_account"]

ACCOUNT_COLUMNS: Final = ("what", "currency", "rows", "orders", "amount", "refunds")
OPENING, CLOSING = "export", "orders"
_CENT: Final = 0.005


def make_account(entries: pl.DataFrame, opening: pl.DataFrame) -> pd.DataFrame:
    """Return the account: per currency the export, what was left out and why, and what is left.

    Parameters
    ----------
    entries
        With the reason why each is left out, null for what stays.
    opening
        The same entries before any was given a reason by what came after the layout.
    """
    import pandas as pd
    import polars as pl

    whole = opening.with_columns(pl.lit(None, pl.String).alias(REASON))
    first = _sums(whole.with_columns(pl.lit(True).alias("_counted")))
    parts = _sums(_one_reason_an_order(entries))
    codes = first.sort("orders", "currency", descending=[True, False])["currency"].to_list()
    lines: list[dict[str, object]] = []
    for code in codes:
        lines.append(_line(OPENING, first.filter(pl.col("currency") == code), 1))
        own = parts.filter(pl.col("currency") == code).sort(REASON)
        lines += [
            _line(f"- {reason}", own.filter(pl.col(REASON) == reason), -1)
            for reason in own[REASON].drop_nulls()
        ]
        lines.append(_line(CLOSING, own.filter(pl.col(REASON).is_null()), 1, currency=code))
    return pd.DataFrame(lines, columns=list(ACCOUNT_COLUMNS))


def imbalances(account: pd.DataFrame) -> tuple[str, ...]:
    """Say in which currency and column an account does not add up; empty if all do."""
    found = []
    for code, lines in account.groupby("currency"):
        closing = lines[lines["what"] == CLOSING]
        changes = lines[lines["what"] != CLOSING]
        for column in ("rows", "orders", "amount", "refunds"):
            total, end = math.fsum(changes[column]), math.fsum(closing[column])
            slack = _CENT + 1e-12 * math.fsum(abs(changes[column]))
            if abs(total - end) > slack:
                found.append(f"{column} in {code}: {total:,.2f} accounted for, {end:,.2f} held")
    return tuple(found)


def excess_note(entries: pl.DataFrame) -> tuple[str, ...]:
    """Say how many orders of an export got back more than was paid, if there are any."""
    import polars as pl

    orders = entries.filter(pl.col(REASON).is_null() & pl.col(KEY).is_not_null()).group_by(KEY)
    sums = orders.agg(
        pl.col("amount").sum(), pl.col("refund").sum(), pl.col(SALE).any().alias("sold")
    )
    over = sums.filter("sold", pl.col("amount") + pl.col("refund") < -_CENT).sort(KEY)
    if over.is_empty():
        return ()
    excess = -(over["amount"] + over["refund"]).sum()
    what = "1 order" if len(over) == 1 else f"{len(over):,} orders"
    which = first_few(over[KEY].to_list())
    return (
        f"{what} got back more than was paid, {excess:,.2f} in all ({which}): "
        "rfm_summary(returns='net') takes the excess off earlier orders of the customer.",
    )


def _one_reason_an_order(entries: pl.DataFrame) -> pl.DataFrame:
    """Return entries with `_counted` true for one of each order: where it stays, if anywhere."""
    import polars as pl

    rank = pl.when(pl.col(REASON).is_null()).then(pl.lit("")).otherwise(pl.col(REASON))
    best = rank.min().over(KEY, VERSION, "currency")
    return entries.with_columns((rank == best).alias("_counted"))


def _sums(entries: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    order = pl.struct(KEY, VERSION).filter(pl.col(KEY).is_not_null() & pl.col("_counted"))
    return entries.group_by(REASON, "currency").agg(
        pl.col(ROWS).sum().cast(pl.Int64).alias("rows"),
        order.n_unique().cast(pl.Int64).alias("orders"),
        pl.col("amount").sum(),
        pl.col("refund").sum().alias("refunds"),
    )


def _line(what: str, sums: pl.DataFrame, sign: int, *, currency: str = "") -> dict[str, object]:
    if sums.is_empty():
        zeros = {"rows": 0, "orders": 0, "amount": 0.0, "refunds": 0.0}
        return {"what": what, "currency": currency, **zeros}
    row = sums.row(0, named=True)
    numbers = {each: sign * row[each] + 0 for each in ("rows", "orders", "amount", "refunds")}
    return {"what": what, "currency": row["currency"], **numbers}
