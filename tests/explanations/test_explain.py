"""`explain`: engines, ids, prices, margins, covariates, segments and words."""

from __future__ import annotations

import math
import pickle
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv
from clvmodels.models.effects import Effects

PURCHASES = clv.BGNBD(0.243, 4.414, 0.793, 2.426)
SPEND = clv.GammaGamma(6.25, 3.74, 15.44)
TERMS: dict[str, Any] = {"horizon": "52w", "discount_rate": 0.1, "margin": 0.3}
PARTS = ["population", "frequency", "recency", "spend"]
SAME = 1e-12  # the same arithmetic on another engine
SUMS = 1e-9  # of contributions, in money
STANDARD_ERRORS = 5.0  # of means of simulated customers


def table(n: int = 120, seed: int = 5, ages: int = 6) -> pl.DataFrame:
    """Simulated customers of several ages, with a channel, a price and a margin of their own."""
    grown = 20.0 + np.arange(n) % ages
    c = SPEND.simulate(PURCHASES.simulate(n, grown, seed=seed, unit="week"), seed=seed)
    x, t_x, T = c.timing
    return pl.DataFrame(
        {"customer_id": np.arange(n) * 7 + 3, "frequency": x, "recency": t_x, "T": T},
    ).with_columns(
        monetary_value=pl.Series(c.spend[1]).fill_nan(None),
        channel=pl.Series(["web", "shop", None])[np.arange(n) % 3],
        size=pl.Series(np.arange(n) % 2, dtype=pl.Float64),
        price=pl.Series(5.0 + np.arange(n) % 4),
        share=pl.Series(0.1 + 0.1 * (np.arange(n) % 5)),
    )


def summary(frame: Any) -> clv.CustomerSummary:
    return clv.CustomerSummary.from_frame(frame, unit="week")


def numbers(frame: Any, names: list[str]) -> np.ndarray:
    """Columns in the order of the ids, whatever the engine."""
    if not isinstance(frame, pl.DataFrame):
        frame = pl.DataFrame(pl.from_arrow(frame) if "arrow" in str(type(frame)) else frame)
    return frame.sort("customer_id").select(names).to_numpy()


def test_the_engine_and_the_order_of_rows_do_not_matter() -> None:
    frame = table()
    expected = clv.explain(summary(frame), PURCHASES, SPEND, by="channel", **TERMS)
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=2)
    path = duckdb.connect()
    path.register("customers", shuffled.to_arrow())
    engines = {
        "pandas": shuffled.to_pandas().set_index(pd.Index(range(500, 620))),
        "arrow": shuffled.to_arrow(),
        "lazy": shuffled.lazy(),
        "duckdb": path.table("customers"),
    }
    for name, native in engines.items():
        found = clv.explain(summary(native), PURCHASES, SPEND, by="channel", **TERMS)
        kind = pl.DataFrame if name in ("lazy", "duckdb") else type(native)
        assert isinstance(found.customers, kind)
        ours, theirs = (numbers(each.customers, [*PARTS, "clv"]) for each in (found, expected))
        assert ours == pytest.approx(theirs, rel=SAME, abs=SAME)
        assert found.table["amount"].to_numpy() == pytest.approx(
            expected.table["amount"].to_numpy(), rel=SAME, abs=SAME
        )
        assert found.segments is not None
        assert expected.segments is not None
        assert found.segments["clv"].tolist() == pytest.approx(expected.segments["clv"].tolist())


def test_segments_and_totals_are_sums_of_customers() -> None:
    found = clv.explain(summary(table()), PURCHASES, SPEND, by=["channel", "size"], **TERMS)
    plain = found.customers.group_by("channel", "size").agg(
        pl.len().alias("customers"), pl.col(*PARTS, "clv").sum()
    )
    assert found.segments is not None
    ours = pl.from_pandas(found.segments).sort("channel", "size", nulls_last=True)
    theirs = plain.sort("channel", "size", nulls_last=True)
    assert ours["customers"].to_list() == theirs["customers"].to_list()
    assert ours.select(*PARTS, "clv").to_numpy() == pytest.approx(
        theirs.select(*PARTS, "clv").to_numpy(), rel=SUMS
    )
    amounts = dict(zip(found.table["component"], found.table["amount"], strict=True))
    for name in (*PARTS, "clv"):
        assert amounts[name] == pytest.approx(float(found.customers[name].sum()), rel=SUMS)
    assert sum(amounts[name] for name in PARTS) == pytest.approx(amounts["clv"], rel=SUMS)


@pytest.mark.parametrize(
    "terms",
    [
        {"horizon": math.inf, "discount_rate": 0.15},
        {"horizon": "26w", "margin": "share"},
        {"horizon": 0.0},
        {"horizon": "1y", "discount_rate": -0.05, "margin": -0.2},
    ],
    ids=str,
)
@pytest.mark.parametrize("spend", [SPEND, 9.5, "price", None], ids=["model", "9.5", "price", "-"])
def test_contributions_add_up_on_all_terms(terms: dict[str, Any], spend: Any) -> None:
    rfm = summary(table())
    found = clv.explain(rfm, PURCHASES, spend, **terms)
    scored = clv.predict(rfm, PURCHASES, spend, **terms)
    name = "discounted_purchases" if spend is None else "clv"
    parts = [each for each in PARTS if spend is not None or each != "spend"]
    assert found.value == name
    assert found.customers.columns == ["customer_id", *parts, name]
    total = found.customers.select(pl.sum_horizontal(parts)).to_series()
    assert total.to_numpy() == pytest.approx(scored[name].to_numpy(), abs=SUMS)
    assert found.customers[name].to_numpy() == pytest.approx(scored[name].to_numpy(), rel=SAME)


def test_a_known_price_is_compared_with_the_mean_price() -> None:
    frame = table()
    found = clv.explain(summary(frame), PURCHASES, "price", horizon="52w")
    ahead = clv.predict(summary(frame), PURCHASES, horizon="52w")["discounted_purchases"]
    mean = float(frame["price"].mean())
    expected = ahead.to_numpy() * (frame["price"].to_numpy() - mean)
    assert found.customers["spend"].to_numpy() == pytest.approx(expected, rel=SUMS, abs=SUMS)


def test_some_customers_stay_among_all() -> None:
    rfm = summary(table())
    everyone = clv.explain(rfm, PURCHASES, "price", **TERMS)
    ids = [45, 3, 10]
    some = clv.explain(rfm, PURCHASES, "price", customers=ids, **TERMS)
    assert some.customers["customer_id"].to_list() == ids
    rows = everyone.customers.filter(pl.col("customer_id").is_in(ids))
    assert numbers(some.customers, PARTS) == pytest.approx(numbers(rows, PARTS), rel=SAME)
    assert some.sentence("45") == everyone.sentence(45)
    with pytest.raises(clv.DataError, match=r"1 ids are not in column 'customer_id' \(4\)"):
        clv.explain(rfm, PURCHASES, customers=[3, 4], **TERMS)


# --- covariates -------------------------------------------------------------------------------


def with_effect(covariate: str, size: float) -> clv.PurchaseCovariates[clv.BGNBD]:
    effects = {"purchase": Effects(covariate, {covariate: size}, {})}
    return clv.PurchaseCovariates(PURCHASES, effects)


def test_the_kind_of_a_customer_is_what_covariates_say() -> None:
    frame = table(60, ages=10)
    model = with_effect("size", 0.4)
    spend = clv.SpendCovariates(SPEND, {"spend": Effects("size", {"size": 0.2}, {})})
    found = clv.explain(summary(frame), model, spend, **TERMS)
    assert found.customers.columns[1:-1] == ["population", "covariates", *PARTS[1:]]
    scored = clv.predict(summary(frame), model, spend, **TERMS)["clv"].to_numpy()
    total = found.customers.select(pl.sum_horizontal(found.customers.columns[1:-1])).to_series()
    assert total.to_numpy() == pytest.approx(scored, abs=SUMS)
    # Each kind by itself, with the model that `at` gives for it.
    kinds = [
        clv.explain(summary(frame), model.at(size=k), spend.at(size=k), **TERMS) for k in (0, 1)
    ]
    own = np.where(frame["size"] == 1.0, *(kinds[k].customers["population"] for k in (1, 0)))
    both = 0.5 * sum(each.customers["population"].to_numpy() for each in kinds)
    assert found.customers["population"].to_numpy() == pytest.approx(both, rel=SUMS)
    assert found.customers["covariates"].to_numpy() == pytest.approx(own - both, rel=SUMS)
    assert "of this kind " in found.sentence(3)


def test_many_kinds_are_those_one_by_one() -> None:
    """Above 64 kinds other code is used: the same customers, with a covariate that all have."""
    n = 90
    frame = table(n, ages=3).with_columns(score=pl.Series(np.linspace(0.0, 1.0, n)))
    found = clv.explain(summary(frame), with_effect("score", 0.7), horizon="52w", discount_rate=0.1)
    scored = clv.predict(
        summary(frame), with_effect("score", 0.7), horizon="52w", discount_rate=0.1
    )
    parts = found.customers.select(pl.sum_horizontal(found.customers.columns[1:-1])).to_series()
    assert parts.to_numpy() == pytest.approx(scored["discounted_purchases"].to_numpy(), abs=SUMS)
    for row in (0, 40, 89):
        score = float(frame["score"][row])
        alone = clv.explain(
            summary(frame[[row]]),
            PURCHASES.__class__(
                PURCHASES.r, PURCHASES.alpha * math.exp(-0.7 * score), PURCHASES.a, PURCHASES.b
            ),
            horizon="52w",
            discount_rate=0.1,
        ).customers
        own = found.customers["population"][row] + found.customers["covariates"][row]
        assert own == pytest.approx(alone["population"][0], rel=SUMS)
        assert found.customers["frequency"][row] == pytest.approx(alone["frequency"][0], rel=1e-8)


# --- by simulation ----------------------------------------------------------------------------


def test_each_step_is_nothing_on_average_in_money_too() -> None:
    """Customers of the model, whose own rate, dropout and spend nobody knows."""
    n = 3_000
    c = SPEND.simulate(PURCHASES.simulate(n, 40.0, seed=12, unit="week"), seed=13)
    x, t_x, T = c.timing
    frame = pl.DataFrame({"customer_id": range(n), "frequency": x, "recency": t_x, "T": T})
    frame = frame.with_columns(monetary_value=pl.Series(c.spend[1]).fill_nan(None))
    found = clv.explain(summary(frame), PURCHASES, SPEND, **TERMS).customers
    for name in PARTS[1:]:
        part = found[name].to_numpy()
        assert abs(part.mean()) <= STANDARD_ERRORS * part.std() / math.sqrt(n)


# --- words ------------------------------------------------------------------------------------


def test_words() -> None:
    found = clv.explain(summary(table()), PURCHASES, SPEND, by="channel", **TERMS)
    once, often = (
        found.sentence(found.facts.filter(pl.col("purchases") == k)["customer_id"][0])
        for k in (0.0, found.facts["purchases"].max())
    )
    assert "no repeat purchase in " in once
    assert "silent" not in once
    assert "spends" not in once
    assert "silent for " in often
    assert "an order" in often
    assert max(map(len, str(found).splitlines())) <= 100
    assert "What tells them apart most is how often they bought" in found.verdict
    assert "<table" in found._repr_html_()
    again = pickle.loads(pickle.dumps(found))
    assert str(again) == str(found)
    assert again.sentence(3) == found.sentence(3)


def test_a_single_newcomer_is_the_population() -> None:
    frame = pl.DataFrame({"customer_id": ["a"], "frequency": [0], "recency": [0.0], "T": [0.0]})
    found = clv.explain(summary(frame), PURCHASES, horizon="52w")
    population, frequency, recency = found.customers.row(0)[1:4]
    assert population == pytest.approx(float(PURCHASES.mean_purchases(52.0)), rel=SUMS)
    assert (frequency, recency) == (pytest.approx(0.0, abs=1e-12), 0.0)
    assert found.verdict == "All of these customers are worth the same."


def test_bad_input() -> None:
    rfm = summary(table())
    with pytest.raises(clv.DataError, match="takes a CustomerSummary"):
        clv.explain(table(), PURCHASES, horizon="1y")
    with pytest.raises(clv.MissingColumnError, match="chanel"):
        clv.explain(rfm, PURCHASES, horizon="1y", by="chanel")
    with pytest.raises(clv.DataError, match="'recency'"):
        clv.explain(rfm, PURCHASES, horizon="1y", by="recency")
    with pytest.raises(clv.UndefinedMomentError):
        clv.explain(rfm, clv.BGNBD(0.2, 4.0, 0.8, 2.4), horizon=math.inf)
    with pytest.raises(clv.ParameterError, match="margin"):
        clv.explain(rfm, PURCHASES, SPEND, horizon="1y", margin=2.0)
