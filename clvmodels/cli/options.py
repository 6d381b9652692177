"""The options of the command line, declared once and shared by the commands."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_type_hints

import typer

from clvmodels.units import TimeUnit

__all__ = [
    "LARGE",
    "RESULTS",
    "VALUE",
    "By",
    "CohortOption",
    "DiscountRate",
    "Grid",
    "Horizon",
    "Invalid",
    "LogOptions",
    "Margin",
    "ModelPath",
    "OptionalModel",
    "OutPath",
    "PurchaseKind",
    "Purchases",
    "ReportOptions",
    "Returns",
    "SavedModel",
    "flattened",
]

# The same as in clvmodels.customers and clvmodels.frames, which would load numpy and narwhals to
# show the help; a test compares them.
Returns: TypeAlias = Literal["net", "drop", "error"]
Invalid: TypeAlias = Literal["error", "drop"]
Grid: TypeAlias = Literal["day", "week", "month", "quarter", "year"]

_COLUMNS, _CLEANING = "Columns", "Cleaning"
RESULTS = "Results"
LARGE = "Large logs"
VALUE = "Value"

OutPath: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Write all rows here, as .parquet or .csv; without it the first are shown.",
        rich_help_panel=RESULTS,
    ),
]
PurchaseKind: TypeAlias = Literal["BGNBD", "MBGNBD", "ParetoNBD", "GGompertzNBD"]
Purchases: TypeAlias = Annotated[
    PurchaseKind,
    typer.Option(help="The model of when customers buy and leave.", show_default=True),
]
ModelPath: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="Save the model here, as JSON.", rich_help_panel=RESULTS),
]

Horizon: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="TIME",
        help="How far ahead: 90d, 26w, 12mo, 1y, a date, inf, or a number of units.",
        rich_help_panel=VALUE,
    ),
]
DiscountRate: TypeAlias = Annotated[
    float,
    typer.Option(
        help="Annual rate: with 0.1, money a year from now is worth 1/1.1.", rich_help_panel=VALUE
    ),
]
Margin: TypeAlias = Annotated[
    float,
    typer.Option(
        help="Share of spend that is profit, such as 0.3.",
        rich_help_panel=VALUE,
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
CohortOption: TypeAlias = Annotated[
    Literal["month", "quarter", "year"] | None,
    typer.Option(
        "--cohort",
        help="Segments by the calendar period of the first purchase, too: column 'cohort'.",
        show_default=False,
    ),
]
OptionalModel: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="PATH",
        help="A model that fit has saved; without it one is fitted to these orders.",
        show_default=False,
    ),
]
SavedModel: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH", help="Needed: the model that fit has saved.", rich_help_panel=RESULTS
    ),
]


@dataclass(frozen=True, kw_only=True)
class LogOptions:
    """Where the orders are and how they are read."""

    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="The orders, one row each: a parquet or csv file, a folder, a glob in quotes, or "
            "the state that update keeps.",
            show_default=False,
        ),
    ]
    customer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Column with the customer's id; guessed if there is one candidate.",
            rich_help_panel=_COLUMNS,
        ),
    ] = None
    date: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Column with the date of the order; guessed if there is one candidate.",
            rich_help_panel=_COLUMNS,
        ),
    ] = None
    amount: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Column with the value of the row, a product such as 'Quantity*Price', or none "
            "to count purchases only; guessed if there is one candidate.",
            rich_help_panel=_COLUMNS,
        ),
    ] = None
    date_format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="Form of the dates if it is not ISO, such as %d/%m/%Y; epoch-s, -ms, -us, -ns or "
            "-d for numbers.",
            rich_help_panel=_COLUMNS,
        ),
    ] = None
    time_zone: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE",
            help="Zone in which days begin, such as Europe/Berlin, for stamps that carry a zone.",
            rich_help_panel=_COLUMNS,
        ),
    ] = None
    unit: Annotated[
        TimeUnit | None,
        typer.Option(
            help="Unit of time; if not given week, or that of the model.", show_default=False
        ),
    ] = None
    observed_until: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="Last day of observation, such as 2024-12-31; if not given that of the orders.",
        ),
    ] = None
    returns: Annotated[
        Returns,
        typer.Option(
            help="Negative amounts: net takes them off earlier orders, drop ignores them, error "
            "refuses them.",
            rich_help_panel=_CLEANING,
        ),
    ] = "net"
    invalid: Annotated[
        Invalid,
        typer.Option(
            help="Rows with an unreadable date or no amount: refuse or leave out.",
            rich_help_panel=_CLEANING,
        ),
    ] = "error"
    grid: Annotated[
        Grid,
        typer.Option(
            help="Orders of one customer in the same period are one purchase. Months, quarters "
            "and years are those of the calendar.",
            rich_help_panel=_CLEANING,
        ),
    ] = "day"
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Refuse a log that loses rows or money for any reason not asked for.",
            rich_help_panel=_CLEANING,
        ),
    ] = False
    max_memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Memory that should do, such as 800MB or 2GB: large logs are worked on in smaller "
            "buckets of customers.",
            rich_help_panel=LARGE,
        ),
    ] = None
    buckets: Annotated[
        int | None, typer.Option(min=1, hidden=True, help="Number of buckets of customers.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """How results are told."""

    json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one JSON object and nothing else.", rich_help_panel=RESULTS
        ),
    ] = False
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="No progress and no notes.", rich_help_panel=RESULTS),
    ] = False


def flattened(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take its options in dataclasses, where Typer wants one parameter each."""
    hints = get_type_hints(command, include_extras=True)
    written = inspect.signature(command).parameters
    groups = {name: hints[name] for name in written if is_dataclass(hints[name])}
    parameters: list[inspect.Parameter] = []
    for name, parameter in written.items():
        if name in groups:
            parameters += _fields_as_parameters(groups[name])
        else:
            kind = inspect.Parameter.KEYWORD_ONLY
            parameters.append(parameter.replace(kind=kind, annotation=hints[name]))

    @wraps(command)
    def run(**given: Any) -> None:
        grouped = {
            name: kind(**{each.name: given.pop(each.name) for each in fields(kind)})
            for name, kind in groups.items()
        }
        command(**grouped, **given)

    # Typer reads it, and mypy knows no such attribute of a function.
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def _fields_as_parameters(kind: type[Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=getattr(kind, each.name, inspect.Parameter.empty),
            annotation=hints[each.name],
        )
        for each in fields(kind)
    ]
