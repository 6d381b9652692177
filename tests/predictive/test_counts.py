"""The distribution of future purchases: probabilities, quantiles, intervals, and bad input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from clvmodels import (
    BGBB,
    BGCNBD,
    BGNBD,
    SBG,
    Customers,
    DataError,
    Effects,
    ParameterError,
    ParetoNBD,
    PurchaseCovariates,
    UnitMismatchError,
)
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.predictive.counts import (
    PurchaseDistribution,
    count_interval,
    purchase_distribution,
)

BG = BGNBD(0.243, 4.414, 0.793, 2.426)
PARETO = ParetoNBD(0.553, 10.578, 0.606, 11.669)
ERLANG = BGCNBD(0.5, 1.5, 0.9, 2.6, 4)
WEB = PurchaseCovariates(
    BG, {"purchase": Effects("channel", {"channel[T.web]": 0.7}, {"channel": ("shop", "web")})}
)
MOST = 400  # purchases beyond which there is next to nothing in these tests


def some(n: int = 200, seed: int = 1) -> Customers:
    """Simulated customers with heavy ones among them, some twice, with a covariate."""
    x, t_x, T = BG.simulate(n, 38.86, seed=seed).timing
    x, t_x = np.append(x, [30, 90, 0]), np.append(t_x, [38.5, 38.8, 0.0])
    T = np.append(T, [38.86, 38.86, 1.0])
    channel = np.where(np.arange(len(x)) % 3, "web", "shop")
    return Customers.from_arrays(x, t_x, T, unit="week", covariates={"channel": channel})


def slow_table(models: Any, c: Customers, t: float) -> Any:
    """P(at least n) customer by customer, n by n, without states or search, (n, customers)."""
    n = np.arange(MOST + 2.0)
    columns = []
    for row in range(len(c)):
        one, table = c.take(np.array([row])), np.zeros(MOST + 2)
        for model in models:
            many = one.take(np.zeros(len(n), dtype=int))
            alive = float(model.p_alive(one)[0])
            table += alive * model.rows(many).tail_if_alive(many, n, np.full(len(n), t))
        table /= len(models)
        table[0] = 1.0
        columns.append(table)
    return np.stack(columns, axis=1)


def slow_interval(table: Any, level: float) -> tuple[Any, Any]:
    """The rule of the interval, by looking at every n."""
    lower, upper = [], []
    for column in table.T:
        fewer = 1.0 - column  # P(fewer than n)
        low = int(np.flatnonzero(fewer <= 0.5 * (1.0 - level))[-1])
        inside = column[low] - column[1:]  # P(low to n)
        lower.append(low)
        upper.append(int(np.flatnonzero(inside[low:] >= level)[0]) + low)
    return np.array(lower), np.array(upper)


MIXTURE = (BG, BGNBD(0.3, 5.0, 0.5, 2.0), BGNBD(0.2, 3.0, 1.2, 3.0))
MODELS: dict[str, tuple[PurchasePredictions, ...]] = {
    "BG": (BG,),
    "Pareto": (PARETO,),
    "Erlang": (ERLANG,),
    "covariates": (WEB,),
    "mixture": MIXTURE,
    "mixture with covariates": (WEB, PurchaseCovariates(MIXTURE[1], WEB.effects)),
}


@pytest.mark.parametrize("models", MODELS.values(), ids=MODELS)
def test_the_search_finds_what_looking_at_every_number_does(
    models: tuple[PurchasePredictions, ...],
) -> None:
    c = some(60)
    ahead, table = PurchaseDistribution(models, c, 39.0), slow_table(models, c, 39.0)
    for level in (0.5, 0.9, 0.99):
        expected = slow_interval(table, level)
        for found, cored, exact in zip(
            ahead.interval(level), count_interval(models, c, 39.0, level), expected, strict=True
        ):
            assert found.tolist() == exact.tolist()
            assert cored.tolist() == exact.tolist()
    for u in (0.05, 0.5, 0.95):
        exact = [int(np.flatnonzero(1.0 - column[1:] >= u)[0]) for column in table.T]
        assert ahead.quantile(u).tolist() == exact
    for n in (0, 1, 7):
        assert ahead.sf(n) == pytest.approx(table[n + 1], rel=1e-12)
        assert ahead.cdf(n) == pytest.approx(1.0 - table[n + 1], abs=1e-15)
        assert ahead.pmf(n) == pytest.approx(table[n] - table[n + 1], abs=1e-15)
    assert ahead.p_zero == pytest.approx(1.0 - table[1], abs=1e-15)
    assert ahead.mean() == pytest.approx(table[1:].sum(axis=0), rel=1e-9)


@pytest.mark.parametrize("models", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("level", [0.5, 0.9])
def test_an_interval_covers_its_level_by_less_than_one_number_more(
    models: tuple[PurchasePredictions, ...], level: float
) -> None:
    ahead = PurchaseDistribution(models, some(), 39.0)
    lower, upper = ahead.interval(level)
    inside = ahead.content(lower, upper)
    assert (inside >= level).all()
    moved = upper > lower
    shorter = ahead.content(lower, np.where(moved, upper - 1, upper))
    assert (shorter[moved] < level).all()
    assert inside == pytest.approx(ahead.cdf(upper) - ahead.cdf(lower) + ahead.pmf(lower))
    # As few as this are likely enough to be in: nothing is left out below but where it is rare.
    below = np.where(lower > 0, ahead.cdf(np.maximum(lower - 1, 0)), 0.0)
    assert (below <= 0.5 * (1.0 - level)).all()
    assert (ahead.cdf(lower) > 0.5 * (1.0 - level)).all()


def test_a_number_for_each_customer() -> None:
    c = some(30)
    ahead = purchase_distribution(c, BG, horizon="26w")
    n = np.arange(len(c)) % 5
    assert ahead.sf(n).tolist() == [ahead.sf(each)[row] for row, each in enumerate(n)]
    u = np.linspace(0.1, 0.9, len(c))
    assert ahead.quantile(u).tolist() == [ahead.quantile(each)[row] for row, each in enumerate(u)]


def test_simulated_customers_fall_inside_as_often_as_promised() -> None:
    """Customers watched for 39 weeks, and then for 39 more, which the simulation knows of both."""
    rng = np.random.default_rng(3)
    size = 40_000
    rate, leaves = rng.gamma(0.8, 1.0 / 6.0, size), rng.beta(0.9, 3.0, size)
    times = np.cumsum(rng.exponential(size=(size, 200)) / rate[:, None], axis=1)
    stays = rng.random((size, 200)) >= leaves[:, None]
    there = np.cumprod(np.hstack([np.ones((size, 1)), stays[:, :-1]]), axis=1)
    times = np.where(there > 0.0, times, np.inf)
    x = (times <= 39.0).sum(axis=1)
    t_x = np.where(x > 0, np.max(np.where(times <= 39.0, times, 0.0), axis=1), 0.0)
    ahead = ((times > 39.0) & (times <= 78.0)).sum(axis=1)
    c = Customers.from_arrays(x, t_x, np.full(size, 39.0), unit="week")
    found = purchase_distribution(c, BGNBD(0.8, 6.0, 0.9, 3.0), horizon="39w")
    lower, upper = found.interval(0.9)
    promised = found.content(lower, upper)
    inside = (lower <= ahead) & (ahead <= upper)
    error = math.sqrt(float((promised * (1.0 - promised)).sum())) / size
    assert abs(float(inside.mean() - promised.mean())) <= 4.0 * error
    # Those who may well buy: the ends are near enough to the level that they say something.
    busy = found.p_zero < 0.5
    assert 0.9 <= float(inside[busy].mean()) < 0.97
    for n in range(5):
        chance = found.pmf(n)
        spread = math.sqrt(float((chance * (1.0 - chance)).sum()))
        assert abs(float((ahead == n).sum() - chance.sum())) <= 4.0 * spread


def test_heavy_buyers_take_no_tables() -> None:
    """Daily for years: the ends lie where a normal approximation puts them."""
    c = Customers.from_arrays([2000, 3600], [2190.0, 3649.0], [2200.0, 3650.0], unit="day")
    model = BGNBD(1.0, 2.0, 0.01, 40.0)
    ahead = purchase_distribution(c, model, horizon="1y")
    lower, upper = ahead.interval(0.9)
    inside = ahead.content(lower, upper)
    assert (lower < ahead.mean()).all()
    assert (ahead.mean() < upper).all()
    assert (inside >= 0.9).all()
    assert (inside < 0.91).all()
    assert (upper - lower < 200).all()


def test_customers_who_are_known_to_be_gone_buy_nothing() -> None:
    c = Customers.from_renewals([100, 80, 60], unit="year")
    ahead = purchase_distribution(c, SBG(0.668, 3.806), horizon="5y")
    lower, upper = ahead.interval(0.9)
    gone = c.frequency < c.timing[2]
    assert (upper[gone] == 0).all()
    assert (ahead.p_zero[gone] == 1.0).all()
    assert (upper[~gone] == 5).all()
    assert (lower[~gone] == 0).all()
    assert (ahead.sf(5) == 0.0).all()


def test_whole_periods_are_those_that_have_passed() -> None:
    c = Customers.from_arrays([6, 3], [6, 5], [6, 6], unit="year")
    model = BGBB(1.204, 0.75, 0.657, 2.783)
    exact, rounded = (purchase_distribution(c, model, horizon=h) for h in (5.0, 5.9))
    assert exact.sf(2).tolist() == rounded.sf(2).tolist()


def test_horizons_are_durations() -> None:
    c = some(5)
    weeks = purchase_distribution(c, BG, horizon=26.0)
    assert purchase_distribution(c, BG, horizon="26w").sf(0).tolist() == weeks.sf(0).tolist()
    bare = Customers.from_arrays(*c.timing, unit=None)
    assert purchase_distribution(bare, BG, horizon=26.0).sf(0).tolist() == weeks.sf(0).tolist()
    none = purchase_distribution(c, BG, horizon=0.0)
    assert none.p_zero.tolist() == [1.0] * len(c)
    assert [each.tolist() for each in none.interval(0.9)] == [[0] * len(c)] * 2


def test_draws_of_parameters_widen_intervals() -> None:
    """Few customers say little of the parameters: the mixture covers more than the estimate."""
    fit = BG.__class__.fit(BGNBD(0.8, 6.0, 0.9, 3.0).simulate(300, 39, seed=1, unit="week"))
    c = Customers.from_arrays([0, 4, 12], [0.0, 30.0, 38.0], [39.0] * 3, unit="week")
    plain = purchase_distribution(c, fit, horizon="2y")
    drawn = purchase_distribution(c, fit.draws(500, seed=2), horizon="2y")
    assert len(drawn.models) == 32
    models = fit.draws(500, seed=2).models(32)
    by_hand = np.mean([PurchaseDistribution((each,), c, plain.t).sf(3) for each in models], axis=0)
    assert drawn.sf(3) == pytest.approx(by_hand, rel=1e-12)
    spread = drawn.interval(0.9)[1] - drawn.interval(0.9)[0]
    assert (spread >= plain.interval(0.9)[1] - plain.interval(0.9)[0]).all()


def test_no_customers() -> None:
    c = Customers.from_arrays([], [], [], unit="week")
    ahead = purchase_distribution(c, BG, horizon="1y")
    assert ahead.sf(1).shape == ahead.mean().shape == ahead.interval(0.9)[0].shape == (0,)
    assert count_interval([BG], c, 5.0, 0.9)[0].shape == (0,)


def test_bad_input() -> None:
    c = some(5)
    ahead = purchase_distribution(c, BG, horizon="1y")
    for level in (0.0, 1.0, 1.5, math.nan, True, "0.9"):
        with pytest.raises(ParameterError, match="between 0 and 1"):
            ahead.interval(level)  # what a user might pass
        with pytest.raises(ParameterError, match="between 0 and 1"):
            count_interval([BG], c, 5.0, level)
    for n in (0.5, -1, math.nan, math.inf):
        with pytest.raises(ParameterError, match="whole number"):
            ahead.sf(n)
    for u in (0.0, 1.0, math.nan):
        with pytest.raises(ParameterError, match="above 0 and below 1"):
            ahead.quantile(u)
    for shape in (3, (len(c), 1)):
        with pytest.raises(ParameterError, match="one for each"):
            ahead.sf(np.ones(shape))
    for horizon, words in ((math.inf, "finite horizon"), (-1.0, "zero or longer")):
        with pytest.raises(ParameterError, match=words):
            purchase_distribution(c, BG, horizon=horizon)
    with pytest.raises(DataError, match="fit of a purchase model"):
        purchase_distribution(c, 3.0, horizon="1y")
    bare = Customers.from_arrays(*c.timing, unit=None)
    with pytest.raises(ParameterError, match="needs the unit"):
        purchase_distribution(bare, BG, horizon="1y")
    fit = BGNBD.fit(BG.simulate(2000, 39, seed=1, unit="week"))
    days = Customers.from_arrays(*c.timing, unit="day")
    with pytest.raises(UnitMismatchError, match="per week"):
        purchase_distribution(days, fit, horizon="1y")
