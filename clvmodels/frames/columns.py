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
LOG_INTERVALS: Final = "log_intervals"  # of the summary, where it is asked for
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


def refuse_clash(names: list[str], roles: dict[str, str], *, customer: str, named: int) -> None:
    """Raise if a column plays two roles, or has the standard name of another one."""
    if len({customer, *roles}) <= named:
        raise DataError(
            "Every role has a column of its own.",
            place=f"Got {', '.join(map(repr, (customer, *roles)))} for {named + 1} roles.",
            fix="Name another column.",
        )
    standard = {role.casefold() for role in roles.values()}  # names in DuckDB ignore case
    clash = [name for name in names if name not in roles and name.casefold() in standard]
    if clash:
        raise DataError(
            "Columns that are not used have names of their own.",
            place=f"{clash[0]!r} is the standard name of another column.",
            fix="Drop or rename it.",
        )
