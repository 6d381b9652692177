"""The page in Chromium: quiet, by itself, readable on every screen, and alive."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.report.conftest import Browser

pytestmark = pytest.mark.xdist_group("chromium")  # one browser, on one of the processes

COLUMN = """
const rows = [...document.querySelectorAll(`#${arguments[0]} tbody tr`)];
return rows.filter((row) => !row.hidden).map((row) => row.cells[arguments[1]].textContent.trim());
"""
HEADS = "return document.querySelectorAll(`#${arguments[0]} thead th`)"
CONTRAST = """
const light = (colour) => {
  const [r, g, b] = colour.match(/[\\d.]+/g).map((c) => c / 255).map(
    (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (element) => {
  for (let each = element; each; each = each.parentElement) {
    const colour = getComputedStyle(each).backgroundColor;
    if (!/, 0\\)$|transparent/.test(colour)) return colour;
  }
  return "rgb(255, 255, 255)";
};
const poor = [];
for (const each of document.querySelectorAll("h1, h2, p, th, td, dt, dd, a, caption, button")) {
  if (!each.textContent.trim() || each.offsetParent === null) continue;
  const [a, b] = [light(getComputedStyle(each).color), light(ground(each))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) poor.push(`${each.tagName}.${each.className} ${ratio.toFixed(2)}`);
}
return [...new Set(poor)];
"""


def test_it_loads_in_silence_and_asks_for_nothing(browser: Browser, page: Path) -> None:
    browser.open(page)
    console, asked = browser.logs()
    assert console == []
    assert [url for url in asked if not url.startswith("data:")] == [page.as_uri()]


def test_it_fits_the_screen(browser: Browser, page: Path) -> None:
    browser.open(page, width=360)
    for width in (360, 768, 1400):
        browser.emulate(width=width)
        assert browser.run("return window.innerWidth") == width
        assert browser.overflow() <= 0, width


def test_words_stand_out_from_their_ground(browser: Browser, page: Path) -> None:
    browser.open(page)
    for dark in (False, True):
        browser.emulate(dark=dark)
        assert browser.run(CONTRAST) == [], dark


def test_grids_are_shaded_on_screens_and_on_paper(browser: Browser, page: Path) -> None:
    """The more the darker on white, the lighter on black; paper is white."""
    browser.open(page)
    light = "return arguments[0].map((i) => getComputedStyle(document.querySelector(`.shade-${i}`))"
    light += ".backgroundColor.match(/\\d+/g).reduce((a, b) => a + Number(b), 0))"
    grounds = {}
    for name, dark, media in (("day", False, ""), ("night", True, ""), ("paper", True, "print")):
        browser.emulate(dark=dark, media=media)
        grounds[name] = browser.run(light, [1, 2, 3, 4, 5])
    assert grounds["day"] == sorted(grounds["day"], reverse=True)
    assert grounds["night"] == sorted(grounds["night"])
    assert grounds["paper"] == grounds["day"]
    exact = "return getComputedStyle(document.querySelector('.shade-5')).printColorAdjust"
    assert browser.run(exact) == "exact"
    ahead = "return getComputedStyle(document.querySelector('.ahead')).fontStyle"
    assert browser.run(ahead) == "italic"


def number(text: str) -> float:
    return float(re.sub(r"[^\d.-]", "", text))


def test_tables_sort_numbers_as_numbers_and_by_keyboard(browser: Browser, page: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.open(page)
    heads = browser.run(HEADS, "top")
    place = [head.text.startswith("Value expected") for head in heads].index(True)
    button = heads[place].find_element("css selector", "button")
    button.send_keys(Keys.ENTER)
    assert heads[place].get_attribute("aria-sort") == "descending"
    falling = [number(each) for each in browser.run(COLUMN, "top", place)]
    assert falling == sorted(falling, reverse=True)
    assert len(falling) == 50
    button.send_keys(Keys.SPACE)
    assert heads[place].get_attribute("aria-sort") == "ascending"
    assert [number(each) for each in browser.run(COLUMN, "top", place)] == falling[::-1]
    browser.run("arguments[0].querySelector('button').click()", heads[0])
    assert heads[place].get_attribute("aria-sort") is None
    names = browser.run(COLUMN, "top", 0)
    assert names == sorted(names, key=int)


def test_missing_values_stay_last(browser: Browser, page: Path) -> None:
    browser.open(page)
    heads = browser.run(HEADS, "contest-table-purchases")
    place = [head.text.startswith("Coverage") for head in heads].index(True)
    for _ in range(2):
        browser.run("arguments[0].querySelector('button').click()", heads[place])
        shown = browser.run(COLUMN, "contest-table-purchases", place)
        missing = [each == "–" for each in shown]
        assert any(missing)
        assert missing == sorted(missing)


def test_search_hides_what_does_not_match(browser: Browser, page: Path) -> None:
    browser.open(page)
    field = browser.driver.find_element("css selector", "#top input[type=search]")
    wanted = browser.run(COLUMN, "top", 0)[7]
    field.send_keys(wanted)
    shown = browser.run(COLUMN, "top", 0)
    assert wanted in shown
    assert len(shown) < 50
    said = browser.run("return document.querySelector('#top output').value")
    assert said == f"{len(shown)} of 50 rows"
    field.clear()
    field.send_keys("nobody")
    assert browser.run(COLUMN, "top", 0) == []


def test_colours_follow_the_system_and_the_switch(browser: Browser, page: Path) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    line = "return getComputedStyle(document.querySelector('#lift path[style*=model]')).stroke"
    browser.open(page)
    light = browser.run(ground), browser.run(line)
    browser.open(page, dark=True)
    dark = browser.run(ground), browser.run(line)
    assert light[0] != dark[0]
    assert light[1] != dark[1]
    button = browser.driver.find_element("id", "scheme")
    assert button.text == "Light"
    button.click()
    assert (browser.run(ground), browser.run(line)) == light
    assert button.text == "Dark"


def test_paper_has_all_rows_and_no_controls(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.driver.find_element("css selector", "#top input[type=search]").send_keys("nobody")
    browser.emulate(media="print", dark=True)
    seen = "return getComputedStyle(document.querySelector(arguments[0])).display"
    assert browser.run(seen, "#top tbody tr") == "table-row"
    for control in (".controls", ".scheme", ".contents", ".skip"):
        assert browser.run(seen, control) == "none"
    boxes = (
        "return [...document.querySelectorAll('.box')].map((b) => b.scrollHeight - b.clientHeight)"
    )
    assert max(browser.run(boxes)) <= 2
    assert browser.run("return getComputedStyle(document.body).color") == "rgb(0, 0, 0)"


def test_headings_are_plain_while_they_are_printed(browser: Browser, page: Path) -> None:
    browser.open(page)
    buttons = "return [...document.querySelectorAll('#top thead button')].map((b) => b.textContent)"
    event = "window.dispatchEvent(new Event(arguments[0]))"
    before, text = browser.run(buttons), "return document.querySelector('#top thead').textContent"
    words = browser.run(text).split()
    browser.run(event, "beforeprint")
    assert browser.run(buttons) == []
    assert browser.run(text).split() == words
    browser.run(event, "afterprint")
    assert browser.run(buttons) == before


def test_without_scripts_all_is_there(browser: Browser, page: Path) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.open(page, width=360)
        shown = browser.driver.find_elements("css selector", "#top tbody tr")
        assert len(shown) == 50
        assert all(row.is_displayed() for row in shown[:3])
        assert not browser.driver.find_elements("css selector", "button.sort, input")
        assert not browser.driver.find_element("id", "scheme").is_displayed()
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
