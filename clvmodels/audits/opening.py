"""What an audit is made from: a log of orders, or a summary, opened and summed by people."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clvmodels.audits.definitions import MEASURES
from clvmodels.errors import DataError, ParameterError
from clvmodels.frames.cleaning import CleanLog
from clvmodels.frames.columns import require_column
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.groups import Cohort
from clvmodels.frames.people import People, people_of
from clvmodels.frames.people_of_summary import people_of_summary
from clvmodels.frames.people_tables import PeopleTables
from clvmodels.frames.reading import Rules
from clvmodels.frames.sources import as_narwhals, scan_files
from clvmodels.frames.usual_labels import check_labels
from clvmodels.frames.windows import in_memory
from clvmodels.units import TimeUnit

__all__ = [
    "Opened",
    "check_columns",
    "check_names",
    "no_columns",
    "opened_log",
    "opened_summary",
    "read_once",
]

_TAKEN = ("scope", "cohort", *MEASURES)


@dataclass(frozen=True, eq=False)
class Opened:
    """A log or a summary, ready to be told about.

    Attributes
    ----------
    people : People
        One row a person, on the engine.
    notes : tuple of str
        What limits it from the outset.
    """

    people: People
    notes: tuple[str, ...]

    @property
    def rfm(self) -> CustomerSummary:
        """The summary of the customers."""
        return self.people.rfm

    @property
    def tables(self) -> PeopleTables:
        """Sums over people."""
        return PeopleTables(self.people)


def read_once(transactions: Any, rules: Rules, others: tuple[str, ...]) -> Any:
    """Return a log that many queries will read: of files and lazy polars frames, in memory.

    Unless it has more than ten million rows. Other engines keep their rows.
    """
    if (
        isinstance(transactions, str | os.PathLike)
        or as_narwhals(transactions).implementation.is_polars()
    ):
        return in_memory(transactions, rules, others)
    return transactions


def opened_log(
    log: CleanLog,
    rules: Rules,
    transactions: Any,
    *,
    unit: TimeUnit,
    by: Sequence[str],
    cohort: Cohort,
) -> Opened:
    """Sum a log by people."""
    people = people_of(log, rules, unit=unit, cohort=cohort, by=by, transactions=transactions)
    return Opened(people, _left_out(log))


def opened_summary(
    data: CustomerSummary,
    given: tuple[Any, ...],
    unit: TimeUnit | None,
    *,
    by: Sequence[str],
    cohort: Cohort,
) -> Opened:
    """Take a summary, which goes with no columns of a log.

    Raises
    ------
    ParameterError
        Columns or rules of a log are given.
    """
    if any(each is not None for each in given) or unit not in (None, data.unit):
        raise ParameterError(
            "Columns, rules and units go with orders: a summary has its own.",
            place="Got a CustomerSummary and some of them.",
            fix="Pass the summary alone, with `by` for columns of its frame.",
        )
    notes = [
        "A summary has no single orders: the time to the second order, retention by period, "
        "returns and what customers spent in all are told from the orders only."
    ]
    if data.observed_until is None:
        notes.append("The summary does not know its end of observation: there are no cohorts.")
    return Opened(people_of_summary(data, cohort=cohort, by=by), tuple(notes))


def check_names(by: tuple[str, ...]) -> None:
    """Raise unless the columns of segments can stand beside those of the result.

    Raises
    ------
    DataError
        A column is named twice, or has the name of another one.
    """
    taken = [name for name in by if name in _TAKEN]
    if taken or len(set(by)) < len(by):
        raise DataError(
            "Columns of segments stand beside those of the result, each once.",
            place=f"Got {', '.join(map(repr, taken or by))}.",
            fix="Rename the column, or name each once.",
        )


def check_columns(transactions: Any, rules: Rules, by: tuple[str, ...], order: str | None) -> None:
    """Raise unless every column is one of the log, and none that makes segments the id.

    Raises
    ------
    MissingColumnError
        There is no such column.
    ParameterError
        Segments are made by the id.
    """
    if by:
        check_labels(transactions, by, customer=rules.customer)
    if order is not None:
        is_path = isinstance(transactions, str | os.PathLike)
        frame = scan_files(Path(transactions)) if is_path else as_narwhals(transactions)
        require_column(order, frame.collect_schema().names(), role="order")


def no_columns(customer: str | None, date: str | None) -> DataError:
    """Return the error for orders without the names of their columns."""
    return DataError(
        "Orders come with the names of their columns.",
        place=f"Got customer={customer!r}, date={date!r}.",
        fix="Pass customer= and date=, and amount= for what is about money.",
    )


def _left_out(log: CleanLog) -> tuple[str, ...]:
    """Say which rows are in no number."""
    parts = [
        f"{count.rows:,} with {fate}" + (f" (amount {count.amount:,.2f})" if count.amount else "")
        if not fate.startswith(("after", "in the"))
        else f"{count.rows:,} {fate}"
        for fate, count in log.counts.items()
        if fate not in ("purchase", "refund")
    ]
    return (f"Rows in no number here: {'; '.join(parts)}.",) if parts else ()
