"""Simulated shops: BG/NBD customers with Gamma-Gamma spend, and logs with one defect each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

COLUMNS = {"customer": "who", "date": "when", "amount": "paid"}
FIRST = np.datetime64("2022-01-03")
DAY = timedelta(days=1)


@dataclass(frozen=True)
class World:
    """A shop: times in days."""

    customers: int = 1500
    days: int = 540
    starts: int = 540  # days in which customers start
    r: float = 0.8
    gap: float = 30.0  # r / alpha is one purchase in so many days
    a: float = 0.8
    b: float = 2.5
    k: float = 1.0  # shape of times between purchases
    seed: int = 0

    @property
    def until(self) -> str:
        return str(FIRST + self.days - 1)

    def orders(self, *, before: int = 0) -> pl.DataFrame:
        """Return the log; with `before`, customers have started so many days before it begins."""
        rng = np.random.default_rng(self.seed)
        n = self.customers
        start = rng.integers(-before, self.starts, n).astype(float)
        rate = rng.gamma(self.r, 1.0 / (self.r * self.gap), n)
        leave = rng.beta(self.a, self.b, n)
        who, when = [np.arange(n)], [start]
        here, time = np.arange(n), start
        while len(here):
            time = time + rng.gamma(self.k, 1.0 / (self.k * rate[here]))
            inside = time < self.days
            here, time = here[inside], time[inside]
            who.append(here)
            when.append(time)
            stays = rng.random(len(here)) >= leave[here]
            here, time = here[stays], time[stays]
        people, day = np.concatenate(who), np.floor(np.concatenate(when)).astype(int)
        mean = 6.25 / rng.gamma(3.74, 1.0 / 15.44, n)
        paid = mean[people] * rng.gamma(6.25, 1.0 / 6.25, len(people))
        log = pl.DataFrame({"who": people, "when": FIRST + day, "paid": paid.round(2) + 0.01})
        return log.filter(pl.col("when") >= FIRST).with_columns(pl.col("when").cast(pl.Date))


def clean_world(seed: int) -> World:
    """Return one of many shops that differ in size, length, and how often customers buy."""
    rng = np.random.default_rng([seed, 7])
    days = int(rng.integers(250, 800))
    return World(
        customers=int(rng.integers(500, 2500)),
        days=days,
        starts=days if rng.random() < 0.6 else 84,
        r=float(rng.uniform(0.3, 2.5)),
        gap=float(rng.uniform(12.0, 50.0)),
        a=float(rng.uniform(0.3, 1.5)),
        b=float(rng.uniform(1.5, 5.0)),
        seed=seed,
    )


def _drifting(seed: int) -> tuple[pl.DataFrame, str]:
    early = World(customers=900, starts=270, seed=seed)
    late = World(customers=900, starts=270, gap=60.0, a=1.5, days=270, seed=seed + 1)
    later = late.orders().with_columns(
        pl.col("who") + 900, pl.col("when").dt.offset_by("270d").alias("when")
    )
    return pl.concat([early.orders(), later]), early.until


def _from_before(seed: int) -> tuple[pl.DataFrame, str]:
    world = World(customers=2500, gap=40.0, seed=seed)
    return world.orders(before=500), world.until


def _regular(seed: int) -> tuple[pl.DataFrame, str]:
    world = World(k=3.0, seed=seed)
    return world.orders(), world.until


def _changed(
    change: Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame],
    *,
    later: int = 0,
) -> Callable[[int], tuple[pl.DataFrame, str]]:
    """Return a maker of clean logs that are changed, observed for so many days more."""

    def make(seed: int) -> tuple[pl.DataFrame, str]:
        world = World(seed=seed)
        log = change(world.orders(), np.random.default_rng([seed, 3]))
        return log, str(np.datetime64(world.until) + later)

    return make


def _contracts(log: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Add half as many customers who pay on the same day of each month until they leave."""
    rows = []
    for who in range(700):
        first = FIRST + int(rng.integers(0, 400))
        for month in range(min(int(rng.geometric(0.12)), 18)):
            day = (first.astype("M8[M]") + month).astype("M8[D]") + min(
                int((first - first.astype("M8[M]")).astype(int)), 27
            )
            rows.append((10_000 + who, day.item(), 9.99))
    paid = pl.DataFrame(rows, schema=log.schema, orient="row")
    return pl.concat([log, paid.filter(pl.col("when") < FIRST.item() + (540 * DAY))])


def _filtered(log: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    return log.filter(pl.col("when").n_unique().over("who") > 1)


def _half_filtered(log: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Leave out nine in ten of those who bought once."""
    return log.filter((pl.col("when").n_unique().over("who") > 1) | (pl.col("who") % 10 == 0))


def _whales(log: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Let three customers buy every day."""
    days = pl.DataFrame({"when": [FIRST.item() + i * DAY for i in range(540)]})
    big = [days.select(pl.lit(-i, pl.Int64).alias("who"), "when", paid=900.0) for i in (1, 2, 3)]
    return pl.concat([log, *(each.cast(log.schema) for each in big * 1)])


def _typing_errors(log: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Let every five-hundredth amount lose its point."""
    return log.with_columns(
        pl.when(pl.int_range(pl.len()) % 500 == 7)
        .then(pl.col("paid") * 10_000)
        .otherwise("paid")
        .alias("paid")
    )


def _loyal_spend_more(log: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    return log.with_columns(pl.col("paid") * (1 + 0.15 * pl.len().over("who")))


def _christmas(log: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Let all who are there in a December buy twice as often again."""
    more = log.filter(pl.col("when").dt.month() == 12)
    again = [more.with_columns(pl.col("when").dt.offset_by(f"{i}d")) for i in (3, 6)]
    return pl.concat([log, *again]).filter(pl.col("when") < FIRST.item() + 540 * DAY)


def _no_ids(log: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    lost = pl.Series(rng.random(len(log)) < 0.12)
    return log.with_columns(pl.when(~lost).then("who").alias("who"))


def _guests(log: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Give nearly every order an id of its own."""
    lost = pl.Series(rng.random(len(log)) < 0.995)
    new = pl.int_range(pl.len()) + 100_000
    return log.with_columns(pl.when(lost).then(new).otherwise("who").alias("who"))


def _hole(log: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    first = FIRST.item() + 250 * DAY
    return log.filter((pl.col("when") < first) | (pl.col("when") > first + 40 * DAY))


def _as_it_is(log: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    return log


def _short(seed: int) -> tuple[pl.DataFrame, str]:
    world = World(customers=4000, days=60, starts=60, gap=200.0, seed=seed)
    return world.orders(), world.until


def _small(seed: int) -> tuple[pl.DataFrame, str]:
    world = World(customers=25, seed=seed)
    return world.orders(), world.until


# What each defect must be called, and how bad it is at least.
DEFECTS: dict[str, tuple[Callable[[int], tuple[pl.DataFrame, str]], str, str]] = {
    "rows without an id": (_changed(_no_ids), "rows left out", "warning"),
    "a short log": (_short, "enough history", "warning"),
    "few customers": (_small, "repeat buyers", "problem"),
    "ids made anew": (_changed(_guests), "repeat share", "warning"),
    "repeat customers only": (_changed(_filtered), "one-time buyers", "problem"),
    "most one-time buyers missing": (_changed(_half_filtered), "one-time buyers", "problem"),
    "an old shop": (_from_before, "customers from before", "warning"),
    "worse customers": (_drifting, "cohort drift", "warning"),
    "Christmas": (_changed(_christmas), "season and trend", "warning"),
    "regular customers": (_regular, "regular timing", "warning"),
    "contracts": (_changed(_contracts), "contractual timing", "warning"),
    "customers who buy daily": (_changed(_whales), "frequent buyers", "note"),
    "and spend much": (_changed(_whales), "big spenders", "warning"),
    "typing errors": (_changed(_typing_errors), "extreme orders", "problem"),
    "loyal customers spend more": (_changed(_loyal_spend_more), "spend and frequency", "warning"),
    "a month that is missing": (_changed(_hole), "gaps in the log", "warning"),
    "orders that were not loaded": (
        _changed(_as_it_is, later=30),
        "end of the log",
        "problem",
    ),
}
