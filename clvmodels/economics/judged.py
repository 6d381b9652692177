"""The tables of unit economics: ratios, bids, curves, and a flag with a sentence each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.economics.estimate import Estimate
from clvmodels.economics.newcomers import Newcomers
from clvmodels.economics.payback import payback_times
from clvmodels.economics.result import Flag
from clvmodels.economics.terms import Future, Label, words_of
from clvmodels.markup import number
from clvmodels.units import DAYS_PER_UNIT, DAYS_PER_YEAR, TimeUnit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["bids", "curve_of", "judged", "paybacks"]

Array: TypeAlias = NDArray[np.float64]

_LONGEST: Final = 100.0  # years in which a payback is looked for
_CURVE: Final = 27  # points of the curve
_SHOWN_YEARS: Final = 5.0  # of a curve without a horizon


def judged(
    names: pd.DataFrame,
    labels: Sequence[Label],
    count: Array,
    cac: Array,
    ltv: Estimate,
    payback: Array,
    threshold: float,
    *,
    until: tuple[float, TimeUnit] | None = None,
) -> pd.DataFrame:
    """Return one row a segment, as `UnitEconomics.table` has it.

    `until` is the horizon of the value where it is that of a new customer, who may pay back later.
    """
    paid = np.where(cac > 0.0, cac, np.nan)
    chance = ltv.above(threshold * cac)
    flags = [_flag(*each, threshold) for each in zip(ltv.mean, cac, strict=True)]
    table = names.assign(
        customers=count.astype(np.int64),
        cac=cac,
        ltv=ltv.mean,
        lower=ltv.lower,
        upper=ltv.upper,
        ltv_to_cac=ltv.mean / paid,
        ratio_lower=ltv.lower / paid,
        ratio_upper=ltv.upper / paid,
        probability_above=chance,
        payback=payback,
        break_even_cac=np.maximum(ltv.mean, 0.0),
        max_cac=np.maximum(ltv.mean, 0.0) / threshold,
        flag=flags,
    )
    said = zip(labels, flags, ltv.mean, cac, chance, strict=True)
    says = [_sentence(*each, threshold) for each in said]
    if until is not None:
        says = [_later(each, t, *until) for each, t in zip(says, payback.tolist(), strict=True)]
    return table.assign(says=says)


def _later(sentence: str, payback: float, horizon: float, unit: TimeUnit) -> str:
    """Add that a payback lies beyond the horizon up to which value counts."""
    if not payback > horizon:
        return sentence
    return f"{sentence[:-1]}; pays back after {payback:.3g} {unit}s, beyond the horizon."


def _flag(ltv: float, cac: float, threshold: float) -> Flag:
    if math.isnan(ltv):
        return "unknown"
    if ltv < cac:
        return "loss"
    return "below" if ltv < threshold * cac else "above"


def _sentence(
    label: Label, flag: Flag, ltv: float, cac: float, chance: float, threshold: float
) -> str:
    who = f"{words_of(label)}: a" if label else "A"
    if math.isnan(ltv):
        return f"{who} customer has not been seen for so long."
    worth = f"{who} customer is worth {number(ltv)}"
    if cac == 0.0:
        return f"{worth} and costs nothing to acquire."
    said = f"{worth}, {ltv / cac:.3g} times the CAC of {number(cac)}"
    what = {
        "loss": "less than it",
        "below": f"short of {threshold:g} times",
        "above": f"at least {threshold:g} times",
    }[flag]
    sure = "" if math.isnan(chance) else f"; P(ratio >= {threshold:g}) = {chance:.0%}"
    return f"{said}: {what}{sure}."


def paybacks(newcomers: Newcomers, cac: Array, future: Future, unit: TimeUnit) -> Array:
    """Return the discounted payback time of each segment, NaN where there is none."""
    return payback_times(
        lambda t: newcomers.value(t, future.rate),
        cac,
        longest=_longest(unit),
        whole=newcomers.whole_periods,
    )


def _longest(unit: TimeUnit) -> float:
    return _LONGEST * DAYS_PER_YEAR / DAYS_PER_UNIT[unit]


def bids(
    names: pd.DataFrame,
    newcomers: Newcomers,
    ltv: Estimate,
    payback: Array,
    future: Future,
    unit: TimeUnit,
    threshold: float,
) -> pd.DataFrame:
    """Return one row a segment, as `UnitEconomics.new_customers` has it."""
    first = newcomers.first_value()
    return names.assign(
        first_order_value=first,
        repeat_value=ltv.mean - first,
        ltv=ltv.mean,
        lower=ltv.lower,
        upper=ltv.upper,
        break_even_cac=np.maximum(ltv.mean, 0.0),
        max_cac=np.maximum(ltv.mean, 0.0) / threshold,
        payback=payback,
        limit=newcomers.value(_longest(unit), future.rate),
    )


def curve_of(
    names: pd.DataFrame, newcomers: Newcomers, cac: Array, future: Future, unit: TimeUnit
) -> pd.DataFrame:
    """Return cumulative value over time, as `UnitEconomics.payback_curve` has it."""
    import pandas as pd

    end = future.horizon
    if math.isinf(end):
        end = _SHOWN_YEARS * DAYS_PER_YEAR / DAYS_PER_UNIT[unit]
    times = np.linspace(0.0, end, _CURVE)
    if newcomers.whole_periods:
        times = np.unique(np.floor(times))
    values = np.stack([newcomers.value(float(t), future.rate) for t in times])
    parts = [
        names.iloc[[j] * len(times)].assign(
            time=times, value=values[:, j], net=values[:, j] - cac[j]
        )
        for j in range(len(names))
    ]
    return pd.concat(parts, ignore_index=True)
