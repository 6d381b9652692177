"""Dates as text: ISO in all its forms, declared formats, and what is refused."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

import clvmodels as clv

COLUMNS = {"customer": "who", "date": "when"}
FIRST = "2024-03-09"

ISO = [
    "2024-03-10",
    "2024/03/10",
    "2024.03.10",
    "20240310",
    " 2024-03-10\t",
    "2024-03-10 00:00",
    "2024-03-10T23:59:59",
    "2024-03-10T23:59:59.999999999",
    "2024-03-10 23:59:59,5",
    "2024-03-10 9:05",
]
ZONED = ["Z", "z", " UTC", "+00:00", "+0000", "+00"]
NO_DATES = [
    "10/03/2024", "2024-3-10", "24-03-10", "2024-03", "2024", "nan", "None", "2024-03-10x",
    "x2024-03-10", "2024-03-10T", "٢٠٢٤-٠٣-١٠", "2024-03-1０", "202403100", "-2024-03-10",
    "2024-03-10 12", "99999999", "2024-W10-7",
]  # fmt: skip


def log_of(*dates: str | None) -> pl.DataFrame:
    return pl.DataFrame({"who": ["a"] * len(dates), "when": pl.Series(dates, dtype=pl.String)})


def summarise(native: Any, rows: Any, **options: Any) -> list[tuple[Any, ...]]:
    return rows(clv.rfm_summary(native, **COLUMNS, unit="day", **options).frame)


def test_iso_text(engine, rows):
    frame = log_of(FIRST, *ISO)
    assert summarise(engine(frame), rows) == [("a", 1, 1.0, 1.0)]


def test_iso_text_with_one_zone_keeps_its_own_day(engine, rows):
    frame = log_of(*[f"2024-03-09T00:00:01{zone}" for zone in ZONED], "2024-03-10T23:59:59Z")
    assert summarise(engine(frame), rows) == [("a", 1, 1.0, 1.0)]
    frame = log_of("2024-03-09 00:30:00+05:30", "2024-03-10 23:30:00+0530")
    assert summarise(engine(frame), rows) == [("a", 1, 1.0, 1.0)]


@pytest.mark.parametrize(
    "others", [("+01:00", "+02:00"), ("Z", "-05:00"), ("+01", "+02"), ("Z", "")]
)
def test_text_with_several_zones_is_refused(engine, others):
    frame = log_of(*[f"2024-03-09T00:00:01{zone}" for zone in others])
    with pytest.raises(clv.DataError, match="one time zone") as caught:
        clv.rfm_summary(engine(frame), **COLUMNS, unit="day")
    assert "utc=True" in str(caught.value)


def test_text_that_is_no_date(engine):
    native = engine(log_of(FIRST, *NO_DATES))
    message = f"{len(NO_DATES)} of {len(NO_DATES) + 1} rows: unreadable date"
    with pytest.raises(clv.DataError, match=message) as caught:
        clv.rfm_summary(native, **COLUMNS, unit="day")
    assert isinstance(caught.value, ValueError)
    assert "for instance" in str(caught.value)


def test_blank_text_is_no_date_rather_than_a_bad_one(frame_engine, rows):
    frame = log_of(FIRST, "", "  ", None)
    with pytest.warns(clv.DataWarning, match="3 with no date"):
        assert summarise(frame_engine(frame), rows) == [("a", 0, 0.0, 0.0)]


def test_text_in_two_formats(engine):
    native = engine(log_of("2024-03-09", "09/03/2024", "10/03/2024"))
    with pytest.raises(clv.DataError, match="2 of 3 rows: unreadable date") as caught:
        clv.rfm_summary(native, **COLUMNS, unit="day")
    message = str(caught.value)
    assert "'09/03/2024', '10/03/2024'" in message or "'10/03/2024', '09/03/2024'" in message
    assert "Pass `date_format`" in message
    with pytest.raises(clv.DataError, match=r"1 of 3 rows: unreadable date .*'2024-03-09'"):
        clv.rfm_summary(native, **COLUMNS, unit="day", date_format="%d/%m/%Y")


@pytest.mark.parametrize(
    ("date_format", "first", "last"),
    [
        ("%d/%m/%Y", "09/03/2024", "10/03/2024"),
        ("%m/%d/%Y", "3/9/2024", "03/10/2024"),
        ("%d.%m.%y", "9.3.24", "10.03.24"),
        ("%d %b %Y", "9 Mar 2024", "10 Mar 2024"),
        ("%B %d, %Y", "March 9, 2024", "March 10, 2024"),
        ("%Y-%j", "2024-069", "2024-070"),
        ("%d/%m/%Y %H:%M", "09/03/2024 23:59", "10/03/2024 00:00"),
        ("%m/%d/%Y %I:%M:%S %p", "03/09/2024 11:59:59 PM", "03/10/2024 12:00:00 AM"),
        ("%Y%m%d%H%M%S", "20240309235959", "20240310000000"),
        ("it's %Y-%m-%d", "it's 2024-03-09", "it's 2024-03-10"),
    ],
)
def test_declared_formats(frame_engine, rows, date_format, first, last):
    native = frame_engine(log_of(first, last, "2024-03-11x"))
    with pytest.warns(clv.DataWarning, match="1 with unreadable date"):
        found = summarise(native, rows, date_format=date_format, invalid="drop")
    assert found == [("a", 1, 1.0, 1.0)]


def test_declared_format_in_files(engine, rows):
    native = engine(log_of("09/03/2024", "10/03/2024"))
    assert summarise(native, rows, date_format="%d/%m/%Y") == [("a", 1, 1.0, 1.0)]


def test_epoch_text_needs_a_declaration(engine, rows):
    # 2024-03-09 23:59:59.9 and 2024-03-10 00:00:00
    native = engine(log_of("1710028799.9", "1710028800", "-1"))
    until = {"observed_until": "2024-03-10"}
    found = summarise(native, rows, date_format="epoch-s", **until)
    assert found == [("a", 2, 19_793.0, 19_793.0)]
    frame = log_of("1710028799999999999", "1710028800000000000")
    assert summarise(engine(frame), rows, date_format="epoch-ns") == [("a", 1, 1.0, 1.0)]


@pytest.mark.parametrize(
    "date_format", ["%Q", "%Y-%m", "", "2024", "%s", "%Y-%m-%d %z", "%d %Z %Y"]
)
def test_formats_that_engines_would_read_differently(frame_engine, date_format):
    native = frame_engine(log_of("2024-03-09"))
    with pytest.raises(clv.ParameterError, match="date_format") as caught:
        clv.rfm_summary(native, **COLUMNS, unit="day", date_format=date_format)
    assert repr(date_format) in str(caught.value)


def test_categories_of_text(rows):
    text = pl.Series(["2024-03-09", "2024-03-10", None])
    for kind in (pl.Categorical, pl.Enum(["2024-03-09", "2024-03-10", "unused"])):
        frame = pl.DataFrame({"who": ["a", "a", "a"], "when": text.cast(kind)})
        for native in (frame, frame.lazy(), frame.to_pandas(), frame.to_arrow()):
            with pytest.warns(clv.DataWarning, match="1 with no date"):
                assert summarise(native, rows) == [("a", 1, 1.0, 1.0)]


def test_the_end_of_observation_is_a_date_or_iso_text(log):
    from datetime import datetime

    import pandas as pd

    frame = log(("a", "2024-03-09"))
    ends = ["2024-03-11", date(2024, 3, 11), datetime(2024, 3, 11, 23), pd.Timestamp("2024-03-11")]
    for end in ends:
        summary = clv.rfm_summary(frame, **COLUMNS, observed_until=end, unit="day")
        assert summary.observed_until == date(2024, 3, 11)
        assert type(summary.observed_until) is date
    for end in ("11/03/2024", "tomorrow", 20_240_311):
        with pytest.raises(clv.ParameterError, match="observed_until") as caught:
            clv.rfm_summary(frame, **COLUMNS, observed_until=end, unit="day")
        assert isinstance(caught.value, ValueError)
