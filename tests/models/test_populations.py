"""Populations on which other libraries drift off: a right answer, or words that say why not."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from clvmodels import BGNBD, Customers, Fit, GammaGamma, IdentifiabilityWarning

ORDINARY = BGNBD(0.2426, 4.4136, 0.7929, 2.4259)


def fit_quietly(customers: Customers) -> Fit[BGNBD]:
    """Fit where the data are not expected to identify everything."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IdentifiabilityWarning)
        return BGNBD.fit(customers)


def assert_usable(fit: Fit[BGNBD], customers: Customers) -> None:
    """Predictions are finite, and no flat parameter passes for an estimate."""
    assert np.isfinite(fit.p_alive(customers)).all()
    assert np.isfinite(fit.expected_purchases(customers, 52.0)).all()
    assert np.isfinite(fit.discounted_purchases(customers, math.inf, 0.002)).all()
    assert np.isfinite(fit.estimates.estimate).all()
    assert not np.isnan(fit.covariance).any()
    for name, error in zip(fit.names, fit.standard_errors, strict=True):
        assert (name in fit.certificate.flat) == math.isinf(error)
    if fit.certificate.verdict != "identified":
        assert fit.certificate.findings


@pytest.mark.parametrize(
    ("truth", "words", "flat"),
    [
        (BGNBD(0.5, 5.0, 1e-6, 1.0), "Nobody seems to leave", {"a", "b"}),
        (BGNBD(0.5, 5.0, 1e-3, 1e3), "Nobody seems to leave", {"a", "b"}),
        (BGNBD(1e6, 1e7, 2e5, 8e5), "leave with the same probability", {"r", "alpha", "a", "b"}),
        (BGNBD(0.5, 5.0, 1e4, 1.0), "leave with the same probability 1 ", {"a", "b"}),
    ],
)
def test_limits_are_named(truth: BGNBD, words: str, flat: set[str]) -> None:
    customers = truth.simulate(3_000, 39.0, seed=1, unit="week")
    with pytest.warns(IdentifiabilityWarning, match=words):
        fit = BGNBD.fit(customers)
    assert fit.certificate.verdict == "boundary"
    assert set(fit.certificate.flat) == flat
    assert any(words in finding for finding in fit.certificate.findings)
    assert_usable(fit, customers)
    # The limit predicts what the truth predicts, up to the sampling error of 3,000 customers.
    assert fit.expected_purchases(customers, 39.0).sum() == pytest.approx(
        truth.expected_purchases(customers, 39.0).sum(), rel=0.1
    )


def test_same_dropout_for_all_recovers_its_mean() -> None:
    customers = BGNBD(0.5, 5.0, 2e5, 8e5).simulate(3_000, 39.0, seed=1, unit="week")
    model = fit_quietly(customers).model
    assert model.a / (model.a + model.b) == pytest.approx(0.2, abs=0.02)


def test_same_rate_for_all_recovers_it() -> None:
    customers = BGNBD(1e6, 1e7, 0.8, 2.4).simulate(3_000, 39.0, seed=1, unit="week")
    fit = fit_quietly(customers)
    assert fit.certificate.verdict != "identified"
    assert fit.model.r / fit.model.alpha == pytest.approx(0.1, rel=0.02)
    assert_usable(fit, customers)


@pytest.mark.parametrize(
    "model",
    [
        BGNBD(0.5, 5.0, 4e6, 2.6e20),
        BGNBD(1e9, 1e10, 2e8, 9e8),
        BGNBD(0.5, 5.0, 1e25, 1e39),
        BGNBD(0.5, 5.0, 1e-13, 30.0),
        BGNBD(0.5, 5.0, 3e14, 0.28),
        BGNBD(1e3, 1e4, 1e-8, 1e-9),
    ],
    ids=repr,
)
def test_predictions_at_the_limits_of_the_model(model: BGNBD) -> None:
    """Far out, the model has limits with formulas of their own."""
    c = Customers.from_arrays([0, 2, 50], [0.0, 30.0, 38.0], [39.0] * 3, unit="week")
    x, _, T = c.timing
    rate = (model.r + x) / (model.alpha + T)
    p = model.a / (model.a + model.b + x)  # what is left of the density of p: its mean
    expected, dert = (
        model.expected_purchases(c, 52.0),
        model.discounted_purchases(c, math.inf, 0.01),
    )
    assert np.isfinite(expected).all()
    assert np.isfinite(dert).all()
    if model.a / model.b < 1e-12:  # nobody leaves
        assert expected == pytest.approx(rate * 52.0, rel=1e-9)
        assert dert == pytest.approx(rate / 0.01, rel=1e-9)
    elif model.r > 1e6 and model.a > 1e6:  # one rate and one dropout probability for all
        alive = model.p_alive(c)
        assert expected == pytest.approx(alive * -np.expm1(-rate * p * 52.0) / p, rel=1e-6)
        assert dert == pytest.approx(alive * rate / (0.01 + rate * p), rel=1e-6)


def test_gamma_gamma_without_spread_between_customers() -> None:
    bare = Customers.from_arrays(np.full(3_000, 3.0), unit=None)
    with pytest.warns(IdentifiabilityWarning, match="spend alike"):
        fit = GammaGamma.fit(GammaGamma(2.0, 1e6, 1e7).simulate(bare, seed=1))
    assert fit.expected_spend(bare_spend(1, 20.0))[0] == pytest.approx(20.0, rel=0.05)


def bare_spend(x: int, m: float) -> Customers:
    return Customers.from_arrays([x], unit=None, monetary_value=[m])
