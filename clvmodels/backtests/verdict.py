"""The verdict of a backtest: whether a model beats the rules, and by more than chance.

Contestants are compared by the root of the mean squared error of a customer, which only who knows
the expectations can make smallest. The interval is over customers: they would be others next time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.backtests.forecasts import Kind, Quantity
from clvmodels.backtests.measures import actual_of
from clvmodels.backtests.one_origin import Result
from clvmodels.diagnostics.ranking import total

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LEVEL", "Scored", "duel", "paired_table", "scores", "verdict"]

Array: TypeAlias = NDArray[np.float64]

LEVEL: Final = 0.9
_ALL: Final = 1e-12  # what is left of a sum of squares beside rounding
_MOST: Final = 0.5  # share of the squared errors from which on a customer is named


@dataclass(frozen=True)
class Scored:
    """A contestant that predicted from every origin.

    Attributes
    ----------
    model, kind
        Its name, and whether it is a model or a rule.
    losses : Array
        Shape (m,): the sum of squared errors of each of the m customers over all origins.
    rmse : float
        Over all customers and origins.
    """

    model: str
    kind: Kind
    losses: Array
    rmse: float


def scores(results: Sequence[Result], quantity: Quantity) -> list[Scored]:
    """Return the contestants that predicted from every origin, the best first."""
    people = 1 + max(int(each.person.max()) for each in results)
    rows = sum(len(each.person) for each in results)
    losses: dict[tuple[str, Kind], Array] = {}
    seen: dict[tuple[str, Kind], int] = {}
    for result in results:
        for each in result.predictions:
            if each.quantity == quantity:
                key = each.model, each.kind
                squared = (each.mean - actual_of(result, each)) ** 2
                own = np.bincount(result.person, squared, people).astype(np.float64)
                losses[key] = losses[key] + own if key in losses else own
                seen[key] = seen.get(key, 0) + 1
    found = [
        Scored(*key, each, math.sqrt(total(each) / rows))
        for key, each in losses.items()
        if seen[key] == len(results)
    ]
    return sorted(found, key=lambda each: each.rmse)


def duel(first: Scored, second: Scored, *, level: float = LEVEL) -> tuple[float, float, float]:
    """Return by how much the RMSE of `first` is above that of `second`, and the interval for it.

    As a fraction of the second. By the jackknife of the logarithm of the ratio of two sums over
    customers, each with all origins: errors of one customer may go together. What it is without a
    customer counts, so that the interval is wide where one decides, where the delta method has it
    narrow; without any end where one has made all the errors. NaN where the second was never wrong.

    Examples
    --------
    >>> ours, theirs = np.array([1.0, 4.0, 2.0, 2.0]), np.array([2.0, 5.0, 2.0, 3.0])
    >>> pair = Scored("a", "model", ours, 1.5), Scored("b", "rule", theirs, 3.0**0.5)
    >>> [round(each, 3) for each in duel(*pair)]
    [-0.134, -0.2, -0.062]
    """
    a, b = total(first.losses), total(second.losses)
    if not a > 0.0 or not b > 0.0:
        return (0.0, 0.0, 0.0) if a == b else (math.nan, math.nan, math.nan)
    ratio = 0.5 * math.log(a / b)
    width = NormalDist().inv_cdf(0.5 + 0.5 * level) * _jackknife(
        first.losses / a, second.losses / b
    )
    return math.expm1(ratio), math.expm1(ratio - width), math.expm1(ratio + width)


def _jackknife(ours: Array, theirs: Array) -> float:
    """Return the standard error of the log ratio, of shares of two sums of squared errors."""
    n = len(ours)
    rest = [1.0 - np.where(each > 1.0 - _ALL, 1.0, each) for each in (ours, theirs)]
    if n < 2 or not all((each > 0.0).all() for each in rest):
        return math.inf
    without = 0.5 * np.log(rest[0] / rest[1])
    return math.sqrt(total((without - total(without) / n) ** 2) * (n - 1) / n)


def paired_table(results: Sequence[Result], *, has_value: bool) -> pd.DataFrame:
    """Return by how much each contestant is worse than the best one of its quantity."""
    import pandas as pd

    rows = []
    quantities: tuple[Quantity, ...] = ("purchases", "value") if has_value else ("purchases",)
    for quantity in quantities:
        ranked = scores(results, quantity)
        for each in ranked:
            worse, lower, upper = duel(each, ranked[0])
            rows.append((quantity, each.model, each.kind, each.rmse, worse, lower, upper))
    columns = ["quantity", "model", "kind", "rmse", "worse_by", "lower", "upper"]
    return pd.DataFrame(rows, columns=columns)


def verdict(results: Sequence[Result], *, has_value: bool) -> str:
    """Return one sentence: what predicts best, by how much, and if that is more than chance."""
    parts = [f"Purchases: {_judgement(results, 'purchases')}"]
    if has_value:
        parts.append(f"value: {_judgement(results, 'value')}")
    return "; ".join(parts) + "."


def _judgement(results: Sequence[Result], quantity: Quantity) -> str:
    ranked = scores(results, quantity)
    models = [each for each in ranked if each.kind == "model"]
    rules = [each for each in ranked if each.kind == "rule"]
    if not models:
        return f"no model predicted from every origin, and the best rule is {_named(rules[0])}"
    best, rival = models[0], rules[0]
    if rival.rmse == 0.0:
        return (
            f"a rule wins, {rival.model}, which was never wrong; the best model is {_named(best)}"
            if best.rmse > 0.0
            else f"nothing tells {best.model} from the rule {rival.model}: neither was ever wrong"
        )
    worse, lower, upper = duel(best, rival)
    if not (lower > 0.0 or upper < 0.0):
        return (
            f"{_named(best)} and the best rule, {_named(rival)}, cannot be told apart: the model's "
            f"error is {_apart(best, rival)}"
        )
    if worse > 0.0:
        return (
            f"a rule wins, {_named(rival)}: the error of the best model, {_named(best)}, is "
            f"{_apart(best, rival)}"
        )
    others = [each.model for each in models[1:] if duel(each, rival)[2] < 0.0]
    also = f", and so {'does' if len(others) == 1 else 'do'} {_listed(others)}" if others else ""
    return (
        f"{_named(best)} beats the best rule, {_named(rival)}: its error is "
        f"{_apart(best, rival)}{also}"
    )


def _named(each: Scored) -> str:
    return f"{each.model} (RMSE {each.rmse:.4g})"


def _apart(first: Scored, second: Scored) -> str:
    """Say a relative difference and its interval, both with the sign of the difference."""
    worse, lower, upper = duel(first, second)
    word = "larger" if worse > 0.0 else "smaller"
    if worse <= 0.0:
        worse, lower, upper = -worse, -upper, -lower
    ends = f"{LEVEL:.0%} interval over customers {lower:.1%} to {upper:.1%}"
    if not math.isfinite(upper) or not math.isfinite(lower):
        ends = "no interval, since one customer made all of somebody's error"
    share = max(float(each.losses.max()) / total(each.losses) for each in (first, second))
    alone = f"; one customer makes {share:.0%} of the squared errors" if share > _MOST else ""
    return f"{worse:.1%} {word} ({ends}){alone}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
