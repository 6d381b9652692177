"""Importance sampling from a multivariate t around the mode, with Pareto-smoothed weights.

Vehtari, Simpson, Gelman, Yao and Gabry (2024), "Pareto Smoothed Importance Sampling", JMLR 25(72).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import ConvergenceError, MissingExtraError

__all__ = ["HIGHEST_K", "Proposal", "Weighted", "require", "smoothed"]

Array: TypeAlias = NDArray[np.float64]

HIGHEST_K: Final = 0.7
"""Shape of the tail of the weights above which importance sampling is not to be trusted."""

_FREEDOM: Final = 7.0  # of the t: its tails hold what is skew, and cost a tenth of the draws


@dataclass(frozen=True)
class Weighted:
    """What importance sampling found.

    Attributes
    ----------
    weights : Array
        Shape (S,), summing to 1.
    k_hat : float
        Shape of the generalised Pareto tail of the weights before smoothing.
    ess : float
        Number of independent draws that would be as good.
    """

    weights: Array
    k_hat: float
    ess: float


@dataclass(frozen=True)
class Proposal:
    """Points of a multivariate t, and their log density up to a constant.

    Attributes
    ----------
    points : Array
        Shape (S, k).
    log_density : Array
        Shape (S,).
    """

    points: Array
    log_density: Array

    @classmethod
    def around(cls, top: Array, hessian: Array, n: int, rng: np.random.Generator) -> Proposal:
        """Draw n points around a mode with a negative definite Hessian.

        Examples
        --------
        >>> rng = np.random.default_rng(1)
        >>> Proposal.around(np.zeros(2), -np.eye(2), 5, rng).points.shape
        (5, 2)
        """
        k = len(top)
        normal = rng.standard_normal((n, k))
        stretch = np.sqrt(_FREEDOM / rng.chisquare(_FREEDOM, n))
        u = normal * stretch[:, None]
        points = top + u @ root_of_inverse(-hessian).T
        square = np.einsum("si,si->s", u, u)
        return cls(points, -0.5 * (_FREEDOM + k) * np.log1p(square / _FREEDOM))


def root_of_inverse(matrix: Array) -> Array:
    """Return R with R R' the inverse of a positive definite matrix (k, k), scaled for accuracy."""
    scale = 1.0 / np.sqrt(np.diag(matrix))
    lower = np.linalg.cholesky(matrix * scale[:, None] * scale)
    return np.asarray(scale[:, None] * np.linalg.inv(lower).T)


def smoothed(log_ratios: Array) -> Weighted:
    """Return smoothed weights of log ratios of densities, shape (S,).

    Raises
    ------
    ConvergenceError
        No ratio is a finite number.
    MissingExtraError
        arviz-stats is not installed.
    """
    known = np.where(np.isnan(log_ratios), -np.inf, log_ratios)
    highest = known.max()
    if not math.isfinite(highest):
        raise ConvergenceError(
            "A posterior has a density at the points drawn around its mode.",
            place="It is not finite at any of them.",
            fix="Print fit.certificate: is a parameter without bound? Give it a prior.",
        )
    arrays = require("arviz_stats.base").array_stats
    floor = np.maximum(known - highest, -1e3)  # its logarithms need finite numbers
    log_weights, k_hat = arrays.psislw(-floor)  # it takes the negative, as of log-likelihoods
    weights = np.where(np.isfinite(known), np.exp(log_weights - log_weights.max()), 0.0)
    weights /= weights.sum()
    return Weighted(weights, float(k_hat), 1.0 / float(weights @ weights))


def require(module: str) -> Any:
    """Return a module of the extra `posterior`, or raise `MissingExtraError`."""
    try:
        return import_module(module)
    except ImportError:
        raise MissingExtraError(
            "Posteriors are drawn with the help of arviz-stats and nutpie.",
            place=f"{module.split('.')[0]} is not installed.",
            fix="Run: pip install 'clvmodels[posterior]'.",
        ) from None
