"""What old and new data have in common, told from the totals that a fit carries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers, Grid
from clvmodels.drifts.before import expected_before, known_then
from clvmodels.drifts.difference import Overlap
from clvmodels.errors import DataError, ParameterError
from clvmodels.frames.calendar import day_number
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.periods import MONTHS, period_of, units_per_period
from clvmodels.models.fit import Fit

__all__ = ["Between", "between"]

Array: TypeAlias = NDArray[np.float64]

# How far totals may be from those of the old data: late orders and deleted accounts change them.
_ALIKE: Final = 0.02
_EXACT: Final = 1e-9
_MATCHED: Final = 0.1  # the same where the old totals are only expected: of spend alone


@dataclass(frozen=True)
class Between:
    """What lies between old and new data.

    Attributes
    ----------
    overlap : {'nested', 'separate'}
        Whether the new data are the old ones and more, or of other customers.
    length : float or None
        From the end of the old data to that of the new ones, in their unit; None where unknown.
    start, end : date or None
        Last days of the old and the new data.
    same : bool
        Whether the totals of the old data are found in the new ones to the last digit.
    """

    overlap: Overlap
    length: float | None
    start: date | None
    end: date | None
    same: bool


def between(
    fit: Fit[Any],
    new: CustomerSummary,
    customers: Customers,
    overlap: Literal["auto"] | Overlap,
) -> Between:
    """Compare old and new data.

    Parameters
    ----------
    fit
        The old fit.
    new
        The new summary.
    customers
        Its histories.
    overlap
        What the user knows, or 'auto'.

    Raises
    ------
    DataError
        The new data end before the old ones, or with them.
    ParameterError
        `overlap` is unknown, or cannot be told.
    """
    if overlap not in ("auto", "nested", "separate"):
        raise ParameterError(
            "`overlap` is 'auto', 'nested' or 'separate'.",
            place=f"Got {overlap!r:.80}.",
            fix="Say 'nested' if the new data are the old ones and what came after them.",
        )
    length = _length(fit.observed_until, new, customers.timing[2])
    ends = fit.observed_until, new.observed_until
    if overlap == "separate":
        return Between("separate", length, *ends, same=False)
    if length is not None and length <= 0.0:
        raise DataError(
            "Drift is seen in data that end after those of the old fit.",
            place=f"The fit ends on {ends[0]}, the new data on {ends[1]}.",
            fix="Pass newer data, or overlap='separate' if these are other customers.",
        )
    if length is None:
        if overlap == "nested":
            return Between("nested", None, *ends, same=False)
        raise ParameterError(
            "Whether old and new data overlap is told from when they end.",
            place=f"The fit ends on {ends[0]}, the new data on {ends[1]}.",
            fix="Pass overlap='nested' or 'separate', or `observed_until` to the summary.",
        )
    gap = _gap(fit, customers, length)
    if overlap == "auto" and gap > (_ALIKE if fit.data.total_age is not None else _MATCHED):
        raise ParameterError(
            "Old and new data are nested, or of separate customers; their totals do not say which.",
            place=_place(fit, customers, length),
            fix="Pass overlap='nested' if the new data are the old ones and what came after them, "
            "'separate' if no customer is in both.",
        )
    return Between("nested", length, *ends, same=gap <= _EXACT)


def _gap(fit: Fit[Any], customers: Customers, length: float) -> float:
    """Return how far the totals of the old data are from what the new data say they were."""
    old = customers.take(np.flatnonzero(known_then(customers, length)))
    w, data = old.weight, fit.data
    if data.total_age is None:  # of a spend model: purchases before the old end are expected
        return _apart(float(w @ expected_before(old, length)), data.repeat_purchases)
    age = float(w @ np.maximum(old.timing[2] - length, 0.0))
    return max(_apart(float(w.sum()), fit.n_customers), _apart(age, data.total_age))


def _apart(a: float, b: float) -> float:
    return abs(a - b) / max(abs(a), abs(b), 1e-300)


def _place(fit: Fit[Any], customers: Customers, length: float) -> str:
    old = known_then(customers, length)
    what = "with a repeat purchase " if fit.data.total_age is None else ""
    return (
        f"The fit has {fit.n_customers:,.0f} customers {what}until {fit.observed_until}; of the "
        f"new data {float(customers.weight[old].sum()):,.0f} were customers then."
    )


def _length(start: date | None, new: CustomerSummary, ages: Array) -> float | None:
    """Return the time between two ends of observation, in the unit of the summary."""
    end, rules, unit = new.observed_until, new.definitions, new.unit
    if start is None or end is None:
        return None
    grid: Grid = "day" if rules is None else rules.grid
    if rules is None and unit in MONTHS and not (ages % 1.0).any():
        grid = unit  # a finished table in whole periods of the calendar
    periods = period_of(day_number(end), grid) - period_of(day_number(start), grid)
    period, per_unit = units_per_period(grid, unit)
    return periods * period / per_unit
