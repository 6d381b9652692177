"""`SummaryState` and `update`: a summary on disk that new orders alone keep up to date."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

import narwhals as nw

from clvmodels.customers import Returns
from clvmodels.errors import ParameterError
from clvmodels.frames.calendar import day_number
from clvmodels.frames.cleaning import Invalid, check_choice, warn_of_losses
from clvmodels.frames.columns import CUSTOMER, SUMMARY, refuse_collision
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.ledger import Ledger, ledger_of, refuse_unmatched
from clvmodels.frames.periods import period_of, units_per_period
from clvmodels.frames.reading import Rules
from clvmodels.frames.sources import AmountColumns
from clvmodels.frames.state.batch import Batch, read_batch
from clvmodels.frames.state.checks import is_known, refuse_grid, refuse_late, refuse_stale
from clvmodels.frames.state.folder import commit, locked, prepare, read_manifest, sweep
from clvmodels.frames.state.manifest import Manifest, Update
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

    Examples
    --------
    >>> import tempfile
    >>> import polars as pl
    >>> orders = pl.DataFrame({"who": ["a", "a"], "when": ["2024-01-08", "2024-01-15"]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = SummaryState.create(f"{folder}/state", orders, customer="who", date="when")
    ...     SummaryState.open(f"{folder}/state").summary(unit="week").collect().frame.rows()
    [('a', 1, 1.0, 1.0)]
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
        refuse_grid(grid)
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
        refuse_stale(state.folder, state.manifest)
        sweep(state.folder, state.manifest)
        batch = read_batch(transactions, state.manifest.rules, observed_until=until, part=True)
        if is_known(state.updates, batch, until, stacklevel=3):
            return state
        if late == "error":
            refuse_late(batch, end)
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
        fingerprint=batch.fingerprint,
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
