"""Pareto/NBD against the tables and points that its papers print."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

import clvmodels as clv
from clvmodels import Customers
from clvmodels.models.ggompertz_nbd import GGompertzNBD
from clvmodels.models.pareto_nbd import ParetoNBD

PRINTED = 0.5  # of the last digit printed
PAPER = ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669)


def near(digits: str, units: float = PRINTED) -> Any:
    """Return an approximation to all digits of a printed number."""
    mantissa, _, exponent = digits.partition("e")
    places = len(mantissa.partition(".")[2]) - int(exponent or 0)
    return pytest.approx(float(digits), abs=(units + 1e-9) * 10.0**-places)


def customer(x: int, t_x: float, T: float) -> Customers:
    return Customers.from_arrays([x], [t_x], [T], unit="week")


@pytest.fixture(scope="module")
def fit(cdnow_sample: Any) -> clv.Fit[ParetoNBD]:
    return ParetoNBD.fit(cdnow_sample)


def test_sample_estimates_errors_and_likelihood(fit: clv.Fit[ParetoNBD]) -> None:
    table = fit.estimates
    assert table.estimate["r"] == near(".5533")
    assert table.estimate["alpha"] == near("10.578")
    assert table.estimate["s"] == near(".6062")
    assert table.estimate["beta"] == near("11.669")
    assert table.std_error["r"] == near(".0476")
    assert table.std_error["alpha"] == near(".8427")
    assert table.std_error["s"] == near(".1873")
    assert table.std_error["beta"] == near("6.211")
    assert fit.log_likelihood == near("-9594.9762")
    assert fit.certificate.verdict == "identified"
    assert fit.certificate.gradient_norm < 1e-9


def test_points_at_the_estimates(fit: clv.Fit[ParetoNBD]) -> None:
    assert fit.p_alive(customer(26, 30.86, 31.0))[0] == near(".9979")
    assert fit.p_alive(customer(0, 0.0, 39.0))[0] == near(".29428")
    assert PAPER.p_alive(customer(0, 0.0, 39.0))[0] == near(".29447")


def test_two_frequent_customers() -> None:
    """Customers for whom the hypergeometric form overflows."""
    model = ParetoNBD(0.5143, 2.8845, 0.2856, 14.1087)
    assert model.p_alive(customer(221, 103.42857, 103.57143))[0] == near(".999596")
    assert model.p_alive(customer(161, 94.71429, 98.0))[0] == near(".749488")


def test_dert() -> None:
    """The example of note 015 on the Tricomi function."""
    model = ParetoNBD(0.5629966, 12.559037, 0.4081095, 10.5148048)
    dert = model.discounted_purchases(customer(7, 35.0, 77.86), math.inf, 0.0027)
    assert dert[0] == near("1.864183328")


def test_where_a_library_predicts_nothing() -> None:
    """`nasty_inputs.md`: pymc-marketing gives 0 here where the truth is .993."""
    model = ParetoNBD(0.5, 10.0, 0.01, 1000.0)
    c = customer(200, 190.0, 200.0)
    assert 0.0 < model.p_alive(c)[0] < 1.0
    assert model.purchases_if_alive(c, np.array([1.0]))[0] == pytest.approx(200.5 / 210.0, rel=1e-5)


def test_holdout_accuracy(cdnow_sample_orders: Any) -> None:
    split = clv.holdout_split(
        cdnow_sample_orders,
        customer="customer_id",
        date="date",
        amount="amount",
        calibration_end="1997-09-30",
        observed_until="1998-06-30",
        unit="week",
    )
    fit = ParetoNBD.fit(split.calibration)
    actual = split.holdout["holdout_purchases"].to_numpy()
    predicted = fit.expected_purchases(split.calibration, split.horizon)
    assert predicted.sum() == near("1665.5")
    assert 100 * (predicted.sum() / actual.sum() - 1) == near("-11.5")
    assert np.abs(predicted - actual).mean() == near(".7545")
    assert math.sqrt(((predicted - actual) ** 2).mean()) == near("1.603")
    assert spearmanr(predicted, actual).statistic > 0.4


def test_ggompertz_as_printed(cdnow_sample: Any) -> None:
    """Bemmaor and Glady print b .0002 and beta .0026, where -9595.77 is below their -9594.98."""
    printed = GGompertzNBD(0.553, 10.578, 0.0002, 0.603, 0.0026)
    assert printed.log_likelihood(cdnow_sample).sum() == pytest.approx(-9595.771, abs=1e-3)
    # Their digits of b and beta are too few: the ratio is the Pareto/NBD's 11.669, not 13.
    exact = GGompertzNBD(0.5533, 10.578, 0.0002, 0.6062, 0.0002 * 11.669)
    assert exact.log_likelihood(cdnow_sample).sum() == pytest.approx(-9594.98, abs=0.02)
