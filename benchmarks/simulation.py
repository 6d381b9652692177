"""Simulated shops: BG/NBD customers with Gamma-Gamma spend, drawn in blocks from a seed.

Written apart from the library, so that the library can be checked against it. A customer starts on
any day of the first year and is observed until the end of the second. Time is continuous, dates
are whole days, and two orders of one customer on one day are two rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["FIRST_DAY", "LAST_DAY", "SHOP", "Shop", "simulate_log", "simulate_patterns"]

Array = np.ndarray[Any, Any]
FIRST_DAY, LAST_DAY = date(2022, 1, 1), date(2023, 12, 31)
DAYS = (LAST_DAY - FIRST_DAY).days + 1
STARTS = 365  # customers come in the first so many days
BLOCK = 1_000_000
MONTH = 30.4375
EPOCH = (FIRST_DAY - date(1970, 1, 1)).days
ROW_GROUP = 250_000


@dataclass(frozen=True)
class Shop:
    """Parameters of the simulation; time in days, money in dollars.

    The defaults are CDNOW's but for alpha, 19 weeks in place of 4.4, so that a
    customer has 1.7 orders within the two years.
    """

    r: float = 0.243
    alpha: float = 135.0
    a: float = 0.793
    b: float = 2.426
    p: float = 6.25
    q: float = 3.74
    v: float = 15.44


SHOP = Shop()


def simulate_log(path: Path, customers: int, *, seed: int, shop: Shop = SHOP) -> int:
    """Write a log in order of date, with columns customer_id, date, amount; return its rows.

    Memory holds one block of customers, or one month of orders. Within a month rows are in order
    of date, and within a day in no order.
    """
    schema = pa.schema({"customer_id": pa.int64(), "date": pa.date32(), "amount": pa.float64()})
    months = int(DAYS // MONTH) + 1
    rows = 0
    with TemporaryDirectory(dir=path.parent) as parts:
        for number, size, rng in _blocks(customers, seed):
            who, day, amount = _orders(shop, size, rng)
            month = (day / MONTH).astype(np.int64)
            for each in range(months):
                mine = month == each
                block = (who[mine] + number * BLOCK, day[mine], amount[mine])
                np.savez(Path(parts) / f"{each}-{number}.npz", *block)
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for each in range(months):
                files = sorted(Path(parts).glob(f"{each}-*.npz"))
                table = _month(files, np.random.default_rng([seed, 1, each]), schema)
                writer.write_table(table, row_group_size=ROW_GROUP)
                rows += len(table)
    return rows


def _month(files: list[Path], rng: np.random.Generator, schema: pa.Schema) -> pa.Table:
    """Return the orders of a month from all blocks, in order of date."""
    loaded = [np.load(file) for file in files]
    who, day, amount = (np.concatenate([each[f"arr_{i}"] for each in loaded]) for i in range(3))
    order = np.lexsort((rng.random(len(day)), day))
    columns = [who[order], (day[order] + EPOCH).astype("datetime64[D]"), amount[order]]
    return pa.table(dict(zip(schema.names, columns, strict=True)), schema=schema)


def simulate_patterns(customers: int, *, seed: int, shop: Shop = SHOP) -> dict[str, Array]:
    """Return the distinct (frequency, recency, T), in days, with their numbers of customers.

    The same shop as that of `simulate_log`, aggregated block by block: orders of one round exist
    at a time, never all of a block.
    """
    keys = np.empty(0, dtype=np.int64)
    counts = np.empty(0, dtype=np.int64)
    for _, size, rng in _blocks(customers, seed):
        start = rng.integers(STARTS, size=size)
        x, last = np.zeros(size, dtype=np.int64), start.copy()
        for who, day in _rounds(shop, start, rng):
            new = day > last[who]  # a second order of the day is no occasion of its own
            x[who[new]] += 1
            last[who[new]] = day[new]
        key, count = np.unique(
            (x * DAYS + (last - start)) * DAYS + (DAYS - 1 - start), return_counts=True
        )
        keys, counts = _merged(np.concatenate([keys, key]), np.concatenate([counts, count]))
    return {
        "frequency": keys // DAYS**2,
        "recency": keys // DAYS % DAYS,
        "T": keys % DAYS,
        "weight": counts,
    }


def _merged(keys: Array, counts: Array) -> tuple[Array, Array]:
    """Add up the counts of equal keys."""
    order = np.argsort(keys, kind="stable")  # two sorted runs: a merge
    keys, counts = keys[order], counts[order]
    first = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    return keys[first], np.add.reduceat(counts, first)


def _blocks(customers: int, seed: int) -> Iterator[tuple[int, int, np.random.Generator]]:
    for number, begin in enumerate(range(0, customers, BLOCK)):
        yield number, min(BLOCK, customers - begin), np.random.default_rng([seed, 0, number])


def _orders(shop: Shop, size: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Return customer, day and amount of every order of a block."""
    start = rng.integers(STARTS, size=size)
    rounds = [(np.arange(size), start), *_rounds(shop, start, rng)]
    who = np.concatenate([each for each, _ in rounds])
    day = np.concatenate([each for _, each in rounds])
    rate = rng.gamma(shop.q, 1.0 / shop.v, size)
    amount = rng.gamma(shop.p, 1.0 / rate[who])
    return who, day, np.maximum(np.round(amount, 2), 0.01)


def _rounds(shop: Shop, start: Array, rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
    """Yield the customers who order once more, and the day: all second orders, all third, ..."""
    rate = rng.gamma(shop.r, 1.0 / shop.alpha, len(start))
    leaves = rng.beta(shop.a, shop.b, len(start))
    who = np.flatnonzero(rate > 0.0)
    time = start[who] + rng.random(len(who))
    while len(who):
        time = time + rng.exponential(size=len(who)) / rate[who]
        inside = time < DAYS
        who, time = who[inside], time[inside]
        yield who, time.astype(np.int64)
        stays = rng.random(len(who)) >= leaves[who]
        who, time = who[stays], time[stays]
