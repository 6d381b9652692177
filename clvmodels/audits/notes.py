"""What limits the numbers of an audit, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from clvmodels.audits.gathering import Gathered
from clvmodels.audits.lifetime_value import ModelView
from clvmodels.frames.people_tables import NOBODY
from clvmodels.predictive.arguments import fit_of
from clvmodels.units import DAYS_PER_YEAR

__all__ = ["notes_of"]

_VERDICTS: Final = {"weak": "weak", "boundary": "at a boundary of the model"}


def notes_of(gathered: Gathered) -> tuple[str, ...]:
    """Return the notes on what has been told, and on what could not be."""
    return (*_money_notes(gathered), *_time_notes(gathered), *_model_notes(gathered))


def _money_notes(gathered: Gathered) -> Iterator[str]:
    told = gathered.measures[gathered.scopes[0]]
    if "revenue" not in told:
        if gathered.has_orders:
            yield "Without amounts only customers and orders are counted."
        return
    sums = gathered.tables.sums
    gone = sums[sums["cohort"] == NOBODY]
    if len(gone):
        yield (
            "People with no order left after returns are no customers and in no cohort; their "
            f"purchases of {gone['gross'].sum():,.2f} and returns of {gone['back'].sum():,.2f} "
            "count in gross revenue and returns."
        )
    if told["net_revenue"] < 0.0:
        yield (
            f"Returns exceed purchases: net revenue is {told['net_revenue']:,.2f}. Shares are of "
            "revenue, of which no customer has less than nothing."
        )
    if told["revenue"] == 0.0:
        yield "Revenue is zero: there are no shares of it."


def _time_notes(gathered: Gathered) -> Iterator[str]:
    told = gathered.measures[gathered.scopes[0]]
    if told["customer_years"] == 0.0:
        yield "All first orders are on the last day: nothing is known per year."
    if not gathered.has_orders:
        return
    rate, period = told["retention_rate"], gathered.period
    if math.isnan(rate):
        yield f"Retention takes two {period}s of which the second is complete."
    elif rate == 1.0:
        yield (
            f"Everybody who ordered in a {period} ordered in the next: by the textbook customers "
            "never leave, and 1 / churn is infinite."
        )
    if not gathered.calendar.complete[-1]:
        yield f"{gathered.calendar.names[-1]} has not ended: it counts in no rate of retention."


def _model_notes(gathered: Gathered) -> Iterator[str]:
    told = gathered.measures[gathered.scopes[0]]
    if gathered.view is None:
        yield "Without fits of purchases and spend there is no value by a model."
        return
    yield from _trust(gathered, gathered.view)
    if not gathered.view.tells_newcomers:
        yield (
            "The model's value of a new customer depends on covariates or on a column: see "
            "new_customers."
        )
    elif "model_new_customer" not in told:
        yield "The value of a new customer needs first orders, which a summary leaves out."
    if "textbook_churn" in told and not math.isfinite(told["textbook_churn"]):
        yield "The textbook's value by churn is not finite, so that its difference has no terms."


def _trust(gathered: Gathered, view: ModelView) -> Iterator[str]:
    """Say where the model's values go beyond what the orders show."""
    ahead = gathered.asked.horizon / gathered.asked.units_per_year
    past = gathered.tables.observed_days / DAYS_PER_YEAR
    end = f"{ahead:.1f} years ahead" if math.isfinite(ahead) else "ahead without end"
    annual = math.expm1(gathered.asked.rate * gathered.asked.units_per_year)
    terms = f"The model's values look {end} and are discounted by {annual:.3g} a year"
    if ahead > past:
        yield (
            f"{terms}. From {past:.1f} years of orders that is an extrapolation: a horizon no "
            "longer than the log can be checked with backtest."
        )
    else:
        yield f"{terms}."
    for name, given in (("purchases", view.purchases), ("spend", view.spend)):
        certificate = getattr(fit_of(given), "certificate", None)
        if certificate is not None and certificate.verdict != "identified":
            found = " ".join(certificate.findings[:1])
            yield f"The fit of {name} is {_VERDICTS[certificate.verdict]}. {found}".strip()
