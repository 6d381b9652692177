"""Costs of acquisition as options give them: a number, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clvmodels.errors import DataError

__all__ = ["read_costs"]


def read_costs(text: str) -> Any:
    """Return a number, or the table in a file.

    Raises
    ------
    DataError
        The text is neither.
    """
    try:
        return float(text)
    except ValueError:
        path = Path(text)
    if path.suffix.lower() in (".csv", ".parquet") and path.is_file():
        import polars as pl

        return pl.read_csv(path) if path.suffix.lower() == ".csv" else pl.read_parquet(path)
    raise DataError(
        "--cac is a number, or a .csv or .parquet file with costs.",
        place=f"Got {text}.",
        fix="Pass such as --cac 25, or --cac costs.csv with the columns of --by and cac.",
    )
