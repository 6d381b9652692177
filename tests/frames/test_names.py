"""Names that collide, indexes, and the caller's frame, which never changes."""

from __future__ import annotations

from typing import Any

import pandas as pd
import polars as pl
import pytest

import clvmodels as clv

RECORDS = [("b", "2024-01-01", 4.0), ("a", "2024-01-02", 3.0), ("a", "2024-01-05", 2.0)]
EXPECTED = [("a", 1, 3.0, 3.0, 2.0), ("b", 0, 0.0, 4.0, None)]
# Names of dataframe methods, of columns that the library uses inside, and awkward ones.
NAMES = ["first", "min", "len", "index", "select", "_customer", "_day", "_amount", "_period"]
NAMES += ["_reason", "_raw", "_value", "p_alive", "customer id", 'a "quote"', "it's", "ä", "a.b"]


def frame_of(customer: str, date: str, amount: str) -> pl.DataFrame:
    frame = pl.DataFrame(RECORDS, schema=[customer, date, amount], orient="row")
    return frame.with_columns(frame[date].str.to_date())


@pytest.mark.parametrize("i", range(len(NAMES)))
def test_any_name_for_any_column(frame_engine, rows, names, i):
    """Each name is once that of the id, once of the date, once of the amount."""
    customer, date, amount = (NAMES[(i + step) % len(NAMES)] for step in range(3))
    native = frame_engine(frame_of(customer, date, amount))
    summary = clv.rfm_summary(native, customer=customer, date=date, amount=amount, unit="day")
    assert rows(summary.frame) == EXPECTED
    assert names(summary.frame)[0] == customer


# Names in DuckDB ignore case: an id called t would be taken for the T of the summary.
@pytest.mark.parametrize("name", ["frequency", "Recency", "T", "t", "monetary_value"])
def test_the_id_cannot_have_the_name_of_a_result(engine, name):
    native = engine(frame_of(name, "when", "paid"))
    with pytest.raises(clv.DataError, match="Rename the id column") as caught:
        clv.rfm_summary(native, customer=name, date="when", unit="day")
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("name", ["holdout_purchases", "holdout_value"])
def test_the_id_cannot_have_the_name_of_a_holdout_column(engine, name):
    native = engine(frame_of(name, "when", "paid"))
    with pytest.raises(clv.DataError, match="Rename the id column"):
        clv.holdout_split(
            native, customer=name, date="when", calibration_end="2024-01-02", unit="day"
        )


def test_columns_of_one_name_are_refused():
    frame = pd.DataFrame(RECORDS, columns=["who", "when", "who"])
    with pytest.raises(clv.DataError, match="names of their own"):
        clv.rfm_summary(frame, customer="who", date="when", unit="day")


INDEXES: dict[str, Any] = {
    "shuffled": [7, 3, 5],
    "repeated": [1, 1, 1],
    "text": ["x", "y", "z"],
    "named like the id": pd.Index([10, 20, 30], name="who"),
    "named like a result": pd.Index([10, 20, 30], name="frequency"),
    "several levels": pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, "a")]),
    "dates": pd.date_range("2024-01-01", periods=3),
}


@pytest.mark.parametrize("kind", INDEXES)
@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow", None])
def test_the_index_of_a_pandas_log_has_no_influence(kind, backend, rows):
    frame = pd.DataFrame(RECORDS, columns=["who", "when", "paid"])
    if backend is not None:
        frame = frame.convert_dtypes(dtype_backend=backend)
    frame.index = INDEXES[kind]
    before, dtypes = frame.copy(deep=True), frame.dtypes.copy()
    summary = clv.rfm_summary(frame, customer="who", date="when", amount="paid", unit="day")
    assert rows(summary.frame) == EXPECTED
    assert summary.frame.index.equals(pd.RangeIndex(2))
    pd.testing.assert_frame_equal(frame, before)
    assert frame.dtypes.equals(dtypes)
    assert frame.index.names == before.index.names


def test_an_id_in_the_index_is_not_a_column():
    frame = pd.DataFrame(RECORDS, columns=["who", "when", "paid"]).set_index("who")
    with pytest.raises(clv.MissingColumnError, match="'when', 'paid'"):
        clv.rfm_summary(frame, customer="who", date="when", unit="day")


def test_eager_frames_are_never_changed(frame_engine, rows):
    frame = pl.DataFrame(
        {
            "who": [None, "b", " ", "a", "a"],
            "when": ["2024-01-01", " 2024-01-02", "", "x", "2024-01-04"],
            "paid": [1.0, -2.0, float("nan"), 3.0, 1.0],
        }
    )
    native = frame_engine(frame)
    keep = native if frame_engine.lazy else frame_engine(frame)
    with pytest.warns(clv.DataWarning):
        summary = clv.rfm_summary(
            native, customer="who", date="when", amount="paid", unit="day", invalid="drop"
        )
    assert summary.ledger.balances
    clv.predict(summary, clv.BGNBD(0.2, 4.0, 0.8, 2.4), horizon=1)
    if frame_engine.name.startswith("pandas"):
        pd.testing.assert_frame_equal(native, keep)
    elif frame_engine.name == "pyarrow":
        assert native.schema == keep.schema
        assert native.to_pydict()["who"] == frame["who"].to_list()
    elif frame_engine.name == "polars":
        assert native.equals(frame)
        assert native.schema == frame.schema
    assert rows(native) == rows(keep)


def test_numpy_memory_is_never_written_to():
    import numpy as np

    who, paid = np.array([2, 1, 1]), np.array([1.0, 2.0, -1.0])
    when = np.array(["2024-01-01", "2024-01-02", "2024-01-03"], dtype="M8[ns]")
    for array in (who, when, paid):
        array.setflags(write=False)
    frame = pd.DataFrame({"who": who, "when": when, "paid": paid}, copy=False)
    summary = clv.rfm_summary(frame, customer="who", date="when", amount="paid", unit="day")
    assert summary.frame["frequency"].tolist() == [0, 0]
