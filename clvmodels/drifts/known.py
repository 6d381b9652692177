"""What the old data knew of the parameters: axes of known error, and directions without an end.

Where all customers buy at one rate, r and alpha have no bound, and the covariance of the fit is
infinite for both. Their ratio is known all the same: the information of the old data says along
which directions, and how well. It is taken from the histories of the fit; a fit from a file has
none, and that of customers simulated at the old estimates stands in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.certificate import FLAT_DIRECTION, WEAK_DIRECTION
from clvmodels.customers import Customers
from clvmodels.drifts.before import drawn_before, known_then
from clvmodels.drifts.difference import root_of
from clvmodels.drifts.overlap import Between
from clvmodels.drifts.spend_pairs import mean_spends, scores
from clvmodels.errors import DataError
from clvmodels.models.fit import Fit
from clvmodels.models.spend import SpendPredictions
from clvmodels.objective import total
from clvmodels.sampling.target import units_of

__all__ = ["Known", "in_coordinates", "known_of"]

Array: TypeAlias = NDArray[np.float64]

_SAMPLE: Final = 5_000  # simulated customers: standard errors known to about one in a hundred
_SEED: Final = 1_867


@dataclass(frozen=True)
class Known:
    """Old estimates and their error, in the k coordinates of the estimation.

    Attributes
    ----------
    root : Array
        Shape (k, r): root @ root.T is the covariance along the directions that have bounds.
    firm : Array
        Shape (k, f): the columns of the root along which the estimates are near enough to trust
        the curvature there: all, but for those with an error above two in logarithms beside
        directions without an end.
    endless : Array
        Shape (k, e): directions about which the old data say nothing.
    source : {'covariance', 'data', 'simulated', 'nothing'}
        From the covariance of the fit, the information of its data, or that of simulated ones;
        'nothing' where parameters without bound have to be left out one by one.
    """

    root: Array
    firm: Array
    endless: Array
    source: Literal["covariance", "data", "simulated", "nothing"]


def known_of(fit: Fit[Any], customers: Customers, data: Between) -> Known:
    """Return what the old data knew.

    Parameters
    ----------
    fit
        The old fit.
    customers
        New histories.
    data
        How they are related to the old ones.
    """
    covariance = in_coordinates(fit)
    bounded = np.isfinite(np.diag(covariance))
    if bounded.all():
        root = root_of(covariance)
        return Known(root, root, np.zeros((len(bounded), 0)), "covariance")
    information, units = _information(fit, customers, data)
    if not np.isfinite(information).all():
        root = root_of(covariance)
        return Known(root, root, np.eye(len(bounded))[:, ~bounded], "nothing")
    values, vectors = np.linalg.eigh(information * np.outer(units, units))
    known = values > FLAT_DIRECTION**-2
    outwards = units[:, None] * vectors
    root = outwards[:, known] / np.sqrt(values[known])
    firm = root[:, values[known] > WEAK_DIRECTION**-2]
    return Known(root, firm, outwards[:, ~known], "simulated" if fit.histories is None else "data")


def in_coordinates(fit: Fit[Any]) -> Array:
    """Return the covariance of the estimates on the scale of the estimation, (k, k)."""
    slopes = np.where(fit.model.positive, fit.model.values, 1.0)
    return np.asarray(fit.covariance / slopes[:, None] / slopes)


def _information(fit: Fit[Any], customers: Customers, data: Between) -> tuple[Array, Array]:
    """Return the information of the old data, (k, k), and what counts as one in each coordinate."""
    model = fit.model
    try:
        if fit.histories is not None:
            per_row = model.per_row(fit.histories)
            return -total(per_row)(model.coordinates)[2], _units(per_row)
        if isinstance(model, SpendPredictions):
            return _of_spend(fit, customers, data), _units(model.per_row(customers))
        per_row = model.per_row(_like_the_old(fit, customers, data))
        return -total(per_row)(model.coordinates)[2], _units(per_row)
    except (DataError, FloatingPointError, OverflowError):
        return np.full((len(fit.names), len(fit.names)), np.nan), np.ones(len(fit.names))


def _units(per_row: Any) -> Array:
    with np.errstate(divide="ignore"):
        units = units_of(per_row)
    return np.where(np.isfinite(units), units, 1.0)


def _like_the_old(fit: Fit[Any], customers: Customers, data: Between) -> Customers:
    """Return customers of the old ages, simulated at the old estimates."""
    some, ages = customers, customers.timing[2]
    if data.overlap == "nested" and data.length is not None:
        some = customers.take(np.flatnonzero(known_then(customers, data.length)))
        ages = np.maximum(some.timing[2] - data.length, 0.0)
    elif fit.data.total_age is not None:
        ratio = fit.data.total_age / fit.n_customers / float(customers.weight @ ages)
        ages = ages * ratio * float(customers.weight.sum())
        if float(fit.model.whole_periods(np.asarray(0.5))) == 0.0:
            ages = np.rint(ages)
    rng = np.random.default_rng(_SEED)
    rows = rng.choice(len(ages), _SAMPLE, p=some.weight / some.weight.sum())
    rows = rows[np.argsort(ages[rows], kind="stable")]
    drawn: Customers = fit.model.rows(some.take(rows)).drawn(ages[rows], rng, some.unit)
    covariates = {name: column[rows] for name, column in some.covariates.items()}
    each = np.full(_SAMPLE, fit.n_customers / _SAMPLE)
    return replace(drawn, covariates=covariates, weight=each)


def _of_spend(fit: Fit[Any], customers: Customers, data: Between) -> Array:
    """Return the expected information of mean spends of as many purchases as the old data had."""
    some = customers.take(np.flatnonzero(customers.frequency > 0.0))
    rng = np.random.default_rng(_SEED)
    some = some.take(rng.choice(len(some), 8 * _SAMPLE, p=some.weight / some.weight.sum()))
    if data.overlap == "nested" and data.length is not None:
        old = some.take(np.flatnonzero(known_then(some, data.length)))
        x = drawn_before(old, data.length, rng)
        some, x = old.take(np.flatnonzero(x > 0.0)), x[x > 0.0]
    else:
        x = some.frequency
    mean = mean_spends(fit.model, some, x, rng)
    slopes = scores(fit.model, replace(some, frequency=x, monetary_value=mean))
    return np.asarray(slopes.T @ slopes * (fit.data.repeat_purchases / max(x.sum(), 1.0)))
