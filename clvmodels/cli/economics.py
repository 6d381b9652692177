"""`economics`: lifetime value beside acquisition cost, by channel or any other segment."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

import typer

from clvmodels.cli.console import Reporter, session
from clvmodels.cli.options import (
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

__all__ = ["economics"]

_COSTS: Final = "Costs"
_TABLES: Final = ("table", "new_customers", "payback_curve")

Cac: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="COST",
        help="What a customer costs to acquire: a number, or a .csv or .parquet file with the "
        "columns of --by and cac.",
        rich_help_panel=_COSTS,
        show_default=False,
    ),
]
Basis: TypeAlias = Annotated[
    Literal["new", "acquired", "realised"] | None,
    typer.Option(
        help="Whose value: of a new customer, of those acquired so far, or what customers had "
        "brought in at the age --within. If not given new for all customers, acquired by segment.",
        show_default=False,
    ),
]
Within: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Age for --basis realised, such as 26w; customers who are younger do not count.",
        show_default=False,
    ),
]
ReturnRate: TypeAlias = Annotated[
    float,
    typer.Option(
        help="Share of spend that comes back, where returns are not in the orders.",
        rich_help_panel=_COSTS,
    ),
]
PerOrder: TypeAlias = Annotated[
    float, typer.Option(help="Cost to serve of an order.", rich_help_panel=_COSTS)
]
PerYear: TypeAlias = Annotated[
    float,
    typer.Option(help="Cost to serve of a year that a customer is there.", rich_help_panel=_COSTS),
]
Threshold: TypeAlias = Annotated[
    float,
    typer.Option(
        help="The LTV:CAC that is asked for; 3 is a rule of thumb.", rich_help_panel=_COSTS
    ),
]
Interval: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="PROBABILITY",
        help="Probability that a value is inside its interval.",
        rich_help_panel=VALUE,
    ),
]


@dataclass(frozen=True)
class _Asked:
    """Terms and costs, by the names of `clvmodels.unit_economics`."""

    basis: Literal["new", "acquired", "realised"] | None
    within: str | None
    discount_rate: float
    margin: float
    return_rate: float
    cost_per_order: float
    cost_per_year: float
    threshold: float
    interval: float


@app.command(
    epilog="Example:  clvmodels economics orders.parquet --cac 25 --margin 0.3 --by channel"
)
@flattened
def economics(
    log: LogOptions,
    report: ReportOptions,
    *,
    cac: Cac,
    basis: Basis = None,
    within: Within = None,
    return_rate: ReturnRate = 0.0,
    cost_per_order: PerOrder = 0.0,
    cost_per_year: PerYear = 0.0,
    threshold: Threshold = 3.0,
    model: OptionalModel = None,
    purchases: Purchases = "BGNBD",
    by: By = None,
    cohort: CohortOption = None,
    horizon: Horizon = "1y",
    discount_rate: DiscountRate = 0.0,
    margin: Margin = 1.0,
    interval: Interval = 0.9,
    out: OutPath = None,
) -> None:
    """Set what customers bring in beside what they cost: LTV:CAC, payback, what to bid.

    --out writes the table by segment; --json has that of new customers and the payback curve, too.
    """
    with session(report) as reporter:
        from clvmodels.cli.costs import read_costs
        from clvmodels.cli.deciding import decided
        from clvmodels.cli.tables import check_ending

        asked = _Asked(
            basis=basis,
            within=within,
            discount_rate=discount_rate,
            margin=margin,
            return_rate=return_rate,
            cost_per_order=cost_per_order,
            cost_per_year=cost_per_year,
            threshold=threshold,
            interval=interval,
        )
        check_ending(out, option="--out", table=True)
        costs = read_costs(cac)
        customers = decided(
            log, reporter, model=model, purchases=purchases, by=by or [], cohort=cohort
        )
        _tell(customers, reporter, asked, costs, horizon, out, source=log.source)


def _tell(
    customers: Any,
    reporter: Reporter,
    asked: _Asked,
    cac: Any,
    horizon: str,
    out: Path | None,
    source: str,
) -> None:
    from clvmodels.cli.deciding import write_table
    from clvmodels.cli.history import with_history
    from clvmodels.cli.scoring import read_horizon
    from clvmodels.cli.tables import replacing
    from clvmodels.economics.unit_economics import unit_economics
    from clvmodels.frames.historical_value import column_within
    from clvmodels.units import in_units

    within = asked.within
    days = math.inf if within is None else in_units(within, "day", name="within")
    orders, history = (column_within(name, days) for name in ("orders", "historical_value"))
    columns = (orders, "first_order", history)
    rfm, known = with_history(customers, reporter, columns, within=within)
    spent: dict[str, Any] = {}
    if known:
        spent = {"history": history, "first_order": "first_order"}
    purchases, spend = customers.given
    with replacing(out, source=source) as target:
        with reporter.step("Setting value beside cost"):
            found = unit_economics(
                rfm,
                purchases,
                spend,
                cac=cac,
                by=list(customers.by) or None,
                horizon=read_horizon(horizon),
                **vars(asked),
                **spent,
            )
        if target is not None:
            write_table(found.table, target)
    facts = customers.facts("economics") | {"horizon": horizon, **vars(asked), "out": out}
    for name in _TABLES:
        table = getattr(found, name)
        facts[name] = None if table is None else table.to_dict("records")
    facts |= {"basis": found.basis, "verdict": found.verdict, "notes": list(found.notes)}
    reporter.result(facts, str(found))
    if out is not None:
        reporter.note(f"Written: {out}")
