"""The climb itself, on surfaces with known tops, ridges, saddles and cliffs."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

import clvmodels as clv
from clvmodels import ConvergenceError
from clvmodels.certificate import certify, covariance
from clvmodels.estimation import _trust_region_step, maximum_likelihood, newton

Surface = tuple[float, np.ndarray, np.ndarray]


def banana(z: np.ndarray) -> Surface:
    """Rosenbrock's valley upside down: the top is at (1, 1)."""
    x, y = z
    value = -((1 - x) ** 2) - 100 * (y - x**2) ** 2
    gradient = np.array([2 * (1 - x) + 400 * x * (y - x**2), -200 * (y - x**2)])
    hessian = np.array([[-2 + 400 * y - 1200 * x**2, 400 * x], [400 * x, -200.0]])
    return float(value), gradient, hessian


def two_peaks(z: np.ndarray) -> Surface:
    """A quartic with a higher top at 2 and a lower one at about -1.9; a saddle near 0."""
    x = z[0]
    return (
        float(-(x**4) / 4 + 2 * x**2 + 0.3 * x),
        np.array([-(x**3) + 4 * x + 0.3]),
        np.array([[-3 * x**2 + 4.0]]),
    )


def ridge(z: np.ndarray) -> Surface:
    """Rise for ever along the first coordinate, ever less: a limit at infinity."""
    tail = np.exp(-z[0])
    return (
        float(-tail - z[1] ** 2),
        np.array([tail, -2 * z[1]]),
        np.array([[-tail, 0.0], [0.0, -2.0]]),
    )


def cliff(z: np.ndarray) -> Surface:
    """Not a number beyond 3, with the top at 2.9."""
    x = z[0]
    if x > 3.0:
        return float("nan"), np.array([np.nan]), np.array([[np.nan]])
    return float(-((x - 2.9) ** 2)), np.array([-2 * (x - 2.9)]), np.array([[-2.0]])


def slope(z: np.ndarray) -> Surface:
    """Rise for ever at the same rate: there is no top."""
    return float(z[0]), np.ones(1), np.zeros((1, 1))


def test_banana() -> None:
    top = maximum_likelihood(banana, [np.array([-1.2, 1.0]), np.array([3.0, -3.0])])
    assert top.point == pytest.approx([1.0, 1.0], abs=1e-10)
    assert top.starts_agreeing == 2


def test_the_higher_peak_wins_and_disagreement_is_counted() -> None:
    top = maximum_likelihood(two_peaks, [np.array([-3.0]), np.array([3.0]), np.array([0.0])])
    assert top.point[0] == pytest.approx(2.036495, abs=1e-6)
    assert (top.starts, top.starts_agreeing) == (3, 2)
    assert "1 of 3 starts ended lower" in " ".join(certify(top, ("x",), ()).findings)


def test_a_ridge_ends_in_a_boundary_certificate() -> None:
    top = maximum_likelihood(ridge, [np.array([0.0, 1.0])])
    certificate = certify(top, ("along", "across"), ())
    assert top.point[0] < 40.0
    assert certificate.verdict == "boundary"
    assert certificate.flat == ("along",)
    assert "along" in certificate.findings[0]
    spread = covariance(top, np.diag(np.exp(top.point)))
    assert np.isinf(spread[0, 0])
    assert spread[1, 1] == pytest.approx(0.5)
    assert spread[0, 1] == 0.0


def test_a_cliff_is_not_stepped_over() -> None:
    top = newton(cliff, np.array([-20.0]))
    assert top is not None
    assert top.point == pytest.approx([2.9])


def test_no_top() -> None:
    with pytest.raises(ConvergenceError, match=r"None of 2 starts.*Look at the data"):
        maximum_likelihood(slope, [np.zeros(1), np.ones(1)])


def counted(surface: Callable[[np.ndarray], Surface]) -> tuple[Callable[..., Surface], list[int]]:
    calls: list[int] = []

    def watched(z: np.ndarray) -> Surface:
        calls.append(1)
        return surface(z)

    return watched, calls


@pytest.mark.parametrize("scout", [None, banana, lambda z: banana(z - 0.05)])
def test_scouts_only_save_work(scout: Callable[[np.ndarray], Surface] | None) -> None:
    starts = [np.array([-1.2, 1.0]), np.array([3.0, -3.0]), np.array([0.0, 5.0])]
    watched, calls = counted(banana)
    top = maximum_likelihood(watched, starts, scouts=[] if scout is None else [scout])
    assert top.point == pytest.approx([1.0, 1.0], abs=1e-10)
    assert (top.starts, top.starts_agreeing) == (3, 3)
    if scout is not None:
        plain, plain_calls = counted(banana)
        maximum_likelihood(plain, starts)
        assert len(calls) < 0.6 * len(plain_calls)


@pytest.mark.parametrize("scout", [ridge, lambda z: slope(z[:1])], ids=["a ridge", "no top"])
def test_a_scout_that_gets_lost_is_not_followed(
    scout: Callable[[np.ndarray], Surface],
) -> None:
    def padded(z: np.ndarray) -> Surface:
        value, gradient, hessian = scout(z)
        k = len(gradient)
        return value, np.append(gradient, np.zeros(2 - k)), np.pad(hessian, (0, 2 - k))

    top = maximum_likelihood(banana, [np.array([-1.2, 1.0])], scouts=[padded])
    assert top.point == pytest.approx([1.0, 1.0], abs=1e-10)


@pytest.mark.parametrize("seed", range(30))
def test_steps_are_the_best_within_the_ball(seed: int) -> None:
    rng = np.random.default_rng(seed)
    k = 1 + seed % 5
    basis = np.linalg.qr(rng.normal(size=(k, k)))[0]
    values = rng.normal(size=k) * 10.0 ** rng.uniform(-6, 6, size=k)
    if seed % 3 == 0:
        values = np.abs(values)
    curvature = basis * values @ basis.T
    gradient = rng.normal(size=k) * 10.0 ** rng.uniform(-8, 8)
    radius = 10.0 ** rng.uniform(-6, 1)
    step, promised, lowest = _trust_region_step(gradient, curvature, radius)
    assert np.linalg.norm(step) <= radius * (1 + 1e-6)
    assert lowest == pytest.approx(np.linalg.eigvalsh(curvature)[0], rel=1e-6, abs=1e-8)
    others = rng.normal(size=(5000, k))
    others *= radius * rng.random((5000, 1)) ** (1 / k) / np.linalg.norm(others, axis=1)[:, None]
    rises = others @ gradient - 0.5 * np.einsum("ni,ij,nj->n", others, curvature, others)
    assert promised >= rises.max() - 1e-6 * abs(rises).max()


def test_blocks_add_up() -> None:
    model = clv.BGNBD(0.25, 5.0, 0.8, 2.5)
    c = model.simulate(90_000, np.linspace(10.0, 200.0, 90_000), seed=4)
    per_row = model.per_row(c)
    assert len(per_row.blocks()) > 8
    z = model.coordinates
    parts = [block.total(z) for block in per_row.blocks()]
    value, gradient, hessian = model.objective(c)(z)
    assert value == math.fsum(part[0] for part in parts)
    assert gradient == pytest.approx(sum(part[1] for part in parts), rel=1e-12)
    assert hessian == pytest.approx(sum(part[2] for part in parts), rel=1e-13)
