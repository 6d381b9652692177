"""Stored summaries: computed once, the same numbers, whole files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import clvmodels as clv

COLUMNS = {"customer": "who", "date": "when", "amount": "paid"}
ORDERS = [
    ("a", "2024-01-01", 10.0), ("a", "2024-01-15", 20.0), ("b", "2024-01-08", 5.0),
    ("a", "2024-02-01", 4.0), ("c", "2024-01-09", 3.0), ("c", "2024-01-10", -3.0),
]  # fmt: skip


def summary(native: Any) -> clv.CustomerSummary:
    return clv.rfm_summary(native, **COLUMNS, unit="week")


def test_a_stored_summary_is_the_summary(engine: Any, log: Any, rows: Any, tmp_path: Path) -> None:
    rfm = summary(engine(log(*ORDERS)))
    stored = rfm.store(tmp_path / "rfm.parquet")
    assert rows(stored.frame) == rows(rfm.frame)
    assert type(stored.frame) is type(rfm.frame)
    assert (stored.unit, stored.observed_until, stored.definitions) == (
        rfm.unit, rfm.observed_until, rfm.definitions
    )  # fmt: skip
    assert str(stored.ledger) == str(rfm.ledger)
    assert pl.read_parquet(tmp_path / "rfm.parquet").height == 2
    assert [path.name for path in tmp_path.iterdir()] == ["rfm.parquet"]


def test_the_log_is_read_no_more(tmp_path: Path, log: Any) -> None:
    path = tmp_path / "orders.parquet"
    log(*ORDERS).write_parquet(path)
    stored = summary(path).store(tmp_path / "rfm.parquet")
    path.unlink()
    assert stored.customers().n_customers == 2.0


def test_a_file_is_replaced_when_all_is_written(tmp_path: Path, log: Any) -> None:
    target = tmp_path / "rfm's.parquet"
    target.write_text("old", encoding="utf-8")
    rfm = summary(log(*ORDERS).lazy())
    broken = clv.CustomerSummary.from_frame(
        rfm.frame.rename({"who": "customer_id"}).with_columns(
            pl.col("T").map_batches(lambda _: 1 / 0, return_dtype=pl.Float64)
        ),
        unit="week",
    )
    with pytest.raises(ZeroDivisionError):
        broken.store(target)
    assert target.read_text(encoding="utf-8") == "old"
    assert rfm.store(target).customers().n_customers == 2.0


def test_a_path_that_cannot_be_written(engine: Any, log: Any, tmp_path: Path) -> None:
    with pytest.raises(clv.DataError, match="folder that exists"):
        summary(engine(log(*ORDERS))).store(tmp_path / "nowhere" / "rfm.parquet")


def test_passes_over_shares_of_the_customers(tmp_path: Path, rows: Any, log: Any) -> None:
    many = [(f"c{i % 97}", f"2024-{1 + i % 5:02}-{1 + i % 28:02}", 1.0 + i) for i in range(400)]
    rfm = summary(log(*many).lazy())
    stored = rfm.store(tmp_path / "rfm", parts=3)
    assert rows(stored.frame) == rows(rfm.frame)
    assert len(list((tmp_path / "rfm").iterdir())) == 3
    assert stored.patterns().n_customers == 97.0
    with pytest.raises(clv.DataError, match="there already"):
        rfm.store(tmp_path / "rfm", parts=2)
    with pytest.raises(clv.DataError, match="above zero"):
        rfm.store(tmp_path / "other", parts=0)
    assert [path.name for path in tmp_path.iterdir()] == ["rfm"]


def test_duckdb_folders_named_like_columns_add_none(rows: Any, log: Any, tmp_path: Path) -> None:
    rfm = summary(duckdb.connect().from_arrow(log(*ORDERS).to_arrow()))
    for name in ("day=2024-01-01", "who=zz", "frequency=5"):
        (tmp_path / name).mkdir()
        assert rows(rfm.store(tmp_path / name / "r.parquet").frame) == rows(rfm.frame)


def test_ids_that_parquet_would_round_are_refused(tmp_path: Path) -> None:
    orders = duckdb.connect().sql(
        "select 9007199254740993::hugeint + i as who, date '2024-01-01' as \"when\", 5.0 as paid "
        "from range(3) t(i)"
    )
    with pytest.raises(clv.DataError, match="'who' is HUGEINT"):
        summary(orders).store(tmp_path / "rfm.parquet")
