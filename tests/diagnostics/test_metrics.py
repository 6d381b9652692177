"""Metrics against scipy, brute force and chance; none depends on the order of customers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

import clvmodels as clv
from clvmodels import BGNBD, Customers, DataError, diagnostics

ROUNDING = 1e-12
METRICS = (
    *("total_bias", "mae", "rmse", "spearman", "normalised_gini", "top_decile_capture"),
    "decile_calibration_error",
)


def metric(name: str) -> Any:
    return getattr(diagnostics, name)


def tied(seed: int, n: int = 500) -> tuple[Any, Any]:
    """Predictions of few levels, some of many, with skewed counts."""
    rng = np.random.default_rng(seed)
    predicted = np.where(rng.random(n) < 0.6, rng.integers(0, 6, n) / 7.0, rng.gamma(0.5, 4.0, n))
    return predicted, rng.poisson(predicted * rng.gamma(0.5, 2.0, n)).astype(float)


@pytest.mark.parametrize("name", METRICS)
def test_no_metric_depends_on_the_order(name: str) -> None:
    predicted, actual = tied(1)
    money = actual * np.random.default_rng(2).lognormal(3.0, 1.0, len(actual))
    for values in (actual, money):
        found = metric(name)(predicted, values)
        assert math.isfinite(found)
        for seed in range(20):
            order = np.random.default_rng(seed).permutation(len(values))
            assert metric(name)(predicted[order], values[order]) == found


@pytest.mark.parametrize("name", METRICS)
def test_the_last_bit_of_a_prediction_does_not_matter(name: str) -> None:
    """Engines add in other orders: what is equal but for rounding stays equal."""
    predicted, actual = tied(3)
    moved = predicted * (1.0 + 4e-16 * np.random.default_rng(4).integers(-3, 4, len(predicted)))
    assert metric(name)(moved, actual) == pytest.approx(
        metric(name)(predicted, actual), rel=ROUNDING
    )


@pytest.mark.parametrize("seed", range(5))
def test_accuracy_has_all_metrics(seed: int) -> None:
    predicted, actual = tied(seed)
    found = diagnostics.accuracy(predicted, actual)
    assert found == {name: metric(name)(predicted, actual) for name in METRICS}


@pytest.mark.parametrize("seed", range(5))
def test_against_numpy_and_scipy(seed: int) -> None:
    predicted, actual = tied(seed)
    found = diagnostics.accuracy(predicted, actual)
    assert found["total_bias"] == pytest.approx(predicted.sum() / actual.sum() - 1.0, rel=ROUNDING)
    assert found["mae"] == pytest.approx(np.abs(predicted - actual).mean(), rel=ROUNDING)
    assert found["rmse"] == pytest.approx(
        math.sqrt(((predicted - actual) ** 2).mean()), rel=ROUNDING
    )
    assert found["spearman"] == pytest.approx(spearmanr(predicted, actual).statistic, rel=ROUNDING)


def gini_by_pairs(score: Any, actual: Any) -> float:
    """Sum over all pairs of the gain of the one with the higher score, nothing for equal ones."""
    ahead = np.sign(score[:, None] - score[None, :])
    return float((ahead * (actual[:, None] - actual[None, :])).sum())


@pytest.mark.parametrize("seed", range(4))
def test_gini_by_all_pairs(seed: int) -> None:
    predicted, actual = tied(seed, 300)
    exact = gini_by_pairs(predicted, actual) / gini_by_pairs(actual, actual)
    assert diagnostics.normalised_gini(predicted, actual) == pytest.approx(exact, rel=ROUNDING)


def test_sharing_ties_is_the_mean_over_all_orders() -> None:
    """Of Gini and of what the best tenth captures; 4 standard errors of 4,000 random orders."""
    rng = np.random.default_rng(8)
    predicted = rng.integers(0, 4, 200).astype(float)  # the best tenth ends within a tie
    actual = rng.poisson(0.5 + predicted).astype(float)
    ginis, tops = [], []
    best = np.cumsum(np.sort(actual)[::-1]).mean() - 0.5 * actual.sum() * (1.0 + 1.0 / 200)
    for _ in range(4000):
        order = np.lexsort((rng.random(200), -predicted))
        running = np.cumsum(actual[order])
        ginis.append((running.mean() - 0.5 * running[-1] * (1.0 + 1.0 / 200)) / best)
        tops.append(running[19] / running[-1])
    for found, draws in (
        (diagnostics.normalised_gini(predicted, actual), ginis),
        (diagnostics.top_decile_capture(predicted, actual), tops),
    ):
        assert found == pytest.approx(np.mean(draws), abs=4.0 * np.std(draws) / math.sqrt(4000))
        assert np.std(draws) > 1e-3


def test_bounds_of_rankings() -> None:
    actual = np.array([0.0, 0.0, 1.0, 2.0, 9.0])
    assert diagnostics.normalised_gini(actual, actual) == 1.0
    assert diagnostics.normalised_gini(-actual, actual) == -1.0
    assert diagnostics.normalised_gini(np.ones(5), actual) == 0.0
    assert diagnostics.spearman(actual, 10.0 * actual) == pytest.approx(1.0, rel=ROUNDING)
    assert diagnostics.decile_calibration_error(actual, actual) == 0.0
    assert diagnostics.top_decile_capture(actual, actual) == 9.0 / 2.0 / 12.0  # half of the best


def test_deciles_of_whole_customers() -> None:
    rng = np.random.default_rng(3)
    predicted, actual = rng.permutation(200) / 50.0, rng.poisson(2.0, 200).astype(float)
    order = np.argsort(-predicted)
    groups = [
        part.mean(axis=1) for part in np.split(np.stack([predicted, actual])[:, order], 10, axis=1)
    ]
    off = np.mean([abs(ours - theirs) for ours, theirs in groups]) / actual.mean()
    assert diagnostics.decile_calibration_error(predicted, actual) == pytest.approx(off, rel=1e-10)
    top = actual[order][:20].sum() / actual.sum()
    assert diagnostics.top_decile_capture(predicted, actual) == pytest.approx(top, rel=1e-10)


@pytest.mark.parametrize("n", [1, 2, 7, 23])
def test_few_customers(n: int) -> None:
    predicted, actual = np.arange(n) + 1.0, np.arange(n) % 3.0 + 1.0
    found = diagnostics.accuracy(predicted, actual)
    assert math.isfinite(found["decile_calibration_error"])
    assert found["top_decile_capture"] > 0.0
    assert math.isnan(found["spearman"]) == (n == 1)


def test_what_does_not_exist_is_nan() -> None:
    nothing = np.zeros(4)
    found = diagnostics.accuracy(np.arange(4.0), nothing)
    missing = {name for name, value in found.items() if math.isnan(value)}
    assert missing == set(METRICS) - {"mae", "rmse"}
    assert math.isnan(diagnostics.spearman(np.ones(4), np.arange(4.0)))
    assert math.isnan(diagnostics.normalised_gini(np.arange(4.0), np.ones(4)))
    assert math.isnan(diagnostics.mean_log_density([]))
    assert math.isnan(diagnostics.tracking_error([1.0, 2.0], [0.0, 0.0]))


@pytest.mark.parametrize("name", [*METRICS, "accuracy", "tracking_error"])
def test_bad_input(name: str) -> None:
    for bad in (([1.0], [1.0, 2.0]), ([np.nan], [1.0]), ([], []), (["a"], [1.0])):
        with pytest.raises(DataError):
            metric(name)(*bad)


def test_tracking_error() -> None:
    assert diagnostics.tracking_error([5.0, 9.0], [4.0, 10.0]) == 0.1
    assert diagnostics.mean_log_density([-1.0, -2.0, -6.0]) == -3.0


# --- coverage ---------------------------------------------------------------------------------


def test_coverage_of_a_right_model() -> None:
    """30,000 customers drawn from the law itself: within 4 standard errors of what is expected."""
    rng = np.random.default_rng(11)
    few = Customers.from_arrays(
        [0, 1, 2, 7, 20], [0.0, 4.0, 30.0, 35.0, 38.0], [38.86] * 5, unit="week"
    )
    c = few.take(np.repeat(np.arange(5), 6000))
    ahead = clv.purchase_distribution(c, BGNBD(0.243, 4.414, 0.793, 2.426), horizon=39.0)
    actual = ahead.quantile(rng.random(len(c)))
    lower, upper = ahead.interval(0.8)
    content = ahead.content(lower, upper)
    before = content - ahead.pmf(upper)
    error = 4.0 * 0.5 / math.sqrt(len(c))
    assert diagnostics.coverage(lower, upper, actual) == pytest.approx(content.mean(), abs=error)
    assert content.mean() > 0.8 + error  # so that plain coverage says nothing about the level
    shared = diagnostics.randomised_coverage(
        lower, upper, actual, content=content, content_before=before, level=0.8
    )
    assert shared == pytest.approx(0.8, abs=error)


def test_coverage_does_not_depend_on_the_order() -> None:
    rng = np.random.default_rng(12)
    lower, actual = rng.integers(0, 3, 300), rng.integers(0, 9, 300)
    upper = lower + rng.integers(0, 5, 300)
    content = rng.uniform(0.9, 1.0, 300)
    parts = lower, upper, actual, content, content * rng.random(300)

    def both(*parts: Any) -> tuple[float, float]:
        known = {"content": parts[3], "content_before": parts[4], "level": 0.9}
        return (
            diagnostics.coverage(*parts[:3]),
            diagnostics.randomised_coverage(*parts[:3], **known),
        )

    found, order = both(*parts), rng.permutation(300)
    assert both(*(each[order] for each in parts)) == found
    assert found[0] == np.mean((lower <= actual) & (actual <= upper))
    assert found[1] < found[0]
