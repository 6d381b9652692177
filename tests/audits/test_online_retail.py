"""Every number of an audit of a real log, reconciled with plain SQL: in Python and in the shell."""

from __future__ import annotations

import csv
import json
import math
from typing import Any

import duckdb
import pytest

import clvmodels as clv
from clvmodels.cli import main

COLUMNS = {"customer": "Customer ID", "date": "InvoiceDate", "amount": ("Quantity", "Price")}
# Sums of half a million amounts in another order: sqrt(n) roundings of 1e-16, and a margin.
REL = 1e-9
CENT = 0.005  # below it, what is left of an order after returns is rounding

# A return is taken off the customer's latest earlier orders: a running minimum from the end.
PREPARED = f"""
create table rows as
  select "Customer ID" as who, InvoiceDate[:10]::date as day, Quantity * Price as amount,
         Invoice as invoice, Country as country
  from log;
create table days as
  select who, day, sum(greatest(amount, 0)) as paid, -sum(least(amount, 0)) as back,
         count(*) filter (amount >= 0) as lines
  from rows group by all;
create table stack as
  with running as (
    select *, sum(paid - back) over (partition by who order by day) as total from days
  ), lowest as (
    select *, least(min(total) over (partition by who order by day), 0) as low from running
  ), heights as (select *, total - low as height from lowest)
  select who, day, lines, paid,
         min(height) over (partition by who order by day rows between current row and unbounded
                           following)
         - coalesce(lag(height) over (partition by who order by day), 0) as left_over
  from heights;
create table orders as
  select who, day, case when left_over < {CENT} then 0 else left_over end as value,
         row_number() over (partition by who order by day) as nth
  from stack where lines > 0 and (left_over >= {CENT} or paid = 0);
create table usual as
  select who, country from (
    select who, country, count(*) as n from rows group by all
  ) qualify row_number() over (partition by who order by n desc, country) = 1;
create table people as
  with bought as (
    select who, count(*) as orders, min(day) as first, max(day) as last, sum(value) as total,
           sum(value) filter (nth = 1) as initial, min(day) filter (nth = 2) as second,
           sum(value) filter (day > date '2010-12-09' - 365) as recent
    from orders group by who
  ), gone as (
    select who, sum(greatest(amount, 0)) as gross, -sum(least(amount, 0)) as back,
           count(*) filter (amount >= 0) as lines, count(*) filter (amount < 0) as back_lines,
           count(distinct case when amount >= 0 then invoice end) as invoices
    from rows group by who
  )
  select gone.*, bought.* exclude who, country, year(first) || ' Q' || quarter(first) as cohort,
         coalesce(second, date '2010-12-09') - first as wait, second is not null as came
  from gone left join bought using (who) join usual using (who);
"""

MEASURES = """
with own as (select *, {key} as key from people),
ranked as (
  select key, total, row_number() over (partition by key order by total) as i,
         count(*) over (partition by key) as n, sum(total) over (partition by key) as all_of_it
  from own where orders is not null
),
shares as (
  select key, 2 * sum(i * total) / (any_value(n) * any_value(all_of_it))
                - (any_value(n) + 1) / any_value(n) as gini,
         sum(total * least(greatest(0.01 * n - n + i, 0), 1)) / any_value(all_of_it) as top_1_share,
         sum(total * least(greatest(0.1 * n - n + i, 0), 1)) / any_value(all_of_it) as top_10_share,
         sum(total * least(greatest(0.2 * n - n + i, 0), 1)) / any_value(all_of_it) as top_20_share,
         median(total) as historical_value_median
  from ranked group by key
),
bought as (
  select distinct {key} as key, who,
         year(day) * 4 + quarter(day) as at, year(first) * 4 + quarter(first) as began
  from orders join people using (who)
),
pairs as (
  select a.key, count(b.who) / count(*) as retention_rate
  from bought a left join bought b on a.who = b.who and b.at = a.at + 1
  where a.at < 2010 * 4 + 3 group by a.key
),
existing as (
  select {key} as key, sum(value) filter (year(day) * 4 + quarter(day)
                                          > year(first) * 4 + quarter(first)) / sum(value)
         as existing_revenue_share
  from orders join people using (who) group by all
)
select key, count(orders) as customers, sum(own.orders) as orders, sum(lines) as lines,
       sum(invoices) as invoices, sum(back_lines) as return_lines, sum(gross) as gross_revenue,
       sum(back) as returns, sum(gross) - sum(back) as net_revenue,
       sum(total) - sum(gross) + sum(back) as unmatched_returns, sum(total) as revenue,
       sum(total) / sum(orders) as average_order_value,
       sum(gross) / sum(invoices) as average_invoice_value,
       sum(orders) / count(orders) as purchase_frequency,
       sum(date '2010-12-09' - first) / 365.25 as customer_years,
       sum(orders) / sum(date '2010-12-09' - first) * 365.25 as orders_per_year,
       sum(orders - 1) / sum(date '2010-12-09' - first) * 365.25 as repeat_orders_per_year,
       count(*) filter (orders > 1) / count(orders) as repeat_rate,
       sum(back) / sum(gross) as returns_rate,
       sum(back_lines) / (sum(lines) + sum(back_lines)) as returns_rate_rows,
       any_value(gini) as gini, any_value(top_1_share) as top_1_share,
       any_value(top_10_share) as top_10_share, any_value(top_20_share) as top_20_share,
       1 - sum(initial) / sum(total) as repeat_revenue_share,
       sum(total) - sum(initial) as repeat_revenue,
       (sum(total) - sum(initial)) / sum(orders - 1) as average_repeat_order_value,
       sum(initial) / count(orders) as average_first_order_value,
       coalesce(any_value(existing_revenue_share), 0) as existing_revenue_share,
       sum(total) / count(orders) as historical_value,
       any_value(historical_value_median) as historical_value_median,
       count(recent) as active_customers,
       sum(recent) / count(recent) as revenue_per_active_customer,
       any_value(retention_rate) as retention_rate,
       sum(last - first) / 365.25 / count(orders) as lifespan_observed
from own left join shares using (key) left join pairs using (key) left join existing using (key)
group by key order by key
"""


@pytest.fixture(scope="module")
def sql(online_retail: Any) -> Any:
    """Return a connection with orders, people and rows, made without this library."""
    connection = duckdb.connect()
    connection.execute("set threads = 1")
    connection.register("log", online_retail.to_arrow())
    connection.execute(PREPARED)
    return connection


@pytest.fixture(scope="module")
def found(online_retail: Any) -> Any:
    return clv.audit(online_retail, **COLUMNS, order="Invoice", by="Country")


def told_by(sql: Any, key: str) -> dict[str, dict[str, float]]:
    """Return the measures of each group by SQL."""
    query = sql.execute(MEASURES.format(key=key))
    names = [each[0] for each in query.description]
    return {row[0]: dict(zip(names[1:], row[1:], strict=True)) for row in query.fetchall()}


def assert_alike(ours: dict[str, Any], theirs: dict[str, Any], where: str) -> None:
    """Compare all that SQL says; what SQL divides by nothing is missing here."""
    for name, value in theirs.items():
        if name in ("gini", "unmatched_returns", "repeat_revenue_share", "repeat_revenue"):
            close = pytest.approx(value, rel=REL, abs=1e-6)  # differences of large numbers
        else:
            close = pytest.approx(math.nan if value is None else value, rel=REL, nan_ok=True)
        assert ours[name] == close, (where, name)


def test_all_customers(found, sql):
    ((key, theirs),) = told_by(sql, "'all'").items()
    assert_alike(found.totals.to_dict("records")[0], theirs, key)
    assert found.totals["customers"][0] == 4286
    assert found.totals["revenue"][0] == pytest.approx(8_459_715.36, abs=CENT)


@pytest.mark.parametrize(("table", "key"), [("overview", "Country"), ("cohorts", "cohort")])
def test_segments_and_cohorts(found, sql, table, key):
    theirs = told_by(sql, key.lower())
    theirs.pop(None, None)  # people without an order left are in no cohort
    ours = {row[key]: row for row in getattr(found, table).to_dict("records")}
    assert ours.keys() == theirs.keys()
    for name, row in theirs.items():
        assert_alike(ours[name], row, name)


def test_segments_add_up(found):
    for name in ("customers", "orders", "invoices", "lines", "gross_revenue", "returns", "revenue"):
        assert found.overview[name].sum() == pytest.approx(found.totals[name][0], rel=REL)


def test_second_orders(found, sql):
    query = """
    with steps as (
      select wait, sum(came::int) as events,
             sum(count(*)) over (order by wait desc) as watched
      from people where orders is not null group by wait
    )
    select {days}, 1 - exp(sum(ln(1 - events / watched))) from steps where wait <= {days}
    """
    ours = found.conversion[found.conversion["scope"] == "all"].set_index("days")["converted"]
    for days in (7, 30, 90, 180, 270):
        share = sql.execute(query.format(days=days)).fetchone()[1]
        assert ours[days] == pytest.approx(share, rel=REL)
    day = int(found.totals["median_days_to_second_order"][0])
    before, after = (sql.execute(query.format(days=each)).fetchone()[1] for each in (day - 1, day))
    assert before < 0.5 <= after
    watched = sql.execute(
        "select count(*) from people where wait >= 90 and orders is not null"
    ).fetchone()[0]
    rows = found.conversion.query("scope == 'all' and days == 90")
    assert rows["watched"].item() == watched


def test_periods(found, sql):
    theirs = sql.execute(
        """
        with own as (
          select orders.*, year(day) || ' Q' || quarter(day) as period,
                 year(first) || ' Q' || quarter(first) = year(day) || ' Q' || quarter(day) as new
          from orders join people using (who)
        )
        select period, count(distinct who), count(distinct case when new then who end), count(*),
               sum(value), sum(case when new then value else 0 end)
        from own group by period order by period
        """
    ).fetchall()
    names = ["period", "customers", "new_customers", "orders", "revenue", "revenue_new"]
    ours = found.periods[found.periods["scope"] == "all"]
    assert [tuple(row) for row in ours[names[:4]].to_numpy()] == [row[:4] for row in theirs]
    for name, i in (("revenue", 4), ("revenue_new", 5)):
        assert ours[name].tolist() == pytest.approx([row[i] for row in theirs], rel=REL)
    assert (ours["revenue_new"] + ours["revenue_existing"]).tolist() == pytest.approx(
        ours["revenue"].tolist()
    )
    assert ours["complete"].tolist() == [True] * 4 + [False]


def test_retention_of_cohorts(found, sql):
    theirs = sql.execute(
        """
        with bought as (
          select distinct who, cohort, country, year(day) || ' Q' || quarter(day) as period,
                 year(day) * 4 + quarter(day) as at
          from orders join people using (who)
        )
        select a.cohort, a.period, count(distinct a.who) / any_value(c.n) as retention,
               count(distinct b.who) / count(distinct a.who) as kept
        from bought a left join bought b on a.who = b.who and b.at = a.at + 1
        join (select cohort, count(*) as n from people group by cohort) c on c.cohort = a.cohort
        group by a.cohort, a.period, a.at order by a.cohort, a.at
        """
    ).fetchall()
    ours = found.retention[found.retention["scope"] == "all"]
    assert ours[["cohort", "period"]].to_numpy().tolist() == [list(row[:2]) for row in theirs]
    assert ours["retention"].tolist() == pytest.approx([row[2] for row in theirs], rel=REL)
    told = ours["kept"].notna().to_numpy()
    assert told.sum() == 6  # 2009 Q4 to 2010 Q2 of the cohorts there were: Q4 of 2010 has not ended
    kept = [row[3] for row, known in zip(theirs, told, strict=True) if known]
    assert ours["kept"][told].tolist() == pytest.approx(kept, rel=REL)


def test_tenths(found, sql):
    theirs = sql.execute(
        """
        with ranked as (
          select total, row_number() over (order by total desc) as place,
                 count(*) over () as n
          from people where orders is not null
        )
        select sum(total * least(greatest(n * 0.1 - place + 1, 0), 1)) / sum(total),
               sum(total * least(greatest(n * 0.5 - place + 1, 0), 1)) / sum(total)
        from ranked
        """
    ).fetchone()
    ours = found.concentration[found.concentration["scope"] == "all"]["revenue_share"].tolist()
    assert (ours[0], ours[4]) == pytest.approx(theirs, rel=REL)
    assert ours[-1] == pytest.approx(1.0)


def test_command_line_says_the_same(sql, online_retail, tmp_path, capsys):
    """By country and quarterly cohort: the JSON and the file hold what SQL says."""
    source, out = tmp_path / "log.parquet", tmp_path / "audit.csv"
    online_retail.drop("StockCode", "Description").write_parquet(source)
    arguments = ["audit", source, "--by", "Country", "--order", "Invoice", "--no-value"]
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments), "--out", str(out), "--json", "--quiet"])
    assert ended.value.code == 0
    document = json.loads(capsys.readouterr().out)
    for table, key in (("overview", "Country"), ("cohorts", "cohort")):
        theirs = told_by(sql, key.lower())
        for row in document[table]:
            own = {k: math.nan if v is None else v for k, v in row.items() if k != "scope"}
            assert_alike(own, theirs[row[key]], row[key])
    with out.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    written = {
        row["Country"]: float(row["number"])
        for row in rows
        if row["measure"] == "revenue" and row["scope"] == "segment"
    }
    theirs = told_by(sql, "country")
    assert written == pytest.approx({k: v["revenue"] for k, v in theirs.items()}, rel=REL)
    assert {row["meaning"] for row in rows} == set(document["definitions"].values())
