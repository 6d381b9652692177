"""Logarithms of predictive densities against probabilities, slopes and published formulas."""

from __future__ import annotations

import math
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from clvmodels import (
    BGBB,
    BGCNBD,
    BGNBD,
    MBGNBD,
    SBG,
    Customers,
    GammaGamma,
    GGompertzNBD,
    ParameterError,
    ParetoNBD,
    purchase_distribution,
    value_distribution,
)

ROUNDING = 1e-10  # of sums of probabilities
TABLES = 2e-3  # relative, of slopes between the nodes of a distribution function
BG = BGNBD(0.243, 4.414, 0.793, 2.426)
PARETO = ParetoNBD(0.553, 10.578, 0.606, 11.669)
MONEY = GammaGamma(6.25, 3.74, 15.44)
CONTINUOUS = (
    BG,
    MBGNBD(0.525, 6.183, 0.891, 1.614),
    PARETO,
    GGompertzNBD(0.553, 10.578, 0.6, 0.1, 5.0),
    BGCNBD(0.3, 2.0, 0.8, 2.4, k=2),
)


def some(unit: Any = "week") -> Customers:
    return Customers.from_arrays(
        [0, 1, 2, 7, 20, 20],
        [0.0, 4.0, 30.43, 35.0, 38.0, 12.0],
        [38.86, 20.0, 38.86, 38.86, 38.86, 38.86],
        unit=unit,
        monetary_value=[np.nan, 12.0, 22.35, 60.0, 30.0, 8.0],
    )


def same(c: Customers, row: int, n: int) -> Customers:
    return c.take(np.full(n, row))


@pytest.mark.parametrize("model", CONTINUOUS, ids=lambda model: model.label)
def test_log_pmf_is_the_logarithm_of_pmf(model: Any) -> None:
    c = some()
    for row in range(len(c)):
        n = np.arange(200.0)
        ahead = purchase_distribution(same(c, row, 200), model, horizon=26.0)
        found = ahead.log_pmf(n)
        assert np.exp(found) == pytest.approx(ahead.pmf(n), abs=ROUNDING)
        assert np.exp(found).sum() == pytest.approx(1.0, abs=ROUNDING)


def test_numbers_of_whole_periods() -> None:
    c = Customers.from_arrays([0, 3, 6], [0, 5, 6], [6, 6, 6], unit="year")
    ahead = purchase_distribution(c, BGBB(1.204, 0.75, 0.657, 2.783), horizon=5.0)
    logs = np.array([ahead.log_pmf(n) for n in range(7)])
    assert np.exp(logs).sum(axis=0) == pytest.approx(1.0, abs=ROUNDING)
    assert np.exp(logs[2]) == pytest.approx(ahead.pmf(2), abs=ROUNDING)
    assert (logs[6] == -math.inf).all()


def test_draws_are_mixed() -> None:
    c = some()
    fit = BGNBD.fit(BG.simulate(500, 39, seed=1, unit="week"))
    drawn = purchase_distribution(c, fit.draws(200, seed=2), horizon="26w")
    each = [purchase_distribution(c, model, horizon="26w").pmf(3) for model in drawn.models]
    assert np.exp(drawn.log_pmf(3)) == pytest.approx(np.mean(each, axis=0), rel=1e-9)


def exact_log_pmf(model: BGNBD, x: int, t_x: float, T: float, n: int, t: float) -> float:
    """BG/NBD from the integrals of its likelihood, 60 digits; n above zero and x zero."""
    assert x == 0
    with mp.workdps(60):
        r, alpha, a, b = (mp.mpf(value) for value in model.values)
        u = mp.mpf(t) / (alpha + T + t)
        stay = mp.beta(a, b + n) / mp.beta(a, b)
        count = mp.gamma(r + n) / mp.gamma(r) / mp.factorial(n) * u**n * (1 - u) ** r
        leave = mp.beta(a + 1, b + n - 1) / mp.beta(a, b)
        come = mp.betainc(n, r, 0, u, regularized=True)
        return float(mp.log(stay * count + leave * come))


@pytest.mark.parametrize("n", [3, 40, 900, 5000])
def test_what_nobody_expects_keeps_its_digits(n: int) -> None:
    c = Customers.from_arrays([0], [0.0], [38.86], unit="week")
    found = purchase_distribution(c, BG, horizon=26.0).log_pmf(n)[0]
    exact = exact_log_pmf(BG, 0, 0.0, 38.86, n, 26.0)
    # Beyond 1e-290 the tail of the series is a geometric one: some 1e-3 of a logarithm of -700.
    assert found == pytest.approx(exact, rel=1e-12 if n < 500 else 1e-5)


@pytest.mark.parametrize("model", CONTINUOUS, ids=lambda model: model.label)
def test_whales_stay_finite(model: Any) -> None:
    """Thousands of purchases, silent for long or not, and any number of them afterwards."""
    c = Customers.from_arrays(
        [3000, 3000, 3000, 3000], [38.0, 38.0, 1.0, 38.86], [38.86] * 4, unit="week"
    )
    logs = purchase_distribution(c, model, horizon=26.0).log_pmf([0, 2000, 2000, 9000])
    assert np.isfinite(logs).all()
    paid = Customers.from_arrays(*c.timing, unit="week", monetary_value=[30.0] * 4)
    money = value_distribution(paid, model, MONEY, horizon=26.0)
    values = money.log_density([0.0, 60_000.0, 60_000.0, 1e12])
    assert np.isfinite(values).all()


# --- value ------------------------------------------------------------------------------------


def test_value_against_the_published_density() -> None:
    """Who renews up to three times, each with a purchase: Gamma-Gamma's eq. (1a) of the note."""
    model, q = SBG(0.668, 3.806), 3.74
    c = Customers.from_arrays([2], [2], [2], unit="year", monetary_value=[22.35])
    value = value_distribution(c, model, MONEY, horizon=3.0)
    counts = purchase_distribution(c, model, horizon=3.0)
    with mp.workdps(40):
        p, shape, rate = mp.mpf(6.25), mp.mpf(q) + 2 * mp.mpf(6.25), mp.mpf(15.44) + mp.mpf(44.7)

        def density(total: float, n: int) -> Any:
            """Of the sum of n purchases: (1a) is that of their mean, sum / n."""
            z = mp.mpf(total)
            ways = mp.gamma(p * n + shape) / (mp.gamma(p * n) * mp.gamma(shape))
            return ways * rate**shape * z ** (p * n - 1) / (rate + z) ** (p * n + shape)

        for total in (0.5, 20.0, 75.0, 4000.0):
            exact = sum(mp.mpf(float(counts.pmf(n)[0])) * density(total, n) for n in (1, 2, 3))
            assert value.log_density(total)[0] == pytest.approx(float(mp.log(exact)), rel=1e-12)
    assert value.log_density(0.0)[0] == pytest.approx(math.log(value.p_zero[0]), rel=1e-12)


@pytest.mark.parametrize("model", CONTINUOUS, ids=lambda model: model.label)
@pytest.mark.parametrize("discount", [0.0, 0.1])
def test_log_density_is_the_slope_of_cdf(model: Any, discount: float) -> None:
    """Of amounts between the quantiles of 2 % and 98 %, where the tables have their digits."""
    c = some().take(slice(0, 5))  # the last has left, for certain if timing is regular
    value = value_distribution(c, model, MONEY, horizon=26.0, discount_rate=discount, margin=0.3)
    for u in (0.02, 0.3, 0.9, 0.98):
        amounts = value.quantile(value.p_zero + u * (1.0 - value.p_zero))
        step = 0.02 * amounts
        slope = (value.cdf(amounts + step) - value.cdf(amounts - step)) / (2.0 * step)
        curved = 0.01  # by the step
        assert np.exp(value.log_density(amounts)) == pytest.approx(slope, rel=curved + TABLES)
    assert np.exp(value.log_density(0.0)) == pytest.approx(value.p_zero, abs=1e-6)


@pytest.mark.parametrize("model", [BG, PARETO], ids=lambda model: model.label)
def test_total_probability_is_one(model: Any) -> None:
    y, c = np.linspace(-8.0, 16.0, 1201), some()
    for row in (0, 2, 4):
        value = value_distribution(same(c, row, len(y)), model, MONEY, horizon=26.0)
        found = np.exp(value.log_density(np.exp(y)) + y).sum() * (y[1] - y[0])
        assert found + value.p_zero[0] == pytest.approx(1.0, abs=1e-6)


def test_margin_and_draws() -> None:
    c = some()
    fit = BGNBD.fit(BG.simulate(500, 39, seed=1, unit="week"))
    whole = value_distribution(c, fit, MONEY, horizon=26.0)
    part = value_distribution(c, fit, MONEY, horizon=26.0, margin=0.25)
    amounts = np.array([5.0, 30.0, 80.0, 200.0, 500.0, 20.0])
    assert part.log_density(0.25 * amounts) == pytest.approx(
        whole.log_density(amounts) - math.log(0.25), rel=1e-12
    )
    drawn = value_distribution(c, fit.draws(100, seed=2), MONEY, horizon=26.0)
    models = purchase_distribution(c, fit.draws(100, seed=2), horizon=26.0).models
    each = [
        value_distribution(c, model, MONEY, horizon=26.0).log_density(amounts) for model in models
    ]
    assert np.exp(drawn.log_density(amounts)) == pytest.approx(np.exp(each).mean(axis=0), rel=1e-9)


def test_at_a_price_value_is_discrete() -> None:
    c = some()
    value = value_distribution(c, BG, 9.99, horizon=26.0)
    counts = purchase_distribution(c, BG, horizon=26.0)
    assert value.log_density(3 * 9.99).tolist() == counts.log_pmf(3).tolist()
    assert value.log_density(0.0).tolist() == counts.log_pmf(0).tolist()
    assert (value.log_density([10.0, 5.0, -1.0, 30.0, 1e300, math.inf]) == -math.inf).all()


def test_amounts_below_zero_and_bad_ones() -> None:
    c = some()
    value = value_distribution(c, BG, MONEY, horizon=26.0)
    assert (value.log_density(-1.0) == -math.inf).all()
    assert (value.log_density(math.inf) == -math.inf).all()
    with pytest.raises(ParameterError, match="amount is a number"):
        value.log_density(math.nan)
    with pytest.raises(ParameterError, match="one for each"):
        value.log_density([1.0, 2.0])
    with pytest.raises(ParameterError, match="whole number"):
        purchase_distribution(c, BG, horizon=26.0).log_pmf(0.5)
    none = c.take(slice(0, 0))
    assert purchase_distribution(none, BG, horizon=26.0).log_pmf(1).shape == (0,)
    assert value_distribution(none, BG, MONEY, horizon=26.0).log_density(1.0).shape == (0,)


def test_nothing_ahead_in_no_time() -> None:
    value = value_distribution(some(), BG, MONEY, horizon=0.0)
    assert value.log_density(0.0) == pytest.approx([0.0] * 6, abs=1e-15)
    assert (value.log_density(5.0) == -math.inf).all()
