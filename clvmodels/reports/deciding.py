"""What a report says for decisions, from the functions of the library."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from clvmodels.experiments.compare import compare_groups
from clvmodels.experiments.result import GroupComparison
from clvmodels.reports.blocks import Missing, attempt
from clvmodels.reports.gathering import LEVEL, there
from clvmodels.reports.judging import Judged

__all__ = ["Decided"]


@dataclass(frozen=True)
class Decided(Judged):
    """Findings, how far they hold, and what follows from them."""

    @cached_property
    def experiment(self) -> GroupComparison | Missing:
        """The arms of a test, by the models that are taken."""
        asked = self.settings

        def made() -> GroupComparison:
            return compare_groups(
                self.transactions,
                **self._log("grid"),
                **asked.terms,
                group=asked.group,
                start=asked.start,
                purchases=type(there(self.purchases).model),
                spend="GammaGamma" if self.valued else None,
                interval=LEVEL,
            )

        return attempt(made)
