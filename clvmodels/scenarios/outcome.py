"""From scenes to tables: what changes, for whom, by which lever, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.predictive.arguments import fitted_model
from clvmodels.predictive.parameter_error import SharedError
from clvmodels.predictive.totals import base_of
from clvmodels.scenarios.futures import rate_of, retention_of, stay_ahead
from clvmodels.scenarios.levers import TOGETHER, Levers
from clvmodels.scenarios.moves import Move, family_of
from clvmodels.scenarios.present import Present
from clvmodels.scenarios.result import WhatIf
from clvmodels.scenarios.sensitivity import responses
from clvmodels.scenarios.words import Told
from clvmodels.scenarios.worth import Scene, change_error, changes, values
from clvmodels.units import TimeUnit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Asked", "outcome_of"]

Array: TypeAlias = NDArray[np.float64]

INTERACTION: Final = "interaction"
NEW: Final = ("repeat purchases", "with the first order")
_DRAWS: Final = 4_000  # of a change, where draws of parameters stand for their error
_SEED: Final = 27


@dataclass(frozen=True)
class Asked:
    """What was asked for, as the result repeats it.

    Attributes
    ----------
    levers : Levers
        What is moved.
    unit : TimeUnit
        Unit of the models.
    horizon : str
        As it was given.
    discount_rate, level : float
        Annual rate; probability of the intervals.
    money : bool
        Whether purchases have a value.
    """

    levers: Levers
    unit: TimeUnit
    horizon: str
    discount_rate: float
    level: float
    money: bool


@dataclass(frozen=True)
class Found:
    """All numbers: `before` and `after` (scenes, m), and changes (2, rows, m) with their ends."""

    rows: list[str]
    level: Array
    change: Array
    lower: Array
    upper: Array

    @property
    def joint(self) -> int:
        """The row in which all levers are moved."""
        return self.rows.index(TOGETHER) if TOGETHER in self.rows else 0

    def columns(self, row: int, some: slice | list[int]) -> dict[str, Array]:
        """Return the columns of a table of some values, in a row of the changes."""
        ends = {"difference": self.change, "lower": self.lower, "upper": self.upper}
        return {name: each[0, row, some] for name, each in ends.items()} | {
            f"relative{end}": each[1, row, some]
            for end, each in zip(("", "_lower", "_upper"), ends.values(), strict=True)
        }


def outcome_of(asked: Asked, present: Present, names: pd.DataFrame, now: Scene) -> WhatIf:
    """Work out a scenario.

    Parameters
    ----------
    asked
        Levers and terms.
    present
        The base and the fits.
    names
        A row for each segment, with its names.
    now
        The scene without any lever.
    """
    models = fitted_model(present.purchases), fitted_model(present.valued)
    scenes = asked.levers.scenes(now, present, asked.unit)
    found = _found(now, scenes, present, models, asked.level)
    after = list(scenes.values())[found.joint]
    move = after.move(models[0])
    tables = _Tables(present, models, now, after, move, found)
    total, new, retention = tables.total(), tables.new_customer(), tables.retention()
    told = Told(asked.levers, total, new, retention, asked.level, asked.money, after.margin)
    return WhatIf(
        table=tables.base(names),
        total=total,
        new_customer=new,
        levers=tables.levers(asked),
        retention=retention,
        attribution=tables.attribution(),
        sensitivity=tables.sensitivity(asked.discount_rate),
        break_even=tables.break_even(),
        verdict=told.verdict,
        notes=told.notes,
        horizon=asked.horizon,
        discount_rate=asked.discount_rate,
        interval=asked.level,
        unit=asked.unit,
    )


def _found(
    now: Scene, scenes: dict[str, Scene], present: Present, models: tuple[Any, Any], level: float
) -> Found:
    every = [now, *scenes.values()]
    levels = values(every, *models)
    change = changes(levels)
    change[1, :, levels[0] <= 0.0] = np.nan  # of nothing or of a loss there is no percentage
    lower, upper = _ends(change, change_error(every, present.purchases, present.valued), level)
    rows = [*scenes, INTERACTION] if len(scenes) > 1 else [*scenes]
    return Found(rows, levels, change, lower, upper)


def _ends(change: Array, error: SharedError, level: float) -> tuple[Array, Array]:
    """Return the ends of the intervals: normal for fits, and by simulation for draws."""
    flat = change.ravel()
    if not error.clouds:
        half = float(special.ndtri(0.5 + 0.5 * level)) * np.sqrt(error.variance)
        ends = np.stack([flat - half, flat + half])
    else:
        tails = [0.5 - 0.5 * level, 0.5 + 0.5 * level]
        rng = [np.random.default_rng((_SEED, i)) for i in range(len(flat))]
        ends = np.stack(
            [
                flat[i] + np.quantile(error.draw(i, _DRAWS, each), tails)
                for i, each in enumerate(rng)
            ]
        ).T
    return ends[0].reshape(change.shape), ends[1].reshape(change.shape)


@dataclass(frozen=True)
class _Tables:
    present: Present
    models: tuple[Any, Any]
    now: Scene
    after: Scene
    move: Move
    found: Found

    @property
    def has_base(self) -> bool:
        return self.present.rfm is not None

    def base(self, names: pd.DataFrame) -> pd.DataFrame:
        exposure = self.now.exposure
        counted = exposure.by_segment(exposure.count)
        return self._values(names, counted, slice(0, exposure.segments))

    def total(self) -> pd.DataFrame:
        import pandas as pd

        if not self.has_base:
            return self._values(pd.DataFrame(), np.zeros(0), slice(0, 0))
        counted = np.array([self.now.exposure.count.sum()])
        return self._values(pd.DataFrame(index=pd.RangeIndex(1)), counted, [-3])

    def new_customer(self) -> pd.DataFrame:
        import pandas as pd

        named = pd.DataFrame({"value": list(NEW)})
        return self._values(named, np.ones(2), slice(-2, None)).drop(columns="customers")

    def _values(self, names: pd.DataFrame, counted: Array, some: slice | list[int]) -> pd.DataFrame:
        joint = self.found.joint
        return names.assign(
            customers=np.rint(counted).astype(np.int64),
            before=self.found.level[0, some],
            after=self.found.level[1 + joint, some],
            **self.found.columns(joint, some),
        )

    def attribution(self) -> pd.DataFrame:
        import pandas as pd

        values = ([("base", -3)] if self.has_base else []) + [("a new customer", -1)]
        rows: list[dict[str, Any]] = []
        for of, column in values:
            for i, lever in enumerate(self.found.rows):
                numbers = self.found.columns(i, [column])
                rows.append(
                    {"of": of, "lever": lever} | {k: float(v[0]) for k, v in numbers.items()}
                )
        return pd.DataFrame(rows).drop(columns=["relative_lower", "relative_upper"])

    def retention(self) -> pd.DataFrame:
        """Return who is alive in a year of those who are now, before and after."""
        import pandas as pd

        purchases, new, year = self.models[0], self.now.new, self.now.year
        moves = (Move(), self.move)
        rows = [("new customers", *(retention_of(purchases, new, m, year) for m in moves))]
        if self.has_base:
            alive = self._alive()
            c, pattern = self.now.exposure.patterns, self.now.exposure.pattern
            kept = [alive @ stay_ahead(purchases, c, m, year)[pattern] for m in moves]
            there = float(alive.sum())
            rows.append(("the present base", *(float(k) / there if there else 0.0 for k in kept)))
        table = pd.DataFrame(rows, columns=["customers", "before", "after"])
        return table.assign(change=table["after"] - table["before"])

    def _alive(self) -> Array:
        """Return how many of each group are expected to be alive now, shape (m,)."""
        exposure = self.now.exposure
        found: Array = self.models[0].p_alive(exposure.patterns)
        return found[exposure.pattern] * exposure.count

    def break_even(self) -> pd.DataFrame:
        """Return what the scenario may cost, for all and for each."""
        import pandas as pd

        found, joint = self.found, self.found.joint
        shares: list[tuple[str, int, float]] = []
        if self.has_base:
            count, alive = float(self.now.exposure.count.sum()), float(self._alive().sum())
            shares = [
                ("the whole base", -3, 1.0),
                ("a customer of the base", -3, count),
                ("a customer who is alive", -3, alive),
            ]
        rows = [
            (
                of,
                *(
                    float(each[0, joint, i]) / n
                    for each in (found.change, found.lower, found.upper)
                ),
            )
            for of, i, n in [*shares, ("a new customer", -1, 1.0)]
            if n
        ]
        return pd.DataFrame(rows, columns=["of", "worth", "lower", "upper"])

    def sensitivity(self, annual: float) -> pd.DataFrame:
        import pandas as pd

        rows = [
            (each.lever, each.step, each.now, *each.change[[-3, -1]])
            for each in responses(self.now, *self.models, annual)
        ]
        table = pd.DataFrame(rows, columns=["lever", "step", "now", "base", "new_customer"])
        return table if self.has_base else table.drop(columns="base")

    def levers(self, asked: Asked) -> pd.DataFrame:
        """Return what was moved, from where to where, and by which parameter."""
        import pandas as pd

        names = ["lever", "quantity", "change", "before", "after"]
        names += ["parameter", "parameter_before", "parameter_after"]
        rows = [*self._behaviour(asked.levers), *self._money(asked)]
        return pd.DataFrame(rows, columns=names)

    def _behaviour(self, levers: Levers) -> list[tuple[Any, ...]]:
        purchases, new, year = self.models[0], self.now.new, self.now.year
        family = family_of(purchases.rows(new.customers))
        rows: list[tuple[Any, ...]] = []
        if levers.retention is not None:
            kept = [retention_of(purchases, new, m, year) for m in (Move(), self.move)]
            name = "alive a year after the first purchase"
            moved = self._parameter(family.dropout, self.move.dropout)
            rows.append(("retention", name, str(levers.retention), *kept, *moved))
        if levers.purchase_rate is not None and family.purchase is not None:
            name = "purchases while alive, times those of now"
            now, then = 1.0, rate_of(purchases, new, self.move)
            moved = self._parameter(family.purchase, self.move.purchase)
            rows.append(("purchase_rate", name, str(levers.purchase_rate), now, then, *moved))
        return rows

    def _parameter(self, moved: tuple[str, float], factor: float) -> tuple[str, float, float]:
        name, power = moved
        base = getattr(self.models[0], "base", self.models[0])
        before = float(getattr(base, name, 1.0))  # odds have no parameter: they are relative
        return name, before, before * factor**power

    def _money(self, asked: Asked) -> list[tuple[Any, ...]]:
        levers, spend = asked.levers, self.models[1]
        rows: list[tuple[Any, ...]] = []
        if levers.spend is not None:
            factor = levers.spend.of(1.0)
            now = self.now.spend_per_order(spend)
            name, scale = ("price", now) if spend is None else ("v", base_of(spend).v)
            quantity = "spend per order of a new customer"
            pair = now, now * factor
            rows.append(("spend", quantity, str(levers.spend), *pair, name, scale, scale * factor))
        if levers.margin is not None:
            pair = self.now.margin, self.after.margin
            change = f"to {levers.margin}" if isinstance(levers.margin, str) else _to(pair[1])
            rows.append(("margin", "share of spend", change, *pair, "", np.nan, np.nan))
        if levers.discount_rate is not None:
            pair = asked.discount_rate, float(levers.discount_rate)
            rows.append(("discount_rate", "a year", _to(pair[1]), *pair, "", np.nan, np.nan))
        return rows


def _to(value: float) -> str:
    return f"to {100.0 * value:.6g} %"
