"""Time stamps as exports write them, to the day on which they fall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from clvmodels.errors import DataError, ParameterError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["check_zone", "days_of"]

_OFFSET: Final = r"(Z|UTC|GMT|[+-]\d{2}:?\d{2})"
_STAMP: Final = (
    rf"^\d{{4}}-\d{{2}}-\d{{2}}([T ]\d{{2}}:\d{{2}}(:\d{{2}}([.,]\d+)?)?\s*{_OFFSET}?)?$"
)


def check_zone(time_zone: str | None) -> None:
    """Raise `ParameterError` unless a zone is None or known."""
    try:
        if time_zone is not None:
            ZoneInfo(time_zone)
    except (KeyError, ValueError, TypeError, OSError):
        raise ParameterError(
            "`time_zone` is a name of the time zone database, such as 'Europe/Berlin'.",
            place=f"Got {time_zone!r}.",
            fix="Use such a name, or 'UTC'.",
        ) from None


def days_of(
    cells: pl.Series, *, time_zone: str | None, date_format: str | None, utc: bool
) -> tuple[pl.Series, pl.Series]:
    """Return the day of each stamp, and where there is a text that is none.

    Without `time_zone` the day is the one that is written: with an offset, that of the shop's own
    clock. With it stamps are moved to that zone, by their offset, or from UTC if `utc` says so.

    Raises
    ------
    DataError
        A stamp is to be moved and says nothing of where it is from.
    """
    import polars as pl

    if cells.dtype == pl.Date or (cells.dtype == pl.Datetime and time_zone is None):
        return cells.cast(pl.Date), cells.is_null() & False
    if cells.dtype == pl.Datetime:
        cells = cells.dt.strftime("%Y-%m-%d %H:%M:%S")
    cells = cells.cast(pl.String)
    if date_format is not None:
        read = cells.str.to_datetime(date_format, strict=False, time_unit="us")
        bad = read.is_null() & cells.is_not_null()
        cells = read.dt.strftime("%Y-%m-%d %H:%M:%S%z" if "%z" in date_format else "%F %T")
    else:
        bad = cells.str.contains(_STAMP).not_().fill_null(False)
    days = cells.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    bad = bad | (days.is_null() & cells.is_not_null())
    if time_zone is None or bad.any():
        return days, bad
    return _moved(cells, time_zone, utc), bad


def _moved(cells: pl.Series, time_zone: str, utc: bool) -> pl.Series:
    """Return days in a zone."""
    import polars as pl

    offset = cells.str.extract(rf"{_OFFSET}$").str.replace(r"^(Z|UTC|GMT)$", "+0000")
    offset = offset.str.replace(":", "", literal=True)
    if not utc and bool((offset.is_null() & cells.is_not_null()).any()):
        bare = cells.filter(offset.is_null() & cells.is_not_null())[0]
        raise DataError(
            "Days begin anew in `time_zone` for stamps that carry their offset to UTC.",
            place=f"{bare!r} carries none.",
            fix="Leave out time_zone= to take the days as they are written.",
        )
    local = (cells.str.slice(0, 10) + " " + cells.str.slice(11, 5)).str.to_datetime(
        "%Y-%m-%d %H:%M", time_unit="us", strict=False
    )
    hours = offset.str.slice(0, 3).cast(pl.Int64, strict=False)
    minutes = (offset.str.slice(0, 1) + offset.str.slice(3, 2)).cast(pl.Int64, strict=False)
    parts = pl.DataFrame({"local": local, "hours": hours, "minutes": minutes})
    moment = pl.col("local") - pl.duration(hours="hours", minutes="minutes")
    universal = pl.coalesce(moment, "local").dt.replace_time_zone("UTC")
    return parts.select(universal.dt.convert_time_zone(time_zone).dt.date()).to_series()
