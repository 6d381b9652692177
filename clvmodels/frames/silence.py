"""The lapse alert: when the silence of a customer becomes unusual, on the engine of the summary."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import TIMING, Customers
from clvmodels.frames.arguments import check_models, refuse_taken
from clvmodels.frames.calendar import day_number
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.engines import table_on_engine
from clvmodels.frames.keys import keys_of
from clvmodels.frames.periods import last_days, period_of, units_per_period
from clvmodels.frames.sources import as_narwhals
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.predictive.arguments import fitted_model
from clvmodels.predictive.silence import Purchases, check_error_rate, unusual_silence
from clvmodels.units import DAYS_PER_UNIT

if TYPE_CHECKING:
    import polars as pl

__all__ = ["lapse_alert"]

Array: TypeAlias = NDArray[np.float64]
Days: TypeAlias = NDArray[np.datetime64]

ALERT: Final = ("alert_after", "alert_date", "lapsed")
_LAST_DAY: Final = 2_932_896  # 9999-12-31


def lapse_alert(rfm: CustomerSummary, purchases: Purchases, *, error_rate: float = 0.05) -> Any:
    """Say from when on the silence of each customer is unusual, and whether it is so already.

    Of the customers with the same purchases who stay, a share `error_rate` is silent for longer
    than ``alert_after``: that is how many alerts are false. A regular buyer is missed soon, a rare
    one late. It needs no threshold on P(alive), which asks a question of its own: see
    ``docs/decisions/022-lapse-alert.md``.

    Parameters
    ----------
    rfm
        The customers, on any engine.
    purchases
        A fit, a model in the unit of `rfm`, or parameter draws such as ``fit.posterior(...)``:
        with these the uncertainty of the parameters counts.
    error_rate
        Share of the customers who stay and are nevertheless reported: between 0 and 1.

    Returns
    -------
    native frame
        On the engine of `rfm`, with its columns and

        - ``alert_after``: silence since the last purchase, in the unit of `rfm`, from which on an
          alert is due; whole for models of whole periods, null where no silence is unusual.
        - ``alert_date``: the first day on which it has lasted so long; the last day of that period
          where orders are counted by week, month, quarter or year. Null beyond the year 9999. The
          column is there if the summary knows its `observed_until`, but not for a finished table
          and a model of whole periods, whose days nobody knows.
        - ``lapsed``: whether the silence has lasted so long at the end of observation.

    Raises
    ------
    ParameterError
        `error_rate` is not between 0 and 1.
    UnitMismatchError
        The fit and the customers are in different time units.
    DataError
        The summary lacks what the model needs, or has a column of one of these names.

    Notes
    -----
    Who has bought once is judged by the whole population: the rate is Gamma(r, alpha), and where r
    is small, many buy next to never and no silence is short enough to be unusual in practice.

    Examples
    --------
    >>> import polars as pl
    >>> from clvmodels import BGNBD
    >>> table = pl.DataFrame(
    ...     {"customer_id": [4, 5], "frequency": [2, 9], "recency": [30.0, 30.0], "T": [52.0, 52.0]}
    ... )
    >>> rfm = CustomerSummary.from_frame(table, unit="week", observed_until="2024-06-30")
    >>> alerts = lapse_alert(rfm, BGNBD(0.243, 4.414, 0.793, 2.426))
    >>> alerts.select(pl.col("alert_after").round(1), "alert_date", "lapsed").rows()
    [(96.4, datetime.date(2025, 12, 4), False), (13.2, datetime.date(2024, 4, 30), True)]
    """
    level = check_error_rate(error_rate)
    check_models(rfm, purchases, None, function="lapse_alert")
    model: PurchasePredictions = fitted_model(purchases)
    frame = as_narwhals(rfm.frame)
    refuse_taken(frame.collect_schema().names(), ALERT)
    if isinstance(frame, nw.DataFrame):
        customers = rfm.customers(model.variables)
        after = unusual_silence(customers, purchases, error_rate=level)
        return _beside(frame, _alerts(rfm, model, customers, after))
    by = (*TIMING, *model.variables)
    states = rfm.patterns(by)
    after = unusual_silence(states, purchases, error_rate=level)
    keys = keys_of(frame, by, definitions=rfm.definitions, unit=rfm.unit)
    table = _alerts(rfm, model, states, after)
    import polars as pl

    known = pl.DataFrame({name: np.array(values) for name, values in keys.of(states).items()})
    side = table_on_engine(frame, known.hstack(table))
    joined = keys.on(frame).join(side, on=list(keys.names), how="left")
    return nw.to_native(joined.drop(*keys.names))


# --- from a silence to a date -----------------------------------------------------------------


def _alerts(
    rfm: CustomerSummary, model: PurchasePredictions, c: Customers, after: Array
) -> pl.DataFrame:
    """Return the columns `ALERT` of customers, a row each."""
    import polars as pl

    _, t_x, T = c.timing
    days: Days | None = None
    if rfm.definitions is not None and rfm.observed_until is not None:
        grid = rfm.definitions.grid
        length, per_unit = units_per_period(grid, rfm.unit)
        silent = np.rint((T - t_x) * per_unit / length)
        due = np.ceil(after * per_unit / length)
        lapsed = silent >= due
        last = period_of(day_number(rfm.observed_until), grid) - silent
        furthest = period_of(_LAST_DAY, grid) - 1
        days = _where(last + due, furthest, lambda periods: last_days(periods, grid))
    else:
        silence = T - t_x
        lapsed = silence >= after
        if rfm.observed_until is not None and not _in_periods(model):
            ahead = (after - silence) * DAYS_PER_UNIT[rfm.unit]
            end = day_number(rfm.observed_until)
            days = _where(np.ceil(end + ahead), _LAST_DAY, lambda whole: whole.astype("M8[D]"))
    columns = {
        ALERT[0]: pl.Series(np.where(np.isinf(after), np.nan, after)).fill_nan(None),
        **({} if days is None else {ALERT[1]: pl.Series(days)}),
        ALERT[2]: pl.Series(lapsed),
    }
    return pl.DataFrame(columns)


def _where(numbers: Array, last: float, made: Callable[[NDArray[np.int64]], Days]) -> Days:
    """Return days made of whole numbers, none for those beyond the last one."""
    known = numbers <= last
    days = made(np.where(known, numbers, 0.0).astype(np.int64))
    return np.where(known, days, np.datetime64("NaT", "D"))


def _in_periods(model: PurchasePredictions) -> bool:
    """Tell whether a model counts whole periods."""
    return bool(model.whole_periods(np.array(0.5)) == 0.0)


def _beside(frame: nw.DataFrame[Any], table: pl.DataFrame) -> Any:
    """Return an eager frame with the columns of a table as long as itself."""
    native = nw.to_native(frame)
    if frame.implementation.is_polars():
        return native.hstack(table)
    if frame.implementation.is_pyarrow():
        for name, column in zip(table.columns, table.to_arrow().columns, strict=True):
            native = native.append_column(name, column)
        return native
    columns = {name: table[name].to_numpy() for name in table.columns}
    if ALERT[1] in columns:  # pandas has no type for days
        columns[ALERT[1]] = columns[ALERT[1]].astype("M8[us]")
    return native.assign(**columns)
