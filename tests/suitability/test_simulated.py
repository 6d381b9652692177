"""Clean shops raise no alarm, and each defect is found."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

import clvmodels as clv
from clvmodels.suitability.finding import LEVELS

from .worlds import COLUMNS, DEFECTS, World, clean_world


@pytest.mark.parametrize("seed", range(16))
def test_a_clean_shop_raises_no_alarm(seed: int) -> None:
    """In 200 of these shops there was none; see the reference page."""
    world = clean_world(seed)
    check = clv.check(world.orders(), **COLUMNS, observed_until=world.until)
    assert [str(f) for f in check.findings if f.level in ("warning", "problem")] == []
    assert check.verdict == "Nothing here speaks against a fit."


@pytest.mark.filterwarnings("ignore:Left out of:clvmodels.errors.DataWarning")
@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_found(name: str) -> None:
    make, topic, level = DEFECTS[name]
    log, until = make(seed=11)
    check = clv.check(log, **COLUMNS, observed_until=until)
    finding = check.finding(topic)
    assert LEVELS.index(finding.level) >= LEVELS.index(level), finding
    assert finding.advice not in ("", "Nothing to do.")
    if level != "note":
        assert topic in check.verdict


def test_regular_customers_do_not_look_filtered() -> None:
    """Their first repeat purchases come late, not never."""
    for seed in (1, 2):
        world = replace(clean_world(seed), k=4.0)
        check = clv.check(world.orders(), **COLUMNS, observed_until=world.until)
        assert check.finding("one-time buyers").level == "ok"
        assert check.finding("contractual timing").level == "ok"


def test_a_growing_shop_has_no_customers_from_before() -> None:
    world = World(customers=3000, seed=4)
    log = world.orders()
    first = (pl.col("when").min().over("who") - pl.col("when").min()).dt.total_days()
    grown = log.filter((pl.col("who") * 0.618) % 1.0 < (first + 60) / 600)
    check = clv.check(grown, **COLUMNS, observed_until=world.until)
    assert check.finding("customers from before").number < 0.6
    assert check.finding("customers from before").level == "ok"


def test_a_launch_is_a_note() -> None:
    """Many start at first, and all of them are new."""
    world = World(customers=3000, seed=4)
    log = world.orders()
    first = (pl.col("when").min().over("who") - pl.col("when").min()).dt.total_days()
    launched = log.filter(((pl.col("who") * 0.618) % 1.0 < 0.3) | (first < 60))
    check = clv.check(launched, **COLUMNS, observed_until=world.until)
    assert check.finding("customers from before").number > 2.0
    assert check.finding("customers from before").level == "note"
    assert check.finding("cohort drift").level == "ok"


def test_weekends_are_no_contracts() -> None:
    """All buy on Saturdays alone, so that times between purchases are whole weeks."""
    world = World(gap=15.0, b=5.0, seed=2)
    log = world.orders().with_columns(pl.col("when").dt.truncate("1w").dt.offset_by("5d"))
    check = clv.check(log, **COLUMNS)
    assert check.finding("contractual timing").level == "ok", check.finding("contractual timing")
