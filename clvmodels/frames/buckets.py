"""Split a log by customer into buckets that are small enough to be summarised one by one.

A bucket is a range of ids: it has every order of its customers, so its summary is exact, and the
buckets in order are the customers in order. The log is read in streams and written once, as small
as it can be: the id, the day, the amount, and what becomes of the row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from graphlib import TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import narwhals as nw

from clvmodels.customers import Grid
from clvmodels.frames.cleaning import FATES, CleanLog, FateCount
from clvmodels.frames.columns import AMOUNT, CUSTOMER, DAY, RAW, REASON, SUMMARY, refuse_collision
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.dates import UNREADABLE
from clvmodels.frames.ledger import Ledger, LedgerEntry
from clvmodels.frames.periods import check_grid
from clvmodels.frames.reading import Rules, read_log
from clvmodels.frames.sources import Source
from clvmodels.frames.summary import summarise
from clvmodels.units import TimeUnit

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Buckets", "Keep", "bucket_of", "combined", "cuts_of", "open_buckets"]

_BUCKET: Final = "_bucket"
_SAMPLE: Final = 100_000  # ids that tell where to cut: buckets of a hundredth are even to 3 %
# Makes a file or folder of a name by a function of its path, unless it is there; returns its path.
Keep: TypeAlias = Callable[[str, Callable[[Path], object]], Path]


@dataclass(frozen=True)
class Buckets:
    """A log that is checked as a whole, to be summarised bucket by bucket.

    Attributes
    ----------
    log : CleanLog
        The whole log, every row with its fate.
    unit : TimeUnit
        Unit of the summaries.
    grid : Grid
        Periods in which orders are one occasion.
    frames : tuple of LazyFrame
        The rows of each bucket; the whole log itself if it is one bucket.
    """

    log: CleanLog
    unit: TimeUnit
    grid: Grid
    frames: tuple[nw.LazyFrame[Any], ...]

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def rows(self) -> int:
        """Return how many rows the log has."""
        return sum(count.rows for count in self.log.counts.values())

    def id_bytes(self) -> float:
        """Return the mean size of an id, by the first rows."""
        ids = nw.to_native(self.log.frame).select(CUSTOMER).head(10_000).collect(engine="streaming")
        return float(ids.estimated_size() / max(1, len(ids)))

    def split(self, keep: Keep, n: int) -> Buckets:
        """Write the log to `n` buckets of about as many rows, all in a folder that is kept."""
        if n <= 1:
            return self
        place = keep("orders", partial(_write_buckets, self.log.frame, self.rows, n))
        files = sorted(place.glob("*/*.ipc"), key=lambda file: int(file.parent.name.split("=")[1]))
        return replace(self, frames=tuple(map(_read_bucket, files)))

    @property
    def nets(self) -> bool:
        """Return whether refunds are taken off purchases, which takes more memory."""
        return self.log.returns == "net" and "refund" in self.log.counts

    def summary(self, number: int, *, account: bool = False) -> CustomerSummary:
        """Return the lazy summary of the customers of a bucket.

        To `account` for its rows at once, its occasions are computed once and kept in memory.
        """
        log = replace(self.log, frame=self.frames[number])
        if account:
            log = replace(log, counts=_counts(log.frame), source=replace(log.source, eager=True))
        return summarise(log, unit=self.unit, grid=self.grid, strict=False)


def open_buckets(
    orders: pl.LazyFrame,
    rules: Rules,
    keep: Keep,
    *,
    observed_until: date | str | None,
    unit: TimeUnit,
) -> Buckets:
    """Check a whole log as `rfm_summary` does, and take it as one bucket.

    Dates that are text are read once, into a file that is kept.

    Raises
    ------
    ClvError
        What `rfm_summary` raises.

    Warns
    -----
    DataWarning
        Rows were left out.
    """
    check_grid(rules.grid, unit)
    refuse_collision(rules.customer, SUMMARY)
    once = partial(_read_once, keep=keep)
    log = read_log(orders, rules, observed_until=observed_until, stage=once)
    return Buckets(log, unit, rules.grid, (log.frame,))


def combined(ledgers: list[Ledger]) -> Ledger:
    """Add up the ledgers of buckets, which share no row and no customer."""
    order: TopologicalSorter[str] = TopologicalSorter()
    parts: dict[str, list[LedgerEntry]] = {}
    for ledger in ledgers:
        names = [entry.what for entry in ledger.entries]
        for before, after in pairwise(names):
            order.add(after, before)
        for entry in ledger.entries:
            parts.setdefault(entry.what, []).append(entry)
    return Ledger(
        tuple(_added(parts[what]) for what in order.static_order()),
        _sum(ledger.first_occasions for ledger in ledgers),
        _sum(ledger.repeat_occasions for ledger in ledgers),
        sum(ledger.unmatched_refunds for ledger in ledgers),
    )


def _added(entries: list[LedgerEntry]) -> LedgerEntry:
    return LedgerEntry(
        entries[0].what,
        _sum(entry.rows for entry in entries),
        _sum(entry.customers for entry in entries),
        _sum(entry.amount for entry in entries),
    )


def _sum(values: Any) -> Any:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


# --- files ------------------------------------------------------------------------------------


def _read_once(source: Source, keep: Keep) -> Source:
    """Keep days that were parsed from text in a file: every later query would parse them again."""
    import polars as pl

    if RAW not in source.frame.collect_schema().names():
        return source
    unread = pl.when(pl.col(DAY) == UNREADABLE).then(RAW)
    rows = nw.to_native(source.frame).with_columns(unread.alias(RAW))
    write = partial(rows.sink_ipc, compression="lz4", maintain_order=False, engine="streaming")
    return replace(source, frame=nw.from_native(pl.scan_ipc(keep("log.ipc", write))))


def _write_buckets(log: nw.LazyFrame[Any], rows: int, n: int, folder: Path) -> None:
    import polars as pl

    frame, ids = nw.to_native(log), _ordered(log)
    compact = [pl.col(DAY).cast(pl.Int32), pl.col(REASON).cast(pl.Int8)]
    names = [name for name in (CUSTOMER, DAY, AMOUNT, REASON) if name in frame.collect_schema()]
    key = bucket_of(ids, cuts_of(frame.select(ids), rows, n)).alias(_BUCKET)
    frame.select(names).with_columns(compact).sink_ipc(
        pl.PartitionBy(folder, key=key, include_key=False, approximate_bytes_per_file=None),
        compression="uncompressed",
        maintain_order=False,
        mkdir=True,
        engine="streaming",
    )


def cuts_of(ids: pl.LazyFrame, rows: int, n: int) -> pl.Series:
    """Return the ids at which `n` buckets begin, but for the first, from an even sample of rows."""
    import polars as pl

    name = ids.collect_schema().names()[0]
    step = max(1, rows // _SAMPLE)
    drawn = ids.with_row_index("_row").filter(pl.col("_row") % step == 0)
    sample: pl.Series = drawn.collect(engine="streaming")[name].drop_nulls().sort()
    places = [len(sample) * i // n for i in range(1, n)] if len(sample) else []
    return sample.gather(places).unique().sort()


def bucket_of(ids: pl.Expr, cuts: pl.Series) -> pl.Expr:
    """Return the number of the bucket of each id; missing ids are in the first."""
    import polars as pl

    def number(each: pl.Series) -> pl.Series:
        numbers = cuts.search_sorted(each, side="right")
        assert isinstance(numbers, pl.Series)  # as the ids are one
        return numbers

    found = ids.map_batches(number, return_dtype=pl.UInt32(), is_elementwise=True)
    return found.fill_null(0)


def _read_bucket(file: Path) -> nw.LazyFrame[Any]:
    import polars as pl

    rows = pl.scan_ipc(file, hive_partitioning=False)
    wide = rows.with_columns(pl.col(DAY).cast(pl.Int64), pl.col(REASON).cast(pl.Int64))
    return nw.from_native(wide)


def _ordered(frame: nw.LazyFrame[Any]) -> pl.Expr:
    """Return ids as something that has one order everywhere: categories as their text."""
    import polars as pl

    dtype = nw.to_native(frame).collect_schema()[CUSTOMER]
    ids = pl.col(CUSTOMER)
    return ids.cast(pl.String) if dtype in (pl.Categorical, pl.Enum) else ids


def _counts(frame: nw.LazyFrame[Any]) -> dict[Any, FateCount]:
    """Count rows and finite money by fate."""
    import polars as pl

    rows = nw.to_native(frame)
    money = pl.lit(0.0)
    if AMOUNT in rows.collect_schema():
        money = pl.col(AMOUNT).filter(pl.col(AMOUNT).is_finite()).sum()
    table = rows.group_by(REASON).agg(pl.len().alias("rows"), money.alias("money"))
    found = table.collect(engine="streaming").iter_rows()
    return {FATES[fate]: FateCount(count, amount) for fate, count, amount in found}
