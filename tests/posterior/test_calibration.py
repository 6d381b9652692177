"""Simulation-based calibration: truths drawn from the prior are anywhere in their posteriors.

Talts, Betancourt, Simpson, Vehtari and Gelman (2018). If prior, simulation, likelihood and weights
fit together, the share of the posterior below the truth is uniform between worlds.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats

from clvmodels import Customers, GammaGamma, IdentifiabilityWarning, priors

WORLDS, CUSTOMERS, DRAWS = 120, 150, 300
PRIOR = {
    "p": priors.LogNormal(mu=1.5, sigma=0.4),
    "q": priors.Gamma(alpha=20.0, beta=5.0),
    "v": priors.LogNormal(mu=2.7, sigma=0.4),
}
UNLIKELY = 1e-3  # chance of a false alarm for each parameter; the seed is fixed


@pytest.mark.slow
def test_truths_are_uniform_in_their_posteriors() -> None:
    rng = np.random.default_rng(20261122)
    below, inside = np.empty((WORLDS, 3)), np.zeros((WORLDS, 3), dtype=bool)
    for world in range(WORLDS):
        truth = np.array(
            [rng.lognormal(1.5, 0.4), rng.gamma(20.0, 1.0 / 5.0), rng.lognormal(2.7, 0.4)]
        )
        bare = Customers.from_arrays(1.0 + rng.poisson(2.0, CUSTOMERS), unit=None)
        data = GammaGamma(*truth).simulate(bare, seed=world)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", IdentifiabilityWarning)  # some worlds say little
            fit = GammaGamma.fit(data)
        posterior = fit.posterior(draws=DRAWS, prior=PRIOR, seed=world, method="importance")
        below[world] = posterior.weights @ (posterior.values < truth)
        lower, upper = posterior.quantiles([0.05, 0.95])
        inside[world] = (lower <= truth) & (truth <= upper)
    for column in below.T:
        assert stats.kstest(column, "uniform").pvalue > UNLIKELY
    # 90 % intervals: within four binomial standard errors.
    assert np.abs(inside.mean(axis=0) - 0.9).max() < 4.0 * np.sqrt(0.09 / WORLDS)
