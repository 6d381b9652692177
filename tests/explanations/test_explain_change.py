"""`explain_change`: every step by hand, customers who come and go, ids, and the forecast."""

from __future__ import annotations

import datetime as dt
import math
import pickle
from typing import Any

import numpy as np
import polars as pl
import pytest

import clvmodels as clv

OLD = clv.CLVModel(clv.BGNBD(0.243, 4.414, 0.793, 2.426), clv.GammaGamma(6.25, 3.74, 15.44))
NEW = clv.CLVModel(clv.BGNBD(0.3, 5.0, 0.7, 2.6), clv.GammaGamma(6.0, 4.0, 17.0))
TERMS: dict[str, Any] = {"horizon": "52w", "discount_rate": 0.1, "margin": 0.3}
MOVES = [
    *("gone", "silence", "orders", "corrections"),
    *("refit_purchases", "refit_spend", "terms", "new"),
]
SAME = 1e-12  # the same arithmetic, twice
SUMS = 1e-9  # relative to the largest value
START, CUT, END = dt.date(2023, 1, 2), dt.date(2023, 10, 1), dt.date(2023, 12, 31)


def events(people: int, seed: int) -> list[tuple[int, int, float, float]]:
    """Customers of the old models: who, day of the first purchase, and times and amounts since."""
    rng = np.random.default_rng(seed)
    rows = []
    for who in range(people):
        rate = rng.gamma(0.243) / 4.414 / 7.0
        leave, typical = rng.beta(0.793, 2.426), 6.25 * 15.44 / rng.gamma(3.74)
        day, first = float(rng.integers(0, 90)), True
        while day < 365.0:
            rows.append((who, math.floor(day), typical * rng.gamma(6.25) / 6.25 + 0.01, day))
            if not first and rng.random() < leave:
                break
            day, first = day + rng.exponential(1.0 / rate), False
    return rows


@pytest.fixture(scope="module")
def orders() -> pl.DataFrame:
    rows = events(400, seed=4)
    frame = pl.DataFrame(
        [(who, START + dt.timedelta(days=day), paid) for who, day, paid, _ in rows],
        schema=["customer_id", "date", "amount"],
        orient="row",
    )
    return frame.with_columns(
        channel=pl.Series(["web", "shop"])[frame["customer_id"].to_numpy() % 2]
    )


def summary(orders: Any, until: dt.date, **options: Any) -> clv.CustomerSummary:
    known: dict[str, Any] = {"customer": "customer_id", "date": "date", "amount": "amount"}
    return clv.rfm_summary(orders, **known, observed_until=until, unit="week", **options)


@pytest.fixture(scope="module")
def runs(orders: pl.DataFrame) -> list[clv.CustomerSummary]:
    return [
        summary(orders.filter(pl.col("date") <= until), until).with_cohorts("month")
        for until in (CUT, END)
    ]


def worth(frame: pl.DataFrame, models: clv.CLVModel, **terms: Any) -> pl.DataFrame:
    rfm = clv.CustomerSummary.from_frame(frame, unit="week")
    return models.predict(rfm, **(TERMS | terms)).select("customer_id", "clv")


def test_every_step_is_a_prediction(runs: list[clv.CustomerSummary]) -> None:
    before, after = runs
    found = clv.explain_change(
        before, after, before_models=OLD, after_models=NEW, before_margin=0.25, **TERMS
    )
    weeks = (END - CUT).days / 7.0
    assert found.elapsed == pytest.approx(weeks, rel=SAME)
    old_terms = {"margin": 0.25}
    path = [
        worth(before.frame, OLD, **old_terms),
        worth(before.frame.with_columns(pl.col("T") + weeks), OLD, **old_terms),
        worth(after.frame, OLD, **old_terms),
        worth(after.frame, clv.CLVModel(NEW.purchases, OLD.spend), **old_terms),
        worth(after.frame, NEW, **old_terms),
        worth(after.frame, NEW),
    ]
    values = [each.sort("customer_id")["clv"].to_numpy() for each in path]
    ours = found.customers.sort("customer_id")
    names = ["silence", ("orders", "corrections"), "refit_purchases", "refit_spend", "terms"]
    for name, start, end in zip(names, values, values[1:], strict=False):
        parts = [name] if isinstance(name, str) else list(name)
        step = ours.select(pl.sum_horizontal(parts)).to_series().to_numpy()
        assert step == pytest.approx(end - start, rel=1e-9, abs=1e-9)
    assert ours["before"].to_numpy() == pytest.approx(values[0], rel=SAME)
    assert ours["after"].to_numpy() == pytest.approx(values[-1], rel=SAME)
    assert not ours["corrections"].to_numpy().any()
    bought = after.frame.join(before.frame, on="customer_id", suffix="_b").filter(
        pl.col("frequency") > pl.col("frequency_b")
    )
    moved = ours.filter(pl.col("orders") != 0.0)
    assert moved["customer_id"].to_list() == bought.sort("customer_id")["customer_id"].to_list()


def test_sums_are_exact(runs: list[clv.CustomerSummary]) -> None:
    before, after = runs
    late = clv.CustomerSummary.from_frame(after.frame.tail(380), unit="week")
    early = clv.CustomerSummary.from_frame(before.frame.head(390), unit="week")
    found = clv.explain_change(
        early, late, before_models=OLD, after_models=NEW, by="cohort", **TERMS
    )
    frame = found.customers
    assert frame.height == 400
    total = frame.select(pl.sum_horizontal("before", *MOVES)).to_series().to_numpy()
    assert total == pytest.approx(frame["after"].to_numpy(), abs=SUMS)
    amounts = dict(zip(found.table["component"], found.table["amount"], strict=True))
    assert amounts["before"] == pytest.approx(float(worth(early.frame, OLD)["clv"].sum()), rel=SUMS)
    assert amounts["after"] == pytest.approx(float(worth(late.frame, NEW)["clv"].sum()), rel=SUMS)
    steps = math.fsum(amounts[name] for name in ("before", *MOVES))
    assert steps == pytest.approx(amounts["after"], rel=SUMS)
    gone = frame.filter(pl.col("gone") != 0.0)
    assert gone.height == 20
    assert (gone["after"] == 0.0).all()
    new = frame.filter(pl.col("new") != 0.0)
    assert new.height == 10
    assert (new["before"] == 0.0).all()
    assert new["after"].to_list() == new["new"].to_list()
    assert found.segments is not None
    for name in ("before", *MOVES, "after"):
        assert found.segments[name].sum() == pytest.approx(amounts[name], rel=SUMS, abs=1e-9)
        own = frame.group_by("cohort").agg(pl.col(name).sum()).sort("cohort")[name].to_list()
        assert found.segments[name].tolist() == pytest.approx(own, rel=SUMS, abs=1e-9)


def test_the_order_of_rows_and_the_engine_do_not_matter(runs: list[clv.CustomerSummary]) -> None:
    before, after = runs

    def amounts(early: Any, late: Any) -> list[float]:
        summaries = [clv.CustomerSummary.from_frame(e, unit="week") for e in (early, late)]
        found = clv.explain_change(*summaries, before_models=OLD, after_models=NEW, **TERMS)
        return list(found.table["amount"])

    expected = amounts(before.frame, after.frame)
    mixed = amounts(
        before.frame.sample(fraction=1.0, shuffle=True, seed=1).to_pandas(),
        after.frame.sample(fraction=1.0, shuffle=True, seed=2).lazy(),
    )
    arrow = amounts(before.frame.lazy(), after.frame.to_arrow())
    assert mixed == pytest.approx(expected, rel=SAME)
    assert arrow == pytest.approx(expected, rel=SAME)


def test_the_same_run_twice_is_nothing_moved(runs: list[clv.CustomerSummary]) -> None:
    found = clv.explain_change(runs[0], runs[0], before_models=OLD, **TERMS)
    assert found.table["amount"].tolist()[1:-1] == [0.0] * 8
    assert found.forecast.expected == pytest.approx(0.0, abs=1e-9)
    assert found.verdict.endswith("nothing moved.")
    who = found.customers["customer_id"][0]
    assert found.sentence(who).endswith(": nothing moved")


def test_terms_may_change_alone(runs: list[clv.CustomerSummary]) -> None:
    terms = {"before_horizon": "26w", "before_discount_rate": 0.0, "before_margin": 0.1}
    found = clv.explain_change(runs[0], runs[0], before_models=OLD, **TERMS, **terms)
    values = [
        float(OLD.predict(runs[0], **each)["clv"].sum())
        for each in ({"horizon": "26w", "margin": 0.1}, TERMS)
    ]
    amounts = dict(zip(found.table["component"], found.table["amount"], strict=True))
    assert amounts["before"] == pytest.approx(values[0], rel=SUMS)
    assert amounts["terms"] == pytest.approx(values[1] - values[0], rel=SUMS)


def test_refunds_of_old_orders_are_corrections(orders: pl.DataFrame) -> None:
    known = orders.filter(pl.col("date") <= CUT)
    last = known.group_by("customer_id").agg(
        pl.len().alias("n"), pl.col("date", "amount", "channel").sort_by("date").last()
    )
    silent = last.filter(
        (pl.col("n") > 1)
        & ~pl.col("customer_id").is_in(orders.filter(pl.col("date") > CUT)["customer_id"].implode())
    ).head(2)
    returned = silent.select(
        "customer_id", pl.lit(END).alias("date"), (-pl.col("amount")).alias("amount"), "channel"
    )
    before = summary(known, CUT)
    after = summary(pl.concat([orders, returned]), END)
    found = clv.explain_change(before, after, before_models=OLD, **TERMS)
    corrected = found.customers.filter(pl.col("corrections") != 0.0)
    assert sorted(corrected["customer_id"]) == sorted(silent["customer_id"])
    assert (corrected["orders"] == 0.0).all()


def as_kind(column: pl.Expr, kind: Any) -> pl.Expr:
    """Whole numbers as another type; polars makes categories of text alone."""
    return column.cast(pl.String).cast(kind) if kind == pl.Categorical else column.cast(kind)


def test_ids_of_any_type(runs: list[clv.CustomerSummary]) -> None:
    frames = [each.frame.head(30) for each in runs]
    expected = None
    casts = {
        "int": (pl.Int64, pl.Int32),
        "text": (pl.String, pl.String),
        "categories": (pl.Categorical, pl.String),
        "float": (pl.Int64, pl.Float64),
    }
    for kinds in casts.values():
        pair = [
            clv.CustomerSummary.from_frame(
                f.with_columns(pl.col("customer_id").pipe(as_kind, k)), unit="week"
            )
            for f, k in zip(frames, kinds, strict=True)
        ]
        found = clv.explain_change(*pair, before_models=OLD, **TERMS)
        amounts = found.table["amount"].tolist()
        expected = expected or amounts
        assert amounts == pytest.approx(expected, rel=SAME)
        assert found.sentence(found.customers["customer_id"][3]).startswith("from ")
    renamed = clv.CustomerSummary.from_frame(
        frames[0].rename({"customer_id": "who"}), unit="week", customer="who"
    )
    found = clv.explain_change(
        renamed,
        clv.CustomerSummary.from_frame(frames[1].tail(20), unit="week"),
        before_models=OLD,
        **TERMS,
    )
    assert found.customers.columns[0] == "customer_id"
    assert found.table["customers"].tolist()[:2] == [30, 10]


def test_nobody_in_common(runs: list[clv.CustomerSummary]) -> None:
    pair = [
        clv.CustomerSummary.from_frame(f, unit="week")
        for f in (runs[0].frame.head(5), runs[1].frame.tail(6))
    ]
    found = clv.explain_change(*pair, before_models=OLD, **TERMS)
    amounts = dict(zip(found.table["component"], found.table["amount"], strict=True))
    assert amounts["gone"] == -amounts["before"]
    assert amounts["new"] == amounts["after"]


def test_counts_without_money_and_models_from_a_file(
    runs: list[clv.CustomerSummary], tmp_path: Any
) -> None:
    clv.save(clv.CLVModel(clv.BGNBD.fit(runs[0])), tmp_path / "old.json")
    old = clv.load(tmp_path / "old.json")
    found = clv.explain_change(
        *runs, before_models=old, after_models=clv.BGNBD.fit(runs[1]), horizon="26w"
    )
    assert found.value == "discounted_purchases"
    ahead = clv.predict(runs[0], old.purchases, horizon="26w")["discounted_purchases"].sum()
    assert found.table["amount"][0] == pytest.approx(float(ahead), rel=SUMS)
    with pytest.raises(clv.DataError, match="both count purchases"):
        clv.explain_change(*runs, before_models=old, after_models=NEW, horizon="26w")


def test_bad_input(runs: list[clv.CustomerSummary]) -> None:
    before, after = runs
    with pytest.raises(clv.ParameterError, match="younger in the second one"):
        clv.explain_change(after, before, before_models=OLD, **TERMS)
    texts = clv.CustomerSummary.from_frame(
        before.frame.with_columns(pl.col("customer_id").cast(pl.String)), unit="week"
    )
    with pytest.raises(clv.DataError, match="Ids have one type"):
        clv.explain_change(texts, after, before_models=OLD, **TERMS)
    twice = clv.CustomerSummary.from_frame(
        pl.concat([before.frame, before.frame.head(2)]).lazy(), unit="week"
    )
    with pytest.raises(clv.DataError, match="one row a customer"):
        clv.explain_change(twice, after, before_models=OLD, **TERMS)
    with pytest.raises(clv.MissingColumnError, match="segment"):
        clv.explain_change(before, after, before_models=OLD, by="country", **TERMS)
    days = clv.CustomerSummary.from_frame(before.frame, unit="day")
    with pytest.raises(clv.UnitMismatchError):
        clv.explain_change(days, after, before_models=OLD, **TERMS)


# --- the forecast -----------------------------------------------------------------------------


def in_two_windows(people: int, seed: int) -> list[clv.CustomerSummary]:
    """Exact times of customers of the old models, as known after 270 and after 361 days."""
    rows = pl.DataFrame(events(people, seed), schema=["who", "day", "paid", "time"], orient="row")
    firsts = rows.group_by("who").agg(pl.col("time").min().alias("first"))
    pair = []
    for until in (270.0, 361.0):
        known = rows.join(firsts, on="who").filter(pl.col("time") <= until)
        later = pl.col("paid").filter(pl.col("time") > pl.col("first"))
        frame = known.group_by("who").agg(
            (pl.len() - 1).alias("frequency"),
            ((pl.col("time").max() - pl.col("first").first()) / 7.0).alias("recency"),
            ((until - pl.col("first").first()) / 7.0).alias("T"),
            later.mean().alias("monetary_value"),
        )
        pair.append(clv.CustomerSummary.from_frame(frame, unit="week", customer="who"))
    return pair


@pytest.mark.parametrize(
    "terms", [TERMS, {"horizon": math.inf, "discount_rate": 0.3}], ids=["1y", "inf"]
)
def test_the_old_models_know_what_to_expect(terms: dict[str, Any]) -> None:
    """In a world where they are right, silence and orders differ from it by chance alone."""
    found = clv.explain_change(*in_two_windows(600, seed=21), before_models=OLD, **terms)
    told = found.forecast
    assert told.happened == pytest.approx(
        float(found.customers["silence"].sum() + found.customers["orders"].sum()), rel=SUMS
    )
    assert abs(told.surprise) < 4.0 * told.chance
    assert told.expected < 0.0  # customers leave
    assert "expected" in found.verdict


@pytest.mark.slow
def test_surprises_are_as_large_as_they_say() -> None:
    ratios = []
    for seed in range(60):
        pair = in_two_windows(400, seed=100 + seed)
        told = clv.explain_change(*pair, before_models=OLD, **TERMS).forecast
        ratios.append(told.surprise / told.chance)
    assert abs(np.mean(ratios)) < 4.0 / math.sqrt(60)
    assert 0.75 < np.std(ratios) < 1.35


def test_words(runs: list[clv.CustomerSummary]) -> None:
    found = clv.explain_change(*runs, before_models=OLD, after_models=NEW, by="cohort", **TERMS)
    assert max(map(len, str(found).splitlines())) <= 100
    assert "value before" in str(found)
    assert "Silence and orders made" in found.verdict
    assert "<table" in found._repr_html_()
    again = pickle.loads(pickle.dumps(found))
    assert str(again) == str(found)
    bought = found.customers.filter(pl.col("orders") != 0.0)["customer_id"][0]
    assert "new orders " in again.sentence(bought)
