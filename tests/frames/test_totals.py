"""Totals on every engine: sums of predictions, segments of any type, and what is refused."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import clvmodels as clv
from clvmodels.predictive import total_draws

PURCHASES, SPEND = clv.BGNBD(0.243, 4.414, 0.793, 2.426), clv.GammaGamma(6.25, 3.74, 15.44)
TERMS: dict[str, Any] = {"horizon": "1y", "discount_rate": 0.1}
SAME = 1e-9  # the same sums in another order
NAMES = [
    *("customers", "expected_purchases", "clv", "sd_customers", "sd_parameters", "sd"),
    *("lower", "upper", "method"),
]


@pytest.fixture(autouse=True, scope="module")
def _few_draws() -> Iterator[None]:
    """Simulate sums a thousand times, not ten thousand: engines agree on fewer draws as well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(total_draws, "_BUDGET", 1)
        yield


def table(n: int = 120) -> pl.DataFrame:
    """Return a finished summary with columns that make segments."""
    rng = np.random.default_rng(2)
    customers = PURCHASES.simulate(n, rng.integers(20, 60, n).astype(float), seed=1, unit="week")
    x, t_x, T = customers.timing
    recency = np.where(x > 0.0, np.maximum(np.round(t_x), 1.0), 0.0)
    spent = SPEND.simulate(customers, seed=4).spend[1]
    return pl.DataFrame(
        {
            "customer_id": np.arange(n),
            "frequency": x.astype(int),
            "recency": recency,
            "T": T,
            "monetary_value": pl.Series(spent).fill_nan(None),
            "channel": rng.choice(["web", "shop", "app"], n),
            "loyal": rng.random(n) < 0.4,
            "share": rng.choice([0.2, 0.3], n),
            "price": rng.choice([10.0, 20.0, 35.0], n),
        }
    ).with_columns(
        pl.when(pl.col("channel") != "app").then(pl.col("channel")).alias("channel"),
        pl.when(pl.col("customer_id") % 7 > 0).then(pl.col("customer_id") % 3).alias("cohort"),
    )


def summary(native: Any) -> clv.CustomerSummary:
    return clv.CustomerSummary.from_frame(native, unit="week")


@cache
def of_polars(spend: Any, by: Any) -> pl.DataFrame:
    """Return the totals of the table as polars has them, for every engine to agree with."""
    terms = TERMS | ({"discount_rate": 0.0} if spend is None else {"margin": "share"})
    names = list(by) if isinstance(by, tuple) else by
    return clv.total(summary(table()), PURCHASES, spend, by=names, **terms)


def assert_same(found: list[tuple[Any, ...]], expected: list[tuple[Any, ...]]) -> None:
    for row, other in zip(found, expected, strict=True):
        for mine, theirs in zip(row, other, strict=True):
            if isinstance(theirs, float):
                assert mine == pytest.approx(theirs, rel=SAME, abs=0.0)
            else:
                assert mine == theirs


@pytest.mark.parametrize(
    "by",
    [None, pytest.param("channel", marks=pytest.mark.slow), ["loyal", "cohort"]],
    ids=str,
)
def test_engines_agree_and_add_up(frame_engine, names, in_order, by) -> None:
    frame = table()
    native = frame_engine(frame)
    found = clv.total(summary(native), PURCHASES, SPEND, by=by, margin="share", **TERMS)
    expected = of_polars(SPEND, by if by is None or isinstance(by, str) else tuple(by))
    segments = [] if by is None else [by] if isinstance(by, str) else by
    assert names(found) == [*segments, *NAMES]
    assert type(found) is (pl.DataFrame if frame_engine.lazy else type(native))
    assert_same(in_order(found), in_order(expected))

    table_ = clv.predict(summary(frame), PURCHASES, SPEND, margin="share", **TERMS)
    for row in expected.iter_rows(named=True):
        mine = table_.filter(*(pl.col(name).eq_missing(row[name]) for name in segments))
        assert row["customers"] == len(mine)
        for name in ("expected_purchases", "clv"):
            assert row[name] == pytest.approx(mine[name].sum(), rel=SAME)
    assert sum(expected["customers"]) == 120


@pytest.mark.parametrize("spend", [None, pytest.param(12.5, marks=pytest.mark.slow), "price"])
def test_prices_and_counts_on_every_engine(frame_engine, in_order, spend) -> None:
    terms = TERMS | ({"discount_rate": 0.0} if spend is None else {"margin": "share"})
    frame = table()
    found = clv.total(summary(frame_engine(frame)), PURCHASES, spend, by="channel", **terms)
    expected = of_polars(spend, "channel")
    assert_same(in_order(found), in_order(expected))
    table_ = clv.predict(summary(frame), PURCHASES, spend, **terms)
    column = "expected_purchases" if spend is None else "clv"
    assert expected[column].sum() == pytest.approx(table_[column].sum(), rel=SAME)


def test_summaries_of_orders(engine, in_order) -> None:
    rng = np.random.default_rng(1)
    people = rng.integers(0, 80, 300)
    days = pl.Series(rng.integers(19_400, 19_700, 300)).cast(pl.Date)
    orders = pl.DataFrame({"who": people, "when": days, "paid": np.round(rng.gamma(4, 9, 300), 2)})
    columns = {"customer": "who", "date": "when", "amount": "paid"}
    found, expected = (
        clv.total(clv.rfm_summary(native, **columns, unit="week"), PURCHASES, SPEND, **TERMS)
        for native in (engine(orders), orders)
    )
    assert_same(in_order(found), in_order(expected))


@pytest.fixture(scope="module")
def with_covariates() -> tuple[Any, ...]:
    """Return a frame, fits with covariates, and the totals from polars."""
    frame = table(300).with_columns(pl.col("channel").fill_null("app"))
    rfm = summary(frame)
    purchases = clv.BGNBD.fit(rfm, purchase="channel", dropout="loyal")
    spend = clv.GammaGamma.fit(rfm, spend="channel")
    expected = clv.total(rfm, purchases, spend, by="channel", **TERMS)
    return frame, purchases, spend, expected


def test_covariates_of_both_models(lazy_engine, in_order, with_covariates) -> None:
    frame, purchases, spend, expected = with_covariates
    found = clv.total(summary(lazy_engine(frame)), purchases, spend, by="channel", **TERMS)
    assert_same(in_order(found), in_order(expected))
    table_ = clv.predict(summary(frame), purchases, spend, **TERMS)
    sums = table_.group_by("channel").agg(pl.col("clv").sum()).sort("channel")
    assert expected["clv"].to_list() == pytest.approx(sums["clv"].to_list(), rel=SAME)
    assert (expected["sd_parameters"] > 0.0).all()


@pytest.mark.parametrize("model", [
    clv.ParetoNBD(0.55, 10.6, 0.61, 11.7), clv.MBGNBD(0.525, 6.183, 0.891, 1.614),
    clv.GGompertzNBD(0.55, 10.6, 0.02, 0.5, 0.8), clv.BGCNBD(0.5, 5.0, 0.8, 2.4, k=2),
], ids=lambda model: type(model).__name__)  # fmt: skip
def test_every_model_adds_up(model) -> None:
    rfm = summary(table(60))
    found = clv.total(rfm, model, SPEND, by="loyal", **TERMS)
    each = clv.predict(rfm, model, SPEND, **TERMS)
    assert found["clv"].sum() == pytest.approx(each["clv"].sum(), rel=SAME)
    assert (found["lower"] < found["clv"]).all()
    assert (found["clv"] < found["upper"]).all()


@pytest.mark.parametrize("model", [clv.BGBB(1.2, 0.75, 0.66, 2.78), clv.BDW(0.6, 1.3, 1.5)],
                         ids=lambda model: type(model).__name__)  # fmt: skip
def test_whole_periods(model) -> None:
    """Of a horizon of 5.7 periods five count."""
    few = model.simulate(80, 6.0, seed=1, unit="year")
    x, t_x, T = few.timing
    frame = pl.DataFrame({"customer_id": range(80), "frequency": x, "recency": t_x, "T": T})
    rfm = clv.CustomerSummary.from_frame(frame, unit="year")
    found, whole = (clv.total(rfm, model, horizon=h).row(0) for h in (5.7, 5.0))
    assert found == whole
    each = clv.predict(rfm, model, horizon=5.7)
    assert found[1] == pytest.approx(each["expected_purchases"].sum(), rel=SAME)
    assert found[5] < found[1] < found[6]


VALUES: dict[str, list[Any]] = {
    "text": ["b", None, "", "a"],
    "whole": [3, None, -1, 2],
    "float": [0.5, None, -0.25, math.inf],
    "flag": [True, None, False, True],
    "date": [date(2024, 1, 1), None, date(2023, 1, 1), date(2023, 5, 1)],
    "decimal": [Decimal("1.50"), None, Decimal("0.10"), Decimal("2.00")],
    "category": ["b", None, "c", "a"],
}


@pytest.mark.parametrize("kind", VALUES)
def test_segments_of_any_type(frame_engine, in_order, kind) -> None:
    values = pl.Series("part", [VALUES[kind][i % 4] for i in range(40)])
    if kind == "category":
        values = values.cast(pl.Categorical)
    native = frame_engine(table(40).with_columns(values))
    found = in_order(clv.total(summary(native), PURCHASES, horizon=0, by="part"))
    names = [row[0] for row in found]
    assert names[-1] is None
    known = {str(each) for each in names[:-1]}
    expected = {each for each in VALUES[kind] if each is not None}
    if frame_engine.name == "pandas" and kind == "whole":
        expected = set(map(float, expected))
    if frame_engine.name == "pandas" and kind == "date":
        expected = {f"{each} 00:00:00" for each in expected}
    assert known == set(map(str, expected))
    assert sum(row[1] for row in found) == 40


@pytest.mark.parametrize("kind", ["float64", "Float64", "arrow"])
def test_zeros_and_missing_numbers_are_one_segment_each(kind) -> None:
    values = pa.array([0.0, -0.0, math.nan, None] * 10)
    dtype = pd.ArrowDtype(pa.float64()) if kind == "arrow" else kind
    part = pd.Series(values, dtype=dtype)
    found = clv.total(
        summary(table(40).to_pandas().assign(part=part)), PURCHASES, horizon=0, by="part"
    )
    assert found["customers"].tolist() == [20, 20]


def test_python_objects_are_segments() -> None:
    ids = [uuid.UUID(int=i % 3) for i in range(30)]
    pandas = table(30).to_pandas().assign(part=ids)
    found = clv.total(summary(pandas), PURCHASES, horizon="1y", by="part")
    assert found["part"].tolist() == sorted(set(ids))
    mixed = pandas.assign(part=[1, "1", None] * 10)
    found = clv.total(summary(mixed), PURCHASES, horizon="1y", by="part")
    assert found["part"].tolist()[:2] == [1, "1"]
    assert found["customers"].tolist() == [10, 10, 10]


def test_the_order_of_rows_changes_nothing(in_order) -> None:
    frame = table()
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=3)
    found, expected = (
        in_order(clv.total(summary(each), PURCHASES, SPEND, by=["cohort", "channel"], **TERMS))
        for each in (shuffled, frame)
    )
    assert_same(found, expected)


def test_a_total_is_surer_than_its_parts() -> None:
    rfm = summary(table())
    whole = clv.total(rfm, PURCHASES, SPEND, **TERMS)
    each = clv.predict(rfm, PURCHASES, SPEND, interval=0.9, **TERMS)
    assert whole["upper"][0] < 0.6 * each["clv_upper"].sum()
    wide = clv.total(rfm, PURCHASES, SPEND, interval=0.99, **TERMS)
    assert wide["lower"][0] < whole["lower"][0] < whole["clv"][0] < whole["upper"][0]
    assert whole["upper"][0] < wide["upper"][0]


def test_losses(frame_engine, in_order) -> None:
    """Where margins are below zero a total may be, too; else its lower end is not."""
    frame = table().with_columns((0.2 - pl.col("share") * 2.0).alias("loss"))
    rfm = summary(frame_engine(frame))
    gain = in_order(clv.total(rfm, PURCHASES, SPEND, by="cohort", margin=0.5, **TERMS))
    loss = in_order(clv.total(rfm, PURCHASES, SPEND, by="cohort", margin=-0.5, **TERMS))
    mixed = in_order(clv.total(rfm, PURCHASES, SPEND, margin="loss", **TERMS))
    for up, down in zip(gain, loss, strict=True):
        assert up[2:4] == pytest.approx((down[2], -down[3]))
        assert down[7] < down[3] < down[8] < 0.0 < up[7]
    assert mixed[0][6] < mixed[0][2] < 0.0
    # Spread of margins counts: customers of one group differ in scale.
    each = clv.predict(summary(frame), PURCHASES, SPEND, margin="loss", **TERMS)
    assert mixed[0][2] == pytest.approx(each["clv"].sum(), rel=SAME)


def test_nobody(in_order) -> None:
    nobody = table().clear()
    for native in (nobody, nobody.to_pandas(), nobody.to_arrow(), nobody.lazy()):
        rfm = summary(native)
        (row,) = in_order(clv.total(rfm, PURCHASES, SPEND, **TERMS))
        assert row == (0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, "moments")
        assert in_order(clv.total(rfm, PURCHASES, SPEND, by="channel", **TERMS)) == []


def test_without_end() -> None:
    rfm = summary(table())
    found = clv.total(rfm, PURCHASES, SPEND, horizon=math.inf, discount_rate=0.1)
    each = clv.predict(rfm, PURCHASES, SPEND, horizon=math.inf, discount_rate=0.1)
    assert found["expected_purchases"].to_list() == [None]
    assert found["clv"][0] == pytest.approx(each["clv"].sum(), rel=SAME)
    assert found["lower"][0] < found["clv"][0] < found["upper"][0]
    with pytest.raises(clv.ParameterError, match="finite `horizon`"):
        clv.total(rfm, PURCHASES, horizon=math.inf)
    with pytest.raises(clv.UndefinedMomentError):
        clv.total(rfm, PURCHASES, SPEND, horizon=math.inf)


def test_nothing_ahead() -> None:
    found = clv.total(summary(table()), PURCHASES, SPEND, horizon=0, by="channel")
    for name in ("clv", "sd", "lower", "upper"):
        assert found[name].to_list() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("level", [0.0, 1.0, 90, -0.1, math.nan, "0.9", True, None])
def test_levels(level) -> None:
    with pytest.raises(clv.ParameterError, match="`interval` is the probability inside"):
        clv.total(summary(table(20)), PURCHASES, horizon="1y", interval=level)


def test_columns_that_make_no_segments() -> None:
    frame = table(20)
    with pytest.raises(clv.MissingColumnError, match=r"segment column.*Did you mean 'channel'"):
        clv.total(summary(frame), PURCHASES, horizon="1y", by="chanel")
    clash = frame.with_columns(pl.lit(1).alias("Lower"))
    with pytest.raises(clv.DataError, match="'Lower'"):
        clv.total(summary(clash), PURCHASES, horizon="1y", by="Lower")
    with pytest.raises(clv.DataError, match="each once"):
        clv.total(summary(frame), PURCHASES, horizon="1y", by=["loyal", "loyal"])
    lists = frame.to_pandas().assign(pair=[[1]] * 20)
    with pytest.raises(clv.DataError, match=r"single values.*'pair'"):
        clv.total(summary(lists), PURCHASES, horizon="1y", by="pair")


def test_what_a_total_needs() -> None:
    rfm = summary(table(20))
    with pytest.raises(clv.ParameterError, match=r"without a discount.*spend=1\.0"):
        clv.total(rfm, PURCHASES, **TERMS)
    with pytest.raises(clv.UndefinedMomentError, match="q above 1"):
        clv.total(rfm, PURCHASES, clv.GammaGamma(6.0, 0.9, 15.0), **TERMS)
    with pytest.raises(clv.DataError, match="`total` takes a CustomerSummary"):
        clv.total(rfm.frame, PURCHASES, horizon="1y")
    with pytest.raises(clv.DataError, match="`purchases` is a fit"):
        clv.total(rfm, SPEND, horizon="1y")
    daily = clv.BGNBD.fit(PURCHASES.simulate(500, 39.0, seed=1, unit="day"))
    with pytest.raises(clv.UnitMismatchError):
        clv.total(rfm, daily, horizon="1y")
