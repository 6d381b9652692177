"""`historical_value`: what customers have spent so far, the first order included."""

from __future__ import annotations

import datetime
import math
from typing import Any, Final

import narwhals as nw

from clvmodels.customers import Returns
from clvmodels.errors import DataError, ParameterError
from clvmodels.frames.cleaning import Invalid
from clvmodels.frames.columns import CUSTOMER, PERIOD, refuse_collision
from clvmodels.frames.engines import How, aggregated, collected
from clvmodels.frames.occasions import VALUE, kept, net_occasions
from clvmodels.frames.reading import Rules, read_log
from clvmodels.frames.sources import AmountColumns
from clvmodels.units import Duration, in_units

__all__ = ["column_within", "historical_value", "whole_days"]

_COLUMNS: Final = ("orders", "first_order", "largest_order", "historical_value")
_FIRST: Final = "_first"
_ROUNDING: Final = 1e-9  # of days that were in another unit


def historical_value(
    transactions: Any,
    *,
    customer: str,
    date: str,
    amount: AmountColumns,
    observed_until: datetime.date | str | None = None,
    within: Duration | None = None,
    returns: Returns = "net",
    invalid: Invalid = "error",
    date_format: str | None = None,
    time_zone: str | None = None,
) -> Any:
    """Add up what each customer has spent, the first order included, after returns.

    A summary keeps the mean of the *repeat* orders; this is the rest of the money.

    Parameters
    ----------
    transactions, customer, date, amount, observed_until, returns, invalid, date_format, time_zone
        The log and how it is read, as in `rfm_summary`.
    within
        Count the orders up to this age of the customer only, such as ``"1y"`` from the first
        order (a bare number is in days), so that old and young customers can be compared; None
        for all. The columns then end in its whole days, such as ``historical_value_182d``, so that
        they are not taken for all spend.

    Returns
    -------
    native frame
        One row a customer: the id, ``orders`` (occasions: those of a day are one), ``first_order``
        (value of the first one), ``largest_order`` and ``historical_value``, their sum. In the
        library of the log, of a lazy one a polars frame. `CustomerSummary.with_covariates` puts it
        beside the summary.

    Raises
    ------
    MissingColumnError
        A named column is not there.
    ParameterError
        A date or duration is none.
    DataError
        There are no amounts, or rows break a rule, as in `rfm_summary`.

    Warns
    -----
    DataWarning
        Rows were left out because they have no customer or date, or under ``invalid='drop'``.

    Examples
    --------
    >>> import polars as pl
    >>> orders = pl.DataFrame(
    ...     {
    ...         "who": ["a", "a", "b", "a"],
    ...         "when": ["2024-01-01", "2024-01-15", "2024-01-08", "2024-03-15"],
    ...         "paid": [10.0, 20.0, 5.0, 4.0],
    ...     }
    ... )
    >>> columns = {"customer": "who", "date": "when", "amount": "paid"}
    >>> historical_value(orders, **columns).rows()
    [('a', 3, 10.0, 20.0, 34.0), ('b', 1, 5.0, 5.0, 5.0)]
    >>> historical_value(orders, **columns, within="30d")["historical_value_30d"].to_list()
    [30.0, 5.0]
    """
    if amount is None:
        raise DataError("Spend is a sum of amounts.", place="`amount` is None.", fix="Name it.")
    days = math.inf if within is None else in_units(within, "day", name="within")
    if days == 0.0:
        raise ParameterError("`within` is a time above zero.", place=f"Got {within!r}.")
    orders, first, largest, value = _COLUMNS
    orders, largest, value = (column_within(name, days) for name in (orders, largest, value))
    refuse_collision(customer, (orders, first, largest, value))
    rules = Rules(customer, date, amount, returns, invalid, False, "day", date_format, time_zone)
    log = read_log(transactions, rules, observed_until=observed_until)
    occasions = kept(net_occasions(log, grid="day"), has_amount=True)
    if log.source.eager:
        occasions = occasions.collect("polars").lazy()
    if not math.isinf(days):
        occasions = _young(occasions, whole_days(days))
    columns: dict[str, tuple[How, str]] = {
        orders: ("rows", PERIOD),
        first: ("first", VALUE),
        largest: ("max", VALUE),
        value: ("sum", VALUE),
    }
    made = aggregated(occasions, CUSTOMER, columns, order=PERIOD)
    table = made.select(
        CUSTOMER, nw.col(orders).cast(nw.Int64), *(nw.col(name) for name in (first, largest, value))
    )
    restored = log.source.restore(table)
    if log.source.eager:
        return restored
    return nw.to_native(collected(nw.from_native(restored)))


def column_within(name: str, days: float) -> str:
    """Return the name of a column of `historical_value` that counts orders up to an age only.

    Examples
    --------
    >>> column_within("historical_value", 365.25), column_within("orders", math.inf)
    ('historical_value_365d', 'orders')
    """
    return name if math.isinf(days) else f"{name}_{whole_days(days)}d"


def whole_days(days: float) -> int:
    """Return the days up to which orders of an age are: they are dated in whole days."""
    return math.floor(days + _ROUNDING)


def _young(occasions: nw.LazyFrame[Any], days: int) -> nw.LazyFrame[Any]:
    """Return the occasions up to an age of the customer."""
    first = nw.col(PERIOD).min().over(CUSTOMER).alias(_FIRST)
    aged = occasions.with_columns(first)
    return aged.filter(nw.col(PERIOD) - nw.col(_FIRST) <= days).drop(_FIRST)
