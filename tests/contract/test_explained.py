"""What every purchase model promises to an explanation: each step is an expectation."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import special

import clvmodels as clv
from clvmodels import Customers
from clvmodels.explanations.by_age import ahead_at_ages
from clvmodels.explanations.by_frequency import ahead_by_frequency
from clvmodels.models.erlang_family import ErlangModel
from clvmodels.models.purchases import OpportunityModel, PurchaseModel, newcomers
from clvmodels.models.renewal_family import RenewalModel

from .conftest import Case

EXACT = 1e-9  # of the sum of contributions, in units of the largest of them
SUMMED = 1e-9  # sums over all numbers of purchases, cut where nothing is left
AVERAGED = 1e-8  # integrals over the last purchase by a rule of their own
STANDARD_ERRORS = 5.0  # of means of simulated customers
SPEND = clv.GammaGamma(6.25, 3.74, 15.44)
HORIZON, RATE = 30.0, 0.01
AGE = 6.0
TERMS = [
    (np.inf, 0.02),
    pytest.param(5.0, 0.2, marks=pytest.mark.slow),
    pytest.param(20.0, -0.01, marks=pytest.mark.slow),
]


def model_of(case: Case) -> PurchaseModel:
    assert isinstance(case.model, PurchaseModel)
    return case.model


def rate_for(model: PurchaseModel) -> float:
    """The discount of regular timing costs a quadrature for each history; counts do not."""
    return 0.0 if isinstance(model, ErlangModel) else RATE


def histories(model: PurchaseModel, x: np.ndarray, T: float) -> Customers:
    """Customers with these numbers of purchases at an age, the last one at any time."""
    t_x = x if isinstance(model, RenewalModel) else np.where(x > 0, T, 0.0)
    return Customers.from_arrays(x, t_x, np.full(len(x), T), unit="week")


def test_contributions_add_up_to_the_prediction(purchase_case: Case) -> None:
    model, c = model_of(purchase_case), purchase_case.customers
    x, t_x, T = SPEND.simulate(c, seed=3).timing
    table = pl.DataFrame(
        {"customer_id": range(len(c)), "frequency": x, "recency": t_x, "T": T}
    ).with_columns(monetary_value=SPEND.simulate(c, seed=3).spend[1])
    rfm = clv.CustomerSummary.from_frame(table, unit="week")
    rate = 0.0 if isinstance(model, ErlangModel) else 0.1
    terms = {"horizon": "30w", "discount_rate": rate, "margin": 0.3}
    found = clv.explain(rfm, model, SPEND, **terms).customers
    value = clv.predict(rfm, model, SPEND, **terms)["clv"].to_numpy()
    parts = found.select("population", "frequency", "recency", "spend").to_numpy()
    assert np.isfinite(parts).all()
    assert (parts[:, 0] >= 0.0).all()
    largest = np.maximum(np.abs(parts).max(axis=1), 1.0)
    assert (np.abs(parts.sum(axis=1) - value) <= EXACT * largest).all()
    assert found["clv"].to_numpy() == pytest.approx(value, rel=1e-12, abs=1e-300)
    assert (parts[x == 0, 2:] == 0.0).all()  # no when and no how much is known of these


def test_numbers_of_purchases_average_to_the_age(purchase_case: Case) -> None:
    model = model_of(purchase_case)
    rate, age = rate_for(model), AGE / 6.0 if isinstance(purchase_case.model, ErlangModel) else AGE
    most = age if isinstance(model, OpportunityModel) else 4.0
    while not isinstance(model, OpportunityModel) and model.purchase_pmf(most, age) > 1e-16:
        most += 4.0
    x = np.arange(most + 1.0)
    known = ahead_by_frequency(model, histories(model, x, age), HORIZON, rate)
    whole = ahead_at_ages(model, newcomers(1), np.array([age]), HORIZON, rate)
    assert float(model.purchase_pmf(x, age) @ known) == pytest.approx(float(whole[0]), rel=SUMMED)


@pytest.mark.parametrize("x", [1.0, 4.0])
def test_last_purchases_average_to_the_number(purchase_case: Case, x: float) -> None:
    """The density of the last purchase, with all orders of those before it."""
    model = model_of(purchase_case)
    rate = rate_for(model)
    if isinstance(model, RenewalModel):
        return  # the number of renewals says when the last one was
    if isinstance(model, OpportunityModel):
        t, weights = np.arange(x, AGE + 1.0), np.ones(int(AGE - x) + 1)
        log_ways = special.gammaln(t) - special.gammaln(x) - special.gammaln(t - x + 1.0)
    else:
        nodes, gauss = np.polynomial.legendre.leggauss(120)
        share = (0.5 * (1.0 + nodes)) ** 2  # more of them near zero
        t, weights = AGE * share, AGE * gauss * np.sqrt(share)
        log_ways = (x - 1.0) * np.log(t) - special.gammaln(x)
    c = Customers.from_arrays(np.full(len(t), x), t, np.full(len(t), AGE), unit="week")
    density = weights * np.exp(model.log_likelihood(c) + log_ways)
    assert density.sum() == pytest.approx(float(model.purchase_pmf(x, AGE)), rel=AVERAGED)
    ahead = model.discounted_purchases(c, HORIZON, rate)
    found = ahead_by_frequency(model, c.take(slice(0, 1)), HORIZON, rate)
    assert density @ ahead / density.sum() == pytest.approx(found[0], rel=AVERAGED)


def test_what_comes_next_is_nothing_on_average(purchase_case: Case) -> None:
    model = model_of(purchase_case)
    if isinstance(model, ErlangModel):
        return  # its averages are those above, and its quadratures slow
    n, age = 300, 12.0
    c = model.simulate(n, age, seed=8, unit="week")
    whole = ahead_at_ages(model, newcomers(1), np.full(n, age), HORIZON, 0.0)
    if whole[0] < 0.05:
        return  # next to nobody is left: a few of 300 customers decide
    by_count = ahead_by_frequency(model, c, HORIZON, 0.0)
    known = model.discounted_purchases(c, HORIZON, 0.0)
    for step in (by_count - whole, known - by_count):
        error = float(step.std()) / np.sqrt(n)
        assert abs(float(step.mean())) <= STANDARD_ERRORS * error + 1e-12


@pytest.mark.parametrize(("horizon", "rate"), TERMS)
def test_ages_are_alike_one_by_one_and_many(
    purchase_case: Case, horizon: float, rate: float
) -> None:
    """Many ages are interpolated or summed together; one is the model's own difference."""
    model = model_of(purchase_case)
    if isinstance(model, ErlangModel) and model.k > 1:
        return  # as the others, but slow
    ages = np.arange(0.0, 41.0) if isinstance(model, OpportunityModel) else np.arange(600) / 7.0
    found = ahead_at_ages(model, newcomers(1), ages, horizon, rate)
    some = np.array([1, 20, 40])
    new = newcomers(1)
    whole = [
        np.exp(rate * age)
        * (
            model.discounted_purchases(new, age + horizon, rate)
            - model.discounted_purchases(new, age, rate)
        )[0]
        for age in ages[some]
    ]
    assert found[some] == pytest.approx(np.array(whole), rel=1e-9, abs=1e-12)
