"""Differences against scipy, a regression written out, and formulas by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from clvmodels.experiments.differences import adjusted, difference, holm, plain, winsorised
from clvmodels.experiments.power import customers_needed, detectable

SAME = 1e-9


def _world(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    arm = np.repeat([0, 1], [60, 90])
    known = rng.gamma(2.0, size=(150, 2))
    rows = known @ [1.0, 0.5] * (1.0 + 0.3 * arm) + rng.gamma(1.0, 1.0 + arm)
    return rows, known, arm


def test_the_plain_difference_is_welchs() -> None:
    rows, _, arm = _world(1)
    found = difference(*plain(rows, arm, 2)[::-1], 0.9)
    test = stats.ttest_ind(rows[arm == 1], rows[arm == 0], equal_var=False)
    ends = test.confidence_interval(0.9)
    assert found.p_value == pytest.approx(test.pvalue, rel=SAME)
    assert (found.lower, found.upper) == pytest.approx((ends.low, ends.high), rel=SAME)
    one_sided = stats.ttest_ind(rows[arm == 1], rows[arm == 0], equal_var=False, alternative="less")
    assert found.probability == pytest.approx(one_sided.pvalue, rel=SAME)


def test_adjusting_is_a_regression_with_interactions() -> None:
    rows, known, arm = _world(2)
    found = adjusted(rows, known, arm, 2)
    x = known - known.mean(axis=0)
    design = np.column_stack([np.ones(len(arm)), arm, x, x * arm[:, None]])
    slopes = np.linalg.lstsq(design, rows, rcond=None)[0]
    assert found[1].mean - found[0].mean == pytest.approx(slopes[1], rel=SAME)
    assert (
        difference(found[1], found[0], 0.9).error
        < difference(*plain(rows, arm, 2)[::-1], 0.9).error
    )


def test_the_adjusted_error_is_that_of_the_bootstrap() -> None:
    rows, known, arm = _world(3)
    found = adjusted(rows, known, arm, 2)
    rng, draws = np.random.default_rng(4), []
    for _ in range(500):
        some = np.concatenate(
            [rng.choice(np.flatnonzero(arm == k), n) for k, n in ((0, 60), (1, 90))]
        )
        again = adjusted(rows[some], known[some], arm[some], 2)
        draws.append(again[1].mean - again[0].mean)
    # Of 500 draws the sd is known to 3 %; regressions of 60 lose some more to their slopes.
    assert difference(found[1], found[0], 0.9).error == pytest.approx(np.std(draws), rel=0.12)


def test_columns_that_say_nothing_do_not_adjust() -> None:
    rows, known, arm = _world(5)
    assert adjusted(rows, np.full_like(known, 0.1), arm, 2) == {}
    assert adjusted(rows[:12], known[:12], np.repeat([0, 1], 6), 2) == {}


def test_an_arm_too_small_to_adjust_leaves_the_others_as_if_it_were_not_there() -> None:
    rows, known, arm = _world(6)
    three = np.where(np.arange(150) < 9, 2, arm)
    found = adjusted(rows, known, three, 3)
    assert list(found) == [0, 1]
    assert found == adjusted(rows[9:], known[9:], arm[9:], 2)
    assert adjusted(rows, known, (three + 1) % 3, 3) == {}  # the control is the small one


def test_holm_by_hand() -> None:
    assert holm([0.04, 0.01, 0.03, 0.5]) == pytest.approx([0.09, 0.04, 0.09, 0.5])
    assert holm([0.2]) == [0.2]


def test_without_any_spread_there_is_no_doubt() -> None:
    arm = np.repeat([0, 1], 5)
    up = difference(*plain(arm.astype(float), arm, 2)[::-1], 0.9)
    assert (up.value, up.error, up.probability, up.p_value) == (1.0, 0.0, 1.0, 0.0)
    same = difference(*plain(np.ones(10), arm, 2)[::-1], 0.9)
    assert (same.value, same.probability, same.p_value) == (0.0, 0.5, 1.0)
    rounded = difference(*plain(np.full(10, 365.0 / 7.0), arm, 2)[::-1], 0.9)
    assert (rounded.value, rounded.error, rounded.p_value) == (0.0, 0.0, 1.0)


def test_winsorised_by_hand() -> None:
    assert winsorised(np.arange(101.0), 0.99)[-3:].tolist() == [98.0, 99.0, 99.0]


def test_power_is_that_of_a_normal_test() -> None:
    """The effect that is found with power 0.8 is found with power 0.8."""
    error = 0.37
    least = detectable(error, 0.05, 0.8)
    assert stats.norm.sf(stats.norm.ppf(0.975) - least / error) == pytest.approx(0.8, rel=1e-12)


def test_needed_customers_make_the_effect_detectable() -> None:
    needed = customers_needed((4.0, 9.0), 0.5, 0.05, 0.8, (0.25, 0.75))
    error = np.sqrt(4.0 / (0.25 * needed) + 9.0 / (0.75 * needed))
    assert detectable(error, 0.05, 0.8) == pytest.approx(0.5, rel=1e-2)
    assert detectable(error, 0.05, 0.8) <= 0.5
    assert customers_needed((1.0, 1.0), 0.0, 0.05, 0.8) == np.inf
