"""What a scenario comes to, in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from clvmodels.markup import number
from clvmodels.scenarios.levers import Levers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Told"]

_POPULAR: Final = (0.25, 0.95)  # profit from 5 more of retention, in Reichheld and Sasser (1990)
_FIVE: Final = 0.05
_STILL: Final = 1e-9


@dataclass(frozen=True)
class Told:
    """What is told of a scenario.

    Attributes
    ----------
    levers : Levers
        What is moved.
    total, new, retention : DataFrame
        As in `WhatIf`.
    level : float
        Probability of the intervals.
    money : bool
        Whether purchases have a value.
    margin : float
        Mean share of spend that counts.
    """

    levers: Levers
    total: pd.DataFrame
    new: pd.DataFrame
    retention: pd.DataFrame
    level: float
    money: bool
    margin: float

    @property
    def verdict(self) -> str:
        """What changes, in a sentence."""
        whose, row = self._main
        what = "value" if self.money else "discounted purchases"
        ends = f"{_signed(row['lower'])} to {_signed(row['upper'])}"
        if row["lower"] == row["upper"]:
            ends = "parameters taken as known"
        else:
            ends = f"{100.0 * self.level:g} % interval {ends}"
        share = _percent(row["relative"])
        if row["before"] < 0.0:
            share = f"from {number(row['before'])} to {number(row['after'])}"
        return (
            f"With {' and '.join(self._stated)}, {what} of {whose} changes by "
            f"{_signed(row['difference'])}, {share} ({ends})."
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of the numbers."""
        return tuple(
            each
            for each in (self._popular, self._leaving_sooner, self._revenue)
            if each is not None
        )

    @property
    def _stated(self) -> list[str]:
        changes = {
            "retention": self.levers.retention,
            "purchase rate": self.levers.purchase_rate,
            "spend": self.levers.spend,
        }
        said = [f"{name} {change}" for name, change in changes.items() if change is not None]
        if self.levers.margin is not None:
            said.append(f"margin {self.levers.margin}")
        if self.levers.discount_rate is not None:
            said.append(f"discount rate {self.levers.discount_rate:g}")
        return said

    @property
    def _main(self) -> tuple[str, Any]:
        if len(self.total):
            return "the base", self.total.iloc[0]
        return "a new customer", self.new.iloc[1]

    @property
    def _popular(self) -> str | None:
        """Whether the popular rule of 5 % more retention holds, where just that was asked."""
        change = self.levers.retention
        if change is None or abs(change.amount - _FIVE) > _STILL or len(self._stated) > 1:
            return None
        least, most = _POPULAR
        whose, row = self._main
        share = float(row["relative"])
        if not math.isfinite(share):
            return None
        holds = "holds" if least <= share <= most else "does not hold"
        return (
            f"'5 % more retention raises profit by 25 to 95 %' {holds} for {whose} over this "
            f"horizon: {_percent(share)}."
        )

    @property
    def _leaving_sooner(self) -> str | None:
        """Whether another rate of purchases has moved retention, which nobody asked for."""
        if self.levers.purchase_rate is None or self.levers.retention is not None:
            return None
        before, after = self.retention[["before", "after"]].iloc[0]
        if abs(after - before) < _STILL:
            return None
        return (
            "In this model customers leave at purchases, so that those who buy more often leave "
            f"sooner: one-year retention goes from {before:.1%} to {after:.1%}. Add retention=0 to "
            "hold it."
        )

    @property
    def _revenue(self) -> str | None:
        if self.money and self.margin == 1.0:
            return "The margin is 1: this is revenue. Pass a margin to see profit."
        return None


def _signed(value: float) -> str:
    return f"{'+' if value > 0.0 else ''}{number(value)}"


def _percent(share: float) -> str:
    return f"{100.0 * share:+.3g} %" if math.isfinite(share) else "of nothing"
