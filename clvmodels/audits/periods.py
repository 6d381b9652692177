"""What happened by calendar period: who came back, and whose money it is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.audits.scopes import Scope, in_front
from clvmodels.frames.activity_tables import period_names

if TYPE_CHECKING:
    import pandas as pd

    from clvmodels.frames.groups import Cohort
    from clvmodels.frames.people_tables import Calendar

__all__ = ["PERIODS_PER_YEAR", "existing_share", "period_rows", "retention_rate", "retention_rows"]

Array: TypeAlias = NDArray[np.float64]

PERIODS_PER_YEAR: Final = {"month": 12.0, "quarter": 4.0, "year": 1.0}


def retention_rate(calendar: Calendar, moves: pd.DataFrame) -> float:
    """Return the share of customers of a period who ordered in the next; NaN if there is no next.

    Over all pairs of periods of which the second is complete.
    """
    told = (moves["at"] < calendar.last_complete).to_numpy()
    again, active = (float(moves[name].to_numpy()[told].sum()) for name in ("again", "active"))
    return _ratio(again, active)


def existing_share(moves: pd.DataFrame) -> float:
    """Return the share of revenue from customers who came in an earlier period than the order."""
    revenue, new = moves["revenue"].to_numpy(), moves["new"].to_numpy()
    return _ratio(float(revenue[new == 0.0].sum()), float(revenue.sum()))


def retention_rows(
    calendar: Calendar, scope: Scope, moves: pd.DataFrame, by: tuple[str, ...], cohort: Cohort
) -> list[dict[str, Any]]:
    """Return a row for each cohort and period: who was active, and who of them was in the next.

    Parameters
    ----------
    calendar
        The periods.
    scope
        All customers, or a segment.
    moves
        Rows of `PeopleTables.moves` that belong to it.
    by
        Names of the labels.
    cohort
        How long cohorts are.
    """
    rows: list[dict[str, Any]] = []
    numbers = np.unique(moves["cohort"].to_numpy())
    for number, name in zip(numbers, period_names(numbers, cohort), strict=True):
        own = moves[moves["cohort"] == number]
        size = float(own["active"].to_numpy()[own["new"] == 1.0].sum())
        active, again = (_by_period(calendar, own, what) for what in ("active", "again"))
        for i in range(int(np.flatnonzero(active)[0]), len(active)):
            kept = _ratio(again[i], active[i]) if calendar.is_followed(i) else math.nan
            rows.append(
                in_front(scope, by)
                | {
                    "cohort": name,
                    "period": calendar.names[i],
                    "complete": calendar.complete[i],
                    "customers": int(size),
                    "active": int(active[i]),
                    "retention": _ratio(active[i], size),
                    "kept": kept,
                    "churn": 1.0 - kept,
                }
            )
    return rows


def period_rows(
    calendar: Calendar, scope: Scope, moves: pd.DataFrame, by: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Return a row for each period: customers, orders and revenue, of new ones and others."""
    new = moves[moves["new"] == 1.0]
    sums = {name: _by_period(calendar, moves, name) for name in ("active", "orders", "again")}
    came = _by_period(calendar, new, "active")
    rows = []
    for i, name in enumerate(calendar.names):
        active = sums["active"][i]
        kept = _ratio(sums["again"][i], active) if calendar.is_followed(i) else math.nan
        rows.append(
            in_front(scope, by)
            | {
                "period": name,
                "complete": calendar.complete[i],
                "customers": int(active),
                "new_customers": int(came[i]),
                "orders": int(sums["orders"][i]),
                "retention": kept,
                "churn": 1.0 - kept,
            }
        )
    if "revenue" in moves:
        revenue, own = (_by_period(calendar, each, "revenue") for each in (moves, new))
        for i, row in enumerate(rows):
            row |= {
                "revenue": float(revenue[i]),
                "revenue_new": float(own[i]),
                "revenue_existing": float(revenue[i] - own[i]),
                "existing_revenue_share": _ratio(revenue[i] - own[i], revenue[i]),
                "revenue_per_customer": _ratio(revenue[i], sums["active"][i]),
            }
    return rows


def _by_period(calendar: Calendar, moves: pd.DataFrame, name: str) -> Array:
    """Return the sums of a column in each period of the calendar."""
    place = moves["at"].to_numpy().astype(np.int64) - calendar.first
    counted = np.bincount(place, moves[name].to_numpy(), len(calendar.names))
    return np.asarray(counted, dtype=np.float64)


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0.0 else math.nan
