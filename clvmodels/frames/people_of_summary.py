"""The people of a customer summary: what it tells of them without their orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.frames.calendar import day_number
from clvmodels.frames.columns import CUSTOMER, require_column
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.groups import Cohort, cohorts
from clvmodels.frames.people import COHORT, People
from clvmodels.frames.scoring import with_arrays
from clvmodels.frames.segments import segments_of
from clvmodels.frames.sources import as_narwhals
from clvmodels.units import DAYS_PER_UNIT

__all__ = ["people_of_summary"]

_SEGMENT = "_segment"


def people_of_summary(given: CustomerSummary, *, cohort: Cohort, by: Sequence[str] = ()) -> People:
    """Return the customers of a summary; a lazy one is collected.

    Its frame has CUSTOMER, the number of the segment, COHORT (null if the summary does not know
    its end), ``orders``, ``first``, ``last`` and, with amounts, ``repeat`` (the value of repeat
    orders); ``recent`` is 1 for who bought in the last 365 days.

    Raises
    ------
    MissingColumnError
        There is no such column.
    """
    import polars as pl

    rfm = given.collect()
    frame = as_narwhals(rfm.frame)
    assert isinstance(frame, nw.DataFrame)  # it is collected
    for name in by:
        require_column(name, frame.columns, role="segment")
    customers = rfm.customers()
    x, recency, age = customers.timing
    days = DAYS_PER_UNIT[rfm.unit]
    end = 0 if rfm.observed_until is None else day_number(rfm.observed_until)
    segments = segments_of(frame, tuple(by))
    marks = {COHORT: _cohorts(rfm, cohort, len(x))}
    if by:
        marks[_SEGMENT] = segments.code.astype(np.float64)
    columns = {
        "orders": x + 1.0,
        "first": end - age * days,
        "last": end - (age - recency) * days,
        "recent": ((age - recency) * days < 365.0).astype(np.float64),
    }
    if customers.monetary_value is not None:
        columns["repeat"] = np.where(x > 0.0, np.nan_to_num(customers.monetary_value) * x, 0.0)
    numbers = {CUSTOMER: np.arange(float(len(x))), **marks, **columns}
    table = pl.DataFrame(numbers).with_columns(pl.all().fill_nan(None))
    names = None
    if segments.names is not None:
        names = tuple(segments.names.iter_rows())
    return People(
        nw.from_native(table.lazy()),
        None,
        (_SEGMENT,) if by else (),
        replace(rfm, frame=nw.to_native(with_arrays(frame, marks))),
        "day",
        end,
        1.0,
        has_amount=False,
        has_invoices=False,
        names=names,
    )


def _cohorts(rfm: CustomerSummary, cohort: Cohort, n: int) -> NDArray[np.float64]:
    """Return the number of the calendar period of each first purchase; NaN if it is not known."""
    if rfm.observed_until is None:
        return np.full(n, np.nan)
    names, place = np.unique(cohorts(rfm, cohort), return_inverse=True)
    return np.array([_number(str(name), cohort) for name in names])[place]


def _number(name: str, cohort: Cohort) -> float:
    """Return the number of a period by its name, as `frames.periods` counts them."""
    if cohort == "year":
        return float(name)
    if cohort == "month":
        year, month = name.rsplit("-", 1)
        return float(int(year) * 12 + int(month) - 1)
    year, quarter = name.split(" Q")
    return float(int(year) * 4 + int(quarter) - 1)
