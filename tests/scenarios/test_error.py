"""How sure a change is: draws beside the delta method, and whether intervals hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from studies import what_if as study
from studies.coverage import RESULTS

CHANCE = 0.15  # of a standard deviation that 60 draws estimate, with room for its curvature
Z = 3.5


@pytest.fixture(scope="module")
def contracts() -> tuple[clv.Fit[clv.SBG], clv.CustomerSummary]:
    rfm = study.world(study.STUDIES["sBG, retention"], 1, people=1_200)
    return clv.SBG.fit(rfm), rfm


@pytest.mark.slow
def test_draws_say_what_the_delta_method_says(
    contracts: tuple[clv.Fit[clv.SBG], clv.CustomerSummary],
) -> None:
    fit, rfm = contracts
    terms: dict[str, Any] = {"retention": "+5pp", "spend_change": "+5%", "horizon": "3y"}
    delta = clv.what_if(fit, 100.0, rfm, **terms)
    drawn = clv.what_if(fit.draws(60, seed=1), 100.0, rfm, **terms)
    for one, other in ((delta.total, drawn.total), (delta.new_customer, drawn.new_customer)):
        np.testing.assert_allclose(one.difference, other.difference, rtol=1e-9)
        for ends in (["lower", "upper"], ["relative_lower", "relative_upper"]):
            width, again = np.ptp(one[ends].to_numpy(), 1), np.ptp(other[ends].to_numpy(), 1)
            np.testing.assert_allclose(width, again, rtol=Z * CHANCE)


def test_both_worlds_share_the_error(
    contracts: tuple[clv.Fit[clv.SBG], clv.CustomerSummary],
) -> None:
    """A difference is surer than totals whose errors are taken for independent."""
    fit, rfm = contracts
    levers: dict[str, Any] = {"retention": "+5pp", "horizon": "3y", "discount_rate": 0.0}
    found = clv.what_if(fit, 100.0, rfm, **levers)
    total = clv.total(rfm, fit, 100.0, horizon="3y")
    half = 0.5 * float((found.total.upper - found.total.lower).iloc[0])
    assert half < 1.645 * total["sd_parameters"][0]
    # By hand: the parameters moved one standard deviation along each axis, the lever set anew.
    root = np.linalg.cholesky(fit.covariance)
    slopes = []
    for axis in root.T:
        ends = [
            clv.what_if(
                fit.model.with_values(fit.model.values + step * axis),
                *(100.0, rfm),
                **levers,
            ).total.difference[0]
            for step in (-0.05, 0.05)
        ]
        slopes.append((ends[1] - ends[0]) / 0.1)
    assert half == pytest.approx(1.6448536 * float(np.hypot(*slopes)), rel=2e-3)


def test_what_some_parameters_cannot_reach() -> None:
    loyal = clv.Customers.from_renewals([6000, 5700, 5500, 5360, 5250], unit="year")
    fit = clv.SBG.fit(loyal)
    one = clv.what_if(fit.model, 100.0, retention="+4.9pp", unit="year")
    assert one.retention.after[0] < 1.0
    with pytest.raises(clv.ParameterError, match="all likely parameters can reach it"):
        clv.what_if(fit.draws(50, seed=1), 100.0, retention="+4.9pp")


def test_models_are_taken_as_exact() -> None:
    found = clv.what_if(clv.SBG(0.7, 3.0), 100.0, retention="+5pp", unit="year")
    assert (found.new_customer.lower == found.new_customer.upper).all()
    assert "parameters taken as known" in found.verdict


@pytest.mark.slow
def test_intervals_hold_in_a_few_worlds() -> None:
    """Of 7 and more at 90 %, fewer than 60 % would be one run in 60 or fewer."""
    row = study.coverage("sBG, retention", range(8), people=400)
    assert row["worlds"] >= 7  # in small worlds a fit may find a limit of the model
    for column in ("base", "new_customer", "base_relative", "new_relative"):
        assert row[column] >= 0.6, column
    assert row["study"] in study.as_markdown(pd.DataFrame([row]))


def test_what_the_last_large_run_found() -> None:
    table = pd.read_csv(RESULTS / "what_if.csv")
    assert set(table.study) == set(study.STUDIES)
    for column in ("base", "new_customer", "base_relative", "new_relative"):
        off = table[column] - study.LEVEL
        assert (off.abs() < Z * np.sqrt(study.LEVEL * 0.1 / table.worlds)).all(), column


def test_the_page_quotes_it() -> None:
    page = Path(__file__).resolve().parents[2] / "docs/decisions/027-what-if.md"
    assert (RESULTS / "what_if.md").read_text(encoding="utf-8") in page.read_text(encoding="utf-8")
