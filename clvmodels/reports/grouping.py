"""Totals of many groups of the same customers at once: what is expensive is done once for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.frames.columns import SUMMARY
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.totals import total

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["grouped_totals"]

Codes: TypeAlias = NDArray[np.intp]

_GROUP: Final = "group"


def grouped_totals(
    rfm: CustomerSummary,
    groupings: Mapping[str, Sequence[Any]],
    purchases: Any,
    spend: Any,
    *,
    terms: Mapping[str, Any],
    level: float,
) -> dict[str, pd.DataFrame]:
    """Return what `clvmodels.total` says of the groups of each grouping.

    Every grouping has each customer once, so that customers stand in one table as often as there
    are groupings, and each total is still of different customers.

    Parameters
    ----------
    rfm
        An eager summary made from orders.
    groupings
        By name, the group of each customer, n of them; None for none.
    purchases, spend
        The fits; `spend` may be None.
    terms
        Horizon, discount rate and margin.
    level
        Of the intervals.

    Returns
    -------
    dict of DataFrame
        By name of the grouping: ``label``, the columns of `total`, ``each`` (the mean of a
        customer) and ``share``, groups in order of the labels, none last.
    """
    import polars as pl

    frame = nw.from_native(rfm.frame, eager_only=True)
    columns = {
        name: np.asarray(frame[name].cast(nw.Float64).to_numpy(), dtype=np.float64)
        for name in SUMMARY
        if name in frame.columns
    }
    coded = {name: _coded(values) for name, values in groupings.items()}
    first = np.cumsum([0, *(len(labels) for _, labels in coded.values())])
    many = {name: np.tile(values, len(coded)) for name, values in columns.items()}
    many[_GROUP] = np.concatenate(
        [codes + start for (codes, _), start in zip(coded.values(), first, strict=False)]
    )
    stacked = pl.DataFrame(many).with_columns(pl.col(pl.Float64).fill_nan(None))
    everyone = replace(rfm, frame=stacked)
    table = total(everyone, purchases, spend, by=_GROUP, interval=level, **terms)
    worth = "expected_purchases" if spend is None else "clv"
    return {
        name: _named(table.slice(int(start), len(labels)), labels, worth)
        for (name, (_, labels)), start in zip(coded.items(), first, strict=False)
    }


def _coded(values: Sequence[Any]) -> tuple[Codes, list[Any]]:
    """Return the number of the group of each customer, and the groups."""
    import pandas as pd

    column = pd.Series(list(values), dtype=object)
    codes, labels = pd.factorize(column, sort=False)
    try:
        order = sorted(range(len(labels)), key=labels.__getitem__)
    except TypeError:  # of several types
        order = sorted(range(len(labels)), key=lambda i: str(labels[i]))
    place = np.empty(len(labels) + 1, dtype=np.intp)
    place[order], place[-1] = np.arange(len(labels)), len(labels)
    named = [labels[i] for i in order]
    return place[codes], named if (codes >= 0).all() else [*named, None]


def _named(table: Any, labels: list[Any], worth: str) -> pd.DataFrame:
    import pandas as pd

    columns = {name: table[name].to_list() for name in table.columns if name != _GROUP}
    value, customers = table[worth].to_numpy(), table["customers"].to_numpy()
    shared = {"each": value / customers, "share": value / value.sum()}
    return pd.DataFrame({"label": pd.Series(labels, dtype=object), **columns, **shared})
