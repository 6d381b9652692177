"""A sample of the customers says what all of them say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clvmodels import BGNBD, Customers, Fit
from clvmodels.objective import total
from clvmodels.sampling.control import LARGEST_SHARE, log_likelihoods, sample
from clvmodels.sampling.importance import Proposal

TRUTH = BGNBD(r=0.24, alpha=4.4, a=0.8, b=2.4)


@pytest.fixture(scope="module")
def fit() -> Fit[BGNBD]:
    ages = np.random.default_rng(1).uniform(10, 60, 20_000)
    return BGNBD.fit(TRUTH.simulate(20_000, ages, seed=1, unit="week"))


@pytest.fixture(scope="module")
def proposal(fit: Fit[BGNBD]) -> Proposal:
    z = fit.model.coordinates
    hessian = total(fit.model.per_row(fit.histories))(z)[2]
    return Proposal.around(z, hessian, 300, np.random.default_rng(2))


def test_against_all_customers(fit: Fit[BGNBD], proposal: Proposal) -> None:
    per_row, z = fit.model.per_row(fit.histories), fit.model.coordinates
    offset = -proposal.log_density
    found = log_likelihoods(per_row, fit.model.values_at, z, proposal.points, offset)
    assert found.rows < 0.1 * len(per_row.customers)
    limit = LARGEST_SHARE / np.sqrt(len(proposal.points))
    assert 0.0 < found.spread(offset) <= limit
    exact = np.array([total(per_row)(point)[0] for point in proposal.points])
    wrong = found.values - exact
    weights = np.exp(exact + offset - (exact + offset).max())
    weights /= weights.sum()
    spread = np.sqrt(weights @ (wrong - weights @ wrong) ** 2)
    assert spread < limit
    # A systematic sample is better than its parts tell, but not by an order of magnitude.
    assert spread < found.spread(offset) < 10.0 * spread
    # Means under the approximate weights are within that share of a standard deviation.
    near = np.exp(found.values + offset - (found.values + offset).max())
    near /= near.sum()
    sd = np.sqrt(weights @ (proposal.points - weights @ proposal.points) ** 2)
    moved = (near @ proposal.points - weights @ proposal.points) / sd
    assert np.abs(moved).max() < limit


def test_few_histories_are_all_used(proposal: Proposal) -> None:
    fit = BGNBD.fit(TRUTH.simulate(500, 39.0, seed=1, unit="week"))
    per_row, points = fit.model.per_row(fit.histories), proposal.points[:20]
    found = log_likelihoods(
        per_row, fit.model.values_at, fit.model.coordinates, points, np.zeros(20)
    )
    exact = [total(per_row)(point)[0] for point in points]
    np.testing.assert_allclose(found.values, exact, rtol=1e-12)
    assert found.rows == len(per_row.customers)
    assert found.spread(np.zeros(20)) == 0.0


def test_a_sample_grows_until_it_is_enough(fit: Fit[BGNBD]) -> None:
    """Points far from the mode, where the polynomial is poor, take all customers in the end."""
    per_row, z = fit.model.per_row(fit.histories), fit.model.coordinates
    points = z + np.random.default_rng(3).uniform(-1.5, 1.5, (200, 4))
    # Weights that keep all the points alive: those far out count as much as the others.
    exact = np.array([total(per_row)(point)[0] for point in points])
    found = log_likelihoods(per_row, fit.model.values_at, z, points, -exact)
    assert found.rows > 1000
    assert found.spread(-exact) <= LARGEST_SHARE / np.sqrt(200)


@pytest.mark.parametrize("size", [1, 10, 100, 1000])
def test_a_sample_stands_for_everybody(size: int) -> None:
    rng = np.random.default_rng(size)
    weight = np.ceil(rng.pareto(1.0, 700))
    c: Any = Customers.from_arrays(np.arange(700), unit=None, weight=weight)
    chosen = sample(c, size)
    assert chosen.weight.sum() == pytest.approx(weight.sum(), rel=1e-12)
    assert len(np.unique(chosen.rows)) == len(chosen.rows) <= max(size, 1)
    own = chosen.part < 0
    np.testing.assert_array_equal(chosen.weight[own], weight[chosen.rows[own]])
    counts = np.bincount(chosen.part[~own], minlength=8)
    assert counts.max() - counts.min() <= 1
