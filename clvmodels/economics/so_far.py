"""What customers have brought in up to now, or up to an age."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.economics.acquired import Pair, past_value, past_values
from clvmodels.economics.asked import Asked
from clvmodels.economics.estimate import Estimate
from clvmodels.errors import DataError, ParameterError
from clvmodels.frames.arguments import variables_of
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.historical_value import column_within
from clvmodels.predictive.arguments import fitted_model
from clvmodels.units import DAYS_PER_UNIT

__all__ = ["so_far", "up_to_age"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]

_ROUNDING: Final = 1e-12  # of days in the unit of the summary


def so_far(asked: Asked) -> Array:
    """Return what each customer has brought in, shape (n,), after all costs but the acquisition."""
    base, rfm = asked.base, asked.rfm
    frequency = base.numbers("frequency", role="frequency") if _needs_orders(asked) else None
    spent = _spent(asked, frequency)
    orders = np.zeros(len(base.code)) if frequency is None else frequency + 1.0
    time = np.zeros(len(base.code))
    if rfm is not None and asked.costs.any_time:
        _, t_x, T = rfm.customers().timing
        alive = np.zeros(len(time))
        for pair, c, rows in _by_pair(asked, rfm):
            alive[rows] = fitted_model(pair.purchases).p_alive(c)
        time = t_x + alive * (T - t_x)
    return past_values(base, asked.costs, spent, orders, time, asked.margins)


def _needs_orders(asked: Asked) -> bool:
    return asked.history is None or bool(asked.costs.per_order.any())


def _spent(asked: Asked, frequency: Array | None) -> Array:
    """Return what each customer has spent: as a column has it, or repeat orders and a guess."""
    base = asked.base
    if asked.history is not None:
        return base.numbers(asked.history, role="history")
    assert frequency is not None
    if asked.rfm is None:
        each = base.numbers("expected_spend", role="expected_spend")
    else:
        each = np.zeros(len(base.code))
        for pair, c, rows in _by_pair(asked, asked.rfm):
            each[rows] = _expected_spend(asked, pair, c, rows)
    repeat: Array = each
    if "monetary_value" in base.frame.columns:
        column = base.frame["monetary_value"].cast(nw.Float64)
        repeat = np.where(frequency > 0.0, np.asarray(column.to_numpy(), dtype=np.float64), 0.0)
    return np.asarray(each + frequency * repeat)


def _by_pair(asked: Asked, rfm: CustomerSummary) -> Iterator[tuple[Pair, Customers, Index]]:
    """Yield the models of each segment, with their customers and whose rows these are."""
    for pair in asked.pairs:
        priced = isinstance(pair.spend, str | int | float)
        c = rfm.customers(variables_of(pair.purchases, None if priced else pair.spend))
        rows = np.arange(len(asked.base.code))
        if pair.segments is not None:
            rows = np.flatnonzero(np.isin(asked.base.code, pair.segments))
        yield pair, c.take(rows), rows


def _expected_spend(asked: Asked, pair: Pair, c: Customers, rows: Index) -> Array:
    if isinstance(pair.spend, str):
        return np.asarray(asked.base.numbers(pair.spend, role="spend")[rows])
    if isinstance(pair.spend, int | float):
        return np.full(len(rows), float(pair.spend))
    return np.asarray(fitted_model(pair.spend).expected_spend(c))


def up_to_age(asked: Asked) -> tuple[Estimate, Array]:
    """Return the mean value at an age of those who have reached it, and how many they are.

    Raises
    ------
    ParameterError
        No column says what they had spent by then.
    DataError
        Nobody is so old.
    """
    age = asked.age
    assert age is not None
    if asked.history is None:
        raise ParameterError(
            "Realised value is what customers had spent by an age.",
            place="`history` names no column.",
            fix="Join clv.historical_value(..., within=...) of the same age to the summary.",
        )
    base = asked.base
    old = base.numbers("T", role="T") >= age * (1.0 - _ROUNDING)
    if not old.any():
        raise DataError(
            "Realised value is that of customers who have reached the age.",
            place=f"Nobody has been seen for {age:.4g} {asked.unit}s.",
            fix="Pass a shorter `within`.",
        )
    spent = base.numbers(asked.history, role="history")
    orders = np.zeros(len(spent))
    if asked.costs.per_order.any():
        days = age * DAYS_PER_UNIT[asked.unit or "day"]
        orders = base.numbers(column_within("orders", days), role="orders")
    time = np.full(len(spent), age)
    values = past_values(base, asked.costs, spent, orders, time, asked.margins)[old]
    frame = base.frame.filter(old.tolist())
    some = replace(base, frame=frame, code=base.code[old])
    return past_value(values, some, asked.level), some.count
