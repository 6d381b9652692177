"""`segment`: every number again by plain SQL, on several engines and models."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

import clvmodels as clv

SUMS = 1e-9  # of thousands of values in another order
TERMS: dict[str, Any] = {"horizon": "8w", "margin": 0.3}
MODELS = clv.MBGNBD(0.9, 9.0, 0.3, 1.4), clv.GammaGamma(2.1, 3.6, 450.0)


def asked(query: str, **frames: pl.DataFrame) -> duckdb.DuckDBPyRelation:
    """Return what a query says of frames, by their names."""
    connection = duckdb.connect()
    for name, frame in frames.items():
        connection.register(name, frame.to_arrow())
    return connection.sql(query)


@pytest.fixture(scope="module")
def shop(online_retail: pl.DataFrame, online_retail_customers: Any) -> clv.CustomerSummary:
    """The customers of Online Retail with what they have spent."""
    log = {"customer": "Customer ID", "date": "InvoiceDate", "amount": ("Quantity", "Price")}
    return online_retail_customers.with_covariates(clv.historical_value(online_retail, **log))


@pytest.fixture(scope="module")
def small() -> clv.CustomerSummary:
    """A few hundred simulated customers with spend."""
    c = clv.BGNBD(0.6, 6.0, 0.8, 2.4).simulate(300, 60, seed=4, unit="week")
    c = clv.GammaGamma(6.0, 4.0, 15.0).simulate(c, seed=5)
    x, t_x, T = c.timing
    frame = pl.DataFrame(
        {"customer_id": range(300), "frequency": x.astype(int), "recency": t_x, "T": T}
        | {"monetary_value": pl.Series(c.monetary_value).fill_nan(None)}
    )
    return clv.CustomerSummary.from_frame(frame, unit="week", observed_until="2024-12-31")


BY_HAND = """
with known as (
    select *, T - recency as silence,
           0.3 * expected_spend as unused,
           (rank() over (order by clv desc) - 1) / count(*) over () as above
    from scored
), ranked as (
    select *,
        case when above < 0.1 - 1e-9 then 'top' when above < 0.3 - 1e-9 then 'high'
             when above < 0.6 - 1e-9 then 'middle' else 'low' end as tier,
        case when p_alive < 0.1 then 'lost' when p_alive < 0.5 then 'at risk'
             when lapsed then 'slipping' else 'active' end as state,
        1 + floor(5.0 * (rank() over (order by round(T - recency, 9) desc) - 1)
            / count(*) over ()) as r,
        1 + floor(5.0 * (rank() over (order by frequency) - 1) / count(*) over ()) as f,
        1 + floor(5.0 * (rank() over (order by round(historical_value, 6)) - 1)
            / count(*) over ()) as m
    from known
)
"""


@pytest.mark.parametrize(
    "by", ["Country", *(pytest.param(by, marks=pytest.mark.slow) for by in (None, "cohort"))]
)
def test_tables_are_those_of_plain_sql(shop: clv.CustomerSummary, by: str | None):
    terms = {**TERMS, "discount_rate": 0.1}
    scored = clv.predict(shop, *MODELS, **terms).with_columns(
        clv.lapse_alert(shop, MODELS[0], error_rate=0.1)["lapsed"]
    )
    found = clv.segment(
        shop,
        *MODELS,
        **terms,
        by=by,
        history="historical_value",
        interval=None,
    )
    columns = f"{by}, tier, state" if by else "tier, state"
    rows = asked(
        f"{BY_HAND} select {columns}, count(*) as customers, sum(clv) as value from ranked "
        f"group by {columns} order by all",
        scored=scored,
    ).pl()
    table = found.table[found.table["customers"] > 0]
    names = columns.split(", ")
    ours = pl.from_pandas(table[[*names, "customers", "value"]]).sort(names)
    assert ours.drop("value").rows() == rows.drop("value").rows()
    assert np.allclose(ours["value"], rows["value"], rtol=SUMS)
    assert table["share_of_customers"].sum() == pytest.approx(1.0)
    assert table["share_of_value"].sum() == pytest.approx(1.0)
    cells = asked(
        f"""{BY_HAND} select "Customer ID" as id, (r::int || '' || f::int || m::int) as cell,
        tier, state from ranked order by id""",
        scored=scored,
    ).pl()
    own = found.customers.sort("Customer ID")
    assert own["rfm_cell"].to_list() == cells["cell"].to_list()
    assert own["state"].to_list() == cells["state"].to_list()
    assert found.states["customers"].sum() == found.rfm["customers"].sum() == len(shop.frame)


def test_sums_have_the_intervals_of_total(small: clv.CustomerSummary):
    found = clv.segment(small, *MODELS, **TERMS, tiers=2)
    labelled = replace(small, frame=small.frame.with_columns(tier=found.customers["tier"]))
    totals = clv.total(labelled, *MODELS, **TERMS, by="tier").to_pandas().set_index("tier")
    tiers = found.tiers.set_index("tier").loc[totals.index]
    assert np.allclose(tiers["value"], totals["clv"], rtol=SUMS)
    # Few customers are simulated, each segment by draws of its own.
    assert np.allclose(tiers[["lower", "upper"]], totals[["lower", "upper"]], rtol=0.1)
    assert "value is the mean of what may come in" in str(found)
    assert str(found).startswith("Segments: 300 customers, by MBG/NBD and Gamma-Gamma\n")


def test_reactivation_is_at_risk_after_costs(small: clv.CustomerSummary):
    rates = {"slipping": 0.3, "at risk": 0.2, "lost": 0.1}
    found = clv.segment(
        small, *MODELS, **TERMS, response_rate=rates, contact_cost=0.4, interval=None
    )
    risk = clv.at_risk(small, *MODELS, **TERMS, since="2y")  # longer than anybody has been silent
    state = dict(found.customers.select("customer_id", "state").rows())
    by_hand = [
        (rates[state[row["customer_id"]]] * row["at_stake"] - 0.4, row["customer_id"])
        for row in risk.iter_rows(named=True)
        if state[row["customer_id"]] != "active"
    ]
    by_hand = sorted((-gain, who) for gain, who in by_hand if gain > 0.0)
    listed = found.reactivation
    assert len(listed) > 5
    assert listed["customer_id"].to_list() == [who for _, who in by_hand]
    assert listed["expected_gain"].to_list() == pytest.approx([-gain for gain, _ in by_hand])
    few = clv.segment(
        small, *MODELS, **TERMS, response_rate=rates, contact_cost=0.4, budget=1.7, interval=None
    )
    assert few.reactivation["customer_id"].to_list() == listed["customer_id"].to_list()[:4]
    recent = clv.segment(small, *MODELS, **TERMS, since="4w", interval=None).reactivation
    then = clv.at_risk(small, *MODELS, **TERMS, since="4w").select("customer_id", "at_stake")
    both = recent.join(then, on="customer_id")
    assert (both["at_stake"] == both["at_stake_right"]).all()


@pytest.mark.parametrize("engine", ["polars", "pandas"])
def test_without_a_response_value_is_at_stake(small: clv.CustomerSummary, engine: str):
    frame = small.frame.with_columns((pl.col("customer_id") % 2).cast(pl.Float64).alias("big"))
    rfm = replace(small, frame=frame if engine == "polars" else frame.to_pandas())
    found = clv.segment(rfm, *MODELS, **TERMS, interval=None, by="big")
    sure = clv.segment(rfm, *MODELS, **TERMS, interval=None, by="big", response_rate=1.0)
    mine, theirs = (
        each.reactivation if engine == "polars" else pl.from_pandas(each.reactivation)
        for each in (found, sure)
    )
    assert mine["expected_gain"].null_count() == len(mine) > 5
    assert mine["customer_id"].equals(theirs["customer_id"])
    assert (theirs["expected_gain"] == theirs["at_stake"]).all()
    assert "expected to gain" not in str(found)
    assert f"{mine['at_stake'].sum():,.0f} in value are at stake" in found.verdict
    assert any("`response_rate`" in note for note in found.notes)
    assert "expected to gain" in sure.verdict
    assert {line.split()[0] for line in str(found).splitlines()[3:7]} == {"0"}


@pytest.mark.parametrize("engine", ["pandas", "pyarrow", "lazy", "duckdb"])
def test_engines_agree(small: clv.CustomerSummary, engine: str):
    frame = small.frame.sample(fraction=1.0, shuffle=True, seed=3)
    turned = {
        "pandas": lambda: frame.to_pandas().set_index(np.arange(300) * 2),
        "pyarrow": frame.to_arrow,
        "lazy": frame.lazy,
        "duckdb": lambda: asked("select * from frame", frame=frame),
    }[engine]()
    wanted, found = (
        clv.segment(replace(small, frame=each), *MODELS, **TERMS, tiers=5, interval=None)
        for each in (small.frame, turned)
    )
    lazy = engine in ("lazy", "duckdb")
    assert type(found.customers) is (pl.DataFrame if lazy else type(turned))
    for name in ("table", "tiers", "states", "rfm"):
        mine, theirs = getattr(wanted, name), getattr(found, name)
        texts = [each for each in mine.columns if mine[each].dtype.kind not in "fi"]
        assert mine[texts].equals(theirs[texts])
        numbers = ["customers", "value"]
        assert np.allclose(mine[numbers], theirs[numbers], rtol=SUMS)
    for name in ("customers", "reactivation"):
        mine = getattr(wanted, name)
        theirs = getattr(found, name)
        other = theirs if isinstance(theirs, pl.DataFrame) else pl.DataFrame(theirs)
        if name == "customers":
            other = other.sort("customer_id")
        for column in ("customer_id", "tier", "state", "reasons"):
            assert other[column].to_list() == mine[column].to_list()


@pytest.mark.parametrize(
    "model",
    [
        clv.BGNBD(0.6, 6.0, 0.8, 2.4),
        pytest.param(clv.ParetoNBD(0.55, 10.6, 0.61, 11.7), marks=pytest.mark.slow),
        pytest.param(clv.MBGCNBD(0.6, 6.0, 0.8, 2.4, k=2), marks=pytest.mark.slow),
    ],
)
def test_every_model_and_no_spend(small: clv.CustomerSummary, model: Any):
    found = clv.segment(small, model, horizon="8w", interval=0.9)
    assert found.counted
    scored = clv.predict(small, model, horizon="8w")
    assert found.table["value"].sum() == pytest.approx(scored["discounted_purchases"].sum())
    if isinstance(model, clv.BGNBD):
        assert any("alive for certain" in note for note in found.notes)
    money = clv.segment(small, model, horizon="8w", interval=None, margin=0.1).table
    assert np.allclose(money["value"], found.table["value"])  # there is no money to have a margin
    assert (found.tiers["lower"] <= found.tiers["value"]).all()
    assert (found.tiers["value"] <= found.tiers["upper"]).all()


def test_whole_periods_and_names():
    frame = pl.DataFrame(
        {
            "customer_id": [1, 2, 3],
            "frequency": [3, 1, 0],
            "recency": [6.0, 2.0, 0.0],
            "T": [6.0] * 3,
        }
    )
    rfm = clv.CustomerSummary.from_frame(frame, unit="year")
    found = clv.segment(
        rfm,
        clv.BGBB(1.2, 0.75, 0.66, 2.78),
        10.0,
        horizon=3,
        tier_values={"ja": 5.0, "nein": 0.0},
        names={"active": "aktiv", "ja": "groß"},
        interval=None,
    )
    assert set(found.customers["tier"]) <= {"groß", "nein"}
    assert found.customers["state"][0] == "aktiv"
    assert found.states["state"].tolist() == ["aktiv", "slipping", "at risk", "lost"]
    assert pickle.loads(pickle.dumps(found)).verdict == found.verdict
    assert all(len(line) <= 100 for line in str(found).splitlines())
    nasty = clv.segment(
        rfm,
        clv.BGBB(1.2, 0.75, 0.66, 2.78),
        10.0,
        horizon=3,
        interval=None,
        names={"active": "<script>"},
    )
    assert "<script>" not in nasty._repr_html_()
    taken = replace(rfm, frame=frame.with_columns(pl.lit("a").alias("tier")))
    with pytest.raises(clv.DataError, match="'tier'"):
        clv.segment(taken, clv.BGBB(1.2, 0.75, 0.66, 2.78), 10.0, horizon=3)


def test_half_of_the_spend_in_one_order(small: clv.CustomerSummary):
    frame = small.frame.with_columns(
        (pl.col("frequency") * pl.col("monetary_value").fill_null(0.0) + 20.0).alias("spent")
    ).with_columns((pl.col("spent") * 0.6).alias("big"))
    rfm = replace(small, frame=frame)
    found = clv.segment(
        rfm, *MODELS, **TERMS, history="spent", largest_order="big", interval=None
    ).customers
    flagged = found["reasons"].str.contains("one order is 60% of the spend")
    assert (flagged == (found["frequency"] > 0)).all()
