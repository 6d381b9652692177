"""BG/BB, sBG and BdW against 50-digit values: T to ten years of days, t to 100,000 opportunities.

The golden files were made by other formulas (term by term, Euler-Maclaurin, integrals over theta)
than the library's, which has cross differences of ln G and Gauss rules for sums.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import pytest

from clvmodels import Customers
from clvmodels.models.bdw import BDW
from clvmodels.models.bgbb import BGBB
from clvmodels.models.purchases import OpportunityModel
from clvmodels.models.sbg import SBG

from .golden_files import SMALLEST, Row, read_rows, relative_error

PROMISE = 1e-12
DERIVATIVE = 1e-11  # in log-parameters, relative to 1 + their size: sums of terms that cancel
MODELS = {"bgbb": BGBB, "sbg": SBG, "bdw": BDW}
Kind: TypeAlias = type[OpportunityModel]


@pytest.fixture(params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def model_of(name: str, row: Row) -> OpportunityModel:
    kind: Kind = MODELS[name]
    return kind(*(row[each] for each in kind.parameter_names()))


def history(row: Row) -> Customers:
    t_x = row.get("t_x", row["x"])
    return Customers.from_arrays([row["x"]], [t_x], [row["T"]], unit="day")


def grid(name: str, section: str) -> list[Row]:
    return read_rows(f"{name}_grid.json", section)


def worst(errors: list[float], rows: list[Row]) -> None:
    """Assert the promise, naming the worst row."""
    at = int(np.argmax(errors))
    assert errors[at] <= PROMISE, f"relative error {errors[at]:.1e} at {rows[at]}"


def test_the_grid_is_extreme(name: str) -> None:
    customers, discounted = grid(name, "customers"), grid(name, "discounted")
    assert max(row["T"] for row in customers) >= 3650
    assert max(row["t"] for row in customers) >= 100_000
    assert any(row["H"] is None for row in discounted)
    for each in ("alpha", "beta"):
        values = [row[each] for row in customers]
        assert min(values) <= 0.01
        assert max(values) >= 100.0


def test_histories(name: str) -> None:
    rows = grid(name, "customers")
    likelihood, alive, expected, if_alive = [], [], [], []
    for row in rows:
        model, c = model_of(name, row), history(row)
        exact = row["log_likelihood"]
        likelihood.append(abs(model.log_likelihood(c)[0] - exact) / max(abs(exact), 1e-290))
        found = float(model.p_alive(c)[0])
        seen = row.get("log_p_alive", 0.0) > math.log(SMALLEST)
        alive.append(relative_error(found, row["p_alive"]) if seen and found else abs(found))
        found = float(model.expected_purchases(c, row["t"])[0])
        exact = row["expected_purchases"]
        expected.append(relative_error(found, exact) if exact else abs(found))
        found = float(model.purchases_if_alive(c, np.array([float(row["t"])]))[0])
        if_alive.append(relative_error(found, row["expected_given_alive"]))
    for errors in (likelihood, alive, expected, if_alive):
        worst(errors, rows)


def test_discounted_purchases(name: str) -> None:
    rows = grid(name, "discounted")
    errors, if_alive = [], []
    for row in rows:
        model, c = model_of(name, row), history(row)
        horizon = math.inf if row["H"] is None else row["H"]
        rate = row["rate"] if "rate" in row else row["delta"]
        found, exact = (
            float(model.discounted_purchases(c, horizon, rate)[0]),
            row["discounted_purchases"],
        )
        errors.append(relative_error(found, exact) if exact else abs(found))
        found = float(model.discounted_if_alive(c, horizon, rate)[0])
        if_alive.append(relative_error(found, row["discounted_given_alive"]))
    worst(errors, rows)
    worst(if_alive, rows)


def test_new_customers(name: str) -> None:
    rows = grid(name, "mean_purchases")
    errors = [
        relative_error(float(model_of(name, row).mean_purchases(row["t"])), row["mean_purchases"])
        for row in rows
    ]
    worst(errors, rows)
    rows = grid(name, "pmf")
    errors = [
        relative_error(float(model_of(name, row).purchase_pmf(row["n"], row["t"])), row["pmf"])
        for row in rows
    ]
    worst(errors, rows)


def test_derivatives(name: str) -> None:
    rows = grid(name, "derivatives")
    assert len(rows) >= 50
    names = MODELS[name].parameter_names()
    for row in rows:
        ours = model_of(name, row).derivatives(history(row))
        for i, first in enumerate(names):
            assert_close(row[first], ours.gradient[i][0], row[f"d_{first}"])
            for j, second in enumerate(names[i:], start=i):
                scale = row[first] * row[second]
                assert_close(scale, ours.hessian[i, j][0], row[f"d_{first}_{second}"])


def assert_close(scale: float, found: float, exact: float) -> None:
    assert abs(scale * (found - exact)) <= DERIVATIVE * (1.0 + abs(scale * exact))


def test_many_customers_at_once_agree_with_one_at_a_time(name: str) -> None:
    rows = grid(name, "customers")[::11]
    template = model_of(name, rows[0])
    columns = [np.array([float(row[each]) for row in rows]) for each in template.parameter_names()]
    x, t_x, T = (
        np.array([row.get(each, row["x"]) for row in rows], dtype=float)
        for each in ("x", "t_x", "T")
    )
    crowd = Customers.from_arrays(x, t_x, T, unit="day")
    together = template.rowwise(columns)
    found = together.purchases_if_alive(crowd, np.array([float(row["t"]) for row in rows]))
    exact = [row["expected_given_alive"] for row in rows]
    worst([relative_error(f, e) for f, e in zip(found, exact, strict=True)], rows)
    likelihood = together.log_likelihood(crowd)
    for row, value in zip(rows, likelihood, strict=True):
        assert value == pytest.approx(row["log_likelihood"], rel=PROMISE, abs=1e-290)
