"""BG/NBD: purchases at a gamma rate, dropout with a beta probability after each repeat purchase.

Fader, Hardie and Lee (2005), "Counting Your Customers the Easy Way: An Alternative to the
Pareto/NBD Model", Marketing Science 24(2), 275-284. The likelihood is eq. 6 there, P(X(t) = n)
eq. 8, E[X(t)] eq. 9, expected purchases eq. 10; P(alive) is eq. 1 of Fader and Hardie's note 021.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.models.beta_dropout_family import BetaDropoutModel

__all__ = ["BGNBD"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class BGNBD(BetaDropoutModel):
    """The BG/NBD model of Fader, Hardie and Lee (2005).

    While alive a customer buys at a Poisson rate lambda ~ Gamma(shape r, rate alpha); right after
    each repeat purchase the customer leaves for good with probability p ~ Beta(a, b). A customer
    without a repeat purchase has had no occasion to leave, so P(alive) is exactly 1 for them.

    Parameters
    ----------
    r
        Shape of the purchase rate: small means that customers differ much.
    alpha
        Rate parameter of the purchase rate, in units of time; r / alpha is the mean rate.
    a, b
        Dropout probability per repeat purchase; a / (a + b) is its mean.

    Raises
    ------
    ParameterError
        A parameter is not a finite number above zero.

    Examples
    --------
    >>> from clvmodels import Customers
    >>> model = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> c = Customers.from_arrays([2], [30.43], [38.86], unit="week")
    >>> model.p_alive(c).round(4).tolist(), model.expected_purchases(c, 39.0).round(4).tolist()
    ([0.7266], [1.226])
    """

    title: ClassVar[str] = "BG/NBD"

    @staticmethod
    def chances(x: Array) -> Array:
        """Return x: there is one chance to leave after each repeat purchase."""
        return x
