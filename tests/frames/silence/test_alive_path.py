"""P(alive) over time, against summaries that end on each day."""

from __future__ import annotations

import math
import uuid
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv

from .settings import BG, COLUMNS, END, SAME


def path_of(native: Any, who: str = "often", **options: Any) -> pd.DataFrame:
    given = {"unit": "week", "observed_until": END} | options
    return clv.p_alive_path(native, BG, **COLUMNS, id=who, **given)


def test_the_path_ends_where_predict_is(cdnow_sample_orders, cdnow_sample):
    fit = clv.BGNBD.fit(cdnow_sample)
    predicted = clv.predict(cdnow_sample, fit, horizon=39).set_index("customer_id")
    for who in predicted.index[[0, 3, 500, 2356]]:
        path = clv.p_alive_path(
            cdnow_sample_orders, fit, customer="customer_id", date="date", amount="amount",
            id=who, observed_until="1997-09-30", horizon="30d",
        )  # fmt: skip
        end = path[path["observed"]].iloc[-1]
        assert end["date"] == pd.Timestamp("1997-09-30")
        own = predicted.loc[who]
        assert (end["frequency"], end["recency"], end["T"]) == tuple(
            own[["frequency", "recency", "T"]]
        )
        assert end["p_alive"] == pytest.approx(own["p_alive"], abs=SAME)
        assert len(path) == (end["T"] * 7) + 31
        assert (path["lower"] <= path["upper"]).all()


@pytest.mark.parametrize("grid", ["day", "week"])
def test_each_day_is_a_summary_that_ends_there(orders, grid):
    """What the model would have said on a day: of the orders up to it, by `rfm_summary`."""
    path = path_of(orders, "c01", grid=grid).set_index("date")
    for until in (date(2023, 5, 14), date(2023, 9, 3), END):
        rfm = clv.rfm_summary(orders.filter(pl.col("when") <= until), **COLUMNS, unit="week",
                              observed_until=until, grid=grid)  # fmt: skip
        own = clv.predict(rfm, BG, horizon=1).filter(pl.col("who") == "c01").row(0, named=True)
        row = path.loc[pd.Timestamp(until)]
        for name in ("frequency", "recency", "T", "p_alive"):
            assert row[name] == pytest.approx(own[name], abs=SAME)


def test_months_of_a_path(orders):
    model = clv.BGBB(1.2, 0.75, 0.66, 2.8)
    path = clv.p_alive_path(orders, model, **COLUMNS, id="often", unit="month", grid="month",
                            observed_until="2023-12-15", horizon=2)  # fmt: skip
    assert path["date"].dt.date.tolist()[:2] == [date(2023, 1, 31), date(2023, 2, 28)]
    assert path["date"].dt.date.tolist()[-3:] == [
        date(2023, 11, 30), date(2023, 12, 31), date(2024, 1, 31)
    ]  # fmt: skip
    assert path["observed"].sum() == 11
    history = clv.Customers.from_arrays([4], [4], [12], unit="month")
    assert path["p_alive"].iloc[-1] == pytest.approx(model.p_alive(history)[0], abs=SAME)


def test_paths_on_every_engine(engine, orders):
    expected = path_of(orders, horizon="4w")
    found = path_of(engine(orders), horizon="4w")
    pd.testing.assert_frame_equal(found, expected)
    assert expected["observed"].tolist() == [True] * 365 + [False] * 28
    assert expected["p_alive"].is_monotonic_decreasing is False


@pytest.mark.parametrize("numbers", [[1, 2], [1.0, 2.0]])
def test_ids_that_are_numbers(numbers):
    log = pd.DataFrame({"who": [*numbers, numbers[0]], "when": ["2023-01-01"] * 2 + ["2023-02-01"]})
    for who in (1, "1", 1.0, np.int64(1)):
        assert path_of(log, who)["frequency"].iloc[-1] == 1


def test_ids_of_other_types():
    ids = [uuid.UUID(int=1), uuid.UUID(int=2), uuid.UUID(int=1)]
    big = [2**60 + 1, 2**60, 2**60 + 1]
    when = ["2023-01-01", "2023-02-01", "2023-03-01"]
    logs = [
        (pd.DataFrame({"who": ids, "when": when}), (ids[0], str(ids[0]))),
        (pl.DataFrame({"who": pl.Series(ids, dtype=pl.Object), "when": when}), (ids[0],)),
        (pl.DataFrame({"who": big, "when": when}), (big[0], str(big[0]))),
        (pd.DataFrame({"who": pd.Categorical(["a", "b", "a"]), "when": when}), ("a",)),
    ]
    for log, chosen in logs:
        for who in chosen:
            assert path_of(log, who)["frequency"].iloc[-1] == 1
    for who in (math.nan, [1], "x", 1.5):
        with pytest.raises(clv.DataError, match="No row has the id"):
            path_of(logs[2][0], who)


def test_dates_alone(orders):
    days = orders.filter(pl.col("who") == "often")["when"]
    expected = path_of(orders)
    text = [day.isoformat() for day in days]
    kinds = [days, days.to_list(), text, pd.Series(text), pd.to_datetime(pd.Series(text)),
             pd.DatetimeIndex(text), np.array(text, dtype="M8[D]"), tuple(text)]  # fmt: skip
    for given in kinds:
        found = clv.p_alive_path(given, BG, unit="week", observed_until=END)
        pd.testing.assert_frame_equal(found, expected)
    assert len(clv.p_alive_path(text, BG, unit="week")) == 7 * 19 + 1  # to the last order


def test_the_end_is_that_of_the_log(orders):
    found = path_of(orders, "often", observed_until=None)
    assert found["date"].iloc[-1] == pd.Timestamp(END)  # "new" has bought then


def test_refunds_are_taken_off():
    log = pl.DataFrame(
        {"who": ["a"] * 3, "when": ["2023-01-01", "2023-02-01", "2023-02-05"],
         "paid": [5.0, 7.0, -7.0]}
    )  # fmt: skip
    assert path_of(log, "a")["frequency"].iloc[-1] == 2
    assert path_of(log, "a", amount="paid")["frequency"].iloc[-1] == 0
    with pytest.raises(clv.DataError, match="begins with an order"):
        path_of(log[1:], "a", amount="paid")


def test_bands(orders):
    fit = clv.BGNBD.fit(BG.simulate(3000, 39, seed=1, unit="week"))
    options = {**COLUMNS, "id": "often", "observed_until": END}
    own = clv.p_alive_path(orders, fit, **options, seed=4)
    draws = clv.p_alive_path(orders, fit.draws(200, seed=4), **options)
    pd.testing.assert_frame_equal(own, draws)
    end = fit.draws(200, seed=4).models()
    last = clv.Customers.from_arrays([19], [19.0], [364 / 7], unit="week")
    many = [float(model.p_alive(last)[0]) for model in end]
    assert own["T"].iloc[-1] == 364 / 7
    assert own["lower"].iloc[-1] == pytest.approx(np.quantile(many, 0.05), rel=1e-9)
    assert own["upper"].iloc[-1] == pytest.approx(np.quantile(many, 0.95), rel=1e-9)
    inside = own.iloc[1:]
    assert (inside["lower"] <= inside["p_alive"]).mean() > 0.95
    narrow = clv.p_alive_path(orders, fit, **options, seed=4, level=0.5)
    assert ((own["upper"] - own["lower"]) >= (narrow["upper"] - narrow["lower"])).all()
    assert path_of(orders)["lower"].isna().all()


@pytest.mark.filterwarnings("ignore::clvmodels.IdentifiabilityWarning")
def test_no_band_where_a_parameter_has_no_bound(orders):
    fit = clv.ParetoNBD.fit(
        clv.ParetoNBD(0.8, 6.0, 1e-6, 1e4).simulate(300, 30, seed=2, unit="week")
    )
    assert not np.isfinite(fit.covariance).all()
    path = clv.p_alive_path(orders, fit, **COLUMNS, id="often", observed_until=END)
    assert path["lower"].isna().all()
    assert path["p_alive"].notna().all()


def test_covariates_of_a_path(fitted):
    fit, _ = fitted
    days = ["2023-01-01", "2023-02-05"]
    path = clv.p_alive_path(days, fit, observed_until=END, covariates={"web": 1})
    own = clv.Customers.from_arrays([1], [5.0], [52.0], unit="week")
    assert path["p_alive"].iloc[-1] == pytest.approx(fit.model.at(web=1).p_alive(own)[0], abs=SAME)
    with pytest.raises(clv.ParameterError, match="knows web"):
        clv.p_alive_path(days, fit)
    with pytest.raises(clv.ParameterError, match="no covariates"):
        clv.p_alive_path(days, BG, unit="week", covariates={"web": 1})


def test_rules_travel_with_the_fit(cdnow_sample):
    fit = clv.BGNBD.fit(cdnow_sample)
    days = ["1997-01-01", "1997-02-03"]
    assert clv.p_alive_path(days, fit)["T"].iloc[-1] == pytest.approx(33 / 7)
    with pytest.raises(clv.UnitMismatchError):
        clv.p_alive_path(days, fit, unit="day")
    with pytest.raises(clv.DataError, match="same rules"):
        clv.p_alive_path(days, fit, grid="week")


BAD = [
    ({"id": "nobody"}, clv.DataError, "No row has the id 'nobody'"),
    ({"id": None}, clv.ParameterError, "A log of orders goes with"),
    ({"customer": None}, clv.ParameterError, "A log of orders goes with"),
    ({"customer": "whom"}, clv.MissingColumnError, "Did you mean 'who'"),
    ({"date": "then"}, clv.MissingColumnError, "Did you mean 'when'"),
    ({"horizon": math.inf}, clv.ParameterError, "has an end"),
    ({"horizon": "-3d"}, clv.ParameterError, "`horizon`"),
    ({"level": 90}, clv.ParameterError, "`level`"),
    ({"seed": -1}, clv.ParameterError, "`seed`"),
    ({"unit": None}, clv.ParameterError, "unit"),
    ({"unit": "fortnight"}, clv.ParameterError, "time unit"),
    ({"grid": "month"}, clv.ParameterError, "unit='month'"),
    ({"observed_until": "2022-01-01"}, clv.DataError, "is that before the first order"),
]


@pytest.mark.parametrize(("change", "kind", "words"), BAD, ids=lambda each: str(each)[:40])
def test_bad_input_of_paths(lazy_engine, orders, change, kind, words):
    given = {**COLUMNS, "id": "often", "unit": "week", "observed_until": END, **change}
    for native in (orders, lazy_engine(orders)):
        with pytest.raises(kind, match=words):
            clv.p_alive_path(native, BG, **given)


BAD_DATES = [
    ([], clv.DataError, "row"),
    (["2023-01-01", None], clv.DataError, "no date"),
    (["2023-01-01", "soon"], clv.DataError, "soon"),
    ([0.0, 3.5, 10.0], clv.DataError, "Numeric dates"),
    (["2023-01-01", 7], clv.DataError, "one type"),
    (17, clv.DataError, "dates of one customer"),
    ("nowhere.csv", clv.ParameterError, "A log of orders goes with"),
]


@pytest.mark.parametrize(("dates", "kind", "words"), BAD_DATES, ids=lambda each: str(each)[:40])
def test_dates_that_are_none(dates, kind, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nowhere.csv").write_text("who,when\na,2023-01-01\n", encoding="utf-8")
    with pytest.raises(kind, match=words):
        clv.p_alive_path(dates, BG, unit="week")


def test_dates_with_columns():
    with pytest.raises(clv.DataError, match="Data come as"):
        clv.p_alive_path(["2023-01-01"], BG, **COLUMNS, id="a", unit="week")
    with pytest.raises(clv.DataError, match="purchase model"):
        clv.p_alive_path(["2023-01-01"], "BGNBD", unit="week")
