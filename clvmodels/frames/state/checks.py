"""What a summary state refuses, and how it knows orders that it holds already."""

from __future__ import annotations

import warnings
from datetime import date
from pathlib import Path

from clvmodels.errors import DataError, DataWarning, StateError
from clvmodels.frames.cleaning import check_choice
from clvmodels.frames.periods import MONTHS
from clvmodels.frames.state.batch import Batch
from clvmodels.frames.state.folder import read_manifest
from clvmodels.frames.state.manifest import Manifest, Update

__all__ = ["is_known", "refuse_grid", "refuse_late", "refuse_stale"]


def refuse_grid(grid: str) -> None:
    """Raise `DataError` unless the grid is of days or weeks."""
    if grid in MONTHS:
        raise DataError(
            "A state counts days or weeks.",
            place=f"Got grid={grid!r}.",
            fix="Use rfm_summary on all orders for periods of the calendar.",
        )
    check_choice(grid, ("day", "week"), name="grid")


def refuse_stale(folder: Path, manifest: Manifest) -> None:
    """Raise `StateError` if the folder has moved on since the state was opened."""
    found = read_manifest(folder)
    if found.updates != manifest.updates:
        raise StateError(
            "An update starts from the last one.",
            place=f"{folder} is at update {found.number}; this state is update {manifest.number}.",
            fix="Open it again with SummaryState.open and update that.",
        )


def is_known(
    updates: tuple[Update, ...], batch: Batch, until: date | None, *, stacklevel: int
) -> bool:
    """Tell, with a warning, whether a batch leaves nothing to do.

    Raises
    ------
    DataError
        Its rows are known, but observation is to go on.
    """
    end = updates[-1].observed_until
    if not batch.rows:
        if until != end:
            return False
        what = f"There are no new orders, and observation ends on {end} already"
    else:
        same = [each for each in updates if _same(batch, each)]
        if not same:
            return False
        rows, known = f"These {batch.rows:,} rows", f"{same[0].number} of {same[0].applied}"
        if until is not None and until > end:
            raise DataError(
                "A batch of orders is applied once.",
                place=f"{rows} are update {known}.",
                fix="To move observation on without new orders, pass none of them.",
            )
        what = f"{rows} were applied before, as update {known}; observation ends on {end}"
    warnings.warn(f"{what}. The state is unchanged.", DataWarning, stacklevel=stacklevel + 1)
    return True


def _same(batch: Batch, update: Update) -> bool:
    return batch.fingerprint is not None and batch.fingerprint == update.fingerprint


def refuse_late(batch: Batch, end: date) -> None:
    """Raise `DataError` if rows are dated on or before the end of observation so far."""
    found = batch.rows_until(end)
    if found is None:
        return
    rows, first, last = found
    raise DataError(
        f"New orders are dated after the end of observation so far, {end}.",
        place=f"{rows:,} of {batch.rows:,} rows are not, with dates from {first} to {last}.",
        fix="Leave out those that the state knows; pass late='add' if all are new to it.",
    )
