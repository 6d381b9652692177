"""The lapse alert on every engine, against dates counted by hand."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv

from .settings import BG, COLUMNS, END, SAME

ALERT = ["alert_after", "alert_date", "lapsed"]


def by_hand(orders: pl.DataFrame, rate: float) -> dict[str, tuple[float, date | None, bool]]:
    """Work out the alerts from the dates of each customer by the formula of the Poisson models."""
    found: dict[str, tuple[float, date | None, bool]] = {}
    for who in orders["who"].unique():
        days = sorted(set(orders.filter(pl.col("who") == who)["when"]))
        x, recency = len(days) - 1, (days[-1] - days[0]).days / 7
        after = (BG.alpha + recency) * (rate ** (-1.0 / (BG.r + x)) - 1.0)
        wait = math.ceil(after * 7)
        known = wait <= (date.max - days[-1]).days
        when = days[-1] + timedelta(days=wait) if known else None
        found[who] = (after, when, when is not None and when <= END)
    return found


def summary_of(native: Any, unit: str = "week", **options: Any) -> clv.CustomerSummary:
    return clv.rfm_summary(native, **COLUMNS, observed_until=END, unit=unit, **options)


def day_of(value: Any) -> date | None:
    return value.date() if hasattr(value, "date") else value


@pytest.mark.parametrize("rate", [0.05, 0.5])
def test_alerts_on_every_engine(engine, rows, names, orders, rate):
    summary = summary_of(engine(orders))
    table = clv.lapse_alert(summary, BG, error_rate=rate)
    assert names(table) == ["who", "frequency", "recency", "T", *ALERT]
    assert type(table) is type(summary.frame)
    expected = by_hand(orders, rate)
    found = rows(table)
    assert len(found) == len(expected)
    assert {row[0]: bool(row[6]) for row in found} == {w: e[2] for w, e in expected.items()}
    for who, *_, after, when, _ in found:
        assert after == pytest.approx(expected[who][0], rel=1e-11)
        assert day_of(when) == expected[who][1]
    assert any(e[2] for e in expected.values())
    assert rate > 0.1 or any(e[1] is None for e in expected.values())


@pytest.mark.parametrize("unit", ["day", "month", "year"])
def test_days_are_exact_in_every_unit(frame_engine, rows, orders, unit):
    """The model in another unit says the same dates."""
    per = {"day": 7.0, "month": 7.0 / (365.25 / 12), "year": 7.0 / 365.25}[unit]
    model = clv.BGNBD(BG.r, BG.alpha * per, BG.a, BG.b)
    table = clv.lapse_alert(summary_of(frame_engine(orders), unit), model)
    expected = by_hand(orders, 0.05)
    assert {row[0]: day_of(row[5]) for row in rows(table)} == {
        who: when for who, (_, when, _) in expected.items()
    }


def test_months(frame_engine, rows, orders):
    """Of whole months: an alert is due when a month has ended, counted by hand."""
    model = clv.BGBB(1.2, 0.75, 0.66, 2.8)
    summary = summary_of(frame_engine(orders), "month", grid="month")
    found = {row[0]: row for row in rows(clv.lapse_alert(summary, model, error_rate=0.1))}
    assert found["often"][1:4] == (4, 4.0, 11.0)
    for who, row in found.items():
        months = sorted({each.month for each in orders.filter(pl.col("who") == who)["when"]})
        tail, wait = 1.0, 0
        a, b = 1.2 + len(months) - 1, 0.75 + months[-1] - months[0] - len(months) + 1
        while tail > 0.1:
            tail *= (b + wait) / (a + b + wait)
            wait += 1
        after = 12 * 2023 + months[-1] + wait  # months since year 0, of the month after
        first = date(after // 12, after % 12 + 1, 1)
        assert (row[4], day_of(row[5])) == (wait, first - timedelta(days=1))
        assert bool(row[6]) == (12 - months[-1] >= wait)


def test_weeks(orders):
    """Of weeks of the calendar: the alert falls on the Sunday."""
    table = clv.lapse_alert(summary_of(orders, grid="week"), BG).filter(pl.col("who") == "often")
    assert table["alert_date"].dt.weekday().to_list() == [7]
    assert table["lapsed"].to_list() == [True]


@pytest.mark.parametrize("model", [clv.ParetoNBD(0.55, 10.6, 0.6, 11.7),
                                   clv.MBGCNBD(0.5, 2.0, 0.9, 1.6, 3)], ids=str)  # fmt: skip
def test_lazy_engines_agree_with_eager_ones(lazy_engine, rows, orders, model):
    found, expected = (
        rows(clv.lapse_alert(summary_of(native), model)) for native in (lazy_engine(orders), orders)
    )
    for row, other in zip(found, expected, strict=True):
        assert (row[0], day_of(row[5]), bool(row[6])) == (other[0], day_of(other[5]), other[6])
        assert row[4] == pytest.approx(other[4], rel=SAME)


def test_covariates_and_draws(frame_engine, rows, fitted):
    fit, table = fitted
    summary = clv.CustomerSummary.from_frame(frame_engine(table), unit="week", observed_until=END)
    draws = fit.draws(200, seed=1)
    for given, models in ((fit, [fit.model]), (draws, draws.models(32))):
        found = sorted(rows(clv.lapse_alert(summary, given)), key=lambda row: row[0])
        for row in found[:3] + found[100:120]:
            x, t_x, web, after = row[1], row[2], row[4], row[5]
            tails = []
            for model in models:
                effect = model.effects["purchase"].coefficients["web"]
                own = model.base.alpha * math.exp(-effect * web) + t_x
                tails.append((own / (own + after)) ** (model.base.r + x))
            assert np.mean(tails) == pytest.approx(0.05, rel=1e-9)


def test_a_finished_table_without_dates(frame_engine, names, rows, fitted):
    _, table = fitted
    summary = clv.CustomerSummary.from_frame(frame_engine(table.drop("web")), unit="week")
    found = clv.lapse_alert(summary, BG)
    assert names(found)[4:] == ["alert_after", "lapsed"]
    assert all(bool(row[5]) == (row[3] - row[2] >= row[4]) for row in rows(found))


def test_subscriptions():
    table = pd.DataFrame({"customer_id": [1, 2], "frequency": [3, 1], "recency": [3, 1], "T": 3})
    summary = clv.CustomerSummary.from_frame(table, unit="year", observed_until=END)
    found = clv.lapse_alert(summary, clv.SBG(0.7, 3.8))
    assert found["alert_after"].tolist() == [1.0, 1.0]
    assert found["lapsed"].tolist() == [False, True]
    assert "alert_date" not in found


def test_the_frame_of_the_user_is_left_alone(orders):
    table = pd.DataFrame(
        {"customer_id": [5, 4], "frequency": [2, 0], "recency": [3.0, 0.0], "T": 9.0}, index=[7, 3]
    )
    summary = clv.CustomerSummary.from_frame(table, unit="week", observed_until=END)
    found = clv.lapse_alert(summary, BG)
    assert list(table.columns) == ["customer_id", "frequency", "recency", "T"]
    assert found.index.tolist() == [7, 3]
    assert found["alert_after"].tolist()[0] == pytest.approx(
        (BG.alpha + 3.0) * (0.05 ** (-1.0 / (BG.r + 2.0)) - 1.0)
    )


def test_bad_input_of_alerts(orders):
    summary = summary_of(orders)
    with pytest.raises(clv.ParameterError, match="between 0 and 1"):
        clv.lapse_alert(summary, BG, error_rate=5)
    fit = clv.BGNBD.fit(BG.simulate(2000, 270, seed=1, unit="day"))
    with pytest.raises(clv.UnitMismatchError):
        clv.lapse_alert(summary, fit)
    with pytest.raises(clv.DataError, match="CustomerSummary"):
        clv.lapse_alert(orders, BG)
    with pytest.raises(clv.DataError, match="purchase model"):
        clv.lapse_alert(summary, clv.GammaGamma(6.0, 4.0, 15.0))
    again = clv.CustomerSummary.from_frame(
        clv.lapse_alert(summary, BG), unit="week", customer="who"
    )
    with pytest.raises(clv.DataError, match="'alert_after'"):
        clv.lapse_alert(again, BG)
