"""Customers of a log as cohorts by first purchase, with the covariates of a model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import TIMING, Customers, Histories, as_histories
from clvmodels.errors import DataError
from clvmodels.frames.purchase_days import PurchaseDays
from clvmodels.models.fit import Fit
from clvmodels.models.purchases import newcomers
from clvmodels.predictive.arguments import fitted_model
from clvmodels.special import Index, distinct_rows

__all__ = ["Cohorts", "cohorts_of", "histories_of", "tracks_fit"]

Array: TypeAlias = NDArray[np.float64]

_KINDS: Final = 50  # customers of different covariates that stand for all, for variances


@dataclass(frozen=True, eq=False)
class Cohorts:
    """Customers by the period of their first purchase, and by covariates.

    Attributes
    ----------
    first, count : Array
        Shape (g,): the period, and the customers.
    newcomers : Customers
        Shape (z,): a new customer of each kind.
    kind : Index
        Shape (g,): which kind.
    step : float
        Length of a period in the unit of the model.
    """

    first: Array
    count: Array
    newcomers: Customers
    kind: Index
    step: float

    def ages(self, ends: Array) -> Array:
        """Return ages in periods at the ends of periods, shape (g, k); 0 before the first."""
        return np.maximum(ends - self.first[:, None], 0.0)

    def thinned(self) -> Cohorts:
        """Return the cohorts with few kinds in place of many, every so many-th."""
        apart = -(-len(self.newcomers) // _KINDS)
        if apart == 1:
            return self
        return Cohorts(
            self.first,
            self.count,
            self.newcomers.take(slice(apart // 2, None, apart)),
            np.minimum(self.kind // apart, (len(self.newcomers) - 1 - apart // 2) // apart),
            self.step,
        )


def cohorts_of(
    days: PurchaseDays, step: float, found: Any, rfm: Histories | None = None
) -> Cohorts:
    """Return the customers by first period and, for models that have some, by covariates.

    Raises
    ------
    DataError
        Covariates are not known, or are those of other customers.
    """
    variables = fitted_model(found).variables
    first, count = (each.astype(np.float64) for each in days.born)
    if not variables:
        return Cohorts(first, count, newcomers(1), np.zeros(len(first), np.intp), step)
    c = histories_of(found, rfm)
    born = np.rint(days.cut - c.timing[2] / step)
    counted = np.bincount(np.searchsorted(first, born) % len(first), c.weight, len(first))
    if not np.isin(born, first).all() or (counted != count).any():
        raise DataError(
            "With covariates tracking follows the very customers whose covariates are known.",
            place=f"The log has {count.sum():,.0f} customers up to {days.calibration_end}; "
            f"{c.n_customers:,.0f} have covariates, or other first days.",
            fix="Pass the log that the summary was made from, and `rfm` if the fit was loaded.",
        )
    covariates = [c.covariates[name] for name in variables]
    rows, kind = distinct_rows(*covariates)
    z = np.zeros(len(rows))
    known = {name: c.covariates[name][rows] for name in variables}
    new = Customers.from_arrays(z, z, z, unit=c.unit, covariates=known)
    group, code = distinct_rows(born, kind.astype(np.float64))
    weight = np.bincount(code, c.weight).astype(np.float64)
    return Cohorts(born[group], weight, new, kind[group], step)


def histories_of(found: Any, rfm: Histories | None) -> Customers:
    """Return the histories of the fit, from the summary or from the fit itself."""
    variables = fitted_model(found).variables
    if rfm is not None:
        return as_histories(rfm).patterns((*TIMING, *variables))
    known = found.histories if isinstance(found, Fit) else None
    if known is None:
        raise DataError(
            "With covariates tracking needs those of the customers.",
            place="This fit was loaded or copied, or is a model, and has none.",
            fix="Pass rfm=, the summary with the covariates.",
        )
    return known


def tracks_fit(found: Any, days: PurchaseDays, step: float) -> bool | None:
    """Tell whether these are the customers of a fit, by their totals; None for a model."""
    if not isinstance(found, Fit):
        return None
    first, count = days.born
    period, repeats = days.repeats
    age = float(count @ (days.cut - first)) * step
    known = found.data.total_age
    return (
        found.n_customers == count.sum()
        and found.data.repeat_purchases == repeats[period <= days.cut].sum()
        and known is not None
        and math.isclose(known, age, rel_tol=1e-9)
    )
