"""Who wins, by how much, and whether that is more than chance."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from clvmodels.backtests.verdict import Scored, duel

START = date(2023, 1, 2)


def steady(customers: int = 150, *, seed: int = 3, forgotten: float = 0.05) -> pl.DataFrame:
    """Return customers who each buy at a pace of their own, by the calendar, until they stop.

    No model knows that a magazine comes every fortnight; who misses two has stopped.
    """
    draw = np.random.default_rng(seed)
    rows = []
    for i in range(customers):
        pace, stop = (7, 14, 35)[i % 3], 420 if i % 2 else int(draw.integers(40, 200))
        days = [d for d in range(i % pace, stop, pace) if draw.random() >= forgotten]
        rows += [(i, START + timedelta(days=d), 10.0) for d in days]
    return pl.DataFrame(rows, schema=["who", "day", "paid"], orient="row")


def alike(customers: int = 60, *, seed: int = 4) -> pl.DataFrame:
    """Return customers of one rate who never leave: their number and their mean say it all."""
    draw = np.random.default_rng(seed)
    rows = []
    for i in range(customers):
        times = np.cumsum(draw.exponential(20.0, 40))
        days = sorted({0, *(int(t) for t in times if t < 420)})
        rows += [(i, START + timedelta(days=d), 10.0) for d in days]
    return pl.DataFrame(rows, schema=["who", "day", "paid"], orient="row")


def test_a_model_wins_where_customers_are_as_it_says(make: Any, run: Any) -> None:
    result = run(make(1000), n_origins=2, amount=None, cohort=None, interval=None)
    assert result.verdict.startswith("Purchases: BG/NBD (RMSE ")
    assert " beats the best rule, " in result.verdict
    assert "% smaller (90% interval over customers " in result.verdict
    best_rule = result.paired[result.paired["kind"] == "rule"].iloc[0]
    assert best_rule["model"] in result.verdict
    assert 0.0 < best_rule["lower"] < best_rule["worse_by"] < best_rule["upper"]


def test_a_rule_wins_where_it_is_right(run: Any) -> None:
    result = run(steady(), n_origins=2, amount=None, cohort=None, interval=None)
    assert "a rule wins, hiatus rule (RMSE " in result.verdict
    assert " BG/NBD (RMSE " in result.verdict
    model = result.paired[result.paired["kind"] == "model"].iloc[0]
    assert 0.0 < model["lower"] < model["worse_by"] < model["upper"]
    assert f"{model['worse_by']:.1%} larger (90%" in result.verdict


def test_a_rule_that_is_never_wrong_wins(run: Any) -> None:
    orders = steady(forgotten=0.0)
    result = run(orders, n_origins=2, amount=None, cohort=None, interval=None)
    assert "a rule wins, last period again, which was never wrong" in result.verdict
    assert result.paired.iloc[0]["rmse"] == 0.0


def test_where_nothing_comes_nobody_wins(run: Any) -> None:
    orders = alike().filter(pl.col("day") < START + timedelta(days=200))
    orders = orders.with_columns(pl.col("who").cast(pl.String))
    late = pl.DataFrame([("new", START + timedelta(days=410), 1.0)], orders.schema, orient="row")
    orders = pl.concat([orders, late])
    result = run(orders, n_origins=1, amount=None, cohort=None, interval=None)
    assert "last period again, which was never wrong" in result.verdict
    assert result.newcomers["purchases"].tolist() == [1.0]


def test_what_cannot_be_told_apart_is_not(run: Any) -> None:
    result = run(alike(), n_origins=1, amount=None, cohort=None, interval=None)
    assert " cannot be told apart" in result.verdict
    table = result.paired.set_index("model")
    assert table.loc["BG/NBD", "rmse"] == pytest.approx(
        table[table["kind"] == "rule"]["rmse"].min(), rel=0.05
    )


def test_of_purchases_and_value_there_is_one_sentence(make: Any, run: Any) -> None:
    result = run(make(300), n_origins=1, cohort=None)
    assert result.verdict.startswith("Purchases: ")
    assert "; value: " in result.verdict
    assert result.verdict.endswith(".")
    assert result.verdict.count(". ") == 0


def test_other_models_that_beat_the_rule_are_named(make: Any, run: Any) -> None:
    models = ["BGNBD", "MBGNBD"]
    result = run(make(800), n_origins=1, cohort=None, interval=None, models=models, amount=None)
    both = result.paired[result.paired["kind"] == "model"]
    assert result.verdict.endswith(f", and so does {both['model'].iloc[1]}.")


# --- the interval -----------------------------------------------------------------------------


def losses(seed: int, n: int = 400) -> tuple[Scored, Scored]:
    """Return skewed losses of two contestants that go together."""
    draw = np.random.default_rng(seed)
    shared = draw.gamma(0.5, 2.0, n)
    a, b = (shared * draw.gamma(4.0, 0.25, n) for _ in range(2))
    return Scored("a", "model", a, a.mean() ** 0.5), Scored("b", "rule", b, b.mean() ** 0.5)


def test_the_interval_is_that_of_a_bootstrap_over_customers() -> None:
    first, second = losses(1)
    draw = np.random.default_rng(2)
    rows = draw.integers(0, len(first.losses), (4000, len(first.losses)))
    ratios = np.sqrt(first.losses[rows].sum(axis=1) / second.losses[rows].sum(axis=1)) - 1.0
    middle, lower, upper = duel(first, second)
    assert middle == pytest.approx(first.rmse / second.rmse - 1.0, rel=1e-12)
    width = upper - lower
    found = np.quantile(ratios, [0.05, 0.95])
    # Quantiles of 4,000 draws are off by 3 % of the width; the jackknife is of first order.
    np.testing.assert_allclose([lower, upper], found, atol=0.07 * width)


def test_the_interval_holds_nine_times_in_ten() -> None:
    """Both lose the same on average, so that no difference is the truth."""
    held = [lower <= 0.0 <= upper for _, lower, upper in (duel(*losses(s)) for s in range(600))]
    assert np.mean(held) == pytest.approx(0.9, abs=0.035)  # 3 standard errors are 0.037


def test_one_customer_decides_nothing() -> None:
    """Without one of 400 the other contestant is better: the delta method says it is worse."""
    first, second = losses(1)
    share = np.append(first.losses, 8.0 * first.losses.sum())
    other = np.append(1.3 * second.losses, 4.0 * second.losses.sum())
    pair = (
        Scored("a", "model", share, share.mean() ** 0.5),
        Scored("b", "rule", other, other.mean() ** 0.5),
    )
    assert first.losses.sum() < 1.3 * second.losses.sum()
    middle, lower, upper = duel(*pair)
    assert middle > 0.2
    assert lower < 0.0 < upper
    alone = [Scored(each.model, each.kind, each.losses[-1:], each.rmse) for each in pair]
    assert duel(*alone)[1:] == (-1.0, np.inf)
    zero = [np.append(np.zeros(5), each) for each in (4.0, 3.0)]
    assert duel(*(Scored("a", "model", each, 1.0) for each in zero))[1:] == (-1.0, np.inf)


def test_a_customer_who_makes_most_of_the_error_is_named(make: Any, run: Any) -> None:
    often = [("whale", START + timedelta(days=i), 5.0) for i in range(350)]
    whale = pl.DataFrame(often, ["who", "day", "paid"], orient="row")
    orders = pl.concat([make(300), whale], how="diagonal")
    result = run(orders, n_origins=1, cohort=None, interval=None)
    assert "% of the squared errors" in result.verdict


def test_nothing_is_lost_where_nothing_was_bought() -> None:
    none = Scored("a", "model", np.zeros(3), 0.0)
    some = Scored("b", "rule", np.ones(3), 1.0)
    assert duel(none, none) == (0.0, 0.0, 0.0)
    assert np.isnan(duel(some, none)).all()
