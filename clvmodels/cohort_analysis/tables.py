"""The tables of a cohort analysis: cohorts by age, and at a common age."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.cohort_analysis.cells import Cell, Sources, cells_of, cohort_groups
from clvmodels.cohort_analysis.maturity import SURE, against_others, holm, matured
from clvmodels.cohort_analysis.words import sentence
from clvmodels.frames.activity import Activity
from clvmodels.frames.activity_tables import period_names
from clvmodels.frames.periods import last_days

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["comparison_of", "table_of"]

Array: TypeAlias = NDArray[np.float64]

_NUMBERS: Final = {
    "active": "active",
    "active_lower": "active_lower",
    "active_upper": "active_upper",
    "value": "value",
    "cumulative_value": "cumulative",
    "lower": "lower",
    "upper": "upper",
    "observed_value": "observed",
}
_COMPARED: Final = (
    *("cohort", "customers", "age", "value", "lower", "upper", "observed", "projected", "others"),
    *("difference", "difference_lower", "difference_upper", "p_value", "p_holm", "differs"),
    "sentence",
)


def table_of(sources: Sources, active: Activity) -> pd.DataFrame:
    """Return a row for each cohort and age."""
    import pandas as pd

    history = sources.history
    head: dict[str, list[Any]] = {name: [] for name in (*active.by, "cohort", "customers")}
    cells: list[Cell] = []
    for segment, number, groups in cohort_groups(history):
        own = list(cells_of(sources, groups))
        named = _labels(active, segment) | {
            "cohort": period_names(np.array([number]), active.cohort)[0],
            "customers": int(history.size[groups].sum()),
        }
        for name, value in named.items():
            head[name] += [value] * len(own)
        cells += own
    periods = np.array([each.period for each in cells], dtype=np.int64)
    numbers = {
        name: np.array([getattr(each, field) for each in cells]) for name, field in _NUMBERS.items()
    }
    return pd.DataFrame(
        {name: pd.Series(head[name], dtype=object) for name in active.by}
        | {name: head[name] for name in ("cohort", "customers")}
        | {
            "age": [each.age for each in cells],
            "period": period_names(periods, active.period),
            "end": last_days(periods, active.period).astype("M8[us]"),
            "kind": [each.kind for each in cells],
        }
        | numbers
    )


def comparison_of(
    sources: Sources,
    active: Activity,
    age: int | None,
    moments: Callable[[int], Array],
) -> pd.DataFrame:
    """Return a row for each cohort that can be told at an age.

    Parameters
    ----------
    sources, active
        What was observed and is expected.
    age
        The common one; None for none.
    moments
        Second moments of all groups by window, see `value_ahead.second_moments`.
    """
    import pandas as pd

    columns = [*active.by, *_COMPARED]
    if age is None or not sources.has_value:
        return pd.DataFrame(columns=columns)
    known = _Once(moments)
    by_segment: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for segment, number, groups in cohort_groups(sources.history):
        found = matured(sources, groups, age, known)
        if found is not None:
            name = period_names(np.array([number]), active.cohort)[0]
            row = _labels(active, segment) | {"cohort": name, "customers": int(found.n)}
            by_segment[segment].append(row | {"age": age, "_matured": found})
    rows = [
        row for members in by_segment.values() for row in _compared(members, sources, active.period)
    ]
    labels = {  # pandas would make None a NaN
        name: pd.Series([row[name] for row in rows], dtype=object) for name in active.by
    }
    return pd.DataFrame(rows, columns=columns).assign(**labels)


def _compared(rows: list[dict[str, Any]], sources: Sources, period: str) -> list[dict[str, Any]]:
    """Put the cohorts of one segment beside each other."""
    whole = [row.pop("_matured") for row in rows]
    found = against_others(whole, sources.level)
    corrected = holm(np.array([each.p_value for each in found]))
    for row, one, each, p in zip(rows, whole, found, corrected.tolist(), strict=True):
        row |= {
            "value": one.mean,
            "observed": one.observed / one.n,
            "projected": one.projected / one.n,
            **vars(each),
            "p_holm": p,
            "differs": bool(p < SURE),
        }
        row["sentence"] = sentence(row, period)
    return rows


class _Once(dict[int, Array]):
    """Moments of windows, each computed when it is first asked for."""

    def __init__(self, function: Callable[[int], Array]) -> None:
        super().__init__()
        self.function = function

    def __missing__(self, window: int) -> Array:
        self[window] = self.function(window)
        return self[window]


def _labels(active: Activity, segment: int) -> dict[str, Any]:
    if not active.by:
        return {}
    return dict(active.tables.segments.row(segment, named=True))
