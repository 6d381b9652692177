"""Gamma-Gamma against 50-digit values at parameters from .05 to 1,000."""

from __future__ import annotations

import pytest

from clvmodels import Customers, GammaGamma, UndefinedMomentError

from .golden_files import Row, read_rows

PROMISE = 1e-9
# Derivatives in log-parameters, relative to 1 + their size: sums of large terms that cancel.
DERIVATIVE = 1e-8
NAMES = ("p", "q", "v")


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return read_rows("gamma_gamma_grid.json")


def pair(row: Row) -> tuple[GammaGamma, Customers]:
    model = GammaGamma(row["p"], row["q"], row["v"])
    return model, Customers.from_arrays([row["x"]], unit=None, monetary_value=[row["m"]])


def test_log_likelihood(rows: list[Row]) -> None:
    assert len(rows) >= 140
    for row in rows:
        model, c = pair(row)
        assert model.log_likelihood(c)[0] == pytest.approx(row["log_likelihood"], rel=PROMISE)


def test_expected_spend(rows: list[Row]) -> None:
    for row in rows:
        model, c = pair(row)
        if row["expected_spend"] is None:
            with pytest.raises(UndefinedMomentError):
                model.expected_spend(c)
        else:
            assert model.expected_spend(c)[0] == pytest.approx(row["expected_spend"], rel=PROMISE)


def test_derivatives(rows: list[Row]) -> None:
    for row in rows:
        model, c = pair(row)
        ours = model.derivatives(c)
        for i, first in enumerate(NAMES):
            scale = row[first]
            exact = scale * row[f"d_{first}"]
            assert abs(scale * ours.gradient[i][0] - exact) <= DERIVATIVE * (1.0 + abs(exact))
            for j, second in enumerate(NAMES[i:], start=i):
                scale = row[first] * row[second]
                exact = scale * row[f"d_{first}_{second}"]
                found = scale * ours.hessian[i, j][0]
                assert abs(found - exact) <= DERIVATIVE * (1.0 + abs(exact))
