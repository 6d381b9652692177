"""What every spend model promises."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import SPEND, Column, Customers, Histories
from clvmodels.models.base import CovarianceKind, Model, Parametric
from clvmodels.models.fit import Fit

if TYPE_CHECKING:
    from clvmodels.models.covariates import SpendCovariates

__all__ = ["SpendLaw", "SpendModel", "SpendPredictions"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class SpendLaw:
    """The law of what n further purchases of a customer are worth, row by row.

    They are worth scale x G, G = Gamma(shape `purchase` n) / Gamma(shape `customer`).

    Attributes
    ----------
    purchase, customer, scale : Array
        Each (n,): shape of one purchase; shape and scale of the customer, given the history. The
        scale alone depends on the mean spend so far.
    """

    purchase: Array
    customer: Array
    scale: Array


class SpendPredictions(Parametric):
    """What is predicted of the spend of customers."""

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the covariates that predictions need: none, unless the model has some."""
        return ()

    @abstractmethod
    def expected_spend(self, customers: Histories) -> Array:
        """Return the expected mean value of future purchases, shape (n,), in the log's currency.

        Raises
        ------
        UndefinedMomentError
            The mean does not exist at these parameters.
        """

    @abstractmethod
    def spend_law(self, customers: Histories) -> SpendLaw:
        """Return the law of the spend that is ahead, given histories with spend."""

    @abstractmethod
    def check_mean_exists(self) -> None:
        """Raise `UndefinedMomentError` if the mean does not exist."""

    def frequency_table(self, customers: Customers) -> None:  # noqa: ARG002 - nothing to count
        """Return None: a spend model says nothing about how often customers buy."""
        return


@dataclass(frozen=True)
class SpendModel(SpendPredictions, Model):
    """A model of how much customers spend per purchase."""

    columns: ClassVar[tuple[Column, ...]] = SPEND
    measures: ClassVar[str] = "mean spend"

    @abstractmethod
    def simulate(self, customers: Histories, *, seed: int) -> Customers:
        """Simulate the mean spend of customers with given frequencies; the same rows with it."""

    @overload
    @classmethod
    def fit(
        cls,
        data: Histories,
        *,
        starts: Sequence[Self] | None = None,
        covariance: CovarianceKind = "hessian",
    ) -> Fit[Self]: ...

    @overload
    @classmethod
    def fit(
        cls, data: Histories, *, spend: str, covariance: CovarianceKind = "hessian"
    ) -> Fit[SpendCovariates[Self]]: ...

    @classmethod
    def fit(
        cls,
        data: Histories,
        *,
        starts: Sequence[Self] | None = None,
        spend: str | None = None,
        covariance: CovarianceKind = "hessian",
    ) -> Fit[Self] | Fit[SpendCovariates[Self]]:
        """Fit by maximum likelihood.

        Parameters
        ----------
        data
            A `CustomerSummary`, of which only the distinct histories are collected, or `Customers`.
        starts
            Models to start from, instead of the built-in starts; not with covariates.
        spend
            Formula of the covariates that move the scale of spend, such as ``"channel + gender"``.
        covariance
            'hessian', or 'sandwich', which holds where the model is not exactly right.

        Returns
        -------
        Fit
            Estimates, covariance, log-likelihood and certificate.

        Raises
        ------
        DataError
            The data cannot say anything about the parameters, or lack a covariate.
        ConvergenceError
            No maximum was found.

        Warns
        -----
        IdentifiabilityWarning
            The data do not pin down every parameter; the certificate says which and why.
        """
        if spend is None:
            return cls._fit(data, starts, covariance)
        from clvmodels.models.covariates import SpendCovariates

        return SpendCovariates.estimate(cls, data, {"spend": spend}, covariance=covariance)
