"""Real order logs for examples, read from the files that other packages ship."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from clvmodels.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["load_cdnow"]


def load_cdnow(*, sample: bool = False) -> pd.DataFrame:
    """Load the CDNOW orders: 23,570 customers of an online music shop, January 1997 to June 1998.

    All made their first purchase in the first quarter of 1997 (Fader and Hardie 2001). Read from
    the files of the installed package `lifetimes`, which is not imported.

    Parameters
    ----------
    sample
        The 1/10 sample of 2,357 customers that the papers use, instead of all.

    Returns
    -------
    pandas.DataFrame
        One row an order: customer_id (int), date (datetime), quantity (CDs), amount (US dollars).

    Raises
    ------
    MissingExtraError
        The package with the files is not installed.

    Examples
    --------
    >>> orders = load_cdnow(sample=True)
    >>> len(orders), orders.customer_id.nunique()
    (6919, 2357)
    """
    import pandas as pd

    name = "CDNOW_sample.txt" if sample else "CDNOW_master.txt"
    columns = ["customer_id", *(["sample_id"] if sample else []), "date", "quantity", "amount"]
    header = None if sample else 0  # of the two files only the full one has a line of names
    table = pd.read_csv(_shipped(name), sep=r"\s+", header=header, names=columns)
    table["date"] = pd.to_datetime(table["date"].astype(str), format="%Y%m%d")
    return table.drop(columns="sample_id", errors="ignore")


def _shipped(name: str) -> Path:
    """Return the path of a file that the installed lifetimes package ships."""
    try:
        files = distribution("lifetimes").files or []
        found = [Path(str(file.locate())) for file in files if file.name == name]
    except PackageNotFoundError:
        found = []
    if not found or not found[0].is_file():
        raise MissingExtraError(
            f"The CDNOW orders are in the file {name} of the package lifetimes.",
            place="It is not installed.",
            fix="Run: pip install 'clvmodels[datasets]'.",
        )
    return found[0]
