"""Tracking: the weeks of the papers, cohorts of all models, and a band that holds as often."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv
from clvmodels import (
    BGBB,
    BGCNBD,
    BGNBD,
    MBGNBD,
    SBG,
    Customers,
    DataError,
    MissingColumnError,
    ParameterError,
    ParetoNBD,
    UnitMismatchError,
)
from clvmodels.diagnostics import Tracking, tracking
from clvmodels.diagnostics.cohorts import Cohorts, cohorts_of
from clvmodels.diagnostics.over_time import track
from clvmodels.diagnostics.tracking_band import chance, expected, luck_ahead
from clvmodels.frames.purchase_days import PurchaseDays
from clvmodels.models.purchases import OpportunityModel, PurchaseModel, newcomers
from clvmodels.models.registry import MODELS
from tests.conftest import shared_file
from tests.diagnostics.event_worlds import beta_dropout, opportunities, pareto

CDNOW = {"customer": "customer_id", "date": "date"}
WEEK = 1.0 / 7.0
SIGMAS = 4.5  # a seeded test that fails by chance once in 150,000 seeds
ROUNDING = 1e-9
CALIBRATION, HOLDOUT = 272, 545  # days after the first one, as in CDNOW


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


# --- the band ---------------------------------------------------------------------------------

BG = (0.5, 5.0, 0.8, 2.4)
WORLDS: dict[str, tuple[Any, Callable[..., Any], float, tuple[float, float]]] = {
    "BG/NBD": (BGNBD(*BG), lambda rng, t: beta_dropout(rng, t, BG), WEEK, (0.95, 1.05)),
    "MBG/NBD": (
        MBGNBD(*BG),
        lambda rng, t: beta_dropout(rng, t, BG, at_once=True),
        WEEK,
        (0.95, 1.05),
    ),
    "Pareto/NBD": (
        ParetoNBD(0.8, 8.0, 0.9, 12.0),
        lambda rng, t: pareto(rng, t, (0.8, 8.0, 0.9, 12.0)),
        WEEK,
        (0.95, 1.05),
    ),
    "BG/BB": (
        BGBB(1.2, 0.75, 0.66, 2.8),
        lambda rng, t: opportunities(rng, t, (1.2, 0.75, 0.66, 2.8)),
        1.0,
        (0.95, 1.05),
    ),
    # Regular times: of increments the variance is too large, by up to a third.
    "BG/CNBD-3": (
        BGCNBD(0.8, 2.0, 0.5, 1.5, k=3),
        lambda rng, t: beta_dropout(rng, t, (0.8, 2.0, 0.5, 1.5), k=3),
        WEEK,
        (0.9, 1.35),
    ),
}


@pytest.mark.parametrize("name", WORLDS)
def test_chance_is_that_of_simulated_customers(name: str) -> None:
    model, simulate, step, (least, most) = WORLDS[name]
    ends = np.array([3.0, 7.0, 14.0, 20.0]) if step == 1.0 else np.array([7.0, 14.0, 91.0, 273.0])
    cohorts = Cohorts(np.zeros(1), np.ones(1), newcomers(1), np.zeros(1, np.intp), step)
    n = 100_000
    who, when = simulate(np.random.default_rng(5), np.full(n, ends[-1] * step))
    counts = np.stack([np.bincount(who[when <= end * step], minlength=n) for end in ends])
    mean = expected(model, cohorts, ends)
    assert (np.abs(counts.mean(axis=1) - mean) < SIGMAS * counts.std(axis=1) / np.sqrt(n)).all()
    cumulative, increments = chance(model, cohorts, ends)
    assert cumulative == pytest.approx(counts.var(axis=1), rel=0.05)
    ratio = increments / np.diff(counts, axis=0, prepend=0).var(axis=1)
    assert ((ratio > least) & (ratio < most)).all()


def one_world(seed: int, *, refit: bool) -> Tracking:
    """Customers of BG/NBD who come within 12 weeks, followed as long again as they were fitted."""
    rng, n = np.random.default_rng(seed), 400
    first = rng.integers(0, 84, n)
    who, when = beta_dropout(rng, (HOLDOUT - first) * WEEK, BG)
    day = first[who] + np.maximum(np.ceil(when / WEEK), 1).astype(np.int64)
    age = (CALIBRATION - first) * WEEK
    known = day <= CALIBRATION
    x, t_x = np.bincount(who[known], minlength=n), np.zeros(n)
    np.maximum.at(t_x, who[known], when[known])
    c = Customers.from_arrays(x, np.minimum(t_x, age), age, unit="week")
    found = BGNBD.fit(c) if refit else BGNBD(*BG)
    pairs = np.concatenate([np.stack([first, first]), np.stack([first[who], day])], axis=1)
    rows, count = np.unique(pairs, axis=1, return_counts=True)
    ends = [date(2020, 1, 1) + timedelta(end) for end in (CALIBRATION, HOLDOUT)]
    days = PurchaseDays(rows[0], rows[1], count, CALIBRATION, HOLDOUT, *ends, "day")
    return track(days, found, cohorts_of(days, WEEK, found), lambda: c, unit="week", period="month")


@pytest.mark.filterwarnings("ignore::clvmodels.IdentifiabilityWarning")
@pytest.mark.parametrize("refit", [True, False])
def test_bands_hold_nine_times_in_ten(refit: bool) -> None:
    """A small run: decision 024 has the shares of larger ones."""
    worlds = 6
    tables = [one_world(seed, refit=refit).table for seed in range(worlds)]
    for column, least, most in (("", 0.85, 0.97), ("cumulative_", 0.75, 0.999)):
        inside = np.stack(
            [t[f"{column}actual"].between(t[f"{column}lower"], t[f"{column}upper"]) for t in tables]
        )
        assert least < inside.mean() < most
    gaps = np.stack([t["cumulative_actual"] - t["cumulative_expected"] for t in tables])
    half = tables[0]["cumulative_upper"] - tables[0]["cumulative_lower"]
    sd = (half / (2.0 * 1.645)).to_numpy()
    for row in (8, len(sd) - 1):  # the cut, the end
        assert 0.4 < gaps[:, row].std() / sd[row] < 1.8


FEW_LEAVE = (1.2, 5.0, 30.0, 500.0)  # and all alike: gamma and delta have no bound


def opportunity_world(seed: int) -> tuple[Customers, PurchaseDays]:
    """Customers of BG/BB who come within six months, fitted to a year and followed for five."""
    rng, n, cut, end = np.random.default_rng(seed), 400, 12, 17
    first = rng.integers(1, 7, n)
    who, when = opportunities(rng, (end - first).astype(float), FEW_LEAVE)
    month = first[who] + when.astype(np.int64)
    known = month <= cut
    x, t_x = np.bincount(who[known], minlength=n), np.zeros(n)
    np.maximum.at(t_x, who[known], when[known])
    c = Customers.from_arrays(x, t_x, (cut - first).astype(float), unit="month")
    pairs = np.concatenate([np.stack([first, first]), np.stack([first[who], month])], axis=1)
    rows, count = np.unique(pairs, axis=1, return_counts=True)
    last = date(2020, 12, 31), date(2021, 5, 31)
    return c, PurchaseDays(rows[0], rows[1], count, cut, end, *last, "month")


@pytest.mark.filterwarnings("ignore::clvmodels.IdentifiabilityWarning")
def test_after_the_cut_a_band_is_never_narrower_than_chance_from_there() -> None:
    inside, bounded = [], []
    for seed in range(2):
        c, days = opportunity_world(seed)
        fit = BGBB.fit(c)
        bounded.append(bool(np.isfinite(fit.covariance).all()))
        own = cohorts_of(days, 1.0, fit)
        rows = track(days, fit, own, lambda c=c: c, unit="month", period="month").table
        rows = rows[rows["window"] == "holdout"]
        next_month = fit.model.expected_purchases(c, 1.0)  # a chance: one purchase at most
        least = 3.29 * np.sqrt((c.weight * next_month * (1.0 - next_month)).sum()) - 2.0
        for column in ("", "cumulative_"):
            width = rows[f"{column}upper"] - rows[f"{column}lower"]
            assert width.iloc[0] > least
            assert (width > 0.75 * least).all()
            inside += (
                rows[f"{column}actual"]
                .between(rows[f"{column}lower"], rows[f"{column}upper"])
                .tolist()
            )
        assert rows["cumulative_upper"].sub(rows["cumulative_lower"]).is_monotonic_increasing
    assert not all(bounded)
    assert np.mean(inside) > 0.7


def test_chance_after_the_cut_is_that_of_customers_with_equal_pasts() -> None:
    values, n, cut = (1.2, 0.75, 0.66, 2.8), 100_000, 6.0
    ends = np.array([3.0, 6.0, 7.0, 9.0, 12.0])
    who, when = opportunities(np.random.default_rng(4), np.full(n, 12.0), values)
    counts = np.stack([np.bincount(who[when <= end], minlength=n) for end in ends])
    t_x = np.zeros(n)
    np.maximum.at(t_x, who[when <= cut], when[when <= cut])
    _, past = np.unique(np.stack([counts[1], t_x]), axis=1, return_inverse=True)

    def within(future: Any) -> float:
        size = np.bincount(past.ravel())
        means = np.bincount(past.ravel(), future) / size
        return float(((future - means[past.ravel()]) ** 2).sum())

    c = Customers.from_arrays(counts[1], t_x, np.full(n, cut), unit="month").patterns()
    sums, rows = luck_ahead(BGBB(*values), c, ends, cut, 1.0)
    assert sums[:2].tolist() == rows[:2].tolist() == [0.0, 0.0]
    ahead = counts[2:] - counts[1]
    assert sums[2:] == pytest.approx([within(each) for each in ahead], rel=0.06)
    each_row = np.diff(ahead, axis=0, prepend=0)
    assert rows[2:] == pytest.approx([within(each) for each in each_row], rel=0.06)


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
