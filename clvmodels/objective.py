"""The log-likelihood of customers as a function of coordinates: sums, gradients and Hessians.

A model gives derivatives row by row in its natural parameters. Coordinates are the logarithms of
the parameters and, with covariates, the coefficients: the logarithm of a parameter is then linear
in the coordinates, ln theta_j(i) = z_j + sum_c L[i, j, c] z_c, and the chain rule is a product of
matrices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.estimation import Objective

__all__ = ["Derivatives", "Loadings", "PerRow", "total"]

Array: TypeAlias = NDArray[np.float64]

_BLOCK = 1 << 13  # rows whose columns fit the cache of a core, and of which BLAS makes no threads
_WILD = 690.0  # beyond this the exponential of a coordinate leaves the range of doubles


@dataclass(frozen=True)
class Derivatives:
    """Log-likelihood of n rows and its derivatives in k parameters.

    Attributes
    ----------
    value : Array
        Shape (n,).
    gradient : tuple of Array
        k arrays of shape (n,).
    hessian : dict
        Maps (i, j) with i <= j to the second derivative, shape (n,); absent entries are zero.
    """

    value: Array
    gradient: tuple[Array, ...]
    hessian: dict[tuple[int, int], Array]


@dataclass(frozen=True)
class Loadings:
    """How the logarithms of k parameters depend on m coefficients, row by row.

    Attributes
    ----------
    k : int
        Number of parameters; these are the first k coordinates.
    columns : Array
        Shape (n, m): what each coefficient is multiplied with.
    signs : Array
        Shape (k, m): 1 or -1 where a coefficient raises or lowers a parameter, else 0.
    """

    k: int
    columns: Array
    signs: Array

    @classmethod
    def none(cls, k: int) -> Loadings:
        """Return the loadings of k parameters without covariates."""
        return cls(k, np.zeros((0, 0)), np.zeros((k, 0)))

    @property
    def m(self) -> int:
        """Number of coefficients."""
        return int(self.signs.shape[1])

    def take(self, rows: NDArray[np.intp] | slice) -> Loadings:
        """Return the loadings of some of the rows."""
        return replace(self, columns=self.columns[rows]) if self.m else self

    def values(self, z: Array) -> list[float | Array]:
        """Return each parameter at coordinates z, a number or of shape (n,)."""
        result: list[float | Array] = []
        for j in range(self.k):
            if self.signs[j].any():
                log_value = z[j] + self.columns @ (self.signs[j] * z[self.k :])
                result.append(np.exp(np.clip(log_value, -_WILD, _WILD)))
            else:
                result.append(math.exp(min(max(float(z[j]), -_WILD), _WILD)))
        return result

    def jacobian(self, j: int, n: int) -> Array:
        """Return the derivatives of ln theta_j in the coordinates, shape (n, k + m)."""
        result = np.zeros((n, self.k + self.m))
        result[:, j] = 1.0
        if self.m:
            result[:, self.k :] = self.columns * self.signs[j]
        return result


@dataclass(frozen=True)
class PerRow:
    """The log-likelihood of each of n rows as a function of k + m coordinates.

    Attributes
    ----------
    derivatives : callable
        Maps natural parameters, numbers or arrays (n,), and customers to `Derivatives`.
    customers : Customers
        n rows.
    loadings : Loadings
        From coordinates to parameters.
    """

    derivatives: Callable[[Sequence[float | Array], Customers], Derivatives]
    customers: Customers
    loadings: Loadings

    def take(self, rows: NDArray[np.intp] | slice) -> PerRow:
        """Return the function of some of the rows."""
        return replace(self, customers=self.customers.take(rows), loadings=self.loadings.take(rows))

    def blocks(self) -> list[PerRow]:
        """Return the rows in blocks of about the same size."""
        n = len(self.customers)
        ends = np.linspace(0, n, max(1, math.ceil(n / _BLOCK)) + 1).round().astype(np.intp)
        if len(ends) == 2:
            return [self]
        return [self.take(slice(start, end)) for start, end in pairwise(ends.tolist())]

    def total(self, z: Array) -> tuple[float, Array, Array]:
        """Return the weighted total, its gradient (k + m,) and Hessian (k + m, k + m)."""
        values = self.loadings.values(z)
        rows, weight = self.derivatives(values, self.customers), self.customers.weight
        if self.loadings.m:
            return self._with_coefficients(values, rows)
        scale = np.array(values)
        slope = scale * np.array([weight @ first for first in rows.gradient])
        hessian = np.diag(slope)
        for (i, j), second in rows.hessian.items():
            sum_of_rows = float(weight @ second if np.ndim(second) else weight.sum() * second)
            hessian[i, j] += scale[i] * scale[j] * sum_of_rows
            hessian[j, i] = hessian[i, j]
        return float(weight @ rows.value), slope, hessian

    def _with_coefficients(
        self, values: list[float | Array], rows: Derivatives
    ) -> tuple[float, Array, Array]:
        """Sum with coefficients: only products with the columns need matrices."""
        k, weight = self.loadings.k, self.customers.weight
        slopes = np.stack([weight * v * g for v, g in zip(values, rows.gradient, strict=True)])
        bends = np.zeros((k, k, len(weight)))
        for (i, j), second in rows.hessian.items():
            bends[i, j] = bends[j, i] = weight * second * values[i] * values[j]
        bends[range(k), range(k)] += slopes
        signs, columns = self.loadings.signs, self.loadings.columns
        gradient = np.append(slopes.sum(axis=1), ((slopes @ columns) * signs).sum(axis=0))
        hessian = np.zeros((len(gradient), len(gradient)))
        hessian[:k, :k] = bends.sum(axis=2)
        # Columns that move the same parameters alike, as those of one formula do, go together.
        patterns, group = np.unique(signs.T, axis=0, return_inverse=True)
        groups = [np.flatnonzero(group.ravel() == g) for g in range(len(patterns))]
        for pattern, own in zip(patterns, groups, strict=True):
            moved = np.einsum("j,ijn->in", pattern, bends)
            hessian[:k, k + own] = moved @ columns[:, own]
            for other, theirs in zip(patterns, groups, strict=True):
                both = columns[:, own].T @ ((other @ moved)[:, None] * columns[:, theirs])
                hessian[np.ix_(k + own, k + theirs)] = both
        hessian[k:, :k] = hessian[:k, k:].T
        return float(weight @ rows.value), gradient, hessian

    def scatter(self, z: Array) -> Array:
        """Return the sum over customers of the outer product of their gradients, (k + m, k + m)."""
        size = self.loadings.k + self.loadings.m
        result = np.zeros((size, size))
        for block in self.blocks():
            values = block.loadings.values(z)
            rows, n = block.derivatives(values, block.customers), len(block.customers)
            scores = np.zeros((n, size))
            for j, (value, slope) in enumerate(zip(values, rows.gradient, strict=True)):
                scores += (value * slope)[:, None] * block.loadings.jacobian(j, n)
            result += scores.T @ (block.customers.weight[:, None] * scores)
        return result


def total(per_row: PerRow) -> Objective:
    """Return the sum over all customers, block by block, as a function of the coordinates."""
    blocks = per_row.blocks()

    def objective(z: Array) -> tuple[float, Array, Array]:
        with np.errstate(all="ignore"):  # a wild trial step is refused
            parts = [block.total(z) for block in blocks]
        values, gradients, hessians = zip(*parts, strict=True)
        return math.fsum(values), np.sum(gradients, axis=0), np.sum(hessians, axis=0)

    return objective
