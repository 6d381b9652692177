"""`SummaryState` and `update`: a summary on disk that new orders alone keep up to date."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

import narwhals as nw

from clvmodels.customers import Returns
from clvmodels.errors import DataError, DataWarning, ParameterError, StateError
from clvmodels.frames.calendar import day_number
from clvmodels.frames.cleaning import Invalid, check_choice, warn_of_losses
from clvmodels.frames.columns import CUSTOMER, SUMMARY, refuse_collision
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.ledger import Ledger, ledger_of, refuse_unmatched
from clvmodels.frames.periods import MONTHS, period_of, units_per_period
from clvmodels.frames.sources import AmountColumns
from clvmodels.frames.state.batch import Batch, read_batch
from clvmodels.frames.state.folder import commit, locked, prepare, read_manifest, sweep
from clvmodels.frames.state.manifest import Manifest, Rules, Update
from clvmodels.frames.state.nights import customers_of, next_state
from clvmodels.frames.state.people import totals
from clvmodels.frames.summary import OCCASIONS, in_unit
from clvmodels.units import TimeUnit, check_unit, parse_date

__all__ = ["SummaryState", "update"]

Late: TypeAlias = Literal["error", "add"]


@dataclass(frozen=True, repr=False)
class SummaryState:
    """A customer summary kept in a folder, which new orders alone bring up to date.

    Made by `SummaryState.create` from a log, found again by `SummaryState.open`. An object stands
    for the folder at one moment; `update` returns the next one.

    Attributes
    ----------
    folder : Path
        Where it is.
    manifest : Manifest
        Rules, counts, files and updates, as ``state.json`` in the folder holds them.
    """

    folder: Path
    manifest: Manifest

    @classmethod
    def create(
        cls,
        folder: str | os.PathLike[str],
        transactions: Any,
        *,
        customer: str,
        date: str,
        amount: AmountColumns = None,
        observed_until: date | str | None = None,
        returns: Returns = "net",
        invalid: Invalid = "error",
        strict: bool = False,
        grid: Literal["day", "week"] = "day",
        date_format: str | None = None,
        time_zone: str | None = None,
    ) -> SummaryState:
        """Summarise a log into a new folder.

        Parameters
        ----------
        folder
            A folder that is empty or not there yet.
        transactions, customer, date, amount, returns, invalid, date_format, time_zone
            As in `rfm_summary`. They hold for all later orders too, so those come in columns of the
            same names.
        observed_until
            Last day of observation, included; the last day of the log if None. No order may be
            dated after it: a later update brings those.
        strict
            Refuse losses that no rule explains, now and in updates.
        grid
            'day' or 'week', as in `rfm_summary`.

        Raises
        ------
        StateError
            The folder holds something, or cannot be written.
        DataError
            As in `rfm_summary`, or orders are dated after `observed_until`.

        Warns
        -----
        DataWarning
            As in `rfm_summary`.
        """
        _refuse_grid(grid)
        refuse_collision(customer, SUMMARY)
        amounts = amount if amount is None or isinstance(amount, str) else (amount[0], amount[1])
        rules = Rules(
            *(customer, date, amounts, returns, invalid, strict, grid, date_format, time_zone)
        )
        until = _parsed(observed_until)
        home = Path(folder)
        prepare(home)
        with locked(home):
            prepare(home)
            sweep(home, None)
            batch = read_batch(transactions, rules, observed_until=until, part=False)
            if batch.log is not None:
                warn_of_losses(batch.log, stacklevel=2)
            blank = Manifest(rules, "", {}, (), (), (), ())
            return _applied(cls(home, blank), batch, until or _last_day(batch))

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> SummaryState:
        """Find the state in a folder, as the last finished update left it.

        Raises
        ------
        StateError
            There is none, its files are not all there, or its schema is unknown.
        """
        home = Path(folder)
        return cls(home, read_manifest(home))

    def __repr__(self) -> str:
        rows = sum(count.rows for count in self.manifest.counts.values())
        return (
            f"<SummaryState: {rows:,} rows in {self.manifest.number:,} "
            f"update{'s' * (self.manifest.number > 1)}, observed until {self.observed_until}>"
        )

    @property
    def observed_until(self) -> date:
        """Last day of observation, included."""
        return self.updates[-1].observed_until

    @property
    def updates(self) -> tuple[Update, ...]:
        """What was applied, the creation first."""
        return self.manifest.updates

    def update(
        self,
        new_transactions: Any,
        *,
        observed_until: date | str | None = None,
        late: Late = "error",
    ) -> SummaryState:
        """Add new orders: see `clvmodels.update`."""
        return _updated(self, new_transactions, observed_until, late)

    def summary(self, unit: TimeUnit = "week") -> CustomerSummary:
        """Return the summary, as `rfm_summary` makes it of all orders so far.

        Parameters
        ----------
        unit
            Unit of recency and T. The state does not depend on it.

        Returns
        -------
        CustomerSummary
            ``.frame`` is a polars LazyFrame that reads the folder, whose files stay until the
            update after the next; ``.ledger`` accounts for all rows so far.
        """
        check_unit(unit)
        rules = self.manifest.rules
        bought = nw.from_native(customers_of(self.folder, self.manifest)).filter(
            nw.col(OCCASIONS) > 0
        )
        end = period_of(day_number(self.observed_until), rules.grid)
        histories = in_unit(
            bought, end, units_per_period(rules.grid, unit), rules.amount is not None
        )
        return CustomerSummary(
            nw.to_native(histories.rename({CUSTOMER: rules.customer})),
            unit,
            self.observed_until,
            rules.customer,
            rules.definitions,
            self._account,
        )

    def _account(self) -> Ledger:
        people, held, gone, unmatched = totals(customers_of(self.folder, self.manifest))
        rules = self.manifest.rules
        return ledger_of(
            self.manifest.counts,
            people,
            held,
            returns=rules.returns,
            gone=gone,
            unmatched=None if rules.amount is None else unmatched,
        )


def update(
    state: SummaryState | str | os.PathLike[str],
    new_transactions: Any,
    *,
    observed_until: date | str | None = None,
    late: Late = "error",
) -> SummaryState:
    """Bring a summary up to date with new orders, without the old ones.

    The result is the one of `rfm_summary` on all orders so far. The new state replaces the old one
    on disk in one step; a crash at any moment leaves the old one.

    Parameters
    ----------
    state
        A `SummaryState`, or its folder.
    new_transactions
        The orders since, in any form that `rfm_summary` takes, with the columns of the first ones.
        There may be no row if `observed_until` is given.
    observed_until
        Last day of observation, included. If None, the last day of the orders, or the end so far if
        that is later.
    late
        What to do with orders dated on or before the end of observation so far. 'error' refuses
        them: they may be known already. 'add' takes them for new ones.

    Returns
    -------
    SummaryState
        The new state. If the very same orders were applied before, the state as it was.

    Raises
    ------
    DataError
        Orders are dated on or before the end so far or after `observed_until`, ids have another
        type, or as in `rfm_summary`.
    ParameterError
        `observed_until` is before the end so far.
    StateError
        Another update is running or came first, or the folder is damaged.

    Warns
    -----
    DataWarning
        The same orders were applied before, or as in `rfm_summary`.

    Examples
    --------
    >>> import tempfile
    >>> import polars as pl
    >>> columns = {"customer": "who", "date": "when", "amount": "paid"}
    >>> january = pl.DataFrame({"who": ["a", "b"], "when": ["2024-01-08"] * 2, "paid": [9.0, 5.0]})
    >>> monday = pl.DataFrame({"who": ["a"], "when": ["2024-01-15"], "paid": [20.0]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     state = SummaryState.create(f"{folder}/state", january, **columns)
    ...     state = update(state, monday, observed_until="2024-01-22")
    ...     print(state)
    ...     state.summary(unit="week").collect().frame.rows()
    <SummaryState: 3 rows in 2 updates, observed until 2024-01-22>
    [('a', 1, 1.0, 2.0, 20.0), ('b', 0, 0.0, 2.0, None)]
    """
    found = state if isinstance(state, SummaryState) else SummaryState.open(state)
    return _updated(found, new_transactions, observed_until, late)


def _updated(
    state: SummaryState, transactions: Any, observed_until: date | str | None, late: Late
) -> SummaryState:
    check_choice(late, ("error", "add"), name="late")
    until = _parsed(observed_until)
    end = state.observed_until
    if until is not None and until < end:
        raise ParameterError(
            "Observation does not end earlier than before.",
            place=f"It ends on {end}; `observed_until` is {until}.",
            fix="Pass a later date, or create a state of the orders until then.",
        )
    with locked(state.folder):
        _refuse_stale(state)
        sweep(state.folder, state.manifest)
        batch = read_batch(transactions, state.manifest.rules, observed_until=until, part=True)
        if _is_known(state, batch, until):
            return state
        if late == "error":
            _refuse_late(batch, end)
        if batch.log is not None:
            warn_of_losses(batch.log, stacklevel=3)
        return _applied(state, batch, until or max(end, batch.last or end))


def _applied(state: SummaryState, batch: Batch, until: date) -> SummaryState:
    """Write the state after a batch and make it the one that counts."""
    done = Update(
        number=state.manifest.number + 1,
        applied=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        observed_until=until,
        first_day=batch.first,
        last_day=batch.last,
        fingerprint=batch.fingerprint(),
    )
    after = SummaryState(state.folder, next_state(state.folder, state.manifest, batch, done))
    if after.manifest.rules.strict:
        refuse_unmatched(after.summary().ledger)
    commit(after.folder, after.manifest)
    sweep(after.folder, after.manifest)
    return after


def _parsed(observed_until: date | str | None) -> date | None:
    return None if observed_until is None else parse_date(observed_until, name="observed_until")


def _last_day(batch: Batch) -> date:
    assert batch.last is not None  # a log without usable rows was refused
    return batch.last


# --- refusals ---------------------------------------------------------------------------------


def _refuse_grid(grid: str) -> None:
    if grid in MONTHS:
        raise DataError(
            "A state counts days or weeks.",
            place=f"Got grid={grid!r}.",
            fix="Use rfm_summary on all orders for periods of the calendar.",
        )
    check_choice(grid, ("day", "week"), name="grid")


def _refuse_stale(state: SummaryState) -> None:
    """Raise if the folder has moved on since the state was opened."""
    found = read_manifest(state.folder)
    if found.updates != state.updates:
        raise StateError(
            "An update starts from the last one.",
            place=f"{state.folder} is at update {found.number}; this state is update "
            f"{state.manifest.number}.",
            fix="Open it again with SummaryState.open and update that.",
        )


def _is_known(state: SummaryState, batch: Batch, until: date | None) -> bool:
    """Tell, with a warning, whether there is nothing to do."""
    if not batch.rows:
        if until != state.observed_until:
            return False
        _warn(f"There are no new orders, and observation ends on {until} already")
        return True
    found = batch.fingerprint()
    same = [
        each
        for each in state.updates
        if found is not None and each.fingerprint is not None and found.matches(each.fingerprint)
    ]
    if not same:
        return False
    if until is not None and until > state.observed_until:
        raise DataError(
            "A batch of orders is applied once.",
            place=f"These {batch.rows:,} rows are update {same[0].number} of {same[0].applied}.",
            fix="To move observation on without new orders, pass none of them.",
        )
    _warn(
        f"These {batch.rows:,} rows were applied before, as update {same[0].number} of "
        f"{same[0].applied}; observation ends on {state.observed_until}"
    )
    return True


def _warn(what: str) -> None:
    warnings.warn(f"{what}. The state is unchanged.", DataWarning, stacklevel=5)


def _refuse_late(batch: Batch, end: date) -> None:
    found = batch.rows_until(end)
    if found is None:
        return
    rows, first, last = found
    raise DataError(
        f"New orders are dated after the end of observation so far, {end}.",
        place=f"{rows:,} of {batch.rows:,} rows are not, with dates from {first} to {last}.",
        fix="Leave out those that the state knows; pass late='add' if all are new to it.",
    )
