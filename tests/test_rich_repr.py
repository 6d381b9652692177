"""Results in a notebook: the same numbers as in print, and nothing that data can break."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest

import clvmodels as clv

EVIL = '<script>alert("x")</script>\u202e'


@pytest.fixture(scope="module")
def rfm() -> clv.CustomerSummary:
    truth = clv.BGNBD(r=0.24, alpha=4.4, a=0.8, b=2.4)
    c = clv.GammaGamma(6.25, 3.74, 15.44).simulate(
        truth.simulate(1500, 39, seed=1, unit="week"), seed=2
    )
    x, t_x, T = c.timing
    table = {"frequency": x, "recency": t_x, "T": T, "monetary_value": c.spend[1]}
    frame = pd.DataFrame({"customer_id": range(len(c)), **table})
    frame["channel"] = [(EVIL, "!web")[i % 2] for i in range(len(c))]
    return clv.CustomerSummary.from_frame(frame, unit="week")


def shown(result: Any) -> str:
    page: str = result._repr_html_()
    assert "<script" not in page
    assert "\u202e" not in page
    assert page.count("<div") == page.count("</div>")
    return re.sub(r"<[^>]+>", " ", page)


def test_fits(rfm: clv.CustomerSummary) -> None:
    fit = clv.BGNBD.fit(rfm)
    text = shown(fit)
    for word in ("BG/NBD", "1,500 customers", "unit week", *fit.names, "Certificate: identified"):
        assert word in text
    assert f"{fit.model.r:.4g}" in text
    assert f"{fit.aic:,.2f}" in text
    assert "unit" not in shown(clv.GammaGamma.fit(rfm))


def test_levels_of_covariates_are_escaped(rfm: clv.CustomerSummary) -> None:
    text = shown(clv.BGNBD.fit(rfm, purchase="channel"))
    assert "&lt;script&gt;" in text


def test_certificates_say_why() -> None:
    with pytest.warns(clv.IdentifiabilityWarning):
        fit = clv.SBG.fit(clv.Customers.from_renewals([1000, 800, 640, 512], unit="year"))
    assert fit.certificate.findings[0] in shown(fit.certificate)


def test_comparisons_and_tests(rfm: clv.CustomerSummary) -> None:
    small, large = clv.BGNBD.fit(rfm), clv.BGNBD.fit(rfm, purchase="channel")
    both = clv.compare([small, clv.MBGNBD.fit(rfm)])
    assert f"{small.aic:,.2f}" in shown(both)
    assert both.advice.split("(")[0] in shown(both)
    test = clv.likelihood_ratio_test(small, large)
    assert f"p = {test.p_value:.3g}" in shown(test)
    assert small.frequencies is not None
    assert f"{small.frequencies.chi_square:.2f}" in shown(small.frequencies)


def test_draws(rfm: clv.CustomerSummary) -> None:
    fit = clv.BGNBD.fit(rfm)
    assert "500 draws" in shown(fit.draws(500, seed=1))
    posterior = fit.posterior(draws=200, seed=1)
    assert "ess" in shown(posterior)
    assert "k-hat" in shown(posterior)


def test_ledgers_keep_the_cents() -> None:
    orders = pd.DataFrame(
        {
            "who": [EVIL, EVIL, "b", None],
            "day": ["2024-01-01", "2024-02-01", "2024-01-15", "2024-01-16"],
            "paid": [1234567.89, 10.01, 5.0, 7.77],
        }
    )
    with pytest.warns(clv.DataWarning):
        ledger = clv.rfm_summary(
            orders, customer="who", date="day", amount="paid", unit="week"
        ).ledger
    text = shown(ledger)
    for word in ("1,234,590.67", "-7.77", "balances"):
        assert word in text


def test_regularity() -> None:
    days = pd.date_range("2024-01-01", periods=300)
    rows = [
        (f"c{i}", days[(37 * i + 11 * j * (1 + i % 5)) % 300]) for i in range(60) for j in range(6)
    ]
    log = pd.DataFrame(rows, columns=["who", "day"])
    found = clv.check_regularity(log, customer="who", date="day")
    text = shown(found)
    assert f"{found.k:.4g}" in text
    assert found.verdict in text
