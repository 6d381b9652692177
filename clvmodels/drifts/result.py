"""What `drift` found: tests, shifts, the window since, what it matters, and a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.drifts.difference import Difference, Overlap
from clvmodels.drifts.impact import Impact
from clvmodels.drifts.known import Known
from clvmodels.drifts.window import WindowLine
from clvmodels.frames.predict import CLVModel
from clvmodels.markup import Html, html_card, html_list, html_table
from clvmodels.models.fit import Fit
from clvmodels.units import TimeUnit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Drift", "Part", "Verdict"]

Array: TypeAlias = NDArray[np.float64]
Verdict: TypeAlias = Literal["refit", "not yet"]

_NORMAL_975: Final = float(special.ndtri(0.975))
_RELATIVE: Final = ("change", "lower", "upper")  # columns of the table of changes


@dataclass(frozen=True, eq=False, repr=False)
class Part:
    """One fit, old and new: of purchases, or of spend.

    Attributes
    ----------
    name : {'purchases', 'spend'}
        Which.
    old, new : Fit
        The old fit, and the same model fitted to the new data.
    difference : Difference
        The error of new - old, and the score test of the old estimates.
    known : Known
        What the old data knew of the estimates.
    held : Model or None
        The new estimates where they leave directions without an end as the old fit has them; None
        where there are no such directions, or no such estimates.
    """

    name: str
    old: Fit[Any]
    new: Fit[Any]
    difference: Difference
    known: Known
    held: Any | None = None

    @property
    def p_value(self) -> float:
        """Of the score test."""
        return self.difference.p_value

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row for each parameter; see `Drift.table`."""
        model, positive = self.old.model, self.old.model.positive
        before, after = model.coordinates, self.new.model.coordinates
        error = np.sqrt(np.maximum(np.diag(self.difference.covariance), 0.0))
        bounded = np.isfinite(np.diag(self.old.covariance) + np.diag(self.new.covariance))
        half = np.where(bounded, _NORMAL_975 * error, np.inf)
        with np.errstate(over="ignore"):
            ends = np.stack([after - before, after - before - half, after - before + half])
            ends = np.where(positive, np.exp(ends), ends)
        return [
            {
                "part": self.name,
                "parameter": name,
                "old": float(model.values[j]),
                "new": float(self.new.model.values[j]),
                "shift": float(ends[0, j]),
                "lower": float(ends[1, j]),
                "upper": float(ends[2, j]),
                "scale": "ratio" if positive[j] else "difference",
            }
            for j, name in enumerate(self.old.names)
        ]


@dataclass(frozen=True, eq=False, repr=False)
class Drift:
    """Whether a fit still holds for new data; see `drift`.

    Attributes
    ----------
    verdict : {'refit', 'not yet'}
        'refit' where the parameters have moved for certain, and what they expect has moved enough.
    reasons : tuple of str
        Why, in words.
    notes : tuple of str
        What limits the comparison.
    parts : tuple of Part
        The fit of purchases, of spend, or both.
    window : tuple of WindowLine
        What the old fit expected between the old and the new end, and what happened.
    impacts : tuple of Impact
        What old and new parameters expect.
    overlap : {'nested', 'separate'}
        How old and new data are related.
    unit : TimeUnit
        Unit of the fits.
    old_until, new_until : date or None
        Last days of the old and the new data.
    customers : int
        Customers in the new data.
    significance, material : float
        Below which probability a shift is certain, and from which relative change on it matters.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    parts: tuple[Part, ...]
    window: tuple[WindowLine, ...]
    impacts: tuple[Impact, ...]
    overlap: Overlap
    unit: TimeUnit
    old_until: date | None
    new_until: date | None
    customers: int
    significance: float
    material: float

    @property
    def refitted(self) -> Fit[Any] | CLVModel:
        """The fit, or the pair, of the new data, ready to be saved in place of the old one."""
        fits = {each.name: each.new for each in self.parts}
        if len(fits) == 1 or "purchases" not in fits:
            return next(iter(fits.values()))
        return CLVModel(fits["purchases"], fits["spend"])

    @property
    def table(self) -> pd.DataFrame:
        """Table of the parameters.

        Columns part, parameter, old, new, shift, lower, upper (95 %) and scale: the shift is a
        ratio new / old of what is above zero, and a difference of coefficients.
        """
        import pandas as pd

        return pd.DataFrame([row for each in self.parts for row in each.rows])

    @property
    def tests(self) -> pd.DataFrame:
        """Table of the score tests: part, model, statistic, degrees, p_value."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "part": each.name,
                    "model": each.old.model.label,
                    "statistic": each.difference.statistic,
                    "degrees": each.difference.degrees,
                    "p_value": each.p_value,
                }
                for each in self.parts
            ]
        )

    @property
    def window_table(self) -> pd.DataFrame:
        """Table of the window: quantity, expected, lower, upper (90 %), actual, source."""
        import pandas as pd

        columns = ["quantity", "expected", "lower", "upper", "actual", "source"]
        return pd.DataFrame([vars(each) for each in self.window], columns=columns)

    @property
    def impact_table(self) -> pd.DataFrame:
        """Table of what is expected: quantity, old, new, change, lower, upper (95 %)."""
        import pandas as pd

        names = ["quantity", "old", "new", "change", "lower", "upper"]
        rows = [[getattr(each, name) for name in names] for each in self.impacts]
        return pd.DataFrame(rows, columns=names)

    def __repr__(self) -> str:
        p_values = ", ".join(f"{each.name} p = {each.p_value:.2g}" for each in self.parts)
        return f"<Drift: {self.verdict}, {p_values}>"

    def __str__(self) -> str:
        lines = [self._title, "", *(f"- {each}" for each in self.reasons), ""]
        lines.append(self.table.drop(columns="scale").to_string(index=False, float_format=_short))
        if self.impacts:
            shown = self.impact_table.to_string(
                index=False, float_format=_short, formatters=dict.fromkeys(_RELATIVE, _percent)
            )
            lines += ["", shown]
        lines += ["", *(f"- {each}" for each in self.notes)] if self.notes else []
        return "\n".join(lines)

    @property
    def _title(self) -> str:
        span = f"{self.old_until or 'unknown'} to {self.new_until or 'unknown'}"
        return f"Drift, {span}, {self.customers:,} customers: {self.verdict}"

    def _repr_html_(self) -> Html:
        tables = [
            html_table(self.table, caption="Parameters, 95 % intervals of the shift"),
            html_table(self.tests, caption="Score tests of the old estimates"),
        ]
        if self.window:
            tables.append(html_table(self.window_table, caption="The window since the old fit"))
        if self.impacts:
            formats = dict.fromkeys(_RELATIVE, "+.1%")
            caption = "What it changes, 95 % intervals of the change"
            tables.append(html_table(self.impact_table, caption=caption, formats=formats))
        return html_card(self._title, html_list(self.reasons), *tables, html_list(self.notes))


def _short(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 10_000.0 else f"{value:,.0f}"


def _percent(value: float) -> str:
    return f"{value:+.1%}"
