"""Whether arms look as if chance had made them: sizes, what was known before, observation time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.errors import ParameterError
from clvmodels.experiments.beforehand import traits
from clvmodels.experiments.differences import difference, plain, spreads
from clvmodels.experiments.trial import Trial
from clvmodels.frames.assigned import arm_name

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["balance_table", "check_planned", "test_table", "time_apart"]

Array: TypeAlias = NDArray[np.float64]

_LEVEL: Final = 0.9


def check_planned(
    planned: Mapping[Any, float] | None, arms: tuple[str, ...]
) -> dict[str, float] | None:
    """Return planned shares that add up to 1 in the order of the arms, or raise.

    Raises
    ------
    ParameterError
        The shares are not those of the arms, or not above zero.
    """
    if planned is None:
        return None
    shares = {arm_name(arm): float(share) for arm, share in planned.items()}
    if set(shares) != set(arms) or not all(0.0 < share < math.inf for share in shares.values()):
        raise ParameterError(
            "`planned` has a share above zero for each arm.",
            place=f"Got {planned!r:.80}; the arms are {', '.join(map(repr, arms[:10]))}.",
            fix="Pass for instance planned={'control': 0.5, 'mail': 0.5}.",
        )
    total = math.fsum(shares.values())
    return {arm: shares[arm] / total for arm in arms}


def balance_table(trial: Trial) -> pd.DataFrame:
    """Return means of what was known before, and of the time observed, arm by arm.

    Columns arm, trait, mean, control_mean, standardised (difference in standard deviations of both
    arms) and p_value (Welch).
    """
    import pandas as pd

    columns = {**traits(trial), "time observed": trial.observed}
    rows = []
    for name, values in columns.items():
        found = plain(values, trial.arm, len(trial.arms))
        for arm, label in zip(found[1:], trial.arms[1:], strict=True):
            sd = math.sqrt(0.5 * (arm.variance + found[0].variance))
            apart = arm.mean - found[0].mean
            rows.append(
                {
                    "arm": label,
                    "trait": name,
                    "mean": arm.mean,
                    "control_mean": found[0].mean,
                    "standardised": apart / sd if sd else 0.0 if apart == 0.0 else math.inf,
                    "p_value": difference(arm, found[0], _LEVEL).p_value,
                }
            )
    return pd.DataFrame(rows)


def test_table(trial: Trial, planned: Mapping[str, float] | None) -> pd.DataFrame:
    """Return the tests of randomisation: test, arm, statistic, degrees, p_value.

    'sizes' compares customers by arm with the shares that were planned, equal ones if none are
    given (chi-square). 'balance' compares all that was known before at once, arm by arm (Hotelling,
    as F). Neither is there for before and after, where nothing was random.
    """
    import pandas as pd

    rows = [] if trial.design == "before and after" else [_sizes(trial, planned)]
    known = traits(trial)
    if known:
        columns = np.stack(list(known.values()), axis=1)
        for k, label in enumerate(trial.arms[1:], start=1):
            rows.append({"test": "balance", "arm": label, **_hotelling(columns, trial, k)})
    return pd.DataFrame(rows, columns=["test", "arm", "statistic", "degrees", "p_value"])


def _sizes(trial: Trial, planned: Mapping[str, float] | None) -> dict[str, object]:
    counted = np.bincount(trial.arm, minlength=len(trial.arms)).astype(np.float64)
    shares = np.full(len(counted), 1.0 / len(counted))
    if planned is not None:
        shares = np.array([planned[arm] for arm in trial.arms])
    expected = shares * counted.sum()
    statistic = float(((counted - expected) ** 2 / expected).sum())
    degrees = len(counted) - 1
    return {
        "test": "sizes",
        "arm": "all",
        "statistic": statistic,
        "degrees": degrees,
        "p_value": float(special.chdtrc(degrees, statistic)),
    }


def _hotelling(columns: Array, trial: Trial, arm: int) -> dict[str, float]:
    """Return the test that two arms have the same means, from the common covariance."""
    own, other = columns[trial.arm == arm], columns[trial.arm == 0]
    n, m = len(own), len(other)
    within = np.vstack([own - own.mean(axis=0), other - other.mean(axis=0)])
    spread = spreads(within, other.mean(axis=0))
    within[:, spread == 0.0] = 0.0
    spread[spread == 0.0] = 1.0
    values, vectors = np.linalg.eigh((within / spread).T @ (within / spread) / (n + m))
    used = values > 1e-9  # age and silence of customers who all came on one day are one
    k, left = int(used.sum()), n + m - 2
    apart = (own.mean(axis=0) - other.mean(axis=0)) / spread @ vectors[:, used]
    squared = float((apart**2 / values[used]).sum()) * n * m / (n + m) * left / (n + m)
    if k == 0 or left - k + 1 < 1:  # too few, or too alike, for any test
        return {"statistic": squared, "degrees": k, "p_value": 1.0}
    p_value = float(special.fdtrc(k, left - k + 1, squared * (left - k + 1) / (left * k)))
    return {"statistic": squared, "degrees": k, "p_value": p_value}


def time_apart(trial: Trial) -> float:
    """Return how far the mean time observed of an arm is from the control's, relative."""
    means = [float(trial.observed[trial.of(k)].mean()) for k in range(len(trial.arms))]
    return max((each - means[0] for each in means[1:]), key=abs) / means[0] if means[0] else 0.0
