"""What every purchase model promises about the number of purchases that lie ahead."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from clvmodels import Customers
from clvmodels.models.base import Model
from clvmodels.models.erlang_family import ErlangModel
from clvmodels.models.lifetime_family import LifetimeModel
from clvmodels.models.purchases import ContinuousModel, PurchaseModel

from .conftest import Case, draw

ROUNDING = 1e-12  # of tails, of which a few thousand factors are taken
SUMMED = 1e-9  # sums over all n, cut where next to nothing is left
AHEAD = 26.0


def purchase_model(case: Case) -> PurchaseModel:
    assert isinstance(case.model, PurchaseModel)
    return case.model


def some_customers(case: Case) -> Customers:
    """A few of the example customers, the one with most purchases among them."""
    most = int(np.argmax(case.customers.frequency))
    return case.customers.take(np.append(np.arange(5, len(case.customers), 13), most))


def table(model: PurchaseModel, c: Customers, t: float) -> Any:
    """P(at least n | alive) from n = 0 to where nothing is left, shape (n, customers)."""
    most = 64
    while True:
        n = np.tile(np.arange(most + 1.0), len(c))
        rows = np.repeat(np.arange(len(c)), most + 1)
        found = model.take(rows).tail_if_alive(c.take(rows), n, np.full(len(n), t))
        found = found.reshape(len(c), most + 1).T
        if found[-1].max() < 1e-13:
            return found
        most *= 2


def test_tails_fall_from_one_and_add_up_to_expected_purchases(purchase_case: Case) -> None:
    model, c = purchase_model(purchase_case), some_customers(purchase_case)
    found = table(model, c, AHEAD)
    assert (found[0] == 1.0).all()
    assert (found >= 0.0).all()
    assert np.diff(found, axis=0).max() <= ROUNDING
    expected = model.purchases_if_alive(c, np.full(len(c), AHEAD))
    assert found[1:].sum(axis=0) == pytest.approx(expected, rel=SUMMED)


def test_logarithms_of_single_numbers_are_those_of_tails(purchase_case: Case) -> None:
    model, c = purchase_model(purchase_case), some_customers(purchase_case)
    tails = table(model, c, AHEAD)
    n = np.tile(np.arange(len(tails) - 1.0), len(c))
    rows = np.repeat(np.arange(len(c)), len(tails) - 1)
    length = np.full(len(n), AHEAD)
    logs = model.take(rows).log_count_if_alive(c.take(rows), n, length)
    ours = np.exp(logs).reshape(len(c), -1).T
    assert ours == pytest.approx(-np.diff(tails, axis=0), abs=1e-11)
    assert ours.sum(axis=0) == pytest.approx(1.0, rel=SUMMED)
    known = ours > 1e-3 * tails[:-1]  # of which the difference of tails has its digits
    assert ours[known] == pytest.approx(-np.diff(tails, axis=0)[known], rel=SUMMED)


def test_logarithms_stay_finite_where_probabilities_vanish(purchase_case: Case) -> None:
    """Of customers who may buy at any time: a thousand times from one who never bought again."""
    model = purchase_model(purchase_case)
    if not isinstance(model, ContinuousModel):
        return
    n = np.array([1e3, 3e3, 1e4])
    newcomer = Customers.from_arrays([0] * 3, [0.0] * 3, [38.86] * 3, unit="week")
    logs = model.log_count_if_alive(newcomer, n, np.full(3, AHEAD))
    assert np.isfinite(logs).all()
    assert (np.diff(logs) < 0.0).all()


def test_in_no_time_nobody_buys(purchase_case: Case) -> None:
    model, c = purchase_model(purchase_case), purchase_case.customers
    none = np.zeros(len(c))
    assert (model.tail_if_alive(c, none, none) == 1.0).all()
    assert (model.tail_if_alive(c, none + 1.0, none) == 0.0).all()
    assert np.exp(model.log_count_if_alive(c, none, none)) == pytest.approx(1.0, rel=ROUNDING)
    assert (model.log_count_if_alive(c, none + 1.0, none) == -np.inf).all()


def test_tails_of_new_customers_are_those_of_the_pmf(purchase_case: Case) -> None:
    """Where a newcomer may be gone at once, that has its own chance."""
    model = purchase_model(purchase_case)
    newcomer = Customers.from_arrays([0], [0], [0], unit="week")
    there = float(model.p_alive(newcomer)[0])
    known = table(model, newcomer, AHEAD)[:, 0]
    pmf = model.purchase_pmf(np.arange(len(known) - 1), AHEAD)
    ours = there * -np.diff(known)
    ours[0] += 1.0 - there
    assert ours == pytest.approx(pmf, rel=1e-8, abs=1e-12)


def test_a_parameter_for_each_row(purchase_case: Case) -> None:
    model, c = purchase_model(purchase_case), purchase_case.customers
    rows = np.arange(len(c)) % 2
    values = [np.where(rows, value, 1.5 * value) for value in model.values]
    other = model.rowwise([1.5 * value for value in model.values])
    n, t = 1.0 + np.arange(len(c)) % 4, np.full(len(c), AHEAD)
    mixed = model.rowwise(values)
    apart = np.where(rows, model.tail_if_alive(c, n, t), other.tail_if_alive(c, n, t))
    assert mixed.tail_if_alive(c, n, t) == pytest.approx(apart, rel=ROUNDING)
    logs = [each.log_count_if_alive(c, n, t) for each in (mixed, model, other)]
    assert logs[0] == pytest.approx(np.where(rows, *logs[1:]), rel=ROUNDING)
    ours = mixed.discounts_if_alive(c, n, t, 0.01).parts
    two = (each.discounts_if_alive(c, n, t, 0.01).parts for each in (model, other))
    for own, first, second in zip(ours, *two, strict=True):
        assert own == pytest.approx(np.where(rows, first, second), rel=ROUNDING)


# --- discounts --------------------------------------------------------------------------------


def test_without_a_rate_discounts_count(purchase_case: Case) -> None:
    model, c = purchase_model(purchase_case), purchase_case.customers
    n, t = 1.0 + np.arange(len(c)) % 5, np.full(len(c), AHEAD)
    exact, near = (model.discounts_if_alive(c, n, t, rate) for rate in (0.0, 1e-9))
    for found in (exact, near):
        assert found.total == pytest.approx(n, rel=1e-6)
        assert found.squares == pytest.approx(n, rel=1e-6)
        assert found.square == pytest.approx(n * n, rel=1e-6)
    assert exact.total == pytest.approx(n, rel=ROUNDING)


@pytest.mark.parametrize("rate", [0.03, -0.002])
def test_discounts_given_the_number_average_to_those_expected(
    purchase_case: Case, rate: float
) -> None:
    """The squares have the rate twice, so that they have an expectation to compare with, too."""
    model, c = purchase_model(purchase_case), some_customers(purchase_case)
    known = table(model, c, AHEAD)
    pmf = -np.diff(known, axis=0)[1:]
    most = int(np.flatnonzero(known.max(axis=1) > 1e-13)[-1]) + 1
    rows = np.tile(np.arange(len(c)), most)
    n = np.repeat(np.arange(1.0, most + 1.0), len(c))
    given = model.take(rows).discounts_if_alive(c.take(rows), n, np.full(len(n), AHEAD), rate)
    total, squares = (each.reshape(most, len(c)) for each in (given.total, given.squares))
    expected = model.discounted_if_alive(c, AHEAD, rate)
    assert (pmf[:most] * total).sum(axis=0) == pytest.approx(expected, rel=SUMMED)
    twice = model.discounted_if_alive(c, AHEAD, 2.0 * rate)
    assert (pmf[:most] * squares).sum(axis=0) == pytest.approx(twice, rel=SUMMED)


def test_discounts_are_moments(purchase_case: Case) -> None:
    model, c = purchase_model(purchase_case), purchase_case.customers
    n, t = 1.0 + np.arange(len(c)) % 6, np.full(len(c), AHEAD)
    found = model.discounts_if_alive(c, n, t, 0.05)
    slack = 1.0 + 1e-12
    assert (found.square * slack >= found.total**2).all()  # a variance is not negative
    assert (found.squares * n * slack >= found.square).all()
    alone = n == 1.0
    assert found.squares[alone] == pytest.approx(found.square[alone], rel=ROUNDING)
    assert (found.total <= n).all()


# --- event by event ---------------------------------------------------------------------------

DRAWS = 40_000
SIGMAS = 4.5  # of about 500 comparisons one goes beyond by chance in 300 runs
HISTORIES = ((0, 0.0, 20.0), (3, 12.0, 20.0), (3, 19.0, 20.0))
RATE, LONGEST = 0.04, 12


def purchase_times(model: Any, history: tuple[int, float, float], seed: int) -> Any:
    """Simulate the times of purchases after T of customers who are alive, (draws, 12), inf last."""
    rng = np.random.default_rng(seed)
    if isinstance(model, ErlangModel) or not hasattr(model, "lifetime"):
        if isinstance(model, ContinuousModel):
            return leaving_after_purchases(model, history, rng)
        return in_whole_periods(model, history, rng)
    return until_a_lifetime_ends(model, history, rng)


def leaving_after_purchases(model: Any, history: tuple[int, float, float], rng: Any) -> Any:
    """The rate is that of a customer with x purchases by t_x; only those without one until T stay.

    Nothing is said of phases: a time to the next purchase is drawn from the last one on.
    """
    x, t_x, T = history
    k = getattr(model, "k", 1)
    rate = rng.gamma(model.r + k * x, 1.0 / (model.alpha + t_x), 12 * DRAWS)
    clock = rng.gamma(k, 1.0, len(rate)) / rate - (T - t_x)
    kept = np.flatnonzero(clock > 0.0)[:DRAWS]
    rate, clock = rate[kept], clock[kept]
    leaves = rng.beta(model.a, model.b + float(model.chances(np.array([x]))[0]), len(kept))
    times = np.full((len(kept), LONGEST + 1), np.inf)
    there = np.ones(len(kept), dtype=bool)
    for j in range(LONGEST + 1):
        times[there, j] = clock[there]
        there &= rng.random(len(kept)) >= leaves
        clock = clock + rng.gamma(k, 1.0, len(kept)) / rate
    return times


def until_a_lifetime_ends(model: LifetimeModel, history: Any, rng: Any) -> Any:
    x, _, T = history
    rate = rng.gamma(model.r + x, 1.0 / (model.alpha + T), DRAWS)
    parameters = {name: getattr(model, name) for name in model.parameter_names()}
    s, beta, hazard = parameters["s"], parameters["beta"], rng.exponential(size=DRAWS)
    if "b" in parameters:
        b = parameters["b"]
        level = rng.gamma(s, 1.0 / (beta + math.expm1(b * T)), DRAWS)
        lived = np.log1p(hazard / level * math.exp(-b * T)) / b
    else:
        lived = hazard / rng.gamma(s, 1.0 / (beta + T), DRAWS)
    times = np.cumsum(rng.exponential(size=(DRAWS, LONGEST + 1)) / rate[:, None], axis=1)
    return np.where(times <= lived[:, None], times, np.inf)


def in_whole_periods(model: Any, history: Any, rng: Any) -> Any:
    x, _, T = history
    if hasattr(model, "gamma"):
        buys = rng.beta(model.alpha + x, model.beta + T - x, DRAWS)
        leaves, power = rng.beta(model.gamma, model.delta + T, DRAWS), 1.0
    else:
        power = float(getattr(model, "c", 1.0))
        buys, leaves = np.ones(DRAWS), rng.beta(model.alpha, model.beta + T**power, DRAWS)
    times = np.full((DRAWS, LONGEST + 1), np.inf)
    there, count = np.ones(DRAWS, dtype=bool), np.zeros(DRAWS, dtype=int)
    for period in range(1, LONGEST + 2):
        stays = (1.0 - leaves) ** ((T + period) ** power - (T + period - 1) ** power)
        there &= rng.random(DRAWS) < stays
        bought = there & (rng.random(DRAWS) < buys)
        times[bought, count[bought]] = period
        count += bought
    return times


@pytest.mark.parametrize("history", HISTORIES, ids=str)
def test_simulated_customers_agree(
    model_class: type[Model], history: tuple[int, float, float]
) -> None:
    model, t = draw(model_class, seed=1), 12.0
    if not isinstance(model, PurchaseModel):
        pytest.skip("no model of purchases")
    if not isinstance(model, ContinuousModel) and model.state == ("T",):
        history = (int(history[2]), history[2], history[2])
    times = purchase_times(model, history, seed=5)
    times = np.where(times <= t, times, np.inf)
    counts, w = np.isfinite(times).sum(axis=1), np.exp(-RATE * times)
    c = Customers.from_arrays(*([value] for value in history), unit="week")
    n, draws = np.arange(1.0, 9.0), len(times)
    rows = np.zeros(len(n), dtype=int)
    tail = model.tail_if_alive(c.take(rows), n, np.full(len(n), t))
    seen = (counts >= n[:, None]).mean(axis=1)
    assert (np.abs(seen - tail) <= SIGMAS * np.sqrt(tail * (1.0 - tail) / draws) + 1e-9).all()
    given = model.discounts_if_alive(c.take(rows), n, np.full(len(n), t), RATE)
    for j, count in enumerate(n):
        some = w[counts == count]
        if len(some) < 500:
            continue
        samples = some.sum(axis=1), (some**2).sum(axis=1), some.sum(axis=1) ** 2
        for sample, moment in zip(samples, given.parts, strict=True):
            error = sample.std() / math.sqrt(len(some))
            # The square of regular purchases is approximate: z^3 / 200 of it, here 6e-4.
            slack = 6e-4 * moment[j] if isinstance(model, ErlangModel) else 1e-9
            assert abs(sample.mean() - moment[j]) <= SIGMAS * error + slack, (count, moment[j])


def test_heavy_buyers(purchase_case: Case) -> None:
    """2,000 purchases in 2,500 days: the tail is smooth, and sums to what is expected."""
    model = purchase_model(purchase_case)
    renews = model.state == ("T",)
    x, T = (2500, 2500.0) if renews else (2000, 2500.0)
    c = Customers.from_arrays([x], [T if renews else 2499.0], [T], unit="day")
    known = table(model, c, 365.0)[:, 0]
    assert np.diff(known).max() <= 1e-11
    expected = float(model.purchases_if_alive(c, np.array([365.0]))[0])
    assert known[1:].sum() == pytest.approx(expected, rel=1e-9)
