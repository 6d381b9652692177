"""Commands that say how far to trust it: check, backtest, drift, report.

What does the work loads when a command runs, so that help comes at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from clvmodels.cli.console import session
from clvmodels.cli.options import (
    RESULTS,
    By,
    DiscountRate,
    Horizon,
    LogOptions,
    Margin,
    OutPath,
    ReportOptions,
    SavedModel,
    flattened,
)
from clvmodels.cli.root import app

__all__ = ["backtest", "check", "drift", "report"]

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
Cac: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="COST",
        help="What a customer costs to acquire, for unit economics: a number, or a .csv or "
        ".parquet file with the first column of --by and cac.",
        show_default=False,
    ),
]
Arms: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--group",
        metavar="NAME",
        help="Column that names the arm of a test each customer is in, to compare the arms.",
        show_default=False,
    ),
]
TestStart: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--start",
        metavar="DATE",
        help="First day of that test. If not given customers are compared from their first "
        "purchases on.",
        show_default=False,
    ),
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
    cac: Cac = None,
    group: Arms = None,
    start: TestStart = None,
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
        asked = Asked(
            *(purchases or [], by or [], since, top, title, currency, backtest),
            *(cac, group, start),
        )
        make_report(log, reporter, out=out, terms=terms, asked=asked)
