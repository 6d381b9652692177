"""Kernels of regular timing: k = 1 is BG/NBD, brute-force integrals, and two ways that agree."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import integrate

from clvmodels.beta_dropout import erlang, erlang_future, future, likelihood
from clvmodels.beta_dropout.erlang_future import Buyers

ROUNDING = 1e-12
BRUTE = 1e-10  # integrals over lambda and p, done by mpmath in 15 digits
POINT = (0.6, 5.0, 0.9, 2.3)
# x, t_x, T: new, silent, just bought, heavy, at the very end
x = np.array([0.0, 0.0, 1.0, 2.0, 7.0, 300.0, 3.0])
t_x = np.array([0.0, 0.0, 4.0, 30.0, 38.0, 51.9, 52.0])
T = np.array([0.0, 40.0, 40.0, 39.0, 39.0, 52.0, 52.0])


def history(modified: bool) -> erlang.History:
    return erlang.History(x, t_x, T, x + modified)


def buyers(k: int, first: int, shape: Any = 2.5, a: float = 0.9, b: float = 2.3) -> Buyers:
    shape = np.asarray(shape, dtype=np.float64)
    one = np.ones_like(shape)
    return Buyers(shape, 5.0 * one, a * one, b * one, first, k)


@pytest.mark.parametrize("modified", [False, True])
def test_one_event_a_purchase_is_bgnbd(modified: bool) -> None:
    h = history(modified)
    ours = erlang.derivatives(h, *POINT, 1)
    theirs = likelihood.derivatives(*h, *POINT)
    assert ours.value == pytest.approx(theirs.value, rel=ROUNDING)
    assert erlang.log_likelihood(h, *POINT, 1) == pytest.approx(theirs.value, rel=ROUNDING)
    for own, other in zip(ours.gradient, theirs.gradient, strict=True):
        assert own == pytest.approx(other, rel=ROUNDING, abs=ROUNDING)
    for key, other in theirs.hessian.items():
        assert ours.hessian[key] == pytest.approx(other, rel=ROUNDING, abs=ROUNDING)
    n, t = np.arange(30.0), np.full(30, 25.0)
    m = n + modified
    assert erlang.count_probability(n, t, m, *POINT, 1) == pytest.approx(
        likelihood.count_probability(n, t, m, *POINT), rel=ROUNDING
    )
    assert (erlang.log_density_of_intervals(x, t_x, x * 0.7, 1) == 0.0).all()
    assert erlang.log_density_of_intervals(x, t_x, None, 1) == pytest.approx(0.0, abs=ROUNDING)


@pytest.mark.parametrize("t", [1e-6, 1.0, 50.0, 1e4])
def test_one_event_a_purchase_has_the_future_of_bgnbd(t: float) -> None:
    shape = np.array([0.02, 1.0, 40.0, 5_000.0])
    mine, times = buyers(1, 1, shape), np.full(4, t)
    theirs = (mine.shape, mine.rate, mine.a, mine.b)
    for own, other in (
        (erlang_future.purchases_if_alive, future.purchases_if_alive),
        (erlang_future.rate_if_alive, future.rate_if_alive),
    ):
        assert own(mine, times) == pytest.approx(other(*theirs, times), rel=ROUNDING)
    assert erlang_future.discounted_if_alive(mine, t, 0.01) == pytest.approx(
        future.discounted_if_alive(*theirs, t, 0.01), rel=ROUNDING
    )


def brute(gaps: list[float], age: float, modified: bool, k: int) -> tuple[Any, Any]:
    """Integrate the likelihood of one history over lambda and p: (with) being alive, left."""
    mp = mpmath.mp.clone()
    r, alpha, a, b = map(mp.mpf, POINT)
    m, silence = len(gaps) + modified, age - sum(gaps)

    def gamma(rate: Any) -> Any:
        return alpha**r * rate ** (r - 1) * mp.exp(-alpha * rate) / mp.gamma(r)

    def bought(rate: Any) -> Any:
        return mp.fprod(
            rate**k * gap ** (k - 1) * mp.exp(-rate * gap) / mp.factorial(k - 1) for gap in gaps
        )

    def quiet(rate: Any) -> Any:
        return mp.fsum((rate * silence) ** j / mp.factorial(j) for j in range(k)) * mp.exp(
            -rate * silence
        )

    ends = [0, 0.01, 0.1, 1, 10, mp.inf]
    alive = mp.quad(lambda rate: gamma(rate) * bought(rate) * quiet(rate), ends)
    gone = mp.quad(lambda rate: gamma(rate) * bought(rate), ends)
    inside = [0, 1e-6, 0.01, 0.5, 0.99, 1]
    density = mp.beta(a, b)
    stayed = mp.quad(lambda p: p ** (a - 1) * (1 - p) ** (b + m - 1) / density, inside)
    left = mp.quad(lambda p: p**a * (1 - p) ** (b + m - 2) / density, inside) if m else mp.mpf(0)
    return alive * stayed, gone * left


@pytest.mark.parametrize("k", [1, 2, *(pytest.param(k, marks=pytest.mark.slow) for k in (3, 5))])
@pytest.mark.parametrize("modified", [False, True])
@pytest.mark.parametrize("gaps", [[], [3.0], [2.0, 9.5], [4.0, 1.0, 6.0]])
def test_likelihood_by_brute_force(k: int, modified: bool, gaps: list[float]) -> None:
    alive, left = brute(gaps, 20.0, modified, k)
    n, last = np.array([float(len(gaps))]), np.array([sum(gaps)])
    h = erlang.History(n, last, np.array([20.0]), n + modified)
    found = erlang.log_likelihood(h, *POINT, k)
    found = found + erlang.log_density_of_intervals(n, last, np.array([np.log(gaps).sum()]), k)
    assert found[0] == pytest.approx(float(mpmath.log(alive + left)), rel=BRUTE)
    p_alive = erlang.p_alive(h, *POINT, k)
    assert p_alive[0] == pytest.approx(float(alive / (alive + left)), rel=1e-7)


@pytest.mark.parametrize("k", [2, 4])
def test_without_intervals_they_are_integrated_out(k: int) -> None:
    """Of two purchases up to 12, the first one may have been at any time."""

    def known(first: float, events: int) -> float:
        gaps = np.array([math.log(first) + math.log(12.0 - first)])
        two, last = np.array([2.0]), np.array([12.0])
        return float(np.exp(erlang.log_density_of_intervals(two, last, gaps, events))[0])

    mean = integrate.quad(known, 0.0, 12.0, args=(k,), epsabs=0.0)[0]
    mean /= integrate.quad(known, 0.0, 12.0, args=(1,))[0]
    found = erlang.log_density_of_intervals(np.array([2.0]), np.array([12.0]), None, k)
    assert math.exp(found[0]) == pytest.approx(mean, rel=1e-9)


@pytest.mark.parametrize("k", [1, 2, 3, 6, 12, 24])
def test_counting_and_roots_agree(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    shape, t = np.array([0.01, 0.5, 8.0, 200.0]), np.array([900.0, 300.0, 80.0, 8.0])
    for first in {1, (k + 1) // 2, k}:
        for a, b in ((0.9, 2.3), (0.02, 0.05), (60.0, 0.3), (30.0, 300.0)):
            mine = buyers(k, first, shape, a, b)
            for function in (erlang_future.purchases_if_alive, erlang_future.rate_if_alive):
                monkeypatch.setattr(erlang_future, "_MOST_COUNTS", math.inf)
                counted = function(mine, t)
                monkeypatch.setattr(erlang_future, "_MOST_COUNTS", 0.0)
                by_roots = function(mine, t)
                assert by_roots == pytest.approx(counted, rel=1e-11), (first, a, b, function)


@pytest.mark.parametrize("k", [2, 3, 6, 12, 24])
def test_the_rate_adds_up_to_purchases(k: int) -> None:
    shape = np.array([0.05, 3.0, 300.0, 20_000.0])
    for first in {1, k}:
        mine = buyers(k, first, shape)
        for horizon in (0.01, 10.0, 3_000.0):
            exact = erlang_future.purchases_if_alive(mine, np.full(4, horizon))
            found = erlang_future.discounted_if_alive(mine, horizon, 0.0)
            assert found == pytest.approx(exact, rel=1e-10)


@pytest.mark.parametrize("discount", [0.3, 1e-3, -1e-3, -0.4])
def test_discounting_by_parts(discount: float) -> None:
    horizon, mine = 60.0, buyers(3, 2, [0.4, 12.0])
    nodes, weights = np.polynomial.legendre.leggauss(200)
    s = 0.5 * horizon * (nodes + 1.0)
    for row in range(2):
        one = mine.take(np.array([row]))
        many = one.take(np.zeros(200, dtype=np.intp))
        curve = erlang_future.purchases_if_alive(many, s)
        end = float(erlang_future.purchases_if_alive(one, np.array([horizon]))[0])
        by_parts = math.exp(-discount * horizon) * end
        by_parts += discount * 0.5 * horizon * float(weights @ (np.exp(-discount * s) * curve))
        found = float(erlang_future.discounted_if_alive(one, horizon, discount)[0])
        assert found == pytest.approx(by_parts, rel=1e-10)


def test_a_short_time_keeps_its_digits() -> None:
    """The next purchase needs k events: in a short time its chance is of order t^k."""
    t = np.array([1e-6])
    for k in (1, 2, 3, 6):
        found = erlang_future.purchases_if_alive(buyers(k, k, [2.5]), t)
        rising = math.prod(2.5 + i for i in range(k)) / math.factorial(k)
        assert found[0] == pytest.approx(rising * (1e-6 / 5.0) ** k, rel=1e-5)
    assert erlang_future.purchases_if_alive(buyers(3, 2, [2.5]), np.zeros(1)).tolist() == [0.0]
    assert erlang_future.discounted_if_alive(buyers(3, 2, [2.5]), 0.0, 0.1).tolist() == [0.0]


def test_phases_are_probabilities_and_start_anew_at_a_purchase() -> None:
    weights = erlang.phase_weights(x, t_x, T, 0.6, 5.0, 24)
    assert weights.sum(axis=0) == pytest.approx(1.0, rel=ROUNDING)
    assert (weights >= 0.0).all()
    assert weights[:, 0].tolist() == [1.0, *[0.0] * 23]
    whale = np.array([1e7]), np.array([100.0]), np.array([3_650.0])
    assert np.isfinite(erlang.phase_weights(*whale, 0.01, 0.01, 24)).all()


@pytest.mark.parametrize("k", [1, 3])
def test_probabilities_add_up(k: int) -> None:
    n = np.arange(20_000.0)
    for modified in (0.0, 1.0):
        pmf = erlang.count_probability(n, np.full_like(n, 25.0), n + modified, *POINT, k)
        assert pmf.sum() == pytest.approx(1.0, rel=1e-11)
