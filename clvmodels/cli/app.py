"""The commands and their help: summarize, check, fit, predict, total, backtest and others.

What does the work loads when a command runs, so that help comes at once.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from clvmodels.cli.console import session
from clvmodels.cli.options import (
    LARGE,
    RESULTS,
    LogOptions,
    ModelPath,
    OutPath,
    Purchases,
    ReportOptions,
    flattened,
)

__all__ = ["app"]

_VALUE = "Value"
Horizon: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="TIME",
        help="How far ahead: 90d, 26w, 12mo, 1y, a date, inf, or a number of units.",
        rich_help_panel=_VALUE,
    ),
]
DiscountRate: TypeAlias = Annotated[
    float,
    typer.Option(
        help="Annual rate: with 0.1, money a year from now is worth 1/1.1.", rich_help_panel=_VALUE
    ),
]
Margin: TypeAlias = Annotated[
    float,
    typer.Option(
        help="Share of spend that is profit, such as 0.3.",
        rich_help_panel=_VALUE,
    ),
]
Interval: TypeAlias = Annotated[
    float | None,
    typer.Option(
        metavar="PROBABILITY",
        help="Add an interval for each customer that holds with this probability, such as 0.9.",
        rich_help_panel=_VALUE,
    ),
]
TotalInterval: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="PROBABILITY",
        help="Probability that a total is inside its interval.",
        rich_help_panel=_VALUE,
    ),
]
By: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Column of the orders, such as a country or channel, or of the summary, that makes "
        "segments; may be given again. A customer is where most of their orders are.",
        show_default=False,
    ),
]
SavedModel: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH", help="Needed: the model that fit has saved.", rich_help_panel=RESULTS
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

ReportPath: TypeAlias = Annotated[
    Path,
    typer.Option(metavar="PATH", help="Where to write the page.", rich_help_panel=RESULTS),
]
Candidates: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--purchases",
        metavar="NAME",
        help="A model of when customers buy and leave, such as GGompertzNBD; may be given again. "
        "The one that describes the data best is taken. If not given BGNBD, MBGNBD, ParetoNBD.",
        show_default=False,
    ),
]
Since: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="TIME",
        help="Customers at risk are those whose P(alive) has fallen since so long ago.",
    ),
]
Top: TypeAlias = Annotated[
    int, typer.Option(min=1, help="How many single customers the lists have.")
]
Title: TypeAlias = Annotated[
    str | None, typer.Option(help="Title of the page.", rich_help_panel=RESULTS, show_default=False)
]
Currency: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Sign or code of the currency, put before amounts.",
        rich_help_panel=RESULTS,
        show_default=False,
    ),
]
WithBacktest: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--backtest/--no-backtest",
        help="Compare predictions with what happened later, beside simple rules.",
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

RefitPath: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Save the model fitted to the new orders here, as JSON, whatever the verdict.",
        rich_help_panel=RESULTS,
    ),
]
Overlap: TypeAlias = Annotated[
    Literal["auto", "nested", "separate"],
    typer.Option(
        help="Whether the orders of the fit are in the new ones, or of other customers.",
    ),
]
Significance: TypeAlias = Annotated[
    float, typer.Option(help="p-value below which the estimates have moved for certain.")
]
Material: TypeAlias = Annotated[
    float, typer.Option(help="Relative change of an expected total from which on it matters.")
]

Ahead: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="TIME",
        help="How far ahead each prediction looks: 90d, 26w, 12mo, 1y, or a number of units.",
    ),
]
Contestants: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--purchases",
        metavar="NAME",
        help="A model of when customers buy and leave, such as GGompertzNBD, or BGBB with --grid "
        "month; may be given again. If not given BGNBD, MBGNBD, ParetoNBD.",
        show_default=False,
    ),
]
PastOrigins: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--origin",
        metavar="DATE",
        help="Last day that is known to a prediction; may be given again. If not given, they are "
        "placed.",
        show_default=False,
    ),
]
OriginCount: TypeAlias = Annotated[
    int, typer.Option("--origins", min=1, help="How many to place, the last one horizon ago.")
]
CohortKind: TypeAlias = Annotated[
    Literal["month", "quarter", "year", "none"],
    typer.Option(help="Calendar period of the first purchase by which customers are grouped."),
]
CoveredInterval: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="PROBABILITY",
        help="What intervals for single customers are meant to hold; the result says what they do.",
    ),
]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog="Start with:  clvmodels fit orders.parquet --model model.json\n\n"
    "Then score:  clvmodels predict orders.parquet --model model.json --out clv.parquet",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"clvmodels {version('clvmodels')}")
        raise typer.Exit


@app.callback(
    help="Customer lifetime value from a log of orders: who still buys, how often, and its value."
)
def _clvmodels(
    *,
    wanted: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


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


@app.command(epilog="Example:  clvmodels check orders.parquet --observed-until 2024-12-31")
@flattened
def check(log: LogOptions, report: ReportOptions) -> None:
    """Look for what would make a fit misleading, before anything is fitted.

    Too little history, customers from before the log, drift, contracts, whales, missing one-time
    buyers, missing orders: each with a number, why it matters, and what to do.
    """
    with session(report) as reporter:
        from clvmodels.cli.check import check_log

        check_log(log, reporter)


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


@app.command(
    epilog="Example:  clvmodels report orders.parquet --margin 0.3 --by country --out report.html"
)
@flattened
def report(
    log: LogOptions,
    report: ReportOptions,
    *,
    out: ReportPath = Path("report.html"),
    purchases: Candidates = None,
    by: By = None,
    since: Since = "8w",
    top: Top = 50,
    backtest: WithBacktest = True,
    horizon: Horizon = "1y",
    discount_rate: DiscountRate = 0.1,
    margin: Margin = 1.0,
    title: Title = None,
    currency: Currency = None,
) -> None:
    """Make one page for people: what customers are worth, who is at risk, how far to trust it.

    The page is one file of HTML that needs no network.
    """
    with session(report) as reporter:
        from clvmodels.cli.report import Asked, make_report
        from clvmodels.cli.scoring import Valuation, read_horizon

        terms = Valuation(read_horizon(horizon), discount_rate, margin)
        asked = Asked(purchases or [], by or [], since, top, title, currency, backtest)
        make_report(log, reporter, out=out, terms=terms, asked=asked)


@app.command(epilog="Example:  clvmodels backtest orders.parquet --horizon 13w --by country")
@flattened
def backtest(
    log: LogOptions,
    report: ReportOptions,
    *,
    horizon: Ahead = "13w",
    purchases: Contestants = None,
    origins: OriginCount = 3,
    origin: PastOrigins = None,
    by: By = None,
    cohort: CohortKind = "quarter",
    interval: CoveredInterval = 0.9,
    out: OutPath = None,
) -> None:
    """Predict from past dates, with models and with the rules that people use, and say who wins.

    Nothing later than a date reaches its predictions. --out writes every metric by date, model,
    cohort and segment.
    """
    with session(report) as reporter:
        from clvmodels.cli.backtest import Asked, judged

        asked = Asked(horizon, purchases or [], origin or [], origins, by or [], cohort, interval)
        judged(log, reporter, out=out, asked=asked)


@app.command(epilog="Example:  clvmodels drift orders.parquet --model model.json")
@flattened
def drift(
    log: LogOptions,
    report: ReportOptions,
    *,
    model: SavedModel = None,
    out: RefitPath = None,
    horizon: Horizon = "1y",
    overlap: Overlap = "auto",
    significance: Significance = 0.01,
    material: Material = 0.05,
) -> None:
    """Say whether a saved model needs to be fitted anew: "refit" or "not yet", and why.

    Takes newer orders, with those of the fit among them, or the folder of a kept summary. "refit"
    needs estimates that have moved for certain, and a future that they change enough.
    """
    with session(report) as reporter:
        from clvmodels.cli.drift import Terms, drifted
        from clvmodels.cli.scoring import read_horizon

        terms = Terms(read_horizon(horizon), overlap, significance, material)
        drifted(log, reporter, model=model, out=out, terms=terms)
