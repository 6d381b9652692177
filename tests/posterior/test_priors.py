"""Priors are the distributions of their names, in the coordinates of a fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from clvmodels import ParameterError, priors
from clvmodels.priors import Prior, log_density, resolve

# The same distributions by scipy, whose parametrisations differ.
PEERS: list[tuple[Prior, Callable[[np.ndarray], np.ndarray]]] = [
    (priors.HalfNormal(sigma=0.7), stats.halfnorm(scale=0.7).logpdf),
    (priors.LogNormal(mu=0.4, sigma=1.3), stats.lognorm(s=1.3, scale=np.exp(0.4)).logpdf),
    (priors.Gamma(alpha=2.5, beta=0.4), stats.gamma(2.5, scale=1 / 0.4).logpdf),
    (priors.Exponential(lam=3.0), stats.expon(scale=1 / 3.0).logpdf),
    (priors.Weibull(alpha=2.0, beta=10.0), stats.weibull_min(2.0, scale=10.0).logpdf),
    (
        priors.HalfStudentT(nu=3.0, sigma=2.0),
        lambda theta: np.log(2.0) + stats.t(3.0, scale=2.0).logpdf(theta),
    ),
]
ROUNDING = 1e-12
DIFFERENCE = 1e-6  # central differences with step 1e-4: truncation 1e-8 times derivatives near 10


def names(pair: tuple[Prior, Any]) -> str:
    return type(pair[0]).__name__


@pytest.mark.parametrize("pair", PEERS, ids=names)
def test_density_is_that_of_scipy_with_the_jacobian(pair: tuple[Prior, Any]) -> None:
    prior, peer = pair
    z = np.linspace(-4.0, 3.0, 30)
    expected = peer(np.exp(z)) + z
    np.testing.assert_allclose(prior.terms(z)[0], expected, rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize("pair", PEERS, ids=names)
def test_proper_priors_integrate_to_one(pair: tuple[Prior, Any]) -> None:
    mass, _ = integrate.quad(lambda z: float(np.exp(pair[0].terms(np.array(z))[0])), -60, 30)
    assert mass == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    "prior", [*(prior for prior, _ in PEERS), priors.Normal(0.3, 2.0), priors.HalfFlat()], ids=repr
)
def test_derivatives(prior: Prior) -> None:
    z, h = np.linspace(-3.0, 2.0, 20), 1e-4
    _, first, second = prior.terms(z)
    above, below = prior.terms(z + h), prior.terms(z - h)
    np.testing.assert_allclose(first, (above[0] - below[0]) / (2 * h), atol=DIFFERENCE)
    np.testing.assert_allclose(second, (above[1] - below[1]) / (2 * h), atol=DIFFERENCE)


def test_normal_is_on_the_real_line() -> None:
    z = np.linspace(-3, 3, 7)
    np.testing.assert_allclose(
        priors.Normal(0.3, 2.0).terms(z)[0], stats.norm(0.3, 2.0).logpdf(z), rtol=ROUNDING
    )


@pytest.mark.parametrize("prior", [each for each, _ in PEERS], ids=repr)
def test_far_out_a_density_is_still_a_number(prior: Prior) -> None:
    for value in prior.terms(np.array([-600.0, 600.0])):
        assert np.isfinite(value).all()


def test_densities_add_up() -> None:
    z = np.array([[0.1, -0.2], [0.3, 0.4], [1.0, 2.0]])
    one, other = priors.Exponential(2.0), priors.HalfNormal(1.0)
    value, first, second = log_density([one, other], z)
    np.testing.assert_allclose(value, one.terms(z[:, 0])[0] + other.terms(z[:, 1])[0])
    assert first.shape == second.shape == z.shape


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: priors.HalfNormal(sigma=-1.0), "'sigma' of HalfNormal.*above zero.*-1.0"),
        (lambda: priors.Gamma(alpha=0.0, beta=1.0), "'alpha' of Gamma"),
        (lambda: priors.Gamma(alpha=1.0, beta=float("nan")), "'beta' of Gamma.*nan"),
        (lambda: priors.Normal(mu=float("inf")), "'mu' of Normal is a finite number[.]"),
        (lambda: priors.LogNormal(mu=0.0, sigma="wide"), "wide"),
        (lambda: priors.Weibull(alpha=True, beta=1.0), "True"),
    ],
)
def test_impossible_priors(make: Any, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        make()


@pytest.mark.parametrize(
    ("prior", "said"),
    [
        ({"alhpa": priors.Exponential()}, "Did you mean 'alpha'"),
        ({"alpha": priors.Normal(4.0, 1.0)}, "alpha is above zero.*HalfNormal"),
        ({"purchase: web": priors.Gamma(1.0, 1.0)}, "any sign.*Normal"),
        ({"alpha": 3.0}, "That of alpha is 3.0"),
        (0, "A prior is one of clv.priors"),
        (stats.norm(), "A prior is one of clv.priors"),
    ],
)
def test_priors_that_do_not_fit(prior: Any, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        resolve(prior, ["r", "alpha", "purchase: web"], np.array([True, True, False]))


def test_flat_is_what_is_left() -> None:
    known = np.array([True, True])
    assert resolve(None, ["r", "a"], known) == {"r": priors.Flat(), "a": priors.Flat()}
    every = resolve(priors.Exponential(2), ["r", "a"], known)
    assert every == dict.fromkeys(["r", "a"], priors.Exponential(2.0))
