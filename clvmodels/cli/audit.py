"""`audit`: a customer base in numbers."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import typer

from clvmodels.cli.console import session
from clvmodels.cli.options import (
    By,
    DiscountRate,
    Horizon,
    LogOptions,
    Margin,
    OptionalModel,
    OutPath,
    ReportOptions,
    flattened,
)
from clvmodels.cli.root import app

__all__ = ["audit"]

Calendar: TypeAlias = Literal["month", "quarter", "year"]
OrderColumn: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Column with the number of the order, to count invoices, too.",
        rich_help_panel="Columns",
        show_default=False,
    ),
]
CohortLength: TypeAlias = Annotated[
    Calendar, typer.Option("--cohort", help="Calendar period of the first order, for cohorts.")
]
PeriodLength: TypeAlias = Annotated[
    Calendar | None,
    typer.Option(
        "--period",
        help="Calendar period of retention; if not given a month for monthly cohorts, else a "
        "quarter.",
        show_default=False,
    ),
]
WithModel: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--value/--no-value", help="Fit a model where none is given, for values beside the books'."
    ),
]


@app.command(epilog="Example:  clvmodels audit orders.parquet --by country --margin 0.3 --json")
@flattened
def audit(
    log: LogOptions,
    report: ReportOptions,
    *,
    order: OrderColumn = None,
    by: By = None,
    cohort: CohortLength = "quarter",
    period: PeriodLength = None,
    model: OptionalModel = None,
    value: WithModel = True,
    horizon: Horizon = "5y",
    discount_rate: DiscountRate = 0.0,
    margin: Margin = 1.0,
    out: OutPath = None,
) -> None:
    """Say what a customer base is: who buys, how often, how unevenly, and what customers are worth.

    Orders, returns, second orders, retention, concentration, and the textbook's lifetime value
    beside the model's, with the difference explained. --out writes every number with its
    definition, for all customers, segments and cohorts.
    """
    with session(report) as reporter:
        from clvmodels.cli.auditing import Asked, audited

        asked = Asked(order, by or [], cohort, period, model, value, horizon, discount_rate, margin)
        audited(log, reporter, out=out, asked=asked)
