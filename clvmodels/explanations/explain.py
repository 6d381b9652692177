"""Why each customer has the value that they have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.errors import DataError
from clvmodels.explanations.by_age import purchases_by_age
from clvmodels.explanations.contributions import Appraised, Spending, Terms, contributions
from clvmodels.explanations.explanation import Explanation
from clvmodels.explanations.sums import by_segment, exact_sum
from clvmodels.frames.arguments import PurchaseFit, SpendFit
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.valued import ValuedCustomers, by_columns, rows_of_ids, valued_customers
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.special import distinct_rows
from clvmodels.units import Duration, in_units, rate_per_unit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["explain"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]

_NEW: Final = (
    *("population", "covariates", "frequency", "recency", "spend", "clv"),
    "discounted_purchases",
)


def explain(
    rfm: CustomerSummary,
    purchases: PurchaseFit,
    spend: SpendFit | None = None,
    *,
    horizon: Duration,
    discount_rate: float = 0.0,
    margin: float | str = 1.0,
    by: str | Sequence[str] | None = None,
    customers: Iterable[Any] | None = None,
) -> Explanation:
    """Say why customers have the value that `predict` gives them.

    The value is a sum of contributions, each the difference that it makes to know one thing more:
    ``population``, what customers of this age are worth on average, bought they or not; then how
    often they bought (``frequency``), when they last did (``recency``), and what they spent
    (``spend``). With covariates, the population is that of all kinds of customers in `rfm`, and
    ``covariates`` is the difference that the own kind makes. Whatever was known before, each
    contribution is zero on average for customers of the model. Only the order is a choice.

    Parameters
    ----------
    rfm, purchases, spend, horizon, discount_rate, margin
        As in `predict`. Without `spend` purchases are explained; with a price or a column of
        prices ``spend`` is the difference from the mean price. A column of margins is taken as it
        is at every step.
    by
        A column of ``rfm.frame``, or several: sums for each segment, too.
    customers
        Ids to explain; all if None. They stay within the population of all customers.

    Returns
    -------
    Explanation
        ``.customers`` with the contributions and their sum ``clv``, ``.table`` with the totals,
        ``.segments``, and ``.sentence(id)``. Frames are on the engine of `rfm`; of a lazy one,
        which is collected, polars. More than 64 kinds of customers are represented, as a
        population, by 256 customers evenly spaced in the order of the kinds.

    Raises
    ------
    UnitMismatchError
        The fit and the customers are in different time units.
    ParameterError
        Horizon, discount rate or margin outside their domain.
    UndefinedMomentError
        The value does not exist, such as undiscounted without end, or spend at q <= 1.
    DataError
        The summary lacks what the models need, or an id is not there.

    Examples
    --------
    >>> import polars as pl
    >>> from clvmodels import BGNBD, CustomerSummary, GammaGamma
    >>> table = pl.DataFrame(
    ...     {"customer_id": [4], "frequency": [2], "recency": [30.43], "T": [38.86],
    ...      "monetary_value": [22.35]}
    ... )
    >>> rfm = CustomerSummary.from_frame(table, unit="week")
    >>> models = BGNBD(0.243, 4.414, 0.793, 2.426), GammaGamma(6.25, 3.74, 15.44)
    >>> found = explain(rfm, *models, horizon="39w", discount_rate=0.15, margin=0.3)
    >>> found.customers.drop("customer_id").row(0, named=True)["clv"].__round__(2)
    8.64
    >>> print(found.sentence(4))  # doctest: +NORMALIZE_WHITESPACE
    worth 8.64: a typical customer of this age 6.69; 2 repeat purchases instead of 1.2 +1.82;
    silent for 8.43 weeks +3.82; spends 24.7 instead of 35.2 an order -3.7
    """
    valued = valued_customers(rfm, purchases, spend, margin, function="explain")
    columns = _free(by_columns(valued.rfm, by))
    length = in_units(horizon, valued.rfm.unit, start=valued.rfm.observed_until)
    terms = Terms(length, rate_per_unit(discount_rate, valued.rfm.unit))
    rows = None if customers is None else rows_of_ids(valued.frame[rfm.customer], customers)
    some = valued.customers if rows is None else valued.customers.take(rows)
    found = contributions(
        valued.purchases,
        spending_of(valued, rows),
        some,
        base=valued.customers,
        margin=valued.margin if rows is None else valued.margin[rows],
        terms=terms,
    )
    return _explanation(valued, rows, some, found, columns)


def spending_of(valued: ValuedCustomers, rows: Index | None = None) -> Spending:
    """Return what purchases are worth, of all customers or of some rows."""
    price = valued.price
    if price is None:
        return Spending(valued.spend, None, 1.0)
    typical = exact_sum(price) / max(len(price), 1)
    return Spending(None, price if rows is None else price[rows], typical)


def _free(columns: tuple[str, ...]) -> tuple[str, ...]:
    taken = [name for name in columns if name in _NEW]
    if taken:
        raise DataError(
            "Columns of segments stand beside the contributions.",
            place=f"Got {', '.join(map(repr, taken))}.",
            fix="Rename the column.",
        )
    return columns


def _explanation(
    valued: ValuedCustomers,
    rows: Index | None,
    some: Customers,
    found: Appraised,
    by: tuple[str, ...],
) -> Explanation:
    name = "clv" if valued.money else "discounted_purchases"
    parts = dict(found.parts)
    if not valued.money:
        del parts["spend"]
    columns = {**parts, name: found.value}
    key = valued.rfm.customer
    shown = valued.table(rows, (key, *(each for each in by if each != key)), columns)
    facts = _facts(valued.purchases, some)
    if valued.money:
        facts |= {"expected_spend": found.expected_spend, "typical_spend": found.typical_spend}
    return Explanation(
        customers=nw.to_native(shown),
        facts=nw.to_native(valued.table(rows, (key,), facts)),
        table=_totals(columns),
        segments=by_segment(shown, by, columns) if by else None,
        customer=key,
        value=name,
        unit=valued.rfm.unit,
    )


def _facts(model: PurchasePredictions, customers: Customers) -> dict[str, Array]:
    x, t_x, T = customers.timing
    first, code = distinct_rows(T, *customers.covariates.values())
    some, zero = customers.take(first), np.zeros(len(first))
    new = replace(some, frequency=zero, recency=zero, age=zero, log_intervals=None)
    if customers.covariates:
        typical = model.expected_purchases(new, some.timing[2])
    else:
        typical = purchases_by_age(model, new.take(slice(0, 1)), some.timing[2])
    return {
        "purchases": x,
        "typical_purchases": typical[code],
        "silence": T - t_x,
        "age": T,
    }


def _totals(columns: dict[str, Array]) -> pd.DataFrame:
    """Return a row for each component; the deviation is around the mean of the customers."""
    import pandas as pd

    rows = []
    for name, values in columns.items():
        count, amount = len(values), exact_sum(values)
        mean = amount / max(count, 1)
        spread = float(np.sqrt(exact_sum((values - mean) ** 2) / max(count, 1)))
        rows.append((name, count, amount, mean, spread))
    names = ["component", "customers", "amount", "per_customer", "standard_deviation"]
    return pd.DataFrame(rows, columns=names)
