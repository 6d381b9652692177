"""P(a purchase in a future window), for every purchase model, by routes that share no formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from clvmodels import BGBB, BGNBD, MBGNBD, Customers, ParameterError, ParetoNBD
from clvmodels.models.bdw import BDW
from clvmodels.models.bgcnbd import BGCNBD
from clvmodels.models.ggompertz_nbd import GGompertzNBD
from clvmodels.models.mbgcnbd import MBGCNBD
from clvmodels.models.purchases import OpportunityModel
from clvmodels.models.sbg import SBG
from clvmodels.predictive.windows import chances_to_buy

MODELS = [
    BGNBD(0.6, 5.0, 0.8, 2.4),
    MBGNBD(0.6, 5.0, 0.8, 2.4),
    BGCNBD(0.9, 2.5, 0.8, 2.4, 3),
    MBGCNBD(0.9, 2.5, 0.8, 2.4, 2),
    ParetoNBD(0.553, 10.578, 0.606, 11.669),
    GGompertzNBD(0.5, 5.0, 0.03, 0.6, 0.5),
    BGBB(1.204, 0.750, 0.657, 2.783),
    SBG(0.668, 3.806),
    BDW(0.7, 2.9, 1.3),
]
QUADRATURE = 1e-9  # of the brute force below
SIMULATED = 40_000
FIVE_SIGMA = 5.0


def newcomers(n: int) -> Customers:
    return Customers.from_arrays(np.zeros(n), np.zeros(n), np.zeros(n), unit="week")


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_share_of_simulated_newcomers(model):
    """Of customers seen until 13, those who bought after 5 have their last purchase after 5."""
    _, last, _ = model.simulate(SIMULATED, 13.0, seed=1).timing
    share = float((last > 5.0).mean())
    expected = float(chances_to_buy(newcomers(1), model, [5.0, 13.0])[0, 0])
    assert abs(share - expected) < FIVE_SIGMA * math.sqrt(expected * (1 - expected) / SIMULATED)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_a_window_from_now_is_the_tail(model):
    c = model.simulate(40, 12.0, seed=2)
    one = np.ones(len(c))
    exact = model.p_alive(c) * model.tail_if_alive(c, one, 7.0 * one)
    np.testing.assert_allclose(chances_to_buy(c, model, [0.0, 7.0])[:, 0], exact, rtol=1e-10)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_bounds_and_empty_windows(model):
    """At least the first purchases that come in it, at most those who are still there."""
    c = model.simulate(40, 12.0, seed=3)
    now, later, none = chances_to_buy(c, model, [0.0, 6.0, 20.0, 20.0]).T
    both = chances_to_buy(c, model, [0.0, 20.0])[:, 0]
    stay = model.p_alive(c) * model.stay_if_alive(c, np.full(len(c), 6.0))
    assert (later >= both - now - 1e-12).all()
    assert (later <= stay + 1e-12).all()
    assert (none == 0.0).all()


@pytest.mark.parametrize("model", [BGNBD(0.6, 5.0, 0.8, 2.4), MBGNBD(0.6, 5.0, 0.8, 2.4)])
def test_poisson_purchases_are_exchangeable_in_time(model):
    """There at the start and silent in the window: as silent first, then there for as long."""
    c = Customers.from_arrays([0, 2, 9], [0.0, 3.0, 30.0], [20.0, 20.0, 31.0], unit="week")
    x, t_x, T = c.timing
    after, t, one = np.full(3, 11.0), np.full(3, 4.0), np.ones(3)
    silent = 1.0 - model.tail_if_alive(c, one, t)
    shifted = Customers.from_arrays(x, t_x, T + t, unit="week")
    exact = model.stay_if_alive(c, after) - silent * model.stay_if_alive(shifted, after)
    found = model.buying_if_alive(c, after, t)
    np.testing.assert_allclose(found, exact, rtol=1e-9)


def test_one_event_a_purchase_is_a_sum_over_counts():
    c = Customers.from_arrays(
        [0, 2, 9, 300], [0.0, 3.0, 30.0, 52.0], [20.0, 20.0, 31.0, 52.0], unit="week"
    )
    edges = [0.0, 3.0, 13.0, 100.0]
    regular = BGCNBD(0.6, 5.0, 0.8, 2.4, 1)
    found = chances_to_buy(c, BGNBD(0.6, 5.0, 0.8, 2.4), edges)
    np.testing.assert_allclose(found, chances_to_buy(c, regular, edges), rtol=1e-10)


def test_pareto_by_brute_force_over_both_rates():
    """E[e^(-mu after) lambda / (lambda + mu) (1 - e^(-(lambda + mu) t))] for those alive."""
    model, x, T, after, t = ParetoNBD(1.5, 10.0, 2.5, 12.0), 3.0, 30.0, 8.0, 13.0
    (rate, p), (leave, q) = gamma_rule(1.5 + x, 10.0 + T), gamma_rule(2.5, 12.0 + T)
    both = rate[:, None] + leave
    buys = np.exp(-leave * after) * rate[:, None] / both * -np.expm1(-both * t)
    c = Customers.from_arrays([x], [25.0], [T], unit="week")
    found = model.buying_if_alive(c, np.full(1, after), np.full(1, t))
    np.testing.assert_allclose(found, p @ buys @ q, rtol=QUADRATURE)


def gamma_rule(shape: float, rate: float) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = special.roots_genlaguerre(80, shape - 1.0)
    return nodes / rate, weights / weights.sum()


def test_bgbb_by_brute_force_over_both_chances():
    model, x, T = BGBB(1.204, 0.750, 0.657, 2.783), 2.0, 6.0
    p, u = special.roots_sh_jacobi(60, 0.750 + T - x + 1.204 + x - 1.0, 1.204 + x)
    theta, w = special.roots_sh_jacobi(60, 0.657 + 2.783 + T - 1.0, 0.657)
    stay, silent = 1.0 - theta, 1.0 - p[:, None]
    # Two opportunities after three: leaves before the first, or the second, or neither.
    none = theta + stay * silent * (theta + stay * silent)
    share = (u @ (stay**3 * (1.0 - none)) @ w) / (u.sum() * w.sum())
    c = Customers.from_arrays([x], [5.0], [T], unit="week")
    found = model.buying_if_alive(c, np.full(1, 3.0), np.full(1, 2.0))
    np.testing.assert_allclose(found, share, rtol=QUADRATURE)


def test_whole_periods_are_rounded_down():
    model = SBG(0.668, 3.806)
    assert isinstance(model, OpportunityModel)
    found = chances_to_buy(newcomers(1), model, [0.9, 1.9, 3.2])[0]
    np.testing.assert_allclose(found, chances_to_buy(newcomers(1), model, [0, 1, 3])[0])
    np.testing.assert_allclose(found, model.survival([1.0, 2.0]))


def test_windows_are_in_order():
    with pytest.raises(ParameterError, match="does not fall"):
        chances_to_buy(newcomers(1), MODELS[0], [3.0, 1.0])
    with pytest.raises(ParameterError):
        chances_to_buy(newcomers(1), MODELS[0], [0.0, math.inf])
