"""What every purchase model promises about probabilities, expectations and discounting."""

from __future__ import annotations

import math

import numpy as np
import pytest

from clvmodels import ParameterError, UndefinedMomentError
from clvmodels.models.erlang_family import ErlangModel
from clvmodels.models.purchases import ContinuousModel, PurchaseModel

from .conftest import Case

FORMULA = 1e-9  # the library's promise for closed forms
QUADRATURE = 1e-10  # a closed form against the fallback of the base class


def purchase_model(case: Case) -> PurchaseModel:
    assert isinstance(case.model, PurchaseModel)
    return case.model


def test_p_alive_is_a_probability(purchase_case: Case) -> None:
    alive = purchase_model(purchase_case).p_alive(purchase_case.customers)
    assert ((alive >= 0.0) & (alive <= 1.0)).all()


def test_silence_lowers_p_alive(purchase_case: Case) -> None:
    model, c = purchase_model(purchase_case), purchase_case.customers
    x, t_x, T = c.timing
    renewal = (x == t_x).all()  # of contracts, those who left are known to have left
    later = type(c).from_arrays(x, t_x, T if renewal else T + 10.0, unit="week")
    assert (model.p_alive(later) <= model.p_alive(c) + 1e-15).all()


def regular(model: PurchaseModel) -> bool:
    """Whether the next purchase is not due yet right after the last one."""
    return isinstance(model, ErlangModel) and model.k > 1


def test_expected_purchases_start_at_zero_rise_and_bend_down(purchase_case: Case) -> None:
    model, c = purchase_model(purchase_case), purchase_case.customers
    zero = model.expected_purchases(c, 0.0)
    assert (zero == 0.0).all()
    assert not np.signbit(zero).any()
    grid = np.array([0.0, 1.0, 5.0, 20.0, 50.0, 200.0])
    curve = np.stack([model.expected_purchases(c, t) for t in grid])
    slopes = np.diff(curve, axis=0) / np.diff(grid)[:, None]
    assert (slopes >= 0.0).all()
    if not regular(model):
        assert (np.diff(slopes, axis=0) <= 1e-10 * slopes[0]).all()


def test_a_time_for_each_customer(purchase_case: Case) -> None:
    model, c = purchase_model(purchase_case), purchase_case.customers
    times = model.whole_periods(np.linspace(0.0, 60.0, len(c)))
    together = model.expected_purchases(c, times)
    for row in (0, len(c) // 2, len(c) - 1):
        alone = model.expected_purchases(c.take(slice(row, row + 1)), float(times[row]))
        assert together[row] == pytest.approx(alone[0], rel=1e-13)


def test_without_discounting_purchases_are_counted(purchase_case: Case) -> None:
    model, c = purchase_model(purchase_case), purchase_case.customers
    expected = model.expected_purchases(c, 52.0)
    assert model.discounted_purchases(c, 52.0, 0.0) == pytest.approx(expected, rel=FORMULA)
    assert model.discounted_purchases(c, 52.0, 1e-9) == pytest.approx(expected, rel=1e-6)


def test_closed_forms_agree_with_the_fallback(purchase_case: Case) -> None:
    model, c = purchase_model(purchase_case), purchase_case.customers
    if not isinstance(model, ContinuousModel) or regular(model):
        pytest.skip("the quadrature is for rates that fall with time")
    T = c.timing[2]
    for horizon, rate in ((26.0, 0.01), (math.inf, 0.002), (5.0, 0.0), (100.0, -0.001)):
        own = model.discounted_if_alive(c, horizon, rate)
        fallback = ContinuousModel.discounted_if_alive(model, c, horizon, rate)
        assert own == pytest.approx(fallback, rel=QUADRATURE)
    exact = model.purchases_if_alive(c, np.full_like(T, 30.0))
    assert ContinuousModel.discounted_if_alive(model, c, 30.0, 0.0) == pytest.approx(
        exact, rel=QUADRATURE
    )


def test_discounting_by_parts(purchase_case: Case) -> None:
    """DERT = delta * integral of exp(-delta t) CET(t), by an integration of our own."""
    model, c = purchase_model(purchase_case), purchase_case.customers
    if not isinstance(model, ContinuousModel):
        delta = 0.2  # a purchase after 150 periods is worth 1e-13
        ends = [model.expected_purchases(c, float(j)) for j in range(151)]
        summed = np.exp(-delta * np.arange(1, 151)) @ np.diff(ends, axis=0)
        assert model.discounted_purchases(c, math.inf, delta) == pytest.approx(summed, rel=1e-9)
        assert model.discounted_purchases(c, 150.9, delta) == pytest.approx(summed, rel=1e-10)
        return
    delta = 0.05
    nodes, weights = np.polynomial.laguerre.laggauss(80)
    by_parts = sum(
        w * model.expected_purchases(c, node / delta)
        for node, w in zip(nodes, weights, strict=True)
    )
    # Gauss-Laguerre is the weak side here: CET bends near 0 for heavy buyers.
    assert model.discounted_purchases(c, math.inf, delta) == pytest.approx(by_parts, rel=1e-3)


def test_discounted_purchases_fall_with_the_rate_and_rise_with_the_horizon(
    purchase_case: Case,
) -> None:
    model, c = purchase_model(purchase_case), purchase_case.customers
    by_rate = [model.discounted_purchases(c, 52.0, rate) for rate in (-0.001, 0.0, 0.01, 1.0)]
    assert (np.diff(by_rate, axis=0) <= 0.0).all()
    by_horizon = [model.discounted_purchases(c, h, 0.01) for h in (0.0, 1.0, 52.0, 1e4, math.inf)]
    assert (by_horizon[0] == 0.0).all()
    assert (np.diff(by_horizon, axis=0) >= -1e-12 * by_horizon[-1]).all()


def test_without_end(purchase_case: Case) -> None:
    """All future purchases are the limit of a long horizon, or refused where there is none."""
    model, c = purchase_model(purchase_case), purchase_case.customers
    if np.isfinite(model.purchases_without_end(c)).all():
        endless = model.expected_purchases(c, math.inf)
        assert (model.expected_purchases(c, 1e9) <= endless * (1 + 1e-12)).all()
        assert model.discounted_purchases(c, math.inf, 0.0) == pytest.approx(endless, rel=1e-12)
    else:
        with pytest.raises(UndefinedMomentError, match="finite horizon"):
            model.expected_purchases(c, math.inf)
        with pytest.raises(UndefinedMomentError, match="finite horizon"):
            model.discounted_purchases(c, math.inf, 0.0)


def test_pmf_sums_to_one_and_has_the_mean(purchase_case: Case) -> None:
    model = purchase_model(purchase_case)
    t = 10.0
    n = np.arange(40_000)
    pmf = model.purchase_pmf(n, t)
    assert (pmf >= 0.0).all()
    assert pmf.sum() == pytest.approx(1.0, rel=1e-10)
    assert pmf @ n == pytest.approx(float(model.mean_purchases(t)), rel=1e-8)


def test_new_customers_buy_nothing_in_no_time(purchase_case: Case) -> None:
    model = purchase_model(purchase_case)
    assert model.mean_purchases(0.0) == 0.0
    assert model.purchase_pmf([0, 1, 5], 0.0) == pytest.approx([1.0, 0.0, 0.0], abs=1e-15)
    assert model.mean_purchases([[1.0], [2.0]]).shape == (2, 1)
    assert model.purchase_pmf([[0, 1]], 3.0).shape == (1, 2)


def test_heavy_buyers_stay_finite(purchase_case: Case) -> None:
    model, c = purchase_model(purchase_case), purchase_case.customers
    if not isinstance(model, ContinuousModel):
        pytest.skip("nobody buys more often than once a period")
    whale = type(c).from_arrays([10_000], [364.0], [365.0], unit="day")
    assert 0.0 < model.expected_purchases(whale, 365.0)[0] < 20_000.0
    assert 0.0 < model.discounted_purchases(whale, math.inf, 1e-4)[0] < math.inf
    assert np.isfinite(model.log_likelihood(whale)).all()


@pytest.mark.parametrize("bad", [-1.0, math.nan])
def test_bad_times(purchase_case: Case, bad: float) -> None:
    model, c = purchase_model(purchase_case), purchase_case.customers
    with pytest.raises(ParameterError, match="zero or more"):
        model.expected_purchases(c, bad)
    with pytest.raises(ParameterError, match="zero or more"):
        model.discounted_purchases(c, bad, 0.1)
    with pytest.raises(ParameterError, match="zero or more"):
        model.mean_purchases(bad)
    with pytest.raises(ParameterError, match="zero or more"):
        model.purchase_pmf(1, bad)
    with pytest.raises(ParameterError, match="finite"):
        model.discounted_purchases(c, 1.0, math.nan)
    with pytest.raises(UndefinedMomentError, match="negative discount rate"):
        model.discounted_purchases(c, math.inf, -0.1)
    with pytest.raises(ParameterError, match="whole number"):
        model.purchase_pmf(1.5, 3.0)
