"""Times of the year, or of the business, in which customers of any age buy more."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Grid
from clvmodels.suitability.aggregates import BLOCK, BLOCKS
from clvmodels.suitability.facts import Base, Orders
from clvmodels.suitability.finding import Finding, Topic, level_of

__all__ = ["season"]

Array: TypeAlias = NDArray[np.float64]

_FEWEST_BLOCKS: Final = 6
_FEWEST: Final = 30.0  # purchases expected in a block that is compared
_NOTED, _STRONG = 1.3, 2.0
_SIGMAS: Final = 4.0
_PASSES: Final = 20
_WIDE: Final = 1.0 / 3.0  # of the log, in which customers start: then ages differ enough at a time
_NEAR: Final = 2
_TRACE: Final = 1e-9

SEASON: Final = Topic(
    "season and trend",
    "repeat purchases in the most unusual four weeks, by those expected at the customers' ages",
    "Rates of a fit are averages over the seasons in the log: a horizon that is not a whole year "
    "is off by the season, and a trend goes on unseen.",
    "Predict whole years from whole years; for shorter horizons scale by last year's season.",
    f"Note from a factor of {_NOTED:g}, warning from {_STRONG:g}, up or down, beyond chance: twice "
    "the purchases in four weeks move the total of a year by a thirteenth, that of a month by all "
    "of it.",
)


def season(base: Base, orders: Orders | None, *, until: date | None) -> Finding:
    """Compare purchases of each four weeks with what customers of those ages do at other times.

    Where all start at about the same time, age and calendar cannot be told apart: then with the
    four-week blocks a little before and after.
    """
    if orders is None:
        return SEASON.needs_orders()
    began = np.flatnonzero(orders.block_starts)
    wide = len(began) > 0 and began[-1] - began[0] >= _WIDE * len(orders.block_starts)
    seen, expected, error = _by_age(orders) if wide else _by_neighbours(base, orders)
    usable = (expected >= _FEWEST) & (seen >= 1.0)
    if usable.sum() < _FEWEST_BLOCKS:
        return SEASON.undecided(
            "There are too few four-week blocks with enough purchases to compare.",
            "Use a longer log.",
        )
    ratio = np.log(seen[usable] / expected[usable])
    sure = np.abs(ratio) > _SIGMAS * error[usable]
    strength = np.where(sure, np.abs(ratio), 0.0)
    i = int(np.argmax(strength if sure.any() else np.abs(ratio)))
    number = math.exp(ratio[i])
    when = _when(int(np.flatnonzero(usable)[i]), len(seen), base, until)
    says = (
        f"{when} had {number:.2f} times the repeat purchases expected "
        f"{'of customers of these ages' if wide else 'from the months around'}."
    )
    level = level_of(note=strength[i] >= math.log(_NOTED), warning=strength[i] >= math.log(_STRONG))
    return SEASON.finding(level, number, says)


def _by_age(orders: Orders) -> tuple[Array, Array, Array]:
    """Return repeat purchases by block, those expected by age, and the error of the log ratio.

    Rates by age and effects of blocks are fitted in turn to the cells (start, age), each with as
    many purchases as its customers, rate and effect. Ages that fewer than three cohorts reach say
    nothing about blocks and are left out.
    """
    counts, n = orders.blocks.astype(float), orders.block_starts.astype(float)
    b = len(n)
    start, age = np.indices((b, b))
    inside = (start + age < b) & (n[:, None] > 0.0)
    start, age, y = start[inside], age[inside], counts[inside]
    block, people = start + age, n[start]
    effect = np.ones(b)
    for _ in range(_PASSES):
        rate = _divided(_sum(age, y, b), _sum(age, people * effect[block], b))
        effect = _divided(_sum(block, y, b), _sum(block, people * rate[age], b))
        effect /= math.exp(
            np.average(np.log(np.maximum(effect, 1e-3)), weights=_total(block, y, b))
        )
    told = np.bincount(age, minlength=b)[age] >= 3
    seen = _total(block[told], y[told], b)
    return seen, _total(block[told], (people * rate[age])[told], b), 1.0 / np.sqrt(seen)


def _by_neighbours(base: Base, orders: Orders) -> tuple[Array, Array, Array]:
    """Return the same by the geometric mean of blocks before and after, once all have started."""
    b = len(orders.block_starts)
    width = BLOCKS[base.grid]
    block = b - 1 - (int(base.length) - orders.day) // width
    inside = block >= 0
    seen = _total(block[inside], orders.occasions[inside].astype(float), b)
    expected, error = np.zeros(b), np.full(b, math.inf)
    began = b - 1 - (int(base.length) - len(base.starts) + 1) // width
    at = np.arange(max(began + 1, 0) + _NEAR, b - _NEAR)
    before, after = seen[at - _NEAR], seen[at + _NEAR]
    expected[at] = np.sqrt(before * after)
    error[at] = np.sqrt(1.0 / seen[at] + 0.25 / before + 0.25 / after)
    return seen, expected, error


def _total(group: NDArray[np.intp], values: Array, n: int) -> Array:
    """Return sums by group, at least a trace, as logarithms are taken of them."""
    return _sum(group, values, n) + _TRACE


def _sum(group: NDArray[np.intp], values: Array, n: int) -> Array:
    return np.asarray(np.bincount(group, values, n), dtype=np.float64)


def _divided(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.ones(len(above)), where=below > 0.0)


def _when(block: int, blocks: int, base: Base, until: date | None) -> str:
    """Return the dates of a block, or its number where there is no calendar."""
    if until is None:
        return f"Period {block + 1} of {blocks}"
    if base.grid not in ("day", "week"):
        return _calendar_name(until, blocks - 1 - block, base.grid)
    last = until - timedelta(days=BLOCK * (blocks - 1 - block))
    return f"{last - timedelta(days=BLOCK - 1)} to {last}"


def _calendar_name(until: date, before: int, grid: Grid) -> str:
    """Return the month, quarter or year that is so many before the one of a day."""
    months = {"month": 1, "quarter": 3, "year": 12}[grid]
    year, month = divmod(12 * until.year + until.month - 1 - before * months, 12)
    if grid == "month":
        return f"The month {year}-{month + 1:02d}"
    return f"The quarter Q{month // 3 + 1} {year}" if grid == "quarter" else f"The year {year}"
