"""What `audit` returns: tables of a customer base, and sentences about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from textwrap import fill
from typing import TYPE_CHECKING, Any, Final

from clvmodels.audits.definitions import MEASURES
from clvmodels.audits.words import FORMATS, facts, headline, lines, segment_lines
from clvmodels.markup import Html, html_card, html_list, html_table

if TYPE_CHECKING:
    import pandas as pd

    from clvmodels.frames.groups import Cohort

__all__ = ["Audit"]

_WIDTH: Final = 92
_SHOWN: Final = {
    "customers": "customers",
    "revenue": "revenue",
    "average_order_value": "per order",
    "repeat_rate": "repeat",
    "second_order_90d": "within 90 days",
    "historical_value": "so far",
    "model_clv": "to come",
}


@dataclass(frozen=True, eq=False, repr=False)
class Audit:
    """A customer base in numbers; see `audit`.

    Tables say whom a row is about in ``scope`` ('all', 'segment' or 'cohort'), the columns of the
    segments and ``cohort``, None where they do not apply. What the data do not tell is no column,
    or NaN where only some rows lack it. `definitions` has a sentence for every number.

    Attributes
    ----------
    totals : DataFrame
        One row: all customers, one column a measure.
    overview : DataFrame
        One row a segment with its labels and measures; without `by` the same as `totals`.
    cohorts : DataFrame
        One row a cohort of the first order; empty where cohorts are not known.
    conversion : DataFrame or None
        From the first to the second order: ``days``, ``converted`` (Kaplan-Meier), ``watched``
        (customers without a second order who have been watched for so long).
    retention : DataFrame or None
        By cohort and calendar period: ``customers`` of the cohort, ``active`` in the period,
        ``retention`` (active / customers), ``kept`` (of the active, the share who order in the next
        period, too), ``churn`` (1 - kept) and ``complete`` (whether all of it was observed).
    periods : DataFrame or None
        By calendar period: ``customers`` who ordered, ``new_customers``, ``orders``, ``retention``
        (into the next period), ``churn``, and with amounts ``revenue``, ``revenue_new``,
        ``revenue_existing``, ``existing_revenue_share``, ``revenue_per_customer``.
    concentration : DataFrame or None
        Tenths of customers, the best first: ``customers_share`` and ``revenue_share`` up to here,
        ``tenth``, ``tenth_share``, ``tenth_revenue``.
    value : DataFrame
        The value of a customer: so far, by textbook, by the model: ``measure``, ``title``,
        ``number``, ``to_new_customer`` and ``to_base`` (what the model's value has more).
    explained : DataFrame
        From each textbook value (``from``) to each value of the model (``to``): ``step``,
        ``change``, ``term``, ``running``, ``meaning``. The terms of a chain, that of the textbook
        included, add up to the model's value.
    notes : tuple of str
        What limits the numbers, and what could not be told.
    by : tuple of str
        Columns of the segments.
    cohort, period : {'month', 'quarter', 'year'}
        The calendar periods of cohorts, and of retention.
    observed_until : date or None
        Last day of observation, included.
    """

    totals: pd.DataFrame
    overview: pd.DataFrame
    cohorts: pd.DataFrame
    conversion: pd.DataFrame | None
    retention: pd.DataFrame | None
    periods: pd.DataFrame | None
    concentration: pd.DataFrame | None
    value: pd.DataFrame
    explained: pd.DataFrame
    notes: tuple[str, ...]
    by: tuple[str, ...]
    cohort: Cohort
    period: Cohort
    observed_until: date | None

    @property
    def definitions(self) -> dict[str, str]:
        """What each measure means, in a sentence."""
        return {name: MEASURES[name].meaning for name in MEASURES if name in self.totals}

    @property
    def table(self) -> pd.DataFrame:
        """All measures, one a row: scope, columns `by`, cohort, measure, number, kind, meaning.

        ``kind`` is what a number is: 'count', 'money', 'share', 'number', 'years' or 'days'.
        """
        import pandas as pd

        keys = ["scope", *self.by, "cohort"]
        wide = [self.totals, *([self.overview] if self.by else []), self.cohorts]
        parts = []
        for each in wide:
            names = [name for name in each if name in MEASURES]
            long = each.astype(dict.fromkeys(names, float)).melt(
                id_vars=keys, value_vars=names, var_name="measure", value_name="number"
            )
            order = long.groupby("measure", sort=False).cumcount()
            parts.append(long.iloc[order.argsort(kind="stable")])
        table = pd.concat([part for part in parts if len(part)], ignore_index=True)
        table["kind"] = [MEASURES[name].kind for name in table["measure"]]
        table["meaning"] = [MEASURES[name].meaning for name in table["measure"]]
        return table

    @property
    def _row(self) -> dict[str, Any]:
        return {str(name): value for name, value in self.totals.iloc[0].items()}

    @property
    def title(self) -> str:
        """One line that says what it is."""
        return headline(self._row, self.observed_until)

    def chain(
        self, source: str = "textbook_churn", target: str = "model_new_customer"
    ) -> pd.DataFrame:
        """Return how a textbook's value of all customers becomes a model's, step by step.

        Parameters
        ----------
        source
            'textbook_observed', 'textbook_churn', 'textbook_retention' or
            'textbook_retention_at_once'.
        target
            'model_new_customer' or 'model_clv'.

        Returns
        -------
        DataFrame
            ``change``, ``term``, ``running``, ``meaning``; empty where there is no such value.
        """
        rows = self.explained
        if len(rows):
            rows = rows[
                (rows["scope"] == "all") & (rows["from"] == source) & (rows["to"] == target)
            ]
        return rows.reindex(columns=["change", "term", "running", "meaning"]).reset_index(drop=True)

    def __repr__(self) -> str:
        return f"<Audit: {self.title}>"

    def __str__(self) -> str:
        parts = [self.title, *lines(self._row, self.period)]
        if self.by:
            parts += ["", *segment_lines(self.overview, self.by)]
        notes = [fill(f"- {each}", _WIDTH, subsequent_indent="  ") for each in self.notes]
        return "\n".join([*parts, *([""] if notes else []), *notes])

    def _repr_html_(self) -> Html:
        said = facts(self._row, self.period).items()
        told = html_list(f"{topic}: {words}" for topic, words in said)
        tables = [self._wide(self.overview, self.by, "Segments")] if self.by else []
        if len(self.cohorts):
            tables.append(self._wide(self.cohorts, ("cohort",), "Cohorts of the first order"))
        steps = self.chain()
        if len(steps):
            caption = "From the textbook's value (1 / churn) to the model's of a new customer"
            shown = steps[["change", "term", "running"]]
            formats = {"term": ",.2f", "running": ",.2f"}
            tables.append(html_table(shown, caption=caption, formats=formats))
        return html_card(self.title, told, *tables, html_list(self.notes))

    def _wide(self, table: pd.DataFrame, keys: tuple[str, ...], caption: str) -> Html:
        names = [name for name in _SHOWN if name in table]
        formats = {_SHOWN[name]: FORMATS[MEASURES[name].kind] for name in names}
        shown = table[[*keys, *names]].rename(columns=_SHOWN)
        return html_table(shown, caption=caption, formats=formats)
