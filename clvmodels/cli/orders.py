"""From the options to a customer summary: open the orders, tell the columns, aggregate once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from clvmodels.cli.console import Reporter
from clvmodels.cli.guess import Amount, amount_label, guess_amount, guess_column, read_amount
from clvmodels.cli.memory import bucket_count, order_bytes, read_memory
from clvmodels.cli.options import LogOptions
from clvmodels.cli.sheets import Sheets, read_sheets, sheet_path
from clvmodels.cli.stages import Stages
from clvmodels.cli.states import open_state, split_customers
from clvmodels.frames.buckets import Buckets, combined, open_buckets
from clvmodels.frames.columns import require_column
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.ledger import Ledger, refuse_unmatched
from clvmodels.frames.paths import scan_files
from clvmodels.frames.reading import Rules
from clvmodels.frames.state.summary_state import SummaryState
from clvmodels.units import TimeUnit

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Orders", "Summarised", "open_orders", "summarised"]

_CUSTOMERS: Final = "customers"
# Stages that tell which customers are in a sheet; for a log, its sheets are stages of their own.
_OF_SPLITTING: Final = ("buckets", "orders", _CUSTOMERS)


@dataclass(frozen=True)
class Orders:
    """A log of orders that is found, and whose columns are told, but of which nothing is read yet.

    Attributes
    ----------
    frame : LazyFrame
        The log.
    customer, date : str
        Names of its columns.
    amount : str, pair or None
        The amount column, quantity and price, or none.
    options : LogOptions
        How the log is read.
    unit : TimeUnit
        Unit of the summary.
    state : SummaryState or None
        The kept summary that stands for the orders, if it is one.
    """

    frame: pl.LazyFrame
    customer: str
    date: str
    amount: Amount
    options: LogOptions
    unit: TimeUnit
    state: SummaryState | None = None

    @property
    def rules(self) -> Rules:
        """Return the rules by which its rows are read."""
        options = self.options
        return Rules(
            customer=self.customer,
            date=self.date,
            amount=self.amount,
            returns=options.returns,
            invalid=options.invalid,
            strict=options.strict,
            grid=options.grid,
            date_format=options.date_format,
            time_zone=options.time_zone,
        )

    def describe(self) -> dict[str, object]:
        """Return what was read and how, for the JSON."""
        columns = {
            "customer": self.customer,
            "date": self.date,
            "amount": None if self.amount is None else amount_label(self.amount),
        }
        return {"input": self.options.source, "columns": columns, "unit": self.unit}


def open_orders(
    options: LogOptions, reporter: Reporter, *, unit: TimeUnit, amounts: bool = True
) -> Orders:
    """Find the files, and tell the columns that the options do not name.

    Raises
    ------
    DataError
        There are no files, or several columns could play a role.
    MissingColumnError
        A column is not there, or none looks like it.
    """
    state = open_state(options)
    if state is not None:
        rules = state.manifest.rules
        kept = state.summary(unit).frame
        return Orders(kept, rules.customer, rules.date, rules.amount, options, unit, state)
    path = Path(options.source)
    names = scan_files(path).collect_schema().names()
    customer = options.customer or guess_column("customer", names)
    date = options.date or guess_column("date", names)
    require_column(customer, names, role="customer")
    require_column(date, names, role="date")
    if options.amount is not None:
        amount = read_amount(options.amount, names)
    elif amounts:
        amount = guess_amount(name for name in names if name not in (customer, date))
    else:
        amount = None
    orders = Orders(scan_files(path, text=(customer, date)), customer, date, amount, options, unit)
    _say_what_was_guessed(orders, reporter, amounts=amounts)
    return orders


@dataclass(frozen=True)
class Summarised:
    """The summary of a log, kept in files.

    Attributes
    ----------
    rfm : CustomerSummary
        Reads the files; has the column SHEET.
    sheets : int
        Number of buckets of customers that it was made from.
    anew : bool
        Whether customers were split into sheets in this run: those of an earlier one may differ.
    """

    rfm: CustomerSummary
    sheets: int
    anew: bool

    def table(self, frame: pl.LazyFrame) -> Sheets:
        """Return a table made from the summary in its sheets."""
        return Sheets(frame, self.rfm.customer, self.sheets)


@contextmanager
def summarised(
    orders: Orders, reporter: Reporter, *, account: bool, work: Path | None = None
) -> Iterator[Summarised]:
    """Aggregate the orders once, bucket by bucket, into files, and yield a summary that reads them.

    Every query on the summary after that costs time by the number of customers, not of orders.
    Its ledger is there if it is to `account` for them, or must by ``--strict``. In `work` the files
    stay, and what is there already is not done again; else they are temporary.
    """
    with TemporaryDirectory(prefix="clvmodels-") if work is None else nullcontext(work) as folder:
        stages = Stages(Path(folder), lasting=work is not None)
        if orders.state is not None:
            yield _kept(orders, orders.state, stages, reporter)
            return
        with reporter.step("Checking the orders"):
            buckets = open_buckets(
                orders.frame,
                orders.rules,
                stages.keep,
                observed_until=orders.options.observed_until,
                unit=orders.unit,
            )
        n = _settled(stages, _count(buckets, orders.options))
        with reporter.step("Splitting the orders by customer"):
            buckets = buckets.split(stages.keep, n)
        strict = orders.options.strict
        made = _summarise(buckets, stages, reporter, account=account or strict)
        if strict:
            refuse_unmatched(made.rfm.ledger)
        yield made


def _count(buckets: Buckets, options: LogOptions) -> int:
    """Return in how many buckets to work."""
    limit = _limit(options)
    if options.buckets is not None:
        return options.buckets
    size = order_bytes(buckets.id_bytes(), nets=buckets.nets)
    return bucket_count(buckets.rows, size, limit=limit, threads=_threads())


def _settled(stages: Stages, n: int) -> int:
    """Keep a number of buckets, or return the one that is kept: it holds until the job is done."""
    path = stages.keep("buckets", lambda file: file.write_text(str(n), encoding="utf-8"))
    return int(path.read_text(encoding="utf-8"))


def _limit(options: LogOptions) -> int | None:
    return None if options.max_memory is None else read_memory(options.max_memory)


def _threads() -> int:
    import polars as pl

    return pl.thread_pool_size()


def _summarise(
    buckets: Buckets, stages: Stages, reporter: Reporter, *, account: bool
) -> Summarised:
    place = stages.folder / _CUSTOMERS
    ledgers: list[Ledger] = []
    with reporter.steps("Summarising customers", len(buckets)) as advance:
        for number in range(len(buckets)):
            name = str(sheet_path(Path(_CUSTOMERS), number))
            summary = buckets.summary(number, account=account)
            write = partial(summary.frame.sink_parquet, compression="lz4", engine="streaming")
            stages.keep(name, write, again=account)
            if account:
                ledgers.append(summary.ledger)
            advance()
    first = buckets.summary(0)
    rfm = CustomerSummary(
        read_sheets(place),
        first.unit,
        first.observed_until,
        first.customer,
        first.definitions,
        lambda: combined(ledgers),
    )
    return Summarised(rfm, len(buckets), anew=not stages.made.isdisjoint(_OF_SPLITTING))


def _kept(orders: Orders, state: SummaryState, stages: Stages, reporter: Reporter) -> Summarised:
    """Write the summary of a state to sheets."""
    rfm = state.summary(orders.unit)
    rows = sum(count.rows for count in state.manifest.counts.values())
    n = orders.options.buckets or bucket_count(
        rows, order_bytes(8.0, nets=False), limit=_limit(orders.options), threads=_threads()
    )
    n = _settled(stages, n)
    with reporter.step("Reading the state"):
        place = stages.keep(_CUSTOMERS, partial(split_customers, rfm, n))
    anew = not stages.made.isdisjoint(_OF_SPLITTING)
    return Summarised(replace(rfm, frame=read_sheets(place)), n, anew)


def _say_what_was_guessed(orders: Orders, reporter: Reporter, *, amounts: bool) -> None:
    options = orders.options
    guessed = [
        f"{role} {name!r}"
        for role, name in (("customer", orders.customer), ("date", orders.date))
        if getattr(options, role) is None
    ]
    if options.amount is None and amounts:
        guessed.append(f"amount {amount_label(orders.amount)!r}")
    if guessed:
        reporter.note(f"Columns told from their names: {', '.join(guessed)}.")
