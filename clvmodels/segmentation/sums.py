"""Customers and value by tier and state, with intervals of the sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import DataError
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.segmented import Segmented, with_texts
from clvmodels.frames.totals import total
from clvmodels.segmentation.tiers import steady

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Grouping", "Valued", "by_name", "summed"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]

_ENDS: Final = ("lower", "upper")


@dataclass(frozen=True)
class Valued:
    """Customers with their value, and what it was made of.

    Attributes
    ----------
    rfm, base
        The collected summary, and its customers by segment.
    purchases, spend, terms
        Models, and horizon, discount rate and margin.
    value : Array
        Shape (n,).
    level : float or None
        Probability of intervals, if they are asked for.
    """

    rfm: CustomerSummary
    base: Segmented
    purchases: Any
    spend: Any
    terms: dict[str, Any]
    value: Array
    level: float | None


@dataclass(frozen=True)
class Grouping:
    """A way to group n customers: numbers of shape (n,), and what they stand for.

    Attributes
    ----------
    code : Index
        The cell of each customer.
    labels : DataFrame
        A row for each cell.
    """

    code: Index
    labels: pd.DataFrame

    @property
    def count(self) -> NDArray[np.int64]:
        """Customers in each cell."""
        return np.bincount(self.code, minlength=len(self.labels)).astype(np.int64)

    def crossed(self, name: str, code: Index, names: Sequence[str]) -> Grouping:
        """Return the grouping by this and another one, whose cells have names."""
        cells = np.repeat(np.arange(len(self.labels)), len(names))
        labels = self.labels.iloc[cells].reset_index(drop=True)
        labels[name] = list(names) * len(self.labels)
        return Grouping(self.code * len(names) + code, labels)

    def occupied(self) -> Grouping:
        """Return the grouping without cells in which nobody is."""
        kept = self.count > 0
        place = np.cumsum(kept) - 1
        return Grouping(place[self.code].astype(np.intp), self.labels[kept].reset_index(drop=True))


def summed(
    valued: Valued, groupings: Mapping[str, Grouping]
) -> tuple[dict[str, pd.DataFrame], str]:
    """Return customers and value of each cell, by grouping, and why intervals are missing."""
    ends, problem = _intervals(valued, list(groupings.values()))
    every = float(valued.value.sum())
    tables = {}
    for (name, grouping), (lower, upper) in zip(groupings.items(), ends, strict=True):
        count, cells = grouping.count, len(grouping.labels)
        worth = np.bincount(grouping.code, valued.value, cells).astype(np.float64)
        tables[name] = grouping.labels.assign(
            customers=count,
            share_of_customers=count / max(len(valued.value), 1),
            value=worth,
            share_of_value=worth / every if every != 0.0 else np.full(cells, np.nan),
            lower=lower,
            upper=upper,
        )
    return tables, problem


def _intervals(valued: Valued, groupings: Sequence[Grouping]) -> tuple[list[Array], str]:
    """Return the ends for the cells of each grouping, (2, cells), and why they are not known.

    What is expensive about totals is done once: customers stand in one table as often as there are
    groupings, and each total is still of different customers.
    """
    sizes = [len(each.labels) for each in groupings]
    starts = np.cumsum([0, *sizes])
    ends = np.full((2, int(starts[-1])), np.nan)
    problem = ""
    if valued.level is not None:
        try:
            ends = _totals(valued, groupings, starts, valued.level)
        except DataError as error:  # parameters without bound; the predictions are there
            problem = error.place
    return np.split(ends, starts[1:-1], axis=1), problem


def _totals(
    valued: Valued, groupings: Sequence[Grouping], starts: NDArray[np.int_], level: float
) -> Array:
    """Return lower and upper ends of all cells in a row, 0 where nobody is."""
    frame = valued.base.frame
    mark = nw.generate_temporary_column_name(8, frame.columns)
    wide = len(str(starts[-1]))  # so that the order of the text is that of the number
    parts = [
        with_texts(frame, {mark: [f"{cell:0{wide}d}" for cell in (each.code + start).tolist()]})
        for each, start in zip(groupings, starts.tolist(), strict=False)
    ]
    rfm = replace(valued.rfm, frame=nw.to_native(nw.concat(parts)))
    spend, terms = valued.spend, valued.terms
    if spend is None:  # value is in purchases
        terms = {**terms, "margin": 1.0}
        if terms["discount_rate"] != 0.0 or np.isinf(terms["horizon"]):
            spend = 1.0
    found = total(rfm, valued.purchases, spend, by=mark, interval=level, **terms)
    table = nw.from_native(found, eager_only=True)
    at = np.array([int(each) for each in table[mark].to_list()], dtype=np.intp)
    ends = np.zeros((2, int(starts[-1])))
    for row, name in zip(ends, _ENDS, strict=True):
        row[at] = table[name].cast(nw.Float64).to_numpy()
    return ends


def by_name(names: Sequence[str], value: Array) -> pd.DataFrame:
    """Return customers and value by name of RFM cell, the most valuable first.

    Examples
    --------
    >>> by_name(["new", "best", "new"], np.array([1.0, 5.0, 2.0]))[["rfm_segment", "customers"]]
      rfm_segment  customers
    0        best          1
    1         new          2
    """
    import pandas as pd

    known, code = np.unique(np.array(names, dtype=np.str_), return_inverse=True)
    count = np.bincount(code, minlength=len(known)).astype(np.int64)
    worth = np.bincount(code, value, len(known)).astype(np.float64)
    every = float(worth.sum())
    table = pd.DataFrame(
        {
            "rfm_segment": known.tolist(),
            "customers": count,
            "share_of_customers": count / max(len(names), 1),
            "value": worth,
            "share_of_value": worth / every if every != 0.0 else np.nan,
        }
    )
    order = np.lexsort((np.arange(len(known)), -steady(worth)))
    return table.iloc[order].reset_index(drop=True)
