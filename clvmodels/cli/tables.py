"""Tables out of the command line: whole to a file in one step, or the first rows to the screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from clvmodels.atomic import atomic_path
from clvmodels.errors import DataError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["SHOWN", "check_ending", "replacing", "screen_table", "write_table"]

SHOWN: Final = 10


@contextmanager
def replacing(path: Path | None, *, source: str) -> Iterator[Path | None]:
    """Yield a temporary path that replaces `path` at the end, or None if there is no path.

    Opened before the work starts, so that hours do not end at a path that cannot be written.

    Raises
    ------
    DataError
        The path is among the inputs, or cannot be written.
    """
    if path is None:
        yield None
        return
    if _is_input(path, source):
        raise DataError(
            "The output is not among the inputs, else the next run would take it for orders.",
            place=f"{path} is part of {source}.",
            fix="Write to another folder.",
        )
    with atomic_path(path) as temporary:
        yield temporary


def check_ending(path: Path | None, *, option: str, table: bool) -> None:
    """Raise `DataError` if a table would be written as something else, or something else as one."""
    if path is None or _is_table(path) == table:
        return
    raise DataError(
        "Tables are written as .parquet or .csv."
        if table
        else "A model is written as JSON, never over a table.",
        place=f"Got {path}.",
        fix=f"Give {option} a name such as {'clv.parquet' if table else 'model.json'}.",
    )


def write_table(frame: pl.LazyFrame, path: Path) -> None:
    """Write a lazy frame without collecting it."""
    if path.suffix.lower() == ".csv":
        frame.sink_csv(path)
    else:
        frame.sink_parquet(path)


def screen_table(rows: pl.DataFrame) -> Table:
    """Return rows as a table for the screen; the first column has the ids."""
    table = Table(box=SIMPLE_HEAD, padding=0, show_edge=False)
    ids, *numbers = rows.iter_columns()
    # Long headings break at underscores, so that all columns fit 80 characters.
    table.add_column(Text(ids.name.replace("_", "\n")))
    for column in numbers:
        table.add_column(column.name.replace("_", "\n"), justify="right", no_wrap=True)
    shown = [_ids(ids), *map(_numbers, numbers)]
    for row in zip(*shown, strict=True):
        table.add_row(*row)
    return table


def _ids(column: pl.Series) -> list[Text]:
    """Return ids as text, whole numbers that are kept as floats without their decimals."""
    return [
        Text(f"{each:.0f}" if isinstance(each, float) and each.is_integer() else str(each))
        for each in column
    ]


def _numbers(column: pl.Series) -> list[str]:
    """Return numbers with the same decimals: four for probabilities, two for times and money."""
    if not column.dtype.is_float():
        return [str(each) for each in column]
    largest = column.abs().max()
    digits = 4 if isinstance(largest, float) and largest <= 1.0 else 2
    return ["-" if each is None else f"{each:,.{digits}f}" for each in column]


def _is_table(path: Path) -> bool:
    return path.name.lower().endswith((".parquet", ".pq", ".csv"))


def _is_input(path: Path, source: str) -> bool:
    given, target = Path(source).expanduser().resolve(), path.resolve()
    if given.is_dir():
        return target.is_relative_to(given) and _is_table(target)
    return target == given or (has_magic(source) and target.match(str(given)))
