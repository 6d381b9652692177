"""What `explain` found: contributions for every customer, their totals, and sentences."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from clvmodels.explanations.words import WIDTH, money, segment_lines, signed
from clvmodels.frames.valued import rows_of_ids
from clvmodels.markup import Html, html_card, html_list, html_table, number
from clvmodels.units import TimeUnit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COMPONENTS", "Explanation"]

COMPONENTS: Final[dict[str, str]] = {
    "population": "a typical customer of this age",
    "covariates": "of this kind",
    "frequency": "how often they bought",
    "recency": "when they last bought",
    "spend": "what they spend",
}
"""What the contributions are called, in words."""

_VALUES: Final = {"clv": "value", "discounted_purchases": "expected number of purchases"}


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """Why customers have the value they have; see `explain`.

    Attributes
    ----------
    customers : native frame
        One row a customer: the id, the columns `by`, a column for each contribution, and the value,
        ``clv`` (without spend ``discounted_purchases``), which is their sum.
    facts : native frame
        What the sentences are made of, in the same order: the id, ``purchases`` after the first,
        ``typical_purchases`` of customers of this age (and kind), ``silence`` since the last one,
        ``age``, and with spend ``expected_spend`` and ``typical_spend`` of a purchase.
    table : DataFrame
        Totals: component, customers, amount, per_customer, standard_deviation. The last row is the
        value.
    segments : DataFrame or None
        One row a segment: the columns `by`, customers, and the sum of each contribution and of the
        value; None without `by`.
    customer : str
        Name of the id column.
    value : {'clv', 'discounted_purchases'}
        What is explained.
    unit : TimeUnit
        Unit of silence and age.
    """

    customers: Any
    facts: Any
    table: pd.DataFrame
    segments: pd.DataFrame | None
    customer: str
    value: str
    unit: TimeUnit

    def amounts(self, customer: Any) -> dict[str, float]:
        """Return the contributions of one customer and their sum, by name, in order.

        Parameters
        ----------
        customer
            The id; 17 is found by 17 and by '17'.

        Raises
        ------
        DataError
            There is no such customer.
        """
        frame: nw.DataFrame[Any] = nw.from_native(self.customers, eager_only=True)
        row = int(rows_of_ids(frame[self.customer], [customer])[0])
        own = dict(zip(frame.columns, frame.row(row), strict=True))
        return {name: float(own[name]) for name in self.table["component"]}

    def sentence(self, customer: Any) -> str:
        """Return in words why a customer has this value.

        Parameters
        ----------
        customer
            The id; 17 is found by 17 and by '17'.

        Raises
        ------
        DataError
            There is no such customer.
        """
        frame: nw.DataFrame[Any] = nw.from_native(self.customers, eager_only=True)
        facts: nw.DataFrame[Any] = nw.from_native(self.facts, eager_only=True)
        row = int(rows_of_ids(frame[self.customer], [customer])[0])
        return _sentence(frame.row(row), frame.columns, facts.row(row), facts.columns, self)

    @property
    def title(self) -> str:
        """What this is."""
        count = int(self.table["customers"].iloc[-1])
        who = f"{count:,} customer{'' if count == 1 else 's'}"
        return f"What the {_VALUES[self.value]} of {who} is made of"

    @property
    def verdict(self) -> str:
        """What tells these customers apart most, in words."""
        parts = self.table.iloc[1:-1]
        whole = self.table.iloc[-1]
        if not float(whole.standard_deviation) > 0.0:
            return "All of these customers are worth the same."
        most = parts.iloc[int(parts["standard_deviation"].to_numpy().argmax())]
        return (
            f"They are worth {money(whole.amount)}; typical customers of their ages would be "
            f"worth {money(self.table['amount'].iloc[0])}. What tells them apart most is "
            f"{COMPONENTS[most.component]} ({money(most.standard_deviation)} a customer, standard "
            "deviation)."
        )

    def __repr__(self) -> str:
        return f"<Explanation: {self.title}>"

    def __str__(self) -> str:
        shown = self.table.to_string(index=False, float_format=lambda v: f"{v:,.2f}")
        lines = [self.title, "", shown, *segment_lines(self.segments), ""]
        return "\n".join([*lines, textwrap.fill(self.verdict, WIDTH)])

    def _repr_html_(self) -> Html:
        parts = [html_table(self.table, caption="Totals")]
        if self.segments is not None:
            parts.append(html_table(self.segments, caption="By segment"))
        return html_card(self.title, *parts, html_list([self.verdict]))


def _sentence(
    row: tuple[Any, ...],
    names: list[str],
    fact: tuple[Any, ...],
    facts: list[str],
    found: Explanation,
) -> str:
    own, known = dict(zip(names, row, strict=True)), dict(zip(facts, fact, strict=True))
    worth = "worth" if found.value == "clv" else "purchases ahead"
    parts = [f"a typical customer of this age {money(own['population'])}"]
    if "covariates" in own:
        parts.append(f"of this kind {signed(own['covariates'])}")
    typical = number(known["typical_purchases"], 2)
    count = f"{known['purchases']:.0f} repeat purchase{'s' if known['purchases'] != 1.0 else ''}"
    if known["purchases"] == 0.0:
        count = f"no repeat purchase in {_time(known['age'], found.unit)}"
    parts.append(f"{count} instead of {typical} {signed(own['frequency'])}")
    if known["purchases"] > 0.0:
        silence = _time(known["silence"], found.unit)
        parts.append(f"silent for {silence} {signed(own['recency'])}")
    if "expected_spend" in known and own["spend"] != 0.0:
        each, other = (number(known[k], 3) for k in ("expected_spend", "typical_spend"))
        parts.append(f"spends {each} instead of {other} an order {signed(own['spend'])}")
    return f"{worth} {money(own[found.value])}: {'; '.join(parts)}"


def _time(length: float, unit: TimeUnit) -> str:
    shown = number(length, 3)
    return f"{shown} {unit}{'' if shown == '1' else 's'}"
