"""What `explain_change` found: the bridge from value before to value after."""

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

__all__ = ["STEPS", "Forecast", "ValueChange"]

STEPS: Final[dict[str, str]] = {
    "before": "value before",
    "gone": "customers who are not in the later run",
    "silence": "time passing, had nobody ordered",
    "orders": "new orders",
    "corrections": "corrections of the past (refunds, late rows, attributes)",
    "refit_purchases": "refit of the purchase model",
    "refit_spend": "refit of the spend model, or new prices",
    "terms": "horizon, discount rate and margin",
    "new": "new customers",
    "after": "value after",
}
"""What the steps are called, in words, in order."""

_CHANCE: Final = 2.0  # standard deviations from which on a surprise is more than chance
_MOVES: Final = tuple(STEPS)[1:-1]


@dataclass(frozen=True)
class Forecast:
    """What the old models expected of the customers in both runs, and what happened.

    Attributes
    ----------
    expected : float
        Change of value that the old models expected from time and new orders.
    happened : float
        What silence and orders added up to, under the old models.
    chance : float
        Standard deviation of the difference by chance alone, were the old models right and their
        parameters exact: the root of the sum of squares of the single customers' surprises.
    """

    expected: float
    happened: float
    chance: float

    @property
    def surprise(self) -> float:
        """How much better than expected the customers did, in value."""
        return self.happened - self.expected

    @property
    def verdict(self) -> str:
        """Whether the base did better than forecast, in words."""
        if self.chance == 0.0:
            return "Value moved as the old models expected."
        size = abs(self.surprise) / self.chance
        what = f"{number(abs(self.surprise), 3)}, {size:.1f} times what is usual by chance"
        side = "more" if self.surprise > 0.0 else "less"
        if size < _CHANCE:
            return f"That is {side} than the old models expected by {what}: no more than chance."
        return (
            f"That is {side} than the old models expected by {what}: customers did "
            f"{'better' if self.surprise > 0.0 else 'worse'} than forecast."
        )


@dataclass(frozen=True, eq=False, repr=False)
class ValueChange:
    """Why value moved between two runs; see `explain_change`.

    Attributes
    ----------
    customers : native frame
        One row a customer of either run: the id, the columns `by`, ``before``, the steps
        ``gone``, ``silence``, ``orders``, ``corrections``, ``refit_purchases``, ``refit_spend``,
        ``terms`` and ``new``, and ``after``, their sum. Who is not in a run is worth 0 there.
    table : DataFrame
        The bridge: component, customers (whom the step moved; in the first and last row all),
        amount.
    segments : DataFrame or None
        One row a segment: the columns `by`, customers, and the sum of each column above; None
        without `by`.
    forecast : Forecast
        What the old models expected of silence and orders, and what happened.
    customer : str
        Name of the id column.
    value : {'clv', 'discounted_purchases'}
        What moved.
    elapsed : float
        Time between the ends of observation, in `unit`.
    unit : TimeUnit
        Unit of the runs.
    """

    customers: Any
    table: pd.DataFrame
    segments: pd.DataFrame | None
    forecast: Forecast
    customer: str
    value: str
    elapsed: float
    unit: TimeUnit

    def sentence(self, customer: Any) -> str:
        """Return in words why the value of a customer moved.

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
        steps = [f"{STEPS[name]} {signed(own[name])}" for name in _MOVES if own[name] != 0.0]
        start = f"from {money(own['before'])} to {money(own['after'])}"
        return f"{start}: {'; '.join(steps) or 'nothing moved'}"

    @property
    def title(self) -> str:
        """What this is."""
        what = "value" if self.value == "clv" else "purchases ahead"
        return f"Why {what} moved in {number(self.elapsed, 3)} {self.unit}s"

    @property
    def verdict(self) -> str:
        """What moved value most, and whether that was to be expected, in words."""
        amounts = dict(zip(self.table["component"], self.table["amount"], strict=True))
        change = amounts["after"] - amounts["before"]
        largest = max(_MOVES, key=lambda name: abs(amounts[name]))
        happened = f"Silence and orders made {signed(self.forecast.happened)}."
        start = f"From {money(amounts['before'])} to {money(amounts['after'])}"
        if all(amounts[name] == 0.0 for name in _MOVES):
            return f"{start}: nothing moved."
        main = f"most of it by {STEPS[largest]} ({signed(amounts[largest])})"
        return f"{start} ({signed(change)}), {main}. {happened} {self.forecast.verdict}"

    def __repr__(self) -> str:
        return f"<ValueChange: {self.verdict}>"

    def __str__(self) -> str:
        shown = self._shown().to_string(index=False, float_format=lambda v: f"{v:,.2f}")
        lines = [self.title, "", shown, *segment_lines(self.segments), ""]
        return "\n".join([*lines, textwrap.fill(self.verdict, WIDTH)])

    def _shown(self) -> pd.DataFrame:
        return self.table.assign(component=self.table["component"].map(STEPS))

    def _repr_html_(self) -> Html:
        parts = [html_table(self._shown(), caption="From before to after")]
        if self.segments is not None:
            parts.append(html_table(self.segments, caption="By segment"))
        return html_card(self.title, *parts, html_list([self.verdict]))
