"""The tables of a backtest against sums by other means, and figures of papers."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import stats

import clvmodels as clv
from clvmodels.backtests.measures import METRICS

ORIGIN, UNTIL = date(2023, 12, 10), date(2024, 2, 18)
ALIKE = 1e-9


@pytest.fixture(scope="module")
def result(log: pl.DataFrame, run: Any) -> clv.Backtest:
    return run(log, n_origins=2, by=["channel", "region"], models=["BGNBD", "MBGNBD"])


@pytest.fixture(scope="module")
def by_hand(log: pl.DataFrame) -> pd.DataFrame:
    """Return predictions of one origin through the public functions, a row a customer."""
    split = clv.holdout_split(
        log.filter(pl.col("day") <= UNTIL).to_pandas(),
        customer="who",
        date="day",
        amount="paid",
        calibration_end=ORIGIN,
        unit="week",
    )
    fit, spend = clv.BGNBD.fit(split.calibration), clv.GammaGamma.fit(split.calibration)
    table = clv.predict(split.calibration, fit, spend, horizon=split.horizon)
    return table.merge(split.holdout, on="who")


def number(table: pd.DataFrame, metric: str, **where: Any) -> float:
    for name, value in where.items():
        table = table[table[name] == value]
    (found,) = table.loc[table["metric"] == metric, "number"]
    return float(found)


def test_metrics_of_all_are_those_of_predictions_by_hand(
    log: pl.DataFrame, run: Any, by_hand: pd.DataFrame
) -> None:
    table = run(log, origins=[ORIGIN]).table
    for quantity, ours, theirs in (
        ("purchases", "expected_purchases", "holdout_purchases"),
        ("value", "clv", "holdout_value"),
    ):
        y, actual = by_hand[ours].to_numpy(), by_hand[theirs].to_numpy()
        wanted = {
            "total_bias": y.sum() / actual.sum() - 1.0,
            "mae": np.abs(y - actual).mean(),
            "rmse": np.sqrt(((y - actual) ** 2).mean()),
            "spearman": stats.spearmanr(y, actual).statistic,
            "predicted": y.mean(),
            "actual": actual.mean(),
        }
        for metric, value in wanted.items():
            found = number(table, metric, model="BG/NBD", quantity=quantity, group="all")
            assert found == pytest.approx(value, rel=ALIKE), (quantity, metric)


def test_groups_are_of_the_customers_in_them(log: pl.DataFrame, run: Any) -> None:
    """Cohorts and segments by SQL: counts, and means of what came."""
    table = run(log, origins=[ORIGIN], by=["channel", "region"]).table
    connection = duckdb.connect()
    connection.register("log", log.to_arrow())
    query = f"""
        with past as (select * from log where day <= date '{ORIGIN}'),
             counted as (select who, channel, count(*) as n from past
                         where channel is not null group by all),
             usual as (select who, arg_max(channel, n * 10 - (channel = 'web')::int) as channel
                       from counted group by who),
             people as (select p.who, coalesce(any_value(u.channel), '(none)') as channel,
                               cast(cast(any_value(region) as int) as varchar) as region,
                               year(min(day)) || '-Q' || quarter(min(day)) as cohort
                        from past p left join usual u using (who) where paid >= 0 group by p.who)
        select * from people"""
    people = connection.execute(query).df().set_index("who")
    split = clv.holdout_split(
        log.filter(pl.col("day") <= UNTIL),
        customer="who",
        date="day",
        amount="paid",
        calibration_end=ORIGIN,
        unit="week",
    )
    held = split.holdout.to_pandas().set_index("who").join(people)
    some = table[(table["model"] == "SQL rule") & (table["quantity"] == "value")]
    for group in ("channel", "region"):
        means = held.groupby(group)["holdout_value"].agg(["size", "mean"])
        ours = some[(some["group"] == group) & (some["metric"] == "actual")].set_index("label")
        assert sorted(ours.index) == sorted(means.index)
        assert ours["customers"].to_dict() == means["size"].to_dict()
        np.testing.assert_allclose(ours["number"], means.loc[ours.index, "mean"], rtol=ALIKE)
    cohorts = some[(some["group"] == "cohort") & (some["metric"] == "actual")]
    assert set(cohorts["label"]) == set(held["cohort"])
    assert cohorts["customers"].sum() == len(held)


@pytest.mark.parametrize(
    ("cohort", "labels"),
    [("month", {"2023-01", "2023-10"}), ("year", {"2023"}), ("quarter", {"2023-Q1", "2023-Q4"})],
)
def test_cohorts_are_of_the_calendar(
    log: pl.DataFrame, run: Any, cohort: str, labels: set[str]
) -> None:
    table = run(log, n_origins=1, amount=None, cohort=cohort, interval=None).table
    assert labels <= set(table.loc[table["group"] == "cohort", "label"])


def test_rules_have_no_density_and_no_interval(result: clv.Backtest) -> None:
    missing = result.table[result.table["number"].isna()]
    rules = missing[missing["kind"] == "rule"]
    assert set(rules["metric"]) >= {"log_density", "coverage"}
    models = missing[missing["kind"] == "model"]
    assert not set(models["metric"]) & {"log_density", "coverage", "rmse", "mae"}
    assert set(result.table["metric"]) == {*METRICS, "predicted", "actual"}


def test_the_summary_is_over_origins(result: clv.Backtest) -> None:
    part = result.table[
        (result.table["model"] == "BG/NBD")
        & (result.table["quantity"] == "purchases")
        & (result.table["group"] == "all")
    ]
    wide = part.pivot_table("number", "origin", "metric")
    n = part.groupby("origin")["customers"].first()
    row = result.summary.set_index(["quantity", "model"]).loc[("purchases", "BG/NBD")]
    assert row["origins"] == 2
    assert row["customers"] == n.sum()
    assert row["mae"] == pytest.approx((wide["mae"] * n).sum() / n.sum(), rel=ALIKE)
    assert row["rmse"] ** 2 == pytest.approx((wide["rmse"] ** 2 * n).sum() / n.sum(), rel=ALIKE)
    totals = (wide["predicted"] * n).sum() / (wide["actual"] * n).sum() - 1.0
    assert row["total_bias"] == pytest.approx(totals, rel=1e-6)
    assert row["normalised_gini"] == pytest.approx(wide["normalised_gini"].mean(), rel=ALIKE)
    paired = result.paired.set_index(["quantity", "model"])
    assert paired.loc[("purchases", "BG/NBD"), "rmse"] == pytest.approx(row["rmse"], rel=ALIKE)


def test_curves_end_at_the_totals(result: clv.Backtest) -> None:
    last = result.tracking.groupby(["origin", "model", "quantity"]).last()
    part = result.table[result.table["group"] == "all"]
    for metric, column in (("predicted", "expected"), ("actual", "actual")):
        some = part[part["metric"] == metric].set_index(["origin", "model", "quantity"])
        totals = some["number"] * some["customers"]
        np.testing.assert_allclose(last[column], totals.loc[last.index], rtol=ALIKE)
    for _, curve in result.tracking.groupby(["origin", "model", "quantity"]):
        assert (np.diff(curve["expected"]) >= 0.0).all()
        assert curve["time"].iloc[-1] == pytest.approx(result.horizon)


def test_actual_curves_are_counts_by_day(log: pl.DataFrame, result: clv.Backtest) -> None:
    origin = result.origins[0]
    known = log.filter(pl.col("day") <= origin, pl.col("paid") >= 0)["who"].unique()
    later = log.filter(pl.col("day") > origin, pl.col("paid") >= 0)
    later = later.filter(pl.col("who").is_in(known.implode())).unique(["who", "day"])
    curve = result.tracking[
        (result.tracking["origin"] == origin)
        & (result.tracking["model"] == "BG/NBD")
        & (result.tracking["quantity"] == "purchases")
    ]
    for time, actual in zip(curve["time"], curve["actual"], strict=True):
        until = origin + timedelta(days=round(time * 7))
        counted = later.filter(pl.col("day") <= until)
        # A refund may undo a purchase of the window.
        assert counted.height - 12 <= actual <= counted.height


def test_newcomers_are_apart(make: Any, run: Any) -> None:
    orders = make(200)
    result = run(orders, n_origins=2, cohort=None, interval=None)
    connection = duckdb.connect()
    connection.register("log", orders.to_arrow())
    for row in result.newcomers.itertuples():
        after = f"day > date '{row.origin}' and day <= date '{row.origin}' + 70"
        new, bought, paid, everything = connection.execute(f"""
            with early as (select who from log where day <= date '{row.origin}'),
                 later as (select who, day, sum(paid) as paid from log where {after} group by all)
            select count(distinct who) filter (who not in (from early)),
                   count(*) filter (who not in (from early)),
                   sum(paid) filter (who not in (from early)), count(*) from later""").fetchall()[0]
        assert (row.customers, row.purchases) == (new, bought)
        assert row.value == pytest.approx(paid, rel=ALIKE)
        assert row.share_of_purchases == pytest.approx(bought / everything, rel=ALIKE)


def test_deciles_add_up(result: clv.Backtest) -> None:
    part = result.table[result.table["group"] == "all"]
    keys = ["origin", "model", "quantity"]
    for metric in ("predicted", "actual"):
        means = result.deciles.groupby(keys)[metric].mean()
        wanted = part[part["metric"] == metric].set_index(keys)["number"]
        np.testing.assert_allclose(means, wanted.loc[means.index], rtol=ALIKE)
    for _, each in result.deciles.groupby(keys):
        assert (np.diff(each["predicted"]) <= 1e-12).all()


def test_cdnow_is_predicted_as_in_the_papers(cdnow_sample_orders: Any) -> None:
    """The accuracy figures of models.md, to the digits printed."""
    columns = {"customer": "customer_id", "date": "date", "amount": "amount", "unit": "week"}
    models = {
        "BG/NBD": clv.BGNBD,
        "Pareto/NBD": clv.ParetoNBD,
        "rounded": lambda _: clv.BGNBD(0.2426, 4.4136, 0.7929, 2.4259),
    }
    result = clv.backtest(
        cdnow_sample_orders, **columns, horizon="39w", origins=["1997-09-30"], cohort=None,
        models=models, interval=None,
    )  # fmt: skip
    table = result.summary.set_index(["quantity", "model"])
    bgnbd = table.loc[("purchases", "BG/NBD")]
    assert round(bgnbd["total_bias"], 4) == -0.1215
    assert round(bgnbd["mae"], 4) == 0.7855
    assert round(bgnbd["rmse"], 3) == 1.608
    assert round(bgnbd["spearman"], 3) == 0.449
    # Printed .6625 depends on the order of customers with equal predictions, which share here.
    assert bgnbd["normalised_gini"] == pytest.approx(0.6625, abs=2e-4)
    pareto = table.loc[("purchases", "Pareto/NBD")]
    assert round(pareto["total_bias"], 3) == -0.115
    assert round(pareto["mae"], 4) == 0.7545
    assert round(pareto["rmse"], 3) == 1.603
    value = table.loc[("value", "BG/NBD")]
    assert round(value["total_bias"], 3) == -0.156
    assert round(value["normalised_gini"], 3) == 0.638
    actual = result.tracking.groupby("quantity")["actual"].last()
    assert actual["purchases"] == 1882
    assert round(actual["value"], 2) == 70976.39
    # The known total of value is the one at parameters of four digits.
    totals = result.tracking.groupby(["quantity", "model"])["expected"].last()
    assert round(totals["purchases", "BG/NBD"], 1) == 1653.4
    assert round(totals["purchases", "Pareto/NBD"], 1) == 1665.5
    assert round(totals["value", "rounded"]) == 59933
