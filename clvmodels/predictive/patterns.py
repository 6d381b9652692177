"""The law of future value at distinct histories: states of customers who are alive, and P(alive).

Given that a customer is alive, the law depends on the state, for most models (x, T), alone. Each is
evaluated once; each pattern (x, t_x, T) mixes it with P(alive), over all draws of the parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.spend import SpendLaw, SpendPredictions
from clvmodels.predictive.mixtures import Buyers, Horizon, Spend, Tables, moments, tabulated
from clvmodels.predictive.tables import Curves
from clvmodels.special import distinct_rows

__all__ = ["Part", "Scenario", "parts", "scenarios", "state_moments"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]

_STATES: Final = 4_096  # states in memory at a time, over all draws
_ROWS: Final = 8_192  # patterns, where every one has a table of its own
_TINY: Final = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Scenario:
    """A purchase model and a spend model (None for a price), of equal weight with others."""

    purchases: PurchasePredictions
    spend: SpendPredictions | None


def scenarios(
    models: Sequence[PurchasePredictions], spends: Sequence[SpendPredictions] | None
) -> list[Scenario]:
    """Pair models; a single one goes with all of the other kind.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> len(scenarios([BGNBD(0.24, 4.4, 0.8, 2.4)] * 3, None))
    3
    """
    money: Sequence[SpendPredictions | None] = [None] if spends is None else spends
    count = max(len(models), len(money))
    ours = list(models) * (count if len(models) == 1 else 1)
    theirs = list(money) * (count if len(money) == 1 else 1)
    return [Scenario(a, b) for a, b in zip(ours, theirs, strict=True)]


@dataclass(frozen=True)
class Part:
    """The law of Z of some patterns.

    Attributes
    ----------
    rows : Index
        Which patterns, (m,).
    curves : Curves
        P(Z <= z | Z > 0) at values of ln z, r rows.
    row : Index
        The row of `curves` of each pattern, (m,).
    p_zero : Array
        P(Z = 0), (m,).
    """

    rows: Index
    curves: Curves
    row: Index
    p_zero: Array


@dataclass(frozen=True)
class _Group:
    """Some states of customers who have bought equally often, and the patterns that have them."""

    states: Customers
    rows: Index
    code: Index
    number: int


def parts(
    drawn: Sequence[Scenario],
    fitted: SpendPredictions | None,
    patterns: Customers,
    horizon: Horizon,
) -> Iterator[Part]:
    """Yield the laws of Z of all patterns, in units of the scale of the fitted spend model."""
    spend = _spends(drawn, fitted, patterns)
    for group in _groups(drawn[0], patterns, max(1, _STATES // len(drawn))):
        tables = tabulated(
            [
                Buyers(each.purchases.rows(group.states), group.states, own[group.number])
                for each, own in zip(drawn, spend, strict=True)
            ],
            horizon,
        )
        size = len(group.rows) if len(drawn) == 1 else _ROWS
        for start in range(0, len(group.rows), size):
            some = slice(start, start + size)
            yield _part(drawn, tables, patterns, group.rows[some], group.code[some])


def _part(
    drawn: Sequence[Scenario],
    tables: Sequence[Tables],
    patterns: Customers,
    rows: Index,
    code: Index,
) -> Part:
    """Mix the laws of states with P(alive), over the draws."""
    here = patterns.take(rows)
    alive = [each.purchases.p_alive(here) for each in drawn]
    if len(drawn) == 1:
        only = tables[0]
        return Part(rows, _share(only.mass, only.buys), code, 1.0 - alive[0] * only.buys[code])
    nodes = tables[0].mass.nodes
    buys = np.zeros(len(rows))
    values, slopes = np.zeros((2, len(rows), len(nodes)))
    for own, found in zip(alive, tables, strict=True):
        buys += own * found.buys[code]
        values += own[:, None] * found.mass.values[code]
        slopes += own[:, None] * found.mass.slopes[code]
    share = _share(Curves(nodes, values, slopes), buys)
    return Part(rows, share, np.arange(len(rows)), 1.0 - buys / len(drawn))


def _share(mass: Curves, buys: Array) -> Curves:
    """Return distribution functions given that there is a purchase."""
    whole = np.maximum(buys, _TINY)[:, None]
    return Curves(mass.nodes, mass.values / whole, mass.slopes / whole)


def state_moments(
    scenario: Scenario,
    patterns: Customers,
    horizon: Horizon,
    *,
    unit: SpendPredictions | None = None,
) -> Array:
    """Return E[Z], E[Z^2], E[Z^3] of patterns, given alive, (3, n); inf where they do not exist.

    In units of the scale of the spend model, or of another one.
    """
    spend = _spends([scenario], unit or scenario.spend, patterns)[0]
    found = np.zeros((3, len(patterns)))
    for group in _groups(scenario, patterns, _STATES):
        model = scenario.purchases.rows(group.states)
        buyers = Buyers(model, group.states, spend[group.number])
        found[:, group.rows] = moments(buyers, horizon)[:, group.code]
    return found


# --- customers who have bought equally often --------------------------------------------------


def _keys(scenario: Scenario, patterns: Customers) -> list[NDArray[Any]]:
    """Return what the law given a number of purchases depends on."""
    variables = () if scenario.spend is None else scenario.spend.variables
    return [patterns.frequency, *(patterns.covariates[name] for name in variables)]


def _groups(scenario: Scenario, patterns: Customers, size: int) -> Iterator[_Group]:
    """Yield states that share their frequency, and the covariates of spend, together."""
    known = dict(zip(("frequency", "recency", "T"), patterns.timing, strict=True))
    own: list[NDArray[Any]] = [known[name] for name in scenario.purchases.rows(patterns).state]
    own += [patterns.covariates[name] for name in scenario.purchases.variables]
    if not len(patterns):
        return
    _, number = distinct_rows(*_keys(scenario, patterns))
    first, code = distinct_rows(number.astype(np.float64), *own)
    order = np.argsort(code, kind="stable")
    start = np.append(0, np.cumsum(np.bincount(code, minlength=len(first))))
    edge = np.flatnonzero(np.diff(number[first], prepend=-1, append=-1))
    for low, high in pairwise(edge.tolist()):
        for a in range(low, high, size):
            b = min(a + size, high)
            rows = order[start[a] : start[b]]
            states = patterns.take(first[a:b])
            yield _Group(states, rows, code[rows] - a, int(number[first[a]]))


def _spends(
    drawn: Sequence[Scenario], fitted: SpendPredictions | None, patterns: Customers
) -> list[list[Spend | None]]:
    """Return what each draw says of the spend of each group, relative to the fitted scale."""
    first, _ = distinct_rows(*_keys(drawn[0], patterns))
    if fitted is None:
        return [[None] * len(first) for _ in drawn]
    some = _with_typical_spend(fitted, patterns.take(first))
    unit = fitted.spend_law(some).scale
    found: list[list[Spend | None]] = []
    for each in drawn:
        assert each.spend is not None
        law = each.spend.spend_law(some)
        columns = law.purchase, law.customer, law.scale / unit
        found.append([Spend(*row) for row in np.stack(columns, axis=1).tolist()])
    return found


def _with_typical_spend(fitted: SpendPredictions, states: Customers) -> Customers:
    """Return customers all of whom spend as is typical.

    By how much draws of the parameters move the scale of a customer hardly depends on it.
    """
    new = replace(states, frequency=np.zeros(len(states)), monetary_value=np.zeros(len(states)))
    law: SpendLaw = fitted.spend_law(new)
    return replace(states, monetary_value=law.purchase * law.scale / law.customer)
