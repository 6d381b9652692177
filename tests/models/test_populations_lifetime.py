"""Pareto/NBD and GGompertz/NBD on populations at their limits: a right answer, or words."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

from clvmodels import Customers, DataError, Fit, IdentifiabilityWarning
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


@pytest.mark.parametrize(
    ("truth", "words", "flat"),
    [
        (ParetoNBD(0.5, 5.0, 1e-6, 1.0), "Nobody seems to leave", {"s", "beta"}),
        (ParetoNBD(0.5, 5.0, 2e5, 8e6), "leave at the same rate 0.02", {"s", "beta"}),
        (ParetoNBD(1e6, 1e7, 0.6, 11.0), "buy at the same rate 0.09", {"r", "alpha"}),
        (GGompertzNBD(0.5, 5.0, 1e-9, 0.6, 1e-8), "no ageing", {"b", "beta"}),
        (GGompertzNBD(0.8, 5.0, 0.1, 0.3, 1.0), "age alike", {"s", "beta"}),
        (GGompertzNBD(1e6, 1e7, 0.1, 1.0, 3.0), "buy at the same rate 0.09", {"r", "alpha"}),
    ],
    ids=repr,
)
def test_limits_are_named(truth: Any, words: str, flat: set[str]) -> None:
    customers = truth.simulate(3_000, 60.0, seed=1, unit="week")
    with pytest.warns(IdentifiabilityWarning, match=words):
        fit = type(truth).fit(customers)
    assert fit.certificate.verdict == "boundary"
    assert set(fit.certificate.flat) >= flat
    assert any(words in finding for finding in fit.certificate.findings)
    assert_usable(fit, customers)
    # The limit predicts what the truth predicts, up to the sampling error of 3,000 customers.
    assert fit.expected_purchases(customers, 39.0).sum() == pytest.approx(
        truth.expected_purchases(customers, 39.0).sum(), rel=0.15
    )


def test_same_dropout_for_all_recovers_its_rate() -> None:
    customers = ParetoNBD(0.5, 5.0, 2e5, 8e6).simulate(3_000, 39.0, seed=1, unit="week")
    model = fit_quietly(ParetoNBD, customers).model
    assert model.s / model.beta == pytest.approx(0.025, rel=0.1)


def test_same_rate_for_all_recovers_it() -> None:
    customers = ParetoNBD(1e6, 1e7, 0.6, 11.0).simulate(3_000, 39.0, seed=1, unit="week")
    model = fit_quietly(ParetoNBD, customers).model
    assert model.r / model.alpha == pytest.approx(0.1, rel=0.05)


@kinds
@pytest.mark.parametrize("n", [2, 3, 10, 50])
def test_few_customers(kind: Kind, n: int) -> None:
    customers = ORDINARY.simulate(n, 39.0, seed=3, unit="week")
    if not (customers.frequency > 0).any():
        customers = Customers.from_arrays([0, 3], [0.0, 10.0], [39.0, 39.0], unit="week")
    with pytest.warns(IdentifiabilityWarning):
        fit = kind.fit(customers)
    assert_usable(fit, customers)


@kinds
@pytest.mark.parametrize(
    "customers",
    [
        Customers.from_arrays([], [], [], unit="week"),
        Customers.from_arrays([3], [10.0], [30.0], unit="week"),
        Customers.from_arrays([0, 0], [0.0, 0.0], [30.0, 20.0], unit="week"),
    ],
    ids=["nobody", "one", "nobody again"],
)
def test_nothing_to_learn_from(kind: Kind, customers: Customers) -> None:
    with pytest.raises(DataError, match=r"NBD learns from several customers.*Customers here"):
        kind.fit(customers)


@pytest.mark.parametrize("truth", [ORDINARY, AGEING])
@pytest.mark.parametrize("scale", [168.0, 7.0, 7 / 365.25, 1e-6])
def test_unit_of_time_does_not_matter(truth: Any, scale: float) -> None:
    weeks = truth.simulate(2_000, 60.0, seed=1)
    x, t_x, T = weeks.timing
    scaled = Customers.from_arrays(x, t_x * scale, T * scale, unit=None)
    plain, other = type(truth).fit(weeks).model, type(truth).fit(scaled).model
    power = [d.power * (d.dimension == "time") for d in truth.domains().values()]
    assert other.values == pytest.approx(plain.values * scale ** np.array(power), rel=1e-6)
    days = np.full(len(x), 10.0)
    assert other.purchases_if_alive(scaled, days * scale) == pytest.approx(
        plain.purchases_if_alive(weeks, days), rel=1e-6
    )


@pytest.mark.slow
@pytest.mark.parametrize("truth", [ORDINARY, AGEING])
def test_200_000_customers_fit_as_well_as_2_000(truth: Any) -> None:
    fit = type(truth).fit(truth.simulate(200_000, 60.0, seed=1, unit="week"))
    assert fit.certificate.verdict == "identified"
    assert (np.abs(fit.model.values - truth.values) < 4 * fit.standard_errors).all()


@kinds
def test_a_whale_and_a_customer_of_the_last_day(kind: Kind) -> None:
    x, t_x, T = AGEING.simulate(3_000, 39.0, seed=1).timing
    customers = Customers.from_arrays(
        np.append(x, [10_000, 0]),
        np.append(t_x, [38.9999, 0]),
        np.append(T, [39.0, 0]),
        unit="week",
    )
    fit = fit_quietly(kind, customers)
    assert_usable(fit, customers)
    assert fit.p_alive(customers)[-1] == 1.0
    assert 1_000 < fit.expected_purchases(customers, 52.0)[-2] < 10_000 / 39.0 * 52.0


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
