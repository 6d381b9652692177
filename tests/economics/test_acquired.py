"""Customers there are: sums by plain SQL on the rows, intervals by simulated futures."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from scipy import integrate

import clvmodels as clv

SUMS = 1e-9  # of thousands of amounts in another order
TERMS: dict[str, Any] = {"horizon": "8w", "margin": 0.3}
LOG = {"customer": "Customer ID", "date": "InvoiceDate"}
# What customers have spent without returns, where they usually are, and when they came.
CUSTOMERS = """
with days as (
    select "Customer ID" as id, cast(InvoiceDate as timestamp)::date as day, Country,
           Quantity * Price as amount
    from rows where Quantity * Price >= 0
), counted as (select "Customer ID" as id, Country, count(*) as n from rows group by all),
usual as (
    select id, Country from counted
    qualify row_number() over (partition by id order by n desc, Country) = 1
), firsts as (select id, min(day) as first from days group by id)
select id, usual.Country,
       year(first) || ' Q' || quarter(first) as cohort,
       sum(amount) as spent,
       sum(amount) filter (where day <= first + 182) as young,
       first + 182 <= (select max(day) from days) as old
from days join firsts using (id) join usual using (id)
group by all
"""


def asked(query: str, **frames: pl.DataFrame) -> duckdb.DuckDBPyRelation:
    """Return what a query says of frames, by their names."""
    connection = duckdb.connect()
    for name, frame in frames.items():
        connection.register(name, frame.to_arrow())
    return connection.sql(query)


@pytest.fixture(scope="module")
def shop(online_retail: pl.DataFrame) -> dict[str, Any]:
    """Summary, models and predictions of the shop without returns, and its customers by SQL."""
    how = {**LOG, "amount": ("Quantity", "Price"), "returns": "drop"}
    rfm = clv.rfm_summary(online_retail, unit="week", **how)
    labels = clv.customer_labels(online_retail, **LOG, by="Country")
    early = clv.historical_value(online_retail, **how, within="182d")
    rfm = (
        rfm.with_covariates(labels)
        .with_cohorts("quarter")
        .with_covariates(clv.historical_value(online_retail, **how))
        .with_covariates(early.select("Customer ID", "orders_182d", "historical_value_182d"))
    )
    models = clv.MBGNBD(0.9, 9.0, 0.02, 0.4), clv.GammaGamma(2.1, 3.6, 450.0)
    customers = asked(CUSTOMERS, rows=online_retail).pl()
    return {"rfm": rfm, "models": models, "customers": customers}


@pytest.mark.parametrize("by", ["cohort", pytest.param("Country", marks=pytest.mark.slow)])
def test_value_is_past_and_future_of_the_rows(shop: dict[str, Any], by: str):
    rfm, models = shop["rfm"], shop["models"]
    customers, scored = shop["customers"], clv.predict(rfm, *models, **TERMS, discount_rate=0.1)
    by_hand = asked(
        f"""
        select c.{by}, count(*) as n, avg(0.3 * spent + clv) as ltv
        from customers c join scored s on c.id = s."Customer ID" group by 1 order by 1
        """,
        customers=customers,
        scored=scored,
    ).fetchall()
    terms = {**TERMS, "discount_rate": 0.1, "history": "historical_value"}
    found = clv.unit_economics(rfm, *models, cac=100.0, by=by, **terms)
    table = found.table
    assert found.basis == "acquired"
    assert table[[by, "customers"]].to_numpy().tolist() == [[a, b] for a, b, _ in by_hand]
    assert table["ltv"].tolist() == pytest.approx([row[2] for row in by_hand], rel=SUMS)
    assert table["ltv_to_cac"].tolist() == pytest.approx(
        [row[2] / 100.0 for row in by_hand], rel=SUMS
    )
    assert (table["lower"] <= table["upper"]).all()
    assert table["probability_above"].between(0.0, 1.0).all()
    # A table of predictions has the same values and no intervals.
    plain = clv.unit_economics(scored, cac=100.0, by=by, history="historical_value", margin=0.3)
    assert plain.table["ltv"].tolist() == pytest.approx(table["ltv"].tolist(), rel=SUMS)
    assert plain.interval is None
    assert plain.table[["lower", "upper", "probability_above", "payback"]].isna().all(axis=None)


def test_realised_value_is_that_of_the_rows(shop: dict[str, Any]):
    by_hand = asked(
        """
        select cohort, count(*) as n, 0.3 * avg(young) as mean, 0.3 * stddev_samp(young) as sd
        from customers where old group by 1 order by 1
        """,
        customers=shop["customers"],
    ).fetchall()
    terms: dict[str, Any] = {"cac": 100.0, "by": "cohort", "basis": "realised", "margin": 0.3}
    found = clv.unit_economics(shop["rfm"], **terms, within="182d")
    table = found.table
    seen = table[table["flag"] != "unknown"]
    assert seen["cohort"].tolist() == [row[0] for row in by_hand]
    assert seen["customers"].tolist() == [row[1] for row in by_hand]
    assert seen["ltv"].tolist() == pytest.approx([row[2] for row in by_hand], rel=SUMS)
    for (_, n, _, sd), (_, row) in zip(by_hand, seen.iterrows(), strict=True):
        assert row["upper"] - row["ltv"] == pytest.approx(1.645 * sd / math.sqrt(n), rel=0.02)
    assert table["payback"].isna().all()
    assert (table.loc[table["flag"] == "unknown", "customers"] == 0).all()
    named = clv.unit_economics(shop["rfm"], **terms, within="26w", history="historical_value_182d")
    assert named.table.equals(table)
    # Spend of another age is refused, here and where all of it counts.
    for given in ({"history": "historical_value"}, {"history": "historical_value_91d"}):
        with pytest.raises(clv.ParameterError, match="historical_value_182d"):
            clv.unit_economics(shop["rfm"], **terms, within="26w", **given)
    with pytest.raises(clv.ParameterError, match="stops at an age of 182 days"):
        clv.unit_economics(
            shop["rfm"],
            *shop["models"],
            **TERMS,
            cac=100.0,
            basis="acquired",
            history="historical_value_182d",
        )
    taken = replace(shop["rfm"], frame=shop["rfm"].frame.rename({"historical_value": "spent"}))
    notes = clv.unit_economics(taken, **terms, within="26w", history="spent").notes
    assert any("'spent' is taken to hold" in note for note in notes)


def test_spend_so_far_is_that_of_the_rows(shop: dict[str, Any], online_retail: pl.DataFrame):
    frame = shop["rfm"].frame.rename({"Customer ID": "id"})
    joined = shop["customers"].join(frame, on="id")
    assert len(joined) == len(frame) == len(shop["customers"])
    for ours, theirs in (("historical_value", "spent"), ("historical_value_182d", "young")):
        assert np.allclose(joined[ours].to_numpy(), joined[theirs].to_numpy(), rtol=SUMS)
    assert (joined["cohort"] == joined["cohort_right"]).all()
    assert (joined["Country"] == joined["Country_right"]).all()
    # With returns netted, what is left is the money of the log and the refunds nobody had paid.
    net = clv.rfm_summary(online_retail, **LOG, amount=("Quantity", "Price"), unit="week")
    table = clv.historical_value(online_retail, **LOG, amount=("Quantity", "Price"))
    total = (online_retail["Quantity"] * online_retail["Price"]).sum()
    assert table["historical_value"].sum() == pytest.approx(
        total + net.ledger.unmatched_refunds, rel=SUMS
    )


def few(shop: dict[str, Any]) -> clv.CustomerSummary:
    """Return the customers of three countries."""
    rfm: clv.CustomerSummary = shop["rfm"]
    kept = rfm.frame.filter(pl.col("Country").is_in(["France", "Germany", "Spain"]))
    return replace(rfm, frame=kept)


def test_without_history_the_first_order_is_a_guess(shop: dict[str, Any]):
    rfm, models = few(shop), shop["models"]
    found = clv.unit_economics(rfm, *models, cac=100.0, basis="acquired", **TERMS)
    scored = clv.predict(rfm, *models, **TERMS)
    by_hand = (
        0.3 * (scored["frequency"] * scored["monetary_value"].fill_null(0.0))
        + 0.3 * scored["expected_spend"]
        + scored["clv"]
    ).mean()
    assert found.table["ltv"].item() == pytest.approx(by_hand, rel=SUMS)
    assert any("historical_value" in note for note in found.notes)


def test_costs_to_serve_widen_or_narrow_as_simulated_futures_do():
    model, spend = clv.BGNBD(0.8, 6.0, 0.8, 2.4), clv.GammaGamma(6.0, 8.0, 35.0)
    n, margin, cost, kept = 400, 0.5, 4.0, 0.9
    zero = [0.0] * n
    frame = pl.DataFrame(
        {"customer_id": range(n), "frequency": [0] * n, "recency": zero, "T": zero}
    ).with_columns(pl.lit(None, pl.Float64).alias("monetary_value"))
    rfm = clv.CustomerSummary.from_frame(frame, unit="week")
    found = clv.unit_economics(
        rfm.with_covariates(frame.select("customer_id", pl.lit(0.0).alias("past"))),
        model,
        spend,
        cac=1.0,
        basis="acquired",
        history="past",
        horizon=52.0,
        margin=margin,
        return_rate=1.0 - kept,
        cost_per_order=cost,
    ).table.iloc[0]
    # New customers, for whom future and first year are the same; the first order's cost is past.
    rng = np.random.default_rng(4)
    worlds = 300
    orders = model.simulate(n * worlds, 52.0, seed=4).frequency
    scale = rng.gamma(spend.q, 1.0 / spend.v, n * worlds)
    amount = rng.gamma(spend.p * np.maximum(orders, 1e-9)) / scale
    sums = (kept * margin * amount - cost * orders).reshape(worlds, n).mean(axis=1) - cost
    mean, sd = float(np.mean(sums)), float(np.std(sums))
    assert abs(found["ltv"] - mean) < 4.0 * sd / math.sqrt(len(sums))
    half = (found["upper"] - found["lower"]) / 2.0
    assert half / 1.645 == pytest.approx(sd, rel=0.15)  # 3.5 standard errors of sd


def test_time_costs_as_long_as_customers_are_there():
    model = clv.ParetoNBD(0.55, 10.6, 0.61, 11.7)
    times = {"frequency": [3, 0, 9], "recency": [20.0, 0.0, 50.0], "T": [40.0, 10.0, 52.0]}
    frame = pl.DataFrame({"customer_id": [1, 2, 3], **times, "past": [90.0, 20.0, 300.0]})
    rfm = clv.CustomerSummary.from_frame(frame, unit="week")
    rate = math.log(1.1) * 7 / 365.25
    terms: dict[str, Any] = {"horizon": 52.0, "discount_rate": 0.1, "margin": 0.5}
    found = clv.unit_economics(
        rfm, model, 20.0, cac=1.0, basis="acquired", history="past", cost_per_year=12.0, **terms
    ).table["ltv"]
    scored = clv.predict(rfm, model, 20.0, **terms)
    weeks = []
    for t_x, T, alive in zip(times["recency"], times["T"], scored["p_alive"], strict=True):
        ahead, _ = integrate.quad(
            lambda t, T=T: math.exp(-rate * t) * ((11.7 + T) / (11.7 + T + t)) ** 0.61, 0.0, 52.0
        )
        weeks.append(t_x + alive * (T - t_x) + alive * ahead)
    by_hand = 0.5 * frame["past"].sum() + scored["clv"].sum() - sum(weeks) * 12.0 * 7 / 365.25
    assert found.item() == pytest.approx(by_hand / 3, rel=1e-7)


def test_a_fit_for_each_segment_is_what_they_are_alone(shop: dict[str, Any]):
    rfm, models = shop["rfm"], shop["models"]
    others = clv.CLVModel(clv.MBGNBD(1.2, 9.0, 0.03, 0.4), models[1])
    frame = rfm.frame.filter(pl.col("Country").is_in(["Spain", "Sweden"]))
    some = replace(rfm, frame=frame)
    pairs = {"Spain": others, "Sweden": clv.CLVModel(*models)}
    terms = {**TERMS, "cac": 90.0, "history": "historical_value", "cost_per_order": 5.0}
    found = clv.unit_economics(some, pairs, by="Country", basis="acquired", **terms).table
    for row, (name, pair) in enumerate(pairs.items()):
        alone = replace(rfm, frame=frame.filter(pl.col("Country") == name))
        single = clv.unit_economics(alone, pair, basis="acquired", **terms).table
        for column in ("customers", "ltv", "lower", "upper", "payback"):
            assert found[column][row] == pytest.approx(single[column].item(), rel=SUMS)


@pytest.mark.parametrize("engine", ["duckdb", pytest.param("pandas", marks=pytest.mark.slow)])
def test_engines_agree(shop: dict[str, Any], engine: str):
    rfm = shop["rfm"]
    small = few(shop).frame
    terms = {**TERMS, "cac": {"France": 100, "Germany": 90, "Spain": 80}, "by": "Country"}
    wanted = clv.unit_economics(replace(rfm, frame=small), *shop["models"], **terms).table
    turned = {
        "pandas": lambda: small.to_pandas().set_index("cohort", drop=False),
        "duckdb": lambda: asked("select * from small order by recency", small=small),
    }[engine]()
    found = clv.unit_economics(replace(rfm, frame=turned), *shop["models"], **terms).table
    numbers = ["customers", "cac", "ltv", "lower", "upper", "ltv_to_cac", "payback"]
    assert found["Country"].tolist() == wanted["Country"].tolist()
    assert np.allclose(found[numbers], wanted[numbers], rtol=1e-9)


def test_what_does_not_go_together_is_refused(shop: dict[str, Any]):
    rfm, models = shop["rfm"], shop["models"]
    scored = clv.predict(rfm, *models, **TERMS)
    wrong: list[tuple[Any, dict[str, Any], str]] = [
        ((rfm,), {}, "told by models"),
        ((rfm, models[0]), {"horizon": "1y"}, "money with money"),
        ((rfm, *models), {}, "horizon"),
        ((rfm, *models), {"horizon": "1y", "basis": "realised"}, "within"),
        ((rfm, *models), {"horizon": "1y", "threshold": 0.0}, "threshold"),
        ((rfm, *models), {"horizon": "1y", "return_rate": 8.0}, "fraction"),
        ((rfm, *models), {"horizon": "1y", "basis": "old"}, "basis"),
        ((rfm, *models), {"horizon": "1y", "cost_per_order": -1.0}, "0 or more"),
        ((scored,), {"margin": 0.3, "cost_per_order": 1.0}, "when orders come"),
        ((scored,), {}, "was not given"),
        ((scored,), {"margin": 0.2}, "the most that"),
        ((scored, models[0]), {}, "has its values already"),
    ]
    for given, options, words in wrong:
        with pytest.raises(clv.ClvError, match=words):
            clv.unit_economics(*given, cac=10.0, **options)
    with pytest.raises(clv.MissingColumnError):
        clv.unit_economics(scored, cac="costs", margin=0.3)
    renamed = replace(rfm, frame=rfm.frame.rename({"cohort": "Value"}))
    with pytest.raises(clv.DataError, match="'Value'"):
        clv.unit_economics(renamed, *models, cac=1.0, by="Value", horizon="1y")


def test_the_result_travels_and_is_harmless(shop: dict[str, Any]):
    rfm, models = few(shop), shop["models"]
    found = clv.unit_economics(rfm, *models, cac=100.0, by="cohort", **TERMS)
    again = pickle.loads(pickle.dumps(found))
    assert str(again) == str(found)
    assert all(len(line) <= 100 for line in str(found).splitlines())
    renamed = rfm.frame.with_columns(pl.lit("<script>").alias("cohort"))
    nasty = clv.unit_economics(
        replace(rfm, frame=renamed), *models, cac=100.0, by="cohort", **TERMS
    )
    assert "<script>" not in nasty._repr_html_()


@pytest.mark.filterwarnings("ignore::clvmodels.IdentifiabilityWarning")
def test_a_saved_fit_at_a_limit_has_the_interval_of_the_fit(
    online_retail_customers: Any, tmp_path: Any
):
    fit = clv.MBGNBD.fit(online_retail_customers)
    assert not np.isfinite(np.diag(fit.covariance)).all()
    terms = {**TERMS, "cac": 90.0}
    fresh = clv.unit_economics(online_retail_customers, fit, 400.0, **terms).table
    loaded: Any = clv.load(clv.save(fit, tmp_path / "fit.json"))
    again = clv.unit_economics(online_retail_customers, loaded, 400.0, **terms).table
    assert again[["lower", "upper"]].equals(fresh[["lower", "upper"]])
    others = replace(online_retail_customers, frame=online_retail_customers.frame.head(500))
    without = clv.unit_economics(others, loaded, 400.0, **terms)
    assert without.interval is None
    assert any("No interval for new customers" in note for note in without.notes)
