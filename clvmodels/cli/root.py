"""The command itself: its help and version, before any of its commands."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

__all__ = ["app"]

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
