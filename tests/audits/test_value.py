"""The value of a customer: by hand, by textbook, by the model, and how one becomes the other."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

import clvmodels as clv
from clvmodels.audits.explained import STEPS, present_years

YEAR = 365.25
EXACT = 1e-9
COLUMNS = {"customer": "who", "date": "when", "amount": "paid"}
TERMS = {"horizon": "3y", "discount_rate": 0.1, "margin": 0.4}


def test_ten_purchases_totalling_600_over_two_years():
    """Historical value 600, average order value 60, five orders a year: by hand."""
    start, end = date(2022, 1, 1), date(2024, 1, 1)  # 730 days
    days = [start + timedelta(days=round(i * 730 / 9)) for i in range(10)]
    paid = [30.0, 90.0, 60.0, 60.0, 45.0, 75.0, 60.0, 20.0, 100.0, 60.0]
    orders = pl.DataFrame({"who": ["Ann"] * 10, "when": days, "paid": paid})
    found = clv.audit(orders, **COLUMNS, observed_until=end).totals.iloc[0]
    assert found["customers"] == 1
    assert found["orders"] == 10
    assert found["historical_value"] == found["historical_value_median"] == 600.0
    assert found["average_order_value"] == 60.0
    assert found["orders_per_year"] == pytest.approx(10 / (730 / YEAR))
    assert round(found["orders_per_year"], 2) == 5.0
    assert found["lifespan_observed"] == pytest.approx(730 / YEAR)
    # 60 x 5 x 2: over the time that was observed the textbook's value is the historical one.
    assert found["textbook_observed"] == pytest.approx(600.0)


def test_textbook_formulas_by_hand():
    table = clv.textbook_value(60, 5, lifespan=2, retention=0.8, discount_rate=0.1, margin=0.3)
    m = 60 * 5 * 0.3  # 90 a year
    assert table["value"].tolist() == pytest.approx(
        [60 * 5 * 2 * 0.3, m / 0.2, m * 0.8 / (1.1 - 0.8), m * 1.1 / (1.1 - 0.8)]
    )
    # The last two are sums over years: 0.8, 0.64, ... of m, discounted, without and with now.
    years = np.arange(1, 400)
    later = m * np.sum((0.8 / 1.1) ** years)
    assert table["value"].tolist()[2:] == pytest.approx([later, m + later])
    assert table["arithmetic"][3] == "90 x (1 + 0.1) / (1 + 0.1 - 0.8)"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"retention": 1.0}, [math.inf, math.inf, math.inf]),
        ({"retention": 1.0, "discount_rate": 0.25}, [math.inf, 1200.0, 1500.0]),
        ({"retention": 0.0}, [300.0, 0.0, 300.0]),
        ({"lifespan": 0.0}, [0.0]),
        ({"retention": 0.5, "margin": 0.0}, [0.0, 0.0, 0.0]),
    ],
)
def test_textbook_limits(given, expected):
    assert clv.textbook_value(60, 5, **given)["value"].tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "lifespan"),
        ({"retention": 80}, "retention"),
        ({"retention": 0.8, "discount_rate": 10}, "discount_rate"),
        ({"lifespan": -1}, "lifespan"),
        ({"lifespan": math.nan}, "lifespan"),
        ({"lifespan": 2, "margin": 30}, "margin"),
    ],
)
def test_textbook_refuses(given, name):
    with pytest.raises(clv.ParameterError, match=name):
        clv.textbook_value(60, 5, **given)


@pytest.mark.parametrize("lifespan", [0.3, 2.0, math.inf])
@pytest.mark.parametrize("rate", [0.0, 0.1])
def test_present_years_is_the_integral(lifespan, rate):
    t, step = np.linspace(0.0, 4.0, 400_001, retstep=True)
    alive = np.exp(-t * (1.0 / lifespan + rate))
    simpson = step / 3.0 * (alive[0] + 4 * alive[1::2].sum() + 2 * alive[2:-1:2].sum() + alive[-1])
    assert present_years(lifespan, 4.0, rate) == pytest.approx(simpson, rel=1e-12)


@pytest.fixture(scope="module")
def world() -> Any:
    """Return two years of orders of 400 customers who differ, with returns and two shops."""
    rng = np.random.default_rng(7)
    model = clv.BGNBD(0.8, 8.0, 0.9, 3.0)
    people = model.simulate(400, 104.0, seed=3, unit="week")
    x, t_x, _ = people.timing
    rows = []
    for who in range(400):
        start = int(rng.integers(0, 500))
        times = np.sort(rng.uniform(0, 1, int(x[who]))) * t_x[who] * 7
        value = rng.gamma(4.0, 10.0)
        for day in {0, *map(int, times)}:
            if start + day <= 730:
                rows.append(
                    (
                        who,
                        start + day,
                        float(rng.gamma(3.0, value / 3.0)),
                        "web" if who % 3 else "shop",
                    )
                )
                if rng.random() < 0.1:
                    rows.append((who, min(start + day + 3, 730), -5.0, "web"))
    orders = pl.DataFrame(rows, schema=["who", "when", "paid", "shop"], orient="row")
    return orders.with_columns(when=pl.date(2022, 1, 1) + pl.duration(days=pl.col("when")))


@pytest.fixture(scope="module")
def valued(world: Any) -> Any:
    rfm = clv.rfm_summary(world, **COLUMNS, unit="week")
    models = clv.BGNBD.fit(rfm), clv.GammaGamma.fit(rfm)
    found = clv.audit(world, *models, **COLUMNS, by="shop", **TERMS)
    return rfm, models, found


def test_models_values_are_those_of_the_library(valued, world):
    rfm, models, found = valued
    table = clv.predict(rfm, *models, **TERMS)
    assert found.totals["model_clv"][0] == pytest.approx(table["clv"].mean(), rel=EXACT)
    labels = clv.customer_labels(world, customer="who", date="when", by="shop")
    means = dict(table.join(labels, on="who").group_by("shop").agg(pl.col("clv").mean()).rows())
    ours = dict(zip(found.overview["shop"], found.overview["model_clv"], strict=True))
    assert ours == pytest.approx(means, rel=EXACT)
    first = found.totals["average_first_order_value"][0]
    new = clv.new_customers(*models, **TERMS, first_order=first)
    assert found.totals["model_new_customer"][0] == pytest.approx(new["clv"][0], rel=EXACT)
    past = found.totals["historical_value"][0] * 0.4
    assert found.totals["model_lifetime_value"][0] == pytest.approx(
        past + table["clv"].mean(), rel=EXACT
    )


def test_chains_add_up(valued):
    """From every textbook value to every value of the model, in every scope."""
    *_, found = valued
    keys = ["scope", "shop", "cohort"]
    table, steps = found.value.fillna("-"), found.explained.fillna("-")
    values = table.set_index([*keys, "measure"])["number"].to_dict()
    chains = list(steps.groupby([*keys, "from", "to"]))
    assert len(chains) >= 8 * 3
    for (*where, source, target), rows in chains:
        begin, end = values[*where, source], values[*where, target]
        assert rows["term"].iloc[0] == pytest.approx(begin, rel=EXACT)
        assert math.fsum(rows["term"]) == pytest.approx(end, rel=EXACT)
        assert math.fsum(rows["term"][1:]) == pytest.approx(end - begin, rel=EXACT, abs=1e-9)
        assert rows["running"].iloc[-1] == pytest.approx(end, rel=EXACT)


def test_each_step_is_what_it_says(valued):
    """The running values, computed anew from totals and predictions."""
    rfm, models, found = valued
    row = found.totals.iloc[0]
    m, value = 0.4, row["average_order_value"]
    life = 1.0 / 4.0 / (1.0 - row["retention_rate"])  # quarters
    falling = 1.0 / life + math.log(1.1)
    years = (1.0 - math.exp(-falling * 3.0)) / falling
    quarter = 365.25 / 4 / 7
    now = clv.predict(rfm, models[0], horizon=quarter)
    ahead = clv.predict(rfm, models[0], horizon="3y", discount_rate=0.1)
    spend = clv.predict(rfm, *models, **TERMS)["expected_spend"].mean()
    alive, soon = now["p_alive"].mean(), now["expected_purchases"].sum() / now["p_alive"].sum() * 4
    later = ahead["discounted_purchases"].mean()
    base = found.chain("textbook_churn", "model_clv").set_index("change")["running"]
    assert base.to_dict() == pytest.approx(
        {
            "textbook": m * value * row["orders_per_year"] * life,
            "horizon and discount": m * value * row["orders_per_year"] * years,
            "first order": m * value * row["repeat_orders_per_year"] * years,
            "customers who have left": m * value * row["repeat_orders_per_year"] * years * alive,
            "orders a year while alive": m * value * soon * years * alive,
            "who stays": m * value * later,
            "order value": m * spend * later,
            "value and purchases together": row["model_clv"],
        },
        rel=EXACT,
    )
    fresh = clv.new_customers(*models, **TERMS, first_order=False)
    first = m * row["average_first_order_value"]
    rate = clv.new_customers(models[0], horizon=quarter)["expected_purchases"][0] * 4
    new = found.chain("textbook_churn", "model_new_customer").set_index("change")["running"]
    assert new.to_dict() == pytest.approx(
        {
            "textbook": m * value * row["orders_per_year"] * life,
            "horizon and discount": m * value * row["orders_per_year"] * years,
            "first order": first + m * value * row["repeat_orders_per_year"] * years,
            "orders a year while alive": first + m * value * rate * years,
            "who stays": first + m * value * fresh["discounted_purchases"][0],
            "order value": row["model_new_customer"],
        },
        rel=EXACT,
    )
    assert set(base.index) | set(new.index) == set(STEPS)


def test_the_formula_with_margins_by_period(valued):
    *_, found = valued
    row = found.totals.iloc[0]
    m = 0.4 * row["average_order_value"] * row["orders_per_year"] / 4.0
    r, d = row["retention_rate"], 1.1**0.25 - 1.0
    assert row["textbook_retention"] == pytest.approx(m * r / (1 + d - r), rel=EXACT)
    assert row["textbook_retention_at_once"] == pytest.approx(m * (1 + d) / (1 + d - r), rel=EXACT)


def test_a_pair_a_price_and_no_spend(world, valued):
    rfm, models, found = valued
    pair = clv.audit(world, clv.CLVModel(*models), **COLUMNS, **TERMS)
    assert pair.totals["model_clv"][0] == pytest.approx(found.totals["model_clv"][0], rel=EXACT)
    priced = clv.audit(world, models[0], 50.0, **COLUMNS, **TERMS)
    at_price = clv.predict(rfm, models[0], 50.0, **TERMS)["clv"].mean()
    assert priced.totals["model_clv"][0] == pytest.approx(at_price, rel=EXACT)
    counted = clv.audit(world, models[0], **COLUMNS)
    assert "model_clv" not in counted.totals
    assert any("without fits" in note.lower() for note in counted.notes)


def test_says_that_it_looks_beyond_the_log(valued, world):
    _, models, found = valued
    note = next(each for each in found.notes if "extrapolation" in each)
    assert "3.0 years ahead and are discounted by 0.1 a year. From 2.0 years" in note
    near = clv.audit(world, *models, **COLUMNS, horizon="1y")
    assert not [each for each in near.notes if "extrapolation" in each]


def test_a_summary_alone(valued):
    rfm, models, found = valued
    alone = clv.audit(rfm, *models, **TERMS)
    shared = ["customers", "orders", "repeat_rate", "customer_years", "orders_per_year"]
    shared += ["repeat_revenue", "average_repeat_order_value", "active_customers", "model_clv"]
    for name in (*shared, "lifespan_observed"):
        assert alone.totals[name][0] == pytest.approx(found.totals[name][0], rel=1e-9)
    assert alone.cohorts["customers"].tolist() == found.cohorts["customers"].tolist()
    assert alone.cohorts["cohort"].tolist() == found.cohorts["cohort"].tolist()
    assert alone.conversion is alone.retention is alone.periods is alone.concentration is None
    assert "revenue" not in alone.totals
    assert "no single orders" in alone.notes[0]
    assert len(alone.explained) == 0
    assert len(alone.chain()) == 0
