"""From a maximum to a fit: its certificate, its covariance, and the totals of its data."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from clvmodels.certificate import certify, covariance
from clvmodels.customers import Customers, Histories
from clvmodels.errors import IdentifiabilityWarning
from clvmodels.estimation import Maximum
from clvmodels.models.fit import Fit
from clvmodels.models.provenance import fingerprint

if TYPE_CHECKING:
    from clvmodels.models.base import Parametric

__all__ = ["make_fit"]

Array: TypeAlias = NDArray[np.float64]
AnyModel = TypeVar("AnyModel", bound="Parametric")


def make_fit(
    model: AnyModel,
    maximum: Maximum,
    customers: Customers,
    source: Histories,
    *,
    jacobian: Array | None = None,
    meat: Array | None = None,
) -> Fit[AnyModel]:
    """Assemble a fit from a maximum, and warn if the data do not pin the parameters down.

    `customers` are the rows of the likelihood, `source` is what the user passed. `jacobian` leads
    from the coordinates of the maximum to the parameters, `meat` makes the covariance a sandwich.
    """
    names = model.parameter_names()
    doubt = certify(maximum, names, ()).verdict != "identified"
    words = model.findings(doubt)
    certificate = certify(maximum, names, words)
    if certificate.verdict != "identified":
        warnings.warn(
            f"{model.label} is not pinned down by these data. " + " ".join(certificate.findings),
            IdentifiabilityWarning,
            stacklevel=4,
        )
    slopes = np.diag(np.where(model.positive, model.values, 1.0)) if jacobian is None else jacobian
    return Fit(
        model=model,
        covariance=covariance(maximum, slopes, meat),
        log_likelihood=maximum.value,
        n_customers=customers.n_customers,
        certificate=certificate,
        unit=customers.unit,
        observed_until=getattr(source, "observed_until", None),
        definitions=getattr(source, "definitions", None),
        data=fingerprint(customers),
        frequencies=model.frequency_table(customers),
        histories=customers,
    )
