"""Groups of customers: when they came, and how much they are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import DataError, ParameterError
from clvmodels.frames.calendar import day_number
from clvmodels.frames.periods import last_days, period_of, units_per_period
from clvmodels.units import DAYS_PER_UNIT

if TYPE_CHECKING:
    from clvmodels.frames.customer_summary import CustomerSummary

__all__ = ["Cohort", "cohorts", "finest_cohort", "tenths"]

Cohort: TypeAlias = Literal["month", "quarter", "year"]
_MONTHS: Final[dict[Cohort, int]] = {"month": 1, "quarter": 3, "year": 12}


def cohorts(rfm: CustomerSummary, period: Cohort) -> NDArray[np.str_]:
    """Return the period of each customer's first purchase, such as '2024 Q3', shape (n,).

    Raises
    ------
    ParameterError
        The period is none of the three.
    DataError
        The summary does not know its end of observation, or is lazy.

    Examples
    --------
    >>> import polars as pl
    >>> from clvmodels import CustomerSummary
    >>> table = pl.DataFrame({"customer_id": [1], "frequency": [0], "recency": [0.0], "T": [9.0]})
    >>> rfm = CustomerSummary.from_frame(table, unit="week", observed_until="2024-09-30")
    >>> cohorts(rfm, "month").tolist(), cohorts(rfm, "quarter").tolist()
    (['2024-07'], ['2024 Q3'])
    """
    if period not in _MONTHS:
        raise ParameterError(
            "Cohorts are customers of one 'month', 'quarter' or 'year'.",
            place=f"Got {period!r}.",
        )
    months = _first_days(rfm).astype("M8[M]").astype(np.int64)
    years, month = 1970 + months // 12, months % 12
    if period == "year":
        return years.astype(str)
    if period == "month":
        return _joined(years, "-", np.char.zfill((month + 1).astype(str), 2))
    return _joined(years, " Q", (month // 3 + 1).astype(str))


def finest_cohort(rfm: CustomerSummary, *, most: int = 12) -> Cohort:
    """Return the shortest period by which there are at most so many cohorts, else years.

    Examples
    --------
    >>> import polars as pl
    >>> from clvmodels import CustomerSummary
    >>> columns = {"customer_id": [1, 2], "frequency": [0, 0], "recency": [0.0, 0.0], "T": [0, 90]}
    >>> rfm = CustomerSummary.from_frame(
    ...     pl.DataFrame(columns), unit="week", observed_until="2024-09-30"
    ... )
    >>> finest_cohort(rfm), finest_cohort(rfm, most=1)
    ('month', 'year')
    """
    for period in _MONTHS:
        if len(np.unique(cohorts(rfm, period))) <= most:
            return period
    return "year"


def tenths(value: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return for each of n values, shape (n,), in which tenth it is: 1 for the highest, to 10.

    Equal values go by their order where a tenth ends.

    Examples
    --------
    >>> tenths(np.arange(20.0)).tolist()
    [10, 10, 9, 9, 8, 8, 7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1]
    """
    place = np.empty(len(value), dtype=np.int64)
    place[np.argsort(-value, kind="stable")] = np.arange(len(value))
    return place * 10 // max(len(value), 1) + 1


def _first_days(rfm: CustomerSummary) -> NDArray[np.datetime64]:
    if rfm.observed_until is None:
        raise DataError(
            "Cohorts are told by the date of the first purchase.",
            place="This summary does not know its end of observation.",
            fix="Pass observed_until to CustomerSummary.from_frame.",
        )
    age = _eager(rfm)["T"].cast(nw.Float64).to_numpy()
    end = day_number(rfm.observed_until)
    if rfm.definitions is None:
        return np.rint(end - age * DAYS_PER_UNIT[rfm.unit]).astype("M8[D]")
    grid = rfm.definitions.grid
    length, per_unit = units_per_period(grid, rfm.unit)
    periods = period_of(end, grid) - np.rint(age * per_unit / length)
    return last_days(periods.astype(np.int64), grid)


def _eager(rfm: CustomerSummary) -> nw.DataFrame[Any]:
    if rfm.is_lazy:
        raise DataError(
            "Groups are told customer by customer.",
            place="This summary is lazy.",
            fix="Collect it: rfm.collect().",
        )
    return nw.from_native(rfm.frame, eager_only=True)


def _joined(years: NDArray[Any], mark: str, rest: NDArray[np.str_]) -> NDArray[np.str_]:
    return np.char.add(np.char.add(years.astype(str), mark), rest)
