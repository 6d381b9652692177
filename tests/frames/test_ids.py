"""Customer ids of every type: counted once, never invented, and returned as they came."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import clvmodels as clv

DAYS = [date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 5), date(2024, 1, 9)]
TEXT = ["2024-01-01", "2024-01-02", "2024-01-05", "2024-01-09"]


def summarise(native: Any, **options: Any) -> clv.CustomerSummary:
    return clv.rfm_summary(native, customer="who", date="when", unit="day", **options)


def log_of(ids: Any, dtype: Any = None) -> pl.DataFrame:
    """Return a log: the second and last rows belong to one customer."""
    return pl.DataFrame({"who": pl.Series(ids, dtype=dtype), "when": DAYS[: len(ids)]})


KINDS: dict[str, tuple[list[Any], Any]] = {
    "text": (["b", "a", "c", "a"], pl.String),
    "unicode": (["Zoë", "宮崎", "🛒", "宮崎"], pl.String),
    "case and blanks": (["A", "a", "a ", "a"], pl.String),
    "long": (["x" * 5_000, "x" * 5_000 + "y", "z", "x" * 5_000 + "y"], pl.String),
    "int": ([3, -1, 2, -1], pl.Int64),
    "small int": ([3, 1, 2, 1], pl.Int8),
    "huge int": ([2**63 + 1, 2**63 + 2, 2**63, 2**63 + 2], pl.UInt64),
    "beyond 53 bits": ([2**53, 2**53 + 1, 2**53 + 2, 2**53 + 1], pl.Int64),
    "float": ([3.0, 1.5, 2.0, 1.5], pl.Float64),
    "bytes": ([b"b", b"a", b"\x00", b"a"], pl.Binary),
}


@pytest.mark.parametrize("kind", KINDS)
def test_ids_come_back_as_they_were(frame_engine, rows, kind):
    ids, dtype = KINDS[kind]
    native = frame_engine(log_of(ids, dtype))
    summary = summarise(native)
    expected = [(ids[0], 0, 0.0, 8.0), (ids[1], 1, 7.0, 7.0), (ids[2], 0, 0.0, 4.0)]
    assert {row[0]: row for row in rows(summary.frame)} == {row[0]: row for row in expected}
    assert len(rows(summary.frame)) == 3
    assert id_type(summary.frame) == id_type(native)


def id_type(native: Any) -> Any:
    """Return the type of the id column on any engine."""
    if isinstance(native, pd.DataFrame):
        return native["who"].dtype
    if isinstance(native, duckdb.DuckDBPyRelation):
        return native.select("who").types[0]
    return (
        (native.collect_schema() if isinstance(native, pl.LazyFrame) else native.schema)
        .field("who")
        .type
        if isinstance(native, pa.Table)
        else native.collect_schema()["who"]
    )


@pytest.mark.parametrize("missing", [None, "", "  \t"])
def test_missing_ids_are_left_out_wherever_they_stand(frame_engine, rows, missing):
    for place in (0, 2):
        ids: list[Any] = ["b", "a", "c"]
        ids.insert(place, missing)
        with pytest.warns(clv.DataWarning, match="1 with no customer id"):
            summary = summarise(frame_engine(log_of(ids)))
        assert [row[0] for row in rows(summary.frame)] == ["a", "b", "c"]
        assert summary.ledger.balances


def test_missing_ids_in_files(engine, rows):
    with pytest.warns(clv.DataWarning, match="2 with no customer id"):
        summary = summarise(engine(log_of([None, "b", None, "a"])))
    assert [row[0] for row in rows(summary.frame)] == ["a", "b"]


def test_float_ids_with_gaps(frame_engine, rows):
    with pytest.warns(clv.DataWarning, match="2 with no customer id"):
        summary = summarise(frame_engine(log_of([float("nan"), 2.0, None, 1.0])))
    assert rows(summary.frame) == [(1.0, 0, 0.0, 0.0), (2.0, 0, 0.0, 7.0)]


def test_all_ids_missing(engine):
    with pytest.raises(clv.DataError, match="Of 2 rows: 2 no customer id"):
        summarise(engine(log_of([None, None], pl.String)))


def test_categories_that_nobody_has_are_no_customers(rows):
    levels = ["unused", "b", "a", "", "never"]
    enum = log_of(["b", "", "a", "a"], pl.Enum(levels))
    connection = duckdb.connect()
    natives = {
        "pandas": pd.DataFrame({"who": pd.Categorical(["b", "", "a", "a"], levels), "when": DAYS}),
        "polars enum": enum,
        "polars lazy": enum.lazy(),
        "polars category": log_of(["b", "", "a", "a"], pl.Categorical),
        "pyarrow": pa.table(
            {"who": pa.array(["b", "", "a", "a"]).dictionary_encode(), "when": DAYS}
        ),
        "duckdb": connection.from_arrow(enum.to_arrow()),
    }
    for name, native in natives.items():
        with pytest.warns(clv.DataWarning, match="1 with no customer id"):
            summary = summarise(native)
        assert rows(summary.frame) == [("a", 1, 4.0, 4.0), ("b", 0, 0.0, 8.0)], name
        assert summary.ledger.entries[-1].customers == 2, name
        assert summary.patterns().n_customers == 2, name
    kept = summarise(natives["pandas"].query("who != ''")).frame["who"]
    assert kept.cat.categories.tolist() == levels


def test_uuids(rows):
    ids = [UUID(int=5), UUID(int=1), UUID(int=9), UUID(int=1)]
    expected = [(UUID(int=1), 1, 7.0, 7.0), (UUID(int=5), 0, 0.0, 8.0), (UUID(int=9), 0, 0.0, 4.0)]
    arrow = pa.table({"who": pa.array([each.bytes for each in ids], pa.uuid()), "when": DAYS})
    assert rows(summarise(pd.DataFrame({"who": ids, "when": DAYS})).frame) == expected
    polars = pl.DataFrame({"who": pl.Series(ids, dtype=pl.Object), "when": DAYS})
    assert rows(summarise(polars).frame) == expected
    found = summarise(arrow).frame
    assert found.schema.field("who").type == pa.uuid()
    assert rows(found) == expected
    connection = duckdb.connect()
    relation = connection.sql(
        'select u::uuid as who, d::date as "when" from (values '
        + ", ".join(f"('{u}', '{d}')" for u, d in zip(ids, TEXT, strict=True))
        + ") v(u, d)"
    )
    found = summarise(relation).frame
    assert str(found.types[0]) == "UUID"
    assert rows(found) == expected


def test_arrow_in_chunks_and_dictionaries(rows):
    whole = log_of(["b", "a", "c", "a"]).to_arrow()
    chunked = pa.concat_tables([whole.slice(0, 1), whole.slice(1, 2), whole.slice(3)])
    expected = [("a", 1, 7.0, 7.0), ("b", 0, 0.0, 8.0), ("c", 0, 0.0, 4.0)]
    assert rows(summarise(chunked).frame) == expected
    index = whole.schema.get_field_index("who")
    coded = chunked.set_column(index, "who", chunked["who"].dictionary_encode())
    assert rows(summarise(coded).frame) == expected


def test_decimal_ids(frame_engine, rows):
    native = frame_engine(log_of([2, 1, 3, 1], pl.Decimal(5, 0)))
    assert [row[:2] for row in rows(summarise(native).frame)] == [
        (Decimal(1), 1),
        (Decimal(2), 0),
        (Decimal(3), 0),
    ]


@pytest.mark.parametrize(
    ("ids", "kinds"),
    [
        ([1, "1", "a"], "int and str"),
        ([1.0, "1", None], "float and str"),
        ([b"1", "1", "2"], "bytes and str"),
    ],
)
def test_ids_of_several_types_are_refused(ids, kinds):
    frame = pd.DataFrame({"who": pd.Series(ids, dtype=object), "when": DAYS[:3]})
    with pytest.raises(clv.DataError, match=f"holds {kinds}") as caught:
        summarise(frame)
    assert "astype(str)" in str(caught.value)


@pytest.mark.parametrize("ids", [[True, False], [[1], [2]], [{"a": 1}, {"a": 2}]])
def test_types_that_are_no_id(frame_engine, ids):
    with pytest.raises(clv.DataError, match="A customer id is one value") as caught:
        summarise(frame_engine(log_of(ids)))
    assert "Column 'who' has type" in str(caught.value)


def test_nullable_pandas_ids(rows):
    ids = pd.array([2, 1, None, 1], dtype="Int64")
    with pytest.warns(clv.DataWarning, match="1 with no customer id"):
        summary = summarise(pd.DataFrame({"who": ids, "when": DAYS}))
    assert rows(summary.frame) == [(1, 1, 7.0, 7.0), (2, 0, 0.0, 8.0)]
    assert summary.frame["who"].dtype == "Int64"


def test_ids_that_are_moments(rows):
    stamps = pd.to_datetime(["2024-01-02", None, "2024-01-01", "2024-01-02"])
    with pytest.warns(clv.DataWarning, match="1 with no customer id"):
        summary = summarise(pd.DataFrame({"who": stamps, "when": DAYS}))
    assert [row[1:] for row in rows(summary.frame)] == [(0, 0.0, 4.0), (1, 8.0, 8.0)]


def test_a_million_codes_are_not_needed_for_sparse_ids():
    ids = np.array([10**18, 5, 10**18, 7], dtype=np.int64)
    summary = summarise(pd.DataFrame({"who": ids, "when": DAYS}))
    assert summary.frame["who"].tolist() == [5, 7, 10**18]
