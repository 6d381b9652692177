"""Bridges: every bar leads from the sum before a step to the sum after it."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure

import clvmodels as clv

MODEL = clv.BGNBD(0.243, 4.414, 0.793, 2.426)


@pytest.fixture(scope="module")
def runs() -> list[clv.CustomerSummary]:
    before = pl.DataFrame(
        {"customer_id": [4, 5, 6], "frequency": [2, 0, 1], "recency": [30.0, 0.0, 9.0]}
    ).with_columns(T=39.0)
    after = before.with_columns(T=52.0, frequency=pl.Series([3, 0, 1]))
    after = (
        after.with_columns(recency=pl.Series([45.0, 0.0, 9.0]))
        .tail(2)
        .vstack(
            after.with_columns(
                customer_id=pl.Series([7, 8, 9]), recency=pl.Series([45.0, 0.0, 9.0])
            )
        )
    )
    return [clv.CustomerSummary.from_frame(each, unit="week") for each in (before, after)]


def ends(axes: Any) -> dict[float, tuple[float, float]]:
    """Where the bar of each line begins and ends, from the top."""
    bars = {
        round(-(bar.get_y() + bar.get_height() / 2)): (bar.get_x(), bar.get_x() + bar.get_width())
        for bar in axes.patches
    }
    return dict(sorted(bars.items()))


def test_a_change_is_drawn_from_sum_to_sum(runs: list[clv.CustomerSummary]) -> None:
    found = clv.explain_change(*runs, before_models=MODEL, horizon="1y")
    axes = clv.plots.explain_change(found, ax=Figure().subplots())
    amounts = dict(zip(found.table["component"], found.table["amount"], strict=True))
    shown = [name for name, each in amounts.items() if each]
    names = {"gone": "customers gone", "new": "new customers"}
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [names.get(name, name) for name in shown]
    sums = np.cumsum([amounts[name] for name in shown[:-1]])
    bars = ends(axes)
    for i, total in enumerate(sums):
        assert bars[i] == pytest.approx((sums[i - 1] if i else 0.0, total))
    assert bars[len(sums)] == pytest.approx((0.0, amounts["after"]))
    assert sums[-1] == pytest.approx(amounts["after"])


def test_one_customer_and_all(runs: list[clv.CustomerSummary]) -> None:
    found = clv.explain(runs[0], MODEL, horizon="1y")
    axes = clv.plots.explain(found, "4", ax=Figure().subplots())
    own = found.customers.row(0, named=True)
    assert ends(axes)[1] == pytest.approx((own["population"], own["population"] + own["frequency"]))
    assert axes.get_title("left") == "Purchases ahead of customer 4"
    together = clv.plots.explain(found, ax=Figure().subplots())
    assert ends(together)[3] == pytest.approx((0.0, found.table["amount"].iloc[-1]))
    with pytest.raises(clv.DataError, match="not in column"):
        clv.plots.explain(found, 99, ax=Figure().subplots())
