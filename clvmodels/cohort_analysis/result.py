"""`CohortAnalysis`: what `cohorts` returns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from textwrap import fill
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from clvmodels.cohort_analysis.words import amount, percent
from clvmodels.errors import DataError, ParameterError, did_you_mean
from clvmodels.frames.groups import Cohort
from clvmodels.markup import Html, html_card, html_list, html_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CohortAnalysis", "Quantity"]

Quantity: TypeAlias = Literal["retention", "cumulative_value", "value"]

QUANTITIES: Final[dict[str, str]] = {
    "retention": "active",
    "cumulative_value": "cumulative_value",
    "value": "value",
    "kind": "kind",
}
_WIDTH: Final = 100
_NONE: Final = "No period is over yet."
_MOST: Final = 24  # cohorts that are printed
_HEAD: Final = {
    "retention": "Share who bought, by {period}s since the first purchase",
    "cumulative_value": "Value per customer so far, by {period}s since the first purchase",
}


@dataclass(frozen=True, eq=False, repr=False)
class CohortAnalysis:
    """Cohorts of customers by age: observed, and projected by models; see `cohorts`.

    Attributes
    ----------
    table : DataFrame
        One row a cohort and age, in order: the labels `by`; ``cohort``; ``customers`` in it;
        ``age`` in periods, 0 for the one of the first purchase; ``period`` and its last day
        ``end``; ``kind``: 'observed', 'projected', or without models 'partial' for a period that is
        not over for all of the cohort; ``active``, the share who buy in the period (retention);
        ``value`` of the period and ``cumulative_value`` up to its end, per customer of the cohort;
        ``observed_value``, what of that has been observed. Where projected ``active_lower``,
        ``active_upper`` and, of the cumulative value, ``lower``, ``upper``; missing elsewhere.
        Values are missing without amounts, and ahead without a spend model.
    comparison : DataFrame
        Cohorts at the common age: the labels, ``cohort``, ``customers``, ``age``, ``value`` per
        customer with ``lower`` and ``upper`` for a sample of such customers, its parts ``observed``
        and ``projected``; ``others``, the mean of all other customers with the same labels;
        ``difference`` from it as a fraction with ``difference_lower`` and ``difference_upper``;
        ``p_value`` of no difference, ``p_holm`` corrected for several cohorts; ``differs``, whether
        that is below 0.05; ``sentence``. Missing where there are no others, or fewer than ten
        customers.
    common_age : int or None
        That age.
    by : tuple of str
        Columns of labels.
    cohort, period : {'month', 'quarter', 'year'}
        How long cohorts and periods are.
    observed_until : date
        Last day of observation, included.
    margin, discount_rate, interval : float
        As asked for.
    notes : tuple of str
        What to mind.
    """

    table: pd.DataFrame
    comparison: pd.DataFrame
    common_age: int | None
    by: tuple[str, ...]
    cohort: Cohort
    period: Cohort
    observed_until: date
    margin: float
    discount_rate: float
    interval: float
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        """What this is, in a line."""
        sizes = self.table[self.table["age"] == 0]["customers"]
        total = int(sizes.sum())
        people = "customer" if total == 1 else "customers"
        many = "cohort" if len(sizes) == 1 else "cohorts"
        among = f" by {', '.join(self.by)}" if self.by else ""
        return (
            f"{total:,} {people} in {len(sizes)} {many} by {self.cohort}{among}, "
            f"observed until {self.observed_until}"
        )

    @property
    def has_value(self) -> bool:
        """Whether there are amounts."""
        return bool(self.table["cumulative_value"].notna().any())

    @property
    def sentences(self) -> tuple[str, ...]:
        """What may be said of each cohort at the common age."""
        labels = [
            "".join(f"no {name}, " if row[name] is None else f"{row[name]}, " for name in self.by)
            for row in self.comparison.to_dict("records")
        ]
        words = self.comparison["sentence"].tolist()
        return tuple(a + b for a, b in zip(labels, words, strict=True))

    def grid(
        self, quantity: Quantity | Literal["kind"] = "retention", *, projected: bool = True
    ) -> pd.DataFrame:
        """Return cohorts in rows and ages in columns.

        Parameters
        ----------
        quantity
            'retention' (share who buy in the period), 'cumulative_value' or 'value' of the period
            per customer of the cohort, or 'kind': where a number comes from.
        projected
            Whether numbers ahead are there, too.

        Returns
        -------
        DataFrame
            Missing where nothing is known, and in periods that are not over.

        Raises
        ------
        ParameterError
            There is no such quantity.
        DataError
            Values are asked for, and there are no amounts.
        """
        import pandas as pd

        if quantity not in QUANTITIES:
            raise ParameterError(
                f"A grid shows {', '.join(map(repr, QUANTITIES))}.",
                place=f"Got {quantity!r}.",
                fix=did_you_mean(str(quantity), QUANTITIES),
            )
        if "value" in quantity and not self.has_value:
            raise DataError(
                "Values come from amounts.",
                place="This log was read without.",
                fix="Pass amount= to cohorts.",
            )
        shown = self.table[self.table["kind"] != "partial"] if quantity != "kind" else self.table
        if not projected:
            shown = shown[shown["kind"] == "observed"]
        rows = {key: i for i, key in enumerate(dict.fromkeys(self._keys(self.table)))}
        ages = sorted(set(shown["age"]))
        empty = None if quantity == "kind" else float("nan")
        cells = [[empty] * len(ages) for _ in rows]
        place = {age: j for j, age in enumerate(ages)}
        numbers = shown[QUANTITIES[quantity]]
        for key, age, number in zip(self._keys(shown), shown["age"], numbers, strict=True):
            cells[rows[key]][place[age]] = number
        index = pd.MultiIndex.from_tuples(list(rows), names=[*self.by, "cohort"])
        columns = pd.Index(ages, name="age")
        return pd.DataFrame(cells, index=index if self.by else index.get_level_values(0),
                            columns=columns)  # fmt: skip

    def _keys(self, table: pd.DataFrame) -> list[tuple[Any, ...]]:
        return list(zip(*(table[name] for name in (*self.by, "cohort")), strict=True))

    def __repr__(self) -> str:
        return f"<CohortAnalysis: {self.title}>"

    def __str__(self) -> str:
        heads = {each: _HEAD[each].format(period=self.period) for each in self._shown}
        parts = [self.title, *(f"{head}\n{self._text(each)}" for each, head in heads.items())]
        if (self.table["kind"] == "projected").any():
            parts.append("~ projected")
        told = self.sentences
        if self.by:  # with many labels, only what is more than a number
            clear = self.comparison["p_holm"].notna()
            told = tuple(each for each, some in zip(told, clear, strict=True) if some)
        lines = [*told[:_MOST], *self.notes]
        parts += ["\n".join(fill(f"- {each}", _WIDTH, subsequent_indent="  ") for each in lines)]
        return "\n\n".join(each for each in parts if each)

    @property
    def _shown(self) -> tuple[Literal["retention", "cumulative_value"], ...]:
        return ("retention", "cumulative_value") if self.has_value else ("retention",)

    def _text(self, quantity: Literal["retention", "cumulative_value"]) -> str:
        """Return a grid as text, as many ages and cohorts as fit."""
        wide = self._written(quantity)
        wide = wide.loc[:, (wide != "").any()].iloc[-_MOST:]
        if not wide.shape[1]:
            return _NONE
        while True:
            text = str(wide.to_string(sparsify=False))
            if max(map(len, text.splitlines())) <= _WIDTH or wide.shape[1] < 2:
                return text
            wide = wide.iloc[:, :-1]

    def _written(self, quantity: Literal["retention", "cumulative_value"]) -> pd.DataFrame:
        import pandas as pd

        numbers = self.grid(quantity)
        kinds = self.grid("kind").reindex(columns=numbers.columns)
        word = _share if quantity == "retention" else _money
        cells = [
            [word(number, kind) for number, kind in zip(*each, strict=True)]
            for each in zip(numbers.to_numpy(), kinds.to_numpy(), strict=True)
        ]
        wide = pd.DataFrame(cells, index=numbers.index, columns=list(numbers.columns))
        return wide if self.by else wide.rename_axis(index=None)

    def _repr_html_(self) -> Html:
        grids = {name: self._written(name) for name in self._shown}
        tables = [
            html_table(grid, caption=_HEAD[name].format(period=self.period))
            for name, grid in grids.items()
            if grid.shape[1]
        ]
        marks = (self.table["kind"] == "projected").any()
        notes = [*(["~ projected"] if marks else []), *self.notes]
        if not tables:
            notes.insert(0, _NONE)
        return html_card(self.title, *tables, html_list(self.sentences), html_list(notes))


def _share(number: float, kind: str) -> str:
    return "" if number != number else f"{_mark(kind)}{percent(number)} %"


def _money(number: float, kind: str) -> str:
    return "" if number != number else f"{_mark(kind)}{amount(number)}"


def _mark(kind: str) -> str:
    return "~" if kind == "projected" else ""
