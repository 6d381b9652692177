"""Invoice lines: the Online Retail log beside plain SQL, and beside the log as it is."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest

import clvmodels as clv
from tests.conftest import shared_file
from tests.exports.files import UCI, write

CENT = 0.005
SAME = 1e-9  # the same sums in another order

# Not one line of the library: an invoice's lines by sign, and who has no customer.
BY_SQL = """
select
    "Customer ID" is null as nobody,
    count(*) as rows,
    sum(greatest(Quantity * Price, 0)) as amount,
    sum(least(Quantity * Price, 0)) as refunds
from log group by nobody order by nobody
"""
INVOICES = """
select cast(cast("Customer ID" as bigint) as varchar) as customer_id, Invoice as order_id,
    cast(min(InvoiceDate) as date) as date,
    sum(Quantity * Price) filter (Quantity * Price >= 0) as amount
from log where "Customer ID" is not null group by all having amount is not null
"""


@pytest.fixture(scope="module")
def log() -> pl.DataFrame:
    return pl.read_parquet(shared_file("data/online_retail_2009_2010.parquet"))


@pytest.fixture(scope="module")
def orders(log: pl.DataFrame) -> clv.ShopOrders:
    with pytest.warns(clv.DataWarning, match="no customer, 107,927 rows"):
        return clv.read_orders(log)


def test_account_by_plain_sql(log: pl.DataFrame, orders: clv.ShopOrders) -> None:
    (_, rows, amount, refunds), (_, lost, unknown, back) = duckdb.sql(BY_SQL).fetchall()
    assert log.height == rows + lost == orders.rows_read
    account = orders.account.set_index("what")
    for what, numbers in {
        "export": (rows + lost, amount + unknown, refunds + back),
        "- no customer": (-lost, -unknown, -back),
        "orders": (rows, amount, refunds),
    }.items():
        found = account.loc[what, ["rows", "amount", "refunds"]].tolist()
        assert found == pytest.approx(numbers, abs=CENT)
    assert orders.balances
    held = orders.frame.group_by("kind").agg(pl.col("amount").sum()).sort("kind")["amount"]
    assert held.to_list() == pytest.approx([amount, refunds], abs=CENT)


def test_invoices_by_plain_sql(log: pl.DataFrame, orders: clv.ShopOrders) -> None:
    assert len(log)
    wanted = duckdb.sql(INVOICES).pl().sort("order_id")
    found = orders.frame.filter(pl.col("kind") == "order").sort("order_id")
    for column in ("customer_id", "order_id", "date"):
        assert found[column].to_list() == wanted[column].to_list()
    assert found["amount"].to_list() == pytest.approx(wanted["amount"].to_list(), rel=SAME)


def test_the_same_summary_as_of_the_lines(orders: clv.ShopOrders, log: pl.DataFrame) -> None:
    lines = log.filter(pl.col("Customer ID").is_not_null())
    direct = clv.rfm_summary(
        lines,
        customer="Customer ID",
        date="InvoiceDate",
        amount=("Quantity", "Price"),
        unit="week",
        observed_until="2010-12-09",
    )
    through = clv.rfm_summary(
        orders.frame, **orders.columns, unit="week", observed_until="2010-12-09"
    )
    own = through.frame.with_columns(pl.col("customer_id").cast(pl.Int64)).sort("customer_id")
    other = direct.frame.with_columns(pl.col("Customer ID").cast(pl.Int64)).sort("Customer ID")
    assert own["customer_id"].to_list() == other["Customer ID"].to_list()
    for column in ("frequency", "recency", "T"):
        assert own[column].to_list() == other[column].to_list()
    spend = own["monetary_value"].fill_null(-1.0).to_list()
    assert spend == pytest.approx(other["monetary_value"].fill_null(-1.0).to_list(), rel=1e-6)
    assert through.ledger.balances


def test_names_of_both_editions_and_cancellations(tmp_path: Path) -> None:
    def line(invoice: str, quantity: str, price: str, **more: str) -> dict[str, str]:
        row = {"Invoice": invoice, "Quantity": quantity, "Price": price}
        return row | {"InvoiceDate": "2010-12-01 08:26:00", "Customer ID": "17850.0"} | more

    rows = [
        line("0536365", "6", "2.55"),
        line("0536365", "2", "3.39", InvoiceDate="2010-12-01 08:27:00"),
        line("C536379", "-1", "2.55", InvoiceDate="2010-12-09 09:41:00"),
        line("C536380", "1", "0.01"),
        line("536381", "1", "1.00", **{"Customer ID": "Ann@X.com"}),
    ]
    first = clv.read_orders(write(tmp_path / "two.csv", UCI, rows))
    assert first.frame.select("customer_id", "order_id", "amount", "kind").rows() == [
        ("17850", "0536365", pytest.approx(22.08), "order"),
        ("ann@x.com", "536381", 1.0, "order"),
        ("17850", "C536380", 0.01, "order"),
        ("17850", "C536379", -2.55, "refund"),
    ]
    assert first.notes[0].startswith("1 line of an invoice that begins with C")
    names = {"Invoice": "InvoiceNo", "Price": "UnitPrice", "Customer ID": "CustomerID"}
    header = [names.get(name, name) for name in UCI]
    renamed = [{names.get(name, name): cell for name, cell in row.items()} for row in rows]
    second = clv.read_orders(write(tmp_path / "one.csv", header, renamed))
    assert second.frame.equals(first.frame)
    hashed = clv.read_orders(tmp_path / "one.csv", hash_emails="0123456789abcdef").frame
    assert sorted({len(each) for each in hashed["customer_id"]}) == [5, 32]


def test_months_that_overlap_by_an_invoice(tmp_path: Path) -> None:
    def line(invoice: str, price: str) -> dict[str, str]:
        row = {"Invoice": invoice, "Quantity": "1", "Price": price, "Customer ID": "1"}
        return row | {"InvoiceDate": "2010-12-01 08:26:00"}

    # The same line twice in one invoice is two lines.
    write(tmp_path / "a.csv", UCI, [line("1", "5.00"), line("1", "5.00"), line("2", "7.00")])
    write(tmp_path / "b.csv", UCI, [line("2", "7.00"), line("3", "9.00")])
    orders = clv.read_orders(tmp_path / "*.csv")
    assert orders.frame["amount"].to_list() == [10.0, 7.0, 9.0]
    assert orders.balances
    write(tmp_path / "c.csv", UCI, [line("3", "9.00"), line("3", "1.00")])
    with pytest.raises(clv.DataError, match="differ in day, amount or currency: 3"):
        clv.read_orders(tmp_path / "*.csv")


def test_an_invoice_that_is_split_between_files_is_never_half_read(tmp_path: Path) -> None:
    def line(quantity: str) -> dict[str, str]:
        row = {"Invoice": "100", "Quantity": quantity, "Price": "10.00", "Customer ID": "7"}
        return row | {"InvoiceDate": "2024-01-05 08:26:00"}

    write(tmp_path / "a.csv", UCI, [line("1"), line("-1")])
    write(tmp_path / "b.csv", UCI, [line("3")])
    with pytest.raises(clv.DataError, match="split between files"):
        clv.read_orders(tmp_path / "*.csv")


def test_lines_that_come_back_in_a_later_file_leave_the_invoice(tmp_path: Path) -> None:
    def line(quantity: str, day: str) -> dict[str, str]:
        row = {"Invoice": "100", "Quantity": quantity, "Price": "10.00", "Customer ID": "7"}
        return row | {"InvoiceDate": f"2024-{day} 08:26:00"}

    write(tmp_path / "a.csv", UCI, [line("3", "01-05")])
    write(tmp_path / "b.csv", UCI, [line("-1", "02-05")])
    found = clv.read_orders(tmp_path / "*.csv").frame
    assert found["amount"].to_list() == [30.0, -10.0]
