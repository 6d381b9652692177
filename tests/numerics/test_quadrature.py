"""The tools of special.py against closed forms that scipy has."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from scipy import special as scipy_special

from clvmodels.special import (
    beta_expectation,
    digamma_rising,
    distinct_rows,
    interpolate_smooth,
    log_rising,
    per_distinct,
    time_nodes,
    trigamma_rising,
)

CLOSED = 1e-12
B = np.array([0.01, 0.3, 1.0, 2.5, 40.0, 1e4])


@pytest.mark.parametrize("z", [1e-3, 0.25, 1.0, 7.5, 1e4])
def test_rising(z: float) -> None:
    n = np.array([0.0, 1.0, 2.0, 17.0, 3000.0])
    assert log_rising(z, n) == pytest.approx(
        scipy_special.gammaln(z + n) - scipy_special.gammaln(z), rel=1e-10, abs=1e-10
    )
    assert digamma_rising(z, n) == pytest.approx(
        scipy_special.digamma(z + n) - scipy_special.digamma(z), rel=1e-10, abs=1e-10
    )
    assert trigamma_rising(z, n) == pytest.approx(
        scipy_special.zeta(2, z + n) - scipy_special.zeta(2, z), rel=1e-10, abs=1e-10
    )


def test_rising_does_not_cancel_at_large_arguments() -> None:
    assert log_rising(1e15, np.array([3.0]))[0] == pytest.approx(3 * math.log(1e15), rel=1e-14)


@pytest.mark.parametrize("a", [0.01, 0.8, 1.0, 3.0, 100.0, 1e6])
@pytest.mark.parametrize("power", [0.5, 3.0, 60.0])
@pytest.mark.parametrize("s", [1e-3, 1.0, 50.0])
def test_powers_under_a_beta_density(a: float, power: float, s: float) -> None:
    """E[(1 + s p)^-power] = 2F1(power, a; a+b; -s), by mpmath."""

    def integrand(p: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return (1.0 + s * p) ** -power

    result = beta_expectation(
        integrand, a, B, reach=np.full_like(B, power * s), steepness=np.full_like(B, power)
    )
    with mpmath.workdps(40):
        exact = [float(mpmath.hyp2f1(power, a, a + mpmath.mpf(b), -s)) for b in B]
    assert result == pytest.approx(exact, rel=1e-11)


def test_concentrated_densities_are_points() -> None:
    """With a and b beyond any data, the expectation is the value at a / (a + b)."""
    b = np.array([1e10, 4e14, 1e30])

    def integrand(p: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.exp(-3.0 * p)

    result = beta_expectation(integrand, 1e14, b, reach=np.full(3, 3.0), steepness=np.full(3, 3.0))
    assert result == pytest.approx(np.exp(-3.0 * 1e14 / (1e14 + b)), rel=1e-9)


HORIZONS_AND_RATES = [
    *((horizon, rate) for horizon in (1e-6, 1.0, 40.0, 1e5) for rate in (0.0, 1e-5, 0.05, 2.0)),
    *((horizon, -1e-3) for horizon in (1e-6, 1.0, 40.0)),
    *((math.inf, rate) for rate in (1e-5, 0.05, 2.0)),
]


@pytest.mark.parametrize(("horizon", "rate"), HORIZONS_AND_RATES)
@pytest.mark.parametrize("decay", [1e-4, 0.3, 50.0])
def test_integrals_over_time(horizon: float, rate: float, decay: float) -> None:
    s, weights = time_nodes(horizon, rate, finest=1.0 / decay)
    total = rate + decay
    exact = 1.0 / total if math.isinf(horizon) else -math.expm1(-total * horizon) / total
    assert float(weights @ np.exp(-decay * s)) == pytest.approx(exact, rel=CLOSED)


@pytest.mark.parametrize("k", [0.01, 2.0, 300.0, 1e4])
def test_interpolation(k: float) -> None:
    """Exact to 1e-12 of the largest integrand s f(s): what integrals in ln s need."""

    def power(s: np.ndarray) -> np.ndarray:
        return np.exp(-k * np.log1p(s / 5.0))

    s = np.geomspace(1e-6, 1e7, 20_000)
    error = np.abs(interpolate_smooth(power, s) - power(s))
    assert (s * error).max() <= 1e-12 * (s * power(s)).max()


def test_distinct_rows() -> None:
    rng = np.random.default_rng(0)
    one, two = rng.integers(0, 30, 5000) / 7.0, rng.integers(0, 30, 5000) / 3.0
    first, code = distinct_rows(one, two)
    assert len(first) == len({*zip(one, two, strict=True)})
    assert (one[first][code] == one).all()
    assert (two[first][code] == two).all()
    seen = []
    result = per_distinct(lambda x, y: seen.append(len(x)) or x * y, one, two)
    assert seen == [len(first)]
    assert (result == one * two).all()
    assert len(per_distinct(lambda x: x, np.empty(0))) == 0
