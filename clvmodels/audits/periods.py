"""What happened by calendar period: who came back, and whose money it is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.audits.scopes import Scope, in_front

if TYPE_CHECKING:
    import pandas as pd

    from clvmodels.frames.activity import Activity

__all__ = ["PERIODS_PER_YEAR", "existing_share", "period_rows", "retention_rate", "retention_rows"]

Array: TypeAlias = NDArray[np.float64]

PERIODS_PER_YEAR: Final = {"month": 12.0, "quarter": 4.0, "year": 1.0}


def retention_rate(activity: Activity, returning: pd.DataFrame) -> float:
    """Return the share of customers of a period who ordered in the next; NaN if there is no next.

    Over all pairs of periods of which the second is complete.
    """
    told = returning[returning["at"] < _last_complete(activity)]
    return _ratio(float(told["again"].sum()), float(told["active"].sum()))


def existing_share(parts: pd.DataFrame) -> float:
    """Return the share of revenue from customers who came in an earlier period than the order."""
    earlier = parts["first_index"] < parts["period_index"]
    return _ratio(float(parts["revenue"][earlier].sum()), float(parts["revenue"].sum()))


def retention_rows(
    activity: Activity,
    scope: Scope,
    returning: pd.DataFrame,
    sizes: pd.DataFrame,
    by: tuple[str, ...],
) -> list[dict[str, Any]]:
    """Return a row for each cohort and period: who was active, and who of them was in the next.

    Parameters
    ----------
    activity
        When customers bought.
    scope
        All customers, or a segment.
    returning, sizes
        Rows of `PeopleTables.returning` and of `Activity.sizes` that belong to it; of the latter
        ``cohort`` is the number and ``name`` the name.
    by
        Names of the labels.
    """
    periods = _periods(activity)
    zero, last = periods[0][1], _last_complete(activity)
    rows: list[dict[str, Any]] = []
    people = sizes.groupby(["cohort", "name"])["customers"].sum()
    for (number, cohort), size in zip(people.index, people.to_numpy(), strict=True):
        own = returning["cohort"].to_numpy() == number
        at = returning["at"].to_numpy()[own].astype(np.int64) - zero
        active, again = (
            np.bincount(at, returning[name].to_numpy()[own], len(periods))
            for name in ("active", "again")
        )
        for i, (period, index, whole) in enumerate(periods):
            if i < at.min():
                continue
            kept = _ratio(again[i], active[i]) if index < last else math.nan
            rows.append(
                in_front(scope, by)
                | {
                    "cohort": cohort,
                    "period": period,
                    "complete": whole,
                    "customers": int(size),
                    "active": int(active[i]),
                    "retention": _ratio(active[i], float(size)),
                    "kept": kept,
                    "churn": 1.0 - kept,
                }
            )
    return rows


def period_rows(
    activity: Activity,
    scope: Scope,
    returning: pd.DataFrame,
    parts: pd.DataFrame,
    by: tuple[str, ...],
) -> list[dict[str, Any]]:
    """Return a row for each period: customers, orders and revenue, of new ones and others."""
    periods = _periods(activity)
    zero, last = periods[0][1], _last_complete(activity)
    new = (parts["first_index"] == parts["period_index"]).to_numpy()

    def summed(table: pd.DataFrame, at: str, name: str, where: Any = 1.0) -> Array:
        place = table[at].to_numpy().astype(np.int64) - zero
        counted = np.bincount(place, table[name].to_numpy() * where, len(periods))
        return np.asarray(counted, dtype=np.float64)

    active = summed(parts, "period_index", "customers")
    came = summed(parts, "period_index", "customers", new)
    orders = summed(parts, "period_index", "orders")
    again = summed(returning, "at", "again")
    if activity.has_revenue:
        revenue = summed(parts, "period_index", "revenue")
        own = summed(parts, "period_index", "revenue", new)
    rows = []
    for i, (name, at, whole) in enumerate(periods):
        kept = _ratio(again[i], active[i]) if at < last else math.nan
        row = in_front(scope, by) | {
            "period": name,
            "complete": whole,
            "customers": int(active[i]),
            "new_customers": int(came[i]),
            "orders": int(orders[i]),
            "retention": kept,
            "churn": 1.0 - kept,
        }
        if activity.has_revenue:
            row |= {
                "revenue": float(revenue[i]),
                "revenue_new": float(own[i]),
                "revenue_existing": float(revenue[i] - own[i]),
                "existing_revenue_share": _ratio(revenue[i] - own[i], revenue[i]),
                "revenue_per_customer": _ratio(revenue[i], active[i]),
            }
        rows.append(row)
    return rows


def _periods(activity: Activity) -> list[tuple[str, int, bool]]:
    """Return name, number and completeness of each calendar period."""
    columns = (activity.periods[name] for name in ("period", "period_index", "complete"))
    return [(str(a), int(b), bool(c)) for a, b, c in zip(*columns, strict=True)]


def _last_complete(activity: Activity) -> int:
    """Return the number of the last period that was observed to its end."""
    periods = activity.periods
    return int(periods["period_index"].iloc[-1]) - (0 if activity.complete else 1)


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0.0 else math.nan
