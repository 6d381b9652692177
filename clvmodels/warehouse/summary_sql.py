"""From a table of orders to a customer summary, in SQL: the rules of `rfm_summary`.

Every step is a plain projection, aggregate or window over one customer, written once in the dialect
of DuckDB. `clvmodels.frames.occasions` says why netting is a running minimum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clvmodels.warehouse.dialects import (
    Step,
    column,
    number,
    parse,
    refuse_step_name,
    table,
)
from clvmodels.warehouse.orders import Orders

if TYPE_CHECKING:
    from sqlglot import exp

__all__ = ["audit_query", "pattern_query", "summary_query", "summary_steps"]

# Of a customer's turnover, per row, as in `clvmodels.frames.occasions`: what is below is rounding.
_ROUNDING: Final = 1e-15
_FINITE: Final = "ABS(amount) < CAST('inf' AS DOUBLE)"  # NaN is not below it, in any dialect
# Tab, newline, vertical tab, form feed, carriage return: TRIM alone takes off spaces only, and
# dialects do not agree on escapes in text.
_WHITE: Final = "' ' || CHR(9) || CHR(10) || CHR(11) || CHR(12) || CHR(13)"
_BLANK: Final = f"TRIM(CAST(customer AS TEXT), {_WHITE}) = ''"
_ALL: Final = "PARTITION BY customer"
_SO_FAR: Final = f"{_ALL} ORDER BY period ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
_ONWARD: Final = f"{_ALL} ORDER BY period ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING"


def summary_steps(orders: Orders) -> list[Step]:
    """Return the steps from orders to customers; the last is ``clv_customers``."""
    steps = [_rows(orders), _used(orders), _occasions(orders)]
    if orders.has_amount:
        steps += _netted() if orders.returns == "net" else [_not_netted()]
    steps += [_since_first(orders), _customers(orders)]
    refuse_step_name(table(orders.table, role="table"), steps, role="table")
    return steps


def summary_query(orders: Orders, customer: str) -> exp.Select:
    """Return the last step: one row a customer, the id under the name `customer`."""
    query = parse(
        f"""
        SELECT
          frequency,
          {_in_units("last_period - first_period", orders)} AS recency,
          {_in_units(f"{orders.last_period} - first_period", orders)} AS T
        FROM clv_customers
        """
    )
    if orders.has_amount:
        query = query.select(
            "CASE WHEN frequency > 0 THEN repeat_value / CAST(frequency AS DOUBLE) END"
            " AS monetary_value",
            dialect="duckdb",
        )
    return with_id(query, customer)


def _in_units(periods: str, orders: Orders) -> str:
    period, per_unit = orders.lengths
    text = f"CAST({periods} AS DOUBLE)"
    text += f" * {number(period)}" if period != 1.0 else ""
    return text + (f" / {number(per_unit)}" if per_unit != 1.0 else "")


def with_id(query: exp.Select, name: str) -> exp.Select:
    """Return a query that selects the column ``customer`` first, under a name of the user's."""
    from sqlglot import exp

    own = exp.alias_(exp.column("customer"), exp.to_identifier(name, quoted=True))
    return query.select(own, *query.expressions, append=False)


def pattern_query(source: str) -> exp.Select:
    """Return the query of distinct histories, from the step or table alias `source`."""
    return parse(
        f"""
        SELECT frequency, recency, T, COUNT(*) AS customers
        FROM {source} GROUP BY frequency, recency, T
        """
    )


def audit_query(orders: Orders) -> tuple[list[Step], exp.Select]:
    """Return steps and query that count the rows of the table by what becomes of them."""
    whens = [
        f"WHEN customer IS NULL OR {_BLANK} THEN 'no customer id'",
        "WHEN day IS NULL THEN 'no date'",
    ]
    money = ""
    if orders.has_amount:
        infinite = "ABS(amount) = CAST('inf' AS DOUBLE)"
        whens += [
            f"WHEN {infinite} THEN 'infinite amount'",
            f"WHEN amount IS NULL OR NOT {_FINITE} THEN 'no amount'",
        ]
        money = f", SUM(CASE WHEN {_FINITE} THEN amount ELSE 0 END) AS total"
    whens.append(f"WHEN day > {orders.last_day} THEN 'after observed_until'")
    if orders.has_amount:
        whens.append("WHEN amount < 0 THEN 'refund'")
    fate = f"CASE {' '.join(whens)} ELSE 'purchase' END"
    fates = Step("clv_fates", "The first rule that applies to a row", _select_all(fate, "fate"))
    query = parse(f"SELECT fate, COUNT(*) AS n_rows{money} FROM clv_fates GROUP BY fate")
    return [_rows(orders), fates], query


def _select_all(expression: str, name: str) -> exp.Select:
    return parse(f"SELECT *, {expression} AS {name} FROM clv_rows")


# --- rows to occasions ------------------------------------------------------------------------


def _rows(orders: Orders) -> Step:
    """Return the first step, the only one that names anything of the user's."""
    from sqlglot import exp, parse_one

    day = parse_one(
        "DATE_DIFF('day', CAST('1970-01-01' AS DATE), CAST(placeholder AS DATE))", dialect="duckdb"
    )
    for each in list(day.find_all(exp.Column)):
        each.replace(column(orders.day))
    columns = [exp.alias_(column(orders.customer), "customer"), exp.alias_(day, "day")]
    factors = [exp.cast(column(name), "double") for name in orders.amounts]
    if factors:
        amount: exp.Expression = factors[0]
        for factor in factors[1:]:
            amount = exp.Mul(this=amount, expression=factor)
        columns.append(exp.alias_(amount, "amount"))
    query = exp.select(*columns).from_(table(orders.table, role="table"))
    return Step("clv_rows", "The orders; day counts days since 1970-01-01", query)


def _used(orders: Orders) -> Step:
    period = "day" if orders.grid == "day" else "CAST(FLOOR(CAST(day + 3 AS DOUBLE) / 7) AS BIGINT)"
    tests = ["customer IS NOT NULL", f"NOT {_BLANK}", f"day <= {orders.last_day}"]
    what = "Rows that count: with a customer and a day"
    money = ""
    if orders.has_amount:
        tests.append(_FINITE)
        what += ", and an amount that is a finite number"
        money = ", amount"
        if orders.returns == "drop":
            tests.append("amount >= 0")
            what += "; no refunds"
    if orders.grid == "week":
        what += ". Weeks are counted from Monday"
    where = " AND ".join(tests)
    query = parse(f"SELECT customer, {period} AS period{money} FROM clv_rows WHERE {where}")
    return Step("clv_used", what, query)


def _occasions(orders: Orders) -> Step:
    what = f"Occasions: the orders of a customer and {orders.grid} are one"
    if not orders.has_amount:
        query = parse("SELECT customer, period FROM clv_used GROUP BY customer, period")
        return Step("clv_purchases", what, query)
    query = parse(
        """
        SELECT
          customer,
          period,
          SUM(CASE WHEN amount < 0 THEN 0 ELSE amount END) AS paid,
          SUM(CASE WHEN amount < 0 THEN -amount ELSE 0 END) AS back,
          SUM(CASE WHEN amount < 0 THEN 0 ELSE 1 END) AS n_purchases,
          COUNT(*) AS n_rows
        FROM clv_used GROUP BY customer, period
        """
    )
    return Step("clv_occasions", what, query)


# --- refunds ----------------------------------------------------------------------------------


def _not_netted() -> Step:
    query = parse("SELECT customer, period, paid AS value FROM clv_occasions")
    return Step("clv_purchases", "What an occasion is worth", query)


def _netted() -> list[Step]:
    """Take a refund off the customer's most recent earlier occasions until it is used up."""
    rounding = number(_ROUNDING)
    steps = {
        "clv_balance": (
            "Refunds 1: purchases less refunds so far. Amounts below `rounding` are no money",
            f"""
            SELECT *,
              SUM(paid - back) OVER ({_SO_FAR}) AS balance,
              SUM(back) OVER ({_ALL}) AS returned,
              SUM(paid + back) OVER ({_ALL})
                * (CAST(SUM(n_rows) OVER ({_ALL}) AS DOUBLE) + 4) * {rounding} AS rounding
            FROM clv_occasions
            """,
        ),
        "clv_lowest": (
            "Refunds 2: below zero a refund has met no purchase",
            f"SELECT *, LEAST(MIN(balance) OVER ({_SO_FAR}), 0) AS lowest FROM clv_balance",
        ),
        "clv_height": (
            "Refunds 3: what the customer has paid and kept, occasions stacked on each other",
            "SELECT *, balance - lowest AS height FROM clv_lowest",
        ),
        "clv_stays": (
            "Refunds 4: to what height the stack stays, and how high it was before",
            f"""
            SELECT *,
              MIN(height) OVER ({_ONWARD}) AS stays,
              COALESCE(LAG(height) OVER ({_ALL} ORDER BY period), 0) AS below
            FROM clv_height
            """,
        ),
        "clv_left": (
            "Refunds 5: what is left of the occasion",
            "SELECT *, GREATEST(stays - below, 0) AS remaining FROM clv_stays",
        ),
        "clv_valued": (
            "What an occasion is worth",
            """
            SELECT customer, period, paid,
              CASE
                WHEN returned = 0 OR remaining >= paid - rounding THEN paid
                WHEN remaining <= rounding THEN 0
                ELSE remaining
              END AS value
            FROM clv_left WHERE n_purchases > 0
            """,
        ),
        "clv_purchases": (
            "Occasions that count: not all of it came back. Purchases at a price of zero count",
            "SELECT customer, period, value FROM clv_valued WHERE value > 0 OR paid = 0",
        ),
    }
    return [Step(name, what, parse(text)) for name, (what, text) in steps.items()]


# --- occasions to customers -------------------------------------------------------------------


def _since_first(orders: Orders) -> Step:
    query = parse(f"SELECT *, MIN(period) OVER ({_ALL}) AS first_period FROM clv_purchases")
    return Step("clv_since_first", f"The first {orders.grid} of each customer", query)


def _customers(orders: Orders) -> Step:
    money = ""
    if orders.has_amount:
        money = ", SUM(CASE WHEN period > first_period THEN value ELSE 0 END) AS repeat_value"
    query = parse(
        f"""
        SELECT
          customer, first_period, MAX(period) AS last_period, COUNT(*) - 1 AS frequency{money}
        FROM clv_since_first GROUP BY customer, first_period
        """
    )
    return Step("clv_customers", "One row a customer", query)
