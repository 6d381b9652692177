"""`segment`: value tiers, states, RFM cells, and whom to win back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import typer

from clvmodels.cli.console import Reporter, session
from clvmodels.cli.options import (
    RESULTS,
    VALUE,
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

__all__ = ["segment"]

_ERRORS, _CONTACTS = "What errors cost", "Winning back"
_TABLES: Final = ("table", "tiers", "states", "rfm")

Tiers: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="TIERS",
        help="Value tiers: a number of equal ones, or names with the share of the customers in "
        "each, best first, such as top=0.1,middle=0.4,low=0.5.",
    ),
]
TierValues: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="VALUES",
        help="In place of --tiers: names with the value from which on, such as "
        "gold=500,silver=100,bronze=0.",
        show_default=False,
    ),
]
Wasted: TypeAlias = Annotated[
    float, typer.Option(help="Effort for who has gone.", rich_help_panel=_ERRORS)
]
GivenUp: TypeAlias = Annotated[
    float,
    typer.Option(help="Lost by giving up who is still there.", rich_help_panel=_ERRORS),
]
Needless: TypeAlias = Annotated[
    float, typer.Option(help="An offer to who had stayed anyway.", rich_help_panel=_ERRORS)
]
Missed: TypeAlias = Annotated[
    float, typer.Option(help="Lost by no offer to who leaves.", rich_help_panel=_ERRORS)
]
Slipping: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        help="Share of loyal customers who are called slipping by chance.",
        rich_help_panel=_ERRORS,
    ),
]
Response: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE",
        help="Share of contacted customers who come back because of it: a number, or one by state "
        "such as slipping=0.1,lost=0.01. Without it the list has what is at stake.",
        rich_help_panel=_CONTACTS,
        show_default=False,
    ),
]
ContactCost: TypeAlias = Annotated[
    float, typer.Option(help="Of one contact.", rich_help_panel=_CONTACTS)
]
Budget: TypeAlias = Annotated[
    float | None,
    typer.Option(help="For all contacts.", rich_help_panel=_CONTACTS, show_default=False),
]
Since: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Compare with so long ago; if not given with the moment after the last order.",
        rich_help_panel=_CONTACTS,
        show_default=False,
    ),
]
ListPath: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Write the customers to win back here, as .parquet or .csv.",
        rich_help_panel=RESULTS,
    ),
]
Interval: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="PROBABILITY",
        help="Probability that a sum is inside its interval; 0 for none, which is faster.",
        rich_help_panel=VALUE,
    ),
]


@dataclass(frozen=True)
class _Asked:
    """What `clvmodels.segment` is asked, by its names."""

    tiers: Any
    tier_values: dict[str, float] | None
    costs: Any
    slipping: float
    response_rate: Any
    contact_cost: float
    budget: float | None
    since: Any
    discount_rate: float
    margin: float
    interval: float | None


@app.command(
    epilog="Example:  clvmodels segment orders.parquet --margin 0.3 --response-rate 0.05 "
    "--contact-cost 0.8 --out customers.csv"
)
@flattened
def segment(
    log: LogOptions,
    report: ReportOptions,
    *,
    tiers: Tiers = "top=0.1,high=0.2,middle=0.3,low=0.4",
    tier_values: TierValues = None,
    wasted: Wasted = 1.0,
    given_up: GivenUp = 9.0,
    needless: Needless = 1.0,
    missed: Missed = 1.0,
    slipping: Slipping = 0.1,
    response_rate: Response = None,
    contact_cost: ContactCost = 0.0,
    budget: Budget = None,
    since: Since = None,
    model: OptionalModel = None,
    purchases: Purchases = "MBGNBD",
    by: By = None,
    cohort: CohortOption = None,
    horizon: Horizon = "1y",
    discount_rate: DiscountRate = 0.0,
    margin: Margin = 1.0,
    interval: Interval = 0.9,
    out: OutPath = None,
    reactivation: ListPath = None,
) -> None:
    """Put customers into value tiers, states and RFM cells, and list whom to win back.

    States come from P(alive) and from what errors cost. --out writes every customer with tier,
    state, cell and reasons.
    """
    with session(report) as reporter:
        from clvmodels.cli.deciding import decided
        from clvmodels.cli.scoring import read_horizon
        from clvmodels.cli.tables import check_ending
        from clvmodels.segmentation.states import StateCosts

        for path, option in ((out, "--out"), (reactivation, "--reactivation")):
            check_ending(path, option=option, table=True)
        asked = _Asked(
            tiers=_named(tiers, "--tiers"),
            tier_values=None if tier_values is None else _named(tier_values, "--tier-values"),
            costs=StateCosts(wasted, given_up, needless, missed),
            slipping=slipping,
            response_rate=None
            if response_rate is None
            else _named(response_rate, "--response-rate"),
            contact_cost=contact_cost,
            budget=budget,
            since=None if since is None else read_horizon(since),
            discount_rate=discount_rate,
            margin=margin,
            interval=interval or None,
        )
        customers = decided(
            log, reporter, model=model, purchases=purchases, by=by or [], cohort=cohort
        )
        _tell(customers, reporter, asked, horizon, (out, reactivation), source=log.source)


def _named(text: str, option: str) -> Any:
    """Return a number, or names with numbers, as they are written in a shell.

    Raises
    ------
    ParameterError
        The text is neither.

    Examples
    --------
    >>> _named("10", "--tiers"), _named("a=0.5,b=2", "--tiers")
    (10, {'a': 0.5, 'b': 2.0})
    """
    from clvmodels.errors import ParameterError

    try:
        if "=" in text:
            pairs = (part.rsplit("=", 1) for part in text.split(","))
            return {name.strip(): float(value) for name, value in pairs}
        return int(text) if text.strip().isdigit() else float(text)
    except ValueError as error:
        raise ParameterError(
            f"{option} is a number, or names with numbers.",
            place=f"Got {text}.",
            fix="Write them as name=number, with commas between.",
        ) from error


def _tell(
    customers: Any,
    reporter: Reporter,
    asked: _Asked,
    horizon: str,
    paths: tuple[Path | None, Path | None],
    source: str,
) -> None:
    from clvmodels.cli.deciding import write_table
    from clvmodels.cli.history import with_history
    from clvmodels.cli.scoring import read_horizon
    from clvmodels.cli.tables import SHOWN, replacing
    from clvmodels.segmentation.segment import segment as library

    wanted = ("historical_value", "largest_order")
    rfm, known = with_history(customers, reporter, wanted)
    spent: dict[str, Any] = {}
    if known:
        spent = {"history": wanted[0], "largest_order": wanted[1]}
    purchases, spend = customers.given
    with replacing(paths[0], source=source) as first, replacing(paths[1], source=source) as second:
        with reporter.step("Making segments"):
            found = library(
                rfm,
                purchases,
                spend,
                horizon=read_horizon(horizon),
                by=list(customers.by) or None,
                **vars(asked),
                **spent,
            )
        for target, table in ((first, found.customers), (second, found.reactivation)):
            if target is not None:
                write_table(table, target)
    facts = customers.facts("segment") | {"horizon": horizon, **vars(asked)}
    facts["costs"] = vars(found.costs)
    facts |= {"lost_below": found.costs.lost_below, "at_risk_below": found.costs.at_risk_below}
    facts |= {name: getattr(found, name).to_dict("records") for name in _TABLES}
    facts |= {
        "reactivation": found.reactivation.head(SHOWN).to_dicts(),
        "reactivation_customers": len(found.reactivation),
        "verdict": found.verdict,
        "notes": list(found.notes),
        "out": paths[0],
        "reactivation_out": paths[1],
    }
    reporter.result(facts, str(found))
    for path in paths:
        if path is not None:
            reporter.note(f"Written: {path}")
