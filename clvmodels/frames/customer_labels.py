"""`customer_labels`: what a customer usually is by columns of the log, as a table to join."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from clvmodels.frames.reading import Rules
from clvmodels.frames.usual_labels import check_labels, usual_labels
from clvmodels.units import parse_date

__all__ = ["customer_labels"]


def customer_labels(
    transactions: Any,
    *,
    customer: str,
    date: str,
    by: str | Sequence[str],
    observed_until: datetime.date | str | None = None,
    date_format: str | None = None,
    time_zone: str | None = None,
) -> Any:
    """Tell what each customer usually is by columns of the log, such as a country or a channel.

    It is the value that most rows of the customer have, of several the smallest, so that segments
    of customers add up to all of them. Rows without a value do not count.

    Parameters
    ----------
    transactions, customer, date, date_format, time_zone
        The log and how it is read, as in `rfm_summary`.
    by
        A column of the log, or several: text, numbers, dates or categories.
    observed_until
        Last day that counts, included; the whole log if None.

    Returns
    -------
    native frame
        One row a customer: the id and the columns `by`, null where a customer has no value. In the
        library of the log, of a lazy one a polars frame. `CustomerSummary.with_covariates` puts it
        beside the summary.

    Raises
    ------
    MissingColumnError
        A named column is not there.
    ParameterError
        A column is the id of the customers, or the date is none.
    DataError
        A column holds lists or the like.

    Examples
    --------
    >>> import polars as pl
    >>> orders = pl.DataFrame(
    ...     {
    ...         "who": ["a", "a", "a", "b"],
    ...         "when": ["2024-01-01", "2024-01-15", "2024-02-01", "2024-01-08"],
    ...         "shop": ["web", "web", "store", "store"],
    ...     }
    ... )
    >>> customer_labels(orders, customer="who", date="when", by="shop").sort("who").rows()
    [('a', 'web'), ('b', 'store')]
    """
    columns = (by,) if isinstance(by, str) else tuple(by)
    check_labels(transactions, columns, customer=customer)
    until = datetime.date.max
    if observed_until is not None:
        until = parse_date(observed_until, name="observed_until")
    rules = Rules(customer, date, None, "net", "drop", False, "day", date_format, time_zone)
    return usual_labels(transactions, rules, columns, until=until)
