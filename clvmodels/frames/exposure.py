"""What totals need to know of customers, summed by history and segment on the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import TIMING, Customers
from clvmodels.frames.covariates import covariate_values
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.engines import collected
from clvmodels.frames.keys import keys_of
from clvmodels.frames.segments import Segments, segments_of
from clvmodels.frames.sources import as_narwhals
from clvmodels.predictive.totals import POWERS, Exposure, Power
from clvmodels.special import distinct_rows

__all__ = ["exposure_of"]

Array: TypeAlias = NDArray[np.float64]

_HIGHEST: Final = 3


def exposure_of(
    rfm: CustomerSummary,
    *,
    variables: tuple[str, ...],
    by: tuple[str, ...],
    margin: float | str,
    price: float | str | None,
) -> tuple[Exposure, Segments]:
    """Sum customers by history and segment; of a lazy frame only the sums are collected.

    Parameters
    ----------
    rfm
        The customers.
    variables
        Covariates of the models.
    by
        Columns that make segments; all customers are one without any.
    margin
        A fraction, or the name of a column of fractions.
    price
        Of a purchase, or the name of a column; None for the value of repeat purchases.
    """
    frame, amounts = as_narwhals(rfm.frame), _Amounts(margin, price)
    if isinstance(frame, nw.DataFrame):
        customers, segments = rfm.customers(variables), segments_of(frame, by)
        made = amounts.powers()
        sums = {
            name: frame.select(each.alias(name))[name].to_numpy() for name, each in made.items()
        }
        least = frame[margin].min() if isinstance(margin, str) else margin
        rows = _Rows(customers, segments, np.ones(len(customers)), sums, _below_zero(least))
    else:
        rows = _summed(rfm, frame, variables, by, amounts)
    return _folded(rows, amounts), rows.segments


@dataclass(frozen=True)
class _Rows:
    """Rows of one customer, or of several of the same history and segment; arrays of shape (n,)."""

    customers: Customers
    segments: Segments
    count: Array
    sums: dict[str, Array]
    signed: bool


def _below_zero(least: Any) -> bool:
    return least is not None and float(least) < 0.0


class _Amounts:
    """Powers of margin and of the value of purchases, as expressions of an engine.

    What is the same for all customers is left to arithmetic with the sums.
    """

    def __init__(self, margin: float | str, price: float | str | None) -> None:
        self.margin, self.price = margin, price
        self._a = range(1, _HIGHEST + 1) if isinstance(margin, str) else range(1)
        self._b = range(1) if isinstance(price, int | float) else range(_HIGHEST + 1)

    def powers(self) -> dict[str, Any]:
        """Return the expressions to be summed, by name."""
        share = nw.col(self.margin).cast(nw.Float64) if isinstance(self.margin, str) else None
        worth = self._worth()
        return {
            f"p{a}{b}": _product([*[share] * a, *[worth] * b])
            for a in self._a
            for b in self._b
            if (a or b) and (not a or b <= a)
        }

    def _worth(self) -> Any:
        if self.price is not None:
            return nw.col(self.price).cast(nw.Float64) if isinstance(self.price, str) else None
        x, value = (nw.col(name).cast(nw.Float64) for name in ("frequency", "monetary_value"))
        worth: Any = nw.when(x > 0.0).then(value * x).otherwise(nw.lit(0.0))
        return worth

    def by_power(self, count: Array, sums: dict[str, Array]) -> dict[Power, Array]:
        """Return the sum of margin^a s^b for each of `POWERS`."""
        found = {}
        for a, b in POWERS:
            own_a, own_b = a if len(self._a) > 1 else 0, b if len(self._b) > 1 else 0
            part = sums[f"p{own_a}{own_b}"] if own_a or own_b else count
            factor = 1.0 if own_a else float(self.margin) ** a
            found[a, b] = part * factor * (1.0 if own_b or not b else float(self.price or 0.0) ** b)
        return found


def _product(factors: list[Any]) -> Any:
    result = factors[0]
    for each in factors[1:]:
        result = result * each
    return result


def _summed(
    rfm: CustomerSummary,
    frame: nw.LazyFrame[Any],
    variables: tuple[str, ...],
    by: tuple[str, ...],
    amounts: _Amounts,
) -> _Rows:
    """Group a lazy frame by history and segment, and collect the groups."""
    if rfm.definitions is None:
        rfm.patterns((*TIMING, *variables))  # which refuses rows that break a rule
    keys = keys_of(frame, (*TIMING, *variables), definitions=rfm.definitions, unit=rfm.unit)
    mark = keys.names[0]
    labels = {f"{mark}s{i}": nw.col(name) for i, name in enumerate(by)}
    powers = {mark + name: each for name, each in amounts.powers().items()}
    keyed, new, margin = keys.on(frame), labels | powers, amounts.margin
    least = [nw.col(margin).min().alias(mark + "m")] if isinstance(margin, str) else []
    counted = (
        (keyed.with_columns(**new) if new else keyed)
        .group_by(*keys.names, *labels)
        .agg(nw.len().alias(mark + "n"), *(nw.col(name).sum() for name in powers), *least)
    )
    table = keys.read(collected(counted))
    segments = segments_of(table, tuple(labels))
    if segments.names is not None:
        names = segments.names.rename(dict(zip(labels, by, strict=True)))
        segments = Segments(segments.code, names, segments.count)
    x, t_x, T = (table[name].to_numpy() for name in TIMING)
    known = {name: covariate_values(table[name]) for name in variables}
    customers = Customers.from_arrays(x, t_x, T, unit=rfm.unit, covariates=known)
    floats = {name: table[mark + name].cast(nw.Float64).to_numpy() for name in amounts.powers()}
    count = table[mark + "n"].cast(nw.Float64).to_numpy()
    signed = _below_zero(table[mark + "m"].min() if isinstance(margin, str) else margin)
    return _Rows(customers, segments, count, floats, signed)


def _folded(rows: _Rows, amounts: _Amounts) -> Exposure:
    """Add up rows of the same history and segment."""
    customers, segments = rows.customers, rows.segments
    first, pattern = distinct_rows(*customers.timing, *customers.covariates.values())
    row, group = distinct_rows(segments.code.astype(np.float64), pattern.astype(np.float64))

    def added(column: Array) -> Array:
        return np.bincount(group, column, len(row)).astype(np.float64)

    return Exposure(
        patterns=customers.take(first),
        pattern=pattern[row],
        segment=segments.code[row],
        count=added(rows.count),
        sums={k: added(each) for k, each in amounts.by_power(rows.count, rows.sums).items()},
        segments=segments.count,
        signed=rows.signed,
    )
