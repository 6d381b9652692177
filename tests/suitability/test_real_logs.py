"""What is known of public logs is what the findings say of them."""

from __future__ import annotations

from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv
from tests.conftest import shared_file

COLUMNS = {"customer": "customer_id", "date": "date", "amount": "amount"}


def levels(check: clv.SuitabilityCheck, level: str) -> set[str]:
    return {each.topic for each in check.findings if each.level == level}


def test_cdnow_sample(cdnow_sample_orders: Any) -> None:
    """A cohort that was new in 12 weeks of 1997; Fader and Hardie use it as a clean example."""
    check = clv.check(cdnow_sample_orders, **COLUMNS, observed_until="1997-09-30")
    assert check.level == "note"
    assert levels(check, "note") == {"season and trend", "big spenders", "spend and frequency"}
    assert (check.customers, check.repeat_customers) == (2357, 946)
    # Fader, Hardie and Lee (2005) print a correlation of .11 for spend and transactions.
    assert check.finding("spend and frequency").number == pytest.approx(0.11, abs=0.005)


def test_cdnow(cdnow_orders: Any) -> None:
    """The dip after Christmas is in the weekly counts, too."""
    check = clv.check(cdnow_orders, **COLUMNS)
    assert levels(check, "note") == {"season and trend", "spend and frequency"}
    season = check.finding("season and trend")
    assert season.says.startswith("1997-12-17 to 1998-01-13 had 0.72 times")
    ((ratio,),) = duckdb.sql(
        "select sum(cast(day between '1997-12-17' and '1998-01-13' as int)) "
        "/ sqrt(sum(cast(day between '1997-10-22' and '1997-11-18' as int)) "
        "* sum(cast(day between '1998-02-11' and '1998-03-10' as int))) "
        "from (select distinct customer_id, cast(date as date) as day from cdnow_orders)"
    ).fetchall()
    assert season.number == pytest.approx(ratio, rel=1e-9)


def test_apparel() -> None:
    """Simulated by its authors; all start on one day."""
    check = clv.check(pd.read_csv(shared_file("data/apparel_transactions.csv")), **COLUMNS)
    assert check.level == "note"
    assert "within 1 day" in check.finding("customers from before").says
    assert check.finding("regular timing").number == pytest.approx(1.0, abs=0.05)


def test_simulated_with_covariates() -> None:
    """BG/NBD, so that nothing is wrong with it, though customers differ in more than a gamma."""
    log = pd.read_csv(shared_file("data/simulated_bgnbd_transactions.csv"))
    check = clv.check(log, customer="customer_id", date="date")
    assert levels(check, "warning") | levels(check, "problem") == set()


@pytest.mark.filterwarnings("ignore:Left out of:clvmodels.errors.DataWarning")
def test_online_retail() -> None:
    """An old wholesaler: the log starts in the middle of its life, a fifth of rows has no id."""
    log = pl.read_parquet(shared_file("data/online_retail_2009_2010.parquet"))
    check = clv.check(log, customer="Customer ID", date="InvoiceDate", amount=("Quantity", "Price"))
    assert levels(check, "warning") == {
        *("rows left out", "customers from before", "cohort drift", "regular timing"),
        "spend and frequency",
    }
    assert levels(check, "problem") == set()
    lost = log["Customer ID"].is_null().mean()
    assert check.finding("rows left out").number == pytest.approx(lost, rel=1e-9)
    # It was closed over Christmas.
    assert check.finding("gaps in the log").says.startswith("1.57 weeks without a purchase")
    assert check.finding("gaps in the log").level == "note"
    assert check.finding("contractual timing").level == "ok"
    assert check.finding("one-time buyers").level == "ok"
