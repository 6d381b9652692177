"""What was known of customers before a comparison began: to check the arms, and to adjust them."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.experiments.predicted import Kinds, fitted
from clvmodels.experiments.trial import Trial
from clvmodels.models.fit import Fit

__all__ = ["expected_before", "traits"]

Array: TypeAlias = NDArray[np.float64]


def traits(trial: Trial) -> dict[str, Array]:
    """Return what tells customers before the start apart, by name, each of shape (n,)."""
    if trial.past is None:
        return {}
    x, t_x, T = trial.past.timing
    known = {"repeat purchases": x, "silence": T - t_x, "age": T}
    if trial.spent is not None:
        known["spent"] = trial.spent
    return known


def expected_before(trial: Trial, kinds: Kinds) -> tuple[Array, str]:
    """Return what each customer was expected to do in the window, shape (n, k), and from what.

    From one fit to all customers as they were before the start: nothing later, and not the arm,
    has any influence. Where that fit fails, from their purchases and spend.
    """
    past = trial.past
    if past is None:
        return np.zeros((len(trial.arm), 0)), ""
    models = fitted(kinds, past)
    if models.purchases is None:
        columns = [past.timing[0], *([] if trial.spent is None else [trial.spent])]
        return np.stack(columns, axis=1), "purchases and spend before the start"
    counts = models.purchases.model.expected_purchases(past, trial.observed)
    columns = [counts]
    if isinstance(models.spend, Fit):
        columns.append(counts * models.spend.model.expected_spend(past))
    return np.stack(columns, axis=1), "what a fit to the time before the start expected"
