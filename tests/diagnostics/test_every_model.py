"""Deciles, lift and log densities of every kind of model, from a log; results that travel."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.diagnostics import Outcomes, deciles, lift, outcomes

# Whether the few customers here pin parameters down is not the question.
pytestmark = pytest.mark.filterwarnings("ignore::clvmodels.IdentifiabilityWarning")
ORDERS: dict[str, Any] = {"customer": "who", "date": "day", "amount": "paid"}


def orders(people: int = 150, days: int = 420) -> pd.DataFrame:
    """Gamma rates, exponential lives; one customer buys daily."""
    rng = np.random.default_rng(6)
    rows = []
    for who in range(people):
        rate, life = rng.gamma(0.8, 0.05), rng.exponential(200.0 / rng.gamma(0.6))
        start = rng.integers(0, 120)
        end = min(days, start + life)
        times = start + np.append(0.0, np.cumsum(rng.exponential(1.0 / rate, 200)))
        rows += [(who, day) for day in np.unique(np.floor(times[times < end]))]
    rows += [(people, day) for day in range(days)]
    frame = pd.DataFrame(rows, columns=["who", "day"])
    frame["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(frame["day"], unit="D")
    typical = 40.0 / rng.gamma(3.0, 1.0, people + 1)
    return frame.assign(paid=typical[frame.who] * rng.gamma(4.0, 0.25, len(frame)) + 0.01)


def split_of(frame: Any, **options: Any) -> clv.HoldoutSplit:
    known = ORDERS | {"calibration_end": "2024-09-29", "unit": "week"} | options
    return clv.holdout_split(frame, **known)


def check(split: clv.HoldoutSplit, fit: Any) -> Outcomes:
    found = outcomes(split, covariates=tuple(fit.model.variables))
    table = deciles(split, fit).table
    predicted = fit.expected_purchases(found.customers, found.horizon)
    assert table.predicted_total.sum() == pytest.approx(predicted.sum(), rel=1e-12)
    assert table.actual_total.sum() == pytest.approx(found.purchases.sum(), rel=1e-12)
    assert np.isfinite(table.to_numpy()).all()
    assert 0.3 < lift(split, fit).normalised_gini < 1.0
    law = clv.purchase_distribution(found.customers, fit, horizon=found.horizon)
    assert np.isfinite(law.log_pmf(found.purchases)).all()
    return found


def test_a_model_in_real_time() -> None:
    split = split_of(orders())
    found = check(split, clv.ParetoNBD.fit(split.calibration))
    assert found.purchases.max() > 100.0  # the daily customer


def test_regular_timing() -> None:
    split = split_of(orders(), intervals=True)
    check(split, clv.MBGCNBD.fit(split.calibration, k=2))


def test_whole_periods() -> None:
    split = split_of(orders(), grid="month", unit="month", calibration_end="2024-09-30")
    check(split, clv.BGBB.fit(split.calibration))


def test_covariates() -> None:
    frame = orders()
    split = split_of(frame)
    ids = np.unique(frame.who)
    table = pd.DataFrame({"who": ids, "channel": np.where(ids % 3, "web", "shop")})
    joined = clv.HoldoutSplit(
        **{**vars(split), "calibration": split.calibration.with_covariates(table)}
    )
    fit = clv.BGNBD.fit(joined.calibration, purchase="channel")
    found = check(joined, fit)
    assert set(found.customers.covariates["channel"].tolist()) == {"web", "shop"}


def test_value_of_draws() -> None:
    """Draws of the parameters in place of a fit: means at the fit, intervals with their error."""
    split = split_of(orders())
    fit, money = clv.BGNBD.fit(split.calibration), clv.GammaGamma.fit(split.calibration)
    plain = deciles(split, fit, money).table
    drawn = deciles(split, fit.draws(100, seed=1), money).table
    assert drawn.predicted.tolist() == plain.predicted.tolist()
    assert (drawn.lower < drawn.upper).all()
    found = outcomes(split)
    law = clv.value_distribution(found.customers, fit, money, horizon=found.horizon)
    assert np.isfinite(law.log_density(found.value)).all()


def test_results_travel() -> None:
    split = split_of(orders(60))
    fit = clv.BGNBD.fit(split.calibration)
    for result in (deciles(split, fit), lift(split, fit)):
        again = pickle.loads(pickle.dumps(result))
        pd.testing.assert_frame_equal(again.table, result.table)
        assert str(again) == str(result)
    found = outcomes(split)
    assert pickle.loads(pickle.dumps(found)).purchases.tolist() == found.purchases.tolist()
