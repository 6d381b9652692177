"""Simulated customers obey the formulas, and fits recover the parameters that made them."""

from __future__ import annotations

import numpy as np
import pytest

from clvmodels import Customers, ParameterError
from clvmodels.models.base import Model
from clvmodels.models.purchases import OpportunityModel, PurchaseModel
from clvmodels.models.spend import SpendModel

from .conftest import Case, draw, settings_of

SIGMAS = 4.5  # a seeded test that fails by chance once in 150,000 seeds


def test_histories_are_reproducible_and_valid(purchase_case: Case) -> None:
    model = purchase_case.model
    assert isinstance(model, PurchaseModel)
    one, two = model.simulate(50, 20.0, seed=3), model.simulate(50, 20.0, seed=3)
    assert np.array_equal(one.frequency, two.frequency)
    assert np.array_equal(one.timing[1], two.timing[1])
    assert not np.array_equal(one.timing[1], model.simulate(50, 20.0, seed=4).timing[1])
    assert one.unit is None
    assert model.simulate(5, np.arange(5.0), seed=1, unit="week").unit == "week"
    assert len(model.simulate(0, 5.0, seed=1)) == 0
    for bad in ({"n": -1, "age": 1.0}, {"n": 2, "age": -1.0}, {"n": 2, "age": [1.0, 2.0, 3.0]}):
        with pytest.raises(ParameterError):
            model.simulate(**bad, seed=1)


def test_counts_follow_the_pmf(purchase_case: Case) -> None:
    model, n, t = purchase_case.model, 40_000, 15.0
    assert isinstance(model, PurchaseModel)
    x = model.simulate(n, t, seed=21).frequency
    counts = np.arange(6)
    pmf = model.purchase_pmf(counts, t)
    observed = np.array([(x == k).mean() for k in counts])
    assert (np.abs(observed - pmf) <= SIGMAS * np.sqrt(pmf * (1 - pmf) / n) + 1e-9).all()


def test_tower_rule(purchase_case: Case) -> None:
    """Averaged over histories, expected purchases in (T, T+t] are E[X(T+t)] - E[X(T)]."""
    model, n, age, t = purchase_case.model, 40_000, 20.0, 30.0
    assert isinstance(model, PurchaseModel)
    expected = model.expected_purchases(model.simulate(n, age, seed=5), t)
    exact = float(model.mean_purchases(age + t) - model.mean_purchases(age))
    assert abs(expected.mean() - exact) <= SIGMAS * expected.std() / np.sqrt(n)


def test_fit_recovers_purchase_parameters(purchase_case: Case) -> None:
    model = purchase_case.model
    assert isinstance(model, PurchaseModel)
    longest = 60.0 if isinstance(model, OpportunityModel) else 120.0  # a fit costs time by it
    ages = model.whole_periods(np.linspace(30.0, longest, 6_000))
    customers = model.simulate(6_000, ages, seed=9, unit="week")
    check_recovery(model, customers)


def test_fit_recovers_spend_parameters(spend_case: Case) -> None:
    model = spend_case.model
    assert isinstance(model, SpendModel)
    rng = np.random.default_rng(2)
    bare = Customers.from_arrays(1.0 + rng.poisson(3.0, 6_000), unit="week")
    check_recovery(model, model.simulate(bare, seed=9))


def check_recovery(model: Model, customers: Customers) -> None:
    fit = type(model).fit(customers, **settings_of(model))
    assert fit.certificate.verdict == "identified"
    assert fit.certificate.starts_agreeing == fit.certificate.starts
    off = np.log(fit.model.values / model.values)
    covariance = fit.covariance / np.outer(fit.model.values, fit.model.values)
    distance = float(off @ np.linalg.solve(covariance, off))  # chi-square with k degrees
    k = len(off)
    assert distance < k + SIGMAS * np.sqrt(2 * k)
    assert fit.log_likelihood >= customers.weight @ model.log_likelihood(customers)


def test_starts_can_be_given(model_class: type[Model]) -> None:
    model = draw(model_class, 2)
    if isinstance(model, PurchaseModel):
        data = model.simulate(2_000, 60.0, seed=1, unit="week")
    else:
        bare = Customers.from_arrays(np.full(2_000, 3.0), unit="week")
        assert isinstance(model, SpendModel)
        data = model.simulate(bare, seed=1)
    chosen = settings_of(model)
    plain = model_class.fit(data, **chosen)
    started = model_class.fit(data, starts=[model], **chosen)
    assert started.certificate.starts == 1
    assert started.model.values == pytest.approx(plain.model.values, rel=1e-8)
