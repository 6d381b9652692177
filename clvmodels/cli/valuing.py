"""Commands from orders to values: summarize, fit, predict, total, update.

What does the work loads when a command runs, so that help comes at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from clvmodels.cli.console import session
from clvmodels.cli.options import (
    LARGE,
    VALUE,
    By,
    DiscountRate,
    Horizon,
    LogOptions,
    Margin,
    ModelPath,
    OutPath,
    Purchases,
    ReportOptions,
    SavedModel,
    flattened,
)
from clvmodels.cli.root import app

__all__ = ["fit", "predict", "summarize", "total", "update"]

Interval: TypeAlias = Annotated[
    float | None,
    typer.Option(
        metavar="PROBABILITY",
        help="Add an interval for each customer that holds with this probability, such as 0.9.",
        rich_help_panel=VALUE,
    ),
]
TotalInterval: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="PROBABILITY",
        help="Probability that a total is inside its interval.",
        rich_help_panel=VALUE,
    ),
]
InParts: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--parts",
        help="Make --out a folder of parquet files, one a bucket of customers.",
        rich_help_panel=LARGE,
    ),
]
Resume: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="With --parts: go on where a job with the same arguments was stopped.",
        rich_help_panel=LARGE,
    ),
]
StatePath: TypeAlias = Annotated[
    Path,
    typer.Argument(metavar="STATE", help="The folder of the kept summary.", show_default=False),
]
Late: TypeAlias = Annotated[
    Literal["error", "add"],
    typer.Option(
        help="Orders dated before the end of observation so far: refuse, or take for new ones."
    ),
]


@app.command(epilog="Example:  clvmodels summarize orders.csv --out rfm.parquet")
@flattened
def summarize(log: LogOptions, report: ReportOptions, *, out: OutPath = None) -> None:
    """Turn orders into one row a customer, and account for every row and cent.

    frequency: purchases after the first
    recency: time from the first purchase to the last
    T: time from the first purchase to the end of observation
    monetary_value: mean amount of the purchases after the first
    """
    with session(report) as reporter:
        from clvmodels.cli import jobs

        jobs.summarize(log, reporter, out=out)


@app.command(epilog="Example:  clvmodels fit orders.parquet --unit week --model model.json")
@flattened
def fit(
    log: LogOptions,
    report: ReportOptions,
    *,
    model: ModelPath = None,
    purchases: Purchases = "BGNBD",
) -> None:
    """Fit BG/NBD or a sister model to the purchases, Gamma-Gamma to the amounts, and save both.

    Prints estimates, whether the data pin them down, and where every row went.
    """
    with session(report) as reporter:
        from clvmodels.cli import jobs

        jobs.fit(log, reporter, model=model, purchases=purchases)


@app.command(
    epilog="Example:  clvmodels predict orders.parquet --model model.json --horizon 1y "
    "--discount-rate 0.1 --margin 0.3 --out clv.parquet"
)
@flattened
def predict(
    log: LogOptions,
    report: ReportOptions,
    *,
    model: SavedModel = None,
    out: OutPath = None,
    horizon: Horizon = "1y",
    discount_rate: DiscountRate = 0.0,
    margin: Margin = 1.0,
    interval: Interval = None,
    parts: InParts = False,
    resume: Resume = False,
) -> None:
    """Score every customer with a saved model: P(alive), expected purchases, value.

    Nothing is fitted, and the orders may be newer than those of the fit.
    """
    with session(report) as reporter:
        from clvmodels.cli import jobs
        from clvmodels.cli.scoring import Valuation, read_horizon
        from clvmodels.cli.tables import Target

        terms = Valuation(read_horizon(horizon), discount_rate, margin, interval)
        target = Target(out, parts=parts, resume=resume)
        jobs.predict(log, reporter, model=model, target=target, terms=terms)


@app.command(
    epilog="Example:  clvmodels total orders.parquet --model model.json --horizon 1y "
    "--margin 0.3 --by country"
)
@flattened
def total(
    log: LogOptions,
    report: ReportOptions,
    *,
    model: SavedModel = None,
    out: OutPath = None,
    by: By = None,
    horizon: Horizon = "1y",
    discount_rate: DiscountRate = 0.0,
    margin: Margin = 1.0,
    interval: TotalInterval = 0.9,
) -> None:
    """Predict the total of all customers, or of each segment, with an interval for the sum.

    The interval knows of chance and of the error of the saved estimates, which customers share.
    """
    with session(report) as reporter:
        from clvmodels.cli.scoring import Valuation, read_horizon
        from clvmodels.cli.totals import totals

        terms = Valuation(read_horizon(horizon), discount_rate, margin, interval)
        totals(log, reporter, model=model, out=out, terms=terms, by=by or [])


@app.command(
    epilog="Example:  clvmodels update state new-orders.parquet --observed-until 2024-12-31"
)
@flattened
def update(
    state: StatePath, log: LogOptions, report: ReportOptions, *, late: Late = "error"
) -> None:
    """Add new orders to a kept summary, without reading the old ones; the first orders make it.

    The folder of the state then stands in place of the orders in fit, predict and summarize. Names
    of columns and rules of cleaning are settled by the first orders.
    """
    with session(report) as reporter:
        from clvmodels.cli import jobs

        jobs.update(log, reporter, state=state, late=late)
