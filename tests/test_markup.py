"""Whatever a text is, the page that shows it is the one that was meant."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from clvmodels.markup import Html, escape, html_card, html_list, html_table, number, shorten

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "closing": "</td></table><img src=x onerror=alert(1)>",
    "attribute": '" onmouseover="alert(1)" x=\'',
    "entity": "&lt;b&gt; &amp; &#60;",
    "comment": "--><!-- <![CDATA[",
    "override": "abc\u202edcba\u2066x",
    "right to left": "\u05d0\u05d1\u05d2 1997 \u0627\u0644\u0639",
    "control": "a\x00b\x07c\x1b[31md\x7f\x85\r\n\t",
    "surrogate": "a\ud800b",
    "hidden": "a\ufeffb\u200bc\u2028d",
    "long": "<b>" * 10_000,
    "template": "{{ 7 * 7 }} {% raw %} $x^2$ ${1}",
    "empty": "",
}


_TAGS = {"div", "strong", "bdi", "p", "ul", "li", "table", "caption"}
_TAGS |= {"thead", "tbody", "tr", "th", "td"}


class _Page(HTMLParser):
    """Tags, attributes and text of a page, and whether its tags match."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_are_harmless_everywhere(text: str) -> None:
    table = _table(text)
    page = html_card(text, text, html_table(table, caption=text), html_list([text]))
    read = _Page(page)
    assert set(read.tags) <= _TAGS
    assert read.attributes <= {"style", "title"}
    assert read.open == []
    page.encode("utf-8")
    assert _Page(html_table(table)).tags == _Page(html_table(_table("a"))).tags


def _table(text: str) -> pd.DataFrame:
    index = pd.Index([text, "i"], name=text, dtype=object)
    values = pd.DataFrame({"t": pd.Series([text, "b"], index, object), "n": [1, 2]}, index)
    return values.set_axis(pd.Index([text, "n"], dtype=object), axis=1)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nothing_turns_the_direction_or_hides(text: str) -> None:
    shown = escape(text)
    assert not set(shown) & set(map(chr, [*range(32), 0x7F, 0x85, 0xFEFF, 0x200B, 0x2028]))
    assert not set(shown) & set(map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]))
    assert not set(shown) & set("<>\"'")


def test_texts_that_are_plain_stay_as_they_are() -> None:
    words = "Müller 株式会社 🙂 👩\u200d👩\u200d👧 \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    assert escape(words) == words
    assert _Page(html_list([words])).text == [words]


def test_long_texts_are_cut_and_wide_pages_avoided() -> None:
    assert shorten("x" * 60) == "x" * 60
    assert shorten("x" * 10_000) == "x" * 59 + "…"
    assert shorten("e" + "\u0301" * 100, 20) == "e…"
    page = html_table(pd.DataFrame({"y" * 10_000: ["x" * 10_000]}))
    assert len(page) < 2_500


def test_numbers() -> None:
    table = pd.DataFrame(
        {
            "money": [1e12, 1234567.891],
            "small": [1.23456e-7, np.nan],
            "whole": [10_000_000, -3],
            "share": [0.123456, np.inf],
            "text": ["a", None],
            "day": pd.to_datetime(["1997-09-30 00:00", "1998-06-30 12:30"]),
            "flag": [True, False],
        }
    )
    text = _Page(html_table(table)).text
    for each in ("1,000,000,000,000", "1,234,568", "1.235e-07", "10,000,000", "-3", "0.1235"):
        assert each in text
    for each in ("inf", "1997-09-30", "1998-06-30 12:30:00", "True"):
        assert each in text
    assert text.count("\u2013") == 2  # what is missing
    assert number(True) == "1"
    shares = pd.DataFrame({"share": [0.123456, np.nan], "n": [1, 2]})
    text = _Page(html_table(shares, formats={"share": "+.1%"})).text
    assert text == ["share", "n", "+12.3%", "1", "\u2013", "2"]


def test_the_index_is_shown_where_it_says_something() -> None:
    frame = pd.DataFrame({"a": [1, 2]})
    assert _Page(html_table(frame)).tags.count("th") == 1
    named = pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="parameter"))
    assert _Page(html_table(named)).text == ["parameter", "a", "x", "1", "y", "2"]
    two = named.assign(b=[3, 4]).set_index("b", append=True)
    assert _Page(html_table(two)).text == ["parameter", "b", "a", "x", "3", "1", "y", "4", "2"]
    same = pd.DataFrame([[1, 2]], columns=["a", "a"], index=pd.Index([7], name="a"))
    assert _Page(html_table(same)).text == ["a", "a", "a", "7", "1", "2"]


def test_many_rows_are_not_all_drawn() -> None:
    page = html_table(pd.DataFrame({"a": range(5000)}), rows=10)
    assert _Page(page).tags.count("tr") == 11
    assert "4,990 more rows" in page
    assert _Page(html_table(pd.DataFrame({"a": []}))).tags.count("tr") == 1


def test_only_html_is_not_escaped() -> None:
    assert "<p " in html_card("t", "x")
    assert "&lt;i&gt;" in html_card("t", "<i>")
    assert "<i>" in html_card("t", Html("<i>x</i>"))
    assert "&lt;i&gt;" in html_card("t", f"{Html('<i>')}")  # put together, it is a text again


def test_templates_leave_it_alone() -> None:
    jinja2 = pytest.importorskip("jinja2")
    template = jinja2.Environment(autoescape=True).from_string("{{ a }}{{ b }}")
    assert template.render(a=html_list(["<"]), b="<").count("&lt;") == 2
