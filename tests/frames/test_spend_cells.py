"""Folded mean spend: fits from it are the fits from every customer."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import clvmodels as clv
from clvmodels.special.cells import gauss_points

SAME = 1e-8  # what fits from folded and from single customers agree to


def lazy(x: Any, m: Any, **more: Any) -> clv.CustomerSummary:
    x = np.asarray(x, dtype=float)
    table = {
        "customer_id": np.arange(len(x)), "frequency": x, "recency": np.where(x > 0, 5.0, 0.0),
        "T": np.full(len(x), 9.0), "monetary_value": m, **more,
    }  # fmt: skip
    frame = pl.DataFrame(table).with_columns(pl.col("monetary_value").fill_nan(None))
    return clv.CustomerSummary.from_frame(frame.lazy(), unit="week")


def alike(one: clv.Fit[Any], other: clv.Fit[Any]) -> None:
    assert one.model.values == pytest.approx(other.model.values, rel=SAME)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-11)
    assert one.covariance == pytest.approx(other.covariance, rel=1e-6)
    assert one.n_customers == pytest.approx(other.n_customers, rel=1e-12)


def test_points_have_the_moments_of_any_distribution() -> None:
    rng = np.random.default_rng(3)
    for size in (1, 2, 3, 4, 7, 100, 10_000):
        for spread in (1e-7, 1e-3, 1.0):
            u = np.clip(rng.normal(0.2, spread, size), -1.0, 1.0)
            moments = np.array([[(u**k).mean() for k in range(1, 6)]])
            points, weights = gauss_points(moments)
            assert (weights >= 0.0).all()
            assert weights.sum() == pytest.approx(1.0, abs=1e-14)
            found = [(weights * points**k).sum() for k in range(1, 6)]
            assert found == pytest.approx(moments[0], abs=1e-11)


def test_sums_of_smooth_functions_are_kept() -> None:
    rng = np.random.default_rng(5)
    x = rng.geometric(0.4, 20_000) - 1.0
    m = np.where(x > 0.0, np.exp(rng.normal(3.0, 1.0, len(x))), np.nan)
    folded = lazy(x, m).patterns(("frequency", "monetary_value"))
    assert len(folded) < len(x) / 4
    used = x > 0.0
    for v in (0.1, 15.0, 4000.0):
        rows = (x[used] * np.log1p(v / (x * m)[used])).sum()
        weights = folded.weight * (folded.frequency > 0.0)
        cells = np.log1p(v / np.where(weights > 0.0, folded.frequency * folded.monetary_value, 1.0))
        assert float(weights * folded.frequency @ cells) == pytest.approx(rows, rel=1e-11)
    assert folded.n_customers == pytest.approx(len(x), rel=1e-13)


def test_fits_agree_on_cdnow(cdnow_full: clv.CustomerSummary) -> None:
    table = pl.from_pandas(cdnow_full.frame)
    folded = clv.CustomerSummary.from_frame(table.lazy(), unit="week")
    with pytest.warns(clv.DataWarning, match="1 customer whose repeat purchases are worth nothing"):
        alike(clv.GammaGamma.fit(folded), clv.GammaGamma.fit(cdnow_full))
    one, other = map(clv.GammaGamma.check_independence, (folded, cdnow_full))
    assert one.correlation == pytest.approx(other.correlation, rel=1e-9)


@pytest.mark.parametrize("covariance", ["hessian", "sandwich"])
def test_fits_agree_with_covariates_and_sandwich(covariance: Any) -> None:
    rng = np.random.default_rng(11)
    x = 1.0 + rng.poisson(1.5, 4000)
    bare = clv.Customers.from_arrays(x, unit="week")
    m = clv.GammaGamma(6.0, 4.0, 15.0).simulate(bare, seed=2).spend[1]
    web = rng.random(4000) < 0.3
    m = np.where(web, 1.4 * m, m)
    folded = lazy(x, m, channel=np.where(web, "web", "shop"))
    rows = folded.collect()
    alike(*(clv.GammaGamma.fit(each, covariance=covariance) for each in (folded, rows)))
    alike(*(clv.GammaGamma.fit(s, spend="channel", covariance=covariance) for s in (folded, rows)))


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e12])
def test_amounts_of_any_size(scale: float) -> None:
    rng = np.random.default_rng(7)
    x = 1.0 + rng.poisson(1.0, 500)
    m = scale * np.exp(rng.normal(0.0, 0.7, 500))
    folded = lazy(x, m)
    alike(clv.GammaGamma.fit(folded), clv.GammaGamma.fit(folded.collect()))


def test_customers_worth_nothing_are_told_of() -> None:
    rng = np.random.default_rng(9)
    x = np.append(1.0 + rng.poisson(1.0, 300), [2.0, 1.0, 0.0])
    m = np.append(np.exp(rng.normal(3.0, 0.7, 300)), [0.0, 0.0, np.nan])
    folded = lazy(x, m)
    with pytest.warns(clv.DataWarning, match="2 customers whose repeat purchases are worth"):
        one = clv.GammaGamma.fit(folded)
    with pytest.warns(clv.DataWarning):
        alike(one, clv.GammaGamma.fit(folded.collect()))


@pytest.mark.parametrize("bad", [-1.0, np.inf, np.nan])
def test_what_is_no_amount_is_refused(bad: float) -> None:
    with pytest.raises(clv.DataError, match="1 customers break this"):
        lazy([1.0, 2.0, 1.0, 3.0], [5.0, bad, 4.0, 9.0]).patterns(("frequency", "monetary_value"))


def test_one_price_for_all_is_refused_as_in_memory() -> None:
    with pytest.raises(clv.DataError, match="multiply purchases by that price"):
        clv.GammaGamma.fit(lazy(1.0 + np.arange(50.0) % 3, np.full(50, 9.99)))


def test_many_customers_in_memory_are_folded_too() -> None:
    rng = np.random.default_rng(13)
    x = rng.geometric(0.5, 60_000) - 1.0
    m = np.where(x > 0.0, np.exp(rng.normal(3.0, 0.6, len(x))), np.nan)
    m[np.flatnonzero(x > 0.0)[:3]] = 0.0
    c = clv.Customers.from_arrays(x, unit="week", monetary_value=m)
    folded, lazily = c.patterns(("frequency", "monetary_value")), lazy(x, m)
    assert len(folded) < 2_000
    assert folded.n_customers == pytest.approx(60_000, rel=1e-13)
    with pytest.warns(clv.DataWarning, match="3 customers whose repeat purchases"):
        one = clv.GammaGamma.fit(c)
    with pytest.warns(clv.DataWarning):
        alike(one, clv.GammaGamma.fit(lazily))
    rows = c.take(np.flatnonzero((x > 0.0) & (m > 0.0)))
    assert one.model.evaluate(rows).value == pytest.approx(one.log_likelihood, rel=1e-12)
    assert one.log_likelihood == pytest.approx(one.model.log_likelihood(rows).sum(), rel=1e-11)
