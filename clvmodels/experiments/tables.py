"""From estimates of arms to the tables of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from clvmodels.experiments.differences import difference, holm
from clvmodels.experiments.outcomes import Outcome, Predictions, estimates
from clvmodels.experiments.power import customers_needed, detectable
from clvmodels.experiments.trial import Trial
from clvmodels.frames.calendar import as_date

if TYPE_CHECKING:
    import pandas as pd

    from clvmodels.experiments.differences import Arm

__all__ = ["arm_table", "difference_tables", "headline", "newcomer_table"]

_PREFERRED: Final = ("adjusted", "plain")


def difference_tables(
    found: Sequence[Outcome], trial: Trial, known: Any, *, level: float, power: float, effect: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table of differences, and that of what they could have shown."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    reach: list[dict[str, Any]] = []
    for outcome in found:
        for method, arms in estimates(outcome, trial, known):
            others = [k for k in arms if k]
            made = [_row(arms[k], arms[0], level) for k in others]
            # An arm without this row counts as well: it is judged by another one.
            unjudged = [1.0] * (len(trial.arms) - 1 - len(made))
            corrected = holm([*(each["p_value"] for each in made), *unjudged])
            for k, row, p_holm in zip(others, made, corrected, strict=False):
                key = {"arm": trial.arms[k], "quantity": outcome.quantity, "method": method}
                rows.append({**key, **row, "p_holm": p_holm})
                error = row["std_error"]
                reach.append({**key, **_reach(arms[k], arms[0], error, level, power, effect)})
    return pd.DataFrame(rows), pd.DataFrame(reach)


def _row(arm: Arm, control: Arm, level: float) -> dict[str, Any]:
    made = difference(arm, control, level)
    return {
        "mean": arm.mean,
        "control_mean": control.mean,
        "difference": made.value,
        "std_error": made.error,
        "lower": made.lower,
        "upper": made.upper,
        "relative": made.value / control.mean if control.mean else np.nan,
        "probability_better": made.probability,
        "p_value": made.p_value,
    }


def _reach(
    arm: Arm, control: Arm, error: float, level: float, power: float, effect: float
) -> dict[str, Any]:
    least = detectable(error, 1.0 - level, power)
    wanted = effect * abs(control.mean)
    needed = customers_needed((arm.variance, control.variance), wanted, 1.0 - level, power)
    return {
        "customers": arm.customers + control.customers,
        "detectable": least,
        "detectable_relative": least / abs(control.mean) if control.mean else np.nan,
        "effect": effect,
        "customers_needed": needed,
    }


def headline(table: pd.DataFrame, arm: str) -> int:
    """Return the number of the row of an arm that answers the question.

    Lifetime before observed, value before purchases, adjusted before plain.
    """
    own = table[table["arm"] == arm]
    own = own[~own["quantity"].str.startswith("predicted")]
    best = own[own["quantity"] == own["quantity"].iloc[-1]]
    method = next(each for each in _PREFERRED if each in set(best["method"]))
    return int(np.flatnonzero(table.index == best.index[best["method"] == method][0])[0])


def arm_table(trial: Trial, ahead: Predictions) -> pd.DataFrame:
    """Return a row an arm: customers, when they were assigned, how long observed, and means."""
    import pandas as pd

    rows = []
    for k, name in enumerate(trial.arms):
        some = trial.of(k)
        started = trial.started[some]
        rows.append(
            {
                "arm": name,
                "customers": len(some),
                "repeat_customers": int((trial.history.frequency[some] > 0.0).sum()),
                "first_start": as_date(int(started.min())),
                "last_start": as_date(int(started.max())),
                "observed": float(trial.observed[some].mean()),
                "purchases": float(trial.purchases[some].mean()),
            }
            | ({} if trial.value is None else {"value": float(trial.value[some].mean())})
            | ({"predicted": float(ahead.rows[some].mean())} if trial.remaining.any() else {})
        )
    return pd.DataFrame(rows)


def newcomer_table(trial: Trial) -> pd.DataFrame:
    """Return customers first seen after the start by arm: customers, purchases, value."""
    import pandas as pd

    table = pd.DataFrame(
        [vars(each) for each in trial.newcomers],
        columns=["arm", "customers", "purchases", "value"],
    )
    return table.drop(columns="value") if trial.value is None else table
