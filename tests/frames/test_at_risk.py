"""Customers at risk, against logs that are really cut earlier."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

import clvmodels as clv
from clvmodels.errors import ParameterError
from clvmodels.frames.groups import cohorts

END = date(2024, 6, 30)
COLUMNS = {"customer": "customer_id", "date": "date", "amount": "amount", "unit": "week"}
MODELS = clv.BGNBD(0.6, 8.0, 0.8, 2.4), clv.GammaGamma(6.0, 4.0, 15.0)
TERMS = {"horizon": "1y", "discount_rate": 0.1, "margin": 0.3}
ROUNDING = 1e-12


@pytest.fixture(scope="module")
def orders() -> pl.DataFrame:
    draw = np.random.default_rng(4)
    people = draw.integers(0, 80, 500)
    dates = [END - timedelta(days=int(each)) for each in draw.integers(0, 400, 500)]
    return pl.DataFrame({"customer_id": people, "date": dates, "amount": draw.gamma(4.0, 9.0, 500)})


def test_before_is_what_a_shorter_log_says(orders: pl.DataFrame) -> None:
    then = END - timedelta(weeks=8)
    found = clv.at_risk(clv.rfm_summary(orders, **COLUMNS, observed_until=END), *MODELS, **TERMS)
    cut = orders.filter(pl.col("date") <= then)
    early = clv.rfm_summary(cut, **COLUMNS, observed_until=then)
    expected = clv.predict(early, *MODELS, **TERMS)
    silent = orders.group_by("customer_id").agg(pl.col("date").max()).filter(pl.col("date") <= then)
    both = found.join(silent, on="customer_id").join(expected, on="customer_id", suffix="_cut")
    assert len(both) > 10
    for ours, theirs in (("p_alive_before", "p_alive_cut"), ("value_before", "clv_cut")):
        np.testing.assert_allclose(both[ours], both[theirs], rtol=ROUNDING)
    np.testing.assert_allclose(
        both["at_stake"], both["clv_cut"] * (1.0 - both["p_alive"] / both["p_alive_cut"]), rtol=1e-9
    )


def test_who_has_bought_since_is_seen_right_after_the_purchase(orders: pl.DataFrame) -> None:
    rfm = clv.rfm_summary(orders, **COLUMNS, observed_until=END)
    found = clv.at_risk(rfm, *MODELS, **TERMS)
    late = found.filter(pl.col("T") - pl.col("recency") < 8.0)
    assert len(late) > 10
    just = clv.CustomerSummary.from_frame(
        late.select("customer_id", "frequency", "recency", "monetary_value", T="recency"),
        unit="week",
    )
    np.testing.assert_allclose(
        late["p_alive_before"], clv.predict(just, *MODELS, **TERMS)["p_alive"], rtol=ROUNDING
    )


def test_all_have_fallen_and_the_most_is_first(orders: pl.DataFrame) -> None:
    rfm = clv.rfm_summary(orders.to_pandas(), **COLUMNS, observed_until=END)
    found = clv.at_risk(rfm, MODELS[0], horizon="26w", since="4w")
    assert (found["p_alive"] < found["p_alive_before"]).all()
    assert found["at_stake"].is_monotonic_decreasing
    assert "clv" not in found
    lazy = clv.rfm_summary(orders.lazy(), **COLUMNS, observed_until=END)
    same = clv.at_risk(lazy, MODELS[0], horizon="26w", since="4w")
    assert same["customer_id"].to_list() == found["customer_id"].tolist()


def test_times_are_checked(orders: pl.DataFrame) -> None:
    rfm = clv.rfm_summary(orders, **COLUMNS, observed_until=END)
    for since in (0, "0d", float("inf")):
        with pytest.raises(ParameterError, match="since"):
            clv.at_risk(rfm, *MODELS, **TERMS, since=since)


@pytest.mark.parametrize("unit", ["day", "week", "month"])
def test_cohorts_are_periods_of_the_first_purchase(orders: pl.DataFrame, unit: str) -> None:
    rfm = clv.rfm_summary(orders, **COLUMNS | {"unit": unit}, observed_until=END)
    first = orders.group_by("customer_id").agg(pl.col("date").min()).sort("customer_id")["date"]
    assert cohorts(rfm, "month").tolist() == first.dt.strftime("%Y-%m").to_list()
    assert cohorts(rfm, "year").tolist() == first.dt.strftime("%Y").to_list()
    quarters = [f"{each.year} Q{(each.month + 2) // 3}" for each in first]
    assert cohorts(rfm, "quarter").tolist() == quarters
