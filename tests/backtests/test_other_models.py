"""Models of whole periods, of regular timing, and with covariates."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

import clvmodels as clv
from clvmodels import BGNBD

QUICK: dict[str, Any] = {"n_origins": 1, "cohort": None}


def test_months_of_the_calendar(make: Any, run: Any) -> None:
    orders = make(300)
    options = {"unit": "month", "grid": "month", "horizon": "2mo", "models": ["BGBB", "BGNBD"]}
    result = run(orders, **{**QUICK, **options, "cohort": "month"})
    assert result.origins == (date(2023, 11, 30),)  # the log ends within February
    assert result.horizon == 2.0
    assert {"BG/BB", "BG/NBD"} <= set(result.summary["model"])
    (actual,) = result.table.query(
        "model == 'BG/BB' and quantity == 'purchases' and group == 'all' and metric == 'actual'"
    )["number"]
    bought = orders.with_columns(pl.col("day").dt.truncate("1mo")).unique(["who", "day"])
    known = bought.filter(pl.col("day") <= date(2023, 11, 1))["who"].unique()
    later = bought.filter(pl.col("day").is_between(date(2023, 12, 1), date(2024, 1, 1)))
    counted = later.filter(pl.col("who").is_in(known.implode())).height
    assert actual * result.customers[0] == pytest.approx(counted)


def test_covariates_come_from_the_log_or_from_a_table(make: Any, run: Any) -> None:
    orders = make(300)
    table = pl.DataFrame({"who": orders["who"].unique().sort()}).with_columns(
        old=(pl.col("who").cast(pl.Int64) % 2).cast(pl.Float64)
    )
    seen: list[list[str]] = []

    def with_both(rfm: clv.CustomerSummary) -> Any:
        seen.append(rfm.frame.columns)
        return BGNBD.fit(rfm, purchase="old + region")

    models = {"plain": BGNBD, "with both": with_both}
    result = run(orders, models=models, by="region", covariates=table, **QUICK)
    assert set(seen[0]) >= {"old", "region"}
    fits = result.fits.set_index("model")["verdict"]
    assert fits["with both"] == "identified"
    rmse = result.summary[result.summary["quantity"] == "purchases"].set_index("model")["rmse"]
    assert rmse["with both"] != rmse["plain"]
    assert rmse["with both"] == pytest.approx(rmse["plain"], rel=0.05)  # they say nothing here


def test_covariates_that_predictions_would_lack_are_told(make: Any, run: Any) -> None:
    def of_its_own(rfm: clv.CustomerSummary) -> Any:
        table = rfm.frame.with_columns(old=pl.col("T") * 1.0)
        return BGNBD.fit(
            clv.CustomerSummary.from_frame(table, unit="week", customer="who"), purchase="old"
        )

    with pytest.raises(clv.MissingColumnError, match="'old' is neither"):
        run(make(150), models={"mine": of_its_own}, amount=None, **QUICK)


def test_customers_that_a_table_lacks_are_told(make: Any, run: Any) -> None:
    table = pl.DataFrame({"who": ["00001"], "old": [1.0]})
    with pytest.raises(clv.DataError, match="57 are not there"):
        run(make(60), covariates=table, **QUICK)
    with pytest.raises(clv.MissingColumnError):
        run(make(60), covariates=table.rename({"who": "whom"}), **QUICK)


def test_regular_timing(make: Any, run: Any) -> None:
    result = run(make(200), models=["MBGCNBD"], intervals=True, amount=None, **QUICK)
    assert result.fits["verdict"].iloc[0] != "failed"
    assert "MBG/CNBD" in result.summary["model"].str.slice(0, 8).tolist()
