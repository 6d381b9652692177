"""Names of the columns that the frames layer uses, and finding the user's columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from clvmodels.errors import DataError, MissingColumnError, did_you_mean

# Internal columns live in frames of their own, so that no name of the user's can collide.
CUSTOMER: Final = "_customer"
DAY: Final = "_day"  # whole days since 1970-01-01
PERIOD: Final = "_period"  # the grid period of a day
AMOUNT: Final = "_amount"
REASON: Final = "_reason"
RAW: Final = "_raw"  # dates that came as text

SUMMARY: Final = ("frequency", "recency", "T", "monetary_value")
PREDICTIONS: Final = (
    "p_alive",
    "expected_purchases",
    "discounted_purchases",
    "expected_spend",
    "clv",
)


def require_column(name: str, columns: Iterable[str], *, role: str) -> str:
    """Return the name if the frame has it, else raise `MissingColumnError` with the nearest one."""
    known = list(columns)
    if name in known:
        return name
    raise MissingColumnError(
        f"The {role} column is one of the columns of the data.",
        place=f"{name!r} is not among the {len(known)} columns.",
        fix=did_you_mean(str(name), known),
    )


def refuse_collision(customer: str, taken: Iterable[str]) -> None:
    """Raise if the id column has the name of a column that the result will have.

    Whatever the case: to DuckDB, an id ``t`` and the column ``T`` are one.
    """
    if customer.casefold() in {name.casefold() for name in taken}:
        raise DataError(
            "The id column keeps its name beside the columns of the result.",
            place=f"{customer!r} is the name of one of those.",
            fix="Rename the id column, for instance to 'customer_id'.",
        )
