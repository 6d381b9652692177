"""`drift`: what it says of CDNOW, of worlds that change, on every engine and for every model."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv
from clvmodels.errors import DataError, ParameterError, UnitMismatchError
from studies import drift as study
from tests.drift.conftest import CUT, END, summary

SAME = 1e-9  # the same sums in another order


def scores(fit: Any, data: Any) -> np.ndarray:
    """Gradient of the log-likelihood in log-parameters, by differences."""
    c = data.customers()
    some = c.take(c.frequency > 0.0) if fit.model.title == "Gamma-Gamma" else c
    gradient = []
    for j in range(len(fit.names)):
        step = np.where(np.arange(len(fit.names)) == j, 1e-5, 0.0)
        up, down = (fit.model.with_values(fit.model.values * np.exp(s * step)) for s in (1.0, -1.0))
        gradient.append((up.log_likelihood(some).sum() - down.log_likelihood(some).sum()) / 2e-5)
    return np.array(gradient)


def test_cdnow(found: clv.Drift, old: clv.CLVModel, now: clv.CustomerSummary) -> None:
    assert found.verdict == "refit"
    assert found.overlap == "nested"
    assert (str(found.old_until), str(found.new_until), found.customers) == (CUT, END, 2357)
    refit = clv.BGNBD.fit(now)
    table = found.table[found.table.part == "purchases"].set_index("parameter")
    np.testing.assert_allclose(table.new, refit.model.values, rtol=1e-6)
    np.testing.assert_allclose(table.old, old.purchases.model.values)
    np.testing.assert_allclose(table["shift"], table.new / table.old)
    assert ((table.lower < table["shift"]) & (table["shift"] < table.upper)).all()
    np.testing.assert_allclose(
        found.refitted.spend.model.values, clv.GammaGamma.fit(now).model.values, rtol=1e-6
    )


def test_the_score_test_by_hand(old: clv.CLVModel, now: clv.CustomerSummary) -> None:
    """Score by differences, information by differences of scores, inverses by numpy."""
    fit = old.purchases
    (part,) = clv.drift(fit, now, overlap="separate").parts
    halves = []
    for model in (fit.model, part.new.model):
        rows = []
        for j in range(4):
            step = np.where(np.arange(4) == j, 1e-3, 0.0)
            ends = [
                scores(_At(fit, model.with_values(model.values * np.exp(s * step))), now)
                for s in (1.0, -1.0)
            ]
            rows.append((ends[1] - ends[0]) / 2e-3)
        halves.append(np.array(rows))
    information = 0.5 * (halves[0] + halves[1])
    slopes = fit.model.values
    before = fit.covariance / np.outer(slopes, slopes)
    score = scores(fit, now)
    inverse = np.linalg.inv(information)
    wanted = before + inverse
    np.testing.assert_allclose(part.difference.covariance, wanted, rtol=1e-3, atol=1e-6)
    step = inverse @ score
    assert part.difference.statistic == pytest.approx(
        step @ np.linalg.solve(wanted, step), rel=1e-3
    )
    assert part.difference.degrees == 4


class _At:
    def __init__(self, fit: Any, model: Any) -> None:
        self.model, self.names = model, fit.names


def test_the_window_by_totals_and_customer_by_customer(
    found: clv.Drift, old: clv.CLVModel, now: clv.CustomerSummary, orders: pl.DataFrame
) -> None:
    (line,) = found.window
    later = orders.filter(pl.col("date") > pl.date(1997, 9, 30))
    days = later.select("customer_id", "date").unique().height
    assert line.actual == days == 1882
    ages = now.customers().timing[2]
    mean = old.purchases.model.mean_purchases
    assert line.expected == pytest.approx(float((mean(ages) - mean(ages - 39.0)).sum()))
    columns = {"customer": "customer_id", "date": "date", "amount": "amount", "unit": "week"}
    split = clv.holdout_split(orders, calibration_end=CUT, **columns)
    purchases, value = clv.drift(old, now, split=split).window
    total = clv.total(split.calibration, old.purchases, horizon=39.0)
    assert purchases.expected == pytest.approx(total["expected_purchases"].item())
    assert (purchases.lower, purchases.upper) == (total["lower"].item(), total["upper"].item())
    assert purchases.actual == days
    assert value.actual == pytest.approx(later["amount"].sum())
    assert line.upper - line.lower == pytest.approx(purchases.upper - purchases.lower, rel=0.25)


def test_changes_are_those_of_totals(
    found: clv.Drift, old: clv.CLVModel, now: clv.CustomerSummary
) -> None:
    table = found.impact_table.set_index("quantity")
    new = found.refitted
    for which, model in (("old", old), ("new", new)):
        total = clv.total(now, model.purchases.model, model.spend.model, horizon="1y")
        for name, column in (("purchases", "expected_purchases"), ("value", "clv")):
            wanted = pytest.approx(total[column].item(), rel=1e-6)
            assert table.loc[f"{name} of all customers, next 1y", which] == wanted


def test_a_loaded_model_says_the_same(
    found: clv.Drift, old: clv.CLVModel, now: clv.CustomerSummary, tmp_path: Path
) -> None:
    loaded = clv.load(clv.save(old, tmp_path / "model.json"))
    again = clv.drift(loaded, now)
    pd.testing.assert_frame_equal(again.table, found.table, rtol=SAME)
    assert again.reasons == found.reasons
    same = pickle.loads(pickle.dumps(found))
    assert (same.verdict, str(same)) == (found.verdict, str(found))
    clv.save(found.refitted, tmp_path / "new.json")


def test_another_engine_and_order(
    found: clv.Drift, old: clv.CLVModel, orders: pl.DataFrame
) -> None:
    import duckdb

    shuffled = orders.sample(fraction=1.0, shuffle=True, seed=1)
    log = duckdb.from_arrow(shuffled.to_arrow())
    other = clv.drift(old, summary(log, END))
    for mine, theirs in zip(
        (found.tests, found.impact_table, found.window_table),
        (other.tests, other.impact_table, other.window_table),
        strict=True,
    ):
        pd.testing.assert_frame_equal(mine, theirs, rtol=1e-6)
    assert other.verdict == found.verdict


# --- worlds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change", ["nothing", "one purchase in five less", "prices a fifth higher"]
)
def test_worlds_that_change_are_called_refit(change: str) -> None:
    drift = study.found(study.STUDIES["BGNBD"], 7, study.CHANGES[change], "nested", 3_000)
    assert drift.verdict == ("not yet" if change == "nothing" else "refit"), str(drift)
    assert drift.window[0].inside == (change in ("nothing", "prices a fifth higher"))


def test_of_a_million_customers_every_shift_is_certain_and_few_matter() -> None:
    """Thousandfold weights: the test rejects, and the change is too small to count."""
    world = study.seen(study.STUDIES["BGNBD"], 3, people=1_500)
    fit = clv.BGNBD.fit(world.old.customers())
    new = pl.concat([world.new.frame] * 300).with_columns(customer_id=pl.int_range(pl.len()))
    many = clv.CustomerSummary.from_frame(new, unit="week", observed_until=world.new.observed_until)
    old = pl.concat([world.old.frame] * 300).with_columns(customer_id=pl.int_range(pl.len()))
    before = clv.CustomerSummary.from_frame(
        old, unit="week", observed_until=world.old.observed_until
    )
    drift = clv.drift(clv.BGNBD.fit(before), many)
    assert fit.n_customers * 300 == clv.BGNBD.fit(before).n_customers
    assert drift.parts[0].p_value < 1e-6
    assert drift.verdict == "not yet"
    assert "hardly matters" in drift.reasons[1]


def test_separate_customers() -> None:
    one, other = (study.seen(study.STUDIES["BGNBD"], seed, people=1_500) for seed in (1, 2))
    fit = clv.BGNBD.fit(one.old)
    with pytest.raises(ParameterError, match="separate"):
        clv.drift(fit, study.seen(study.STUDIES["BGNBD"], 2, people=3_000).new)
    drift = clv.drift(fit, other.new, overlap="separate")
    assert drift.overlap == "separate"
    assert drift.window == ()
    assert drift.verdict == "not yet"


# --- models -----------------------------------------------------------------------------------


def weekly(model: Any, seed: int, ages: np.ndarray, until: str, **columns: Any) -> Any:
    c = model.simulate(len(ages), ages, seed=seed, unit="week")
    x, t_x, T = c.timing
    frame = pl.DataFrame({"customer_id": range(len(x)), "frequency": x, "recency": t_x, "T": T})
    if c.log_intervals is not None:
        columns["log_intervals"] = c.log_intervals
    frame = frame.with_columns(**{k: pl.Series(v) for k, v in columns.items()})
    return clv.CustomerSummary.from_frame(frame, unit="week", observed_until=until)


@pytest.mark.filterwarnings("ignore::clvmodels.errors.IdentifiabilityWarning")
@pytest.mark.parametrize(
    "model",
    [
        clv.MBGNBD(0.5, 6.0, 0.9, 1.6),
        clv.ParetoNBD(0.55, 10.6, 0.6, 11.7),
        clv.BGCNBD(0.8, 2.0, 0.9, 3.5, k=2),
        clv.BGBB(1.2, 0.75, 0.66, 2.8),
        clv.SBG(0.7, 1.2),
    ],
    ids=lambda model: type(model).__name__,
)
def test_models_of_every_kind(model: Any) -> None:
    ages = np.repeat(np.arange(5.0, 30.0, 4.0), 60)
    settings = {name: getattr(model, name) for name in model.settings()}
    fit = type(model).fit(weekly(model, 1, ages, "2024-06-30"), **settings)
    drift = clv.drift(fit, weekly(model, 2, ages + 6.0, "2024-08-11"), overlap="separate")
    assert drift.parts[0].p_value > 1e-4
    assert len(drift.table) == len(fit.names)
    assert np.isfinite(drift.impact_table.change).all()
    nested = clv.drift(fit, weekly(model, 1, ages + 6.0, "2024-08-11"))
    assert nested.overlap == "nested"
    assert len(nested.window) == 1
    assert nested.window[0].lower < nested.window[0].expected < nested.window[0].upper


def test_covariates() -> None:
    ages = np.repeat(np.arange(10.0, 40.0, 5.0), 150)
    web = np.arange(len(ages)) % 2
    model = clv.BGNBD(0.5, 6.0, 0.8, 2.4)
    old = weekly(model, 1, ages, "2024-06-30", web=web)
    fit = clv.BGNBD.fit(old, purchase="web")
    new = weekly(model, 1, ages + 6.0, "2024-08-11", web=web)
    drift = clv.drift(fit, new)
    row = drift.table.set_index("parameter").loc["purchase: web"]
    assert row["scale"] == "difference"
    assert row["shift"] == pytest.approx(row["new"] - row["old"])
    refit = clv.BGNBD.fit(new, purchase="web")
    np.testing.assert_allclose(drift.table.new, refit.model.values, rtol=1e-4)
    with pytest.raises(DataError, match="web"):
        clv.drift(fit, weekly(model, 1, ages + 6.0, "2024-08-11"))
    alike = weekly(model, 1, ages + 6.0, "2024-08-11", web=np.ones_like(web))
    with pytest.raises(DataError, match="vary"):
        clv.drift(fit, alike)


def test_spend_alone(old: clv.CLVModel, now: clv.CustomerSummary, found: clv.Drift) -> None:
    assert isinstance(old.spend, clv.Fit)
    drift = clv.drift(old.spend, now)
    assert drift.parts[0].p_value == pytest.approx(found.parts[1].p_value)
    assert isinstance(drift.refitted, clv.Fit)
    assert [each.quantity for each in drift.impacts] == ["spend per purchase of a new customer"]


def test_a_price_is_no_fit(old: clv.CLVModel, now: clv.CustomerSummary) -> None:
    drift = clv.drift(clv.CLVModel(old.purchases, 9.99), now)
    assert [each.name for each in drift.parts] == ["purchases"]


@pytest.mark.filterwarnings("ignore::clvmodels.errors.IdentifiabilityWarning")
def test_a_fit_without_bounds_is_said_to_be_one() -> None:
    ages = np.repeat(np.arange(10.0, 40.0, 5.0), 60)
    stays = clv.BGNBD(0.5, 6.0, 1e-4, 1e4)
    fit = clv.BGNBD.fit(weekly(stays, 1, ages, "2024-06-30"))
    assert fit.certificate.verdict == "boundary"
    drift = clv.drift(fit, weekly(stays, 1, ages + 6.0, "2024-08-11"))
    assert any("boundary" in note for note in drift.notes)
    assert any("can be compared" in note for note in drift.notes)
    assert drift.verdict in ("refit", "not yet")


# --- errors -----------------------------------------------------------------------------------


def test_errors(
    old: clv.CLVModel, then: clv.CustomerSummary, now: clv.CustomerSummary, orders: pl.DataFrame
) -> None:
    assert isinstance(old.spend, clv.Fit)
    for wrong, error, words in (
        (
            lambda: clv.drift(old.purchases, summary(orders, END, unit="day")),
            UnitMismatchError,
            "per day",
        ),
        (lambda: clv.drift(old.purchases, summary(orders, END, grid="week")), DataError, "grid"),
        (lambda: clv.drift(clv.BGNBD.fit(now), then), DataError, "1998-06-30"),
        (lambda: clv.drift(old.purchases, then), DataError, "end after"),
        (lambda: clv.drift(old, summary(orders, END, amount=None)), DataError, "monetary_value"),
        (lambda: clv.drift(old.purchases.model, now), DataError, "Drift is that of a fit"),
        (lambda: clv.drift(old, orders), DataError, "CustomerSummary"),
        (lambda: clv.drift(old, now, horizon=float("inf")), ParameterError, "finite"),
        (lambda: clv.drift(old, now, significance=5), ParameterError, "significance"),
        (lambda: clv.drift(old, now, material=0.0), ParameterError, "material"),
        (lambda: clv.drift(old, now, overlap="some"), ParameterError, "overlap"),
    ):
        with pytest.raises(error, match=words):
            wrong()


def test_without_dates_the_overlap_has_to_be_said(
    old: clv.CLVModel, now: clv.CustomerSummary
) -> None:
    undated = clv.CustomerSummary.from_frame(now.frame, unit="week")
    with pytest.raises(ParameterError, match="overlap"):
        clv.drift(old.purchases, undated)
    drift = clv.drift(old.purchases, undated, overlap="nested")
    assert drift.window == ()
    with pytest.raises(ParameterError, match="observed_until"):
        clv.drift(old.spend, undated, overlap="nested")


def test_a_split_elsewhere_is_refused(
    old: clv.CLVModel, now: clv.CustomerSummary, orders: pl.DataFrame
) -> None:
    columns = {"customer": "customer_id", "date": "date", "amount": "amount", "unit": "week"}
    early = clv.holdout_split(orders, calibration_end="1997-08-31", **columns)
    with pytest.raises(DataError, match="at the end"):
        clv.drift(old, now, split=early)
    half = orders.filter(pl.col("customer_id") % 2 == 0)
    with pytest.raises(DataError, match="those of the old fit"):
        clv.drift(old, now, split=clv.holdout_split(half, calibration_end=CUT, **columns))


def test_late_orders_leave_the_data_nested(old: clv.CLVModel, orders: pl.DataFrame) -> None:
    """Ten deleted customers: nested all the same, but old totals no longer match."""
    tenth = orders["customer_id"].unique().sort()[9]
    fewer = orders.filter(pl.col("customer_id") > tenth)
    drift = clv.drift(old, summary(fewer, END))
    assert drift.overlap == "nested"
    assert drift.window == ()
    assert any("last digit" in note for note in drift.notes)


def test_it_shows_itself(found: clv.Drift) -> None:
    page = found._repr_html_()
    assert page.count("<table") == 4
    assert "refit" in page
    assert repr(found).startswith("<Drift: refit")
