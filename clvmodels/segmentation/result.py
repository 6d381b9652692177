"""What `segment` found: groups of customers with their value, and whom to win back."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw

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
        and ``tier``, ``state``, ``reasons``, ``contact_cost`` and ``expected_gain``.
    costs : StateCosts
        What errors cost, and the limits of P(alive) that follow.
    slipping : float
        Share of loyal customers who are called slipping by chance.
    by : tuple of str
        Columns that make segments.
    counted : bool
        Whether value is in purchases, for want of spend.
    interval : float or None
        Probability inside the intervals; None if they were not asked for.
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
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        """What is shown, in one line."""
        by = f" by {', '.join(self.by)}" if self.by else ""
        return f"Segments{by}: {int(self.states['customers'].sum()):,} customers"

    @property
    def verdict(self) -> str:
        """Who is in which state, and what winning back is expected to gain, in a sentence."""
        columns = (self.states[name].tolist() for name in ("state", "customers"))
        parts = [f"{state} {count:,}" for state, count in zip(*columns, strict=True)]
        listed = nw.from_native(self.reactivation, eager_only=True)
        gain = sum(listed["expected_gain"].to_list())
        what = "purchases" if self.counted else "value"
        return (
            f"{', '.join(parts)}. {len(listed):,} customers are worth a contact, which is expected "
            f"to gain {gain:,.0f} in {what} after its cost."
        )

    def __repr__(self) -> str:
        return f"<Segmentation: {len(self.table)} segments of {len(self.tiers)} tiers>"

    def __str__(self) -> str:
        more = len(self.table) - _ROWS
        shown = self.table.head(_ROWS).to_string(
            index=False,
            float_format="{:,.0f}".format if not self.counted else "{:,.2f}".format,
            formatters=dict.fromkeys(_PERCENT, "{:.1%}".format),
            na_rep="-",
            max_colwidth=20,
        )
        lines = [self.title, "", shown, *([f"and {more} more"] if more > 0 else []), ""]
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
            html_table(self.table, caption="Value tiers and states", formats=formats),
            html_table(self.rfm, caption="RFM cells by name", formats=formats),
            html_list(self.notes),
        )
