"""P(alive) later on, and the unusual silence: closed forms, brute force, false alarms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import integrate, stats

import clvmodels as clv
from clvmodels import Customers
from clvmodels.models.draws import ParameterDraws
from clvmodels.predictive.silence import histories_at, unusual_silence

BG = clv.BGNBD(0.243, 4.414, 0.793, 2.426)
PARETO = clv.ParetoNBD(0.553, 10.578, 0.606, 11.669)
THREE = Customers.from_arrays([0, 2, 9], [0.0, 30.43, 30.0], [38.86, 38.86, 39.0], unit="week")
EXACT = 1e-12
QUADRATURE = 1e-9
SIGMAS = 4.5  # of Monte Carlo error


# --- P(alive) at later times ------------------------------------------------------------------


@pytest.mark.parametrize("model", [BG, PARETO, clv.MBGCNBD(0.5, 2.0, 0.9, 1.6, 3)], ids=str)
def test_silence_goes_on(model):
    found = clv.p_alive_if_silent(THREE, model, [0.0, 5.0, 50.0])
    assert found.shape == (3, 3)
    x, t_x, T = THREE.timing
    for column, ahead in zip(found.T, (0.0, 5.0, 50.0), strict=True):
        later = Customers.from_arrays(x, t_x, T + ahead, unit="week")
        assert column == pytest.approx(model.p_alive(later), rel=EXACT)
    assert clv.p_alive_if_silent(THREE, model, 5.0) == pytest.approx(found[:, 1], rel=EXACT)


def test_bg_customers_stay_by_brute_force():
    """E[(1 + p t / (alpha + T))^-(r + x)] over p ~ Beta(a, b + x), times P(alive)."""
    found = clv.p_alive_at(THREE, BG, [13.0, 500.0])
    for i, (x, _, T) in enumerate(zip(*THREE.timing, strict=True)):
        p = stats.beta(BG.a, BG.b + x)
        for j, t in enumerate((13.0, 500.0)):
            stay = integrate.quad(
                lambda u, t=t, T=T, x=x, p=p: (1.0 + p.ppf(u) * t / (BG.alpha + T)) ** -(BG.r + x),
                0.0,
                1.0,
                epsabs=QUADRATURE,
            )[0]
            assert found[i, j] == pytest.approx(BG.p_alive(THREE)[i] * stay, abs=10 * QUADRATURE)


def test_other_customers_stay_as_their_lifetimes_say():
    T = THREE.timing[2]
    lived = ((PARETO.beta + T) / (PARETO.beta + T + 13.0)) ** PARETO.s
    expected = PARETO.p_alive(THREE) * lived
    assert clv.p_alive_at(THREE, PARETO, 13.0) == pytest.approx(expected, rel=EXACT)
    donors = Customers.from_arrays([6, 3], [6, 5], [6, 6], unit="year")
    bgbb = clv.BGBB(1.204, 0.750, 0.657, 2.783)
    stays = [(2.783 + n) / (0.657 + 2.783 + n) for n in (6, 7)]
    found = clv.p_alive_at(donors, bgbb, 2.9)  # two whole years
    assert found == pytest.approx(bgbb.p_alive(donors) * np.prod(stays), rel=EXACT)


def test_regular_buyers_stay_as_simulated():
    """Customers who have just bought for the second time: event by event."""
    model, n, t = clv.BGCNBD(0.8, 1.0, 0.9, 2.5, 3), 40_000, 20.0
    rng = np.random.default_rng(3)
    one = Customers.from_arrays([1], [6.0], [6.0], unit="week")
    rate = rng.gamma(0.8 + 3, 1.0 / (1.0 + 6.0), n)
    p = rng.beta(0.9, 2.5 + 1, n)
    clock, there = np.zeros(n), np.ones(n, dtype=bool)
    for _ in range(200):
        clock = clock + rng.gamma(3.0, 1.0, n) / rate
        there &= ~((clock <= t) & (rng.random(n) < p))
    stay = float(clv.p_alive_at(one, model, t)[0] / model.p_alive(one)[0])
    assert abs(there.mean() - stay) < SIGMAS * np.sqrt(stay * (1.0 - stay) / n)


# --- the unusual silence ----------------------------------------------------------------------


def test_closed_form_of_poisson_models():
    for model in (BG, PARETO, clv.MBGNBD(0.243, 4.414, 0.793, 2.426)):
        x, t_x, _ = THREE.timing
        expected = (model.alpha + t_x) * (0.05 ** (-1.0 / (model.r + x)) - 1.0)
        found = unusual_silence(THREE, model, error_rate=0.05)
        assert found == pytest.approx(expected, rel=1e-11)


def test_regular_buyers_are_missed_sooner():
    ends = [
        unusual_silence(THREE, clv.BGCNBD(0.5, 6.0 / k, 0.9, 1.6, k), error_rate=0.05)[2]
        for k in (1, 2, 4, 8)
    ]
    assert ends == sorted(ends, reverse=True)


def test_age_does_not_matter():
    x, t_x, T = THREE.timing
    older = Customers.from_arrays(x, t_x, T + 100.0, unit="week")
    found = unusual_silence(older, BG, error_rate=0.1)
    assert (found == unusual_silence(THREE, BG, error_rate=0.1)).all()


def test_whole_periods():
    """Brute force: the first number of opportunities with B(a, b + s) / B(a, b) small enough."""
    model = clv.BGBB(1.204, 0.750, 0.657, 2.783)
    c = Customers.from_arrays([0, 3, 6], [0, 5, 6], [6, 6, 6], unit="year")
    for level in (0.3, 0.05):
        expected = []
        for x, t_x in zip(*c.timing[:2], strict=True):
            a, b, s, tail = 1.204 + x, 0.750 + t_x - x, 0, 1.0
            while tail > level:
                tail *= (b + s) / (a + b + s)
                s += 1
            expected.append(s)
        assert unusual_silence(c, model, error_rate=level).tolist() == expected
    renewed = Customers.from_arrays([6, 3], [6, 3], [6, 6], unit="year")
    assert unusual_silence(renewed, clv.SBG(0.7, 3.8), error_rate=0.01).tolist() == [1.0, 1.0]


@pytest.fixture(scope="module")
def fit() -> clv.Fit[clv.BGNBD]:
    return clv.BGNBD.fit(BG.simulate(2000, 39, seed=1, unit="week"))


def test_draws_are_mixed(fit):
    draws = fit.draws(500, seed=2)
    found = unusual_silence(THREE, draws, error_rate=0.05)
    models = draws.models(32)
    tails = np.mean([model.silence_if_alive(THREE, found) for model in models], axis=0)
    assert tails == pytest.approx(0.05, rel=1e-9)
    single = unusual_silence(THREE, fit, error_rate=0.05)
    assert found[2] == pytest.approx(single[2], rel=0.1)
    assert (found != single).all()


def test_draws_that_agree_are_the_fit(fit):
    same = ParameterDraws(fit, np.tile(fit.model.values, (40, 1)), np.full(40, 1 / 40), "test")
    found = unusual_silence(THREE, same, error_rate=0.05)
    assert found == pytest.approx(unusual_silence(THREE, fit, error_rate=0.05), rel=1e-11)


def test_draws_of_whole_periods_are_mixed():
    truth = clv.BGBB(1.2, 0.75, 0.66, 2.8)
    draws = clv.BGBB.fit(truth.simulate(400, 6, seed=4, unit="year")).draws(200, seed=1)
    c = Customers.from_arrays([0, 3, 6], [0, 5, 6], [6, 6, 6], unit="year")
    found = unusual_silence(c, draws, error_rate=0.01)
    for s, holds in ((found, True), (found - 1.0, False)):
        tails = np.mean([model.silence_if_alive(c, s) for model in draws.models(32)], axis=0)
        assert ((tails <= 0.01) == holds).all()


def test_where_nothing_is_unusual():
    never = clv.BGNBD(1e-3, 4.4, 0.8, 2.4)
    assert unusual_silence(THREE, never, error_rate=0.01)[0] == np.inf


# --- what the error rate promises -------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """Customers, event by event: gaps between purchases and when they leave, (n, gaps)."""

    gaps: np.ndarray
    leaves_after: np.ndarray  # number of the purchase after which they leave, or infinite
    lifetime: np.ndarray


def world(model, n: int, gaps: int, rng: np.random.Generator) -> World:
    k = getattr(model, "k", 1)
    rate = rng.gamma(model.r, 1.0 / model.alpha, n)
    between = rng.gamma(float(k), 1.0, (n, gaps)) / np.maximum(rate, 1e-290)[:, None]
    after, lifetime = np.full(n, np.inf), np.full(n, np.inf)
    if isinstance(model, clv.ParetoNBD):
        lifetime = rng.exponential(1.0, n) / rng.gamma(model.s, 1.0 / model.beta, n)
    elif isinstance(model, clv.GGompertzNBD):
        eta = rng.gamma(model.s, 1.0 / model.beta, n)
        lifetime = np.log1p(rng.exponential(1.0, n) / eta) / model.b
    else:
        at_once = isinstance(model, clv.MBGNBD | clv.MBGCNBD)
        after = rng.geometric(rng.beta(model.a, model.b, n)) - (1.0 if at_once else 0.0)
    return World(between, after, lifetime)


WORLDS = [
    clv.BGNBD(0.6, 4.4, 0.8, 2.4),
    clv.MBGNBD(0.9, 6.0, 0.8, 2.4),
    clv.BGCNBD(0.6, 1.5, 0.8, 2.4, 3),
    clv.MBGCNBD(0.9, 2.0, 0.8, 2.4, 2),
    clv.ParetoNBD(0.8, 6.0, 0.6, 12.0),
    clv.GGompertzNBD(0.8, 6.0, 0.02, 0.6, 0.5),
]


@pytest.mark.parametrize("model", WORLDS, ids=str)
@pytest.mark.parametrize("level", [0.05, 0.2])
def test_false_alarms_are_as_many_as_promised(model, level):
    """Of the customers who stay, this share is silent for longer; of silences that end, at most.

    Given the history so far each silence is unusual with the same probability, so that the errors
    of a customer's silences are uncorrelated and the standard error is that of a coin.
    """
    drawn = world(model, 20_000, 12, np.random.default_rng(7))
    last = np.zeros(len(drawn.gaps))
    stayed, alarms, ended, false = 0, 0, 0, 0
    for x, gap in enumerate(drawn.gaps.T):
        c = Customers.from_arrays(
            np.full(len(last), float(x)), last, np.maximum(last, 1.0), unit="week"
        )
        unusual = unusual_silence(c, model, error_rate=level)
        there = drawn.leaves_after > x
        stays = there & (drawn.lifetime > last + unusual)
        late = gap > unusual
        stayed, alarms = stayed + int(stays.sum()), alarms + int((stays & late).sum())
        buys = there & (drawn.lifetime > last + gap)
        ended, false = ended + int(buys.sum()), false + int((buys & late).sum())
        last = np.minimum(last + gap, 1e200)
    error = np.sqrt(level * (1.0 - level) / stayed)
    assert stayed > 5_000
    assert abs(alarms / stayed - level) < SIGMAS * error
    if np.isfinite(drawn.lifetime).any():  # who leaves while silent does not end the silence
        assert false / ended < level
    else:
        assert false == alarms


# --- histories of one customer ----------------------------------------------------------------


def test_histories_over_time():
    moments = histories_at([3.0, 5.0, 12.0], [3.0, 4.9, 5.0, 11.0, 30.0], unit="week")
    assert moments.frequency.tolist() == [0.0, 0.0, 1.0, 1.0, 2.0]
    assert moments.recency.tolist() == [0.0, 0.0, 2.0, 2.0, 9.0]
    assert moments.age == pytest.approx([0.0, 1.9, 2.0, 8.0, 27.0])


@pytest.mark.parametrize("times", [[], [3.0, 1.0], [1.0, 1.0], [0.0, np.nan], [[0.0], [1.0]]])
def test_times_that_are_none(times):
    with pytest.raises(clv.DataError, match="rise"):
        histories_at(times, [40.0])


def test_moments_before_the_first_purchase():
    with pytest.raises(clv.ParameterError, match="from the first purchase on"):
        histories_at([3.0], [2.0])


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, 5, np.nan, "often", None])
def test_error_rates_that_are_none(rate):
    with pytest.raises(clv.ParameterError, match="between 0 and 1"):
        unusual_silence(THREE, BG, error_rate=rate)


def test_times_ahead_are_checked(fit):
    for function in (clv.p_alive_if_silent, clv.p_alive_at):
        with pytest.raises(clv.ParameterError, match="zero or more"):
            function(THREE, BG, -1.0)
        with pytest.raises(clv.ParameterError, match="finite"):
            function(THREE, BG, np.inf)
        with pytest.raises(clv.ParameterError, match="row of numbers"):
            function(THREE, BG, [[1.0]])
        days = Customers.from_arrays([1], [7.0], [9.0], unit="day")
        with pytest.raises(clv.UnitMismatchError):
            function(days, fit, 1.0)
        with pytest.raises(clv.DataError, match="purchase model"):
            function(THREE, clv.GammaGamma(6.0, 4.0, 15.0), 1.0)
