"""Pareto/NBD: purchases at a gamma rate until an exponential lifetime with a gamma rate ends.

Schmittlein, Morrison and Colombo (1987), "Counting Your Customers: Who Are They and What Will They
Do Next?", Management Science 33(1), 1-24. The likelihood is eq. 3 of Fader and Hardie's note 009,
integrated over the time of leaving; P(alive) is eq. 7 and expected purchases are eq. 41 there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.customers import Customers
from clvmodels.lifetime import Pareto, future
from clvmodels.models.laws import GammaLaw
from clvmodels.models.lifetime_family import LifetimeModel, mean_rate_and_age
from clvmodels.models.limits import HOMOGENEOUS
from clvmodels.parameters import Positive, PositiveTime

__all__ = ["ParetoNBD"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class ParetoNBD(LifetimeModel):
    """The Pareto/NBD model of Schmittlein, Morrison and Colombo (1987).

    While alive a customer buys at a Poisson rate lambda ~ Gamma(shape r, rate alpha). The customer
    leaves for good at a time that does not depend on the purchases: at a rate mu ~ Gamma(shape s,
    rate beta). A customer can leave before the first repeat purchase.

    Parameters
    ----------
    r
        Shape of the purchase rate: small means that customers differ much.
    alpha
        Rate parameter of the purchase rate, in units of time; r / alpha is the mean rate.
    s
        Shape of the dropout rate: small means that customers differ much.
    beta
        Rate parameter of the dropout rate, in units of time; s / beta is the mean rate.

    Raises
    ------
    ParameterError
        A parameter is not a finite number above zero.

    Examples
    --------
    >>> from clvmodels import Customers
    >>> model = ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669)
    >>> c = Customers.from_arrays([2], [30.43], [38.86], unit="week")
    >>> model.p_alive(c).round(4).tolist(), model.expected_purchases(c, 39.0).round(4).tolist()
    ([0.8692], [1.4551])
    """

    title: ClassVar[str] = "Pareto/NBD"

    s: Positive
    beta: PositiveTime

    @property
    def lifetime(self) -> Pareto:
        """The lifetime of customers."""
        return Pareto(self.s, self.beta)

    def leaving_law(self) -> GammaLaw:
        """Return the law of the rate of leaving, the same at any age."""
        return GammaLaw("leaving rate per {unit}", self.s, self.beta)

    @classmethod
    def starts(cls, customers: Customers) -> list[tuple[float, ...]]:
        """Return starts with the mean purchase rate of the data and three lifetimes."""
        rate, age = mean_rate_and_age(customers)
        return [
            (0.5, 0.25 / rate, 0.5, 0.4 * age),
            (1.0, 0.5 / rate, 2.0, 4.0 * age),
            (3.0, 2.0 / rate, 0.2, 0.2 * age),
        ]

    def lifetime_limit(self) -> list[str]:
        """Say whether all customers have the same dropout rate."""
        if self.s <= HOMOGENEOUS:
            return []
        return [
            f"All customers seem to leave at the same rate {self.s / self.beta:.4g} (s and beta "
            "have no bound): use s / beta, not s and beta."
        ]

    def purchases_if_alive(self, c: Customers, t: Array) -> Array:
        """Return expected purchases in (T, T+t] given alive, shape (n,), in closed form."""
        return self._rate(c) * future.lived_pareto(self.lifetime, c.timing[2], t)

    def purchases_without_end(self, c: Customers) -> Array:
        """Return all expected future purchases given alive, shape (n,); inf if s <= 1."""
        beyond = np.broadcast_to(np.asarray(self.s) - 1.0, (len(c),))
        lived = np.full(len(c), np.inf)
        np.divide(self.beta + c.timing[2], beyond, out=lived, where=beyond > 0.0)
        return np.asarray(self._rate(c) * lived)
