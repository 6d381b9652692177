"""Arguments of predict: horizons, discounting, margins, units, and what is refused."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

import clvmodels as clv

TABLE = pl.DataFrame(
    {
        "customer_id": ["a", "b", "c"],
        "frequency": [0, 2, 7],
        "recency": [0.0, 2.0, 30.0],
        "T": [5.0, 5.0, 31.0],
        "monetary_value": [None, 30.0, 12.0],
        "share": [0.3, 0.2, -0.1],
    }
)
PURCHASES, SPEND = clv.BGNBD(0.243, 4.414, 0.793, 2.426), clv.GammaGamma(6.25, 3.74, 15.44)
LASTING = clv.BGNBD(0.243, 4.414, 1.5, 2.426)  # a > 1: a finite number of purchases, ever
SAME = 1e-12


@pytest.fixture
def summary(frame_engine) -> clv.CustomerSummary:
    return clv.CustomerSummary.from_frame(
        frame_engine(TABLE), unit="week", observed_until="2024-01-31"
    )


@pytest.fixture
def column(rows, names) -> Any:
    """Return a reader of one column of a result, in the order of the ids."""

    def read(table: Any, name: str) -> list[Any]:
        place = names(table).index(name)
        return [row[place] for row in rows(table)]

    return read


def test_horizons_of_the_same_length(summary, column):
    same = [
        "26w",
        "182d",
        timedelta(days=182),
        26,
        26.0,
        date(2024, 7, 31),
        datetime(2024, 7, 31, 9),
    ]
    first, *others = (
        column(clv.predict(summary, PURCHASES, SPEND, horizon=each, discount_rate=0.1), "clv")
        for each in same
    )
    for other in others:
        assert other == pytest.approx(first, rel=SAME)


def test_horizon_zero_gives_exactly_zero(summary, column):
    for horizon in (0, 0.0, -0.0, "0d", timedelta(0), date(2024, 1, 31)):
        table = clv.predict(summary, PURCHASES, SPEND, horizon=horizon, discount_rate=0.1)
        for name in ("expected_purchases", "clv"):
            values = column(table, name)
            assert values == [0.0, 0.0, 0.0]
            assert all(math.copysign(1.0, value) == 1.0 for value in values)
        assert all(value > 0.0 for value in column(table, "expected_spend"))


@pytest.mark.parametrize("horizon", [-1, "-1w", timedelta(-1), date(2024, 1, 30), float("nan")])
def test_horizons_that_do_not_lie_ahead(summary, horizon):
    with pytest.raises(clv.ParameterError, match="`horizon` is") as caught:
        clv.predict(summary, PURCHASES, horizon=horizon)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("horizon", ["year", "1m", "", None, True, [1]])
def test_horizons_that_cannot_be_read(summary, horizon):
    with pytest.raises(clv.ParameterError, match="'90d', '26w', '12mo', '1y'"):
        clv.predict(summary, PURCHASES, horizon=horizon)


def test_a_date_needs_an_end_of_observation(frame_engine):
    summary = clv.CustomerSummary.from_frame(frame_engine(TABLE), unit="week")
    with pytest.raises(clv.ParameterError, match="observed_until"):
        clv.predict(summary, PURCHASES, horizon=date(2024, 7, 31))


def test_without_end_and_discounted(summary, column):
    """At a <= 1 undiscounted purchases have no finite expectation: null, never NaN."""
    table = clv.predict(summary, PURCHASES, SPEND, horizon=math.inf, discount_rate=0.1)
    assert column(table, "expected_purchases") == [None, None, None]
    far = clv.predict(summary, PURCHASES, SPEND, horizon="400y", discount_rate=0.1)
    assert column(table, "clv") == pytest.approx(column(far, "clv"), rel=1e-9)
    lasting = clv.predict(summary, LASTING, SPEND, horizon=math.inf, discount_rate=0.1)
    assert all(value > 0.0 for value in column(lasting, "expected_purchases"))
    if isinstance(table, pl.DataFrame | pl.LazyFrame):
        assert table.lazy().collect()["expected_purchases"].null_count() == 3


def test_without_end_and_undiscounted(summary, column):
    with pytest.raises(clv.UndefinedMomentError, match="discount"):
        clv.predict(summary, PURCHASES, SPEND, horizon=math.inf)
    table = clv.predict(summary, LASTING, horizon=math.inf)
    assert column(table, "discounted_purchases") == column(table, "expected_purchases")


def test_discounting_is_annual_and_lowers_value(summary, column):
    plain, tenth, negative = (
        column(clv.predict(summary, PURCHASES, SPEND, horizon="1y", discount_rate=rate), "clv")
        for rate in (0.0, 0.10, -0.05)
    )
    for none, some, less in zip(plain, tenth, negative, strict=True):
        assert none / 1.1 < some < none < less


@pytest.mark.parametrize("rate", [-1.0, -2, 10, 1.01, float("nan"), math.inf, "10%", None])
def test_discount_rates_outside_their_domain(summary, rate):
    with pytest.raises(clv.ParameterError, match=r"Write 10 % as 0\.10") as caught:
        clv.predict(summary, PURCHASES, horizon="1y", discount_rate=rate)
    assert repr(rate) in str(caught.value)


def test_a_margin_scales_value_alone(summary, column):
    whole = clv.predict(summary, PURCHASES, SPEND, horizon="1y")
    part = clv.predict(summary, PURCHASES, SPEND, horizon="1y", margin=0.25)
    assert column(part, "clv") == pytest.approx([0.25 * v for v in column(whole, "clv")], rel=SAME)
    for name in ("p_alive", "expected_purchases", "expected_spend"):
        assert column(part, name) == column(whole, name)


def test_a_margin_for_each_customer(summary, column, names):
    whole = column(clv.predict(summary, PURCHASES, SPEND, horizon="1y"), "clv")
    table = clv.predict(summary, PURCHASES, SPEND, horizon="1y", margin="share")
    shares = TABLE["share"].to_list()
    expected = [value * share for value, share in zip(whole, shares, strict=True)]
    assert column(table, "clv") == pytest.approx(expected, rel=SAME)
    assert names(table)[5] == "share"


@pytest.mark.parametrize("margin", [30, 1.0001, float("nan"), -math.inf, None, [0.3]])
def test_margins_outside_their_domain(summary, margin):
    with pytest.raises(clv.ParameterError, match=r"Write 30 % as 0\.30"):
        clv.predict(summary, PURCHASES, SPEND, horizon="1y", margin=margin)


@pytest.mark.parametrize("bad", [30.0, None, float("nan"), math.inf])
def test_margins_of_a_column_outside_their_domain(frame_engine, bad):
    table = TABLE.with_columns(pl.Series("share", [0.3, bad, 0.1], dtype=pl.Float64))
    summary = clv.CustomerSummary.from_frame(frame_engine(table), unit="week")
    with pytest.raises(clv.ParameterError, match="1 rows of column 'share'"):
        clv.predict(summary, PURCHASES, SPEND, horizon="1y", margin="share")


def test_columns_that_are_no_margin(summary, frame_engine):
    with pytest.raises(clv.MissingColumnError, match="Did you mean 'share'"):
        clv.predict(summary, PURCHASES, SPEND, horizon="1y", margin="shares")
    with pytest.raises(clv.ParameterError, match="Column 'customer_id' has type"):
        clv.predict(summary, PURCHASES, SPEND, horizon="1y", margin="customer_id")


def test_units_are_compared(summary, cdnow_sample):
    fit = clv.BGNBD.fit(cdnow_sample)
    daily = clv.CustomerSummary.from_frame(summary.frame, unit="day")
    with pytest.raises(clv.UnitMismatchError, match="per week, the customers are per day"):
        clv.predict(daily, fit, horizon="1y")
    assert len(cdnow_sample.frame) == len(clv.predict(cdnow_sample, fit, horizon="1y"))


def test_arguments_of_the_wrong_kind(summary):
    with pytest.raises(clv.DataError, match="takes a CustomerSummary"):
        clv.predict(summary.frame, PURCHASES, horizon="1y")
    with pytest.raises(clv.DataError, match="Pass the purchase fit first"):
        clv.predict(summary, SPEND, PURCHASES, horizon="1y")
    with pytest.raises(clv.DataError, match="`spend` is a fit of Gamma-Gamma"):
        clv.predict(summary, PURCHASES, PURCHASES, horizon="1y")
    with pytest.raises(clv.UndefinedMomentError):
        clv.predict(summary, PURCHASES, clv.GammaGamma(6.0, 0.7, 15.0), horizon="1y")


@pytest.mark.parametrize("name", ["p_alive", "clv", "CLV", "discounted_purchases"])
def test_predictions_never_replace_a_column(frame_engine, name):
    table = TABLE.rename({"share": name})
    summary = clv.CustomerSummary.from_frame(frame_engine(table), unit="week")
    with pytest.raises(clv.DataError, match="Drop or rename them"):
        clv.predict(summary, PURCHASES, horizon="1y")


def test_a_summary_without_customers(frame_engine, rows, log):
    native = frame_engine(log(("a", "2024-01-01", 1.0), ("a", "2024-01-02", -1.0)))
    summary = clv.rfm_summary(native, customer="who", date="when", amount="paid", unit="day")
    assert rows(clv.predict(summary, PURCHASES, SPEND, horizon="1y")) == []


def test_other_columns_may_have_any_name(frame_engine, rows):
    """Also those that look like the library's own."""
    others = {name: pl.lit(name) for name in ("_frequency", "_T", "weight", "_customer", "scores")}
    table = TABLE.with_columns(**others)
    summary = clv.CustomerSummary.from_frame(frame_engine(table), unit="week")
    for row in rows(clv.predict(summary, PURCHASES, SPEND, horizon="1y")):
        assert list(row[6:11]) == list(others)


def test_a_pair_of_models_predicts_the_same(summary, rows):
    options: dict[str, Any] = {"horizon": "1y", "discount_rate": 0.1, "margin": 0.3}
    pair = clv.CLVModel(PURCHASES, SPEND)
    assert rows(pair.predict(summary, **options)) == rows(
        clv.predict(summary, PURCHASES, SPEND, **options)
    )
