"""Calibration by bins: sums of predictions and of what happened, counted another way."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels import (
    BGBB,
    BGCNBD,
    BGNBD,
    MBGNBD,
    SBG,
    DataError,
    GammaGamma,
    GGompertzNBD,
    MissingColumnError,
    ParameterError,
    ParetoNBD,
)
from clvmodels.diagnostics import calibration

ROUNDING = 1e-9
COLUMNS = {"customer": "who", "date": "day", "amount": "paid"}


@pytest.fixture(scope="module")
def cdnow_split(cdnow_sample_orders: Any) -> clv.HoldoutSplit:
    columns = {"customer": "customer_id", "date": "date", "amount": "amount"}
    return clv.holdout_split(
        cdnow_sample_orders, **columns, calibration_end="1997-09-30", unit="week"
    )


def log(n: int = 300, seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    orders = 1 + rng.poisson(rng.gamma(1.0, 4.0, n))
    who = np.repeat(np.arange(n), orders)
    days = pd.to_datetime("2023-01-01") + pd.to_timedelta(rng.integers(0, 364, len(who)), "D")
    paid = rng.gamma(3.0, 10.0, len(who)).round(2)
    return pd.DataFrame({"who": who, "day": days, "paid": paid})


def split_of(orders: Any, **settings: Any) -> clv.HoldoutSplit:
    rules = {"calibration_end": "2023-09-30", "observed_until": "2023-12-31", "unit": "week"}
    return clv.holdout_split(orders, **COLUMNS, **{**rules, **settings})


def test_cdnow_by_frequency(cdnow_split: clv.HoldoutSplit) -> None:
    """Actual means of Fader, Hardie and Lee (2005), figure 4, and predictions summed by pandas."""
    fit = BGNBD.fit(cdnow_split.calibration)
    found = calibration(cdnow_split, fit)
    rows = found.table
    assert rows["bin"].tolist() == ["0", "1", "2", "3", "4", "5", "6", "7+"]
    assert rows["customers"].tolist() == [1411, 439, 214, 100, 62, 38, 29, 64]
    table = clv.predict(cdnow_split.calibration, fit, horizon="39w")
    table["actual"] = cdnow_split.holdout["holdout_purchases"]
    means = table.groupby(table["frequency"].clip(upper=7))[["expected_purchases", "actual"]].mean()
    assert rows["expected"].to_numpy() == pytest.approx(means["expected_purchases"].to_numpy())
    assert rows["actual"].to_numpy() == pytest.approx(means["actual"].to_numpy())
    assert (rows["lower"] < rows["expected"]).all()
    assert (rows["expected"] < rows["upper"]).all()
    assert found.outside == 2  # those with one and with two repeat purchases came more often
    assert found.customers == 2357
    assert "2 of 8 bins are outside their 90% interval" in str(found)


@pytest.mark.parametrize("by", ["frequency", "recency", "silence", "p_alive"])
def test_bins_divide_the_customers(cdnow_split: clv.HoldoutSplit, by: Any) -> None:
    model = BGNBD(0.243, 4.414, 0.793, 2.426)
    bins = (
        None if by == "recency" else {"frequency": [0, 1, 2], "p_alive": [0, 0.5, 0.9]}.get(by, 4)
    )
    rows = calibration(cdnow_split, model, by=by, bins=bins).table
    assert rows["customers"].sum() == 2357
    assert (rows["low"] <= rows["high"]).all()
    assert (rows["high"].to_numpy()[:-1] < rows["low"].to_numpy()[1:]).all()
    assert (rows["actual"] * rows["customers"]).sum() == pytest.approx(1882)
    c = cdnow_split.calibration.customers()
    total = model.expected_purchases(c, 39.0).sum()
    assert (rows["expected"] * rows["customers"]).sum() == pytest.approx(total)
    if by == "recency":
        assert rows["bin"].iloc[0] == "0"
        assert rows["customers"].iloc[0] == 1411
        assert rows["customers"].iloc[1:].between(110, 125).all()


@pytest.mark.filterwarnings("ignore::clvmodels.IdentifiabilityWarning")
def test_intervals_are_those_of_totals() -> None:
    """The same sums by `total`, which makes segments on the engine and not from arrays."""
    split = split_of(log(150, seed=5))
    fit, spend = MBGNBD.fit(split.calibration), GammaGamma.fit(split.calibration)
    frame = split.calibration.frame
    frame["bin"] = np.searchsorted([2], frame["frequency"], side="right")
    for models in ((fit,), (fit.model, spend.model)):
        rows = calibration(split, *models, bins=[0, 2]).table
        found = clv.total(split.calibration, *models, horizon=split.horizon, by="bin")
        size = found["customers"].to_numpy()
        assert rows["customers"].to_numpy().tolist() == size.tolist()
        mean = found["clv"] if len(models) > 1 else found["expected_purchases"]
        for name, theirs in (
            ("expected", mean),
            ("lower", found["lower"]),
            ("upper", found["upper"]),
        ):
            assert rows[name].to_numpy() * size == pytest.approx(theirs.to_numpy(), rel=1e-6)


def test_order_of_rows_does_not_matter() -> None:
    orders = log()
    shuffled = orders.sample(frac=1.0, random_state=1)
    models = BGNBD(1.0, 5.0, 0.3, 4.0), GammaGamma(3.0, 4.0, 30.0)
    splits = [split_of(each) for each in (orders, shuffled)]
    one, two = (calibration(each, models[0], bins=1) for each in splits)
    pd.testing.assert_frame_equal(one.table, two.table, check_exact=True)
    # Amounts of a customer are summed on the engine, so that their last digit is in the order.
    value = [calibration(each, *models, bins=1).table for each in splits]
    pd.testing.assert_frame_equal(*value, check_exact=False, rtol=ROUNDING)
    assert pickle.loads(pickle.dumps(one)).table.equals(one.table)
    assert "<table" in one._repr_html_()


@pytest.mark.parametrize(
    "model",
    [
        MBGNBD(1.0, 5.0, 0.3, 4.0),
        BGCNBD(1.0, 2.0, 0.3, 4.0, k=2),
        ParetoNBD(1.0, 5.0, 0.5, 9.0),
        GGompertzNBD(1.0, 5.0, 0.05, 0.5, 2.0),
    ],
    ids=lambda model: model.title,
)
def test_models_in_real_time(model: Any) -> None:
    split = split_of(log(120))
    rows = calibration(split, model, by="p_alive", bins=1).table
    c = split.calibration.customers()
    total = model.expected_purchases(c, split.horizon).sum()
    assert (rows["expected"] * rows["customers"]).sum() == pytest.approx(total)


def test_models_of_whole_periods() -> None:
    split = split_of(log(), grid="month", unit="month")
    rows = calibration(split, BGBB(1.2, 0.75, 0.66, 2.8), by="silence", bins=[0, 1, 3]).table
    assert rows["low"].tolist() == [0.0, 1.0, 3.0]
    with pytest.raises(DataError, match="whole periods"):
        calibration(split_of(log()), BGBB(1.2, 0.75, 0.66, 2.8))
    with pytest.raises(DataError, match="subscriptions"):
        calibration(split, SBG(0.7, 3.8))


def test_covariates_and_boundaries() -> None:
    split = split_of(log())
    table = pd.DataFrame({"who": range(300), "web": np.arange(300) % 2})
    joined = split.calibration.with_covariates(table)
    split = clv.HoldoutSplit(**{**vars(split), "calibration": joined})
    with pytest.warns(match="not pinned down"):  # nobody leaves in this log
        fit = BGNBD.fit(joined, purchase="web")
    rows = calibration(split, fit).table
    total = fit.expected_purchases(joined, split.horizon).sum()
    assert (rows["expected"] * rows["customers"]).sum() == pytest.approx(total)
    assert (rows["lower"] <= rows["upper"]).all()


def test_bins_of_ones_own() -> None:
    split = split_of(log(60))
    model = BGNBD(1.0, 5.0, 0.3, 4.0)
    rows = calibration(split, model, bins=[0, 2, 5, 1000]).table
    assert rows["bin"].tolist() == ["0-1", "2-4", "5-999"]
    rows = calibration(split, model, by="silence", bins=4).table
    assert len(rows) == 4
    assert rows["customers"].max() - rows["customers"].min() < 6
    for bad in (0, [], [1, 1], [[1]]):
        with pytest.raises(ParameterError, match="`bins`"):
            calibration(split, model, bins=bad)


def test_equal_silences_share_a_bin(cdnow_split: clv.HoldoutSplit) -> None:
    """T - t_x in weeks has a rounding of its own for each customer; days have none."""
    frame = cdnow_split.calibration.frame
    days = np.rint(7.0 * (frame["T"] - frame["recency"])).astype(int)
    fit = clv.BGNBD(0.243, 4.414, 0.793, 2.426)
    table = calibration(cdnow_split, fit, by="silence").table
    edges = np.append(np.rint(7.0 * table["low"]), days.max() + 1)
    counted = np.histogram(days, edges)[0]
    assert table["customers"].tolist() == counted.tolist()


def test_a_fit_that_knows_the_holdout_is_no_judge_of_it(cdnow_sample_orders: Any) -> None:
    columns = {"customer": "customer_id", "date": "date", "unit": "week"}
    split = clv.holdout_split(cdnow_sample_orders, **columns, calibration_end="1997-09-30")
    late = BGNBD.fit(clv.rfm_summary(cdnow_sample_orders, **columns))
    for function in (calibration, clv.diagnostics.deciles, clv.diagnostics.lift):
        with pytest.raises(DataError, match="knows of orders until 1998-06-30"):
            function(split, late)
    with pytest.raises(DataError, match="what came after its data"):
        clv.diagnostics.tracking(
            cdnow_sample_orders, late, customer="customer_id", date="date",
            calibration_end="1997-09-30",
        )  # fmt: skip
    with pytest.raises(ParameterError, match="low end of all"):
        calibration(split, late.model, bins=[3, 5])


def test_errors() -> None:
    split = split_of(log())
    model = BGNBD(1.0, 5.0, 0.3, 4.0)
    with pytest.raises(DataError, match="HoldoutSplit"):
        calibration(split.calibration, model)
    with pytest.raises(DataError, match="by"):
        calibration(split, model, by="age")
    without = clv.holdout_split(
        log(), customer="who", date="day", calibration_end="2023-09-30", unit="week"
    )
    with pytest.raises(MissingColumnError, match="money"):
        calibration(without, model, 10.0)
