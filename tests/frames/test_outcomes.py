"""What customers did after a cut: the same arrays from every engine, whatever the order of rows."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv
from clvmodels.diagnostics import Outcomes, outcomes

COLUMNS = {"customer": "who", "date": "when", "amount": "paid"}
START, CUT = date(2024, 1, 1), date(2024, 3, 31)
SAME = 1e-9  # money: sums of the same amounts in another order


def records(seed: int = 1, people: int = 80) -> pl.DataFrame:
    """Half a year of orders with tenths in their amounts, many histories of which are alike."""
    draw = random.Random(seed)
    rows = [
        (f"c{draw.randrange(people):03}", START + timedelta(days=draw.randrange(182)))
        for _ in range(5 * people)
    ]
    paid = [draw.choice([0.1, 0.2, 0.3, 9.9, -0.1]) for _ in rows]
    frame = pl.DataFrame(rows, schema=["who", "when"], orient="row")
    return frame.with_columns(paid=pl.Series(paid))


def people(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a customer table: a region or none, a day and a number for each."""
    ids = frame["who"].unique().sort()
    number = pl.Series(range(len(ids)))
    return pl.DataFrame(
        {
            "who": ids,
            "region": [None if i % 5 == 0 else f"R{i % 3}" for i in number],
            "joined": [START + timedelta(days=i % 4) for i in number],
            "age": number % 2 + 0.5,
            "score": [None if i % 7 == 0 else i % 3 for i in number],
        }
    )


def split_of(native: Any, **options: Any) -> clv.HoldoutSplit:
    return clv.holdout_split(native, **COLUMNS, calibration_end=CUT, unit="week", **options)


def columns_of(found: Outcomes) -> dict[str, Any]:
    x, t_x, T = found.customers.timing
    return {
        "x": x,
        "t_x": t_x,
        "T": T,
        "m": found.customers.monetary_value,
        "purchases": found.purchases,
        "value": found.value,
    }


def assert_same(found: Outcomes, wanted: Outcomes) -> None:
    assert len(found) == len(wanted) > 0
    theirs = columns_of(wanted)
    for name, column in columns_of(found).items():
        np.testing.assert_allclose(column, theirs[name], rtol=SAME, atol=SAME, err_msg=name)
    for name, labels in wanted.segments.items():
        np.testing.assert_array_equal(found.segments[name], labels, err_msg=name)
    for name, labels in wanted.customers.covariates.items():
        assert found.customers.covariates[name].tolist() == labels.tolist(), name


def with_table(split: clv.HoldoutSplit, table: Any) -> clv.HoldoutSplit:
    return replace(split, calibration=split.calibration.with_covariates(table))


def test_the_same_from_every_engine(engine):
    frame = records()
    found = outcomes(split_of(engine(frame), intervals=True))
    wanted = outcomes(split_of(frame, intervals=True))
    assert_same(found, wanted)
    np.testing.assert_allclose(
        found.customers.log_intervals, wanted.customers.log_intervals, rtol=SAME, atol=SAME
    )
    assert (found.horizon, found.unit) == (13.0, "week")
    assert (found.calibration_end, found.observed_until) == (CUT, date(2024, 6, 30))


def test_segments_and_covariates_from_every_engine(frame_engine):
    frame = records(2)
    table = people(frame)
    options = {"columns": ("region", "joined", "score"), "covariates": ("age",)}
    found = outcomes(with_table(split_of(frame_engine(frame)), frame_engine(table)), **options)
    wanted = outcomes(with_table(split_of(frame), table), **options)
    assert_same(found, wanted)
    assert set(found.segments["region"].tolist()) == {None, "R0", "R1", "R2"}
    assert found.segments["joined"].tolist()[0] in {f"2024-01-0{day}" for day in range(1, 5)}
    assert found.customers.covariates["age"].dtype == np.float64
    assert np.isnan(found.segments["score"]).any()


def test_the_order_of_orders_does_not_matter():
    frame = records(3)
    found = outcomes(split_of(frame.sample(fraction=1.0, shuffle=True, seed=1)))
    assert_same(found, outcomes(split_of(frame)))


def test_against_a_plain_count():
    """By a loop over the orders of each customer, without the library."""
    frame = records(4).with_columns(pl.col("paid").abs())
    found = outcomes(split_of(frame))
    rows = []
    for _, own in frame.group_by("who"):
        days = own.group_by("when").agg(pl.col("paid").sum()).sort("when")
        before, after = days.filter(pl.col("when") <= CUT), days.filter(pl.col("when") > CUT)
        if not len(before):
            continue
        first, last = before["when"][0], before["when"][-1]
        rows.append(
            (
                len(before) - 1,
                (last - first).days / 7,
                (CUT - first).days / 7,
                len(after),
                after["paid"].sum(),
            )
        )
    exact = np.array(sorted(rows))
    x, t_x, T = found.customers.timing
    ours = np.array(sorted(zip(x, t_x, T, found.purchases, found.value, strict=True)))
    np.testing.assert_allclose(ours, exact, rtol=SAME, atol=SAME)


def test_rows_are_sorted_by_history_then_by_outcome():
    found = outcomes(split_of(records(5)))
    x, t_x, T = found.customers.timing
    rows = list(zip(x, t_x, T, strict=True))
    assert rows == sorted(rows)
    idle = (x == 0) & (t_x == t_x[0]) & (T[0] == T)
    assert (np.diff(found.purchases[idle]) >= 0).all()


def test_stored_collected_and_mixed_splits(tmp_path, lazy_engine):
    frame = records(6)
    wanted, split = outcomes(split_of(frame)), split_of(lazy_engine(frame))
    stored = replace(split, calibration=split.calibration.store(tmp_path / "rfm.parquet"))
    assert_same(outcomes(stored), wanted)
    assert_same(outcomes(replace(split, calibration=split.calibration.collect())), wanted)


def test_rows_of_the_holdout_in_another_order_are_found_by_id():
    split = split_of(records(7))
    turned = replace(split, holdout=split.holdout.sample(fraction=1.0, shuffle=True, seed=2))
    assert_same(outcomes(turned), outcomes(split))


@pytest.mark.parametrize("lazy", [False, True])
def test_other_customers_are_refused(lazy):
    frame = records(8).lazy() if lazy else records(8)
    split, other = split_of(frame), split_of(frame.filter(pl.col("who") != "c007"))
    with pytest.raises(clv.DataError, match="1 of these are not in it"):
        outcomes(replace(split, holdout=other.holdout))


def test_a_column_that_is_not_there():
    split = split_of(records(9))
    with pytest.raises(clv.MissingColumnError, match="'regoin'"):
        outcomes(split, columns=("regoin",))
    with pytest.raises(clv.MissingColumnError, match="covariate"):
        outcomes(split, covariates=("age",))


def test_without_amounts():
    frame = records(10)
    split = clv.holdout_split(frame, customer="who", date="when", calibration_end=CUT, unit="day")
    found = outcomes(split)
    assert found.value is None
    assert found.customers.monetary_value is None
    assert found.take(slice(0, 3)).purchases.tolist() == found.purchases[:3].tolist()
    assert repr(found).startswith(f"<Outcomes: {len(found)} customers, ")


def test_ids_of_any_type():
    frame = records(11).to_pandas()
    ids = [("x", int(name[1:])) for name in frame["who"]]  # what polars cannot join by
    other = frame.assign(who=pd.Series(ids, dtype=object))
    assert_same(outcomes(split_of(other)), outcomes(split_of(frame)))


def test_take_keeps_rows_together():
    frame = records(12)
    found = outcomes(with_table(split_of(frame), people(frame)), columns=("region",))
    some = found.take(found.segments["region"] == "R1")
    assert set(some.segments["region"].tolist()) == {"R1"}
    assert len(some) == len(some.customers) == len(some.value) < len(found)
