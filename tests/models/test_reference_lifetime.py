"""Pareto/NBD and GGompertz/NBD against independent R implementations and 50-digit values."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

import clvmodels as clv
from clvmodels import Customers, IdentifiabilityWarning
from clvmodels.models.ggompertz_nbd import GGompertzNBD
from clvmodels.models.pareto_nbd import ParetoNBD

from ..conftest import shared_file

MLE = 1e-8  # Newton in 50 digits
DOUBLE = 1e-6  # the simulated log was fitted in double precision: 1e-7
FORMULA = 1e-9  # the promise of this library
PACKAGE = 1e-6  # CLVTools and BTYD at their own converged parameters
DELTAS = ("ln1p10_over_52", "p10_over_52", "paper_0.0027")
ENDS = {"apparel_104w": "2006-12-31", "apparel_full": "2010-12-20"}
Model = ParetoNBD | GGompertzNBD


def summary(name: str, end: str) -> Any:
    import pandas as pd

    return clv.rfm_summary(
        pd.read_csv(shared_file(f"data/{name}_transactions.csv")),
        customer="customer_id",
        date="date",
        observed_until=end,
        unit="week",
    )


@pytest.fixture(scope="module", params=["cdnow_sample", *ENDS])
def pareto(request: pytest.FixtureRequest, reference: Any) -> tuple[Any, Any, Any]:
    """Return the summary of a log, the reference values and those of Pareto/NBD."""
    data = reference(f"{request.param}.json")
    if request.param == "cdnow_sample":
        return request.getfixturevalue("cdnow_sample"), data, data["models"]["pnbd"]
    rfm = summary("apparel", ENDS[request.param])
    return rfm, data, data["models"]["pnbd"]["no_covariates"]


def assert_estimates(fit: Any, expected: Any, precision: float) -> None:
    estimates = dict(zip(fit.names, fit.model.values, strict=True))
    assert estimates == pytest.approx(expected["params"], rel=precision)
    assert fit.log_likelihood == pytest.approx(expected["loglik"], rel=1e-12)
    errors = dict(zip(fit.names, fit.standard_errors, strict=True))
    assert errors == pytest.approx(expected["se_natural_delta"], rel=10 * precision)


def test_pareto_estimates(pareto: Any) -> None:
    rfm, _, expected = pareto
    fit = ParetoNBD.fit(rfm)
    assert fit.certificate.verdict == "identified"
    assert fit.certificate.starts_agreeing == 3
    assert_estimates(fit, expected["mp_mle"], MLE)
    assert fit.covariance == pytest.approx(
        np.array(expected["mp_mle"]["vcov_natural_delta"]["values"]), rel=1e-6
    )


def test_ggompertz_degenerates_to_pareto(pareto: Any) -> None:
    """No maximum in b and beta: it says so, and is the Pareto/NBD."""
    rfm, data, expected = pareto
    with pytest.warns(IdentifiabilityWarning, match="no ageing.*Pareto/NBD"):
        fit = GGompertzNBD.fit(rfm)
    theirs = data["models"]["ggomnbd"]
    theirs = theirs.get("no_covariates", theirs)["polished"]["loglik"]
    exact = expected["mp_mle"]["loglik"]
    assert theirs <= fit.log_likelihood <= exact + 1e-9
    assert fit.log_likelihood == pytest.approx(exact, abs=1e-6)
    assert set(fit.certificate.flat) == {"b", "beta"}
    model, limit = fit.model, expected["mp_mle"]["params"]
    ours = {"r": model.r, "alpha": model.alpha, "s": model.s, "beta": model.beta / model.b}
    assert ours == pytest.approx(limit, rel=1e-5)
    limit_model = ParetoNBD(**limit)
    assert fit.p_alive(rfm) == pytest.approx(limit_model.p_alive(rfm), rel=1e-5)
    assert fit.expected_purchases(rfm, 39.0) == pytest.approx(
        limit_model.expected_purchases(rfm, 39.0), rel=1e-5
    )


def test_ggompertz_estimates_on_the_simulated_log(reference: Any) -> None:
    data = reference("simulated_ggomnbd.json")
    rfm = summary("simulated_ggomnbd", "2021-07-04")
    assert rfm.frame.frequency.sum() == data["data_summary"]["sum_x"]
    assert rfm.frame["T"].sum() == pytest.approx(data["data_summary"]["sum_T"], rel=1e-12)
    fit = GGompertzNBD.fit(rfm)
    assert_estimates(fit, data["models"]["ggomnbd"]["no_covariates"]["mp_mle"], DOUBLE)


def people(rows: Any) -> Customers:
    columns = ([row[name] for row in rows] for name in ("x", "t_x", "T"))
    return Customers.from_arrays(*columns, unit="week")


def assert_customers(model: Model, c: Customers, rows: Any, deltas: Any) -> None:
    """Compare every `mp_*` field of the customers, and CLVTools' own values more loosely."""
    found = {"mp_loglik": model.log_likelihood(c), "mp_p_alive": model.p_alive(c)}
    for name in rows[0]:
        if name.startswith("mp_cet"):
            weeks = float(name.rsplit("_", 1)[1].removesuffix("w"))
            weeks = 1450 / 7 if weeks == 207.142857 else weeks
            found[name] = model.expected_purchases(c, weeks)
        elif name.startswith("mp_dert_"):
            delta = deltas[name.removeprefix("mp_dert_")]
            found[name] = model.discounted_purchases(c, math.inf, delta)
    assert len(found) >= 3
    for name, values in found.items():
        assert values == pytest.approx([row[name] for row in rows], rel=FORMULA), name
        package = [row.get(name.removeprefix("mp_")) for row in rows]
        if None not in package:
            assert values == pytest.approx(package, rel=PACKAGE), name


@pytest.mark.parametrize("where", ["published", "polished"])
def test_pareto_customers_of_cdnow(reference: Any, where: str) -> None:
    data = reference("cdnow_sample.json")
    source = data["published"]["pnbd"] if where == "published" else data["models"]["pnbd"][where]
    model, c = ParetoNBD(**source["params"]), people(data["customers"])
    rows = data[f"at_{where}_params"]["pnbd"]
    assert_customers(model, c, rows, data["conventions"]["deltas_per_week"])


@pytest.mark.parametrize("where", ["paper_like", "interior"])
def test_ggompertz_customers_of_cdnow(reference: Any, cdnow_sample: Any, where: str) -> None:
    data = reference("cdnow_sample.json")
    points = data["ggomnbd_evaluation_points"]
    model, c = GGompertzNBD(**points["params"][where]), people(data["customers"])
    rows = data["ggomnbd_customers"][where]
    assert_customers(model, c, rows, data["conventions"]["deltas_per_week"])
    total = model.log_likelihood(cdnow_sample).sum()
    assert total == pytest.approx(points["mp_total_loglik"][where], rel=1e-12)


@pytest.mark.parametrize("name", [*ENDS, "simulated_ggomnbd"])
def test_customers_of_other_logs(reference: Any, name: str) -> None:
    data = reference(f"{name}.json")
    c = people(data["customers"])
    for which, kind in (("pnbd", ParetoNBD), ("ggomnbd", GGompertzNBD)):
        rows = data["predictions"].get(which, {}).get("no_covariates_polished")
        if rows and "mp_loglik" in rows[0]:
            source = data["models"][which]["no_covariates"]["polished"]["params"]
            assert_customers(kind(**source), c, rows, data["discount_deltas_per_week"])


@pytest.mark.parametrize("which", ["pnbd_published", "pnbd_polished", "ggomnbd_interior"])
def test_curves(reference: Any, which: str) -> None:
    data = reference("cdnow_sample.json")
    name, where = which.split("_")
    model: Model
    if name == "ggomnbd":
        model = GGompertzNBD(**data["ggomnbd_evaluation_points"]["params"][where])
    else:
        own = data["published"]["pnbd"] if where == "published" else data["models"]["pnbd"][where]
        model = ParetoNBD(**own["params"])
    curve = data["expectation_curve"][which]
    assert model.mean_purchases(curve["t"]) == pytest.approx(
        curve["mp_expected_repeat_transactions"], rel=FORMULA
    )
    for block in data["pmf"][which]:
        assert model.purchase_pmf(block["x"], block["t"]) == pytest.approx(
            block["mp_pmf"], rel=FORMULA
        )


def test_totals_of_cdnow(reference: Any, cdnow_sample: Any) -> None:
    data = reference("cdnow_sample.json")
    model = ParetoNBD(**data["models"]["pnbd"]["polished"]["params"])
    total = data["aggregates"]["pnbd"]
    assert model.expected_purchases(cdnow_sample, 39.0).sum() == pytest.approx(
        total["sum_cet_39w"], rel=PACKAGE
    )
    assert model.p_alive(cdnow_sample).sum() == pytest.approx(total["sum_p_alive"], rel=PACKAGE)


def test_cohort_of_cdnow(reference: Any, cdnow_sample: Any) -> None:
    """BTYD's expected repeat purchases of the whole cohort, week by week."""
    data = reference("cdnow_sample.json")
    model = ParetoNBD(**data["models"]["pnbd"]["polished"]["params"])
    T = cdnow_sample.frame["T"].to_numpy()
    born = T.max() - T
    tracking = data["cohort_tracking_btyd"]
    for week, expected in list(zip(tracking["weeks"], tracking["pnbd_polished"], strict=True))[
        ::11
    ]:
        found = model.mean_purchases(np.maximum(week - born, 0.0)).sum()
        assert found == pytest.approx(expected, rel=PACKAGE)


def test_warnings_are_only_the_one_expected(cdnow_sample: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ParetoNBD.fit(cdnow_sample)
