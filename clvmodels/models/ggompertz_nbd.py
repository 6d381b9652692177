"""GGompertz/NBD: purchases at a gamma rate until a Gompertz lifetime with a gamma level ends.

Bemmaor and Glady (2012), "Modeling Purchasing Behavior with Sudden 'Death': A Flexible Customer
Lifetime Model", Management Science 58(5), 1012-1021. The lifetime is eq. 5 there; the likelihood is
their eq. 10, integrated over the time of leaving.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from clvmodels.customers import Customers
from clvmodels.lifetime import GammaGompertz
from clvmodels.models.laws import GammaLaw
from clvmodels.models.lifetime_family import LifetimeModel, mean_rate_and_age
from clvmodels.models.limits import HOMOGENEOUS
from clvmodels.parameters import Domain

__all__ = ["GGompertzNBD"]

_SLIGHT: Final = 1e-3  # less ageing than this between two purchases is none
_OLD: Final = 3.0  # ages beyond this many ageing times 1/b grow old; below they hardly age at all
_SUDDEN: Final = 1e6  # a beta above this: the rate of leaving has grown by as much when it matters


@dataclass(frozen=True)
class GGompertzNBD(LifetimeModel):
    """The GGompertz/NBD model of Bemmaor and Glady (2012).

    While alive a customer buys at a Poisson rate lambda ~ Gamma(shape r, rate alpha). The customer
    leaves for good at a time that does not depend on the purchases: at age y at a rate
    eta b e^(b y), with eta ~ Gamma(shape s, rate beta). A customer can leave before the first
    repeat purchase. With beta below 1 the longer customers are there the less they tend to leave,
    as in Pareto/NBD; above 1 it is the other way round.

    Parameters
    ----------
    r
        Shape of the purchase rate: small means that customers differ much.
    alpha
        Rate parameter of the purchase rate, in units of time; r / alpha is the mean rate.
    b
        Ageing, per unit of time. For small b with beta / b fixed the model is the Pareto/NBD with
        that ratio as its beta.
    s
        Shape of the level of dropout: small means that customers differ much.
    beta
        Rate parameter of the level of dropout, a pure number; new customers leave at a mean rate
        b s / beta, old ones at b s.

    Raises
    ------
    ParameterError
        A parameter is not a finite number above zero.

    Examples
    --------
    >>> from clvmodels import Customers
    >>> model = GGompertzNBD(r=0.55, alpha=10.5, b=0.02, s=0.5, beta=0.4)
    >>> c = Customers.from_arrays([2], [30.43], [38.86], unit="week")
    >>> model.p_alive(c).round(4).tolist(), model.expected_purchases(c, 39.0).round(4).tolist()
    ([0.8589], [1.3618])
    """

    title: ClassVar[str] = "GGompertz/NBD"

    b: Annotated[float, Domain("time", power=-1, typical=(0.05, 0.12))]
    s: Annotated[float, Domain(typical=(0.4, 0.9))]
    beta: Annotated[float, Domain(typical=(1.5, 5.0))]

    @property
    def lifetime(self) -> GammaGompertz:
        """The lifetime of customers."""
        return GammaGompertz(s=self.s, beta=self.beta, b=self.b)

    def leaving_law(self) -> GammaLaw:
        """Return the law of b eta, the rate at which new customers leave."""
        return GammaLaw("leaving rate of new customers per {unit}", self.s, self.beta / self.b)

    @classmethod
    def starts(cls, customers: Customers) -> list[tuple[float, ...]]:
        """Return starts with the mean purchase rate of the data and three lifetimes.

        The first is close to a Pareto/NBD, the others age faster.
        """
        rate, age = mean_rate_and_age(customers)
        return [
            (0.5, 0.25 / rate, 0.1 / age, 0.5, 0.04),
            (1.0, 0.5 / rate, 1.0 / age, 0.5, 1.5),
            (0.5, 0.25 / rate, 4.0 / age, 0.5, 10.0),
        ]

    def nobody_leaves(self, hazard: float) -> list[str]:
        """Say until which age nobody leaves: under this model everybody ages."""
        end = math.log1p(self.beta / self.s) / self.b
        if end * self.b < _OLD:
            return super().nobody_leaves(hazard)
        return [
            f"Hardly anybody seems to leave before age {end:.4g}, and everybody soon after: this "
            "model ages all. If that is where the data end, there is no dropout in them, and "
            "predictions of this fit are wrong: use ParetoNBD or BGNBD."
        ]

    def lifetime_limit(self) -> list[str]:
        """Say whether ageing is absent, or the same for all, or sudden."""
        if self.s > HOMOGENEOUS:
            return [
                "All customers seem to age alike (s and beta have no bound): at age y they leave "
                f"at the rate {self.b * self.s / self.beta:.4g} e^({self.b:.3g} y). Use s / beta, "
                "not s and beta."
            ]
        if self.beta < _SLIGHT and self.b * self.alpha / self.r < _SLIGHT:
            return [
                "The data show no ageing (b and beta fall to 0 together): the model is the "
                f"Pareto/NBD with s {self.s:.4g} and beta {self.beta / self.b:.4g}, this beta / b. "
                "Fit ParetoNBD: it has one parameter less and the same likelihood."
            ]
        if self.beta > _SUDDEN:
            age = math.log(self.beta) / self.b
            return [
                f"Hardly anybody seems to leave before age {age:.4g} (beta has no bound): if that "
                "is where the data end, read it as no dropout so far."
            ]
        return []
