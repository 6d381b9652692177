"""The bootstrap of a fit: refits to customers drawn anew, or simulated."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers, Histories
from clvmodels.errors import ConvergenceError, DataError, ParameterError, PosteriorWarning
from clvmodels.estimation import newton
from clvmodels.models.draws import ParameterDraws, check_draws, check_seed
from clvmodels.models.predictions import PurchasePredictions
from clvmodels.models.provenance import rows_of
from clvmodels.objective import PerRow, total
from clvmodels.parameters import from_real_line
from clvmodels.priors import Flat
from clvmodels.sampling.target import Target, flat_coordinates, units_of

if TYPE_CHECKING:
    from clvmodels.models.base import Parametric
    from clvmodels.models.fit import Fit

__all__ = ["Bootstrap", "Kind", "bootstrap_draws"]

Array: TypeAlias = NDArray[np.float64]
Kind: TypeAlias = Literal["customers", "parametric"]
M = TypeVar("M", bound="Parametric", covariant=True)
AnyModel = TypeVar("AnyModel", bound="Parametric")

_LEAST: Final = 20  # refits that give a spread


@dataclass(frozen=True, eq=False, repr=False)
class Bootstrap(ParameterDraws[M]):
    """Estimates of refits; see `Fit.bootstrap`.

    Attributes
    ----------
    failed : int
        Refits that found no maximum, or whose customers said nothing; they are not in `values`.
    at_a_limit : int
        Refits in which a parameter has no bound; they are in `values` with where the climb ended.

    Examples
    --------
    >>> from clvmodels import BGNBD
    >>> truth = BGNBD(r=0.24, alpha=4.4, a=0.8, b=2.4)
    >>> fit = BGNBD.fit(truth.simulate(3000, 39, seed=1, unit="week"))
    >>> fit.bootstrap(draws=50, seed=2)
    <Bootstrap of BG/NBD: 50 from the customer bootstrap>
    """

    failed: int
    at_a_limit: int

    @property
    def findings(self) -> tuple[str, ...]:
        """What to know before these draws are used, in words."""
        words, refits = [], len(self.values) + self.failed
        if self.failed:
            words.append(f"{self.failed} of {refits} refits found no maximum, and are not here.")
        if self.at_a_limit:
            words.append(
                f"{self.at_a_limit} of {refits} refits ended at a limit of the model, where a "
                "parameter has no bound: read the quantiles, not the mean and the sd."
            )
        return (*words, *super().findings)


def bootstrap_draws(
    fit: Fit[AnyModel], data: Histories | None, *, draws: int, kind: Kind, seed: int
) -> Bootstrap[AnyModel]:
    """Refit to customers drawn anew or simulated; see `Fit.bootstrap`."""
    if kind not in ("customers", "parametric"):
        raise ParameterError(
            "`kind` is 'customers' or 'parametric'.",
            place=f"Got {kind!r:.80}.",
            fix="Leave it out to draw the customers anew.",
        )
    n, rng = check_draws(draws, least=_LEAST), np.random.default_rng(check_seed(seed))
    rows = rows_of(fit, data, "A bootstrap")
    worlds = _resampled(rows, rng) if kind == "customers" else _simulated(fit.model, rows, rng)
    scale, positive = units_of(rows), fit.model.positive
    found, failed, at_a_limit = [], 0, 0
    for _ in range(n):
        end = _refitted(next(worlds), fit.model.coordinates, scale)
        if end is None:
            failed += 1
        else:
            found.append(from_real_line(end[0] * scale, positive))
            at_a_limit += end[1]
    if not found:
        raise ConvergenceError(
            "A bootstrap refits to customers drawn anew.",
            place=f"None of {n} refits found a maximum.",
            fix="Use a longer log, or posterior() with priors.",
        )
    words = "customer bootstrap" if kind == "customers" else "parametric bootstrap"
    weights = np.full(len(found), 1.0 / len(found))
    result = Bootstrap(fit, np.stack(found), weights, words, failed, at_a_limit)
    if failed or at_a_limit:
        warnings.warn(" ".join(result.findings), PosteriorWarning, stacklevel=3)
    return result


def _refitted(rows: PerRow | None, start: Array, scale: Array) -> tuple[Array, bool] | None:
    """Return the maximum in units of `scale`, if there is one, and whether it is at a limit."""
    if rows is None:
        return None
    target = Target(total(rows), (Flat(),) * len(start), scale)
    end = newton(target, start / scale)
    if end is None or not np.isfinite(np.exp(np.abs(end.point))).all():
        return None
    return end.point, bool(flat_coordinates(end).any())


def _resampled(rows: PerRow, rng: np.random.Generator) -> Iterator[PerRow]:
    """Yield the rows with new numbers of customers: a multinomial draw of as many.

    Where few weighted values stand for many customers, as for mean spend, these are the nodes of a
    quadrature: a draw from them gives the sums of a likelihood the mean and the variance that a
    draw of the customers themselves gives them.
    """
    weight = rows.customers.weight
    n = round(float(weight.sum()))
    while True:
        drawn = rng.multinomial(n, weight / weight.sum()).astype(np.float64)
        some = np.flatnonzero(drawn)
        few = rows.take(some)
        yield replace(few, customers=replace(few.customers, weight=drawn[some] * weight.sum() / n))


def _simulated(model: Any, rows: PerRow, rng: np.random.Generator) -> Iterator[PerRow | None]:
    """Yield the likelihood of simulated customers like those of the rows."""
    purchases = isinstance(model, PurchasePredictions)
    given = ("T" if purchases else "frequency", *model.variables)
    everybody = _one_a_row(rows.customers.patterns(given))
    while True:
        if purchases:
            with np.errstate(over="ignore"):  # near a limit some never buy: infinite times
                drawn = model.rows(everybody).drawn(everybody.age, rng, everybody.unit)
            world = replace(drawn, covariates=everybody.covariates)
        else:
            each = model.rows(everybody) if model.variables else model
            world = each.simulate(everybody, seed=int(rng.integers(1 << 62)))
        try:
            yield model.per_row(world)
        except DataError:  # such as nobody who bought again
            yield None


def _one_a_row(customers: Customers) -> Customers:
    """Return a row for each customer; weights are rounded so that their running sums are right."""
    ends = np.floor(np.cumsum(customers.weight) + 0.5).astype(np.intp)
    rows = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
    return replace(customers.take(rows), weight=np.ones(len(rows)))
