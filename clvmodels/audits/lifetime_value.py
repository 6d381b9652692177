"""The value of a customer: so far, by textbook, and by the model, with the difference explained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from clvmodels.acquisition import new_customers
from clvmodels.audits.explained import STEPS, Expected, NewCustomer, Textbook, terms
from clvmodels.audits.periods import PERIODS_PER_YEAR
from clvmodels.audits.scopes import Scope, in_front
from clvmodels.audits.textbook import retention_value, simple_value
from clvmodels.errors import ParameterError
from clvmodels.frames.arguments import check_models, variables_of
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.predictive.arguments import fit_of
from clvmodels.units import (
    DAYS_PER_UNIT,
    DAYS_PER_YEAR,
    Duration,
    TimeUnit,
    in_units,
    rate_per_unit,
)
from clvmodels.value import check_margin

if TYPE_CHECKING:
    from clvmodels.frames.groups import Cohort

__all__ = ["BOOKS", "MODELS", "ModelView", "Terms", "explained_rows", "textbook_measures"]

# Textbook values by measure, each with the measure of its lifespan.
BOOKS = {
    "textbook_observed": "lifespan_observed",
    "textbook_churn": "lifespan_churn",
    "textbook_retention": "lifespan_churn",
    "textbook_retention_at_once": "lifespan_churn",
}
MODELS = ("model_new_customer", "model_clv")


@dataclass(frozen=True)
class Terms:
    """What value is meant.

    Attributes
    ----------
    unit : TimeUnit
        Unit of the summary.
    horizon : float
        In `unit`; may be infinite.
    rate : float
        Continuous discount rate per `unit`.
    discount_rate : float
        The annual effective rate.
    margin : float
        Fraction of spend.
    period : {'month', 'quarter', 'year'}
        The calendar period of retention.
    """

    unit: TimeUnit
    horizon: float
    rate: float
    discount_rate: float
    margin: float
    period: Cohort

    @property
    def units_per_year(self) -> float:
        """Length of a year in the unit."""
        return DAYS_PER_YEAR / DAYS_PER_UNIT[self.unit]

    @property
    def near(self) -> float:
        """Length of the coming period in the unit: at least one, as models of periods need."""
        return max(self.units_per_year / PERIODS_PER_YEAR[self.period], 1.0)


def terms_of(
    rfm: CustomerSummary, horizon: Duration, discount_rate: float, margin: float, period: Cohort
) -> Terms:
    """Return what value is meant, checked.

    Raises
    ------
    ParameterError
        Horizon, discount rate or margin outside their domain.
    """
    return Terms(
        unit=rfm.unit,
        horizon=in_units(horizon, rfm.unit, start=rfm.observed_until),
        rate=rate_per_unit(discount_rate, rfm.unit),
        discount_rate=float(discount_rate),
        margin=check_margin(margin),
        period=period,
    )


def textbook_measures(found: Mapping[str, float], asked: Terms) -> dict[str, float]:
    """Return the textbook's values from average order value, frequency, lifespans and retention."""
    value, often = found["average_order_value"] * asked.margin, found["orders_per_year"]
    r, periods = found["retention_rate"], PERIODS_PER_YEAR[asked.period]
    d = (1.0 + asked.discount_rate) ** (1.0 / periods) - 1.0
    books = {
        name: simple_value(value, often, found[BOOKS[name]])
        for name in ("textbook_observed", "textbook_churn")
    }
    each = value * often / periods
    for name, at_once in (("textbook_retention", False), ("textbook_retention_at_once", True)):
        books[name] = retention_value(each, r, d, at_once=at_once)
    return books


@dataclass(frozen=True, eq=False)
class ModelView:
    """What models expect, asked once.

    Attributes
    ----------
    purchases, spend
        The models.
    asked : Terms
        Horizon, discount and margin.
    """

    purchases: Any
    spend: Any
    asked: Terms

    @property
    def tells_newcomers(self) -> bool:
        """Whether a new customer can be valued: not if that depends on covariates or a column."""
        return not variables_of(self.purchases, self.spend) and not isinstance(self.spend, str)

    def of_base(self, sums: Mapping[str, float]) -> Expected:
        """Return means over customers from sums of `frames.people_values.expected_sums`."""
        n, alive = sums["n"], sums["alive"]
        a_year = self.asked.units_per_year / self.asked.near
        return Expected(
            alive=alive / n,
            per_year=sums["near"] / alive * a_year if alive > 0.0 else 0.0,
            discounted=sums["discounted"] / n,
            spend=sums["spend"] / n,
            value=sums["clv"] / n,
        )

    def of_newcomer(self, first_order: float) -> NewCustomer:
        """Return what is expected of a new customer whose first order has a value."""
        per_year, discounted, spend, repeat = self._repeats
        first = self.asked.margin * first_order
        return NewCustomer(per_year, discounted, spend, first + repeat)

    @cached_property
    def _repeats(self) -> tuple[float, float, float, float]:
        """Repeat orders of a new customer: a year at first, discounted, value of one, of all."""
        asked = self.asked
        unit = None if getattr(fit_of(self.purchases), "unit", None) else asked.unit
        soon = new_customers(self.purchases, horizon=asked.near, unit=unit).iloc[0]
        table = new_customers(
            self.purchases,
            self.spend,
            horizon=asked.horizon,
            discount_rate=asked.discount_rate,
            margin=asked.margin,
            first_order=False,
            unit=unit,
        ).iloc[0]
        a_year = asked.units_per_year / asked.near
        return (
            float(soon["expected_purchases"]) * a_year,
            float(table["discounted_purchases"]),
            float(table["expected_spend"]),
            float(table["clv"]),
        )


def view_of(rfm: CustomerSummary, purchases: Any, spend: Any, asked: Terms) -> ModelView | None:
    """Return what models expect, checked against the customers; None without both.

    Raises
    ------
    ClvError
        The models do not go with the customers.
    """
    if purchases is None and spend is not None:
        raise ParameterError(
            "A value needs a model of purchases.",
            place="Got `spend` without `purchases`.",
            fix="Pass the purchase fit first, then the spend fit.",
        )
    if purchases is None:
        return None
    check_models(rfm, purchases, spend, function="audit")
    return None if spend is None else ModelView(purchases, spend, asked)


def explained_rows(
    scope: Scope,
    found: Mapping[str, float],
    models: Mapping[str, NewCustomer | Expected],
    asked: Terms,
    by: tuple[str, ...],
) -> list[dict[str, Any]]:
    """Return the steps from each textbook value to each model value: term and running value."""
    if "textbook_churn" not in found:
        return []
    a_year = asked.units_per_year
    rows = []
    for name, lifespan in BOOKS.items():
        book = Textbook(
            value=found[name],
            order_value=found["average_order_value"],
            first_order_value=found["average_first_order_value"],
            orders_per_year=found["orders_per_year"],
            repeats_per_year=found["repeat_orders_per_year"],
            lifespan=found[lifespan],
        )
        for target, model in models.items():
            before = 0.0
            for i, step in enumerate(
                terms(
                    book,
                    model,
                    horizon=asked.horizon / a_year,
                    rate=asked.rate * a_year,
                    margin=asked.margin,
                )
            ):
                rows.append(
                    in_front(scope, by)
                    | {
                        "from": name,
                        "to": target,
                        "step": i,
                        "change": step.name,
                        "term": step.running - before,
                        "running": step.running,
                        "meaning": STEPS[step.name],
                    }
                )
                before = step.running
    return rows
