"""Findings about a log, and all of them together."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from clvmodels.errors import ParameterError, did_you_mean
from clvmodels.markup import html_card, html_list, html_table
from clvmodels.units import TimeUnit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Finding", "Level", "SuitabilityCheck", "Topic", "level_of"]

Level: TypeAlias = Literal["ok", "note", "warning", "problem"]

LEVELS: Final[tuple[Level, ...]] = get_args(Level)
_DIGITS: Final = 10  # sums of money differ in the last of sixteen digits with the order of the rows
_WIDTH, _INDENT = 92, 9  # of a finding in a terminal
_SHOWN: Final = ("topic", "level", "measure", "number", "says", "advice")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at in a log.

    Attributes
    ----------
    topic : str
        What was looked at, such as "repeat share".
    level : {'ok', 'note', 'warning', 'problem'}
        "note": worth knowing, or not decided by these data. "warning": predictions are off in a
        direction that `matters` tells. "problem": a fit would describe something else.
    number : float
        What was measured; NaN where the data do not say.
    measure : str
        What the number is, with its unit.
    says : str
        What is the case, in a sentence with the numbers.
    matters : str
        Why it matters.
    advice : str
        What to do.
    threshold : str
        From where on the level is another one, and why there.
    """

    topic: str
    level: Level
    number: float
    measure: str
    says: str
    matters: str
    advice: str
    threshold: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "number", _rounded(self.number))

    def __str__(self) -> str:
        words = f"{self.topic}: {self.says}"
        if self.level != "ok":
            words = f"{words} {self.reasons}"
        first = f"{self.level.upper():<{_INDENT}}"
        later = " " * _INDENT
        return textwrap.fill(
            words, _WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False
        )

    @property
    def reasons(self) -> str:
        """Why it matters, where the data say something, and what to do."""
        return self.advice if math.isnan(self.number) else f"{self.matters} {self.advice}"


@dataclass(frozen=True)
class SuitabilityCheck:
    """All findings about a log; made by `check`.

    Attributes
    ----------
    findings : tuple of Finding
        In the order in which they were looked at.
    customers, repeat_customers : int
        Customers, and those with a repeat purchase.
    unit : TimeUnit
        Unit of times in the findings.
    observed_until : date or None
        Last day of observation, included.
    """

    findings: tuple[Finding, ...]
    customers: int
    repeat_customers: int
    unit: TimeUnit
    observed_until: date | None

    @property
    def level(self) -> Level:
        """The worst level of all findings."""
        return max((each.level for each in self.findings), key=LEVELS.index)

    @property
    def verdict(self) -> str:
        """One sentence about all findings."""
        problems, warnings = (self._topics(level) for level in ("problem", "warning"))
        if problems:
            more = f" Then look at: {'; '.join(warnings)}." if warnings else ""
            return f"Do not trust a fit before this is settled: {'; '.join(problems)}.{more}"
        if warnings:
            return f"Fit, but mind: {'; '.join(warnings)}."
        return "Nothing here speaks against a fit."

    @property
    def table(self) -> pd.DataFrame:
        """The findings as a table: topic, level, measure, number, says, advice."""
        import pandas as pd

        return pd.DataFrame({name: [getattr(f, name) for f in self.findings] for name in _SHOWN})

    def finding(self, topic: str) -> Finding:
        """Return the finding about a topic.

        Raises
        ------
        ParameterError
            Nothing of that name was looked at.
        """
        known = {each.topic: each for each in self.findings}
        if topic not in known:
            raise ParameterError(
                "A finding is found by its topic.",
                place=f"Got {topic!r}.",
                fix=did_you_mean(topic, known) or f"Topics are {', '.join(known)}.",
            )
        return known[topic]

    def __str__(self) -> str:
        until = f", observed until {self.observed_until}" if self.observed_until else ""
        head = (
            f"{self.customers:,} customers, {self.repeat_customers:,} with a repeat purchase{until}"
        )
        return "\n".join([head, *map(str, self._ranked()), self.verdict])

    def _repr_html_(self) -> str:
        words = (
            f"{each.topic}: {each.says} {each.reasons}"
            for each in self._ranked()
            if each.level != "ok"
        )
        shown = self.table[["topic", "level", "number", "measure"]].set_index("topic")
        return html_card("Suitability", self.verdict, html_table(shown), html_list(words))

    def _ranked(self) -> list[Finding]:
        return sorted(self.findings, key=lambda each: -LEVELS.index(each.level))

    def _topics(self, level: str) -> list[str]:
        return [each.topic for each in self.findings if each.level == level]


def level_of(**reached: bool) -> Level:
    """Return the worst level that is reached, "ok" if none.

    Examples
    --------
    >>> level_of(note=True, warning=True, problem=False)
    'warning'
    """
    for level in reversed(LEVELS):
        if reached.get(level, False):
            return level
    return "ok"


@dataclass(frozen=True)
class Topic:
    """What all findings about a topic have in common."""

    topic: str
    measure: str
    matters: str
    advice: str
    threshold: str

    def finding(self, level: Level, number: float, says: str, *, advice: str = "") -> Finding:
        """Return a finding about it."""
        fix = "Nothing to do." if level == "ok" else advice or self.advice
        return Finding(
            self.topic, level, number, self.measure, says, self.matters, fix, self.threshold
        )

    def undecided(self, says: str, advice: str) -> Finding:
        """Return a note that these data do not say."""
        return self.finding("note", math.nan, says, advice=advice)

    def needs_orders(self) -> Finding:
        """Return a note that a summary is not enough."""
        return self.undecided("Needs the orders.", "Pass the orders instead of their summary.")


def _rounded(number: float) -> float:
    """Round; NaN is the one of `math`, so that equal findings compare equal."""
    return math.nan if math.isnan(number) else float(f"{number:.{_DIGITS}g}")
