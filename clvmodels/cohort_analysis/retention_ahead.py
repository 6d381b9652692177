"""How many customers of each group will buy in each period ahead, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.cohort_analysis.timeline import Timeline
from clvmodels.frames.cohort_exposure import CohortExposure
from clvmodels.predictive.arguments import fitted_model
from clvmodels.predictive.parameter_error import error_of
from clvmodels.predictive.windows import chances_to_buy

__all__ = ["Buyers", "buyers_ahead"]

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True)
class Buyers:
    """Numbers of customers who buy in a window: sums of independent chances.

    Attributes
    ----------
    mean, variance, third : Array
        Shape (groups, windows): moments given the parameters.
    relative : Array
        Shape (directions, groups, windows): relative change of the mean by one standard deviation
        of the parameters along independent directions.
    """

    mean: Array
    variance: Array
    third: Array
    relative: Array


def buyers_ahead(people: CohortExposure, purchases: Any, line: Timeline) -> Buyers:
    """Sum the chances of single customers over groups.

    Who has bought in a window that has begun is certain; the others may buy in the rest of it.

    Parameters
    ----------
    people
        The customers.
    purchases
        A fit or draws, whose error counts, or a model, taken as known.
    line
        The windows.
    """
    model = fitted_model(purchases)
    patterns, groups = people.exposure.patterns, len(people.first)
    bought = people.last >= line.start if line.begun else np.zeros(len(patterns), dtype=np.bool_)

    def chances(model: Any, windows: Index) -> Array:
        found = np.empty((len(patterns), len(windows)))
        for j, w in enumerate(windows.tolist()):
            found[:, j] = chances_to_buy(patterns, model, line.edges[[w, w + 1]])[:, 0]
            if w == 0:
                found[bought, j] = 1.0
        return found

    def by_group(each: Array) -> Array:
        weighted = people.exposure.count[:, None] * each[people.exposure.pattern]
        sums = np.zeros((groups, each.shape[1]))
        np.add.at(sums, people.exposure.segment, weighted)
        return sums

    p = chances(model, np.arange(line.windows))
    mean = by_group(p)
    nodes = np.unique([0, line.windows - 1])  # between them what the error does moves evenly
    middle = mean[:, nodes].ravel()
    error = error_of(purchases, lambda model: by_group(chances(model, nodes)).ravel(), middle)
    moves = np.vstack([error.axes, *(_axes_of_cloud(cloud) for cloud in error.clouds)])
    relative = _over_windows(
        np.divide(moves, middle, out=np.zeros_like(moves), where=middle > 0.0), nodes, mean.shape
    )
    return Buyers(
        mean, by_group(p * (1.0 - p)), by_group(p * (1.0 - p) * (1.0 - 2.0 * p)), relative
    )


def _axes_of_cloud(cloud: Array) -> Array:
    """Return draws as directions that add up to their variance; there are many of them."""
    return np.asarray((cloud - cloud.mean(axis=0)) / np.sqrt(len(cloud)))


def _over_windows(relative: Array, nodes: Index, shape: tuple[int, int]) -> Array:
    """Interpolate relative changes at nodes, (directions, groups * nodes), over all windows."""
    known = relative.reshape(len(relative), shape[0], len(nodes))
    share = np.linspace(0.0, 1.0, shape[1])
    return np.asarray(known[:, :, :1] * (1.0 - share) + known[:, :, -1:] * share)
