"""Tables of diagnostics are the same on every engine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv
from clvmodels import BGNBD, GammaGamma
from clvmodels.diagnostics import calibration, frequencies, spend_distribution, tracking

from .conftest import Engine

COLUMNS = {"customer": "who", "date": "day", "amount": "paid"}
MODEL = BGNBD(0.5, 5.0, 0.3, 2.4)
SPEND = GammaGamma(3.0, 4.0, 30.0)
ROUNDING = 1e-9


def log(n: int = 60) -> pl.DataFrame:
    """Half a year of orders, some of which came back after the cut."""
    rng = np.random.default_rng(6)
    who = np.repeat(np.arange(n), 1 + rng.poisson(rng.gamma(1.0, 4.0, n)))
    start = date(2023, 1, 1)
    days = [start + timedelta(int(each)) for each in rng.integers(0, 180, len(who))]
    paid = rng.gamma(3.0, 10.0, len(who)).round(2)
    orders = pl.DataFrame({"who": who, "day": days, "paid": paid})
    back = orders.filter(pl.col("day") < date(2023, 4, 1)).head(5)
    back = back.with_columns(pl.lit(date(2023, 5, 1)).alias("day"), (-pl.col("paid")))
    return pl.concat([orders, back])


def tables(source: Any) -> dict[str, pd.DataFrame]:
    until = {"calibration_end": "2023-03-31", "observed_until": "2023-06-30"}
    split = clv.holdout_split(source(log()), **COLUMNS, **until, unit="week")
    rfm = split.calibration
    return {
        "frequencies": frequencies(rfm, MODEL).table,
        "calibration": calibration(split, MODEL, bins=1).table,
        "value": calibration(split, MODEL, SPEND, by="silence", bins=1).table,
        "tracking": tracking(source(log()), MODEL, **COLUMNS, **until, unit="week").table,
        "spend": spend_distribution(rfm, SPEND).table,
    }


@pytest.fixture(scope="module")
def wanted() -> dict[str, pd.DataFrame]:
    return tables(lambda frame: frame)


def test_tables_are_the_same(engine: Engine, wanted: dict[str, pd.DataFrame]) -> None:
    for name, table in tables(engine).items():
        pd.testing.assert_frame_equal(table, wanted[name], rtol=ROUNDING, atol=0.0, obj=name)


def test_counts_are_those_of_plain_sql() -> None:
    """Purchases as DuckDB counts them, in a log without refunds."""
    duckdb = pytest.importorskip("duckdb")
    bought = log().filter(pl.col("paid") > 0.0)
    frame = bought.to_arrow()  # noqa: F841 - DuckDB finds it by name
    found = duckdb.sql(
        """
        with days as (select distinct who, day from frame),
        first as (select who, min(day) as born from days group by who having born <= '2023-03-31')
        select day > '2023-03-31' as later, count(*) from days join first using (who)
        where day > born group by later order by later
        """
    ).fetchall()
    own = tracking(bought, MODEL, **COLUMNS, calibration_end="2023-03-31", unit="week")
    rows = own.table.groupby("window")["actual"].sum()
    assert [count for _, count in found] == [rows["calibration"], rows["holdout"]]


def test_lazy_spend_is_counted_by_frequency_and_bin(
    lazy_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row of a customer leaves the engine."""
    from clvmodels.frames import spend_bins

    sizes: list[int] = []
    collected: Callable[[Any], Any] = spend_bins.collected

    def counting(frame: Any) -> Any:
        table = collected(frame)
        sizes.append(len(table))
        return table

    monkeypatch.setattr(spend_bins, "collected", counting)
    few = pl.concat([log().with_columns(pl.col("who") + 100 * i) for i in range(5)])
    rfm = clv.rfm_summary(lazy_engine(few), **COLUMNS, unit="week")
    found = spend_distribution(rfm, SPEND, bins=3)
    assert found.customers > 200
    assert sum(sizes) < 100
