"""Two summaries side by side: which customer of one is which of the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import DataError
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.finished_tables import refuse_repeated_ids

__all__ = ["Pairs", "paired"]

Index: TypeAlias = NDArray[np.intp]

_LABELS: Final = (nw.Categorical, nw.Enum)


@dataclass(frozen=True)
class Pairs:
    """The customers of two summaries, each once: those of the later one in its order, then others.

    Attributes
    ----------
    before, after : Index
        Shape (n,): the row in each summary, -1 where the customer is not there.
    """

    before: Index
    after: Index

    @property
    def both(self) -> Index:
        """The customers who are in both."""
        return np.flatnonzero((self.before >= 0) & (self.after >= 0))

    @property
    def new(self) -> Index:
        """The customers who are in the later one alone."""
        return np.flatnonzero(self.before < 0)

    @property
    def gone(self) -> Index:
        """The customers who are in the earlier one alone."""
        return np.flatnonzero(self.after < 0)

    def columns(
        self, before: CustomerSummary, after: CustomerSummary, names: tuple[str, ...]
    ) -> nw.DataFrame[Any]:
        """Return the id and other columns, of the later summary where the customer is there.

        On the engine of the later summary. Of customers who are gone, the earlier one tells.
        """
        late = _eager(after).select(after.customer, *names)
        rows = self.before[self.gone].tolist()
        early = _eager(before).select(before.customer, *names)[rows]
        if before.customer != after.customer:
            early = early.rename({before.customer: after.customer})
        if not rows:
            return _numbered(late)
        early = _in_library(late, early)
        parts = [_comparable(late.select(name), early.select(name)) for name in late.columns]
        stacked = [nw.concat(part)[part[0].columns[0]] for part in parts]
        first, *rest = stacked
        return _numbered(first.to_frame().with_columns(*rest))


def paired(before: CustomerSummary, after: CustomerSummary) -> Pairs:
    """Join two summaries in memory by the ids of their customers, whatever their type.

    Raises
    ------
    DataError
        A summary has a customer twice, or ids are numbers in one and text in the other.
    """
    early, late = _eager(before), _eager(after)
    for frame, summary in ((early, before), (late, after)):
        refuse_repeated_ids(frame, summary.customer)
    ours, theirs = late[after.customer].dtype, early[before.customer].dtype
    if len(early) and len(late) and ours.is_numeric() != theirs.is_numeric():
        raise DataError(
            "Ids have one type in both summaries.",
            place=f"They are {theirs} in the earlier one and {ours} in the later one.",
            fix="Convert one of the two.",
        )
    key, row, other = "_id", "_row", "_other"
    left = late.select(nw.col(after.customer).alias(key))
    right = early.select(nw.col(before.customer).alias(key))
    left, right = _comparable(left, _in_library(left, right))
    met = left.with_row_index(row).join(right.with_row_index(other), on=key, how="inner")
    found = np.full(len(late), -1, dtype=np.intp)
    found[met[row].to_numpy().astype(np.intp)] = met[other].to_numpy().astype(np.intp)
    gone = np.setdiff1d(np.arange(len(early)), found)
    return Pairs(
        np.append(found, gone).astype(np.intp),
        np.append(np.arange(len(late)), np.full(len(gone), -1)).astype(np.intp),
    )


def _eager(summary: CustomerSummary) -> nw.DataFrame[Any]:
    frame: nw.DataFrame[Any] = nw.from_native(summary.frame, eager_only=True)
    return frame


def _numbered(frame: nw.DataFrame[Any]) -> nw.DataFrame[Any]:
    """Return a frame whose rows are numbered from 0 where its library numbers rows."""
    if not frame.implementation.is_pandas():
        return frame
    native = nw.to_native(frame).reset_index(drop=True)
    fresh: nw.DataFrame[Any] = nw.from_native(native, eager_only=True)
    return fresh


def _in_library(model: nw.DataFrame[Any], frame: nw.DataFrame[Any]) -> nw.DataFrame[Any]:
    if frame.implementation is model.implementation:
        return frame
    return nw.from_dict(frame.to_dict(as_series=False), backend=model.implementation)


def _comparable(
    left: nw.DataFrame[Any], right: nw.DataFrame[Any]
) -> tuple[nw.DataFrame[Any], nw.DataFrame[Any]]:
    """Return two columns of the same name in one type: numbers of one size, categories as text."""
    (name,) = left.columns
    kinds = left.schema[name], right.schema[name]
    if kinds[0] == kinds[1] and kinds[0] not in _LABELS:
        return left, right
    if all(kind.is_integer() for kind in kinds):
        common: Any = nw.Int64
    elif all(kind.is_numeric() for kind in kinds):
        common = nw.Float64
    elif all(kind in (nw.String, *_LABELS) for kind in kinds):
        common = nw.String
    else:
        return left, right
    cast = nw.col(name).cast(common)
    return left.with_columns(cast), right.with_columns(cast)
