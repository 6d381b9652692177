"""What every purchase model says about the silence after a purchase, and about staying."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, special, stats

from clvmodels import Customers
from clvmodels.models.beta_dropout_family import BetaDropoutModel
from clvmodels.models.bgbb import BGBB
from clvmodels.models.lifetime_family import LifetimeModel
from clvmodels.models.purchases import ContinuousModel, OpportunityModel
from clvmodels.models.renewal_family import RenewalModel
from clvmodels.predictive.silence import p_alive_at

LEVELS = (0.5, 0.05, 1e-3)
INVERSE = 1e-10  # s is known to some 1e-15, and so is its power of a shape up to a thousand
QUADRATURE = 1e-7  # of scipy's quad, over gamma densities with an infinite end at zero
SIGMAS = 4.5  # of Monte Carlo error: one false alarm in 150,000 comparisons
NEWCOMERS = 2_000


def silences(case) -> list[np.ndarray]:
    scale = np.maximum(case.customers.timing[2], 1.0)
    return [scale * factor for factor in (0.0, 0.01, 0.3, 1.0, 5.0, 1e4)]


def test_silence_is_a_survival_function(purchase_case):
    tails = [purchase_case.model.silence_if_alive(purchase_case.customers, s)
             for s in silences(purchase_case)]  # fmt: skip
    assert (tails[0] == 1.0).all()
    for earlier, later in pairwise(tails):
        assert ((later >= 0.0) & (later <= earlier)).all()


@pytest.mark.parametrize("level", LEVELS)
def test_unusual_silence_is_the_inverse(purchase_case, level):
    model, c = purchase_case.model, purchase_case.customers
    s = model.unusual_silence(c, level)
    if isinstance(model, OpportunityModel):
        known = np.isfinite(s)
        assert (s[known] == np.floor(s[known])).all()
        assert (s > 0.0).all()
        rows, whole = model.take(np.flatnonzero(known)), s[known]
        few = c.take(known)
        assert (rows.silence_if_alive(few, whole) <= level).all()
        assert (rows.silence_if_alive(few, whole - 1.0) > level).all()
    else:
        assert (s > 0.0).all()
        known = s < 1e290
        assert model.silence_if_alive(c, s)[known] == pytest.approx(level, rel=INVERSE)


def test_parameters_may_be_rows(purchase_case):
    model, c = purchase_case.model, purchase_case.customers
    factor = np.linspace(0.8, 1.25, len(c))
    rows = model.rowwise([value * factor for value in model.values])
    t = np.full(len(c), 3.0)
    found = (
        rows.unusual_silence(c, 0.05), rows.silence_if_alive(c, t), rows.stay_if_alive(c, t)
    )  # fmt: skip
    for i in (0, 7, len(c) - 1):
        one = model.rowwise([value * factor[i] for value in model.values])
        row = c.take(slice(i, i + 1))
        alone = (
            one.unusual_silence(row, 0.05)[0],
            one.silence_if_alive(row, t[:1])[0],
            one.stay_if_alive(row, t[:1])[0],
        )
        assert [each[i] for each in found] == pytest.approx(alone, rel=1e-11, abs=1e-13)


def test_silence_is_the_integral_over_the_rate_after_the_last_purchase(purchase_case):
    model, c = purchase_case.model, purchase_case.customers
    some = c.take(np.arange(0, len(c), 9))
    s = np.maximum(some.timing[2], 1.0) * 0.4
    found = model.silence_if_alive(some, s)
    expected = [_integral(model, *row) for row in zip(*some.timing[:2], s, strict=True)]
    assert found == pytest.approx(expected, rel=QUADRATURE, abs=QUADRATURE)


def _integral(model, x, t_x, s) -> float:
    """Average the silence of a known rate over the posterior of the rate, by scipy's quad."""
    if isinstance(model, RenewalModel):
        return float(s < 1.0)
    if isinstance(model, BGBB):
        chance = stats.beta(model.alpha + x, model.beta + t_x - x)
        return float(chance.expect(lambda p: (1.0 - p) ** np.floor(s)))
    k = getattr(model, "k", 1)
    shape, rate = model.r + k * x, model.alpha + t_x
    quantiles = special.gammaincinv(shape, [1e-12, 0.1, 0.5, 0.9, 1.0 - 1e-12]) / rate
    low = special.gammainc(shape, quantiles[0] * rate)  # below, the silence is certain

    def integrand(z: float) -> float:
        rate_now = np.exp(z)
        density = np.exp(shape * np.log(rate * rate_now) - rate * rate_now - special.gammaln(shape))
        return float(density * special.gammaincc(k, rate_now * s))

    ends = np.log(quantiles)
    pieces = [
        integrate.quad(integrand, a, b, limit=200)[0]
        for a, b in pairwise(ends)
    ]  # fmt: skip
    return float(low + sum(pieces))


def test_staying_begins_at_one_and_falls(purchase_case):
    model, c = purchase_case.model, purchase_case.customers
    stays = [model.stay_if_alive(c, np.full(len(c), t)) for t in (0.0, 1.0, 7.0, 100.0)]
    assert stays[0] == pytest.approx(1.0, abs=1e-15)
    for earlier, later in pairwise(stays):
        assert ((later >= -1e-14) & (later <= earlier + 1e-14)).all()


def test_customers_who_are_followed_stay_as_often_as_foreseen(purchase_case):
    """At age t, P(alive) given a history averages to the chance of a newcomer to stay for t."""
    model = purchase_case.model
    t = 20.0
    followed = model.simulate(NEWCOMERS, t, seed=5, unit="week")
    alive = model.p_alive(followed)
    zero = np.zeros(1)
    foreseen = p_alive_at(Customers.from_arrays(zero, zero, zero, unit="week"), model, t)[0]
    error = alive.std() / np.sqrt(NEWCOMERS)
    assert abs(alive.mean() - foreseen) < SIGMAS * error + 1e-9


def test_every_purchase_model_is_of_a_kind_that_is_integrated(purchase_case):
    kinds = (BetaDropoutModel, LifetimeModel, BGBB, RenewalModel)
    assert isinstance(purchase_case.model, kinds)
    assert isinstance(purchase_case.model, ContinuousModel | OpportunityModel)
