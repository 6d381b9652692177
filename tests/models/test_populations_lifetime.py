"""Pareto/NBD and GGompertz/NBD on populations at their limits: a right answer, or words."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

from clvmodels import Customers, Fit, IdentifiabilityWarning
from clvmodels.models.ggompertz_nbd import GGompertzNBD
from clvmodels.models.pareto_nbd import ParetoNBD

ORDINARY = ParetoNBD(0.5533, 10.578, 0.6062, 11.669)
AGEING = GGompertzNBD(0.8, 5.0, 0.1, 1.0, 3.0)
Kind = type[ParetoNBD] | type[GGompertzNBD]
kinds = pytest.mark.parametrize("kind", [ParetoNBD, GGompertzNBD])


def fit_quietly(kind: Kind, customers: Customers) -> Fit[Any]:
    """Fit where the data are not expected to identify everything."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IdentifiabilityWarning)
        return kind.fit(customers)


def assert_usable(fit: Fit[Any], customers: Customers) -> None:
    """Predictions are finite, and no flat parameter passes for an estimate."""
    assert np.isfinite(fit.p_alive(customers)).all()
    assert np.isfinite(fit.expected_purchases(customers, 52.0)).all()
    assert np.isfinite(fit.discounted_purchases(customers, math.inf, 0.002)).all()
    assert not np.isnan(fit.covariance).any()
    for name, error in zip(fit.names, fit.standard_errors, strict=True):
        assert (name in fit.certificate.flat) == math.isinf(error)
    if fit.certificate.verdict != "identified":
        assert fit.certificate.findings


def test_same_dropout_for_all_recovers_its_rate() -> None:
    customers = ParetoNBD(0.5, 5.0, 2e5, 8e6).simulate(3_000, 39.0, seed=1, unit="week")
    model = fit_quietly(ParetoNBD, customers).model
    assert model.s / model.beta == pytest.approx(0.025, rel=0.1)


def test_same_rate_for_all_recovers_it() -> None:
    customers = ParetoNBD(1e6, 1e7, 0.6, 11.0).simulate(3_000, 39.0, seed=1, unit="week")
    model = fit_quietly(ParetoNBD, customers).model
    assert model.r / model.alpha == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize(
    "model",
    [
        ParetoNBD(0.5, 5.0, 1e-25, 10.0),
        ParetoNBD(0.5, 5.0, 1e10, 1e22),
        ParetoNBD(1e9, 1e10, 1e9, 4e10),
        ParetoNBD(1e-6, 1e-6, 0.5, 1e-9),
        GGompertzNBD(0.5, 5.0, 1e-12, 0.6, 1e-11),
        GGompertzNBD(0.5, 5.0, 1e-12, 1e-25, 1.0),
        GGompertzNBD(0.5, 5.0, 0.1, 1e10, 1e12),
        GGompertzNBD(0.5, 5.0, 1.2, 0.04, 2.7e19),
        GGompertzNBD(0.5, 5.0, 100.0, 100.0, 1e-9),
    ],
    ids=repr,
)
def test_far_out(model: Any) -> None:
    """Far out, the model has limits with formulas of their own."""
    c = Customers.from_arrays([0, 2, 50], [0.0, 30.0, 38.0], [39.0] * 3, unit="week")
    x, _, T = c.timing
    rate = (model.r + x) / (model.alpha + T)
    expected = model.expected_purchases(c, 52.0)
    dert = model.discounted_purchases(c, math.inf, 0.01)
    rows = model.derivatives(c)
    assert np.isfinite([expected, dert, model.log_likelihood(c), *rows.gradient]).all()
    assert all(np.isfinite(second).all() for second in rows.hessian.values())
    if model.s < 1e-20 or (model.s == 1e10 and model.beta == 1e22):  # nobody leaves
        assert expected == pytest.approx(rate * 52.0, rel=1e-9)
        assert dert == pytest.approx(rate / 0.01, rel=1e-9)
    elif model.r == 1e9:  # one rate of buying and one of leaving for all
        mu = model.s / model.beta
        alive = model.p_alive(c)
        assert expected == pytest.approx(alive * rate / mu * -math.expm1(-52.0 * mu), rel=1e-6)
        assert dert == pytest.approx(alive * rate / (0.01 + mu), rel=1e-6)
    elif getattr(model, "b", None) == 1e-12:  # the Pareto/NBD
        limit = ParetoNBD(model.r, model.alpha, model.s, model.beta / model.b)
        assert model.log_likelihood(c) == pytest.approx(limit.log_likelihood(c), rel=1e-9)
        assert expected == pytest.approx(limit.expected_purchases(c, 52.0), rel=1e-9)
