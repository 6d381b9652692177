"""What each number of an audit means, in one sentence, for the code, the docs and reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

__all__ = ["FIXED_DAYS", "MEASURES", "Measure"]

Kind: TypeAlias = Literal["count", "money", "share", "number", "years", "days"]

FIXED_DAYS: Final = (30, 60, 90, 180, 365)  # at which the way to a second order is told


@dataclass(frozen=True)
class Measure:
    """One number of an audit.

    Attributes
    ----------
    name : str
        Its column in the tables.
    kind : {'count', 'money', 'share', 'number', 'years', 'days'}
        What it is counted in; money is in the currency of the log, and a share a fraction.
    title : str
        Its name for people.
    meaning : str
        One sentence that defines it.
    """

    name: str
    kind: Kind
    title: str
    meaning: str


_ALL: Final = (
    Measure(
        "customers",
        "count",
        "Customers",
        "People with at least one order of which something was kept.",
    ),
    Measure(
        "orders",
        "count",
        "Orders",
        "Purchase occasions: days (or periods of the grid) on which a customer bought something "
        "and did not return all of it; several purchases of a day are one.",
    ),
    Measure(
        "invoices",
        "count",
        "Invoices",
        "Distinct order numbers of each customer among the rows with purchases, whether or not "
        "they were returned later.",
    ),
    Measure("lines", "count", "Purchase rows", "Rows of the log with a purchase."),
    Measure("return_lines", "count", "Return rows", "Rows of the log with an amount below zero."),
    Measure("gross_revenue", "money", "Gross revenue", "Sum of the amounts of all purchase rows."),
    Measure("returns", "money", "Returns", "Sum of the amounts of all return rows, as positive."),
    Measure("net_revenue", "money", "Net revenue", "Gross revenue less returns."),
    Measure(
        "unmatched_returns",
        "money",
        "Returns without a purchase",
        "Returns that are taken off no order: they met no earlier purchase of the customer in the "
        "log, or the rule is to drop returns.",
    ),
    Measure(
        "revenue",
        "money",
        "Revenue",
        "What the orders are worth after returns, each taken off its customer's latest earlier "
        "orders: net revenue plus returns without a purchase.",
    ),
    Measure("average_order_value", "money", "Average order value", "Revenue divided by orders."),
    Measure(
        "average_invoice_value",
        "money",
        "Average invoice value",
        "Gross revenue divided by invoices.",
    ),
    Measure(
        "purchase_frequency",
        "number",
        "Orders per customer",
        "Orders divided by customers, over whatever time each has been observed.",
    ),
    Measure(
        "customer_years",
        "years",
        "Customer-years",
        "Sum over customers of the time from the first order to the end of observation, in years "
        "of 365.25 days.",
    ),
    Measure(
        "orders_per_year",
        "number",
        "Orders per customer-year",
        "Orders, the first of each customer included, divided by customer-years.",
    ),
    Measure(
        "repeat_orders_per_year",
        "number",
        "Repeat orders per customer-year",
        "Orders after the first of each customer, divided by customer-years.",
    ),
    Measure(
        "repeat_rate",
        "share",
        "Repeat-purchase rate",
        "Share of customers with a second order so far; customers who came lately pull it down.",
    ),
    *(
        Measure(
            f"second_order_{days}d",
            "share",
            f"Second order within {days} days",
            f"Share of customers who place a second order within {days} days of the first, by "
            "Kaplan and Meier: customers count only for as long as they have been observed.",
        )
        for days in FIXED_DAYS
    ),
    Measure(
        "median_days_to_second_order",
        "days",
        "Median days to the second order",
        "Days after the first order by which half of all customers have placed a second one, by "
        "Kaplan and Meier; missing if fewer ever do within the time observed.",
    ),
    Measure("returns_rate", "share", "Returns rate, money", "Returns divided by gross revenue."),
    Measure(
        "returns_rate_rows",
        "share",
        "Returns rate, rows",
        "Return rows divided by all rows, of purchases and returns.",
    ),
    *(
        Measure(
            f"top_{share}_share",
            "share",
            f"Share of the best {share} %",
            f"Share of revenue of the {share} % of customers with the most of it; of a customer "
            "on the border, that part counts.",
        )
        for share in (1, 10, 20)
    ),
    Measure(
        "gini",
        "share",
        "Gini coefficient",
        "How unevenly revenue is spread over customers: 0 if all have the same, near 1 if one has "
        "all of it.",
    ),
    Measure(
        "repeat_revenue_share",
        "share",
        "Share of repeat orders",
        "Share of revenue that is not from first orders.",
    ),
    Measure(
        "repeat_revenue",
        "money",
        "Revenue of repeat orders",
        "What the orders after the first of each customer are worth after returns.",
    ),
    Measure(
        "average_repeat_order_value",
        "money",
        "Average repeat order value",
        "Revenue of repeat orders divided by their number.",
    ),
    Measure(
        "average_first_order_value",
        "money",
        "Average first order value",
        "Revenue of first orders divided by customers.",
    ),
    Measure(
        "existing_revenue_share",
        "share",
        "Share of existing customers",
        "Share of revenue from customers whose first order was in an earlier calendar period than "
        "the order.",
    ),
    Measure(
        "historical_value",
        "money",
        "Historical value, mean",
        "What a customer has spent so far, first order included, after returns: revenue divided "
        "by customers.",
    ),
    Measure(
        "historical_value_median",
        "money",
        "Historical value, median",
        "What the customer in the middle has spent so far: half of all have spent less.",
    ),
    Measure(
        "historical_margin",
        "money",
        "Historical value x margin",
        "Historical value, mean, times the margin: what the customer has brought so far, to be "
        "compared with values by textbook and model.",
    ),
    Measure(
        "active_customers",
        "count",
        "Active customers",
        "Customers with an order in the last 365 days of observation.",
    ),
    Measure(
        "revenue_per_active_customer",
        "money",
        "Revenue per active customer",
        "Revenue of the last 365 days divided by the customers who ordered in them.",
    ),
    Measure(
        "retention_rate",
        "share",
        "Retention rate, per period",
        "Of the customers who ordered in a calendar period, the share who ordered in the next one, "
        "over all pairs of periods that are complete.",
    ),
    Measure("churn_rate", "share", "Churn rate, per period", "One less the retention rate."),
    Measure(
        "lifespan_churn",
        "years",
        "Lifespan, 1 / churn",
        "Length of a calendar period divided by the churn rate, in years: the textbook's lifespan, "
        "which takes everybody who skips a period for lost.",
    ),
    Measure(
        "lifespan_observed",
        "years",
        "Lifespan, observed",
        "Mean time from the first to the last order of a customer so far, in years; zero for those "
        "with one order.",
    ),
    Measure(
        "textbook_observed",
        "money",
        "Textbook value, observed lifespan",
        "Average order value x orders per customer-year x observed lifespan x margin.",
    ),
    Measure(
        "textbook_churn",
        "money",
        "Textbook value, 1 / churn",
        "Average order value x orders per customer-year x lifespan by churn x margin.",
    ),
    Measure(
        "textbook_retention",
        "money",
        "Textbook value, m r / (1 + d - r)",
        "m r / (1 + d - r), with m the margin of a period, r its retention rate and d its discount "
        "rate: the first margin comes after one period and is kept with probability r.",
    ),
    Measure(
        "textbook_retention_at_once",
        "money",
        "Textbook value, m (1 + d) / (1 + d - r)",
        "The same with the first margin at once and for certain.",
    ),
    Measure(
        "model_new_customer",
        "money",
        "Model, a new customer",
        "What the model expects a new customer to be worth within the horizon, discounted, times "
        "margin: the average first order so far, and repeat orders.",
    ),
    Measure(
        "model_clv",
        "money",
        "Model, future value of a customer",
        "Mean over customers of what the model expects them to be worth from the end of "
        "observation on, within the horizon, discounted, times margin.",
    ),
    Measure(
        "model_lifetime_value",
        "money",
        "Model, past and future of a customer",
        "Historical value x margin plus the model's future value of a customer.",
    ),
)

MEASURES: Final[dict[str, Measure]] = {each.name: each for each in _ALL}
