"""The numbers of a customer base: counts, money, rates, from sums over customers."""

from __future__ import annotations

import math
from collections.abc import Mapping

from clvmodels.units import DAYS_PER_YEAR

__all__ = ["base_measures"]


def base_measures(sums: Mapping[str, float]) -> dict[str, float]:
    """Return the measures that follow from sums over people; NaN where nothing is divided.

    Parameters
    ----------
    sums
        Columns of `frames.people_tables.PeopleTables.sums`; what is not there is not told.
    """
    customers, orders = sums["customers"], sums["orders"]
    years = sums["age"] / DAYS_PER_YEAR
    return {
        "customers": customers,
        "orders": orders,
        **_counted(sums),
        **_money(sums),
        "purchase_frequency": _ratio(orders, customers),
        "customer_years": years,
        "orders_per_year": _ratio(orders, years),
        "repeat_orders_per_year": _ratio(orders - customers, years),
        "repeat_rate": _ratio(sums["repeaters"], customers),
        "active_customers": sums["active"],
        "lifespan_observed": _ratio(sums["span"] / DAYS_PER_YEAR, customers),
    }


def _counted(sums: Mapping[str, float]) -> dict[str, float]:
    """Return what the rows of a log add up to."""
    if "lines" not in sums:
        return {}
    lines, back = sums["lines"], sums["back_lines"]
    found = {"lines": lines}
    if "invoices" in sums:
        found["invoices"] = sums["invoices"]
    if "gross" in sums:
        found |= {
            "return_lines": back,
            "returns_rate_rows": _ratio(back, lines + back),
            "gross_revenue": sums["gross"],
            "returns": sums["back"],
            "net_revenue": sums["gross"] - sums["back"],
            "unmatched_returns": sums["unmatched"],
            "returns_rate": _ratio(sums["back"], sums["gross"]),
        }
        if "invoices" in sums:
            found["average_invoice_value"] = _ratio(sums["gross"], sums["invoices"])
    return found


def _money(sums: Mapping[str, float]) -> dict[str, float]:
    """Return what orders are worth."""
    customers, orders = sums["customers"], sums["orders"]
    if "total" in sums:
        repeat, revenue = sums["total"] - sums["initial"], sums["total"]
        return {
            "revenue": revenue,
            "average_order_value": _ratio(revenue, orders),
            "average_first_order_value": _ratio(sums["initial"], customers),
            **_repeats(repeat, orders - customers),
            "repeat_revenue_share": _ratio(repeat, revenue),
            "historical_value": _ratio(revenue, customers),
            "revenue_per_active_customer": _ratio(sums["recent_total"], sums["active"]),
        }
    return _repeats(sums["repeat"], orders - customers) if "repeat" in sums else {}


def _repeats(revenue: float, orders: float) -> dict[str, float]:
    return {
        "repeat_revenue": revenue,
        "average_repeat_order_value": _ratio(revenue, orders),
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0.0 else math.nan
