"""How many customers who began in one period bought in another: counted on the engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any, Final, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Grid
from clvmodels.frames.calendar import as_date, day_number
from clvmodels.frames.cleaning import CleanLog, clean, later_rows
from clvmodels.frames.columns import CUSTOMER, PERIOD
from clvmodels.frames.engines import collected
from clvmodels.frames.occasions import kept, net_occasions
from clvmodels.frames.periods import last_complete_day, period_of
from clvmodels.frames.reading import Rules

__all__ = ["PurchaseDays", "purchase_days"]

Whole: TypeAlias = NDArray[np.int64]

_FIRST: Final = "_first"
_COUNT: Final = "_count"


@dataclass(frozen=True, eq=False)
class PurchaseDays:
    """Purchases of the customers who began up to a cut, by first and by later periods.

    Attributes
    ----------
    first, period, count : array of int
        Shape (m,), sorted: so many customers with their first purchase in period `first` bought in
        `period`. Those with both equal count the customers.
    cut, end : int
        The last period up to the cut, and the last one of the log.
    calibration_end, observed_until : date
        The days on which they end.
    grid : str
        What a period is.
    """

    first: Whole
    period: Whole
    count: Whole
    cut: int
    end: int
    calibration_end: date
    observed_until: date
    grid: Grid

    @property
    def born(self) -> tuple[Whole, Whole]:
        """The first periods, rising, and their numbers of customers, each of shape (f,)."""
        own = self.first == self.period
        return self.first[own], self.count[own]

    @property
    def repeats(self) -> tuple[Whole, Whole]:
        """Periods and numbers of repeat purchases, each of shape (r,); periods come repeatedly."""
        later = self.first < self.period
        return self.period[later], self.count[later]


def purchase_days(
    everything: CleanLog, rules: Rules, *, calibration_end: date | None
) -> tuple[PurchaseDays, CleanLog]:
    """Count purchases by first and later periods; of a lazy log only the counts are collected.

    As `holdout_split` does: what comes after the cut has no influence on what was before it.

    Parameters
    ----------
    everything, rules
        A log, and how it was read.
    calibration_end
        The cut, the last day of the first window; the end of the log if None or later than it.

    Returns
    -------
    tuple
        The counts, and the log up to the cut.
    """
    whole = calibration_end is None or day_number(calibration_end) >= everything.end
    log = everything
    if not whole:
        log = clean(
            everything.source,
            observed_until=calibration_end,
            returns=rules.returns,
            invalid="drop",
            strict=False,
            last_counted=partial(last_complete_day, grid=rules.grid),
        )
    bought = _bought(log, rules.grid)
    if log.source.eager:
        bought = bought.collect("polars").lazy()
    firsts = bought.group_by(CUSTOMER).agg(nw.col(PERIOD).min().alias(_FIRST))
    if not whole:
        later = replace(later_rows(everything, log.end), end=everything.end)
        bought = nw.concat([bought, _bought(later, rules.grid)])
    counted = bought.join(firsts, on=CUSTOMER, how="inner").group_by(_FIRST, PERIOD)
    table = collected(counted.agg(nw.len().cast(nw.Int64).alias(_COUNT)))
    first, period, count = (
        np.asarray(table[n].to_numpy(), dtype=np.int64) for n in (_FIRST, PERIOD, _COUNT)
    )
    order = np.lexsort((period, first))
    return PurchaseDays(
        first[order],
        period[order],
        count[order],
        cut=period_of(log.end, rules.grid),
        end=period_of(everything.end, rules.grid),
        calibration_end=as_date(log.end),
        observed_until=as_date(everything.end),
        grid=rules.grid,
    ), log


def _bought(log: CleanLog, grid: Grid) -> nw.LazyFrame[Any]:
    """Return CUSTOMER and PERIOD of the purchases that count."""
    purchases = kept(net_occasions(log, grid=grid), has_amount=log.source.has_amount)
    return purchases.select(CUSTOMER, PERIOD)
