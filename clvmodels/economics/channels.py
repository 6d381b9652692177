"""Which models describe which segments: one pair for all, with covariates, or a pair each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.economics.acquired import Pair
from clvmodels.economics.newcomers import Channel, Newcomers
from clvmodels.economics.terms import Costs, Label, check_number, label_of, words_of
from clvmodels.errors import DataError, ParameterError, first_few
from clvmodels.frames.arguments import check_models, variables_of
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.known_histories import with_histories
from clvmodels.frames.predict import CLVModel
from clvmodels.frames.segmented import Segmented
from clvmodels.special import distinct_rows

__all__ = ["newcomers_of", "pairs_of"]

Array: TypeAlias = NDArray[np.float64]

_FEW: Final = 10.0


def pairs_of(
    rfm: CustomerSummary, labels: tuple[Label, ...], purchases: Any, spend: Any
) -> tuple[Pair, ...]:
    """Return the models and the segments that they describe.

    Raises
    ------
    DataError
        A mapping of models lacks a segment, or models do not go with the summary.
    ParameterError
        There is no spend.
    """
    if not isinstance(purchases, Mapping) and not isinstance(spend, Mapping):
        return (_checked(rfm, purchases, spend, None),)
    found = []
    for j, label in enumerate(labels):
        own = _of(purchases, label, labels, "purchases"), _of(spend, label, labels, "spend")
        found.append(_checked(rfm, *own, np.array([j])))
    return tuple(found)


def _of(given: Any, label: Label, labels: tuple[Label, ...], name: str) -> Any:
    """Return what is given for a segment, or for all."""
    if not isinstance(given, Mapping):
        return given
    known = {label_of(key if isinstance(key, tuple) else (key,)): given[key] for key in given}
    missing = [words_of(each) for each in labels if each not in known]
    if missing:
        raise DataError(
            f"`{name}` has a model for every segment.",
            place=f"{len(missing)} have none: {first_few(missing)}.",
            fix="Add them, or leave these customers out.",
        )
    return known[label]


def _checked(
    rfm: CustomerSummary, purchases: Any, spend: Any, segments: NDArray[np.intp] | None
) -> Pair:
    if isinstance(purchases, CLVModel):
        if spend is None:
            spend = purchases.spend
        purchases = purchases.purchases
    if spend is None:
        raise ParameterError(
            "Unit economics compare money with money.",
            place="There is no `spend`.",
            fix="Pass GammaGamma.fit(rfm), a price per purchase, or a column of prices.",
        )
    check_models(rfm, purchases, spend, function="unit_economics")
    if segments is None:
        purchases, spend = (with_histories(each, rfm) for each in (purchases, spend))
    return Pair(purchases, spend, segments)


def newcomers_of(
    rfm: CustomerSummary,
    base: Segmented,
    pairs: tuple[Pair, ...],
    costs: Costs,
    first_order: float | str | None,
) -> Newcomers:
    """Return the new customers of every segment: its kinds are those of its customers."""
    channels = tuple(_channel(rfm, base, pair) for pair in pairs)
    first, error = _first_orders(base, first_order)
    return Newcomers(channels, costs, first, error)


def _channel(rfm: CustomerSummary, base: Segmented, pair: Pair) -> Channel:
    priced = isinstance(pair.spend, str | int | float)
    variables = variables_of(pair.purchases, None if priced else pair.spend)
    kinds, weights = _kinds(rfm, base, variables)
    if pair.segments is not None:
        own = np.zeros(len(weights))
        own[pair.segments] = 1.0
        weights = weights * own[:, None]
    prices = None
    if isinstance(pair.spend, str):
        prices = base.means(base.numbers(pair.spend, role="spend"))
    elif priced:
        prices = np.full(len(weights), check_number(pair.spend, name="spend"))
    return Channel(pair.purchases, pair.spend, kinds, weights, prices)


def _kinds(
    rfm: CustomerSummary, base: Segmented, variables: tuple[str, ...]
) -> tuple[Customers, Array]:
    """Return the distinct kinds of customers by covariates, and their shares by segment."""
    if not variables:
        one = np.zeros(1)
        new = Customers.from_arrays(one, one, one, unit=rfm.unit, monetary_value=one)
        return new, np.ones((len(base.names), 1))
    known = rfm.customers(variables).covariates
    first, code = distinct_rows(*known.values())
    zero = np.zeros(len(first))
    kinds = Customers.from_arrays(
        zero,
        zero,
        zero,
        unit=rfm.unit,
        monetary_value=zero,
        covariates={name: each[first] for name, each in known.items()},
    )
    size = len(base.names), len(first)
    counts = np.bincount(base.code * size[1] + code, minlength=size[0] * size[1]).reshape(size)
    return kinds, counts / base.count[:, None]


def _first_orders(
    base: Segmented, first_order: float | str | None
) -> tuple[Array | None, Array | None]:
    """Return the mean first order of each segment and its standard error; None if not given."""
    if first_order is None:
        return None, None
    if not isinstance(first_order, str):
        mean = check_number(first_order, name="first_order")
        return np.full(len(base.names), mean), None
    values, count = base.numbers(first_order, role="first order"), base.count
    means = base.means(values)
    spread = base.sums((values - means[base.code]) ** 2)
    # Of a handful of orders the spread is luck: that within all segments stands for it.
    pooled = float(spread.sum()) / max(float((count - 1.0).sum()), 1.0)
    variance = np.where(count < _FEW, pooled, spread / np.maximum(count - 1.0, 1.0))
    return means, np.sqrt(variance / count)
