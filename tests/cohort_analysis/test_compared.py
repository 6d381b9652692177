"""Cohorts at a common age: variance by brute force, false alarms, power, words."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

import clvmodels as clv
from clvmodels.cohort_analysis.maturity import Matured, against_others

ROUNDING = 1e-9


def test_variance_between_customers_who_are_not_there_yet(shop, fits, columns):
    """Of what each was worth so far and is expected to be, and of chance ahead."""
    shared = {**columns, "observed_until": shop.until}
    found = clv.cohorts(shop.seen, *fits, **shared, ahead=1, common_age=2)
    rfm = clv.rfm_summary(shop.seen, **columns, unit="day", observed_until=shop.until)
    each = rfm.with_cohorts("quarter")
    ends = {"2020 Q2": date(2020, 12, 31)}
    for row in found.comparison.iloc[1:].itertuples():
        values = clv.predict(each, *fits, horizon=ends[row.cohort])
        own = values.filter(pl.col("cohort") == row.cohort)
        so_far = shop.seen.group_by("who").agg(pl.col("paid").sum())
        both = own.join(so_far, on="who")
        whole = (both["paid"] + both["clv"]).to_numpy()
        assert row.value == pytest.approx(whole.mean(), rel=ROUNDING)
        total = clv.total(each, *fits, horizon=ends[row.cohort], by="cohort")
        (ahead,) = total.filter(pl.col("cohort") == row.cohort).iter_rows(named=True)
        n = len(whole)
        sd = (ahead["upper"] - ahead["lower"]) / (2.0 * 1.6448536269514722)
        from scipy import stats

        half = stats.t.ppf(0.95, n - 1) * np.sqrt(whole.var(ddof=1) / n + (sd / n) ** 2)
        # The interval of the sum is interpolated between windows, to some per cent.
        assert row.upper - row.value == pytest.approx(half, rel=2e-3)


def sample(seed: int, *, better: float = 1.0, n: int = 120) -> pl.DataFrame:
    """Return orders of three quarters of customers, the last of them worth more or not."""
    rng = np.random.default_rng(seed)
    rows = []
    for quarter in range(3):
        worth = rng.lognormal(3.0, 0.8, n) * (better if quarter == 2 else 1.0)
        for i in range(n):
            first = date(2020, 1 + 3 * quarter, 1) + timedelta(days=int(rng.integers(0, 90)))
            for k in range(1 + int(rng.integers(0, 3))):
                paid = worth[i] * rng.gamma(4.0, 0.25)
                rows.append((1000 * quarter + i, first + timedelta(days=30 * k), paid))
    return pl.DataFrame(rows, schema=["who", "when", "paid"], orient="row")


def compared(log: pl.DataFrame, columns: dict[str, str]) -> clv.CohortAnalysis:
    return clv.cohorts(log, **columns, common_age=1, observed_until="2021-06-30")


@pytest.mark.slow
def test_alarms_are_rarely_false(columns):
    """20 logs of alike cohorts: in 5 % of them one may differ by chance; 5 of them once in 400."""
    alarms = [compared(sample(seed), columns).comparison["differs"].any() for seed in range(20)]
    assert sum(alarms) <= 4


def test_a_better_cohort_is_found(columns):
    found = compared(sample(1, better=2.0), columns)
    table = found.comparison.set_index("cohort")
    assert table["differs"].tolist() == [True, True, True]  # the others are held against it, too
    assert table["difference"].idxmax() == "2020 Q3"
    assert table["difference_lower"]["2020 Q3"] > 0.4
    (words,) = [each for each in found.sentences if each.startswith("2020 Q3")]
    assert words.endswith("not by chance.")
    assert "% more than the others" in words


def test_differences_by_hand():
    """Welch's test of logarithms: a relative error of 5 % on both sides."""
    one, two = Matured(100, 1000.0, 0.0, 0.25, 0.0, 0.0), Matured(100, 2000.0, 0.0, 1.0, 0.0, 0.0)
    first, second = against_others([one, two], 0.9)
    from scipy import stats

    se = np.sqrt(2.0 * 0.05**2)
    t = stats.t(2 * 99)
    assert first.difference == pytest.approx(-0.5)
    assert second.difference == pytest.approx(1.0)
    assert second.p_value == pytest.approx(2.0 * t.sf(np.log(2.0) / se), rel=1e-6)
    assert second.difference_upper == pytest.approx(2.0 * np.exp(t.ppf(0.95) * se) - 1.0)


def test_chance_ahead_and_the_error_of_the_parameters_count():
    sure = Matured(100, 1000.0, 100.0, 0.25, 0.0, 0.0)
    other = Matured(100, 1200.0, 0.0, 0.25, 0.0, 0.0)
    unsure = Matured(100, 1000.0, 100.0, 0.25, 30.0, 40.0)
    assert unsure.variance == pytest.approx(0.25 + 0.25)
    assert against_others([unsure, other], 0.9)[0].p_value > (
        against_others([sure, other], 0.9)[0].p_value
    )


def test_few_customers_are_not_told_from_chance(columns):
    log = sample(1, n=6)
    found = compared(log, columns)
    assert found.comparison["p_holm"].isna().all()
    assert not found.comparison["differs"].any()
    assert all("too few customers" in each for each in found.sentences)


def test_the_age_that_two_cohorts_have_reached(shop, columns):
    assert clv.cohorts(shop.seen, **columns, observed_until="2020-09-30").common_age == 1
    assert clv.cohorts(shop.seen, **columns, observed_until="2020-09-29").common_age == 0
    assert clv.cohorts(shop.seen, **columns, observed_until="2020-06-29").common_age is None
    alone = clv.cohorts(shop.seen, **columns, observed_until="2020-09-30", common_age=2)
    assert alone.comparison["cohort"].tolist() == ["2020 Q1"]
    assert np.isnan(alone.comparison["others"].iloc[0])
    assert alone.sentences[0].endswith("after 2 quarters.")


def test_labels_are_compared_among_themselves(columns):
    halves = [
        log.with_columns(who=pl.col("who") + place, shop=pl.lit(name))
        for place, (name, log) in enumerate([("web", sample(1)), ("store", sample(2, better=2.0))])
    ]
    halves[1] = halves[1].with_columns(who=pl.col("who") + 10_000)
    both = clv.cohorts(
        pl.concat(halves), **columns, by="shop", common_age=1, observed_until="2021-06-30"
    )
    for name, log in zip(("web", "store"), halves, strict=True):
        own = compared(log, columns).comparison
        part = both.comparison[both.comparison["shop"] == name]
        np.testing.assert_allclose(part["p_holm"], own["p_holm"], rtol=1e-9)
    assert both.sentences[0].startswith("store, 2020 Q1: ")
    assert both.grid("retention").index.names == ["shop", "cohort"]


def test_a_missing_label_is_one(columns):
    log = sample(1).with_columns(shop=pl.when(pl.col("who") % 2 == 0).then(pl.lit("web")))
    for frame in (log, log.to_pandas()):
        found = clv.cohorts(frame, **columns, by="shop", common_age=1, observed_until="2021-06-30")
        assert found.table["shop"].drop_duplicates().tolist() == ["web", None]
        assert found.comparison["shop"].tolist() == ["web"] * 3 + [None] * 3
        assert found.sentences[-1].startswith("no shop, 2020 Q3: ")


def test_arguments(shop, columns, models):
    with pytest.raises(clv.ParameterError, match="its own spend model"):
        clv.cohorts(shop.seen, clv.CLVModel(*models), 3.0, **columns)
    for name, value in (("ahead", 0), ("common_age", -1), ("interval", 1.0), ("margin", 0.0)):
        with pytest.raises(clv.ParameterError, match=name):
            clv.cohorts(shop.seen, **columns, **{name: value})
    model = clv.BGNBD(0.8, 40.0, 0.8, 3.0)
    with pytest.raises(clv.ParameterError, match="unit"):
        clv.cohorts(shop.seen, model, **columns)
    with pytest.raises(clv.ParameterError, match="At most 600"):
        clv.cohorts(shop.seen, model, 1.0, **columns, unit="day", common_age=900)
    with pytest.raises(clv.DataError, match="`purchases` is a fit"):
        clv.cohorts(shop.seen, 3.0, **columns)
    with pytest.raises(clv.ParameterError, match="one price"):
        clv.cohorts(shop.seen, model, "price", **columns, unit="day")
    with pytest.raises(clv.DataError, match="no `amount`"):
        clv.cohorts(shop.seen, model, 1.0, customer="who", date="when", unit="day")
    with pytest.raises(clv.ParameterError, match="Did you mean 'retention'"):
        clv.cohorts(shop.seen, **columns).grid("retntion")


def test_people_who_gave_back_all(columns):
    """They are in no cohort, and it is said."""
    days = ["2024-01-01", "2024-05-01", "2024-01-01", "2024-02-03", "2024-02-05"]
    log = pl.DataFrame({"who": [1, 1, 2, 3, 3], "when": days, "paid": [5.0, -50, 6, 9, -2]})
    found = clv.cohorts(log, **columns)
    assert found.table["customers"].iloc[0] == 2
    assert found.table["cumulative_value"].iloc[-1] == pytest.approx((6.0 + 7.0) / 2.0)
    assert "1 person gave back all they bought" in str(found)
    for some in (clv.cohorts(log, **columns, returns="drop"), clv.cohorts(log[2:], **columns)):
        assert not any("gave back" in each for each in some.notes)
    twice = pl.concat([log, log.with_columns(pl.col("who") + 10)]).lazy()
    assert "2 people gave back" in " ".join(clv.cohorts(twice, **columns).notes)


def test_what_is_printed(shop, columns):
    found = clv.cohorts(shop.seen, **columns, observed_until="2020-09-10", cohort="month")
    text = str(found)
    assert max(map(len, text.splitlines())) <= 100
    begun = clv.cohorts(shop.seen, **columns, cohort="year", observed_until="2020-02-10")
    assert "customers in 1 cohort by year" in str(begun)
    assert str(begun).count("No period is over yet.") == 2
    assert begun._repr_html_().count("No period is over yet.") == 1
    assert "<table" not in begun._repr_html_()
    html = clv.cohorts(shop.seen.with_columns(shop=pl.lit("<b>")), **columns, by="shop")
    assert "<b>" not in html._repr_html_()
    assert "Share who bought" in html._repr_html_()
