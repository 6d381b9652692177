"""What a move does to a customer's future: single lives, integrals, moved populations."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import integrate

import clvmodels as clv
from clvmodels.models.purchases import PurchaseModel
from clvmodels.models.registry import MODELS
from clvmodels.predictive.totals import Terms
from clvmodels.scenarios.futures import Arrivals, new_purchases, purchases_ahead, stay_ahead
from clvmodels.scenarios.moves import Move, _share_at_odds, family_of

SAME = 1e-9  # the same integrals by other nodes
Z = 4.0  # standard errors of a mean over simulated lives
KINDS = [name for name, kind in MODELS.items() if issubclass(kind, PurchaseModel)]
# Purchases of several events take longest; the others are moved in the same way.
CASES = [
    pytest.param(each, marks=pytest.mark.slow) if each.endswith("CNBD") else each for each in KINDS
]
PERIODS = ("BGBB", "SBG", "BDW")


def typical(name: str) -> Any:
    """Return a model in the middle of the range that real data give."""
    kind = MODELS[name]
    values = [math.sqrt(math.prod(each.typical)) for each in kind.domains().values()]
    return kind(*values, **dict.fromkeys(kind.settings(), 2))


def people(model: Any, name: str, n: int = 200) -> clv.Customers:
    age = np.resize(np.array([3.0, 7.0, 12.0, 26.0]), n)
    return model.simulate(n, age, seed=3, unit="month" if name in PERIODS else "week")


def newcomers() -> Arrivals:
    zero = [0.0]
    return Arrivals.like(clv.Customers.from_arrays([0], zero, zero, unit=None), np.ones(1))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("horizon", "rate"), [(30.0, 0.0), (30.0, 0.01), (math.inf, 0.02)])
def test_no_move_is_what_the_model_says(name: str, horizon: float, rate: float) -> None:
    model = typical(name)
    c = people(model, name)
    if rate:
        expected = model.discounted_given_alive(c, horizon, rate)
    else:
        expected = model.purchases_given_alive(c, horizon)
    found = purchases_ahead(model, c, Move(), Terms(horizon, rate))
    np.testing.assert_allclose(found, expected, rtol=SAME)
    np.testing.assert_allclose(
        stay_ahead(model, c, Move(), 20.0), model.stay_if_alive(c, np.full(len(c), 20.0)), rtol=SAME
    )


@pytest.mark.parametrize("name", KINDS)
def test_new_customers_live_in_the_moved_population(name: str) -> None:
    """Parameters moved as covariates move them; a clock or a share is another way to the same."""
    model = typical(name)
    family, move = family_of(model), Move(1.3, 0.6)
    if name in PERIODS:
        move = Move(1.0, 0.6)
    changed = {family.dropout[0]: move.dropout ** family.dropout[1]}
    if move.purchase != 1.0:
        changed[family.purchase[0]] = move.purchase ** family.purchase[1]
    if model.effects:
        signs = {**model.effects["dropout"], **model.effects["purchase"]}
        assert dict([family.dropout, family.purchase]) == signs
    moved = replace(model, **{key: getattr(model, key) * by for key, by in changed.items()})
    for terms in (Terms(40.0, 0.0), Terms(40.0, 0.01)):
        found = new_purchases(model, newcomers(), move, terms)
        c = newcomers().customers
        expected = moved.discounted_purchases(c, terms.horizon, terms.rate)
        np.testing.assert_allclose(found, expected, rtol=SAME)


@pytest.mark.parametrize("name", CASES)
def test_more_staying_is_more_purchases_for_everybody(name: str) -> None:
    model = typical(name)
    c = people(model, name)
    terms = Terms(30.0, 0.01)
    now, better, worse = (purchases_ahead(model, c, Move(1.0, k), terms) for k in (1.0, 0.5, 2.0))
    assert (better > now).all()
    assert (worse < now).all()


def test_pareto_nbd_in_closed_form() -> None:
    """The formula of Schmittlein, Morrison and Colombo with both rates of a customer scaled."""
    model, faster, k, t = clv.ParetoNBD(0.553, 10.578, 0.606, 11.669), 1.2, 0.7, 52.0
    c = people(model, "ParetoNBD")
    x, _, T = c.timing
    lives = (model.beta + T) / k
    years = lives / (model.s - 1.0) * (1.0 - (lives / (lives + t)) ** (model.s - 1.0))
    expected = (model.r + x) * faster / (model.alpha + T) * years
    found = purchases_ahead(model, c, Move(faster, k), Terms(t, 0.0))
    np.testing.assert_allclose(found, expected, rtol=SAME)
    stays = (lives / (lives + t)) ** model.s
    np.testing.assert_allclose(stay_ahead(model, c, Move(faster, k), t), stays, rtol=SAME)


@pytest.mark.parametrize(("b", "beta"), [(0.02, 0.4), (0.1, 3.0)])
def test_ggompertz_nbd_by_integration(b: float, beta: float) -> None:
    """A customer's hazard is k eta b e^(by) from now on; eta is known as a gamma."""
    model, faster, k, t, rate = clv.GGompertzNBD(0.55, 10.5, b, 0.5, beta), 1.3, 1.8, 52.0, 0.004
    c = people(model, "GGompertzNBD", 8)
    x, _, T = c.timing
    found = purchases_ahead(model, c, Move(faster, k), Terms(t, rate))
    for i, age in enumerate(T):
        level = beta + math.expm1(b * age)

        def alive(y: float, age: float = age, level: float = level) -> float:
            used = math.exp(b * age) * math.expm1(b * y)
            return (level / (level + k * used)) ** model.s * math.exp(-rate * y)

        lived = integrate.quad(alive, 0.0, t, epsabs=0.0, epsrel=1e-12)[0]
        buying = faster * (model.r + x[i]) / (model.alpha + age)
        assert found[i] == pytest.approx(buying * lived, rel=SAME)


@pytest.mark.parametrize(
    ("a", "b", "k"),
    [(1.2, 0.75, 1.3), (30.2, 2.75, 3.0), (0.01, 80.0, 0.2), (2e3, 3e3, 20.0), (5.0, 1e5, 1e3)],
)
def test_odds_of_a_purchase(a: float, b: float, k: float) -> None:
    expected = mpmath.mpf(k) * mpmath.hyp2f1(1, a + 1, a + b + 1, 1 - mpmath.mpf(k))
    assert _share_at_odds(np.array([a]), np.array([b]), k)[0] == pytest.approx(
        float(expected), rel=1e-11
    )


# --- single lives -----------------------------------------------------------------------------


def lives(
    rate: Any, stay: Any, later: Any, *, T: float, t: float, d: float, events: int, at_once: bool
) -> tuple[clv.Customers, Any, Any]:
    """Live one by one up to T with a chance to stay, and then on to T + t with another one.

    Return the histories, what happens after T in discounted purchases, and who is alive at T.
    """
    rng, n = np.random.default_rng(4), len(rate)
    x, t_x, time, worth = np.zeros((4, n))
    there = np.zeros(n, dtype=bool)
    running = np.flatnonzero(rng.random(n) < stay) if at_once else np.arange(n)
    ahead = np.full(n, np.inf)  # when the next purchase comes, for those alive at T
    while len(running):
        time[running] += rng.standard_gamma(float(events), len(running)) / rate[running]
        after = time[running] > T
        there[running[after]] = True
        ahead[running[after]] = time[running[after]]
        running = running[~after]
        x[running] += 1.0
        t_x[running] = time[running]
        running = running[rng.random(len(running)) < stay[running]]
    running = np.flatnonzero(there)
    while len(running):
        running = running[ahead[running] <= T + t]
        worth[running] += np.exp(-d * (ahead[running] - T))
        running = running[rng.random(len(running)) < later[running]]
        ahead[running] += rng.standard_gamma(float(events), len(running)) / rate[running]
    return clv.Customers.from_arrays(x, t_x, np.full(n, T), unit="week"), worth, there


@pytest.mark.parametrize("name", ["BGNBD", "MBGNBD", "BGCNBD"])
def test_one_reason_to_leave_disappears(name: str) -> None:
    """Two independent reasons to leave, of which one ends now: exactly a -> k a from now on.

    Stays at a chance are q W, q ~ Beta(b, k a) and W ~ Beta(b + k a, (1 - k) a), which together
    are Beta(b, a); the past has both, the future q alone.
    """
    r, alpha, a, b, k, n = 0.8, 6.0, 1.2, 2.4, 0.5, 60_000
    events = 2 if name == "BGCNBD" else 1
    model: Any = MODELS[name](r, alpha, a, b, **({"k": 2} if events == 2 else {}))
    rng = np.random.default_rng(5)
    rate = rng.gamma(r, 1.0 / alpha, n)
    kept, ended = rng.beta(b, k * a, n), rng.beta(b + k * a, (1.0 - k) * a, n)
    terms = Terms(52.0, 0.004)
    c, worth, there = lives(
        *(rate, kept * ended, kept),
        T=39.0,
        t=terms.horizon,
        d=terms.rate,
        events=events,
        at_once=name == "MBGNBD",
    )
    alive = model.p_alive(c)
    after = alive * purchases_ahead(model, c, Move(1.0, k), terms)
    some = c.frequency >= 3.0
    for group in (some, ~some):
        error = (worth - after)[group].std() / math.sqrt(group.sum())
        assert abs((worth - after)[group].mean()) < Z * error
    # Reading the past anew would say that more of them are alive today than there are.
    reread = replace(model, a=k * a).p_alive(c)
    chance = math.sqrt(float((alive * (1.0 - alive)).sum()))
    assert abs(alive.sum() - there.sum()) < Z * chance
    assert reread.sum() - there.sum() > 10.0 * chance


def test_one_reason_not_to_renew_disappears() -> None:
    """The same of subscribers, who leave the sooner the longer they have stayed."""
    alpha, beta, c, k, n, age = 0.7, 3.0, 1.3, 0.6, 200_000, 4
    rng = np.random.default_rng(6)
    kept, ended = rng.beta(beta, k * alpha, n), rng.beta(beta + k * alpha, (1.0 - k) * alpha, n)
    stayed = rng.random(n) < (kept * ended) ** (age**c)
    still = kept[stayed][None, :] ** (np.arange(age + 1, age + 4)[:, None] ** c - age**c)
    model = clv.BDW(alpha, beta, c)
    one = clv.Customers.from_arrays([age], [age], [age], unit="year")
    found = purchases_ahead(model, one, Move(1.0, k), Terms(3.0, 0.0))
    renewals = still.sum(axis=0)
    error = renewals.std() / math.sqrt(stayed.sum())
    assert abs(found[0] - renewals.mean()) < Z * error


def test_opportunities_at_other_odds() -> None:
    """Everybody's odds of a purchase times k, and one reason to leave less, opportunity by one."""
    model, faster, k, T, t, n = clv.BGBB(1.2, 0.75, 0.66, 2.8), 1.8, 0.6, 6, 5, 100_000
    rng = np.random.default_rng(7)
    p = rng.beta(model.alpha, model.beta, n)
    more = faster * p / (1.0 + (faster - 1.0) * p)
    rest = model.delta + k * model.gamma
    kept, ended = (
        rng.beta(model.delta, k * model.gamma, n),
        rng.beta(rest, (1 - k) * model.gamma, n),
    )
    alive, x, t_x, ahead = np.ones(n, dtype=bool), *np.zeros((3, n))
    for period in range(1, T + t + 1):
        past = period <= T
        alive &= rng.random(n) < (kept * ended if past else kept)
        bought = alive & (rng.random(n) < (p if past else more))
        if past:
            x, t_x = x + bought, np.where(bought, period, t_x)
        else:
            ahead += bought
    c = clv.Customers.from_arrays(x, t_x, np.full(n, T), unit="year")
    after = model.p_alive(c) * purchases_ahead(model, c, Move(faster, k), Terms(t, 0.0))
    for group in (x == 0.0, x == 2.0, x > 3.0):
        off = (ahead - after)[group]
        assert abs(off.mean()) < Z * off.std() / math.sqrt(group.sum())
