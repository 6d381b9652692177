"""`total`: the numbers of the library, segments by columns of the orders, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import clvmodels as clv

UNTIL = ("--observed-until", "1997-09-30")
TERMS = {"horizon": "39w", "discount_rate": 0.1, "margin": 0.3}
OPTIONS = tuple(text for k, v in TERMS.items() for text in ("--" + k.replace("_", "-"), v))
SAME = 1e-9  # the same estimates, summed in another order


@pytest.fixture(scope="module")
def orders(cdnow: Path) -> Path:
    """Return orders with a country, which 40 customers change once, and some never had."""
    frame = pl.read_parquet(cdnow / "orders.parquet")
    who = pl.col("customer_id")
    country = pl.when(who % 5 == 0).then(pl.lit("DE")).when(who % 5 < 4).then(pl.lit("FR"))
    frame = frame.with_columns(country.alias("country"))
    early = frame.filter(pl.col("date").cast(pl.Date) <= date(1997, 9, 30))  # what labels know
    often = early.group_by("customer_id").len().filter((pl.col("len") > 2) & (who % 5 < 4))
    moved = often.sort("customer_id")["customer_id"].head(40)
    first = pl.int_range(pl.len()).over("customer_id") == 0
    away = pl.when(who.is_in(moved.implode()) & first).then(pl.lit("IT"))
    path = cdnow / "countries.parquet"
    frame.with_columns(away.otherwise(pl.col("country")).alias("country")).write_parquet(path)
    return path


def test_one_row_in_all(
    run: Callable[..., Any], cdnow: Path, model: Path, summary_of: Callable[..., Any]
) -> None:
    job = ("total", cdnow / "orders.parquet", "--model", model, *UNTIL, *OPTIONS)
    document = run(*job, "--interval", 0.8, "--json").document
    models = clv.load(model)
    rfm = summary_of(pl.read_parquet(cdnow / "orders.parquet"))
    wanted = clv.total(rfm, models.purchases, models.spend, interval=0.8, **TERMS)
    assert document["command"] == "total"
    assert document["customers"] == 2357
    assert document["interval"] == 0.8
    assert document["by"] == []
    (found,), (expected,) = document["totals"], wanted.to_dicts()
    assert list(found) == list(expected)
    assert found.pop("method") == expected.pop("method") == "moments"
    assert found == pytest.approx(expected, rel=SAME)
    done = run(*job)
    assert "2,357 customers, observed until 1997-09-30, horizon 39w" in done.out
    assert "90 % intervals" in done.out
    assert done.code == 0


@pytest.mark.parametrize("name", ["totals.csv", "totals.parquet"])
def test_segments_by_columns_of_the_orders(
    run: Callable[..., Any], orders: Path, model: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / name
    job = ("total", orders, "--model", model, *UNTIL, *OPTIONS, "--by", "country", "--out", out)
    done = run(*job)
    assert done.code == 0, done.err
    assert "40 customers have several values of 'country'" in " ".join(done.err.split())
    assert "(none)" in done.out
    found = pl.read_csv(out) if name.endswith("csv") else pl.read_parquet(out)
    assert found["country"].to_list() == ["DE", "FR", None]
    people = pl.read_parquet(orders).unique("customer_id")["customer_id"]
    counts = [int((people % 5 == 0).sum()), int((people % 5).is_between(1, 3).sum())]
    # Those who moved have two orders or more at home, so one elsewhere counts for nothing.
    assert found["customers"].to_list()[:2] == counts


def test_several_columns_and_those_of_the_summary(
    run: Callable[..., Any], orders: Path, model: Path
) -> None:
    job = ("total", orders, "--model", model, *UNTIL, "--amount", "none", "--json")
    document = run(*job, "--by", "country", "--by", "frequency").document
    assert document["by"] == ["country", "frequency"]
    rows = document["totals"]
    assert sum(row["customers"] for row in rows) == 2357
    assert list(rows[0])[:3] == ["country", "frequency", "customers"]
    assert "clv" not in rows[0]
    assert all(row["lower"] == int(row["lower"]) for row in rows)


def test_text_ids(run: Callable[..., Any], orders: Path, model: Path, tmp_path: Path) -> None:
    frame = pl.read_parquet(orders)
    path = tmp_path / "orders.csv"
    frame.with_columns(pl.format("C-{}", "customer_id").alias("customer_id")).write_csv(path)
    found, expected = (
        run("total", each, "--model", model, *UNTIL, *OPTIONS, "--by", "country", "--json").document
        for each in (path, orders)
    )
    for row, other in zip(found["totals"], expected["totals"], strict=True):
        assert (row.pop("country"), row.pop("method")) == (other.pop("country"), other["method"])
        assert row == pytest.approx({name: other[name] for name in row}, rel=SAME)


def test_a_state_in_place_of_orders(
    run: Callable[..., Any], cdnow: Path, model: Path, tmp_path: Path
) -> None:
    until = pl.read_parquet(cdnow / "orders.parquet").filter(pl.col("date") <= date(1997, 9, 30))
    until.write_parquet(tmp_path / "orders.parquet")
    assert run("update", tmp_path / "state", tmp_path / "orders.parquet", *UNTIL).code == 0
    found, expected = (
        run("total", *source, "--model", model, *OPTIONS, "--json").document["totals"][0]
        for source in ((tmp_path / "state",), (cdnow / "orders.parquet", *UNTIL))
    )
    assert found.pop("method") == expected.pop("method")
    assert found == pytest.approx(expected, rel=SAME)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--by", "contry"), "Did you mean 'country'?"),
        (("--by", "customer_id"), "is the id of the customers"),
        (("--amount", "none", "--discount-rate", 0.1), "Leave out --discount-rate."),
        (("--amount", "none", "--horizon", "inf"), "up to a finite --horizon"),
        (("--horizon", "soon"), "--horizon is a duration"),
        (("--out", "totals.json"), "written as .parquet or .csv"),
        (("--unit", "day"), "The model is per week"),
    ],
    ids=str,
)
def test_what_is_refused(
    run: Callable[..., Any], orders: Path, model: Path, options: tuple[object, ...], words: str
) -> None:
    done = run("total", orders, "--model", model, *options)
    assert done.code == 2
    assert words in " ".join(done.err.split())
    assert done.out == ""


def test_a_model_is_needed(run: Callable[..., Any], orders: Path) -> None:
    done = run("total", orders)
    assert done.code == 2
    assert "No --model was given" in done.err
