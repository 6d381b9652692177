"""Segments of customers on the command line: columns of the summary, or of the orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from clvmodels.cli.console import Reporter
from clvmodels.cli.orders import Orders
from clvmodels.errors import ParameterError
from clvmodels.frames.columns import require_column
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.usual_labels import usual_labels

if TYPE_CHECKING:
    import polars as pl

__all__ = ["check_segments", "with_segments"]

_VALUES: Final = "_clvmodels_values"
_OWN: Final = ("frequency", "recency", "T", "monetary_value")


def check_segments(orders: Orders, by: Sequence[str]) -> None:
    """Raise unless every column that makes segments is one of the orders, or of their summary.

    Raises
    ------
    MissingColumnError
        A column is neither.
    ParameterError
        It is the id of the customers.
    """
    names = orders.frame.collect_schema().names()
    for name in by:
        require_column(name, {**dict.fromkeys(_OWN), **dict.fromkeys(names)}, role="segment")
        if name == orders.customer:
            raise ParameterError(
                "A segment has several customers.",
                place=f"{name!r} is the id of the customers.",
                fix="Name another column for --by, or use predict --interval.",
            )


def with_segments(
    rfm: CustomerSummary, orders: Orders, by: Sequence[str], reporter: Reporter
) -> CustomerSummary:
    """Return the summary with a customer's value of each column of the orders.

    It is the one that most of their orders have, of several the smallest.
    """
    wanted = [name for name in by if name not in rfm.frame.collect_schema().names()]
    if not wanted:
        return rfm
    for name in wanted:
        several = _with_several(orders.frame, orders.customer, name)
        if several:
            reporter.warn(
                f"{several:,} customers have several values of {name!r}: each counts where most "
                "of their orders are."
            )
    until = rfm.observed_until or date.max
    values: pl.DataFrame = usual_labels(orders.frame, orders.rules, wanted, until=until)
    return replace(rfm, frame=_joined(rfm.frame, values, rfm.customer))


def _with_several(orders: pl.LazyFrame, customer: str, name: str) -> int:
    """Return how many customers have several values."""
    import polars as pl

    known = orders.select(customer, name).filter(pl.col(name).is_not_null())
    counted = known.group_by(customer).agg(pl.col(name).n_unique().alias(_VALUES))
    return int(counted.select((pl.col(_VALUES) > 1).sum()).collect(engine="streaming").item())


def _joined(frame: pl.LazyFrame, values: pl.DataFrame, customer: str) -> Any:
    import polars as pl

    key = "_clvmodels_key"
    mine, theirs = (
        pl.col(customer).cast(pl.String) if _is_text(kind) else pl.col(customer)
        for kind in (frame.collect_schema()[customer], values.schema[customer])
    )
    table = values.lazy().select(theirs.alias(key), pl.exclude(customer))
    return frame.with_columns(mine.alias(key)).join(table, on=key, how="left").drop(key)


def _is_text(kind: Any) -> bool:
    import polars as pl

    return kind in (pl.String, pl.Categorical, pl.Enum)
