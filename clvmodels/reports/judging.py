"""How far to trust the fits of a report: the check of the log, and predictions held against it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final

from clvmodels.backtests.backtest import backtest
from clvmodels.backtests.origins import Origin, make_plan
from clvmodels.backtests.result import Backtest
from clvmodels.diagnostics.by_bin import By, Calibration, calibration
from clvmodels.diagnostics.by_decile import Deciles, deciles
from clvmodels.diagnostics.curves import Lift, lift
from clvmodels.diagnostics.histogram import FrequencyCheck, frequencies
from clvmodels.diagnostics.mixing import Heterogeneity, heterogeneity
from clvmodels.diagnostics.over_time import Tracking, tracking
from clvmodels.diagnostics.spends import SpendDistribution, spend_distribution
from clvmodels.frames.split import HoldoutSplit, holdout_split
from clvmodels.frames.windows import log_span
from clvmodels.models.fit import Fit
from clvmodels.models.gamma_gamma import GammaGamma
from clvmodels.reports.blocks import Missing, attempt
from clvmodels.reports.gathering import Findings, there
from clvmodels.suitability.check import check
from clvmodels.suitability.finding import SuitabilityCheck
from clvmodels.units import DAYS_PER_UNIT, in_units

__all__ = ["Judged"]

_PART: Final = 3  # the holdout is at most this part of the log
_ORIGINS: Final = 3
_BINS: Final = 6


@dataclass(frozen=True)
class Judged(Findings):
    """Findings, and what speaks for and against them."""

    @cached_property
    def suitability(self) -> SuitabilityCheck | Missing:
        """The check of the log before anything is fitted."""
        return attempt(partial(check, self.transactions, **self._log("strict")))

    @cached_property
    def frequencies(self) -> FrequencyCheck | Missing:
        """Customers by number of purchases, counted and expected."""
        return attempt(lambda: frequencies(self.rfm, self._models()[0]))

    @cached_property
    def spend_distribution(self) -> SpendDistribution | Missing:
        """Customers by mean spend, counted and expected."""
        return attempt(lambda: spend_distribution(self.rfm, there(self.spend)))

    @cached_property
    def heterogeneity(self) -> tuple[Heterogeneity | Missing, ...]:
        """How customers differ, by the model of purchases and that of spend."""
        fits = (self.purchases, self.spend)
        return tuple(attempt(partial(_laws, fit)) for fit in fits)

    # Predictions from an earlier day, against what came.

    @cached_property
    def window(self) -> float:
        """How far predictions that are checked look ahead, in the unit of the report.

        As far as the report does, but at most a third of the log; in whole units where it has any.
        """
        asked = self.settings
        longest = (self._span[1] - self._span[0]) / _PART / DAYS_PER_UNIT[asked.unit]
        ahead = min(in_units(asked.horizon, asked.unit, start=self.rfm.observed_until), longest)
        return math.floor(ahead) if ahead >= 1.0 else ahead

    @cached_property
    def _span(self) -> tuple[int, int]:
        until = self.settings.observed_until
        return log_span(self.transactions, self.rules, observed_until=until)

    @cached_property
    def _origin(self) -> Origin:
        asked = self.settings
        return make_plan(
            self._span,
            horizon=self.window,
            unit=asked.unit,
            grid=asked.rules["grid"],
            origins=None,
            n_origins=1,
        ).origins[0]

    @cached_property
    def split(self) -> HoldoutSplit | Missing:
        """The log cut before its last part."""
        return attempt(
            lambda: holdout_split(
                self.transactions, **self._log(), calibration_end=self._origin.cut
            )
        )

    @cached_property
    def held(self) -> tuple[Fit[Any], Fit[GammaGamma] | None] | Missing:
        """The taken models, fitted to what was known at the cut."""

        def made() -> tuple[Fit[Any], Fit[GammaGamma] | None]:
            known, fit = there(self.split).calibration.collect(), self._models()[0]
            spend = attempt(lambda: GammaGamma.fit(known)) if self.valued else None
            purchases: Fit[Any] = type(fit.model).fit(known)
            return purchases, spend if isinstance(spend, Fit) else None

        return attempt(made)

    @cached_property
    def tracking(self) -> Tracking | Missing:
        """Purchases week by week, before and after the cut."""
        rest = {name: self.settings.rules[name] for name in ("invalid", "date_format", "time_zone")}
        return attempt(
            lambda: tracking(
                self.transactions,
                there(self.held)[0],
                **self.settings.columns,
                observed_until=self.rfm.observed_until,
                **rest,
            )
        )

    def calibration(self, by: By) -> Calibration | Missing:
        """Return expected and actual purchases by what was known of customers."""
        bins = _BINS if by == "silence" else None  # few, so that the picture can name them
        return attempt(
            lambda: calibration(there(self.split), there(self.held)[0], by=by, bins=bins)
        )

    @cached_property
    def held_deciles(self) -> Deciles | Missing:
        """Tenths by the prediction, and what they did; in money if there is any."""
        return attempt(lambda: deciles(there(self.split), *there(self.held)))

    @cached_property
    def lift(self) -> Lift | Missing:
        """The share of all that the best predicted did."""
        return attempt(lambda: lift(there(self.split), *there(self.held)))

    @cached_property
    def backtest(self) -> Backtest | Missing:
        """Models and simple rules, from several days."""
        asked = self.settings
        if not asked.backtest:
            return Missing("A backtest was not asked for.")
        return attempt(
            lambda: backtest(
                self.transactions,
                **self._log(),
                horizon=self.window,
                models=asked.models,
                n_origins=_ORIGINS,
                cohort=None,  # the page has all customers together
            )
        )

    def _log(self, *without: str) -> dict[str, Any]:
        """Return the arguments by which functions of the library read the log."""
        asked = self.settings
        until = {"observed_until": asked.observed_until, "unit": asked.unit}
        given = asked.columns | until | dict(asked.rules)
        return {name: value for name, value in given.items() if name not in without}


def _laws(fit: Fit[Any] | Missing) -> Heterogeneity:
    return heterogeneity(there(fit))
