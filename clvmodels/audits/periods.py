"""What happened by calendar period: who came back, and whose money it is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from clvmodels.audits.scopes import Scope, in_front

if TYPE_CHECKING:
    import pandas as pd

    from clvmodels.frames.activity import Activity

__all__ = ["PERIODS_PER_YEAR", "existing_share", "period_rows", "retention_rate", "retention_rows"]

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
        Rows of `PeopleTables.returning` and of `Activity.sizes` that belong to it.
    by
        Names of the labels.
    """
    last = _last_complete(activity)
    people = sizes.groupby("cohort_index")["customers"].sum()
    active = returning.groupby(["cohort", "at"])[["active", "again"]].sum()
    names = dict(zip(sizes["cohort_index"], sizes["cohort"], strict=True))
    rows = []
    for number in sorted(names):
        size = float(people[number])
        began = returning["at"][returning["cohort"] == number].min()
        for period, at, whole in _periods(activity):
            if at < began:
                continue
            there, again = active.loc[(number, at)] if (number, at) in active.index else (0.0, 0.0)
            kept = _ratio(float(again), float(there)) if at < last else math.nan
            rows.append(
                in_front(scope, by)
                | {
                    "cohort": names[number],
                    "period": period,
                    "complete": whole,
                    "customers": int(size),
                    "active": int(there),
                    "retention": _ratio(float(there), size),
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
    last = _last_complete(activity)
    rows = []
    for name, at, whole in _periods(activity):
        here = parts[parts["period_index"] == at]
        new = here[here["first_index"] == at]
        active = float(here["customers"].sum())
        again = float(returning["again"][returning["at"] == at].sum())
        kept = _ratio(again, active) if at < last else math.nan
        row = in_front(scope, by) | {
            "period": name,
            "complete": whole,
            "customers": int(active),
            "new_customers": int(new["customers"].sum()),
            "orders": int(here["orders"].sum()),
            "retention": kept,
            "churn": 1.0 - kept,
        }
        if activity.has_revenue:
            revenue, own = float(here["revenue"].sum()), float(new["revenue"].sum())
            row |= {
                "revenue": revenue,
                "revenue_new": own,
                "revenue_existing": revenue - own,
                "existing_revenue_share": _ratio(revenue - own, revenue),
                "revenue_per_customer": _ratio(revenue, active),
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
    return part / whole if whole > 0.0 else math.nan
