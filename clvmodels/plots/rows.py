"""The rows that a picture draws: there are some, and they have the columns that it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clvmodels.errors import DataError, ParameterError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["rows_of"]


def rows_of(result: object, columns: tuple[str, ...], maker: str) -> pd.DataFrame:
    """Return the table of a result.

    Parameters
    ----------
    result
        What a diagnostic returned.
    columns
        That the picture draws.
    maker
        The function whose result it is, for messages.

    Raises
    ------
    ParameterError
        The result is that of another function.
    DataError
        It has no rows.
    """
    import pandas as pd

    table = getattr(result, "table", None)
    if not isinstance(table, pd.DataFrame) or not set(columns) <= set(table.columns):
        raise ParameterError(
            f"This picture shows what {maker} returns.",
            place=f"Got {type(result).__name__}.",
            fix=f"Pass the result of {maker} itself, with its `table`.",
        )
    if table.empty:
        raise DataError(
            "A picture has something to show.",
            place=f"The table of this {type(result).__name__} has no rows.",
            fix="Use longer windows, or more customers.",
        )
    return table
