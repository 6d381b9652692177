"""The ledger: every reason for a loss has its line, and the columns add up on every engine."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pytest

import clvmodels as clv

COLUMNS = {"customer": "who", "date": "when", "amount": "paid"}
NAN, INF = float("nan"), float("inf")


@pytest.fixture(scope="module")
def messy() -> pl.DataFrame:
    """Return a log with a row for every fate, and customers lost for every reason."""
    records = [
        ("a", "2024-01-01", 10.0),
        ("a", "2024-01-01", 2.5),  # merged
        ("a", "2024-01-05", 0.0),
        ("a", "2024-03-01", 100.0),  # after the end
        (None, "2024-01-02", 7.0),
        ("b", None, 3.0),
        ("b", "2024-01-03", 4.0),
        ("b", "2024-01-04", -1.0),
        ("c", "2024-01-03", 6.0),
        ("c", "2024-01-04", -8.0),  # everything returned, and 2 more
        ("d", "2024-01-04", -5.0),  # only a refund
        ("e", "2024-02-02", 9.0),  # only after the end
        ("f", "2024-13-01", 11.0),  # only unreadable
        ("g", "2024-01-08", None),
        ("g", "2024-01-09", INF),
        ("h", "2024-01-31", 1.0),
    ]
    return pl.DataFrame(records, schema=["who", "when", "paid"], orient="row")


def test_every_reason_has_its_line(engine, messy):
    with pytest.warns(clv.DataWarning, match="Left out of 16 rows: 1 with no customer id"):
        summary = clv.rfm_summary(
            engine(messy), **COLUMNS, observed_until="2024-01-31", unit="day", invalid="drop"
        )
    ledger = summary.ledger
    assert ledger.balances, str(ledger)
    lines = {entry.what: (entry.rows, entry.customers, entry.amount) for entry in ledger.entries}
    assert lines == {
        "log": (16, 8, pytest.approx(139.5)),
        "- no customer id": (-1, None, -7.0),
        "- no date": (-1, None, -3.0),
        "- unreadable date": (-1, None, -11.0),
        "- no amount": (-1, None, 0.0),
        "- infinite amount": (-1, None, 0.0),
        "- after observed_until": (-2, None, -109.0),
        "- refunds, taken off purchases": (-3, None, None),
        "- refunds without a purchase": (None, None, 7.0),
        "- customers only refunds": (None, -1, None),
        "- customers only after observed_until": (None, -1, None),
        "- customers only rows left out": (None, -2, None),
        "- customers with every purchase returned": (None, -1, None),
        "- purchases returned in full": (-1, None, None),
        "- merged into one occasion": (-1, None, None),
        "summary (occasions)": (4, 3, pytest.approx(16.5)),
    }
    assert (ledger.first_occasions, ledger.repeat_occasions) == pytest.approx((16.5, 0.0))
    assert ledger.unmatched_refunds == pytest.approx(7.0)


def test_a_loss_that_no_rule_explains_is_refused(engine, log):
    good = ("a", "2024-01-01", 1.0)
    bad = {
        "no customer id": (None, "2024-01-02", 1.0),
        "no date": ("b", None, 1.0),
        "no amount": ("b", "2024-01-02", None),
        "infinite amount": ("b", "2024-01-02", INF),
        "unreadable date": ("b", "2024-02-30", 1.0),
    }
    native = engine(log(good, *bad.values()))
    with pytest.raises(clv.DataError) as caught:
        clv.rfm_summary(native, **COLUMNS, unit="day", strict=True, invalid="drop")
    message = str(caught.value)
    for reason in bad:
        assert f"1 of 6 rows: {reason}" in message
    assert "strict=False" in message
    assert "2024-02-30" in message
    assert "customer b" in message


def test_strict_refuses_refunds_without_a_purchase(engine, log):
    native = engine(log(("a", "2024-01-01", 1.0), ("a", "2024-01-02", -3.5)))
    with pytest.raises(clv.DataError, match=r"Refunds of 2\.50 have none") as caught:
        clv.rfm_summary(native, **COLUMNS, unit="day", strict=True)
    assert isinstance(caught.value, ValueError)


def test_strict_accepts_what_rules_explain(engine, rows, log):
    frame = log(
        ("a", "2024-01-01", 1.0),
        ("a", "2024-01-01", 1.0),
        ("a", "2024-01-03", 4.0),
        ("a", "2024-01-04", -4.0),
        ("a", "2024-02-01", 9.0),
    )
    summary = clv.rfm_summary(
        engine(frame), **COLUMNS, unit="day", strict=True, observed_until="2024-01-31"
    )
    assert rows(summary.frame) == [("a", 0, 0.0, 30.0, None)]


def test_invalid_rows_are_an_error_unless_dropped(frame_engine, rows, log):
    records = [("a", "2024-01-01", 1.0), ("b", "2024-01-02", NAN), ("b", "2024-01-03", -INF)]
    native = frame_engine(log(*records))
    with pytest.raises(clv.DataError, match="1 of 3 rows: no amount") as caught:
        clv.rfm_summary(native, **COLUMNS, unit="day")
    assert "invalid='drop'" in str(caught.value)
    with pytest.warns(clv.DataWarning, match="1 with no amount; 1 with infinite amount"):
        summary = clv.rfm_summary(native, **COLUMNS, unit="day", invalid="drop")
    assert rows(summary.frame) == [("a", 0, 0.0, 0.0, None)]


def test_a_ledger_without_amounts_counts_rows_and_customers(engine, messy):
    with pytest.warns(clv.DataWarning):
        summary = clv.rfm_summary(
            engine(messy), customer="who", date="when", unit="day", invalid="drop"
        )
    ledger = summary.ledger
    assert ledger.balances
    assert ledger.first_occasions is None
    assert ledger.entries[-1].rows == 13 - 1
    assert ledger.entries[-1].amount is None


def test_printing_and_exporting(messy):
    with pytest.warns(clv.DataWarning):
        ledger = clv.rfm_summary(
            messy, **COLUMNS, observed_until="2024-01-31", unit="day", invalid="drop"
        ).ledger
    assert str(ledger).splitlines()[-1] == "balances"
    table = ledger.to_pandas()
    assert isinstance(table, pd.DataFrame)
    assert table.columns.tolist() == ["what", "rows", "customers", "amount"]
    assert table["rows"].iloc[:-1].sum() == table["rows"].iloc[-1]


def test_an_imbalance_is_said_in_words():
    from clvmodels.frames.ledger import LedgerEntry

    entries = (LedgerEntry("log", 5, 2, 10.0), LedgerEntry("summary", 4, 2, 9.0))
    ledger = clv.Ledger(entries, 9.0, 0.0, 0.0)
    assert not ledger.balances
    assert ledger.imbalances() == (
        "rows: 5.00 accounted for, 4.00 held",
        "amount: 10.00 accounted for, 9.00 held",
    )
    assert "DOES NOT BALANCE" in str(ledger)
