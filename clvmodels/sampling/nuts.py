"""NUTS through nutpie on the exact gradient, in coordinates that the mode's Hessian makes round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.estimation import Maximum, Objective
from clvmodels.sampling.importance import require, root_of_inverse

__all__ = ["CHAINS", "HIGHEST_R", "Chains", "nuts"]

Array: TypeAlias = NDArray[np.float64]

CHAINS: Final = 4

HIGHEST_R: Final = 1.01
"""R-hat above which chains disagree (Vehtari et al. 2021, Bayesian Analysis 16(2))."""

_TUNING: Final = 300  # steps before the draws: the coordinates are round already


@dataclass(frozen=True)
class Chains:
    """What NUTS found.

    Attributes
    ----------
    points : Array
        Shape (chains, draws, k).
    r_hat, ess : Array
        Shape (k,): rank-normalised R-hat and bulk effective sample size of each coordinate.
    statistics : dict of str to Array
        Of each draw, shape (chains, draws), by nutpie's names.
    """

    points: Array
    r_hat: Array
    ess: Array
    statistics: dict[str, Array]

    @property
    def divergences(self) -> int:
        """Draws at which the path left the surface."""
        return int(self.statistics["diverging"].sum())


def nuts(target: Objective, top: Maximum, *, draws: int, seed: int) -> Chains:
    """Draw from a density by NUTS.

    Parameters
    ----------
    target
        Maps z, shape (k,), to value, gradient (k,) and Hessian (k, k) of the log density.
    top
        Its mode.
    draws
        Draws of each of the four chains.
    seed
        Seed; the same seed gives the same chains.

    Raises
    ------
    MissingExtraError
        nutpie or arviz-stats is not installed.
    """
    nutpie, arrays = require("nutpie"), require("arviz_stats.base").array_stats
    root = root_of_inverse(-top.hessian)
    k = len(top.point)
    compiled = require("nutpie.compiled_pyfunc").from_pyfunc(
        k,
        lambda: _density(target, top, root),
        lambda *_: lambda u: {"z": top.point + root @ u},
        [np.dtype(np.float64)],
        [(k,)],
        ["z"],
        make_initial_point_fn=lambda chain: np.random.default_rng(chain).standard_normal(k),
    )
    trace = nutpie.sample(
        compiled,
        draws=draws,
        tune=_TUNING,
        chains=CHAINS,
        cores=1,
        seed=seed,
        save_warmup=False,
        progress_bar=False,
    )
    points = np.asarray(trace.posterior["z"].values, dtype=np.float64)
    r_hat = np.array([float(arrays.rhat(each)) for each in np.moveaxis(points, -1, 0)])
    ess = np.array([float(arrays.ess(each)) for each in np.moveaxis(points, -1, 0)])
    kept = ("diverging", "energy", "n_steps", "step_size", "depth", "logp")
    found = trace.sample_stats
    return Chains(points, r_hat, ess, {name: found[name].values for name in kept if name in found})


def _density(
    target: Objective, top: Maximum, root: Array
) -> Callable[[Array], tuple[float, Array]]:
    def density(u: Array, **_: Any) -> tuple[float, Array]:
        value, gradient, _bend = target(top.point + root @ u)
        return value - top.value, root.T @ gradient

    return density
