"""The same summary, ledger and histories from Spark as from polars."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest

import clvmodels as clv

COLUMNS: dict[str, Any] = {"customer": "who", "date": "when", "amount": "paid"}
NAN, INF = float("nan"), float("inf")
# Refunds in part, in full, of several orders, before any order; zeros; merged days; missing values.
RECORDS = [
    ("a", 0, 10.1), ("a", 0, 0.2), ("a", 9, 30.0), ("a", 40, -12.5), ("a", 41, 7.0),
    ("b", 3, 5.0), ("b", 5, -5.0), ("b", 70, 9.0), ("b", 95, 1.5),
    ("c", 3, 20.0), ("c", 20, 30.0), ("c", 25, -45.0), ("c", 60, 3.0), ("c", 60, -1.0),
    ("d", 8, -4.0), ("d", 9, 4.0), ("d", 30, 0.0),
    ("e", 12, 2.0), ("e", 12, -2.0),
    ("f", 14, None), ("f", 14, 3.0), ("f", 28, NAN), ("f", 33, 4.0), ("f", 50, INF),
    ("g", 99, 1.0), (" ", 5, 8.0), ("", 6, 8.0), (None, 7, 8.0), ("h", None, 2.0), ("h", 31, 2.0),
    ("ü 1", -700, 1e-9), ("ü 1", 17, 1e9), ("ü 1", 18, 0.3),
]  # fmt: skip
START = date(2024, 1, 1)


def log(when: Any = lambda day: START + timedelta(days=day)) -> pl.DataFrame:
    days = [None if day is None else when(day) for _, day, _ in RECORDS]
    who, paid = ([record[i] for record in RECORDS] for i in (0, 2))
    return pl.DataFrame({"who": who, "when": days, "paid": pl.Series(paid, dtype=pl.Float64)})


def summarise(frame: Any, **options: Any) -> clv.CustomerSummary:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", clv.DataWarning)
        return clv.rfm_summary(frame, **(COLUMNS | {"unit": "week", "invalid": "drop"} | options))


CASES: dict[str, dict[str, Any]] = {
    "refunds netted": {},
    "refunds dropped, intervals": {"returns": "drop", "intervals": True},
    "an earlier end": {"observed_until": "2024-02-15", "unit": "day"},
    "weeks": {"grid": "week", "intervals": True},
    "months": {"grid": "month", "unit": "month"},
    "without amounts": {"amount": None, "unit": "year"},
}


@pytest.mark.parametrize("case", CASES)
def test_summary_ledger_and_histories(on_spark, assert_same, assert_same_ledger, case):
    found = summarise(on_spark(log()), **CASES[case])
    wanted = summarise(log().lazy(), **CASES[case])
    assert_same(found.frame, wanted.frame)
    assert_same_ledger(found.ledger, wanted.ledger)
    ours, theirs = found.patterns(), wanted.patterns()
    np.testing.assert_array_equal(ours.weight, theirs.weight)
    for column in ("frequency", "recency", "age"):
        np.testing.assert_allclose(getattr(ours, column), getattr(theirs, column), rtol=1e-14)


STAMPS = {
    "stamps": lambda day: datetime(2024, 1, 1, 23, 59, 59) + timedelta(days=day),
    "text": lambda day: f"{START + timedelta(days=day)} 23:59:59.9",
    "text with a zone": lambda day: f" {START + timedelta(days=day)}T00:00:00+01:00",
    "eight digits": lambda day: f"{START + timedelta(days=day):%Y%m%d}",
    "yyyymmdd": lambda day: int(f"{START + timedelta(days=day):%Y%m%d}"),
    "seconds": lambda day: (19_723 + day) * 86_400 + 86_399,
    "nanoseconds": lambda day: (19_723 + day) * 86_400_000_000_000 + 86_399_999_999_999,
    "floats": lambda day: (19_723 + day) + 0.999,
}


@pytest.mark.parametrize("kind", STAMPS)
def test_dates_of_every_kind(on_spark, assert_same, kind):
    made = STAMPS[kind]
    found = summarise(on_spark(log(made)), unit="day", returns="drop")
    assert_same(found.frame, summarise(log().lazy(), unit="day", returns="drop").frame)


@pytest.mark.parametrize(
    ("date_format", "text"),
    [
        ("%d/%m/%Y", "%d/%m/%Y"),
        ("%d %b %y %I:%M %p", "%d %b %y %I:%M %p"),
        ("%A, %B %d, %Y", "%A, %B %d, %Y"),
        ("%Y.%j", "%Y.%j"),
        ("epoch-ms", None),
    ],
)
def test_declared_formats(on_spark, assert_same, date_format, text):
    def write(day: int) -> str:
        stamp = datetime(2024, 1, 1, 13, 5) + timedelta(days=day)
        return stamp.strftime(text) if text else f"{stamp.replace(tzinfo=UTC).timestamp():.0f}000"

    frame = log(write).vstack(
        pl.DataFrame([("z", "31/31/2024", 1.0)], schema=log(write).schema, orient="row")
    )
    options = {"unit": "day", "date_format": date_format, "returns": "drop"}
    found = summarise(on_spark(frame), **options)
    assert_same(found.frame, summarise(frame.lazy(), **options).frame)


@pytest.mark.parametrize("session_zone", ["America/Los_Angeles", "Asia/Tokyo"])
def test_a_day_begins_in_the_zone_asked_for(spark, on_spark, assert_same, session_zone):
    moments = [
        datetime(2024, 3, 30, 22, 59, 59, 999_999, tzinfo=UTC),  # Berlin goes to summer time
        datetime(2024, 3, 30, 23, 0, tzinfo=UTC),
        datetime(2024, 3, 31, 21, 59, 59, tzinfo=UTC),
        datetime(2024, 3, 31, 22, 0, tzinfo=UTC),
        datetime(1969, 12, 31, 22, 59, 59, tzinfo=UTC),
        datetime(2024, 10, 26, 22, 0, tzinfo=UTC),
        datetime(2024, 10, 27, 22, 59, 59, tzinfo=UTC),
    ]
    frame = pl.DataFrame(
        {"who": [f"{i}" for i in range(len(moments))], "when": moments, "paid": 1.0}
    )
    before = spark.conf.get("spark.sql.session.timeZone")
    spark.conf.set("spark.sql.session.timeZone", session_zone)
    try:
        native = on_spark(frame)
        found = summarise(native, unit="day", time_zone="Europe/Berlin")
        wanted = summarise(frame.lazy(), unit="day", time_zone="Europe/Berlin")
        assert_same(found.frame, wanted.frame)
        with pytest.raises(clv.DataError, match="zone in which days begin"):
            summarise(native, unit="day")
    finally:
        spark.conf.set("spark.sql.session.timeZone", before)


def test_amounts_as_decimals_and_pairs(on_spark, assert_same):
    frame = log().with_columns(
        n=pl.int_range(pl.len(), dtype=pl.Int16),
        price=pl.Series([Decimal("0.10"), Decimal("-99.95"), None] * 11, dtype=pl.Decimal(12, 2)),
    )
    found = summarise(on_spark(frame), amount=("n", "price"))
    assert_same(found.frame, summarise(frame.lazy(), amount=("n", "price")).frame)


def test_ids_of_other_types(on_spark, assert_same):
    ids = pl.Series([2**62 + i % 3 for i in range(len(RECORDS))], dtype=pl.Int64)
    for kind in (ids, ids.cast(pl.Decimal(20, 0)), (ids - 2**62).cast(pl.Float64)):
        frame = log().with_columns(who=kind)
        assert_same(summarise(on_spark(frame)).frame, summarise(frame.lazy()).frame)


def test_losses_are_refused_with_ids_and_dates(on_spark):
    frame = log(lambda day: f"{START + timedelta(days=day)}" if day != 33 else "3rd of May")
    native = on_spark(frame)
    with pytest.raises(clv.DataError, match=r"unreadable date \(for instance '3rd of May'\)"):
        summarise(native, invalid="error")
    with pytest.raises(clv.DataError, match="no customer id"):
        summarise(native, strict=True)
    with pytest.raises(clv.DataError, match="refund"):
        summarise(native, returns="error")
    with pytest.raises(clv.DataError, match="no dots"):
        summarise(native.withColumnRenamed("who", "who.id"), customer="who.id")
    mixed = on_spark(pl.DataFrame({"who": ["a", "b"], "when": ["2024-01-01T00:00Z", "2024-01-01"]}))
    with pytest.raises(clv.DataError, match="one time zone"):
        summarise(mixed, amount=None)


def test_a_holdout_has_the_same_customers(on_spark, assert_same, assert_same_ledger):
    options = {"calibration_end": "2024-01-28", "unit": "week", "invalid": "drop"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", clv.DataWarning)
        found, wanted = (
            clv.holdout_split(frame, **COLUMNS, **options)
            for frame in (on_spark(log()), log().lazy())
        )
    assert found.horizon == wanted.horizon
    assert_same(found.calibration.frame, wanted.calibration.frame)
    assert_same(found.holdout, wanted.holdout)
    assert_same(found.newcomers, wanted.newcomers)
    assert_same_ledger(found.holdout_ledger, wanted.holdout_ledger)


def test_a_real_log_with_returns(spark, assert_same, assert_same_ledger, retail):
    """Half a million rows, with stamps as text, refunds and rows without customers."""
    columns = {"customer": "Customer ID", "date": "InvoiceDate", "amount": ("Quantity", "Price")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", clv.DataWarning)
        found, wanted = (
            clv.rfm_summary(frame, **columns, unit="week")
            for frame in (spark.read.parquet(str(retail)), pl.scan_parquet(retail))
        )
    assert_same(found.frame, wanted.frame)
    assert_same_ledger(found.ledger, wanted.ledger)


@pytest.fixture
def retail(request: pytest.FixtureRequest) -> Any:
    path = request.config.rootpath.parent / "shared/data/online_retail_2009_2010.parquet"
    if not path.exists():
        pytest.skip("needs online_retail_2009_2010.parquet in a folder `shared/data`")
    return path
