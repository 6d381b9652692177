"""BG/CNBD-k and MBG/CNBD-k: k = 1 is BG/NBD and MBG/NBD, simulation agrees, and k is found."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

import clvmodels as clv
from clvmodels import BGNBD, Customers
from clvmodels.models.bgcnbd import BGCNBD
from clvmodels.models.erlang_family import ErlangModel
from clvmodels.models.mbgcnbd import MBGCNBD
from clvmodels.models.mbgnbd import MBGNBD

ROUNDING = 1e-12
SIGMAS = 4.5  # a seeded test that fails by chance once in 150,000 seeds
KINDS = (BGCNBD, MBGCNBD)
TWINS = {BGCNBD: BGNBD, MBGCNBD: MBGNBD}
POINT = (0.6, 6.0, 0.9, 2.3)
HISTORIES = Customers.from_arrays(
    [0, 0, 1, 2, 7, 300, 3],
    [0.0, 0.0, 4.0, 30.0, 38.0, 51.9, 52.0],
    [0.0, 40.0, 40.0, 39.0, 39.0, 52.0, 52.0],
    unit="week",
)
kinds = pytest.mark.parametrize("kind", KINDS)


def without_intervals(c: Customers) -> Customers:
    return Customers.from_arrays(*c.timing, unit=c.unit)


@kinds
def test_one_event_a_purchase_is_the_twin(kind: type[ErlangModel]) -> None:
    model, twin, c = kind(*POINT, k=1), TWINS[kind](*POINT), HISTORIES
    for own, other in (
        (model.log_likelihood(c), twin.log_likelihood(c)),
        (model.p_alive(c), twin.p_alive(c)),
        (model.expected_purchases(c, 12.0), twin.expected_purchases(c, 12.0)),
        (model.discounted_purchases(c, 52.0, 0.01), twin.discounted_purchases(c, 52.0, 0.01)),
        (
            model.discounted_purchases(c, math.inf, 0.01),
            twin.discounted_purchases(c, math.inf, 0.01),
        ),
        (model.mean_purchases([1.0, 52.0]), twin.mean_purchases([1.0, 52.0])),
        (model.purchase_pmf(np.arange(9), 39.0), twin.purchase_pmf(np.arange(9), 39.0)),
    ):
        assert own == pytest.approx(other, rel=ROUNDING)


@kinds
def test_one_event_a_purchase_fits_as_the_twin(kind: type[ErlangModel]) -> None:
    c = TWINS[kind](*POINT).simulate(3_000, 52.0, seed=2, unit="week")
    fit, twin = kind.fit(c, k=1), TWINS[kind].fit(c)
    assert fit.model.values == pytest.approx(twin.model.values, rel=1e-7)
    assert fit.log_likelihood == pytest.approx(twin.log_likelihood, rel=1e-13)
    assert fit.covariance == pytest.approx(twin.covariance, rel=1e-6)


@kinds
@pytest.mark.parametrize("k", [1, 2, 4])
def test_k_and_parameters_are_found(kind: type[ErlangModel], k: int) -> None:
    truth = kind(2.0, 8.0 / k, 1.0, 5.0, k)
    fit = kind.fit(truth.simulate(6_000, 60.0, seed=10 + k, unit="week"))
    assert fit.model.k == k
    assert fit.certificate.verdict == "identified"
    assert fit.names == ("r", "alpha", "a", "b")
    assert (np.abs(fit.model.values - truth.values) < SIGMAS * fit.standard_errors).all()


@kinds
def test_intervals_move_the_likelihood_and_not_the_estimates(kind: type[ErlangModel]) -> None:
    c = kind(2.0, 4.0, 1.0, 5.0, 3).simulate(2_000, 60.0, seed=5, unit="week")
    with_them, without = kind.fit(c, k=3), kind.fit(without_intervals(c), k=3)
    assert without.model.values == pytest.approx(with_them.model.values, rel=1e-7)
    assert without.log_likelihood != pytest.approx(with_them.log_likelihood, rel=1e-3)
    # (x, t_x, T) alone also tell regular purchases from random ones
    assert without.log_likelihood > kind.fit(without_intervals(c), k=1).log_likelihood


def test_k_needs_intervals() -> None:
    c = MBGCNBD(*POINT, k=2).simulate(200, 60.0, seed=5, unit="week")
    with pytest.raises(clv.DataError, match="intervals=True"):
        MBGCNBD.fit(without_intervals(c))


@pytest.mark.parametrize("k", [0, -1, 25, 2.5, "2", True, None])
def test_k_is_a_whole_number(k: Any) -> None:
    with pytest.raises(clv.ParameterError, match="whole number from 1 to 24"):
        MBGCNBD(*POINT, k=k)
    if k is not None:
        with pytest.raises(clv.ParameterError, match="whole number from 1 to 24"):
            MBGCNBD.fit(HISTORIES, k=k)


def test_a_model_is_its_parameters_and_k() -> None:
    model = MBGCNBD(*POINT, k=3)
    assert eval(repr(model)) == model
    assert model.parameter_names() == ("r", "alpha", "a", "b")
    assert model.settings() == ("k",)
    assert model != MBGCNBD(*POINT, k=2)
    starts = [MBGCNBD(*POINT, k=1)]
    c = model.simulate(1_000, 60.0, seed=1)
    assert MBGCNBD.fit(c, k=3, starts=starts).model.k == 3


@kinds
@pytest.mark.parametrize("k", [2, 5])
def test_new_customers_by_simulation(kind: type[ErlangModel], k: int) -> None:
    model, n, t = kind(1.2, 6.0 / k, 0.8, 2.5, k), 40_000, 30.0
    x = model.simulate(n, t, seed=3).frequency
    pmf = model.purchase_pmf(np.arange(6), t)
    counts = np.bincount(x.astype(int))[:6]
    assert (np.abs(counts - n * pmf) < SIGMAS * np.sqrt(n * pmf)).all()
    error = x.std() / math.sqrt(n)
    assert abs(x.mean() - float(model.mean_purchases(t))) < SIGMAS * error


@kinds
@pytest.mark.parametrize("k", [2, 5])
def test_later_purchases_by_simulation(kind: type[ErlangModel], k: int) -> None:
    """Purchases after T, of customers of all sorts of histories at T, and of late ones alone."""
    model, n, T, t = kind(2.0, 8.0 / k, 0.8, 4.0, k), 30_000, 25.0, 12.0
    now = model.simulate(n, T, seed=4)
    rng = np.random.default_rng(6)
    rate, leave = rng.gamma(model.r, 1.0 / model.alpha, n), rng.beta(model.a, model.b, n)
    gaps = rng.gamma(k, 1.0, (n, 150)) / rate[:, None]
    times = np.concatenate([np.zeros((n, 1)), gaps.cumsum(axis=1)], axis=1)
    stays = rng.random(times.shape) >= leave[:, None]
    if model.chances(np.zeros(1))[0] == 0.0:
        stays[:, 0] = True
    there = np.concatenate(
        [np.ones((n, 1), bool), stays.cumprod(axis=1).astype(bool)[:, :-1]], axis=1
    )
    x = ((times <= T) & there).sum(axis=1) - 1.0
    t_x = np.where((times <= T) & there, times, 0.0).max(axis=1)
    bought = ((times > T) & (times <= T + t) & there).sum(axis=1)
    c = Customers.from_arrays(x, t_x, np.full(n, T), unit="week")
    expected = model.expected_purchases(c, t)
    assert abs(x.mean() - now.frequency.mean()) < SIGMAS * x.std() * math.sqrt(2.0 / n)
    silent = (x >= 2.0) & (T - t_x > 2.0 * t_x / np.maximum(x, 1.0))
    for some in (np.ones(n, bool), x == 0.0, (x >= 1.0) & ~silent, silent, x >= 6.0):
        surprise = bought[some] - expected[some]
        error = surprise.std() / math.sqrt(some.sum())
        assert some.sum() > 300
        assert abs(surprise.mean()) < SIGMAS * error


def test_who_is_late_has_left_sooner_where_purchases_are_regular() -> None:
    c = Customers.from_arrays([6, 6], [30.0, 30.0], [33.0, 52.0], unit="week")
    random, regular = (MBGCNBD(2.0, 10.0 / k, 0.9, 2.3, k).p_alive(c) for k in (1, 6))
    assert regular[0] > 0.88
    assert regular[1] < 0.1 < random[1]


@kinds
def test_change_of_unit(kind: type[ErlangModel]) -> None:
    weeks = kind(*POINT, k=3)
    days = kind(POINT[0], 7.0 * POINT[1], *POINT[2:], k=3)
    x, t_x, T = HISTORIES.timing
    c = Customers.from_arrays(x, 7.0 * t_x, 7.0 * T, unit="day")
    assert days.p_alive(c) == pytest.approx(weeks.p_alive(HISTORIES), rel=ROUNDING)
    assert days.expected_purchases(c, 84.0) == pytest.approx(
        weeks.expected_purchases(HISTORIES, 12.0), rel=ROUNDING
    )
    assert days.discounted_purchases(c, 364.0, 0.001) == pytest.approx(
        weeks.discounted_purchases(HISTORIES, 52.0, 0.007), rel=1e-11
    )


@kinds
def test_purchases_without_end(kind: type[ErlangModel]) -> None:
    model = kind(0.6, 2.0, 2.5, 3.0, 3)
    endless = model.expected_purchases(HISTORIES, math.inf)
    assert (model.expected_purchases(HISTORIES, 1e9) <= endless * (1.0 + 1e-12)).all()
    assert model.discounted_purchases(HISTORIES, math.inf, 1e-10) == pytest.approx(
        endless, rel=1e-3
    )
    with pytest.raises(clv.UndefinedMomentError, match="finite horizon"):
        kind(*POINT, k=3).expected_purchases(HISTORIES, math.inf)


def test_a_parameter_for_each_row() -> None:
    """What covariates need: rows with parameters of their own agree with one at a time."""
    model = MBGCNBD(*POINT, k=3)
    n = len(HISTORIES)
    alphas, dropouts = np.linspace(2.0, 9.0, n), np.linspace(0.4, 3.0, n)
    rows = model.rowwise([POINT[0], alphas, dropouts, POINT[3]])
    t = np.full(n, 20.0)
    for i in range(n):
        one = MBGCNBD(POINT[0], alphas[i], dropouts[i], POINT[3], 3)
        c = HISTORIES.take(slice(i, i + 1))
        for own, other in (
            (rows.log_likelihood(HISTORIES), one.log_likelihood(c)),
            (rows.p_alive(HISTORIES), one.p_alive(c)),
            (rows.purchases_if_alive(HISTORIES, t), one.purchases_if_alive(c, t[:1])),
            (
                rows.discounted_if_alive(HISTORIES, 52.0, 0.01),
                one.discounted_if_alive(c, 52.0, 0.01),
            ),
            (
                rows.count_probability(HISTORIES.frequency, t),
                one.count_probability(c.frequency, t[:1]),
            ),
        ):
            assert own[i] == pytest.approx(other[0], rel=1e-11)


@pytest.mark.parametrize("truth", [MBGCNBD(0.5, 2.0, 1e-6, 1.0, 3), MBGCNBD(1e6, 4e6, 1.0, 5.0, 3)])
def test_limits_are_named(truth: MBGCNBD) -> None:
    customers = truth.simulate(2_000, 39.0, seed=1, unit="week")
    with pytest.warns(clv.IdentifiabilityWarning, match=r"Nobody seems to leave|the same rate"):
        fit = MBGCNBD.fit(customers)
    assert fit.model.k == 3
    assert fit.certificate.verdict == "boundary"
    assert np.isfinite(fit.discounted_purchases(customers, 52.0, 0.01)).all()


def test_hostile_histories_stay_finite() -> None:
    c = Customers.from_arrays(
        [10_000, 1, 0, 50], [364.0, 1e-6, 0.0, 1e-3], [365.0, 3_650.0, 0.0, 3_650.0], unit="day"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in KINDS:
            for k in (1, 6):
                model = kind(0.01, 0.01, 100.0, 0.01, k)
                assert np.isfinite(model.log_likelihood(c)).all()
                assert np.isfinite(model.derivatives(c).gradient[1]).all()
                assert np.isfinite(model.expected_purchases(c, 1e5)).all()
                assert np.isfinite(model.discounted_purchases(c, math.inf, 1e-4)).all()


def test_cdnow_buys_at_random(cdnow_sample_orders: Any) -> None:
    rfm = clv.rfm_summary(
        cdnow_sample_orders,
        customer="customer_id",
        date="date",
        observed_until="1997-09-30",
        unit="week",
        intervals=True,
    )
    fit = MBGCNBD.fit(rfm)
    assert fit.model.k == 1
    assert fit.log_likelihood == pytest.approx(-9582.1357, abs=5e-5)  # MBG/NBD
    assert MBGCNBD.fit(rfm, k=2).log_likelihood == pytest.approx(-9853.253, abs=5e-3)
