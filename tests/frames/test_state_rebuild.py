"""A summary state, updated batch by batch, is the summary of all orders at once."""

from __future__ import annotations

import warnings
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import clvmodels as clv

from ..conftest import shared_file
from .state_rebuild import (
    COLUMNS,
    MONEY,
    START,
    Record,
    assert_same,
    frame,
    in_order,
    losses,
    random_log,
    rows_of,
    shuffled,
)
from .test_refunds import by_hand

PARAMETERS = 1e-9  # relative: the climb ends when the gradient vanishes, not at a digit


def apply(
    folder: Path, batches: list[list[Record]], *, late: Any = "error", **rules: Any
) -> clv.SummaryState:
    """Create and update a state; compare it with a rebuild after every batch."""
    done: list[Record] = []
    state = None
    for batch in batches:
        done += batch
        with losses():
            if state is None:
                state = clv.SummaryState.create(folder, frame(batch), **COLUMNS, **rules)
            else:
                state = clv.update(state, frame(batch), late=late)
            rebuilt = clv.rfm_summary(
                frame(done), **COLUMNS, **rules, unit="week", observed_until=state.observed_until
            )
        assert_same(state, rebuilt)
        assert_same(clv.SummaryState.open(folder), rebuilt)
    assert state is not None
    return state


@pytest.mark.parametrize("returns", ["net", "drop"])
@pytest.mark.parametrize("seed", range(3))
def test_batches_in_order(tmp_path, seed, returns):
    log = random_log(seed, rows=400, people=30, days=60)
    batches = in_order(log, seed, 6)
    state = apply(tmp_path / "state", batches, invalid="drop", returns=returns)
    assert len(state.updates) == len(batches)


@pytest.mark.parametrize("seed", range(3))
def test_late_rows(tmp_path, seed):
    log = random_log(10 + seed, rows=200, people=12, days=40)
    batches = shuffled(log, seed, 5)
    apply(tmp_path / "state", batches, late="add", invalid="drop")


@pytest.mark.parametrize("order", [in_order, shuffled])
def test_weeks(tmp_path, order):
    log = random_log(20, rows=200, people=12, days=60)
    batches = order(log, 1, 5)
    apply(tmp_path / "state", batches, late="add", invalid="drop", grid="week")


def test_what_is_rounding_depends_on_all_orders(tmp_path):
    """What is left of an order counts as money beside small orders, and as rounding beside large.

    So customers who returned something are made anew whenever they buy.
    """
    small = [("a", START, 5.0), ("a", START + timedelta(days=1), 1.0)]
    small += [("a", START + timedelta(days=2), 1e-9 - 1.0)]
    large: list[Record] = [("a", START + timedelta(days=3), 1e6)]
    batches: list[list[Record]] = [[*small, ("b", START, 1.0)], large]
    state = apply(tmp_path / "state", batches)
    assert [row[1] for row in rows_of(state.summary("day"))] == [1, 0]
    first = clv.rfm_summary(frame(batches[0]), **COLUMNS, unit="day")
    assert [row[1] for row in rows_of(first)] == [1, 0]  # the second order counted until then


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from("ab"), st.integers(0, 6), st.integers(-12, 12)),
            min_size=1,
            max_size=8,
        ),
        min_size=1,
        max_size=4,
    ).filter(lambda batches: any(cents >= 0 for _, _, cents in batches[0]))
)
def test_any_batches_agree_with_a_stack(tmp_path_factory, batches):
    """The stack of `test_refunds` counts in whole cents and knows nothing of the library."""

    def orders(batch: list[tuple[str, int, int]]) -> pl.DataFrame:
        return frame([(who, START + timedelta(days=day), cents / 100) for who, day, cents in batch])

    folder = tmp_path_factory.mktemp("stack") / "state"
    state = clv.SummaryState.create(folder, orders(batches[0]), **COLUMNS)
    done = batches[0]
    for number, batch in enumerate(batches[1:], start=1):
        if any(sorted(batch) == sorted(each) for each in batches[:number]):
            continue  # would be recognised, which has a test of its own
        state = clv.update(state, orders(batch), late="add")
        done = done + batch
    end = max(day for _, day, _ in done)
    expected, lost = by_hand(done, end)
    found = rows_of(state.summary("day"))
    assert [row[:4] for row in found] == [row[:4] for row in expected]
    for (*_, mean), (*_, exact) in zip(found, expected, strict=True):
        assert mean is None if exact is None else abs(mean - exact) <= MONEY
    assert state.summary("day").ledger.unmatched_refunds == pytest.approx(lost / 100, abs=MONEY)


def test_every_engine(tmp_path, engine):
    first, second = in_order(random_log(5, rows=60, people=8, days=30, bad=0.0), 1, 2)
    state = clv.SummaryState.create(tmp_path / "state", engine(frame(first)), **COLUMNS)
    state = clv.update(tmp_path / "state", engine(frame(second)))
    assert_same(state, clv.rfm_summary(frame(first + second), **COLUMNS, unit="week"))


def test_engines_may_change_from_night_to_night(tmp_path):
    batches = in_order(random_log(6, rows=80, people=8, days=30, bad=0.0), 1, 4)
    frames = [frame(batch) for batch in batches]
    frames[1].write_csv(tmp_path / "second.csv")
    forms = [frames[0].to_pandas(), tmp_path / "second.csv", frames[2].lazy(), frames[3].to_arrow()]
    state = clv.SummaryState.create(tmp_path / "state", forms[0], **COLUMNS)
    for form in forms[1:]:
        state = clv.update(state, form)
    assert_same(state, clv.rfm_summary(pl.concat(frames), **COLUMNS, unit="day"))


def test_without_amounts(tmp_path):
    columns = {"customer": "who", "date": "when"}
    first, second, third = in_order(random_log(7, rows=60, people=8, days=30), 1, 3)
    with losses():
        state = clv.SummaryState.create(tmp_path / "state", frame(first), **columns)
        state = state.update(frame(second)).update(frame(third))
        rebuilt = clv.rfm_summary(frame(first + second + third), **columns, unit="week")
    assert state.summary().has_spend is False
    assert_same(state, rebuilt)


def test_forty_nights_leave_four_files(tmp_path):
    """Files are merged on the way, and merging changes nothing."""
    log = random_log(8, rows=300, people=60, days=40, bad=0.0)
    by_day = {START + timedelta(days=i): [r for r in log if r[1] == START + timedelta(days=i)]
              for i in range(40)}  # fmt: skip
    state = clv.SummaryState.create(tmp_path / "state", frame(by_day[START]), **COLUMNS)
    for day in list(by_day)[1:]:
        state = clv.update(state, frame(by_day[day]), observed_until=day)
        assert len(state.manifest.parts) <= 4
        kept = {"state.json", "state.lock", *state.manifest.retired}
        kept |= {each.name for each in state.manifest.parts}
        assert {each.name for each in (tmp_path / "state").iterdir()} <= kept
    end = max(by_day)
    assert_same(state, clv.rfm_summary(frame(log), **COLUMNS, unit="day", observed_until=end))


def test_every_unit(tmp_path):
    first, second = in_order(random_log(9, rows=60, people=8, days=30, bad=0.0), 1, 2)
    state = clv.SummaryState.create(tmp_path / "state", frame(first), **COLUMNS)
    state = clv.update(state, frame(second))
    for unit in ("day", "week", "month", "year"):
        assert_same(state, clv.rfm_summary(frame(first + second), **COLUMNS, unit=unit))


def test_times_are_exact_quotients(tmp_path):
    """Whole days over seven, to the last digit, in a frame of any length."""
    log = [("a", START, 1.0), ("a", START + timedelta(days=9), 1.0), ("b", START, 1.0)]
    state = clv.SummaryState.create(tmp_path / "state", frame(log[:2]), **COLUMNS)
    state = clv.update(state, frame(log[2:]), late="add")
    rebuilt = clv.rfm_summary(frame(log), **COLUMNS, unit="week")
    for summary in (state.summary("week"), rebuilt):
        assert rows_of(summary) == [("a", 1, 9 / 7, 9 / 7, 1.0), ("b", 0, 0.0, 9 / 7, None)]


def test_cdnow_by_month(tmp_path, cdnow_orders):
    columns = {"customer": "customer_id", "date": "date", "amount": "amount"}
    orders = pl.from_pandas(cdnow_orders).with_columns(pl.col("date").str.to_date())
    end = date(1997, 9, 30)
    orders = orders.filter(pl.col("date") <= end).sort("date")
    state = None
    for (month,), batch in orders.group_by(pl.col("date").dt.month_end(), maintain_order=True):
        batch = batch.sample(fraction=1.0, shuffle=True, seed=1)
        state = (
            clv.SummaryState.create(tmp_path / "state", batch, **columns, observed_until=month)
            if state is None
            else clv.update(state, batch, observed_until=month)
        )
    assert state is not None
    rebuilt = clv.rfm_summary(orders, **columns, unit="week", observed_until=end)
    assert_same(state, rebuilt)
    assert_same_fits(state.summary("week"), rebuilt)


def test_online_retail_by_month(tmp_path):
    """A real log with returns and with rows that have no customer."""
    columns = {"customer": "Customer ID", "date": "InvoiceDate", "amount": ("Quantity", "Price")}
    orders = pl.read_parquet(shared_file("data/online_retail_2009_2010.parquet"))
    months = orders.with_columns(pl.col("InvoiceDate").str.slice(0, 7).alias("month"))
    state = None
    for _, batch in sorted(months.partition_by("month", as_dict=True).items()):
        with losses():
            state = (
                clv.SummaryState.create(tmp_path / "state", batch, **columns)
                if state is None
                else clv.update(state, batch)
            )
    assert state is not None
    with losses():
        rebuilt = clv.rfm_summary(orders, **columns, unit="week")
    assert_same(state, rebuilt)
    assert_same_fits(state.summary("week"), rebuilt)


def assert_same_fits(summary: clv.CustomerSummary, rebuilt: clv.CustomerSummary) -> None:
    for model in (clv.BGNBD, clv.GammaGamma):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", clv.IdentifiabilityWarning)
            warnings.filterwarnings("ignore", "Left out of the spend fit", clv.DataWarning)
            fit, other = model.fit(summary), model.fit(rebuilt)
        assert fit.n_customers == pytest.approx(other.n_customers)
        assert fit.log_likelihood == pytest.approx(other.log_likelihood, rel=PARAMETERS)
        if fit.certificate.verdict == "identified":
            values, others = vars(fit.model), vars(other.model)
            assert values == {
                name: pytest.approx(each, rel=PARAMETERS) for name, each in others.items()
            }


def test_ids_of_any_type_that_files_keep(tmp_path):
    days = [START, START + timedelta(days=3)]
    for name, ids in {
        "narrow": pl.Series([1, 2], dtype=pl.Int16),
        "hashes": pl.Series([5, 2**63 + 1], dtype=pl.UInt64),
        "levels": pl.Series(["x", "y"], dtype=pl.Categorical),
        "dates": pl.Series(days),
        "pandas": pl.Series([7, 8]),
    }.items():
        orders = pl.DataFrame({"who": ids, "when": days[:1] * 2, "paid": [1.0, 2.0]})
        later = pl.DataFrame({"who": ids[:1], "when": days[1:], "paid": [4.0]})
        given = later.to_pandas() if name == "pandas" else later
        state = clv.SummaryState.create(tmp_path / name, orders, **COLUMNS)
        state = clv.update(state, given)
        found = [row[:4] for row in rows_of(state.summary("day"))]
        assert found == [(ids.to_list()[0], 1, 3.0, 3.0), (ids.to_list()[1], 0, 0.0, 3.0)], name


def test_pandas_objects_and_extension_ids(tmp_path):
    for number, ids in enumerate((pd.Series(["a", "b"], dtype=object), pd.Series(["a", "b"]),
                                  pd.Series(["a", "b"], dtype="category"))):  # fmt: skip
        orders = pd.DataFrame({"who": ids, "when": ["2024-01-01"] * 2, "paid": [1.0, 2.0]})
        state = clv.SummaryState.create(tmp_path / str(number), orders, **COLUMNS)
        state = clv.update(state, orders.assign(when="2024-01-05"))
        assert [row[:2] for row in rows_of(state.summary("day"))] == [("a", 1), ("b", 1)]
