"""Pareto/NBD and GGompertz/NBD against 50-digit values, closer than what the library promises.

`test_golden_continuous` holds the promise of 1e-9 over all that is public. Here are the precision
that the quadrature has, and P(alive) where it underflows.
"""

from __future__ import annotations

import numpy as np
import pytest

from clvmodels import Customers
from clvmodels.lifetime import likelihood
from clvmodels.models.ggompertz_nbd import GGompertzNBD
from clvmodels.models.pareto_nbd import ParetoNBD

from .golden_files import GOLDEN, Row, read_rows

# Sums of terms k ln(...) of up to 1e5 in a double, beside results near 1.
LIKELIHOOD = 1e-12
ODDS = 1e-10
EXPECTED = 1e-11
PROBABILITY = 1e-10
FILES = {ParetoNBD: "pareto_nbd_grid.json", GGompertzNBD: "ggompertz_nbd_grid.json"}
models = pytest.mark.parametrize(
    "kind", [kind for kind, name in FILES.items() if (GOLDEN / name).exists()]
)
Kind = type[ParetoNBD] | type[GGompertzNBD]


def each(kind: Kind, section: str) -> list[tuple[Row, ParetoNBD | GGompertzNBD]]:
    names = kind.parameter_names()
    rows = read_rows(FILES[kind], section)
    return [(row, kind(**{name: row[name] for name in names})) for row in rows]


def history(row: Row) -> Customers:
    return Customers.from_arrays([row["x"]], [row["t_x"]], [row["T"]], unit="day")


@models
def test_log_likelihood(kind: Kind) -> None:
    for row, model in each(kind, "customers"):
        found, exact = model.log_likelihood(history(row))[0], row["log_likelihood"]
        terms = 1.0 + (row["x"] + row["r"]) * np.log1p(row["T"] + row["alpha"] + row["x"])
        assert abs(found - exact) <= LIKELIHOOD * max(abs(exact), terms), row


@models
def test_p_alive_in_logarithms(kind: Kind) -> None:
    for row, model in each(kind, "customers"):
        odds = likelihood.log_odds_left(model._history(history(row)), model.lifetime)
        found, exact = -np.logaddexp(0.0, odds[0]), row["log_p_alive"]
        assert abs(found - exact) <= ODDS * max(abs(exact), 1e-300) + 1e-300, row


@models
@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_expected_and_discounted_purchases(kind: Kind, step: int) -> None:
    for row, model in each(kind, "customers")[::step]:
        found = model.purchases_if_alive(history(row), np.array([row["t"]]))[0]
        assert found == pytest.approx(row["expected_given_alive"], rel=EXPECTED), row
    for row, model in each(kind, "discounted")[::step]:
        horizon = np.inf if row["H"] is None else row["H"]
        found = model.discounted_if_alive(history(row), horizon, row["delta"])[0]
        assert found == pytest.approx(row["discounted_given_alive"], rel=EXPECTED), row


@models
def test_counts(kind: Kind) -> None:
    for row, model in each(kind, "pmf"):
        found = float(model.purchase_pmf(row["n"], row["t"]))
        assert found == pytest.approx(row["pmf"], rel=PROBABILITY, abs=1e-290), row
