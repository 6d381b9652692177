"""Gradient and Hessian are those of the log-likelihood, and rows are independent."""

from __future__ import annotations

import numpy as np
import pytest

from clvmodels import Customers
from clvmodels.models.base import Model

from .conftest import Case

# Central differences of fourth order with relative step h: error h^4 of truncation and eps / h of
# rounding, both near 1e-11 at h = 1e-3.
STEP = 1e-3
DIFFERENCE = 2e-8


def shifted(model: Model, index: int, amount: float) -> Model:
    values = model.values
    values[index] += amount
    return model.rowwise(values.tolist())


def difference(model: Model, index: int, function: object) -> np.ndarray:
    """Differentiate a function of the model in one parameter."""
    h = STEP * model.values[index]
    near = function(shifted(model, index, h)) - function(shifted(model, index, -h))
    far = function(shifted(model, index, 2 * h)) - function(shifted(model, index, -2 * h))
    return (8.0 * near - far) / (12.0 * h)


def assert_close(actual: np.ndarray, expected: np.ndarray, scale: np.ndarray) -> None:
    assert np.abs(actual - expected).max() <= DIFFERENCE * max(1.0, np.abs(scale).max())


def test_value(any_case: Case) -> None:
    rows = any_case.model.derivatives(any_case.customers)
    assert rows.value == pytest.approx(any_case.model.log_likelihood(any_case.customers), rel=1e-13)
    assert np.isfinite(rows.value).all()


def test_gradient(any_case: Case) -> None:
    model, c = any_case.model, any_case.customers
    rows = model.derivatives(c)
    for i in range(len(model.values)):
        numeric = difference(model, i, lambda m: m.log_likelihood(c))
        assert_close(rows.gradient[i], numeric, rows.gradient[i])


def test_hessian(any_case: Case) -> None:
    model, c = any_case.model, any_case.customers
    rows = model.derivatives(c)
    k = len(model.values)
    for i in range(k):
        numeric = difference(model, i, lambda m: np.stack(m.derivatives(c).gradient))
        for j in range(k):
            exact = rows.hessian.get((min(i, j), max(i, j)), np.zeros(len(c)))
            assert_close(exact, numeric[j], exact)


def test_weights_and_patterns(any_case: Case) -> None:
    """Splitting a weighted row, or merging equal rows, changes nothing."""
    model, c = any_case.model, any_case.customers
    split = np.repeat(np.arange(len(c)), c.weight.astype(int))
    single = Customers(
        c.frequency[split],
        None if c.recency is None else c.recency[split],
        None if c.age is None else c.age[split],
        None if c.monetary_value is None else c.monetary_value[split],
        np.ones(len(split)),
        c.unit,
    )
    whole, apart = model.evaluate(c), model.evaluate(single)
    assert apart.value == pytest.approx(whole.value, rel=1e-12)
    assert apart.gradient == pytest.approx(whole.gradient, rel=1e-9, abs=1e-9)
    assert apart.hessian == pytest.approx(whole.hessian, rel=1e-9, abs=1e-9)
