"""What was observed: against plain SQL on Online Retail and CDNOW."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv

RETAIL = {"customer": "Customer ID", "date": "InvoiceDate", "amount": ("Quantity", "Price")}
CDNOW = {"customer": "customer_id", "date": "date", "amount": "amount"}
ROUNDING = 1e-9

# Occasions are (who, day, value); periods are calendar quarters or months.
BY_AGE = """
with dated as (
    select *, date_diff('{period}', date '1970-01-01', day) as place from occasions
), firsts as (
    select who, min(place) as born from dated group by who
), sizes as (
    select {label} born, count(*) as n from firsts {labels} group by all
), sums as (
    select {label} born, place - born as age, count(distinct who) as active, sum(value) as paid
    from dated join firsts using (who) {labels} group by all
)
select {label} born, n, age, active / n as retention, paid / n as value
from sums join sizes using ({label} born) where born + age <= {last} order by all
"""


def by_sql(occasions: pl.DataFrame, period: str, last: int, labels: Any = None) -> pd.DataFrame:
    with duckdb.connect() as connection:
        connection.register("occasions", occasions.to_arrow())
        label = join = ""
        if labels is not None:
            connection.register("labels", labels.to_arrow())
            label, join = "label,", "join labels using (who)"
        query = BY_AGE.format(period=period, label=label, labels=join, last=last)
        return connection.execute(query).df()


def months(year: int, month: int) -> int:
    return 12 * (year - 1970) + month - 1


def assert_same(found: clv.CohortAnalysis, wanted: pd.DataFrame, period: str) -> None:
    """Compare rows that were observed with those of SQL, where a zero has no row."""
    table = found.table[found.table["kind"] == "observed"]
    starts = pd.PeriodIndex(table["cohort"].str.replace(" ", ""), freq=period[0].upper())
    assert starts.min().ordinal == wanted["born"].min()
    key = ["born", "age"] + (["label"] if "label" in wanted else [])
    ours = table.assign(born=[each.ordinal for each in starts])
    if "label" in wanted:
        ours = ours.assign(label=ours[found.by[0]].astype(str))
    both = ours.merge(wanted, on=key, how="outer", suffixes=("", "_sql"))
    assert both["cohort"].notna().all()
    none = both["n"].isna()
    assert (both.loc[none, "active"] == 0.0).all()
    both = both[~none]
    assert (both["customers"] == both["n"]).all()
    pd.testing.assert_series_equal(
        both["active"], both["retention"], check_names=False, rtol=ROUNDING
    )
    pd.testing.assert_series_equal(both["value"], both["value_sql"], check_names=False, rtol=1e-9)
    assert len(both) == len(wanted)


def stacked(rows: pl.DataFrame) -> pl.DataFrame:
    """Take refunds off the latest occasions of a customer, by plain loops."""
    days: dict[Any, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for who, stamp, value in rows.rows():
        days[who][stamp[:10]].append(value)
    kept = []
    for who, own in days.items():
        stack: list[list[Any]] = []
        for day in sorted(own):
            refund = -sum(value for value in own[day] if value < 0.0)
            paid = sum(value for value in own[day] if value >= 0.0)
            if any(value >= 0.0 for value in own[day]):
                stack.append([day, paid, paid])
            for occasion in reversed(stack):
                taken = min(occasion[1], refund)
                occasion[1], refund = occasion[1] - taken, refund - taken
        kept += [(who, d, left) for d, left, paid in stack if left > 1e-9 or paid == 0.0]
    frame = pl.DataFrame(kept, schema=["who", "day", "value"], orient="row")
    return frame.with_columns(pl.col("day").str.to_date())


@pytest.fixture(scope="module")
def occasions(online_retail: pl.DataFrame) -> pl.DataFrame:
    value = (pl.col("Quantity") * pl.col("Price")).alias("value")
    return stacked(online_retail.select("Customer ID", "InvoiceDate", value))


def test_online_retail_by_quarter(online_retail, occasions):
    found = clv.cohorts(online_retail, **RETAIL)
    assert_same(found, by_sql(occasions, "quarter", months(2010, 9) // 3), "quarter")
    so_far = found.grid("value").cumsum(axis=1)
    pd.testing.assert_frame_equal(found.grid("cumulative_value"), so_far, rtol=ROUNDING)
    partial = found.table[found.table["kind"] == "partial"]
    assert set(partial["period"]) == {"2010 Q4"}
    assert len(partial) == 5


@pytest.mark.slow
def test_online_retail_by_country(online_retail, occasions):
    """The country of most rows, of several the first in the alphabet."""
    labels = duckdb.sql(
        """
        with counted as (
            select "Customer ID" as who, Country as label, count(*) as n
            from online_retail group by all
        )
        select who, label from counted
        qualify row_number() over (partition by who order by n desc, label) = 1
        """
    ).pl()
    found = clv.cohorts(online_retail, **RETAIL, by="Country")
    wanted = by_sql(occasions, "quarter", months(2010, 9) // 3, labels)
    assert_same(found, wanted, "quarter")
    whole = clv.cohorts(online_retail, **RETAIL)
    rows = found.table[found.table["kind"] == "observed"]
    rows = rows.assign(sum=rows["value"] * rows["customers"])
    sums = rows.groupby(["cohort", "age"])["sum"].sum()
    own = whole.table[whole.table["kind"] == "observed"].set_index(["cohort", "age"])
    pd.testing.assert_series_equal(
        sums, own["value"] * own["customers"], check_names=False, rtol=ROUNDING
    )


def test_cdnow_by_month(cdnow_sample_orders):
    rows = pl.from_pandas(cdnow_sample_orders)
    occasions = rows.group_by("customer_id", "date").agg(pl.col("amount").sum())
    occasions = occasions.rename({"customer_id": "who", "date": "day", "amount": "value"})
    occasions = occasions.with_columns(pl.col("day").str.to_date())
    found = clv.cohorts(cdnow_sample_orders, **CDNOW, cohort="month")
    assert_same(found, by_sql(occasions, "month", months(1998, 6)), "month")
    assert set(found.table["kind"]) == {"observed"}


def test_variance_between_customers(cdnow_sample_orders):
    """The interval of a cohort that was observed is Student's, of the values of its customers."""
    from scipy import stats

    found = clv.cohorts(cdnow_sample_orders, **CDNOW, cohort="month", common_age=4)
    rows = cdnow_sample_orders.assign(month=lambda each: each["date"].str[:7])
    first = rows.groupby("customer_id")["month"].transform("min")
    for row in found.comparison.itertuples():
        last = str(pd.Period(row.cohort, "M") + 4)
        own = rows[(first == row.cohort) & (rows["month"] <= last)]
        values = own.groupby("customer_id")["amount"].sum()
        half = stats.t.ppf(0.95, len(values) - 1) * stats.sem(values)
        assert row.value == pytest.approx(values.mean(), rel=ROUNDING)
        assert (row.lower, row.upper) == pytest.approx(
            (values.mean() - half, values.mean() + half), rel=1e-8
        )
