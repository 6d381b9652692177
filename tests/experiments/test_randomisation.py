"""The check of randomisation against scipy and formulas written out, and what is warned of."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats

import clvmodels as clv

from .worlds import Kind, orders

COLUMNS = {"customer": "customer", "date": "day", "amount": "paid", "unit": "week"}
START = "2024-06-24"


@pytest.fixture(scope="module")
def log() -> pl.DataFrame:
    return orders({"control": Kind(), "mail": Kind()}, {"control": 140, "mail": 110}, seed=5)


@pytest.fixture(scope="module")
def found(log: pl.DataFrame) -> clv.GroupComparison:
    return clv.compare_groups(log, **COLUMNS, group="arm", start=START, horizon="13w")


def _past(log: pl.DataFrame) -> pl.DataFrame:
    """Return what was known of each customer before the start, by plain polars."""
    start = pl.lit(START).str.to_date()
    daily = log.filter(pl.col("day") < start).group_by("customer", "day", "arm").agg(pl.sum("paid"))
    known = daily.group_by("customer", "arm").agg(
        (pl.len() - 1.0).alias("repeat purchases"),
        ((start - pl.col("day").max()).dt.total_days() - 1).alias("silence") / 7.0,
        ((start - pl.col("day").min()).dt.total_days() - 1).alias("age") / 7.0,
        pl.sum("paid").alias("spent"),
    )
    return known.sort("customer")


def test_balance_is_welch_and_standard_deviations(
    log: pl.DataFrame, found: clv.GroupComparison
) -> None:
    past = _past(log)
    for row in found.balance.to_dict("records")[:4]:
        mail, control = (
            past.filter(pl.col("arm") == arm)[row["trait"]].to_numpy()
            for arm in ("mail", "control")
        )
        assert row["mean"] == pytest.approx(mail.mean(), rel=1e-9)
        assert row["p_value"] == pytest.approx(
            stats.ttest_ind(mail, control, equal_var=False).pvalue, rel=1e-9
        )
        pooled = np.sqrt((mail.var(ddof=1) + control.var(ddof=1)) / 2.0)
        assert row["standardised"] == pytest.approx((mail.mean() - control.mean()) / pooled)


def test_sizes_are_a_chi_square(log: pl.DataFrame) -> None:
    terms = {"group": "arm", "start": START, "horizon": "13w", "spend": None}
    counted = clv.compare_groups(log, **COLUMNS, **terms).arms["customers"].to_numpy()
    for planned in (None, {"control": 0.6, "mail": 0.4}, {"control": 3, "mail": 1}):
        found = clv.compare_groups(log, **COLUMNS, **terms, planned=planned)
        shares = np.array(list((planned or {"control": 1, "mail": 1}).values()), dtype=float)
        test = stats.chisquare(counted, counted.sum() * shares / shares.sum())
        assert found.tests["p_value"][0] == pytest.approx(test.pvalue, rel=1e-9)
        warned = any("planned shares" in each for each in found.warnings)
        assert warned == (planned == {"control": 3, "mail": 1})


def test_the_joint_test_is_hotellings(log: pl.DataFrame, found: clv.GroupComparison) -> None:
    past = _past(log)
    x, y = (
        past.filter(pl.col("arm") == arm).drop("customer", "arm").to_numpy()
        for arm in ("mail", "control")
    )
    n, m, k = len(x), len(y), x.shape[1]
    pooled = ((n - 1) * np.cov(x.T) + (m - 1) * np.cov(y.T)) / (n + m - 2)
    apart = x.mean(axis=0) - y.mean(axis=0)
    squared = n * m / (n + m) * apart @ np.linalg.solve(pooled, apart)
    p_value = stats.f.sf(squared * (n + m - k - 1) / ((n + m - 2) * k), k, n + m - k - 1)
    row = found.tests.iloc[1]
    assert (row["statistic"], row["p_value"]) == pytest.approx((squared, p_value), rel=1e-6)


def test_arms_that_differed_before_are_warned_of(log: pl.DataFrame) -> None:
    """Mail goes to who buys often: no lot did that."""
    often = log.group_by("customer").agg(pl.len().alias("n"))
    chosen = log.join(often, on="customer").with_columns(
        arm=pl.when(pl.col("n") > 2).then(pl.lit("mail")).otherwise(pl.lit("control"))
    )
    found = clv.compare_groups(chosen, **COLUMNS, group="arm", start=START, horizon="13w")
    assert any("already differed before the start" in each for each in found.warnings)


def test_a_window_shorter_than_the_time_between_orders_is_warned_of(log: pl.DataFrame) -> None:
    found = clv.compare_groups(log, **COLUMNS, group="arm", start=START, horizon=26, window="4d")
    assert any("shorter than the usual time between" in each for each in found.warnings)


def test_arms_that_began_at_other_times_are_warned_of() -> None:
    early = orders({"control": Kind()}, {"control": 60}, seed=6)
    late = orders({"mail": Kind()}, {"mail": 60}, seed=7).with_columns(
        pl.col("day").dt.offset_by("8w"), customer=pl.col("customer") + 1_000
    )
    both = pl.concat([early, late.filter(pl.col("day") <= early["day"].max())])
    found = clv.compare_groups(both, **COLUMNS, group="arm", horizon=39)
    assert any("at different times" in each for each in found.warnings)
    assert any("not observed for the same time" in each for each in found.warnings)


def test_one_customer_who_makes_the_difference_is_warned_of(log: pl.DataFrame) -> None:
    late = log.filter(pl.col("day") >= pl.lit(START).str.to_date(), pl.col("arm") == "mail")
    who = late.sort("customer", "day")["customer"][0]
    big = (pl.col("customer") == who) & (pl.col("day") >= pl.lit(START).str.to_date())
    whale = log.with_columns(paid=pl.when(big).then(pl.lit(50_000.0)).otherwise("paid"))
    found = clv.compare_groups(whale, **COLUMNS, group="arm", start=START, horizon="13w")
    assert any("One customer has" in each and "in mail" in each for each in found.warnings)


def test_what_is_the_same_for_all_is_no_difference() -> None:
    """All came on one day and are observed for 365/7 weeks: rounding is not compared."""
    rows = [
        (who, day, 10.0 + who % 7, "mail" if who % 3 else "control")
        for who in range(170)
        for day in ("2023-03-01", f"2023-0{4 + who % 5}-11", f"2024-0{1 + who % 4}-11")
    ]
    log = pl.DataFrame(rows, schema=["customer", "day", "paid", "arm"], orient="row")
    terms = {"start": "2024-01-01", "observed_until": "2024-12-30", "horizon": 26, "spend": None}
    found = clv.compare_groups(log, **COLUMNS, group="arm", **terms)
    assert found.arms["observed"].tolist() == [26.0, 26.0]
    longer = clv.compare_groups(log, **COLUMNS, group="arm", **{**terms, "horizon": 365 / 7})
    for trait in ("time observed", "age", "repeat purchases"):
        row = longer.balance[longer.balance["trait"] == trait].iloc[0]
        assert (row["standardised"], row["p_value"]) == (0.0, 1.0)
    assert longer.tests["degrees"].tolist() == [1, 1]  # of balance: silence alone differs
    assert longer.tests["p_value"][1] > 0.01


START_DAY = pl.lit(START).str.to_date()


@pytest.mark.parametrize("start", [START, None])
def test_arms_on_orders_in_the_test_alone_are_warned_of(
    log: pl.DataFrame, start: str | None
) -> None:
    """As a shop's log has it: an order carries the arm, and there are no orders of who left."""
    late = log.with_columns(arm=pl.when(pl.col("day") >= START_DAY).then("arm"))
    terms = {"group": "arm", "horizon": "13w", "spend": None, "start": start}
    found = clv.compare_groups(late, **COLUMNS, **terms)
    assert found.warnings[0].startswith("Whoever has an arm has bought")
    assert all("see the first warning" in each for each in found.verdicts)


def test_arms_carried_from_orders_in_the_test_to_all_orders_are_warned_of(
    log: pl.DataFrame,
) -> None:
    bought = log.filter(pl.col("day") >= START_DAY)["customer"].unique().implode()
    carried = log.with_columns(arm=pl.when(pl.col("customer").is_in(bought)).then("arm"))
    terms = {"group": "arm", "horizon": "13w", "spend": None, "start": START}
    found = clv.compare_groups(carried, **COLUMNS, **terms)
    assert "(100% of the" in found.warnings[0]
    assert "0% have their arm on no order" in found.warnings[0]


def test_customers_who_were_not_in_the_test_are_no_reason_to_warn(log: pl.DataFrame) -> None:
    """A third was never assigned: they are left out, and nothing depends on what they bought."""
    some = log.with_columns(arm=pl.when(pl.col("customer") % 3 > 0).then("arm"))
    terms = {"group": "arm", "horizon": "13w", "spend": None, "start": START}
    found = clv.compare_groups(some, **COLUMNS, **terms)
    assert any("in no arm and left out" in each for each in found.warnings)
    assert not any("has bought" in each for each in (*found.warnings, *found.verdicts))


def test_one_small_arm_leaves_the_others_adjusted(log: pl.DataFrame) -> None:
    mail = pl.col("arm") == "mail"
    few = (pl.col("customer") % 11 == 0) & mail
    three = log.with_columns(arm=pl.when(few).then(pl.lit("post")).otherwise("arm"))
    terms = {"group": "arm", "horizon": "13w", "spend": None, "start": START}
    found = clv.compare_groups(three, **COLUMNS, **terms)
    methods = found.table.groupby("arm")["method"].unique().map(list).to_dict()
    assert methods == {"mail": ["plain", "adjusted"], "post": ["plain"]}
    row = found.table[found.table["method"] == "adjusted"].iloc[0]
    assert row["p_holm"] == pytest.approx(min(2.0 * row["p_value"], 1.0))
    assert "Too few customers to adjust: post." in found.notes
    assert "adjusted)" in found.verdicts[0]
    assert "plain)" in found.verdicts[1]
