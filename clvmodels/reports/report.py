"""`report`: one page of HTML from a log of orders."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from clvmodels.atomic import atomic_path
from clvmodels.customers import Grid, Returns
from clvmodels.frames.cleaning import Invalid
from clvmodels.frames.sources import AmountColumns
from clvmodels.frames.usual_labels import check_labels
from clvmodels.markup import escape
from clvmodels.models.purchases import PurchaseModel
from clvmodels.reports.absences import said_once
from clvmodels.reports.deciding import Decided
from clvmodels.reports.numerals import day
from clvmodels.reports.pages import render, require_extra
from clvmodels.reports.sections import sections_of
from clvmodels.reports.settings import Settings, kinds_of
from clvmodels.reports.warnings import once_each
from clvmodels.units import Duration, TimeUnit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Report", "report"]


@dataclass(frozen=True)
class Report:
    """A report as one page of HTML, which needs nothing else.

    Attributes
    ----------
    title : str
        Of the page.
    html : str
        The page.
    """

    title: str
    html: str = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.html.encode())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file, which appears whole or not at all.

        Raises
        ------
        DataError
            The folder does not exist or cannot be written.
        """
        with atomic_path(path) as temporary:
            temporary.write_text(self.html, encoding="utf-8", newline="\n")

    def __str__(self) -> str:
        return (
            f"Report {self.title!r}, {self.size / 1e3:,.0f} kB. Save it: report.save('report.html')"
        )

    def _repr_html_(self) -> str:
        # Not markup.escape, which makes the line feeds of the page visible.
        page = html.escape(self.html, quote=True)
        style = "width:100%;height:48em;border:1px solid rgba(128,128,128,.45)"
        name = escape(self.title)
        frame = f'<iframe title="{name}" sandbox="allow-scripts" style="{style}"'
        return f'{frame} srcdoc="{page}"></iframe>'


def report(
    transactions: Any,
    *,
    customer: str,
    date: str,
    amount: AmountColumns = None,
    unit: TimeUnit = "week",
    observed_until: date | str | None = None,
    models: Sequence[str | type[PurchaseModel]] = ("BGNBD", "MBGNBD", "ParetoNBD"),
    horizon: Duration = "1y",
    discount_rate: float = 0.1,
    margin: float = 1.0,
    currency: str | None = None,
    title: str | None = None,
    backtest: bool = True,
    by: str | Sequence[str] | None = None,
    since: Duration = "8w",
    top: int = 50,
    cac: float | Mapping[Any, float] | pd.DataFrame | None = None,
    group: str | None = None,
    start: date | str | None = None,
    returns: Returns = "net",
    invalid: Invalid = "error",
    strict: bool = False,
    grid: Grid = "day",
    date_format: str | None = None,
    time_zone: str | None = None,
) -> Report:
    """Make a report that a manager can read, as one page of HTML.

    It shows how much the customers are worth and who is about to be lost, where every row of the
    log went, whether the log suits the models, which model was taken and why, and how good its
    predictions have been. What these data do not allow is left out, and the page says why.

    Parameters
    ----------
    transactions, customer, date, amount, unit, observed_until
        The log and its columns, as in `rfm_summary`. The log is read several times; the customers,
        one row each, are held in memory.
    models
        Purchase models to fit, by name or class. The one that describes the data best is taken.
    horizon, discount_rate, margin
        How future purchases are valued, as in `predict`.
    currency
        Sign or code of the currency, such as "£" or "EUR", put before amounts.
    title
        Of the page.
    backtest
        Whether to compare predictions with what happened later, beside simple rules; it takes most
        of the time.
    by
        A column of the log, or several, whose values make segments, such as a country. A customer
        is where most of their orders are.
    since
        Customers at risk are those whose P(alive) has fallen since so long ago.
    top
        How many single customers the lists have.
    cac
        What it costs to acquire a customer: a number; or a mapping from the values of the first
        column of `by`; or a table with that column and ``cac``. With it the page has unit
        economics.
    group
        A column that names the arm of a test each customer is in. With it the page compares arms.
    start
        First day of that test; without it customers are compared from their first purchases on.
    returns, invalid, strict, grid, date_format, time_zone
        Rules of cleaning, as in `rfm_summary`.

    Returns
    -------
    Report
        Its ``save(path)`` writes the file. A notebook shows it in a frame.

    Raises
    ------
    MissingExtraError
        The extra `report` is not installed.
    MissingColumnError
        A named column is not there.
    ParameterError
        A model, time, rate or margin is none.
    DataError
        The log cannot be summarised, as in `rfm_summary`.

    Warns
    -----
    DataWarning
        Rows of the log were left out.

    Notes
    -----
    The page needs no network and may run no script but its own. All that comes from the data is
    escaped. It has no clock time in it: the same log gives the same bytes.

    Examples
    --------
    ::

        page = clv.report(orders, customer="customer_id", date="date", amount="amount")
        page.save("report.html")
    """
    require_extra()
    asked = Settings(
        customer=customer,
        date=date,
        amount=amount,
        unit=unit,
        observed_until=observed_until,
        models=kinds_of(models),
        horizon=horizon,
        discount_rate=discount_rate,
        margin=margin,
        currency=currency,
        title=title or "Customer lifetime value",
        backtest=backtest,
        by=(by,) if isinstance(by, str) else tuple(by or ()),
        since=since,
        top=top,
        rules={
            "returns": returns,
            "invalid": invalid,
            "strict": strict,
            "grid": grid,
            "date_format": date_format,
            "time_zone": time_zone,
        },
        cac=cac,
        group=group,
        start=start,
    )
    asked.check()
    arms = () if group is None else (group,)
    check_labels(transactions, (*asked.by, *arms), customer=customer)
    with once_each():
        found = Decided(transactions, asked)
        sections = said_once(tuple(sections_of(found)))
    subtitle = f"{found.customers:,} customers, data until {day(found.rfm.observed_until)}"
    return Report(asked.title, render(asked.title, subtitle, sections))
