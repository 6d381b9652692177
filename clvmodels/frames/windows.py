"""What a log says about the time just before and just after a cut."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.frames.calendar import day_number
from clvmodels.frames.cleaning import CleanLog, clean, later_rows
from clvmodels.frames.columns import CUSTOMER, DAY, PERIOD, require_column
from clvmodels.frames.engines import collected
from clvmodels.frames.occasions import VALUE, kept, net_occasions
from clvmodels.frames.periods import period_of
from clvmodels.frames.reading import Rules, open_dated, read_log
from clvmodels.frames.sources import as_narwhals, scan_files

__all__ = [
    "ORDERS",
    "PAID",
    "RECENT",
    "RECENT_PAID",
    "Windows",
    "in_memory",
    "log_span",
    "windows",
    "with_dates_read",
]

Array: TypeAlias = NDArray[np.float64]

ORDERS: Final = "_clvmodels_orders"  # purchases up to the cut, the first included
PAID: Final = "_clvmodels_paid"  # what they are worth
_IN_MEMORY: Final = 10_000_000  # rows: some 300 MB
RECENT: Final = "_clvmodels_recent"  # those of them within so many periods before the cut
RECENT_PAID: Final = "_clvmodels_recent_paid"


@dataclass(frozen=True, eq=False)
class Windows:
    """The time before and after a cut.

    Attributes
    ----------
    past : native frame
        One row a customer known at the cut: the id, `ORDERS`, `RECENT` and, with amounts, `PAID`
        and `RECENT_PAID`. Nothing after the cut has any influence on it.
    purchases : Array
        Shape (periods,): purchases of these customers in each period after the cut.
    value : Array or None
        The same for what they are worth.
    """

    past: Any
    purchases: Array
    value: Array | None


def log_span(
    transactions: Any, rules: Rules, *, observed_until: date | str | None
) -> tuple[int, int]:
    """Return the day numbers of the first purchase of a log and of the end of its observation.

    Raises and warns as `rfm_summary`.
    """
    log = read_log(transactions, rules, observed_until=observed_until)
    first = collected(log.rows("purchase").select(nw.col(DAY).min()))
    return int(first[DAY].to_list()[0]), log.end


def in_memory(transactions: Any, rules: Rules, by: Sequence[str]) -> Any:
    """Return the columns of a lazy log that are used, in memory, unless it is a large one.

    A log that is cut at several dates is read a dozen times. Up to ten million rows are read once;
    more stay on their engine. Eager logs are returned as they are.
    """
    if isinstance(transactions, str | os.PathLike):
        transactions = scan_files(Path(transactions), text=(rules.customer, rules.date))
    frame = as_narwhals(transactions)
    if isinstance(frame, nw.DataFrame):
        return transactions
    if int(collected(frame.select(nw.len())).to_numpy()[0, 0]) > _IN_MEMORY:
        return transactions
    amounts = (rules.amount,) if isinstance(rules.amount, str) else rules.amount or ()
    names = dict.fromkeys((rules.customer, rules.date, *amounts, *by))
    for name in names:
        role = "date" if name == rules.date else "amount" if name in amounts else "customer"
        require_column(name, frame.collect_schema().names(), role=role)
    return nw.to_native(collected(frame.select(*names)))


def with_dates_read(transactions: Any, rules: Rules) -> tuple[Any, Rules]:
    """Return a log of which no cut needs to read the dates again, and its rules.

    An eager log has the numbers of its days in place of its dates; a lazy one stays as it is.
    """
    import polars as pl

    frame = as_narwhals(transactions)
    if isinstance(frame, nw.LazyFrame):
        return transactions, rules
    table = nw.to_native(open_dated(transactions, rules).frame).collect()
    days = table[DAY].cast(pl.Float64).fill_null(np.nan).to_numpy()  # no library lacks floats
    column = nw.new_series(rules.date, days, backend=frame.implementation)
    dated = nw.to_native(frame.with_columns(column))
    return dated, replace(rules, date_format="epoch-d", time_zone=None)


def windows(transactions: Any, rules: Rules, *, cut: date, until: date, periods: int) -> Windows:
    """Sum what happened up to a cut, in the last `periods` before it, and in each one after it."""
    everything = read_log(transactions, rules, observed_until=until)
    log = clean(
        everything.source,
        observed_until=cut,
        returns=rules.returns,
        invalid="drop",
        strict=False,
    )
    last = period_of(day_number(cut), rules.grid)
    before = _purchases(log, rules)
    after = _purchases(later_rows(everything, day_number(cut)), rules)
    ids = before.select(CUSTOMER).unique()
    known = after.join(ids, on=CUSTOMER, how="semi")
    sums = _by_period(known, last, periods)
    past = log.source.restore(_past(before, last - periods))
    return Windows(past, *sums)


def _purchases(log: CleanLog, rules: Rules) -> nw.LazyFrame[Any]:
    occasions = net_occasions(log, grid=rules.grid)
    if log.source.eager:
        occasions = occasions.collect("polars").lazy()
    return kept(occasions, has_amount=log.source.has_amount)


def _past(purchases: nw.LazyFrame[Any], after: int) -> nw.LazyFrame[Any]:
    """Sum purchases by customer: all of them, and those after a period."""
    has_amount = VALUE in purchases.collect_schema().names()
    recent = nw.col(PERIOD) > after
    sums = {RECENT: nw.when(recent).then(nw.lit(1)).otherwise(nw.lit(0))}
    if has_amount:
        sums[RECENT_PAID] = nw.when(recent).then(nw.col(VALUE)).otherwise(nw.lit(0.0))
    marked = purchases.with_columns(**sums)
    return marked.group_by(CUSTOMER).agg(
        nw.len().cast(nw.Int64).alias(ORDERS),
        *(nw.col(name).sum() for name in sums),
        *([nw.col(VALUE).sum().alias(PAID)] if has_amount else []),
    )


def _by_period(purchases: nw.LazyFrame[Any], last: int, periods: int) -> tuple[Array, Array | None]:
    """Sum purchases by period after the last one of the cut."""
    has_amount = VALUE in purchases.collect_schema().names()
    worth = [nw.col(VALUE).sum()] if has_amount else []
    table = collected(purchases.group_by(PERIOD).agg(nw.len().cast(nw.Int64).alias(ORDERS), *worth))
    place = table[PERIOD].to_numpy().astype(np.int64) - last - 1
    count, value = np.zeros((2, periods))
    count[place] = table[ORDERS].to_numpy()
    if not has_amount:
        return count, None
    value[place] = table[VALUE].to_numpy()
    return count, value
