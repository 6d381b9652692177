"""Small tables about a summary and a log, made on the engine: all that findings look at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Grid
from clvmodels.frames.calendar import quotient
from clvmodels.frames.cleaning import CleanLog
from clvmodels.frames.columns import CUSTOMER, PERIOD
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.engines import collected
from clvmodels.frames.finished_tables import has_bad_times, refuse_repeated_ids
from clvmodels.frames.occasions import VALUE, earlier_period, kept, net_occasions
from clvmodels.frames.periods import period_of, units_per_period
from clvmodels.frames.sources import as_narwhals

__all__ = ["Base", "Money", "Orders", "base_of", "orders_of"]

Array: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]

_PER_E: Final = 20.0  # bands of amounts: 5 % wide
_OFFSET: Final = 0.31415926  # so that no band begins at a round amount
BLOCK: Final = 28  # days: four weeks, in which every day of the week comes four times
_BLOCKS: Final[dict[Grid, int]] = {"day": BLOCK, "week": 4, "month": 1, "quarter": 1, "year": 1}
_MOST_BLOCKS: Final = 520  # forty years
PARTS: Final = 8
_N: Final = nw.len().alias("n")


@dataclass(frozen=True)
class Money:
    """Positive amounts, folded into narrow bands from small to large.

    Attributes
    ----------
    count : Counts
        Shape (k,): how many amounts are in each band.
    total : Array
        Shape (k,): their sum.
    log : Array
        Shape (k,): the sum of their natural logarithms.
    largest : float
        The largest of all; 0 where there is none.
    """

    count: Counts
    total: Array
    log: Array
    largest: float

    def top(self, share: float) -> float:
        """Return the share of money in so large a share of amounts, the largest first."""
        wanted = share * float(self.count.sum())
        before = np.append(0, np.cumsum(self.count[::-1])[:-1])
        taken = np.clip(wanted - before, 0.0, self.count[::-1]) / self.count[::-1]
        return float(taken @ self.total[::-1]) / float(self.total.sum())

    def quantile(self, share: float) -> float:
        """Return an amount that so large a share is below, to the width of a band."""
        i = int(np.searchsorted(np.cumsum(self.count), share * float(self.count.sum())))
        i = min(i, len(self.count) - 1)
        return float(self.total[i] / self.count[i])


@dataclass(frozen=True)
class Base:
    """Customers, from a summary.

    Attributes
    ----------
    frequency : Array
        Shape (k,): the distinct numbers of repeat purchases, rising.
    customers : Counts
        Shape (k,): how many customers have each.
    recency : Array
        Shape (k,): the sum of their times from the first purchase to the last, in periods.
    starts : Counts
        Shape (d,): first purchases by period, from the first of all to the last of all.
    length : float
        Periods from the first purchase of all to the end of observation.
    step : float
        Length of a period in the unit of the summary.
    grid : Grid
        The period: days, for a finished table.
    money : Money or None
        What repeat purchases of each customer add up to; None without amounts.
    """

    frequency: Array
    customers: Counts
    recency: Array
    starts: Counts
    length: float
    step: float
    grid: Grid
    money: Money | None

    @property
    def n(self) -> int:
        """Number of customers."""
        return int(self.customers.sum())

    @property
    def repeaters(self) -> int:
        """Customers with a repeat purchase."""
        return int(self.customers[self.frequency > 0.0].sum())

    @property
    def gap(self) -> float:
        """Mean time between purchases in periods; NaN where nobody came back."""
        repeats = float(self.frequency @ self.customers)
        return float(self.recency.sum()) / repeats if repeats else math.nan


@dataclass(frozen=True)
class Orders:
    """What a summary does not know of a log. Periods count from that of the first purchase.

    Attributes
    ----------
    start : Counts
        Shape (d,): the distinct periods of first purchases, rising.
    started : Counts
        Shape (d,): customers who started then.
    back : Counts
        Shape (d,): those who came back within `age` periods.
    again, square : Array
        Shape (d,): their repeat purchases within `age` periods, and the sum of squares of those.
    parts : Counts
        Shape (8, d): those whose second purchase came in the first, second, ... eighth of the time
        from their first to the end of observation.
    age : float
        See `back`.
    gap_length, gap_count : Counts
        Shape (g,): the distinct times between consecutive purchases in periods, and their numbers.
    day, occasions : Counts
        Shape (t,): the periods with purchases, rising, and the purchases in each.
    blocks : Counts
        Shape (b, b): purchases after the first, by the block of the first and blocks since then;
        blocks of four weeks count back from the end of observation.
    block_starts : Counts
        Shape (b,): customers who started in each block.
    orders : Money or None
        Values of single purchases; None without amounts.
    """

    start: Counts
    started: Counts
    back: Counts
    again: Array
    square: Array
    parts: Counts
    age: float
    gap_length: Counts
    gap_count: Counts
    day: Counts
    occasions: Counts
    blocks: Counts
    block_starts: Counts
    orders: Money | None


def base_of(rfm: CustomerSummary) -> Base:
    """Aggregate a summary on its engine."""
    grid: Grid = "day" if rfm.definitions is None else rfm.definitions.grid
    period, per_unit = units_per_period(grid, rfm.unit)
    step = period / per_unit
    frame = _customers(rfm)
    x = nw.col("frequency").cast(nw.Float64)
    age = (nw.col("T").cast(nw.Float64) / step).round().cast(nw.Int64)
    plain = frame.select(
        x.alias("x"), nw.col("recency").cast(nw.Float64).alias("since"), age.alias("age")
    )
    by_x = _table(plain.group_by("x").agg(_N, nw.col("since").sum()), "x")
    by_age = _table(plain.group_by("age").agg(_N), "age")
    ages, counts = _whole(by_age["age"]), _whole(by_age["n"])
    starts = np.zeros(int(ages[-1] - ages[0]) + 1, dtype=np.int64)
    starts[ages[-1] - ages] = counts
    money = None
    if rfm.has_spend:
        spent = nw.col("monetary_value").cast(nw.Float64) * x
        money = _money(frame.filter(x > 0.0).select(spent.alias("v")))
    return Base(
        by_x["x"],
        _whole(by_x["n"]),
        by_x["since"] / step,
        starts,
        float(ages[-1]),
        step,
        grid,
        money,
    )


def _customers(rfm: CustomerSummary) -> nw.LazyFrame[Any]:
    """Return the columns of a summary on its engine, once they keep the rules."""
    frame = as_narwhals(rfm.frame)
    if isinstance(frame, nw.LazyFrame):
        if rfm.definitions is None:
            refuse_repeated_ids(frame, rfm.customer)
            if has_bad_times(frame):
                rfm.customers()  # which says what is wrong and where
        return frame
    import polars as pl

    c = rfm.customers()
    x, t, age = c.timing
    columns = {"frequency": x, "recency": t, "T": age}
    if c.monetary_value is not None:
        columns["monetary_value"] = c.monetary_value
    return nw.from_native(pl.DataFrame(columns).lazy())


def orders_of(log: CleanLog, base: Base) -> Orders:
    """Aggregate a log on its engine, given what its summary says."""
    grid, has_amount = base.grid, log.source.has_amount
    occasions = net_occasions(log, grid=grid)
    if log.source.eager:
        occasions = occasions.collect("polars").lazy()
    purchases = kept(occasions, has_amount=has_amount)
    end, zero = period_of(log.end, grid), period_of(log.end, grid) - int(base.length)
    width = _BLOCKS[grid]
    dated = (
        purchases.with_columns(
            (nw.col(PERIOD) - zero).alias("day"), (nw.col(PERIOD) - earlier_period(1)).alias("gap")
        )
        .with_columns(nw.col("day").min().over(CUSTOMER).alias("first"))
        .with_columns(
            (nw.col("day") - nw.col("first")).alias("wait"),
            quotient(end - zero - nw.col("day"), width).alias("block"),
            quotient(end - zero - nw.col("first"), width).alias("began"),
        )
    )
    repeats = dated.filter(~nw.col("gap").is_null())
    gaps = _table(repeats.group_by("gap").agg(_N), "gap")
    days = _table(dated.group_by("day").agg(_N), "day")
    age = max(math.ceil(base.length / 3.0), base.length - (len(base.starts) - 1))
    starts = _starts(dated, end - zero, age)
    blocks, block_starts = _blocks(repeats, starts, end - zero, width)
    within = np.array([_whole(starts[f"part{i}"]) for i in range(PARTS)])
    return Orders(
        _whole(starts["start"]),
        _whole(starts["n"]),
        _whole(starts["back"]),
        starts["again"],
        starts["square"],
        np.diff(within, axis=0, prepend=0),
        age,
        _whole(gaps["gap"]),
        _whole(gaps["n"]),
        _whole(days["day"]),
        _whole(days["n"]),
        blocks,
        block_starts,
        _money(purchases.select(nw.col(VALUE).alias("v"))) if has_amount else None,
    )


def _starts(dated: nw.LazyFrame[Any], end: int, age: float) -> dict[str, Array]:
    """Return by period of the first purchase how many started, and when they came back."""
    repeat, wait = ~nw.col("gap").is_null(), nw.col("wait")
    people = (
        dated.with_columns(
            nw.when(repeat).then(wait).alias("second"),
            nw.when(repeat & (wait <= age)).then(1).otherwise(0).alias("again"),
        )
        .group_by(CUSTOMER)
        .agg(nw.col("first").min().alias("start"), nw.col("second").min(), nw.col("again").sum())
        .with_columns((nw.col("second") * PARTS).alias("scaled"))
    )
    marks = {"back": nw.col("again") > 0}
    for i in range(PARTS):
        marks[f"part{i}"] = nw.col("scaled") <= (end - nw.col("start")) * (i + 1)
    flags = [nw.when(test).then(1).otherwise(0).alias(name) for name, test in marks.items()]
    counted = people.with_columns(
        *flags, (nw.col("again") * nw.col("again")).alias("square")
    ).group_by("start")
    sums = [nw.col(name).sum() for name in (*marks, "again", "square")]
    return _table(counted.agg(_N, *sums), "start")


def _blocks(
    repeats: nw.LazyFrame[Any], starts: dict[str, Array], end: int, width: int
) -> tuple[Counts, Counts]:
    """Return repeat purchases by block of the first and blocks since, and starts by block.

    Whole blocks only, from the first of the log to the last, or the last so many.
    """
    n = min((end + 1) // width, _MOST_BLOCKS)
    table = collected(repeats.filter(nw.col("began") < n).group_by("began", "block").agg(_N))
    first, block = (_whole(table[name].to_numpy()) for name in ("began", "block"))
    counts = np.zeros((n, n), dtype=np.int64)
    np.add.at(counts, (n - 1 - first, first - block), _whole(table["n"].to_numpy()))
    began = (end - _whole(starts["start"])) // width
    whole = began < n
    begun = np.bincount(n - 1 - began[whole], _whole(starts["n"])[whole], minlength=n)
    return counts, _whole(begun)


def _money(amounts: nw.LazyFrame[Any]) -> Money:
    """Fold the positive amounts of a column ``v`` into bands."""
    value = nw.col("v")
    banded = (
        amounts.filter(value > 0.0)
        .with_columns(value.log().alias("log"))
        .with_columns((nw.col("log") * _PER_E + _OFFSET).floor().cast(nw.Int64).alias("band"))
    )
    summed = banded.group_by("band").agg(
        _N, value.sum(), nw.col("log").sum(), value.max().alias("largest")
    )
    table = _table(summed, "band")
    largest = float(table["largest"].max(initial=0.0))
    return Money(_whole(table["n"]), table["v"], table["log"], largest)


def _table(frame: nw.LazyFrame[Any], key: str) -> dict[str, Array]:
    """Collect a small table, sorted by one of its columns."""
    rows = collected(frame.sort(key))
    return {name: np.asarray(rows[name].to_numpy(), dtype=np.float64) for name in rows.columns}


def _whole(values: Any) -> Counts:
    return np.asarray(np.rint(values), dtype=np.int64)
