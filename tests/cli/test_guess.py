"""Columns are told from header rows as shops and data sets have them."""

from __future__ import annotations

import pytest

from clvmodels.cli.guess import guess_amount, guess_column, read_amount
from clvmodels.errors import ClvError, DataError, MissingColumnError

HEADERS = {
    "online retail": (
        "Invoice, StockCode, Description, Quantity, InvoiceDate, Price, Customer ID, Country",
        ("Customer ID", "InvoiceDate", ("Quantity", "Price")),
    ),
    "online retail, first edition": (
        "InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country",
        ("CustomerID", "InvoiceDate", ("Quantity", "UnitPrice")),
    ),
    "CDNOW": ("customer_id, date, cds, amount", ("customer_id", "date", "amount")),
    "quantity beside amount": (
        "customer_id, date, quantity, amount",
        ("customer_id", "date", "amount"),
    ),
    "web shop": (
        "order_id, created_at, email, total, currency",
        ("email", "created_at", "total"),
    ),
    "id before e-mail": (
        "Order ID, Order Date, Ship Date, Customer ID, E-Mail, Sales",
        ("Customer ID", "Order Date", "Sales"),
    ),
    "order date before creation": (
        "client_id, order_date, created_at, revenue",
        ("client_id", "order_date", "revenue"),
    ),
    "upper case": ("CUST_ID, TRANSACTION_DATE, VALUE", ("CUST_ID", "TRANSACTION_DATE", "VALUE")),
    "price alone": ("user-id, timestamp, price", ("user-id", "timestamp", "price")),
    "no amount at all": ("customer_id, date", ("customer_id", "date", None)),
}


@pytest.mark.parametrize(("header", "expected"), HEADERS.values(), ids=HEADERS.keys())
def test_one_candidate_is_taken(header: str, expected: tuple[object, ...]) -> None:
    names = header.split(", ")
    customer, date = guess_column("customer", names), guess_column("date", names)
    rest = [name for name in names if name not in (customer, date)]
    assert (customer, date, guess_amount(rest)) == expected


UNCLEAR = {
    "two customers": ("customer", "customer_id, client_id, date", DataError, "'client_id'"),
    "two dates": ("date", "id, order_date, invoice_date", DataError, "'invoice_date'"),
    "two amounts": ("amount", "subtotal, total, currency", DataError, "'subtotal', 'total'"),
    "amount and product": (
        "amount",
        "quantity, price, total",
        DataError,
        "'total', 'quantity[*]price'",
    ),
    "two products": ("amount", "qty, units, price", DataError, "'units[*]price'"),
    "no customer": ("customer", "id, when, paid", MissingColumnError, "'id', 'when', 'paid'"),
    "no date": ("date", "customer_id, moment", MissingColumnError, "--date NAME"),
    "no amount": ("amount", "betrag, waehrung", MissingColumnError, "--amount none"),
    "price of unknown quantity": ("amount", "unit_price, sku", MissingColumnError, "--amount"),
}


@pytest.mark.parametrize(("role", "header", "error", "words"), UNCLEAR.values(), ids=UNCLEAR.keys())
def test_none_or_several_is_an_error_that_names_them(
    role: str, header: str, error: type[ClvError], words: str
) -> None:
    names = header.split(", ")
    with pytest.raises(error, match=words) as caught:
        guess_amount(names) if role == "amount" else guess_column(role, names)
    assert f"--{role}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Price", "Price"),
        ("Quantity*Price", ("Quantity", "Price")),
        (" Quantity * Price ", ("Quantity", "Price")),
        ("None", None),
        ("a*b*c", "a*b*c"),
        ("*Price", "*Price"),
    ],
)
def test_amount_option(text: str, expected: object) -> None:
    assert read_amount(text, ["Quantity", "Price"]) == expected


def test_an_exact_column_name_wins() -> None:
    assert read_amount("Quantity*Price", ["Quantity*Price", "Quantity", "Price"]) == (
        "Quantity*Price"
    )
    assert read_amount("none", ["none"]) == "none"
