"""What customers who were acquired already have brought in, and what is still to come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.economics.alive import time_alive
from clvmodels.economics.estimate import Estimate
from clvmodels.economics.terms import Costs, Future
from clvmodels.errors import DataError
from clvmodels.frames.arguments import variables_of
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.exposure import exposure_of
from clvmodels.frames.segmented import Segmented
from clvmodels.frames.totals import total
from clvmodels.predictive.arguments import fit_of, fitted_model
from clvmodels.predictive.parameter_error import error_of
from clvmodels.predictive.scaled import scaled_moments
from clvmodels.predictive.totals import (
    Exposure,
    Terms,
    base_of,
    discounted,
    expected_sums,
    scale_of,
)

__all__ = ["Pair", "past_value", "past_values", "residual_value"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """Models of purchases and spend, and the segments that they describe; None for all."""

    purchases: Any
    spend: Any
    segments: NDArray[np.intp] | None = None


def past_values(
    base: Segmented, costs: Costs, spent: Array, orders: Array, time: Array, margin: Array
) -> Array:
    """Return what each customer has brought in so far, shape (n,)."""
    code = base.code
    return np.asarray(
        margin * costs.kept[code] * spent
        - costs.per_order[code] * orders
        - costs.per_time[code] * time
    )


def past_value(values: Array, base: Segmented, level: float) -> Estimate:
    """Return the mean of what customers brought in, as a guess at that of others like them.

    The interval is that of a mean of independent customers.
    """
    count = base.count
    mean = base.means(values)
    spread = base.sums((values - mean[base.code]) ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        sd = np.where(count > 1.0, np.sqrt(spread / (count - 1.0) / count), np.nan)
        quantile = special.stdtrit(np.maximum(count - 1.0, 1.0), 0.5 * (1.0 + level))
    return Estimate(mean, mean - quantile * sd, mean + quantile * sd, level)


def residual_value(
    rfm: CustomerSummary,
    base: Segmented,
    pairs: Sequence[Pair],
    costs: Costs,
    future: Future,
    *,
    margin: float | str,
) -> tuple[Estimate, bool]:
    """Return the sum of what is to come of each segment, and whether its error is known."""
    size = len(base.names)
    parts = np.zeros((3, size))
    known = True
    for pair in pairs:
        if pair.segments is None:
            found, sure = _of_pair(rfm, pair, costs, future, by=base.by, margin=margin)
            parts, known = found, known and sure
            continue
        for segment in pair.segments.tolist():
            own = replace(rfm, frame=base.rows(segment))
            here = Costs(*(each[[segment]] for each in vars(costs).values()))
            found, sure = _of_pair(own, pair, here, future, by=(), margin=margin)
            parts[:, [segment]] = found
            known = known and sure
    return Estimate(parts[0], parts[1], parts[2], future.level), known


def _of_pair(
    rfm: CustomerSummary,
    pair: Pair,
    costs: Costs,
    future: Future,
    *,
    by: tuple[str, ...],
    margin: float | str,
) -> tuple[Array, bool]:
    """Return mean, lower and upper of sums by segment, shape (3, segments)."""
    gross, sure = _totals(rfm, pair, future, by=by, margin=margin)
    mean, lower, upper, sd = gross
    net = costs.kept * mean
    down, up = costs.kept * (mean - lower), costs.kept * (upper - mean)
    if costs.any_time or (costs.per_order != 0.0).any():
        lost, ratio = _served(rfm, pair, costs, future, by=by, margin=margin, gross=sd, known=sure)
        net, down, up = net - lost, down * ratio, up * ratio
    return np.stack([net, net - down, net + up]), sure


def _totals(
    rfm: CustomerSummary, pair: Pair, future: Future, *, by: tuple[str, ...], margin: float | str
) -> tuple[tuple[Array, Array, Array, Array], bool]:
    """Return mean, lower, upper and sd of the discounted margin, before returns and costs."""
    terms: dict[str, Any] = {
        "horizon": future.horizon,
        "discount_rate": future.discount_rate,
        "margin": margin,
        "by": list(by) or None,
        "interval": future.level,
    }
    sure = True
    try:
        table = total(rfm, pair.purchases, pair.spend, **terms)
    except DataError:  # of parameters without bound; any other error comes again
        models = fitted_model(pair.purchases), _bare(pair.spend)
        table, sure = total(rfm, *models, **terms), False
    frame = nw.from_native(table, eager_only=True)
    columns = (
        np.asarray(frame[name].cast(nw.Float64).to_numpy(), dtype=np.float64)
        for name in ("clv", "lower", "upper", "sd")
    )
    mean, lower, upper, sd = columns
    if not sure:
        lower = upper = np.full(len(mean), np.nan)
    return (mean, lower, upper, sd), sure


def _bare(spend: Any) -> Any:
    return spend if isinstance(spend, str | int | float) else fitted_model(spend)


def _served(
    rfm: CustomerSummary,
    pair: Pair,
    costs: Costs,
    future: Future,
    *,
    by: tuple[str, ...],
    margin: float | str,
    gross: Array,
    known: bool,
) -> tuple[Array, Array]:
    """Return what serving costs, and by how much it widens or narrows the interval of the sum.

    Value and costs go together: who buys more costs more. Given the parameters a customer with N
    discounted orders of mean worth E has Var(V - cN) = Var V + (c^2 - 2 c E) Var N.
    """
    priced = isinstance(fit_of(pair.spend), str | int | float)
    exposure, _ = exposure_of(
        rfm,
        variables=variables_of(pair.purchases, None if priced else pair.spend),
        by=by,
        margin=margin,
        price=pair.spend if priced else None,
    )
    terms = Terms(future.horizon, future.rate)
    models = fitted_model(pair.purchases), None if priced else fitted_model(pair.spend)
    lost = _order_costs(exposure, models[0], costs, terms)
    if costs.any_time:
        ahead = time_alive(models[0], exposure.patterns, terms.horizon, terms.rate)
        there = (models[0].p_alive(exposure.patterns) * ahead)[exposure.pattern]
        lost = lost + costs.per_time * exposure.by_segment(exposure.count * there)
    _, spread, _ = scaled_moments(models[0], None, exposure.patterns, terms.horizon, terms.rate)
    groups = exposure.segment
    order, kept = costs.per_order[groups], costs.kept[groups]
    changed = (order**2 * exposure.count - 2.0 * order * kept * _spent(exposure, models[1])) * (
        spread[exposure.pattern]
    )
    before, after = (
        _parameter_variance(exposure, pair, each, terms, priced=priced) if known else 0.0
        for each in (None, costs)
    )
    whole = gross**2 * costs.kept**2
    net = whole + exposure.by_segment(changed) + after - costs.kept**2 * before
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.sqrt(np.maximum(net, 0.0) / whole)
    return lost, np.where(np.isfinite(ratio), ratio, 1.0)


def _order_costs(exposure: Exposure, model: Any, costs: Costs, terms: Terms) -> Array:
    """Return the expected costs of orders of each segment, shape (segments,)."""
    counts = discounted(model, exposure.patterns, terms)[exposure.pattern]
    return costs.per_order * exposure.by_segment(exposure.count * counts)


def _spent(exposure: Exposure, spend: Any) -> Array:
    """Return the sum of margin x expected spend per order over each group, shape (m,)."""
    if spend is None:
        return exposure.scales(1, np.zeros(len(exposure.count)))
    base, x = base_of(spend), exposure.patterns.frequency[exposure.pattern]
    return np.asarray(
        base.p * exposure.scales(1, scale_of(exposure, spend)) / (base.p * x + base.q - 1.0)
    )


def _parameter_variance(
    exposure: Exposure, pair: Pair, costs: Costs | None, terms: Terms, *, priced: bool
) -> Array:
    """Return the variance of sums from the error of the parameters, with costs or before.

    Of the costs those of orders: those of time hardly move with the parameters.
    """
    models = fitted_model(pair.purchases), None if priced else fitted_model(pair.spend)

    def net(purchases: Any, spend: Any) -> Array:
        value = expected_sums(exposure, purchases, spend, terms)
        if costs is None:
            return value
        return costs.kept * value - _order_costs(exposure, purchases, costs, terms)

    middle = net(*models)
    error = error_of(pair.purchases, lambda model: net(model, models[1]), middle)
    if not priced:
        error = error + error_of(pair.spend, lambda model: net(models[0], model), middle)
    return error.variance
