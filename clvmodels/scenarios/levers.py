"""The levers of a scenario, each of which changes a scene by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Final, Self, TypeAlias

from clvmodels.errors import ParameterError
from clvmodels.scenarios.changes import Change, change_of
from clvmodels.scenarios.present import Present
from clvmodels.scenarios.worth import Scene
from clvmodels.units import TimeUnit, rate_per_unit

__all__ = ["TOGETHER", "Levers"]

Step: TypeAlias = Callable[[Scene], Scene]

TOGETHER: Final = "together"


@dataclass(frozen=True)
class Levers:
    """What is moved, and how far; None for what is not.

    Attributes
    ----------
    retention, purchase_rate, spend : Change or None
        How customers change.
    margin : float or str or None
        The margin instead: a fraction, or the column of one.
    discount_rate : float or None
        The annual discount rate instead.
    """

    retention: Change | None
    purchase_rate: Change | None
    spend: Change | None
    margin: float | str | None
    discount_rate: float | None

    @classmethod
    def read(
        cls, retention: Any, purchase_rate: Any, spend: Any, margin: Any, discount_rate: Any
    ) -> Self:
        """Read the levers as users write them, or raise `ParameterError`."""
        found = cls(
            change_of(retention, name="retention", points=True),
            change_of(purchase_rate, name="purchase_rate"),
            change_of(spend, name="spend_change"),
            margin,
            discount_rate,
        )
        if any(each is not None for each in vars(found).values()):
            return found
        raise ParameterError(
            "A scenario moves at least one lever.",
            place="None was given.",
            fix="Pass one, such as retention='+5pp', purchase_rate='+10%' or spend_change='+5%'.",
        )

    def refuse_money(self, margin: float | str) -> None:
        """Raise if money is moved where there is none."""
        if self.spend is None and self.margin is None and margin == 1.0:
            return
        raise ParameterError(
            "Spend and margin move where purchases have a value.",
            place="There is no `spend`.",
            fix="Pass a spend fit or a price.",
        )

    def scenes(self, now: Scene, present: Present, unit: TimeUnit) -> dict[str, Scene]:
        """Return what each lever makes of a scene, and of several what they make together."""
        steps = self._steps(present, unit)
        alone = {name: step(now) for name, step in steps.items()}
        if len(steps) == 1:
            return alone
        return {**alone, TOGETHER: reduce(lambda scene, step: step(scene), steps.values(), now)}

    def _steps(self, present: Present, unit: TimeUnit) -> dict[str, Step]:
        found: dict[str, Step] = {}
        if self.retention is not None:
            found["retention"] = self._staying
        if self.purchase_rate is not None:
            found["purchase_rate"] = self._buying
        if self.spend is not None:
            found["spend"] = lambda scene: replace(scene, spend=self.spend)
        if self.margin is not None:
            exposure, _ = present.exposure(self.margin)
            mean, _ = present.of_new(exposure, self.margin)
            found["margin"] = lambda scene: replace(scene, exposure=exposure, margin=mean)
        if self.discount_rate is not None:
            rate = rate_per_unit(self.discount_rate, unit)
            found["discount_rate"] = lambda scene: replace(
                scene, terms=replace(scene.terms, rate=rate)
            )
        return found

    def _staying(self, scene: Scene) -> Scene:
        return replace(scene, stated=replace(scene.stated, retention=self.retention))

    def _buying(self, scene: Scene) -> Scene:
        return replace(scene, stated=replace(scene.stated, purchase_rate=self.purchase_rate))
