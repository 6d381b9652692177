"""What a report is asked for, and how the questions read in words."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from clvmodels.errors import ParameterError, did_you_mean
from clvmodels.frames.sources import AmountColumns
from clvmodels.models.purchases import PurchaseModel
from clvmodels.models.registry import MODELS
from clvmodels.predictive.arguments import is_number
from clvmodels.units import Duration, TimeUnit, check_unit, in_units, parse_date, rate_per_unit
from clvmodels.value import check_margin

__all__ = ["Settings", "duration_in_words", "kinds_of"]

_UNITS: Final = {"d": "day", "w": "week", "mo": "month", "y": "year"}
_SHORT = re.compile(r"\s*([0-9.]+)\s*(d|w|mo|y)\s*")


@dataclass(frozen=True)
class Settings:
    """The arguments of `clvmodels.report`; see there."""

    customer: str
    date: str
    amount: AmountColumns
    unit: TimeUnit
    observed_until: datetime.date | str | None
    models: tuple[type[PurchaseModel], ...]
    horizon: Duration
    discount_rate: float
    margin: float
    currency: str | None
    title: str
    backtest: bool
    by: tuple[str, ...]
    since: Duration
    top: int
    rules: Mapping[str, Any]
    cac: Any = None
    group: str | None = None
    start: datetime.date | str | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of the log, as functions of the library take them."""
        return {"customer": self.customer, "date": self.date, "amount": self.amount}

    @property
    def terms(self) -> dict[str, Any]:
        """How future purchases are valued."""
        rate, margin = self.discount_rate, self.margin
        return {"horizon": self.horizon, "discount_rate": rate, "margin": margin}

    @property
    def ahead(self) -> str:
        """The horizon in words, such as 'the next year'."""
        return f"the next {duration_in_words(self.horizon, self.unit, one='')}"

    def check(self) -> None:
        """Raise `ParameterError` before the log is read, as far as can be told by then."""
        check_unit(self.unit)
        rate_per_unit(self.discount_rate, self.unit)
        check_margin(self.margin)
        in_units(self.since, self.unit, name="since")
        if not isinstance(self.horizon, datetime.date):
            in_units(self.horizon, self.unit)
        if not isinstance(self.top, int) or self.top < 1:
            raise ParameterError("`top` is a whole number above zero.", place=f"Got {self.top!r}.")
        self._check_costs()
        if self.start is not None:
            parse_date(self.start, name="start")
            if self.group is None:
                raise ParameterError(
                    "A test has arms.",
                    place="`start` is given, and `group` is not.",
                    fix="Name the column of the arms in `group`.",
                )

    def _check_costs(self) -> None:
        if self.cac is None:
            return
        if not is_number(self.cac) and not self.by:
            raise ParameterError(
                "Costs of acquisition are a number, or those of segments.",
                place="`cac` is no number, and `by` is empty.",
                fix="Name the column of the segments in `by`, or pass one number.",
            )
        if self.amount is None:
            raise ParameterError(
                "Costs of acquisition stand beside value.",
                place="`cac` is given, and `amount` is not.",
                fix="Name the column of amounts.",
            )


def kinds_of(models: Any) -> tuple[type[PurchaseModel], ...]:
    """Return purchase models given by class or name.

    Examples
    --------
    >>> [kind.title for kind in kinds_of(("BGNBD", "ParetoNBD"))]
    ['BG/NBD', 'Pareto/NBD']
    """
    given = (models,) if isinstance(models, str | type) else tuple(models)
    known = {name: kind for name, kind in MODELS.items() if issubclass(kind, PurchaseModel)}
    found: list[type[PurchaseModel]] = []
    for each in given:
        kind = known.get(each) if isinstance(each, str) else each
        if not (isinstance(kind, type) and issubclass(kind, PurchaseModel)):
            raise ParameterError(
                "`models` are purchase models, by name or class.",
                place=f"Got {each!r:.80}.",
                fix=did_you_mean(str(each), known),
            )
        found.append(kind)
    if not found:
        raise ParameterError("A report has at least one model.", place="`models` is empty.")
    return tuple(dict.fromkeys(found))


def duration_in_words(duration: Duration, unit: TimeUnit, *, one: str = "1 ") -> str:
    """Return a duration as it is said.

    Examples
    --------
    >>> [duration_in_words(each, "week") for each in ("1y", "26w", 8.0)]
    ['1 year', '26 weeks', '8 weeks']
    """
    if isinstance(duration, datetime.timedelta):
        return _counted(duration / datetime.timedelta(days=1), "day", one)
    if isinstance(duration, datetime.date):
        return f"time until {duration:%Y-%m-%d}"
    if isinstance(duration, str):
        match = _SHORT.fullmatch(duration)
        if match is None:
            return duration
        return _counted(float(match[1]), _UNITS[match[2]], one)
    return "time without end" if duration == float("inf") else _counted(duration, unit, one)


def _counted(value: float, unit: str, one: str) -> str:
    return f"{one}{unit}" if value == 1.0 else f"{value:g} {unit}s"
