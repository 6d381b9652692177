"""Populations at the limits of the models of whole opportunities, and recovery of parameters."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import clvmodels as clv
from clvmodels import Customers
from clvmodels.models.bdw import BDW
from clvmodels.models.bgbb import BGBB
from clvmodels.models.sbg import SBG

RENEWALS = [SBG, BDW]


@pytest.mark.parametrize("model", RENEWALS)
@pytest.mark.parametrize(
    "active", [[1000, 1000, 1000, 1000], [1000, 0, 0, 0], [1, 1, 1, 0], [5, 5], [1000, 900]]
)
def test_what_says_nothing_is_refused(model, active):
    with pytest.raises(clv.DataError, match="learns from"):
        model.fit(Customers.from_renewals(active, unit="month"))


def test_bdw_needs_a_third_opportunity():
    cohort = Customers.from_renewals([1000, 800, 700], unit="month")
    assert SBG.fit(cohort).certificate.verdict == "identified"
    with pytest.raises(clv.DataError, match="SBG needs only two"):
        BDW.fit(cohort)


def test_everybody_leaves_with_one_probability():
    cohort = Customers.from_renewals([round(100_000 * 0.8**t) for t in range(9)], unit="month")
    with pytest.warns(clv.IdentifiabilityWarning, match="same probability 0.2"):
        fit = SBG.fit(cohort)
    active = Customers.from_arrays([8], [8], [8], unit="month")
    assert fit.expected_purchases(active, 2.0)[0] == pytest.approx(0.8 + 0.64, rel=2e-3)


def test_churn_that_rises_is_beyond_sbg():
    """Rising churn has no maximum in alpha and beta; BdW has a c for it."""
    cohort = Customers.from_renewals(
        [round(100_000 * 0.97 ** (t**1.6)) for t in range(9)], unit="month"
    )
    with pytest.warns(clv.IdentifiabilityWarning, match="BDW says so"):
        SBG.fit(cohort)
    with pytest.warns(clv.IdentifiabilityWarning, match="same probability"):
        fit = BDW.fit(cohort)
    assert fit.model.c == pytest.approx(1.6, abs=0.05)


def test_hardly_anybody_leaves():
    rows = Customers.from_arrays([0, 12], [0, 12], [12, 12], weight=[1.0, 1e6], unit="month")
    with pytest.warns(clv.IdentifiabilityWarning):
        fit = SBG.fit(rows)
    active = Customers.from_arrays([12], [12], [12], unit="month")
    assert 11.9 < fit.expected_purchases(active, 12.0)[0] <= 12.0


@pytest.mark.parametrize("model", RENEWALS)
def test_other_shapes_are_refused(model):
    for rows in (([2], [3], [4]), ([2], [2], [4.5])):
        customers = Customers.from_arrays(*rows, unit="month")
        published = model(*([0.7, 1.2, 1.1][: len(model.parameter_names())]))
        for use in (published.log_likelihood, published.p_alive, model.fit):
            with pytest.raises(clv.DataError, match="is for subscriptions"):
                use(customers)


@pytest.mark.parametrize(
    ("truth", "ages"),
    [
        (SBG(0.7, 1.8), 24),
        (BDW(0.6, 2.5, 1.4), 24),
        (BGBB(1.2, 2.0, 0.6, 6.0), 30),
    ],
)
def test_simulate_and_recover(truth, ages):
    draw = np.random.default_rng(3)
    small = truth.simulate(2_000, draw.integers(ages // 2, ages, 2_000).astype(float), seed=1)
    large = truth.simulate(200_000, float(ages), seed=2)
    for customers in (small, large):
        fit = type(truth).fit(customers)
        errors = (fit.model.values - truth.values) / fit.standard_errors
        assert np.abs(errors).max() < 4.0
        assert fit.certificate.verdict == "identified"
    mean = large.frequency.mean()
    slack = 5.0 * large.frequency.std() / math.sqrt(len(large))
    assert abs(float(truth.mean_purchases(ages)) - mean) < slack


def test_bgbb_where_nobody_leaves():
    rng = np.random.default_rng(0)
    bought = rng.random((3_000, 12)) < rng.beta(1.5, 2.0, size=(3_000, 1))
    x = bought.sum(axis=1)
    t_x = np.where(x > 0, 12 - bought[:, ::-1].argmax(axis=1), 0)
    customers = Customers.from_arrays(x, t_x, np.full(3_000, 12.0), unit="month")
    with pytest.warns(clv.IdentifiabilityWarning):
        fit = BGBB.fit(customers)
    assert fit.model.gamma / (fit.model.gamma + fit.model.delta) < 0.01
    assert fit.model.alpha == pytest.approx(1.5, rel=0.15)


def test_bgbb_where_all_buy_alike():
    rng = np.random.default_rng(1)
    alive = rng.geometric(rng.beta(0.8, 4.0, size=4_000)) - 1
    bought = (rng.random((4_000, 20)) < 0.35) & (np.arange(20) < alive[:, None])
    x = bought.sum(axis=1)
    t_x = np.where(x > 0, 20 - bought[:, ::-1].argmax(axis=1), 0)
    customers = Customers.from_arrays(x, t_x, np.full(4_000, 20.0), unit="month")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = BGBB.fit(customers)
    assert fit.model.alpha + fit.model.beta > 30.0
    if caught:  # chance decides whether the sample varies a little less than one probability gives
        assert "same probability 0.3" in str(caught[0].message)
    assert fit.model.alpha / (fit.model.alpha + fit.model.beta) == pytest.approx(0.35, abs=0.02)


def test_extreme_requests():
    new = Customers.from_arrays([0], [0], [0], unit="month")
    for model in (SBG(0.5, 1.0), BDW(0.5, 1.0, 1.5), BGBB(1.0, 1.0, 0.5, 2.0)):
        assert model.expected_purchases(new, 0.9).tolist() == [0.0]  # no whole opportunity
        with pytest.raises(clv.UndefinedMomentError):
            model.expected_purchases(new, math.inf)
        assert 0.0 < model.expected_purchases(new, 1e15)[0] < 1e15
        assert np.isfinite(model.discounted_purchases(new, math.inf, 1e-12)).all()
        assert model.discounted_purchases(new, math.inf, 900.0)[0] == 0.0
    for model in (SBG(1.5, 1.0), BDW(1.0, 1.0, 1.5), BGBB(1.0, 1.0, 1.5, 2.0)):
        assert np.isfinite(model.expected_purchases(new, math.inf)).all()
    with pytest.raises(clv.ParameterError, match="t = 1"):
        SBG(0.5, 1.0).retention_rate(0)
    rates = BDW(0.5, 1.0, 1.5).retention_rate(range(1, 9))
    shares = BDW(0.5, 1.0, 1.5).survival(range(9))
    assert rates == pytest.approx(shares[1:] / shares[:-1], rel=1e-14)
