"""`explain`: why customers have their value, and why it moved since an earlier run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from clvmodels.cli.console import session
from clvmodels.cli.options import (
    By,
    CohortOption,
    DiscountRate,
    Horizon,
    LogOptions,
    Margin,
    OptionalModel,
    OutPath,
    Purchases,
    ReportOptions,
    flattened,
)
from clvmodels.cli.root import app

__all__ = ["explain"]

_EARLIER = "Since an earlier run"

Ids: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--customer-id",
        metavar="ID",
        help="Explain this customer in a sentence; may be given again.",
        show_default=False,
    ),
]
Before: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        help="The orders or the kept summary of the earlier run.",
        rich_help_panel=_EARLIER,
        show_default=False,
    ),
]
BeforeUntil: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="DATE",
        help="Last day of the earlier run; without --before these very orders up to then.",
        rich_help_panel=_EARLIER,
        show_default=False,
    ),
]
BeforeModel: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="The model of the earlier run; if not given that of --model, or one fitted to the "
        "earlier orders.",
        rich_help_panel=_EARLIER,
        show_default=False,
    ),
]
BeforeHorizon: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Its horizon, if another.",
        rich_help_panel=_EARLIER,
        show_default=False,
    ),
]
BeforeRate: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--before-discount-rate",
        help="Its annual rate, if another.",
        rich_help_panel=_EARLIER,
        show_default=False,
    ),
]
BeforeMargin: TypeAlias = Annotated[
    float | None,
    typer.Option(
        help="Its margin, if another.",
        rich_help_panel=_EARLIER,
        show_default=False,
    ),
]


@app.command(
    "explain", epilog="Example:  clvmodels explain orders.parquet --before-until 2024-09-30"
)
@flattened
def explain(
    log: LogOptions,
    report: ReportOptions,
    *,
    customer_id: Ids = None,
    model: OptionalModel = None,
    purchases: Purchases = "BGNBD",
    by: By = None,
    cohort: CohortOption = None,
    before: Before = None,
    before_until: BeforeUntil = None,
    before_model: BeforeModel = None,
    before_horizon: BeforeHorizon = None,
    before_discount_rate: BeforeRate = None,
    before_margin: BeforeMargin = None,
    horizon: Horizon = "1y",
    discount_rate: DiscountRate = 0.0,
    margin: Margin = 1.0,
    out: OutPath = None,
) -> None:
    """Say why customers are worth what they are, or why that has moved since an earlier run.

    The value of each customer as a sum: what customers of that age are worth, and what it adds how
    often they bought, when, and for how much. With --before or --before-until, why value moved:
    silence, new orders, refits, new customers. --out writes the sums of every customer.
    """
    with session(report) as reporter:
        from clvmodels.cli.explaining import Asked, Earlier, explained
        from clvmodels.cli.scoring import Valuation, read_horizon

        terms = Valuation(read_horizon(horizon), discount_rate, margin)
        length = None if before_horizon is None else read_horizon(before_horizon)
        earlier = Earlier(
            before, before_until, before_model, length, before_discount_rate, before_margin
        )
        asked = Asked(customer_id or [], model, purchases, by or [], cohort, terms, earlier)
        explained(log, reporter, out=out, asked=asked)
