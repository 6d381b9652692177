"""What `unit_economics` found: value beside cost by segment, payback, and what to watch."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from clvmodels.frames.result_words import with_words
from clvmodels.markup import Html, html_card, html_list, html_table
from clvmodels.units import TimeUnit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Basis", "Flag", "UnitEconomics"]

Basis: TypeAlias = Literal["new", "acquired", "realised"]
Flag: TypeAlias = Literal["loss", "below", "above", "unknown"]

_WIDTH: Final = 92
_SHOWN: Final = ("customers", "cac", "ltv", "ltv_to_cac", "ratio_lower", "ratio_upper", "payback")
_HEADS: Final = {"ltv_to_cac": "LTV:CAC", "ratio_lower": "lower", "ratio_upper": "upper"}
_ROWS: Final = 40
_SENTENCES: Final = 8
_MEANING: Final[dict[Basis, str]] = {
    "new": "LTV: expected of a new customer, the first order included",
    "acquired": "LTV: so far and expected from now on, of the customers there are",
    "realised": "LTV: what customers have brought in up to the same age",
}


@dataclass(frozen=True, eq=False, repr=False)
class UnitEconomics:
    """Lifetime value beside what customers cost, by segment; made by `unit_economics`.

    Attributes
    ----------
    table : DataFrame
        One row a segment: the columns `by`, then ``customers``, ``cac``, ``ltv`` per customer with
        ``lower`` and ``upper``, ``ltv_to_cac`` with ``ratio_lower`` and ``ratio_upper`` (null at a
        CAC of zero), ``probability_above`` (of the ratio being at least `threshold`), ``payback``
        (in `unit`; null where a new customer never pays back within 100 years, or without models),
        ``break_even_cac`` (at which LTV and CAC are equal), ``max_cac`` (at which the ratio is the
        threshold), ``flag`` ('loss', 'below', 'above', or
        'unknown' where nobody has the age of 'realised') and ``says``, the flag in a sentence.
    new_customers : DataFrame or None
        For acquisition bids, one row a segment: ``first_order_value``, ``repeat_value`` and
        ``ltv``, their sum, of a new customer, with ``lower`` and ``upper``, ``break_even_cac``,
        ``max_cac``, ``payback`` and ``limit``, what a customer brings in within 100 years. None
        without models.
    payback_curve : DataFrame or None
        Columns `by`, ``time``, ``value`` (discounted, cumulative, of a new customer) and ``net``,
        that less the CAC. None without models.
    by : tuple of str
        Columns that make segments.
    basis : {'new', 'acquired', 'realised'}
        Whose value the LTV is.
    threshold : float
        The ratio that is asked for.
    interval : float or None
        Probability inside the intervals; None where no error is known.
    horizon : float or None
        How far ahead value counts (for 'realised' the age up to which), in `unit`.
    unit : TimeUnit or None
        Unit of times; None for a table of predictions.
    models : tuple of str
        What the models are called; empty where value comes from none.
    notes : tuple of str
        What the numbers rest on.
    """

    table: pd.DataFrame
    new_customers: pd.DataFrame | None
    payback_curve: pd.DataFrame | None
    by: tuple[str, ...]
    basis: Basis
    threshold: float
    interval: float | None
    horizon: float | None
    unit: TimeUnit | None
    models: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        """What is shown, in one line."""
        by = f" by {', '.join(self.by)}" if self.by else ""
        models = f", by {' and '.join(self.models)}" if self.models else ""
        return f"Unit economics{by}: {int(self.table['customers'].sum()):,} customers{models}"

    @property
    def verdict(self) -> str:
        """One sentence about all segments."""
        counts = self.table["flag"].value_counts()
        losses, below, above = (int(counts.get(flag, 0)) for flag in ("loss", "below", "above"))
        if len(self.table) == 1:
            return str(self.table["says"].iloc[0])
        unknown = int(counts.get("unknown", 0))
        return (
            f"Of {len(self.table)} segments {above} reach an LTV:CAC of {self.threshold:g}, "
            f"{below} earn their CAC but do not, {losses} do not earn it"
            f"{f', and of {unknown} nothing is known' if unknown else ''}."
        )

    @property
    def flagged(self) -> pd.DataFrame:
        """The rows of `table` whose ratio is below the threshold."""
        return self.table[self.table["flag"] != "above"].reset_index(drop=True)

    def __repr__(self) -> str:
        return f"<UnitEconomics: {len(self.table)} segments, {self.basis}>"

    def __str__(self) -> str:
        told = [] if len(self.table) == 1 else self.flagged["says"].tolist()
        lines = [*_folded(self.title), f"{_MEANING[self.basis]}.", "", *self._rows(), ""]
        lines += _folded(self.verdict)
        lines += [line for each in told[:_SENTENCES] for line in _folded(f"- {each}")]
        if len(told) > _SENTENCES:
            lines.append(f"- and {len(told) - _SENTENCES} more: see .flagged")
        lines += ["", *(line for each in self.notes for line in _folded(f"- {each}"))]
        return "\n".join(lines).rstrip()

    def _rows(self) -> list[str]:
        """Return the lines of the table that a terminal shows."""
        names = list(_SHOWN) if self.interval is not None else [*_SHOWN[:4], *_SHOWN[6:]]
        shown = with_words(self.table.head(_ROWS)[[*self.by, *names, "flag"]], self.by)
        shown = shown.rename(columns=_HEADS)
        text = shown.to_string(
            index=False, float_format="{:,.2f}".format, na_rep="-", max_colwidth=20
        )
        more = len(self.table) - _ROWS
        return [*text.splitlines(), *([f"and {more} more"] if more > 0 else [])]

    def _repr_html_(self) -> Html:
        table = with_words(self.table.drop(columns="says"), self.by)
        parts = [html_table(table, caption=_MEANING[self.basis])]
        if self.new_customers is not None:
            bids = with_words(self.new_customers, self.by)
            parts.append(html_table(bids, caption="New customers, for bids"))
        return html_card(
            self.title, self.verdict, *parts, html_list(self.flagged["says"]), html_list(self.notes)
        )


def _folded(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, subsequent_indent="  " if text.startswith("- ") else "")
