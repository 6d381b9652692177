"""The same numbers from every library and order of rows; results that travel and fit a terminal."""

from __future__ import annotations

import pickle
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv

from .worlds import Kind, orders

COLUMNS = {"customer": "customer", "date": "day", "amount": "paid", "unit": "week", "group": "arm"}
TERMS = {"start": "2024-06-24", "horizon": "1y"}
SAME = 1e-9


@pytest.fixture(scope="module")
def log() -> pl.DataFrame:
    return orders({"control": Kind(), "mail": Kind()}, {"control": 110, "mail": 110}, seed=8)


@pytest.fixture(scope="module")
def found(log: pl.DataFrame) -> clv.GroupComparison:
    return clv.compare_groups(log, **COLUMNS, **TERMS)


def _categorical(log: pl.DataFrame) -> pd.DataFrame:
    table = log.to_pandas()
    return table.assign(arm=table["arm"].astype("category"))


@pytest.mark.parametrize(
    "other",
    [
        lambda log: log.reverse().lazy(),
        _categorical,
        lambda log: duckdb.from_arrow(log.sort("paid").to_arrow()),
    ],
    ids=["polars lazy, reversed", "pandas, categories", "DuckDB"],
)
def test_engines_and_row_orders_agree(
    log: pl.DataFrame, found: clv.GroupComparison, other: Any
) -> None:
    again = clv.compare_groups(other(log), **COLUMNS, **TERMS)
    for name in ("table", "balance", "tests", "power"):
        ours, theirs = getattr(again, name), getattr(found, name)
        pd.testing.assert_frame_equal(ours, theirs, rtol=SAME, atol=1e-12)
    assert again.verdicts == found.verdicts


def test_the_parts_add_up(found: clv.GroupComparison) -> None:
    plain = found.table[found.table["method"] == "plain"].set_index("quantity")
    for column in ("mean", "control_mean", "difference"):
        parts = plain.loc[["observed value", "predicted value"], column].sum()
        assert plain.loc["lifetime value", column] == pytest.approx(parts, rel=1e-12)


def test_it_fits_a_terminal_and_a_notebook(found: clv.GroupComparison) -> None:
    shown = str(found)
    assert max(map(len, shown.splitlines())) <= 100
    assert found.verdicts[0].split(":")[0] in shown
    assert found.verdict == " ".join(found.verdicts)
    html = found._repr_html_()
    assert html.count("<table") == 4 + (len(found.balance) > 0)
    assert repr(found) == f"<{found.title}>"
    size = clv.experiment_size(clv.BGNBD(0.8, 6, 0.9, 3), effect=0.1, window="13w", unit="week")
    assert max(map(len, str(size).splitlines())) <= 100
    assert size.verdict in size._repr_html_()


def test_names_of_arms_are_harmless(log: pl.DataFrame) -> None:
    """Markup in the name of an arm stays text, and a long one does not widen the table."""
    evil = "<script>alert(1)</script>" * 4
    renamed = log.with_columns(arm=pl.col("arm").replace("mail", evil))
    found = clv.compare_groups(renamed, **COLUMNS, start="2024-06-24", horizon="14w", spend=None)
    assert "<script" not in found._repr_html_()
    assert max(map(len, found.title.splitlines())) < 200


def test_results_can_be_pickled(found: clv.GroupComparison) -> None:
    again = pickle.loads(pickle.dumps(found))
    assert again.verdicts == found.verdicts
    assert again.table.equals(found.table)


def test_without_amounts_purchases_are_compared(log: pl.DataFrame) -> None:
    found = clv.compare_groups(log.drop("paid"), **{**COLUMNS, "amount": None}, **TERMS)
    assert list(dict.fromkeys(found.table["quantity"])) == [
        "observed purchases",
        "predicted purchases",
        "lifetime purchases",
    ]
    assert "value" not in found.arms.columns


def test_a_price_stands_for_a_spend_model(log: pl.DataFrame) -> None:
    """At a price of 10 the predicted value is ten times the predicted purchases."""
    terms = {**COLUMNS, **TERMS}
    priced = clv.compare_groups(log, **terms, spend=10.0, margin=0.5).arms["predicted"]
    counted = clv.compare_groups(log, **terms, spend=None).arms["predicted"]
    np.testing.assert_allclose(priced, 5.0 * counted, rtol=1e-12)


def test_an_arm_that_is_too_small_for_a_fit_is_compared_in_what_was_observed(
    log: pl.DataFrame,
) -> None:
    """Ten customers get a letter: no fit, no stub, and a sentence that says so."""
    few = log.with_columns(
        arm=pl.when(pl.col("customer") < 10).then(pl.lit("letter")).otherwise("arm")
    )
    found = clv.compare_groups(few, **COLUMNS, **TERMS)
    quantities = found.table.groupby("arm")["quantity"].unique()
    assert "lifetime value" in quantities["mail"]
    assert not any(each.startswith(("lifetime", "predicted")) for each in quantities["letter"])
    assert found.arms.set_index("arm")["predicted"].isna().to_dict()["letter"]
    assert any("Nothing is predicted for letter" in each for each in found.warnings)
    assert "observed value" in next(each for each in found.verdicts if each.startswith("letter"))
