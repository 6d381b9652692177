"""The same order in several files of an export, or twice in one: one version of it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from clvmodels.errors import DataError, first_few
from clvmodels.exports.layout import KEY, PART, PROGRESS, REASON, SALE, VERSION

if TYPE_CHECKING:
    import polars as pl

__all__ = ["OLDER", "Repeated", "mark_repeats"]

OLDER: Final = "the same order again"
Repeated: TypeAlias = Literal["error", "last"]
_SAME: Final = ("entries", "paid", "returned", "day", "currency")


def mark_repeats(entries: pl.DataFrame, repeated: Repeated) -> pl.DataFrame:
    """Return entries with OLDER as the reason of all versions of an order but one.

    An order only ever moves on: from open to paid, to refunded, to cancelled. Of several versions
    the one that has come furthest counts, whatever the order of the files. Versions that have come
    equally far are the same order. Where nothing tells how far they have come (PROGRESS is null),
    as of the lines of an invoice, money that goes back does not, either. Refunds in rows of their
    own (PART) come with another file than their order: they are the same again day by day.

    Raises
    ------
    DataError
        They have come equally far and are not the same, and `repeated` is 'error'.
    """
    import polars as pl

    if PART not in entries.columns:
        entries = entries.with_columns(pl.lit(None, pl.Date).alias(PART))
    same = [KEY, PART]
    several = pl.col(VERSION).n_unique().over(same) > 1
    twice = entries.filter(pl.col(KEY).is_not_null()).filter(several)
    if twice.is_empty():
        return entries
    versions = twice.group_by(*same, VERSION).agg(
        pl.col("refund").sum().round(6).alias("returned"),
        pl.col(PROGRESS).max(),
        pl.len().alias("entries"),
        pl.col("amount").sum().round(6).alias("paid"),
        pl.col("date").filter(SALE).min().alias("day"),
        pl.col("currency").min(),
    )
    known = pl.col(PROGRESS).is_not_null()
    far = pl.struct(pl.when(known).then(-pl.col("returned")), pl.col(PROGRESS).fill_null(0.0))
    furthest = versions.filter(far.rank("dense", descending=True).over(same) == 1)
    if repeated == "error":
        _refuse_conflicts(furthest)
    kept = furthest.group_by(same).agg(pl.col(VERSION).max().alias("_kept"))
    marked = entries.join(kept, on=same, how="left", maintain_order="left", nulls_equal=True)
    older = (pl.col("_kept") != pl.col(VERSION)).fill_null(False)
    reason = pl.when(older).then(pl.lit(OLDER)).otherwise(pl.col(REASON))
    return marked.with_columns(reason.alias(REASON)).drop("_kept")


def _refuse_conflicts(furthest: pl.DataFrame) -> None:
    import polars as pl

    differ = furthest.group_by(KEY, PART).agg(pl.struct(_SAME).n_unique().alias("kinds"))
    found = differ.filter(pl.col("kinds") > 1)[KEY].unique().sort().to_list()
    if found:
        raise DataError(
            "An order that comes twice is the same both times, or one version is a later one.",
            place=f"{len(found):,} differ in day, amount or currency: {first_few(found)}.",
            fix="Leave out the older file, put an order that is split between files into one, "
            "read shops whose order numbers overlap one by one, or pass repeated='last' to take "
            "the last that is read.",
        )
