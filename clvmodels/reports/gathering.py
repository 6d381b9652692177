"""All that a report tells, from the functions of the library: fits, predictions, totals, checks.

What the data do not allow is `Missing`, with the reason; the rest goes on without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from clvmodels.comparison import Comparison, chosen, compare
from clvmodels.errors import DataError
from clvmodels.frames.at_risk import at_risk
from clvmodels.frames.conversions import as_pandas
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.groups import Cohort, cohorts, finest_cohort, tenths
from clvmodels.frames.predict import predict
from clvmodels.frames.reading import Rules
from clvmodels.frames.summary import rfm_summary
from clvmodels.frames.usual_labels import usual_labels
from clvmodels.models.fit import Fit
from clvmodels.models.gamma_gamma import GammaGamma, IndependenceCheck
from clvmodels.reports.blocks import Missing, attempt
from clvmodels.reports.grouping import grouped_totals
from clvmodels.reports.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LEVEL", "Findings", "there"]

_SEGMENTS: Final = 200  # more are no segments, and would take for ever
LEVEL: Final = 0.9  # of all intervals


@dataclass(frozen=True)
class Findings:
    """What is known about a log; everything is computed when it is first asked for.

    Attributes
    ----------
    transactions
        The log.
    settings : Settings
        What is asked.
    """

    transactions: Any
    settings: Settings

    # The data.

    @cached_property
    def rfm(self) -> CustomerSummary:
        """The customers; a lazy summary is computed once."""
        asked = self.settings
        lazy = rfm_summary(
            self.transactions,
            **asked.columns,
            unit=asked.unit,
            observed_until=asked.observed_until,
            **asked.rules,
        )
        _ = lazy.ledger  # of a lazy log it is made anew for the collected summary otherwise
        return lazy.collect()

    @property
    def customers(self) -> int:
        """How many."""
        return len(nw.from_native(self.rfm.frame, eager_only=True))

    # The models.

    @cached_property
    def fits(self) -> dict[str, Fit[Any] | Missing]:
        """The fit of each model, by its title."""
        return {kind.title: attempt(partial(kind.fit, self.rfm)) for kind in self.settings.models}

    @cached_property
    def comparison(self) -> Comparison | Missing:
        """The fits side by side."""
        fitted = [fit for fit in self.fits.values() if isinstance(fit, Fit)]
        if len(fitted) < 2:
            return Missing("Two or more models are compared.")
        return attempt(lambda: compare(fitted))

    @cached_property
    def purchases(self) -> Fit[Any] | Missing:
        """The fit that is taken: of the best AIC, and of those alike the one of fewer parameters.

        That is what the advice of `compare` says.
        """
        fitted = [fit for fit in self.fits.values() if isinstance(fit, Fit)]
        if not fitted:
            reasons = {each.reason for each in self.fits.values() if isinstance(each, Missing)}
            why = reasons.pop() if len(reasons) == 1 else 'See "The models".'
            return Missing(f"No model could be fitted. {why}")
        return chosen(fitted)

    @cached_property
    def spend(self) -> Fit[GammaGamma] | Missing:
        """The fit of spend, whose mean must exist to value anything."""
        if self.settings.amount is None:
            return Missing("No column of amounts was given.")

        def fitted() -> Fit[GammaGamma]:
            fit = GammaGamma.fit(self.rfm)
            fit.model.check_mean_exists()
            return fit

        return attempt(fitted)

    @cached_property
    def independence(self) -> IndependenceCheck | Missing:
        """Whether frequent buyers spend more each time."""
        if isinstance(self.spend, Missing):
            return self.spend
        return attempt(lambda: GammaGamma.check_independence(self.rfm))

    @property
    def valued(self) -> bool:
        """Whether there is money, or purchases are counted."""
        return isinstance(self.spend, Fit)

    @property
    def worth(self) -> str:
        """The column by which customers are ranked."""
        return "clv" if self.valued else "expected_purchases"

    def _models(self) -> tuple[Fit[Any], Fit[GammaGamma] | None]:
        """Return the fits that predict, or raise what has prevented them."""
        if isinstance(self.purchases, Missing):
            raise DataError(self.purchases.reason)
        return self.purchases, self.spend if isinstance(self.spend, Fit) else None

    # The customers.

    @cached_property
    def scored(self) -> Any:
        """Every customer with predictions, as the frame of the summary, or Missing."""
        return attempt(lambda: predict(self.rfm, *self._models(), **self.settings.terms))

    @cached_property
    def top(self) -> pd.DataFrame | Missing:
        """The customers of the highest value, with intervals of their own."""

        def made() -> pd.DataFrame:
            scored = _known(self.scored)
            ordered = scored.sort(self.worth, self.rfm.customer, descending=[True, False])
            names = nw.from_native(self.rfm.frame, eager_only=True).columns
            best = ordered.head(self.settings.top).select(names)
            few = replace(self.rfm, frame=nw.to_native(best))
            return as_pandas(predict(few, *self._models(), **self.settings.terms, interval=LEVEL))

        return attempt(made)

    @cached_property
    def risk(self) -> pd.DataFrame | Missing:
        """The customers who have lost the most value by silence."""

        def made() -> pd.DataFrame:
            asked = self.settings
            terms = asked.terms | {} if self.valued else {"horizon": asked.horizon}
            found = at_risk(self.rfm, *self._models(), **terms, since=asked.since)
            return as_pandas(nw.from_native(found, eager_only=True).head(asked.top))

        return attempt(made)

    # Sums of customers.

    @cached_property
    def groupings(self) -> dict[str, Sequence[Any] | Missing]:
        """How customers are grouped, by name: the group of each, or why there is none."""
        made: dict[str, Sequence[Any] | Missing] = {
            "all": [""] * self.customers,
            "decile": attempt(lambda: tenths(_known(self.scored)[self.worth].to_numpy()).tolist()),
            "cohort": attempt(lambda: cohorts(self.rfm, there(self.cohort)).tolist()),
        }
        return made | {
            f"by {name}": attempt(partial(self._labels, name)) for name in self.settings.by
        }

    @cached_property
    def segmented(self) -> dict[str, CustomerSummary | Missing]:
        """The customers with each column of the log that makes segments, by its name."""
        return {name: attempt(partial(self._segmented, name)) for name in self.settings.by}

    @cached_property
    def cohort(self) -> Cohort | Missing:
        """By which period the customers' first purchases are told apart."""
        return attempt(lambda: finest_cohort(self.rfm))

    @cached_property
    def _totals(self) -> dict[str, pd.DataFrame] | Missing:
        known = {name: v for name, v in self.groupings.items() if not isinstance(v, Missing)}
        asked = self.settings
        terms = asked.terms if self.valued else {"horizon": asked.horizon}

        def made() -> dict[str, pd.DataFrame]:
            given: dict[str, Any] = {"terms": terms, "level": LEVEL}
            tables = grouped_totals(self.rfm, known, *self._models(), **given)
            if (tables["all"]["method"] != "moments").any():
                # Draws depend on what is drawn beside: the main number is the one of `total`.
                alone = {"all": known["all"]}
                tables |= grouped_totals(self.rfm, alone, *self._models(), **given)
            return tables

        return attempt(made)

    def totals(self, grouping: str) -> pd.DataFrame | Missing:
        """Return the totals of a grouping, with each group's share of all."""
        groups = self.groupings[grouping]
        if isinstance(groups, Missing):
            return groups
        return self._totals if isinstance(self._totals, Missing) else self._totals[grouping]

    @cached_property
    def alive(self) -> float:
        """Customers who are expected to be still active."""
        return float(_known(self.scored)["p_alive"].sum())

    def _labels(self, name: str) -> list[Any]:
        """Return what each customer usually is by a column of the log."""
        labelled = there(self.segmented[name])
        return list(nw.from_native(labelled.frame, eager_only=True)[name].to_list())

    def _segmented(self, name: str) -> CustomerSummary:
        until = self.rfm.observed_until
        assert until is not None  # the end of the log, where nobody gave one
        labels = usual_labels(self.transactions, self.rules, (name,), until=until)
        labelled = self.rfm.with_covariates(labels)
        values = nw.from_native(labelled.frame, eager_only=True)[name]
        if values.n_unique() > _SEGMENTS:
            raise DataError(
                f"Segments are groups of customers, {_SEGMENTS} at most.",
                place=f"Column {name!r:.80} has {values.n_unique():,} values.",
                fix="Name a column with fewer values, such as a country or a channel.",
            )
        return labelled

    @property
    def rules(self) -> Rules:
        """How the log is read."""
        return Rules(**self.settings.columns, **self.settings.rules)


def there(value: Any) -> Any:
    """Return what could be made, or raise why it could not."""
    if isinstance(value, Missing):
        raise DataError(value.reason)
    return value


def _known(scored: Any) -> nw.DataFrame[Any]:
    return nw.from_native(there(scored), eager_only=True)
