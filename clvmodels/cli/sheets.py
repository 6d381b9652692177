"""A table of customers in sheets, one a bucket: computed one at a time, each sorted by id."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "LEVEL",
    "SHEET",
    "Sheets",
    "Totals",
    "added",
    "read_sheets",
    "sheet_path",
    "totals_of",
    "write_whole",
]

SHEET: Final = "_clvmodels_sheet"
# Of zstd: half the time of the default for a file a tenth larger.
LEVEL: Final = 1
SUMS: Final = ("expected_purchases", "discounted_purchases", "clv")
Totals: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Sheets:
    """A lazy table of customers, of which one sheet at a time is in memory.

    Attributes
    ----------
    frame : LazyFrame
        The table, with the column SHEET.
    customer : str
        Name of the id column; ids grow from sheet to sheet.
    count : int
        Number of sheets.
    """

    frame: pl.LazyFrame
    customer: str
    count: int

    def take(self, number: int) -> pl.DataFrame:
        """Compute a sheet."""
        import polars as pl

        rows = self.frame.filter(pl.col(SHEET) == number).drop(SHEET)
        return rows.collect(engine="streaming").sort(self.customer)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        """Compute one sheet after the other."""
        return map(self.take, range(self.count))

    def schema(self) -> pl.Schema:
        """Return names and types of the columns."""
        return self.frame.drop(SHEET).collect_schema()


def sheet_path(folder: Path, number: int) -> Path:
    """Return where a sheet is kept, so that reading one opens no other."""
    return folder / f"{SHEET}={number}" / "rows.parquet"


def read_sheets(folder: Path) -> pl.LazyFrame:
    """Scan the sheets of a folder as one table with the column SHEET."""
    import polars as pl

    return pl.scan_parquet(
        folder / "*" / "*.parquet",
        hive_partitioning=True,
        hive_schema={SHEET: pl.UInt32()},
    )


def write_whole(
    sheets: Iterable[pl.DataFrame], schema: pl.Schema, path: Path, *, seen: Callable[..., None]
) -> None:
    """Write sheets to one parquet or csv file, each when computed, and show each to `seen`."""
    from polars.io.plugins import register_io_source

    def rows(*_: object) -> Iterator[pl.DataFrame]:
        for sheet in sheets:
            seen(sheet)
            yield sheet

    table = register_io_source(rows, schema=schema)
    if path.suffix.lower() == ".csv":
        table.sink_csv(path, engine="streaming")
    else:
        table.sink_parquet(path, compression_level=LEVEL, engine="streaming")


def totals_of(rows: pl.DataFrame) -> Totals:
    """Sum the predictions of a sheet; None for a sum that is infinite."""
    sums: Totals = {"customers": len(rows), "alive": rows["p_alive"].sum()}
    for name in SUMS:
        if name in rows.columns:
            sums[name] = None if rows[name].null_count() else rows[name].sum()
    return sums


def added(totals: Iterable[Totals]) -> Totals:
    """Add up the totals of sheets.

    Examples
    --------
    >>> added([{"customers": 2, "clv": 1.5}, {"customers": 1, "clv": 2.0}])
    {'customers': 3, 'clv': 3.5}
    >>> added([{"clv": 1.5}, {"clv": None}])
    {'clv': None}
    """
    each = list(totals)
    columns = {name: [one[name] for one in each] for name in each[0]}
    return {name: _sum(values) for name, values in columns.items()}


def _sum(values: list[Any]) -> Any:
    if None in values:
        return None
    return sum(values) if isinstance(values[0], int) else math.fsum(values)
