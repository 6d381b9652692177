"""What customers did after a cut: one row a customer, as arrays in a canonical order.

Engines give rows in orders of their own, and sums of floats depend on the order. So the rows are
sorted by what they hold before anything is summed: no number then depends on the engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.errors import DataError
from clvmodels.frames.columns import LOG_INTERVALS, SUMMARY, require_column
from clvmodels.frames.covariates import covariate_values
from clvmodels.frames.engines import collected
from clvmodels.frames.sources import as_narwhals
from clvmodels.frames.split import HoldoutSplit
from clvmodels.special import Index
from clvmodels.units import TimeUnit

__all__ = ["Outcomes", "outcomes"]

Array: TypeAlias = NDArray[np.float64]

_COUNT: Final = "holdout_purchases"
_VALUE: Final = "holdout_value"
_DIGITS: Final = 9  # money is the same on all engines up to the rounding of sums, which is smaller


@dataclass(frozen=True, eq=False, repr=False)
class Outcomes:
    """The customers of a calibration window, and what each did in the holdout window.

    Attributes
    ----------
    customers : Customers
        Shape (n,): what was known of them at the cut, in canonical order.
    purchases : Array
        Shape (n,): their purchases in the holdout window.
    value : Array or None
        Shape (n,), in the log's currency: what these were worth; None without amounts.
    segments : mapping of str to array
        Other columns of the calibration frame, each of shape (n,): numbers, or text with None
        where it is missing.
    horizon : float
        Length of the holdout window, in `unit`.
    unit : TimeUnit
        Unit of all times.
    calibration_end, observed_until : date
        Last day of each window, included.
    """

    customers: Customers
    purchases: Array
    value: Array | None
    segments: Mapping[str, NDArray[Any]]
    horizon: float
    unit: TimeUnit
    calibration_end: date
    observed_until: date

    def __len__(self) -> int:
        return len(self.purchases)

    def __repr__(self) -> str:
        worth = "" if self.value is None else f" worth {self.value.sum():,.2f}"
        return (
            f"<Outcomes: {len(self):,} customers, {self.purchases.sum():,.0f} purchases{worth} in "
            f"{self.horizon:g} {self.unit}s after {self.calibration_end}>"
        )

    def take(self, rows: NDArray[np.bool_] | Index | slice) -> Outcomes:
        """Return some of the customers, such as those of a segment."""
        return replace(
            self,
            customers=self.customers.take(rows),
            purchases=self.purchases[rows],
            value=None if self.value is None else self.value[rows],
            segments={name: each[rows] for name, each in self.segments.items()},
        )


def outcomes(
    split: HoldoutSplit, *, columns: Sequence[str] = (), covariates: Sequence[str] = ()
) -> Outcomes:
    """Return every customer of a split with what they did afterwards, from any engine.

    Of a lazy split the numbers are joined by id on the engine and collected once; no id is.

    Parameters
    ----------
    split
        What `holdout_split` returns. Its calibration summary may have been stored, collected or
        joined with covariates in the meantime.
    columns
        Columns of the calibration frame to tell segments by, of numbers, text or dates.
    covariates
        Columns of the calibration frame that the models need.

    Raises
    ------
    MissingColumnError
        A column is not in the calibration frame.
    DataError
        The holdout frame has other customers than the calibration frame.

    Examples
    --------
    >>> import polars as pl
    >>> from clvmodels import holdout_split
    >>> days = ["2024-01-09", "2024-01-01", "2024-01-08", "2024-02-15"]
    >>> orders = pl.DataFrame({"who": ["b", "a", "a", "b"], "day": days})
    >>> split = holdout_split(
    ...     orders, customer="who", date="day", calibration_end="2024-01-31", unit="day"
    ... )
    >>> found = outcomes(split)
    >>> found
    <Outcomes: 2 customers, 1 purchases in 15 days after 2024-01-31>
    >>> found.customers.frequency.tolist(), found.purchases.tolist()
    ([0.0, 1.0], [1.0, 0.0])
    """
    summary = split.calibration
    names = as_narwhals(summary.frame).collect_schema().names()
    for name in (*columns, *covariates):
        require_column(name, names, role="segment" if name in columns else "covariate")
    known = [name for name in (*SUMMARY, LOG_INTERVALS) if name in names]
    wanted = list(dict.fromkeys((*known, *columns, *covariates)))
    frame, held = _side_by_side(split, wanted)
    numbers = {name: _floats(frame[name]) for name in known}
    customers = Customers.from_arrays(
        numbers["frequency"],
        numbers["recency"],
        numbers["T"],
        unit=summary.unit,
        monetary_value=numbers.get("monetary_value"),
        log_intervals=numbers.get(LOG_INTERVALS),
        covariates={name: covariate_values(frame[name]) for name in covariates},
    )
    found = Outcomes(
        customers=customers,
        purchases=_floats(held[_COUNT]),
        value=_floats(held[_VALUE]) if _VALUE in held.columns else None,
        segments={name: _labels(frame[name]) for name in columns},
        horizon=split.horizon,
        unit=summary.unit,
        calibration_end=split.calibration_end,
        observed_until=split.observed_until,
    )
    return found.take(_canonical_order(found))


# --- from frames ------------------------------------------------------------------------------


def _side_by_side(
    split: HoldoutSplit, wanted: list[str]
) -> tuple[nw.DataFrame[Any], nw.DataFrame[Any]]:
    """Return the calibration columns and the holdout columns in memory, row by row the same."""
    frame, held = as_narwhals(split.calibration.frame), as_narwhals(split.holdout)
    key = split.calibration.customer
    results = [name for name in (_COUNT, _VALUE) if name in held.collect_schema().names()]
    if isinstance(frame, nw.LazyFrame) and isinstance(held, nw.LazyFrame):
        both = frame.select(key, *wanted).join(held.select(key, *results), on=key, how="left")
        joined = collected(both.select(*wanted, *results))
        if joined[_COUNT].null_count():
            raise _other_customers(int(joined[_COUNT].null_count()))
        return joined, joined
    left = collected(frame.select(key, *wanted))
    right = collected(held.select(key, *results))
    ours, theirs = left[key].to_list(), right[key].to_list()
    if ours != theirs:
        place = {each: row for row, each in enumerate(theirs)}
        lost = sum(each not in place for each in ours)
        if lost:
            raise _other_customers(lost)
        right = right[[place[each] for each in ours]]
    return left, right


def _other_customers(count: int) -> DataError:
    return DataError(
        "The holdout frame has the customers of the calibration frame.",
        place=f"{count:,} of these are not in it.",
        fix="Take both from one call of holdout_split.",
    )


def _floats(series: nw.Series[Any]) -> Array:
    return np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)


def _labels(series: nw.Series[Any]) -> NDArray[Any]:
    """Return numbers as floats, and anything else as text with None where it is missing."""
    if series.dtype.is_numeric():
        return _floats(series)
    known = zip(series.to_list(), series.is_null().to_list(), strict=True)
    labels = [None if null or each != each else _text(each) for each, null in known]
    return np.array([*labels, None], dtype=object)[:-1]


def _text(value: Any) -> str:
    """Return a value as text, a day without its midnight: libraries differ in what a date is."""
    if isinstance(value, datetime) and value.time() == datetime.min.time():
        return str(value.date())
    return str(value)


# --- the order --------------------------------------------------------------------------------


def _canonical_order(found: Outcomes) -> Index:
    """Return the rows sorted by all that they hold, money first without its rounding errors."""
    c = found.customers
    texts = [*found.segments.values(), *c.covariates.values()]
    exact = [each for each in (c.monetary_value, found.value, c.log_intervals) if each is not None]
    keys = [*c.timing]
    keys += [] if c.monetary_value is None else [_rounded(c.monetary_value)]
    keys += [found.purchases]
    keys += [] if found.value is None else [_rounded(found.value)]
    keys += [_ranks(each) for each in texts] + exact
    return np.lexsort(keys[::-1])


def _rounded(money: Array) -> Array:
    """Return amounts to so many significant digits, missing ones as -1."""
    size = np.where(np.isfinite(money) & (money != 0.0), np.abs(money), 1.0)
    unit = 10.0 ** (np.floor(np.log10(size)) + 1.0 - _DIGITS)
    return np.where(np.isnan(money), -1.0, np.round(money / unit) * unit)


def _ranks(labels: NDArray[Any]) -> Array:
    if labels.dtype.kind == "f":
        return np.asarray(labels, dtype=np.float64)
    names = ["" if each is None else f"={each}" for each in labels.tolist()]
    return np.unique(names, return_inverse=True)[1].astype(np.float64)
