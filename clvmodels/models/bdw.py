"""Beta-discrete-Weibull: subscribers whose churn rises or falls with the time they have stayed.

Fader, Hardie, Liu, Davin and Steenburgh (2018), "'How to Project Customer Retention' Revisited: The
Role of Duration Dependence", Journal of Interactive Marketing 43, 1-16. Equation numbers refer to
that paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from clvmodels.models.renewal_family import RenewalModel
from clvmodels.parameters import Domain

__all__ = ["BDW"]


@dataclass(frozen=True)
class BDW(RenewalModel):
    """The beta-discrete-Weibull model of Fader, Hardie, Liu, Davin and Steenburgh (2018).

    A customer renews t times with probability (1 - theta)^(t^c), theta ~ Beta(alpha, beta): S(t) =
    B(alpha, beta + t^c) / B(alpha, beta). With c above 1 every customer is likelier to leave the
    longer they have stayed, with c below 1 less so; c = 1 is `SBG`.

    Parameters
    ----------
    alpha, beta
        Churn at the first opportunity; alpha / (alpha + beta) is its mean.
    c
        Duration dependence.

    Raises
    ------
    ParameterError
        A parameter is not a finite number above zero.

    Notes
    -----
    All future renewals have a finite expectation where alpha c is above 1.

    Examples
    --------
    >>> from clvmodels import Customers
    >>> cohort = Customers.from_renewals([1000, 869, 743, 653, 593, 551], unit="year")
    >>> fit = BDW.fit(cohort)
    >>> fit.model.survival(12).round(2).item()
    0.4
    """

    title: ClassVar[str] = "BdW"
    churn: ClassVar[str] = "probability of leaving at the first renewal"
    opportunities: ClassVar[int] = 3
    contains: ClassVar[tuple[str, ...]] = ("SBG",)

    c: Annotated[float, Domain(typical=(0.6, 1.6))]

    @property
    def duration(self) -> float:
        """The power of the number of opportunities: c."""
        return self.c
