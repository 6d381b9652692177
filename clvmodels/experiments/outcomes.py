"""The quantities that arms are compared in, as rows whose means are the estimates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.experiments.differences import Arm, adjusted, plain, winsorised
from clvmodels.experiments.histories import Terms
from clvmodels.experiments.predicted import ArmModels, Kinds, fitted, predicted
from clvmodels.experiments.trial import Trial

__all__ = ["CUT", "Method", "Outcome", "Predictions", "estimates", "outcomes", "predictions"]

Array: TypeAlias = NDArray[np.float64]
Method: TypeAlias = Literal["plain", "adjusted", "winsorised"]

CUT: Final = 0.99  # quantile to which winsorised values are moved


@dataclass(frozen=True, eq=False)
class Predictions:
    """Fits arm by arm, and influence values (n,) of the mean predictions, NaN without a fit."""

    models: tuple[ArmModels | None, ...]
    rows: Array


@dataclass(frozen=True, eq=False)
class Outcome:
    """A quantity: rows of shape (n,), and which arms have it."""

    quantity: str
    rows: Array
    arms: tuple[int, ...]


def predictions(trial: Trial, kinds: Kinds, terms: Terms) -> Predictions:
    """Fit the models of each arm apart, and predict what is left of the horizon."""
    rows = np.zeros(len(trial.arm))
    if not trial.remaining.any():
        return Predictions((None,) * len(trial.arms), rows)
    models = []
    for k in range(len(trial.arms)):
        some = trial.of(k)
        own = trial.history.take(some)
        found = fitted(kinds, own)
        models.append(found)
        rows[some] = np.nan
        if found.purchases is not None:
            rows[some] = predicted(found, own, trial.remaining[some], trial.observed[some], terms)
    return Predictions(tuple(models), rows)


def outcomes(trial: Trial, ahead: Predictions) -> list[Outcome]:
    """Return what is compared: observed, predicted, and both together."""
    every = tuple(range(len(trial.arms)))
    found = [Outcome("observed purchases", trial.purchases, every)]
    if trial.value is not None:
        found.append(Outcome("observed value", trial.value, every))
    unit = "purchases" if trial.value is None else "value"
    seen = trial.purchases if trial.value is None else trial.value
    known = tuple(k for k in every if np.isfinite(ahead.rows[trial.of(k)]).all())
    if trial.remaining.any() and 0 in known and len(known) > 1:
        found.append(Outcome(f"predicted {unit}", ahead.rows, known))
        found.append(Outcome(f"lifetime {unit}", seen + ahead.rows, known))
    return found


def estimates(
    outcome: Outcome, trial: Trial, known: Array
) -> Iterator[tuple[Method, dict[int, Arm]]]:
    """Yield the arms of an outcome: as they are, adjusted for what was known, and winsorised.

    Parameters
    ----------
    outcome
        Of the customers of the trial.
    known
        Shape (n, k): what was expected before the start; k may be 0.
    """
    place = np.full(len(trial.arms), -1)
    place[list(outcome.arms)] = np.arange(len(outcome.arms))
    arm = place[trial.arm]
    some = arm >= 0
    rows, arm, columns = outcome.rows[some], arm[some], known[some]
    yield "plain", dict(zip(outcome.arms, plain(rows, arm, len(outcome.arms)), strict=True))
    if columns.shape[1]:
        made = adjusted(rows, columns, arm, len(outcome.arms))
        if made:
            yield "adjusted", {outcome.arms[k]: each for k, each in made.items()}
    if outcome.quantity == "observed value":
        moved = winsorised(rows, CUT)
        yield (
            "winsorised",
            dict(zip(outcome.arms, plain(moved, arm, len(outcome.arms)), strict=True)),
        )
