"""What customers have spent so far, from the orders, beside their summary."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from clvmodels.cli.console import Reporter
from clvmodels.cli.deciding import Decided
from clvmodels.errors import DataWarning
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.historical_value import historical_value

if TYPE_CHECKING:
    import polars as pl

__all__ = ["with_history"]


def with_history(
    customers: Decided, reporter: Reporter, columns: tuple[str, ...], *, within: str | None = None
) -> tuple[CustomerSummary, bool]:
    """Return the summary with columns of `historical_value`, and whether the orders had them.

    A kept summary has no orders, and orders without amounts no spend.
    """
    orders = customers.orders
    if orders.state is not None or orders.amount is None:
        return customers.rfm, False
    rules = orders.rules
    with reporter.step("Adding up spend"), warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # the summary has warned of the same rows
        table: pl.DataFrame = historical_value(
            orders.frame,
            customer=rules.customer,
            date=rules.date,
            amount=rules.amount,
            observed_until=customers.rfm.observed_until,
            within=within,
            returns=rules.returns,
            invalid=rules.invalid,
            date_format=rules.date_format,
            time_zone=rules.time_zone,
        )
    return customers.rfm.with_covariates(table.select(rules.customer, *columns)), True
