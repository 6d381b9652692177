"""Populations on which other libraries drift off, for every purchase model of real-valued times."""

from __future__ import annotations

import math
import re
import warnings
from typing import Any

import numpy as np
import pytest

from clvmodels import (
    BGCNBD,
    BGNBD,
    MBGCNBD,
    MBGNBD,
    Customers,
    DataError,
    Fit,
    GGompertzNBD,
    IdentifiabilityWarning,
    ParetoNBD,
)
from clvmodels.models.purchases import ContinuousModel
from clvmodels.models.registry import MODELS

from .conftest import settings_of

SIGMAS = 4.0

ORDINARY: dict[str, ContinuousModel] = {
    "BGNBD": BGNBD(0.25, 4.4, 0.8, 2.4),
    "MBGNBD": MBGNBD(0.5, 6.2, 0.9, 1.6),
    "BGCNBD": BGCNBD(0.8, 2.0, 0.9, 3.5, k=2),
    "MBGCNBD": MBGCNBD(0.9, 1.5, 0.8, 2.5, k=3),
    "ParetoNBD": ParetoNBD(0.55, 10.6, 0.6, 11.7),
    "GGompertzNBD": GGompertzNBD(1.1, 6.0, 0.06, 0.5, 3.0),
}

NOBODY, ONE_RATE, ONE_DROPOUT = "Nobody seems to leave", "same rate", "same (probability|rate)"
LIMITS = [
    (MBGNBD(0.5, 5.0, 1e-6, 1.0), NOBODY, {"a", "b"}),
    (MBGNBD(1e6, 1e7, 0.8, 2.4), ONE_RATE, {"r", "alpha"}),
    (MBGNBD(0.5, 5.0, 2e5, 8e5), ONE_DROPOUT, {"a", "b"}),
    (BGCNBD(0.8, 2.0, 1e-6, 1.0, k=2), NOBODY, {"a", "b"}),
    (MBGCNBD(1e6, 3e6, 0.8, 2.4, k=3), ONE_RATE, {"r", "alpha"}),
    (ParetoNBD(0.5, 5.0, 1e-7, 1.0), NOBODY, {"s", "beta"}),
    (ParetoNBD(1e6, 1e7, 0.6, 12.0), ONE_RATE, {"r", "alpha"}),
    (ParetoNBD(0.8, 8.0, 1e6, 2e7), "same rate", {"s", "beta"}),
    (GGompertzNBD(0.5, 5.0, 1e-3, 1e-6, 1.0), "leave|age alike", {"b", "s", "beta"}),
    (GGompertzNBD(0.55, 10.6, 1e-8, 0.6, 11.7e-8), "Pareto/NBD", {"b", "beta"}),
]


@pytest.fixture(params=ORDINARY)
def ordinary(request: pytest.FixtureRequest) -> ContinuousModel:
    return ORDINARY[request.param]


def test_every_model_is_here() -> None:
    kinds = {name for name, kind in MODELS.items() if issubclass(kind, ContinuousModel)}
    assert kinds == set(ORDINARY)


def fit_quietly(truth: ContinuousModel, customers: Customers) -> Fit[Any]:
    """Fit where the data are not expected to identify everything."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IdentifiabilityWarning)
        return type(truth).fit(customers, **settings_of(truth))


def assert_usable(fit: Fit[Any], customers: Customers) -> None:
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


@pytest.mark.parametrize(("truth", "words", "flat"), LIMITS, ids=[repr(each[0]) for each in LIMITS])
def test_limits_are_named(truth: ContinuousModel, words: str, flat: set[str]) -> None:
    """The certificate says which limit, and the limit predicts what the truth predicts."""
    customers = truth.simulate(3_000, 39.0, seed=1, unit="week")
    fit = fit_quietly(truth, customers)
    assert_usable(fit, customers)
    said = " ".join(fit.certificate.findings)
    if "predictions of this fit are wrong" not in said:
        assert fit.expected_purchases(customers, 39.0).sum() == pytest.approx(
            truth.expected_purchases(customers, 39.0).sum(), rel=0.1
        )
    if fit.certificate.verdict == "identified":  # chance can put the estimate inside
        assert max(fit.standard_errors / fit.model.values) > 0.3
    elif fit.certificate.verdict == "weak":  # or leave it a bound, far out
        assert any(name in said for name in flat), said
        assert fit.certificate.flat == ()
    else:
        assert re.search(words, said), said
        assert set(fit.certificate.flat) <= flat


@pytest.mark.parametrize("n", [2, 3, 10, 50])
def test_few_customers(ordinary: ContinuousModel, n: int) -> None:
    customers = ordinary.simulate(n, 39.0, seed=3, unit="week")
    if not (customers.frequency > 0).any():
        customers = Customers.from_arrays([0, 3], [0.0, 10.0], [39.0, 39.0], unit="week")
    assert_usable(fit_quietly(ordinary, customers), customers)


@pytest.mark.parametrize(
    "customers",
    [
        Customers.from_arrays([], [], [], unit="week"),
        Customers.from_arrays([3], [10.0], [30.0], unit="week"),
        Customers.from_arrays([0, 0], [0.0, 0.0], [30.0, 20.0], unit="week"),
    ],
    ids=["nobody", "one", "nobody again"],
)
def test_nothing_to_learn_from(ordinary: ContinuousModel, customers: Customers) -> None:
    with pytest.raises(DataError, match=r"learns from several customers.*Use a longer"):
        type(ordinary).fit(customers, **settings_of(ordinary))


@pytest.mark.parametrize("scale", [168.0, 7.0, 7 / 365.25])
def test_hours_days_and_years_are_alike(ordinary: ContinuousModel, scale: float) -> None:
    weeks = ordinary.simulate(4_000, 60.0, seed=1)
    x, t_x, T = weeks.timing
    scaled = Customers.from_arrays(x, t_x * scale, T * scale, unit=None)
    plain, other = fit_quietly(ordinary, weeks), fit_quietly(ordinary, scaled)
    powers = [domain.power * (domain.dimension == "time") for domain in ordinary.domains().values()]
    assert other.model.values == pytest.approx(plain.model.values * scale ** np.array(powers), 1e-7)


@pytest.mark.slow
def test_200_000_customers_fit_as_well_as_2_000(ordinary: ContinuousModel) -> None:
    """On half days, which make few patterns and move the estimates by less than their errors."""
    ages = np.repeat(np.arange(60.0, 80.0), 10_000)
    x, t_x, T = ordinary.simulate(200_000, ages, seed=1).timing
    customers = Customers.from_arrays(x, np.ceil(t_x * 14.0) / 14.0, T, unit="week")
    fit = fit_quietly(ordinary, customers)
    assert fit.certificate.verdict == "identified"
    assert (np.abs(fit.model.values - ordinary.values) < SIGMAS * fit.standard_errors).all()


def test_a_whale_and_a_customer_of_the_last_day(ordinary: ContinuousModel) -> None:
    x, t_x, T = ordinary.simulate(3_000, 39.0, seed=1).timing
    customers = Customers.from_arrays(
        np.append(x, [10_000, 0]),
        np.append(t_x, [38.9999, 0]),
        np.append(T, [39.0, 0]),
        unit="week",
    )
    fit = fit_quietly(ordinary, customers)
    assert_usable(fit, customers)
    assert 4_000 < fit.expected_purchases(customers, 52.0)[-2] < 1.02 * 10_000 / 39.0 * 52.0
