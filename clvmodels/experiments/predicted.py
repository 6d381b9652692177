"""What the customers of an arm are expected to buy after the window, from a fit of their own.

The estimate of an arm is the mean of what its fit expects of each customer. Customers are a sample,
and the fit depends on them: to first order a customer moves the mean by what is expected of them,
and by what they do to the parameters, G' H^-1 s, with G the derivative of the mean, H the
information of the arm and s the score of the customer (influence values of an M-estimator: Huber
1967). The spread of both together is the error of the mean, also where the model is not right.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.certificate import FLAT_DIRECTION
from clvmodels.customers import Customers
from clvmodels.errors import ClvError, DataWarning, IdentifiabilityWarning
from clvmodels.experiments.histories import Terms
from clvmodels.models.fit import Fit
from clvmodels.models.purchases import PurchaseModel
from clvmodels.models.spend import SpendModel
from clvmodels.parameters import from_real_line

__all__ = ["LEAST", "ArmModels", "Kinds", "fitted", "predicted"]

Array: TypeAlias = NDArray[np.float64]

LEAST: Final = 30  # customers of an arm who bought again: fewer say little of how they differ
_STEP: Final = 0.1  # standard errors, of central differences
_NODES: Final = 12  # of the discount over what is left of the horizon


@dataclass(frozen=True)
class Kinds:
    """Which models are fitted; `spend` may be a price, or None to count purchases."""

    purchases: type[PurchaseModel]
    spend: type[SpendModel] | float | None


@dataclass(frozen=True)
class ArmModels:
    """The fits of an arm, and why there are none."""

    purchases: Fit[Any] | None
    spend: Fit[Any] | float | None
    problem: str
    notes: tuple[str, ...] = ()


def fitted(kinds: Kinds, customers: Customers) -> ArmModels:
    """Fit the models of an arm; what the library refuses becomes a note."""
    repeat = int((customers.frequency > 0.0).sum())
    if repeat < LEAST:
        return ArmModels(None, None, f"{repeat} customers bought again, and a fit takes {LEAST}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            purchases: Fit[Any] = kinds.purchases.fit(customers)
            spend: Fit[Any] | float | None = (
                kinds.spend.fit(customers) if isinstance(kinds.spend, type) else kinds.spend
            )
            if isinstance(spend, Fit):
                spend.model.check_mean_exists()
        except ClvError as error:
            return ArmModels(None, None, f"the fit failed: {error}")
    own = (DataWarning, IdentifiabilityWarning)
    for each in caught:
        if not issubclass(each.category, own):
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    notes = [
        f"{fit.model.label} is {fit.certificate.verdict}. {' '.join(fit.certificate.findings)}"
        for fit in (purchases, spend)
        if isinstance(fit, Fit) and fit.certificate.verdict != "identified"
    ]
    return ArmModels(purchases, spend, "", tuple(notes))


def predicted(
    models: ArmModels, customers: Customers, ahead: Array, waited: Array, terms: Terms
) -> Array:
    """Return influence values of the mean prediction of an arm, shape (n,).

    Parameters
    ----------
    models
        Of these very customers.
    customers
        n rows.
    ahead
        Shape (n,): how far ahead each is predicted, in the unit.
    waited
        Shape (n,): how long before that each was assigned; the discount begins there.
    terms
        Rate and margin.
    """
    assert models.purchases is not None
    scale = np.exp(-terms.rate * waited)
    counts = _counts(models.purchases.model, customers, ahead, terms.rate) * scale
    spent = _spent(models.spend, customers) * (1.0 if models.spend is None else terms.margin)
    rows = counts * spent

    def by_purchases(model: Any) -> float:
        return float((_counts(model, customers, ahead, terms.rate) * scale * spent).mean())

    rows = rows + _moved_by(models.purchases, customers, by_purchases)
    if isinstance(models.spend, Fit):

        def by_spend(model: Any) -> float:
            return float((counts * model.expected_spend(customers) * terms.margin).mean())

        rows = rows + _moved_by(models.spend, customers, by_spend)
    return np.asarray(rows)


def _spent(spend: Fit[Any] | float | None, customers: Customers) -> Array:
    if isinstance(spend, Fit):
        return np.asarray(spend.model.expected_spend(customers))
    return np.full(len(customers), 1.0 if spend is None else float(spend))


def _counts(model: Any, customers: Customers, ahead: Array, rate: float) -> Array:
    """Return discounted purchases of each customer within a time of their own.

    Without a discount, or with all times alike, the model has them. Else by parts, exp(-rt) E(t) at
    the end + r times its integral, by Gauss-Legendre, as E is smooth.
    """
    if not ahead.any():
        return np.zeros(len(ahead))
    if rate == 0.0:
        return np.asarray(model.expected_purchases(customers, ahead))
    if np.ptp(ahead) == 0.0 or math.isinf(float(ahead[0])):
        return np.asarray(model.discounted_purchases(customers, float(ahead[0]), rate))
    total = np.exp(-rate * ahead) * model.expected_purchases(customers, ahead)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    for node, weight in zip(0.5 * (nodes + 1.0), 0.5 * weights, strict=True):
        t = node * ahead
        grown = model.expected_purchases(customers, t)
        total = total + rate * weight * ahead * np.exp(-rate * t) * grown
    return np.asarray(total)


def _moved_by(fit: Fit[Any], customers: Customers, mean: Callable[[Any], float]) -> Array:
    """Return what each customer does to the mean by way of the parameters, shape (n,); sum 0."""
    model, n = fit.model, len(customers)
    used = customers
    rows = np.arange(n)
    if isinstance(model, SpendModel):
        x, m = customers.spend
        rows = np.flatnonzero((x > 0.0) & (m > 0.0))
        used = customers.take(rows)
    z, positive = model.coordinates, model.positive
    curvature, vectors = np.linalg.eigh(-model.evaluate(fit.histories or used).hessian)
    known = curvature > FLAT_DIRECTION**-2
    slopes = model.derivatives(used).gradient
    scores = np.stack([v * s for v, s in zip(model.values, slopes, strict=True)], axis=1)
    effect = np.zeros(n)
    for value, direction in zip(curvature[known], vectors[:, known].T, strict=True):
        step = _STEP / math.sqrt(value)
        up, down = (
            mean(model.with_values(from_real_line(z + sign * step * direction, positive)))
            for sign in (1.0, -1.0)
        )
        slope = (up - down) / (2.0 * step)
        effect[rows] += n * slope / value * (scores @ direction)
    return effect
