"""What is ahead: against `predict`, `total`, and worlds that go on."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv

ROUNDING = 1e-9
BETWEEN = 0.03  # of a half width: intervals between windows for which they are computed


@pytest.fixture(scope="module")
def projected(shop, fits, columns):
    return clv.cohorts(shop.seen, *fits, **columns, observed_until=shop.until)


@pytest.fixture(scope="module")
def rfm(shop, columns):
    summary = clv.rfm_summary(shop.seen, **columns, unit="day", observed_until=shop.until)
    return summary.with_cohorts("quarter")


def ends_of(found: clv.CohortAnalysis) -> dict[str, pd.Timestamp]:
    ahead = found.table[found.table["kind"] == "projected"]
    return dict(zip(ahead["period"], ahead["end"], strict=True))


def test_values_are_the_totals_of_the_cohorts(projected, rfm, fits):
    """What was paid so far, and `total` up to the end of the period with its interval."""
    table = projected.table
    so_far = table[table["kind"] == "observed"].groupby("cohort")["cumulative_value"].last()
    for place, (period, end) in enumerate(sorted(ends_of(projected).items())):
        if place == 2:  # exact like the last, and not worth its time
            continue
        wanted = clv.total(rfm, *fits, horizon=end.date(), by="cohort")
        rows = table[(table["period"] == period) & (table["kind"] == "projected")]
        joined = rows.merge(pl.DataFrame(wanted).to_pandas(), on="cohort")
        n = joined["customers_x"].to_numpy()
        before = so_far[joined["cohort"]].to_numpy()
        np.testing.assert_allclose(
            joined["cumulative_value"], before + joined["clv"] / n, rtol=ROUNDING
        )
        half = (joined["upper_y"] - joined["lower_y"]) / n
        allowed = 1e-9 if place in (0, 3) else BETWEEN * half
        for side in ("lower", "upper"):
            off = joined[f"{side}_x"] - before - joined[f"{side}_y"] / n
            assert (np.abs(off) <= allowed).all()


def test_values_add_up_over_customers(projected, rfm, fits):
    end = max(ends_of(projected).values()).date()
    each = clv.predict(rfm, *fits, horizon=end)
    sums = dict(each.group_by("cohort").agg(pl.col("clv").sum()).rows())
    last = projected.table.groupby("cohort").last()
    ahead = (last["cumulative_value"] - last["observed_value"]) * last["customers"]
    for cohort, value in sums.items():
        assert ahead[cohort] == pytest.approx(value, rel=ROUNDING)


def test_retention_is_the_mean_chance_to_buy(projected, rfm, fits):
    """By P(at least one purchase) to either end: of whom nothing comes before the window."""
    from clvmodels.predictive.windows import chances_to_buy

    ends = sorted(ends_of(projected).values())
    edges = np.append(0.0, [(end - pd.Timestamp(rfm.observed_until)).days for end in ends])
    chances = chances_to_buy(rfm.customers(), fits[0].model, edges)
    names = rfm.frame["cohort"].to_numpy()
    grid = projected.grid("retention")
    for row, cohort in enumerate(grid.index):
        first = 3 - row  # the age in the first window
        mean = chances[names == cohort].mean(axis=0)
        np.testing.assert_allclose(grid.iloc[row, first : first + 4], mean, rtol=ROUNDING)


def test_a_period_that_has_begun_is_completed(shop, fits, columns):
    """Who has bought in it is certain; the others may do so in the rest."""
    cut = "2020-08-20"
    found = clv.cohorts(shop.seen, *fits, **columns, observed_until=cut, ahead=1)
    seen = clv.cohorts(shop.seen, **columns, observed_until=cut)
    partial = seen.table[seen.table["kind"] == "partial"].set_index("cohort")
    begun = found.table[found.table["period"] == "2020 Q3"].set_index("cohort")
    assert (begun["kind"] == "projected").all()
    assert (begun["active"] > partial["active"]).all()
    assert (begun["active_lower"] >= partial["active"]).all()
    np.testing.assert_allclose(begun["observed_value"], partial["cumulative_value"], rtol=ROUNDING)
    rfm = clv.rfm_summary(shop.seen, **columns, unit="day", observed_until=cut)
    table = rfm.with_cohorts("quarter").frame
    silent = (table["T"] - table["recency"]).to_numpy()
    bought = silent <= 50  # since July the 1st
    names = table["cohort"].to_numpy()
    from clvmodels.predictive.windows import chances_to_buy

    rest = chances_to_buy(rfm.customers(), fits[0].model, [0.0, 41.0])[:, 0]
    for cohort in begun.index:
        own = names == cohort
        assert partial["active"][cohort] == pytest.approx(bought[own].mean())
        mean = np.where(bought, 1.0, rest)[own].mean()
        assert begun["active"][cohort] == pytest.approx(mean, rel=ROUNDING)
    assert "2020 Q3 was observed until 2020-08-20 only" in " ".join(found.notes)
    assert seen.grid("retention").shape == (2, 2)


@pytest.mark.slow
def test_longer_cohorts_are_their_parts(shop, fits, columns):
    """A year at an age: its quarters at that age, whenever they reach it."""
    shared = {**columns, "observed_until": shop.until, "ahead": 2}
    year = clv.cohorts(shop.seen, *fits, **shared, cohort="year")
    parts = clv.cohorts(shop.seen, *fits, **shared, cohort="quarter")
    sizes = parts.table.drop_duplicates("cohort").set_index("cohort")["customers"]
    for quantity in ("retention", "cumulative_value"):
        rows = parts.grid(quantity).dropna(axis=1)
        mean = rows.mul(sizes, axis=0).sum() / sizes.sum()
        found = year.grid(quantity).iloc[0].dropna()
        np.testing.assert_allclose(found, mean[found.index], rtol=ROUNDING)
    # Chance averages out over quarters, the error of the parameters does not.
    whole = year.table.set_index("age")
    own = parts.table[parts.table["kind"] == "projected"]
    half = (own["upper"] - own["cumulative_value"]) * own["customers"] / sizes.sum()
    both = half.groupby(own["age"]).agg(["sum", "count"])
    for age in both.index[both["count"] == 2]:
        upper = whole["upper"][age] - whole["cumulative_value"][age]
        assert 0.6 * both["sum"][age] < upper <= both["sum"][age] * (1.0 + 1e-9)


@pytest.mark.parametrize(
    "how",
    [*(pytest.param(each, marks=pytest.mark.slow) for each in ("pandas", "duckdb")), "shuffled"],
)
def test_engines_and_order_do_not_matter(how, shop, models, columns):
    import duckdb

    log = {
        "pandas": shop.seen.to_pandas,
        "duckdb": lambda: duckdb.from_arrow(shop.seen.to_arrow()),
        "shuffled": lambda: shop.seen.sample(fraction=1.0, shuffle=True, seed=1),
    }[how]()
    shared = {**columns, "unit": "day", "observed_until": shop.until, "ahead": 1}
    ours, theirs = (clv.cohorts(each, *models, **shared) for each in (log, shop.seen))
    pd.testing.assert_frame_equal(ours.table, theirs.table, rtol=ROUNDING)
    pd.testing.assert_frame_equal(ours.comparison, theirs.comparison, rtol=ROUNDING)


def test_a_shop_that_goes_on(simulate, models, columns):
    """2,000 customers by the true models: what came is where chance allows, at every age."""
    shop = simulate(11, 2000)
    ahead = clv.cohorts(shop.seen, *models, **columns, unit="day", observed_until=shop.until)
    came = clv.cohorts(shop.orders, **columns, observed_until="2021-03-31")
    both = ahead.table.merge(came.table, on=["cohort", "age"], suffixes=("", "_came"))
    both = both[both["kind"] == "projected"]
    assert len(both) == 4
    n = both["customers"]
    sd = np.sqrt(both["active"] * (1.0 - both["active"]) / n)
    assert (np.abs(both["active_came"] - both["active"]) < 4.0 * sd).all()
    sd = (both["upper"] - both["lower"]) / (2.0 * 1.645)
    assert (np.abs(both["cumulative_value_came"] - both["cumulative_value"]) < 4.0 * sd).all()


@pytest.mark.filterwarnings("ignore::clvmodels.IdentifiabilityWarning")  # of small worlds
@pytest.mark.parametrize(
    ("worlds", "customers", "fitted"),
    [
        pytest.param(6, 440, False, marks=pytest.mark.slow),
        pytest.param(100, 600, True, marks=pytest.mark.slow),
    ],
)
def test_intervals_hold_what_comes(worlds, customers, fitted, simulate, models, columns):
    """Of the intervals of all cohorts and ages 90 % hold; those of one world go together."""
    held = []
    for seed in range(worlds):
        shop = simulate(100 + seed, customers)
        given = models
        if fitted:
            rfm = clv.rfm_summary(shop.seen, **columns, unit="day", observed_until=shop.until)
            given = clv.BGNBD.fit(rfm), clv.GammaGamma.fit(rfm)
        shared = {**columns, "observed_until": shop.until}
        ahead = clv.cohorts(shop.seen, *given, **shared, unit="day", ahead=2)
        came = clv.cohorts(shop.orders, **columns, observed_until="2021-03-31")
        both = ahead.table.merge(came.table, on=["cohort", "age"], suffixes=("", "_came"))
        both = both[both["kind"] == "projected"]
        for name, low, high in (
            ("active", "active_lower", "active_upper"),
            ("cumulative_value", "lower", "upper"),
        ):
            actual = both[f"{name}_came"]
            held.append([(both[low] - 1e-9 <= actual) & (actual <= both[high] + 1e-9)])
    share = float(np.mean(np.concatenate(held, axis=None)))
    # 4 cells a world of each kind, of which two and two are the same customers.
    error = np.sqrt(0.9 * 0.1 / (worlds * 4))
    assert abs(share - 0.91) < 3.0 * error + 0.02, share


def test_prices_and_purchases_alone(shop, fits, columns):
    shared = {**columns, "observed_until": shop.until, "ahead": 1}
    priced = clv.cohorts(shop.seen, fits[0], 10.0, **shared)
    doubled = clv.cohorts(shop.seen, fits[0], 20.0, **shared)
    ahead = [
        each.table["cumulative_value"] - each.table["observed_value"] for each in (priced, doubled)
    ]
    np.testing.assert_allclose(2.0 * ahead[0], ahead[1], rtol=ROUNDING)
    bare = clv.cohorts(shop.seen, fits[0], **shared)
    rows = bare.table[bare.table["kind"] == "projected"]
    assert rows["active"].notna().all()
    assert rows["cumulative_value"].isna().all()
    assert "no value is projected" in " ".join(bare.notes)
    silent = {name: columns[name] for name in ("customer", "date")}
    found = clv.cohorts(shop.seen, fits[0], **silent, observed_until=shop.until, ahead=1)
    pd.testing.assert_frame_equal(found.grid("retention"), bare.grid("retention"))
    assert found.comparison.empty
    with pytest.raises(clv.DataError, match="read without"):
        found.grid("value")


def test_margin_and_discount(shop, models, columns):
    shared = {**columns, "observed_until": shop.until, "ahead": 1, "unit": "day"}
    full = clv.cohorts(shop.seen, *models, **shared)
    third = clv.cohorts(shop.seen, *models, **shared, margin=0.3)
    names = ["value", "cumulative_value", "lower", "upper", "observed_value"]
    np.testing.assert_allclose(0.3 * full.table[names], third.table[names], rtol=ROUNDING)
    money = ["value", "lower", "upper", "observed", "projected", "others"]
    np.testing.assert_allclose(0.3 * full.comparison[money], third.comparison[money], rtol=1e-8)
    np.testing.assert_allclose(full.comparison["p_value"], third.comparison["p_value"], rtol=1e-8)
    later = clv.cohorts(shop.seen, *models, **shared, discount_rate=0.1)
    ahead = full.table["kind"] == "projected"
    assert (later.table["cumulative_value"] < full.table["cumulative_value"])[ahead].all()
    pd.testing.assert_frame_equal(later.table[~ahead], full.table[~ahead], rtol=ROUNDING)
    assert any("discounted" in each for each in later.notes)


@pytest.mark.slow
def test_a_pair_of_models_and_a_summary_at_hand(shop, fits, columns, projected, rfm):
    pair = clv.CLVModel(*fits)
    shared = {**columns, "observed_until": shop.until}
    same = clv.cohorts(shop.seen, pair, **shared, rfm=rfm)
    pd.testing.assert_frame_equal(same.table, projected.table, rtol=ROUNDING)


def test_covariates_come_with_a_summary(shop, columns):
    ids = shop.seen["who"].unique()
    table = pl.DataFrame({"who": ids, "web": (ids % 2).cast(pl.Float64)})
    shared = {**columns, "observed_until": shop.until}
    rfm = clv.rfm_summary(shop.seen, **shared, unit="day").with_covariates(table)
    fit = clv.BGNBD.fit(rfm, purchase="web")
    found = clv.cohorts(shop.seen, fit, **shared, rfm=rfm, ahead=1)
    assert found.table["active"].notna().all()


def test_models_of_whole_months(shop, columns):
    """BG/BB of calendar months: the month in which observation ends is not observed."""
    shared = {**columns, "observed_until": "2020-09-20"}
    rfm = clv.rfm_summary(shop.seen, **shared, grid="month", unit="month")
    model = clv.BGBB(2.2, 4.0, 1.0, 8.0)
    counted = {"grid": "month", "unit": "month"}
    found = clv.cohorts(shop.seen, model, 12.0, **shared, **counted)
    assert str(found.observed_until) == "2020-08-31"
    rest = found.table[found.table["period"] == "2020 Q3"]
    assert (rest["kind"] == "projected").all()
    later = found.table[found.table["period"] == "2020 Q4"]
    from clvmodels.predictive.windows import chances_to_buy

    mean = chances_to_buy(rfm.customers(), model, [1.0, 4.0])[:, 0].mean()
    whole = (later["active"] * later["customers"]).sum() / later["customers"].sum()
    assert whole == pytest.approx(mean, rel=ROUNDING)


@pytest.mark.slow
def test_draws_of_parameters(shop, fits, columns):
    draws = tuple(each.draws(64, seed=1) for each in fits)
    found = clv.cohorts(shop.seen, *draws, **columns, observed_until=shop.until, ahead=1)
    projected = clv.cohorts(shop.seen, *fits, **columns, observed_until=shop.until, ahead=1)
    for name in ("active", "cumulative_value"):
        np.testing.assert_allclose(found.table[name], projected.table[name], rtol=ROUNDING)
    wide = found.table["upper"] - found.table["lower"]
    normal = projected.table["upper"] - projected.table["lower"]
    assert ((wide / normal).dropna().between(0.7, 1.4)).all()


def test_a_loaded_fit_at_a_limit_has_its_interval(shop, fits, columns, tmp_path):
    """Histories, which no file has, tell its error: those of the log stand for them."""
    covariance = fits[0].covariance.copy()
    covariance[2], covariance[:, 2], covariance[2, 2] = 0.0, 0.0, np.inf
    fit = replace(fits[0], covariance=covariance)
    loaded = clv.load(clv.save(fit, tmp_path / "fit.json"))
    shared = {**columns, "observed_until": shop.until, "ahead": 1, "common_age": 0}
    fresh, again = (clv.cohorts(shop.seen, each, 10.0, **shared) for each in (fit, loaded))
    pd.testing.assert_frame_equal(again.table, fresh.table, rtol=1e-6)
    with pytest.raises(clv.DataError, match="do not bound 'a'"):
        clv.cohorts(shop.seen.filter(pl.col("who") < 500), loaded, 10.0, **shared)


def test_results_can_be_kept(projected):
    again = pickle.loads(pickle.dumps(projected))
    pd.testing.assert_frame_equal(again.table, projected.table)
