"""From tables of sums to the tables of an audit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from clvmodels.audits.concentration import concentration, tenths_of_revenue
from clvmodels.audits.definitions import FIXED_DAYS, MEASURES
from clvmodels.audits.explained import Expected, NewCustomer
from clvmodels.audits.lifetime_value import (
    MODELS,
    ModelView,
    Terms,
    explained_rows,
    textbook_measures,
)
from clvmodels.audits.overview import base_measures
from clvmodels.audits.periods import (
    PERIODS_PER_YEAR,
    existing_share,
    period_rows,
    retention_rate,
    retention_rows,
)
from clvmodels.audits.scopes import Parts, Scope, in_front
from clvmodels.audits.second_order import SecondOrders, second_orders
from clvmodels.frames.activity_tables import period_names
from clvmodels.frames.people import COHORT
from clvmodels.frames.people_tables import NOBODY, Calendar, PeopleTables
from clvmodels.frames.people_values import expected_sums

if TYPE_CHECKING:
    import pandas as pd

    from clvmodels.frames.groups import Cohort

__all__ = ["Gathered"]

_CURVE: Final = (7, 14, 30, 60, 90, 120, 180, 270, 365, 730)
_VALUES: Final = (
    *("historical_value", "historical_value_median", "historical_margin"),
    *("textbook_observed", "textbook_churn", "textbook_retention", "textbook_retention_at_once"),
    *("model_new_customer", "model_clv", "model_lifetime_value"),
)


@dataclass(frozen=True, eq=False)
class Gathered:
    """Sums of a customer base, asked for once, and the tables made from them.

    Attributes
    ----------
    tables : PeopleTables
        Sums over people.
    by : tuple of str
        Names of the labels.
    cohort : {'month', 'quarter', 'year'}
        The period of cohorts.
    period : {'month', 'quarter', 'year'}
        The period of retention.
    view : ModelView or None
        The models; None without.
    asked : Terms
        What value is meant.
    """

    tables: PeopleTables
    by: tuple[str, ...]
    cohort: Cohort
    period: Cohort
    view: ModelView | None
    asked: Terms

    @cached_property
    def scopes(self) -> tuple[Scope, ...]:
        """All customers, the segments, the cohorts."""
        segments = [
            Scope("segment", dict(zip(self.by, labels, strict=True)), i)
            for i, labels in enumerate(self.tables.segments)
        ]
        numbers = sorted(set(self.tables.sums["cohort"]) - {NOBODY})
        names = period_names(np.array(numbers, dtype=np.int64), self.cohort)
        cohorts = [
            Scope("cohort", {"cohort": name}, int(n))
            for n, name in zip(numbers, names, strict=True)
        ]
        return (Scope("all", {}), *(segments if self.by else []), *cohorts)

    @cached_property
    def measures(self) -> dict[Scope, dict[str, float]]:
        """Every measure of every scope."""
        return {scope: self._measured(scope) for scope in self.scopes}

    def wide(self, kind: str) -> pd.DataFrame:
        """Return one row a scope of a kind, one column a measure in the order of definitions."""
        import pandas as pd

        rows = [
            in_front(scope, self.by) | found
            for scope, found in self.measures.items()
            if scope.kind == kind
        ]
        told = next(iter(self.measures.values()))
        names = [name for name in MEASURES if name in told]
        table = pd.DataFrame(rows, columns=["scope", *self.by, "cohort", *names])
        counts = [name for name in names if MEASURES[name].kind == "count"]
        table[counts] = table[counts].astype("int64")
        return _plain(table, (*self.by, "cohort"))

    @property
    def conversion(self) -> pd.DataFrame | None:
        """The way to the second order."""
        if self._curves is None:
            return None
        rows = [
            in_front(scope, self.by)
            | {
                "days": days,
                "converted": curve.within(days),
                "watched": curve.still_watched(days),
            }
            for scope, curve in self._curves.items()
            for days in _CURVE
        ]
        return self._framed(rows)

    @property
    def concentration(self) -> pd.DataFrame | None:
        """Revenue by tenths of customers."""
        if self._spreads is None:
            return None
        rows = [
            in_front(scope, self.by) | {**tenth, "tenth": int(tenth["tenth"])}
            for scope, spread in self._spreads.items()
            for tenth in tenths_of_revenue(spread)
        ]
        return self._framed(rows)

    @property
    def has_orders(self) -> bool:
        """Whether single orders are known."""
        return self.tables.people.purchases is not None

    @cached_property
    def calendar(self) -> Calendar:
        """The periods of the log."""
        return self.tables.calendar(self.period)

    @property
    def retention(self) -> pd.DataFrame | None:
        """Cohort by period."""
        if not self.has_orders:
            return None
        rows: list[dict[str, Any]] = []
        for scope in self.scopes:
            if scope.kind != "cohort":
                moves = self._moves.of(scope)
                rows += retention_rows(self.calendar, scope, moves, self.by, self.cohort)
        return self._framed(rows)

    @property
    def periods(self) -> pd.DataFrame | None:
        """Customers and revenue by period."""
        if not self.has_orders:
            return None
        rows: list[dict[str, Any]] = []
        for scope in self.scopes:
            if scope.kind != "cohort":
                rows += period_rows(self.calendar, scope, self._moves.of(scope), self.by)
        return self._framed(rows)

    @property
    def value(self) -> pd.DataFrame:
        """The values of a customer side by side."""
        rows = [
            in_front(scope, self.by)
            | {
                "measure": name,
                "title": MEASURES[name].title,
                "number": found[name],
                "to_new_customer": found.get("model_new_customer", math.nan) - found[name],
                "to_base": found.get("model_clv", math.nan) - found[name],
            }
            for scope, found in self.measures.items()
            for name in _VALUES
            if name in found
        ]
        own = ["measure", "title", "number", "to_new_customer", "to_base"]
        return self._framed(rows, own)

    @property
    def explained(self) -> pd.DataFrame:
        """The chains from textbook to model."""
        rows: list[dict[str, Any]] = []
        for scope, models in self._models.items():
            rows += explained_rows(scope, self.measures[scope], models, self.asked, self.by)
        own = ["from", "to", "step", "change", "term", "running", "meaning"]
        return self._framed(rows, own)

    def _measured(self, scope: Scope) -> dict[str, float]:
        found = base_measures(self._sums.sums(scope))
        if self._curves is not None:
            curve = self._curves[scope]
            found |= {f"second_order_{days}d": curve.within(days) for days in FIXED_DAYS}
            found["median_days_to_second_order"] = curve.median
        if self._spreads is not None:
            found |= concentration(self._spreads[scope])
        if self.has_orders:
            moves = self._moves.of(scope)
            rate = retention_rate(self.calendar, moves)
            churn, length = 1.0 - rate, 1.0 / PERIODS_PER_YEAR[self.period]
            found |= {
                "retention_rate": rate,
                "churn_rate": churn,
                "lifespan_churn": math.inf if churn == 0.0 else length / churn,
            }
            if "revenue" in found:
                found["existing_revenue_share"] = existing_share(moves)
                found["historical_margin"] = found["historical_value"] * self.asked.margin
                found |= textbook_measures(found, self.asked)
        for name, model in self._models.get(scope, {}).items():
            found[name] = model.value
        if "model_clv" in found and "historical_margin" in found:
            found["model_lifetime_value"] = found["historical_margin"] + found["model_clv"]
        return found

    @cached_property
    def _models(self) -> dict[Scope, dict[str, NewCustomer | Expected]]:
        """What the models say of each scope that has customers."""
        if self.view is None:
            return {}
        asked = self.asked
        expected = Parts(
            expected_sums(
                self.tables,
                self.view.purchases,
                self.view.spend,
                near=asked.near,
                horizon=asked.horizon,
                rate=asked.rate,
                margin=asked.margin,
            )
        )
        found: dict[Scope, dict[str, NewCustomer | Expected]] = {}
        for scope in self.scopes:
            base = base_measures(self._sums.sums(scope))
            if base["customers"] == 0.0:
                continue
            own: dict[str, NewCustomer | Expected] = {}
            if self.view.tells_newcomers and "average_first_order_value" in base:
                own[MODELS[0]] = self.view.of_newcomer(base["average_first_order_value"])
            own[MODELS[1]] = self.view.of_base(expected.sums(scope))
            found[scope] = own
        return found

    @cached_property
    def _curves(self) -> dict[Scope, SecondOrders] | None:
        if not self.has_orders:
            return None
        waits, found = Parts(self.tables.waits), {}
        for scope in self.scopes:
            own = waits.of(scope)
            columns = (own[name].to_numpy() for name in ("wait", "came", "customers"))
            found[scope] = second_orders(*columns)
        return found

    @cached_property
    def _spreads(self) -> dict[Scope, dict[str, float]] | None:
        """How revenue is spread over the customers of each scope."""
        if not self.tables.people.has_amount:
            return None
        tables = {"all": Parts(self.tables.spread()), "cohort": Parts(self.tables.spread(COHORT))}
        if self.by:
            tables["segment"] = Parts(self.tables.spread(*self.tables.people.labels))
        return {scope: tables[scope.kind].sums(scope) for scope in self.scopes}

    @cached_property
    def _sums(self) -> Parts:
        return Parts(self.tables.sums)

    @cached_property
    def _moves(self) -> Parts:
        return Parts(self.tables.moves(self.period))

    def _framed(self, rows: list[dict[str, Any]], own: Sequence[str] = ()) -> pd.DataFrame:
        import pandas as pd

        keys = ("scope", *self.by, "cohort")
        names = list(rows[0]) if rows else [*keys, *own]
        return _plain(pd.DataFrame(rows, columns=names), keys[1:])


def _plain(table: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return a table whose labels are as they came, None where missing."""
    import pandas as pd

    labels = {
        name: pd.Series(
            [None if each is None or each != each else each for each in table[name]], dtype=object
        )
        for name in keys
    }
    return table.assign(**labels)
