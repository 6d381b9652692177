"""`to_sql` and `summary_to_sql`: models and summaries as queries."""

from __future__ import annotations

from datetime import date
from typing import Any, TypeAlias

from clvmodels.customers import Histories
from clvmodels.frames.scoring import PurchaseFit
from clvmodels.models.provenance import check_alike
from clvmodels.predictive.arguments import fit_of
from clvmodels.units import Duration, TimeUnit, in_units, rate_per_unit
from clvmodels.warehouse.arguments import margin_of, purchase_model, spend_of
from clvmodels.warehouse.dialects import Dialect, TableName, check_dialect, render
from clvmodels.warehouse.lookup_table import LookupTable, Reach, make_lookup_table
from clvmodels.warehouse.orders import Orders, resolve_rules
from clvmodels.warehouse.queries import SummaryQueries, WarehouseQueries
from clvmodels.warehouse.scoring_sql import Spend, check_query, customer_steps, scoring_query
from clvmodels.warehouse.spend_sql import cell_query
from clvmodels.warehouse.summary_sql import (
    audit_query,
    pattern_query,
    summary_query,
    summary_steps,
)

__all__ = ["summary_to_sql", "to_sql"]

SpendArgument: TypeAlias = Any  # a fit of Gamma-Gamma, GammaGamma, or a price


def summary_to_sql(
    *,
    dialect: str,
    table: TableName,
    customer: str,
    date: str,
    amount: str | tuple[str, str] | None = None,
    observed_until: date | str,
    unit: TimeUnit,
    grid: str = "day",
    returns: str = "net",
) -> SummaryQueries:
    """Return queries that summarise orders in a warehouse as `rfm_summary` would.

    Parameters
    ----------
    dialect
        'duckdb', 'postgres', 'spark', 'bigquery' or 'snowflake'. The last two are generated and
        parsed, but have not been run.
    table
        The table or view of orders: 'orders', 'shop.orders', or a tuple of the parts of its name
        where they have dots. All names are quoted, so give them exactly as the warehouse shows
        them: Snowflake has 'ORDERS' for what was made without quotes.
    customer, date
        Its columns of ids and dates. Dates are DATE or time stamps, whose day counts; that of
        stamps with a zone is the day in the zone of the session (in BigQuery, UTC).
    amount
        Column of the value of a row, or a pair (quantity, price) whose product it is.
    observed_until
        Last day of observation, included.
    unit
        Unit of recency and T.
    grid
        'day', or 'week' for weeks from Monday in which a customer bought.
    returns
        'net' takes a refund off the customer's most recent earlier occasions, 'drop' ignores it.

    Returns
    -------
    SummaryQueries
        Rows without customer or date, with amounts that are missing or infinite, or after
        `observed_until` are left out, as by ``invalid='drop'``. A query cannot warn of them:
        ``.audit`` counts them.

    Raises
    ------
    MissingExtraError
        sqlglot is not installed.
    ParameterError
        Dialect, unit or date is unknown.
    DataError
        A name is none, or a rule cannot be followed in a query.

    Examples
    --------
    >>> queries = summary_to_sql(
    ...     dialect="duckdb", table="orders", customer="who", date="day",
    ...     observed_until="2024-12-31", unit="week",
    ... )
    >>> queries.executed
    True
    >>> print(queries.summary.splitlines()[5])
        "who" AS "customer",
    """
    columns, rules = (customer, date, amount), (unit, grid, returns)
    orders = Orders.checked(table, columns, rules, observed_until=observed_until)
    return SummaryQueries(**_summary_texts(orders, check_dialect(dialect)))


def to_sql(
    purchases: PurchaseFit,
    spend: SpendArgument = None,
    *,
    dialect: str,
    table: TableName,
    customer: str,
    date: str,
    amount: str | tuple[str, str] | None = None,
    observed_until: date | str,
    horizon: Duration,
    discount_rate: float = 0.0,
    margin: float = 1.0,
    unit: TimeUnit | None = None,
    grid: str | None = None,
    returns: str | None = None,
    customers: Histories | None = None,
    max_frequency: int | None = None,
    max_age: Duration | None = None,
    summary_table: TableName | None = None,
    lookup_table: TableName = "clv_lookup",
) -> WarehouseQueries:
    """Return queries, and a small table, that score customers where their orders are.

    The table holds what is expensive, once per distinct history; the query does the arithmetic.

    Parameters
    ----------
    purchases
        A fit of a purchase model, or a model.
    spend
        A Gamma-Gamma fit or model, or a price per purchase. Without it there is no money.
    dialect, table, customer, date, amount, observed_until
        As in `summary_to_sql`.
    horizon, discount_rate, margin
        As in `predict`; the margin is a number.
    unit, grid, returns
        Those of the fit. For a bare model, or a fit of `Customers`, which has no rules: as in
        `summary_to_sql`.
    customers
        Histories to make the lookup table for: the summary, or what `SummaryQueries.from_patterns`
        made.
    max_frequency, max_age
        Instead of `customers`: all histories up to this many repeat purchases and this age, such
        as 100 and '5y', so that the table serves for later days too. For models whose P(alive) is
        arithmetic (BGNBD and MBGNBD).
    summary_table
        A table or view with the result of the summary query, to read instead of the orders.
    lookup_table
        Name under which the lookup table is loaded.

    Returns
    -------
    WarehouseQueries
        A customer whose history is not in the lookup table gets nulls; ``.missing`` counts them.

    Raises
    ------
    MissingExtraError
        sqlglot is not installed.
    UnitMismatchError
        The fits or the customers are in different units.
    ParameterError
        An argument is outside its domain.
    UndefinedMomentError
        The value does not exist, such as undiscounted without end, or spend at q <= 1.
    DataError
        A name is none, the rules are not those of the fit, or the model needs more than SQL has:
        covariates, or `customers` where P(alive) is no arithmetic.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> queries = to_sql(
    ...     BGNBD(0.243, 4.414, 0.793, 2.426), 20.0, dialect="postgres", table="shop.orders",
    ...     customer="who", date="day", observed_until="2024-12-31", unit="week", horizon="1y",
    ...     max_frequency=50, max_age="2y",
    ... )
    >>> len(queries.lookup), queries.lookup.columns[:4]
    (36006, ['frequency', 'age_days', 'odds', 'shape'])
    >>> print(queries.create_lookup.splitlines()[2])
    CREATE TABLE "clv_lookup" (
    """
    known = check_dialect(dialect)
    fit, model = fit_of(purchases), purchase_model(purchases)
    check_alike(fit, fit_of(spend))
    rules = resolve_rules(fit, unit=unit, grid=grid, returns=returns)
    columns = (customer, date, amount)
    orders = Orders.checked(table, columns, rules, observed_until=observed_until)
    length = in_units(horizon, orders.unit, start=orders.observed_until)
    found = make_lookup_table(
        lookup_table,
        model,
        orders,
        Reach(customers, max_frequency, max_age),
        horizon=length,
        rate=rate_per_unit(discount_rate, orders.unit),
    )
    money, share = spend_of(spend, orders), margin_of(margin)
    words = f"{model!r}, horizon {length:g} {orders.unit}s, discount rate {float(discount_rate):g}"
    if money is not None:
        words += f"; {'price ' if isinstance(money, float) else ''}{money!r}, margin {share:g}"
    texts = _summary_texts(orders, known) | _scoring_texts(
        orders, found, known, summary_table, spend=money, margin=share, words=words
    )
    return WarehouseQueries(lookup=found.frame, **texts)


def _summary_texts(orders: Orders, dialect: Dialect) -> dict[str, Any]:
    steps, rules = customer_steps(orders, None), orders.rules
    rows, audit = audit_query(orders)
    summary = summary_query(orders, orders.customer)
    cells = None
    if orders.has_amount:
        bands, folded = cell_query("clv_summary")
        cells = render(folded, [*steps, *bands], dialect, f"Mean spend, folded: {rules}.")
    return {
        "dialect": dialect,
        "unit": orders.unit,
        "summary": render(summary, summary_steps(orders), dialect, f"Customers: {rules}."),
        "patterns": render(
            pattern_query("clv_summary"), steps, dialect, f"Distinct histories: {rules}."
        ),
        "spend_cells": cells,
        "audit": render(audit, rows, dialect, "What becomes of the rows of the table."),
    }


def _scoring_texts(
    orders: Orders,
    found: LookupTable,
    dialect: Dialect,
    summary: TableName | None,
    *,
    spend: Spend,
    margin: float,
    words: str,
) -> dict[str, Any]:
    customers = customer_steps(orders, summary)
    steps, scoring = scoring_query(orders, found, customers, spend=spend, margin=margin)
    checks, check = check_query(orders, found, customers)
    missing = "Customers whose history the lookup table lacks: 0 if it is complete."
    return {
        "create_lookup": found.create(dialect),
        "scoring": render(scoring, steps, dialect, f"Scores: {orders.rules};\n   {words}."),
        "missing": render(check, checks, dialect, missing),
    }
