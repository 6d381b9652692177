"""Amounts of every type and size, summed as doubles on every engine."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import clvmodels as clv

COLUMNS = {"customer": "who", "date": "when", "amount": "paid"}
DATES = [date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 2), date(2024, 1, 3)]
NAN, INF = float("nan"), float("inf")


def log_of(amounts: Any, dtype: Any = None) -> pl.DataFrame:
    """Return one customer's orders: a first, two on the second day, one on the third."""
    return pl.DataFrame({"who": ["a"] * 4, "when": DATES, "paid": pl.Series(amounts, dtype=dtype)})


def mean_of(native: Any, rows: Any, **options: Any) -> float:
    """Return monetary_value, the mean over the second and third day."""
    ((_, x, _, _, mean),) = rows(clv.rfm_summary(native, **(COLUMNS | options), unit="day").frame)
    assert x == 2
    return mean


TYPES = [pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64]
TYPES += [pl.Float32, pl.Float64, pl.Decimal(10, 2)]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_every_numeric_type(frame_engine, rows, dtype):
    # The sum of the day, 240, does not fit into 8 bits.
    native = frame_engine(log_of([1, 120, 120, 10], dtype))
    assert mean_of(native, rows) == 125.0


def test_products_do_not_overflow(frame_engine, rows):
    frame = log_of([0, 100, 100, 100], pl.Int8).with_columns(
        price=pl.Series([1, 4_000_000_000, 4_000_000_000, 1], dtype=pl.UInt32)
    )
    assert mean_of(frame_engine(frame), rows, amount=("paid", "price")) == 400_000_000_050.0


def test_sums_beyond_64_bits(frame_engine, rows):
    native = frame_engine(log_of([1, 2**62, 2**62, 2**62], pl.Int64))
    assert mean_of(native, rows) == 1.5 * 2.0**62


def test_files(engine, rows):
    assert mean_of(engine(log_of([1.5, 2.25, 0.25, 1e-3])), rows) == pytest.approx(1.2505)
    assert mean_of(engine(log_of([1, 2, 3, 4])), rows) == 4.5


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e12])
def test_a_change_of_currency_scales_the_mean(engine, rows, scale):
    native = engine(log_of([1.1 * scale, 2.2 * scale, 3.3 * scale, 4.4 * scale]))
    assert mean_of(native, rows) == pytest.approx(4.95 * scale, rel=1e-14)


@pytest.mark.parametrize("bad", [NAN, None, INF, -INF])
def test_a_missing_or_infinite_amount_is_refused(frame_engine, rows, bad):
    """On a day of two orders too, where others count it as zero."""
    native = frame_engine(log_of([1.0, 2.0, bad, 4.0], pl.Float64))
    with pytest.raises(clv.DataError, match=r"1 of 4 rows: (no|infinite) amount") as caught:
        clv.rfm_summary(native, **COLUMNS, unit="day")
    assert "customer a" in str(caught.value)
    with pytest.warns(clv.DataWarning, match="1 with (no|infinite) amount"):
        assert mean_of(native, rows, invalid="drop") == 3.0


def test_a_missing_amount_on_the_first_day_keeps_the_first_day(frame_engine, rows):
    frame = log_of([None, 2.0, 2.0, 4.0], pl.Float64)
    with pytest.warns(clv.DataWarning, match="1 with no amount"):
        summary = clv.rfm_summary(frame_engine(frame), **COLUMNS, unit="day", invalid="drop")
    assert rows(summary.frame) == [("a", 1, 1.0, 1.0, 4.0)]


def test_a_missing_price_makes_the_product_missing(frame_engine):
    frame = log_of([1, 2, 3, 4]).with_columns(price=pl.Series([1.0, None, NAN, 1.0]))
    with pytest.raises(clv.DataError, match="2 of 4 rows: no amount"):
        clv.rfm_summary(
            frame_engine(frame), customer="who", date="when", amount=("paid", "price"), unit="day"
        )


MONEY = [Decimal("1.00"), Decimal("2.00"), Decimal("3.00"), Decimal("4.00")]
PANDAS_COLUMNS = {
    "nullable int": pd.array([1, 2, 3, 4], dtype="Int64"),
    "nullable float": pd.array([1, 2, 3, 4], dtype="Float32"),
    "half": np.array([1, 2, 3, 4], dtype="f2"),
    "sparse": pd.arrays.SparseArray([1.0, 2.0, 3.0, 4.0]),
    "strided": np.array([1, 9, 2, 9, 3, 9, 4, 9.0])[::2],
    "arrow decimal": pd.array(MONEY, dtype=pd.ArrowDtype(pa.decimal128(9, 2))),
    "Decimal objects": pd.Series(MONEY, dtype=object),  # as from BigQuery and Spark
    "int objects": pd.Series([1, 2, 3, 4], dtype=object),
    "float objects": pd.Series([1.0, 2.0, 3.0, 4.0], dtype=object),
}


@pytest.mark.parametrize("kind", PANDAS_COLUMNS)
def test_pandas_types(kind, rows):
    frame = pd.DataFrame({"who": ["a"] * 4, "when": DATES, "paid": PANDAS_COLUMNS[kind]})
    assert mean_of(frame, rows) == 4.5


def test_duckdb_types(rows):
    connection = duckdb.connect()
    for kind in ("DECIMAL(5,2)", "DECIMAL(38,10)", "HUGEINT", "UBIGINT", "TINYINT", "FLOAT"):
        values = ", ".join(f"('a', '{day}', {i + 1})" for i, day in enumerate(DATES))
        relation = connection.sql(
            f'select who, d::date as "when", m::{kind} as paid from (values {values}) v(who, d, m)'
        )
        assert mean_of(relation, rows) == 4.5, kind


NOT_NUMBERS: dict[str, Any] = {
    "text": ["1.0", "2", "3", "4"],
    "currency": ["$1", "$2", "$3", "$4"],
    "booleans": [True, False, True, True],
    "dates": DATES,
    "lists": [[1], [2], [3], [4]],
}


@pytest.mark.parametrize("kind", NOT_NUMBERS)
def test_what_is_no_number_is_refused(frame_engine, kind):
    native = frame_engine(log_of(NOT_NUMBERS[kind]))
    with pytest.raises(clv.DataError, match="An amount is a number") as caught:
        clv.rfm_summary(native, **COLUMNS, unit="day")
    assert isinstance(caught.value, ValueError)
    assert "Column 'paid' has type" in str(caught.value)
    assert "convert it to float" in str(caught.value)


def test_pandas_objects_of_several_types_are_refused():
    column = pd.Series([1.0, None, "x", 2], dtype=object)
    frame = pd.DataFrame({"who": ["a"] * 4, "when": DATES, "paid": column})
    with pytest.raises(clv.DataError, match="Column 'paid' holds float, int, str"):
        clv.rfm_summary(frame, **COLUMNS, unit="day")


def test_missing_amounts_among_pandas_objects():
    column = pd.Series([Decimal(1), None, float("nan"), Decimal(2)], dtype=object)
    frame = pd.DataFrame({"who": ["a"] * 4, "when": DATES, "paid": column})
    with pytest.raises(clv.DataError, match="2 of 4 rows: no amount"):
        clv.rfm_summary(frame, **COLUMNS, unit="day")


def test_negative_zero_is_no_refund(engine, rows):
    native = engine(log_of([1.0, -0.0, 0.0, -0.0]))
    summary = clv.rfm_summary(native, **COLUMNS, unit="day", returns="error")
    assert rows(summary.frame) == [("a", 2, 2.0, 2.0, 0.0)]


def test_orders_of_one_day_do_not_depend_on_their_order(frame_engine, rows):
    frame = log_of([5.0, 1.0, 2.0, 3.0])
    expected = rows(clv.rfm_summary(frame_engine(frame), **COLUMNS, unit="day").frame)
    reverse = frame_engine(frame.reverse())
    assert rows(clv.rfm_summary(reverse, **COLUMNS, unit="day").frame) == expected
