"""Weights and their diagnostic, on densities that are known."""

from __future__ import annotations

import numpy as np
import pytest

from clvmodels import ConvergenceError
from clvmodels.sampling.importance import Proposal, root_of_inverse, smoothed

MANY = 20_000
ERROR = 4.0 / np.sqrt(MANY)  # Monte Carlo error of a mean in standard deviations


def test_the_root_is_one() -> None:
    rng = np.random.default_rng(1)
    half = rng.standard_normal((4, 4)) * np.array([1e-4, 1.0, 1.0, 1e6])[:, None]
    matrix = half @ half.T
    root = root_of_inverse(matrix)
    np.testing.assert_allclose(root @ root.T @ matrix, np.eye(4), atol=1e-4)


def test_moments_of_a_normal() -> None:
    precision = np.array([[4.0, 1.0], [1.0, 2.0]])
    proposal = Proposal.around(np.array([1.0, -2.0]), -precision, MANY, np.random.default_rng(1))
    away = proposal.points - [1.0, -2.0]
    log_density = -0.5 * np.einsum("si,ij,sj->s", away, precision, away)
    found = smoothed(log_density - proposal.log_density)
    assert found.k_hat < 0.3
    assert found.ess > 0.85 * MANY  # what tails of seven degrees of freedom cost
    covariance = (away.T * found.weights) @ away
    np.testing.assert_allclose(covariance, np.linalg.inv(precision), atol=2.0 * ERROR)


def test_a_constant_does_not_matter() -> None:
    ratios = np.random.default_rng(2).standard_normal(500)
    one, other = smoothed(ratios), smoothed(ratios + 1e5)
    np.testing.assert_allclose(one.weights, other.weights, rtol=1e-9)


def test_a_tail_too_long_is_seen() -> None:
    """The density is a Cauchy, the proposal a t with seven degrees of freedom."""
    proposal = Proposal.around(np.zeros(1), -np.eye(1), MANY, np.random.default_rng(3))
    ratios = -np.log1p(proposal.points[:, 0] ** 2) - proposal.log_density
    assert smoothed(ratios).k_hat > 0.7


def test_weights_of_impossible_points_are_zero() -> None:
    ratios = np.random.default_rng(4).standard_normal(400)
    ratios[:50] = -np.inf
    ratios[50] = np.nan
    found = smoothed(ratios)
    assert not found.weights[:51].any()
    assert found.weights.sum() == pytest.approx(1.0)
    with pytest.raises(ConvergenceError, match="not finite at any"):
        smoothed(np.full(100, np.nan))
