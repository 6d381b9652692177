"""Logs in files: csv and parquet, one or many, whole or broken."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import clvmodels as clv

COLUMNS = {"customer": "who", "date": "when", "amount": "paid"}
ORDERS = "who,when,paid\n007,2024-01-01,1\n7,2024-01-02,2\n007,2024-01-04,3.5\n"
EXPECTED = [("007", 1, 3.0, 3.0, 3.5), ("7", 0, 0.0, 2.0, None)]


@pytest.fixture
def summarise(rows) -> Any:
    return lambda path, **options: rows(
        clv.rfm_summary(path, **(COLUMNS | options), unit="day").frame
    )


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_text_ids_keep_their_zeros(tmp_path, summarise):
    path = write(tmp_path / "orders.csv", ORDERS)
    assert summarise(path) == EXPECTED
    assert summarise(str(path)) == EXPECTED
    result = clv.rfm_summary(path, **COLUMNS, unit="day").frame
    assert isinstance(result, pl.LazyFrame)


def test_compressed_csv_and_upper_case_endings(tmp_path, summarise):
    with gzip.open(tmp_path / "orders.csv.gz", "wt") as file:
        file.write(ORDERS)
    assert summarise(tmp_path / "orders.csv.gz") == EXPECTED
    assert summarise(write(tmp_path / "ORDERS.CSV", ORDERS)) == EXPECTED


def test_the_home_folder(tmp_path, summarise, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write(tmp_path / "orders.csv", ORDERS)
    assert summarise("~/orders.csv") == EXPECTED


def test_globs_and_names_that_look_like_one(tmp_path, summarise, monkeypatch):
    write(tmp_path / "orders[1].csv", ORDERS)
    write(tmp_path / "a" / "x.csv", ORDERS.splitlines()[0] + "\n007,2024-01-01,1\n")
    write(tmp_path / "b" / "x.csv", ORDERS.replace("007,2024-01-01,1\n", ""))
    assert summarise(tmp_path / "orders[1].csv") == EXPECTED
    assert summarise(str(tmp_path / "[ab]" / "*.csv")) == EXPECTED
    monkeypatch.chdir(tmp_path)
    assert summarise("?/x.csv") == EXPECTED


def test_a_folder_of_files_with_columns_in_any_order(tmp_path, summarise):
    write(tmp_path / "1.csv", "who,when,paid\n007,2024-01-01,1\n")
    write(tmp_path / "2.csv", "paid,note,who,when\n2,x,7,2024-01-02\n")
    write(tmp_path / "deep" / "3.csv", "when,who,paid\n2024-01-04,007,3.5\n")
    write(tmp_path / "4.csv", "who,when,paid\n")
    write(tmp_path / "_SUCCESS", "")
    write(tmp_path / "_temporary" / "0.csv", "who,when,paid\n007,2024-01-01,1000\n")
    write(tmp_path / ".hidden.csv", "who,when,paid\n007,2024-01-01,1000\n")
    assert summarise(tmp_path) == EXPECTED


def test_parquet_files_with_columns_in_any_order_and_width(tmp_path, summarise):
    one = pl.DataFrame({"who": [7], "when": ["2024-01-01"], "paid": [1.5]})
    one.with_columns(pl.col("who").cast(pl.Int32)).write_parquet(tmp_path / "1.parquet")
    two = one.select("paid", "when", pl.col("who"), note=pl.lit("x"))
    two.with_columns(pl.col("paid").cast(pl.Int64), when=pl.lit("2024-01-03")).write_parquet(
        tmp_path / "2.pq"
    )
    assert summarise(tmp_path) == [(7, 1, 2.0, 2.0, 1.0)]


def test_partitioned_folders(tmp_path, summarise):
    for month in (1, 2):
        folder = tmp_path / f"month={month}"
        folder.mkdir()
        frame = pl.DataFrame({"who": ["a"], "when": [f"2024-0{month}-01"], "paid": [float(month)]})
        frame.write_parquet(folder / "part-0.parquet")
    assert summarise(tmp_path) == [("a", 1, 31.0, 31.0, 2.0)]


def test_a_partition_named_like_a_column_has_no_influence(tmp_path, summarise):
    """Folders often carry the day of loading under the name of the day of the order."""
    folder = tmp_path / "when=2024-12-31"
    folder.mkdir()
    frame = pl.DataFrame({"who": ["a", "a"], "when": ["2024-01-01", "2024-01-03"], "paid": 1.0})
    frame.write_parquet(folder / "part-0.parquet")
    assert summarise(tmp_path) == [("a", 1, 2.0, 2.0, 1.0)]


@pytest.mark.parametrize(
    ("mark", "kind"), [("_delta_log/00000.json", "delta"), ("metadata/v1.metadata.json", "iceberg")]
)
def test_tables_that_keep_deleted_rows_are_refused(tmp_path, mark, kind):
    frame = pl.DataFrame({"who": ["a"], "when": ["2024-01-01"], "paid": [1.0]})
    frame.write_parquet(tmp_path / "part-0.parquet")
    write(tmp_path / mark, "{}")
    with pytest.raises(clv.DataError, match=f"polars.scan_{kind}"):
        clv.rfm_summary(tmp_path, **COLUMNS, unit="day")


def test_the_first_decimal_may_come_late(tmp_path, rows):
    body = "".join(f"a,2024-01-01,{i}\n" for i in range(11_000))
    path = write(tmp_path / "orders.csv", f"who,when,paid\n{body}a,2024-01-02,0.25\n")
    assert rows(clv.rfm_summary(path, **COLUMNS, unit="day").frame) == [("a", 1, 1.0, 1.0, 0.25)]


def test_quotes_marks_and_line_ends(tmp_path, summarise):
    text = '\ufeffwho,when,paid\r\n"Smith, J",2024-01-01,1\r\n"a ""b""",2024-01-02,2\r\n'
    path = write(tmp_path / "orders.csv", text)
    assert [row[0] for row in summarise(path)] == ["Smith, J", 'a "b"']


BROKEN = {
    "semicolons": ("who;when;paid\n1;2024-01-01;1\n", "separated by commas"),
    "tabs": ("who\twhen\tpaid\n1\t2024-01-01\t1\n", "separator=';'"),
    "too many fields": ("who,when,paid\n1,2024-01-01,1\n2,2024-01-01,1,5\n", "more fields"),
    "empty": ("", "is empty"),
    "header": ("who,when,paid\n", "at least one row"),
    "late text": ("who,when,paid\n" + "1,2024-01-01,1\n" * 11_000 + "1,2024-01-01,x\n", "`x`"),
    "text amounts": ("who,when,paid\n1,2024-01-01,$1\n", "An amount is a number"),
    "comma amounts": ('who,when,paid\n1,2024-01-01,"1,5"\n', "An amount is a number"),
    "too few fields": ("who,when,paid\n1,2024-01-01,1\n2,2024-01-01\n", "no amount .*customer 2"),
    "epoch": ("who,when,paid\n1,1704067200,1\n", "'1704067200'.* `date_format`"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_csv(tmp_path, kind):
    text, part = BROKEN[kind]
    path = write(tmp_path / "orders.csv", text)
    with pytest.raises(clv.DataError, match=part) as caught:
        clv.rfm_summary(path, **COLUMNS, unit="day")
    assert isinstance(caught.value, ValueError)
    assert caught.value.fix


def test_files_that_are_not_what_they_say(tmp_path):
    latin = tmp_path / "latin.csv"
    latin.write_bytes("who,when,paid\né,2024-01-01,1\n".encode("latin-1"))
    cut = tmp_path / "cut.parquet"
    pl.DataFrame({"who": ["a"], "when": ["2024-01-01"], "paid": [1.0]}).write_parquet(cut)
    cut.write_bytes(cut.read_bytes()[:-20])
    text = write(tmp_path / "text.parquet", ORDERS)
    for path in (latin, cut, text):
        with pytest.raises(clv.DataError, match="Files are whole and in UTF-8"):
            clv.rfm_summary(path, **COLUMNS, unit="day")


def test_nothing_there(tmp_path):
    (tmp_path / "empty").mkdir()
    write(tmp_path / "notes" / "readme.txt", "x")
    for path in ("empty", "notes", "orders.csv", "*.csv", "no/such/folder"):
        with pytest.raises(clv.DataError, match="Found none at") as caught:
            clv.rfm_summary(tmp_path / path, **COLUMNS, unit="day")
        assert "Check the spelling" in str(caught.value)


def test_other_kinds_of_files(tmp_path):
    for name in ("orders.xlsx", "orders"):
        path = write(tmp_path / name, ORDERS)
        with pytest.raises(clv.DataError, match=r"Logs are parquet .* or csv"):
            clv.rfm_summary(path, **COLUMNS, unit="day")
    write(tmp_path / "mixed" / "1.csv", ORDERS)
    pl.DataFrame({"who": ["a"]}).write_parquet(tmp_path / "mixed" / "2.parquet")
    with pytest.raises(clv.DataError, match="has csv, parquet"):
        clv.rfm_summary(tmp_path / "mixed", **COLUMNS, unit="day")


def test_a_column_that_only_some_files_have(tmp_path):
    write(tmp_path / "1.csv", ORDERS)
    write(tmp_path / "2.csv", "who,when\n1,2024-01-01\n")
    with pytest.raises(clv.MissingColumnError, match="'paid'"):
        clv.rfm_summary(tmp_path, **COLUMNS, unit="day")


def test_ids_of_one_type_in_all_files(tmp_path):
    for i, who in enumerate(([1], ["1"])):
        frame = pl.DataFrame({"who": who, "when": ["2024-01-01"], "paid": [1.0]})
        frame.write_parquet(tmp_path / f"{i}.parquet")
    with pytest.raises(clv.DataError, match=r"'who' is whole numbers in .* and String in"):
        clv.rfm_summary(tmp_path, **COLUMNS, unit="day")
