"""WooCommerce: the report of Analytics, and the orders of the Import Export Suite, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import clvmodels as clv
from tests.exports.files import ANALYTICS, ANALYTICS_BROWSER, WOOCOMMERCE, write


def report(number: str, net: str, *, name: str = "Ann Example", **fields: str) -> dict[str, str]:
    row = {
        "Date": "2024-01-05 10:00:00",
        "Order #": number,
        "N. Revenue (formatted)": "$99.00",
        "Status": "completed",
        "Customer": name,
        "Net Sales": net,
        "Attribution": "Organic: Google",
        "Coupon(s)": "spring, welcome",
    }
    return row | fields


@pytest.mark.parametrize("header", [ANALYTICS, ANALYTICS_BROWSER])
def test_report_of_analytics(tmp_path: Path, header: Sequence[str]) -> None:
    rows = [
        report("11", "100.50"),
        report("12", "40.00", name="ann  example", Status="processing"),
        report("13", "7.00", Status="on-hold"),
        report("14", "8.00", Status="Failed"),
        report("11", "-20.50", Date="2024-02-01 09:00:00"),
        report("12", "-10.00", Date="2024-02-02 09:00:00", Status="refunded"),
        report("12", "-10.00", Date="2024-02-02 11:00:00", Status="refunded"),
        report("15", "3.00", name=" "),
    ]
    if header is ANALYTICS_BROWSER:
        rows = [_as_browser(row) for row in rows]
    path = write(tmp_path / "orders.csv", header, rows)
    with pytest.warns(clv.DataWarning, match="no customer"):
        orders = clv.read_orders(path, currency="usd")
    columns = ("customer_id", "order_id", "amount", "kind", "currency", "channel")
    assert orders.frame.select(columns).rows() == [
        ("ann example", "11", 100.5, "order", "USD", "Organic: Google"),
        ("ann example", "12", 40.0, "order", "USD", "Organic: Google"),
        ("ann example", "11", -20.5, "refund", "USD", "Organic: Google"),
        ("ann example", "12", -20.0, "refund", "USD", "Organic: Google"),
    ]
    assert orders.frame["date"].cast(str).to_list()[2:] == ["2024-02-01", "2024-02-02"]
    account = orders.account.set_index("what")
    assert account.loc["export", ["rows", "orders", "amount", "refunds"]].tolist() == [
        *(8, 5, 158.5, -40.5)
    ]
    assert account.loc["orders", ["rows", "orders", "amount", "refunds"]].tolist() == [
        *(5, 2, 140.5, -40.5)
    ]
    assert orders.balances
    assert "names alone" in orders.notes[0]


def test_names_are_hashed_and_a_currency_may_be_unknown(tmp_path: Path) -> None:
    path = write(tmp_path / "one.csv", ANALYTICS, [report("11", "1.00")])
    hashed = clv.read_orders(path, hash_emails=True)
    assert "ann" not in hashed.frame["customer_id"][0]
    assert hashed.currency is None
    assert list(hashed.by_currency()) == ["none given"]


def _as_browser(row: dict[str, str]) -> dict[str, str]:
    renamed = {"Net Sales": "Net sales", "Attribution": "Origin"}
    named = {renamed.get(name, name): cell for name, cell in row.items()}
    del named["N. Revenue (formatted)"]
    return named


def test_reports_that_overlap(tmp_path: Path) -> None:
    order, refund = report("11", "100.00"), report("11", "-20.00", Date="2024-02-01 09:00:00")
    write(tmp_path / "january.csv", ANALYTICS, [order, report("12", "5.00")])
    write(tmp_path / "both.csv", ANALYTICS, [order, refund])
    orders = clv.read_orders(tmp_path / "*.csv")
    assert orders.frame["amount"].to_list() == [100.0, 5.0, -20.0]
    assert orders.balances


def woo(number: str, total: str, **fields: str) -> dict[str, str]:
    row = {
        "order_id": number,
        "order_number": f"W-{number}",
        "order_date": "2024-01-05 10:00:00",
        "status": "wc-completed",
        "order_total": total,
        "order_subtotal": total,
        "order_currency": "EUR",
        "customer_id": "0",
        "billing_email": "ann@example.com",
        "billing_first_name": "Ann",
        "billing_country": "DE",
    }
    return row | fields


def test_orders_of_the_import_export_suite(tmp_path: Path) -> None:
    rows = [
        woo("1", "10.00"),
        woo("2", "20.00", customer_id="7", billing_email="Ann@example.com"),
        woo("3", "40.00", customer_id="8", billing_email=""),
        woo("4", "80.00", billing_email="", billing_phone="030 1234567"),
        woo("5", "160.00", status="refunded"),
        woo("6", "320.00", status="cancelled"),
        woo("7", "640.00", status="shipped", refund_items="something"),
        woo("8", "1280.00", status="pending", order_subtotal="1000.00"),
    ]
    path = write(tmp_path / "orders.csv", WOOCOMMERCE, rows)
    with pytest.raises(clv.DataError, match="'shipped' in 1 rows"):
        clv.read_orders(path)
    orders = clv.read_orders(path, statuses={"shipped": "paid"})
    assert orders.frame.select("customer_id", "order_id", "amount").rows() == [
        ("ann@example.com", "W-1", 10.0),
        ("ann@example.com", "W-2", 20.0),
        ("8", "W-3", 40.0),
        ("phone:0301234567", "W-4", 80.0),
        ("ann@example.com", "W-5", 160.0),
        ("ann@example.com", "W-5", -160.0),
        ("ann@example.com", "W-7", 640.0),
    ]
    assert orders.balances
    assert "1 order was refunded in part" in orders.notes[1]
    assert orders.frame["country"].unique().to_list() == ["DE"]
    some: dict[str, Any] = {"statuses": {"shipped": "not paid"}, "keep": ["not paid", "cancelled"]}
    kept = clv.read_orders(path, amount="subtotal", **some)
    assert kept.frame["amount"].sum() == 10 + 20 + 40 + 80 + 320 + 640 + 1000
    with pytest.raises(clv.ParameterError, match="'done' for 'shipped'"):
        clv.read_orders(path, statuses={"shipped": "done"})
    with pytest.raises(clv.ParameterError, match="Got 'refunds'"):
        clv.read_orders(path, keep=["refunds"])  # type: ignore[list-item]  # the point of it


def test_reports_month_by_month_keep_sales_whose_refunds_come_later(tmp_path: Path) -> None:
    header = "Date,Order #,Status,Customer,Net Sales\n"
    january = (
        "2024-01-10 10:00:00,100,completed,Ann A,50",
        "2024-01-12 10:00:00,101,completed,Bob B,30",
    )
    february = (
        "2024-02-03 10:00:00,100,refunded,Ann A,-20",
        "2024-02-05 10:00:00,102,completed,Bob B,30",
    )
    months = {"w1": january, "w2": february, "w3": (january[1], *february)}
    for name, rows in months.items():
        (tmp_path / f"{name}.csv").write_text(header + "\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "all.csv").write_text(header + "\n".join([*january, *february]) + "\n")
    whole = clv.read_orders(tmp_path / "all.csv")
    parts = clv.read_orders([tmp_path / f"{name}.csv" for name in months])  # the last overlaps
    assert parts.frame.equals(whole.frame)
    assert parts.frame.filter(pl.col("order_id") == "100")["amount"].to_list() == [50.0, -20.0]
    assert parts.balances
