"""Posteriors: of every model, from every sampler, and where there is none."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clvmodels as clv
from clvmodels import (
    BGNBD,
    Customers,
    DataError,
    Fit,
    GammaGamma,
    IdentifiabilityWarning,
    MissingExtraError,
    ParameterError,
    PosteriorWarning,
    priors,
)
from clvmodels.models.base import Model
from clvmodels.models.lifetime_family import LifetimeModel
from clvmodels.models.purchases import OpportunityModel
from clvmodels.models.registry import MODELS
from clvmodels.models.spend import SpendModel
from clvmodels.sampling import importance

TRUTH = BGNBD(r=0.24, alpha=4.4, a=0.8, b=2.4)
MANY = 6_000  # customers with whom the likelihood is nearly a bell
DRAWS = 600
# Of a mean in standard deviations: Monte Carlo error of 600 draws, of which importance sampling
# wastes a fifth, four times; and what the skewness of a likelihood of so many customers moves it.
MEAN = 4.0 / np.sqrt(0.8 * DRAWS) + 0.2
SD = 4.0 / np.sqrt(2 * 0.8 * DRAWS) + 0.1  # the same of a standard deviation, relative


def population(model_class: type[Model]) -> tuple[Model, Customers]:
    """Return a model in the middle of its typical ranges, and customers simulated from it."""
    values = [np.sqrt(np.prod(each.typical)) for each in model_class.domains().values()]
    model = model_class(*values, **dict.fromkeys(model_class.settings(), 2))
    if isinstance(model, SpendModel):
        bare = Customers.from_arrays(1.0 + np.random.default_rng(1).poisson(1.0, MANY), unit=None)
        return model, model.simulate(bare, seed=1)
    age: Any = 12 if isinstance(model, OpportunityModel) else 52.0
    many = MANY // 4 if isinstance(model, LifetimeModel) else MANY  # their quadrature takes longer
    return model, model.simulate(many, age, seed=1, unit="week")


@pytest.fixture(scope="module")
def fit() -> Fit[BGNBD]:
    return BGNBD.fit(TRUTH.simulate(3000, 39, seed=1, unit="week"))


@pytest.fixture(scope="module")
def small() -> Fit[BGNBD]:
    """Return a fit to so few distinct histories that NUTS takes a moment."""
    return BGNBD.fit(TRUTH.simulate(300, np.arange(300) % 2 * 10 + 20.0, seed=6, unit="week"))


PROPER = priors.LogNormal(0.0, 2.0)
USUAL = ("BGNBD", "ParetoNBD", "GammaGamma", "SBG")  # others are slow: `make thorough`


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in USUAL else pytest.mark.slow) for name in MODELS],
)
def test_with_many_customers_it_is_a_normal(name: str) -> None:
    """And a prior at the estimates adds its precision to that of the data."""
    model, c = population(MODELS[name])
    fit = MODELS[name]._fit(c, None, "hessian", **dict.fromkeys(model.settings(), 2))
    sigma, top = 0.2, np.log(fit.model.values)
    prior = {
        key: priors.LogNormal(mu=float(value), sigma=sigma)
        for key, value in zip(fit.names, top, strict=True)
    }
    posterior = fit.posterior(draws=DRAWS, prior=prior, seed=1)
    assert posterior.k_hat is not None
    assert posterior.k_hat < 0.7
    assert posterior.ess.min() > 0.5 * DRAWS
    slopes = fit.model.values
    precision = np.linalg.inv(fit.covariance / slopes[:, None] / slopes)
    expected = np.sqrt(np.diag(np.linalg.inv(precision + np.eye(len(top)) / sigma**2)))
    z = np.log(posterior.values)
    mean = posterior.weights @ z
    sd = np.sqrt(posterior.weights @ (z - mean) ** 2)
    assert np.abs((mean - top) / expected).max() < MEAN
    assert np.abs(sd / expected - 1.0).max() < SD


def test_nuts_agrees_with_importance_sampling(
    small: Fit[BGNBD], capfd: pytest.CaptureFixture[str]
) -> None:
    before = threading.active_count()
    one = small.posterior(draws=4000, seed=1, prior=PROPER)
    other = small.posterior(draws=1600, seed=1, method="nuts", prior=PROPER)
    assert capfd.readouterr() == ("", "")
    assert threading.active_count() == before
    assert other.r_hat is not None
    assert other.r_hat.max() < 1.01
    assert (other.divergences, other.k_hat, len(other.values)) == (0, None, 1600)
    # In the logarithms, where sd is finite for certain.
    means = [each.weights @ np.log(each.values) for each in (one, other)]
    sd = np.log(one.values).std(axis=0)
    error = np.sqrt(1.0 / one.ess + 1.0 / other.ess)  # Monte Carlo, of a mean, in sd
    assert (np.abs(means[0] - means[1]) / sd < 4.0 * error).all()


@pytest.mark.filterwarnings("ignore::clvmodels.PosteriorWarning")
@pytest.mark.slow
def test_chains_are_reproducible_and_go_to_arviz(small: Fit[BGNBD]) -> None:
    chains, again = (
        small.posterior(draws=100, seed=1, method="nuts", prior=PROPER) for _ in range(2)
    )
    np.testing.assert_array_equal(again.values, chains.values)
    tree = chains.to_arviz()
    assert dict(tree["posterior"].sizes) == {"chain": 4, "draw": 25}
    assert "diverging" in tree["sample_stats"]
    np.testing.assert_array_equal(tree["posterior"]["r"].values.ravel(), chains.values[:, 0])


def test_the_same_seed_gives_the_same_draws(fit: Fit[BGNBD]) -> None:
    one, same, other = (fit.posterior(draws=200, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.values, same.values)
    np.testing.assert_array_equal(one.weights, same.weights)
    assert (one.values != other.values).all()
    assert one.weights.sum() == pytest.approx(1.0)


def test_the_result_names_priors_and_method(fit: Fit[BGNBD]) -> None:
    posterior = fit.posterior(draws=200, seed=1, prior={"a": priors.HalfNormal(2.0)})
    assert posterior.prior["a"] == priors.HalfNormal(2.0)
    assert posterior.prior["r"] == priors.Flat()
    table = posterior.table
    assert list(table.columns) == ["mean", "sd", "lower", "upper", "ess", "prior"]
    assert table.loc["a", "prior"] == "HalfNormal(sigma=2.0)"
    assert "importance sampling" in repr(posterior)
    assert "k-hat" in str(posterior)
    assert posterior.interval("a") == pytest.approx(tuple(table.loc["a", ["lower", "upper"]]))


def test_a_strong_prior_moves_the_posterior(fit: Fit[BGNBD]) -> None:
    """Towards its own mean, as far as the precisions say (both are nearly normal)."""
    sigma = 0.01
    prior = {"r": priors.LogNormal(mu=float(np.log(0.25)), sigma=sigma)}
    posterior = fit.posterior(draws=2000, seed=1, prior=prior)
    r, error = fit.model.r, fit.standard_errors[0] / fit.model.r
    share = error**2 / (error**2 + sigma**2)
    expected = np.log(r) + share * (np.log(0.25) - np.log(r))
    assert posterior.mean[0] == pytest.approx(np.exp(expected), rel=2e-3)


# --- where the data come from -----------------------------------------------------------------


def test_a_fit_keeps_its_histories_to_itself(fit: Fit[BGNBD], tmp_path: Path) -> None:
    assert fit.histories is not None
    assert pickle.loads(pickle.dumps(fit)).histories is None
    assert "histories" not in repr(fit) + str(fit)
    loaded = clv.load(clv.save(fit, tmp_path / "fit.json"))
    assert loaded.histories is None
    for call in (
        lambda: loaded.posterior(seed=1),
        lambda: loaded.bootstrap(seed=1),
        lambda: loaded.profile_interval("r"),
    ):
        with pytest.raises(DataError, match=r"needs the histories.*Pass data="):
            call()
    data = TRUTH.simulate(3000, 39, seed=1, unit="week")
    np.testing.assert_array_equal(
        loaded.posterior(data, draws=200, seed=1).values, fit.posterior(draws=200, seed=1).values
    )
    with pytest.raises(DataError, match="on the data of the fit"):
        loaded.posterior(data.take(slice(0, 2000)), seed=1)


def test_with_covariates() -> None:
    rng = np.random.default_rng(4)
    web = (rng.random(4000) < 0.4).astype(float)
    bare = Customers.from_arrays(
        np.zeros(4000), np.zeros(4000), np.full(4000, 39.0), unit="week", covariates={"web": web}
    )
    effects = {"purchase": clv.Effects("web", {"web": 0.5}, {})}
    c = clv.PurchaseCovariates(TRUTH, effects).simulate(bare, seed=1)
    fit = BGNBD.fit(c, purchase="web")
    prior = {"purchase: web": priors.Normal(0.0, 0.05)}
    posterior = fit.posterior(draws=1000, seed=1, prior=prior)
    error, at = fit.standard_errors[-1], fit.model.values[-1]
    share = 0.05**2 / (error**2 + 0.05**2)
    assert posterior.mean[-1] == pytest.approx(at * share, abs=0.2 * error)
    assert posterior.models(3)[0].effects["purchase"].columns == ("web",)


# --- where there is no posterior, or a bad one -------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"draws": 99}, "100 or more.*99"),
        ({"draws": 1e3}, "whole.*1000.0"),
        ({"seed": -1}, "`seed`.*-1"),
        ({"seed": None}, "`seed`.*None"),
        ({"method": "hmc"}, "'auto', 'importance' or 'nuts'.*hmc"),
        ({"prior": {"alpa": priors.Flat()}}, "Did you mean 'alpha'"),
        ({"prior": priors.Normal(0, 1)}, "r is above zero"),
    ],
)
def test_bad_arguments(fit: Fit[BGNBD], arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        fit.posterior(**{"seed": 1, **arguments})


@pytest.fixture(scope="module")
def boundary() -> Fit[BGNBD]:
    """Return a fit to customers who all buy at one rate: r and alpha have no bound."""
    alike = BGNBD(r=1e5, alpha=1e6, a=0.8, b=2.4).simulate(300, 39, seed=1, unit="week")
    with pytest.warns(IdentifiabilityWarning):
        return BGNBD.fit(alike)


def test_no_posterior_without_a_bound(boundary: Fit[BGNBD]) -> None:
    assert boundary.certificate.verdict == "boundary"
    for call in (lambda: boundary.posterior(seed=1), lambda: boundary.draws(seed=1)):
        with pytest.raises(ParameterError, match=r"do not bound r, alpha.*prior="):
            call()
    # A prior of one of the two bounds both, since the data know their ratio.
    posterior = boundary.posterior(
        draws=500, seed=1, prior={"r": priors.LogNormal(1.0, 1.0)}, method="importance"
    )
    ratio = posterior.values[:, 0] / posterior.values[:, 1]
    assert posterior.weights @ ratio == pytest.approx(0.1, rel=0.2)


def test_a_likelihood_that_levels_off_has_no_posterior() -> None:
    """An interior maximum, but from there to infinity the log-likelihood falls by little."""
    c = TRUTH.simulate(150, 39, seed=3, unit="week")
    fit = BGNBD.fit(c)
    assert fit.certificate.verdict == "identified"
    with pytest.raises(ParameterError, match="do not bound a, b"):
        fit.posterior(seed=1)


@pytest.mark.slow
def test_long_tails_are_told_and_nuts_takes_over() -> None:
    """A prior with so long a tail that the posterior has one, too."""
    fit = BGNBD.fit(TRUTH.simulate(100, 39, seed=5, unit="week"))
    wide = dict.fromkeys("ab", priors.HalfStudentT(1.0, 1e4))
    with pytest.warns(PosteriorWarning) as told:
        posterior = fit.posterior(draws=400, seed=1, prior=wide)
    assert "NUTS draws instead" in str(told[0].message)
    assert "R-hat" in str(told[1].message)  # 100 draws a chain are too few for such a tail
    assert posterior.findings
    assert posterior.k_hat is not None
    assert posterior.k_hat > 0.7
    assert posterior.r_hat is not None
    assert "NUTS" in posterior.method
    with pytest.warns(PosteriorWarning, match="k-hat"):
        alone = fit.posterior(draws=400, seed=1, prior=wide, method="importance")
    assert "k-hat" in alone.findings[0]


def test_draws_without_a_mean_are_counted() -> None:
    bare = Customers.from_arrays(1.0 + np.random.default_rng(1).poisson(2, 400), unit=None)
    fit = GammaGamma.fit(GammaGamma(p=3.0, q=1.1, v=20.0).simulate(bare, seed=1))
    posterior = fit.posterior(draws=500, seed=1)
    share = float(posterior.weights @ (posterior.values[:, 1] <= 1.0))
    assert 0.0 < share < 1.0
    assert posterior.share_without_mean == pytest.approx(share)
    assert f"{share:.2%} of the draws have no mean spend" in repr(posterior)


def test_what_is_missing_is_named(fit: Fit[BGNBD], monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importance, "import_module", absent)
    with pytest.raises(MissingExtraError, match=r"arviz_stats.*clvmodels\[posterior\]"):
        fit.posterior(draws=100, seed=1)


# --- what can be done with draws ---------------------------------------------------------------


def test_to_arviz(fit: Fit[BGNBD]) -> None:
    posterior = fit.posterior(draws=2000, seed=1)
    tree = posterior.to_arviz()
    draws = tree["posterior"]
    assert dict(draws.sizes) == {"chain": 1, "draw": 2000}
    assert list(draws.data_vars) == ["r", "alpha", "a", "b"]
    assert draws.attrs["model"] == "BG/NBD"
    assert draws.attrs["prior"].startswith("r ~ Flat()")
    # Systematic resampling adds at most the spread of one draw in each stretch.
    sd = np.sqrt(np.diag(posterior.covariance))
    means = np.array([float(draws[name].mean()) for name in posterior.names])
    assert (np.abs(means - posterior.mean) / sd < 4.0 / np.sqrt(2000)).all()
    assert tree["sample_stats"]["log_weight"].shape == (1, 2000)


def test_normal_draws(fit: Fit[BGNBD]) -> None:
    draws = fit.draws(20_000, seed=1)
    z = np.log(draws.values)
    slopes = fit.model.values
    expected = fit.covariance / slopes[:, None] / slopes
    error = 4.0 * np.sqrt(2.0 / 20_000)
    sd = np.sqrt(np.diag(expected))
    np.testing.assert_allclose(
        np.cov(z.T) / sd[:, None] / sd, expected / sd[:, None] / sd, atol=error
    )
    np.testing.assert_allclose((z.mean(axis=0) - np.log(slopes)) / sd, 0.0, atol=error)


def test_weighted_moments_are_those_of_repeated_draws(fit: Fit[BGNBD]) -> None:
    values = np.array([[1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 5.0, 0.5], [4.0, 4.0, 1.0, 2.0]])
    weighted = clv.ParameterDraws(fit, values, np.array([0.5, 0.25, 0.25]), "test")
    repeated = values[[0, 0, 1, 2]]
    np.testing.assert_allclose(weighted.mean, repeated.mean(axis=0))
    np.testing.assert_array_equal(np.sort(weighted.resampled(4)[:, 0]), [1.0, 1.0, 2.0, 4.0])
    assert [model.r for model in weighted.models(8)] == [1.0] * 4 + [2.0] * 2 + [4.0] * 2
    equal = clv.ParameterDraws(fit, values, np.full(3, 1 / 3), "test")
    np.testing.assert_allclose(equal.covariance, np.cov(values.T))


def test_quantiles_of_equal_weights_are_those_of_numpy(fit: Fit[BGNBD]) -> None:
    draws = fit.draws(999, seed=1)
    mine = draws.quantiles([0.025, 0.5, 0.975])
    theirs = np.quantile(draws.values, [0.025, 0.5, 0.975], axis=0, method="hazen")
    np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    with pytest.raises(ParameterError, match="between 0 and 1"):
        draws.quantiles([97.5])
    with pytest.raises(ParameterError, match="Did you mean 'alpha'"):
        draws.interval("alfa")
    with pytest.raises(ParameterError, match=r"90 % as 0[.]9"):
        draws.interval("alpha", 95)
