"""Scores in SQL: a summary, joined to the lookup table, and arithmetic.

The formulas are those of `clvmodels.frames.scoring` and `clvmodels.frames.money`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from clvmodels.models.gamma_gamma import GammaGamma
from clvmodels.warehouse.dialects import (
    Step,
    TableName,
    column,
    number,
    parse,
    refuse_step_name,
    table,
)
from clvmodels.warehouse.lookup_table import LookupTable
from clvmodels.warehouse.orders import Orders
from clvmodels.warehouse.summary_sql import summary_query, summary_steps, with_id

if TYPE_CHECKING:
    from sqlglot import exp

__all__ = ["Query", "Spend", "check_query", "customer_steps", "scoring_query"]

Spend: TypeAlias = GammaGamma | float | None
Query: TypeAlias = "tuple[list[Step], exp.Select]"

# e^690 odds are as good as infinite. PostgreSQL raises an error where a number leaves the doubles,
# which end at e^709: the odds that multiply it are allowed for.
_CERTAIN: Final = 690.0
_LARGEST: Final = 708.0


def customer_steps(orders: Orders, summary: TableName | None) -> list[Step]:
    """Return the steps up to ``clv_summary``: from the orders, or from a table of the summary."""
    if summary is None:
        made = summary_query(orders, "customer")
        return [*summary_steps(orders), Step("clv_summary", f"In {orders.unit}s", made)]
    from sqlglot import exp

    names = ["frequency", "recency", "T", *(["monetary_value"] if orders.has_amount else [])]
    source = table(summary, role="summary")
    own = exp.alias_(column(orders.customer), "customer")
    query = exp.select(own, *(column(name) for name in names)).from_(source)
    step = Step("clv_summary", "The summary", query)
    refuse_step_name(source, [step], role="summary")
    return [step]


def scoring_query(
    orders: Orders, found: LookupTable, customers: list[Step], *, spend: Spend, margin: float
) -> Query:
    """Return steps and query that score every customer."""
    expected, discounted = "expected_purchases", "discounted_purchases"
    steps = [*customers, _keyed(orders, found), _with_lookup(found)]
    if found.elementary:
        steps += _alive(found)
        expected, discounted = "p_alive * expected_if_alive", "p_alive * discounted_if_alive"
    value = f"{discounted} AS discounted_purchases"
    if spend is not None:
        steps.append(_with_spend(steps[-1].name, spend))
        value = f"expected_spend, {discounted} * expected_spend * {number(margin)} AS clv"
    refuse_step_name(table(found.name, role="lookup_table"), steps, role="lookup_table")
    money = ", monetary_value" if orders.has_amount else ""
    query = parse(
        f"""
        SELECT frequency, recency, T{money}, p_alive, {expected} AS expected_purchases, {value}
        FROM {steps[-1].name}
        """
    )
    return steps, with_id(query, orders.customer)


def check_query(orders: Orders, found: LookupTable, customers: list[Step]) -> Query:
    """Return steps and query that count customers whose history is not in the lookup table."""
    steps = [*customers, _keyed(orders, found)]
    maxima = ", ".join(f"MAX(s.{key}) AS max_{key}" for key in found.keys)
    query = parse(
        f"""
        SELECT COUNT(*) AS customers, {maxima},
          (SELECT COUNT(*) FROM lookup_placeholder) AS lookup_rows
        FROM clv_keyed AS s LEFT JOIN lookup_placeholder AS l ON {_on(found)}
        WHERE l.frequency IS NULL
        """
    )
    return steps, _with_table(query, found)


# --- steps ------------------------------------------------------------------------------------


def _keyed(orders: Orders, found: LookupTable) -> Step:
    """Whole periods are safe to join by; floats are not."""
    period, per_unit = orders.lengths
    times = {f"age_{orders.grid}s": "T", f"recency_{orders.grid}s": "recency"}
    keys = ", ".join(
        f"CAST(ROUND({times[key]} * {number(per_unit / period)}) AS BIGINT) AS {key}"
        for key in found.keys[1:]
    )
    what = f"Times in whole {orders.grid}s, to join by"
    return Step("clv_keyed", what, parse(f"SELECT *, {keys} FROM clv_summary"))


def _with_lookup(found: LookupTable) -> Step:
    values = ", ".join(f"l.{value}" for value in found.values)
    query = parse(
        f"""
        SELECT s.*, {values}
        FROM clv_keyed AS s LEFT JOIN lookup_placeholder AS l ON {_on(found)}
        """
    )
    what = "What the model says of such a history; null if the table lacks it"
    return Step("clv_found", what, _with_table(query, found))


def _on(found: LookupTable) -> str:
    return " AND ".join(f"s.{key} = l.{key}" for key in found.keys)


def _with_table(query: exp.Select, found: LookupTable) -> exp.Select:
    from sqlglot import exp

    for each in list(query.find_all(exp.Table)):
        if each.name == "lookup_placeholder":
            real = table(found.name, role="lookup_table")
            each.replace(exp.alias_(real, each.alias, table=True) if each.alias else real)
    return query


def _alive(found: LookupTable) -> list[Step]:
    """P(alive) = 1 / (1 + odds ((alpha + T) / (alpha + recency))^shape)."""
    odds = float(np.max(found.frame["odds"].to_numpy(), initial=1.0))
    most = number(min(_CERTAIN, _LARGEST - math.log(odds)))
    steps = {
        "clv_silence": (
            "The time since the last purchase, and one more",
            "SELECT *, (T - recency) / (alpha + recency) AS z, "
            "1 + (T - recency) / (alpha + recency) AS u FROM clv_found",
        ),
        "clv_power": (
            "ln(1 + z), exact for small z too, as a power of e that no engine calls an overflow",
            f"SELECT *, LEAST(shape * (LN(u) + (z - (u - 1)) / u), {most}) AS power "
            "FROM clv_silence",
        ),
        "clv_alive": (
            "The chance that the customer has not left",
            "SELECT *, 1 / (1 + odds * EXP(power)) AS p_alive FROM clv_power",
        ),
    }
    return [Step(name, what, parse(text)) for name, (what, text) in steps.items()]


def _with_spend(source: str, spend: float | GammaGamma) -> Step:
    if not isinstance(spend, GammaGamma):
        price = f"SELECT *, {number(spend)} AS expected_spend FROM {source}"
        return Step("clv_spend", "The price of a purchase", parse(price))
    p, q, v = number(spend.p), number(spend.q), number(spend.v)
    total = "CASE WHEN frequency > 0 THEN monetary_value * frequency ELSE 0 END"
    query = parse(
        f"""
        SELECT *, {p} * ({v} + {total}) / ({p} * frequency + ({q} - 1)) AS expected_spend
        FROM {source}
        """
    )
    return Step("clv_spend", "Gamma-Gamma: between the customer's mean and that of all", query)
