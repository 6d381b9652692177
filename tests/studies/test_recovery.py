"""The study of recovery, which takes half an hour: `pytest -m slow tests/studies`."""

from __future__ import annotations

import pandas as pd
import pytest

from studies import recovery

MISSES = 4.0  # standard errors of a coverage of 95 %, for 65 parameters


@pytest.mark.slow
@pytest.mark.parametrize("name", recovery.STUDIES)
def test_intervals_cover(name: str) -> None:
    check(recovery.run(name))


def test_the_last_result_holds_what_the_docs_say() -> None:
    table = pd.read_csv(recovery.RESULTS / "recovery.csv")
    assert set(table.model) == set(recovery.STUDIES)
    check(table)


def check(table: pd.DataFrame) -> None:
    share = table.covered / table.worlds
    error = (0.95 * 0.05 / table.worlds) ** 0.5
    assert ((share - 0.95).abs() < MISSES * error).all(), table
    assert share.between(0.88, 1.0).all()
    assert table.spread_over_error.between(0.75, 1.25).all(), table
    assert (table.identified == table.worlds).all()
