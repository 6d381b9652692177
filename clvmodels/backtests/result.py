"""The result of a backtest: tables, and one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from textwrap import fill
from typing import TYPE_CHECKING, Final

from clvmodels.markup import html_card, html_table
from clvmodels.units import TimeUnit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Backtest"]

_WIDTH: Final = 100
_SHOWN: Final = {
    "total_bias": "{:+.1%}",
    "mae": "{:.4g}",
    "rmse": "{:.4g}",
    "log_density": "{:.4f}",
    "spearman": "{:.3f}",
    "normalised_gini": "{:.3f}",
    "top_decile_capture": "{:.1%}",
    "decile_calibration_error": "{:.1%}",
    "tracking_error": "{:.1%}",
    "coverage": "{:.1%}",
}
_SHORT: Final = {
    "total_bias": "bias",
    "log_density": "log dens.",
    "normalised_gini": "gini",
    "top_decile_capture": "top 10%",
    "decile_calibration_error": "deciles",
    "tracking_error": "tracking",
}


@dataclass(frozen=True, eq=False, repr=False)
class Backtest:
    """What models and simple rules predicted from past dates, against what came.

    Attributes
    ----------
    table : DataFrame
        Tidy: ``origin``, ``model``, ``kind`` ('model' or 'rule'), ``quantity`` ('purchases' or
        'value'), ``group`` ('all', 'cohort' or a column of `by`), ``label`` of the group,
        ``customers``, ``metric``, ``number`` (missing where a metric does not exist).
    summary : DataFrame
        A row a model and quantity over all origins, the least RMSE first; a column a metric.
    paired : DataFrame
        Each contestant against the best one of its quantity: ``rmse``, ``worse_by`` as a fraction,
        and the ends ``lower`` and ``upper`` of its 90 % interval over customers.
    deciles : DataFrame
        Means of tenths of the customers, the best predicted first: ``predicted``, ``actual``.
    tracking : DataFrame
        Cumulative curves of all customers: ``time`` since the origin in `unit`, ``expected``,
        ``actual``.
    newcomers : DataFrame
        A row an origin: ``customers`` first seen after it, about whom nothing was predicted, their
        ``purchases`` and ``value``, and the share of these in all that was bought in the window.
    fits : DataFrame
        A row an origin, model and part ('purchases', 'spend', 'rule'): the ``verdict`` of its
        certificate, 'failed', 'given' or 'tuned', and a ``note`` in words.
    verdict : str
        One sentence.
    origins : tuple of date
        Last days of what was known.
    horizon : float
        How far each looked ahead, in `unit`.
    unit : TimeUnit
        Unit of all times.
    customers : tuple of int
        Customers known at each origin.
    level : float or None
        What the intervals of customers are meant to hold.
    """

    table: pd.DataFrame
    summary: pd.DataFrame
    paired: pd.DataFrame
    deciles: pd.DataFrame
    tracking: pd.DataFrame
    newcomers: pd.DataFrame
    fits: pd.DataFrame
    verdict: str
    origins: tuple[date, ...]
    horizon: float
    unit: TimeUnit
    customers: tuple[int, ...]
    level: float | None

    @property
    def title(self) -> str:
        """What was done, in a line."""
        ends = ", ".join(f"{each}" for each in self.origins)
        counts = ", ".join(f"{each:,}" for each in self.customers)
        return (
            f"Backtest: {self.horizon:g} {self.unit}s ahead from {ends} "
            f"({counts} customers known then)"
        )

    @property
    def doubts(self) -> list[str]:
        """Which fits failed or are not pinned down, in words; the first note of each."""
        unsound = self.fits[self.fits["verdict"].isin(["failed", "weak", "boundary"])]
        words = []
        for (model, part), rows in unsound.groupby(["model", "part"], sort=False):
            where = [
                f"{verdict} at {', '.join(map(str, some['origin']))}"
                for verdict, some in rows.groupby("verdict", sort=False)
            ]
            name = model if part == "spend" else f"{model} ({part})"
            words.append(f"{name}: {'; '.join(where)}. {rows['note'].iloc[0]}")
        return words

    def __repr__(self) -> str:
        return f"<{self.title}>"

    def __str__(self) -> str:
        tables = [
            f"{quantity}\n{_shown(part).to_string(index=False)}"
            for quantity, part in self.summary.groupby("quantity", sort=False)
        ]
        doubts = [fill(each, _WIDTH, subsequent_indent="  ") for each in self.doubts]
        parts = [self.title, *tables, *doubts, fill(self.verdict, _WIDTH)]
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        tables = [
            html_table(_shown(part), caption=quantity)
            for quantity, part in self.summary.groupby("quantity", sort=False)
        ]
        return html_card(self.title, self.verdict, *tables, *self.doubts)


def _shown(part: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of one quantity as text, without columns that nobody has."""
    shown = part[["model", "kind", *_SHOWN]].copy()
    for name, pattern in _SHOWN.items():
        missing = shown[name].isna()
        shown[name] = [
            "" if none else pattern.format(value)
            for none, value in zip(missing, shown[name], strict=True)
        ]
    empty = [name for name in _SHOWN if (shown[name] == "").all()]
    return shown.drop(columns=empty).rename(columns=_SHORT)
