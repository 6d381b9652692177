"""Stamps with a time zone: on which day an order falls."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import clvmodels as clv

COLUMNS = {"customer": "who", "date": "when"}
NEW_YORK, UTC = ZoneInfo("America/New_York"), ZoneInfo("UTC")
# Noon on the 1st, and half past eleven in the evening of the 2nd: the 3rd in UTC.
STAMPS = [datetime(2024, 1, 1, 12), datetime(2024, 1, 2, 23, 30)]


def zoned(zone: Any) -> pd.DataFrame:
    """Return a pandas log whose wall clock shows STAMPS."""
    when = pd.DatetimeIndex(STAMPS).tz_localize(zone)
    return pd.DataFrame({"who": ["a", "a"], "when": when})


def summarise(native: Any, rows: Any, **options: Any) -> list[tuple[Any, ...]]:
    return rows(clv.rfm_summary(native, **COLUMNS, unit="day", **options).frame)


def tables(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a zoned log on every eager engine, and as polars LazyFrame."""
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    found = {
        "pandas": frame,
        "pandas-pyarrow": arrow.to_pandas(types_mapper=pd.ArrowDtype),
        "pandas objects": frame.astype({"when": object}),
        "pyarrow": arrow,
    }
    if arrow.schema.field("when").type.tz.startswith(("+", "-")):
        return found  # polars has no zones that are mere offsets
    polars = pl.DataFrame(arrow)
    return found | {"polars": polars, "polars-lazy": polars.lazy()}


ZONES = [
    NEW_YORK,
    UTC,
    timezone(timedelta()),
    timezone(timedelta(hours=-5)),
    timezone(timedelta(hours=5, minutes=30)),
    "Asia/Kolkata",
]


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_a_stamp_counts_for_the_day_of_its_own_zone(zone, rows):
    for name, native in tables(zoned(zone)).items():
        assert summarise(native, rows) == [("a", 1, 1.0, 1.0)], name


@pytest.mark.parametrize("zone", ZONES[:5], ids=str)
def test_days_can_begin_in_another_zone(zone, rows):
    moments = [stamp.replace(tzinfo=zone) for stamp in STAMPS]
    first, last = (moment.astimezone(ZoneInfo("Asia/Tokyo")).date() for moment in moments)
    expected = [("a", 1, float((last - first).days), float((last - first).days))]
    for name, native in tables(zoned(zone)).items():
        if name == "pandas objects":
            with pytest.raises(clv.ParameterError, match="convert the column"):
                clv.rfm_summary(native, **COLUMNS, unit="day", time_zone="Asia/Tokyo")
            continue
        assert summarise(native, rows, time_zone="Asia/Tokyo") == expected, name
        assert summarise(native, rows, time_zone="America/New_York")[0][2] >= 1.0, name


def test_the_change_to_summer_time(rows):
    # Between these two New York midnights lie 23 hours, and one day.
    moments = [datetime(2024, 3, 10, 5, tzinfo=UTC), datetime(2024, 3, 11, 4, tzinfo=UTC)]
    frame = pl.DataFrame({"who": ["a", "a"], "when": moments})
    for native in (frame, frame.lazy(), frame.to_pandas(), frame.to_arrow()):
        assert summarise(native, rows, time_zone="America/New_York") == [("a", 1, 1.0, 1.0)]
    earlier = frame.with_columns(pl.col("when") - pl.duration(seconds=1))
    summary = clv.rfm_summary(earlier, **COLUMNS, unit="day", time_zone="America/New_York")
    assert summary.observed_until == date(2024, 3, 10)


def test_the_hour_that_happens_twice(rows):
    moments = pd.to_datetime(["2024-11-03 05:30", "2024-11-03 06:30", "2024-11-04 04:59"], utc=True)
    frame = pd.DataFrame({"who": ["a"] * 3, "when": moments.tz_convert("America/New_York")})
    for name, native in tables(frame).items():
        assert summarise(native, rows) == [("a", 0, 0.0, 0.0)], name


def duckdb_stamps(connection: Any, session: str) -> Any:
    connection.execute(f"set timezone = '{session}'")
    return connection.sql(
        "select 'a' as who, t::timestamptz as \"when\" from "
        "(values ('2024-01-01 12:00:00+00'), ('2024-01-02 23:30:00-05')) v(t)"
    )


@pytest.mark.parametrize("session", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_the_session_of_duckdb_has_no_influence(session, rows):
    connection = duckdb.connect()
    relation = duckdb_stamps(connection, session)
    with pytest.raises(clv.DataError, match="Pass time_zone='UTC'"):
        clv.rfm_summary(relation, **COLUMNS, unit="day")
    assert summarise(relation, rows, time_zone="UTC") == [("a", 1, 2.0, 2.0)]
    assert summarise(relation, rows, time_zone="America/New_York") == [("a", 1, 1.0, 1.0)]
    split = clv.holdout_split(
        relation, **COLUMNS, calibration_end="2024-01-01", time_zone="UTC", unit="day"
    )
    assert rows(split.holdout) == [("a", 1)]


def test_mixed_zones_in_pandas_objects():
    berlin = ZoneInfo("Europe/Berlin")
    pairs = {
        "America/New_York, Europe/Berlin": [NEW_YORK, berlin],
        "UTC, no zone": [UTC, None],
        "UTC[+]01:00, UTC[+]02:00": [timezone(timedelta(hours=h)) for h in (1, 2)],
    }
    for place, zones in pairs.items():
        stamps = [stamp.replace(tzinfo=zone) for stamp, zone in zip(STAMPS, zones, strict=True)]
        frame = pd.DataFrame({"who": ["a", "b"], "when": pd.Series(stamps, dtype=object)})
        with pytest.raises(clv.DataError, match=f"column 'when' has {place}") as caught:
            clv.rfm_summary(frame, **COLUMNS, unit="day")
        assert "utc=True" in str(caught.value)


def test_a_zone_needs_stamps_that_carry_one(engine, log):
    native = engine(log(("a", "2024-01-01T10:00:00Z")))
    with pytest.raises(clv.ParameterError, match="stamps that carry a zone") as caught:
        clv.rfm_summary(native, **COLUMNS, unit="day", time_zone="UTC")
    assert "Leave it out" in str(caught.value)


@pytest.mark.parametrize(
    ("zone", "hint"),
    [("Europe/Berlim", "Did you mean 'Europe/Berlin'"), ("+01:00", "or 'UTC'"), ("", "or 'UTC'")],
)
def test_a_zone_has_a_name_of_the_database(zone, hint):
    connection = duckdb.connect()
    relation = duckdb_stamps(connection, "UTC")
    for native in (zoned(UTC), pl.DataFrame(zoned(UTC)), pl.DataFrame(zoned(UTC)).lazy(), relation):
        with pytest.raises(clv.ParameterError, match=hint) as caught:
            clv.rfm_summary(native, **COLUMNS, unit="day", time_zone=zone)
        assert isinstance(caught.value, ValueError)
