"""The same orders from every library, and files without the columns of others."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import clvmodels as clv
from tests.exports.files import SHOPIFY, shopify_order, write


@pytest.fixture
def text() -> pl.DataFrame:
    rows = [
        *shopify_order("#1", "a@x.com", "10.00", lines=2),
        *shopify_order("#2", "b@x.com", "20.00", **{"Refunded Amount": "5.00"}),
        *shopify_order("#3", "b@x.com", "40.00", **{"Financial Status": "pending"}),
    ]
    table = {name: [row.get(name, "") or None for row in rows] for name in SHOPIFY}
    return pl.DataFrame(table, schema=dict.fromkeys(SHOPIFY, pl.String))


@pytest.mark.parametrize("library", ["pandas", "pandas-pyarrow", "pyarrow", "polars", "lazy"])
def test_every_library(library: str, text: pl.DataFrame, tmp_path: Path) -> None:
    sources: dict[str, Any] = {
        "pandas": text.to_pandas(),
        "pandas-pyarrow": text.to_pandas(use_pyarrow_extension_array=True),
        "pyarrow": text.to_arrow(),
        "polars": text,
        "lazy": text.lazy(),
    }
    kinds = {"pandas": pd.DataFrame, "pandas-pyarrow": pd.DataFrame, "pyarrow": pa.Table}
    path = tmp_path / "orders.parquet"
    text.write_parquet(path)
    wanted = clv.read_orders(path)
    assert wanted.frame["amount"].to_list() == [10.0, 20.0, -5.0]
    orders = clv.read_orders(sources[library])
    assert isinstance(orders.frame, kinds.get(library, pl.DataFrame))
    found = orders.frame if isinstance(orders.frame, pl.DataFrame) else pl.DataFrame(orders.frame)
    assert found.columns == wanted.frame.columns
    days = pl.col("date").cast(pl.Date)
    assert found.with_columns(days).rows() == wanted.frame.rows()
    pd.testing.assert_frame_equal(orders.account, wanted.account)
    assert orders.title == "shopify: 2 orders, 1 refund"
    rfm = clv.rfm_summary(orders.frame, **orders.columns, unit="day")
    assert rfm.ledger.entries[-1].amount == 25.0


def test_stamps_and_numbers_of_a_frame(text: pl.DataFrame) -> None:
    stamps = pl.col("Created at").str.to_datetime("%Y-%m-%d %H:%M:%S %z")
    typed = text.with_columns(stamps, pl.col("Total", "Refunded Amount").cast(pl.Float64))
    # 13:00 in New York is 18:00 in UTC, the zone of the column, and 3 o'clock in Tokyo.
    for zone, day in {None: "2024-01-05", "Asia/Tokyo": "2024-01-06"}.items():
        for frame in (typed, typed.to_pandas(), typed.to_arrow()):
            found = clv.read_orders(frame, time_zone=zone).frame
            dates = pl.Series(
                found["date"].to_pandas() if isinstance(found, pa.Table) else found["date"]
            )
            assert {str(each)[:10] for each in dates.to_list()} == {day}


def test_files_with_other_columns_and_kinds(text: pl.DataFrame, tmp_path: Path) -> None:
    text.head(2).drop("Refunded Amount", "Tags").write_csv(tmp_path / "a.csv")
    typed = text.tail(2).with_columns(pl.col("Total").cast(pl.Float64))
    typed.write_parquet(tmp_path / "b.parquet")
    orders = clv.read_orders([tmp_path / "a.csv", tmp_path / "b.parquet"])
    assert orders.frame["amount"].to_list() == [10.0, 20.0, -5.0]
    assert orders.rows_read == 4


def test_neither_order_of_rows_nor_of_files_matters(text: pl.DataFrame) -> None:
    wanted = clv.read_orders(text)
    shuffled = clv.read_orders(text[[3, 1, 2, 0]])
    assert shuffled.frame.equals(wanted.frame)
    pd.testing.assert_frame_equal(shuffled.account, wanted.account)


def test_an_export_without_refunds_column(text: pl.DataFrame, tmp_path: Path) -> None:
    rows = [
        *shopify_order("#1", "a@x.com", "10.00", **{"Financial Status": "refunded"}),
        *shopify_order("#2", "a@x.com", "20.00", **{"Financial Status": "partially_refunded"}),
    ]
    header = [name for name in SHOPIFY if name != "Refunded Amount"]
    path = write(tmp_path / "old.csv", header, rows, extrasaction="ignore")
    orders = clv.read_orders(path)
    assert orders.frame["amount"].to_list() == [10.0, -10.0, 20.0]
    assert "partial refunds are not taken off" in orders.notes[1]
    assert len(text)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize(
    ("zone", "day"), [(None, 1), ("America/New_York", 1), ("America/Los_Angeles", 30), ("UTC", 1)]
)
def test_stamps_of_a_frame_in_a_zone_of_their_own(library: str, zone: str | None, day: int) -> None:
    stamps = pl.Series([datetime(2024, 5, 1, 0, 30)]).dt.replace_time_zone("America/New_York")
    charge = {"id": ["ch_1"], "Created date (UTC)": stamps, "Amount": [20.0], "Currency": ["usd"]}
    charge |= {"Status": ["Paid"], "Customer Email": ["a@x.c"]}
    frame = pl.DataFrame(charge)
    given = {"pandas": frame.to_pandas, "polars": frame.clone, "pyarrow": frame.to_arrow}[library]
    found = clv.read_orders(given(), time_zone=zone).frame["date"]
    assert [each.day for each in (found.to_pylist() if library == "pyarrow" else found)] == [day]
