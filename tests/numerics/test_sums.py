"""Sums over whole numbers, and cross differences of ln G, against mpmath and closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath as mp
import numpy as np
import pytest

from clvmodels import renewals
from clvmodels.special.gamma_cross import cross_derivatives, log_cross
from clvmodels.special.sums import sum_blocks, sum_smooth

EXACT = 2e-15  # a few roundings
SUMMED = 1e-13  # roundings of the terms themselves, which are powers


@pytest.fixture(autouse=True)
def digits():
    with mp.workdps(60):
        yield


@pytest.mark.parametrize("growth", [0.3, 1.0, 2.0])
def test_geometric_sums(growth: float) -> None:
    for k in 10.0 ** np.arange(-9.0, 2.0):
        for count in (0.0, 5.0, 17.0, 100.0, 1e4, 1e7, 1e12):
            found = sum_smooth(lambda j, _, k=k: np.exp(-k * j), np.array([count]), growth=growth)
            ratio = mp.exp(-mp.mpf(k))
            exact = ratio * (1 - ratio ** mp.mpf(count)) / (1 - ratio)
            assert found[0] == pytest.approx(float(exact), rel=EXACT)


def test_sums_of_powers() -> None:
    for shift in (0.0, 1.0, 50.0, 1e4):
        for power in (0.01, 0.5, 1.5, 3.0, 20.0):
            if power * math.log1p(1e4 / (shift + 1.0)) > 60.0 and shift > 10.0:
                continue  # the reference cancels
            counts = np.array([5.0, 100.0, 1e4, 1e7, 1e12])
            found = sum_smooth(lambda j, _, z=shift, p=power: ((z + j) / (z + 1.0)) ** -p, counts)
            for count, value in zip(counts, found, strict=True):
                tail = mp.zeta(power, shift + 1) - mp.zeta(power, shift + 1 + mp.mpf(count))
                assert value == pytest.approx(float(tail * mp.mpf(shift + 1) ** power), rel=SUMMED)


def test_growing_terms_in_short_blocks() -> None:
    k = 0.05
    found = sum_smooth(
        lambda j, _: np.exp(k * j), np.array([12_000.0]), longest=8.0 / k, decreasing=False
    )
    ratio = mp.exp(mp.mpf(k))
    assert found[0] == pytest.approx(float(ratio * (ratio**12_000 - 1) / (ratio - 1)), rel=1e-12)


def test_blocks_sum_polynomials() -> None:
    """Gauss: 16 points for any number of terms, exact to degree 31."""
    for count in (1, 15, 16, 17, 31, 32, 33, 100, 3650):
        for degree in (0, 1, 2, 7, 15, 31):
            total = sum(
                float((w * (j / count) ** degree).sum())
                for _, j, w in sum_blocks(np.array([float(count)]))
            )
            exact = mp.fsum((mp.mpf(j) / count) ** degree for j in range(1, count + 1))
            assert total == pytest.approx(float(exact), rel=1e-13)


def test_rows_end_where_they_end() -> None:
    counts = np.array([0.0, 1.0, 40.0, 3.0, 5000.0])
    assert sum_smooth(lambda j, _: np.ones_like(j), counts) == pytest.approx(counts, rel=1e-14)


# --- cross differences --------------------------------------------------------------------------


def cross(function: Callable[[mp.mpf], mp.mpf], z: float, a: float, n: float) -> mp.mpf:
    z, a, n = map(mp.mpf, (z, a, n))
    return function(z) - function(z + a) - function(z + n) + function(z + a + n)


def test_cross_differences_of_log_gamma() -> None:
    rng = np.random.default_rng(0)
    z, a, n = (10.0 ** rng.uniform(low, 8.0, 300) for low in (-2.5, -8.0, -8.0))
    found = cross_derivatives(z, a, n)
    assert log_cross(z, a, n) == pytest.approx(found.value, rel=EXACT)
    for i in range(300):
        here = z[i], a[i], n[i]
        total = mp.fsum(map(mp.mpf, here))
        exact = {
            "value": cross(mp.loggamma, *here),
            "z": cross(mp.digamma, *here),
            "a": mp.digamma(total) - mp.digamma(mp.mpf(z[i]) + mp.mpf(a[i])),
            "n": mp.digamma(total) - mp.digamma(mp.mpf(z[i]) + mp.mpf(n[i])),
            "zz": cross(lambda y: mp.psi(1, y), *here),
            "aa": mp.psi(1, total) - mp.psi(1, mp.mpf(z[i]) + mp.mpf(a[i])),
            "nn": mp.psi(1, total) - mp.psi(1, mp.mpf(z[i]) + mp.mpf(n[i])),
            "an": mp.psi(1, total),
        }
        for name, value in exact.items():
            assert getattr(found, name)[i] == pytest.approx(float(value), rel=EXACT), (name, here)


def test_cross_differences_with_a_below_zero() -> None:
    """The closed form of undiscounted renewals needs a - 1, also for a below 1."""
    for a in (-0.99, -0.5, -1e-9):
        for z in (1.01, 3.0, 500.0):
            for n in (1.0, 12.0, 1e5):
                exact = float(cross(mp.loggamma, z, a, n))
                assert float(log_cross(z, a, n)) == pytest.approx(exact, rel=EXACT)


# --- renewals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("a", [0.05, 0.9, 1.0, 1.0 + 1e-9, 1.5, 40.0])
def test_the_closed_form_is_the_sum(a: float) -> None:
    T, count = np.array([0.0, 3.0, 3650.0]), np.array([3650.0, 100.0, 1e5])
    closed = renewals.stays(a, 2.5, T, count)
    assert closed == pytest.approx(renewals.discounted_stays(a, 2.5, T, count, 0.0), rel=1e-12)


@pytest.mark.parametrize("c", [0.3, 1.0, 1.7])
def test_renewals_without_end(c: float) -> None:
    """A million terms one by one, and mpmath's integral of the rest."""
    T = 12.0
    for a, b in ((1.05 / c, 0.5), (3.0 / c, 30.0)):
        found = float(renewals.stays_without_end(a, b, np.array([T]), np.full(1, c))[0])
        head = np.exp(renewals.log_stay(a, b, np.array(T), np.arange(1.0, 1e6 + 1.0), c)).sum()
        with mp.workdps(40):
            exact = mp.mpf(float(head)) + rest(mp.mpf(a), mp.mpf(b), mp.mpf(c), T)
        assert found == pytest.approx(float(exact), rel=1e-12)
        if c == 1.0:
            assert found == pytest.approx((b + T) / (a - 1.0), rel=1e-12)
    assert np.isinf(renewals.stays_without_end(1.0 / c, 1.0, np.array([T]), np.full(1, c))).all()


def rest(a: mp.mpf, b: mp.mpf, c: mp.mpf, T: float) -> mp.mpf:
    """The integral of S(T+j) / S(T) over j from a million and a half, in the logarithm of T+j."""
    log_share = mp.loggamma(b + T**c) - mp.loggamma(a + b + T**c)

    def density(v: mp.mpf) -> mp.mpf:
        z = b + mp.exp(c * v)
        fall = -a * mp.log(z) if c * v > 45 else mp.loggamma(z) - mp.loggamma(z + a)
        return mp.exp(v + fall - log_share)

    start = mp.log(T + mp.mpf(10) ** 6 + mp.mpf(1) / 2)
    stop = start + max(60 / (a * c - 1), 100 / c)
    points = mp.linspace(start, stop, 24)
    return mp.quad(density, points) + density(stop) / (a * c - 1)


@pytest.mark.parametrize(
    "c", [20.0, *(pytest.param(c, marks=pytest.mark.slow) for c in (90.0, 300.0))]
)
def test_shares_that_are_powers(c: float) -> None:
    """Where t^c overflows, S falls like t^(-a c); nothing is lost on the way there."""
    T, j = np.array([0.0, 50.0, 3650.0]), np.array([4000.0, 7.0, 1.0])
    found = renewals.log_stay(0.3, 2.0, T, j, c)
    with mp.workdps(1200):
        for i in range(3):
            start, end = mp.mpf(T[i]) ** mp.mpf(c), mp.mpf(T[i] + j[i]) ** mp.mpf(c)
            a, b = mp.mpf(0.3), mp.mpf(2)
            share = mp.loggamma(b + end) - mp.loggamma(a + b + end)
            share -= mp.loggamma(b + start) - mp.loggamma(a + b + start)
            assert found[i] == pytest.approx(float(share), rel=1e-12)


def test_one_parameter_a_row_is_one_for_all() -> None:
    T, j = np.array([0.0, 4.0, 9.0]), np.array([3.0, 1.0, 50.0])
    rows = [np.full(3, value) for value in (0.7, 1.9, 1.3)]
    assert renewals.log_stay(*rows[:2], T, j, rows[2]).tolist() == (
        renewals.log_stay(0.7, 1.9, T, j, 1.3).tolist()
    )
    for count, rate in ((j, 0.0), (np.full(3, math.inf), 0.01), (np.full(3, 300.0), -0.01)):
        found = renewals.discounted_stays(rows[0], rows[1], T, count, rate, rows[2])
        assert found == pytest.approx(
            renewals.discounted_stays(0.7, 1.9, T, count, rate, 1.3), rel=1e-14
        )
