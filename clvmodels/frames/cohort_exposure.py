"""What projections need of cohorts: histories and value so far, summed on the engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.frames.activity import Activity, dated_purchases
from clvmodels.frames.activity_tables import FIRST
from clvmodels.frames.calendar import day_number
from clvmodels.frames.cleaning import CleanLog
from clvmodels.frames.columns import CUSTOMER
from clvmodels.frames.conversions import as_polars
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.engines import collected
from clvmodels.frames.exposure import exposure_of
from clvmodels.frames.periods import MONTHS, last_days, period_of, units_per_period
from clvmodels.frames.reading import Rules
from clvmodels.frames.segments import Segments
from clvmodels.frames.sources import as_narwhals
from clvmodels.predictive.totals import Exposure

__all__ = ["CohortExposure", "cohort_exposure"]

Array: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]

# Columns beside those of the summary, and of the user's.
_BEGAN: Final = "_clvmodels_first"
_LABEL: Final = "_clvmodels_label"
_SO_FAR: Final = "_clvmodels_so_far"


@dataclass(frozen=True)
class CohortExposure:
    """Customers by history and by group: labels and the period of the first purchase.

    Attributes
    ----------
    exposure : Exposure
        m rows; its segments are the groups.
    segment, first : array of int
        Shape (groups,): the row of ``Activity.tables.segments``, the number of the first period.
    so_far, so_far_repeats : Array
        Shape (m,): the sum over the customers of a row of their value so far, and of that times
        the value of their repeat purchases; zeros without amounts.
    last : array of int
        Shape (patterns,): the number of the period of the last purchase.
    """

    exposure: Exposure
    segment: Whole
    first: Whole
    so_far: Array
    so_far_repeats: Array
    last: Whole


def cohort_exposure(
    log: CleanLog,
    rules: Rules,
    rfm: CustomerSummary,
    active: Activity,
    *,
    variables: tuple[str, ...],
    price: float | None,
    transactions: Any,
) -> CohortExposure:
    """Sum customers by history, labels and first period; of a lazy log only sums are collected.

    Parameters
    ----------
    log, rules, transactions
        As in `frames.activity.activity`.
    rfm
        The summary of the log.
    active
        What that function returned.
    variables
        Covariates of the models, columns of `rfm`.
    price
        Of a purchase; None for the value of repeat purchases.
    """
    labels = [f"{_LABEL}{i}" for i in range(len(active.by))]
    people = _people(log, rules, active, labels, transactions)
    if not rfm.is_lazy:
        people = nw.to_native(collected(as_narwhals(people)))
    grouped = rfm.with_covariates(people, customer=rfm.customer)
    by = (*labels, _BEGAN)
    exposure, segments = exposure_of(grouped, variables=variables, by=by, margin=1.0, price=price)
    none = np.zeros(len(exposure.count))
    so_far = repeats = none
    if active.has_revenue:
        weighed, _ = exposure_of(
            grouped, variables=variables, by=by, margin=_SO_FAR, price=None if rfm.has_spend else 1
        )
        so_far, repeats = weighed.sums[1, 0], weighed.sums[1, 1]
    segment, first = _groups(segments, active, labels)
    order = np.lexsort((first, segment))
    place = np.empty(len(order), dtype=np.intp)
    place[order] = np.arange(len(order))
    return CohortExposure(
        replace(exposure, segment=place[exposure.segment]),
        segment[order],
        first[order],
        so_far,
        repeats,
        _last_periods(rfm, exposure, active, rules),
    )


def _people(
    log: CleanLog, rules: Rules, active: Activity, labels: list[str], transactions: Any
) -> Any:
    """Return a native frame: the id, the first period, the labels and the value so far."""
    dated, keys = dated_purchases(log, rules, active.period, active.by, transactions)
    value = [nw.col("revenue").sum().alias(_SO_FAR)] if active.has_revenue else []
    firsts = dated.group_by(CUSTOMER, *keys, FIRST).agg(nw.len().alias("_n"), *value).drop("_n")
    return log.source.restore(firsts.rename(dict(zip(keys, labels, strict=True)) | {FIRST: _BEGAN}))


def _groups(segments: Segments, active: Activity, labels: list[str]) -> tuple[Whole, Whole]:
    """Return the row of the labels of each segment, and its first period, shape (segments,)."""
    import polars as pl

    assert segments.names is not None  # there is always a first period
    names = as_polars(segments.names)
    first = names[_BEGAN].cast(pl.Int64).to_numpy()
    if not labels:
        return np.zeros(len(first), dtype=np.int64), first
    known = active.tables.segments.with_row_index("_row")
    kinds = dict(zip(labels, active.tables.segments.dtypes, strict=True))
    found = names.select(pl.col(name).cast(kind) for name, kind in kinds.items())
    rows = found.rename(dict(zip(labels, active.by, strict=True))).join(
        known, on=list(active.by), how="left", nulls_equal=True, maintain_order="left"
    )
    return rows["_row"].cast(pl.Int64).to_numpy(), first


def _last_periods(
    rfm: CustomerSummary, exposure: Exposure, active: Activity, rules: Rules
) -> Whole:
    """Return the period of the last purchase of each history."""
    _, t_x, T = exposure.patterns.timing
    length, per_unit = units_per_period(rules.grid, rfm.unit)
    silent = np.rint((T - t_x) * per_unit / length).astype(np.int64)
    periods = period_of(day_number(active.observed_until), rules.grid) - silent
    months = last_days(periods, rules.grid).astype("M8[M]").astype(np.int64) + 12 * 1970
    return months // MONTHS[active.period]
