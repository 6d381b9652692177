"""MBG/NBD: as BG/NBD, but customers may also leave right after their first purchase.

Batislam, Denizel and Filiztekin (2007), "Empirical Validation and Comparison of Models for Customer
Base Analysis", International Journal of Research in Marketing 24(3), 201-209;
Hoppe and Wagner (2007), "Customer Base Analysis: The Case for a Central Variant of the
Betageometric/NBD Model", Marketing JRM 3(2), 75-90 (the same model, CBG/NBD).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.models.beta_dropout_family import BetaDropoutModel

__all__ = ["MBGNBD"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class MBGNBD(BetaDropoutModel):
    """The modified BG/NBD model of Batislam, Denizel and Filiztekin (2007).

    While alive a customer buys at a Poisson rate lambda ~ Gamma(shape r, rate alpha); right after
    every purchase, the first one included, the customer leaves for good with probability
    p ~ Beta(a, b). So P(alive) is below 1 for those who bought only once, too.

    Parameters
    ----------
    r
        Shape of the purchase rate: small means that customers differ much.
    alpha
        Rate parameter of the purchase rate, in units of time; r / alpha is the mean rate.
    a, b
        Dropout probability per purchase; a / (a + b) is its mean.

    Raises
    ------
    ParameterError
        A parameter is not a finite number above zero.

    Examples
    --------
    >>> from clvmodels import Customers
    >>> model = MBGNBD(r=0.5248, alpha=6.1831, a=0.8914, b=1.6140)
    >>> c = Customers.from_arrays([0, 2], [0.0, 30.43], [38.86, 38.86], unit="week")
    >>> model.p_alive(c).round(4).tolist()
    [0.3897, 0.7061]
    """

    title: ClassVar[str] = "MBG/NBD"

    @staticmethod
    def chances(x: Array) -> Array:
        """Return x + 1: there is one chance to leave after each purchase."""
        return x + 1.0
