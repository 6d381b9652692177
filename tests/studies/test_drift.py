"""The study of drift: its worlds, what its last large run found, and that the page quotes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clvmodels.drifts.before import known_then
from studies import drift
from studies.coverage import RESULTS

PAGE = Path(__file__).resolve().parents[2] / "docs/decisions/026-drift.md"
Z = 3.5  # standard errors, for some forty comparisons


@pytest.mark.parametrize("name", ["BGNBD", "BGBB"])
def test_two_looks_at_the_same_customers(name: str) -> None:
    study = drift.STUDIES[name]
    world = drift.seen(study, 5, people=400)
    old, new = world.old.customers(), world.new.customers()
    then = new.take(known_then(new, study.end - study.cut))
    assert len(then) == len(old)
    np.testing.assert_allclose(then.timing[2] - old.timing[2], study.end - study.cut)
    assert (then.frequency >= old.frequency).all()
    silent = then.frequency == old.frequency
    np.testing.assert_allclose(then.timing[1][silent], old.timing[1][silent])
    assert (~silent).sum() > 20


def test_worlds_change_after_the_first_look_alone() -> None:
    study = drift.STUDIES["BGNBD"]
    worlds = {name: drift.seen(study, 6, change, 3_000) for name, change in drift.CHANGES.items()}
    purchases = {name: each.new.customers().frequency.sum() for name, each in worlds.items()}
    before = {each.old.customers().frequency.sum() for each in worlds.values()}
    assert len(before) == 1
    since = {name: number - before.copy().pop() for name, number in purchases.items()}
    assert since["prices a fifth higher"] == since["nothing"]
    assert since["one purchase in five less"] / since["nothing"] == pytest.approx(0.8, abs=0.03)
    assert since["another reason to leave"] < 0.9 * since["nothing"]


def test_the_study_runs() -> None:
    row = drift.size("BGNBD", "nested", range(2), people=700)
    assert row["worlds"] >= 1
    assert 0.5 < row["covered_purchases"] <= 1.0
    assert row["model"] in drift.size_as_markdown(pd.DataFrame([row]))


def test_what_the_last_large_run_found() -> None:
    """Shares that are promised, but for chance: of worlds, so that parameters count as one."""
    table = pd.read_csv(RESULTS / "drift.csv")
    assert set(table.model) <= set(drift.STUDIES)
    assert set(table.data) == {"nested", "separate"}
    promised = {"purchases_5": 0.05, "spend_5": 0.05, "purchases_1": 0.01, "spend_1": 0.01}
    promised |= {"covered_purchases": 0.95, "covered_spend": 0.95, "covered_changes": 0.95}
    promised |= {"window": 0.9}
    for column, share in promised.items():
        known = table[table[column].notna()]
        off = known[column] - share
        assert (off.abs() < Z * np.sqrt(share * (1.0 - share) / known.worlds)).all(), column
    assert (table.refit < 0.1).all()
    found = pd.read_csv(RESULTS / "drift_power.csv").set_index(["change", "customers"])
    assert found.loc["nothing"].refit.max() <= 0.1
    large = found.xs(4_000, level="customers").drop("nothing")
    assert (large.refit > 0.8).all()


def test_the_page_quotes_it() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name in ("drift.md", "drift_power.md"):
        assert (RESULTS / name).read_text(encoding="utf-8") in page
