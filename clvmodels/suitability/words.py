"""Numbers of periods as times in words."""

from __future__ import annotations

from dataclasses import dataclass

from clvmodels.units import TimeUnit

__all__ = ["Words"]


@dataclass(frozen=True)
class Words:
    """How times are told: in the unit of the summary."""

    unit: TimeUnit
    step: float

    def time(self, periods: float) -> str:
        """Return so many periods in the unit.

        Examples
        --------
        >>> Words("week", 1 / 7).time(87.0)
        '12.4 weeks'
        """
        units = periods * self.step
        text = f"{units:,.0f}" if units >= 100.0 else f"{units:.3g}"
        return f"{text} {self.unit}{'' if text == '1' else 's'}"
