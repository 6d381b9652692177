"""A batch of orders, read by the rules of a state: sums by customer and period, ids as polars."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from clvmodels.errors import DataError, EmptyLogError, first_few
from clvmodels.frames.calendar import as_date, day_number
from clvmodels.frames.cleaning import CleanLog, Fate, FateCount, clean
from clvmodels.frames.columns import AMOUNT, CUSTOMER, DAY, PERIOD
from clvmodels.frames.dates import UNREADABLE
from clvmodels.frames.eager import no_id, to_polars
from clvmodels.frames.engines import collected
from clvmodels.frames.occasions import BACK, LINES, PAID, ROWS, sum_rows
from clvmodels.frames.reading import Rules, open_dated
from clvmodels.frames.sources import Source, as_narwhals
from clvmodels.frames.state.manifest import Fingerprint
from clvmodels.frames.state.row_hashes import HASHES, row_hashes

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Batch", "aligned_ids", "read_batch"]

_USABLE: Final[tuple[Fate, ...]] = ("purchase", "refund")
_SUMS: Final = (PERIOD, LINES, ROWS)


@dataclass(frozen=True)
class Batch:
    """Some orders, by customer and period.

    Attributes
    ----------
    log : CleanLog or None
        The rows with their fates; None if there is no row.
    days : DataFrame
        CUSTOMER, PERIOD, PAID, BACK, LINES and ROWS, sorted by the first two.
    hashes : DataFrame
        HASHES of the rows of each of these days, in the same order.
    unusable : DataFrame
        CUSTOMER: those of whom the batch has rows, but none that can be used.
    first, last : date or None
        Days of the purchases and refunds.
    """

    log: CleanLog | None
    days: pl.DataFrame
    hashes: pl.DataFrame
    unusable: pl.DataFrame
    first: date | None
    last: date | None

    @property
    def counts(self) -> dict[Fate, FateCount]:
        """Rows and money of each fate."""
        return {} if self.log is None else self.log.counts

    @property
    def rows(self) -> int:
        """Rows of the batch, those left out included."""
        return sum(count.rows for count in self.counts.values())

    @cached_property
    def fingerprint(self) -> Fingerprint | None:
        """What tells this batch from others; None if no row can be used."""
        if self.first is None:
            return None
        sha = hashlib.sha256()
        # Sums of money differ in the last digit from run to run; sums of hashes do not.
        for each in (*(self.days[name] for name in (CUSTOMER, *_SUMS)), *self.hashes):
            sha.update(_bytes_of(each))
        return Fingerprint(self.rows, sha.hexdigest())

    def rows_until(self, end: date) -> tuple[int, date, date] | None:
        """Count the dated rows on or before a day; return also their first and last day."""
        if self.log is None:
            return None
        day = nw.col(DAY)
        dated = self.log.frame.filter((day != UNREADABLE) & (day <= day_number(end)))
        query = dated.select(
            nw.len().alias("rows"), day.min().alias("first"), day.max().alias("last")
        )
        rows, first, last = collected(query).row(0)
        return (int(rows), as_date(first), as_date(last)) if rows else None


def read_batch(
    transactions: Any, rules: Rules, *, observed_until: date | None, part: bool
) -> Batch:
    """Read orders by the rules of a state.

    Raises
    ------
    EmptyLogError
        There are no rows and no end of observation.
    DataError
        As in `rfm_summary`; or rows lie after `observed_until`.
    """
    try:
        log = _clean(transactions, rules, observed_until, part)
    except EmptyLogError:
        if not part or observed_until is None:
            raise
        return _no_batch()
    if not log.counts:
        if observed_until is None:
            raise EmptyLogError(
                "A batch has at least one row, or an end of observation.",
                place="This one has neither.",
                fix="Pass observed_until=... if there were no orders.",
            )
        return _no_batch()
    _refuse_later(log)
    days, hashes, unusable = _sums(log, rules)
    first, last = _span(log)
    return Batch(log, days, hashes, unusable, first, last)


def _clean(transactions: Any, rules: Rules, observed_until: date | None, part: bool) -> CleanLog:
    return clean(
        open_dated(transactions, rules),
        observed_until=observed_until,
        returns=rules.returns,
        invalid=rules.invalid,
        strict=rules.strict,
        part=part,
    )


def _refuse_later(log: CleanLog) -> None:
    """Raise if rows lie after the end: the batch of their own day would bring them again."""
    later = log.counts.get("after observed_until", FateCount()).rows
    total = sum(count.rows for count in log.counts.values())
    if later:
        raise DataError(
            "A batch holds no orders after `observed_until`.",
            place=f"{later:,} of {total:,} rows are dated after {as_date(log.end)}.",
            fix="Leave them to the batch of their own day, or pass a later observed_until.",
        )


def _no_batch() -> Batch:
    import polars as pl

    money = {PAID: pl.Float64(), BACK: pl.Float64()}
    schema: dict[str, Any] = {CUSTOMER: pl.Null(), **dict.fromkeys(_SUMS, pl.Int64()), **money}
    days = pl.DataFrame(schema=schema)
    return Batch(None, days, pl.DataFrame(), days.select(CUSTOMER), None, None)


def _span(log: CleanLog) -> tuple[date | None, date | None]:
    """Return the first and last day of purchases and refunds."""
    day = nw.col(DAY)
    first, last = collected(log.rows(*_USABLE).select(day.min(), day.max().alias("last"))).row(0)
    return (None, None) if first is None else (as_date(first), as_date(last))


def _sums(log: CleanLog, rules: Rules) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return days and hashes of a batch, and the customers without any, with ids as polars."""
    import polars as pl

    rows = log.rows(*_USABLE)
    if not log.source.has_amount:
        rows = rows.with_columns(nw.lit(0.0).alias(AMOUNT))
    days: pl.DataFrame = nw.to_native(collected(sum_rows(rows, rules.grid)))
    days = days.with_columns(pl.col(PERIOD).cast(pl.Int64))
    hashes = row_hashes(rows, rules.grid)
    days = days.join(hashes, on=(CUSTOMER, PERIOD), how="left", validate="1:1")
    seen = days.select(CUSTOMER)
    if set(log.counts) - {*_USABLE, "no customer id"}:
        known = log.frame.filter(~nw.col(CUSTOMER).is_null()).select(CUSTOMER)
        seen = nw.to_native(collected(known.unique()))
    days, seen = _with_ids(log.source, days, seen.unique())
    plain = days.select(
        CUSTOMER,
        PERIOD,
        pl.col(PAID, BACK).cast(pl.Float64),
        pl.col(LINES, ROWS).cast(pl.Int64),
        *HASHES,
    ).sort(CUSTOMER, PERIOD)
    unusable = seen.join(plain, on=CUSTOMER, how="anti")
    return plain.drop(HASHES), plain.select(HASHES), unusable


def _bytes_of(column: pl.Series) -> bytes:
    """Return what a column holds as bytes, of the same values always the same."""
    import polars as pl

    if column.dtype in (pl.Int64, pl.UInt64):
        return column.to_numpy().astype("<i8" if column.dtype == pl.Int64 else "<u8").tobytes()
    text = column.cast(pl.String)
    lengths = text.str.len_bytes().to_numpy().astype("<i8").tobytes()
    return lengths + str(text.str.join("").item()).encode()


# --- ids --------------------------------------------------------------------------------------


def aligned_ids(ids: pl.Series, id_type: str, *, name: str) -> pl.Series:
    """Return ids in the type of a state.

    Raises
    ------
    DataError
        They have another type, by which no customer would be recognised.
    """
    import polars as pl

    if str(ids.dtype) == id_type or ids.dtype == pl.Null:
        return ids
    whole = {str(each): each for each in (pl.Int64(), pl.UInt64(), pl.Int128())}
    if ids.dtype.is_integer() and id_type in whole:
        cast = ids.cast(whole[id_type], strict=False)
        if not cast.null_count():
            return cast
    raise DataError(
        "The ids of a batch have the type of those in the state.",
        place=f"Column {name!r} has {ids.dtype} now, as in {first_few(ids.head(6).to_list(), 3)}; "
        f"the state has {id_type}.",
        fix="Convert them; a column of whole numbers turns into floats where one is missing.",
    )


def _with_ids(
    source: Source, days: pl.DataFrame, seen: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Put the ids in the place of codes, in a type that a file keeps."""
    import polars as pl

    if not source.eager:
        raw = (days[CUSTOMER], seen[CUSTOMER])
        ids = [_storable(each, source.customer) for each in raw]
        return days.with_columns(ids[0]), seen.with_columns(ids[1])
    codes = seen[CUSTOMER].sort()
    frame = as_narwhals(source.restore(nw.from_native(pl.LazyFrame({CUSTOMER: codes}))))
    known = _storable(to_polars(frame[source.customer]), source.customer)
    places = codes.search_sorted(days[CUSTOMER])
    return days.with_columns(known.gather(places)), known.to_frame()


def _storable(ids: pl.Series, name: str) -> pl.Series:
    """Return ids as whole numbers, text, or whatever else parquet keeps as it is."""
    import polars as pl

    ids = ids.alias(CUSTOMER)
    if ids.dtype in (pl.Categorical, pl.Enum):
        return ids.cast(pl.String)
    if ids.dtype.is_integer() and ids.dtype not in (pl.UInt64, pl.Int128, pl.UInt128):
        return ids.cast(pl.Int64)
    if ids.dtype.is_numeric() or ids.dtype.is_temporal() or ids.dtype in (pl.String, pl.Null):
        return ids
    raise no_id(name, f"{ids.dtype}, which a state on disk does not keep; text will do")
