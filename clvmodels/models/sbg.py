"""Shifted beta-geometric: subscribers who renew or leave, each with a churn of their own.

Fader and Hardie (2007), "How to Project Customer Retention", Journal of Interactive Marketing
21(1), 76-90. Equation numbers refer to that paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from clvmodels.models.renewal_family import RenewalModel

__all__ = ["SBG"]


@dataclass(frozen=True)
class SBG(RenewalModel):
    """The shifted-beta-geometric model of Fader and Hardie (2007).

    At each opportunity to renew a customer leaves with one probability theta of their own, theta ~
    Beta(alpha, beta). S(t) = B(alpha, beta + t) / B(alpha, beta) is the share that renews t times
    (eq. 6). Retention rises over the life of a cohort, as those who leave easily have left.

    Histories count renewals: `subscription_summary` makes them from subscriptions,
    `Customers.from_renewals` from the counts of a cohort.

    Parameters
    ----------
    alpha, beta
        Churn at an opportunity; alpha / (alpha + beta) is its mean at the first one.

    Raises
    ------
    ParameterError
        A parameter is not a finite number above zero.

    Notes
    -----
    The discounted expected residual lifetime of Fader and Hardie (2010), Marketing Science 29(1),
    85-93, of a customer whose n-th renewal is due now is e^rate times `discounted_purchases` of a
    customer with n - 1 renewals at T = n - 1. All future renewals have a finite expectation where
    alpha is above 1.

    Examples
    --------
    >>> from clvmodels import Customers
    >>> cohort = Customers.from_renewals([1000, 869, 743, 653, 593, 551, 517, 491], unit="year")
    >>> fit = SBG.fit(cohort)
    >>> round(fit.model.alpha, 3), round(fit.model.beta, 3), round(fit.log_likelihood, 3)
    (0.668, 3.806, -1611.158)
    >>> fit.model.survival(12).round(3).item()
    0.378
    """

    title: ClassVar[str] = "sBG"
    opportunities: ClassVar[int] = 2

    @property
    def duration(self) -> float:
        """The power of the number of opportunities: 1."""
        return 1.0
