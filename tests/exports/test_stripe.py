"""Stripe: payments of both layouts of the dashboard, by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import clvmodels as clv
from tests.exports.files import STRIPE, STRIPE_OLD, write


def payment(name: str, amount: str, **fields: str) -> dict[str, str]:
    row = {
        "id": name,
        "Created date (UTC)": "2024-03-01 23:30:00",
        "Amount": amount,
        "Amount Refunded": "0.00",
        "Currency": "usd",
        "Captured": "true",
        "Converted Amount": amount,
        "Converted Amount Refunded": "0.00",
        "Converted Currency": "usd",
        "Status": "Paid",
        "Customer ID": "cus_1",
        "Customer Email": "ann@example.com",
    }
    return row | fields


@pytest.fixture
def export(tmp_path: Path) -> Any:
    def read(*rows: dict[str, str], **options: Any) -> Any:
        return clv.read_orders(write(tmp_path / "payments.csv", STRIPE, rows), **options)

    return read


def money(orders: clv.ShopOrders) -> list[tuple[Any, ...]]:
    table = orders.frame.select("order_id", "date", "amount", "kind").rows()
    return [(name, str(day), amount, kind) for name, day, amount, kind in table]


def account(orders: clv.ShopOrders) -> dict[str, tuple[Any, ...]]:
    assert orders.balances
    return {
        row.what: (row.rows, row.orders, row.amount, row.refunds)
        for row in orders.account.itertuples()
    }


def test_refunds_have_their_own_day(export: Any) -> None:
    orders = export(
        payment("ch_1", "20.00"),
        payment(
            "ch_2",
            "1,030.00",
            **{"Amount Refunded": "30.00", "Refunded date (UTC)": "2024-04-02 01:00:00"},
        ),
        payment("ch_3", "9.00", **{"Amount Refunded": "9.00", "Status": "Refunded"}),
    )
    assert money(orders) == [
        ("ch_1", "2024-03-01", 20.0, "order"),
        ("ch_2", "2024-03-01", 1030.0, "order"),
        ("ch_3", "2024-03-01", 9.0, "order"),
        ("ch_3", "2024-03-01", -9.0, "refund"),
        ("ch_2", "2024-04-02", -30.0, "refund"),
    ]
    assert account(orders)["orders"] == (3, 3, 1059.0, -39.0)
    assert len(orders.notes) == 1  # of ch_3


def test_money_that_never_came(export: Any) -> None:
    orders = export(
        payment("ch_1", "1.00"),
        payment("ch_2", "2.00", Status="Failed"),
        payment("ch_3", "4.00", Captured="false"),
        payment("ch_4", "8.00", Status="requires_payment_method"),
        payment("ch_5", "16.00", Status="Canceled"),
    )
    assert account(orders) == {
        "export": (5, 5, 31.0, 0.0),
        "- cancelled": (-1, -1, -16.0, 0.0),
        "- failed": (-1, -1, -2.0, 0.0),
        "- not paid": (-2, -2, -12.0, 0.0),
        "orders": (1, 1, 1.0, 0.0),
    }


def test_the_older_layout_disputes_and_test_mode(tmp_path: Path) -> None:
    def old(name: str, amount: str, **fields: str) -> dict[str, str]:
        row = payment(name, amount, Mode="Live", Captured="TRUE", **fields)
        return row | {"Created (UTC)": row.pop("Created date (UTC)")[:16]}

    rows = [
        old(
            "ch_1",
            "50.00",
            **{
                "Disputed Amount": "50.00",
                "Dispute Status": "Lost",
                "Dispute Date (UTC)": "2024-05-01 08:00",
            },
        ),
        old("ch_2", "60.00", **{"Disputed Amount": "60.00", "Dispute Status": "Won"}),
        old("ch_3", "70.00") | {"Mode": "Test"},
    ]
    orders = clv.read_orders(write(tmp_path / "payments.csv", STRIPE_OLD, rows))
    assert money(orders) == [
        ("ch_1", "2024-03-01", 50.0, "order"),
        ("ch_2", "2024-03-01", 60.0, "order"),
        ("ch_1", "2024-05-01", -50.0, "refund"),
    ]
    assert account(orders)["- test"] == (-1, -1, -70.0, 0.0)


def test_converted_amounts(export: Any) -> None:
    rows = [
        payment("ch_1", "10.00", Currency="eur", **{"Converted Amount": "10.85"}),
        payment(
            "ch_2",
            "20.00",
            **{"Amount Refunded": "5.00", "Converted Amount Refunded": "5.00"},
        ),
    ]
    with pytest.raises(clv.DataError, match="never added up"):
        export(*rows)
    orders = export(*rows, amount="converted")
    assert orders.currency == "USD"
    assert sum(amount for _, _, amount, _ in money(orders)) == pytest.approx(25.85)


def test_one_customer_of_several_customer_ids(export: Any) -> None:
    rows = [
        payment("ch_1", "1.00"),
        payment("ch_2", "1.00", **{"Customer ID": "cus_2", "Customer Email": "ANN@example.com"}),
        payment("ch_3", "1.00", **{"Customer ID": "cus_3", "Customer Email": ""}),
        payment("ch_4", "1.00", **{"Customer ID": "", "Customer Email": "ann@example.com"}),
    ]
    ids = export(*rows).frame["customer_id"].to_list()
    assert ids == ["ann@example.com", "ann@example.com", "cus_3", "ann@example.com"]
    ids = export(*rows, identify_by=["account", "email"]).frame["customer_id"].to_list()
    assert ids == ["cus_1", "cus_2", "cus_3", "ann@example.com"]
    hashed = export(*rows, hash_emails="0123456789abcdef").frame["customer_id"]
    assert hashed[2] == "cus_3"
    assert hashed[0] == hashed[1] == hashed[3] != "ann@example.com"
    with pytest.raises(clv.ParameterError, match="this layout has 'email', 'account'"):
        export(*rows, identify_by=["phone"])


def test_days_in_a_zone(export: Any) -> None:
    stamps = ["2024-03-01 23:30:00", "2024-03-02 04:59:59", "2024-03-02 05:00:00"]
    rows = [payment(f"ch_{i}", "1", **{"Created date (UTC)": s}) for i, s in enumerate(stamps)]
    days = [day for _, day, _, _ in money(export(*rows, time_zone="America/New_York"))]
    assert days == ["2024-03-01", "2024-03-01", "2024-03-02"]


def test_a_charge_in_two_exports(tmp_path: Path) -> None:
    write(tmp_path / "new.csv", STRIPE, [payment("ch_1", "9.00", **{"Amount Refunded": "4.00"})])
    write(tmp_path / "old.csv", STRIPE, [payment("ch_1", "9.00"), payment("ch_2", "1.00")])
    orders = clv.read_orders(tmp_path / "*.csv")
    assert [(name, amount) for name, _, amount, _ in money(orders)] == [
        ("ch_1", 9.0),
        ("ch_1", -4.0),
        ("ch_2", 1.0),
    ]
    assert account(orders)["- the same order again"] == (-1, -1, -9.0, 0.0)


def test_rows_of_balance_transactions_are_refused(export: Any) -> None:
    with pytest.raises(clv.DataError, match=r"at least zero.*Row 1"):
        export(payment("txn_1", "-5.00"))
    with pytest.raises(clv.DataError, match="has an id"):
        export(payment("", "5.00"))


def test_a_charge_without_email_belongs_to_the_account(tmp_path: Path) -> None:
    charges = {
        "id": ["ch_1", "ch_2", "ch_3", "ch_4", "ch_5"],
        "Created date (UTC)": [f"2024-05-0{day} 09:00:00" for day in range(1, 6)],
        "Amount": ["20.00"] * 5,
        "Amount Refunded": ["0.00", "0.00", "0.00", "0.00", "25.00"],
        "Currency": ["usd"] * 5,
        "Status": ["Paid"] * 5,
        "Customer ID": ["cus_1", "cus_1", "cus_2", "cus_2", "cus_2"],
        "Customer Email": [None, "Ann@x.com", "b@x.com", "c@x.com", None],
    }
    found = clv.read_orders(pl.DataFrame(charges))
    sold = found.frame.filter(pl.col("kind") == "order").sort("order_id")
    ids = ["ann@x.com", "ann@x.com", "b@x.com", "c@x.com", "cus_2"]  # cus_2 has two emails
    assert sold["customer_id"].to_list() == ids
    assert any("1 order got back more than was paid, 5.00" in note for note in found.notes)
