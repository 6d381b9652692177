"""What comes after an origin changes the outcome and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import clvmodels as clv
from clvmodels.backtests.contestants import contestants, spend_of
from clvmodels.backtests.one_origin import Log, Result, judge
from clvmodels.backtests.origins import make_plan
from clvmodels.frames.calendar import day_number
from clvmodels.frames.reading import Rules

ORIGIN, UNTIL = date(2023, 12, 10), date(2024, 2, 18)
SUMS = 1e-12  # polars adds up money in an order that differs from run to run
FITS: list[Any] = []
Change = Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]


def altered(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Make later purchases ten times as large, a week later, elsewhere."""
    later = after.with_columns(
        pl.col("paid") * 10, pl.col("day") + timedelta(days=7), channel=pl.lit("elsewhere")
    )
    return pl.concat([before, later])


def deleted(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Keep of what came later one row."""
    return pl.concat([before, after.head(1)])


def added(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Let every known customer buy twice more, and newcomers too."""
    ids = pl.concat([before["who"].unique(), pl.Series("who", ["new1", "new2"])])
    more = [
        pl.DataFrame({"who": ids}).with_columns(
            day=pl.lit(ORIGIN + timedelta(days=each)),
            paid=pl.lit(5.0),
            channel=pl.lit("web"),
            region=pl.lit(3.0),
        )
        for each in (1, 30)
    ]
    return pl.concat([before, after, *(each.select(before.columns) for each in more)])


def refunded(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Send everything back that was ever bought, on the day after the origin."""
    back = before.with_columns(pl.col("paid").abs() * -1, day=pl.lit(ORIGIN + timedelta(days=1)))
    return pl.concat([before, after, back])


def relabelled(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Outnumber the labels of every customer by later rows."""
    many = after.with_columns(channel=pl.lit("zzz"), region=pl.lit(99.0), paid=pl.lit(0.0))
    return pl.concat([before, after, many, many, many, many, many])


def reckless(rfm: clv.CustomerSummary) -> Any:
    """Fit, and keep what the function was given."""
    FITS.append(rfm)
    return clv.BGNBD.fit(rfm)


def judged(orders: pl.DataFrame) -> Result:
    rules = Rules("who", "day", "paid", "net", "error", False, "day", None, None)
    span = day_number(orders["day"].min()), day_number(UNTIL)
    plan = make_plan(span, horizon="10w", unit="week", grid="day", origins=[ORIGIN], n_origins=1)
    return judge(
        Log(orders, rules, "week", ("channel", "region"), None, False),
        plan.origins[0],
        plan,
        models=contestants({"BG/NBD": reckless}, taken=()),
        spend=spend_of("GammaGamma"),
        interval=0.9,
        people={},
    )


def known(result: Result) -> pl.DataFrame:
    """Return everything that was known and predicted, in an order that has no use of outcomes."""
    c = result.outcomes.customers
    columns: dict[str, Any] = dict(zip(("x", "t_x", "T"), c.timing, strict=True))
    columns |= {"m": c.monetary_value, "person": result.person}
    columns |= {name: result.outcomes.segments[name] for name in ("channel", "region")}
    columns |= {f"{e.model} {e.quantity}": e.mean for e in result.predictions}
    return pl.DataFrame(columns).sort("person")


@pytest.mark.parametrize("change", [altered, deleted, added, refunded, relabelled])
def test_later_rows_reach_no_fit_and_no_prediction(log: pl.DataFrame, change: Change) -> None:
    before, after = log.filter(pl.col("day") <= ORIGIN), log.filter(pl.col("day") > ORIGIN)
    FITS.clear()
    ours, theirs = judged(log), judged(change(before, after))
    summaries = [each.frame.drop("_clvmodels_person") for each in FITS]
    assert_frame_equal(*summaries, check_exact=False, rel_tol=SUMS, abs_tol=SUMS)
    assert [vars(each) for each in ours.fits] == [vars(each) for each in theirs.fits]
    assert_frame_equal(known(ours), known(theirs), check_exact=False, rel_tol=SUMS, abs_tol=SUMS)
    assert came(ours) != came(theirs) or change is relabelled


def came(result: Result) -> tuple[float, float]:
    """Return what happened after the origin."""
    value = result.outcomes.value
    assert value is not None
    return float(result.outcomes.purchases.sum()), float(value.sum())


def test_rows_after_the_horizon_change_nothing_at_all(log: pl.DataFrame, run: Any) -> None:
    options = {"origins": [ORIGIN], "by": ["channel"]}
    end = log["day"].max()
    assert isinstance(end, date)
    assert end > UNTIL
    whole, cut = (run(each, **options) for each in (log, log.filter(pl.col("day") <= UNTIL)))
    pd.testing.assert_frame_equal(whole.table, cut.table, rtol=SUMS)
    pd.testing.assert_frame_equal(whole.tracking, cut.tracking, rtol=SUMS)
    assert whole.verdict == cut.verdict
