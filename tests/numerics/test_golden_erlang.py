"""BG/CNBD-k and MBG/CNBD-k against 50-digit values: x to 10,000, t from 1e-6 to 1e5, k to 6."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from clvmodels import Customers
from clvmodels.models.bgcnbd import BGCNBD
from clvmodels.models.erlang_family import ErlangModel
from clvmodels.models.mbgcnbd import MBGCNBD

from .golden_files import SMALLEST, Row, read_rows, relative_error

PROMISE = 1e-9
# Derivatives in log-parameters, relative to 1 + their size: sums of large terms that cancel.
DERIVATIVE = 1e-9
FILE = "erlang_grid.json"


def model_of(row: Row) -> ErlangModel:
    kind = MBGCNBD if row["mbg"] else BGCNBD
    return kind(row["r"], row["alpha"], row["a"], row["b"], row["k"])


def history(row: Row) -> Customers:
    """Return the customer of a row, with intervals that leave nothing but the file's terms."""
    return Customers.from_arrays(
        [row["x"]], [row["t_x"]], [row["T"]], unit="day", log_intervals=[0]
    )


def horizon_of(row: Row) -> float:
    return math.inf if row["H"] is None else row["H"]


def check(section: str, column: str, function: Callable[[ErlangModel, Row], Any]) -> None:
    """Compare every row of a section, and name the worst."""
    rows = read_rows(FILE, section)
    found = [float(np.ravel(function(model_of(row), row))[0]) for row in rows]
    errors = [relative_error(f, row[column]) for f, row in zip(found, rows, strict=True)]
    at = int(np.argmax(errors))
    assert errors[at] <= PROMISE, f"relative error {errors[at]:.1e} at {rows[at]}"


def test_log_likelihood() -> None:
    for row in read_rows(FILE, "customers"):
        found, exact = model_of(row).log_likelihood(history(row))[0], row["log_likelihood"]
        assert abs(found - exact) <= PROMISE * max(1.0, abs(exact)), row


def test_p_alive() -> None:
    for row in read_rows(FILE, "customers"):
        found = float(model_of(row).p_alive(history(row))[0])
        seen = row["log_p_alive"] > math.log(SMALLEST)
        assert (relative_error(found, row["p_alive"]) if seen else found) <= PROMISE, row


def test_expected_purchases() -> None:
    def alone(model: ErlangModel, row: Row) -> Any:
        return model.purchases_if_alive(history(row), np.array([row["t"]]))

    check("customers", "expected_given_alive", alone)
    check(
        "customers",
        "expected_purchases",
        lambda model, row: model.expected_purchases(history(row), row["t"]),
    )


def test_discounted_purchases() -> None:
    def alone(model: ErlangModel, row: Row) -> Any:
        return model.discounted_if_alive(history(row), horizon_of(row), row["delta"])

    check("discounted", "discounted_given_alive", alone)
    check(
        "discounted",
        "discounted_purchases",
        lambda model, row: model.discounted_purchases(history(row), horizon_of(row), row["delta"]),
    )


def test_many_customers_at_once_agree_with_one_at_a_time() -> None:
    """Tables that are shared between customers of one frequency cost no accuracy."""
    rng = np.random.default_rng(0)
    for row in read_rows(FILE, "discounted")[::5]:
        T = np.append(row["T"], np.exp(rng.uniform(math.log(0.5), math.log(3_650.0), 60)))
        t_x = np.append(row["t_x"], np.zeros(60) if row["x"] == 0 else 0.5 * T[1:])
        crowd = Customers.from_arrays(np.full_like(T, row["x"]), t_x, T, unit="day")
        together = model_of(row).discounted_if_alive(crowd, horizon_of(row), row["delta"])
        error = relative_error(float(together[0]), row["discounted_given_alive"])
        assert error <= PROMISE, (error, row)


def test_mean_purchases() -> None:
    check("mean_purchases", "mean_purchases", lambda model, row: model.mean_purchases(row["t"]))


def test_purchase_pmf() -> None:
    check("pmf", "pmf", lambda model, row: model.purchase_pmf(row["n"], row["t"]))


def test_derivatives() -> None:
    for row in read_rows(FILE, "derivatives"):
        model = model_of(row)
        arrays: Any = model.rowwise([np.array([value]) for value in model.values])
        names = model.parameter_names()
        for ours in (model.derivatives(history(row)), arrays.derivatives(history(row))):
            for i, first in enumerate(names):
                assert_close(row[first], ours.gradient[i], row[f"d_{first}"], row)
                for j, second in enumerate(names[i:], start=i):
                    scale, found = row[first] * row[second], ours.hessian.get((i, j), 0.0)
                    assert_close(scale, found, row[f"d_{first}_{second}"], row)


def assert_close(scale: float, column: Any, exact: float, row: Row) -> None:
    found = float(np.broadcast_to(column, (1,))[0])
    assert abs(scale * (found - exact)) <= DERIVATIVE * (1.0 + abs(scale * exact)), row


@pytest.mark.parametrize("section", ["customers", "discounted"])
def test_the_grid_is_extreme(section: str) -> None:
    rows = read_rows(FILE, section)
    assert {row["k"] for row in rows} == {1, 2, 3, 6}
    assert {row["mbg"] for row in rows} == {0, 1}
    assert max(row["x"] for row in rows) >= 10_000
