"""`compare-groups`: what arms of a test, or customers from before and after a date, are worth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from clvmodels.cli.console import Reporter, session
from clvmodels.cli.options import (
    DiscountRate,
    Horizon,
    LogOptions,
    Margin,
    OutPath,
    Purchases,
    ReportOptions,
    flattened,
)
from clvmodels.cli.root import app

if TYPE_CHECKING:
    from clvmodels.experiments.result import GroupComparison

__all__ = ["compare_groups"]

_ARMS: Final = "Arms"
_TABLES: Final = ("table", "arms", "balance", "tests", "power", "newcomers")

Group: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Column that names the arm of the customer, such as variant.",
        rich_help_panel=_ARMS,
        show_default=False,
    ),
]
Start: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="DATE",
        help="First day of the test: who bought before it is compared from then on. Without it "
        "each customer is compared from the first purchase on.",
        rich_help_panel=_ARMS,
        show_default=False,
    ),
]
Before: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="DATE",
        help="In place of --group: compare who came just before this day with who came later, at "
        "the same age.",
        rich_help_panel=_ARMS,
        show_default=False,
    ),
]
Window: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Observe each customer for so long, such as 13w.",
        rich_help_panel=_ARMS,
        show_default=False,
    ),
]
Control: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="ARM",
        help="The arm that others are compared with; if not given the one called control, or the "
        "first by name.",
        rich_help_panel=_ARMS,
        show_default=False,
    ),
]
Others: TypeAlias = Annotated[
    bool,
    typer.Option("--others", help="Make one arm of all but the control.", rich_help_panel=_ARMS),
]
Planned: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ARM=SHARE",
        help="Share of an arm that was planned, such as control=0.1; once for each arm. Equal ones "
        "if not given.",
        rich_help_panel=_ARMS,
        show_default=False,
    ),
]
Interval: TypeAlias = Annotated[float, typer.Option(help="Probability inside the intervals.")]
Power: TypeAlias = Annotated[
    float, typer.Option(help="Wanted probability of finding a difference that is there.")
]
Effect: TypeAlias = Annotated[
    float, typer.Option(help="Difference, as a fraction, for which needed customers are told.")
]


@dataclass(frozen=True)
class _Asked:
    """What is to be compared; see `clvmodels.compare_groups`."""

    group: str | None
    start: str | None
    before: str | None
    window: str | None
    control: str | None
    others: bool
    planned: list[str]
    purchases: str
    horizon: str
    discount_rate: float
    margin: float
    interval: float
    power: float
    effect: float


@app.command(
    epilog="Example:  clvmodels compare-groups orders.parquet --group variant --start 2024-09-01"
)
@flattened
def compare_groups(
    log: LogOptions,
    report: ReportOptions,
    *,
    group: Group = None,
    start: Start = None,
    before: Before = None,
    window: Window = None,
    control: Control = None,
    others: Others = False,
    planned: Planned = None,
    purchases: Purchases = "BGNBD",
    horizon: Horizon = "1y",
    discount_rate: DiscountRate = 0.0,
    margin: Margin = 1.0,
    interval: Interval = 0.9,
    power: Power = 0.8,
    effect: Effect = 0.05,
    out: OutPath = None,
) -> None:
    """Say whether customers of one arm of a test are worth more, by how much, and how sure that is.

    What was observed, what is predicted for the rest of the horizon, and both together, with
    intervals, the probability of being better, a check of the randomisation, and what the test
    could have shown. --out writes the table of differences.
    """
    with session(report) as reporter:
        asked = _Asked(
            *(group, start, before, window, control, others, planned or [], purchases),
            *(horizon, discount_rate, margin, interval, power, effect),
        )
        _compared(log, reporter, out=out, asked=asked)


def _compared(log: LogOptions, reporter: Reporter, *, out: Path | None, asked: _Asked) -> None:
    from clvmodels.cli.deciding import write_table
    from clvmodels.cli.orders import open_orders
    from clvmodels.cli.scoring import read_horizon
    from clvmodels.cli.tables import check_ending, replacing
    from clvmodels.errors import ParameterError
    from clvmodels.experiments.compare import compare_groups as compared

    check_ending(out, option="--out", table=True)
    unit = log.unit or "week"
    horizon = read_horizon(asked.horizon)
    orders = open_orders(log, reporter, unit=unit)
    if orders.state is not None or log.grid != "day":
        raise ParameterError(
            "Groups are compared from orders, by day.",
            place=f"{log.source} is a kept summary."
            if orders.state is not None
            else f"Got --grid {log.grid}.",
            fix="Pass the files of the orders, and leave out --grid.",
        )
    rules = {name: each for name, each in vars(orders.rules).items() if name != "grid"}
    with replacing(out, source=log.source) as target, reporter.step("Comparing"):
        found = compared(
            orders.frame,
            **rules,
            unit=unit,
            observed_until=log.observed_until,
            horizon=horizon,
            group=asked.group,
            start=asked.start,
            before=asked.before,
            window=None if asked.window is None else read_horizon(asked.window),
            control=asked.control,
            others=asked.others,
            planned=_shares(asked.planned),
            purchases=asked.purchases,
            discount_rate=asked.discount_rate,
            margin=asked.margin,
            interval=asked.interval,
            power=asked.power,
            effect=asked.effect,
        )
        if target is not None:
            write_table(found.table, target)
    facts = {"command": "compare-groups", **orders.describe(), "group": asked.group, "out": out}
    reporter.result(facts | _described(found), str(found))
    if out is not None:
        reporter.note(f"Written: {out}")


def _shares(planned: list[str]) -> dict[str, float] | None:
    from clvmodels.errors import ParameterError

    if not planned:
        return None
    pairs = [each.rpartition("=") for each in planned]
    try:
        shares = {name: float(share) for name, _, share in pairs}
    except ValueError:
        shares = {}
    if len(shares) < len(planned) or "" in shares:
        raise ParameterError(
            "A planned share is an arm and a number.",
            place=f"Got {', '.join(planned)}.",
            fix="Write --planned control=0.5 --planned mail=0.5.",
        )
    return shares


def _described(found: GroupComparison) -> dict[str, Any]:
    tables = {name: getattr(found, name).to_dict("records") for name in _TABLES}
    return {
        "design": found.design,
        "control": found.control,
        "observed_until": found.observed_until,
        "horizon": found.horizon,
        "interval": found.level,
        "power_wanted": found.target,
        "verdicts": found.verdicts,
        "dangers": found.warnings,
        "notes": found.notes,
        "left_out": found.left_out,
        **tables,
    }
