"""Purchase models of real-valued times against 50-digit values: x to 10,000, t from 1e-6 to 1e5.

The golden files were made by other formulas (2F1, certified integrals) than the library's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from clvmodels import Customers
from clvmodels.models.purchases import ContinuousModel

from .golden_files import GOLDEN, SMALLEST, Row, history, model_of, read_rows, relative_error

PROMISE = 1e-9
# Derivatives in log-parameters, relative to 1 + their size: sums of large terms that cancel.
DERIVATIVE = 1e-9
FILES = {
    "BGNBD": "bgnbd_grid.json",
    "MBGNBD": "mbgnbd_grid.json",
    "ParetoNBD": "pareto_nbd_grid.json",
    "GGompertzNBD": "ggompertz_nbd_grid.json",
}
models = pytest.mark.parametrize("name", [n for n in FILES if (GOLDEN / FILES[n]).exists()])


# Of rows that take long every fourth; `make thorough` has all.
every = pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.slow)])


def rows_of(name: str, section: str) -> list[Row]:
    return [row | {"model": name} for row in read_rows(FILES[name], section)]


def worst(errors: list[float], rows: list[Row]) -> None:
    """Assert the promise, naming the worst row."""
    at = int(np.argmax(errors))
    assert errors[at] <= PROMISE, f"relative error {errors[at]:.1e} at {rows[at]}"


def horizon_of(row: Row) -> float:
    return math.inf if row["H"] is None else row["H"]


@models
def test_the_grid_is_extreme(name: str) -> None:
    customers, discounted = rows_of(name, "customers"), rows_of(name, "discounted")
    assert len(customers) >= 150
    assert len(discounted) >= 100
    for column, low, high in (("x", 0, 10_000), ("T", 0.5, 3_650.0), ("t", 1e-6, 1e5)):
        values = [row[column] for row in customers]
        assert min(values) <= low
        assert max(values) >= high
    assert any(row["H"] is None for row in discounted)


@models
def test_log_likelihood(name: str) -> None:
    rows = rows_of(name, "customers")
    found = [model_of(row).log_likelihood(history(row))[0] for row in rows]
    exact = [row["log_likelihood"] for row in rows]
    worst([abs(f - e) / max(abs(e), 1.0) for f, e in zip(found, exact, strict=True)], rows)


@models
def test_p_alive(name: str) -> None:
    rows, errors = rows_of(name, "customers"), []
    for row in rows:
        found = float(model_of(row).p_alive(history(row))[0])
        seen = row["log_p_alive"] > math.log(SMALLEST)
        errors.append(relative_error(found, row["p_alive"]) if seen else abs(found))
    worst(errors, rows)


@models
def test_expected_purchases(name: str) -> None:
    rows, errors, if_alive = rows_of(name, "customers"), [], []
    for row in rows:
        model, c = model_of(row), history(row)
        found = float(model.expected_purchases(c, row["t"])[0])
        errors.append(relative_error(found, row["expected_purchases"]))
        alone = float(model.purchases_if_alive(c, np.array([row["t"]]))[0])
        if_alive.append(relative_error(alone, row["expected_given_alive"]))
    worst(errors, rows)
    worst(if_alive, rows)


@models
@every
def test_discounted_purchases(name: str, step: int) -> None:
    rows, errors, if_alive = rows_of(name, "discounted")[::step], [], []
    for row in rows:
        model, c = model_of(row), history(row)
        found = float(model.discounted_purchases(c, horizon_of(row), row["delta"])[0])
        errors.append(relative_error(found, row["discounted_purchases"]))
        alone = float(model.discounted_if_alive(c, horizon_of(row), row["delta"])[0])
        if_alive.append(relative_error(alone, row["discounted_given_alive"]))
    worst(errors, rows)
    worst(if_alive, rows)


@pytest.mark.parametrize("name", ["BGNBD", "MBGNBD", "ParetoNBD"])
@every
def test_fallback_of_the_base_class(name: str, step: int) -> None:
    """The trapezoid over time is for rates that fall like powers, so not for GGompertz/NBD."""
    rows, errors = rows_of(name, "discounted")[:: 5 * step], []
    for row in rows:
        model, c = model_of(row), history(row)
        alone = ContinuousModel.discounted_if_alive(model, c, horizon_of(row), row["delta"])
        errors.append(relative_error(float(alone[0]), row["discounted_given_alive"]))
    worst(errors, rows)


@models
def test_many_customers_at_once_agree_with_one_at_a_time(name: str) -> None:
    """Tables that are shared between customers of one frequency cost no accuracy."""
    rng = np.random.default_rng(0)
    for row in rows_of(name, "discounted")[::25]:
        if row["x"] and row["T"] == 0.0:
            continue
        T = np.append(row["T"], np.exp(rng.uniform(math.log(0.5), math.log(3_650.0), 60)))
        t_x = np.append(row["t_x"], np.zeros(60) if row["x"] == 0 else 0.5 * T[1:])
        crowd = Customers.from_arrays(np.full_like(T, row["x"]), t_x, T, unit="day")
        together = model_of(row).discounted_if_alive(crowd, horizon_of(row), row["delta"])
        assert relative_error(float(together[0]), row["discounted_given_alive"]) <= PROMISE


@models
def test_mean_purchases(name: str) -> None:
    rows = rows_of(name, "mean_purchases")
    found = [float(model_of(row).mean_purchases(row["t"])) for row in rows]
    exact = [row["mean_purchases"] for row in rows]
    worst([relative_error(f, e) for f, e in zip(found, exact, strict=True)], rows)


@models
def test_purchase_pmf(name: str) -> None:
    rows = rows_of(name, "pmf")
    found = [float(model_of(row).purchase_pmf(row["n"], row["t"])) for row in rows]
    worst([relative_error(f, r["pmf"]) for f, r in zip(found, rows, strict=True)], rows)


@models
def test_derivatives(name: str) -> None:
    rows: list[Row]
    if name == "BGNBD":
        rows = [row | {"model": name} for row in read_rows("bgnbd_derivatives.json")]
    else:
        rows = rows_of(name, "derivatives")
    assert len(rows) >= 50
    for row in rows:
        model = model_of(row)
        names = model.parameter_names()
        for ours in (model.derivatives(history(row)), as_rows(model).derivatives(history(row))):
            for i, first in enumerate(names):
                assert_close(row[first], value_of(ours.gradient[i]), row[f"d_{first}"], row)
                for j, second in enumerate(names[i:], start=i):
                    scale = row[first] * row[second]
                    found = value_of(ours.hessian.get((i, j), 0.0))
                    assert_close(scale, found, row[f"d_{first}_{second}"], row)


def as_rows(model: Any) -> Any:
    """The same model with its parameters as arrays, as covariates make them."""
    return model.rowwise([np.array([value]) for value in model.values])


def value_of(column: Any) -> float:
    return float(np.broadcast_to(column, (1,))[0])


def assert_close(scale: float, found: float, exact: float, row: Row) -> None:
    assert abs(scale * (found - exact)) <= DERIVATIVE * (1.0 + abs(scale * exact)), row
