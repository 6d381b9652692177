"""Amounts in several currencies: never added, but chosen, converted or kept apart."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from clvmodels.errors import DataError, ParameterError, did_you_mean
from clvmodels.exports.layout import KEY, REASON

if TYPE_CHECKING:
    import polars as pl

__all__ = ["EACH", "NONE", "OTHER", "check_rates", "in_one_currency"]

EACH: Final = "each"
NONE: Final = "none given"
OTHER: Final = "another currency"


def check_rates(currency: str | None, rates: Mapping[str, float] | None) -> dict[str, float] | None:
    """Return exchange rates by code in capitals, the rate of `currency` itself included.

    Raises
    ------
    ParameterError
        There is no one currency to convert to, or a rate is no positive number.
    """
    if rates is None:
        return None
    if currency is None or currency == EACH:
        raise ParameterError(
            "`rates` convert to the one `currency` that is asked for.",
            place=f"Got currency={currency!r}.",
            fix="Pass currency='USD', say, with rates={'EUR': 1.08}: what one euro is in dollars.",
        )
    for code, rate in rates.items():
        if not (isinstance(rate, int | float) and math.isfinite(rate) and rate > 0):
            raise ParameterError(
                "A rate in `rates` is what one unit of a currency is in `currency`, above zero.",
                place=f"Got {rate!r} for {code!r}.",
                fix="Pass numbers such as {'EUR': 1.08}.",
            )
    return {code.upper(): float(rate) for code, rate in rates.items()} | {currency.upper(): 1.0}


def in_one_currency(
    entries: pl.DataFrame, currency: str | None, rates: dict[str, float] | None
) -> pl.DataFrame:
    """Return entries with OTHER as the reason of those not in the currency asked for.

    With `rates` all stay. Nothing is converted yet, so that the account is in what was paid.

    Raises
    ------
    DataError
        There are several currencies and nothing says what to do with them, or none is the one
        asked for, or one has no rate.
    """
    import polars as pl

    kept = entries.filter(pl.col(REASON).is_null())
    held = kept.group_by("currency").agg(
        pl.col(KEY).n_unique().alias("orders"), (pl.col("amount") + pl.col("refund")).sum()
    )
    held = held.sort("orders", "currency", descending=[True, False])
    codes = held["currency"].to_list()
    if currency is None:
        if len(codes) > 1:
            raise _several(held)
        return entries
    if currency == EACH:
        return entries
    wanted = currency.upper()
    if rates is not None:
        _require_rates(codes, rates)
        return entries
    if wanted not in codes:
        raise DataError(
            "`currency` is one that orders of the export are in.",
            place=f"None is in {wanted!r}.",
            fix=f"{did_you_mean(wanted, codes)} Or convert with rates=.",
        )
    other = pl.col(REASON).is_null() & (pl.col("currency") != wanted)
    reason = pl.when(other).then(pl.lit(OTHER)).otherwise(pl.col(REASON))
    return entries.with_columns(reason.alias(REASON))


def _several(held: pl.DataFrame) -> DataError:
    each = "; ".join(
        f"{code} {amount:,.2f} in {orders:,} order{'s' if orders != 1 else ''}"
        for code, orders, amount in held.rows()
    )
    return DataError(
        "Amounts in several currencies are never added up.",
        place=f"The export has {each}.",
        fix=f"Pass currency={held['currency'][0]!r} to keep one (the account counts the others), "
        "currency= with rates={'EUR': 1.08, ...} to convert, or currency='each' to keep all and "
        "analyse each by itself.",
    )


def _require_rates(codes: list[str], rates: dict[str, float]) -> None:
    missing = [code for code in codes if code not in rates]
    if missing:
        raise DataError(
            "Every currency of the export has a rate in `rates`.",
            place=f"There is none for {', '.join(missing)}.",
            fix=f"Add one, such as {{{missing[0]!r}: 1.08}}.",
        )
