"""The window since the old fit: what it expected of its customers, and what they did."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.customers import Customers
from clvmodels.drifts.before import known_then
from clvmodels.drifts.overlap import Between
from clvmodels.errors import DataError
from clvmodels.frames.engines import collected
from clvmodels.frames.sources import as_narwhals
from clvmodels.frames.split import HoldoutSplit
from clvmodels.frames.totals import total
from clvmodels.models.fit import Fit
from clvmodels.models.provenance import fingerprint
from clvmodels.parameters import from_real_line
from clvmodels.predictive.scaled import scaled_moments

__all__ = ["LEVEL", "WindowLine", "window_of_split", "window_of_totals"]

Array: TypeAlias = NDArray[np.float64]

LEVEL: Final = 0.9
_WIDER: Final = 2.0  # normal ends of 99.9 % beside those of 90 %
_SAMPLE: Final = 1_500  # simulated customers, for a band whose width is known to 3 in a hundred
_SEED: Final = 1_978
_STEP: Final = 0.05  # standard errors, of central differences


@dataclass(frozen=True)
class WindowLine:
    """One quantity in the window between old and new end.

    Attributes
    ----------
    quantity : {'purchases', 'value'}
        What is counted, of the customers of the old fit.
    expected, lower, upper : float
        What the old fit expects, and where the actual total is with probability 0.9.
    actual : float
        What happened.
    source : {'totals', 'split'}
        From the totals in the fit, or customer by customer.
    """

    quantity: str
    expected: float
    lower: float
    upper: float
    actual: float
    source: str

    @property
    def inside(self) -> bool:
        """Whether the actual total is inside the band."""
        return self.lower <= self.actual <= self.upper

    @property
    def far(self) -> bool:
        """Whether it is outside a band of 99.9 %, which is twice as wide as that of 90 %."""
        return not (
            _WIDER * (self.lower - self.expected)
            <= self.actual - self.expected
            <= _WIDER * (self.upper - self.expected)
        )


def window_of_split(split: HoldoutSplit, purchases: Any, spend: Any) -> tuple[WindowLine, ...]:
    """Compare customer by customer, on the split at the end of the old fit.

    Raises
    ------
    DataError
        The split is not at the end of the old fit, or its calibration data are others.
    """
    _refuse_other(split, purchases)
    names = as_narwhals(split.holdout).collect_schema().names()
    sums = _sums(split.holdout, [c for c in ("holdout_purchases", "holdout_value") if c in names])
    lines = [_of_split(split, purchases, None, sums["holdout_purchases"])]
    if spend is not None and "holdout_value" in sums:
        lines.append(_of_split(split, purchases, spend, sums["holdout_value"]))
    return tuple(lines)


def _of_split(split: HoldoutSplit, purchases: Any, spend: Any, actual: float) -> WindowLine:
    found = total(split.calibration, purchases, spend, horizon=split.horizon, interval=LEVEL)
    table = nw.from_native(found, eager_only=True)
    quantity = "purchases" if spend is None else "value"
    expected = table["expected_purchases" if spend is None else "clv"].item()
    lower, upper = table["lower"].item(), table["upper"].item()
    return WindowLine(quantity, expected, lower, upper, actual, "split")


def _sums(frame: Any, columns: list[str]) -> dict[str, float]:
    wrapped = as_narwhals(frame).select(*(nw.col(name).sum() for name in columns))
    row = collected(wrapped) if isinstance(wrapped, nw.LazyFrame) else wrapped
    return {name: float(row[name].item() or 0.0) for name in columns}


def _refuse_other(split: HoldoutSplit, fit: Fit[Any]) -> None:
    if split.calibration_end != fit.observed_until:
        raise DataError(
            "The split is at the end of the data of the old fit.",
            place=f"The fit ends on {fit.observed_until}, calibration on {split.calibration_end}.",
            fix=f"Use holdout_split(..., calibration_end={str(fit.observed_until)!r}).",
        )
    totals = fingerprint(fit.model.per_row(split.calibration).customers)
    if not fit.data.matches(totals):
        raise DataError(
            "The calibration data of the split are those of the old fit.",
            place=f"The fit has {fit.data}, the split has {totals}.",
            fix="Split the log that was fitted, or leave out `split`.",
        )


def window_of_totals(
    fit: Fit[Any], customers: Customers, data: Between, root: Array
) -> tuple[WindowLine, ...]:
    """Compare totals: purchases of old customers now and then, and what that growth should be.

    The growth of old customers is E[X(T1)] - E[X(T0)]. Its error has the luck of the customers and
    the error of the estimates; the two are related, as the estimates come from the same customers:
    with g and h the derivatives of the growth, not given and given what was known then, the
    variance is Var(growth) - g'Vg + 2 g'Vh.

    Parameters
    ----------
    fit
        The old fit of purchases.
    customers
        New histories.
    data
        How they are related to the old ones.
    root
        Shape (k, r): root @ root.T is the covariance of the old estimates in the coordinates.
    """
    if data.overlap != "nested" or not data.same or data.length is None:
        return ()
    old = customers.take(np.flatnonzero(known_then(customers, data.length)))
    actual = float(old.weight @ old.frequency) - fit.data.repeat_purchases
    growth = _Growth(fit, old, data.length)
    expected = growth.at(fit.model)
    luck, model = growth.luck(), fit.model
    g, h = np.zeros((2, root.shape[1]))
    for j, axis in enumerate(_STEP * root.T):
        up, down = (_moved(model, sign * axis) for sign in (1.0, -1.0))
        g[j] = (growth.at(up) - growth.at(down)) / (2.0 * _STEP)
        h[j] = (growth.given(up) - growth.given(down)) / (2.0 * _STEP)
    variance = max(luck - float(g @ g) + 2.0 * float(g @ h), float(h @ h))
    half = float(special.ndtri(0.5 + 0.5 * LEVEL)) * math.sqrt(variance)
    line = WindowLine(
        "purchases", expected, max(expected - half, 0.0), expected + half, actual, "totals"
    )
    return (line,)


def _moved(model: Any, change: Array) -> Any:
    return model.with_values(from_real_line(model.coordinates + change, model.positive))


class _Growth:
    """Purchases of old customers between the old and the new end, and simulated ones like them."""

    def __init__(self, fit: Fit[Any], old: Customers, length: float) -> None:
        self._fit, self._old, self._length = fit, old, length
        then = np.maximum(old.timing[2] - length, 0.0)
        self._start, self._then, self._now = _unseen(old), then, then + length
        rng = np.random.default_rng(_SEED)
        n = float(old.weight.sum())
        rows = rng.choice(len(then), _SAMPLE, p=old.weight / n)
        self._each = n / _SAMPLE
        ages = np.sort(then[rows])
        rows = rows[np.argsort(then[rows], kind="stable")]
        drawn = fit.model.rows(old.take(rows)).drawn(ages, rng, old.unit)
        known = {name: column[rows] for name, column in old.covariates.items()}
        self._drawn, self._row = replace(drawn, covariates=known), rows

    def _expected(self, model: Any) -> Array:
        """Return the expected growth of each row, not given what was known then."""
        later, before = (
            model.expected_purchases(self._start, age) for age in (self._now, self._then)
        )
        return np.asarray(later - before)

    def at(self, model: Any) -> float:
        """Return the expected growth of all old customers."""
        return float(self._old.weight @ self._expected(model))

    def given(self, model: Any) -> float:
        """Return the growth that is expected of simulated customers, given what they did."""
        each = model.expected_purchases(self._drawn, self._length)
        return self._each * float(each.sum())

    def luck(self) -> float:
        """Return the variance of the growth of all old customers at the old estimates."""
        model = self._fit.model
        mean, variance, _ = scaled_moments(model, None, self._drawn, self._length, 0.0)
        away = mean - self._expected(model)[self._row]
        return self._each * float((variance + away**2).sum())


def _unseen(customers: Customers) -> Customers:
    """Return the customers on the day of their first purchase."""
    zero = np.zeros(len(customers))
    return replace(
        customers,
        frequency=zero,
        recency=zero,
        age=zero,
        monetary_value=None,
        log_intervals=None if customers.log_intervals is None else zero,
    )
