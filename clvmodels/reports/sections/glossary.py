"""What words mean here, and how the report was made."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from clvmodels.frames.sources import AmountColumns
from clvmodels.reports.blocks import Missing, Section, Term, Terms
from clvmodels.reports.gathering import LEVEL
from clvmodels.reports.judging import Judged
from clvmodels.reports.numerals import percent, share
from clvmodels.reports.settings import duration_in_words
from clvmodels.reports.tables import plain

__all__ = ["glossary_section", "making_section"]

_OF_BASE: Final = (
    Term(
        "Retention",
        "The share of customers who buy in a period. It is counted, and rare buyers who skip a "
        "period are not lost. In a scenario it is the share of new customers who are still "
        "customers after a year, by the model.",
    ),
    Term(
        "Cohort",
        "Customers whose first purchase in the log was in the same period. Those of the first "
        "cohort may be much older.",
    ),
    Term(
        "Historical value",
        "What a customer has spent so far, less refunds, the first order included.",
    ),
    Term(
        "Textbook value",
        "A lifetime value from averages, as if all customers were alike and whoever skips a period "
        "had left. It depends on the length of the period.",
    ),
)
_OF_COSTS: Final = (
    Term("CAC", "What it costs to acquire a customer, as it was given."),
    Term(
        "LTV",
        "Lifetime value: what a customer brings in, times margin, from the first order on.",
    ),
    Term("Payback", "When the discounted margin of a new customer has paid the CAC."),
)
_OF_TEST: Final = (
    Term(
        "Chance to be better",
        "The probability that an arm is truly above the control, given what was observed.",
    ),
    Term(
        "Adjusted, winsorised",
        "Adjusted for what was known of the customers before the start, which makes intervals "
        "narrower; with the largest values cut off, so that no single customer decides.",
    ),
)
_OF_BACKTEST: Final = (
    Term(
        "RMSE and MAE",
        "How wrong the prediction of a single customer is: the root of the mean squared error, "
        "and the mean of the error without its sign. Small is good.",
    ),
    Term(
        "Rank and Gini",
        "How well customers are put in order, by Spearman's rank correlation and the normalised "
        "Gini coefficient: 1 is perfect, 0 is chance.",
    ),
    Term("In best tenth", "The share of all that the tenth predicted to be best really brought."),
    Term(
        "Tenths off, curve off",
        "How far the means of tenths of the customers, and the sum over time, are from what came, "
        "relative to the mean and to the total.",
    ),
    Term("Coverage", f"How often intervals of {percent(LEVEL)} held what came."),
    Term(
        "Simple rules",
        "Last period again: what each customer did in the last window of the same length. Average "
        "rate: repeat purchases per day so far. Hiatus rule: the same, but nothing for who has "
        "been silent for too long. SQL rule: average basket times orders per day. Everyone the "
        "mean: the same for all.",
    ),
)


def glossary_section(found: Judged) -> Section:
    """Explain the words of the report in sentences."""
    asked = found.settings
    ago = duration_in_words(asked.since, asked.unit)
    terms = [
        Term("Purchase", "All orders of a customer on the same day together."),
        Term("Repeat purchase", "Every purchase of a customer after the first in the log."),
        Term(
            "P(alive)",
            "The probability that somebody is still a customer, judged by how often they bought "
            "and how long they have been silent. Nobody says goodbye, so it is never known.",
        ),
        Term("Silence", "The time from a customer's last purchase to the end of the data."),
        Term(
            "Purchases expected",
            f"The mean number of purchases in {asked.ahead} over all that may happen, that the "
            "customer has left included.",
        ),
    ]
    if found.valued:
        terms.append(
            Term(
                "Value expected",
                "Purchases expected times the mean spend expected, times the margin of "
                f"{share(asked.margin)}. Money a year from now is worth "
                f"1/{1.0 + asked.discount_rate:g} of money today.",
            )
        )
    terms += _OF_BASE
    if asked.cac is not None:
        terms += _OF_COSTS
    if asked.group is not None:
        terms += _OF_TEST
    terms += [
        Term(
            "Value at stake",
            f"What was expected of a customer {ago} before the end of the data (right after the "
            "last purchase, if that is later), times the share of P(alive) that has been lost "
            "since by silence.",
        ),
        Term(
            "Interval",
            "Lower and upper: the number will be between them with a chance of "
            f"{percent(LEVEL)}, if the model is right. Intervals of single customers are wide, "
            "those of sums narrow. Intervals of sums of few customers are simulated.",
        ),
        Term(
            "Certificate",
            "Whether the estimates are the best there are and the data pin them down: "
            "identified, weak (hardly) or boundary (some have no bound).",
        ),
        Term(
            "AIC and BIC",
            "How well a model describes the data, less a price for each parameter. Lower is "
            "better; a difference below 2 means nothing.",
        ),
        Term(
            "Chi-square",
            "How far the numbers of customers with 0, 1, 2, ... repeat purchases are from those "
            "that the model expects. Lower is better.",
        ),
    ]
    if not isinstance(found.backtest, Missing):
        terms += _OF_BACKTEST
    return Section("glossary", "Glossary", (Terms(tuple(terms)),))


def making_section(found: Judged) -> Section:
    """Say from what and by what the report was made: nothing that changes from run to run."""
    asked = found.settings
    rules = ", ".join(f"{name} {value}" for name, value in asked.rules.items() if value is not None)
    terms = [
        Term("Library", f"clvmodels {version('clvmodels')}"),
        Term("Data until", f"{found.rfm.observed_until:%Y-%m-%d}"),
        Term("Columns", _columns(asked.customer, asked.date, asked.amount)),
        Term("Unit of time", asked.unit),
        Term("Rules of cleaning", plain(rules, 200)),
        Term("Models", ", ".join(kind.title for kind in asked.models)),
        Term("Horizon", duration_in_words(asked.horizon, asked.unit)),
        Term("Discount rate", f"{share(asked.discount_rate)} a year"),
        Term("Margin", share(asked.margin)),
    ]
    if asked.by:
        terms.append(Term("Segments", plain(", ".join(asked.by), 200)))
    if asked.group is not None:
        begun = "each first purchase" if asked.start is None else str(asked.start)
        terms.append(Term("Arms of a test", plain(f"{asked.group}, from {begun}", 200)))
    return Section("making", "How this was made", (Terms(tuple(terms)),))


def _columns(customer: str, date: str, amount: AmountColumns) -> str:
    value = "none" if amount is None else amount if isinstance(amount, str) else "*".join(amount)
    return plain(f"customer {customer}, date {date}, amount {value}", 200)
