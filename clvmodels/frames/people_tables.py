"""Sums over the people of a log, by segment and cohort: only these are collected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import narwhals as nw
import numpy as np

from clvmodels.frames.activity_tables import period_names
from clvmodels.frames.columns import CUSTOMER, PERIOD
from clvmodels.frames.engines import collected
from clvmodels.frames.groups import Cohort
from clvmodels.frames.occasions import VALUE
from clvmodels.frames.people import COHORT, People, with_calendar
from clvmodels.frames.periods import last_days, period_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NOBODY", "TOPS", "Calendar", "PeopleTables", "rows_of"]

Segment: TypeAlias = tuple[Any, ...]

TOPS: Final = (0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_KEYS: Final = ("segment", "cohort", "wait", "came", "at", "new")
_BEGAN: Final = "_began"
NOBODY: Final = -(10**9)  # the cohort of people without an order that counts


@dataclass(frozen=True)
class Calendar:
    """Consecutive calendar periods.

    Attributes
    ----------
    names : tuple of str
        Such as '2010 Q1'.
    first : int
        Number of the first one.
    complete : tuple of bool
        Whether each was observed to its end: only the last may not be.
    """

    names: tuple[str, ...]
    first: int
    complete: tuple[bool, ...]

    @property
    def last_complete(self) -> int:
        """Number of the last period that was observed to its end."""
        return self.first + len(self.names) - (1 if self.complete[-1] else 2)

    def is_followed(self, i: int) -> bool:
        """Tell whether the i-th period has a next one that is complete."""
        return self.first + i < self.last_complete


@dataclass(frozen=True, eq=False)
class PeopleTables:
    """Small tables of sums over people, as pandas, one row a segment and cohort.

    Each has the columns ``segment`` (a number, see `segments`) and ``cohort`` (the number of the
    calendar period, `NOBODY` for people without an order that counts).
    """

    people: People

    @cached_property
    def segments(self) -> list[Segment]:
        """The labels of each segment by its number, None where missing, in order."""
        names = self.people.names
        if names is None:
            return self._keys
        return [_plain(names[int(number)]) for (number,) in self._keys]

    @cached_property
    def _keys(self) -> list[Segment]:
        return _ordered({_key(row, self.people.labels) for row in self._sums})

    @cached_property
    def sums(self) -> pd.DataFrame:
        """Counts and sums over people.

        Those of `People.frame`, ``customers``, ``repeaters`` (with a second order), ``span`` (first
        to last order) and ``age`` (first order to the end), both in days, and ``active`` (with an
        order in the last year).
        """
        return self.table([{k: v for k, v in row.items() if k != _BEGAN} for row in self._sums])

    @property
    def observed_days(self) -> float:
        """Days from the first order of all to the end of observation."""
        began = min(row[_BEGAN] for row in self._sums if row[_BEGAN] is not None)
        return float(self.people.end - began) * self.people.days

    @cached_property
    def waits(self) -> pd.DataFrame:
        """Customers by days of ``wait``, to the second order (``came`` 1) or the end (0)."""
        people = self.people
        second = nw.col("second")
        to = nw.when(second.is_null()).then(nw.lit(people.end)).otherwise(second)
        waited = (
            self._customers()
            .with_columns(
                (to - nw.col("first")).alias("wait"),
                nw.when(second.is_null()).then(nw.lit(0)).otherwise(nw.lit(1)).alias("came"),
            )
            .group_by(*people.labels, COHORT, "wait", "came")
            .agg(nw.len().cast(nw.Int64).alias("customers"))
        )
        table = self.table(rows_of(waited))
        return table.assign(wait=table["wait"] * people.days)

    def moves(self, length: Cohort) -> pd.DataFrame:
        """Return what customers did by calendar period.

        Columns ``at`` (number of the period), ``new`` (1 for the period of a customer's first
        order), ``active`` (customers with an order), ``orders``, with amounts ``revenue``, and
        ``again`` (those of the active who ordered in the next period, too).
        """
        people, at = self.people, nw.col("at")
        assert people.purchases is not None  # asked of orders only
        dated = with_calendar(people.purchases, people.grid, length, of=PERIOD, to="at")
        sums = [nw.len().cast(nw.Int64).alias("orders")]
        if people.has_amount:
            sums.append(nw.col(VALUE).sum().alias("revenue"))
        one, none = nw.lit(1), nw.lit(0)
        bought = (
            dated.group_by(CUSTOMER, "at")
            .agg(*sums)
            .with_columns(
                at.shift(1).over(CUSTOMER, order_by="at").alias("_before"),
                at.shift(-1).over(CUSTOMER, order_by="at").alias("_after"),
            )
            .with_columns(
                nw.when(nw.col("_before").is_null()).then(one).otherwise(none).alias("new"),
                nw.when(nw.col("_after") == at + 1).then(one).otherwise(none).alias("again"),
            )
        )
        marks = self._customers().select(CUSTOMER, COHORT, *people.labels)
        names = ["orders", "again", *(["revenue"] if people.has_amount else [])]
        counted = (
            bought.join(marks, on=CUSTOMER, how="inner")
            .group_by(*people.labels, COHORT, "at", "new")
            .agg(nw.len().cast(nw.Int64).alias("active"), *(nw.col(name).sum() for name in names))
        )
        return self.table(rows_of(counted))

    def calendar(self, length: Cohort) -> Calendar:
        """Return the calendar periods from that of the first order of all to the last observed."""
        people = self.people
        began = min(row[_BEGAN] for row in self._sums if row[_BEGAN] is not None)
        first, end = people.day_of(began), people.day_of(people.end)
        numbers = np.arange(period_of(first, length), period_of(end, length) + 1)
        whole = last_days(numbers, length).astype(np.int64) <= end
        names = tuple(period_names(numbers, length))
        return Calendar(names, int(numbers[0]), tuple(bool(each) for each in whole))

    def spread(self, *scope: str) -> pd.DataFrame:
        """Return how money is spread over the customers of each segment or cohort.

        Columns ``n``, ``total``, ``ranked`` (sum of rank x value, the smallest first), ``middle``
        (the median) and ``top0``, ``top1``, ...: what the best of `TOPS` hold.
        """
        i, n, value = nw.col("_i"), nw.col("_n"), nw.col("total")
        # The part of each customer within the best n x share, and within the middle.
        parts = {f"top{j}": n * share - n + i for j, share in enumerate(TOPS)}
        parts["middle"] = 1.0 - (i + i - n - 1.0).abs() * 0.5
        keys = scope or ("_all",)
        one = nw.col("_one")
        ranked = (
            self._customers()
            .select(CUSTOMER, "total", *scope)
            .with_columns(nw.lit(1.0).alias("_one"), nw.lit(0).alias("_all"))
            .with_columns(
                one.cum_sum().over(*keys, order_by=("total", CUSTOMER)).alias("_i"),
                one.sum().over(*keys).alias("_n"),
            )
            .with_columns(i.cast(nw.Float64), n.cast(nw.Float64))
            .with_columns(
                (i * value).alias("ranked"),
                *((part.clip(0.0, 1.0) * value).alias(name) for name, part in parts.items()),
            )
            .group_by(*keys)
            .agg(
                nw.len().cast(nw.Int64).alias("n"),
                *(nw.col(name).sum() for name in ("total", "ranked", *parts)),
            )
        )
        return self.table(rows_of(ranked))

    def _customers(self) -> nw.LazyFrame[Any]:
        return self.people.frame.filter(~nw.col("orders").is_null())

    @cached_property
    def _sums(self) -> list[dict[str, Any]]:
        people = self.people
        one, none = nw.lit(1), nw.lit(0)
        held = ~nw.col("orders").is_null()
        names = [
            name
            for name in people.frame.collect_schema().names()
            if name not in (CUSTOMER, COHORT, *people.labels, "first", "second", "last")
        ]
        marked = people.frame.with_columns(
            nw.when(held).then(one).otherwise(none).alias("customers"),
            nw.when(nw.col("orders") > 1).then(one).otherwise(none).alias("repeaters"),
            nw.when(nw.col("recent") > 0).then(one).otherwise(none).alias("active"),
            (nw.col("last") - nw.col("first")).alias("span"),
            (people.end - nw.col("first")).alias("age"),
        )
        sums = (*names, "customers", "repeaters", "active", "span", "age")
        began = nw.col("first").min().alias(_BEGAN)
        totals = (nw.col(name).sum() for name in sums)
        grouped = marked.group_by(*people.labels, COHORT).agg(*totals, began)
        rows = rows_of(grouped)
        for row in rows:
            for name in sums:
                row[name] = float(row[name] or 0.0)
            row["span"], row["age"] = row["span"] * people.days, row["age"] * people.days
        return rows

    def table(self, rows: list[dict[str, Any]]) -> pd.DataFrame:
        """Return rows with the numbers of their segments and cohorts, in order."""
        import pandas as pd

        place = {segment: i for i, segment in enumerate(self._keys)}
        labels = self.people.labels
        kept = [
            {
                "segment": place[_key(row, labels)] if all(name in row for name in labels) else -1,
                "cohort": NOBODY if row.get(COHORT) is None else int(row[COHORT]),
                **{k: v for k, v in row.items() if k not in (COHORT, "_all", *labels)},
            }
            for row in rows
        ]
        table = pd.DataFrame(kept)
        numbers = [str(name) for name in table if name not in ("segment", "cohort")]
        table[numbers] = table[numbers].astype(np.float64)
        keys = [
            name for name in ("segment", "cohort", "wait", "came", "at", "new") if name in table
        ]
        return table.sort_values(keys, ignore_index=True)


def rows_of(frame: nw.LazyFrame[Any]) -> list[dict[str, Any]]:
    """Collect a small frame as rows."""
    return list(collected(frame).iter_rows(named=True))


def _key(row: Mapping[str, Any], labels: tuple[str, ...]) -> Segment:
    """Return the labels of a row, None where missing."""
    return _plain(tuple(row[name] for name in labels))


def _plain(labels: Segment) -> Segment:
    return tuple(None if each != each else each for each in labels)


def _ordered(segments: set[Segment]) -> list[Segment]:
    """Return segments in order, missing labels last; by their text where they have no order."""
    try:
        return sorted(
            segments,
            key=lambda s: tuple(
                (each is None, each) if each is not None else (True, 0) for each in s
            ),
        )
    except TypeError:
        return sorted(segments, key=lambda s: tuple((each is None, str(each)) for each in s))
