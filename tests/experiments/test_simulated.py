"""Intervals and probabilities in simulated tests whose truth is known."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from scipy import stats

import clvmodels as clv
from clvmodels import BGNBD

from .worlds import ORIGIN, Kind, orders

COLUMNS = {"customer": "customer", "date": "day", "amount": "paid", "unit": "week", "group": "arm"}
HORIZON = 78.0
START = 26.0


def _value(kind: Kind) -> float:
    """Return the mean value of a new customer within the horizon."""
    model = BGNBD(kind.r, kind.alpha, kind.a, kind.b)
    return kind.order * (1.0 + float(model.mean_purchases(HORIZON)))


def _new(seed: int, size: int, lift: float) -> tuple[clv.GroupComparison, float]:
    """Compare new customers, of whom one arm buys more often; return the truth beside it."""
    kinds = {"control": Kind(), "mail": Kind(alpha=6.0 / lift)}
    log = orders(kinds, dict.fromkeys(kinds, size), seed=seed)
    truth = _value(kinds["mail"]) - _value(kinds["control"])
    return clv.compare_groups(log, **COLUMNS, horizon=HORIZON), truth


def _existing(seed: int, size: int) -> clv.GroupComparison:
    """Compare existing customers whose arms are alike."""
    kinds = {"control": Kind(), "mail": Kind()}
    log = orders(kinds, dict.fromkeys(kinds, size), seed=seed, spread=20.0)
    start = ORIGIN + timedelta(weeks=START)
    return clv.compare_groups(log, **COLUMNS, start=start, horizon=39.0)


def _lifetime(found: clv.GroupComparison, method: str) -> dict[str, float]:
    table = found.table.set_index(["quantity", "method"])
    return dict(table.loc[("lifetime value", method)])


def test_errors_are_as_large_as_they_are_said_to_be() -> None:
    """Errors over standard errors in eight worlds: squares are chi-square, 1 in 1,000 aside."""
    away = []
    for seed in range(8):
        found, truth = _new(seed, 150, 1.3)
        row = _lifetime(found, "plain")
        away.append((row["difference"] - truth) / row["std_error"])
    lower, upper = stats.chi2.ppf([5e-4, 1.0 - 5e-4], len(away))
    assert lower < np.square(away).sum() < upper
    assert abs(np.mean(away)) < 3.3 / np.sqrt(len(away))


def _held(rows: list[dict[str, float]], truth: float) -> float:
    return float(np.mean([each["lower"] <= truth <= each["upper"] for each in rows]))


@pytest.mark.slow
@pytest.mark.parametrize("lift", [1.0, 1.3])
def test_intervals_of_new_customers_cover(lift: float) -> None:
    """In 90 % of 200 worlds, +- 3 Monte Carlo errors of 2.1 points."""
    pairs = [_new(1_000 + seed, 400, lift) for seed in range(200)]
    rows = [_lifetime(found, "plain") for found, _ in pairs]
    assert _held(rows, pairs[0][1]) == pytest.approx(0.9, abs=0.064)
    if lift == 1.0:
        uniform = stats.kstest([each["probability_better"] for each in rows], "uniform")
        assert uniform.pvalue > 1e-3


@pytest.mark.slow
def test_intervals_of_existing_customers_cover_and_tests_of_balance_hold() -> None:
    """Arms that are alike: intervals hold zero, P(better) and the test of balance are uniform."""
    all_found = [_existing(2_000 + seed, 400) for seed in range(150)]
    for method in ("plain", "adjusted"):
        rows = [_lifetime(found, method) for found in all_found]
        assert _held(rows, 0.0) == pytest.approx(0.9, abs=0.074)
        better = stats.kstest([each["probability_better"] for each in rows], "uniform")
        assert better.pvalue > 1e-3
    balance = [found.tests["p_value"][1] for found in all_found]
    assert stats.kstest(balance, "uniform").pvalue > 1e-3
