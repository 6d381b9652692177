"""Gamma-Gamma against the tables that its papers print."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from clvmodels import Customers, DataError, DataWarning, GammaGamma, UndefinedMomentError

PRINTED_3 = 0.0005 + 1e-9
PRINTED_4 = 0.00005 + 1e-9
PRINTED_5 = 0.000005 + 1e-9


def test_sample(cdnow_sample: Any) -> None:
    fit = GammaGamma.fit(cdnow_sample)
    assert fit.model.values == pytest.approx([6.250, 3.744, 15.444], abs=PRINTED_3)
    assert fit.log_likelihood == pytest.approx(-4055.9177, abs=PRINTED_4)
    assert fit.n_customers == 946


def test_first_purchase_kept(cdnow_sample_orders: Any) -> None:
    """The variant that keeps the first purchase, to compare with papers that do."""
    orders = cdnow_sample_orders[cdnow_sample_orders.date <= "1997-09-30"]
    days = orders.groupby(["customer_id", "date"]).amount.sum().groupby("customer_id")
    table = pd.DataFrame({"x": days.size(), "m": days.mean()})
    with pytest.warns(DataWarning, match="worth nothing"):
        fit = GammaGamma.fit(Customers.from_arrays(table.x, unit=None, monetary_value=table.m))
    assert fit.model.values == pytest.approx([9.88129, 3.39876, 7.92857], abs=PRINTED_5)
    assert fit.log_likelihood == pytest.approx(-9898.4509, abs=PRINTED_4)


def test_spend_is_between_own_mean_and_population_mean() -> None:
    model = GammaGamma(6.25, 3.74, 15.44)
    own = np.array([1.0, 20.0, 35.0, 60.0, 1000.0])
    c = Customers.from_arrays(np.full(5, 3), unit=None, monetary_value=own)
    population = model.expected_spend(
        Customers.from_arrays([0], unit=None, monetary_value=[np.nan])
    )
    spend = model.expected_spend(c)
    assert ((spend >= np.minimum(own, population)) & (spend <= np.maximum(own, population))).all()


def test_mean_that_does_not_exist_is_refused() -> None:
    c = Customers.from_arrays([2], unit=None, monetary_value=[10.0])
    with pytest.raises(UndefinedMomentError, match=r"q above 1.*q = 0\.7.*Look for"):
        GammaGamma(2.0, 0.7, 15.0).expected_spend(c)
    with pytest.raises(ValueError, match="q above 1"):
        GammaGamma(2.0, 1.0, 15.0).expected_spend(c)


def test_equal_spends_are_refused() -> None:
    x = np.arange(1.0, 50.0)
    same = Customers.from_arrays(x, unit=None, monetary_value=np.full(49, 9.99))
    with pytest.raises(DataError, match=r"spread of mean spend.*49 customers.*multiply purchases"):
        GammaGamma.fit(same)


@pytest.mark.parametrize("scale", [1e6, 1e-3])
def test_currency_does_not_matter(scale: float, cdnow_sample: Any) -> None:
    c = cdnow_sample.patterns(("frequency", "monetary_value"))
    x, m = c.spend
    scaled = Customers.from_arrays(x, unit=None, monetary_value=m * scale, weight=c.weight)
    plain, other = GammaGamma.fit(c).model, GammaGamma.fit(scaled).model
    assert other.values == pytest.approx([plain.p, plain.q, plain.v * scale], rel=1e-9)
    assert other.expected_spend(scaled) == pytest.approx(plain.expected_spend(c) * scale, rel=1e-9)


def test_infinite_mean_spend_is_fitted_and_named() -> None:
    frequency = Customers.from_arrays(np.full(4000, 3), unit=None)
    heavy = GammaGamma(2.0, 0.7, 15.0).simulate(frequency, seed=5)
    fit = GammaGamma.fit(heavy)
    assert fit.model.q == pytest.approx(0.7, abs=0.1)
    assert any("does not exist" in finding for finding in fit.certificate.findings)


class TestIndependence:
    def test_cdnow(self, cdnow_sample: Any) -> None:
        check = GammaGamma.check_independence(cdnow_sample)
        x, m = cdnow_sample.customers().spend
        used = (x > 0) & (m > 0)
        assert check.correlation == pytest.approx(np.corrcoef(x[used], m[used])[0, 1], rel=1e-12)
        assert check.lower < check.correlation < check.upper
        assert check.n_customers == 946
        assert "weak dependence" in check.verdict

    def test_coverage_of_the_interval(self) -> None:
        """90 to 99 of 100 intervals hold zero when spend is independent."""
        rng = np.random.default_rng(8)
        held = 0
        for seed in range(100):
            c = Customers.from_arrays(1.0 + rng.poisson(2.0, 400), unit=None)
            check = GammaGamma.check_independence(GammaGamma(6, 4, 15).simulate(c, seed=seed))
            held += check.lower <= 0.0 <= check.upper
        assert 90 <= held <= 99

    @pytest.mark.parametrize(("power", "words"), [(1.0, "too low"), (-1.0, "too high")])
    def test_dependence_is_named(self, power: float, words: str) -> None:
        rng = np.random.default_rng(1)
        x = 1.0 + rng.poisson(3.0, 2000)
        c = Customers.from_arrays(x, unit=None, monetary_value=10.0 * x**power)
        assert words in GammaGamma.check_independence(c).verdict

    def test_too_few(self) -> None:
        with pytest.raises(DataError, match="at least four"):
            GammaGamma.check_independence(
                Customers.from_arrays([1, 2], unit=None, monetary_value=[1.0, 2.0])
            )
