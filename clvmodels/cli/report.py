"""The report of a log: from options to a file of HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clvmodels.cli.console import Reporter
from clvmodels.cli.costs import read_costs
from clvmodels.cli.options import LogOptions
from clvmodels.cli.orders import open_orders
from clvmodels.cli.scoring import Valuation, read_horizon
from clvmodels.cli.segments import check_segments
from clvmodels.cli.tables import replacing
from clvmodels.errors import DataError, ParameterError
from clvmodels.reports.report import report

__all__ = ["Asked", "make_report"]

_ENDINGS: Final = (".html", ".htm")


@dataclass(frozen=True)
class Asked:
    """What the report is to show; see `clvmodels.report`."""

    models: Sequence[str]
    by: Sequence[str]
    since: str
    top: int
    title: str | None
    currency: str | None
    backtest: bool
    cac: str | None
    group: str | None
    start: str | None


def make_report(
    log: LogOptions, reporter: Reporter, *, out: Path, terms: Valuation, asked: Asked
) -> None:
    """Write the report of a log, and say where it is."""
    _check_ending(out)
    unit = log.unit or "week"
    terms.check(unit, log.observed_until)
    orders = open_orders(log, reporter, unit=unit)
    if orders.state is not None:
        raise ParameterError(
            "A report is made from orders, which say how good predictions have been.",
            place=f"{log.source} is a kept summary.",
            fix="Pass the files of the orders.",
        )
    check_segments(orders, (*asked.by, *([] if asked.group is None else [asked.group])))
    cac = None if asked.cac is None else read_costs(asked.cac)
    with replacing(out, source=log.source) as target, reporter.step("Making the report"):
        page = report(
            orders.frame,
            customer=orders.customer,
            date=orders.date,
            amount=orders.amount,
            unit=unit,
            observed_until=log.observed_until,
            models=asked.models or ("BGNBD", "MBGNBD", "ParetoNBD"),
            horizon=terms.horizon,
            discount_rate=terms.discount_rate,
            margin=terms.margin,
            currency=asked.currency,
            title=asked.title,
            backtest=asked.backtest,
            by=tuple(asked.by),
            since=read_horizon(asked.since),
            top=asked.top,
            cac=cac,
            group=asked.group,
            start=asked.start,
            returns=log.returns,
            invalid=log.invalid,
            strict=log.strict,
            grid=log.grid,
            date_format=log.date_format,
            time_zone=log.time_zone,
        )
        if target is not None:
            page.save(target)
    facts = {"command": "report", **orders.describe(), **terms.describe(), "by": list(asked.by)}
    reporter.result(facts | {"title": page.title, "out": out, "bytes": page.size})
    reporter.note(f"Written: {out} ({page.size / 1e3:,.0f} kB). Open it in a browser.")


def _check_ending(out: Path) -> None:
    if out.suffix.lower() not in _ENDINGS:
        raise DataError(
            "A report is a page of HTML.", place=f"Got {out}.", fix="Pass --out report.html."
        )
