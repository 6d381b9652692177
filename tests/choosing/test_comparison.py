"""Tables and tests that help to choose, against calculations by other means."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import optimize, stats

from clvmodels import (
    BGNBD,
    MBGNBD,
    Customers,
    DataError,
    GammaGamma,
    IdentifiabilityWarning,
    ParameterError,
    compare,
    likelihood_ratio_test,
)
from clvmodels.models.fit import Fit

TRUTH = BGNBD(r=0.24, alpha=4.4, a=0.8, b=2.4)


@pytest.fixture(scope="module")
def data() -> Customers:
    return TRUTH.simulate(4_000, np.repeat([30.0, 52.0], 2_000), seed=1, unit="week")


@pytest.fixture(scope="module")
def fit(data: Customers) -> Fit[BGNBD]:
    return BGNBD.fit(data)


def test_table_and_advice(data: Customers, fit: Fit[BGNBD]) -> None:
    comparison = compare([MBGNBD.fit(data), fit])
    table = comparison.table
    assert list(table.index) == ["BG/NBD", "MBG/NBD"]
    assert table.loc["BG/NBD", "aic"] == pytest.approx(8 - 2 * fit.log_likelihood)
    assert table.loc["BG/NBD", "chi_square"] < table.loc["MBG/NBD", "chi_square"]
    assert "BG/NBD describes the data best" in comparison.advice
    assert str(comparison).endswith(comparison.advice)


def test_histogram_of_frequencies(data: Customers, fit: Fit[BGNBD]) -> None:
    table = fit.frequencies
    assert table is not None
    x = data.frequency
    assert table.observed[:7] == tuple(float((x == k).sum()) for k in range(7))
    expected = sum(2_000 * fit.purchase_pmf(np.arange(7), t) for t in (30.0, 52.0))
    assert table.expected[:7] == pytest.approx(expected, rel=1e-12)
    assert sum(table.expected) == pytest.approx(4_000)
    statistic = sum((o - e) ** 2 / e for o, e in zip(table.observed, table.expected, strict=True))
    assert table.chi_square == pytest.approx(statistic)
    gaps = [abs(o - e) for o, e in zip(table.observed, table.expected, strict=True)]
    assert table.misplaced == pytest.approx(sum(gaps) / 8_000)
    assert f"chi-square {statistic:.2f} in 8 cells" in str(table)
    assert list(table.table.index) == ["0", "1", "2", "3", "4", "5", "6", "7+"]


def test_a_model_that_is_wrong_is_said() -> None:
    """A third of the customers never come back, which no model here knows."""
    x, t_x, T = BGNBD(5.0, 20.0, 0.5, 20.0).simulate(2_000, 52.0, seed=5).timing
    gone = np.zeros(1_000)
    c = Customers.from_arrays(
        np.append(x, gone), np.append(t_x, gone), np.append(T, gone + 52.0), unit="week"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IdentifiabilityWarning)
        comparison = compare([BGNBD.fit(c), BGNBD.fit(c, covariance="sandwich")])
    assert "No model here may be right" in comparison.advice


def test_many_ages_are_sampled() -> None:
    """With 50,000 distinct ages a systematic sample of 2,000 gives the same histogram."""
    ages = np.linspace(20.0, 60.0, 50_000)
    c = TRUTH.simulate(50_000, ages, seed=2, unit="week")
    table = BGNBD.fit(c).frequencies
    assert table is not None
    assert sum(table.expected) == pytest.approx(50_000)
    exact = np.mean([TRUTH.purchase_pmf([0], t)[0] for t in ages[::500]])
    assert table.expected[0] / 50_000 == pytest.approx(exact, rel=0.02)


def test_what_cannot_be_compared(data: Customers, fit: Fit[BGNBD]) -> None:
    with pytest.raises(ParameterError, match="two or more fits"):
        compare([fit])
    with pytest.raises(ParameterError, match="two or more fits"):
        compare(fit)
    with pytest.raises(ParameterError, match="two or more fits"):
        compare([fit, TRUTH])
    fewer = BGNBD.fit(data.take(slice(0, 3_000)))
    with pytest.raises(DataError, match="same customers"):
        compare([fit, fewer])
    spending = GammaGamma(6.0, 4.0, 15.0).simulate(data, seed=1)
    with pytest.raises(DataError, match="likelihood of the same thing"):
        compare([BGNBD.fit(spending), GammaGamma.fit(spending)])


def test_alike_and_doubtful_models_are_said() -> None:
    c = BGNBD(0.8, 6.0, 1e5, 3e5).simulate(1_500, 52.0, seed=3, unit="week")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IdentifiabilityWarning)
        comparison = compare([BGNBD.fit(c), MBGNBD.fit(c)])
    assert "read its certificate" in comparison.advice


def test_likelihood_ratio(data: Customers) -> None:
    x, t_x, T = data.timing
    web = np.arange(len(x)) % 2
    c = Customers.from_arrays(x, t_x, T, unit="week", covariates={"web": web})
    plain, one = BGNBD.fit(c), BGNBD.fit(c, purchase="web")
    both = BGNBD.fit(c, purchase="web", dropout="web")
    test = likelihood_ratio_test(plain, both)
    assert test.degrees == 2
    assert test.statistic == pytest.approx(2 * (both.log_likelihood - plain.log_likelihood))
    assert test.p_value == pytest.approx(stats.chi2.sf(test.statistic, 2))
    assert "no evidence against" in str(test)
    assert likelihood_ratio_test(one, both).degrees == 1
    with pytest.raises(ParameterError, match="no special case"):
        likelihood_ratio_test(both, one)
    with pytest.raises(ParameterError, match="no special case"):
        likelihood_ratio_test(MBGNBD.fit(c), both)
    with pytest.raises(ParameterError, match="no special case"):
        likelihood_ratio_test(BGNBD.fit(c, dropout="web", tied=True), both)


def test_profile_interval_by_another_optimiser(data: Customers, fit: Fit[BGNBD]) -> None:
    """At each end, the best of the other parameters, by Nelder-Mead, is 1.92 below the top."""
    lower, upper = fit.profile_interval("a", data)
    assert lower < fit.model.a < upper
    patterns = data.patterns()

    def best_with(a: float) -> float:
        def loss(z: np.ndarray) -> float:
            r, alpha, b = np.exp(z)
            return -float(patterns.weight @ BGNBD(r, alpha, a, b).log_likelihood(patterns))

        start = np.log([fit.model.r, fit.model.alpha, fit.model.b])
        options = {"xatol": 1e-7, "fatol": 1e-9, "maxiter": 4_000, "maxfev": 4_000}
        return -float(optimize.minimize(loss, start, method="Nelder-Mead", options=options).fun)

    fall = stats.chi2.ppf(0.95, 1) / 2
    for end in (lower, upper):
        assert fit.log_likelihood - best_with(end) == pytest.approx(fall, abs=1e-5)


def test_profile_interval_without_an_end() -> None:
    c = BGNBD(0.8, 6.0, 1e5, 3e5).simulate(1_500, 52.0, seed=3, unit="week")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IdentifiabilityWarning)
        flat = BGNBD.fit(c)
    lower, upper = flat.profile_interval("a", c)
    assert 0.0 < lower < 1e4
    assert upper == np.inf


def test_profile_arguments(data: Customers, fit: Fit[BGNBD]) -> None:
    with pytest.raises(ParameterError, match="Did you mean 'alpha'"):
        fit.profile_interval("alhpa", data)
    with pytest.raises(ParameterError, match="between 0 and 1"):
        fit.profile_interval("a", data, level=95)
    with pytest.raises(DataError, match="data of the fit"):
        fit.profile_interval("a", data.take(slice(0, 100)))


def test_sandwich_by_differences(data: Customers) -> None:
    """Scores by finite differences of the log-likelihood of each row."""
    robust, plain = BGNBD.fit(data, covariance="sandwich"), BGNBD.fit(data)
    values = plain.model.values
    scores = []
    for i, value in enumerate(values):
        h = 1e-4 * value
        up, down = values.copy(), values.copy()
        up[i] += h
        down[i] -= h
        high, low = BGNBD(*up).log_likelihood(data), BGNBD(*down).log_likelihood(data)
        scores.append((high - low) / (2 * h))
    meat = np.stack(scores) @ np.stack(scores).T
    expected = plain.covariance @ meat @ plain.covariance
    assert robust.covariance == pytest.approx(expected, rel=1e-5)
    # The model is right here, so both agree up to chance.
    assert robust.standard_errors == pytest.approx(plain.standard_errors, rel=0.15)


def test_sandwich_on_patterns(cdnow_sample: object) -> None:
    rows = cdnow_sample.customers()
    by_rows = BGNBD.fit(rows, covariance="sandwich")
    by_patterns = BGNBD.fit(cdnow_sample, covariance="sandwich")
    assert by_patterns.covariance == pytest.approx(by_rows.covariance, rel=1e-8)


def test_profile_of_spend(cdnow_sample: object) -> None:
    """Customers without a repeat purchase have no part in it."""
    fit = GammaGamma.fit(cdnow_sample)
    lower, upper = fit.profile_interval("p", cdnow_sample)
    assert lower < 6.25 < upper
    robust = GammaGamma.fit(cdnow_sample, covariance="sandwich")
    assert np.isfinite(robust.standard_errors).all()
