"""Sums of who bought when, from an engine to tables with names, zeros and ends of periods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.frames.groups import Cohort
from clvmodels.frames.periods import MONTHS, last_days, period_of

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["AT", "FIRST", "SQUARES", "Tables", "activity_tables", "period_names"]

Whole: TypeAlias = NDArray[np.int64]

FIRST: Final = "first_index"
AT: Final = "period_index"
SQUARES: Final = "squares"
_SUMS: Final = ("customers", "orders", "revenue", SQUARES)
_SEGMENT: Final = "_segment"
_COHORT: Final = "cohort_index"


@dataclass(frozen=True, eq=False)
class Tables:
    """The tables of `frames.activity.Activity`.

    Attributes
    ----------
    table, parts, sizes, periods : DataFrame
        As there.
    segments : polars DataFrame
        The distinct labels, sorted, missing ones last; no column without labels.
    segment : array of int
        The row of `segments` of each row of `parts`; 0 without labels.
    """

    table: pd.DataFrame
    parts: pd.DataFrame
    sizes: pd.DataFrame
    periods: pd.DataFrame
    segments: pl.DataFrame
    segment: Whole


def activity_tables(
    counted: pl.DataFrame, by: tuple[str, ...], lengths: tuple[Cohort, Cohort], *, end: int
) -> Tables:
    """Return the tables of `frames.activity.Activity`.

    Parameters
    ----------
    counted
        The labels, FIRST, AT and sums, in any order.
    by
        Names of the labels.
    lengths
        How long cohorts and periods are.
    end
        Number of the last day that counts as observed.
    """
    import pandas as pd

    cohort, period = lengths
    coded, segments = _coded(counted, by)
    parts = pd.DataFrame({name: coded[name].to_numpy() for name in coded.columns})
    parts = parts.sort_values([_SEGMENT, FIRST, AT], ignore_index=True)
    parts[_COHORT] = parts[FIRST] * MONTHS[period] // MONTHS[cohort]
    numbers = [name for name in _SUMS if name in parts]
    last = max(period_of(end, period), int(parts[AT].max()))
    sums = parts.groupby([_SEGMENT, _COHORT, AT])[numbers].sum()
    table = sums.reindex(_grid(parts, last, (cohort, period)), fill_value=0).reset_index()
    own = parts[parts[FIRST] == parts[AT]]
    sizes = own.groupby([_SEGMENT, _COHORT])["customers"].sum().reset_index()

    def named(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
        labels = {name: _labels(segments[name], frame[_SEGMENT].to_numpy()) for name in by}
        parts = {"cohort": period_names(frame[_COHORT].to_numpy(), cohort), _COHORT: frame[_COHORT]}
        if AT in frame:
            parts |= {"period": period_names(frame[AT].to_numpy(), period), AT: frame[AT]}
        return pd.DataFrame(labels | parts | {name: frame[name] for name in columns})

    return Tables(
        named(table, *numbers),
        named(parts, FIRST, *numbers),
        named(sizes, "customers"),
        _periods(int(parts[FIRST].min()), last, period, end),
        segments,
        parts[_SEGMENT].to_numpy(dtype=np.int64),
    )


def period_names(numbers: Whole, period: Cohort) -> list[str]:
    """Return the names of periods by their numbers, as `frames.groups.cohorts` names them.

    Examples
    --------
    >>> period_names(np.array([8040, 8041]), "quarter"), period_names(np.array([24121]), "month")
    (['2010 Q1', '2010 Q2'], ['2010-02'])
    """
    months = np.asarray(numbers, dtype=np.int64) * MONTHS[period]
    pairs = list(zip((months // 12).tolist(), (months % 12).tolist(), strict=True))
    if period == "year":
        return [str(year) for year, _ in pairs]
    if period == "month":
        return [f"{year}-{month + 1:02d}" for year, month in pairs]
    return [f"{year} Q{month // 3 + 1}" for year, month in pairs]


def _coded(counted: pl.DataFrame, by: tuple[str, ...]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the sums with the number of their segment, and the segments, missing labels last."""
    import polars as pl

    whole = (FIRST, AT, "customers", "orders")
    counted = counted.cast(dict.fromkeys(whole, pl.Int64))  # DuckDB adds up in 128 bits
    if not by:
        return counted.with_columns(pl.lit(0, dtype=pl.Int64).alias(_SEGMENT)), pl.DataFrame()
    segments = counted.select(by).unique().sort(by, nulls_last=True)
    numbered = segments.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(_SEGMENT))
    return counted.join(numbered, on=list(by), how="left", nulls_equal=True).drop(by), segments


def _labels(column: pl.Series, segment: Whole) -> pd.Series[Any]:
    import pandas as pd

    values = np.array(column.to_list(), dtype=object)
    return pd.Series(values[segment], dtype=object)


def _grid(parts: pd.DataFrame, last: int, lengths: tuple[Cohort, Cohort]) -> pd.MultiIndex:
    """Return every segment, cohort and period from the cohort's first one to the last."""
    import pandas as pd

    cohort, period = lengths
    found = parts[[_SEGMENT, _COHORT]].drop_duplicates().sort_values([_SEGMENT, _COHORT])
    begins = found[_COHORT].to_numpy() * MONTHS[cohort] // MONTHS[period]
    rows = [
        (segment, number, at)
        for segment, number, begin in zip(found[_SEGMENT], found[_COHORT], begins, strict=True)
        for at in range(int(begin), last + 1)
    ]
    return pd.MultiIndex.from_tuples(rows, names=[_SEGMENT, _COHORT, AT])


def _periods(first: int, last: int, period: Cohort, end: int) -> pd.DataFrame:
    import pandas as pd

    numbers = np.arange(first, last + 1, dtype=np.int64)
    ends = last_days(numbers, period)
    return pd.DataFrame(
        {
            "period": period_names(numbers, period),
            AT: numbers,
            "end": ends.astype("M8[us]"),  # pandas has no type for days
            "complete": ends.astype(np.int64) <= end,
        }
    )
