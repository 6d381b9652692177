"""BG/NBD against 50-digit values: x to 10,000, ages to ten years, t from 1e-6 to 1e5.

The golden files were made by other formulas (2F1, certified integrals) than the library's.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from clvmodels import BGNBD, Customers
from clvmodels.models.base import PurchaseModel

from .golden_files import SMALLEST, Row, bgnbd, history, read_rows, relative_error

PROMISE = 1e-9
# Derivatives in log-parameters, relative to 1 + their size: sums of large terms that cancel.
DERIVATIVE = 1e-9
NAMES = BGNBD.parameter_names()


@pytest.fixture(scope="module")
def customers() -> list[Row]:
    return read_rows("bgnbd_grid.json", "customers")


@pytest.fixture(scope="module")
def discounted() -> list[Row]:
    return read_rows("bgnbd_grid.json", "discounted")


def worst(errors: list[float], rows: list[Row]) -> None:
    """Assert the promise, naming the worst row."""
    at = int(np.argmax(errors))
    assert errors[at] <= PROMISE, f"relative error {errors[at]:.1e} at {rows[at]}"


def test_the_grid_is_extreme(customers: list[Row], discounted: list[Row]) -> None:
    assert len(customers) >= 1_000
    assert len(discounted) >= 400
    for name, low, high in (("x", 0, 10_000), ("T", 0.0, 3_650.0), ("t", 1e-6, 1e5)):
        values = [row[name] for row in customers]
        assert (min(values), max(values)) == (low, high)
    for name in NAMES:
        values = [row[name] for row in customers]
        assert min(values) <= 0.01
        assert max(values) >= 100.0
    assert any(row["a"] == 1.0 for row in customers)
    assert any(row["a"] + row["b"] < 1.0 for row in customers)
    assert any(row["H"] is None for row in discounted)


def test_log_likelihood(customers: list[Row]) -> None:
    found = [bgnbd(row).log_likelihood(history(row))[0] for row in customers]
    exact = [row["log_likelihood"] for row in customers]
    errors = [abs(f - e) / max(abs(e), 1.0) for f, e in zip(found, exact, strict=True)]
    worst(errors, customers)


def test_p_alive(customers: list[Row]) -> None:
    errors = []
    for row in customers:
        found = float(bgnbd(row).p_alive(history(row))[0])
        seen = row["log_p_alive"] > math.log(SMALLEST)
        errors.append(relative_error(found, row["p_alive"]) if seen else abs(found))
    worst(errors, customers)


def test_expected_purchases(customers: list[Row]) -> None:
    errors, if_alive = [], []
    for row in customers:
        model, c = bgnbd(row), history(row)
        found = float(model.expected_purchases(c, row["t"])[0])
        errors.append(relative_error(found, row["expected_purchases"]))
        x, _, T = c.timing
        alone = float(model.purchases_if_alive(x, T, np.array([row["t"]]))[0])
        if_alive.append(relative_error(alone, row["expected_given_alive"]))
    worst(errors, customers)
    worst(if_alive, customers)


def test_discounted_purchases(discounted: list[Row]) -> None:
    errors, if_alive = [], []
    for row in discounted:
        model, c = bgnbd(row), history(row)
        horizon = math.inf if row["H"] is None else row["H"]
        found = float(model.discounted_purchases(c, horizon, row["delta"])[0])
        errors.append(relative_error(found, row["discounted_purchases"]))
        x, _, T = c.timing
        alone = float(model.discounted_if_alive(x, T, horizon, row["delta"])[0])
        if_alive.append(relative_error(alone, row["discounted_given_alive"]))
    worst(errors, discounted)
    worst(if_alive, discounted)


def test_fallback_of_the_base_class(discounted: list[Row]) -> None:
    rows = discounted[::5]
    errors = []
    for row in rows:
        model, c = bgnbd(row), history(row)
        horizon = math.inf if row["H"] is None else row["H"]
        x, _, T = c.timing
        alone = float(PurchaseModel.discounted_if_alive(model, x, T, horizon, row["delta"])[0])
        errors.append(relative_error(alone, row["discounted_given_alive"]))
    worst(errors, rows)


def test_many_customers_at_once_agree_with_one_at_a_time(discounted: list[Row]) -> None:
    """Tables that are shared between customers of one frequency cost no accuracy."""
    rng = np.random.default_rng(0)
    for row in discounted[::25]:
        horizon = math.inf if row["H"] is None else row["H"]
        T = np.append(row["T"], np.exp(rng.uniform(math.log(0.5), math.log(3_650.0), 60)))
        t_x = np.zeros_like(T) if row["x"] == 0 else 0.5 * T + 1e-9
        x = np.full_like(T, row["x"])
        if row["x"] and row["T"] == 0.0:
            continue
        crowd = Customers.from_arrays(x, t_x, T, unit="day")
        together = bgnbd(row).discounted_if_alive(x, T, horizon, row["delta"])
        assert relative_error(float(together[0]), row["discounted_given_alive"]) <= PROMISE
        assert len(together) == len(crowd)


def test_mean_purchases() -> None:
    rows = read_rows("bgnbd_grid.json", "mean_purchases")
    errors = [
        relative_error(float(bgnbd(row).mean_purchases(row["t"])), row["mean_purchases"])
        for row in rows
    ]
    worst(errors, rows)


def test_purchase_pmf() -> None:
    rows = read_rows("bgnbd_grid.json", "pmf")
    errors = [
        relative_error(float(bgnbd(row).purchase_pmf(row["n"], row["t"])), row["pmf"])
        for row in rows
    ]
    worst(errors, rows)


def test_derivatives() -> None:
    rows = read_rows("bgnbd_derivatives.json")
    assert len(rows) >= 100
    for row in rows:
        ours = bgnbd(row).derivatives(history(row))
        for i, first in enumerate(NAMES):
            assert_close(row[first], ours.gradient[i][0], row[f"d_{first}"])
            for j, second in enumerate(NAMES[i:], start=i):
                scale = row[first] * row[second]
                assert_close(scale, ours.hessian[i, j][0], row[f"d_{first}_{second}"])


def assert_close(scale: float, found: float, exact: float) -> None:
    assert abs(scale * (found - exact)) <= DERIVATIVE * (1.0 + abs(scale * exact))
