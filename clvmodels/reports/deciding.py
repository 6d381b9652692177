"""What a report says for decisions, from the functions of the library."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from clvmodels.audits.audit import audit
from clvmodels.audits.result import Audit
from clvmodels.cohort_analysis.analyse import cohorts
from clvmodels.cohort_analysis.result import CohortAnalysis
from clvmodels.economics.result import UnitEconomics
from clvmodels.economics.unit_economics import unit_economics
from clvmodels.experiments.compare import compare_groups
from clvmodels.experiments.result import GroupComparison
from clvmodels.explanations.explain import explain
from clvmodels.explanations.explanation import Explanation
from clvmodels.frames.conversions import as_pandas
from clvmodels.frames.historical_value import historical_value
from clvmodels.models.fit import Fit
from clvmodels.reports.blocks import Missing, attempt
from clvmodels.reports.gathering import LEVEL, there
from clvmodels.reports.judging import Judged
from clvmodels.scenarios.result import WhatIf
from clvmodels.scenarios.what_if import what_if
from clvmodels.segmentation.result import Segmentation
from clvmodels.segmentation.segment import segment

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Decided"]

_YEAR: Final = 365  # days, from which on quarters tell enough
_AHEAD: Final = {"month": 6, "quarter": 4, "year": 2}  # periods of cohorts
_RETENTION: Final = {"retention": "+5pp"}
_RATE: Final = {"purchase_rate": "+10%"}
_SPEND: Final = {"spend_change": "+10%"}


@dataclass(frozen=True)
class Decided(Judged):
    """Findings, how far they hold, and what follows from them."""

    @cached_property
    def audit(self) -> Audit | Missing:
        """The customer base in numbers; with the models' value if there is any."""
        asked = self.settings
        purchases, spend = self._models() if self._is_valued else (None, None)
        by = asked.by[:1] if self._has_segments else ()
        first, last = self._span
        cohort = "quarter" if last - first >= _YEAR else "month"

        def made() -> Audit:
            given: dict[str, Any] = {**self._log(), **asked.terms, "by": by, "cohort": cohort}
            return audit(self.transactions, purchases, spend, **given)

        return attempt(made)

    @cached_property
    def cohorts(self) -> CohortAnalysis | Missing:
        """Retention and value of cohorts by age, observed and projected."""

        def made() -> CohortAnalysis:
            asked = self.settings
            purchases, spend = self._models() if self._is_valued else (self.purchases, None)
            period = there(self.cohort)
            given: dict[str, Any] = {**self._log(), "cohort": period, "rfm": self.rfm}
            known = None if isinstance(purchases, Missing) else purchases
            given |= {"margin": asked.margin, "interval": LEVEL, "ahead": _AHEAD[period]}
            return cohorts(self.transactions, known, spend, **given)

        return attempt(made)

    @cached_property
    def segments(self) -> Segmentation | Missing:
        """Value tiers by states, without intervals: `totals` has those of sums."""

        def made() -> Segmentation:
            purchases, spend = self._models()
            return segment(self.rfm, purchases, spend, **self._terms, interval=None)

        return attempt(made)

    @property
    def reactivation(self) -> pd.DataFrame:
        """The customers whom to win back, the most value at stake first."""
        return self._first(there(self.segments).reactivation)

    @cached_property
    def explanation(self) -> Explanation | Missing:
        """What makes the value of each customer."""

        def made() -> Explanation:
            purchases, spend = self._models()
            return explain(self.rfm, purchases, spend, **self._terms)

        return attempt(made)

    @property
    def reasons(self) -> pd.DataFrame:
        """What makes the value of the best customers."""
        found = there(self.explanation)
        frame = nw.from_native(found.customers, eager_only=True)
        return self._first(frame.sort(found.value, found.customer, descending=[True, False]))

    @cached_property
    def scenario(self) -> tuple[WhatIf | Missing, Missing | None]:
        """Better retention and more spend; where retention cannot be moved, why, and more orders.

        One of the two moves the population, which is what takes time.
        """
        spend = _SPEND if self._is_valued else {}
        found = attempt(partial(self._what_if, _RETENTION | spend))
        if isinstance(found, WhatIf):
            return found, None
        return attempt(partial(self._what_if, _RATE | spend)), found

    def _what_if(self, levers: dict[str, Any]) -> WhatIf:
        given: dict[str, Any] = {**levers, **self._terms, "interval": LEVEL}
        purchases, spend = self._models()
        return what_if(purchases, spend, self.rfm, **given)

    @cached_property
    def economics(self) -> UnitEconomics | Missing:
        """What customers bring in beside what they cost, by the first segments."""
        asked = self.settings

        def made() -> UnitEconomics:
            purchases, spend = self._models()
            base = there(self.segmented[asked.by[0]]) if asked.by else self.rfm
            log = self._log("grid", "unit", "strict")
            past = historical_value(self.transactions, **log)
            return unit_economics(
                base.with_covariates(past),
                purchases,
                there(self.spend) if spend is None else spend,
                cac=asked.cac,
                by=asked.by[:1] or None,
                first_order="first_order",
                history="historical_value",
                **asked.terms,
                interval=LEVEL,
            )

        return attempt(made)

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
                spend="GammaGamma" if self._is_valued else None,
                interval=LEVEL,
            )

        return attempt(made)

    @property
    def _terms(self) -> dict[str, Any]:
        """How the future is valued, or counted where there is no money."""
        asked = self.settings
        return asked.terms if self._is_valued else {"horizon": asked.horizon}

    def _first(self, frame: Any) -> pd.DataFrame:
        """Return the first rows of a list of customers."""
        return as_pandas(nw.from_native(frame, eager_only=True).head(self.settings.top))

    @property
    def _is_valued(self) -> bool:
        """Whether there are models of purchases and of spend."""
        return self.valued and isinstance(self.purchases, Fit)

    @property
    def _has_segments(self) -> bool:
        """Whether the first column of segments makes some."""
        by = self.settings.by
        return bool(by) and not isinstance(self.segmented[by[0]], Missing)
