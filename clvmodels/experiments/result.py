"""What `compare_groups` found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from textwrap import fill
from typing import TYPE_CHECKING, Final

from clvmodels.experiments.trial import Design
from clvmodels.markup import Html, html_card, html_list, html_table
from clvmodels.units import TimeUnit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GroupComparison"]

_WIDTH: Final = 92
_SHOWN: Final = {
    "arm": "arm",
    "quantity": "quantity",
    "method": "method",
    "mean": "mean",
    "control_mean": "control",
    "difference": "difference",
    "lower": "lower",
    "upper": "upper",
    "probability_better": "P(better)",
}
_NAME: Final = 14  # characters of the name of an arm in the terminal


@dataclass(frozen=True, eq=False, repr=False)
class GroupComparison:
    """Arms of a test, or customers from before and after a date, compared; see `compare_groups`.

    Attributes
    ----------
    table : DataFrame
        A row an arm other than the control, quantity ('observed purchases', 'observed value',
        'predicted value', 'lifetime value'; without amounts 'predicted purchases', 'lifetime
        purchases') and method ('plain', 'adjusted' for what was known before the start,
        'winsorised'): ``mean`` and ``control_mean`` per customer, ``difference``, ``std_error``,
        ``lower``, ``upper``, ``relative``, ``probability_better``, ``p_value``, and ``p_holm``,
        which holds for all arms together. ``relative`` is missing where the control has a mean of
        zero.
    arms : DataFrame
        A row an arm, the control first: ``customers``, ``repeat_customers`` (with a purchase after
        their first), ``first_start``, ``last_start``, ``observed`` (mean time), and the means of
        ``purchases``, ``value``, ``predicted`` (missing without a fit).
    balance : DataFrame
        A row an arm and trait: ``mean``, ``control_mean``, ``standardised`` difference,
        ``p_value``.
    tests : DataFrame
        Tests of randomisation: ``test`` ('sizes', 'balance'), ``arm``, ``statistic``, ``degrees``,
        ``p_value``. Empty for before and after.
    power : DataFrame
        A row for each of `table`: ``customers`` of both arms, ``detectable`` (the least difference
        that such a comparison finds with probability `target`) and ``detectable_relative``,
        ``effect`` (a fraction of the control's mean) and ``customers_needed`` to find it, both arms
        of the same size together.
    newcomers : DataFrame
        Customers first seen after the start, by arm: ``customers``, ``purchases``, ``value``.
    verdicts : tuple of str
        A sentence for each arm other than the control.
    warnings : tuple of str
        What endangers the comparison.
    notes : tuple of str
        What to know when reading it.
    left_out : dict
        Customers who are not compared, by reason.
    design : str
        'from a date', 'from the first purchase', or 'before and after'.
    control : str
        The arm that the others are compared with.
    horizon : float
        How far from the assignment value counts, in `unit`.
    unit : TimeUnit
        Unit of all times.
    observed_until : date
        Last day of observation.
    level : float
        Probability inside the intervals; 1 - level is the significance of tests and power.
    target : float
        The power of `power`.
    """

    table: pd.DataFrame
    arms: pd.DataFrame
    balance: pd.DataFrame
    tests: pd.DataFrame
    power: pd.DataFrame
    newcomers: pd.DataFrame
    verdicts: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    left_out: dict[str, int]
    design: Design
    control: str
    horizon: float
    unit: TimeUnit
    observed_until: date
    level: float
    target: float

    @property
    def title(self) -> str:
        """What was compared, in a line."""
        counts = ", ".join(
            f"{arm[:_NAME]} {n:,}"
            for arm, n in zip(self.arms["arm"][:6], self.arms["customers"][:6], strict=True)
        )
        return (
            f"Comparison {self.design}, value within {self.horizon:.4g} {self.unit}s, "
            f"observed until {self.observed_until} ({counts} customers)"
        )

    @property
    def verdict(self) -> str:
        """All verdicts in one text."""
        return " ".join(self.verdicts)

    def __repr__(self) -> str:
        return f"<{self.title}>"

    def __str__(self) -> str:
        table = _shown(self.table).to_string(index=False)
        sentences = [
            *self.verdicts,
            *(f"Warning: {each}" for each in self.warnings),
            *(f"Note: {each}" for each in self.notes),
        ]
        lines = [fill(each, _WIDTH, subsequent_indent="  ") for each in sentences]
        return "\n\n".join([fill(self.title, _WIDTH), table, *lines])

    def _repr_html_(self) -> Html:
        percent = {"relative": "+.1%", "probability_better": ".1%"}
        return html_card(
            self.title,
            html_list(self.verdicts),
            html_list(self.warnings),
            html_table(
                self.table.drop(columns=["p_value", "std_error"]),
                caption=f"Differences per customer, {self.level:.0%} intervals",
                formats=percent,
            ),
            html_table(self.arms, caption="Arms"),
            html_table(self.balance, caption="What was known before", formats={"p_value": ".2g"}),
            html_table(self.tests, caption="Tests of randomisation", formats={"p_value": ".2g"}),
            html_table(
                self.power,
                caption=f"What the comparison could show, power {self.target:.0%}",
                formats={"detectable_relative": ".1%", "effect": ".1%"},
            ),
            html_list(self.notes),
        )


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as it fits a terminal."""
    shown = table[list(_SHOWN)].rename(columns=_SHOWN)
    shown["arm"] = [str(each)[:_NAME] for each in shown["arm"]]
    for name in ("mean", "control", "difference", "lower", "upper"):
        shown[name] = [_short(each) for each in shown[name]]
    shown["P(better)"] = [f"{each:.3f}" for each in shown["P(better)"]]
    return shown


def _short(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 10_000.0 else f"{value:,.0f}"
