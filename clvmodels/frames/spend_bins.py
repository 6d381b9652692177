"""How many repeat customers have a mean spend in each bin, counted on the engine."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers, Histories, as_histories
from clvmodels.frames.columns import require_column
from clvmodels.frames.covariates import covariate_values
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.engines import collected
from clvmodels.frames.finished_tables import refuse_repeated_ids
from clvmodels.frames.sources import as_narwhals
from clvmodels.special import Index, distinct_rows

__all__ = ["spend_bins"]

Array: TypeAlias = NDArray[np.float64]

_BIN: Final = "_bin"
_COUNT: Final = "_count"
_ROUNDING: Final = 1e-9  # engines add money in orders of their own: a mean of 10 may be just below


def spend_bins(
    rfm: Histories, edges: Array, variables: tuple[str, ...]
) -> tuple[Customers, Index, Array]:
    """Count customers whose repeat purchases are worth something, by frequency and bin of the mean.

    Parameters
    ----------
    rfm
        A summary, or `Customers`. Of a lazy summary only the counts are collected.
    edges
        Shape (k,), rising: low ends of the bins.
    variables
        Covariates to tell customers by, too.

    Returns
    -------
    tuple
        Customers of shape (m,), with frequency and covariates; the bin of each row; how many.
    """
    bounds = edges[1:] * (1.0 - _ROUNDING)
    if isinstance(rfm, CustomerSummary) and rfm.is_lazy and rfm.has_spend:
        return _on_engine(rfm, bounds, variables)
    c = as_histories(rfm).customers(variables)
    x, m = c.spend
    c = c.take(np.flatnonzero((x > 0.0) & (m > 0.0)))
    place = np.searchsorted(bounds, c.spend[1], side="right").astype(np.float64)
    columns = [c.covariates[name] for name in variables]
    rows, code = distinct_rows(c.frequency, place, *columns)
    count = np.bincount(code, c.weight, len(rows)).astype(np.float64)
    return c.take(rows), place[rows].astype(np.intp), count


def _on_engine(
    rfm: CustomerSummary, bounds: Array, variables: tuple[str, ...]
) -> tuple[Customers, Index, Array]:
    whole: Any = as_narwhals(rfm.frame)
    for name in variables:
        require_column(name, whole.collect_schema().names(), role="covariate")
    if rfm.definitions is None:
        refuse_repeated_ids(whole, rfm.customer)
    mean = nw.col("monetary_value")
    frame = whole.filter((nw.col("frequency") > 0) & (mean > 0.0))
    place = nw.lit(0)
    for bound in bounds.tolist():
        place = place + nw.when(mean >= bound).then(nw.lit(1)).otherwise(nw.lit(0))
    keys = ("frequency", _BIN, *variables)
    counted = frame.with_columns(place.alias(_BIN)).group_by(*keys)
    table = collected(counted.agg(nw.len().cast(nw.Int64).alias(_COUNT)))
    covariates = {name: covariate_values(table[name]) for name in variables}
    numbers = {n: np.asarray(table[n].to_numpy(), np.float64) for n in ("frequency", _BIN, _COUNT)}
    c = Customers.from_arrays(numbers["frequency"], unit=rfm.unit, covariates=covariates)
    order, _ = distinct_rows(c.frequency, numbers[_BIN], *(c.covariates[n] for n in variables))
    return c.take(order), numbers[_BIN][order].astype(np.intp), numbers[_COUNT][order]
