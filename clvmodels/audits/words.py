"""An audit in words: what a manager wants to know first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from clvmodels.markup import shorten

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FORMATS", "facts", "headline", "lines", "segment_lines"]

FORMATS: Final = {
    "count": ",.0f",
    "money": ",.2f",
    "share": ".1%",
    "number": ",.2f",
    "years": ",.2f",
    "days": ",.0f",
}
_LABEL: Final = 22
_MOST: Final = 15  # segments shown


def headline(row: Mapping[Any, Any], until: date | None) -> str:
    """Return the title: how many customers, orders, how much revenue."""
    words = [f"{row['customers']:,.0f} customers", f"{row['orders']:,.0f} orders"]
    if "revenue" in row:
        words.append(f"revenue {_money(row['revenue'])}")
    end = f", observed until {until}" if until else ""
    return f"Customer base: {', '.join(words)}{end}"


def lines(row: Mapping[Any, Any], period: str) -> list[str]:
    """Return what the numbers say, a line a topic, of what is known."""
    return [f"{topic:<{_LABEL}}{said}" for topic, said in facts(row, period).items()]


def facts(row: Mapping[Any, Any], period: str) -> dict[str, str]:
    """Return what the numbers say by topic, of what is known."""
    told = {
        "Orders": [
            _said(row, "purchase_frequency", "{:,.2f} per customer"),
            _said(row, "orders_per_year", "{:,.2f} per customer-year"),
            _said(row, "average_order_value", "{} on average", _money),
        ],
        "Second order": [
            _said(row, "repeat_rate", "{:.1%} of customers so far"),
            _said(row, "second_order_90d", "{:.1%} within 90 days"),
            _median(row),
        ],
        "Returns": [
            _said(row, "returns_rate", "{:.1%} of gross revenue"),
            _said(row, "returns_rate_rows", "{:.1%} of rows"),
        ],
        "Concentration": [
            _said(row, "top_1_share", "best 1% hold {:.1%} of revenue"),
            _said(row, "top_10_share", "10%: {:.1%}"),
            _said(row, "top_20_share", "20%: {:.1%}"),
            _said(row, "gini", "Gini {:.2f}"),
        ],
        "Existing customers": [
            _said(row, "existing_revenue_share", "{:.1%} of revenue"),
            _said(row, "repeat_revenue_share", "repeat orders {:.1%}"),
        ],
        "Active": [
            _said(row, "active_customers", "{:,.0f} ordered in the last 365 days"),
            _said(row, "revenue_per_active_customer", "{} each in them", _money),
        ],
        "Retention": [
            _said(row, "retention_rate", "{:.1%} from " + f"{period} to {period}"),
            _said(row, "lifespan_churn", "1 / churn = {:.2f} years"),
        ],
        "Value of a customer": [
            _said(row, "historical_value", "{} so far", _money),
            _said(row, "historical_value_median", "median {}", _money),
            _after_margin(row),
            _said(row, "textbook_churn", "textbook {}", _money),
        ],
        "By the model": [
            _said(row, "model_new_customer", "{} for a new customer", _money),
            _said(row, "model_clv", "{} still to come from one of today's", _money),
        ],
    }
    return {
        topic: "; ".join(each for each in said if each) for topic, said in told.items() if any(said)
    }


def segment_lines(table: pd.DataFrame, by: tuple[str, ...]) -> list[str]:
    """Return the largest segments as a table in text."""
    shown = {
        "customers": "{:,.0f}",
        "orders": "{:,.0f}",
        "revenue": "{:,.0f}",
        "average_order_value": "{:,.2f}",
        "repeat_rate": "{:.1%}",
        "historical_value": "{:,.2f}",
    }
    names = [name for name in shown if name in table]
    heads = {
        "average_order_value": "per order",
        "repeat_rate": "repeat",
        "historical_value": "each",
    }
    ranked = table.sort_values("revenue" if "revenue" in table else "customers", ascending=False)
    rows = [[", ".join(by), *(heads.get(name, name) for name in names)]]
    for row in ranked.head(_MOST).to_dict("records"):
        label = ", ".join("(none)" if row[name] is None else str(row[name]) for name in by)
        cells = ["-" if _missing(row[name]) else shown[name].format(row[name]) for name in names]
        rows.append([shorten(label, 30), *cells])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    found = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    more = len(table) - _MOST
    return [*found, f"and {more:,} smaller ones"] if more > 0 else found


def _said(row: Mapping[Any, Any], name: str, words: str, shown: Any = None) -> str:
    value = row.get(name)
    if _missing(value):
        return ""
    return words.format(value if shown is None else shown(value))


def _after_margin(row: Mapping[Any, Any]) -> str:
    """Return the historical value times the margin, where that is something else."""
    if row.get("historical_margin") == row.get("historical_value"):
        return ""
    return _said(row, "historical_margin", "{} after margin", _money)


def _median(row: Mapping[Any, Any]) -> str:
    value = row.get("median_days_to_second_order")
    if value is None:
        return ""
    return "not yet a half" if _missing(value) else f"half by day {value:,.0f}"


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _money(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10_000.0 else f"{value:,.2f}"
