"""The parts for decisions: grids and tables hold the numbers of the library, and of the log."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import clvmodels as clv
from clvmodels.errors import MissingColumnError, ParameterError
from tests.report.conftest import COLUMNS, END, WHOLE, simulated
from tests.report.test_contents import flat, rows

pytestmark = pytest.mark.xdist_group("chromium")

TERMS: dict[str, Any] = {"horizon": "1y", "discount_rate": 0.1}


@pytest.fixture(scope="module")
def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def fits(text: str) -> tuple[Any, Any, Any]:
    """Return customers, and the fits that the page has taken."""
    rfm = clv.rfm_summary(simulated(), **COLUMNS, observed_until=END, unit="week")
    taken = re.search(r"([\w/]+), taken for purchases", text)
    assert taken
    kind = {"BG/NBD": clv.BGNBD, "MBG/NBD": clv.MBGNBD}[taken[1]]
    return rfm, kind.fit(rfm), clv.GammaGamma.fit(rfm)


def pounds(amount: float) -> str:
    return f"{'-' if amount < 0 else ''}£{abs(amount):,.2f}"


def test_retention_is_counted_and_what_is_ahead_is_marked(text: str) -> None:
    """By hand: a month is observed for those whose month of age k is over by the end."""
    month = pl.col("date").dt.year() * 12 + pl.col("date").dt.month() - 1
    log = simulated().with_columns(month=month).unique(["customer_id", "month"])
    log = log.with_columns(first=pl.col("month").min().over("customer_id"))
    counted = log.group_by("first", age=pl.col("month") - pl.col("first")).len()
    active = {(first, age): n for first, age, n in counted.rows()}
    shown = rows(text, "cohorts-retention")
    body = re.search(r'id="cohorts-retention">.*?<tbody>(.*?)</tbody>', text, re.DOTALL)
    assert body
    ahead = [line.count("ahead") for line in body[1].split("</tr>")]
    last = 2024 * 12 + 11
    assert len(shown) == 12
    for row, projected in zip(shown, ahead, strict=False):
        first = int(row[0][:4]) * 12 + int(row[0][5:]) - 1
        size = active[first, 0]
        assert row[1] == str(size)
        known = last - first + 1  # December 2024 is over
        for age, cell in enumerate(row[2 : 2 + known]):
            share = active.get((first, age), 0) / size
            assert abs(float(cell.split("\u202f")[0]) / 100.0 - share) < 0.0051, (row[0], age)
        assert projected == sum(cell != "" for cell in row) - 2 - known == 6


def test_the_base_is_that_of_the_log(text: str) -> None:
    orders = simulated()
    shown = {row[0]: row[1] for row in rows(text, "base-numbers")}
    assert shown["Revenue"] == f"£{orders['amount'].sum():,.0f}"
    assert shown["Orders"] == f"{len(orders):,}"
    again = orders.group_by("customer_id").len()["len"] > 1
    assert shown["Repeat-purchase rate"] == f"{100 * again.mean():.1f}\u202f%"
    by_quarter = orders.group_by(
        quarter=pl.format("{} Q{}", pl.col("date").dt.year(), pl.col("date").dt.quarter())
    ).agg(pl.col("amount").sum())
    totals = dict(by_quarter.rows())
    for row in rows(text, "base-periods"):
        assert row[4] == f"£{totals[row[0]]:,.0f}"
    chain = rows(text, "base-chain")
    values = {row[0]: row[1] for row in rows(text, "base-values")}
    assert chain[0][2] == values["Textbook value, 1 / churn"]
    assert chain[-1][2] == values["Model, a new customer"]


def test_segments_hold_everybody_once(text: str, fits: tuple[Any, Any, Any]) -> None:
    rfm, purchases, spend = fits
    cells = [int(cell) for row in rows(text, "segments-customers") for cell in row[1:]]
    assert sum(cells) == 150
    found = clv.segment(rfm, purchases, spend, **TERMS, interval=None)
    expected = found.table["customers"].tolist()
    assert cells == expected
    listed = found.reactivation["customer_id"].head(50).to_list()
    assert [row[0] for row in rows(text, "reactivation")] == [str(each) for each in listed]


def test_contributions_are_those_of_explain(text: str, fits: tuple[Any, Any, Any]) -> None:
    rfm, purchases, spend = fits
    found = clv.explain(rfm, purchases, spend, **TERMS)
    best = found.customers.sort("clv", descending=True).head(50)
    shown = rows(text, "why-best")
    assert [row[0] for row in shown] == [str(each) for each in best["customer_id"]]
    for row in shown:
        parts = [float(re.sub(r"[^\d.-]", "", cell)) for cell in row[1:]]
        assert sum(parts[:-1]) == pytest.approx(parts[-1], abs=0.51 * len(parts))
    assert [row[1] for row in rows(text, "why-sums")] == [
        pounds(each).split(".")[0] for each in found.table["amount"].round()
    ]


def test_levers_are_those_of_what_if(text: str, fits: tuple[Any, Any, Any]) -> None:
    rfm, purchases, spend = fits
    found = clv.what_if(
        purchases, spend, rfm, retention="+5pp", spend_change="+10%", **TERMS, interval=0.9
    )
    assert found.verdict in flat(text)
    base = found.attribution[found.attribution["of"] == "base"]
    shown = rows(text, "levers-worth-1")
    assert [row[0] for row in shown] == base["lever"].tolist()
    for row, each in zip(shown, base.itertuples(), strict=True):
        assert row[1:4] == [pounds(value) for value in (each.difference, each.lower, each.upper)]


def test_economics_are_by_the_first_segment(text: str, fits: tuple[Any, Any, Any]) -> None:
    rfm, purchases, spend = fits
    labels = clv.customer_labels(simulated(), customer="customer_id", date="date", by="country")
    past = clv.historical_value(simulated(), **COLUMNS)
    found = clv.unit_economics(
        rfm.with_covariates(labels).with_covariates(past),
        *(purchases, spend),
        cac=WHOLE["cac"],
        by="country",
        history="historical_value",
        first_order="first_order",
        **TERMS,
    )
    shown = rows(text, "economics-ratios")
    assert [row[0] for row in shown] == found.table["country"].tolist() == sorted(WHOLE["cac"])
    assert [row[2:4] for row in shown] == [
        [f"£{each.cac:.0f}", pounds(each.ltv)] for each in found.table.itertuples()
    ]
    assert [row[-1] for row in shown] == found.table["flag"].tolist()
    assert found.verdict in flat(text)


def test_arms_are_those_of_compare_groups(text: str, fits: tuple[Any, Any, Any]) -> None:
    found = clv.compare_groups(
        simulated(),
        **COLUMNS,
        **TERMS,
        unit="week",
        observed_until=END,
        group="arm",
        start=WHOLE["start"],
        purchases=type(fits[1].model),
    )
    assert all(each in flat(text) for each in found.verdicts)
    value: pd.DataFrame = found.table[found.table["quantity"].str.endswith("value")]
    shown = rows(text, "experiment-differences-value")
    assert [row[1:3] for row in shown] == value[["quantity", "method"]].to_numpy().tolist()
    assert [row[3] for row in shown] == [pounds(each) for each in value["mean"]]


def test_what_is_asked_must_go_together() -> None:
    orders = simulated(20)
    for options, words in (
        ({"cac": {"home": 1.0}}, "`by` is empty"),
        ({"cac": 5.0, "amount": None}, "`amount` is not"),
        ({"start": "2024-03-01"}, "`group` is not"),
        ({"group": "arm", "start": "soon"}, "start"),
    ):
        with pytest.raises(ParameterError, match=words):
            clv.report(orders, **(COLUMNS | options))
    with pytest.raises(MissingColumnError, match="segment"):
        clv.report(orders, **COLUMNS, group="nowhere")
