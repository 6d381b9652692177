"""Wrong arguments and unusable logs: which error, which place, which next step."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv

COLUMNS = {"customer": "who", "date": "when", "amount": "paid"}
ORDERS = [("a", "2024-01-05", 1.0), ("a", "2024-01-09", 2.0), ("b", "2024-01-07", 3.0)]


@pytest.fixture
def native(engine, log) -> Any:
    return engine(log(*ORDERS))


def message_of(kind: type[Exception], call: Any) -> str:
    """Return the message of an expected error, which names a rule, a place and a next step."""
    with pytest.raises(kind) as caught:
        call()
    error = caught.value
    assert isinstance(error, clv.ClvError)
    assert error.rule
    assert error.place
    assert error.fix
    return str(error)


@pytest.mark.parametrize(
    ("role", "wrong", "nearest"),
    [("customer", "whom", "who"), ("date", "When", "when"), ("amount", "payed", "paid")],
)
def test_a_missing_column_names_the_nearest(native, role, wrong, nearest):
    columns = COLUMNS | {role: wrong}
    for kind in (clv.MissingColumnError, KeyError, ValueError):
        text = message_of(kind, lambda: clv.rfm_summary(native, **columns, unit="day"))
        assert f"The {role} column" in text
        assert repr(wrong) in text
        assert f"Did you mean {nearest!r}?" in text


def test_a_missing_column_without_a_near_one_lists_what_is_there(native):
    columns = COLUMNS | {"amount": ("paid", "zzz")}
    text = message_of(
        clv.MissingColumnError, lambda: clv.rfm_summary(native, **columns, unit="day")
    )
    assert "Known: 'who', 'when', 'paid'" in text


def test_an_empty_log(engine, log):
    empty = engine(log(*ORDERS).clear())
    text = message_of(clv.DataError, lambda: clv.rfm_summary(empty, **COLUMNS, unit="day"))
    assert "at least one row" in text


def test_an_empty_pandas_frame_has_no_types():
    empty = pd.DataFrame(columns=["who", "when", "paid"])
    text = message_of(ValueError, lambda: clv.rfm_summary(empty, **COLUMNS, unit="day"))
    assert "This one is empty" in text


def test_the_end_before_the_first_order(native):
    text = message_of(
        ValueError,
        lambda: clv.rfm_summary(native, **COLUMNS, observed_until="2024-01-04", unit="day"),
    )
    assert "Of 3 rows: 3 after observed_until (for instance of customer" in text
    assert "Observation ends on 2024-01-04" in text


def test_refunds_alone_are_no_purchases(engine, log):
    native = engine(log(("a", "2024-01-05", -1.0), ("b", "2024-01-09", -2.0)))
    text = message_of(ValueError, lambda: clv.rfm_summary(native, **COLUMNS, unit="day"))
    assert "Of 2 rows: 2 refund" in text


@pytest.mark.parametrize(
    ("option", "kind", "part"),
    [
        ({"unit": "weeks"}, clv.ParameterError, "Did you mean 'week'?"),
        ({"unit": "D"}, clv.ParameterError, "'day', 'week', 'month', 'quarter', 'year'"),
        ({"returns": "nett"}, clv.DataError, "Did you mean 'net'?"),
        ({"invalid": "ignore"}, clv.DataError, "`invalid` is one of 'error', 'drop'"),
        ({"grid": "fortnight"}, clv.DataError, "`grid` is one of 'day', 'week'"),
        ({"observed_until": "soon"}, clv.ParameterError, "Got 'soon'"),
    ],
)
def test_options_outside_their_choices(log, option, kind, part):
    options = {"unit": "day"} | option
    text = message_of(kind, lambda: clv.rfm_summary(log(*ORDERS), **COLUMNS, **options))
    assert part in text
    with pytest.raises(ValueError):
        clv.rfm_summary(log(*ORDERS), **COLUMNS, **options)


NO_FRAMES = [None, 5, [1, 2], {"who": [1]}, pl.Series([1]), pd.Series([1]), object()]


@pytest.mark.parametrize("thing", NO_FRAMES, ids=lambda thing: type(thing).__name__)
def test_what_is_no_frame(thing):
    text = message_of(ValueError, lambda: clv.rfm_summary(thing, **COLUMNS, unit="day"))
    assert f"{type(thing).__module__}.{type(thing).__qualname__}" in text
    text = message_of(ValueError, lambda: clv.CustomerSummary.from_frame(thing, unit="day"))
    assert "pandas, polars or pyarrow" in text


def test_narwhals_frames_are_taken(rows, log):
    summary = clv.rfm_summary(nw.from_native(log(*ORDERS)), **COLUMNS, unit="day")
    assert isinstance(summary.frame, pl.DataFrame)
    assert rows(summary.frame) == [("a", 1, 4.0, 4.0, 2.0), ("b", 0, 0.0, 2.0, None)]


def test_examples_name_the_users_ids(engine, log):
    records = [(f"good {i}", "2024-01-05", 1.0) for i in range(9)]
    records += [(f"bad {i}", "2024-01-05", None) for i in range(9)]
    native = engine(log(*records))
    with pytest.raises(clv.DataError) as caught:
        clv.rfm_summary(native, **COLUMNS, unit="day")
    place = caught.value.place
    assert place.startswith("9 of 18 rows: no amount (for instance of customer bad ")
    assert place.endswith(", ...).")
    assert "good" not in place


def test_a_warning_points_at_the_callers_line(log):
    with pytest.warns(clv.DataWarning) as caught:
        clv.rfm_summary(log(*ORDERS, (None, "2024-01-08", 1.0)), **COLUMNS, unit="day")
    assert caught[0].filename == __file__
    with pytest.warns(clv.DataWarning) as caught:
        clv.holdout_split(
            log(*ORDERS, (None, "2024-01-08", 1.0)),
            **COLUMNS,
            calibration_end="2024-01-07",
            unit="day",
        )
    assert len(caught) == 1
    assert caught[0].filename == __file__
