"""Coverage of intervals: by probabilities alone the same as by their ends, and right."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

import clvmodels as clv
from clvmodels import BGNBD, Customers, GammaGamma
from clvmodels.diagnostics.metrics import randomised_coverage
from clvmodels.predictive.value_shares import value_shares

MODELS = BGNBD(0.55, 6.0, 0.8, 2.5), GammaGamma(2.0, 3.5, 40.0)
SUMS = 1e-7  # 260 differences of probabilities, each to 1e-10
TABLES = 1e-4  # ValueDistribution interpolates


def customers(n: int = 40, *, seed: int = 1) -> Customers:
    """Return customers with spend, a heavy buyer among them."""
    drawn = MODELS[0].simulate(n - 1, 60.0, seed=seed, unit="week")
    columns = [
        np.append(each, last) for each, last in zip(drawn.timing, (300, 59, 60), strict=True)
    ]
    return MODELS[1].simulate(Customers.from_arrays(*columns, unit="week"), seed=seed)


def test_shares_are_sums_over_numbers_of_purchases() -> None:
    """Each number by its probability, times the law of what so many are worth by scipy."""
    c = customers()
    value = np.random.default_rng(3).gamma(1.0, 100.0, len(c))
    counts = clv.purchase_distribution(c, MODELS[0], horizon=26.0)
    law = MODELS[1].spend_law(c)
    wanted = counts.pmf(0).copy()
    for n in range(1, 260):
        worth = stats.betaprime.cdf(value / law.scale, law.purchase * n, law.customer)
        wanted += counts.pmf(n) * worth
    found = value_shares(*MODELS, c, value, 26.0)
    np.testing.assert_allclose(found, wanted, atol=SUMS)
    whole = clv.value_distribution(c, *MODELS, horizon=26.0)
    np.testing.assert_allclose(found, whole.cdf(value), atol=TABLES)
    np.testing.assert_allclose(
        value_shares(*MODELS, c, np.zeros(len(c)), 26.0), whole.p_zero, rtol=1e-12
    )
    assert value_shares(*MODELS, c.take(slice(0, 0)), np.zeros(0), 26.0).shape == (0,)


def test_shares_are_those_of_simulated_futures() -> None:
    """A customer who is alive for certain, seen again and again."""
    purchases, spend = BGNBD(2.0, 4.0, 1e-4, 1.0), GammaGamma(3.0, 4.0, 30.0)
    one = Customers.from_arrays([3], [9.9], [10.0], unit="week", monetary_value=[12.0])
    draw = np.random.default_rng(5)
    n = 40_000
    counts = draw.poisson(draw.gamma(2.0 + 3.0, 1.0 / (4.0 + 10.0), n) * 8.0)
    scale = draw.gamma(4.0 + 9.0, 1.0 / (30.0 + 36.0), n)
    value = np.where(counts > 0, draw.gamma(np.maximum(3.0 * counts, 1e-9), 1.0) / scale, 0.0)
    for amount in (0.0, 10.0, 30.0, 80.0):
        (found,) = value_shares(purchases, spend, one, np.array([amount]), 8.0)
        # Three standard errors of a share of so many, and the few who leave.
        assert found == pytest.approx((value <= amount).mean(), abs=0.0085)


def test_coverage_is_that_of_the_ends(log: pl.DataFrame, run: Any) -> None:
    """The ends of each customer, by the public functions, counted by `randomised_coverage`."""
    level, origin = 0.8, "2023-12-10"
    table = run(log, origins=[origin], interval=level, cohort=None).table
    split = clv.holdout_split(
        log.filter(pl.col("day") <= pl.date(2024, 2, 18)),
        customer="who",
        date="day",
        amount="paid",
        calibration_end=origin,
        unit="week",
    )
    rfm = split.calibration
    fit, spend = BGNBD.fit(rfm), GammaGamma.fit(rfm)
    counts = clv.purchase_distribution(rfm, fit, horizon=split.horizon)
    lower, upper = counts.interval(level)
    content = counts.content(lower, upper)
    value = clv.value_distribution(rfm, fit, spend, horizon=split.horizon)
    least, most = value.interval(level)
    nothing = most == 0.0
    wanted = {
        "purchases": randomised_coverage(
            lower,
            upper,
            split.holdout["holdout_purchases"].to_numpy(),
            content=content,
            content_before=content - counts.pmf(upper),
            level=level,
        ),
        "value": randomised_coverage(
            least,
            most,
            split.holdout["holdout_value"].to_numpy(),
            content=np.where(nothing, value.p_zero, level),
            content_before=np.where(nothing, 0.0, level),
            level=level,
        ),
    }
    found = table[(table["metric"] == "coverage") & (table["kind"] == "model")]
    for quantity, number in zip(found["quantity"], found["number"], strict=True):
        assert number == pytest.approx(wanted[quantity], abs=1e-9), quantity


def test_intervals_hold_where_the_model_is_right(make: Any, run: Any) -> None:
    summary = run(make(1500, seed=6), n_origins=1, cohort=None).summary
    models = summary[summary["kind"] == "model"]
    assert len(models) == 2
    for coverage in models["coverage"]:
        assert coverage == pytest.approx(0.9, abs=0.03)  # three standard errors of 1,000 or so
