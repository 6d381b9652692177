"""The distribution of future value: against sums, simulated events, and what must hold anyhow."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import special

import clvmodels as clv
from clvmodels import BGCNBD, SBG, Customers, GammaGamma, ParetoNBD
from clvmodels.beta_dropout import erlang_counts
from clvmodels.models.purchases import PurchaseModel
from clvmodels.models.registry import MODELS
from clvmodels.predictive.values import scaled_interval, scaled_moments
from clvmodels.units import in_units, rate_per_unit

from .people import MIXTURE, PURCHASES, SPEND, customers

BLOCKS = 5e-3  # of moments: numbers in a block of rare ones are taken to be equally likely
EVENTS = 3e-3  # the sum of discounted purchases is taken to be a gamma, given how many they are
TYPICAL = 1e-2  # draws of the scale of spend are taken relative to the fit at typical spend
DECADES = 5e-3  # over decades the mean discount of few purchases is taken to be a beta
TABLE = 1e-9  # quantiles and probabilities come from one table


def exact_cdf(row: int, t: float, z: np.ndarray) -> np.ndarray:
    """P(0 < Z <= z | alive) for BG/NBD without discounting, summed over all numbers."""
    c = customers()
    x, _, T = (float(each[row]) for each in c.timing)
    n = np.arange(1, 20_002)
    stay = special.betaln(PURCHASES.a, PURCHASES.b + x + n - 1.0)
    stay -= special.betaln(PURCHASES.a, PURCHASES.b + x)
    tail = np.exp(stay) * special.betainc(n, PURCHASES.r + x, t / (PURCHASES.alpha + T + t))
    pmf = -np.diff(tail)
    n, pmf = n[:-1][pmf > 1e-13], pmf[pmf > 1e-13]
    given = special.betainc(SPEND.p * n[:, None], SPEND.q + SPEND.p * x, z / (1.0 + z))
    return np.asarray(pmf @ given)


@pytest.mark.parametrize("weeks", [4.0, 52.0, 520.0])
def test_without_discounting_the_law_is_the_exact_mixture(weeks: float) -> None:
    c = customers()
    value = clv.value_distribution(c, PURCHASES, SPEND, horizon=weeks)
    alive = PURCHASES.p_alive(c)
    for u in np.linspace(0.03, 0.99, 12):
        amount = value.quantile(float(u))
        for row in np.flatnonzero(amount > 0.0).tolist():
            inside = exact_cdf(row, weeks, np.array([amount[row] / value.scale[row]]))[0]
            exact = value.p_zero[row] + alive[row] * inside
            assert exact == pytest.approx(u, abs=MIXTURE)


def simulated(row: int, weeks: float, rate: float, n: int) -> np.ndarray:
    """Values Z of a BG/NBD customer who is alive, purchase by purchase."""
    rng = np.random.default_rng(17 + row)
    x, _, T = (float(each[row]) for each in customers().timing)
    rate_of = rng.gamma(PURCHASES.r + x, 1.0 / (PURCHASES.alpha + T), n)
    leave = rng.beta(PURCHASES.a, PURCHASES.b + x, n)
    worth = rng.gamma(SPEND.q + SPEND.p * x, 1.0, n)
    clock, total, here = np.zeros(n), np.zeros(n), np.arange(n)
    while len(here):
        clock[here] += rng.exponential(size=len(here)) / rate_of[here]
        here = here[clock[here] <= weeks]
        spent = rng.gamma(SPEND.p, size=len(here)) / worth[here]
        total[here] += np.exp(-rate * clock[here]) * spent
        here = here[rng.random(len(here)) >= leave[here]]
    return total


@pytest.mark.parametrize("horizon", ["1y", "10y", "30y", math.inf])
@pytest.mark.parametrize("row", [1, 3, 5])
def test_with_discounting_the_law_is_that_of_simulated_events(
    row: int, horizon: str | float
) -> None:
    n = 60_000
    rate = rate_per_unit(0.1, "week")
    weeks = in_units(horizon, "week")
    ahead = simulated(row, min(weeks, 8.0 / rate), rate, n)  # then money is worth a 3,000th
    c = customers().take(np.array([row]))
    value = clv.value_distribution(c, PURCHASES, SPEND, horizon=horizon, discount_rate=0.1)
    alive = float(PURCHASES.p_alive(c)[0])
    error = 4.0 * 0.5 / math.sqrt(n) + (DECADES if weeks > 1000.0 else EVENTS)
    # An infinite horizon is cut off where a purchase is worth a thousandth.
    least = 0.02 if weeks == math.inf else 0.0
    for z in np.quantile(ahead[ahead > least], np.linspace(0.02, 0.98, 13)):
        share = 1.0 - alive + alive * float((ahead <= z).mean())
        assert value.cdf(z * value.scale)[0] == pytest.approx(share, abs=error)


@pytest.mark.parametrize("horizon", ["30y", math.inf])
def test_one_purchase_may_come_any_time_in_decades(horizon: str | float) -> None:
    """Purchases of a Pareto/NBD newcomer; whoever lives longest has thousands ahead."""
    n, rate = 60_000, rate_per_unit(0.1, "week")
    model = ParetoNBD(0.553, 10.578, 0.606, 11.669)
    rng = np.random.default_rng(23)
    rate_of = rng.gamma(model.r, 1.0 / (model.alpha + 39.0), n)
    life = rng.exponential(size=n) / rng.gamma(model.s, 1.0 / (model.beta + 39.0), n)
    end = np.minimum(life, min(in_units(horizon, "week"), 8.0 / rate))
    worth = rng.gamma(SPEND.q, 1.0, n)
    clock, ahead, here = np.zeros(n), np.zeros(n), np.arange(n)
    while len(here):
        clock[here] += rng.exponential(size=len(here)) / rate_of[here]
        here = here[clock[here] <= end[here]]
        spent = rng.gamma(SPEND.p, size=len(here)) / worth[here]
        ahead[here] += np.exp(-rate * clock[here]) * spent
    c = Customers.from_arrays([0], [0.0], [39.0], unit="week", monetary_value=[math.nan])
    value = clv.value_distribution(c, model, SPEND, horizon=horizon, discount_rate=0.1)
    alive = float(model.p_alive(c)[0])
    for z in np.quantile(ahead[ahead > 0.02], np.linspace(0.02, 0.98, 13)):
        share = 1.0 - alive + alive * float((ahead <= z).mean())
        noise = 4.0 * 0.5 * alive / math.sqrt(n)
        assert value.cdf(z * value.scale)[0] == pytest.approx(share, abs=DECADES + noise)


def test_a_horizon_of_centuries_is_as_good_as_an_endless_one() -> None:
    """Also in time: what comes after money is worthless is cut off."""
    c = customers().take(np.array([0, 3, 6]))
    regular = BGCNBD(0.5, 2.0, 0.8, 2.5, k=4)
    models: list[PurchaseModel] = [PURCHASES, regular]
    for model in models:
        found = [
            clv.value_distribution(c, model, SPEND, horizon=horizon, discount_rate=0.1)
            for horizon in (1e7, math.inf)
        ]
        first, second = (each.interval(0.9)[1] for each in found)
        assert first == pytest.approx(second, rel=1e-3)
        assert found[0].mean() == pytest.approx(found[1].mean(), rel=1e-3)


def test_discounts_of_many_regular_purchases() -> None:
    """A few points stand for many purchases: the sum of 1F1 over every one of them."""
    n, first, k = np.array([[3.0], [200.0], [900.0]]), 2, 3
    events, z = first + k * (n - 1.0) + 1.0, np.array([[0.1, 2.0, 7.0]] * 3)
    total, squares = erlang_counts._ordered(first, k, n, events, z)
    for row in range(3):
        place = first + k * np.arange(n[row, 0])[:, None]
        for times, found in ((1.0, total), (2.0, squares)):
            exact = special.hyp1f1(place, events[row] + 1.0, -times * z[row]).sum(axis=0)
            assert found[row] == pytest.approx(exact, rel=1e-9)


def test_one_certain_purchase_is_worth_one_gamma_over_another() -> None:
    certain = SBG(1e-9, 1.0)
    c = Customers.from_arrays([3], [3], [3], unit="year", monetary_value=[20.0])
    value = clv.value_distribution(c, certain, SPEND, horizon=1.0, discount_rate=0.1)
    z = np.array([5.0, 15.0, 20.0, 40.0, 90.0]) * 1.1 / (SPEND.v + 3 * 20.0)
    exact = special.betainc(SPEND.p, SPEND.q + 3 * SPEND.p, z / (1.0 + z))
    found = [float(value.cdf(amount)[0]) for amount in (5.0, 15.0, 20.0, 40.0, 90.0)]
    assert found == pytest.approx(exact, abs=MIXTURE)
    priced = clv.value_distribution(c, certain, 7.0, horizon=1.0, discount_rate=0.1)
    for end in priced.interval(0.9):
        assert end == pytest.approx(7.0 / 1.1, rel=1e-3)


def test_at_a_price_without_discounting_value_is_a_count() -> None:
    c = customers()
    counts = clv.purchase_distribution(c, PURCHASES, horizon="26w")
    value = clv.value_distribution(c, PURCHASES, 2.5, horizon="26w", margin=0.4)
    assert value.p_zero == pytest.approx(counts.p_zero, abs=1e-14)
    assert value.sf(3.0) == pytest.approx(counts.sf(3), abs=1e-14)  # 3 purchases at 1.00
    assert value.sf(2.999) == pytest.approx(counts.sf(2), abs=1e-14)
    assert value.cdf(-1.0).tolist() == [0.0] * len(c)
    assert value.quantile(0.8) == pytest.approx(counts.quantile(0.8), rel=1e-14)
    for ours, theirs in zip(value.interval(0.9), counts.interval(0.9), strict=True):
        assert ours == pytest.approx(theirs.astype(float), rel=1e-14)
    lower, upper = scaled_interval([PURCHASES], None, c, 26.0, 0.0, 0.9)
    assert (lower == counts.interval(0.9)[0]).all()
    assert (upper == counts.interval(0.9)[1]).all()


def test_a_price_with_discounting() -> None:
    """Given the number of purchases their discounts are a beta: right to a few hundredths."""
    c = customers().take(np.array([1, 5]))
    value = clv.value_distribution(c, PURCHASES, 1.0, horizon="1y", discount_rate=0.1)
    plain = clv.value_distribution(c, PURCHASES, 1.0, horizon="1y")
    for n in (1.0, 2.0, 5.0):  # n purchases are worth more than n / 1.1, and less than n
        assert value.cdf(n / 1.101)[0] == pytest.approx(plain.cdf(n - 1.0)[0], abs=0.01)
        assert (value.cdf(1.01 * n) >= plain.cdf(n) - MIXTURE).all()
    amounts = np.linspace(0.0, 80.0, 4001)
    mean = np.trapezoid([value.sf(amount) for amount in amounts], amounts, axis=0)
    assert mean == pytest.approx(value.mean(), rel=0.01)


# --- every model ------------------------------------------------------------------------------


def model_at(kind: type[PurchaseModel]) -> PurchaseModel:
    """The model in the middle of its typical ranges."""
    values = [math.sqrt(math.prod(each.typical)) for each in kind.domains().values()]
    return kind(*values, **dict.fromkeys(kind.settings(), 2))


KINDS = [kind for kind in MODELS.values() if issubclass(kind, PurchaseModel)]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def case(request: pytest.FixtureRequest) -> tuple[PurchaseModel, Customers]:
    model = model_at(request.param)
    drawn = model.simulate(14, 20.0, seed=3, unit="week")
    spent = np.where(drawn.frequency > 0.0, 20.0 + np.arange(14.0), np.nan)
    return model, replace(drawn, monetary_value=spent)


@pytest.mark.parametrize("rate", [0.0, 0.1])
def test_what_holds_for_every_model(case: tuple[PurchaseModel, Customers], rate: float) -> None:
    model, c = case
    value = clv.value_distribution(c, model, SPEND, horizon=13.0, discount_rate=rate, margin=0.3)
    counts = clv.purchase_distribution(c, model, horizon=13.0)
    assert value.p_zero == pytest.approx(counts.p_zero, abs=1e-12)

    amounts = np.append(0.0, np.geomspace(1e-3, 3e5, 1500))
    cdf = np.stack([value.cdf(float(amount)) for amount in amounts[::60]])
    assert (np.diff(cdf, axis=0) >= 0.0).all()
    assert ((cdf >= 0.0) & (cdf <= 1.0)).all()

    for u in (0.3, 0.95):
        reached = value.cdf(value.quantile(u))
        assert reached == pytest.approx(np.maximum(u, value.p_zero), abs=TABLE)
    lower, upper = value.interval(0.9)
    content = value.cdf(upper) - np.where(lower > 0.0, value.cdf(lower), 0.0)
    assert content == pytest.approx(np.maximum(0.9, value.p_zero), abs=TABLE)
    below = np.where(lower > 0.0, value.cdf(lower), 0.05)
    assert below == pytest.approx(0.05, abs=TABLE)
    assert ((lower > 0.0) == (value.p_zero < 0.05)).all()


@pytest.mark.parametrize("rate", [pytest.param(0.0, marks=pytest.mark.slow), 0.1])
def test_the_mean_is_that_of_predict_and_of_the_law(
    case: tuple[PurchaseModel, Customers], rate: float
) -> None:
    model, c = case
    value = clv.value_distribution(c, model, SPEND, horizon=13.0, discount_rate=rate, margin=0.3)
    table = pl.DataFrame(dict(zip(("frequency", "recency", "T"), c.timing, strict=True)))
    table = table.with_columns(
        pl.Series("customer_id", range(len(c))),
        pl.Series("monetary_value", c.monetary_value, nan_to_null=True),
    )
    rfm = clv.CustomerSummary.from_frame(table, unit="week")
    predicted = clv.predict(rfm, model, SPEND, horizon=13.0, discount_rate=rate, margin=0.3)
    assert value.mean() == pytest.approx(predicted["clv"].to_numpy(), rel=1e-9, abs=1e-12)

    grid = np.linspace(-12.0, 14.0, 261)  # E[V] is the integral of P(V > v) dv, in ln v
    tails = np.stack([value.sf(float(amount)) for amount in np.exp(grid)])
    integral = np.trapezoid(tails * np.exp(grid)[:, None], grid, axis=0)
    assert value.mean() == pytest.approx(integral, rel=5e-3, abs=1e-9)
    second = 2.0 * np.trapezoid(tails * np.exp(2.0 * grid)[:, None], grid, axis=0)
    spread = np.sqrt(value.variance())
    assert spread == pytest.approx(np.sqrt(second - integral**2), rel=0.02, abs=1e-9)


def test_an_endless_future_has_the_right_mean() -> None:
    c = customers()
    value = clv.value_distribution(c, PURCHASES, SPEND, horizon=math.inf, discount_rate=0.1)
    mean, variance, third = scaled_moments(
        PURCHASES, SPEND, c, math.inf, rate_per_unit(0.1, "week")
    )
    assert value.scale * mean == pytest.approx(value.mean(), rel=1e-9)
    assert value.scale**2 * variance == pytest.approx(value.variance(), rel=1e-9)
    assert (third > 0.0).all()
    grid = np.linspace(-12.0, 14.0, 521)
    tails = np.stack([value.sf(float(amount)) for amount in np.exp(grid)])
    integral = np.trapezoid(tails * np.exp(grid)[:, None], grid, axis=0)
    assert value.mean() == pytest.approx(integral, rel=5e-3)


# --- moments ----------------------------------------------------------------------------------


def test_moments_of_counts_and_of_value() -> None:
    c = customers().take(np.arange(7))
    n = np.arange(250)
    counts = clv.purchase_distribution(c, PURCHASES, horizon=26.0)
    pmf = np.stack([counts.pmf(int(each)) for each in n])
    raw = [n**k @ pmf for k in (1, 2, 3)]
    mean, variance, third = scaled_moments(PURCHASES, None, c, 26.0, 0.0)
    assert mean == pytest.approx(raw[0], rel=MIXTURE)
    assert variance == pytest.approx(raw[1] - raw[0] ** 2, rel=BLOCKS)
    assert third == pytest.approx(raw[2] - 3 * raw[0] * raw[1] + 2 * raw[0] ** 3, rel=2 * BLOCKS)

    p, a = SPEND.p, SPEND.q + SPEND.p * c.frequency
    first = p * raw[0] / (a - 1.0)
    second = (p * raw[0] + p**2 * raw[1]) / ((a - 1.0) * (a - 2.0))
    cube = (p**3 * raw[2] + 3 * p**2 * raw[1] + 2 * p * raw[0]) / (
        (a - 1.0) * (a - 2.0) * (a - 3.0)
    )
    mean, variance, third = scaled_moments(PURCHASES, SPEND, c, 26.0, 0.0)
    assert mean == pytest.approx(first, rel=MIXTURE)
    assert variance == pytest.approx(second - first**2, rel=BLOCKS)
    assert third == pytest.approx(cube - 3 * first * second + 2 * first**3, rel=2 * BLOCKS)


def test_moments_that_do_not_exist() -> None:
    c = customers()
    wild = GammaGamma(0.4, 1.9, 15.0)
    value = clv.value_distribution(c, PURCHASES, wild, horizon="1y")
    assert np.isinf(value.variance()[:2]).all()  # q + p x <= 2 without a purchase
    assert np.isfinite(value.variance()[2:]).all()
    assert np.isfinite(value.mean()).all()
    wilder = clv.value_distribution(c, PURCHASES, GammaGamma(0.4, 0.9, 15.0), horizon="1y")
    for moment in (wilder.mean, wilder.variance):
        with pytest.raises(clv.UndefinedMomentError, match="q above 1"):
            moment()
    assert (wilder.interval(0.9)[1] > 0.0).any()
    assert (wilder.sf(100.0) > 0.0).all()
