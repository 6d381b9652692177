"""Which column says what customers have spent: up to now, or up to an age."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from clvmodels.economics.result import Basis
from clvmodels.errors import ParameterError
from clvmodels.frames.historical_value import column_within, whole_days

__all__ = ["history_of"]

_ALL: Final = "historical_value"
_AGED: Final = re.compile(rf"{_ALL}_(\d+)d")


def history_of(
    given: str | None, basis: Basis, days: float | None, columns: Sequence[str]
) -> str | None:
    """Return the column of past spend, which is told by its name to be of the right age.

    Parameters
    ----------
    given
        The column that was named, if any. Names that `historical_value` does not make are taken as
        they are.
    basis, days
        Whose value; for 'realised' the age in days.
    columns
        Those of the customers.

    Raises
    ------
    ParameterError
        The column is of another age.

    Examples
    --------
    >>> history_of(None, "realised", 182.0, ["customer_id", "historical_value_182d"])
    'historical_value_182d'
    """
    aged = None if given is None else _AGED.fullmatch(given)
    if basis != "realised":
        if aged is None:
            return given
        raise ParameterError(
            "What customers have brought in so far is all that they have spent.",
            place=f"history={given!r} stops at an age of {int(aged[1]):,} days.",
            fix="Make it by clv.historical_value without `within`, or pass basis='realised'.",
        )
    assert days is not None
    wanted = column_within(_ALL, days)
    if given is None:
        return wanted if wanted in columns else None
    if given == _ALL or (aged is not None and int(aged[1]) != whole_days(days)):
        until = "counts all orders" if aged is None else f"stops at {int(aged[1]):,} days"
        raise ParameterError(
            "Realised value is what customers had spent by the age `within`.",
            place=f"history={given!r} {until}; the age is {whole_days(days):,} days.",
            fix=f"Join clv.historical_value(orders, ..., within=...) and pass history={wanted!r}.",
        )
    return given
