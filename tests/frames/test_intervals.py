"""Intervals of predictions on every engine, equal to the distributions of single customers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv

PURCHASES, SPEND = clv.BGNBD(0.243, 4.414, 0.793, 2.426), clv.GammaGamma(6.25, 3.74, 15.44)
TERMS: dict[str, Any] = {"horizon": "1y", "discount_rate": 0.1}
NEW = ["purchases_lower", "purchases_upper", "clv_lower", "clv_upper"]
SAME = 1e-12  # one evaluation a history, a product or two after it


def table(n: int = 120) -> pl.DataFrame:
    rng = np.random.default_rng(2)
    customers = PURCHASES.simulate(n, rng.integers(20, 60, n).astype(float), seed=1, unit="week")
    x, t_x, T = customers.timing
    return pl.DataFrame(
        {
            "customer_id": np.arange(n),
            "frequency": x.astype(int),
            "recency": np.where(x > 0.0, np.maximum(np.round(t_x), 1.0), 0.0),
            "T": T,
            "monetary_value": pl.Series(SPEND.simulate(customers, seed=4).spend[1]).fill_nan(None),
            "channel": rng.choice(["web", "shop"], n),
            "share": rng.choice([0.2, -0.3], n),
            "price": rng.choice([10.0, 20.0], n),
        }
    )


def summary(native: Any) -> clv.CustomerSummary:
    return clv.CustomerSummary.from_frame(native, unit="week")


@pytest.fixture
def read(rows, names) -> Any:
    """Return a reader of some columns of a result, sorted by id, as floats."""

    def columns(native: Any, wanted: list[str] = NEW) -> np.ndarray:
        places = [names(native).index(name) for name in wanted]
        records = sorted(rows(native), key=lambda row: row[0])
        return np.array([[row[i] for i in places] for row in records], dtype=float)

    return columns


def test_columns_and_numbers(frame_engine, names, read) -> None:
    """The ends are those of the distribution of each customer, asked for one at a time."""
    frame = table()
    rfm = summary(frame_engine(frame))
    found = clv.predict(rfm, PURCHASES, SPEND, interval=0.9, margin="share", **TERMS)
    plain = clv.predict(rfm, PURCHASES, SPEND, margin="share", **TERMS)
    assert names(found) == [*names(plain), *NEW]
    means = ["p_alive", "expected_purchases", "expected_spend", "clv"]
    assert read(found, means) == pytest.approx(read(plain, means), rel=1e-15)

    customers = summary(frame).customers()
    counts = clv.purchase_distribution(customers, PURCHASES, horizon="1y").interval(0.9)
    ends = clv.value_distribution(customers, PURCHASES, SPEND, **TERMS).interval(0.9)
    share = frame["share"].to_numpy()
    low, high = (np.where(share > 0.0, a, b) * share for a, b in (ends, ends[::-1]))
    expected = np.column_stack([*counts, low, high])
    assert read(found) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_lazy_engines_equal_polars(lazy_engine, read) -> None:
    frame = table(60)
    for spend in (SPEND, 12.0, "price"):
        found, expected = (
            read(clv.predict(summary(native), PURCHASES, spend, interval=0.8, **TERMS))
            for native in (lazy_engine(frame), frame)
        )
        assert found == pytest.approx(expected, rel=SAME, abs=0.0)


def test_summaries_of_orders(engine, read) -> None:
    rng = np.random.default_rng(1)
    days = pl.Series(rng.integers(19_400, 19_700, 200)).cast(pl.Date)
    orders = pl.DataFrame(
        {"who": rng.integers(10, 70, 200), "when": days, "paid": rng.gamma(4.0, 9.0, 200)}
    )
    columns = {"customer": "who", "date": "when", "amount": "paid", "unit": "week"}
    found, expected = (
        read(clv.predict(clv.rfm_summary(each, **columns), PURCHASES, SPEND, interval=0.9, **TERMS))
        for each in (engine(orders), orders)
    )
    assert found == pytest.approx(expected, rel=SAME, abs=0.0)


def test_futures_stay_inside(read) -> None:
    """Of each customer's simulated futures 90 % are inside; more where it takes half a purchase."""
    frame = table(40)
    found = read(clv.predict(summary(frame), PURCHASES, SPEND, horizon=52, interval=0.9))
    customers = summary(frame).customers()
    x, T, n = customers.frequency, customers.age, 20_000
    rng = np.random.default_rng(3)
    for i in range(0, len(frame), 5):
        left = rng.random(n) >= PURCHASES.p_alive(customers)[i]
        rate = rng.gamma(PURCHASES.r + x[i], 1.0 / (PURCHASES.alpha + T[i]), n)
        leaves = rng.beta(PURCHASES.a, PURCHASES.b + x[i], n)
        # Purchases until leaving are geometric; those of a Poisson process are cut off there.
        count = np.minimum(rng.poisson(rate * 52.0), rng.geometric(leaves))
        count[left] = 0
        scale = SPEND.v + x[i] * np.nan_to_num(customers.spend[1][i])
        paid = rng.gamma(SPEND.p * count) / rng.gamma(SPEND.q + SPEND.p * x[i], 1.0 / scale, n)
        low, high, low_value, high_value = found[i]
        assert np.mean((count >= low) & (count <= high)) > 0.9 - 0.008
        inside = np.mean((paid >= low_value) & (paid <= high_value))
        assert inside == pytest.approx(max(0.9, np.mean(count == 0)), abs=0.012)


@pytest.mark.slow
def test_draws_widen_intervals_and_leave_means(read) -> None:
    purchases, spend = (model.fit(summary(table(300))) for model in (clv.BGNBD, clv.GammaGamma))
    frame = table(60)
    rfm = summary(frame)
    draws = purchases.draws(40, seed=1), spend.draws(40, seed=1)
    plain = clv.predict(rfm, purchases, spend, interval=0.9, **TERMS)
    found = clv.CLVModel(*draws).predict(rfm, interval=0.9, **TERMS)
    assert read(found, ["clv"]) == pytest.approx(read(plain, ["clv"]), rel=1e-15)
    wider = read(found)[:, 3] - read(plain)[:, 3]
    assert np.mean(wider > 0.0) > 0.7
    assert wider.mean() > 0.0
    lazy = clv.predict(summary(frame.lazy()), *draws, interval=0.9, **TERMS)
    assert read(lazy) == pytest.approx(read(found), rel=SAME, abs=0.0)


def test_covariates_of_both_models(lazy_engine, read) -> None:
    frame = table(300)
    rfm = summary(frame)
    purchases = clv.BGNBD.fit(rfm, purchase="channel")
    spend = clv.GammaGamma.fit(rfm, spend="channel")
    expected = read(clv.predict(rfm, purchases, spend, interval=0.9, **TERMS))
    lazy = summary(lazy_engine(frame))
    found = read(clv.predict(lazy, purchases, spend, interval=0.9, **TERMS))
    assert found == pytest.approx(expected, rel=SAME, abs=0.0)
    web = frame.filter(pl.col("channel") == "web")
    models = purchases.model.at(channel="web"), spend.model.at(channel="web")
    own = read(clv.predict(summary(web), *models, interval=0.9, **TERMS))
    assert expected[(frame["channel"] == "web").to_numpy()] == pytest.approx(own, rel=1e-6)


def test_without_spend_and_without_end(frame_engine, names, in_order) -> None:
    rfm = summary(frame_engine(table(30)))
    counts = clv.predict(rfm, PURCHASES, horizon="1y", interval=0.9)
    assert names(counts)[-2:] == NEW[:2]
    assert all(type(row[-1]) is int or row[-1] == int(row[-1]) for row in in_order(counts))
    endless = clv.predict(rfm, PURCHASES, SPEND, horizon=math.inf, discount_rate=0.1, interval=0.9)
    rows = in_order(endless)
    assert all(row[-4] is None and row[-3] is None for row in rows)
    assert all(0.0 <= row[-2] <= row[-1] for row in rows)
    assert sum(row[-2] < row[-1] for row in rows) > 15  # the others may well have left


def test_counts_are_whole_numbers_that_may_be_missing() -> None:
    frame = table(10)
    for native, kinds in ((frame.to_pandas(), ("Int64",) * 2), (frame, (pl.Int64,) * 2)):
        for horizon in (52.0, math.inf):
            found = clv.predict(
                summary(native), PURCHASES, 9.0, horizon=horizon, discount_rate=0.1, interval=0.9
            )
            assert tuple(found[name].dtype for name in NEW[:2]) == kinds


def test_a_pandas_index_is_kept() -> None:
    frame = table(10).to_pandas().set_axis(pd.Index([5, 5, *range(8)], name="frequency"))
    found = clv.predict(summary(frame), PURCHASES, SPEND, interval=0.9, **TERMS)
    assert found.index.equals(frame.index)
    plain = clv.predict(summary(table(10)), PURCHASES, SPEND, interval=0.9, **TERMS)
    assert found["clv_upper"].tolist() == pytest.approx(plain["clv_upper"].to_list(), rel=SAME)


def test_nobody() -> None:
    nobody = table().clear()
    for native in (nobody, nobody.to_pandas(), nobody.lazy()):
        found = clv.predict(summary(native), PURCHASES, SPEND, interval=0.9, **TERMS)
        found = found.collect() if isinstance(found, pl.LazyFrame) else found
        assert (len(found), list(found.columns)[-4:]) == (0, NEW)


@pytest.mark.parametrize("level", [0, 1, 90, math.nan, "0.9", True])
def test_levels(level) -> None:
    with pytest.raises(clv.ParameterError, match="`interval` is the probability inside"):
        clv.predict(summary(table(5)), PURCHASES, horizon="1y", interval=level)


def test_names_are_new_only_where_they_are_made() -> None:
    frame = table(5).rename({"price": "Clv_Upper"})
    with pytest.raises(clv.DataError, match="already has 'clv_upper'"):
        clv.predict(summary(frame), PURCHASES, horizon="1y", interval=0.9)
    assert "Clv_Upper" in clv.predict(summary(frame), PURCHASES, horizon="1y").columns
