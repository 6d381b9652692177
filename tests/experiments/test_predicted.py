"""Influence values against refits with moved weights, discounts against the models' own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clvmodels import BGNBD, Customers, GammaGamma, ParetoNBD
from clvmodels.experiments.histories import Terms
from clvmodels.experiments.predicted import Kinds, _counts, fitted, predicted

TERMS = Terms("week", 78.0, 0.002, 0.4)
WEIGHT = 0.2  # how far the weight of a customer is moved either way


def _arm(n: int, seed: int) -> Customers:
    """Return simulated customers of ages of 20 to 39 weeks, with spend."""
    rng = np.random.default_rng(seed)
    ages = np.sort(rng.choice([20.0, 24.0, 27.0, 33.0, 39.0], n))
    c = BGNBD(0.8, 6.0, 0.9, 3.0).simulate(n, ages, seed=seed, unit="week")
    x = c.frequency
    level = 40.0 / rng.gamma(5.0, size=n)
    mean = np.where(x > 0, rng.gamma(np.maximum(4.0 * x, 1.0)) * level / np.maximum(x, 1.0), np.nan)
    return Customers.from_arrays(*c.timing, unit="week", monetary_value=mean)


def _mean_with(customers: Customers, row: int, change: float, kinds: Kinds, ahead: Any) -> float:
    """Refit with another weight of one customer, and return the weighted mean prediction."""
    weight = np.ones(len(customers))
    weight[row] += change
    moved = replace(customers, weight=weight)
    model, spend = kinds.purchases.fit(moved).model, GammaGamma.fit(moved).model
    waited = TERMS.horizon - ahead
    each = np.zeros(len(customers))
    for time in np.unique(ahead):
        own = np.flatnonzero(ahead == time)
        each[own] = model.discounted_purchases(customers.take(own), float(time), TERMS.rate)
    worth = each * spend.expected_spend(customers) * np.exp(-TERMS.rate * waited)
    return float(weight @ worth / weight.sum()) * TERMS.margin


@pytest.mark.parametrize("kind", [BGNBD])
def test_rows_say_what_a_customer_does_to_the_mean(kind: type[BGNBD]) -> None:
    """(d/dw of the mean prediction with weight w of one customer) x n = row - mean of rows."""
    customers, kinds = _arm(150, 1), Kinds(kind, GammaGamma)
    ahead = TERMS.horizon - customers.timing[2]
    models = fitted(kinds, customers)
    rows = predicted(models, customers, ahead, customers.timing[2], TERMS)
    assert rows.mean() == pytest.approx(_mean_with(customers, 0, 0.0, kinds, ahead), rel=1e-6)
    busiest, never = int(np.argmax(customers.frequency)), int(np.argmin(customers.frequency))
    for row in (busiest, never):
        up, down = (_mean_with(customers, row, d, kinds, ahead) for d in (WEIGHT, -WEIGHT))
        slope = len(customers) * (up - down) / (2.0 * WEIGHT)
        # Central differences over a fifth of a customer in 150: curvature leaves a percent or two.
        assert rows[row] - rows.mean() == pytest.approx(slope, rel=0.03, abs=0.3)


@pytest.mark.parametrize("model", [BGNBD(0.8, 6.0, 0.9, 3.0), ParetoNBD(0.8, 6.0, 0.6, 9.0)])
def test_discounted_purchases_of_different_times_are_the_models_own(model: Any) -> None:
    customers = _arm(40, 2)
    ahead = 78.0 - customers.timing[2]
    together = _counts(model, customers, ahead, 0.004)
    single = [
        model.discounted_purchases(customers.take(np.array([i])), float(t), 0.004)[0]
        for i, t in enumerate(ahead)
    ]
    np.testing.assert_allclose(together, single, rtol=1e-6)


def test_an_arm_with_few_repeat_buyers_has_no_fit() -> None:
    few = Customers.from_arrays(
        [0] * 90 + [1] * 29, [0.0] * 90 + [3.0] * 29, [9.0] * 119, unit="week"
    )
    found = fitted(Kinds(BGNBD, None), few)
    assert found.purchases is None
    assert "29 customers bought again" in found.problem


def test_a_failed_fit_is_a_note() -> None:
    alike = _arm(150, 3)
    alike = replace(alike, monetary_value=np.where(alike.frequency > 0, 5.0, np.nan))
    found = fitted(Kinds(BGNBD, GammaGamma), alike)
    assert found.purchases is None
    assert "Gamma-Gamma learns" in found.problem
