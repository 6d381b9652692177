"""What an update does to the files of a state: only customers of the batch are touched.

A customer who never returned anything and whose new orders all come after the known ones is carried
on from one row. Others (refunds, rows of earlier days) are made anew from all of their days.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clvmodels.errors import StateError
from clvmodels.frames.cleaning import Fate, FateCount
from clvmodels.frames.columns import CUSTOMER, PERIOD
from clvmodels.frames.occasions import BACK
from clvmodels.frames.state.batch import Batch, aligned_ids
from clvmodels.frames.state.folder import scan, write_part
from clvmodels.frames.state.manifest import Manifest, Part, Update
from clvmodels.frames.state.people import LATEST, RETURNED, carried_on, from_days, without_days

if TYPE_CHECKING:
    import polars as pl

__all__ = ["customers_of", "next_state"]

# The second file of each kind is written anew in every update; from an eighth of the first on, the
# two are written as one. So a night writes an eighth at most, and every row is rewritten rarely.
_FOLD: Final = 8


@dataclass(frozen=True)
class _Changes:
    """The rows of customers who change, and the new days."""

    customers: pl.DataFrame
    days: pl.DataFrame


def next_state(folder: Path, current: Manifest, batch: Batch, update: Update) -> Manifest:
    """Write the files of the state after a batch, and return its manifest.

    Nothing that `current` lists is changed.
    """
    number = update.number
    if batch.days.is_empty() and batch.unusable.is_empty():
        counts = _added(current.counts, batch.counts)
        return replace(current, counts=counts, retired=(), updates=(*current.updates, update))
    changes = _changes(folder, current, batch)
    customers = _written(
        folder, "customers", number, current.customers, changes.customers, replaces=True
    )
    days = _written(folder, "days", number, current.days, changes.days, replaces=False)
    known = {each.name for each in customers + days}
    ids = changes.customers[CUSTOMER]
    return replace(
        current,
        id_type=current.id_type if current.id_type or ids.is_empty() else str(ids.dtype),
        counts=_added(current.counts, batch.counts),
        customers=customers,
        days=days,
        retired=tuple(each.name for each in current.parts if each.name not in known),
        updates=(*current.updates, update),
    )


def customers_of(folder: Path, manifest: Manifest) -> pl.LazyFrame:
    """Return the customers of a state, one row each."""
    import polars as pl

    base, *recent = scan(folder, manifest.customers)
    if not recent:
        return base
    older = base.join(recent[0].select(CUSTOMER), on=CUSTOMER, how="anti")
    return pl.concat([older, recent[0]])


# --- which customers change, and how ----------------------------------------------------------


def _changes(folder: Path, current: Manifest, batch: Batch) -> _Changes:
    import polars as pl

    def aligned(frame: pl.DataFrame) -> pl.DataFrame:
        if not current.id_type:
            return frame
        ids = aligned_ids(frame[CUSTOMER], current.id_type, name=current.rules.customer)
        return frame.with_columns(ids)

    refunds = current.rules.returns == "net"
    days, unusable = aligned(batch.days), aligned(batch.unusable)
    if not current.customers:
        made = from_days(days, refunds=refunds)
        return _Changes(pl.concat([made, without_days(unusable)]), days)
    known = _known(folder, current, pl.concat([days.select(CUSTOMER), unusable]))
    anew = _to_make_anew(known, days, refunds)
    history = _days_of(folder, current, anew)
    older = known.join(anew, on=CUSTOMER, how="anti").join(days, on=CUSTOMER, how="semi")
    carried = carried_on(older, from_days(days.join(older, on=CUSTOMER, how="semi"), refunds=False))
    rest = pl.concat([history, days.join(older, on=CUSTOMER, how="anti")])
    if not history.is_empty():
        rest = rest.group_by(CUSTOMER, PERIOD).agg(pl.all().sum())
    made = from_days(rest, refunds=refunds)
    strangers = without_days(unusable.join(known, on=CUSTOMER, how="anti"))
    return _Changes(pl.concat([carried, made, strangers]), days)


def _to_make_anew(known: pl.DataFrame, days: pl.DataFrame, refunds: bool) -> pl.DataFrame:
    """Return the known customers whose earlier days matter for the new ones, or the reverse."""
    import polars as pl

    marks = days.lazy().group_by(CUSTOMER).agg(pl.col(PERIOD).min(), pl.col(BACK).max())
    late = pl.col(PERIOD) <= pl.col(LATEST)
    returns = pl.col(RETURNED) | (pl.col(BACK) > 0.0)
    both = known.lazy().join(marks, on=CUSTOMER)
    return both.filter(late | returns if refunds else late).select(CUSTOMER).collect()


def _known(folder: Path, current: Manifest, people: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of those customers of a batch whom the state knows."""
    import polars as pl

    found = [_of(each, people) for each in scan(folder, current.customers)]
    base, recent = found[0], found[-1]
    if len(found) == 1:
        return base
    return pl.concat([base.join(recent, on=CUSTOMER, how="anti"), recent])


def _days_of(folder: Path, current: Manifest, people: pl.DataFrame) -> pl.DataFrame:
    """Return the days of some customers."""
    import polars as pl

    return pl.concat([_of(each, people) for each in scan(folder, current.days)])


def _of(part: pl.LazyFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Read the rows of some customers from a part."""
    import polars as pl

    wanted = people[CUSTOMER].unique()
    try:
        if wanted.is_empty():
            return part.head(0).collect()
        return part.filter(pl.col(CUSTOMER).is_in(wanted.implode())).collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise StateError(
            "The files of a state are as they were written.",
            place=f"One cannot be read: {str(error).splitlines()[0]:.200}.",
            fix="Restore the folder, or create the state again from the log.",
        ) from error


# --- files ------------------------------------------------------------------------------------


def _written(
    folder: Path,
    kind: str,
    number: int,
    parts: tuple[Part, ...],
    changed: pl.DataFrame,
    *,
    replaces: bool,
) -> tuple[Part, ...]:
    """Write the changed rows into a second file beside the base, or both into one new base."""
    import polars as pl

    def merged(older: pl.LazyFrame, newer: pl.LazyFrame) -> pl.LazyFrame:
        if replaces:
            older = older.join(newer.select(CUSTOMER), on=CUSTOMER, how="anti")
        return pl.concat([older, newer])

    if changed.is_empty() and parts:
        return parts

    def write(table: pl.LazyFrame) -> Part:
        return write_part(folder, kind, number, table)

    if not parts:
        return (write(changed.lazy()),)
    base, *second = scan(folder, parts)
    recent = merged(second[0], changed.lazy()).collect() if second else changed
    if recent.height * _FOLD < parts[0].rows:
        return (parts[0], write(recent.lazy()))
    return (write(merged(base, recent.lazy())),)


def _added(counts: dict[Fate, FateCount], more: dict[Fate, FateCount]) -> dict[Fate, FateCount]:
    """Add counts up."""
    result = dict(counts)
    for fate, count in more.items():
        before = result.get(fate, FateCount())
        result[fate] = FateCount(before.rows + count.rows, before.amount + count.amount)
    return result
