"""`read_orders`: from the export of a shop to one row an order."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from clvmodels.errors import DataError, DataWarning, ParameterError
from clvmodels.exports.account import excess_note, make_account
from clvmodels.exports.currencies import EACH, NONE, check_rates, in_one_currency
from clvmodels.exports.identity import check_identities, key_of, with_customers
from clvmodels.exports.layout import (
    KEY,
    REASON,
    REASONS,
    ROWS,
    SALE,
    Choices,
    Identity,
    Layout,
    Reason,
)
from clvmodels.exports.opening import open_export
from clvmodels.exports.repeats import Repeated, mark_repeats
from clvmodels.exports.result import ShopOrders
from clvmodels.exports.rows import converted, rows_of
from clvmodels.exports.sheet import Decimal, Sheet
from clvmodels.exports.stamps import check_zone
from clvmodels.exports.statuses import check_statuses

if TYPE_CHECKING:
    import polars as pl

__all__ = ["read_orders"]

NOBODY: Final = "no customer"


def read_orders(
    source: Any,
    *,
    layout: str | None = None,
    amount: str | None = None,
    currency: str | None = None,
    rates: Mapping[str, float] | None = None,
    time_zone: str | None = None,
    date_format: str | None = None,
    decimal: Decimal = ".",
    identify_by: Sequence[Identity] | None = None,
    hash_emails: bool | str | bytes = False,
    statuses: Mapping[str, str] | None = None,
    keep: Sequence[Reason] = (),
    test_tags: Sequence[str] = ("test",),
    repeated: Repeated = "error",
) -> ShopOrders:
    """Read orders as a shop exports them: one row an order and one a refund, all accounted for.

    Known layouts are ``'shopify'`` (orders export), ``'woocommerce-analytics'`` (orders report),
    ``'woocommerce'`` (orders by the Import Export Suite), ``'stripe'`` (payments export of the
    dashboard) and ``'line-items'`` (Invoice, Quantity, Price).

    Parameters
    ----------
    source
        A path or glob to csv or parquet, several of them in a list, or a dataframe. Csv is read as
        text, so that ids keep their zeros; its columns are separated by commas, semicolons or tabs.
    layout
        Name of a layout; told from the columns if None.
    amount
        What counts as the amount of an order. Shopify: 'total' (default), 'subtotal', 'net' (total
        without shipping and taxes). Stripe: 'total' (default), 'converted'. WooCommerce: 'net' in
        the report of Analytics; 'total' (default) or 'subtotal' in the other. Refunds are taken in
        the same share as the amount is of the total.
    currency
        Code of the one currency to keep, or to convert to with `rates`; 'each' keeps all, to be
        analysed apart. None is an error where there are several. For a layout without currencies
        it is the name of the one that all amounts are in.
    rates
        What one unit of each other currency is in `currency`, such as ``{"EUR": 1.08}``.
    time_zone
        Zone in which days begin, such as 'America/New_York'. If None days are as they are written:
        by the clock of the shop in Shopify, in UTC in Stripe.
    date_format
        strptime format of the dates, if they are not ISO.
    decimal
        Decimal sign of numbers in text, '.' or ','.
    identify_by
        What tells customers apart, the first that an order has, of 'email', 'account', 'phone' and
        'name'; if None all that the layout has, in this order. Emails count in small letters and
        without blanks, phones as digits.
    hash_emails
        True, or a key: customer ids that are emails, phones or names become 32 hexadecimal digits
        of their HMAC-SHA256. The same key gives the same ids in every run; for True a random key is
        made and forgotten.
    statuses
        What further statuses mean: 'paid', 'not paid', 'failed', 'cancelled' or 'test', such as
        ``{"shipped": "paid"}``.
    keep
        Reasons for which orders are not left out, of 'cancelled', 'test', 'failed', 'not paid'.
    test_tags
        Tags of Shopify orders that are tests, beside those paid through the bogus gateway.
    repeated
        What to do with an order that is there twice with different contents, neither of them the
        later one: 'error', or 'last' for the one that is read last.

    Returns
    -------
    ShopOrders
        ``.frame`` and ``.columns`` go straight into `rfm_summary`; ``.account`` says what became of
        every row and every cent.

    Raises
    ------
    MissingColumnError
        The columns fit no known layout: the nearest is named, and what it lacks.
    ParameterError
        The columns fit several layouts, or an argument is outside its domain.
    DataError
        Several currencies and nothing that says what to do with them; a cell that is no number or
        date; a status that is not known; nothing left.

    Warns
    -----
    DataWarning
        Orders were left out because they have no customer, or not their first row.

    Examples
    --------
    >>> import polars as pl
    >>> export = pl.DataFrame(
    ...     {
    ...         "id": ["ch_1", "ch_2", "ch_3"],
    ...         "Created date (UTC)": ["2024-05-01 09:00:00", "2024-05-02 10:30:00", "2024-05-03"],
    ...         "Amount": ["20.00", "35.00", "12.00"],
    ...         "Amount Refunded": ["0.00", "5.00", "0.00"],
    ...         "Currency": ["usd", "usd", "usd"],
    ...         "Status": ["Paid", "Paid", "Failed"],
    ...         "Customer Email": ["Ann@Example.com", "ann@example.com", "bob@example.com"],
    ...     }
    ... )
    >>> orders = read_orders(export)
    >>> orders.frame.select("customer_id", "date", "amount", "kind").rows()[1:]
    [('ann@example.com', datetime.date(2024, 5, 2), 35.0, 'order'),
     ('ann@example.com', datetime.date(2024, 5, 2), -5.0, 'refund')]
    >>> print(orders.account.drop(columns="currency").to_string(index=False))
        what  rows  orders  amount  refunds
      export     3       3    67.0     -5.0
    - failed    -1      -1   -12.0      0.0
      orders     2       2    55.0     -5.0
    """
    key, known, given = key_of(hash_emails), check_rates(currency, rates), check_statuses(statuses)
    check_zone(time_zone)
    if repeated not in ("error", "last"):
        raise ParameterError(
            "`repeated` is 'error' or 'last'.", place=f"Got {repeated!r}.", fix="Pass one of these."
        )
    opened = open_export(source, layout=layout, decimal=decimal)
    found = opened.layout
    choices = Choices(
        _basis(found, amount),
        time_zone,
        date_format,
        given,
        _kept_reasons(keep),
        frozenset(tag.strip().lower() for tag in test_tags),
    )
    order = check_identities(identify_by, found.identities)
    entries = found.entries(opened.sheet, choices)
    named = _with_currency(entries.frame, currency)
    _refuse_lost(named, opened.sheet)
    reasoned = _reasoned(named, order, key, repeated)
    sorted_out = in_one_currency(reasoned, currency, known)
    table, code = converted(rows_of(sorted_out), currency, known)
    _warn(sorted_out)
    return ShopOrders(
        opened.restore(table),
        make_account(sorted_out, named),
        found.name,
        choices.amount,
        code,
        known,
        opened.sheet.frame.height,
        (*entries.notes, *excess_note(sorted_out)),
    )


# --- arguments --------------------------------------------------------------------------------


def _basis(layout: Layout, amount: str | None) -> str:
    if amount is None:
        return next(iter(layout.amounts))
    if amount not in layout.amounts:
        each = "; ".join(f"{name!r}: {what}" for name, what in layout.amounts.items())
        raise ParameterError(
            "`amount` says what counts as the amount of an order.",
            place=f"Got {amount!r}; the layout {layout.name!r} has {each}.",
            fix="Pass one of those, or leave it out for the first.",
        )
    return amount


def _kept_reasons(keep: Sequence[Reason]) -> frozenset[str]:
    found = frozenset((keep,) if isinstance(keep, str) else keep)
    if not found <= set(REASONS):
        raise ParameterError(
            f"`keep` names reasons of {', '.join(map(repr, REASONS))}.",
            place=f"Got {', '.join(map(repr, sorted(found - set(REASONS))))}.",
            fix="Pass a list of these, such as keep=['not paid'].",
        )
    return found


# --- entries ----------------------------------------------------------------------------------


def _with_currency(entries: pl.DataFrame, currency: str | None) -> pl.DataFrame:
    """Return entries with a currency each, also where the layout has none."""
    import polars as pl

    codes = entries["currency"]
    if codes.null_count() == len(codes) and currency is not None and currency != EACH:
        return entries.with_columns(pl.lit(currency.upper()).alias("currency"))
    # Rows without money of their own go with the others.
    only = codes.drop_nulls().unique().to_list()
    idle = ~pl.col(SALE) & (pl.col("amount") == 0) & (pl.col("refund") == 0)
    filled = pl.when(idle & (len(only) == 1)).then(pl.lit(only[0] if only else NONE))
    return entries.with_columns(pl.coalesce("currency", filled, pl.lit(NONE)).alias("currency"))


def _refuse_lost(entries: pl.DataFrame, sheet: Sheet) -> None:
    """Raise if a layout lost rows on the way, which would be its mistake."""
    held = int(entries[ROWS].sum())
    if held != sheet.frame.height:
        raise DataError(
            "Every row of an export has its place in the account.",
            place=f"Of {sheet.frame.height:,} rows {held:,} have one.",
            fix="Please report this, with the header of the file.",
        )


def _reasoned(
    entries: pl.DataFrame, order: tuple[Identity, ...], key: bytes | None, repeated: Repeated
) -> pl.DataFrame:
    """Return entries with customers, and reasons for repeated ones and those of nobody."""
    import polars as pl

    marked = with_customers(mark_repeats(entries, repeated), order, key)
    nobody = pl.col(REASON).is_null() & pl.col("customer_id").is_null()
    reason = pl.when(nobody).then(pl.lit(NOBODY)).otherwise(pl.col(REASON))
    return marked.with_columns(reason.alias(REASON))


def _warn(entries: pl.DataFrame) -> None:
    import polars as pl

    surprising = entries.filter(
        pl.col(REASON).str.starts_with("first row") | (pl.col(REASON) == NOBODY)
    )
    counts = surprising.group_by(REASON).agg(pl.col(ROWS).sum(), pl.col(KEY).n_unique().alias("n"))
    told = [
        f"{orders:,} ({reason}, {rows:,} rows)"
        for reason, rows, orders in counts.sort(REASON).rows()
    ]
    if told:
        warnings.warn(
            f"Orders left out: {'; '.join(told)}. The account of the result has them.",
            DataWarning,
            stacklevel=3,
        )
