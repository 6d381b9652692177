"""The value of customers who are not yet acquired."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from clvmodels import (
    BGNBD,
    Customers,
    DataError,
    Effects,
    GammaGamma,
    ParameterError,
    PurchaseCovariates,
    SpendCovariates,
    UndefinedMomentError,
    new_customers,
)

PURCHASES, SPEND = BGNBD(0.243, 4.414, 0.793, 2.426), GammaGamma(6.25, 3.74, 15.44)
WEB = {"web": [0, 1]}
RATE = math.log(1.15) / (365.25 / 7)


def test_parts_add_up() -> None:
    row = new_customers(
        PURCHASES, SPEND, horizon="1y", discount_rate=0.15, margin=0.3, unit="week"
    ).iloc[0]
    weeks = 365.25 / 7
    new = Customers.from_arrays([0], [0], [0], unit="week")
    mean = 6.25 * 15.44 / 2.74
    assert row.expected_purchases == pytest.approx(PURCHASES.mean_purchases(weeks))
    assert row.discounted_purchases == pytest.approx(
        PURCHASES.discounted_purchases(new, weeks, RATE)[0], rel=1e-9
    )
    assert row.expected_spend == pytest.approx(mean)
    assert row.first_order_value == pytest.approx(0.3 * mean)
    assert row.repeat_value == pytest.approx(0.3 * mean * row.discounted_purchases)
    assert row.clv == pytest.approx(row.first_order_value + row.repeat_value)


def test_the_first_order() -> None:
    options = {"horizon": "1y", "margin": 0.5, "unit": "week"}
    without = new_customers(PURCHASES, SPEND, first_order=False, **options).iloc[0]
    given = new_customers(PURCHASES, SPEND, first_order=20.0, **options).iloc[0]
    assert without.first_order_value == 0.0
    assert without.clv == without.repeat_value
    assert given.first_order_value == pytest.approx(10.0)
    with pytest.raises(ParameterError, match="True, False, or an amount"):
        new_customers(PURCHASES, SPEND, first_order=-1.0, **options)


def test_by_covariate() -> None:
    purchases = PurchaseCovariates(PURCHASES, {"purchase": Effects("web", {"web": 0.2}, {})})
    spend = SpendCovariates(SPEND, {"spend": Effects("web", {"web": 0.1}, {})})
    for kinds in (WEB, pd.DataFrame(WEB)):
        table = new_customers(purchases, spend, horizon="1y", unit="week", covariates=kinds)
        assert table["web"].tolist() == [0, 1]
        for row, web in zip(table.itertuples(), (0, 1), strict=True):
            own = new_customers(
                purchases.at(web=web), spend.at(web=web), horizon="1y", unit="week"
            ).iloc[0]
            assert row.clv == pytest.approx(own.clv, rel=1e-12)
    one = new_customers(purchases, horizon="1y", unit="week", covariates={"web": 1})
    assert len(one) == 1
    assert "clv" not in one
    with pytest.raises(ParameterError, match=r"covariates of the models: web\. Got none"):
        new_customers(purchases, horizon="1y", unit="week")
    with pytest.raises(ParameterError, match="Got shop"):
        new_customers(PURCHASES, horizon="1y", unit="week", covariates={"shop": 1})


def test_without_end() -> None:
    row = new_customers(PURCHASES, SPEND, horizon=math.inf, discount_rate=0.15, unit="week").iloc[0]
    assert math.isnan(row.expected_purchases)  # a <= 1: infinitely many
    assert row.clv > 0.0
    with pytest.raises(UndefinedMomentError, match="finite horizon"):
        new_customers(PURCHASES, SPEND, horizon=math.inf, unit="week")
    finite = BGNBD(0.243, 4.414, 1.793, 2.426)
    row = new_customers(finite, horizon=math.inf, discount_rate=0.15, unit="week").iloc[0]
    assert row.expected_purchases == pytest.approx((1.793 + 2.426 - 1) / 0.793)


def test_units() -> None:
    with pytest.raises(ParameterError, match="unit='week', or a fit"):
        new_customers(PURCHASES, horizon="1y")
    data = PURCHASES.simulate(3_000, 52.0, seed=1, unit="week")
    fit = BGNBD.fit(data)
    assert len(new_customers(fit, horizon="1y")) == 1
    with pytest.raises(ParameterError, match="unit of its own"):
        new_customers(fit, horizon="1y", unit="day")
    with pytest.raises(UndefinedMomentError, match="q above 1"):
        new_customers(PURCHASES, GammaGamma(1.0, 0.7, 1.0), horizon="1y", unit="week")


def test_arguments() -> None:
    options = {"horizon": "1y", "unit": "week"}
    with pytest.raises(ParameterError, match="first order has a value where spend"):
        new_customers(PURCHASES, first_order=30.0, **options)
    with pytest.raises(ParameterError, match="a spend fit, or a price"):
        new_customers(PURCHASES, True, **options)
    with pytest.raises(DataError, match="Pass the purchase fit first"):
        new_customers(SPEND, PURCHASES, **options)
    with pytest.raises(ParameterError, match="True, False, or an amount"):
        new_customers(PURCHASES, SPEND, first_order="yes", **options)
    two = PurchaseCovariates(
        PURCHASES, {"purchase": Effects("web + old", {"web": 0.2, "old": 0.1}, {})}
    )
    for kinds in ({"web": [0, 1], "old": [1, 2, 3]}, {"web": [], "old": []}):
        with pytest.raises(ParameterError, match="Got lengths"):
            new_customers(two, covariates=kinds, **options)
    priced = new_customers(PURCHASES, 30.0, **options).iloc[0]
    assert priced.clv == pytest.approx(30.0 * (1.0 + priced.discounted_purchases))
