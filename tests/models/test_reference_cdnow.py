"""BG/NBD and Gamma-Gamma against independent R implementations on the CDNOW sample."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from clvmodels import BGNBD, Customers, GammaGamma

MLE = 1e-8  # the reference's own precision: Newton in 50 digits
FORMULA = 1e-9  # the promise of this library; double precision leaves 1e-13
PACKAGE = 1e-6  # R packages at their own converged parameters
DELTAS = ("ln1p10_over_52", "p10_over_52", "paper_0.0027")


@pytest.fixture(scope="module")
def data(reference: Any) -> Any:
    return reference("cdnow_sample.json")


@pytest.fixture(scope="module")
def people(data: Any) -> Customers:
    rows = data["customers"]
    return Customers.from_arrays(
        [row["x"] for row in rows],
        [row["t_x"] for row in rows],
        [row["T"] for row in rows],
        unit="week",
        monetary_value=[row["mean_spend_repeat"] for row in rows],
    )


def column(rows: Any, name: str) -> np.ndarray[Any, Any]:
    return np.array([row[name] for row in rows])


def test_summary(data: Any, cdnow_sample: Any) -> None:
    prepared, table = data["data_preparation"], cdnow_sample.frame
    assert len(table) == prepared["n_customers"]
    assert table.frequency.sum() == prepared["total_repeat_transactions_calibration"]
    assert (table.frequency > 0).sum() == prepared["customers_with_repeat"]
    assert table.recency.sum() == pytest.approx(prepared["sum_t_x"], rel=1e-12)
    assert table["T"].sum() == pytest.approx(prepared["sum_T"], rel=1e-12)
    assert table.monetary_value.sum() == pytest.approx(prepared["sum_mean_spend_repeat"], rel=1e-12)


def test_bgnbd_estimates_and_covariance(data: Any, cdnow_sample: Any) -> None:
    expected = data["models"]["bgnbd"]["mp_mle"]
    fit = BGNBD.fit(cdnow_sample)
    assert dict(zip(fit.names, fit.model.values, strict=True)) == pytest.approx(
        expected["params"], rel=MLE
    )
    assert fit.log_likelihood == pytest.approx(expected["loglik"], rel=1e-12)
    assert fit.covariance == pytest.approx(
        np.array(expected["vcov_natural_delta"]["values"]), rel=1e-6
    )
    assert dict(zip(fit.names, fit.standard_errors, strict=True)) == pytest.approx(
        expected["se_natural_delta"], rel=1e-7
    )


def test_gamma_gamma_estimates(data: Any, cdnow_sample: Any) -> None:
    expected = data["models"]["gg_first_removed"]["mp_mle"]
    fit = GammaGamma.fit(cdnow_sample)
    names = {"p": "p", "q": "q", "v": "gamma"}
    for ours, theirs in names.items():
        assert getattr(fit.model, ours) == pytest.approx(expected["params"][theirs], rel=MLE)
    assert fit.log_likelihood == pytest.approx(expected["loglik"], rel=1e-12)
    errors = [expected["se_natural_delta"][theirs] for theirs in names.values()]
    assert fit.standard_errors == pytest.approx(errors, rel=1e-7)


def parameters(data: Any, where: str) -> tuple[BGNBD, GammaGamma]:
    if where == "published":
        bgnbd, gg = data["published"]["bgnbd"]["params"], data["published"]["gg"]["params"]
    else:
        models = data["models"]
        bgnbd = models["bgnbd"]["polished"]["params"]
        gg = models["gg_first_removed"]["polished"]["params"]
    return BGNBD(**bgnbd), GammaGamma(gg["p"], gg["q"], gg["gamma"])


@pytest.mark.parametrize("where", ["published", "polished"])
def test_customers(data: Any, people: Customers, where: str) -> None:
    bgnbd, gg = parameters(data, where)
    rows = data[f"at_{where}_params"]["bgnbd"]
    alive = bgnbd.p_alive(people)
    expected = bgnbd.expected_purchases(people, 39.0)
    assert bgnbd.log_likelihood(people) == pytest.approx(column(rows, "mp_loglik"), rel=FORMULA)
    assert alive == pytest.approx(column(rows, "mp_p_alive"), rel=FORMULA)
    assert expected == pytest.approx(column(rows, "mp_cet_39w"), rel=FORMULA)
    assert alive == pytest.approx(column(rows, "p_alive"), rel=PACKAGE)
    assert expected == pytest.approx(column(rows, "cet_39w"), rel=PACKAGE)
    spend = gg.expected_spend(people)
    theirs = data[f"at_{where}_params"]["gg"]
    assert spend == pytest.approx(column(theirs, "mp_expected_mean_spend"), rel=FORMULA)
    for name in DELTAS:
        delta = data["conventions"]["deltas_per_week"][name]
        dert = bgnbd.discounted_purchases(people, math.inf, delta)
        assert dert == pytest.approx(column(rows, f"mp_dert_{name}"), rel=FORMULA)
        assert dert * spend == pytest.approx(column(rows, f"mp_clv_revenue_{name}"), rel=FORMULA)


@pytest.mark.parametrize("which", ["bgnbd_published", "bgnbd_polished"])
def test_curves(data: Any, which: str) -> None:
    model, _ = parameters(data, which.removeprefix("bgnbd_"))
    curve = data["expectation_curve"][which]
    assert model.mean_purchases(curve["t"]) == pytest.approx(
        curve["mp_expected_repeat_transactions"], rel=FORMULA
    )
    for block in data["pmf"][which]:
        assert model.purchase_pmf(block["x"], block["t"]) == pytest.approx(
            block["mp_pmf"], rel=FORMULA
        )


def test_aggregates(data: Any, cdnow_sample: Any) -> None:
    model, _ = parameters(data, "polished")
    total = data["aggregates"]["bgnbd"]
    assert model.expected_purchases(cdnow_sample, 39.0).sum() == pytest.approx(
        total["sum_cet_39w"], rel=PACKAGE
    )
    assert model.p_alive(cdnow_sample).sum() == pytest.approx(total["sum_p_alive"], rel=PACKAGE)
