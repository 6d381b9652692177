"""Online Retail by country and by when customers came: means as SQL has them, and the command.

Nothing was drawn by lot here, and the comparison has to say so.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

import clvmodels as clv
from clvmodels.cli import main

SAME = 1e-9
COLUMNS = {
    "customer": "Customer ID",
    "date": "InvoiceDate",
    "amount": ("Quantity", "Price"),
    "unit": "week",
    "returns": "drop",  # sums of lines, so that SQL stays plain
}
COUNTRY = {"group": "Country", "control": "United Kingdom", "others": True}
ORDERS = """
create temp table days as
select "Customer ID" as who, InvoiceDate::date as day, sum(Quantity * Price) as paid
from log where Quantity * Price >= 0 group by all;
create temp table firsts as select who, min(day) as first from days group by who;
create temp table countries as
select "Customer ID" as who, min(Country) as country from log
group by who having count(distinct Country) = 1;
"""
FROM_FIRST = """
with own as (
    select who, first, if(country = 'United Kingdom', 'United Kingdom', 'others') as arm
    from firsts join countries using (who) where first <= date '2010-12-09' - 91
)
select arm, count(distinct who), count(*) filter (day > first) / count(distinct who),
       sum(paid) / count(distinct who)
from own join days using (who) where day <= first + 91 group by arm order by arm
"""
FROM_A_DATE = """
with own as (
    select who, if(country = 'United Kingdom', 'United Kingdom', 'others') as arm
    from firsts join countries using (who) where first < date '2010-07-01'
)
select arm, count(distinct who), count(day) / count(distinct who),
       coalesce(sum(paid), 0) / count(distinct who)
from own left join (select * from days where day >= date '2010-07-01') using (who)
group by arm order by arm
"""
BEFORE_AFTER = """
with own as (
    select who, first, if(first < date '2010-06-01', 'before', 'after') as arm from firsts
    where first between date '2010-06-01' - 101 and date '2010-12-09' - 91
)
select arm, count(distinct who), count(*) filter (day > first) / count(distinct who),
       sum(paid) / count(distinct who)
from own join days using (who) where day <= first + 91 group by arm order by arm desc
"""


@pytest.fixture(scope="module")
def sql(online_retail: Any) -> Any:
    connection = duckdb.connect()
    connection.execute("set threads = 1")
    connection.register("log", online_retail.to_arrow())
    connection.execute(ORDERS)
    return connection


@pytest.fixture(scope="module")
def by_country(online_retail: Any) -> clv.GroupComparison:
    return clv.compare_groups(online_retail, **COLUMNS, **COUNTRY, window="13w", horizon="26w")


def _reconciled(found: clv.GroupComparison, rows: list[tuple[Any, ...]]) -> None:
    arms = found.arms[["arm", "customers", "purchases", "value"]]
    for ours, theirs in zip(arms.itertuples(index=False), rows, strict=True):
        assert ours[:2] == theirs[:2]
        assert tuple(ours[2:]) == pytest.approx(theirs[2:], rel=SAME)


def test_countries_from_the_first_purchase(sql: Any, by_country: clv.GroupComparison) -> None:
    _reconciled(by_country, sql.execute(FROM_FIRST).fetchall())
    assert any("equal shares" in each and "no experiment" in each for each in by_country.warnings)
    assert any("in several arms" in each for each in by_country.warnings)


def test_countries_from_a_date(sql: Any, online_retail: Any) -> None:
    found = clv.compare_groups(
        online_retail, **COLUMNS, **COUNTRY, start="2010-07-01", horizon="162d"
    )
    _reconciled(found, sql.execute(FROM_A_DATE).fetchall())
    came = sql.execute(
        "select count(*) from firsts join countries using (who) where first >= date '2010-07-01'"
    ).fetchone()
    assert found.newcomers["customers"].sum() == came[0]


def test_before_and_after(sql: Any, online_retail: Any) -> None:
    found = clv.compare_groups(
        online_retail, **COLUMNS, before="2010-06-01", window="13w", horizon="26w"
    )
    _reconciled(found, sql.execute(BEFORE_AFTER).fetchall())
    assert "Nothing was random" in found.warnings[0]
    early = clv.compare_groups(
        online_retail, **COLUMNS, before="2010-04-01", window="13w", horizon="13w"
    )
    assert any("first customers of the log" in each for each in early.warnings)


def test_the_command_line_says_the_same(
    online_retail: Any,
    by_country: clv.GroupComparison,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source, out = tmp_path / "log.parquet", tmp_path / "differences.csv"
    online_retail.drop("StockCode", "Description").write_parquet(source)
    arguments = ["compare-groups", source, "--group", "Country", "--control", "United Kingdom"]
    arguments += ["--others", "--window", "13w", "--horizon", "26w", "--returns", "drop"]
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments), "--out", str(out), "--json", "--quiet"])
    assert ended.value.code == 0
    document = json.loads(capsys.readouterr().out)
    assert tuple(document["verdicts"]) == by_country.verdicts
    assert tuple(document["dangers"]) == by_country.warnings
    for ours, theirs in zip(document["table"], by_country.table.to_dict("records"), strict=True):
        names = ("arm", "quantity", "method")
        assert [ours.pop(each) for each in names] == [theirs.pop(each) for each in names]
        assert ours == pytest.approx(theirs, rel=SAME)
    with out.open(newline="") as lines:
        written = [float(row["difference"]) for row in csv.DictReader(lines)]
    assert written == pytest.approx(by_country.table["difference"].tolist(), rel=SAME)
