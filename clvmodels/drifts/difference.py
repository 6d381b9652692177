"""Old and new estimates: the error of their difference, and a score test of the old ones.

Write V0 for the covariance of the old estimates, I1 for the information of the new data, V1 for its
inverse. Data of other customers are independent: the difference has the covariance V0 + V1. Where
the new data are the old ones and what came after them, the old estimates are efficient on a part of
what the new ones use, and it is V0 - V1 (Hausman 1978). Both have the axes on which V0 is the unit
matrix and I1 diagonal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["Difference", "Overlap", "Spread", "difference", "root_of"]

Array: TypeAlias = NDArray[np.float64]
Overlap: TypeAlias = Literal["nested", "separate"]
Spread: TypeAlias = Callable[[Array, Array], Array]

# Where data have grown, a direction about which they say less than a tenth more than before has
# nothing new to be tested: V0 - V1 is then a small difference of two estimates.
_MORE: Final = 1.1
_SINGULAR: Final = 1e-10  # eigenvalue of a correlation matrix that rounding makes out of nothing


@dataclass(frozen=True)
class Difference:
    """What separates old and new estimates, in the k coordinates of the estimation.

    Attributes
    ----------
    covariance : Array
        Shape (k, k): of new - old, were there no drift; 0 where nothing can be compared.
    statistic : float
        Of the score test: chi-square with so many degrees of freedom, were there no drift.
    degrees : int
        Directions in which data can be compared.
    endless : Array
        Shape (k, e): directions in which the difference has no bound.
    """

    covariance: Array
    statistic: float
    degrees: int
    endless: Array = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def p_value(self) -> float:
        """Probability of a statistic as large, were there no drift; 1 if nothing is compared."""
        return float(special.chdtrc(self.degrees, self.statistic)) if self.degrees else 1.0


def difference(
    old: Array, information: Array, score: Array, overlap: Overlap, spread: Spread | None = None
) -> Difference:
    """Return the covariance of new - old, and test the old estimates by the score of the new data.

    Parameters
    ----------
    old
        Shape (k, k): covariance of the old estimates; infinite for parameters, or 0 along
        directions, that are left out.
    information
        Shape (k, k): of the new data. The mean of minus the Hessians at old and new estimates:
        what leads from one score to the other, so that the test and the shift say the same.
    score
        Shape (k,): gradient of the new log-likelihood at the old estimates.
    overlap
        'nested' or 'separate'.
    spread
        Maps V0 and V1 on axes to the covariance of the difference there, where neither sum nor
        difference is right. It is given square roots of V0: see the module `spend_pairs`.

    Examples
    --------
    >>> found = difference(np.eye(1), np.array([[4.0]]), np.array([3.0]), "nested")
    >>> float(found.covariance[0, 0]), round(found.statistic, 6)
    (0.75, 0.75)
    """
    root = root_of(old)
    information = root.T @ information @ root
    m, axes = np.linalg.eigh(information)
    if spread is not None:
        return _by_spread(root, m, axes, score, spread)
    if overlap == "separate":
        kept = m > _SINGULAR
        own = 1.0 + 1.0 / np.where(kept, m, 1.0)
    else:
        kept = m >= _MORE
        own = 1.0 - 1.0 / np.maximum(m, _MORE)
    outwards = root @ axes
    along = outwards.T @ score
    statistic = float(np.sum(along[kept] ** 2 / (m[kept] ** 2 * own[kept])))
    covariance = (outwards * own) @ outwards.T
    lost = outwards[:, ~kept] if overlap == "separate" else outwards[:, :0]
    return Difference(covariance, statistic, int(kept.sum()), lost)


def _by_spread(root: Array, m: Array, axes: Array, score: Array, spread: Spread) -> Difference:
    """Return the same with a covariance that `spread` gives on the axes that can be compared."""
    kept = m > _SINGULAR
    outwards, lost = (root @ axes)[:, kept], (root @ axes)[:, ~kept]
    covariance = spread(outwards, 1.0 / m[kept])
    along = (outwards.T @ score) / m[kept]
    statistic = float(along @ np.linalg.solve(covariance, along))
    return Difference(outwards @ covariance @ outwards.T, statistic, int(kept.sum()), lost)


def root_of(covariance: Array) -> Array:
    """Return R, (k, r), with R R' the covariance where it is bounded, and 0 elsewhere."""
    variance = np.diag(covariance)
    bounded = np.isfinite(variance) & (variance > 0.0)
    sd = np.sqrt(variance[bounded])
    values, vectors = np.linalg.eigh(covariance[np.ix_(bounded, bounded)] / np.outer(sd, sd))
    some = values > _SINGULAR
    root = np.zeros((len(variance), int(some.sum())))
    root[bounded] = sd[:, None] * vectors[:, some] * np.sqrt(values[some])
    return root
