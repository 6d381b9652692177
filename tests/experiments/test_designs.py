"""Who is compared, and what they did, by hand: a log of a dozen orders."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest

import clvmodels as clv
from clvmodels.errors import DataError, MissingColumnError, ParameterError

COLUMNS = {"customer": "who", "date": "day", "amount": "paid", "unit": "day"}
ROWS = [
    ("a", "2024-01-01", 10.0, "control"),
    ("a", "2024-01-20", 20.0, "control"),
    ("a", "2024-02-05", 5.0, "control"),
    ("b", "2024-01-02", 7.0, "control"),
    ("b", "2024-02-02", 4.0, "control"),
    ("b", "2024-02-03", -3.0, "control"),  # most of the order of the day before comes back
    ("c", "2024-01-03", 8.0, "mail"),
    ("d", "2024-01-04", 9.0, "mail"),
    ("d", "2024-02-01", 6.0, "mail"),
    ("d", "2024-02-01", 2.0, None),  # a row without an arm; the same occasion
    ("d", "2024-02-10", 1.0, "mail"),
    ("e", "2024-01-05", 1.0, "control"),
    ("e", "2024-02-05", 1.0, "mail"),  # in both arms
    ("f", "2024-01-06", 1.0, None),  # in none
    ("g", "2024-02-04", 50.0, "mail"),  # new
    ("g", "2024-02-06", 25.0, "mail"),
]


def _log(rows: list[tuple[Any, ...]] = ROWS) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["who", "day", "paid", "arm"], orient="row")


def _means(found: clv.GroupComparison, quantity: str) -> tuple[float, float]:
    row = found.table[(found.table["quantity"] == quantity) & (found.table["method"] == "plain")]
    return row["mean"].item(), row["control_mean"].item()


def test_from_a_date() -> None:
    found = clv.compare_groups(
        _log(), **COLUMNS, group="arm", start="2024-02-01", observed_until="2024-02-10", horizon=10
    )
    assert found.design == "from a date"
    assert _means(found, "observed purchases") == ((0 + 2) / 2, (1 + 1) / 2)
    assert _means(found, "observed value") == ((0.0 + 9.0) / 2, (5.0 + 1.0) / 2)
    assert found.left_out == {"in no arm": 1, "in several arms": 1}
    assert found.newcomers.to_dict("records") == [
        {"arm": "control", "customers": 0, "purchases": 0, "value": 0.0},
        {"arm": "mail", "customers": 1, "purchases": 2, "value": 75.0},
    ]
    assert found.arms["observed"].tolist() == [10.0, 10.0]
    assert any("covers the whole horizon" in each for each in found.notes)
    assert any("in several arms" in each for each in found.warnings)


def test_the_window_ends_with_the_horizon_or_the_window() -> None:
    """Five days from February 1, by either: the orders of the 6th and later do not count."""
    terms = {"group": "arm", "start": "2024-02-01"}
    short = clv.compare_groups(_log(), **COLUMNS, **terms, horizon=5)
    cut = clv.compare_groups(_log(), **COLUMNS, **terms, horizon=5, window="5d")
    assert _means(short, "observed value") == _means(cut, "observed value") == (8.0 / 2, 6.0 / 2)
    assert short.observed_until != cut.arms["last_start"][0]


def test_nothing_after_the_start_changes_what_was_known_before() -> None:
    """A refund after the start takes nothing off an order before it."""
    late = [*ROWS, ("c", "2024-02-03", -8.0, "mail")]
    terms = {"group": "arm", "start": "2024-02-01", "horizon": 5}
    before = clv.compare_groups(_log(), **COLUMNS, **terms)
    after = clv.compare_groups(_log(late), **COLUMNS, **terms)
    assert after.balance.equals(before.balance)
    assert _means(after, "observed value") == _means(before, "observed value")


def test_from_the_first_purchase() -> None:
    found = clv.compare_groups(
        _log(), **COLUMNS, group="arm", observed_until="2024-02-10", horizon=30
    )
    assert found.design == "from the first purchase"
    # Within 30 days of the first: a 1 repeat and 30 spent; b none and 7 (January 2 + 31 is late);
    # c 8; d 1 repeat (day 28) and 17; g 1 repeat and 75.
    assert _means(found, "observed purchases") == pytest.approx(((0 + 1 + 1) / 3, 1 / 2))
    assert _means(found, "observed value") == pytest.approx(((8 + 17 + 75) / 3, 37 / 2))
    assert found.arms["observed"].tolist() == pytest.approx([30.0, (30 + 30 + 6) / 3])
    assert any("not observed for the same time" in each for each in found.warnings)


def test_a_window_observes_all_for_the_same_time() -> None:
    found = clv.compare_groups(
        _log(), **COLUMNS, group="arm", observed_until="2024-02-10", horizon=28, window="28d"
    )
    assert found.left_out["observed for less than `window`"] == 1
    assert _means(found, "observed value") == ((8 + 17) / 2, 37 / 2)
    assert not any("same time" in each for each in found.warnings)


def test_money_is_discounted_to_the_assignment_and_times_the_margin() -> None:
    found = clv.compare_groups(
        _log(),
        **COLUMNS,
        group="arm",
        start="2024-02-01",
        observed_until="2024-02-10",
        horizon=10,
        discount_rate=0.2,
        margin=0.5,
    )
    daily = math.log(1.2) / 365.25
    d = 8.0 * math.exp(-daily * 1) + 1.0 * math.exp(-daily * 10)
    b, a = 1.0 * math.exp(-daily * 2), 5.0 * math.exp(-daily * 5)
    assert _means(found, "observed value") == pytest.approx((0.5 * d / 2, 0.5 * (a + b) / 2))


def test_before_and_after_compares_newcomers_at_the_same_age() -> None:
    """14 days of newcomers either side of March 1, each watched for 10 days."""
    rows = [
        ("old", "2024-01-01", 1.0),
        ("x", "2024-02-16", 2.0),  # 14 days before: just in
        ("x", "2024-02-26", 3.0),  # day 10: counts
        ("x", "2024-02-27", 9.0),  # day 11: does not
        ("y", "2024-02-20", 4.0),
        ("late", "2024-03-15", 7.0),  # 9 days before the end: too young
        ("u", "2024-03-01", 5.0),
        ("v", "2024-03-14", 6.0),
        ("v", "2024-03-20", 1.0),
    ]
    log = pl.DataFrame(rows, schema=["who", "day", "paid"], orient="row")
    found = clv.compare_groups(
        log, **COLUMNS, before="2024-03-01", window="10d", observed_until="2024-03-24", horizon=10
    )
    assert found.control == "before"
    assert found.arms["customers"].tolist() == [2, 2]
    assert _means(found, "observed purchases") == (1 / 2, 1 / 2)
    assert _means(found, "observed value") == ((5 + 7) / 2, (5 + 4) / 2)
    assert found.left_out == {"came longer before": 1, "observed for less than `window`": 1}
    assert found.tests.empty
    assert "Nothing was random" in found.warnings[0]


def test_several_arms_are_compared_with_one_control() -> None:
    three = [
        (who + str(i), day, paid, "post" if who == "b" else arm)
        for i in range(3)
        for who, day, paid, arm in ROWS
        if who in "abcd"
    ]
    terms = {"group": "arm", "start": "2024-02-01", "horizon": 5}
    found = clv.compare_groups(_log(three), **COLUMNS, **terms, control="post")
    assert found.arms["arm"].tolist() == ["post", "control", "mail"]
    assert set(found.table["arm"]) == {"control", "mail"}
    assert (found.table["p_holm"] >= found.table["p_value"]).all()
    assert len(found.verdicts) == 2
    pooled = clv.compare_groups(_log(three), **COLUMNS, **terms, control="post", others=True)
    assert pooled.arms["customers"].tolist() == [3, 9]


def test_arms_of_any_type() -> None:
    coded = _log().with_columns(pl.col("arm").replace_strict({"control": 0, "mail": 1}))
    found = clv.compare_groups(coded, **COLUMNS, group="arm", start="2024-02-01", horizon=5)
    assert found.arms["arm"].tolist() == ["0", "1"]
    asked = {"group": "arm", "start": "2024-02-01", "horizon": 5}
    for control in (1, 1.0, "1", np.int64(1)):
        again = clv.compare_groups(
            coded, **COLUMNS, **asked, control=control, planned={0: 0.5, 1.0: 0.5}
        )
        assert again.control == "1"
    with pytest.raises(ParameterError, match="Known: '0', '1'"):
        clv.compare_groups(coded, **COLUMNS, **asked, control=7)
    true = coded.with_columns(pl.col("arm").cast(pl.Boolean))
    assert clv.compare_groups(true, **COLUMNS, **asked, control=True).control == "true"


def test_whole_numbers_with_gaps_are_named_as_whole_numbers() -> None:
    """Pandas makes floats of them; shares stay shares, and blank text is no arm."""
    asked = {"group": "arm", "start": "2024-02-01", "horizon": 5}
    coded = _log().with_columns(
        pl.col("arm").replace_strict({"control": 0, "mail": 1}, return_dtype=pl.Float64)
    )
    halves = coded.with_columns(pl.col("arm") / 2.0)
    blank = _log().with_columns(pl.col("arm").fill_null(" "))
    for log in (coded.to_pandas(), coded.lazy(), coded.fill_null(math.nan).lazy()):
        assert clv.compare_groups(log, **COLUMNS, **asked).arms["arm"].tolist() == ["0", "1"]
    assert clv.compare_groups(halves, **COLUMNS, **asked, control=0.5).control == "0.5"
    assert clv.compare_groups(blank, **COLUMNS, **asked).left_out["in no arm"] == 1


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({}, ParameterError, "Got neither"),
        ({"group": "arm", "before": "2024-02-01"}, ParameterError, "before='2024-02-01'"),
        ({"before": "2024-02-01", "start": "2024-02-01"}, ParameterError, "start="),
        ({"group": "arn"}, MissingColumnError, "arm"),
        ({"group": "arm", "start": "2025-01-01"}, ParameterError, "earlier `start`"),
        ({"group": "arm", "control": "kontrol"}, ParameterError, "control"),
        ({"group": "arm", "planned": {"control": 1.0}}, ParameterError, "share above zero"),
        ({"group": "arm", "planned": {"control": 1, "mail": 0}}, ParameterError, "above zero"),
        ({"group": "arm", "horizon": "2024-05-01x"}, ParameterError, "horizon"),
        ({"group": "arm", "horizon": math.inf}, ParameterError, "discount rate"),
        ({"group": "arm", "horizon": 0}, ParameterError, "above zero"),
        ({"group": "arm", "power": 80}, ParameterError, "between 0 and 1"),
        ({"group": "arm", "effect": 5}, ParameterError, "0.05"),
        ({"group": "arm", "interval": 90}, ParameterError, "interval"),
        ({"group": "arm", "purchases": "BGNDB"}, ParameterError, "BGNBD"),
        ({"group": "arm", "spend": "BGNBD"}, ParameterError, "spend models"),
        ({"group": "arm", "window": "0.2d"}, ParameterError, "at least a day"),
        ({"before": "2023-01-01"}, ParameterError, "first purchases from"),
        ({"group": "paid", "start": "2024-02-03"}, DataError, "two arms"),
    ],
)
def test_what_cannot_be_compared_is_an_error(
    given: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        clv.compare_groups(_log(), **COLUMNS, **{"horizon": 10, **given})
