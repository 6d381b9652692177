"""What a summary state refuses, recognises and says."""

from __future__ import annotations

import json
import uuid
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import clvmodels as clv

from .state_rebuild import COLUMNS, START, assert_same, files_of, frame, losses

FIRST = [("a", START, 10.0), ("b", START + timedelta(days=2), 5.0), ("a", START, 2.5)]
NEXT = [("a", START + timedelta(days=5), 0.1), ("a", START + timedelta(days=5), 0.2),
        ("c", START + timedelta(days=4), 7.0)]  # fmt: skip


@pytest.fixture
def state(tmp_path: Path) -> clv.SummaryState:
    return clv.SummaryState.create(tmp_path / "state", frame(FIRST), **COLUMNS)


def test_it_says_what_it_holds(state):
    assert state.observed_until == START + timedelta(days=2)
    assert repr(state) == "<SummaryState: 3 rows in 1 update, observed until 2024-01-03>"
    state = clv.update(state.folder, frame(NEXT))
    assert repr(state) == "<SummaryState: 6 rows in 2 updates, observed until 2024-01-06>"
    assert [each.number for each in state.updates] == [1, 2]
    assert state.updates[1].first_day == START + timedelta(days=4)
    assert state == clv.SummaryState.open(str(state.folder))


# --- the same orders twice --------------------------------------------------------------------


@pytest.mark.parametrize("batch", [FIRST, NEXT])
def test_the_same_rows_are_recognised(state, engine, batch):
    """In any order, from any engine, after later updates, and whatever `late` says."""
    state = state.update(frame(NEXT)).update(frame([("b", START + timedelta(days=9), 1.0)]))
    before = files_of(state.folder)
    for late in ("error", "add"):
        with pytest.warns(
            clv.DataWarning, match="were applied before, as update [12] of"
        ) as caught:
            same = clv.update(state, engine(frame(batch[::-1])), late=late)
        assert same is state
        assert files_of(state.folder) == before
        assert caught[0].filename == __file__


def test_the_same_job_twice_changes_nothing(state):
    day = START + timedelta(days=6)
    state = state.update(frame(NEXT), observed_until=day)
    with pytest.warns(clv.DataWarning, match="applied before"):
        assert state.update(frame(NEXT), observed_until=day) is state
    with pytest.raises(clv.DataError, match=r"applied once.*pass none of them"):
        state.update(frame(NEXT), observed_until=day + timedelta(days=1))


@pytest.mark.parametrize(
    "other",
    [
        [("a", START, 9.0), ("b", START + timedelta(days=2), 6.0), ("a", START, 2.5)],
        [("a", START, 5.0), ("b", START + timedelta(days=2), 12.5), ("a", START, 0.0)],
        [("b", START, 10.0), ("a", START + timedelta(days=2), 5.0), ("b", START, 2.5)],
        [("a", START, 12.5), ("b", START + timedelta(days=2), 5.0)],
    ],
    ids=["other amounts", "moved amounts", "other customers", "one row"],
)
def test_other_rows_of_the_same_days_are_not_the_same(state, other):
    with pytest.raises(clv.DataError, match="dated after the end of observation so far"):
        state.update(frame(other))
    added = state.update(frame(other), late="add")
    assert_same(added, clv.rfm_summary(frame(FIRST + other), **COLUMNS, unit="day"))


def test_small_amounts_that_change_places_beside_a_large_one(state):
    """Every row counts to the last bit, however large the others are."""
    state = state.update(frame([]), observed_until=START + timedelta(days=9))
    late = START + timedelta(days=3)
    batches = [
        [("1", late, 1e9), ("2", late, small), ("3", late, other)]
        for small, other in ((5.0, 6.0), (6.0, 5.0), (5.0, 6.000000000000001))
    ]
    for batch in batches:
        state = state.update(frame(batch), late="add")
    assert len(state.updates) == 5
    everything = frame([*FIRST, *(row for batch in batches for row in batch)])
    end = state.observed_until
    assert_same(state, clv.rfm_summary(everything, **COLUMNS, unit="day", observed_until=end))


@pytest.mark.parametrize("grid", ["day", "week"])
def test_rows_of_one_customer_and_period_are_told_apart(tmp_path, grid):
    """Their sums and numbers are the same, so only the rows themselves differ."""
    day = START + timedelta(days=1)
    batches = [
        [("a", day, 1.0), ("a", day, 1.0), ("a", day, 4.0)],
        [("a", day, 2.0), ("a", day, 2.0), ("a", day, 2.0)],
    ]
    if grid == "week":
        batches.append([("a", START, 2.0), ("a", day, 2.0), ("a", day, 2.0)])
    state = clv.SummaryState.create(tmp_path / "state", frame(batches[0]), **COLUMNS, grid=grid)
    for batch in batches[1:]:
        state = state.update(frame(batch), late="add")
    assert len(state.updates) == len(batches)


def test_amounts_of_another_type_are_the_same_rows(state, engine):
    whole = frame([("a", START + timedelta(days=5), 3.0), ("b", START + timedelta(days=5), -0.0),
                   ("b", START + timedelta(days=5), 12.0)])  # fmt: skip
    state = state.update(engine(whole))
    for dtype in (pl.Int64(), pl.Int16(), pl.Decimal(12, 2), pl.Float32()):
        for form in (engine, pl.DataFrame.lazy):
            with pytest.warns(clv.DataWarning, match="applied before"):
                assert (
                    state.update(form(whole[::-1].with_columns(pl.col("paid").cast(dtype))))
                    is state
                )


def test_decimals_are_the_floats_that_they_read_as(state, engine):
    prices = [19.99, 0.1, 1234.56, -0.07, 99999.99, 0.29]
    floats = frame(
        [(f"d{i % 3}", START + timedelta(days=5), each) for i, each in enumerate(prices)]
    )
    state = state.update(floats)
    decimals = floats.with_columns(pl.col("paid").round(2).cast(pl.Decimal(12, 2)))
    for form in (engine(decimals), engine(floats)):
        with pytest.warns(clv.DataWarning, match="applied before"):
            assert state.update(form) is state


def test_overlap_is_refused_with_what_to_do(state):
    with pytest.raises(clv.DataError) as caught:
        state.update(frame([FIRST[1], *NEXT]))
    message = str(caught.value)
    assert "2024-01-03" in message
    assert "1 of 4 rows" in message
    assert "late='add'" in message


# --- dates ------------------------------------------------------------------------------------


def test_orders_after_the_end_wait_for_their_day(state, tmp_path):
    with pytest.raises(clv.DataError, match="3 of 3 rows are dated after 2024-01-04"):
        state.update(frame(NEXT), observed_until=START + timedelta(days=3))
    with pytest.raises(clv.DataError, match="1 of 3 rows are dated after 2024-01-02"):
        clv.SummaryState.create(
            tmp_path / "new", frame(FIRST), **COLUMNS, observed_until="2024-01-02"
        )


def test_observation_never_ends_earlier(state):
    with pytest.raises(clv.ParameterError, match="It ends on 2024-01-03"):
        state.update(frame(NEXT), observed_until=START)


@pytest.mark.parametrize("form", ["polars", "pandas", "lazy", "csv"])
def test_a_night_without_orders(state, tmp_path, form):
    none = frame([])
    none.write_csv(tmp_path / "none.csv")
    night = {"polars": none, "pandas": none.to_pandas(), "lazy": none.lazy(),
             "csv": tmp_path / "none.csv"}[form]  # fmt: skip
    with pytest.raises(clv.EmptyLogError, match="at least one row"):
        state.update(night)
    end = START + timedelta(days=20)
    later = state.update(night, observed_until=end)
    assert len(later.updates) == 2
    assert_same(later, clv.rfm_summary(frame(FIRST), **COLUMNS, unit="day", observed_until=end))
    with pytest.warns(clv.DataWarning, match="ends on 2024-01-21 already"):
        assert later.update(night, observed_until=end) is later


def test_nights_of_refunds_and_of_broken_rows(state):
    refund, broken = [("a", START + timedelta(days=3), -2.5)], [(None, None, 4.0), ("d", None, 1.0)]
    later = state.update(frame(refund))
    with pytest.warns(clv.DataWarning, match="Left out of 2 rows") as caught:
        later = later.update(frame(broken))
    assert caught[0].filename == __file__
    with losses():
        later = later.update(frame(broken))  # nothing in them tells two batches apart
        assert_same(
            later, clv.rfm_summary(frame(FIRST + refund + 2 * broken), **COLUMNS, unit="day")
        )


def test_a_customer_of_broken_rows_becomes_one(state):
    """Who had no usable row is counted once, and as a customer when an order comes."""
    rows = [("d", None, 1.0)], [("d", START + timedelta(days=4), 3.0)]
    with losses():
        later = state.update(frame(rows[0])).update(frame(rows[1]))
        assert_same(later, clv.rfm_summary(frame(FIRST + rows[0] + rows[1]), **COLUMNS, unit="day"))


# --- ids, columns and rules -------------------------------------------------------------------


def test_ids_of_another_type_are_refused(state, tmp_path):
    numbers = frame(NEXT).with_columns(pl.Series("who", [1, 1, 3]))
    with pytest.raises(clv.DataError, match=r"has Int64 now, as in 1, 3.*the state has String"):
        state.update(numbers)
    whole = clv.SummaryState.create(tmp_path / "whole", numbers, **COLUMNS)
    later = pd.DataFrame({"who": [1.0, None], "when": ["2024-02-01"] * 2, "paid": [1.0, 2.0]})
    with losses(), pytest.raises(clv.DataError, match="turns into floats where one is missing"):
        whole.update(later)
    later = later.assign(who=later["who"].astype("Int32"))
    with losses():
        whole = whole.update(later)
    assert whole.summary().collect().frame["who"].to_list() == [1, 3]


def test_ids_that_no_file_keeps_are_refused(tmp_path):
    ids = [uuid.UUID(int=1), uuid.UUID(int=2)]
    orders = pd.DataFrame({"who": ids, "when": ["2024-01-01"] * 2, "paid": [1.0, 2.0]})
    with pytest.raises(clv.DataError, match="text will do"):
        clv.SummaryState.create(tmp_path / "state", orders, **COLUMNS)
    state = clv.SummaryState.create(tmp_path / "state", orders.astype({"who": str}), **COLUMNS)
    assert len(state.summary().collect().frame) == 2


def test_columns_keep_their_names(state):
    with pytest.raises(clv.MissingColumnError, match="Did you mean 'Who'"):
        state.update(frame(NEXT).rename({"who": "Who"}))


def test_rules_hold_for_every_night(tmp_path):
    orders = frame(FIRST).with_columns(pl.col("when").dt.strftime("%d.%m.%Y"))
    rules: dict[str, Any] = {"returns": "error", "date_format": "%d.%m.%Y"}
    state = clv.SummaryState.create(tmp_path / "state", orders, **COLUMNS, **rules)
    night = frame(NEXT).with_columns(pl.col("when").dt.strftime("%d.%m.%Y"))
    state = clv.update(clv.SummaryState.open(state.folder), night)
    assert (
        state.summary().definitions
        == clv.rfm_summary(orders, **COLUMNS, **rules, unit="week").definitions
    )
    with pytest.raises(clv.DataError, match="no amount is below zero"):
        state.update(night.with_columns(paid=-1.0, when=pl.lit("01.02.2024")))
    bad = night.with_columns(paid=pl.lit(None, pl.Float64), when=pl.lit("01.02.2024"))
    with pytest.raises(clv.DataError, match="no amount"):
        state.update(bad)


def test_strict_refuses_before_anything_changes(tmp_path):
    state = clv.SummaryState.create(tmp_path / "state", frame(FIRST), **COLUMNS, strict=True)
    before = files_of(state.folder)
    with pytest.raises(clv.DataError, match=r"Refunds of 3\.00 have none"):
        state.update(frame([("b", START + timedelta(days=3), -8.0)]))
    with pytest.raises(clv.DataError, match="1 of 1 rows: no customer id"):
        state.update(frame([(None, START + timedelta(days=3), 8.0)]))
    state = state.update(frame([("b", START + timedelta(days=3), -5.0)]))
    assert before["state.json"] != files_of(state.folder)["state.json"]
    assert_same(
        state,
        clv.rfm_summary(
            frame([*FIRST, ("b", START + timedelta(days=3), -5.0)]), **COLUMNS, unit="week"
        ),
    )


def test_unknown_choices_are_refused(state, tmp_path):
    with pytest.raises(clv.DataError, match="A state counts days or weeks"):
        clv.SummaryState.create(tmp_path / "new", frame(FIRST), **COLUMNS, grid="month")
    with pytest.raises(clv.DataError, match="`grid` is one of"):
        clv.SummaryState.create(tmp_path / "new", frame(FIRST), **COLUMNS, grid="fortnight")
    with pytest.raises(clv.DataError, match="`returns` is one of"):
        clv.SummaryState.create(tmp_path / "new", frame(FIRST), **COLUMNS, returns="keep")
    with pytest.raises(clv.DataError, match="`late` is one of"):
        state.update(frame(NEXT), late="drop")
    with pytest.raises(clv.ParameterError, match="A time unit is one of"):
        state.summary("fortnight")
    # What was refused left nothing in the way.
    clv.SummaryState.create(tmp_path / "new", frame(FIRST), **COLUMNS)


def test_an_empty_log_makes_no_state(tmp_path):
    with pytest.raises(clv.EmptyLogError):
        clv.SummaryState.create(tmp_path / "new", frame([]), **COLUMNS, observed_until=START)
    with pytest.raises(clv.DataError, match="at least one purchase"):
        clv.SummaryState.create(tmp_path / "new", frame([("a", START, -1.0)]), **COLUMNS)
    with pytest.raises(clv.StateError, match=r"no state|cannot be read"):
        clv.SummaryState.open(tmp_path / "new")


# --- folders ----------------------------------------------------------------------------------


def test_a_state_gets_a_folder_of_its_own(state, tmp_path):
    with pytest.raises(clv.StateError, match="holds a state"):
        clv.SummaryState.create(state.folder, frame(FIRST), **COLUMNS)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(clv.StateError, match=r"holds 'notes\.txt'"):
        clv.SummaryState.create(tmp_path / "mine", frame(FIRST), **COLUMNS)
    with pytest.raises(clv.StateError, match="Choose another path"):
        clv.SummaryState.create(tmp_path / "mine" / "notes.txt", frame(FIRST), **COLUMNS)
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "It is no JSON"),
        ('{"format": "clvmodels"}', "of something else"),
        ("[]", "of something else"),
        ('{"format": "clvmodels summary state", "schema": 1}', "reads summary states of schema 2"),
        ('{"format": "clvmodels summary state", "schema": 2}', "malformed"),
    ],
)
def test_what_is_no_state_is_refused(tmp_path, text, match):
    with pytest.raises(clv.StateError, match=r"state\.json cannot be read"):
        clv.SummaryState.open(tmp_path)
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(clv.StateError, match=match):
        clv.SummaryState.open(tmp_path)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("rules", "grid"), "fortnight"),
        (("counts", "gift"), {"rows": 1, "amount": 0.0}),
        (("counts", "purchase", "rows"), -1),
        (("days", 0, "name"), "../other.parquet"),
        (("updates", 0, "observed_until"), "soon"),
        (("updates", 0, "fingerprint", "digest"), [1.0]),
        (("updates",), []),
        (("customers",), []),
    ],
)
def test_a_manifest_that_was_edited_is_refused(state, path, value):
    file = state.folder / "state.json"
    content = json.loads(file.read_text())
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    file.write_text(json.dumps(content))
    with pytest.raises(clv.StateError, match="malformed"):
        clv.SummaryState.open(state.folder)


def test_missing_and_broken_files_are_said(state):
    part = state.folder / state.manifest.days[0].name
    whole = part.read_bytes()
    part.write_bytes(whole[:-1])
    with pytest.raises(clv.StateError, match=rf"{part.name} is missing or not of its"):
        clv.SummaryState.open(state.folder)
    with pytest.raises(clv.StateError, match="missing or not of its"):
        state.update(frame(NEXT))
    part.write_bytes(b"x" * len(whole))
    with pytest.raises(clv.StateError, match="files of a state are as they were written"):
        state.update(frame([("a", START + timedelta(days=4), -1.0)]))
    part.unlink()
    with pytest.raises(clv.StateError, match="restore the folder"):
        clv.SummaryState.open(state.folder)


def test_the_frame_of_an_earlier_state_can_still_be_read(state):
    """Files stay for one update after the one that replaced them."""
    days = [START + timedelta(days=i) for i in range(10, 14)]
    many = frame([(f"n{i}", day, 1.0) for i in range(9) for day in days[:1]])
    early = state.summary("day")
    expected = early.collect().frame.rows()
    state.update(many)
    assert early.collect().frame.rows() == expected


def test_warnings_may_be_errors(state):
    """A job that treats warnings as errors leaves the state as it was."""
    before = files_of(state.folder)
    with pytest.raises(clv.DataWarning, match="Left out of"):  # pytest makes them errors
        state.update(frame([*NEXT, (None, date(2024, 2, 1), 1.0)]))
    assert files_of(state.folder) == before
