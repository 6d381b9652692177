"""Where tables go: whole to a file in one step, or the first rows to the screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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

__all__ = ["SHOWN", "Target", "check_ending", "refuse_input", "replacing", "screen_table"]

SHOWN: Final = 10


@dataclass(frozen=True)
class Target:
    """Where predictions go.

    Attributes
    ----------
    path : Path or None
        A file, or a folder; None for the screen.
    parts : bool
        Whether it is a folder of parts.
    resume : bool
        Whether to go on with parts that are there.
    """

    path: Path | None
    parts: bool = False
    resume: bool = False

    def check(self) -> None:
        """Raise `DataError` unless the options go together, and the path with them."""
        if not self.parts:
            if self.resume:
                raise DataError(
                    "A job that was stopped goes on where it has written parts.",
                    place="Got --resume without --parts.",
                    fix="Add --parts, or leave out --resume: a single file is written anew.",
                )
            check_ending(self.path, option="--out", table=True)
        elif self.path is None or _is_table(self.path):
            raise DataError(
                "Parts are written to a folder.",
                place="No --out was given." if self.path is None else f"Got {self.path}.",
                fix="Name one, such as --out clv.",
            )


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
    refuse_input(path, source)
    with atomic_path(path) as temporary:
        yield temporary


def refuse_input(path: Path, source: str) -> None:
    """Raise `DataError` if a table written to a path would be among the inputs."""
    if _is_input(path, source):
        raise DataError(
            "The output is not among the inputs, else the next run would take it for orders.",
            place=f"{path} is part of {source}.",
            fix="Write to another folder.",
        )


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
