"""Logs that are small, odd or empty of money: what is told, what is missing, and why."""

from __future__ import annotations

import pickle
from typing import Any

import polars as pl
import pytest

import clvmodels as clv
from clvmodels.audits.definitions import MEASURES

COLUMNS = {"customer": "who", "date": "when"}
MONEY = {**COLUMNS, "amount": "paid"}


def log(*rows: tuple[Any, str, float | None], **more: list[Any]) -> pl.DataFrame:
    who, when, paid = (list(each) for each in zip(*rows, strict=True))
    return pl.DataFrame({"who": who, "when": when, "paid": paid, **more}, strict=False)


def test_only_refunds():
    with pytest.raises(clv.DataError, match="at least one purchase"):
        clv.audit(log(("a", "2024-01-01", -5.0), ("b", "2024-01-02", -1.0)), **MONEY)


def test_everything_came_back():
    """Somebody who returned all is no customer, but the money is in gross revenue and returns."""
    rows = log(("a", "2024-01-01", 5.0), ("a", "2024-01-03", -5.0), ("b", "2024-01-02", 8.0))
    found = clv.audit(rows, **MONEY)
    row = found.totals.iloc[0]
    assert (row["customers"], row["orders"], row["revenue"]) == (1, 1, 8.0)
    assert (row["gross_revenue"], row["returns"], row["net_revenue"]) == (13.0, 5.0, 8.0)
    assert row["returns_rate"] == pytest.approx(5 / 13)
    assert found.cohorts["gross_revenue"].tolist() == [8.0]
    assert any("no order left after returns" in note for note in found.notes)


def test_negative_net_revenue():
    """Returns from before the log: shares are of what orders are worth, which is never negative."""
    rows = log(("a", "2024-01-01", -90.0), ("a", "2024-01-03", 5.0), ("b", "2024-01-02", 8.0))
    found = clv.audit(rows, **MONEY)
    row = found.totals.iloc[0]
    assert row["net_revenue"] == -77.0
    assert (row["revenue"], row["unmatched_returns"]) == (13.0, 90.0)
    assert row["top_10_share"] == pytest.approx(0.2 * 8 / 13)
    assert 0.0 <= row["gini"] < 1.0
    assert any("net revenue is -77.00" in note for note in found.notes)


@pytest.mark.parametrize("rule", ["net", "drop"])
def test_money_balances(rule):
    rows = log(
        ("a", "2024-01-01", 20.0), ("a", "2024-01-05", 30.0), ("a", "2024-01-09", -35.0),
        ("b", "2024-01-02", -4.0), ("b", "2024-01-04", 6.0),
    )  # fmt: skip
    row = clv.audit(rows, **MONEY, returns=rule).totals.iloc[0]
    assert row["revenue"] == pytest.approx(row["net_revenue"] + row["unmatched_returns"])
    assert row["revenue"] == {"net": 21.0, "drop": 56.0}[rule]


def test_one_customer_on_a_single_day():
    found = clv.audit(log(("a", "2024-01-01", 5.0), ("a", "2024-01-01", 7.0)), **MONEY)
    row = found.totals.iloc[0]
    assert (row["customers"], row["orders"], row["lines"], row["revenue"]) == (1, 1, 2, 12.0)
    assert (row["repeat_rate"], row["gini"]) == (0.0, 0.0)
    assert row["top_1_share"] == pytest.approx(0.01)  # that part of the one customer
    for name in ("orders_per_year", "second_order_30d", "retention_rate", "textbook_churn"):
        assert row[name] != row[name], name
    assert any("on the last day" in note for note in found.notes)
    assert any("Retention takes two" in note for note in found.notes)
    assert "nan" not in str(found).lower()


def test_without_amounts():
    found = clv.audit(log(("a", "2024-01-01", 1.0), ("a", "2024-05-01", 1.0)), **COLUMNS)
    row = found.totals.iloc[0]
    assert (row["orders"], row["repeat_rate"], row["purchase_frequency"]) == (2, 1.0, 2.0)
    assert not {"revenue", "gini", "returns_rate", "return_lines", "textbook_churn"} & set(
        found.totals
    )
    assert found.concentration is None
    assert len(found.value) == len(found.explained) == 0
    assert "Without amounts" in found.notes[0]
    assert "revenue" not in found.periods


def test_amounts_of_zero():
    found = clv.audit(log(("a", "2024-01-01", 0.0), ("b", "2024-05-01", 0.0)), **MONEY)
    row = found.totals.iloc[0]
    assert (row["customers"], row["orders"], row["revenue"]) == (2, 2, 0.0)
    assert row["gini"] != row["gini"]
    assert row["top_20_share"] != row["top_20_share"]
    assert "Revenue is zero: there are no shares of it." in found.notes


def test_missing_ids_and_dates_are_said():
    rows = log(("a", "2024-01-01", 5.0), (None, "2024-01-02", 7.0), ("a", None, 3.0))
    with pytest.warns(clv.DataWarning, match="no customer id"):
        found = clv.audit(rows, **MONEY)
    assert found.totals["revenue"][0] == 5.0
    assert "1 with no customer id (amount 7.00)" in found.notes[0]
    assert "1 with no date (amount 3.00)" in found.notes[0]


def test_a_missing_segment_is_a_segment():
    rows = log(
        ("a", "2024-01-01", 5.0), ("b", "2024-01-02", 7.0), ("c", "2024-02-01", 9.0),
        shop=["web", None, "web"],
    )  # fmt: skip
    found = clv.audit(rows, **MONEY, by="shop")
    assert found.overview["shop"].tolist() == ["web", None]
    assert found.overview["revenue"].tolist() == [14.0, 7.0]
    assert "(none)" in str(found)
    long = found.table
    nobody = long[(long["scope"] == "segment") & long["shop"].isna()]
    assert nobody.set_index("measure")["number"]["revenue"] == 7.0


def test_a_segment_without_a_customer():
    rows = log(
        ("a", "2024-01-01", 5.0), ("b", "2024-01-02", 7.0), ("b", "2024-01-04", -7.0),
        shop=["web", "phone", "phone"],
    )  # fmt: skip
    found = clv.audit(rows, **MONEY, by="shop").overview.set_index("shop")
    assert found.loc["phone", "customers"] == 0
    assert found.loc["phone", "returns"] == 7.0
    assert found.loc["phone", "historical_value"] != found.loc["phone", "historical_value"]
    median = found.loc["phone", "historical_value_median"]
    assert median != median


def test_several_columns_make_segments():
    rows = log(
        ("a", "2024-01-01", 5.0), ("b", "2024-01-02", 7.0), ("c", "2024-02-01", 9.0),
        shop=["web", "web", "phone"], year=[1, 2, 1],
    )  # fmt: skip
    found = clv.audit(rows, **MONEY, by=["shop", "year"])
    assert found.overview[["shop", "year"]].to_numpy().tolist() == [
        ["phone", 1], ["web", 1], ["web", 2],
    ]  # fmt: skip


def test_orders_are_days_and_invoices_are_numbers():
    """Two invoices on a day are one order; a number on a return is no invoice."""
    rows = log(
        ("a", "2024-01-01", 5.0), ("a", "2024-01-01", 7.0), ("a", "2024-01-01", 1.0),
        ("a", "2024-01-09", -2.0), ("b", "2024-01-02", 3.0), ("b", "2024-01-02", 3.0),
        number=["1", "2", "2", "C2", "7", None],
    )  # fmt: skip
    row = clv.audit(rows, **MONEY, order="number").totals.iloc[0]
    assert (row["orders"], row["invoices"], row["lines"], row["return_lines"]) == (2, 3, 5, 1)
    assert row["average_invoice_value"] == pytest.approx(19 / 3)


def test_a_second_order_takes_time():
    """Young customers do not pull the share down: by hand, after Kaplan and Meier."""
    rows = log(
        ("a", "2024-01-01", 1.0), ("a", "2024-01-11", 1.0),  # after 10 days
        ("b", "2024-01-01", 1.0), ("b", "2024-02-20", 1.0),  # after 50
        ("c", "2024-01-01", 1.0),  # not within 60
        ("d", "2024-02-10", 1.0),  # not within 20
    )  # fmt: skip
    row = clv.audit(rows, **MONEY, observed_until="2024-03-01").totals.iloc[0]
    assert row["second_order_30d"] == pytest.approx(0.25)
    assert row["second_order_60d"] == pytest.approx(1 - 0.75 * 0.5)
    assert row["median_days_to_second_order"] == 50.0
    assert row["second_order_90d"] != row["second_order_90d"]  # nobody was watched for so long


def test_monthly_cohorts_and_grids():
    rows = log(
        ("a", "2024-01-05", 1.0), ("a", "2024-02-11", 1.0), ("a", "2024-02-20", 1.0),
        ("b", "2024-02-01", 1.0), ("b", "2024-03-31", 1.0),
    )  # fmt: skip
    found = clv.audit(rows, **MONEY, cohort="month")
    assert (found.period, found.cohorts["cohort"].tolist()) == ("month", ["2024-01", "2024-02"])
    assert found.totals["retention_rate"][0] == pytest.approx(2 / 3)
    by_month = clv.audit(rows, **MONEY, cohort="month", grid="month")
    assert by_month.totals["orders"][0] == 4
    assert by_month.totals["retention_rate"][0] == pytest.approx(2 / 3)
    by_week = clv.audit(rows, **MONEY, grid="week")
    assert by_week.totals["orders"][0] == 5


def test_nobody_leaves():
    rows = log(*(("a", f"2024-{month:02d}-01", 10.0) for month in range(1, 13)))
    found = clv.audit(rows, **MONEY, observed_until="2024-12-31")
    assert found.totals["retention_rate"][0] == 1.0
    assert found.totals["lifespan_churn"][0] == float("inf")
    assert any("never leave" in note for note in found.notes)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"by": "shopp"}, clv.MissingColumnError),
        ({"order": "numbr"}, clv.MissingColumnError),
        ({"by": "who"}, clv.ParameterError),
        ({"by": ["shop", "shop"]}, clv.DataError),
        ({"cohort": "week"}, clv.ParameterError),
        ({"cohort": "month", "period": "quarter"}, clv.ParameterError),
        ({"margin": 30}, clv.ParameterError),
        ({"horizon": "-1y"}, clv.ParameterError),
        ({"spend": 5.0}, clv.ParameterError),
        ({"customer": None}, clv.DataError),
    ],
)
def test_errors(given, error):
    rows = log(("a", "2024-01-01", 5.0), shop=["web"], number=["1"])
    with pytest.raises(error):
        clv.audit(rows, **{**MONEY, **given})


def test_columns_do_not_go_with_a_summary():
    rfm = clv.rfm_summary(log(("a", "2024-01-01", 5.0)), **MONEY, unit="week")
    with pytest.raises(clv.ParameterError, match="a summary has its own"):
        clv.audit(rfm, customer="who")


def test_a_column_of_segments_may_not_have_the_name_of_a_measure():
    rows = log(("a", "2024-01-01", 5.0), revenue=["web"])
    with pytest.raises(clv.DataError, match="'revenue'"):
        clv.audit(rows, **MONEY, by="revenue")


def test_result_prints_pickles_and_is_harmless():
    rows = log(
        ("a", "2024-01-01", 5.0), ("b", "2024-02-02", 7.0), shop=["<b>web</b>", "phone & co"]
    )
    found = clv.audit(rows, **MONEY, by="shop")
    assert "<b>" not in found._repr_html_()
    assert "&lt;b&gt;web" in found._repr_html_()
    again = pickle.loads(pickle.dumps(found))
    assert str(again) == str(found)
    assert max(map(len, str(found).splitlines())) <= 100
    assert list(found.definitions) == [name for name in MEASURES if name in found.totals]
    assert set(found.table["measure"]) == set(found.definitions)
    assert repr(found).startswith("<Audit: Customer base: 2 customers")
