"""`read-orders`: the export of a shop to orders that every other command takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from clvmodels.cli.console import session
from clvmodels.cli.options import OutPath, ReportOptions, flattened
from clvmodels.cli.root import app

__all__ = ["read_orders"]

_MONEY, _PEOPLE, _CLEANING = "Money", "Customers", "Cleaning"
Exports: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="EXPORT",
        help="The export: csv or parquet files, or globs in quotes.",
        show_default=False,
    ),
]
LayoutName: TypeAlias = Annotated[
    Literal["shopify", "woocommerce-analytics", "woocommerce", "stripe", "line-items"] | None,
    typer.Option("--layout", help="What it is; told from its columns.", show_default=False),
]
Amount: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="What counts as the amount of an order: total, subtotal or net of taxes and shipping "
        "(Shopify), total or converted (Stripe).",
        rich_help_panel=_MONEY,
        show_default=False,
    ),
]
Currency: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="CODE",
        help="Keep orders in this currency alone, or convert to it with --rate; each writes one "
        "file a currency.",
        rich_help_panel=_MONEY,
        show_default=False,
    ),
]
Rates: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--rate",
        metavar="CODE=NUMBER",
        help="What one unit of another currency is in --currency; may be given again.",
        rich_help_panel=_MONEY,
        show_default=False,
    ),
]
DecimalSign: TypeAlias = Annotated[
    Literal[".", ","],
    typer.Option("--decimal", help="Decimal sign of numbers.", rich_help_panel=_MONEY),
]
TimeZone: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="ZONE",
        help="Zone in which days begin; without it days are as they are written.",
        rich_help_panel=_CLEANING,
    ),
]
DateFormat: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT",
        help="Form of the dates if it is not ISO, such as '%d/%m/%Y %H:%M'.",
        rich_help_panel=_CLEANING,
    ),
]
IdentifyBy: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="What tells customers apart, the first that an order has, of email, account, phone "
        "and name; may be given again.",
        rich_help_panel=_PEOPLE,
        show_default=False,
    ),
]
HashEmails: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--hash-emails",
        help="Hash emails, phones and names with a random key that nobody keeps.",
        rich_help_panel=_PEOPLE,
    ),
]
HashKey: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Hash them with the key in this file, so that ids are the same in every run.",
        rich_help_panel=_PEOPLE,
        show_default=False,
    ),
]
Statuses: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--status",
        metavar="STATUS=MEANING",
        help="What a further status means: paid, 'not paid', failed, cancelled or test; may be "
        "given again.",
        rich_help_panel=_CLEANING,
        show_default=False,
    ),
]
Keep: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="REASON",
        help="Do not leave out orders that are cancelled, test, failed or 'not paid'; may be given "
        "again.",
        rich_help_panel=_CLEANING,
        show_default=False,
    ),
]
TestTags: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--test-tag",
        metavar="TAG",
        help="Tag of Shopify orders that are tests, 'test' if not given; may be given again.",
        rich_help_panel=_CLEANING,
        show_default=False,
    ),
]
Repeated: TypeAlias = Annotated[
    Literal["error", "last"],
    typer.Option(
        help="An order that is there twice with different contents: refuse, or the last one read.",
        rich_help_panel=_CLEANING,
    ),
]


@app.command(
    "read-orders", epilog="Example:  clvmodels read-orders orders_export.csv --out orders.parquet"
)
@flattened
def read_orders(
    report: ReportOptions,
    *,
    exports: Exports,
    layout: LayoutName = None,
    amount: Amount = None,
    currency: Currency = None,
    rates: Rates = None,
    decimal: DecimalSign = ".",
    time_zone: TimeZone = None,
    date_format: DateFormat = None,
    identify_by: IdentifyBy = None,
    hash_emails: HashEmails = False,
    hash_key: HashKey = None,
    statuses: Statuses = None,
    keep: Keep = None,
    test_tags: TestTags = None,
    repeated: Repeated = "error",
    out: OutPath = None,
) -> None:
    """Turn the export of a shop into orders: Shopify, WooCommerce, Stripe, or invoice lines.

    One row an order and one a refund, with an account of every row and every cent. Several
    currencies are never added up.
    """
    with session(report) as reporter:
        from clvmodels.cli.exports import key_of, pairs_of, rates_of, tell_orders

        settings = {
            "layout": layout,
            "amount": amount,
            "currency": currency,
            "rates": rates_of(rates),
            "time_zone": time_zone,
            "date_format": date_format,
            "decimal": decimal,
            "identify_by": identify_by,
            "hash_emails": key_of(hash_emails, hash_key),
            "statuses": dict(pairs_of(statuses, "--status")),
            "keep": keep or (),
            "test_tags": test_tags if test_tags is not None else ("test",),
            "repeated": repeated,
        }
        tell_orders(exports, reporter, out=out, settings=settings)
