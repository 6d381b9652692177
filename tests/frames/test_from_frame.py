"""Finished tables: renamed, checked and kept as they are, on every engine."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import polars as pl
import pytest

import clvmodels as clv

TABLE = pl.DataFrame(
    {
        "customer_id": ["a", "b", "c"],
        "frequency": [0, 2, 1],
        "recency": [0.0, 30.5, 10.0],
        "T": [38.0, 38.0, 10.0],
        "monetary_value": [None, 22.5, 3.0],
        "country": ["uk", "de", "uk"],
    }
)
MODELS = clv.BGNBD(0.243, 4.414, 0.793, 2.426), clv.GammaGamma(6.25, 3.74, 15.44)


def use(summary: clv.CustomerSummary) -> Any:
    """Do what collects and checks a lazy table."""
    return clv.predict(summary, *MODELS, horizon="1y")


def test_a_table_is_taken_as_it_is(frame_engine, rows, names):
    summary = clv.CustomerSummary.from_frame(
        frame_engine(TABLE), unit="week", observed_until="2024-01-31"
    )
    assert rows(summary.frame) == TABLE.rows()
    assert names(summary.frame) == TABLE.columns
    assert summary.observed_until == date(2024, 1, 31)
    assert summary.is_lazy is frame_engine.lazy
    assert summary.has_spend
    customers = summary.customers()
    assert sorted(customers.frequency) == [0.0, 1.0, 2.0]
    assert summary.patterns().n_customers == 3.0
    assert summary.patterns(("frequency", "monetary_value")).n_customers == 3.0


def test_columns_are_renamed_and_others_kept(frame_engine, rows, names):
    renamed = TABLE.rename(
        {"customer_id": "id", "frequency": "x", "recency": "t_x", "T": "age", "monetary_value": "m"}
    )
    native = frame_engine(renamed)
    summary = clv.CustomerSummary.from_frame(
        native,
        unit="week",
        customer="id",
        frequency="x",
        recency="t_x",
        T="age",
        monetary_value="m",
    )
    assert names(summary.frame) == ["id", *TABLE.columns[1:]]
    assert rows(summary.frame) == TABLE.rows()
    assert names(native) == renamed.columns
    assert names(use(summary))[:6] == names(summary.frame)


def test_columns_can_swap_their_names(frame_engine, rows):
    swapped = TABLE.rename({"recency": "T", "T": "recency"})
    summary = clv.CustomerSummary.from_frame(
        frame_engine(swapped), unit="week", recency="T", T="recency"
    )
    assert sorted(summary.customers().recency) == [0.0, 10.0, 30.5]


def test_spend_may_be_absent(frame_engine):
    native = frame_engine(TABLE.drop("monetary_value"))
    summary = clv.CustomerSummary.from_frame(native, unit="week")
    assert not summary.has_spend
    left_out = clv.CustomerSummary.from_frame(
        frame_engine(TABLE.rename({"monetary_value": "m"})), unit="week", monetary_value=None
    )
    assert not left_out.has_spend
    with pytest.raises(clv.DataError, match="no monetary_value"):
        use(summary)
    with pytest.raises(clv.MissingColumnError, match="'spend'"):
        clv.CustomerSummary.from_frame(native, unit="week", monetary_value="spend")


def test_zero_spend_without_repeat_purchases_means_none(frame_engine, rows):
    """The convention of lifetimes."""
    zeros = TABLE.with_columns(pl.col("monetary_value").fill_null(0.0))
    results = [
        rows(use(clv.CustomerSummary.from_frame(frame_engine(table), unit="week")))
        for table in (TABLE, zeros)
    ]
    assert [row[5:] for row in results[0]] == [row[5:] for row in results[1]]


def test_number_types(frame_engine, rows):
    expected = [row[6:] for row in rows(use(clv.CustomerSummary.from_frame(TABLE, unit="week")))]
    whole = TABLE.with_columns(pl.Series("recency", [0, 30, 10]))
    expected_whole = [
        row[6:] for row in rows(use(clv.CustomerSummary.from_frame(whole, unit="week")))
    ]
    for frequency in (pl.Int8, pl.UInt32, pl.Int64, pl.Float32, pl.Float64):
        typed = TABLE.with_columns(pl.col("frequency").cast(frequency))
        found = rows(use(clv.CustomerSummary.from_frame(frame_engine(typed), unit="week")))
        assert [row[6:] for row in found] == [pytest.approx(each, rel=1e-12) for each in expected]
    for times in (pl.Int16, pl.UInt64, pl.Float32):
        typed = whole.with_columns(pl.col("recency", "T").cast(times))
        found = rows(use(clv.CustomerSummary.from_frame(frame_engine(typed), unit="week")))
        assert [row[6:] for row in found] == [
            pytest.approx(each, rel=1e-12) for each in expected_whole
        ]


def test_nullable_pandas_numbers(rows):
    expected = [row[6:] for row in rows(use(clv.CustomerSummary.from_frame(TABLE, unit="week")))]
    table = TABLE.to_pandas().convert_dtypes()
    found = rows(use(clv.CustomerSummary.from_frame(table, unit="week")))
    assert [row[6:] for row in found] == [pytest.approx(each, rel=1e-12) for each in expected]


NAN, INF = float("nan"), float("inf")
BROKEN: dict[str, tuple[str, list[Any], str]] = {
    "recency above T": ("recency", [0.0, 39.0, 10.0], "`recency` is at most `age`"),
    "negative recency": ("recency", [0.0, -1.0, 10.0], "`recency` is zero or more"),
    "recency without a repeat": ("recency", [5.0, 30.5, 10.0], "`recency` is 0 where"),
    "repeat without recency": ("recency", [0.0, 0.0, 10.0], "`recency` is above 0 where"),
    "missing recency": ("recency", [0.0, None, 10.0], "`recency` is never missing"),
    "NaN recency": ("recency", [0.0, NAN, 10.0], "`recency` is never missing"),
    "half a purchase": ("frequency", [0.0, 3.5, 1.0], "`frequency` counts"),
    "negative frequency": ("frequency", [0, -2, 1], "`frequency` counts"),
    "missing frequency": ("frequency", [0, None, 1], "`frequency` is never missing"),
    "endless frequency": ("frequency", [0.0, INF, 1.0], "`frequency` is never missing"),
    "negative T": ("T", [38.0, -38.0, 10.0], "`age` .* is zero or more"),
    "missing T": ("T", [38.0, None, 10.0], "age .* never missing"),
    "negative spend": ("monetary_value", [None, -1.0, 3.0], "`monetary_value` is a finite"),
    "missing spend": ("monetary_value", [None, None, 3.0], "`monetary_value` is a finite"),
    "NaN spend": ("monetary_value", [None, NAN, 3.0], "`monetary_value` is a finite"),
    "endless spend": ("monetary_value", [None, INF, 3.0], "`monetary_value` is a finite"),
    "text": ("frequency", ["0", "2", "1"], "The frequency of a customer is a number"),
    "an id twice": ("customer_id", ["a", "a", "c"], "1 rows repeat an id"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_rows_that_break_a_rule(frame_engine, kind):
    """Eager tables are checked at once, lazy ones when they are collected."""
    column, values, rule = BROKEN[kind]
    native = frame_engine(TABLE.with_columns(pl.Series(column, values)))
    finish = use if frame_engine.lazy else repr
    with pytest.raises(clv.DataError, match=rule) as caught:
        finish(clv.CustomerSummary.from_frame(native, unit="week"))
    assert isinstance(caught.value, ValueError)
    assert caught.value.fix
    assert "1 " in str(caught.value) or kind == "text"


def test_rounding_may_lift_recency_above_age(frame_engine, rows):
    """The sum of a few doubles; the history is that of a purchase on the last day."""
    exact = TABLE.with_columns(pl.Series("recency", [0.0, 38.0, 10.0]))
    above = TABLE.with_columns(pl.Series("recency", [0.0, 38.0 * (1 + 1e-12), 10.0]))
    found, expected = (
        rows(use(clv.CustomerSummary.from_frame(frame_engine(table), unit="week")))
        for table in (above, exact)
    )
    assert [row[6:] for row in found] == [row[6:] for row in expected]


def test_names_that_clash(frame_engine):
    native = frame_engine(TABLE.rename({"recency": "t_x"}).with_columns(recency=pl.lit(0.0)))
    with pytest.raises(clv.DataError, match="'recency' is the standard name of another column"):
        clv.CustomerSummary.from_frame(native, unit="week", recency="t_x")
    for twice in ({"recency": "T"}, {"customer": "frequency"}, {"monetary_value": "T"}):
        with pytest.raises(clv.DataError):
            clv.CustomerSummary.from_frame(frame_engine(TABLE), unit="week", **twice)


def test_missing_columns_and_units(frame_engine):
    native = frame_engine(TABLE)
    with pytest.raises(clv.MissingColumnError, match="Did you mean 'frequency'"):
        clv.CustomerSummary.from_frame(native, unit="week", frequency="freqency")
    with pytest.raises(clv.ParameterError, match="'fortnight'"):
        clv.CustomerSummary.from_frame(native, unit="fortnight")
    with pytest.raises(clv.DataError, match="A ledger goes with a log"):
        _ = clv.CustomerSummary.from_frame(native, unit="week").ledger


def test_a_collected_table_was_checked(lazy_engine, rows):
    summary = clv.CustomerSummary.from_frame(lazy_engine(TABLE), unit="week").collect()
    assert isinstance(summary.frame, pl.DataFrame)
    assert rows(summary.frame) == TABLE.rows()
    twice = lazy_engine(TABLE.with_columns(customer_id=pl.lit("a")))
    with pytest.raises(clv.DataError, match="2 rows repeat an id"):
        clv.CustomerSummary.from_frame(twice, unit="week").collect()


def test_the_callers_table_and_the_summary_are_apart():
    table = TABLE.to_pandas()
    summary = clv.CustomerSummary.from_frame(table, unit="week")
    before = summary.frame.copy(deep=True)
    table.loc[0, "T"] = 99.0
    pd.testing.assert_frame_equal(summary.frame, before)
