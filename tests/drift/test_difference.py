"""The error of new - old, against covariances that are known without it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from clvmodels.customers import Customers
from clvmodels.drifts.before import expected_before, looked_at_before
from clvmodels.drifts.difference import difference, root_of
from clvmodels.drifts.spend_pairs import nested_spread
from clvmodels.models.gamma_gamma import GammaGamma
from studies import drift as study

OLD = np.array([[0.5, 0.2, 0.0], [0.2, 0.4, -0.1], [0.0, -0.1, 0.3]])
MORE = np.array([[3.0, 1.0, 0.0], [1.0, 5.0, 0.5], [0.0, 0.5, 4.0]])
SCORE = np.array([2.0, -1.0, 0.5])


def test_nested_data_differ_by_what_came_since() -> None:
    new = np.linalg.inv(OLD) + MORE
    found = difference(OLD, new, SCORE, "nested")
    wanted = OLD - np.linalg.inv(new)
    np.testing.assert_allclose(found.covariance, wanted, rtol=1e-10, atol=1e-12)
    one_step = np.linalg.solve(new, SCORE)
    assert found.statistic == pytest.approx(one_step @ np.linalg.solve(wanted, one_step))
    assert found.degrees == 3


def test_separate_data_have_both_errors() -> None:
    found = difference(OLD, MORE, SCORE, "separate")
    wanted = OLD + np.linalg.inv(MORE)
    np.testing.assert_allclose(found.covariance, wanted, rtol=1e-10)
    one_step = np.linalg.solve(MORE, SCORE)
    assert found.statistic == pytest.approx(one_step @ np.linalg.solve(wanted, one_step))


def test_a_given_covariance_on_the_axes() -> None:
    """What the formula for separate data says, as simulated scores would."""
    found = difference(OLD, MORE, SCORE, "nested", lambda out, v: np.eye(out.shape[1]) + np.diag(v))
    wanted = difference(OLD, MORE, SCORE, "separate")
    np.testing.assert_allclose(found.covariance, wanted.covariance, rtol=1e-10)
    assert found.statistic == pytest.approx(wanted.statistic)


def test_parameters_without_bound_are_not_compared() -> None:
    endless = OLD.copy()
    endless[2], endless[:, 2] = 0.0, 0.0
    endless[2, 2] = math.inf
    found = difference(endless, np.linalg.inv(OLD) + MORE, SCORE, "nested")
    assert found.degrees == 2
    assert not found.covariance[2].any()
    nothing = difference(np.full((1, 1), math.inf), np.eye(1), np.ones(1), "nested")
    assert (nothing.degrees, nothing.p_value) == (0, 1.0)


def test_directions_with_nothing_new_are_not_tested() -> None:
    information = np.linalg.inv(OLD)
    found = difference(OLD, information * 1.0001, SCORE, "nested")
    assert found.degrees == 0
    assert (np.diag(found.covariance) > 0.0).all()  # no interval of width zero


def test_means_of_normal_numbers() -> None:
    """Old: the mean of 40 numbers; new: that of the 40 and 60 more, with a variance of 2."""
    rng = np.random.default_rng(1)
    numbers = math.sqrt(2.0) * rng.standard_normal((20_000, 100))
    shift = numbers.mean(axis=1) - numbers[:, :40].mean(axis=1)
    found = difference(np.eye(1) * 2.0 / 40.0, np.eye(1) * 50.0, np.zeros(1), "nested")
    assert found.covariance[0, 0] == pytest.approx(shift.var(), rel=0.04)


def test_roots() -> None:
    root = root_of(OLD)
    np.testing.assert_allclose(root @ root.T, OLD, rtol=1e-12, atol=1e-12)


# --- mean spend, which is seen twice ----------------------------------------------------------

TRUTH = GammaGamma(4.0, 3.5, 20.0)


def test_purchases_before_the_old_end() -> None:
    rng = np.random.default_rng(2)
    others = rng.random((100_000, 2)) * 8.0  # the last one was at 8
    before = (others <= 5.0).sum(axis=1).mean()
    c = Customers.from_arrays([3], [8.0], [10.0], unit="week")
    assert expected_before(c, 5.0)[0] == pytest.approx(before, rel=0.01)


def test_the_law_of_two_looks_at_mean_spend() -> None:
    """Scores of both looks from single amounts, with derivatives by differences."""
    rng = np.random.default_rng(3)
    n = 120_000
    customers = Customers.from_arrays([4], [8.0], [10.0], unit="week", weight=[float(n)])
    first = rng.binomial(3, 5.0 / 8.0, n)  # of the three before the last, in (0, 5)
    amounts = rng.gamma(4.0, 1.0, (n, 4)) * (20.0 / rng.gamma(3.5, size=n))[:, None]
    totals = np.cumsum(amounts, axis=1)
    new = _numeric_scores(np.full(n, 4.0), totals[:, 3] / 4.0)
    some = first > 0
    old = np.zeros((n, 3))
    mean = totals[np.flatnonzero(some), first[some] - 1] / first[some]
    old[some] = _numeric_scores(first[some].astype(float), mean)
    moved = new * 0.5 - old
    wanted = moved.T @ moved
    found = nested_spread(TRUTH, customers, 5.0)(np.eye(3), np.full(3, 0.5))
    np.testing.assert_allclose(np.diag(found), np.diag(wanted), rtol=0.04)
    scale = np.sqrt(np.outer(np.diag(wanted), np.diag(wanted)))
    np.testing.assert_allclose(found / scale, wanted / scale, atol=0.02)


def _numeric_scores(x: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Derivatives of the log-likelihood in ln p, ln q, ln v."""
    c = Customers.from_arrays(x, unit=None, monetary_value=mean)
    columns = []
    for j in range(3):
        step = np.where(np.arange(3) == j, 1e-4, 0.0)
        up, down = (GammaGamma(*(TRUTH.values * np.exp(s * step))) for s in (1.0, -1.0))
        columns.append((up.log_likelihood(c) - down.log_likelihood(c)) / 2e-4)
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("name", ["BGNBD", "ParetoNBD", "BGBB"])
def test_old_data_told_from_new_ones(name: str) -> None:
    """Histories drawn from the new data have the sums of those that there were."""
    look = study.STUDIES[name]
    world = study.seen(look, 11, people=4_000)
    old, new = world.old.customers(), world.new.customers()
    whole = look.unit == "month"
    drawn = looked_at_before(new, look.end - look.cut, whole=whole)
    assert len(drawn) == len(old)
    np.testing.assert_allclose(drawn.timing[2], old.timing[2], atol=1e-9)
    for mine, theirs in zip(drawn.timing[:2], old.timing[:2], strict=True):
        apart = mine - theirs
        assert abs(apart.mean()) < 4.0 * apart.std() / math.sqrt(len(old))
        assert (mine >= 0.0).all()
    if whole:
        assert not (drawn.timing[1] % 1.0).any()
    look.truth.log_likelihood(drawn)  # histories that the model accepts
