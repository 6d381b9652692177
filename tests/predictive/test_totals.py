"""Totals against whole bases that are simulated purchase by purchase, and parts against scipy."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import clvmodels as clv
from clvmodels.predictive.parameter_error import error_of
from clvmodels.predictive.total_intervals import gamma_quantile
from clvmodels.predictive.total_large import truncated_moment

PURCHASES = clv.BGNBD(0.243, 4.414, 0.793, 2.426)
HORIZON, RATE = 52.0, 0.1
BASES = 2_000
# Shares of 2,000 bases are within this of what they should be, but for one in 3,000.
SHARE = 3.6 * math.sqrt(0.05 * 0.95 / BASES)
# Ends from 10,000 simulated sums, and steps that hold at most 2 % of a customer's probability.
SIMULATED = 0.015
ROUTES = {  # shape of spend: the method for segments of 20, 150 and 430 customers
    3.74: ("simulation", "simulation", "large values"),
    1.6: ("simulation", "simulation", "large values"),
    12.0: ("simulation", "simulation", "moments"),
}


def base_of(spend: clv.GammaGamma, n: int = 600) -> pd.DataFrame:
    """Return a finished summary of simulated customers in three segments, with their margins."""
    rng = np.random.default_rng(8)
    customers = PURCHASES.simulate(n, rng.integers(20, 60, n).astype(float), seed=3, unit="week")
    x, t_x, T = customers.timing
    return pd.DataFrame(
        {
            "customer_id": np.arange(n),
            "frequency": x,
            "recency": t_x,
            "T": T,
            "monetary_value": spend.simulate(customers, seed=4).spend[1],
            "segment": np.repeat(["a", "b", "c"], [20, 150, n - 170]),
            "margin": rng.choice([0.2, 0.3], n),
        }
    )


def simulated_bases(
    table: pd.DataFrame, spend: clv.GammaGamma, seed: int = 6
) -> tuple[np.ndarray, np.ndarray]:
    """Return purchases and discounted value of every customer in each base, purchase by purchase.

    A customer who has not left has a rate and a chance of leaving from their posterior densities.
    """
    rng, m = np.random.default_rng(seed), PURCHASES
    shape = (BASES, len(table))
    x, T = table["frequency"].to_numpy(), table["T"].to_numpy()
    alive = m.p_alive(clv.Customers.from_arrays(x, table["recency"], T, unit="week"))
    total = x * np.where(x > 0.0, table["monetary_value"], 0.0)
    rate = rng.gamma(np.broadcast_to(m.r + x, shape), 1.0 / (m.alpha + T))
    leaves = rng.beta(m.a, np.broadcast_to(m.b + x, shape))
    nu = rng.gamma(np.broadcast_to(spend.q + spend.p * x, shape), 1.0 / (spend.v + total))
    count, value, time = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    discount = math.log(1.0 + RATE) * 7.0 / 365.25
    here = np.flatnonzero(rng.random(shape) < alive)
    while len(here):
        time.flat[here] += rng.exponential(1.0 / rate.flat[here])
        here = here[time.flat[here] <= HORIZON]
        paid = rng.gamma(spend.p, 1.0 / nu.flat[here])
        value.flat[here] += np.exp(-discount * time.flat[here]) * paid
        count.flat[here] += 1.0
        here = here[rng.random(len(here)) >= leaves.flat[here]]
    return count, value * table["margin"].to_numpy()


def by_segment(each: np.ndarray, table: pd.DataFrame) -> np.ndarray:
    return np.stack([each[:, table["segment"] == name].sum(axis=1) for name in "abc"], axis=1)


def assert_covers(sums: np.ndarray, found: pd.DataFrame) -> None:
    """Five in a hundred bases are above, five below; whole numbers may leave out fewer."""
    below = (sums < found["lower"].to_numpy()).mean(axis=0)
    above = (sums > found["upper"].to_numpy()).mean(axis=0)
    assert (np.abs(below - 0.05) < SHARE).all(), below
    assert (np.abs(above - 0.05) < SHARE).all(), above


@pytest.mark.parametrize(
    "q", [3.74, *(pytest.param(q, marks=pytest.mark.slow) for q in (1.6, 12.0))]
)
def test_value_of_whole_bases(q: float) -> None:
    spend = clv.GammaGamma(6.25, q, 15.44)
    table = base_of(spend)
    rfm = clv.CustomerSummary.from_frame(table, unit="week")
    found = clv.total(
        rfm, PURCHASES, spend, horizon=HORIZON, discount_rate=RATE, margin="margin", by="segment"
    )
    assert tuple(found["method"]) == ROUTES[q]
    sums = by_segment(simulated_bases(table, spend)[1], table)
    assert_covers(sums, found)
    assert (found["sd_parameters"] == 0.0).all()
    if q <= 2.0:  # who has not bought again may be worth anything: no variance
        assert found["sd_customers"].isna().all()
        assert found["sd"].isna().all()
        return
    error = sums.std(axis=0) / math.sqrt(BASES)
    assert (np.abs(sums.mean(axis=0) - found["clv"]) < 4.0 * error).all()
    if q > 4.0:  # else not even a sample of 2,000 has the variance
        assert found["sd_customers"].to_numpy() == pytest.approx(sums.std(axis=0), rel=0.08)


def test_purchases_of_whole_bases() -> None:
    spend = clv.GammaGamma(6.25, 3.74, 15.44)
    table = base_of(spend)
    rfm = clv.CustomerSummary.from_frame(table, unit="week")
    found = clv.total(rfm, PURCHASES, horizon=HORIZON, by="segment")
    sums = by_segment(simulated_bases(table, spend)[0], table)
    assert found["sd_customers"].to_numpy() == pytest.approx(sums.std(axis=0), rel=0.06)
    ends = found[["lower", "upper"]].to_numpy()
    assert (ends == np.round(ends)).all()
    outside = (sums < ends[:, 0]).mean(axis=0) + (sums > ends[:, 1]).mean(axis=0)
    assert (outside < 0.1 + 2.0 * SHARE).all()
    assert (outside > 0.06 - 2.0 * SHARE).all()  # a count more or less: 0.04 for the smallest


@pytest.mark.parametrize("spend", [None, clv.GammaGamma(6.25, 3.74, 15.44)])
def test_two_customers_who_buy_hundreds_of_times_a_week(spend) -> None:
    m, x, T, weeks, size = clv.BGNBD(2.0, 4.0, 0.05, 50.0), 20_000.0, 50.1, 520.0, (40_000, 2)
    rng = np.random.default_rng(1)
    rate = rng.gamma(m.r + x, 1.0 / (m.alpha + T), size)
    stays = np.floor(np.log(rng.random(size)) / np.log1p(-rng.beta(m.a, m.b + x, size))) + 1.0
    until = np.minimum(rng.gamma(np.minimum(stays, 1e15), 1.0) / rate, weeks)
    bought = np.where(until < weeks, stays, rng.poisson(rate * until))
    delta = math.log1p(RATE) * 7.0 / 365.25
    each = bought
    if spend is not None:  # so many purchases are as good as evenly spread over the time
        nu = rng.gamma(spend.q + spend.p * x, 1.0 / (spend.v + x * 10.0), size)
        each = bought * -np.expm1(-delta * until) / (delta * until) * spend.p / nu
    sums = each.sum(axis=1)
    table = pd.DataFrame({"customer_id": [0, 1], "frequency": x, "recency": T, "T": T})
    rfm = clv.CustomerSummary.from_frame(table.assign(monetary_value=10.0), unit="week")
    terms = {} if spend is None else {"discount_rate": RATE}
    found = clv.total(rfm, m, spend, horizon=weeks, **terms).iloc[0]
    assert found["method"] == "simulation"
    below, above = (sums < found["lower"]).mean(), (sums > found["upper"]).mean()
    assert abs(below - 0.05) < SIMULATED
    assert abs(above - 0.05) < SIMULATED


def test_nobody_may_be_worth_very_much() -> None:
    """A whale alone may bring a large value, and none of the draws has one."""
    few = PURCHASES.simulate(300, 40.0, seed=3, unit="week")
    whale = (5e3, 40.0, 40.0)
    x, t_x, T = (np.append(each, one) for each, one in zip(few.timing, whale, strict=True))
    spent = np.append(np.where(few.frequency > 0.0, 20.0, np.nan), 1e4)
    table = pd.DataFrame({"customer_id": np.arange(301), "frequency": x, "recency": t_x, "T": T})
    rfm = clv.CustomerSummary.from_frame(table.assign(monetary_value=spent), unit="week")
    spend = clv.GammaGamma(2.7675, 6.3421, 65.284)
    found = clv.total(rfm, PURCHASES, spend, horizon="26w", discount_rate=RATE).iloc[0]
    each = clv.predict(rfm, PURCHASES, spend, horizon="26w", discount_rate=RATE)["clv"]
    assert found["clv"] == pytest.approx(each.sum(), rel=1e-9)
    assert found["lower"] < found["clv"] < found["upper"]


def test_many_customers_most_of_whom_have_left() -> None:
    """A sum that hangs on few of many is simulated: money with a light tail, and counts."""
    n, rng = 400, np.random.default_rng(1)
    frame = pd.DataFrame(
        {"customer_id": np.arange(n), "frequency": 4.0, "recency": 4.0, "T": 60.0,
         "monetary_value": rng.gamma(9.0, 3.0, n)}
    )  # fmt: skip
    frame.loc[:4, "recency"] = 58.0
    rfm = clv.CustomerSummary.from_frame(frame, unit="week")
    spend = clv.GammaGamma(6.25, 20.0, 80.0)
    table = frame.assign(segment="a", margin=1.0)
    count, value = simulated_bases(table, spend)
    for models, terms, each in (
        ((PURCHASES, spend), {"discount_rate": RATE}, value),
        ((PURCHASES,), {}, count),
    ):
        found = clv.total(rfm, *models, horizon=HORIZON, **terms)
        assert found["method"][0] == "simulation"
        sums = each.sum(axis=1)
        assert np.mean(sums < found["lower"][0]) < 0.05 + SHARE
        assert np.mean(sums > found["upper"][0]) < 0.05 + SHARE
        assert found["sd_customers"][0] == pytest.approx(sums.std(), rel=0.1)


@pytest.mark.parametrize("model", [PURCHASES, clv.ParetoNBD(0.55, 10.6, 0.61, 11.7)])
def test_a_million_weeks_are_without_end(model) -> None:
    rfm = clv.CustomerSummary.from_frame(
        base_of(clv.GammaGamma(6.25, 12.0, 15.44)).head(60), unit="week"
    )
    without, long = (
        clv.total(rfm, model, clv.GammaGamma(6.25, 12.0, 15.44), horizon=h, discount_rate=RATE)
        for h in (math.inf, 1e6)
    )
    for column in ("clv", "lower", "upper"):
        assert without[column][0] == pytest.approx(long[column][0], rel=1e-6)


def test_a_price_is_money_a_purchase() -> None:
    table = base_of(clv.GammaGamma(6.25, 3.74, 15.44)).drop(columns="monetary_value")
    rfm = clv.CustomerSummary.from_frame(table, unit="week")
    counts = clv.total(rfm, PURCHASES, horizon=HORIZON)
    money = clv.total(rfm, PURCHASES, 20.0, horizon=HORIZON, margin=0.5)
    for name in ("sd_customers", "lower", "upper"):
        assert money[name][0] == pytest.approx(10.0 * counts[name][0], abs=10.0)
    assert money["clv"][0] == pytest.approx(10.0 * counts["expected_purchases"][0])


# --- the error of the parameters ----------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted() -> tuple[clv.CustomerSummary, clv.Fit, clv.Fit]:
    table = base_of(clv.GammaGamma(6.25, 3.74, 15.44), n=2_000)
    rfm = clv.CustomerSummary.from_frame(table, unit="week")
    return rfm, clv.BGNBD.fit(rfm), clv.GammaGamma.fit(rfm)


@pytest.mark.slow
def test_error_of_parameters_is_that_of_totals_at_their_draws(fitted) -> None:
    """The sum of predictions at draws of purchases and spend, apart from any code of totals."""
    rfm, purchases, spend = fitted
    found = clv.total(rfm, purchases, spend, horizon=HORIZON, discount_rate=RATE)
    rng = np.random.default_rng(4)
    sums = [
        clv.predict(rfm, *models, horizon=HORIZON, discount_rate=RATE)["clv"].sum()
        for models in zip(
            purchases.draws(50, seed=1).models(),
            rng.permutation(np.array(spend.draws(50, seed=2).models(), dtype=object)),
            strict=True,
        )
    ]
    # A standard deviation from 50 draws is known to 10 %.
    assert found["sd_parameters"][0] == pytest.approx(np.std(sums), rel=0.3)
    both = math.hypot(found["sd_customers"][0], found["sd_parameters"][0])
    assert found["sd"][0] == pytest.approx(both, rel=1e-12)


@pytest.mark.slow
def test_draws_in_place_of_fits(fitted) -> None:
    rfm, purchases, spend = fitted
    terms = {"horizon": HORIZON, "discount_rate": RATE, "by": "segment"}
    plain = clv.total(rfm, purchases, spend, **terms)
    drawn = clv.total(rfm, purchases.draws(40, seed=1), spend.draws(40, seed=1), **terms)
    known = clv.total(rfm, purchases.model, spend.model, **terms)
    for same in ("customers", "expected_purchases", "clv", "sd_customers"):
        assert drawn[same].to_numpy() == pytest.approx(plain[same].to_numpy(), rel=1e-12)
    assert drawn["sd_parameters"].to_numpy() == pytest.approx(plain["sd_parameters"], rel=0.4)
    for wide in (plain, drawn):
        width, narrow = wide["upper"] - wide["lower"], known["upper"] - known["lower"]
        assert (width[2:] > 1.1 * narrow[2:]).all()


def test_error_of_parameters_does_not_average_out(fitted) -> None:
    """Ten times the customers: ten times the error of parameters, but 3.2 times the chance."""
    rfm, purchases, spend = fitted
    ten = pd.concat([rfm.frame.assign(customer_id=rfm.frame["customer_id"] + 1e6 * i)
                     for i in range(10)])  # fmt: skip
    many = clv.CustomerSummary.from_frame(ten, unit="week")
    one, all_ = (clv.total(each, purchases, spend, horizon=HORIZON) for each in (rfm, many))
    assert all_["sd_parameters"][0] == pytest.approx(10.0 * one["sd_parameters"][0], rel=1e-9)
    assert all_["sd_customers"][0] == pytest.approx(math.sqrt(10.0) * one["sd_customers"][0])


def test_a_parameter_without_bound(fitted) -> None:
    rfm, purchases, _ = fitted

    def unbounded(model: clv.BGNBD, name: str) -> clv.Fit:
        covariance = purchases.covariance.copy()
        j = purchases.names.index(name)
        covariance[j], covariance[:, j] = 0.0, 0.0
        covariance[j, j] = math.inf
        return replace(purchases, model=model, covariance=covariance, histories=None)

    others = clv.CustomerSummary.from_frame(rfm.frame.head(300), unit="week")
    with pytest.raises(clv.DataError, match=r"do not bound 'b'.*fit\.model"):
        clv.total(others, unbounded(purchases.model, "b"), horizon=HORIZON)
    nobody_leaves = replace(purchases.model, a=1e-30)  # whatever a is, as long as it is next to 0
    found = clv.total(others, unbounded(nobody_leaves, "a"), horizon=HORIZON)
    assert found["sd_parameters"][0] > 0.0


def test_a_ridge_is_crossed(tmp_path: Path) -> None:
    """All leave with one probability: a / (a + b) is known, a and b are not."""
    truth, ages = clv.BGNBD(1.0, 4.0, 1e4, 9e4), np.random.default_rng(2).uniform(20.0, 60.0, 400)
    x, t_x, T = truth.simulate(400, ages, seed=1, unit="week").timing
    table = pd.DataFrame({"customer_id": range(400), "frequency": x, "recency": t_x, "T": T})
    rfm = clv.CustomerSummary.from_frame(table, unit="week")
    with pytest.warns(clv.IdentifiabilityWarning, match="same probability"):
        fit = clv.BGNBD.fit(rfm)
    with pytest.warns(clv.PosteriorWarning, match="limit"):
        drawn = clv.total(rfm, fit.bootstrap(draws=100, seed=1), horizon=HORIZON)
    found = clv.total(rfm, fit, horizon=HORIZON)
    # A standard deviation from 100 refits is known to 7 %.
    assert found["sd_parameters"][0] == pytest.approx(drawn["sd_parameters"][0], rel=0.25)
    loaded = clv.load(clv.save(fit, tmp_path / "fit.json"))
    again = clv.total(rfm, loaded, horizon=HORIZON)
    pd.testing.assert_frame_equal(again, found, rtol=1e-6)
    others = clv.CustomerSummary.from_frame(table.head(300), unit="week")
    with pytest.raises(clv.DataError, match=r"do not bound 'a'"):
        clv.total(others, loaded, horizon=HORIZON)


def test_a_mean_that_some_draws_do_not_have(fitted) -> None:
    rfm, purchases, spend = fitted
    draws = spend.draws(50, seed=1)
    values = draws.values.copy()
    values[7, 1] = 0.9  # q
    with pytest.raises(clv.UndefinedMomentError, match="At a draw: Expected spend exists"):
        clv.total(rfm, purchases, replace(draws, values=values), horizon=HORIZON)


def test_delta_method_of_a_linear_sum() -> None:
    """The derivative of a sum in ln r, times the standard error of ln r, by hand."""
    fit = clv.BGNBD.fit(PURCHASES.simulate(500, 39.0, seed=1, unit="week"))
    error = error_of(fit, lambda model: np.array([math.log(model.r)]), np.array([0.0]))
    assert error.variance[0] == pytest.approx(fit.covariance[0, 0] / fit.model.r**2, rel=1e-6)


# --- parts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("skewness", [-1.5, -1e-3, 0.0, 2e-4, 0.1, 0.7, 3.0])
def test_quantiles_of_a_shifted_gamma(skewness: float) -> None:
    u = np.array([0.01, 0.05, 0.5, 0.95, 0.99])
    found = [float(gamma_quantile(each, np.array([skewness]))[0]) for each in u]
    assert found == pytest.approx(stats.pearson3.ppf(u, skewness), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("shape", [1.2, 2.0, 3.5, 7.0])
@pytest.mark.parametrize("least", [1e-6, 0.01, 0.5, 4.0])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_moments_above_a_bound(shape: float, least: float, k: int) -> None:
    def density(log_g: float) -> float:
        return math.exp(log_g * (shape - k) - math.exp(log_g)) / math.gamma(shape)

    exact = integrate.quad(density, math.log(least), math.log(60.0), epsabs=0.0, limit=200)[0]
    found = float(truncated_moment(np.array([shape]), np.array([least]), k)[0])
    assert found == pytest.approx(exact, rel=1e-8)
