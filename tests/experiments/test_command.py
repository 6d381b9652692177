"""`clvmodels compare-groups`: what it refuses, and in which words."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from clvmodels.cli import main

from .worlds import Kind, orders


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("test") / "orders.parquet"
    kinds = {"control": Kind(), "mail": Kind()}
    orders(kinds, dict.fromkeys(kinds, 60), seed=9).write_parquet(path)
    return path


def _run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["compare-groups", *map(str, arguments)])
    return int(ended.value.code or 0)


def test_it_tells_the_verdict_and_writes_the_table(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "differences.parquet"
    planned = ("--planned", "control=1", "--planned", "mail=1")
    assert _run(source, "--group", "arm", "--horizon", "13w", *planned, "--out", out, "-q") == 0
    assert "mail against control: observed value per customer" in capsys.readouterr().out
    assert pl.read_parquet(out)["quantity"].unique().sort().to_list() == [
        "observed purchases",
        "observed value",
    ]


def test_dates_and_purchases(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    terms = ("--start", "2024-06-24", "--window", "8w", "--amount", "none", "--json")
    assert _run(source, "--group", "arm", "--horizon", "8w", *terms) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["design"] == "from a date"
    assert {each["quantity"] for each in document["table"]} == {"observed purchases"}
    assert document["arms"][0]["observed"] == 8.0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "or --before"),
        (("--group", "arm", "--before", "2024-05-01"), "--before 2024-05-01"),
        (("--group", "arm", "--planned", "mail"), "--planned control=0.5"),
        (("--group", "arm", "--planned", "mail=1"), "--planned control=0.5 --planned mail=0.5"),
        (("--group", "arm", "--control", "mall"), "--control is one of the arms"),
        (("--group", "arn"), "'arm'"),
        (("--group", "arm", "--grid", "week"), "leave out --grid"),
        (("--group", "arm", "--power", "80"), "--power is between 0 and 1"),
        (("--group", "arm", "--out", "table.json"), ".parquet or .csv"),
    ],
)
def test_what_it_refuses(
    source: Path, arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(source, *arguments) == 2
    assert words in " ".join(capsys.readouterr().err.split())
