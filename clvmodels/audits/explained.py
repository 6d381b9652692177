"""From a textbook's value to a model's, one change at a time, so that the terms add up exactly.

A textbook sees one average customer: v an order, f orders a year, a constant chance to leave and so
a life of L years; its value is m v f L, with margin m. Written as an integral over time it is the
same with an end at a horizon H and a discount at the continuous rate delta a year:

    A = integral from 0 to H of exp(-(1/L + delta) t) dt,    m v f A.

Each step below replaces one thing in that product by what the orders or the model say of it, and
its term is the new product less the one before. The last product is the model's value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

__all__ = ["STEPS", "Expected", "NewCustomer", "Step", "Textbook", "present_years", "terms"]


@dataclass(frozen=True)
class Step:
    """One change on the way from a textbook's value to a model's.

    Attributes
    ----------
    name : str
        What is changed.
    running : float
        The value with this and all earlier changes.
    """

    name: str
    running: float


STEPS: Final[dict[str, str]] = {
    "textbook": "The textbook's value.",
    "horizon and discount": "Value ends at the horizon and is discounted continuously, with the "
    "textbook's constant churn; nothing else is changed.",
    "first order": "Orders a year no longer count first orders. A new customer has one for certain "
    "and at once, at the average value of first orders; of today's customers it is history.",
    "customers who have left": "Only customers who are still alive buy: times the mean P(alive).",
    "orders a year while alive": "The rate seen so far, which counts silent customers as alive and "
    "averages over all, is replaced by the rate that the model expects for the coming calendar "
    "period.",
    "who stays": "Constant churn is replaced by the model: those who buy often are not those who "
    "leave, and who has stayed is likely to stay.",
    "order value": "The average order value is replaced by what the model expects of a repeat "
    "order: without first orders, and drawn to the mean where there are few.",
    "value and purchases together": "The mean of the products in place of the product of the "
    "means: customers who will buy more may spend more, or less, per order.",
}


@dataclass(frozen=True)
class Textbook:
    """What a textbook takes from the orders.

    Attributes
    ----------
    value : float
        Its value of a customer.
    order_value, first_order_value : float
        Average order value, and that of first orders.
    orders_per_year, repeats_per_year : float
        Orders per customer-year, with first orders and without.
    lifespan : float
        In years; may be infinite.
    """

    value: float
    order_value: float
    first_order_value: float
    orders_per_year: float
    repeats_per_year: float
    lifespan: float


@dataclass(frozen=True)
class NewCustomer:
    """What a model expects of a new customer: repeat orders a year at first, all of them, value.

    Attributes
    ----------
    per_year : float
        Repeat orders in the first calendar period, per year.
    discounted : float
        Discounted repeat orders within the horizon.
    spend : float
        Expected value of one.
    value : float
        Margin x (first order + discounted x spend).
    """

    per_year: float
    discounted: float
    spend: float
    value: float


@dataclass(frozen=True)
class Expected:
    """What a model expects of today's customers, as means over all of them.

    Attributes
    ----------
    alive : float
        P(alive).
    per_year : float
        Orders of the coming calendar period per living customer, per year.
    discounted : float
        Discounted orders within the horizon.
    spend : float
        Expected value of one, every customer alike.
    value : float
        Margin x discounted orders x expected value, customer by customer.
    """

    alive: float
    per_year: float
    discounted: float
    spend: float
    value: float


def present_years(lifespan: float, horizon: float, rate: float) -> float:
    """Return A: the discounted years within a horizon of a life of constant risk.

    Parameters
    ----------
    lifespan, horizon
        Mean life and horizon in years; each may be infinite.
    rate
        Continuous discount rate per year.

    Examples
    --------
    >>> present_years(2.0, math.inf, 0.0), present_years(math.inf, 3.0, 0.0)
    (2.0, 3.0)
    >>> round(present_years(math.inf, math.inf, 0.1), 9)
    10.0
    """
    if lifespan <= 0.0:
        return 0.0
    falling = 1.0 / lifespan + rate
    if falling == 0.0:
        return horizon
    if math.isinf(horizon):
        return 1.0 / falling if falling > 0.0 else math.inf
    return -math.expm1(-falling * horizon) / falling


def terms(
    book: Textbook, model: NewCustomer | Expected, *, horizon: float, rate: float, margin: float
) -> list[Step]:
    """Return the chain from a textbook's value to a model's; empty if some value is not finite.

    Parameters
    ----------
    book
        The textbook's view of the orders.
    model
        The model's of a new customer, or of today's customers.
    horizon, rate
        In years, and continuous per year.
    margin
        Fraction of spend.
    """
    years = present_years(book.lifespan, horizon, rate)
    per_order = margin * book.order_value
    steps = [
        Step("textbook", book.value),
        Step("horizon and discount", per_order * book.orders_per_year * years),
    ]
    if isinstance(model, NewCustomer):
        first = margin * book.first_order_value
        steps += [
            Step("first order", first + per_order * book.repeats_per_year * years),
            Step("orders a year while alive", first + per_order * model.per_year * years),
            Step("who stays", first + per_order * model.discounted),
            Step("order value", model.value),
        ]
    else:
        alive = per_order * model.alive
        steps += [
            Step("first order", per_order * book.repeats_per_year * years),
            Step("customers who have left", alive * book.repeats_per_year * years),
            Step("orders a year while alive", alive * model.per_year * years),
            Step("who stays", per_order * model.discounted),
            Step("order value", margin * model.spend * model.discounted),
            Step("value and purchases together", model.value),
        ]
    return steps if all(math.isfinite(each.running) for each in steps) else []
