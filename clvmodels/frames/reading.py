"""Read a log of orders by its rules: open it, find its days, give every row a fate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from clvmodels.customers import Definitions, Grid, Returns
from clvmodels.frames.cleaning import CleanLog, Invalid, clean, warn_of_losses
from clvmodels.frames.dates import with_days
from clvmodels.frames.periods import last_complete_day
from clvmodels.frames.sources import AmountColumns, Source, open_source
from clvmodels.units import parse_date

__all__ = ["Rules", "open_dated", "read_log"]


@dataclass(frozen=True)
class Rules:
    """How orders are read, as arguments of `rfm_summary` have it; they hold for every batch."""

    customer: str
    date: str
    amount: AmountColumns
    returns: Returns
    invalid: Invalid
    strict: bool
    grid: Grid
    date_format: str | None
    time_zone: str | None

    @property
    def definitions(self) -> Definitions:
        """The rules that travel with a fit."""
        return Definitions(self.grid, self.returns)


def read_log(
    transactions: Any,
    rules: Rules,
    *,
    observed_until: date | str | None,
    stage: Callable[[Source], Source] | None = None,
    carried: Sequence[str] = (),
) -> CleanLog:
    """Read a log for a function of the user's, whose caller is warned of rows that are left out.

    `stage` is done with the dated rows before they are counted, such as keeping them in a file.
    Columns that are `carried` along are in the frame of the result, as `frames.sources` names them.

    Raises
    ------
    MissingColumnError
        A named column is not there.
    ParameterError
        `observed_until` or the time zone is none.
    DataError
        An empty log, no usable purchase, or rows that break a rule.

    Warns
    -----
    DataWarning
        Rows were left out.
    """
    until = None if observed_until is None else parse_date(observed_until, name="observed_until")
    dated = open_dated(transactions, rules, carried=carried)
    log = clean(
        dated if stage is None else stage(dated),
        observed_until=until,
        returns=rules.returns,
        invalid=rules.invalid,
        strict=rules.strict,
        last_counted=partial(last_complete_day, grid=rules.grid),
    )
    warn_of_losses(log, stacklevel=3)
    return log


def open_dated(transactions: Any, rules: Rules, *, carried: Sequence[str] = ()) -> Source:
    """Open a log and find the day of every row."""
    source = open_source(
        transactions,
        customer=rules.customer,
        date=rules.date,
        amount=rules.amount,
        time_zone=rules.time_zone,
        carried=carried,
    )
    return with_days(source, name=rules.date, date_format=rules.date_format)
