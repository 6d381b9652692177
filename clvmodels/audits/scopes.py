"""Whom numbers are about: all customers, a segment, or a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Kind", "Parts", "Scope", "in_front"]

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


class Parts:
    """A table with the columns ``segment`` and ``cohort``, cut into what belongs to each scope."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table
        self._rows = {
            kind: table.groupby(kind).indices if kind in table else {}
            for kind in ("segment", "cohort")
        }

    def of(self, scope: Scope) -> pd.DataFrame:
        """Return the rows of a scope."""
        if scope.kind == "all":
            return self._table
        return self._table.iloc[self._rows[scope.kind].get(scope.number, [])]

    def sums(self, scope: Scope) -> dict[str, float]:
        """Return the sums of its other columns."""
        own = self.of(scope)
        return {
            str(name): float(own[name].to_numpy().sum())
            for name in own
            if name not in ("segment", "cohort")
        }


def in_front(scope: Scope, by: tuple[str, ...]) -> dict[str, Any]:
    """Return the columns by which a row of a table says whom it is about."""
    named = {name: scope.columns.get(name) for name in by}
    return {"scope": scope.kind, **named, "cohort": scope.columns.get("cohort")}
