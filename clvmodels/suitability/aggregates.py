"""The small tables that findings look at, made on the engine of a summary and of its log."""

from __future__ import annotations

import math
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
from clvmodels.suitability.facts import Base, Money, Orders

__all__ = ["BLOCKS", "PARTS", "base_of", "orders_of"]

Array: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.int64]

_PER_E: Final = 20.0  # bands of amounts: 5 % wide
_OFFSET: Final = 0.31415926  # so that no band begins at a round amount
BLOCK: Final = 28  # days: four weeks, in which every day of the week comes four times
BLOCKS: Final[dict[Grid, int]] = {"day": BLOCK, "week": 4, "month": 1, "quarter": 1, "year": 1}
_MOST_BLOCKS: Final = 520  # forty years
PARTS: Final = 8
_N: Final = nw.len().alias("n")


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
    plans = {
        "x": plain.group_by("x").agg(_N, nw.col("since").sum()).sort("x"),
        "age": plain.group_by("age").agg(_N).sort("age"),
    }
    if rfm.has_spend:
        spent = nw.col("monetary_value").cast(nw.Float64) * x
        plans["money"] = _banded(frame.filter(x > 0.0).select(spent.alias("v")))
    tables = _tables(plans)
    by_x, by_age = tables["x"], tables["age"]
    ages, counts = _whole(by_age["age"]), _whole(by_age["n"])
    starts = np.zeros(int(ages[-1] - ages[0]) + 1, dtype=np.int64)
    starts[ages[-1] - ages] = counts
    money = _money(tables["money"]) if rfm.has_spend else None
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
    width = BLOCKS[grid]
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
    age = max(math.ceil(base.length / 3.0), base.length - (len(base.starts) - 1))
    whole_blocks = min((end - zero + 1) // width, _MOST_BLOCKS)
    within = repeats.filter(nw.col("began") < whole_blocks)
    plans = {
        "gaps": repeats.group_by("gap").agg(_N).sort("gap"),
        "days": dated.group_by("day").agg(_N).sort("day"),
        "starts": _starts(dated, end - zero, age),
        "blocks": within.group_by("began", "block").agg(_N),
    }
    if has_amount:
        plans["money"] = _banded(purchases.select(nw.col(VALUE).alias("v")))
    tables = _tables(plans)
    starts, gaps, days = tables["starts"], tables["gaps"], tables["days"]
    blocks, block_starts = _blocks(tables["blocks"], starts, end - zero, width, whole_blocks)
    parts = np.array([_whole(starts[f"part{i}"]) for i in range(PARTS)])
    return Orders(
        _whole(starts["start"]),
        _whole(starts["n"]),
        _whole(starts["back"]),
        starts["again"],
        starts["square"],
        np.diff(parts, axis=0, prepend=0),
        age,
        _whole(gaps["gap"]),
        _whole(gaps["n"]),
        _whole(days["day"]),
        _whole(days["n"]),
        blocks,
        block_starts,
        _money(tables["money"]) if has_amount else None,
    )


def _starts(dated: nw.LazyFrame[Any], end: int, age: float) -> nw.LazyFrame[Any]:
    """Count by period of the first purchase how many started, and of those who came back, when."""
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
    return counted.agg(_N, *sums).sort("start")


def _blocks(
    table: dict[str, Array], starts: dict[str, Array], end: int, width: int, n: int
) -> tuple[Counts, Counts]:
    """Return repeat purchases by block of the first and blocks since, and starts by block.

    Whole blocks only, from the first of the log to the last, or the last so many.
    """
    first, block = _whole(table["began"]), _whole(table["block"])
    counts = np.zeros((n, n), dtype=np.int64)
    np.add.at(counts, (n - 1 - first, first - block), _whole(table["n"]))
    began = (end - _whole(starts["start"])) // width
    whole = began < n
    begun = np.bincount(n - 1 - began[whole], _whole(starts["n"])[whole], minlength=n)
    return counts, _whole(begun)


def _banded(amounts: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Fold the positive amounts of a column ``v`` into bands."""
    value = nw.col("v")
    banded = (
        amounts.filter(value > 0.0)
        .with_columns(value.log().alias("log"))
        .with_columns((nw.col("log") * _PER_E + _OFFSET).floor().cast(nw.Int64).alias("band"))
    )
    sums = (value.sum(), nw.col("log").sum(), value.max().alias("largest"))
    return banded.group_by("band").agg(_N, *sums).sort("band")


def _money(table: dict[str, Array]) -> Money:
    largest = float(table["largest"].max(initial=0.0))
    return Money(_whole(table["n"]), table["v"], table["log"], largest)


def _tables(plans: dict[str, nw.LazyFrame[Any]]) -> dict[str, dict[str, Array]]:
    """Collect small tables."""
    rows = {name: collected(plan) for name, plan in plans.items()}
    return {
        name: {column: _floats(table[column]) for column in table.columns}
        for name, table in rows.items()
    }


def _floats(column: nw.Series[Any]) -> Array:
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _whole(values: Any) -> Counts:
    return np.asarray(np.rint(values), dtype=np.int64)
