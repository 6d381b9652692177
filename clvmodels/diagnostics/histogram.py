"""How many customers bought how often, counted and expected, with a test that knows the fit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import TIMING, Customers, Histories, as_histories
from clvmodels.diagnostics.fitted import error_axes, fitted_to
from clvmodels.frequencies import FrequencyTable
from clvmodels.markup import Html, html_card, html_table
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.provenance import check_alike
from clvmodels.predictive.arguments import fitted_model, purchase_fit
from clvmodels.special import distinct_rows
from clvmodels.special.chi_squares import weighted_tail

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FrequencyCheck", "frequencies"]

Array: TypeAlias = NDArray[np.float64]

_AGES: Final = 100  # that stand for all, for the variance of counts
_SMALLEST: Final = 5.0  # expected customers of a cell, as chi-square needs
_ROUNDING: Final = 1e-9  # of the largest eigenvalue: smaller ones are none


@dataclass(frozen=True)
class FrequencyCheck(FrequencyTable):
    """A `FrequencyTable` that knows how far chance alone would take the counts.

    Attributes
    ----------
    observed, expected : tuple of float
        Customers with 0, 1, ..., 6, and 7 or more repeat purchases.
    weights : tuple of float
        If the model is right, `chi_square` is distributed like the sum of these weights, each times
        a chi-square of one degree of freedom, in large samples.
    fitted : bool or None
        Whether the customers are those of the fit; None for a model with given parameters.

    Notes
    -----
    Pearson's statistic has a chi-square distribution where parameters are estimated from the same
    cells. A fit estimates them from the whole histories, which Chernoff and Lehmann (1954, Annals
    of Mathematical Statistics 25(3), 579-586) showed to matter: the statistic lies between
    chi-squares of c - 1 - k and c - 1 degrees of freedom, with c cells and k parameters. The
    weights say where, from the covariance of the estimates; customers of unequal ages, for whom the
    usual test is too lenient, are allowed for, too.
    """

    weights: tuple[float, ...]
    fitted: bool | None

    @property
    def degrees_of_freedom(self) -> float:
        """Mean of `chi_square` if the model is right: the sum of the weights, no whole number."""
        return float(sum(self.weights))

    @property
    def p_value(self) -> float:
        """Chance of a `chi_square` as large as this if the model is right, approximately.

        It holds for many customers. Of very many it is small for every model, since none is
        exactly right: see `misplaced` for how much that matters. NaN of too few customers to test:
        unless five or more are expected in two cells.
        """
        if not self._testable:
            return math.nan
        return weighted_tail(self.chi_square, self.weights)

    @property
    def table(self) -> pd.DataFrame:
        """Table of observed and expected customers, and what each row adds to `chi_square`.

        Rows at the end of which fewer than five customers are expected are one cell: what it adds
        stands in the first of them, the others have none.
        """
        return super().table.assign(contribution=self.contributions)

    def __str__(self) -> str:
        return f"{self.table.round(1).to_string(na_rep='')}\n\n{self.verdict}"

    @property
    def verdict(self) -> str:
        """The test in a sentence."""
        if not self._testable:
            return "too few customers to test"
        p = "p < 0.0001" if self.p_value < 1e-4 else f"p = {self.p_value:.4f}"
        return (
            f"chi-square {self.chi_square:.2f} in {self.cells} cells, "
            f"{self.degrees_of_freedom:.1f} expected by chance, {p}; "
            f"{self.misplaced:.1%} of the customers are in the wrong row"
        )

    @property
    def _testable(self) -> bool:
        expected = _merged(np.array(self.expected), self.cells)
        return int((expected >= _SMALLEST).sum()) >= 2

    def _repr_html_(self) -> Html:
        return html_card("Customers by repeat purchases", html_table(self.table), self.verdict)


def frequencies(rfm: Histories, purchases: Any) -> FrequencyCheck:
    """Count customers by number of repeat purchases, and say how many a model expects.

    Parameters
    ----------
    rfm
        A summary, on any engine, or `Customers`: those of the fit or others.
    purchases
        A fit of a purchase model; or a model, whose parameters are taken as known.

    Returns
    -------
    FrequencyCheck
        ``.table`` with a row for 0, 1, ..., 6 and 7 or more: ``observed``, ``expected``,
        ``contribution`` to chi-square; ``.chi_square``, ``.cells``, ``.degrees_of_freedom`` and
        ``.p_value``. Expected counts allow for how long each customer was observed.

    Raises
    ------
    UnitMismatchError
        Fit and customers are in different time units.
    DataError
        `purchases` is no purchase fit, or covariates are missing.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> truth = BGNBD(r=0.24, alpha=4.4, a=0.8, b=2.4)
    >>> customers = truth.simulate(3000, 39, seed=1, unit="week")
    >>> check = frequencies(customers, BGNBD.fit(customers))
    >>> print(check.table.head(3).round(1))
               observed  expected  contribution
    frequency
    0            1773.0    1772.9           0.0
    1             579.0     575.8           0.0
    2             237.0     244.4           0.2
    >>> round(check.chi_square, 2), round(check.p_value, 3)
    (8.61, 0.097)
    """
    fit = purchase_fit(purchases)
    model: PurchasePredictions = fitted_model(fit)
    check_alike(fit, rfm)
    c = as_histories(rfm).patterns((*TIMING, *model.variables))
    table = model.frequency_table(c)
    same = fitted_to(fit, c)
    covariance = _covariance(c, model, fit, same, table.cells)
    scale = np.sqrt(_merged(np.array(table.expected), table.cells))
    scale = np.maximum(scale, 1e-150)
    eigenvalues = np.linalg.eigvalsh(covariance / scale[:, None] / scale)
    kept = eigenvalues[eigenvalues > _ROUNDING * eigenvalues[-1]]
    return FrequencyCheck(table.observed, table.expected, tuple(kept.tolist()), same)


def _covariance(
    c: Customers, model: PurchasePredictions, fit: Any, same: bool | None, cells: int
) -> Array:
    """Return the covariance (cells, cells) of observed minus expected counts.

    That of the counts of independent customers is V. With parameters from other customers their
    error adds to it; from the same customers it takes away, since estimates follow the counts: the
    covariance of a count and the efficient estimates is its own change with the parameters.
    """
    few = _few(c, [c.covariates[name] for name in model.variables])
    chances, weight = model.frequency_chances(few)
    p = _merged(chances, cells)
    counts = np.diag(weight @ p) - (p * weight[:, None]).T @ p
    if same is None:
        return np.asarray(counts)

    def expected(moved: PurchasePredictions) -> Array:
        chances, weight = moved.frequency_chances(few)
        return _merged(weight @ chances, cells)

    axes = error_axes(fit, expected)
    moved = axes.T @ axes
    return np.asarray(counts - moved if same else counts + moved)


def _few(c: Customers, covariates: list[NDArray[Any]]) -> Customers:
    """Return customers of few ages that stand for all: chances are smooth in the age."""
    first, code = distinct_rows(c.timing[2], *covariates)
    counted = np.bincount(code, c.weight)
    apart = -(-len(first) // _AGES)
    starts = np.arange(0, len(first), apart)
    middle = first[np.minimum(starts + apart // 2, len(first) - 1)]
    return replace(c.take(middle), weight=np.add.reduceat(counted, starts))


def _merged(values: Array, cells: int) -> Array:
    """Return cells (..., cells) of which the last one has all that is above."""
    head, tail = values[..., : cells - 1], values[..., cells - 1 :].sum(axis=-1, keepdims=True)
    return np.concatenate([head, tail], axis=-1)
