"""MBG/CNBD-k: as MBG/NBD, but with regular times between purchases.

Platzer and Reutterer (2016), "Ticking Away the Moments: Timing Regularity Helps to Better Predict
Customer Activity", Marketing Science 35(5), 779-799.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clvmodels.models.erlang_family import ErlangModel

__all__ = ["MBGCNBD"]

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class MBGCNBD(ErlangModel):
    """The MBG/CNBD-k model of Platzer and Reutterer (2016).

    While alive a customer buys with every k-th event of a Poisson process with rate lambda ~
    Gamma(shape r, rate alpha): times between purchases are Erlang-k, and the larger k, the more
    alike they are. Right after every purchase, the first one included, the customer leaves for good
    with probability p ~ Beta(a, b). A regular customer who is late has more likely left than one
    who buys at random. With k = 1 this is MBGNBD.

    Parameters
    ----------
    r
        Shape of the rate of events: small means that customers differ much.
    alpha
        Rate parameter of the rate of events, in units of time; r / (alpha k) is the mean rate of
        purchases.
    a, b
        Dropout probability per purchase; a / (a + b) is its mean.
    k
        Events that a purchase takes: a whole number from 1 to 24.

    Raises
    ------
    ParameterError
        A parameter is not a finite number above zero, or k not a whole number in its range.

    Examples
    --------
    >>> from clvmodels import Customers
    >>> c = Customers.from_arrays([4, 4], [30.0, 38.0], [39.0, 39.0], unit="week")
    >>> model = MBGCNBD(r=0.5, alpha=1.5, a=0.9, b=1.6, k=4)
    >>> model.p_alive(c).round(3).tolist(), model.expected_purchases(c, 8.0).round(3).tolist()
    ([0.68, 0.861], [0.725, 0.475])
    """

    title: ClassVar[str] = "MBG/CNBD-k"

    @staticmethod
    def chances(x: Array) -> Array:
        """Return x + 1: there is one chance to leave after each purchase."""
        return x + 1.0
