"""What the page says: numbers of the library, parts that cannot be made, the same bytes always."""

from __future__ import annotations

import html
import pickle
import re
import warnings
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv
from clvmodels.errors import MissingColumnError, ParameterError
from clvmodels.plots import style
from clvmodels.reports import pages
from clvmodels.reports.figures import _ROLES
from clvmodels.reports.numerals import money_of
from clvmodels.reports.tables import Column, lay_out
from clvmodels.reports.warnings import once_each
from tests.report.conftest import COLUMNS, END, WHOLE, made, simulated

pytestmark = pytest.mark.xdist_group("chromium")  # with the browser: the whole page is made once

ASKED = ("economics", "experiment")  # only where somebody asks
SECTIONS = (
    *("summary", "value", "top", "why", "base", "cohorts", "segments", "risk", "what-if", *ASKED),
    *("backtest", "accuracy", "behaviour", "suitability", "data", "models", "glossary", "making"),
)


def rows(page: str, table: str) -> list[list[str]]:
    """Return the texts of the cells of a table of the page."""
    body = re.search(rf'id="{table}">.*?<tbody>(.*?)</tbody>', page, re.DOTALL)
    assert body, table
    lines = re.findall(r"<tr>(.*?)</tr>", body[1], re.DOTALL)
    return [
        [
            html.unescape(re.sub(r"<[^>]*>", "", cell)).strip()
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line, re.DOTALL)
        ]
        for line in lines
    ]


def flat(page: str) -> str:
    """Return the words of the page."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def test_numbers_are_those_of_the_library(page: Path) -> None:
    text, orders = page.read_text(encoding="utf-8"), simulated()
    rfm = clv.rfm_summary(orders, **COLUMNS, observed_until=END, unit="week")
    fits = [clv.BGNBD.fit(rfm), clv.MBGNBD.fit(rfm)]
    taken = next(fit for fit in fits if f" {fit.model.label}, taken for purchases" in flat(text))
    advice = clv.compare(fits).advice
    assert f"{taken.model.label} describes" in advice or f"take {taken.model.label}." in advice
    assert html.escape(advice) in text
    spend = clv.GammaGamma.fit(rfm)
    terms = {"horizon": "1y", "discount_rate": 0.1}
    scored = clv.predict(rfm, taken, spend, **terms).sort("clv", descending=True)
    shown = rows(text, "top-list")
    assert [row[0] for row in shown] == [str(each) for each in scored["customer_id"].head(50)]
    first = replace(rfm, frame=scored.head(1).select(rfm.frame.columns))
    best = clv.predict(first, taken, spend, **terms, interval=0.9)
    assert shown[0][6:] == [f"£{best[name][0]:,.0f}" for name in ("clv", "clv_lower", "clv_upper")]
    total = clv.total(rfm, taken, spend, **terms)
    assert f"£{total['clv'][0]:,.0f}" in text
    assert f"£{total['lower'][0]:,.0f} to £{total['upper'][0]:,.0f}" in text
    risk = clv.at_risk(rfm, taken, spend, **terms)
    assert [row[0] for row in rows(text, "risk-list")] == [
        str(each) for each in risk["customer_id"].head(50)
    ]


def test_groups_have_the_totals_that_the_library_gives(page: Path) -> None:
    text, orders = page.read_text(encoding="utf-8"), simulated()
    rfm = clv.rfm_summary(orders, **COLUMNS, observed_until=END, unit="week")
    label = re.search(r"([\w/]+), taken for purchases", text)
    assert label
    kind = {"BG/NBD": clv.BGNBD, "MBG/NBD": clv.MBGNBD}[label[1]]
    country = orders.group_by("customer_id").agg(pl.col("country").first())
    labelled = rfm.with_covariates(country)
    found = clv.total(
        labelled,
        kind.fit(rfm),
        clv.GammaGamma.fit(rfm),
        horizon="1y",
        discount_rate=0.1,
        by="country",
    ).sort("clv", descending=True)
    shown = rows(text, "segment-1")
    assert [row[0] for row in shown] == found["country"].to_list()
    for row, expected in zip(shown, found.iter_rows(named=True), strict=True):
        assert row[1] == f"{expected['customers']:,}"
        assert row[3] == f"£{expected['clv']:,.0f}"
    deciles = rows(text, "decile")
    assert [row[0] for row in deciles] == [str(i) for i in range(1, 11)]
    assert sum(int(row[1]) for row in deciles) == 150


def test_every_part_is_there_and_ids_are_unique(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert [each for each in ids if each in SECTIONS] == list(SECTIONS)
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(ids)
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(ids)
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", text)


@pytest.mark.slow
def test_the_same_log_gives_the_same_bytes_on_any_engine(page: Path) -> None:
    shuffled = simulated().sample(fraction=1.0, shuffle=True, seed=1).lazy()
    again = made(shuffled, **WHOLE)
    assert again.html == page.read_text(encoding="utf-8")


def test_without_amounts_purchases_are_counted() -> None:
    orders = simulated(40).drop("country")
    text = made(orders, amount=None, models="BGNBD", backtest=False, horizon="26w").html
    assert "Purchases ahead" in text
    assert "the next 26 weeks" in text
    assert "A backtest was not asked for." in text
    assert "Value expected" not in text
    assert "mean-spend" not in text
    assert not [each for each in ASKED if f'id="{each}"' in text]
    assert "£" not in text
    assert rows(text, "levers-worth-1")[0][0] == "retention"


def test_what_cannot_be_made_is_said_and_the_rest_goes_on() -> None:
    few = pl.DataFrame(
        {
            "customer_id": [1, 2, 3, 3],
            "date": ["2024-01-01", "2024-01-01", "2024-01-01", "2024-01-02"],
            "amount": [5.0, 7.0, 2.0, 3.0],
        }
    )
    text = made(few, observed_until="2024-01-03", models="BGNBD").html
    assert "Not shown: a fit of spend. Gamma-Gamma learns from the spread" in text
    assert "fit.bootstrap" not in text, "what to write in code helps no reader of a page"
    assert "summary (occasions)" in text
    assert 'id="glossary"' in text


def test_what_is_missing_everywhere_is_said_once() -> None:
    once = simulated(40).group_by("customer_id", maintain_order=True).first()
    text = flat(made(once, backtest=False).html)
    assert text.count("No model could be fitted.") == 1
    assert text.count("BG/NBD learns from several customers") == 2, "in the name of each model"
    assert 'Not shown: the list. The reason stands under "Summary".' in text


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "find_spec", lambda name: None if name == "jinja2" else name)
    with pytest.raises(clv.MissingExtraError, match=r"jinja2 is not installed.*clvmodels\[report"):
        clv.report(simulated(5), **COLUMNS)


def test_each_estimate_has_its_own_digits() -> None:
    """Beside a parameter without bound another one does not become nothing."""
    frame = pd.DataFrame({"parameter": ["p", "v"], "estimate": [1.785, 7.4e20]})
    columns = [Column("parameter", "Parameter", "label"), Column("estimate", "Estimate")]
    table = lay_out(frame, columns, name="t", caption="Estimates", money=money_of(None))
    assert [str(row[1].shown) for row in table.rows] == ["1.785", "7.4e+20"]


def test_a_report_is_a_value(page: Path, tmp_path: Path) -> None:
    report = clv.Report("A shop", page.read_text(encoding="utf-8"))
    report.save(tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == page.read_bytes()
    assert report.size == len(page.read_bytes())
    assert pickle.loads(pickle.dumps(report)) == report
    assert callable(clv.report)
    frame = report._repr_html_()
    inside = re.search(r'srcdoc="([^"]*)"', frame)
    assert inside
    assert html.unescape(inside[1]) == report.html
    assert "A shop" in str(report)


def test_the_log_is_warned_of_once_and_fits_in_the_page() -> None:
    def step() -> None:
        with once_each():
            for _ in range(3):
                warnings.warn("rows were left out", clv.DataWarning, stacklevel=1)
                warnings.warn("hardly pinned down", clv.IdentifiabilityWarning, stacklevel=1)
            warnings.warn("of another library", FutureWarning, stacklevel=1)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        step()
    assert [each.category for each in caught] == [clv.DataWarning, FutureWarning]
    assert caught[0].filename == __file__


def test_arguments_are_checked_before_the_log_is_read() -> None:
    orders = simulated(20)
    with pytest.raises(ParameterError, match="`models` are purchase models"):
        clv.report(orders, **COLUMNS, models=("GammaGamma",))
    with pytest.raises(ParameterError, match="`top`"):
        clv.report(orders, **COLUMNS, top=0)
    with pytest.raises(ParameterError, match="`discount_rate`"):
        clv.report(orders, **COLUMNS, discount_rate=10.0)
    with pytest.raises(MissingColumnError, match="segment"):
        clv.report(orders, **COLUMNS, by="nowhere")


def test_colours_are_those_of_the_plots() -> None:
    names = ("INK", "MUTED", "MODEL", "NOTICE", "GREEN", "PINK")
    assert list(_ROLES) == [getattr(style, name) for name in names]
    sheet = Path(clv.reports.report.__file__).parent / "page" / "report.css"
    for variable in _ROLES.values():
        assert variable[4:-1] + ":" in sheet.read_text(encoding="utf-8")


def test_the_best_tenth_is_counted_whatever_the_ties() -> None:
    from clvmodels.frames.groups import tenths

    value = np.array([3.0, 1.0, 1.0, 2.0] * 5)
    found = tenths(value)
    assert np.bincount(found)[1:].tolist() == [2] * 10
    for better, worse in pairwise(range(1, 11)):
        assert value[found == better].min() >= value[found == worse].max()
