"""Refits: to the right customers, to the right spread, and none of them lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clvmodels import (
    BGNBD,
    Customers,
    Effects,
    Fit,
    GammaGamma,
    IdentifiabilityWarning,
    ParameterError,
    PosteriorWarning,
    PurchaseCovariates,
)
from clvmodels.models.bootstrap import _resampled
from clvmodels.models.sbg import SBG

TRUTH = BGNBD(r=0.24, alpha=4.4, a=0.8, b=2.4)
REFITS = 150
# Of a standard deviation, relative: Monte Carlo error of 150 refits, four times.
SD = 4.0 / np.sqrt(2 * REFITS)


@pytest.fixture(scope="module")
def fit() -> Fit[BGNBD]:
    return BGNBD.fit(TRUTH.simulate(6000, 52, seed=1, unit="week"))


def spread(draws: Any, fit: Fit[Any]) -> np.ndarray:
    """Spread of the refits in standard errors, on the scale of the estimation."""
    positive, values = fit.model.positive, fit.model.values
    z = np.where(positive, np.log(np.where(positive, draws.values, 1.0)), draws.values)
    return z.std(axis=0) / (fit.standard_errors / np.where(positive, values, 1.0))


@pytest.mark.parametrize("kind", ["customers", "parametric"])
def test_the_spread_is_the_standard_error(fit: Fit[BGNBD], kind: Any) -> None:
    draws = fit.bootstrap(draws=REFITS, kind=kind, seed=1)
    np.testing.assert_allclose(spread(draws, fit), 1.0, atol=SD)
    assert (draws.failed, draws.at_a_limit, draws.findings) == (0, 0, ())
    assert kind[:8] in draws.method


def test_a_refit_is_the_fit_of_the_customers_drawn(fit: Fit[BGNBD]) -> None:
    draws = fit.bootstrap(draws=20, seed=3)
    world = next(_resampled(fit.model.per_row(fit.histories), np.random.default_rng(3))).customers
    assert world.n_customers == fit.n_customers
    each = np.repeat(np.arange(len(world)), world.weight.astype(int))
    x, t_x, T = (column[each] for column in world.timing)
    again = BGNBD.fit(Customers.from_arrays(x, t_x, T, unit="week"))
    np.testing.assert_allclose(draws.values[0], again.model.values, rtol=1e-6)


def test_the_same_seed_gives_the_same_refits(fit: Fit[BGNBD]) -> None:
    one, same, other = (fit.bootstrap(draws=20, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.values, same.values)
    assert (one.values != other.values).all()


@pytest.mark.parametrize("kind", ["customers", "parametric"])
def test_with_covariates(kind: Any) -> None:
    size = 10.0 * (np.arange(6000) % 3)
    bare = Customers.from_arrays(
        np.zeros(6000), np.zeros(6000), np.full(6000, 52.0), unit="week", covariates={"size": size}
    )
    effects = {"purchase": Effects("size", {"size": 0.02}, {})}
    c = PurchaseCovariates(TRUTH, effects).simulate(bare, seed=1)
    fit = BGNBD.fit(c, purchase="size")
    draws = fit.bootstrap(draws=REFITS, kind=kind, seed=1)
    np.testing.assert_allclose(spread(draws, fit), 1.0, atol=SD)


def test_few_values_stand_for_many_customers() -> None:
    """Mean spend folded into cells, with weights that are no whole numbers."""
    n = 60_000
    bare = Customers.from_arrays(1.0 + np.random.default_rng(1).poisson(1.0, n), unit=None)
    fit = GammaGamma.fit(GammaGamma(6.25, 3.74, 15.44).simulate(bare, seed=1))
    assert fit.histories is not None
    assert len(fit.histories) < 5000
    assert (fit.histories.weight % 1.0 > 0.0).any()
    for kind in ("customers", "parametric"):
        draws = fit.bootstrap(draws=40 if kind == "parametric" else REFITS, kind=kind, seed=1)
        tolerance = SD if kind == "customers" else 4.0 / np.sqrt(80)
        np.testing.assert_allclose(spread(draws, fit), 1.0, atol=tolerance)


def test_of_subscriptions() -> None:
    fit = SBG.fit(SBG(0.7, 3.8).simulate(4000, 7, seed=1, unit="year"))
    draws = fit.bootstrap(draws=40, kind="parametric", seed=1)
    np.testing.assert_allclose(spread(draws, fit), 1.0, atol=4.0 / np.sqrt(80))


def test_refits_at_a_limit_are_counted_and_kept() -> None:
    fit = BGNBD.fit(TRUTH.simulate(100, 39, seed=5, unit="week"))
    with pytest.warns(PosteriorWarning, match="of 100 refits ended at a limit") as told:
        draws = fit.bootstrap(draws=100, seed=1)
    assert len(told) == 1
    assert 0 < draws.at_a_limit < 100
    assert len(draws.values) + draws.failed == 100
    assert "ended at a limit" in repr(draws)


def test_refits_that_fail_are_counted() -> None:
    """Half of the simulated worlds have nobody who buys again."""
    few = Customers.from_arrays([0, 1], [0.0, 3.0], [30.0, 30.0], unit="week", weight=[60.0, 1.0])
    with pytest.warns(IdentifiabilityWarning):
        fit = BGNBD.fit(few)
    with pytest.warns(PosteriorWarning, match="refits found no maximum"):
        draws = fit.bootstrap(draws=40, kind="parametric", seed=1)
    assert 0 < draws.failed < 40
    assert len(draws.values) == 40 - draws.failed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"draws": 19}, "20 or more.*19"),
        ({"kind": "wild"}, "'customers' or 'parametric'.*wild"),
        ({"seed": 1.5}, "`seed`.*1.5"),
    ],
)
def test_bad_arguments(fit: Fit[BGNBD], arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        fit.bootstrap(**{"seed": 1, **arguments})
