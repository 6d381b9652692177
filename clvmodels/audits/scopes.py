"""Whom numbers are about: all customers, a segment, or a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Kind", "Scope", "in_front"]

Kind: TypeAlias = Literal["all", "segment", "cohort"]


@dataclass(frozen=True, eq=False)
class Scope:
    """All customers, one segment, or one cohort.

    Attributes
    ----------
    kind : {'all', 'segment', 'cohort'}
        Which of them.
    columns : dict
        What tells it from others: the labels of a segment or the name of a cohort.
    number : int
        Of the segment or cohort in tables of sums; not used for all customers.
    """

    kind: Kind
    columns: Mapping[str, Any]
    number: int = 0

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return its rows of a table with the columns ``segment`` and ``cohort``."""
        return table if self.kind == "all" else table[table[self.kind] == self.number]

    def sums(self, table: pd.DataFrame) -> dict[str, float]:
        """Return the sums of the other columns of such a table."""
        own = self.of(table).drop(columns=["segment", "cohort"])
        return {str(name): float(value) for name, value in own.sum().items()}


def in_front(scope: Scope, by: tuple[str, ...]) -> dict[str, Any]:
    """Return the columns by which a row of a table says whom it is about."""
    named = {name: scope.columns.get(name) for name in by}
    return {"scope": scope.kind, **named, "cohort": scope.columns.get("cohort")}
