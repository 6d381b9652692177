"""`cohorts`: retention and value by cohort and age, observed and projected."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer

from clvmodels.cli.console import Reporter, session
from clvmodels.cli.options import (
    VALUE,
    By,
    DiscountRate,
    LogOptions,
    Margin,
    OptionalModel,
    OutPath,
    Purchases,
    ReportOptions,
    flattened,
)
from clvmodels.cli.root import app

__all__ = ["cohorts"]

Calendar: TypeAlias = Literal["month", "quarter", "year"]
CohortLength: TypeAlias = Annotated[
    Calendar, typer.Option("--cohort", help="Calendar period of the first purchase.")
]
PeriodLength: TypeAlias = Annotated[
    Calendar | None,
    typer.Option(
        "--period",
        help="Periods in which ages are counted; if not given a month for monthly cohorts, else a "
        "quarter.",
        show_default=False,
    ),
]
Ahead: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=1, help="How many periods are projected; if not given a year.", show_default=False
    ),
]
CommonAge: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Age in periods at which cohorts are compared; if not given the largest that two of "
        "them have reached.",
        show_default=False,
    ),
]
Project: TypeAlias = Annotated[
    bool, typer.Option("--project/--no-project", help="Fit a model and project with it.")
]
Interval: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="PROBABILITY",
        help="Probability that a projection is inside its interval.",
        rich_help_panel=VALUE,
    ),
]


@dataclass(frozen=True)
class _Asked:
    """What is to be told, by the names of `clvmodels.cohorts`."""

    cohort: Calendar
    period: Calendar | None
    ahead: int | None
    common_age: int | None
    discount_rate: float
    margin: float
    interval: float


@app.command(epilog="Example:  clvmodels cohorts orders.parquet --cohort quarter --by country")
@flattened
def cohorts(
    log: LogOptions,
    report: ReportOptions,
    *,
    cohort: CohortLength = "quarter",
    period: PeriodLength = None,
    by: By = None,
    model: OptionalModel = None,
    purchases: Purchases = "BGNBD",
    project: Project = True,
    ahead: Ahead = None,
    common_age: CommonAge = None,
    discount_rate: DiscountRate = 0.0,
    margin: Margin = 1.0,
    interval: Interval = 0.9,
    out: OutPath = None,
) -> None:
    """Follow customers by when they first bought: who buys again, what they are worth by age.

    Where a period is not over, and beyond, a model completes the cohort, so that all of them are
    compared at the same age. --out writes one row a cohort and age.
    """
    with session(report) as reporter:
        asked = _Asked(cohort, period, ahead, common_age, discount_rate, margin, interval)
        _check(asked, log, out)
        known = (model, purchases) if project else None
        _tell(log, reporter, asked, tuple(by or ()), known, out)


def _check(asked: _Asked, log: LogOptions, out: Path | None) -> None:
    """Raise before the orders are read, as far as can be told by then."""
    from clvmodels.cli.tables import check_ending
    from clvmodels.frames.activity import check_calendar
    from clvmodels.models.intervals import check_level
    from clvmodels.predictive.arguments import positive_margin
    from clvmodels.units import rate_per_unit

    check_ending(out, option="--out", table=True)
    check_calendar(asked.cohort, asked.period, log.grid)
    check_level(asked.interval, name="interval")
    rate_per_unit(asked.discount_rate, "year")
    positive_margin(asked.margin)


def _tell(
    log: LogOptions,
    reporter: Reporter,
    asked: _Asked,
    by: tuple[str, ...],
    known: tuple[Path | None, Any] | None,
    out: Path | None,
) -> None:
    from clvmodels.cli.deciding import write_table
    from clvmodels.cli.tables import replacing
    from clvmodels.cohort_analysis.analyse import cohorts as library
    from clvmodels.errors import DataWarning

    orders, rfm, models = _opened(log, reporter, by, known)
    with replacing(out, source=log.source) as target:
        with reporter.step("Following the cohorts"), warnings.catch_warnings():
            if rfm is not None:  # who made it has said what is left out
                warnings.simplefilter("ignore", DataWarning)
            found = library(
                orders.frame,
                models,
                **vars(orders.rules),
                **vars(asked),
                unit=orders.unit,
                observed_until=log.observed_until,
                by=by or None,
                rfm=rfm,
            )
        if target is not None:
            write_table(found.table, target)
    facts = {
        "command": "cohorts",
        **orders.describe(),
        "model": None if known is None else known[0],
    }
    facts |= {"observed_until": found.observed_until, "by": list(by), **vars(asked), "out": out}
    facts |= {"common_age": found.common_age, "period": found.period, "title": found.title}
    table = found.table.assign(end=found.table["end"].dt.date)
    facts |= {"table": table.to_dict("records")}
    facts |= {"comparison": found.comparison.to_dict("records")}
    facts |= {"sentences": list(found.sentences), "notes": list(found.notes)}
    reporter.result(facts, str(found))
    if out is not None:
        reporter.note(f"Written: {out}")


def _opened(
    log: LogOptions,
    reporter: Reporter,
    by: tuple[str, ...],
    known: tuple[Path | None, Any] | None,
) -> tuple[Any, Any, Any]:
    """Return the orders, and their summary and models if they are to be projected."""
    from clvmodels.cli.deciding import decided
    from clvmodels.cli.orders import open_orders
    from clvmodels.cli.segments import check_segments
    from clvmodels.errors import ParameterError

    if known is not None:
        model, purchases = known
        customers = decided(log, reporter, model=model, purchases=purchases, orders_only=True)
        check_segments(customers.orders, by)
        return customers.orders, customers.rfm, customers.models
    orders = open_orders(log, reporter, unit=log.unit or "week")
    if orders.state is not None:
        raise ParameterError(
            "This takes orders, each with its date.",
            place=f"{log.source} is a kept summary.",
            fix="Pass the files of the orders.",
        )
    check_segments(orders, by)
    return orders, None, None
