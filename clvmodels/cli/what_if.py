"""`what-if`: the change in value if customers stayed longer, bought more often or spent more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

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

__all__ = ["what_if"]

_LEVERS: Final = "Levers"
_TABLES: Final = (
    *("table", "total", "new_customer", "levers", "retention"),
    *("attribution", "sensitivity", "break_even"),
)

Retention: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="CHANGE",
        help="One-year retention of new customers: +5pp is five points more, +5% five per cent of "
        "what it is; 0 holds it while another lever moves.",
        rich_help_panel=_LEVERS,
        show_default=False,
    ),
]
PurchaseRate: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="CHANGE",
        help="How often customers buy while they are customers, such as +10%.",
        rich_help_panel=_LEVERS,
        show_default=False,
    ),
]
Spend: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--spend",
        "--spend-change",
        metavar="CHANGE",
        help="The value of every order, such as +5%.",
        rich_help_panel=_LEVERS,
        show_default=False,
    ),
]
NewMargin: TypeAlias = Annotated[
    float | None,
    typer.Option(
        help="The margin instead of --margin.", rich_help_panel=_LEVERS, show_default=False
    ),
]
NewRate: TypeAlias = Annotated[
    float | None,
    typer.Option(
        help="The annual rate instead of --discount-rate.",
        rich_help_panel=_LEVERS,
        show_default=False,
    ),
]
Interval: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="PROBABILITY",
        help="Probability that a change is inside its interval.",
        rich_help_panel=VALUE,
    ),
]


@dataclass(frozen=True)
class _Asked:
    """Levers and terms, by the names of `clvmodels.what_if`."""

    retention: str | float | None
    purchase_rate: str | float | None
    spend_change: str | float | None
    new_margin: float | None
    new_discount_rate: float | None
    discount_rate: float
    margin: float
    interval: float


@app.command(
    "what-if",
    epilog="Example:  clvmodels what-if orders.parquet --retention +5pp --margin 0.3 --by country",
)
@flattened
def what_if(
    log: LogOptions,
    report: ReportOptions,
    *,
    retention: Retention = None,
    purchase_rate: PurchaseRate = None,
    spend: Spend = None,
    new_margin: NewMargin = None,
    new_discount_rate: NewRate = None,
    model: OptionalModel = None,
    purchases: Purchases = "BGNBD",
    by: By = None,
    cohort: CohortOption = None,
    horizon: Horizon = "5y",
    discount_rate: DiscountRate = 0.0,
    margin: Margin = 1.0,
    interval: Interval = 0.9,
    out: OutPath = None,
) -> None:
    """Say what value changes if customers stayed longer, bought more often or spent more.

    The population of the model is moved until what is stated has changed by exactly as much; the
    past stays as it was. --out writes the change of each segment.
    """
    with session(report) as reporter:
        from clvmodels.cli.deciding import decided
        from clvmodels.cli.tables import check_ending

        asked = _Asked(
            _number(retention),
            _number(purchase_rate),
            _number(spend),
            new_margin,
            new_discount_rate,
            discount_rate,
            margin,
            interval,
        )
        check_ending(out, option="--out", table=True)
        _check(asked)
        customers = decided(
            log, reporter, model=model, purchases=purchases, by=by or [], cohort=cohort
        )
        _tell(customers, reporter, asked, horizon, out, source=log.source)


def _number(text: str | None) -> str | float | None:
    """Return 0.05 as the number that it is, and other texts as they are."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text


def _check(asked: _Asked) -> None:
    """Raise before the orders are read, as far as can be told by then."""
    from clvmodels.models.intervals import check_level
    from clvmodels.scenarios.levers import Levers
    from clvmodels.units import rate_per_unit
    from clvmodels.value import check_margin

    changes = asked.retention, asked.purchase_rate, asked.spend_change
    Levers.read(*changes, asked.new_margin, asked.new_discount_rate)
    check_level(asked.interval, name="interval")
    for rate in (asked.discount_rate, asked.new_discount_rate or 0.0):
        rate_per_unit(rate, "year")
    for share in (asked.margin, asked.new_margin or 0.0):
        check_margin(share)


def _tell(
    customers: Any, reporter: Reporter, asked: _Asked, horizon: str, out: Path | None, source: str
) -> None:
    from clvmodels.cli.deciding import write_table
    from clvmodels.cli.scoring import read_horizon
    from clvmodels.cli.tables import replacing
    from clvmodels.scenarios.what_if import what_if as library

    fitted, spent = customers.given
    with replacing(out, source=source) as target:
        with reporter.step("Moving the population"):
            found = library(
                fitted,
                spent,
                customers.rfm,
                **vars(asked),
                horizon=read_horizon(horizon),
                by=list(customers.by) or None,
            )
        if target is not None:
            write_table(found.table, target)
    facts = customers.facts("what-if") | {"horizon": horizon, **vars(asked), "out": out}
    facts |= {name: getattr(found, name).to_dict("records") for name in _TABLES}
    facts |= {"verdict": found.verdict, "notes": list(found.notes)}
    reporter.result(facts, str(found))
    if out is not None:
        reporter.note(f"Written: {out}")
