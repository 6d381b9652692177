"""What `segment` found: groups of customers with their value, and whom to win back."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

from clvmodels.frames.result_words import with_words
from clvmodels.markup import Html, html_card, html_list, html_table
from clvmodels.segmentation.states import StateCosts

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Segmentation"]

_WIDTH: Final = 92
_ROWS: Final = 40
_PERCENT: Final = ("share_of_customers", "share_of_value")


@dataclass(frozen=True, eq=False, repr=False)
class Segmentation:
    """Customers in groups to act on; made by `segment`.

    Attributes
    ----------
    table : DataFrame
        One row for each segment of `by`, value tier and state: ``customers``,
        ``share_of_customers``, ``value``, ``share_of_value`` (null where all value is zero), and
        ``lower`` and ``upper``, the interval of the sum (null where it is not known).
    tiers, states : DataFrame
        The same by tier and by state alone.
    rfm : DataFrame
        Customers and value by name of RFM cell.
    customers : native frame
        The columns of `predict`, with ``tier``, ``state``, ``rfm_cell`` (scores R, F, M such as
        '453'; without amounts R, F), ``rfm_segment`` (its name) and ``reasons``. On the engine of
        the summary; of a lazy one a polars frame.
    reactivation : native frame
        Whom a contact is expected to gain more than it costs, best first: the columns of `at_risk`
        and ``tier``, ``state``, ``reasons``, ``contact_cost`` and ``expected_gain``. Without a
        stated response the last is null, and those are listed who have more at stake than that.
    costs : StateCosts
        What errors cost, and the limits of P(alive) that follow.
    slipping : float
        Share of loyal customers who are called slipping by chance.
    by : tuple of str
        Columns that make segments.
    counted : bool
        Whether value is in purchases, for want of spend.
    interval : float or None
        Probability inside the intervals; None if they were not asked for, or are not known.
    responding : bool
        Whether the response to contacts was stated.
    models : tuple of str
        What the models are called.
    notes : tuple of str
        What the numbers rest on.
    """

    table: pd.DataFrame
    tiers: pd.DataFrame
    states: pd.DataFrame
    rfm: pd.DataFrame
    customers: Any
    reactivation: Any
    costs: StateCosts
    slipping: float
    by: tuple[str, ...]
    counted: bool
    interval: float | None
    responding: bool
    models: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        """What is shown, in one line."""
        by = f" by {', '.join(self.by)}" if self.by else ""
        count = int(self.states["customers"].sum())
        return f"Segments{by}: {count:,} customers, by {' and '.join(self.models)}"

    @property
    def verdict(self) -> str:
        """Who is in which state, and what is to be won back, in two sentences."""
        columns = (self.states[name].tolist() for name in ("state", "customers"))
        parts = [f"{state} {count:,}" for state, count in zip(*columns, strict=True)]
        listed = nw.from_native(self.reactivation, eager_only=True)
        what = "purchases" if self.counted else "value"
        if not self.responding:
            stake = sum(listed["at_stake"].to_list())
            return (
                f"{', '.join(parts)}. {stake:,.0f} in {what} are at stake, of {len(listed):,} "
                "customers: the gain if every contact brought its customer back as before."
            )
        gain = sum(listed["expected_gain"].to_list())
        return (
            f"{', '.join(parts)}. {len(listed):,} customers are worth a contact, which is expected "
            f"to gain {gain:,.0f} in {what} after its cost."
        )

    @property
    def reading(self) -> str:
        """How to read the ends of intervals, in a sentence; empty without intervals."""
        if self.interval is None:
            return ""
        return (
            f"value is the mean of what may come in; lower and upper hold what does, in "
            f"{100.0 * self.interval:.3g} of 100 cases: of few customers that is mostly nothing."
        )

    def __repr__(self) -> str:
        return f"<Segmentation: {len(self.table)} segments of {len(self.tiers)} tiers>"

    def __str__(self) -> str:
        more = len(self.table) - _ROWS
        shown = with_words(self.table.head(_ROWS), self.by).to_string(
            index=False,
            float_format="{:,.0f}".format if not self.counted else "{:,.2f}".format,
            formatters=dict.fromkeys(_PERCENT, "{:.1%}".format),
            na_rep="-",
            max_colwidth=20,
        )
        lines = [*textwrap.wrap(self.title, _WIDTH), "", shown]
        lines += [f"and {more} more"] if more > 0 else []
        lines += [*textwrap.wrap(self.reading, _WIDTH), ""]
        for each in (self.verdict, *(f"- {note}" for note in self.notes)):
            lines += textwrap.wrap(
                each, _WIDTH, subsequent_indent="  " if each.startswith("- ") else ""
            )
        return "\n".join(lines)

    def _repr_html_(self) -> Html:
        formats = dict.fromkeys(_PERCENT, ".1%")
        return html_card(
            self.title,
            self.verdict,
            html_table(
                with_words(self.table, self.by), caption="Value tiers and states", formats=formats
            ),
            *([self.reading] if self.reading else []),
            html_table(self.rfm, caption="RFM cells by name", formats=formats),
            html_list(self.notes),
        )
