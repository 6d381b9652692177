"""Whose future value is asked, in which unit, with which parameters; and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import special

import clvmodels as clv
from clvmodels import BGNBD, Customers, GammaGamma
from clvmodels.models.draws import ParameterDraws
from clvmodels.models.erlang_family import ErlangModel
from clvmodels.models.registry import MODELS

from .people import MIXTURE, PURCHASES, SPEND, customers

TYPICAL = 1e-2  # draws of the scale of spend are taken relative to the fit at typical spend
TABLE = 1e-9  # quantiles and probabilities come from one table


# --- units, customers, parameters -------------------------------------------------------------


def test_amounts_scale_with_the_currency() -> None:
    c = customers()
    assert c.monetary_value is not None
    cents = replace(c, monetary_value=100.0 * c.monetary_value)
    small = clv.value_distribution(c, PURCHASES, SPEND, horizon="1y")
    large = clv.value_distribution(cents, PURCHASES, GammaGamma(6.25, 3.74, 1544.0), horizon="1y")
    for euros, in_cents in zip(small.interval(0.8), large.interval(0.8), strict=True):
        assert in_cents == pytest.approx(100.0 * euros, rel=1e-9)
    half = clv.value_distribution(c, PURCHASES, SPEND, horizon="1y", margin=0.5)
    assert half.quantile(0.9) == pytest.approx(0.5 * small.quantile(0.9), rel=1e-12)


def test_the_unit_of_time_does_not_matter() -> None:
    options: dict[str, Any] = {"horizon": "1y", "discount_rate": 0.1}
    weeks = clv.value_distribution(customers(), PURCHASES, SPEND, **options)
    by_day = replace(PURCHASES, alpha=7.0 * PURCHASES.alpha)
    days = clv.value_distribution(customers("day", 7.0), by_day, SPEND, **options)
    for ours, theirs in zip(weeks.interval(0.9), days.interval(0.9), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-9)


def test_extremes() -> None:
    c = Customers.from_arrays(
        [40, 300], [1.0, 39.0], [39.0, 39.0], unit="week", monetary_value=[20.0, 20.0]
    )
    value = clv.value_distribution(c, PURCHASES, SPEND, horizon="26w")
    lower, upper = value.interval(0.9)
    assert lower[0] == upper[0] == 0.0  # bought 40 times in a week, and never again
    assert 0.0 < lower[1] < value.mean()[1] < upper[1]
    nothing = clv.value_distribution(c, PURCHASES, SPEND, horizon=0.0)
    assert nothing.p_zero.tolist() == [1.0, 1.0]
    assert [end.tolist() for end in nothing.interval()] == [[0.0, 0.0]] * 2
    assert nothing.variance().tolist() == [0.0, 0.0]
    none = c.take(slice(0, 0))
    assert clv.value_distribution(none, PURCHASES, SPEND, horizon="1y").interval()[0].shape == (0,)


def drawn(model: Any, values: np.ndarray) -> ParameterDraws[Any]:
    """Draws of parameters around a fit of simulated customers."""
    c = model.simulate(3000, 39.0, seed=5, unit="week")
    fit = replace(BGNBD.fit(c), model=model)
    return ParameterDraws(fit, values, np.full(len(values), 1.0 / len(values)), "a test")


@pytest.mark.slow
def test_draws_of_parameters_are_mixed() -> None:
    rng = np.random.default_rng(8)
    values = PURCHASES.values * np.exp(0.2 * rng.standard_normal((16, 4)))
    draws = drawn(PURCHASES, values)
    c = customers().take(np.array([0, 3, 5, 6]))
    together = clv.value_distribution(c, draws, SPEND, horizon="1y", discount_rate=0.1)
    apart = [
        clv.value_distribution(c, BGNBD(*each), SPEND, horizon="1y", discount_rate=0.1)
        for each in values
    ]
    for amount in (1.0, 30.0, 300.0):
        mean = np.mean([each.cdf(amount) for each in apart], axis=0)
        assert together.cdf(amount) == pytest.approx(mean, abs=2 * MIXTURE)
    first = np.mean([each.mean() for each in apart], axis=0)
    second = np.mean([each.variance() + each.mean() ** 2 for each in apart], axis=0)
    assert together.variance() == pytest.approx(second - first**2, rel=1e-4)
    centre = clv.value_distribution(c, PURCHASES, SPEND, horizon="1y", discount_rate=0.1)
    assert together.mean() == pytest.approx(centre.mean(), rel=1e-12)  # as estimated
    lower, upper = together.interval(0.9)
    content = together.cdf(upper) - np.where(lower > 0.0, together.cdf(lower), 0.0)
    assert content == pytest.approx(np.maximum(0.9, together.p_zero), abs=TABLE)


def test_draws_of_spend_are_mixed_each_with_its_own_scale() -> None:
    rng = np.random.default_rng(9)
    money = SPEND.simulate(Customers.from_arrays(1.0 + rng.poisson(2.0, 800), unit="week"), seed=2)
    draws = GammaGamma.fit(money).draws(32, seed=4)
    c = customers().take(np.array([0, 2, 4]))
    together = clv.value_distribution(c, PURCHASES, draws, horizon="1y")
    apart = [
        clv.value_distribution(c, PURCHASES, GammaGamma(*each), horizon="1y")
        for each in draws.values
    ]
    for amount in (5.0, 40.0, 300.0):
        mean = np.mean([each.cdf(amount) for each in apart], axis=0)
        # The scale of each draw is taken at typical spend.
        assert together.cdf(amount) == pytest.approx(mean, abs=TYPICAL)


def test_covariates_are_those_of_the_models_that_they_make() -> None:
    c = customers()
    group = np.array(["a", "b"] * 5)
    c = replace(c, covariates={"group": group})
    effects = clv.Effects("group", {"group[T.b]": 0.4}, {"group": ("a", "b")})
    buying = clv.PurchaseCovariates(PURCHASES, {"purchase": effects})
    spending = clv.SpendCovariates(SPEND, {"spend": effects})
    value = clv.value_distribution(c, buying, spending, horizon="1y", discount_rate=0.1)
    ends = value.interval(0.8)
    for level in ("a", "b"):
        own = np.flatnonzero(group == level)
        models = buying.at(group=level), spending.at(group=level)
        alone = clv.value_distribution(c.take(own), *models, horizon="1y", discount_rate=0.1)
        for ours, theirs in zip(ends, alone.interval(0.8), strict=True):
            # Other nodes, since other customers are around.
            assert ours[own] == pytest.approx(theirs, rel=5e-3, abs=1e-9)


def test_customers_who_share_a_history_share_the_law() -> None:
    c = customers()
    twice = c.take(np.tile(np.arange(len(c)), 2))
    once = clv.value_distribution(c, PURCHASES, SPEND, horizon="1y")
    both = clv.value_distribution(twice, PURCHASES, SPEND, horizon="1y")
    assert both.quantile(0.9) == pytest.approx(np.tile(once.quantile(0.9), 2), rel=1e-12)
    levels = np.linspace(0.1, 0.95, len(twice))
    single = [both.quantile(float(u))[i] for i, u in enumerate(levels)]
    assert both.quantile(levels) == pytest.approx(single, rel=1e-12)
    amounts = np.linspace(0.0, 200.0, len(twice))
    single = [both.cdf(float(v))[i] for i, v in enumerate(amounts)]
    assert both.cdf(amounts) == pytest.approx(single, rel=1e-12)


def test_regular_timing_depends_on_the_recency() -> None:
    model = next(kind for kind in MODELS.values() if issubclass(kind, ErlangModel))(
        1.0, 1.0, 0.9, 6.0, k=4
    )
    c = Customers.from_arrays(
        [6, 6], [30.0, 38.0], [39.0, 39.0], unit="week", monetary_value=[20.0, 20.0]
    )
    value = clv.value_distribution(c, model, SPEND, horizon=13.0)
    counts = clv.purchase_distribution(c, model, horizon=13.0)
    given = special.betainc(
        SPEND.p * np.arange(1, 200)[:, None],
        SPEND.q + SPEND.p * 6,
        1.0 / (1.0 + (SPEND.v + 120.0) / 50.0),
    )[:, 0]
    pmf = np.stack([counts.pmf(int(n)) for n in range(1, 200)])
    assert value.cdf(50.0) == pytest.approx(counts.p_zero + given @ pmf, abs=MIXTURE)
    assert value.cdf(50.0)[0] != pytest.approx(value.cdf(50.0)[1], abs=1e-3)


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"horizon": -1.0}, "zero or longer"),
        ({"horizon": "soon"}, "duration"),
        ({"horizon": math.inf, "discount_rate": 0.0}, "positive discount rate"),
        ({"discount_rate": 10.0}, "0.10 is 10 %"),
        ({"discount_rate": -2.0}, "0.10 is 10 %"),
        ({"margin": 30.0}, "fraction of spend"),
        ({"margin": 0.0}, "above zero"),
        ({"margin": math.nan}, "fraction of spend"),
        ({"spend": 0.0}, "price is above zero"),
        ({"spend": math.inf}, "price is above zero"),
        ({"spend": "price"}, "`spend` is a fit"),
        ({"spend": PURCHASES}, "`spend` is a fit"),
        ({"purchases": SPEND}, "`purchases` is a fit"),
    ],
)
def test_bad_input(changes: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {
        "purchases": PURCHASES,
        "spend": SPEND,
        "horizon": "1y",
        "discount_rate": 0.1,
    }
    with pytest.raises((clv.DataError, clv.ParameterError), match=message):
        clv.value_distribution(customers(), **(good | changes))


def test_bad_customers() -> None:
    bare = Customers.from_arrays([1], [2.0], [3.0], unit="week")
    with pytest.raises(clv.DataError, match="mean value"):
        clv.value_distribution(bare, PURCHASES, SPEND, horizon="1y")
    c = PURCHASES.simulate(2000, 39.0, seed=1, unit="week")
    with pytest.raises(clv.UnitMismatchError, match="per week"):
        clv.value_distribution(customers("day"), BGNBD.fit(c), SPEND, horizon="1y")


def test_bad_questions() -> None:
    value = clv.value_distribution(customers(), PURCHASES, SPEND, horizon="1y")
    with pytest.raises(clv.ParameterError, match="between 0 and 1"):
        value.interval(90)
    with pytest.raises(clv.ParameterError, match="above 0 and below 1"):
        value.quantile(0.0)
    with pytest.raises(clv.ParameterError, match="one for each"):
        value.cdf([1.0, 2.0])
    with pytest.raises(clv.ParameterError, match="is a number"):
        value.cdf(math.nan)
    assert "10 customers in the next 52.1786" in repr(value)
