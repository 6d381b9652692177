"""Shopify: every ugly case of the orders export, by hand and by plain arithmetic."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import clvmodels as clv
from tests.exports.files import SHOPIFY, shopify_order, write

KEY = "a key of at least sixteen bytes"


@pytest.fixture
def export(tmp_path: Path) -> Any:
    """Return a function that writes orders to a file and reads it."""

    def read(*orders: list[dict[str, str]], encoding: str = "utf-8", **options: Any) -> Any:
        rows = [row for order in orders for row in order]
        path = write(tmp_path / "orders_export.csv", SHOPIFY, rows, encoding=encoding)
        return clv.read_orders(path, **options)

    return read


def told(orders: clv.ShopOrders, *columns: str) -> list[tuple[Any, ...]]:
    return orders.frame.select(columns or ("customer_id", "amount", "kind")).rows()


def line(orders: clv.ShopOrders, what: str) -> tuple[Any, ...]:
    """Return rows, orders, amount and refunds of a line of the account."""
    lines = orders.account[orders.account["what"] == what]
    assert len(lines) == 1
    return tuple(lines.iloc[0][["rows", "orders", "amount", "refunds"]])


def test_fields_of_the_order_are_on_its_first_row(export: Any) -> None:
    orders = export(
        shopify_order("#1001", "ann@example.com", "1,034.98", lines=3),
        shopify_order("#1002", "bob@example.com", "20.00"),
        encoding="utf-8-sig",  # with the mark that spreadsheets put first
    )
    assert told(orders) == [
        ("ann@example.com", 1034.98, "order"),
        ("bob@example.com", 20.0, "order"),
    ]
    assert line(orders, "orders") == (4, 2, 1054.98, 0.0)
    assert orders.rows_read == 4
    assert orders.balances
    assert (orders.layout, orders.amount, orders.currency) == ("shopify", "total", "USD")


def test_one_customer_however_the_email_is_written_and_guests_by_phone(export: Any) -> None:
    orders = export(
        shopify_order("#1", " Ann@Example.COM ", "1"),
        shopify_order("#2", "ann@example.com", "2"),
        shopify_order("#3", "", "4", Phone="'+49 (170) 1234-567"),
        shopify_order("#4", "n/a", "8", **{"Billing Phone": "00491701234567"}),
    )
    assert told(orders, "order_id", "customer_id") == [
        ("#1", "ann@example.com"),
        ("#2", "ann@example.com"),
        ("#3", "phone:+491701234567"),
        ("#4", "phone:+491701234567"),
    ]


def test_nobody_is_left_out_and_counted(export: Any) -> None:
    with pytest.warns(clv.DataWarning, match=r"1 \(no customer, 2 rows\)"):
        orders = export(
            shopify_order("#1", "ann@example.com", "1.00"),
            shopify_order("#2", "", "2.50", lines=2, Phone="4.91701E+11"),  # a spreadsheet's phone
        )
    assert line(orders, "- no customer") == (-2, -1, -2.5, 0.0)
    assert orders.balances


def test_refunds_are_rows_of_their_own_and_net_in_the_summary(export: Any) -> None:
    orders = export(
        shopify_order("#1", "a@x.com", "50.00", **{"Created at": "2024-01-01 10:00:00 +0000"}),
        shopify_order(
            "#2",
            "a@x.com",
            "30.00",
            **{
                "Created at": "2024-01-15 10:00:00 +0000",
                "Financial Status": "partially_refunded",
                "Refunded Amount": "12.00",
            },
        ),
        shopify_order(
            "#3",
            "a@x.com",
            "20.00",
            **{
                "Created at": "2024-01-29 10:00:00 +0000",
                "Financial Status": "refunded",
                "Refunded Amount": "20.00",
            },
        ),
    )
    assert [(amount, kind) for amount, kind in told(orders, "amount", "kind")] == [
        (50.0, "order"),
        (30.0, "order"),
        (-12.0, "refund"),
        (20.0, "order"),
        (-20.0, "refund"),
    ]
    assert "have the day of their order" in orders.notes[0]
    rfm = clv.rfm_summary(orders.frame, **orders.columns, observed_until="2024-02-05", unit="week")
    # The order that was returned in full is no purchase.
    assert rfm.frame.rows() == [("a@x.com", 1, 2.0, 5.0, 18.0)]


def test_what_was_never_paid_cancelled_or_a_test(export: Any) -> None:
    odd = [
        shopify_order("#1", "a@x.com", "1.00"),
        shopify_order("#2", "a@x.com", "2.00", **{"Financial Status": "pending"}),
        shopify_order("#3", "a@x.com", "4.00", **{"Financial Status": "voided"}),
        shopify_order("#4", "a@x.com", "8.00", **{"Financial Status": "expired"}),
        shopify_order(
            "#5",
            "a@x.com",
            "16.00",
            **{"Cancelled at": "2024-01-06 09:00:00 -0500", "Refunded Amount": "16.00"},
        ),
        shopify_order("#6", "a@x.com", "32.00", **{"Payment Method": "bogus"}),
        shopify_order("#7", "a@x.com", "64.00", Tags="VIP, Test"),
        shopify_order("#8", "a@x.com", "128.00", Tags="contest, testers"),
        shopify_order("#9", "a@x.com", "256.00", **{"Financial Status": "partially_paid"}),
    ]
    orders = export(*odd)
    assert {row[0] for row in told(orders, "order_id")} == {"#1", "#8", "#9"}
    assert line(orders, "- not paid") == (-3, -3, -14.0, 0.0)
    assert line(orders, "- cancelled") == (-1, -1, -16.0, 16.0)
    assert line(orders, "- test") == (-2, -2, -96.0, 0.0)
    assert line(orders, "orders") == (3, 3, 385.0, 0.0)
    assert orders.balances
    kept = export(*odd, keep=["not paid"], test_tags=["vip"])
    assert {row[0] for row in told(kept, "order_id")} == {"#1", "#2", "#3", "#4", "#8", "#9"}


def test_unknown_statuses_are_not_guessed(export: Any) -> None:
    odd = shopify_order("#1", "a@x.com", "1.00", **{"Financial Status": "on_account"})
    with pytest.raises(clv.DataError, match=r"'on account' in 1 rows.*statuses="):
        export(odd)
    assert export(odd, statuses={"On account": "paid"}).balances


def test_days_by_the_clock_of_the_shop_or_a_zone(export: Any) -> None:
    stamps = ["2024-01-05 23:30:00 -0500", "2024-07-05 23:30:00 -0400", "2024-01-06 00:30:00 -0500"]
    rows = [
        shopify_order(f"#{i}", "a@x.com", "1.00", **{"Created at": stamp})
        for i, stamp in enumerate(stamps)
    ]
    days = [str(day) for (day,) in told(export(*rows), "date")]
    assert days == ["2024-01-05", "2024-01-06", "2024-07-05"]
    for zone, wanted in {
        "Europe/Berlin": ["2024-01-06", "2024-01-06", "2024-07-06"],
        "America/Los_Angeles": ["2024-01-05", "2024-01-05", "2024-07-05"],
    }.items():
        assert [str(d) for (d,) in told(export(*rows, time_zone=zone), "date")] == wanted
    bare = shopify_order("#9", "a@x.com", "1.00", **{"Created at": "2024-01-05"})
    assert [str(d) for (d,) in told(export(bare), "date")] == ["2024-01-05"]
    with pytest.raises(clv.DataError, match="carries none"):
        export(bare, time_zone="Europe/Berlin")
    with pytest.raises(clv.ParameterError, match="time zone database"):
        export(bare, time_zone="Europe/Berlinn")


def test_amounts_and_the_share_of_refunds(export: Any) -> None:
    rows = shopify_order(
        "#1",
        "a@x.com",
        "120.00",
        Subtotal="100.00",
        Shipping="8.00",
        Taxes="12.00",
        **{"Refunded Amount": "30.00", "Financial Status": "partially_refunded"},
    )
    for amount, wanted in {"total": (120, -30), "subtotal": (100, -25), "net": (100, -25)}.items():
        found = [value for (value,) in told(export(rows, amount=amount), "amount")]
        assert found == pytest.approx(wanted, rel=1e-12)
    with pytest.raises(clv.ParameterError, match="'subtotal': Subtotal"):
        export(rows, amount="gross")


def test_interrupted_orders_and_missing_first_rows(export: Any) -> None:
    one = shopify_order("#1", "a@x.com", "1.00", lines=3)
    two = shopify_order("#2", "b@x.com", "2.00", lines=2)
    three = shopify_order("#3", "c@x.com", "4.00", lines=3)
    with pytest.warns(clv.DataWarning, match="first row of the order missing, 2 rows"):
        orders = export(one[1:2], one[:1], two, one[2:], three[1:], [{}])
    assert line(orders, "orders") == (5, 2, 3.0, 0.0)
    blank = orders.account.set_index("what").loc["- blank row"]
    assert (blank["rows"], blank["amount"]) == (-1, 0.0)
    assert line(orders, "- first row of the order missing") == (-2, -1, 0.0, 0.0)
    assert orders.rows_read == 8
    assert orders.balances
    with pytest.raises(clv.DataError, match="Row 2 below the header"):
        export(one[:1], [one[1] | {"Name": ""}])


def test_the_same_order_in_overlapping_files(tmp_path: Path) -> None:
    first = shopify_order("#1", "a@x.com", "10.00", lines=2, Id="501")
    same = shopify_order("#2", "a@x.com", "20.00", Id="502")
    later = shopify_order(
        "#1",
        "a@x.com",
        "10.00",
        lines=2,
        Id="501",
        **{"Financial Status": "partially_refunded", "Refunded Amount": "3.00"},
    )
    write(tmp_path / "a.csv", SHOPIFY, [*first, *same])
    write(tmp_path / "b.csv", SHOPIFY, [*same, *shopify_order("#3", "b@x.com", "40.00", Id="503")])
    write(tmp_path / "c.csv", SHOPIFY, later)
    for files in (["a.csv", "b.csv", "c.csv"], ["c.csv", "b.csv", "a.csv"]):
        orders = clv.read_orders([tmp_path / each for each in files])
        assert told(orders, "order_id", "amount") == [
            ("#1", 10.0),
            ("#1", -3.0),
            ("#2", 20.0),
            ("#3", 40.0),
        ]
        assert line(orders, "- the same order again") == (-3, -2, -30.0, 0.0)
        assert orders.balances
    whole = clv.read_orders(tmp_path / "*.csv")
    assert whole.frame.equals(orders.frame)
    assert clv.read_orders([tmp_path / "a.csv", tmp_path / "a.csv"]).rows_read == 3


def test_fields_that_were_filled_down_by_hand_count_once(export: Any) -> None:
    first = shopify_order("#1", "a@x.com", "10.00")
    orders = export(first, first, first, shopify_order("#2", "a@x.com", "5.00"))
    assert told(orders, "amount") == [(10.0,), (5.0,)]
    assert line(orders, "- the same order again") == (-2, -2, -20.0, 0.0)


def test_orders_of_one_number_that_differ(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", SHOPIFY, shopify_order("#1", "a@x.com", "10.00"))
    write(tmp_path / "b.csv", SHOPIFY, shopify_order("#1", "b@x.com", "11.00"))
    with pytest.raises(clv.DataError, match="differ in day, amount or currency: #1"):
        clv.read_orders(tmp_path / "*.csv")
    orders = clv.read_orders(tmp_path / "*.csv", repeated="last")
    assert told(orders) == [("b@x.com", 11.0, "order")]
    assert orders.balances
    # With the ids of two shops they are two orders.
    write(tmp_path / "a.csv", SHOPIFY, shopify_order("#1", "a@x.com", "10.00", Id="1"))
    write(tmp_path / "b.csv", SHOPIFY, shopify_order("#1", "b@x.com", "11.00", Id="2"))
    assert len(clv.read_orders(tmp_path / "*.csv").frame) == 2


def test_rows_of_an_order_across_files(tmp_path: Path) -> None:
    order = shopify_order("#1", "a@x.com", "10.00", lines=3)
    write(tmp_path / "a.csv", SHOPIFY, order[:1])
    write(tmp_path / "b.csv", SHOPIFY, [*order[1:], *shopify_order("#2", "b@x.com", "1.00")])
    orders = clv.read_orders(tmp_path / "*.csv")
    assert line(orders, "orders") == (4, 2, 11.0, 0.0)


@pytest.mark.parametrize("cell", ["12,50", "ten", "1.2.3", "", "1,23,456.00", "nan", "1e3"])
def test_numbers_are_read_strictly(export: Any, cell: str) -> None:
    with pytest.raises(clv.DataError, match=r"Row 2 below the header of .*orders_export.csv has"):
        export(shopify_order("#1", "a@x.com", "1.00"), shopify_order("#2", "a@x.com", cell))


def test_decimal_commas_when_asked_for(tmp_path: Path) -> None:
    rows = shopify_order("#1", "a@x.com", "1.234,50")
    path = write(tmp_path / "o.csv", SHOPIFY, rows, delimiter=";")
    path.write_text(path.read_text(encoding="utf-8").replace("0.00", "0,00"), encoding="utf-8")
    assert told(clv.read_orders(path, decimal=","), "amount") == [(1234.5,)]
    with pytest.raises(clv.DataError, match="or pass decimal=','"):
        clv.read_orders(path)


@pytest.mark.parametrize("stamp", ["05/01/2024 13:00", "2024-02-30 10:00:00 +0000", "yesterday"])
def test_dates_are_read_strictly(export: Any, stamp: str) -> None:
    with pytest.raises(clv.DataError, match="Row 1 below the header"):
        export(shopify_order("#1", "a@x.com", "1.00", **{"Created at": stamp}))
    row = shopify_order("#1", "a@x.com", "1.00", **{"Created at": "05/01/2024 13:00"})
    assert str(told(export(row, date_format="%d/%m/%Y %H:%M"), "date")[0][0]) == "2024-01-05"


def test_hashed_ids(export: Any) -> None:
    import hashlib
    import hmac

    rows = [
        shopify_order("#1", "Ann@example.com ", "1.00"),
        shopify_order("#2", "ann@example.com", "2.00"),
        shopify_order("#3", "", "4.00", Phone="+491701234567"),
    ]
    orders = export(*rows, hash_emails=KEY)
    digest = hmac.new(KEY.encode(), b"email:ann@example.com", hashlib.sha256).hexdigest()
    ids = orders.frame["customer_id"].to_list()
    assert ids[:2] == [digest[:32]] * 2
    assert ids == export(*rows, hash_emails=KEY.encode()).frame["customer_id"].to_list()
    assert ids != export(*rows, hash_emails=True).frame["customer_id"].to_list()
    assert not any(
        "ann" in str(cell).lower() or "1701" in str(cell)
        for row in orders.frame.rows()
        for cell in row
    )
    assert set(orders.frame.columns) <= {
        *("customer_id", "date", "amount", "order_id", "currency", "kind"),
        *("channel", "country", "discount_code"),
    }
    with pytest.raises(clv.ParameterError, match="at least 16 bytes"):
        export(*rows, hash_emails="short")


def test_arithmetic_of_a_large_export(tmp_path: Path) -> None:
    """Sums and reasons of a random export, by the csv module and decimals."""
    path = tmp_path / "orders_export.csv"
    write(path, SHOPIFY, _random_rows(random.Random(7), 400))
    wanted = _by_hand(path)
    with pytest.warns(clv.DataWarning, match="no customer"):
        orders = clv.read_orders(path, currency="each")
    assert orders.balances
    for (code, what), numbers in wanted.items():
        lines = orders.account.query("currency == @code and what == @what")
        found = lines[["rows", "orders", "amount", "refunds"]].iloc[0].tolist()
        assert found == pytest.approx([float(n) for n in numbers], abs=1e-6), (code, what)
    assert len(orders.account) == len(wanted)
    frame = orders.frame.group_by("currency", "kind").agg(pl.col("amount").sum(), pl.len())
    for code, kind, amount, count in frame.rows():
        _, held, paid, back = wanted[code, "orders"]
        assert amount == pytest.approx(float(paid if kind == "order" else back), abs=1e-6)
        if kind == "order":
            assert count == held


def _random_rows(chance: random.Random, orders: int) -> list[dict[str, str]]:
    rows = []
    for i in range(orders):
        total = Decimal(chance.randrange(100, 2_000_000)) / 100
        status = chance.choice(["paid"] * 6 + ["refunded", "partially_refunded", "pending"])
        back = total if status == "refunded" else Decimal(0)
        if status == "partially_refunded":
            back = (total * Decimal(chance.randrange(1, 99)) / 100).quantize(Decimal("0.01"))
        rows += shopify_order(
            f"#{1000 + i}",
            chance.choice(["", *(f"c{n}@example.com" for n in range(60))]),
            f"{total:,.2f}",
            lines=chance.randrange(1, 6),
            Id=str(10_000 + i),
            Currency=chance.choice(["USD", "USD", "EUR", "JPY"]),
            **{
                "Financial Status": status,
                "Refunded Amount": f"{back:.2f}",
                "Cancelled at": chance.choice([""] * 9 + ["2024-02-01 00:00:00 +0000"]),
                "Payment Method": chance.choice(["Shopify Payments"] * 9 + ["bogus"]),
            },
        )
    return rows


def _by_hand(path: Path) -> dict[tuple[str, str], list[Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    items: dict[str, int] = defaultdict(int)
    for row in rows:
        items[row["Name"]] += 1
    account: dict[tuple[str, str], list[Any]] = defaultdict(lambda: [0, 0, Decimal(0), Decimal(0)])
    for row in rows:
        if not row["Total"]:
            continue
        if row["Payment Method"] == "bogus":
            what = "- test"
        elif row["Cancelled at"]:
            what = "- cancelled"
        elif row["Financial Status"] == "pending":
            what = "- not paid"
        else:
            what = "orders" if row["Email"] else "- no customer"
        numbers = [
            items[row["Name"]],
            1,
            Decimal(row["Total"].replace(",", "")),
            -Decimal(row["Refunded Amount"]),
        ]
        for key, sign in (("export", 1), (what, 1 if what == "orders" else -1)):
            line = account[row["Currency"], key]
            for i, number in enumerate(numbers):
                line[i] += sign * number
    return account


def test_refunded_without_an_amount_is_told(tmp_path: Path) -> None:
    rows = shopify_order("#1", "a@x.com", "10.00", **{"Financial Status": "refunded"})
    orders = clv.read_orders(write(tmp_path / "orders.csv", SHOPIFY, rows))
    assert orders.frame["amount"].to_list() == [10.0]
    assert any(
        "1 with the status refunded have no Refunded Amount" in each for each in orders.notes
    )
