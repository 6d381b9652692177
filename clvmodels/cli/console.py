"""What the command line says and where: results to stdout, all else to stderr, and exit codes."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final, TextIO

import typer
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from clvmodels.cli.document import as_json
from clvmodels.cli.options import ReportOptions
from clvmodels.errors import ClvError, DataWarning, IdentifiabilityWarning

__all__ = ["Reporter", "in_shell_words", "session"]

BAD_INPUT: Final = 2
INTERRUPTED: Final = 130
# Wide enough for a table of predictions where there is no terminal whose width would count.
_FILE_WIDTH: Final = 200
_BETWEEN_LINES: Final = 10.0  # seconds
_ARGUMENTS: Final = (
    "basis|within|return_rate|cost_per_order|cost_per_year|threshold|tiers|tier_values|slipping|"
    "response_rate|contact_cost|budget|cac|"
    "retention|purchase_rate|spend_change|new_margin|new_discount_rate|"
    "ahead|common_age|group|start|before|window|control|planned|power|effect|"
    "customer|date|amount|unit|observed_until|returns|invalid|strict|grid|date_format|time_zone|"
    "horizon|discount_rate|margin|interval|max_memory|late|cohort|significance|material|overlap|since|period|order"
)
_PYTHON_ONLY: Final = {
    "pass strict=False": "leave out --strict",
    "strict=True": "--strict",
    "a timedelta, ": "",
    "others=True": "--others",
    "planned={'control': 0.5, 'mail': 0.5}": "--planned control=0.5 --planned mail=0.5",
    "math.inf": "inf",
    ", or the name of a column of fractions": "",
    "what clvmodels.save wrote": "what clvmodels fit --model wrote",
    ", or read it yourself and pass the dataframe": "",
    ", or read them yourself and pass the dataframe": "",
    ", or pass spend=1.0 for the sum of discounts": "",
    "Read it with polars.scan_csv(path, separator=';') and pass the result": "Save it with commas",
}


@dataclass(frozen=True)
class Reporter:
    """Says things in the right place.

    Attributes
    ----------
    options : ReportOptions
        Whether to print JSON, and whether to be quiet.
    messages : Console
        Standard error.
    warned : list of str
        The warnings so far.
    """

    options: ReportOptions
    messages: Console
    warned: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Say what was decided for the user, on stderr."""
        if not self.options.quiet:
            self._say("note", "cyan", text)

    def error(self, text: str) -> None:
        """Say what stops the command, on stderr."""
        self._say("error", "bold red", in_shell_words(text))

    def warn(self, text: str) -> None:
        """Say what the user should know of, on stderr, and keep it for the JSON."""
        self.warned.append(in_shell_words(text))
        self._say("warning", "yellow", self.warned[-1])

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show what is being done while it is done, if someone watches."""
        # Not Console.is_terminal, which FORCE_COLOR makes true in logs.
        if self.options.json or self.options.quiet or not sys.stderr.isatty():
            yield
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self.messages, transient=True) as progress:
            progress.add_task(text, total=None)
            yield

    @contextmanager
    def steps(self, text: str, total: int) -> Iterator[Callable[[], None]]:
        """Show how many of several like things are done: a bar, or in logs a line now and then."""
        if self.options.json or self.options.quiet:
            yield lambda: None
        elif not sys.stderr.isatty():
            yield _Lines(self.note, text, total).advance
        else:
            columns = (
                SpinnerColumn(),
                TextColumn("{task.description}"),
                *([BarColumn(), MofNCompleteColumn()] if total > 1 else []),
                TimeElapsedColumn(),
            )
            with Progress(*columns, console=self.messages, transient=True) as progress:
                task = progress.add_task(text, total=total)
                yield lambda: progress.advance(task)

    def result(self, document: dict[str, Any], *shown: RenderableType) -> None:
        """Print the result on stdout: the document with ``--json``, else what is to be shown."""
        if self.options.json:
            print(as_json(document | {"warnings": self.warned}))
            return
        output = Console(width=None if sys.stdout.isatty() else _FILE_WIDTH, highlight=False)
        for each in shown:
            if isinstance(each, str):
                output.print(each, markup=False, soft_wrap=True)
            else:
                output.print(each)

    def _say(self, kind: str, style: str, text: str) -> None:
        message = Text.assemble((f"{kind}: ", style), " ".join(text.split()))
        self.messages.print(message, soft_wrap=True)


class _Lines:
    """Says how far a step has come, not more often than it matters to who reads the log later."""

    def __init__(self, note: Callable[[str], None], text: str, total: int) -> None:
        self.note, self.text, self.total = note, text, total
        self.done, self.begun = 0, monotonic()
        self.told = self.begun

    def advance(self) -> None:
        """Count one more, and say so if the last word was long ago."""
        self.done += 1
        now = monotonic()
        if now - self.told >= _BETWEEN_LINES and self.done < self.total:
            self.told = now
            self.note(f"{self.text}: {self.done} of {self.total} after {now - self.begun:.0f} s.")


@contextmanager
def session(options: ReportOptions) -> Iterator[Reporter]:
    """Run a command: warnings become messages, expected errors a message and an exit code."""
    import narwhals.exceptions
    import polars as pl

    reporter = Reporter(options, Console(stderr=True, highlight=False))
    with _warnings_to(reporter):
        try:
            yield reporter
        except ClvError as error:
            reporter.error(str(error))
        except (pl.exceptions.PolarsError, narwhals.exceptions.NarwhalsError) as error:
            first = next(iter(str(error).splitlines()), "")
            reporter.error(
                "The input is a readable table with the same columns and types in every file. "
                f"{type(error).__name__}: {first}. Check that the files are complete, or name one."
            )
        except BrokenPipeError:
            raise  # whoever reads the output has seen enough; Typer ends the process quietly
        except OSError as error:
            reporter.error(f"Files can be read and written. {error}. Check the path and the disk.")
        except KeyboardInterrupt:
            reporter.messages.print("Interrupted.")
            raise typer.Exit(INTERRUPTED) from None
        else:
            return
    raise typer.Exit(BAD_INPUT)


@contextmanager
def _warnings_to(reporter: Reporter) -> Iterator[None]:
    """Show this library's warnings as messages, and those of others as they come."""
    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, DataWarning | IdentifiabilityWarning):
                reporter.warn(str(message))
            else:
                others(message, category, filename, lineno, file, line)

        for category in (DataWarning, IdentifiabilityWarning):
            warnings.simplefilter("always", category)
        warnings.showwarning = show
        yield


def in_shell_words(text: str) -> str:
    """Say what the Python library says about arguments as options of the command line.

    Examples
    --------
    >>> in_shell_words("Correct them, or pass invalid='drop' to leave them out.")
    'Correct them, or pass --invalid drop to leave them out.'
    >>> in_shell_words("`discount_rate` is an annual fraction.")
    '--discount-rate is an annual fraction.'
    """
    for words, instead in _PYTHON_ONLY.items():
        text = text.replace(words, instead)
    text = re.sub(rf"\b({_ARGUMENTS})='([^']*)'", lambda m: f"{_option(m[1])} {m[2]}", text)
    return re.sub(rf"`({_ARGUMENTS})`", lambda m: _option(m[1]), text)


def _option(argument: str) -> str:
    return "--" + argument.replace("_", "-")
