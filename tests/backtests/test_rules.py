"""Each rule against plain SQL, as people write it, customer by customer."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from clvmodels.backtests.one_origin import Log, Result, judge
from clvmodels.backtests.origins import make_plan
from clvmodels.frames.calendar import day_number
from clvmodels.frames.reading import Rules

ORIGIN = date(2023, 12, 10)
SAME = 1e-9  # sums of money in another order
Case = tuple[pl.DataFrame, int, Result, list[str]]


@pytest.fixture(scope="module", params=[(1, 70), (2, 200), (3, 30)], ids=str)
def case(request: pytest.FixtureRequest, make: Any) -> Case:
    """Return orders without refunds, which plain SQL knows nothing of, and what rules predict."""
    seed, days = request.param
    orders = make(250, seed=seed)
    return (orders, days, *judged(orders, days))


def judged(orders: pl.DataFrame, days: int) -> tuple[Result, list[str]]:
    rules = Rules("who", "day", "paid", "net", "error", False, "day", None, None)
    span = day_number(orders["day"].min()), day_number(ORIGIN + timedelta(days=days))
    plan = make_plan(
        span, horizon=f"{days}d", unit="week", grid="day", origins=[ORIGIN], n_origins=1
    )
    people: dict[Any, int] = {}
    log = Log(orders, rules, "week", (), None, False)
    result = judge(log, plan.origins[0], plan, models=[], spend=1.0, interval=None, people=people)
    return result, [list(people)[i] for i in result.person]


def sql(orders: pl.DataFrame, days: int, query: str) -> dict[str, tuple[float, float]]:
    """Run a query with the orders, the origin and the horizon in it."""
    connection = duckdb.connect()
    connection.register("orders", orders.to_arrow())
    text = query.format(origin=f"date '{ORIGIN}'", days=days, **PARTS)
    return {row[0]: (float(row[1]), float(row[2])) for row in connection.execute(text).fetchall()}


PARTS = {
    # One purchase a customer and day, as every shop system counts orders.
    "known": "(select who, day, sum(paid) as paid from orders where day <= {origin} group by all)",
}
PARTS = {name: text.replace("{origin}", f"date '{ORIGIN}'") for name, text in PARTS.items()}

LAST_PERIOD = """
    select who, count(*) filter (day > {origin} - {days}),
           coalesce(sum(paid) filter (day > {origin} - {days}), 0)
    from {known} group by who"""
AVERAGE_RATE = """
    with first as (select who, min(day) as start from {known} group by who),
         repeats as (select k.who, count(*) as n, sum(k.paid) as paid
                     from {known} k join first f on k.who = f.who and k.day > f.start
                     group by k.who)
    select f.who, coalesce(n / date_diff('day', start, {origin}) * {days}, 0),
           coalesce(paid / date_diff('day', start, {origin}) * {days}, 0)
    from first f left join repeats r using (who)"""
SQL_RULE = """
    select who, count(*) / (date_diff('day', min(day), {origin}) + 1) * {days} as orders_ahead,
           avg(paid) * orders_ahead
    from {known} group by who"""
MEAN = """
    with a as (select who, count(*) - 1 as n, date_diff('day', min(day), {origin}) as age,
                      sum(paid) - arg_min(paid, day) as paid from {known} group by who)
    select who, (select sum(n) / sum(age) * {days} from a),
           (select sum(paid) / sum(age) * {days} from a) from a"""


@pytest.mark.parametrize(
    ("rule", "query"),
    [
        ("last period again", LAST_PERIOD),
        ("average rate", AVERAGE_RATE),
        ("SQL rule", SQL_RULE),
        ("everyone the mean", MEAN),
    ],
)
def test_a_rule_is_what_its_sql_says(case: Case, rule: str, query: str) -> None:
    orders, days, result, ids = case
    compare(result, ids, rule, sql(orders, days, query))


def compare(result: Result, ids: list[str], rule: str, wanted: dict[str, Any]) -> None:
    assert sorted(ids) == sorted(wanted)
    for i, quantity in enumerate(("purchases", "value")):
        (found,) = (
            each for each in result.predictions if (each.model, each.quantity) == (rule, quantity)
        )
        theirs = np.array([wanted[who][i] for who in ids])
        np.testing.assert_allclose(found.mean, theirs, rtol=SAME, atol=SAME)
        assert theirs.sum() > 0.0


def test_the_hiatus_rule_is_tuned_before_the_origin(case: Case) -> None:
    """Try every cut-off on the last part of what was known, and take the best for the rule."""
    orders, days, result, ids = case
    first = orders["day"].min()
    assert isinstance(first, date)
    back = min(days, (ORIGIN - first).days // 2)
    before = f"(date '{ORIGIN}' - {back})"
    query = f"""
        with past as (select who, date_diff('day', max(day), {before}) as silence
                      from {{known}} where day <= {before} group by who),
             later as (select distinct who from {{known}} where day > {before}),
             tried as (select distinct silence as cut_off from past),
             scored as (select cut_off, count(*) filter ((silence <= cut_off)
                               = (who in (select who from later))) as correct
                        from tried, past group by cut_off),
             best as (select max(cut_off) as cut_off from scored
                      where correct = (select max(correct) from scored)),
             cut as (select case when cut_off = (select max(silence) from past)
                            then 1e9 else cut_off end as cut_off from best)
        select who, cut_off, date_diff('day', max(day), {{origin}}) as silence
        from {{known}}, cut group by who, cut_off"""
    tuned = sql(orders, days, query)
    rate = sql(orders, days, AVERAGE_RATE)
    none = (0.0, 0.0)
    wanted = {who: rate[who] if s <= cut else none for who, (cut, s) in tuned.items()}
    compare(result, ids, "hiatus rule", wanted)
    note = result.fits[-1].note
    (cut,) = {cut for cut, _ in tuned.values()}
    assert (f"{cut / 7:.1f} weeks" in note) or (cut == 1e9 and "nobody" in note)


def test_nobody_is_lost_where_that_is_best() -> None:
    from clvmodels.backtests.rules import best_cut_off

    silence = np.array([1.0, 5.0, 9.0])
    assert best_cut_off(silence, np.array([True, False, True])) == math.inf
    assert best_cut_off(np.zeros(0), np.zeros(0, dtype=bool)) == math.inf
    assert best_cut_off(silence, np.array([True, True, False])) == 5.0
