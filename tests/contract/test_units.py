"""The unit of time and the currency scale the parameters they should, and change nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clvmodels import Customers, UnitMismatchError
from clvmodels.models.base import Model
from clvmodels.models.purchases import OpportunityModel, PurchaseModel

from .conftest import Case, rebuilt, settings_of

SAME = 1e-8


def in_days(c: Customers) -> Customers:
    x, t_x, T = c.timing
    return Customers.from_arrays(x, t_x * 7.0, T * 7.0, unit="day", weight=c.weight)


def rescaled(model: Model, dimension: str, factor: float) -> Model:
    scale = [factor**d.power if d.dimension == dimension else 1.0 for d in model.domains().values()]
    return rebuilt(model, model.values * scale)


def skip_periods(model: Model) -> None:
    if isinstance(model, OpportunityModel):
        pytest.skip("whole periods have no other unit")


def test_days_and_weeks_at_given_parameters(purchase_case: Case) -> None:
    model, weeks = purchase_case.model, purchase_case.customers
    assert isinstance(model, PurchaseModel)
    skip_periods(model)
    daily, days = rescaled(model, "time", 7.0), in_days(weeks)
    assert isinstance(daily, PurchaseModel)
    jacobian = weeks.frequency * np.log(7.0)
    assert daily.log_likelihood(days) + jacobian == pytest.approx(
        model.log_likelihood(weeks), rel=1e-10, abs=1e-10
    )
    assert daily.p_alive(days) == pytest.approx(model.p_alive(weeks), rel=1e-10)
    assert daily.expected_purchases(days, 364.0) == pytest.approx(
        model.expected_purchases(weeks, 52.0), rel=1e-10
    )
    assert daily.discounted_purchases(days, 364.0, 0.007 / 7) == pytest.approx(
        model.discounted_purchases(weeks, 52.0, 0.007), rel=1e-10
    )
    assert daily.mean_purchases(70.0) == pytest.approx(model.mean_purchases(10.0), rel=1e-10)
    assert daily.purchase_pmf(3, 70.0) == pytest.approx(model.purchase_pmf(3, 10.0), rel=1e-10)


def test_days_and_weeks_after_fitting(purchase_case: Case) -> None:
    model = purchase_case.model
    assert isinstance(model, PurchaseModel)
    skip_periods(model)
    weeks = model.simulate(2_000, 80.0, seed=4, unit="week")
    chosen = settings_of(model)
    weekly, daily = type(model).fit(weeks, **chosen), type(model).fit(in_days(weeks), **chosen)
    assert daily.expected_purchases(in_days(weeks), 70.0) == pytest.approx(
        weekly.expected_purchases(weeks, 10.0), rel=SAME
    )
    with pytest.raises(
        UnitMismatchError, match=r"per week, the customers are per day.*unit='week'"
    ):
        weekly.p_alive(in_days(weeks))


def test_currency(spend_case: Case) -> None:
    model, c = spend_case.model, spend_case.customers
    _, m = c.spend
    cents, dear = replace(c, monetary_value=m * 100.0), rescaled(model, "money", 100.0)
    assert dear.log_likelihood(cents) + np.log(100.0) == pytest.approx(
        model.log_likelihood(c), rel=1e-10, abs=1e-10
    )
