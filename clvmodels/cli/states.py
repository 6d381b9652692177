"""Kept summaries (`clvmodels.SummaryState`) on the command line: found, updated, and scored."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clvmodels.cli.options import LogOptions
from clvmodels.cli.sheets import SHEET
from clvmodels.errors import ParameterError
from clvmodels.frames.buckets import bucket_of, cuts_of
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.state.summary_state import SummaryState

if TYPE_CHECKING:
    import polars as pl

__all__ = ["is_state", "open_state", "refuse_rules", "split_customers"]

_MANIFEST: Final = "state.json"
# What may be said of a log whose rules are those of a state.
_FREE: Final = ("source", "unit", "max_memory", "buckets")


def is_state(path: Path) -> bool:
    """Tell whether a folder holds a kept summary."""
    return (path.expanduser() / _MANIFEST).is_file()


def open_state(options: LogOptions) -> SummaryState | None:
    """Return the state that a command is given in place of orders, if it is one.

    Raises
    ------
    ParameterError
        Options say how orders are read, which the state has settled.
    """
    if not is_state(Path(options.source)):
        return None
    refuse_rules(options, free=_FREE)
    return SummaryState.open(Path(options.source).expanduser())


def refuse_rules(options: LogOptions, *, free: tuple[str, ...]) -> None:
    """Raise `ParameterError` for options that were settled when the state was made."""
    given = [
        "--" + each.name.replace("_", "-")
        for each in fields(options)
        if each.name not in free and getattr(options, each.name) != each.default
    ]
    if given:
        raise ParameterError(
            "How orders are read is settled when a state is made, and where observation ends by "
            "its updates.",
            place=f"Got {', '.join(given)}.",
            fix="Leave them out, or make another state.",
        )


def split_customers(rfm: CustomerSummary, n: int, folder: Path) -> None:
    """Write a summary to `n` sheets of customers, by ranges of ids."""
    import polars as pl

    frame: pl.LazyFrame = rfm.frame
    rows = frame.select(pl.len()).collect(engine="streaming").item()
    ids = pl.col(rfm.customer)
    key = bucket_of(ids, cuts_of(frame.select(ids), rows, n)).alias(SHEET)
    frame.sink_parquet(
        pl.PartitionBy(folder, key=key, include_key=False, approximate_bytes_per_file=None),
        compression="lz4",
        mkdir=True,
        engine="streaming",
    )
