"""From the options to a customer summary: open the orders, tell the columns, aggregate once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from clvmodels.cli.console import Reporter
from clvmodels.cli.guess import Amount, amount_label, guess_amount, guess_column, read_amount
from clvmodels.cli.options import LogOptions
from clvmodels.frames.columns import require_column
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.paths import scan_files
from clvmodels.frames.summary import rfm_summary
from clvmodels.units import TimeUnit

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Orders", "open_orders", "summarised"]


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
    """

    frame: pl.LazyFrame
    customer: str
    date: str
    amount: Amount
    options: LogOptions
    unit: TimeUnit

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


@contextmanager
def summarised(orders: Orders, reporter: Reporter) -> Iterator[CustomerSummary]:
    """Aggregate the orders once, into a temporary file, and yield a lazy summary that reads it.

    Every query on the summary after that costs time by the number of customers, not of orders.
    """
    options = orders.options
    with TemporaryDirectory(prefix="clvmodels-") as folder:
        with reporter.step("Checking the orders"):
            summary = rfm_summary(
                orders.frame,
                customer=orders.customer,
                date=orders.date,
                amount=orders.amount,
                observed_until=options.observed_until,
                unit=orders.unit,
                returns=options.returns,
                invalid=options.invalid,
                strict=options.strict,
                grid=options.grid,
                date_format=options.date_format,
                time_zone=options.time_zone,
            )
        with reporter.step("Summarising customers"):
            settled = replace(summary, frame=_settled(summary.frame, Path(folder)))
        yield settled


def _settled(frame: pl.LazyFrame, folder: Path) -> pl.LazyFrame:
    import polars as pl

    path = folder / "summary.parquet"
    frame.sink_parquet(path)
    return pl.scan_parquet(path)


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
