"""Tracking: the weeks of the papers, cohorts of all models, and a band that holds as often."""

from __future__ import annotations

import pickle
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv
from clvmodels import (
    BGBB,
    BGNBD,
    SBG,
    Customers,
    DataError,
    MissingColumnError,
    ParameterError,
    ParetoNBD,
    UnitMismatchError,
)
from clvmodels.diagnostics import Tracking, tracking
from clvmodels.diagnostics.cohorts import Cohorts
from clvmodels.diagnostics.tracking_band import expected
from clvmodels.models.purchases import OpportunityModel, PurchaseModel, newcomers
from clvmodels.models.registry import MODELS
from tests.conftest import shared_file
from tests.diagnostics.event_worlds import beta_dropout

CDNOW = {"customer": "customer_id", "date": "date"}
WEEK = 1.0 / 7.0
ROUNDING = 1e-9
BG = (0.5, 5.0, 0.8, 2.4)


# --- CDNOW ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cdnow_fit(cdnow_sample: Any) -> clv.Fit[BGNBD]:
    return BGNBD.fit(cdnow_sample)


@pytest.fixture(scope="module")
def cdnow_tracking(cdnow_sample_orders: Any, cdnow_fit: clv.Fit[BGNBD]) -> Tracking:
    return tracking(cdnow_sample_orders, cdnow_fit, **CDNOW)


def test_actual_purchases_are_those_of_btyd(cdnow_tracking: Tracking) -> None:
    path = shared_file("data/cdnow_sample_weekly_tracking_btyd.csv")
    theirs = pd.read_csv(path)["cumulative_repeat_transactions"]
    assert cdnow_tracking.table["cumulative_actual"].tolist() == theirs.tolist()
    assert cdnow_tracking.table["period"].tolist() == list(range(1, 79))


@pytest.mark.parametrize(("model", "name"), [(BGNBD, "bgnbd"), (ParetoNBD, "pnbd")])
def test_expected_purchases_are_those_of_btyd(
    cdnow_sample_orders: Any, reference: Any, model: Any, name: str
) -> None:
    """BTYD takes week k to end k weeks after the first day; a row here ends with its last day."""
    known = reference("cdnow_sample.json")
    parameters = known["published"][name]["params"].values()
    curve = known["cohort_tracking_btyd"][f"{name}_published_params"]
    firsts = pd.to_datetime(cdnow_sample_orders.groupby("customer_id")["date"].min())
    day, count = np.unique((firsts - pd.Timestamp("1997-01-01")).dt.days, return_counts=True)
    cohorts = Cohorts(day * 1.0, count * 1.0, newcomers(1), np.zeros(len(day), np.intp), WEEK)
    found = expected(model(*parameters), cohorts, 7.0 * np.arange(1, 79))
    assert found == pytest.approx(np.array(curve), rel=1e-12)


def test_rows_agree_with_the_fit_and_the_split(
    cdnow_tracking: Tracking, cdnow_fit: clv.Fit[BGNBD], cdnow_sample: Any
) -> None:
    rows = cdnow_tracking.table
    at_cut = rows[rows["end"] == "1997-09-30"].iloc[0]
    assert at_cut["window"] == "calibration"
    assert at_cut["cumulative_actual"] == 2457
    assert rows["cumulative_actual"].iloc[-1] - at_cut["cumulative_actual"] == 1882
    ages = cdnow_sample.customers().timing[2]
    total = cdnow_fit.model.mean_purchases(ages).sum()
    assert at_cut["cumulative_expected"] == pytest.approx(total, rel=ROUNDING)
    for name in ("actual", "expected"):
        sums = rows[name].cumsum().to_numpy()
        assert rows[f"cumulative_{name}"].to_numpy() == pytest.approx(sums)
    assert cdnow_tracking.fitted is True
    assert cdnow_tracking.customers == 2357
    assert (rows["lower"] <= rows["expected"]).all()
    assert (rows["cumulative_expected"] <= rows["cumulative_upper"]).all()
    assert "holdout: 1,882 purchases" in str(cdnow_tracking)
    assert "<table" in cdnow_tracking._repr_html_()
    assert pickle.loads(pickle.dumps(cdnow_tracking)).table.equals(rows)


def test_the_band_says_whose_fit_it_is(
    cdnow_sample_orders: Any, cdnow_fit: clv.Fit[BGNBD], cdnow_tracking: Tracking
) -> None:
    """A fit follows the counts that it has seen: there the band is narrower than chance alone."""
    model = {"unit": "week", "calibration_end": "1997-09-30"}
    known = tracking(cdnow_sample_orders, cdnow_fit.model, **CDNOW, **model)
    half = cdnow_sample_orders[cdnow_sample_orders["customer_id"] % 2 == 0]
    others = tracking(half, cdnow_fit, **CDNOW)
    assert (known.fitted, others.fitted) == (None, False)

    def width(found: Tracking, row: int = 38) -> float:
        each = found.table.iloc[row]
        return float(each["cumulative_upper"] - each["cumulative_lower"])

    assert width(cdnow_tracking) < 0.3 * width(known)
    alone = tracking(half, cdnow_fit.model, **CDNOW, **model)
    assert width(others) > width(alone)


def test_loaded_fits_have_the_same_band(
    cdnow_sample_orders: Any, cdnow_fit: clv.Fit[BGNBD], cdnow_tracking: Tracking
) -> None:
    loaded = pickle.loads(pickle.dumps(cdnow_fit))
    assert loaded.histories is None
    found = tracking(cdnow_sample_orders, loaded, **CDNOW)
    pd.testing.assert_frame_equal(found.table, cdnow_tracking.table)


def test_months_are_sums_of_days(cdnow_sample_orders: Any, cdnow_fit: clv.Fit[BGNBD]) -> None:
    months = tracking(cdnow_sample_orders, cdnow_fit, **CDNOW, period="month").table
    days = tracking(cdnow_sample_orders, cdnow_fit, **CDNOW, period="day").table
    assert months["end"].dt.strftime("%m-%d").tolist()[1:3] == ["02-28", "03-31"]
    sums = days.groupby(days["end"].dt.to_period("M"))[["actual", "expected"]].sum()
    assert sums["actual"].tolist() == months["actual"].tolist()
    assert sums["expected"].to_numpy() == pytest.approx(months["expected"].to_numpy(), rel=1e-8)
    ends = months["cumulative_upper"].to_numpy()
    own = days.set_index("end")["cumulative_upper"].loc[months["end"]].to_numpy()
    assert np.abs(ends - own).max() <= 1.0


# --- logs -------------------------------------------------------------------------------------


def orders(n: int = 400, *, seed: int = 3) -> pl.DataFrame:
    """A log of a year with two kinds of customers."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 80, n)
    who, when = beta_dropout(rng, (365 - first) / 7.0, BG)
    day = np.concatenate([first, first[who] + np.ceil(when * 7.0)]).astype(np.int64)
    people = np.concatenate([np.arange(n), who])
    start = date(2023, 1, 1)
    return pl.DataFrame(
        {"who": people, "day": [start + timedelta(int(each)) for each in day], "paid": 10.0}
    )


COLUMNS = {"customer": "who", "date": "day"}


def test_a_refund_after_the_cut_leaves_the_calibration_window_alone() -> None:
    log = pl.DataFrame(
        {
            "who": ["a", "a", "a", "b", "b"],
            "day": ["2024-01-01", "2024-01-10", "2024-02-10", "2024-01-02", "2024-02-20"],
            "paid": [10.0, 10.0, -10.0, 5.0, 5.0],
        }
    )
    found = tracking(
        log, BGNBD(*BG), **COLUMNS, amount="paid", unit="week", calibration_end="2024-01-31"
    )
    rows = found.table
    assert rows.groupby("window")["actual"].sum().to_dict() == {"calibration": 1, "holdout": 1}
    assert rows["end"].iloc[-1] == pd.Timestamp("2024-02-20")
    assert found.observed_until == date(2024, 2, 20)


@pytest.mark.filterwarnings("ignore::clvmodels.IdentifiabilityWarning")
def test_whole_periods() -> None:
    log = orders()
    rfm = clv.rfm_summary(log, **COLUMNS, unit="month", grid="month", observed_until="2023-09-30")
    fit = BGBB.fit(rfm)
    found = tracking(log, fit, **COLUMNS, observed_until="2023-12-31")
    rows = found.table
    assert rows["end"].dt.month.tolist() == list(range(1, 13))
    assert found.period == "month"
    split = clv.holdout_split(
        log,
        **COLUMNS,
        calibration_end="2023-09-30",
        observed_until="2023-12-31",
        unit="month",
        grid="month",
    )
    assert rows["actual"].iloc[9:].sum() == split.holdout["holdout_purchases"].sum()
    assert rows["cumulative_actual"].iloc[8] == rfm.frame["frequency"].sum()
    quarters = tracking(log, fit, **COLUMNS, observed_until="2023-12-31", period="quarter").table
    assert quarters["actual"].tolist() == rows["actual"].groupby(np.arange(12) // 3).sum().tolist()
    with pytest.raises(ParameterError, match="not shorter"):
        tracking(log, fit, **COLUMNS, period="week")


@pytest.mark.parametrize(
    "name", [n for n, kind in MODELS.items() if issubclass(kind, PurchaseModel)]
)
def test_every_model(name: str) -> None:
    kind = MODELS[name]
    values = [float(np.sqrt(np.prod(each.typical))) for each in kind.domains().values()]
    model: Any = kind(*values, **dict.fromkeys(kind.settings(), 2))
    whole = isinstance(model, OpportunityModel)
    rules: dict[str, Any] = {"unit": "month", "grid": "month"} if whole else {"unit": "week"}
    log = orders(60)
    rows = tracking(
        log, model, **COLUMNS, **rules, calibration_end="2023-09-30", period="month"
    ).table
    rfm = clv.rfm_summary(log, **COLUMNS, **rules, observed_until="2023-09-30")
    total = model.mean_purchases(rfm.frame["T"].to_numpy()).sum()
    at_cut = rows[rows["window"] == "calibration"].iloc[-1]
    assert at_cut["cumulative_expected"] == pytest.approx(total, rel=ROUNDING)
    assert at_cut["cumulative_actual"] == rfm.frame["frequency"].sum()
    for column in ("", "cumulative_"):
        inside = rows[f"{column}expected"].between(
            rows[f"{column}lower"] - 1.0, rows[f"{column}upper"] + 1.0
        )
        assert inside.all()


def test_covariates() -> None:
    """Each customer is expected to do what their own model says."""
    log = orders(200)
    table = pl.DataFrame({"who": np.arange(200), "web": np.arange(200) % 3 // 2})
    rfm = clv.rfm_summary(log, **COLUMNS, unit="week", observed_until="2023-09-30")
    rfm = rfm.with_covariates(table)
    fit = BGNBD.fit(rfm, purchase="web")
    found = tracking(log, fit, **COLUMNS)
    c = rfm.customers(("web",))
    own = sum(
        fit.model.at(web=web).mean_purchases(c.timing[2][c.covariates["web"] == web]).sum()
        for web in (0, 1)
    )
    at_cut = found.table[found.table["window"] == "calibration"].iloc[-1]
    assert at_cut["cumulative_expected"] == pytest.approx(own, rel=ROUNDING)
    loaded = pickle.loads(pickle.dumps(fit))
    with pytest.raises(DataError, match="needs those of the customers"):
        tracking(log, loaded, **COLUMNS)
    pd.testing.assert_frame_equal(tracking(log, loaded, **COLUMNS, rfm=rfm).table, found.table)
    with pytest.raises(DataError, match="very customers"):
        tracking(log.filter(pl.col("who") != 5), fit, **COLUMNS)


def test_continuous_covariates_are_thinned_for_the_band_alone() -> None:
    rng, n = np.random.default_rng(2), 300
    z = np.zeros(n)
    new = Customers.from_arrays(
        z, z, z, unit="week", covariates={"age": np.sort(rng.normal(size=n))}
    )
    cohorts = Cohorts(z, np.ones(n), new, np.arange(n), WEEK)
    few = cohorts.thinned()
    assert len(few.newcomers) == 50
    assert np.bincount(few.kind).tolist() == [6] * 50


def test_arguments() -> None:
    log = orders()
    rfm = clv.rfm_summary(log, **COLUMNS, unit="week", observed_until="2023-06-30")
    fit = BGNBD.fit(rfm)
    with pytest.raises(ParameterError, match="Times have a unit"):
        tracking(log, fit.model, **COLUMNS)
    with pytest.raises(UnitMismatchError):
        tracking(log, fit, **COLUMNS, unit="day")
    with pytest.raises(DataError, match="purchase model"):
        tracking(log, "BGNBD", **COLUMNS)
    with pytest.raises(MissingColumnError):
        tracking(log, fit, customer="whom", date="day")
    with pytest.raises(DataError, match="period"):
        tracking(log, fit, **COLUMNS, period="fortnight")
    short = tracking(log, fit, **COLUMNS, observed_until="2023-06-30").table
    assert set(short["window"]) == {"calibration"}


def test_subscriptions_have_no_log_of_orders() -> None:
    """A cohort of subscribers renews at whole periods; tracking takes its model on any log."""
    log = orders(100)
    found = tracking(
        log, SBG(0.7, 3.8), **COLUMNS, unit="month", grid="month", calibration_end="2023-06-30"
    )
    first = found.table["expected"].iloc[1]
    assert 0.0 < first < 100.0
