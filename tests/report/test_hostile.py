"""Names, ids and values that want to be a script, and amounts that want to be wide."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import clvmodels as clv
from tests.report.conftest import END, Browser, made, simulated

pytestmark = pytest.mark.xdist_group("chromium")

ATTACKS = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 1</script>",
    "\"><img src=x onerror='window.hacked = 1'>",
    "' onmouseover='window.hacked = 1",
    "</title></style><svg onload=window.hacked=1>",
    "{{ 7 * 7 }}{% raw %}",
    "\u202eevil\u202c \u2066right to left",
    "שלום \u202b عميل",
    "&lt;b&gt;&amp;",
    "$\\frac{1}{0}$ %s {0}",
    "a\x00b\x1b[31m\u2028c",
    "x" * 10_000,
    "wide " * 2_000,
)
CUSTOMER, DATE, AMOUNT, SEGMENT = (
    "<b id=customer>\"who'",
    "</th><script>window.hacked = 1</script>",
    "amount" + "!" * 10_000,
    "\u202e<svg onload=window.hacked=1>",
)


def hostile() -> clv.Report:
    orders = simulated(80, seed=9).to_pandas()
    frame = orders.rename(
        columns={"customer_id": CUSTOMER, "date": DATE, "amount": AMOUNT, "country": SEGMENT}
    )
    frame[CUSTOMER] = [f"{ATTACKS[i % len(ATTACKS)]} {i}" for i in frame[CUSTOMER]]
    frame[SEGMENT] = [ATTACKS[len(name) % len(ATTACKS)] for name in frame[SEGMENT]]
    frame[AMOUNT] *= 1e12
    return made(
        frame,
        customer=CUSTOMER,
        date=DATE,
        amount=AMOUNT,
        by=SEGMENT,
        group=SEGMENT,
        cac=5.0,
        title=ATTACKS[4] + ATTACKS[6] + "y" * 10_000,
        currency=ATTACKS[2],
        observed_until=END,
        models=("BGNBD",),
        backtest=False,
    )


@pytest.fixture(scope="module")
def page(saved: Callable[[clv.Report], Path]) -> Path:
    return saved(hostile())


def test_no_script_runs_and_no_element_appears(browser: Browser, page: Path) -> None:
    browser.open(page)
    console, asked = browser.logs()
    assert console == []
    assert [url for url in asked if not url.startswith("data:")] == [page.as_uri()]
    assert browser.run("return window.hacked") is None
    assert browser.run("return document.scripts.length") == 1
    assert browser.run("return document.querySelectorAll('img, #customer, [onload]').length") == 0
    for event in ("mouseover", "error", "load"):
        browser.run(
            "const all = [...document.querySelectorAll('*')];"
            "all.forEach((each) => each.dispatchEvent(new Event(arguments[0])));",
            event,
        )
    assert browser.run("return window.hacked") is None


@pytest.mark.parametrize("width", [360, 1400])
def test_the_layout_holds(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width=width)
    assert browser.overflow() <= 0
    tallest = "return Math.max(...[...document.querySelectorAll('tr')].map((r) => r.clientHeight))"
    assert browser.run(tallest) < 260


def test_texts_are_shown_as_they_are(browser: Browser, page: Path) -> None:
    browser.open(page)
    names = browser.run(
        "return [...document.querySelectorAll('#top tbody th')].map((e) => e.textContent.trim())"
    )
    assert any(name.startswith("<script>window.hacked = 1</script> ") for name in names)
    assert any(name.startswith("\\u202eevil\\u202c") for name in names)
    assert any(name.startswith("a␀b␛[31m\\u2028c") for name in names)
    assert any(name.startswith("{{ 7 * 7 }}") for name in names)
    assert max(map(len, names)) <= 60
    text = page.read_text(encoding="utf-8")
    assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\x00\x1b") & set(text)
    assert "x" * 2_001 not in text
