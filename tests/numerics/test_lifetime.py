"""The lifetimes and their quadrature by themselves, against mpmath and against finer panels."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import numpy as np
import pytest

from clvmodels.lifetime import GammaGompertz, History, Lifetime, Pareto, counts, future, likelihood
from clvmodels.lifetime import lifetimes as lifetimes_module
from clvmodels.lifetime import panels as panels_module
from clvmodels.lifetime.panels import Integrand, integrate, lay_panels

EXACT = 1e-13  # closed forms and quadrature in double precision
CONVERGED = 5e-13  # panels half as long with more nodes change nothing
TINY = np.array([1e-9, 1e-6])
TIMES = np.array([0.0, 1e-9, 0.5, 7.0, 40.0, 700.0, 3650.0])
LIFETIMES = [
    Pareto(0.6, 11.7),
    Pareto(100.0, 0.01),
    Pareto(0.01, 100.0),
    Pareto(1.0, 1.0),
    GammaGompertz(s=0.5, beta=0.4, b=0.02),
    GammaGompertz(s=0.6, beta=1e-6, b=1e-7),
    GammaGompertz(s=0.5, beta=1.0, b=0.1),
    GammaGompertz(s=2.0, beta=1e5, b=0.3),
    GammaGompertz(s=100.0, beta=100.0, b=0.14),
    GammaGompertz(s=0.01, beta=0.01, b=10.0),
    GammaGompertz(s=1e6, beta=1e8, b=0.1),
]
every = pytest.mark.parametrize("lifetime", LIFETIMES, ids=repr)
FEW = (0, 2, 4, 6, 9)  # of them, where the exact value takes long: `make thorough` has all
few = pytest.mark.parametrize(
    "lifetime",
    [pytest.param(e, marks=() if i in FEW else pytest.mark.slow) for i, e in enumerate(LIFETIMES)],
    ids=repr,
)


def exact(lifetime: Lifetime) -> tuple[Any, Any]:
    """Return survival and density in 40 digits."""
    s, beta = mp.mpf(lifetime.s), mp.mpf(lifetime.beta)
    if isinstance(lifetime, GammaGompertz):
        b = mp.mpf(lifetime.b)
        return (
            lambda y: (beta / (beta + mp.expm1(b * y))) ** s,
            lambda y: (
                s
                * b
                * mp.exp(b * y)
                / (beta + mp.expm1(b * y))
                * (beta / (beta + mp.expm1(b * y))) ** s
            ),
        )
    return lambda y: (beta / (beta + y)) ** s, lambda y: s / (beta + y) * (beta / (beta + y)) ** s


def integral(function: Any, start: float, end: float) -> Any:
    """Integrate by steps from the start on, each twice as long as the last."""
    points, step = [mp.mpf(start)], mp.mpf(end - start) * mp.mpf(2) ** -40
    while start + step < end:
        points.append(start + step)
        step *= 2
    with mp.workdps(25):
        return sum(mp.quad(function, pair) for pair in zip(points, [*points[1:], end], strict=True))


@pytest.fixture(autouse=True)
def _forty_digits() -> Any:
    with mp.workdps(40):
        yield


@every
def test_survival_and_density(lifetime: Lifetime) -> None:
    survival, density = exact(lifetime)
    log_survival = lifetime.log_survival(TIMES)
    log_density = lifetime.log_hazard(TIMES) + log_survival
    for i, y in enumerate(TIMES.tolist()):
        assert log_survival[i] == pytest.approx(float(mp.log(survival(mp.mpf(y)))), rel=EXACT)
        target = float(mp.log(density(mp.mpf(y))))
        assert log_density[i] == pytest.approx(target, rel=EXACT, abs=EXACT)


@every
def test_changes_over_time_do_not_cancel(lifetime: Lifetime) -> None:
    survival, density = exact(lifetime)
    start = np.full_like(TINY, 30.0)
    for is_density, function in ((True, density), (False, survival)):
        found = lifetime.log_ratio(start, TINY, density=is_density)
        for y, value in zip(TINY.tolist(), found, strict=True):
            ratio = function(mp.mpf(30.0) + mp.mpf(y)) / function(mp.mpf(30.0))
            assert value == pytest.approx(float(mp.log(ratio)), rel=1e-9)


@every
def test_age_of_is_the_inverse_of_survival(lifetime: Lifetime) -> None:
    hazard = np.array([0.0, 1e-12, 0.3, 5.0])
    age = lifetime.age_of(hazard)
    fine = np.isfinite(age)
    assert -lifetime.log_survival(age[fine]) == pytest.approx(hazard[fine], rel=1e-9, abs=1e-15)


@every
def test_derivatives_of_survival_and_density(lifetime: Lifetime) -> None:
    """Gradient and Hessian by differences in mpmath, at and between two times."""
    names = ["b", "s", "beta"] if isinstance(lifetime, GammaGompertz) else ["s", "beta"]
    start, delta = np.array([2.0]), np.array([5.0])
    change = lifetime.change(start, delta)
    for is_density in (False, True):
        gradient = lifetime.gradient(start + delta, density=is_density)
        hessian = lifetime.hessian(start + delta, density=is_density)

        def log_function(values: Any, y: float, is_density: bool = is_density) -> Any:
            moved = type(lifetime)(**dict(zip(names, values, strict=True)))
            return mp.log(exact(moved)[is_density](mp.mpf(y)))

        here = [mp.mpf(getattr(lifetime, name)) for name in names]
        for i, first in enumerate(here):
            order = [int(k == i) for k in range(len(names))]
            late = mp.diff(lambda *v: log_function(v, 7.0), here, tuple(order))
            early = mp.diff(lambda *v: log_function(v, 2.0), here, tuple(order))
            size = abs(late) + abs(early)
            assert abs(gradient[i][0] - late) <= 1e-12 * size
            if is_density:
                assert abs(change.gradient[i][0] - (late - early)) <= 1e-12 * size
            for j in range(i, len(names)):
                twice = tuple(a + int(k == j) for k, a in enumerate(order))
                late = mp.diff(lambda *v: log_function(v, 7.0), here, twice)
                early = mp.diff(lambda *v: log_function(v, 2.0), here, twice)
                size = abs(late) + abs(early) + 1 / (first * here[j]) * mp.mpf(10) ** -3
                found = np.broadcast_to(hessian.get((i, j), 0.0), 1)[0]
                assert abs(found - late) <= 1e-10 * size
                if is_density:
                    moved = np.broadcast_to(change.hessian.get((i, j), 0.0), 1)[0]
                    assert abs(moved - (late - early)) <= 1e-10 * size


@few
@pytest.mark.parametrize(
    ("x", "t_x", "T"),
    [(0, 0.0, 39.0), (2, 30.43, 38.86), (0, 0.0, 3650.0), (10_000, 3640.0, 3650.0)],
)
def test_log_odds_of_having_left(lifetime: Lifetime, x: int, t_x: float, T: float) -> None:
    survival, density = exact(lifetime)
    k, alpha = mp.mpf(0.5) + x, mp.mpf(5.0)
    last = alpha + t_x  # everything relative to the last purchase: `quad` has absolute tolerances
    left = integral(lambda y: density(y) / density(t_x) * ((alpha + y) / last) ** -k, t_x, T)
    alive = survival(mp.mpf(T)) * ((alpha + T) / last) ** -k
    odds = float(mp.log(left * density(mp.mpf(t_x)) / alive))
    history = History(np.array([float(x)]), np.array([t_x]), np.array([T]), 0.5, 5.0)
    assert likelihood.log_odds_left(history, lifetime)[0] == pytest.approx(odds, rel=1e-12)


@few
@pytest.mark.parametrize(
    ("T", "t", "rate"), [(0.0, 40.0, 0.0), (40.0, 1e-6, 0.0), (10.0, 1000.0, 0.05)]
)
def test_time_lived(lifetime: Lifetime, T: float, t: float, rate: float) -> None:
    survival, _ = exact(lifetime)
    found = future.lived(lifetime, np.array([T]), np.array([t]), rate=rate)[0]
    value = integral(lambda y: mp.exp(-rate * y) * survival(T + y) / survival(T), 0.0, t)
    assert found == pytest.approx(float(value), rel=1e-12)


@pytest.mark.parametrize("s", [0.01, 1.0 - 1e-9, 1.0, 1.0 + 1e-9, 2.0, 100.0])
def test_pareto_closed_form(s: float) -> None:
    lifetime, T = Pareto(s, 3.0), np.array([0.0, 10.0, 10.0, 3650.0])
    t = np.array([1e-6, 52.0, 1e5, 1.0])
    assert future.lived_pareto(lifetime, T, t) == pytest.approx(
        future.lived(lifetime, T, t), rel=EXACT
    )


def rows(n: int, rng: np.random.Generator) -> tuple[History, Pareto, GammaGompertz]:
    """Return random customers and parameters of their own, corners included."""

    def spread(low: float, high: float) -> np.ndarray[Any, Any]:
        values = np.exp(rng.uniform(np.log(low), np.log(high), n))
        return rng.choice([low, 1.0, high], n) * (corner := rng.random(n) < 0.2) + values * ~corner

    r, alpha, s, beta = (spread(0.01, 100.0) for _ in range(4))
    T = spread(0.5, 3650.0)
    x = np.where(rng.random(n) < 0.4, 0.0, np.floor(spread(1.0, 10_000.0)))
    t_x = np.where(x > 0.0, T * rng.random(n) ** rng.choice([0.05, 1.0, 8.0], n), 0.0)
    gompertz = GammaGompertz(s=s, beta=beta, b=spread(1e-4, 10.0))
    return History(x, t_x, T, r, alpha), Pareto(s, beta), gompertz


def test_finer_panels_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """4,000 customers with parameters from .01 to 100: the panels have converged."""
    history, *kinds = rows(4_000, np.random.default_rng(5))
    ahead = np.full_like(history.T, np.inf)

    def integrals() -> list[Any]:
        values = []
        for lifetime in kinds:
            values.append(integrate(history.integrand(lifetime), history.silence))
            discounted = Integrand(lifetime, False, history.T, rate=1e-3)
            values.append(integrate(discounted, ahead))
        return values

    usual = integrals()
    monkeypatch.setattr(lifetimes_module, "KINK", 0.7)
    monkeypatch.setattr(lifetimes_module, "LONGEST", 0.7)
    monkeypatch.setattr(panels_module, "STEEPEST", 6.0)
    for few, many in zip(usual, integrals(), strict=True):
        assert few == pytest.approx(many, rel=CONVERGED)


def test_panels_are_few() -> None:
    """The speed of a fit: one panel for most customers, and no more than 40 for any."""
    history, *kinds = rows(4_000, np.random.default_rng(6))
    for lifetime in kinds:
        panels = lay_panels(history.integrand(lifetime), history.silence)
        counted = np.bincount(panels.row)
        assert counted.min() == 1
        assert counted.mean() < 5.0
        assert counted.max() <= 40


def test_rows_of_parameters_are_rows_of_results() -> None:
    history, *kinds = rows(40, np.random.default_rng(7))
    for lifetime in kinds:
        together = likelihood.derivatives(history, lifetime)
        for i in range(0, 40, 7):
            one = slice(i, i + 1)
            alone = History(
                history.x[one],
                history.t_x[one],
                history.T[one],
                float(np.asarray(history.r)[i]),
                float(np.asarray(history.alpha)[i]),
            )
            numbers = lifetime.take(one).columns()
            names = vars(numbers)
            scalar = type(lifetime)(**{k: float(np.asarray(v)[0, 0]) for k, v in names.items()})
            single = likelihood.derivatives(alone, scalar)
            assert together.value[i] == pytest.approx(single.value[0], rel=1e-13)
            for a, b in zip(together.gradient, single.gradient, strict=True):
                assert a[i] == pytest.approx(float(b[0]), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("lifetime", [LIFETIMES[0], LIFETIMES[4], LIFETIMES[7]], ids=repr)
@pytest.mark.parametrize("n", [0, 1, 7, 200])
def test_counts_of_purchases(lifetime: Lifetime, n: int) -> None:
    survival, density = exact(lifetime)
    r, alpha, t = mp.mpf(0.5), mp.mpf(5.0), 60.0
    ways = mp.gamma(r + n) / mp.gamma(r) / mp.factorial(n)

    def bought(y: Any) -> Any:
        return ways * (alpha / (alpha + y)) ** r * (y / (alpha + y)) ** n

    left = integral(lambda y: density(y) * bought(y), 0.0, t)
    value = float(left + survival(mp.mpf(t)) * bought(mp.mpf(t)))
    found = counts.count_probability(np.array([float(n)]), np.array([t]), 0.5, 5.0, lifetime)
    assert found[0] == pytest.approx(value, rel=1e-11)


def test_draws_have_the_moments_of_the_formulas() -> None:
    rng = np.random.default_rng(3)
    n, age = 200_000, 50.0
    for lifetime in (LIFETIMES[0], LIFETIMES[4], LIFETIMES[7]):
        x, t_x = counts.draw(np.full(n, age), 0.8, 6.0, lifetime, rng)
        mean = 0.8 / 6.0 * future.lived(lifetime, np.zeros(1), np.full(1, age))[0]
        assert abs(x.mean() - mean) < 4.5 * x.std() / np.sqrt(n)
        expected = counts.count_probability(np.zeros(1), np.full(1, age), 0.8, 6.0, lifetime)[0]
        assert abs((x == 0.0).mean() - expected) < 4.5 * np.sqrt(expected * (1 - expected) / n)
        history = History(x, t_x, np.full(n, age), 0.8, 6.0)
        alive = np.exp(-np.logaddexp(0.0, likelihood.log_odds_left(history, lifetime)))
        share = float(np.exp(lifetime.log_survival(np.full(1, age)))[0])
        assert abs(alive.mean() - share) < 4.5 * alive.std() / np.sqrt(n)  # E[P(alive)] = S(age)


def test_draws_of_tiny_rates() -> None:
    x, t_x = counts.draw(
        np.full(1_000, 50.0), 0.01, 100.0, Pareto(0.01, 0.01), np.random.default_rng(1)
    )
    assert ((t_x > 0.0) == (x > 0.0)).all()
    assert (t_x <= 50.0).all()
