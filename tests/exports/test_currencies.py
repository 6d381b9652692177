"""Several currencies are refused, chosen, converted or kept apart; never added."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import clvmodels as clv
from tests.exports.files import SHOPIFY, shopify_order, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rows = [
        *shopify_order("#1", "a@x.com", "1,000.00"),
        *shopify_order("#2", "a@x.com", "20.00", Currency="EUR"),
        *shopify_order("#3", "b@x.com", "30.00", Currency="eur", **{"Refunded Amount": "5.00"}),
        *shopify_order("#4", "b@x.com", "5000", Currency="JPY", Tags="test"),
    ]
    return write(tmp_path / "orders.csv", SHOPIFY, rows)


def test_several_are_an_error_with_counts_and_sums(path: Path) -> None:
    with pytest.raises(clv.DataError) as caught:
        clv.read_orders(path)
    text = str(caught.value)
    # Yen are in a test order alone, which is left out anyway.
    assert "EUR 45.00 in 2 orders; USD 1,000.00 in 1 order." in text
    for way in ("currency='EUR'", "rates={'EUR': 1.08, ...}", "currency='each'"):
        assert way in text


def test_one_is_kept_and_the_others_are_in_the_account(path: Path) -> None:
    orders = clv.read_orders(path, currency="usd")
    assert orders.frame["amount"].to_list() == [1000.0]
    assert orders.currency == "USD"
    lines = orders.account.set_index(["currency", "what"])
    assert lines.loc[("EUR", "- another currency")].tolist() == [-2, -2, -50.0, 5.0]
    assert lines.loc[("EUR", "orders")].tolist() == [0, 0, 0.0, 0.0]
    assert lines.loc[("JPY", "- test")].tolist() == [-1, -1, -5000.0, 0.0]
    assert orders.balances
    with pytest.raises(clv.DataError, match=r"None is in 'GBP'. Known: 'EUR', 'USD'"):
        clv.read_orders(path, currency="GBP")


def test_converted_by_rates_that_are_given(path: Path) -> None:
    orders = clv.read_orders(path, currency="USD", rates={"eur": 1.1})
    columns = ("order_id", "amount", "currency", "original_amount", "original_currency")
    assert orders.frame.select(columns).rows() == [
        ("#1", 1000.0, "USD", 1000.0, "USD"),
        ("#2", pytest.approx(22.0), "USD", 20.0, "EUR"),
        ("#3", pytest.approx(33.0), "USD", 30.0, "EUR"),
        ("#3", pytest.approx(-5.5), "USD", -5.0, "EUR"),
    ]
    assert orders.rates == {"EUR": 1.1, "USD": 1.0}
    # What is left, converted, is what the account has left, by currency.
    left = orders.account[orders.account["what"] == "orders"]
    wanted = sum(
        (line.amount + line.refunds) * orders.rates.get(line.currency, 0)
        for line in left.itertuples()
    )
    assert orders.frame["amount"].sum() == pytest.approx(wanted, rel=1e-12)
    with pytest.raises(clv.DataError, match="none for EUR"):
        clv.read_orders(path, currency="USD", rates={"GBP": 1.3})
    for wrong in (0.0, -1.0, float("nan"), "1.1"):
        bad: Any = {"EUR": wrong}
        with pytest.raises(clv.ParameterError, match="above zero"):
            clv.read_orders(path, currency="USD", rates=bad)
    with pytest.raises(clv.ParameterError, match="the one `currency`"):
        clv.read_orders(path, rates={"EUR": 1.1})


def test_each_by_itself(path: Path) -> None:
    orders = clv.read_orders(path, currency="each")
    assert orders.currency is None
    with pytest.raises(clv.DataError, match=r"by_currency\(\)\['EUR'\]"):
        _ = orders.columns
    parts = orders.by_currency()
    assert {code: part.frame["amount"].sum() for code, part in parts.items()} == {
        "EUR": 45.0,
        "USD": 1000.0,
    }
    for code, part in parts.items():
        assert part.balances
        assert part.currency == code
        assert part.columns == {"customer": "customer_id", "date": "date", "amount": "amount"}
        rfm = clv.rfm_summary(part.frame, **part.columns, unit="week")
        assert rfm.ledger.entries[-1].amount == part.frame["amount"].sum()


def test_an_order_without_a_currency_is_not_taken_for_another(tmp_path: Path) -> None:
    rows = [
        *shopify_order("#1", "a@x.com", "1.00"),
        *shopify_order("#2", "a@x.com", "2.00", Currency=""),
    ]
    path = write(tmp_path / "orders.csv", SHOPIFY, rows)
    with pytest.raises(clv.DataError, match=r"USD 1.00 in 1 order; none given 2.00 in 1 order"):
        clv.read_orders(path)
    orders = clv.read_orders(path, currency="USD")
    assert orders.frame["order_id"].to_list() == ["#1"]
    assert orders.balances


def test_what_is_shown(path: Path) -> None:
    import pickle

    orders = clv.read_orders(path, currency="USD")
    text = str(orders)
    assert text.startswith("shopify: 1 order, 0 refunds")
    assert "- another currency EUR" in text
    assert "balances" in text
    assert max(map(len, text.splitlines())) <= 100
    assert "another currency" in orders._repr_html_()
    again = pickle.loads(pickle.dumps(orders))
    assert again.frame.equals(orders.frame)
    assert isinstance(again.frame, pl.DataFrame)


def test_an_account_that_does_not_balance_says_so(path: Path) -> None:
    from dataclasses import replace

    orders = clv.read_orders(path, currency="USD")
    wrong = orders.account.copy()
    wrong.loc[0, "amount"] += 0.01
    broken = replace(orders, account=wrong)
    assert not broken.balances
    assert "DOES NOT BALANCE: amount in" in str(broken)
