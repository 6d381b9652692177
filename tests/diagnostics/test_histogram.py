"""Histograms of frequency: published numbers, and a p-value that is one."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from scipy import stats

import clvmodels as clv
from clvmodels import BGNBD, MBGCNBD, Customers, DataError, ParetoNBD, UnitMismatchError
from clvmodels.diagnostics import frequencies
from clvmodels.models.base import Model
from clvmodels.models.purchases import OpportunityModel, PurchaseModel
from clvmodels.models.registry import MODELS
from clvmodels.special.chi_squares import weighted_tail

PURCHASE_MODELS = [each for each in MODELS.values() if issubclass(each, PurchaseModel)]
SIGMAS = 4.0  # a seeded test that fails by chance once in 16,000 seeds


def example(kind: type[Model]) -> PurchaseModel:
    """The model at the middle of the range that it declares."""
    values = [float(np.sqrt(np.prod(each.typical))) for each in kind.domains().values()]
    model = kind(*values, **dict.fromkeys(kind.settings(), 2))
    assert isinstance(model, PurchaseModel)
    return model


def simulated(model: PurchaseModel, n: int, seed: int) -> Customers:
    ages = 20.0 + np.arange(n) % 13
    return model.simulate(n, ages, seed=seed, unit="week")


# Fader, Hardie and Lee (2005), figure 1, and the chi-squares beside it; the third is in no paper.
@pytest.mark.parametrize(("model", "published"), [(BGNBD, "4.82"), (ParetoNBD, "11.99")])
def test_published_chi_square(cdnow_sample: Any, model: type[Model], published: str) -> None:
    fit = model.fit(cdnow_sample)
    check = frequencies(cdnow_sample, fit)
    assert f"{check.chi_square:.2f}" == published
    assert check.observed == (1411.0, 439.0, 214.0, 100.0, 62.0, 38.0, 29.0, 64.0)
    assert (check.observed, check.expected) == (fit.frequencies.observed, fit.frequencies.expected)
    contributions = check.table["contribution"]
    assert contributions.sum() == pytest.approx(check.chi_square)
    assert check.fitted is True
    # Chernoff and Lehmann: between c - 1 - k and c - 1 degrees of freedom, here 3 and 7, with three
    # weights of 1, but for the ages, which differ by a quarter.
    assert 3.0 < check.degrees_of_freedom < 7.0
    assert np.sort(check.weights)[-3:] == pytest.approx(1.0, abs=0.01)
    low, high = (stats.chi2.sf(check.chi_square, degrees) for degrees in (3, 7))
    assert low < check.p_value < high


@pytest.mark.filterwarnings("ignore::clvmodels.IdentifiabilityWarning")
def test_p_values_are_uniform_after_a_fit() -> None:
    """With parameters from the same customers: neither 7 nor 3 degrees of freedom would do."""
    truth, worlds = BGNBD(0.5, 5.0, 0.8, 2.4), 45
    checks = []
    for seed in range(worlds):
        c = truth.simulate(400, 30.0, seed=seed, unit="week")
        checks.append(frequencies(c, BGNBD.fit(c)))
    chi = np.array([check.chi_square for check in checks])
    mean = np.array([check.degrees_of_freedom for check in checks]).mean()
    assert abs(chi.mean() - mean) < SIGMAS * np.sqrt(2.0 * mean / worlds)
    assert stats.kstest([check.p_value for check in checks], "uniform").pvalue > 1e-3


def test_given_parameters_and_other_customers() -> None:
    """Of a bare model the statistic has c - 1 degrees; of a fit to others it has more."""
    truth = BGNBD(0.5, 5.0, 0.8, 2.4)
    c = truth.simulate(2000, 30.0, seed=1, unit="week")
    known = frequencies(c, truth)
    assert known.fitted is None
    assert known.weights == pytest.approx([1.0] * (known.cells - 1))
    assert known.p_value == pytest.approx(stats.chi2.sf(known.chi_square, known.cells - 1))
    others = frequencies(truth.simulate(2000, 30.0, seed=2, unit="week"), BGNBD.fit(c))
    assert others.fitted is False
    assert others.degrees_of_freedom > others.cells


@pytest.mark.parametrize("kind", PURCHASE_MODELS, ids=lambda kind: kind.__name__)
def test_every_model(kind: type[Model]) -> None:
    model = example(kind)
    c = simulated(model, 600, seed=3)
    check = frequencies(c, model)
    assert sum(check.observed) == 600.0
    assert sum(check.expected) == pytest.approx(600.0)
    assert 1e-4 < check.p_value <= 1.0
    n = np.arange(7.0)
    ages, count = np.unique(c.timing[2], return_counts=True)
    own = sum(k * model.purchase_pmf(n, age) for age, k in zip(ages, count, strict=True))
    assert np.array(check.expected[:7]) == pytest.approx(own)
    again = frequencies(c.take(np.random.default_rng(1).permutation(600)), model)
    assert again == check
    assert pickle.loads(pickle.dumps(check)) == check
    assert "p = " in str(check)
    assert "<table" in check._repr_html_()


def test_small_cells_are_merged() -> None:
    model = BGNBD(0.243, 4.414, 0.793, 2.426)
    check = frequencies(model.simulate(60, 10.0, seed=1), model)
    contribution = check.table["contribution"]
    assert check.cells < 8
    assert contribution.notna().sum() == check.cells == len(check.weights) + 1
    assert contribution.sum() == pytest.approx(check.chi_square)


def test_boundary_fits_have_a_p_value() -> None:
    """Nobody leaves: two parameters have no bound, and no infinite covariance gets in."""
    c = BGNBD(2.0, 10.0, 1e-6, 10.0).simulate(500, 30.0, seed=1)
    with pytest.warns(match="not pinned down"):
        fit = BGNBD.fit(c)
    assert 0.0 < frequencies(c, fit).p_value < 1.0


def test_errors() -> None:
    c = BGNBD(0.5, 5.0, 0.8, 2.4).simulate(500, 30.0, seed=1, unit="week")
    fit = BGNBD.fit(c)
    with pytest.raises(UnitMismatchError, match="own time unit"):
        frequencies(BGNBD(0.5, 5.0, 0.8, 2.4).simulate(50, 30.0, seed=1, unit="day"), fit)
    with pytest.raises(DataError, match="purchase model"):
        frequencies(c, "BGNBD")


def test_regular_timing_and_whole_periods_agree_with_the_fit() -> None:
    for model in (MBGCNBD(0.5, 1.5, 0.9, 1.6, k=2), example(MODELS["BGBB"])):
        ages = np.full(500, 20.0)
        c = model.simulate(500, ages, seed=1, unit="week")
        fit = type(model).fit(c, **dict.fromkeys(model.settings(), 2))
        assert frequencies(c, fit).expected == fit.frequencies.expected
        assert isinstance(model, OpportunityModel) == (model.title == "BG/BB")


@pytest.mark.parametrize("weights", [[1.0], [2.0, 1.0, 0.5], [1.0, 1.0, 0.9, 0.5, 0.02]])
def test_tail_of_weighted_chi_squares(weights: list[float]) -> None:
    rng = np.random.default_rng(7)
    draws = rng.standard_normal((200_000, len(weights))) ** 2 @ np.array(weights)
    for x in np.quantile(draws, [0.1, 0.5, 0.99]):
        p = float((draws > x).mean())
        assert weighted_tail(float(x), weights) == pytest.approx(p, abs=SIGMAS * 0.5 / 447.0)
    assert weighted_tail(-1.0, weights) == 1.0
    assert weighted_tail(1e6, weights) == pytest.approx(0.0, abs=1e-12)
    equal = [3.0] * len(weights)
    x = 4.0 * len(weights)
    assert weighted_tail(x, equal) == pytest.approx(stats.chi2.sf(x / 3.0, len(weights)))


def test_too_few_customers_to_test() -> None:
    """With one cell, or cells of less than five, chi-square says nothing."""
    model, spend = BGNBD(0.24, 4.4, 0.8, 2.4), clv.GammaGamma(6.25, 3.74, 15.44)
    one = Customers.from_arrays([2.0], [20.0], [39.0], unit="week", monetary_value=[30.0])
    found = frequencies(one, model)
    assert math.isnan(found.p_value)
    spent = clv.diagnostics.spend_distribution(one, spend)
    assert found.verdict == spent.verdict == "too few customers to test"
    assert "too few" in str(found)
    assert "too few" in spent._repr_html_()
    many = model.simulate(200, 39, seed=1, unit="week")
    found = frequencies(many, model)
    assert 0.0 <= found.p_value <= 1.0
    assert found.verdict.startswith("chi-square")
    spent = clv.diagnostics.spend_distribution(spend.simulate(many, seed=2), spend)
    assert spent.verdict.startswith("chi-square")
