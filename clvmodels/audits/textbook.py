"""The textbook's lifetime values: formulas of one average customer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from clvmodels.errors import ParameterError
from clvmodels.value import check_margin

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["retention_value", "simple_value", "textbook_value"]


def textbook_value(
    average_order_value: float,
    orders_per_year: float,
    *,
    lifespan: float | None = None,
    retention: float | None = None,
    discount_rate: float = 0.0,
    margin: float = 1.0,
) -> pd.DataFrame:
    """Return the lifetime values of textbooks, formula by formula.

    They describe one average customer with a constant rate of orders and a constant chance to
    stay. `clvmodels.audit` puts them beside a model's value, and explains the difference.

    Parameters
    ----------
    average_order_value
        Revenue divided by orders.
    orders_per_year
        Orders of a customer in a year.
    lifespan
        How long a customer stays, in years.
    retention
        Share of customers who are still there a year later.
    discount_rate
        Annual effective rate as a fraction.
    margin
        Fraction of revenue that counts.

    Returns
    -------
    DataFrame
        One row a formula that the arguments suffice for: ``formula``, ``arithmetic`` (with the
        numbers put in) and ``value``, infinite where nobody ever leaves and nothing is discounted.

    Raises
    ------
    ParameterError
        An argument is outside its domain, or neither `lifespan` nor `retention` is given.

    Examples
    --------
    >>> found = textbook_value(60, 5, lifespan=2, retention=0.8, discount_rate=0.1, margin=0.3)
    >>> found["value"].round(6).tolist()
    [180.0, 450.0, 240.0, 330.0]
    """
    import pandas as pd

    v = _positive(average_order_value, "average_order_value")
    f, share = _positive(orders_per_year, "orders_per_year"), check_margin(margin)
    if lifespan is None and retention is None:
        raise ParameterError(
            "A lifetime value needs to know how long customers stay.",
            place="Neither `lifespan` nor `retention` is given.",
            fix="Pass lifespan=2.0 (years), or retention=0.8 (a year).",
        )
    each = f"{v:g} x {f:g}"
    rows = []
    if lifespan is not None:
        years = _positive(lifespan, "lifespan")
        value = simple_value(v * share, f, years)
        rows.append(
            ("value x frequency x lifespan x margin", f"{each} x {years:g} x {share:g}", value)
        )
    if retention is not None:
        r, d = _fraction(retention), _rate(discount_rate)
        years = 1.0 / (1.0 - r) if r < 1.0 else math.inf
        name = "value x frequency x 1 / (1 - r) x margin"
        value = simple_value(v * share, f, years)
        rows.append((name, f"{each} x 1 / (1 - {r:g}) x {share:g}", value))
        m, below = v * f * share, f"(1 + {d:g} - {r:g})"
        rows.append(
            (
                "m r / (1 + d - r)",
                f"{m:g} x {r:g} / {below}",
                retention_value(m, r, d, at_once=False),
            )
        )
        name = "m (1 + d) / (1 + d - r)"
        rows.append(
            (name, f"{m:g} x (1 + {d:g}) / {below}", retention_value(m, r, d, at_once=True))
        )
    return pd.DataFrame(rows, columns=["formula", "arithmetic", "value"])


def simple_value(money: float, orders_per_year: float, lifespan: float) -> float:
    """Return money per order x orders a year x years.

    Examples
    --------
    >>> simple_value(60.0, 5.0, 2.0)
    600.0
    """
    yearly = money * orders_per_year
    return 0.0 if yearly == 0.0 else yearly * lifespan


def retention_value(margin: float, r: float, d: float, *, at_once: bool) -> float:
    """Return the value of a margin a period that is kept with probability r from one to the next.

    Gupta and Lehmann (2003), J. Interactive Marketing 17, 9-24: m r / (1 + d - r), the margins of
    the periods 1, 2, ...; `at_once` adds that of period 0, which is certain.

    Examples
    --------
    >>> round(retention_value(90.0, 0.8, 0.1, at_once=False), 9)
    240.0
    """
    if margin == 0.0:
        return 0.0
    below = 1.0 + d - r
    if below <= 0.0:
        return math.copysign(math.inf, margin)
    return margin * (1.0 + d if at_once else r) / below


def _positive(value: float, name: str) -> float:
    return _number(value, name, "is a number of zero or more", lambda x: 0.0 <= x < math.inf)


def _fraction(value: float) -> float:
    rule = "is a share from 0 to 1: 80 % are 0.8"
    return _number(value, "retention", rule, lambda x: 0.0 <= x <= 1.0)


def _rate(value: float) -> float:
    rule = "is an annual fraction from 0 to 1: 10 % are 0.10"
    return _number(value, "discount_rate", rule, lambda x: 0.0 <= x <= 1.0)


def _number(value: float, name: str, rule: str, allowed: Callable[[float], bool]) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not allowed(number):
        raise ParameterError(
            f"`{name}` {rule}.", place=f"Got {value!r}.", fix="Check the number and its unit."
        )
    return number
