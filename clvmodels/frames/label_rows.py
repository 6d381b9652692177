"""The usual labels of customers where the log is: only for joins on its engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import narwhals as nw

from clvmodels.frames.calendar import day_number
from clvmodels.frames.columns import CUSTOMER, DAY
from clvmodels.frames.dates import UNREADABLE
from clvmodels.frames.reading import Rules
from clvmodels.frames.usual_labels import LABEL, labelled

__all__ = ["label_rows"]

_ROWS: Final = "_rows"
_MOST: Final = "_most"


def label_rows(
    transactions: Any, rules: Rules, by: Sequence[str], *, until: date
) -> list[tuple[str, nw.LazyFrame[Any]]]:
    """Return for each column of labels its name and a frame of CUSTOMER and that name.

    What `frames.usual_labels.usual_labels` tells, without collecting it. Customers without a value
    have no row. The customers are coded as `frames.sources.open_source` codes them.
    """
    source = labelled(transactions, rules, by)
    day = nw.col(DAY)
    seen = source.frame.filter(day <= day_number(until), day != UNREADABLE)
    seen = seen.filter(~nw.col(CUSTOMER).is_null())
    names = [f"{LABEL}{i}" for i in range(len(by))]
    return [(name, _usual(seen, name)) for name in names]


def _usual(rows: nw.LazyFrame[Any], label: str) -> nw.LazyFrame[Any]:
    """Return the value with most rows for each customer, of several the smallest."""
    known = rows.filter(~nw.col(label).is_null())
    if known.collect_schema()[label] in (nw.Categorical, nw.Enum):
        known = known.with_columns(nw.col(label).cast(nw.String))
    counted = known.group_by(CUSTOMER, label).agg(nw.len().cast(nw.Int64).alias(_ROWS))
    most = counted.group_by(CUSTOMER).agg(nw.col(_ROWS).max().alias(_MOST))
    best = counted.join(most, on=CUSTOMER, how="inner").filter(nw.col(_ROWS) == nw.col(_MOST))
    return best.group_by(CUSTOMER).agg(nw.col(label).min())
